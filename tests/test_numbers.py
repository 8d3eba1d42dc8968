"""Every number in the rendered reports traces to a finding or to a table of a released notebook."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import lxml.html
import pytest
import yaml

from ctresearch.reports import render, typed_numbers
from ctresearch.study import Study

ROOT = Path(__file__).parents[1]
REPORTS = ("exploratory-assessment", "regional-meeting-2005")
# What the renderer counts by itself (numbers of chapters, figures, tables), and what is no prose.
OWN = (
    "//nav | //*[@class='number'] | //*[@class='label'] | //script | //style | //header | //footer"
)
VAR = re.compile(r"\{\{<\s*var\s+([\w.-]+)\s*>\}\}")
INCLUDE = re.compile(r"\{\{<\s*include\s+(\S+)\s*>\}\}")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study's reports as committed, rendered to html in a folder of their own."""
    folder = tmp_path_factory.mktemp("numbers")
    for path in (ROOT / "research").rglob("*.toml"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(ROOT / "research" / "references.bib", folder / "research")
    skipped = shutil.ignore_patterns("_book", "_site")
    shutil.copytree(ROOT / "reports", folder / "reports", ignore=skipped)
    opened = Study(folder)
    for report in REPORTS:
        render(opened, report, ("html",), with_="embedded")
    return opened


def text(node: lxml.html.HtmlElement) -> str:
    """What a node says, its blanks and apostrophes made plain."""
    return " ".join(node.text_content().split()).replace("’", "'")


def rows(document: lxml.html.HtmlElement) -> Iterator[tuple[str, ...]]:
    """The rows of all tables, cell by cell."""
    for row in document.iter("tr"):
        yield tuple(text(cell) for cell in row if cell.tag in ("td", "th"))


def outputs(folder: Path) -> Iterator[str]:
    """The html that released notebooks show."""
    for path in folder.rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                yield output.get("data", {}).get("text/html", "")


def released_rows(folder: Path) -> set[tuple[str, ...]]:
    tables = [lxml.html.fromstring(html) for html in outputs(folder) if "<table" in html]
    return {row for table in tables for row in rows(table)}


def drawn(svg: str) -> set[str]:
    """The texts of a drawing."""
    return set(re.findall(r"<text[^>]*>([^<]+)</text>", svg))


def released_drawings(folder: Path) -> set[str]:
    coded = [c for html in outputs(folder) for c in re.findall(r"base64,([A-Za-z0-9+/=]+)", html)]
    return {said for one in coded for said in drawn(base64.b64decode(one).decode("utf-8"))}


def pages(study: Study, report: str) -> list[Path]:
    return sorted((study.reports / report / "_book").rglob("*.html"))


def source(study: Study, report: str, page: Path) -> str:
    """The chapter a page was made from, with what it includes."""
    folder = study.reports / report
    path = (folder / page.relative_to(folder / "_book")).with_suffix(".qmd")
    written = path.read_text(encoding="utf-8")
    included = (path.parent / name for name in INCLUDE.findall(written))
    return written + "".join(one.read_text(encoding="utf-8") for one in included)


def said_by_findings(study: Study, report: str, page: Path) -> list[str]:
    """The words that the variables of a chapter stand for, the longest first."""
    path = study.reports / report / "_variables.yml"
    variables = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = []
    for name in VAR.findall(source(study, report, page)):
        value = variables
        for key in name.split("."):
            value = value[key]
        found.append(text(lxml.html.fromstring(f"<p>{value}</p>")))
    return sorted(found, key=len, reverse=True)


def prose(page: Path) -> Iterator[str]:
    """The paragraphs, items, terms and captions of a page, without what the renderer counts."""
    document = lxml.html.fromstring(page.read_bytes())
    main = document.get_element_by_id("content")
    for node in main.xpath(f"{OWN.replace('//', './/')} | .//table | .//svg | .//*[@id='refs']"):
        node.drop_tree()
    for link in main.xpath(".//a[starts-with(@href, '#') or contains(@href, '.html')]"):
        link.drop_tree()  # a reference: "Table 7.1" or the author and year of a source
    for node in main.xpath(".//p | .//li | .//dt | .//dd | .//figcaption | .//h1 | .//h2 | .//h3"):
        yield text(node)


@pytest.mark.parametrize("report", REPORTS)
def test_every_number_in_prose_comes_from_a_finding(study, report):
    loose = []
    for page in pages(study, report):
        words = said_by_findings(study, report, page)
        for passage in prose(page):
            left = passage
            for said in words:
                left = left.replace(said, " ")
            loose += [(page.name, number, passage) for _, number in typed_numbers(left, "en")]

    assert loose == []


@pytest.mark.parametrize("report", REPORTS)
def test_every_row_of_every_table_is_a_row_of_a_released_table(study, report):
    known = released_rows(study.reports / report / "released")
    shown = {row for page in pages(study, report) for row in rows(lxml.html.parse(page).getroot())}

    assert shown
    assert shown - known == set()


@pytest.mark.parametrize("report", REPORTS)
def test_every_text_in_a_drawing_is_in_a_released_drawing(study, report):
    known = released_drawings(study.reports / report / "released")
    shown = {
        said for page in pages(study, report) for said in drawn(page.read_text(encoding="utf-8"))
    }

    assert shown
    assert shown - known == set()


@pytest.mark.parametrize(
    "counted",
    [
        "16 country delegations",
        "Of the 16 country delegations, 13 gave a presentation",
        "29 recommendations under 5 heads",
        "8 on policy and law, 3 on economy, 5 on education and awareness, 7 on victims and 6 on",
        "17 commitments: 10 by participants, 2 by CIM/OAS and 5 by IOM",
        "86 people in all",
        "Of the 86 participants, 18 returned an evaluation form",
    ],
)
def test_the_counts_of_the_meeting_of_march_2005_are_in_its_report(study, counted):
    said = "".join(text(lxml.html.parse(p).getroot()) for p in pages(study, REPORTS[1]))

    assert counted in said


def test_the_valid_answers_to_each_question_of_the_evaluation_are_in_the_report(study):
    page = study.reports / REPORTS[1] / "_book" / "annexes" / "evaluation.html"
    table = lxml.html.parse(page).getroot().get_element_by_id("tbl-evaluation")
    valid = [row[1] for row in rows(table)][1:]

    assert valid == ["18", "17", "18", "18", "18"]


@pytest.mark.parametrize("report", REPORTS[:1])
def test_each_page_that_rests_on_invented_evidence_says_so(study, report):
    silent = [
        page.name
        for page in pages(study, report)
        if "Invented evidence" not in text(lxml.html.parse(page).getroot())
    ]

    assert silent == []


def test_real_evidence_is_not_called_invented(study):
    said = "".join(p.read_text(encoding="utf-8") for p in pages(study, REPORTS[1]))

    assert "nvented" not in said
