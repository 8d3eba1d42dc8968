"""The notebooks of research/: thin, alike in form, and nothing of a run left in them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ctresearch.study import find_study

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "research").glob("*.ipynb"))
MOST_LINES = 70  # of code

pytestmark = pytest.mark.parametrize("name", NAMES)


def read(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "research" / f"{name}.ipynb").read_text(encoding="utf-8"))


def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in read(name)["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tree(name: str) -> ast.Module:
    return ast.parse("\n".join(source(cell) for cell in cells(name)))


def test_a_notebook_opens_with_a_question(name):
    heading = source(read(name)["cells"][0]).splitlines()[0]

    assert re.fullmatch(r"# .+\?", heading)


def test_one_cell_holds_the_parameters_one_name_a_line(name):
    (parameters,) = [c for c in cells(name) if "parameters" in c["metadata"].get("tags", [])]

    assert all(re.fullmatch(r'\w+ = "[^"]*"', line) for line in source(parameters).splitlines())


def test_no_output_of_a_run_is_kept(name):
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells(name))


def test_cells_are_numbered_so_that_their_ids_never_change(name):
    ids = [cell["id"] for cell in read(name)["cells"]]

    assert ids == [f"{name}-{number:02}" for number in range(1, len(ids) + 1)]


def test_a_notebook_defines_nothing(name):
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

    assert not any(isinstance(node, definitions) for node in ast.walk(tree(name)))


def test_a_notebook_is_short(name):
    lines = [line.strip() for cell in cells(name) for line in source(cell).splitlines()]

    assert len([line for line in lines if line and not line.startswith("#")]) <= MOST_LINES


def test_labels_are_neutral_and_stand_once(name):
    labels = [found[1] for c in cells(name) if (found := re.match(r"#\| label: (\S+)", source(c)))]

    assert labels
    assert len(labels) == len(set(labels))
    assert not any(re.match(r"(fig|tbl|sec|tab)-", label) for label in labels)


def test_what_is_shared_is_shared_under_the_label_of_its_cell(name):
    for cell in cells(name):
        for shared in re.findall(r'\.share\("([^"]+)"', source(cell)):
            assert source(cell).startswith(f"#| label: {shared}\n")


def test_turns_are_counted_and_never_shown(name):
    last = [ast.parse(source(cell)).body[-1] for cell in cells(name)]
    shown = [ast.unparse(node) for node in last if isinstance(node, ast.Expr)]

    assert not any(re.match(r"(case\.)?(turns|segments|interviews)\b", said) for said in shown)


def test_no_file_is_opened_past_the_case(name):
    spelt = "\n".join(source(cell) for cell in cells(name))

    assert not re.search(r"\bPath\(|\bopen\(|read_csv|['\"]/", spelt)


def test_the_study_knows_when_to_run_it(name):
    assert name in find_study(ROOT).file.notebooks
