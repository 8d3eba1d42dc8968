"""A small study for tests: Suriname and Belize as they ship, with a report of one chapter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ctresearch.study import Study

ROOT = Path(__file__).parents[1]
KEPT = ("suriname", "belize")

CONFIG = """\
project:
  type: book
  output-dir: _book
lang: en
book:
  title: "A trial"
  author: "Nobody"
  date: "2005"
  output-file: "Trial"
  chapters:
    - index.qmd
notebook-links: false
format:
  html:
    toc: true
ctresearch:
  release:
    programme: [interviews, media]
"""
CHAPTER = """\
# Suriname

{{< var suriname.recruitment-deception.says >}}

::: {#tbl-flow}
{{< embed released/suriname/media.ipynb#flow-table >}}

Media items. {{< var suriname.mark >}}
:::

See @tbl-flow.
"""


def small_study(folder: Path) -> Study:
    """Suriname's invented evidence and Belize's legal facts, with the shipped instruments."""
    research = folder / "research"
    for key in KEPT:
        shutil.copytree(ROOT / "research" / "countries" / key, research / "countries" / key)
    shutil.copytree(ROOT / "research" / "monitoring", research / "monitoring")
    shutil.copytree(ROOT / "instruments", folder / "instruments")
    for path in [*(ROOT / "research").glob("*.ipynb"), ROOT / "research" / "references.bib"]:
        shutil.copy(path, research)
    text = (ROOT / "research" / "study.toml").read_text(encoding="utf-8")
    first, last = text.index("countries = ["), text.index("meetings = [")
    listed = "countries = [\n" + "".join(f'    "{key}",\n' for key in KEPT) + "]\n"
    text = text[:first] + listed + "meetings = []\n" + text[text.index("\n", last) + 1 :]
    (research / "study.toml").write_text(text, encoding="utf-8")
    report = folder / "reports" / "trial"
    report.mkdir(parents=True)
    (report / "_quarto.yml").write_text(CONFIG, encoding="utf-8")
    (report / "index.qmd").write_text(CHAPTER, encoding="utf-8")
    return Study(folder)


@pytest.fixture
def study(tmp_path):
    """The small study, new for each test."""
    return small_study(tmp_path / "study")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The small study with its notebooks run, released and rendered once; not to be changed."""
    from ctresearch.build import build

    study = small_study(tmp_path_factory.mktemp("built") / "study")
    list(build(study))
    return study


@pytest.fixture
def built_copy(built, tmp_path):
    """A copy of the built study that a test may change."""
    shutil.copytree(built.root, tmp_path / "copy")
    return Study(tmp_path / "copy")
