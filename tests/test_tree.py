"""A report as one numbered book: what readers see numbered, named and cited, settled once."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_report import CHART, DOT, TABLE, draw, lines, refused

from ctresearch.embedded import nodes, source, tree

CELLS = {"themes-chart": CHART, "themes-table": TABLE}
REFS = "# References {.unnumbered}\n\n::: {#refs}\n:::\n"
FIGURE = """
::: {#fig-themes}
{{< embed released/jamaica/interviews.ipynb#themes-chart >}}

What informants *spoke* of.
:::
"""
OTHER = FIGURE.replace("fig-themes", "fig-other")


def book(*arguments, **settings) -> tree.Book:
    return tree.assemble(source.read(draw(*arguments, **settings), "trial"))


def refusals(*arguments, **settings) -> list[str]:
    return lines(refused(lambda: book(*arguments, **settings)))


def first(chapter: tree.Chapter, kind: str) -> tree.Node:
    """The first node of a kind in a chapter."""
    return next(node for node in nodes.every(chapter.blocks) if node["t"] == kind)


def words(chapter: tree.Chapter) -> str:
    return nodes.text_of(chapter.blocks)


def floats(report: tree.Book) -> dict[str, str]:
    """The numbers of figures and tables, by label."""
    return {
        node["c"][0][0]: dict(node["c"][0][2])["number"]
        for chapter in report.chapters
        for node in nodes.every(chapter.blocks)
        if node["t"] == "Div" and node["c"][0][0].startswith(("fig-", "tbl-"))
    }


# numbers


def test_chapters_are_numbered_appendices_lettered_and_a_preface_is_neither(tmp_path):
    pages = {"index.qmd": "# Preface {.unnumbered}", "a.qmd": "# A", "b.qmd": "# B", "z.qmd": "# Z"}

    assert [(c.number, c.kind) for c in book(tmp_path, pages, appendices=("z.qmd",)).chapters] == [
        ("", "front"),
        ("1", "chapter"),
        ("2", "chapter"),
        ("A", "appendix"),
    ]


def test_figures_and_tables_are_counted_apart_and_anew_in_each_chapter(tmp_path):
    table = "\n::: {#tbl-words}\n| A |\n|---|\n| b |\n\nWords.\n:::\n"
    pages = {
        "index.qmd": "# One\n" + FIGURE + table + OTHER,
        "two.qmd": "# Two\n" + FIGURE.replace("fig-themes", "fig-two"),
    }

    assert floats(book(tmp_path, pages, cells=CELLS)) == {
        "fig-themes": "1.1",
        "tbl-words": "1.1",
        "fig-other": "1.2",
        "fig-two": "2.1",
    }


def test_a_figure_is_numbered_by_letter_in_an_appendix_and_plainly_in_a_preface(tmp_path):
    pages = {"index.qmd": "# P {.unnumbered}\n" + FIGURE, "z.qmd": "# Z\n" + OTHER}

    assert floats(book(tmp_path, pages, appendices=("z.qmd",), cells=CELLS)) == {
        "fig-themes": "1",
        "fig-other": "A.1",
    }


def test_sections_are_numbered_below_their_chapter_but_for_unnumbered_ones(tmp_path):
    page = "# One\n\n## A\n\n### B\n\n## C {.unnumbered}\n\n## D\n"
    headings = [n["c"] for n in nodes.every(book(tmp_path, page).chapters[0].blocks) if "c" in n]
    numbers = [dict(c[1][2]).get("number", "") for c in headings if isinstance(c[0], int)]

    assert numbers == ["1.1", "1.1.1", "", "1.2"]


def test_sections_may_go_without_numbers_and_figures_keep_theirs(tmp_path):
    page = "# One\n\n## A\n" + FIGURE
    report = book(tmp_path, page, config="number-sections: false\n", cells=CELLS)

    assert (report.chapters[0].number, floats(report)) == ("", {"fig-themes": "1.1"})
    assert first(report.chapters[0], "Header")["c"][1][2] == []


def test_a_single_document_takes_its_title_from_its_head_and_numbers_plainly(tmp_path):
    page = "---\ntitle: A note\nauthor: Nobody\n---\n\n## Words\n" + FIGURE
    report = book(tmp_path, page, config="project:\n  type: default\n", cells=CELLS)

    assert (report.meta.title, report.meta.authors) == ("A note", ("Nobody",))
    assert floats(report) == {"fig-themes": "1"}


def test_pages_of_a_website_are_those_it_lists(tmp_path):
    config = "project:\n  type: website\n  render: [index.qmd]\nwebsite:\n  title: A site\n"
    report = book(tmp_path, {"index.qmd": "# Home\n", "draft.qmd": "# Draft\n"}, config=config)

    assert ([chapter.path for chapter in report.chapters], report.meta.title) == (
        ["index.qmd"],
        "A site",
    )


def test_a_caption_in_pandocs_own_way_is_a_float_too(tmp_path):
    page = "# One\n\n| A |\n|---|\n| b |\n\n: Words. {#tbl-a}\n"

    assert floats(book(tmp_path, page)) == {"tbl-a": "1.1"}


# references


def test_a_reference_shows_word_and_number_in_the_language_of_the_report(tmp_path):
    pages = {
        "index.qmd": "# Uno\n\n@fig-themes, [-@fig-themes], @sec-b y @sec-z.\n" + FIGURE,
        "b.qmd": "# Dos\n\n## Parte {#sec-b}\n",
        "z.qmd": "# Zeta {#sec-z}\n",
    }
    report = book(tmp_path, pages, appendices=("z.qmd",), lang="es", cells=CELLS)

    assert words(report.chapters[0]).startswith(
        "Figura\u00a01.1, 1.1, Sección\u00a02.1 y Anexo\u00a0A."
    )


def test_the_language_block_has_the_last_say_on_words(tmp_path):
    config = "language:\n  crossref-fig-prefix: Chart\n"

    assert words(
        book(tmp_path, "# A\n\n@fig-themes\n" + FIGURE, config=config, cells=CELLS).chapters[0]
    ).startswith("Chart\u00a01.1")


def test_a_link_to_another_page_leads_to_its_heading(tmp_path):
    pages = {
        "index.qmd": "# A\n\n[there](sub/b.qmd#media-review)",
        "sub/b.qmd": "# B\n\n## Media review\n",
    }
    report = book(tmp_path, pages)
    target = first(report.chapters[0], "Link")["c"][2][0].removeprefix("#")

    assert report.where[target] == "sub/b.qmd"


def test_headings_of_the_same_words_in_two_chapters_have_two_ids(tmp_path):
    pages = {"index.qmd": "# A\n\n## Media\n", "b.qmd": "# B\n\n## Media\n"}
    ids = [first(chapter, "Header")["c"][1][0] for chapter in book(tmp_path, pages).chapters]

    assert len(set(ids)) == 2


def test_citations_are_set_once_and_listed_where_the_references_are(tmp_path):
    pages = {"index.qmd": "# A\n\nSo it says [@un2000, p. 3].\n", "refs.qmd": REFS}
    report = book(tmp_path, pages)

    assert [words(chapter) for chapter in report.chapters] == [
        "So it says (United Nations 2000, 3).",
        "United Nations. 2000. The Protocol.",
    ]


def test_a_citation_in_a_title_is_set_too(tmp_path):
    report = book(tmp_path, {"index.qmd": "# As in @un2000\n", "refs.qmd": REFS})

    assert nodes.text_of(report.chapters[0].title) == "As in United Nations (2000)"


def test_every_anchor_is_in_one_page(tmp_path):
    pages = {"index.qmd": "# A {#sec-a}\n\n## B\n\n@un2000\n" + FIGURE, "refs.qmd": REFS}

    assert book(tmp_path, pages, cells=CELLS).where == {
        "sec-a": "index.qmd",
        "sec-a--b": "index.qmd",
        "fig-themes": "index.qmd",
        "refs": "refs.qmd",
        "ref-un2000": "refs.qmd",
    }


def test_plain_text_keeps_quotation_marks_and_leaves_notes_out(tmp_path):
    page = '# The term "trafficking" in `code`^[A note.]\n'

    assert nodes.text_of(book(tmp_path, page).chapters[0].title) == "The term “trafficking” in code"


# what a cell shows


def test_a_chart_is_a_picture_in_two_formats_with_the_words_for_it(tmp_path):
    image = first(book(tmp_path, "# A\n" + FIGURE, cells=CELLS).chapters[0], "Image")
    (_, _, files), alt, _ = image["c"]

    assert [kind for kind, path in files if Path(path).is_file()] == ["svg", "png"]
    assert nodes.text_of(alt) == "Bars: debt & deceit"


def test_a_table_of_a_notebook_is_a_table_with_its_head(tmp_path):
    page = "# A\n" + FIGURE.replace("fig-", "tbl-").replace("-chart", "-table")
    table = first(book(tmp_path, page, cells=CELLS).chapters[0], "Table")

    assert nodes.text_of(table["c"][3]) == "ThemeInformants"


def test_widths_of_columns_are_those_of_the_div(tmp_path):
    page = FIGURE.replace("{#fig-themes}", '{#tbl-a tbl-colwidths="[70,30]"}')
    report = book(tmp_path, "# A\n" + page.replace("-chart", "-table"), cells=CELLS)
    columns = first(report.chapters[0], "Table")["c"][2]

    assert [width["c"] for _, width in columns] == [0.7, 0.3]


def test_content_for_some_formats_is_shown_in_those_and_stays_in_the_book(tmp_path):
    page = '# A\n\n::: {.content-visible when-format="html"}\nscreen\n:::\n\npaper\n'
    blocks = book(tmp_path, page).chapters[0].blocks

    assert [nodes.text_of(tree.for_format(blocks, to)) for to in ("docx", "pdf", "html")] == [
        "paper",
        "paper",
        "screenpaper",
    ]


def test_a_callout_takes_its_title_from_the_heading_in_it(tmp_path):
    page = "# A\n\n::: {.callout-tip}\n## Read this\nwords\n:::\n"
    box = first(book(tmp_path, page).chapters[0], "Div")

    assert box["c"][0] == ["", ["ct-callout", "tip"], [["title", "Read this"]]]


def test_the_same_report_makes_the_same_book(tmp_path):
    pages = {"index.qmd": "# A\n\n@un2000\n" + FIGURE, "refs.qmd": REFS}
    study = draw(tmp_path, pages, cells=CELLS)

    assert tree.assemble(source.read(study, "trial")) == tree.assemble(source.read(study, "trial"))


# refusals


def test_a_reference_to_nothing_is_refused_with_the_nearest_label(tmp_path):
    assert refusals(tmp_path, "# A\n\nSee @fig-thems.\n" + FIGURE, cells=CELLS) == [
        "index.qmd, line 3: nothing is labelled 'fig-thems' (Did you mean 'fig-themes'?)"
    ]


def test_a_label_given_in_two_chapters_is_refused(tmp_path):
    pages = {"index.qmd": "# A\n" + FIGURE, "b.qmd": "# B\n" + FIGURE}

    assert refusals(tmp_path, pages, cells=CELLS) == [
        "b.qmd, line 3: the label 'fig-themes' is given twice"
        " (The other stands in reports/trial/index.qmd, line 3; rename one.)"
    ]


def test_a_citation_that_the_bibliography_has_not_is_refused(tmp_path):
    assert refusals(tmp_path, {"index.qmd": "# A\n\nSo [@un200].\n", "refs.qmd": REFS}) == [
        "index.qmd, line 3: 'un200' is not in the bibliography (Did you mean 'un2000'?)"
    ]


def test_a_book_that_cites_and_lists_nothing_is_refused(tmp_path):
    assert refusals(tmp_path, "# A\n\nSo [@un2000].\n")[0].startswith(
        "index.qmd, line 3: a book that cites lists its references"
    )


def test_only_the_place_of_a_label_is_named_when_its_figure_has_no_caption(tmp_path):
    bare = FIGURE.replace("What informants *spoke* of.\n", "")

    assert refusals(tmp_path, "# A\n\nAs @fig-other shows.\n" + OTHER + bare, cells=CELLS) == [
        "index.qmd, line 11: 'fig-themes' has no caption"
        " (End the div with a paragraph: the caption.)"
    ]


def test_an_embed_of_an_unknown_cell_is_refused_with_the_labels_there(tmp_path):
    page = "# A\n" + FIGURE.replace("themes-chart", "theme-chart")

    assert refusals(tmp_path, page, cells=CELLS) == [
        "index.qmd, line 4: no cell labelled 'theme-chart' in"
        " reports/trial/released/jamaica/interviews.ipynb"
        " (Labels there: themes-chart, themes-table.)"
    ]


def test_a_cell_that_shows_nothing_or_words_or_failed_is_refused(tmp_path):
    embed = "{{{{< embed released/jamaica/interviews.ipynb#{} >}}}}\n"
    page = "# A\n\n" + "".join(embed.format(name) for name in ("empty", "failed", "said"))
    cells = {"empty": None, "failed": {"ename": "KeyError"}, "said": {"text/plain": "5"}}

    assert [line.split(" (")[0] for line in refusals(tmp_path, page, cells=cells)] == [
        f"index.qmd, line {line}: the cell {name!r} of"
        f" reports/trial/released/jamaica/interviews.ipynb {what}"
        for line, name, what in (
            (3, "empty", "has no output"),
            (4, "failed", "failed"),
            (5, "said", "shows text only"),
        )
    ]


def test_a_chart_without_words_is_refused_until_the_div_gives_them(tmp_path):
    cells = {"themes-chart": {"image/png": DOT}}
    worded = FIGURE.replace("{#fig-themes}", '{#fig-themes fig-alt="Bars"}')

    assert refusals(tmp_path / "a", "# A\n" + FIGURE, cells=cells)[0].startswith(
        "index.qmd, line 4: this image says nothing to who cannot see it"
    )
    assert book(tmp_path / "b", "# A\n" + worded, cells=cells)


def test_a_figure_without_a_caption_is_refused(tmp_path):
    page = "# A\n" + FIGURE.replace("What informants *spoke* of.\n", "")

    assert refusals(tmp_path, page, cells=CELLS) == [
        "index.qmd, line 3: 'fig-themes' has no caption"
        " (End the div with a paragraph: the caption.)"
    ]


def test_an_image_that_is_missing_remote_or_wordless_is_refused(tmp_path):
    page = "# A\n\nA ![a](no.png) or ![b](https://c.org/d.png) here.\n\n![](e.svg)\n"
    study = draw(tmp_path, page)
    (tmp_path / "reports" / "trial" / "e.svg").write_text("<svg/>", encoding="utf-8")
    found = lines(refused(lambda: tree.assemble(source.read(study, "trial"))))

    assert [line.split(" (")[0] for line in found] == [
        "index.qmd, line 3: there is no image 'no.png'",
        "index.qmd, line 3: remote image 'https://c.org/d.png'",
        "index.qmd, line 5: this image says nothing to who cannot see it",
    ]


def test_classes_and_attributes_that_are_not_honoured_are_refused(tmp_path):
    page = "# A\n\n::: {.callout-waring}\nb\n:::\n\n[c]{.red}\n\n::: {layout-ncol=2}\nd\n:::\n"

    assert [line.split(" (Known")[0] for line in refusals(tmp_path, page)] == [
        "index.qmd, line 3: class 'callout-waring' is not honoured on a div"
        " (Did you mean 'callout-warning'?)",
        "index.qmd, line 7: class 'red' is not honoured on a span (Take it out.)",
        "index.qmd, line 9: attribute 'layout-ncol' is not honoured on a div",
    ]


def test_kinds_of_label_that_are_not_numbered_are_refused(tmp_path):
    page = "# A\n\n::: {#lst-a}\nb\n:::\n\nAs @eq-c shows.\n"

    assert [line.split(" (")[0] for line in refusals(tmp_path, page)] == [
        "index.qmd, line 3: 'lst-a' is of a kind that is not numbered here",
        "index.qmd, line 7: 'eq-c' is of a kind that is not numbered here",
        "index.qmd, line 7: a book that cites lists its references",
    ]


def test_math_and_raw_markup_are_refused(tmp_path):
    assert [line.split(" (")[0] for line in refusals(tmp_path, "# A\n\n$x^2$ and <b>c</b>\n")] == [
        "index.qmd, line 3: 'x^2': raw markup or math in a report",
        "index.qmd, line 3: '<b>': raw markup or math in a report",
        "index.qmd, line 3: '</b>': raw markup or math in a report",
    ]


@pytest.mark.parametrize("tag", ["<p>", "<p class='note'>", "<p\nclass=note>", "<P CLASS=note>"])
def test_a_raw_tag_is_refused_at_its_line_however_its_attributes_are_written(tmp_path, tag):
    found = refusals(tmp_path, f"# A\n\nWords.\n\n{tag}More words.</p>\n")

    assert found[0].lower().startswith("index.qmd, line 5: '<p>': raw markup")


def test_a_page_without_title_a_second_title_and_a_level_left_out_are_refused(tmp_path):
    pages = {"index.qmd": "words\n", "b.qmd": "# B\n\n# C\n\n### D\n"}

    assert [line.split(" (")[0] for line in refusals(tmp_path, pages)] == [
        "index.qmd, line 1: a page begins with its title",
        "b.qmd, line 3: a page has one title",
        "b.qmd, line 5: a heading of level 3 comes below one of level 1",
    ]


def test_a_caption_without_a_label_is_refused_where_its_words_begin(tmp_path):
    page = "# A\n\nwords\n\n| A |\n|---|\n| b |\n\n: What *they* said\n"

    assert refusals(tmp_path, page)[0].startswith(
        "index.qmd, line 9: a table with a caption and no label (Label it {#tbl-name},"
    )


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    page = "# A\n\n[b](none.qmd) and [c](#methd)\n\n## Method\n"

    assert refusals(tmp_path, page) == [
        "index.qmd, line 3: the link to 'none.qmd' leads to no page of this report"
        " (Did you mean 'index.qmd'?)",
        "index.qmd, line 3: index.qmd has no 'methd' (Did you mean 'method'?)",
    ]


def test_a_footnote_without_its_text_is_refused(tmp_path):
    assert refusals(tmp_path, "# A\n\nwords[^a]\n") == [
        "index.qmd, line 3: the footnote 'a' has no text (Write it below: [^a]: …)"
    ]


def test_a_word_of_pandoc_is_a_problem_at_the_line_it_speaks_of(tmp_path):
    assert refusals(tmp_path, "# A\n\nwords\n\n[^a]: a note nobody calls\n")[0].startswith(
        "index.qmd, line 5: pandoc says: [WARNING] Note with key 'a'"
    )


def test_a_labelled_figure_for_some_formats_only_is_refused(tmp_path):
    page = '# A\n\n::: {.content-visible when-format="html"}\n' + FIGURE + ":::\n"

    assert "stands within content-visible" in refusals(tmp_path, page, cells=CELLS)[0]


def test_content_for_a_format_there_is_not_is_refused(tmp_path):
    page = '# A\n\n::: {.content-hidden unless-format="word"}\nwords\n:::\n'

    assert refusals(tmp_path, page) == [
        "index.qmd, line 3: content for some formats names one of them, not 'word'"
        " (Known here: docx, html, typst.)"
    ]


def test_widths_that_do_not_fit_the_table_are_refused(tmp_path):
    page = FIGURE.replace("{#fig-themes}", '{#tbl-a tbl-colwidths="[100]"}')

    assert refusals(tmp_path, "# A\n" + page.replace("-chart", "-table"), cells=CELLS) == [
        "index.qmd, line 3: tbl-colwidths names 1 columns of 2"
        " (Give every column its share: [30,70])"
    ]


def test_a_label_given_twice_in_a_chapter_names_both_lines(tmp_path):
    assert refusals(tmp_path, "# A\n" + FIGURE + FIGURE, cells=CELLS) == [
        f"index.qmd, line {FIGURE.count(chr(10)) + 3}: the label 'fig-themes' is given twice"
        " (The other stands in reports/trial/index.qmd, line 3; rename one.)"
    ]


def test_a_short_caption_without_a_label_is_named_by_its_own_line(tmp_path):
    found = refusals(tmp_path, "# A\n\nA word.\n\n![A](none.png)\n")

    assert [line.split(":")[0] for line in found] == ["index.qmd, line 5"]
