# The two commands of the README are `make build` and `make test`; each makes .venv when it is needed.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready

.PHONY: build test check prove clean lock

build: $(READY)
	@$(BIN)/ctresearch build

test: $(READY)
	@$(BIN)/python -m pytest -q -n 2 --dist loadscope

check: $(READY)
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/mypy

prove: $(READY)
	@CTRESEARCH_COUNTS=full $(BIN)/python -m pytest -q -n 2 --dist loadscope
	@$(BIN)/python benchmarks/prove.py

# Names, versions and hashes are all in requirements.lock; the package itself is installed from this folder.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ctresearch needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Name another one: make build PYTHON=python3.12")'
	@echo "Making $(VENV) from requirements.lock (once; a minute or two) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(READY)

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean:
	rm -rf build reports/*/_book reports/*/_site
