"""The printed book: tagged, archival, navigable, and the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pikepdf
import pytest
from small_report import PAGES, draw

from ctresearch.embedded import pdf
from ctresearch.problems import ResearchError


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def path(book, tmp_path_factory):
    return pdf.write(book, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def printed(path):
    with pikepdf.open(path) as opened:
        yield opened


def tags(node: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The elements of the structure tree, in reading order."""
    children = node.get("/K", [])
    for child in children if isinstance(children, pikepdf.Array) else [children]:
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            yield child
            yield from tags(child)


def letters(font: pikepdf.Object) -> dict[bytes, str]:
    """What each two-byte code of a font stands for."""
    table = font.ToUnicode.read_bytes().decode("latin-1")
    pairs = re.findall(r"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n", table)
    return {bytes.fromhex(code): bytes.fromhex(text).decode("utf-16-be") for code, text in pairs}


def text_of(page: pikepdf.Page) -> str:
    """The words of a page as they are drawn on it."""
    fonts = {name: letters(font) for name, font in page.Resources.Font.items()}
    drawn, now = [], {}
    for operands, operator in pikepdf.parse_content_stream(page):
        if str(operator) == "Tf":
            now = fonts[str(operands[0])]
        elif str(operator) in ("Tj", "TJ"):
            parts = operands[0] if str(operator) == "TJ" else operands
            codes = b"".join(bytes(part) for part in parts if isinstance(part, pikepdf.String))
            drawn += [now.get(codes[at : at + 2], "") for at in range(0, len(codes), 2)]
    return "".join(drawn)


def kinds(printed: pikepdf.Pdf) -> list[str]:
    return [str(tag.S).lstrip("/") for tag in tags(printed.Root.StructTreeRoot)]


def test_the_file_bears_the_name_the_report_gives_it(path):
    assert path.name == "Report.pdf"


def test_it_declares_both_standards_it_was_held_to(printed):
    with printed.open_metadata() as said:
        declared = [said["pdfuaid:part"], said["pdfaid:part"], said["pdfaid:conformance"]]

    assert declared == ["1", "2", "A"]


def test_it_says_its_title_its_authors_its_language_and_its_date(printed):
    info = printed.docinfo

    assert str(info.Title) == "A report on trafficking"
    assert str(info.Author) == "The Authors"
    assert str(printed.Root.Lang) == "en"
    assert str(info.CreationDate).startswith("D:20050101")


def test_its_bookmarks_are_the_headings_with_their_numbers(printed):
    with printed.open_outline() as outline:
        marks = [
            (
                mark.title.replace("\u2002", " "),
                [below.title.replace("\u2002", " ") for below in mark.children],
            )
            for mark in outline.root
        ]

    assert marks == [
        ("Contents", []),
        ("List of figures", []),
        ("List of tables", []),
        ("Preface", []),
        ("Part I. Countries", []),
        ("1 Curaçao", ["1.1 Method"]),
        ("2 Jamaica", ["2.1 Findings"]),
        ("Appendix A — Instruments", ["A.1 The codebook"]),
    ]


def test_every_figure_has_a_text_for_those_who_cannot_see_it(printed):
    figures = [tag for tag in tags(printed.Root.StructTreeRoot) if tag.S == "/Figure"]

    assert [str(figure.get("/Alt", "")) for figure in figures] == [
        "One bar: deception",
        "One bar, again",
    ]


def test_a_table_is_tagged_with_its_heading_cells(printed):
    found = kinds(printed)

    assert (found.count("Table"), found.count("TH"), found.count("TD")) == (1, 8, 16)


def test_the_front_has_roman_page_numbers_and_the_text_starts_at_one(printed):
    labels = [str(page.label) for page in printed.pages]

    assert labels == ["i", "ii", "iii", "1", "2", "3", "4"]


def test_the_banner_of_invented_evidence_stands_on_every_page(printed):
    banners = [
        text_of(page).count("Invented evidence: it describes nobody.") for page in printed.pages
    ]

    assert banners == [1] * len(printed.pages)


def test_captions_carry_the_numbers_of_the_book(printed):
    words = text_of(printed.pages[5]).replace("\u00a0", " ")

    assert re.findall(r"(?:Table|Figure) [\d.]+: \w+", words) == [
        "Table 2.1: Themes",
        "Figure 2.1: Themes",
        "Figure 2.2: The",
    ]


def test_a_reference_leads_to_the_page_of_what_it_names(printed):
    [link] = printed.pages[-1].Annots  # "Figure 2.1" in the annex
    target = link.get("/Dest", link.get("/A", {}).get("/D"))[0]

    assert printed.pages.index(pikepdf.Page(target)) == 5


def test_only_the_fonts_that_ship_are_used(printed):
    fonts = {
        re.sub(r"^[A-Z]{6}\+|-.*", "", str(font.BaseFont).lstrip("/"))
        for page in printed.pages
        for font in page.Resources.get("/Font", {}).values()
    }

    assert fonts == {"SourceSans3"}


def test_the_same_book_gives_the_same_bytes(book, path, tmp_path):
    assert pdf.write(book, tmp_path).read_bytes() == path.read_bytes()


def test_a_heading_level_left_out_is_refused_and_no_file_is_left(tmp_path):
    skipped = PAGES["annex.qmd"].replace("## The", "#### The")

    with pytest.raises(ResearchError, match="heading"):
        pdf.write(draw(tmp_path, annex=skipped), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_letter_no_font_has_is_refused(tmp_path):
    with pytest.raises(ResearchError, match="trial, pdf"):
        pdf.write(draw(tmp_path, annex="# Instruments\n\n漢\n"), tmp_path / "out")
