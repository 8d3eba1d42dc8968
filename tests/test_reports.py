"""A report checked and rendered: no typed number, no unmarked invention, nothing half-written."""

from __future__ import annotations

import os
import sys

import pytest
from drawn_report import CHART, TABLE, draw, lines, refused

from ctresearch import reports
from ctresearch.embedded import tree
from ctresearch.problems import ResearchError

FIGURE = """# A

::: {#fig-themes}
{{< embed released/jamaica/interviews.ipynb#themes-chart >}}

What informants spoke of.MARK
:::
"""
MARKED = FIGURE.replace("MARK", " {{< var jamaica.mark >}}")
UNMARKED = FIGURE.replace("MARK", "")
CELLS = {"themes-chart": CHART, "themes-table": TABLE}
VARIABLES = "jamaica: {mark: Invented evidence., n: 5 to 9}\n"


def typed(text: str, language: str = "en") -> list[str]:
    return [number for _, number in reports.typed_numbers(text, language)]


# numbers in prose


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("In Jamaica 5 informants spoke of it.", ["5"]),
        ("About 12.5% of them, or 1,200, paid $300.", ["12.5%", "1,200", "$300"]),
        ("There were 5 to 9 of them.", ["5", "9"]),
        ("Between 5-9 informants", ["5-9"]),
        ("Seven countries took part, and twenty-one officials.", ["Seven", "twenty"]),
        ("Some 2000 people were found.", ["2000"]),
        ("Hundreds of women and a dozen men", ["Hundreds", "dozen"]),
        ("| Deception | 14 |", ["14"]),
        ("Half (½) of them", ["½"]),
        ('::: {.callout-note title="9 facts"}', ["9"]),
        ('![](a.png){#fig-a5 fig-alt="17 bars" width=50%}', ["17"]),
        ("[12 people](a5.qmd)", ["12"]),
        ("A bold **8** and `9`", ["8"]),
        ("In May 5 women came, and one man.", ["5", "one"]),
    ],
)
def test_a_number_that_counts_is_found(text, numbers):
    assert typed(text) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Había dos mujeres y catorce hombres.", ["dos", "catorce"]),
        ("Once informantes hablaron para 5 países.", ["Once", "5"]),
        ("Resolución 225/02 y artículos 3 y 5 de la Ley 137-03", []),
        ("Del 14 al 16 de marzo de 2005; menores de 18 años", []),
    ],
)
def test_a_number_that_counts_is_found_in_spanish(text, numbers):
    assert typed(text, "es") == numbers


@pytest.mark.parametrize(
    "text",
    [
        "The meeting of 14-16 March 2005, and of March 3; the 1990s, 2001-02 and 2003/04.",
        "Resolution 225/02, article 3, sections 2 and 4 to 6, Act 2016-19, Cap. 10:05",
        "Law\n137-03 and Convention No. 182 and the Protocol of 2000",
        "The Act No. 4 of 2009; 2005-03-14",
        "ISBN 978 92 9068 249 3",
        "See section B.3 and annex A.2.1, and JAM-KI-03.",
        "{{< var jamaica.n5 >}} and {{< embed a2.ipynb#b3 >}}",
        "[a link](page-5.html#part-6), <https://iom.int/7> and https://iom.int/8",
        "So it says [see @un2000, p. 33], and @iom2005 [p. 4] too.[^1]",
        "1. first\n2. second",
        '::: {#tbl-5 tbl-colwidths="[60,40]"}',
        "A child is any person under 18 or under eighteen years of age.",
        "The three Ps and the 3 Ps; one of the women; no one.",
        "Once they arrived in 2004 women were asked; en 2004 informantes",
    ],
)
def test_a_number_that_only_names_a_thing_may_be_typed(text):
    assert typed(text) == []


def test_a_typed_number_is_refused_at_its_line(tmp_path):
    study = draw(tmp_path, "# A\n\nOf those asked,\nsome 40 had heard of it.\n")

    assert lines(refused(lambda: reports.check(study, "trial"))) == [
        "index.qmd, line 4: '40': a number in prose must come from a finding (Use a variable:"
        " {{< var place.finding.value >}}. Years, dates and numbers of laws may be typed.)"
    ]


def test_a_number_in_a_caption_or_a_title_is_refused(tmp_path):
    pages = {
        "index.qmd": UNMARKED.replace("What", "What 9"),
        "b.qmd": "---\ntitle: 8 countries\n---\n",
    }
    study = draw(tmp_path, pages, cells=CELLS)

    assert [
        line.split(":")[0] for line in lines(refused(lambda: reports.check(study, "trial")))
    ] == [
        "b.qmd, title",
        "index.qmd, line 6",
    ]


def test_numbers_by_variable_and_from_cells_pass(tmp_path):
    page = MARKED + "\n{{< var jamaica.n >}} of them spoke of it.\n"
    study = draw(tmp_path, page, cells=CELLS, variables=VARIABLES, invented=True)

    assert reports.check(study, "trial").chapters[0].id == "index"


# invented evidence


def test_a_caption_that_does_not_say_that_evidence_is_invented_is_refused(tmp_path):
    study = draw(tmp_path, UNMARKED, cells=CELLS, variables=VARIABLES, invented=True)

    assert lines(refused(lambda: reports.check(study, "trial"))) == [
        "index.qmd, line 4: this shows invented evidence of 'jamaica' and does not say so"
        " (End the caption with {{< var jamaica.mark >}})"
    ]


def test_invented_evidence_outside_a_figure_cannot_be_marked_and_is_refused(tmp_path):
    embed = "# A\n\n{{< embed released/jamaica/interviews.ipynb#themes-table >}}\n"
    page = embed + "\n{{< var jamaica.mark >}}\n"
    study = draw(tmp_path, page, cells=CELLS, variables=VARIABLES, invented=True)

    assert "invented evidence" in lines(refused(lambda: reports.check(study, "trial")))[0]


def test_real_evidence_needs_no_mark(tmp_path):
    assert reports.check(draw(tmp_path, UNMARKED, cells=CELLS, invented=False), "trial")


def test_a_final_report_takes_no_invented_evidence_and_names_it(tmp_path):
    study = draw(tmp_path, MARKED, cells=CELLS, variables=VARIABLES, invented=True)

    assert lines(refused(lambda: reports.render(study, "trial", ["html"], final=True))) == [
        "released/jamaica: this rests on invented evidence: interviews"
        " (A final report takes real evidence only; render it without --final as a draft.)"
    ]


def test_a_final_report_is_told_of_a_country_once_with_the_streams_invented_there(tmp_path):
    study = draw(tmp_path, MARKED, cells=CELLS, variables=VARIABLES, invented=True)
    rule = '[notebooks.{}]\neach = "countries"\nstreams = ["{}"]\n'
    listing, place = study.root / "research" / "study.toml", study.reports / "trial" / "released"
    rules = rule.format("interviews", "interview") + rule.format("press", "media")
    listing.write_text(listing.read_text().replace("[notebooks]\n", rules))
    for notebook, invented in [("press", "true"), ("law", "false")]:
        (place / "jamaica" / notebook).mkdir()
        (place / "jamaica" / notebook / "run.json").write_text(f'{{"invented": {invented}}}')

    assert [
        line.split(" (")[0]
        for line in lines(refused(lambda: reports.render(study, "trial", ["html"], final=True)))
    ] == ["released/jamaica: this rests on invented evidence: interview, media"]


# everything at once


def test_problems_of_the_settings_the_pages_and_the_tree_come_together(tmp_path):
    study = draw(tmp_path, "# A\n\n@fig-x {{< var y >}} 9 cases\n", config="tok: true\n")

    assert [
        line.split(":")[0] for line in lines(refused(lambda: reports.check(study, "trial")))
    ] == [
        "_quarto.yml, line 9",
        "_variables.yml",
        "index.qmd, line 3",
        "index.qmd, line 3",
    ]


def test_before_anything_is_released_one_problem_says_so(tmp_path):
    study = draw(tmp_path, MARKED)

    assert lines(refused(lambda: reports.check(study, "trial"))) == [
        "reports/trial: nothing has been released for this report yet"
        " (Run: ctresearch release trial)"
    ]


def test_report_names_are_the_folders_with_settings(tmp_path):
    study = draw(tmp_path, "# A\n")
    (tmp_path / "reports" / "style").mkdir()

    assert study.report_names == ["trial"]


# rendering


@pytest.fixture
def study(tmp_path):
    return draw(tmp_path, "# A\n\nWords.\n")


def out(study):
    return study.reports / "trial" / "_book"


def test_a_report_is_written_in_the_formats_asked_for(study):
    written = reports.render(study, "trial", ["html", "docx", "pdf"], with_="embedded")

    assert {"index.html", "A-report.docx", "A-report.pdf"} <= {path.name for path in written}
    assert all(path.is_file() for path in written)


def test_rendering_again_gives_the_same_bytes(study):
    def rendered():
        written = reports.render(study, "trial", ["html", "docx", "pdf"], with_="embedded")
        return {path: path.read_bytes() for path in written}

    assert rendered() == rendered()


def test_one_format_rendered_leaves_the_others_and_takes_away_old_pages(study):
    reports.render(study, "trial", ["html", "pdf"], with_="embedded")
    (out(study) / "old.html").write_text("a page that was taken out", encoding="utf-8")
    reports.render(study, "trial", ["html"], with_="embedded")

    assert (out(study) / "A-report.pdf").is_file()
    assert not (out(study) / "old.html").exists()


def test_a_report_with_problems_leaves_what_was_rendered_before(study):
    reports.render(study, "trial", ["html"], with_="embedded")
    before = (out(study) / "index.html").read_bytes()
    (study.reports / "trial" / "index.qmd").write_text("# A\n\n99 cases\n", encoding="utf-8")
    with pytest.raises(ResearchError):
        reports.render(study, "trial", ["html"], with_="embedded")

    assert (out(study) / "index.html").read_bytes() == before
    assert [path.name for path in study.reports.glob("trial/.*")] == []


def test_a_format_or_renderer_that_there_is_not_is_refused(study):
    assert "Did you mean 'docx'?" in refused(lambda: reports.render(study, "trial", ["doc"]))[0].fix
    assert refused(lambda: reports.render(study, "trial", with_="word"))[0].what == (
        "there is no renderer 'word'"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for quarto")
def test_what_quarto_says_when_it_fails_is_a_problem(study, tmp_path, monkeypatch):
    script = tmp_path / "bin" / "quarto"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho 'no such extension' >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    assert lines(refused(lambda: reports.render(study, "trial"))) == [
        "reports/trial: quarto failed: no such extension"
        " (Mend what it speaks of, or render with the embedded renderer.)"
    ]


def test_the_book_of_a_checked_report_is_what_the_writers_take(study):
    assert isinstance(reports.check(study, "trial"), tree.Book)
