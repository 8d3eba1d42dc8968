"""The Word document, read back: numbers, fields, sections, tables, pictures, properties."""

from __future__ import annotations

import re
import zipfile
from itertools import pairwise
from pathlib import Path

import docx
import drawn_report
import pytest
from docx.oxml.ns import nsmap, qn
from lxml import etree
from small_report import PAGES, draw

from ctresearch.embedded import source, tree, word

BRAND = "Invented evidence: it describes nobody."
WIDE = "| Country | " + " | ".join(f"Column {n}" for n in range(9)) + " |\n|" + "---|" * 10 + "\n"
WIDE += ("| Suriname |" + " an answer of some words |" * 9 + "\n") * 20
MORE = f"""
{{{{< pagebreak >}}}}

::: {{.landscape}}
::: {{#tbl-wide}}
{WIDE}

Answers by country
:::
:::

## Method and its limits {{.unnumbered}}

::: {{.callout-tip}}
A tip.
:::

::: {{.callout-warning title="With care"}}
A warning.
:::

See [-@tbl-wide], @tbl-wide and @fig-drawn.
"""
ORDER = {  # of children, as the schema of WordprocessingML has it
    "pPr": "pStyle keepNext keepLines pageBreakBefore widowControl numPr pBdr shd tabs wordWrap"
    " spacing ind contextualSpacing jc outlineLvl rPr sectPr",
    "rPr": "rStyle rFonts b bCs i iCs caps smallCaps strike color spacing sz szCs highlight u"
    " vertAlign lang",
    "tblPr": "tblStyle tblStyleRowBandSize tblW jc tblInd tblBorders shd tblLayout tblCellMar"
    " tblLook",
    "tcPr": "tcW gridSpan vMerge tcBorders shd vAlign",
    "sectPr": "headerReference footerReference footnotePr type pgSz pgMar pgNumType",
    "style": "name basedOn next link uiPriority semiHidden unhideWhenUsed qFormat pPr rPr tblPr"
    " tcPr tblStylePr",
    "lvl": "start numFmt pStyle suff lvlText lvlJc pPr rPr",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("report"), jamaica=PAGES["countries/jamaica.qmd"] + MORE)


@pytest.fixture(scope="module")
def path(book, tmp_path_factory):
    return word.write(book, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def document(path):
    return docx.Document(path)


@pytest.fixture(scope="module")
def body(document):
    return document.element.body


def written(folder: Path, **drawn: str) -> docx.document.Document:
    """A report as Word has it."""
    return docx.Document(word.write(draw(folder / "report", **drawn), folder / "out"))


def found(element: etree._Element, path: str) -> list:
    return etree.XPath(path, namespaces=nsmap)(element)


def text(element: etree._Element) -> str:
    """The words of an element as they are shown; a tab is a stroke."""
    shown = found(element, ".//w:t | .//w:tab[parent::w:r]")
    return "".join(node.text or "" if node.tag == qn("w:t") else "|" for node in shown)


def styled(body: etree._Element, *styles: str) -> list[str]:
    """The words of the paragraphs in these styles, in order."""
    return [text(p).replace("\u00a0", " ") for p in found(body, ".//w:p") if p.style in styles]


def fields(element: etree._Element, kind: str) -> list[str]:
    codes = [code.text.strip() for code in found(element, ".//w:instrText")]
    return [code for code in codes if code.startswith(kind)]


def numbered(document: docx.document.Document) -> list[str]:
    """Each heading with the number that its list gives it, counted as Word counts."""
    numbering = document.part.numbering_part.element
    counts: dict[str, list[int]] = {}
    headings = []
    for p in found(document.element.body, ".//w:p[w:pPr/w:pStyle]"):
        if not p.style.startswith("Heading"):
            continue
        level, listed = int(p.style[-1]) - 1, p.pPr.numPr
        name = "1" if listed is None else str(listed.numId.val)
        shown = ""
        if name != "0":
            (rule,) = found(
                numbering, f"w:abstractNum[@w:abstractNumId={name}]/w:lvl[@w:ilvl={level}]"
            )
            counted = [*counts.get(name, []), *[0] * 9][: level + 1]
            counted[-1] += 1
            counts[name] = counted
            letters = rule.find(qn("w:numFmt")).get(qn("w:val")) == "upperLetter" or name == "2"
            first = chr(64 + counted[0]) if letters else str(counted[0])
            marks = [first, *map(str, counted[1:])]
            template = rule.find(qn("w:lvlText")).get(qn("w:val"))
            shown = re.sub(r"%(\d)", lambda mark: marks[int(mark[1]) - 1], template) + " "  # noqa: B023
        headings.append(shown + text(p))
    return headings


def test_the_file_bears_the_name_the_report_gives_it(path):
    assert path.name == "Report.docx"


def test_the_same_book_gives_the_same_bytes(book, path, tmp_path):
    assert word.write(book, tmp_path).read_bytes() == path.read_bytes()


def test_no_part_of_it_is_dated_by_the_day_it_was_made(path):
    with zipfile.ZipFile(path) as archive:
        dates = {member.date_time for member in archive.infolist()}

    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_it_names_no_place_on_this_machine_and_no_program(path, book):
    with zipfile.ZipFile(path) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist()).lower()
    traces = [str(book.root), "/tmp/", "pandoc", "python-docx", "microsoft word"]

    assert [trace for trace in traces if trace.lower().encode() in whole] == []


def test_it_says_its_title_its_authors_its_language_and_its_year(document):
    said = document.core_properties

    assert [said.title, said.subject, said.author, said.last_modified_by, said.language] == [
        "A report on trafficking",
        "Seven countries",
        "The Authors",
        "The Authors",
        "en-GB",
    ]
    assert (said.created.year, said.modified.year, said.comments) == (2005, 2005, "")


def test_the_cover_has_publisher_title_authors_edition_and_the_banner(body):
    cover = ("CoverPublisher", "Title", "Subtitle", "CoverLine", "CoverMark")

    assert styled(body, *cover) == [
        "The Publisher",
        "A report on trafficking",
        "Seven countries",
        "The Authors",
        "Edition 2005",
        "June 2005",
        BRAND,
    ]


def test_heading_lists_show_the_numbers_of_the_book(document):
    assert numbered(document) == [
        "Preface",
        "1 Curaçao",
        "1.1 Method",
        "1.1.1 Sample",
        "2 Jamaica",
        "2.1 Findings",
        "Method and its limits",
        "Appendix A — Instruments",
        "A.1 The codebook",
    ]


def test_a_single_document_numbers_its_sections_from_one(tmp_path):
    config = (
        'project:\n  type: default\n  render: [index.qmd]\ntitle: "A note"\nnumber-sections: true\n'
    )
    page = "# A note\n\n## First\n\n### Within\n\n## Second\n"
    study = drawn_report.draw(tmp_path, page, config=config)
    book = tree.assemble(source.read(study, "trial"))

    found = numbered(docx.Document(word.write(book, tmp_path / "out")))
    assert found == ["A note", "1 First", "1.1 Within", "2 Second"]


def test_no_level_of_headings_is_skipped(body):
    headings = [p.style for p in found(body, ".//w:p") if (p.style or "").startswith("Heading")]
    levels = [int(style[-1]) for style in headings]

    assert all(after <= before + 1 for before, after in pairwise([0, *levels]))


def test_a_section_numbered_under_an_unnumbered_one_keeps_the_books_number(tmp_path):
    page = "# Jamaica {#sec-jamaica}\n\n## Aside {.unnumbered}\n\n### Deep\n\n"
    rest = PAGES["countries/jamaica.qmd"].split("\n", 1)[1]

    assert "2.0.1 Deep" in numbered(written(tmp_path, jamaica=page + rest))


def test_captions_carry_the_numbers_of_the_book(body):
    assert styled(body, "TableCaption", "ImageCaption") == [
        "Table 2.1: Themes by source",
        "Figure 2.1: Themes in a drawing",
        "Figure 2.2: The same again",
        "Table 2.2: Answers by country",
    ]


def test_the_last_number_of_a_caption_is_counted_by_word(body):
    captions = [p for p in found(body, ".//w:p") if p.style in ("TableCaption", "ImageCaption")]

    assert [fields(caption, "SEQ") for caption in captions] == [
        [r"SEQ Table \* ARABIC \r 1"],
        [r"SEQ Figure \* ARABIC \r 1"],
        [r"SEQ Figure \* ARABIC"],
        [r"SEQ Table \* ARABIC"],
    ]


def test_a_caption_stands_above_a_table_and_below_a_figure(body):
    kinds = {"TableCaption": "table caption", "ImageCaption": "figure caption"}
    order = []
    for block in body:
        if block.tag == qn("w:tbl") and block.tblPr.style == "Table":
            order.append("table")
        elif found(block, ".//wp:inline"):
            order.append("figure")
        elif block.tag == qn("w:p") and block.style in kinds:
            order.append(kinds[block.style])

    table, figure = ["table caption", "table"], ["figure", "figure caption"]
    assert order == [*table, *figure, *figure, *table]


def test_a_reference_to_a_figure_or_table_is_a_field_that_shows_its_number(body):
    (line,) = (p for p in found(body, ".//w:p") if text(p).startswith("See 2.2"))

    assert text(line).replace("\u00a0", " ") == "See 2.2, Table 2.2 and Figure 2.1."
    assert fields(line, "REF") == [r"REF tbl-wide \h", r"REF fig-drawn \h"]


def test_contents_and_lists_are_filled_in(body):
    assert styled(body, "TOCHeading", "TOC1", "TOC2", "TableofFigures") == [
        "Contents",
        "Preface|",
        "Part I. Countries|",
        "1|Curaçao|",
        "1.1|Method|",
        "2|Jamaica|",
        "2.1|Findings|",
        "Method and its limits|",
        "Appendix A — Instruments|",
        "A.1|The codebook|",
        "List of figures",
        "Figure 2.1: Themes in a drawing|",
        "Figure 2.2: The same again|",
        "List of tables",
        "Table 2.1: Themes by source|",
        "Table 2.2: Answers by country|",
    ]


def test_word_can_make_contents_and_lists_anew(body):
    assert fields(body, "TOC") == [
        r'TOC \o "1-2" \u \h \z',
        r"TOC \c Figure \h \z",
        r"TOC \c Table \h \z",
    ]


def test_every_field_that_begins_ends(body):
    kinds = [mark.get(qn("w:fldCharType")) for mark in found(body, ".//w:fldChar")]

    assert len(kinds) == 3 * kinds.count("begin") == 3 * kinds.count("end")


def test_every_link_and_page_reference_leads_to_a_bookmark(body):
    names = found(body, ".//w:bookmarkStart/@w:name")
    targets = found(body, ".//w:hyperlink/@w:anchor")
    targets += [code.split()[1] for kind in ("REF", "PAGEREF") for code in fields(body, kind)]

    assert targets
    assert set(targets) <= set(names)
    assert len(names) == len({name.lower() for name in names})
    assert max(map(len, names)) <= 40


def test_a_long_id_leads_to_its_heading_too(tmp_path):
    page = f"# Curaçao\n\n## {'A heading of many words ' * 4}\n\n## Method\n\nHere.\n"
    body = written(tmp_path, curacao=page).element.body

    assert set(found(body, ".//w:hyperlink/@w:anchor")) <= set(
        found(body, ".//w:bookmarkStart/@w:name")
    )


def test_the_banner_of_invented_evidence_is_at_the_head_of_every_section(document):
    heads = [[p.text for p in section.header.paragraphs] for section in document.sections]

    assert [head.count(BRAND) for head in heads] == [1] * len(heads)
    assert not any(section.header.is_linked_to_previous for section in document.sections)


def test_a_report_of_real_evidence_bears_no_banner(tmp_path):
    document = written(tmp_path, brand="")
    heads = [p.style.style_id for section in document.sections for p in section.header.paragraphs]

    assert "Mark" not in heads
    assert "CoverMark" not in {p.style.style_id for p in document.paragraphs}


def test_the_head_of_a_page_names_its_chapter(document):
    heads = [fields(section.header._element, "STYLEREF") for section in document.sections]

    assert heads == [[], [], *[["STYLEREF 1"]] * 4]


def test_front_pages_have_roman_numbers_and_the_text_starts_at_one(document):
    counts = [
        (kind.get(qn("w:fmt")), kind.get(qn("w:start")))
        for section in document.sections
        for kind in found(section._sectPr, "w:pgNumType")
    ]

    assert counts[1:4] == [("lowerRoman", "1"), ("lowerRoman", None), ("decimal", "1")]
    assert counts[4:] == [("decimal", None)] * 2


def test_only_what_asks_for_it_lies_on_its_side(document):
    wide = [section.page_width > section.page_height for section in document.sections]

    assert wide == [False, False, False, False, True, False]


def test_a_page_break_before_a_turned_page_makes_no_empty_one(body):
    assert found(body, './/w:br[@w:type="page"]') == []


def test_every_table_repeats_its_header_and_keeps_its_rows_whole(body):
    tables = found(body, ".//w:tbl")
    rows = [row for table in tables if table.tblPr.style == "Table" for row in table.tr_lst]

    assert len(tables) == 5
    assert all(found(table.tr_lst[0], "w:trPr/w:tblHeader") for table in tables)
    assert all(found(row, "w:trPr/w:cantSplit") for row in rows)


def test_a_table_is_as_wide_as_the_text_of_its_page(body):
    widths = [
        sum(column.w.twips for column in table.tblGrid.gridCol_lst)
        for table in found(body, ".//w:tbl")
        if table.tblPr.style == "Table"
    ]

    assert widths == [pytest.approx(9298, abs=9), pytest.approx(14230, abs=9)]


def test_a_column_is_no_narrower_than_its_longest_word(body):
    (table, _) = (t for t in found(body, ".//w:tbl") if t.tblPr.style == "Table")
    widths = [column.w.twips for column in table.tblGrid.gridCol_lst]
    longest = [max(map(len, text(cell).split())) for cell in table.tr_lst[0].tc_lst]

    assert all(width > 200 + 85 * word for width, word in zip(widths, longest, strict=True))


def test_a_table_whose_author_says_nothing_gives_room_to_long_texts(tmp_path):
    page = "# Curaçao\n\n## Method\n\n| Year | Law |\n|---|---|\n| 2005 | " + "words " * 30 + "|\n"
    (table, *_) = found(written(tmp_path, curacao=page).element.body, './/w:tbl[.//w:t="2005"]')
    year, law = (column.w.twips for column in table.tblGrid.gridCol_lst)

    assert law > 9 * year


def test_a_callout_is_a_box_under_its_title(body):
    boxes = [t for t in found(body, ".//w:tbl") if t.tblPr.style.startswith("Callout")]

    assert [(box.tblPr.style, *map(text, box.tr_lst)) for box in boxes] == [
        ("CalloutNote", "How to read this", "Counts of people are bands."),
        ("CalloutTip", "Tip", "A tip."),
        ("CalloutWarning", "With care", "A warning."),
    ]


def test_two_boxes_are_not_one_table(body):
    blocks = [block for block in body if block.tag in (qn("w:tbl"), qn("w:p"))]

    assert not any(a.tag == b.tag == qn("w:tbl") for a, b in pairwise(blocks))


def test_every_picture_has_a_text_for_those_who_cannot_see_it(body):
    assert found(body, ".//wp:docPr/@descr") == ["One bar: deception", "One bar, again"]
    assert found(body, ".//pic:cNvPr/@descr") == []


def test_a_drawing_goes_in_as_pixels(document):
    pictures = [part for part in document.part.package.iter_parts() if "media" in part.partname]

    assert [part.blob[:4] for part in pictures] == [b"\x89PNG"] * len(pictures) != []


def test_a_tall_picture_leaves_room_for_its_caption(tmp_path):
    book = draw(tmp_path / "report")
    tall = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="3000"/>'
    (book.root / "drawing.svg").write_text(tall, encoding="utf-8")
    body = docx.Document(word.write(book, tmp_path / "out")).element.body

    assert max(int(size) for size in found(body, ".//wp:extent/@cy")) < 20 * 360_000


def test_notes_stand_at_the_foot_of_the_page(path):
    with zipfile.ZipFile(path) as archive:
        assert b"A footnote." in archive.read("word/footnotes.xml")


def test_the_text_is_in_the_reports_language_but_for_words_of_another(document):
    (of_all,) = found(document.styles.element, "w:docDefaults//w:lang/@w:val")

    assert of_all == "en-GB"
    assert [text(run) for run in found(document.element.body, './/w:r[w:rPr/w:lang/@w:val="es"]')]


def test_a_spanish_report_speaks_spanish(tmp_path):
    document = written(tmp_path, lang="es")

    assert styled(document.element.body, "TableCaption") == ["Cuadro 2.1: Themes by source"]
    assert numbered(document)[-2] == "Anexo A — Instruments"
    assert found(document.styles.element, "w:docDefaults//w:lang/@w:val") == ["es-ES"]


def test_elements_stand_in_the_order_of_the_schema(path):
    wrong = []
    with zipfile.ZipFile(path) as archive:
        parts = [name for name in archive.namelist() if re.fullmatch(r"word/\w+\.xml", name)]
        for name in parts:
            for element in etree.fromstring(archive.read(name)).iter(etree.Element):
                order = ORDER.get(etree.QName(element).localname, "").split()
                children = [etree.QName(child).localname for child in element if order]
                if [c for c in order for _ in range(children.count(c))] != children:
                    wrong.append((name, etree.QName(element).localname, children))

    assert wrong == []


def test_every_style_that_is_used_is_defined(document):
    defined = set(found(document.styles.element, "w:style/@w:styleId"))
    used = found(document.element, ".//w:pStyle/@w:val | .//w:rStyle/@w:val | .//w:tblStyle/@w:val")

    assert set(used) <= defined
