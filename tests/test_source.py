"""A report's folder: what it may hold, and where a person reads that something may not be."""

from __future__ import annotations

import pytest
from drawn_report import draw, lines, refused

from ctresearch import reports
from ctresearch.embedded import source

VARIABLES = (
    "jamaica:\n  deception:\n    says: In Jamaica, 5 to 9 spoke of it.\n    informants: 5 to 9\n"
)


def read(*arguments, **settings) -> source.Project:
    return source.read(draw(*arguments, **settings), "trial")


def text(*arguments, **settings) -> str:
    """The first page as pandoc will read it."""
    return read(*arguments, **settings).pages[0].text.strip("\n")


def refusals(*arguments, **settings) -> list[str]:
    return lines(refused(lambda: read(*arguments, **settings)))


def test_a_variable_is_filled_in_within_a_sentence(tmp_path):
    page = "Deception: {{< var jamaica.deception.informants >}} informants."

    assert text(tmp_path, page, variables=VARIABLES) == "Deception: 5 to 9 informants."


def test_a_report_in_spanish_takes_the_spanish_sentences(tmp_path):
    study = draw(tmp_path, "{{< var a.says >}}", lang="es", variables="a: {says: In Jamaica}\n")
    spanish = tmp_path / "reports" / "trial" / "_variables-es.yml"
    spanish.write_text("a: {says: En Jamaica}\n", encoding="utf-8")

    assert source.read(study, "trial").pages[0].text.strip() == "En Jamaica"


def test_a_setting_is_filled_in(tmp_path):
    assert text(tmp_path, "{{< meta book.title >}}: preface") == "A report: preface"


def test_an_included_file_stands_where_it_was_called_and_its_lines_keep_their_place(tmp_path):
    page = read(
        tmp_path, {"index.qmd": "one\n\n{{< include _two.qmd >}}", "_two.qmd": "two\n"}
    ).pages[0]

    assert [line.where for line in page.lines if line.text == "two"] == [
        "reports/trial/_two.qmd, line 1"
    ]


def test_a_comment_is_not_printed_and_the_lines_after_it_keep_their_numbers(tmp_path):
    page = read(tmp_path, "one <!-- not\n\n yet --> two\nthree").pages[0]

    assert [(line.number, line.text.strip()) for line in page.lines] == [
        (1, "one"),
        (2, ""),
        (3, "two"),
        (4, "three"),
    ]


def test_nothing_is_filled_in_within_a_code_block(tmp_path):
    page = "```\n{{< var x >}} <!-- kept -->\n```"

    assert text(tmp_path, page) == page


def test_chapters_know_their_part_and_appendices_that_they_are(tmp_path):
    config = """\
project:
  type: book
book:
  title: A report
  author: Nobody
  chapters:
    - index.qmd
    - part: Countries
      chapters: [jamaica.qmd]
  appendices: [codebook.qmd]
"""
    pages = {"index.qmd": "", "jamaica.qmd": "", "codebook.qmd": ""}

    assert [(p.path, p.part, p.appendix) for p in read(tmp_path, pages, config=config).pages] == [
        ("index.qmd", "", False),
        ("jamaica.qmd", "Countries", False),
        ("codebook.qmd", "", True),
    ]


def test_a_misspelt_option_is_refused_with_the_nearest_one_and_its_line(tmp_path):
    assert refusals(tmp_path, "", config="bibligraphy: a.bib\n") == [
        "_quarto.yml, line 9: option 'bibligraphy' is not honoured here"
        " (Did you mean 'bibliography'?)"
    ]


def test_an_option_below_another_is_named_with_it(tmp_path):
    assert refusals(tmp_path, "", config="format:\n  html:\n    theme: cosmo\n")[0].startswith(
        "_quarto.yml, line 11: option 'format.html.theme' is not honoured here"
    )


def test_an_option_given_twice_is_refused(tmp_path):
    assert refusals(tmp_path, "", config="lang: en\n") == [
        "_quarto.yml, line 9: 'lang' is given twice"
        " (Keep one of the two; the other stands on line 3.)"
    ]


def test_a_line_that_is_not_yaml_is_named(tmp_path):
    found = refusals(tmp_path, "", config="title: a: b\n")

    assert found[0].startswith("_quarto.yml, line 9: this is not YAML: mapping values")


def test_a_kind_of_project_that_is_not_rendered_is_refused(tmp_path):
    assert refusals(tmp_path, "", config="project:\n  type: manuscript\n") == [
        "_quarto.yml, line 2: 'project.type' cannot be 'manuscript' here"
        " (Known here: book, default, website.)"
    ]


def test_a_report_is_rendered_to_one_folder_only(tmp_path):
    config = (
        "project:\n  type: book\n  output-dir: ../..\nbook: {author: A, chapters: [index.qmd]}\n"
    )

    assert refusals(tmp_path, "", config=config) == [
        "_quarto.yml, line 3: 'project.output-dir' cannot be '../..' here"
        " (Known here: _book, _site.)"
    ]


def test_a_language_without_words_is_refused(tmp_path):
    assert refusals(tmp_path, "", lang="nl") == [
        "_quarto.yml, line 3: 'lang' cannot be 'nl' here (Known here: en, es.)"
    ]


def test_a_book_without_author_or_home_page_is_refused(tmp_path):
    config = "project: {type: book}\nbook:\n  title: A\n  chapters: [one.qmd]\n"

    assert refusals(tmp_path, {"one.qmd": ""}, config=config) == [
        "_quarto.yml, line 2: a book names its author (Add a line under book: author: …)",
        "_quarto.yml, line 4: a book has a home page (Put index.qmd first under book: chapters:)",
    ]


def test_a_page_that_is_not_there_is_refused_with_the_nearest_one(tmp_path):
    config = (
        "project: {type: book}\nbook:\n  author: A\n  chapters:\n  - index.qmd\n  - jamica.qmd\n"
    )

    assert refusals(tmp_path, {"index.qmd": "", "jamaica.qmd": ""}, config=config) == [
        "_quarto.yml, line 6: there is no page 'jamica.qmd' (Did you mean 'jamaica.qmd'?)"
    ]


def test_a_key_of_a_part_and_a_block_that_is_no_block_are_held_to_the_list(tmp_path):
    config = """\
project: {type: book}
language: es.yml
book:
  author: A
  chapters:
    - index.qmd
    - prat: One
      chapters: [b.qmd]
"""
    found = refusals(tmp_path, {"index.qmd": "", "b.qmd": ""}, config=config)

    assert [line.split(" (")[0] for line in found] == [
        "_quarto.yml, line 2: 'language' cannot be 'es.yml' here",
        "_quarto.yml, line 7: option 'book.chapters.1.prat' is not honoured here",
    ]


def test_an_option_at_the_head_of_a_page_is_held_to_the_list_too(tmp_path):
    assert refusals(tmp_path, "---\ntitle: A\nexecute: false\n---\n") == [
        "index.qmd, line 3: option 'execute' is not honoured here (Known here: title.)"
    ]


def test_a_misspelt_shortcode_is_refused(tmp_path):
    assert refusals(tmp_path, "# A\n\nwords {{< vra a.b >}}\n") == [
        "index.qmd, line 3: there is no shortcode 'vra' here (Did you mean 'var'?)"
    ]


def test_a_misspelt_variable_is_refused_with_the_nearest_one(tmp_path):
    page = "# A\n\n{{< var jamaica.deceptoin.says >}}\n"

    assert refusals(tmp_path, page, variables=VARIABLES) == [
        "index.qmd, line 3: there is no variable 'jamaica.deceptoin.says' in"
        " reports/trial/_variables.yml (Did you mean 'jamaica.deception.says'?)"
    ]


def test_where_nothing_has_been_released_that_is_said_once(tmp_path):
    assert refusals(tmp_path, "{{< var jamaica.n >}} of {{< var jamaica.all >}}") == [
        "_variables.yml: nothing has been released for this report yet"
        " (Run: ctresearch release trial)"
    ]


def test_a_group_of_variables_is_no_variable(tmp_path):
    assert (
        "no variable 'jamaica'" in refusals(tmp_path, "{{< var jamaica >}}", variables=VARIABLES)[0]
    )


def test_an_embed_within_a_line_is_refused(tmp_path):
    assert refusals(tmp_path, "# A\n\nSee {{< embed a.ipynb#b >}}.\n") == [
        "index.qmd, line 3: 'embed' stands within a line (Give it a line of its own.)"
    ]


def test_an_embed_of_a_notebook_that_was_not_released_is_refused(tmp_path):
    assert refusals(tmp_path, "{{< embed released/jamaica/law.ipynb#facts >}}") == [
        "index.qmd, line 1: there is no notebook 'released/jamaica/law.ipynb'"
        " (Release the report first: ctresearch release trial)"
    ]


def test_a_whole_notebook_and_options_of_an_embed_are_refused(tmp_path):
    page = "{{< embed released/jamaica/interviews.ipynb echo=true >}}"
    found = refusals(tmp_path, page, cells={"a": None})

    assert [line.split(" (")[0] for line in found] == [
        "index.qmd, line 1: embed takes no option 'echo=true' here",
        "index.qmd, line 1: this embeds a whole notebook",
    ]


def test_an_include_that_is_not_there_and_one_that_goes_in_a_circle_are_refused(tmp_path):
    pages = {
        "index.qmd": "{{< include _a.qmd >}}\n{{< include _b.qmd >}}",
        "_a.qmd": "{{< include _a.qmd >}}",
    }

    assert refusals(tmp_path, pages) == [
        "_a.qmd, line 1: '_a.qmd' includes itself (Take one of the includes out.)",
        "index.qmd, line 2: there is no file '_b.qmd' to include (Mend the name.)",
    ]


def test_code_that_would_run_and_raw_markup_are_refused(tmp_path):
    found = refusals(tmp_path, "# A\n\n```{python}\n1 + 1\n```\n\n```{=html}\n<b>\n```\n")

    assert found == [
        "index.qmd, line 3: executable cell '{python}' in a report"
        " (Put the code in a notebook and embed its output.)",
        "index.qmd, line 7: '{=html}': raw markup or math in a report"
        " (Write it in markdown; every format must be able to show it.)",
    ]


def test_what_is_not_closed_is_named_by_the_line_that_opened_it(tmp_path):
    found = refusals(tmp_path, "# A\n\n::: {.landscape}\n\n```\ncode\n")

    assert [line.split(" (")[0] for line in found] == [
        "index.qmd, line 3: this div is not closed",
        "index.qmd, line 5: this code block is not closed",
    ]


def test_a_closing_line_too_many_is_refused(tmp_path):
    assert refusals(tmp_path, "# A\n\n:::\n") == [
        "index.qmd, line 3: this closes a div that was not opened (Take the line out.)"
    ]


def test_all_problems_of_a_report_come_at_once(tmp_path):
    pages = {"index.qmd": "{{< vra x >}}", "two.qmd": "{{< var x >}}\n\n:::\n"}

    assert len(refusals(tmp_path, pages, config="tok: true\n")) == 4


def test_settings_that_cannot_be_read_are_the_only_problem(tmp_path):
    found = refusals(tmp_path, {"index.qmd": "# A\n\nSee {{< var x >}}.\n"}, config="a:\n\tb: 1\n")

    assert len(found) == 1


def test_a_page_that_cannot_be_read_is_told_once(tmp_path):
    study = draw(tmp_path, "# A\n")
    (study.reports / "trial" / "index.qmd").write_bytes("# Curaçao\n".encode("latin-1"))

    assert lines(refused(lambda: reports.check(study, "trial")))[0].startswith("index.qmd, line 1:")
    assert len(lines(refused(lambda: reports.check(study, "trial")))) == 1


@pytest.mark.parametrize("words", ["{{< var a", "{< var jamaica.deception.says >}", "says >}}"])
def test_a_shortcode_that_is_not_whole_is_refused(tmp_path, words):
    assert refusals(tmp_path, f"# A\n\n{words}\n")[0].startswith(
        "index.qmd, line 3: a shortcode that is not whole"
    )
