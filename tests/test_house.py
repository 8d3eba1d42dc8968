"""The house: floors, one door a format, and lengths. The list is the order to read the code in."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "ctresearch"

# A module imports only modules listed above it, so the list is also the reading order.
FLOORS = {
    "ground": ["problems", "files", "values", "tables", "seals"],
    "plan": ["study", "fingerprint", "instruments"],
    "evidence": [
        *("story", "coding", "corrections", "evidence", "harmonise"),
        *("double", "agreement", "reliability", "transcripts", "refi", "exchange", "invent"),
    ],
    "analysis": [
        "analysis.themes",
        "analysis.media",
        "analysis.syndication",
        "analysis.survey",
        "analysis.law",
        "analysis.protocol",
        "analysis.triangulation",
        "analysis.meetings",
    ],
    "claims": [
        *("sums", "margins", "suppression", "disclosure"),
        *("findings", "ledger", "converter", "charts", "case"),
    ],
    "runs": ["zygote", "kernels", "runs", "distant", "release"],
    "reports": [
        "embedded.nodes",
        "embedded.source",
        "embedded.cells",
        "embedded.tree",
        "embedded.columns",
        "embedded.html",
        "embedded.housestyle",
        "embedded.word",
        "embedded.pdf",
        "reports",
    ],
    "check": ["build", "verify"],
    "doors": [
        *("page.desk", "page.routes", "page.serving"),
        *("verbs.common", "verbs.everybody", "verbs.researcher", "verbs.editor", "verbs.reviewer"),
        "cli",
    ],
}

# A foreign format or tool has one door; the modules that may import each library.
DOORS = {
    "docx": {"embedded.word", "embedded.housestyle"},
    "lxml": {"transcripts", "refi", "embedded.word", "embedded.housestyle"},
    "charset_normalizer": {"transcripts"},
    "openpyxl": {"tables", "instruments"},
    "pyxform": {"instruments"},
    "altair": {"charts"},
    "vl_convert": {"converter"},
    "papermill": {"kernels", "runs"},
    "pypandoc": {"embedded.nodes"},
    "typst": {"embedded.pdf"},
    "pandera": {"tables"},
    "pyrage": {"seals"},
    "babel": {"values"},
    "yaml": {"embedded.source", "release"},
    "jupyter_server": {"page.routes", "page.serving"},
    "tornado": {"page.routes"},
    "scipy": {"sums", "analysis.survey", "analysis.syndication"},
    "distributed": {"distant"},
    "typer": {"cli"} | {module for module in FLOORS["doors"] if module.startswith("verbs.")},
    "rich": {"verbs.common"},
}
MOST_LINES = 500  # of code in a module
MOST_LINES_TOGETHER = 15_000

ORDER = [module for floor in FLOORS.values() for module in floor]
MODULES = {
    ".".join(path.relative_to(SOURCES).with_suffix("").parts): path
    for path in sorted(SOURCES.rglob("*.py"))
    if path.name != "__init__.py"
}


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def code_lines(path: Path) -> int:
    """Lines that hold code: blanks, comments and docstrings not counted."""
    source = path.read_text(encoding="utf-8")
    empty = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    used = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in empty
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            words = node.body[0]
            used -= set(range(words.lineno, (words.end_lineno or words.lineno) + 1))
    return len(used)


def test_every_module_stands_on_a_floor():
    assert sorted(MODULES) == sorted(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_what_is_listed_above_it(module):
    below = set(ORDER[: ORDER.index(module)])
    named = {name.removeprefix("ctresearch.") for name in imports(MODULES[module])}

    assert (named & set(ORDER)) - below == set()


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_format_has_one_door(library):
    users = {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == library for name in imports(path))
    }

    assert users - DOORS[library] == set()


@pytest.mark.parametrize("module", ORDER)
def test_a_module_can_be_read_in_a_sitting(module):
    assert code_lines(MODULES[module]) <= MOST_LINES


def test_the_whole_stays_small():
    assert sum(code_lines(path) for path in MODULES.values()) < MOST_LINES_TOGETHER


def test_half_of_all_functions_are_under_ten_lines():
    lengths = [
        (node.end_lineno or 0) - node.body[bool(ast.get_docstring(node))].lineno + 1
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and len(node.body) > bool(ast.get_docstring(node))
    ]

    assert statistics.median(lengths) < 10


def test_every_module_says_what_comes_in_and_what_goes_out():
    silent = [
        module
        for module, path in MODULES.items()
        if len((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split()) < 12
    ]

    assert silent == []
