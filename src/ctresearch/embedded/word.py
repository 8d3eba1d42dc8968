"""Word: a book as one Word document in house style.

In    tree.Book
Out   one file that Word and LibreOffice open as it is, the same bytes every time

The one idea: pandoc writes the words. Before it does, whatever Word can work out anew (captions,
references, contents, pages) is put in as fields that already show the book's own numbers; after
it, what pandoc cannot say (heading lists, rows that stay whole, fitting widths) is set in its XML.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from itertools import count, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docx.oxml import parse_xml
from docx.oxml.ns import nsmap, qn
from lxml import etree

from ctresearch.embedded import columns, housestyle, nodes, tree
from ctresearch.embedded.housestyle import ENDED, ENDS, SIDES, SPACES, Sheet, begun, field, run
from ctresearch.embedded.nodes import Node
from ctresearch.embedded.tree import Book, Chapter
from ctresearch.files import digest, read_text, write_whole

PANDOC = ["-f", "json", "-t", "docx", "-o", "-", "--syntax-highlighting=none"]
OURS = ("word/settings.xml", "docProps/core.xml", "docProps/app.xml")  # in the place of pandoc's

COVER = {"publisher": "Cover Publisher", "title": "Title", "subtitle": "Subtitle"}  # styles
COVER |= dict.fromkeys(("authors", "edition", "date", "isbn"), "Cover Line")
COVER |= {"brand": "Cover Mark"}
LISTS = {"contents": r'\o "1-2" \u', "figures-list": r"\c Figure", "tables-list": r"\c Table"}
LISTED = 2  # levels of headings in the contents
WHOLE = 900  # characters up to which a table stays on one page
EMU = 635  # units of a picture's size in one of a page's
TALLEST = 0.8  # of the page's text: a picture, which leaves room for its caption

TAB = "<w:r><w:tab/></w:r>"
BREAK = housestyle.paragraph("Break", '<w:r><w:br w:type="page"/></w:r>')
FOR_WORD = (
    '<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/'
    '2006" xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml">'
    '<mc:Choice Requires="w15">',
    "</mc:Choice></mc:AlternateContent></w:r>",
)


Entry = tuple[str, str, list[Node]]  # of contents or a list: style, id it leads to, words


def write(book: Book, out: Path) -> Path:
    """Write `book` to `out`, under its output file's name."""
    with TemporaryDirectory() as folder:
        text = _Text(book, Path(folder))
        blocks = nodes.document(list(text.blocks()))
        house = housestyle.files(book, text.section)
        styles = write_whole(text.folder / "reference.docx", housestyle.packed(house))
        made = nodes.run_pandoc([*PANDOC, f"--reference-doc={styles}"], blocks)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files |= {name: house[name] for name in OURS}
    files["word/document.xml"] = _finished(files["word/document.xml"], text.numbers)
    return write_whole(out / f"{book.meta.output_file}.docx", housestyle.packed(files))


class _Text(nodes.Writer):
    """A book on its way to pandoc, with its fields and sections."""

    kinds = ("Header", "Div", "Table", "Image", "Link")

    def __init__(self, book: Book, folder: Path) -> None:
        super().__init__()
        self.book, self.folder = book, folder
        self.entries: dict[str, list[Entry]] = {name: [] for name in LISTS}
        self.numbers: list[str] = []  # of every heading in order; "" for one without
        self.marks = count(1_000_000)  # numbers of our bookmarks; pandoc's are small
        self.wide, self.part, self.section = False, "", ""

    def blocks(self) -> Iterator[Node]:
        """Everything, each run of like pages closed by its section's properties."""
        body = [page for chapter in self.book.chapters for page in self.chapter(chapter)]
        lists = [(Sheet(2), block) for name in LISTS for block in self.listing(name)]
        cover, before = [(Sheet(1), block) for block in self.cover()], Sheet(1)
        for sheet, group in groupby([*cover, *lists, *body], key=lambda page: page[0]):
            if self.section:
                yield _xml(f'<w:p><w:pPr><w:pStyle w:val="Break"/>{self.section}</w:pPr></w:p>')
            yield from (block for _, block in group)
            restart = before.head == 1 or before.roman != sheet.roman
            self.section, before = sheet.section(restart=restart), sheet

    def chapter(self, chapter: Chapter) -> Iterator[tuple[Sheet, Node]]:
        """A chapter's blocks, each with the kind of page it is on."""
        upright = Sheet(3, roman=chapter.kind == "front")
        if chapter.part not in ("", self.part):
            title, at = nodes.string(chapter.part), f"part-{chapter.id}"
            self.entries["contents"].append(("toc 1", at, [title]))
            yield upright, _styled("Part Title", {"t": "Span", "c": [[at, [], []], [title]]})
        self.part = chapter.part
        named = [chapter.id, [], [["number", chapter.number]]]
        yield upright, self.header({"t": "Header", "c": [1, named, chapter.title]})[0]
        for wide, group in groupby(tree.for_format(chapter.blocks, "docx"), key=_is_wide):
            self.wide = wide
            found = [inner for block in group for inner in (block["c"][1] if wide else [block])]
            sheet = Sheet(3, upright.roman, wide)
            yield from ((sheet, block) for block in _trimmed(self.inner(found)))

    # cover, contents and lists

    def cover(self) -> Iterator[Node]:
        lines = self.book.cover | {"brand": self.book.meta.brand}
        styled = ((style, lines[name]) for name, style in COVER.items())
        return (_styled(style, nodes.string(line)) for style, line in styled if line)

    def listing(self, name: str) -> Iterator[Node]:
        """A list under its heading, filled in already; the field around it is for Word alone.

        LibreOffice would freeze the pages in a field of contents, and works them out without it.
        """
        entries = self.entries[name]
        if entries:
            yield _styled("TOC Heading", nodes.string(self.book.words[name]))
        for entry in entries:
            style, anchor, shown = entry
            opening = _for_word(begun(rf"TOC {LISTS[name]} \h \z")) * (entry is entries[0])
            closing = _for_word(ENDED) * (entry is entries[-1])
            page = _raw(TAB + field(rf"PAGEREF {_bookmark(anchor)} \h", ""))
            line = nodes.change([*shown, page], {"Note": lambda _: []})
            yield _styled(style, _raw(opening), *_linked(anchor, line), _raw(closing))

    # what pandoc is told of each kind of node

    def header(self, node: Node) -> list[Node]:
        """A heading, whose number is noted for the list that will show it."""
        level, (anchor, _, settings), title = node["c"]
        number, words = dict(settings).get("number", ""), self.inner(title)
        if "0" in number.split("."):  # 2.0.1, under no section 2.1: no list counts like this
            number, words = "", [nodes.string(f"{number} "), *words]
        self.numbers.append(number)
        if level <= LISTED:
            told = f"{self.book.words['appendix']} {number} — " if number.isalpha() else number
            shown = [nodes.string(told), _raw(TAB * (number == told != "")), *title]
            self.entries["contents"].append((f"toc {level}", anchor, shown))
        named = {"t": "Span", "c": [[anchor, [], []], words]}  # pandoc would name the whole section
        return [nodes.heading(level, "", named)]

    def div(self, node: Node) -> list[Node]:
        (_, classes, settings), blocks = node["c"]
        match classes:
            case ["ct-figure" | "ct-table"]:
                return self.float(nodes.Float.of(node))
            case ["ct-callout", kind]:
                return [_callout(kind, dict(settings)["title"], self.inner(blocks))]
            case ["ct-pagebreak"]:
                return [_xml(BREAK)]
        return [nodes.inside(node, self.changes)]

    def float(self, one: nodes.Float) -> list[Node]:
        """A figure over its caption, or a table under it."""
        listed = self.entries[f"{one.kind}s-list"]
        listed.append(("table of figures", one.id, [nodes.string(f"{one.label}: "), *one.caption]))
        caption = [_raw(self.label(one)), nodes.string(": "), *self.inner(one.caption)]
        if one.kind == "table":
            return [_styled("Table Caption", *caption), *self.inner(one.content)]
        figure = nodes.div(self.inner(one.content), custom_style="Captioned Figure")
        return [figure, _styled("Image Caption", *caption)]

    def label(self, one: nodes.Float) -> str:
        """'Figure 2.1', its last number counted by Word: the bookmark that links lead to."""
        own = re.split(r"\D", one.label)[-1]
        counted = field(rf"SEQ {one.kind.title()} \* ARABIC" + r" \r 1" * (own == "1"), run(own))
        before, mark = run(one.label.removesuffix(own)), next(self.marks)
        opening = f'<w:bookmarkStart w:id="{mark}" w:name="{_bookmark(one.id)}"/>'
        return f'{opening}{before}{counted}<w:bookmarkEnd w:id="{mark}"/>'

    def table(self, node: Node) -> list[Node]:
        """A table whose columns are as wide as its author or, if he left it open, its words say."""
        _, *content = columns.fitted(nodes.inside(node, self.changes)["c"], wide=self.wide)
        return [{"t": "Table", "c": [["", [], []], *content]}]

    def image(self, node: Node) -> list[Node]:
        """A picture as pixels: not every Word shows drawings."""
        (_, _, settings), alt, (target, _) = node["c"]
        if target.endswith(".svg"):
            from ctresearch import charts

            name = f"{digest(target.encode())}.png"
            target = str(write_whole(self.folder / name, charts.pixels(read_text(Path(target)))))
        sizes = [[side, size] for side, size in settings if side in ("width", "height")]
        return [{"t": "Image", "c": [["", [], sizes], alt, [target, ""]]}]

    def link(self, node: Node) -> list[Node]:
        """A link within the book; one to a figure or table is filled in by Word."""
        (_, _, settings), words, (target, _) = nodes.inside(node, self.changes)["c"]
        if not target.startswith("#"):
            return [node]
        if dict(settings).get("label") and target.startswith(("#fig-", "#tbl-")):
            return [_raw(begun(rf"REF {_bookmark(target[1:])} \h")), *words, _raw(ENDED)]
        return _linked(target[1:], words)


# small things of pandoc's tree


def _raw(xml: str) -> Node:
    return nodes.raw("openxml", xml)


def _xml(xml: str) -> Node:
    return {"t": "RawBlock", "c": ["openxml", xml]}


def _for_word(runs: str) -> str:
    """Runs whose content only Word since 2013 takes in."""
    return runs.replace("<w:r>", FOR_WORD[0]).replace("</w:r>", FOR_WORD[1])


def _styled(style: str, *inlines: Node) -> Node:
    """A paragraph in a style of the house."""
    return nodes.div([{"t": "Para", "c": list(inlines)}], custom_style=style)


def _linked(anchor: str, words: list[Node]) -> list[Node]:
    """Words that lead to a place in the book, in the colour of text."""
    bare = nodes.change(words, {"Link": lambda link: link["c"][1]})
    opening = f'<w:hyperlink w:anchor="{_bookmark(anchor)}" w:history="1">'
    return [_raw(opening), *bare, _raw("</w:hyperlink>")]


def _bookmark(anchor: str) -> str:
    """The name pandoc gives a bookmark: Word's have 40 characters at most."""
    short = len(anchor) <= 40 and anchor[:1].isalpha()
    return anchor if short else "X" + hashlib.sha1(anchor.encode()).hexdigest()[1:]


def _callout(kind: str, title: str, blocks: list[Node]) -> Node:
    """A box with a coloured side: a table of one column, its title the header."""
    none: list[Any] = ["", [], []]
    side = {"t": "AlignDefault"}
    head, body = (
        [[none, [[none, side, 1, 1, cell]]]]
        for cell in ([_styled("Callout Title", nodes.string(title))], blocks)
    )
    named = ["", [], [["custom-style", f"Callout{kind.title()}"]]]
    columns = [[side, {"t": "ColWidth", "c": 1.0}]]
    rows = [[none, head], [[none, 0, [], body]], [none, []]]
    return {"t": "Table", "c": [named, [None, []], columns, *rows]}


def _is_wide(block: Node) -> bool:
    return block["t"] == "Div" and "landscape" in block["c"][0][1]


def _trimmed(blocks: list[Node]) -> list[Node]:
    """Blocks without page breaks at either end, where a new page begins anyway."""
    kept = [at for at, block in enumerate(blocks) if block != _xml(BREAK)]
    return blocks[kept[0] : kept[-1] + 1] if kept else []


# what pandoc cannot say


def _finished(made: bytes, numbers: list[str]) -> bytes:
    """pandoc's document with its headings in their lists, all fitted to its pages."""
    document: Any = parse_xml(made)
    _number(document.body, numbers)
    _lay_out(document.body)
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def _number(body: Any, numbers: list[str]) -> None:
    """Take headings without a number out of their list, and put an appendix in its own."""
    headings = (p for p in body.xpath(".//w:p") if (p.style or "").startswith("Heading"))
    for heading, number in zip(headings, numbers, strict=True):
        if number[:1].isdigit():
            continue
        listed = heading.pPr.get_or_add_numPr()
        listed.get_or_add_ilvl().val = int(heading.style[-1]) - 1
        listed.get_or_add_numId().val = housestyle.APPENDICES if number else 0


def _lay_out(body: Any) -> None:
    """Fit tables and pictures to the pages they are on, known from the end backwards."""
    for block in reversed(list(body)):
        for size in _found(block, "descendant-or-self::w:sectPr/w:pgSz"):
            width, height = size.w.twips - SIDES, size.h.twips - ENDS
        for table in _found(block, "descendant-or-self::w:tbl"):
            _shape(table, width - 400 * len(_found(table, "ancestor::w:tbl")))
        for under in _found(block, "self::w:tbl/following-sibling::w:p[1]"):
            if under.style in ("BodyText", "FirstParagraph", "Compact", "BlockText"):
                under.pPr.get_or_add_spacing().set(qn("w:before"), "200")
        for picture in _found(block, ".//wp:inline"):
            _fit(picture, width * EMU, height * EMU * TALLEST)


def _shape(table: Any, width: int) -> None:
    """A table of that width: columns in proportion, rows whole, its header on every page."""
    style, columns = table.tblPr.style, table.tblGrid.gridCol_lst
    width -= 60 * (style != "Table")  # a callout's broad side
    given = [column.w.twips for column in columns]
    for column, part in zip(columns, given, strict=True):
        column.set(qn("w:w"), str(round(width * part / sum(given))))
    table.tblPr.xpath("./w:tblW")[0].attrib.update({qn("w:type"): "dxa", qn("w:w"): str(width)})
    short = len("".join(table.itertext())) <= WHOLE
    for row in table.tr_lst if style == "Table" else ():
        header = row.xpath("./w:trPr/w:tblHeader")
        row.get_or_add_trPr().insert(0, parse_xml(f"<w:cantSplit {SPACES}/>"))
        for text in row.xpath(".//w:p"):
            text.style = "TableHead" if header else "TableText"
            if short and row is not table.tr_lst[-1]:
                text.pPr.get_or_add_keepNext()


def _fit(picture: Any, width: float, height: float) -> None:
    """A picture no larger than its page, with its description and without its file's name."""
    (extent,) = _found(picture, "./wp:extent")
    scale = min(1.0, width / int(extent.get("cx")), height / int(extent.get("cy")))
    for size in (extent, *_found(picture, ".//a:xfrm/a:ext")):
        for side in ("cx", "cy"):
            size.set(side, str(round(int(size.get(side)) * scale)))
    for inner in _found(picture, ".//pic:cNvPr"):
        inner.attrib.pop("descr", None)


def _found(element: Any, path: str) -> Any:
    return etree.XPath(path, namespaces=nsmap)(element)
