"""Reports drawn in a test: a folder, its pages in text, and what was released to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ctresearch.problems import Problem, ResearchError
from ctresearch.study import Study

STUDY = """\
title = "A study"
publisher = "The Publisher"
edition = "2005"
languages = ["en", "es"]
countries = []
[thresholds]
[notebooks]
"""
CONFIG = """\
project:
  type: book
lang: {lang}
book:
  title: "A report"
  author: "The Authors"
  chapters: [{chapters}]
  appendices: [{appendices}]
"""
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
CHART = {
    "text/html": '<img alt="Bars: debt &amp; deceit" src="data:image/svg+xml;base64,'
    + base64.b64encode(SVG.encode()).decode()
    + '">',
    "image/png": DOT,
    "text/plain": "Bars: debt & deceit",
}
TABLE = {
    "text/html": "<table><thead><tr><th>Theme</th><th>Informants</th></tr></thead>"
    "<tbody><tr><th>Debt</th><td>5 to 9</td></tr></tbody></table>",
}
BOOKS = "@book{un2000, author={{United Nations}}, title={The Protocol}, year={2000}}\n"


def draw(
    folder: Path,
    pages: dict[str, str] | str,
    *,
    appendices: tuple[str, ...] = (),
    lang: str = "en",
    config: str = "",
    variables: str = "",
    cells: dict[str, dict[str, str] | None] | None = None,
    invented: bool | None = None,
) -> Study:
    """A study with one report, `trial`.

    pages      text by file name, in order; a text alone is index.qmd
    config     more lines of _quarto.yml, or, beginning with "project:", all of them
    cells      of released/jamaica/interviews.ipynb: what each shows, by label; None: nothing
    invented   what the record of that notebook's run says; None: there is no record
    """
    named = {"index.qmd": pages} if isinstance(pages, str) else pages
    report = folder / "reports" / "trial"
    listed = [name for name in named if name not in appendices and not name.startswith("_")]
    settings = CONFIG.format(
        lang=lang, chapters=", ".join(listed), appendices=", ".join(appendices)
    )
    whole = config if config.startswith("project:") else settings + config
    files = {folder / "research" / "study.toml": STUDY, report / "_quarto.yml": whole}
    files |= {report / name: text for name, text in named.items()}
    files[folder / "research" / "references.bib"] = BOOKS
    if variables:
        files[report / "_variables.yml"] = variables
    place = report / "released" / "jamaica"
    if cells is not None:
        files[place / "interviews.ipynb"] = json.dumps(notebook(cells))
    if invented is not None:
        files[place / "interviews" / "run.json"] = json.dumps({"invented": invented})
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Study(folder)


def notebook(cells: dict[str, dict[str, str] | None]) -> dict[str, object]:
    """A notebook as released: labelled cells, and what each shows."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "source": [f"#| label: {label}\n", "shown"],
                "outputs": [] if data is None else [shown(data)],
            }
            for label, data in cells.items()
        ]
    }


def shown(data: dict[str, str]) -> dict[str, object]:
    if "ename" in data:
        return {"output_type": "error", **data}
    return {"output_type": "execute_result", "data": data}


def refused(step: Callable[[], object]) -> tuple[Problem, ...]:
    """The problems a step is refused with."""
    with pytest.raises(ResearchError) as error:
        step()
    return error.value.problems


def at(problem: Problem) -> str:
    """Where a problem is, from the report's folder: index.qmd, line 3."""
    return problem.where.removeprefix("reports/trial/")


def lines(problems: tuple[Problem, ...]) -> list[str]:
    """Problems as one line each: place: what (fix)."""
    return [f"{at(p)}: {p.what} ({p.fix})" for p in problems]
