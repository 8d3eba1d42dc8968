"""Measure runs: ours against papermill in a loop and in two processes, a no-op, and growth.

One copy of the study, sixteen countries with invented evidence, the four notebooks as shipped. All
figures come from one run on one machine; CPU seconds hold on a busy machine, wall-clock seconds do
not. `python benchmarks/runs.py [SAMPLE]`: how many runs each rival makes (all if 0).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
FOUR = ("interviews", "media", "survey", "law")
CORES = os.cpu_count() or 1
TIMED = (
    "import json, resource, subprocess, sys, time; began = time.monotonic();"
    "code = subprocess.call(sys.argv[1:], stdout=2); used = resource.getrusage(-1);"
    "print(json.dumps([time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss]));"
    "sys.exit(code)"
)
OURS = """
import resource, sys
from pathlib import Path
from ctresearch import runs
from ctresearch.study import Study
study = Study(Path.cwd())
wanted = [run for run in runs.plan(study) if run.name in sys.argv[1:]]
problems = [done.problem for done in runs.run_all(study, wanted, fresh=True) if done.problem]
assert not problems, problems[0]
"""
CELLS = """
import ast, io, json, os, sys, tempfile, time
from contextlib import redirect_stdout
def execute(notebook, country):
    os.environ["CTRESEARCH_RUN"] = tempfile.mkdtemp()
    names = {}
    for cell in json.load(open(f"{notebook}.ipynb"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        *body, last = ast.parse("".join(cell["source"])).body
        shown = isinstance(last, ast.Expr)
        exec(compile(ast.Module(body if shown else [*body, last], []), "cell", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names["country"] = country
        if shown:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            for show in ("_repr_html_", "_repr_mimebundle_", "__repr__"):
                if hasattr(value, show):
                    getattr(value, show)()
                    break
os.chdir("research")
named = [name.split("/") for name in sys.argv[1:]]
with redirect_stdout(io.StringIO()):
    for notebook in dict.fromkeys(notebook for _, notebook in named):
        execute(notebook, "jamaica")  # what loads late
    began = time.process_time()
    for country, notebook in named:
        execute(notebook, country)
print(json.dumps(time.process_time() - began))
"""


@dataclass(frozen=True)
class Cost:
    """What something took."""

    wall: float  # seconds
    cpu: float  # seconds, of all its processes
    memory: float  # MB, of the largest process

    def of(self, runs: int) -> str:
        per = f"{self.wall / runs:.2f} s wall, {self.cpu / runs:.2f} s CPU a run"
        return f"{runs} runs: {per}; {self.memory:.0f} MB"


def timed(command: Sequence[str], folder: Path) -> Cost:
    """A command with all processes it starts and waits for."""
    asked = [sys.executable, "-c", TIMED, *command]
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            asked, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=said, check=False
        )
        said.seek(0)
        assert done.returncode == 0, said.read()[-2000:]
    wall, cpu, memory = json.loads(done.stdout)
    return Cost(wall, cpu, memory / 1000)


def study_of(folder: Path, countries: int) -> Path:
    """A copy of the study with invented evidence for this many countries."""
    from ctresearch import invent
    from ctresearch.study import Study, new_country

    root = folder / "study"
    ignored = shutil.ignore_patterns("build", "_book", "_site", ".venv", ".git", "released")
    shutil.copytree(ROOT, root, ignore=ignored)
    for number in range(countries - len(Study(root).countries)):
        new_country(Study(root), f"land-{number}", f"Land {number}", f"X{chr(65 + number)}X")
    for country in Study(root).countries:
        path = country.folder / "country.toml"
        text = path.read_text().replace("programme = false", "programme = true")
        path.write_text(text.replace('evidence = "real"', 'evidence = "invented"'))
    for country in Study(root).countries:
        if not (country.folder / "survey.csv").exists():
            invent.invent(country)
        if not (country.folder / "law.csv").exists():
            shutil.copy(root / "research/countries/jamaica/law.csv", country.folder)
    return root


def in_a_loop(study: Path, names: Sequence[str]) -> Cost:
    """Papermill's command line, once for each run."""
    script = " && ".join(
        f"CTRESEARCH_RUN=$(mktemp -d) {BIN / 'papermill'} {notebook}.ipynb /dev/null"
        f" -p country {place} --no-progress-bar --log-level ERROR"
        for place, notebook in (name.split("/") for name in names)
    )
    return timed(["bash", "-c", script], study / "research")


def by_the_api(name: str) -> None:
    """Papermill's API in this process, with a kernel of its own."""
    import papermill

    place, notebook = name.split("/")
    os.environ["CTRESEARCH_RUN"] = tempfile.mkdtemp()
    papermill.execute_notebook(
        f"{notebook}.ipynb", None, parameters={"country": place}, progress_bar=False
    )


def in_two_processes(names: Sequence[str]) -> None:
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(by_the_api, names))


def ours(study: Path, names: Sequence[str]) -> Cost:
    """`runs.run_all` from a new process, nothing kept from before."""
    shutil.rmtree(study / "build", ignore_errors=True)
    return timed([sys.executable, "-c", OURS, *names], study)


def cells_alone(study: Path, names: Sequence[str]) -> float:
    """CPU seconds of the same cells in one process, everything imported."""
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    asked = [sys.executable, "-c", CELLS, *names]
    return float(subprocess.check_output(asked, cwd=study, env=environ))


def nothing_changed(folder: Path) -> tuple[Cost, Cost]:
    """30 countries, 4 notebooks, 1,000 files a country: the first time, and with nothing to do."""
    from ctresearch.study import MARK

    root, keys = folder / "wide", [f"land-{number}" for number in range(30)]
    rules = "".join(
        f'[notebooks.{name}]\neach = "programme"\nreads = ["country.toml", "{name}/*"]\n'
        for name in FOUR
    )
    (root / MARK).parent.mkdir(parents=True)
    head = 'title = "t"\npublisher = "n"\nedition = "2005"\nlanguages = ["en"]\n'
    (root / MARK).write_text(f"{head}countries = {json.dumps(keys)}\n[thresholds]\n{rules}")
    source = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    cell = {"cell_type": "code", "id": "a", "outputs": [], "execution_count": None}
    cell |= {"metadata": {"tags": ["parameters"]}, "source": 'country = "land-0"'}
    whole = {"cells": [cell], "metadata": source, "nbformat": 4, "nbformat_minor": 5}
    for name in FOUR:
        (root / "research" / f"{name}.ipynb").write_text(json.dumps(whole))
    for number, key in enumerate(keys):
        country = root / "research" / "countries" / key
        for name in FOUR:
            (country / name).mkdir(parents=True)
            for at in range(250):
                (country / name / f"{at}.csv").write_text(f"{key},{name},{at}\n" * 20)
        (country / "country.toml").write_text(
            f'name = "{key}"\niso3 = "A{chr(65 + number // 6)}{chr(65 + number % 6)}"\n'
            'programme = true\nevidence = "real"\nlanguages = ["en"]\ntile = [0, 0]\n'
        )
    command = [str(BIN / "ctresearch"), "run"]
    return timed(command, root), timed(command, root)


def measure(sample: int, say: Callable[[str], None] = print) -> None:
    """All figures, one a line, as they come."""
    folder = Path(tempfile.mkdtemp(prefix="ctresearch-"))
    try:
        study = study_of(folder, 25)
        from ctresearch.study import Study

        keys = [country.key for country in Study(study).countries]
        names = [f"{key}/{notebook}" for key in keys for notebook in FOUR]
        sixty_four = names[:64]
        few = sixty_four[:: len(sixty_four) // sample + 1] if sample else sixty_four
        loop = in_a_loop(study, few)
        say(f"papermill's command line in a loop: {loop.of(len(few))}")
        api = timed([sys.executable, __file__, "--two", *few], study / "research")
        say(f"papermill's API in 2 processes: {api.of(len(few))}")
        mine = ours(study, sixty_four)
        say(f"ctresearch: {mine.of(64)}")
        alone = cells_alone(study, sixty_four)
        say(f"the cells alone, warm: {alone / 64:.3f} s CPU a run")
        for rival, cost in (("loop", loop), ("2 processes", api)):
            wall = (cost.wall / len(few)) / (mine.wall / 64)
            cpu = (cost.cpu / len(few)) / (mine.cpu / 64)
            say(f"ratio to {rival}: wall {wall:.1f}, CPU {cpu:.1f}")
        bound = alone / CORES
        say(f"wall by the cells' own CPU on {CORES} cores: {mine.wall / bound:.2f}")
        say(f"CPU by the cells' own: {mine.cpu / alone:.2f}")
        for count in (7, 16, 30, 100):
            say(f"growth: {ours(study, names[:count]).of(count)}")
        first, again = nothing_changed(folder)
        say(f"30 x 4, 30,000 files, first: {first.of(120)}")
        say(f"the same, nothing changed: {again.wall:.2f} s wall, {again.cpu:.2f} s CPU")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--two"]:
        in_two_processes(sys.argv[2:])
    else:
        measure(int(sys.argv[1]) if sys.argv[1:] else 8)
