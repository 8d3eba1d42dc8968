"""Word: a book as one Word document in house style.

In    tree.Book
Out   one file that Word and LibreOffice open as it is, the same bytes every time

The one idea: pandoc writes the words. Before it does, whatever Word can work out anew (captions,
references, contents, pages) is put in as fields that already show the book's own numbers; after
it, what pandoc cannot say (heading lists, headers, rows that stay whole) is set in its XML.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import quoteattr

from ctresearch.embedded import housestyle, nodes, tree
from ctresearch.embedded.housestyle import MARGINS, SIDES, SPACES, Sheet, begun, field, run
from ctresearch.embedded.nodes import Changes, Node
from ctresearch.embedded.tree import Book, Chapter
from ctresearch.files import write_whole
from ctresearch.problems import refuse

PANDOC = ["-f", "json", "-t", "docx", "-o", "-"]
LISTED = 2  # levels of headings in the contents
LISTS = {"figures-list": "ct-figure", "tables-list": "ct-table"}
LINE = {False: 100, True: 155}  # characters of a table in a line, upright and on its side
MOST = 48  # characters beyond which a column gains nothing
WHOLE = 12  # rows up to which a table stays on one page
EMU = 635  # units of a picture's size in one of a page's
TALLEST = 0.8  # of the page's text: a picture, which leaves room for its caption
FIRST_MARK = 1_000_000  # number of our first bookmark; pandoc's begin at 9

TAB = "<w:r><w:tab/></w:r>"
BREAK = housestyle.paragraph("Break", inner='<w:r><w:br w:type="page"/></w:r>')
CONTENTS = (
    '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/>'
    "<w:docPartUnique/></w:docPartObj></w:sdtPr><w:sdtContent>",
    "</w:sdtContent></w:sdt>",
)

Page = tuple[Sheet, Node]  # a block and the kind of page it is on
Entry = tuple[str, str, list[Node]]  # style, id it leads to, words


def write(book: Book, out: Path) -> Path:
    """Write `book` to `out`, under its output file's name.

    Raises ResearchError for a picture that is only there as a drawing.
    """
    text = _Text(book)
    with TemporaryDirectory() as folder:
        reference = write_whole(Path(folder) / "reference.docx", housestyle.reference(book))
        blocks = nodes.document(list(text.blocks()))
        made = tree.run_pandoc([*PANDOC, f"--reference-doc={reference}"], blocks)
    return write_whole(out / f"{book.meta.output_file}.docx", _finished(book, made, text.numbers))


class _Text:
    """A book on its way to pandoc, with its fields and sections."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.shown = [tree.for_format(chapter.blocks, "docx") for chapter in book.chapters]
        self.floats = {
            node["c"][0][0]: node
            for node in tree.every(self.shown)
            if node["t"] == "Div" and set(node["c"][0][1]).intersection(LISTS.values())
        }
        self.numbers: list[tuple[str, bool]] = []  # of every heading; whether of an appendix
        self.last: dict[str, int] = {}  # number of the last figure, table
        self.marks = FIRST_MARK
        self.wide = self.annexed = False
        kinds = ("Header", "Div", "Table", "Image", "Link")
        self.changes: Changes = {kind: getattr(self, kind.lower()) for kind in kinds}

    def blocks(self) -> Iterator[Node]:
        """Everything, each run of like pages closed by its section's properties."""
        before = Sheet("cover")
        for sheet, pages in groupby(self.pages(), key=lambda page: page[0]):
            yield from (block for _, block in pages)
            restart = before.head == "cover" or before.roman != sheet.roman
            section = f'<w:pStyle w:val="Break"/>{sheet.section(restart=restart)}'
            yield _xml(f"<w:p><w:pPr>{section}</w:pPr></w:p>")
            before = sheet

    def pages(self) -> Iterator[Page]:
        yield from ((Sheet("cover"), block) for block in self.cover())
        yield from ((Sheet("front"), block) for block in self.lists())
        part = ""
        for chapter, blocks in zip(self.book.chapters, self.shown, strict=True):
            upright = Sheet("running", roman=chapter.kind == "front")
            if chapter.part not in ("", part):
                yield upright, _styled("Part Title", nodes.string(chapter.part), at=_part(chapter))
            part = chapter.part
            self.annexed = chapter.kind == "appendix"
            yield upright, self.titled(1, chapter.id, chapter.number, chapter.title)
            yield from self.chapter(blocks, upright)

    def chapter(self, blocks: list[Node], upright: Sheet) -> Iterator[Page]:
        """What follows a chapter's heading, each block on its page."""
        for wide, group in groupby(blocks, key=_is_wide):
            self.wide = wide
            sheet = Sheet(upright.head, upright.roman, wide)
            found = [inner for block in group for inner in (block["c"][1] if wide else [block])]
            yield from ((sheet, block) for block in _trimmed(self.inner(found)))
        self.wide = False

    def inner(self, content: list[Node]) -> list[Node]:
        return nodes.change(content, self.changes)

    # cover, contents and lists

    def cover(self) -> Iterator[Node]:
        meta, words = self.book.meta, self.book.words
        authors = ", ".join(name for name in meta.authors if name != meta.publisher)
        edition = meta.edition and f"{words['edition']} {meta.edition}"
        lines = [
            ("Cover Publisher", meta.publisher),
            ("Title", meta.title),
            ("Subtitle", meta.subtitle),
            *(("Cover Line", line) for line in (authors, edition, meta.date)),
            ("Cover Line", meta.isbn and f"ISBN {meta.isbn}"),
            ("Cover Mark", meta.brand),
        ]
        return (_styled(style, nodes.string(said)) for style, said in lines if said)

    def lists(self) -> Iterator[Node]:
        """Contents, figures, tables: fields that are filled in already."""
        yield _xml(CONTENTS[0])
        yield from self.listing("contents", rf'TOC \o "1-{LISTED}" \h \z \u', list(self.headings()))
        yield _xml(CONTENTS[1])
        for name, kind in LISTS.items():
            floats = [node for node in self.floats.values() if kind in node["c"][0][1]]
            if floats:
                label = dict(floats[0]["c"][0][2])["label"]
                entries = [_captioned(node) for node in floats]
                yield from self.listing(name, rf'TOC \h \z \c "{_sequence(label)}"', entries)

    def listing(self, name: str, instruction: str, entries: list[Entry]) -> Iterator[Node]:
        yield _styled("TOC Heading", nodes.string(self.book.words[name]))
        for at, (style, anchor, words) in enumerate(entries, start=1):
            opening = begun(instruction) * (at == 1) + _linking(anchor)
            page = TAB + field(rf"PAGEREF {_bookmark(anchor)} \h", "")
            closing = f"{page}</w:hyperlink>{housestyle.ENDED * (at == len(entries))}"
            yield _styled(style, _raw(opening), *_bare(words), _raw(closing))

    def headings(self) -> Iterator[Entry]:
        part = ""
        for chapter, blocks in zip(self.book.chapters, self.shown, strict=True):
            if chapter.part not in ("", part):
                yield "toc 1", _part(chapter), [nodes.string(chapter.part)]
            part, number = chapter.part, chapter.number
            if number and chapter.kind == "appendix":
                number = f"{self.book.words['appendix']} {number} —"
            yield "toc 1", chapter.id, [*_apart(number), *chapter.title]
            for node in tree.every(blocks):
                if node["t"] == "Header" and node["c"][0] <= LISTED:
                    _, (anchor, _, settings), title = node["c"]
                    yield "toc 2", anchor, [*_apart(dict(settings).get("number", "")), *title]

    # what pandoc is told of each kind of node

    def titled(self, level: int, anchor: str, number: str, title: list[Node]) -> Node:
        """A heading, whose number is noted for the list that will show it."""
        words = self.inner(title)
        if "0" in number.split("."):  # 2.0.1, under no section 2.1: no list counts like this
            number, words = "", [nodes.string(f"{number} "), *words]
        self.numbers.append((number, self.annexed))
        return nodes.heading(level, anchor, *words)

    def header(self, node: Node) -> list[Node]:
        level, (anchor, _, settings), title = node["c"]
        return [self.titled(level, anchor, dict(settings).get("number", ""), title)]

    def div(self, node: Node) -> list[Node]:
        (at, classes, settings), blocks = node["c"]
        named, kind = dict(settings), next(iter(classes), "")
        match kind:
            case "ct-figure":
                return [self.float(at, named, "Image Caption", blocks)]
            case "ct-table":
                return [self.float(at, named, "Table Caption", blocks)]
            case "ct-callout":
                return [_callout(classes[1], named["title"], self.inner(blocks))]
            case "ct-pagebreak":
                return [_xml(BREAK)]
        return [nodes.inside(node, self.changes)]

    def float(self, at: str, named: dict[str, str], style: str, blocks: list[Node]) -> Node:
        """A figure over its caption, or a table under it."""
        *content, said = blocks
        words = [inline for block in said["c"][1] for inline in self.inner(block["c"])]
        label = _raw(self.label(at, named["label"], named["number"]))
        caption = _styled(style, label, nodes.string(": "), *words)
        if style == "Table Caption":
            return nodes.div([caption, *self.inner(content)], at=at)
        figure = nodes.div(self.inner(content), custom_style="Captioned Figure")
        return nodes.div([figure, caption], at=at)

    def label(self, at: str, word: str, number: str) -> str:
        """'Figure 2.1' with its last number counted by Word, in a bookmark for references."""
        above, _, own = number.rpartition(".")
        follows = self.last.get(word, 0) + 1 == int(own)
        self.last[word], self.marks = int(own), self.marks + 1
        counted = rf"SEQ {_sequence(word)} \* ARABIC" + ("" if follows else rf" \r {own}")
        before = f"{word}\u00a0{above}{'.' if above else ''}"
        name = quoteattr(_label_mark(at))
        return (
            f'<w:bookmarkStart w:id="{self.marks}" w:name={name}/>{run(before)}'
            f'{field(counted, run(own))}<w:bookmarkEnd w:id="{self.marks}"/>'
        )

    def table(self, node: Node) -> list[Node]:
        """A table whose columns are as wide as their words ask for, unless its author said."""
        _, caption, columns, *rows = nodes.inside(node, self.changes)["c"]
        if all(width["t"] == "ColWidthDefault" for _, width in columns):
            shares = _shares(rows, len(columns), LINE[self.wide])
            columns = [
                [side, {"t": "ColWidth", "c": share}]
                for (side, _), share in zip(columns, shares, strict=True)
            ]
        return [{"t": "Table", "c": [["", [], []], caption, columns, *rows]}]

    def image(self, node: Node) -> list[Node]:
        (_, _, settings), alt, (target, _) = node["c"]
        named = dict(settings)
        if not target.endswith(".png"):
            where = f"reports/{self.book.name}, docx"
            cure = "Save it as PNG as well, and name that file in the report."
            raise refuse(where, f"Word cannot show {Path(target).name!r} everywhere", cure)
        sizes = [[side, named[side]] for side in ("width", "height") if side in named]
        return [{"t": "Image", "c": [["", [], sizes], alt, [target, ""]]}]

    def link(self, node: Node) -> list[Node]:
        """A link within the book; one that names a figure or table follows its number."""
        (_, classes, settings), words, (target, _) = nodes.inside(node, self.changes)["c"]
        if not target.startswith("#"):
            return [node]
        anchor = target.removeprefix("#")
        if "ct-ref" in classes and dict(settings)["label"] and anchor in self.floats:
            opening = begun(rf"REF {_label_mark(anchor)} \h")
            return [_raw(opening), *words, _raw(housestyle.ENDED)]
        return [_raw(_linking(anchor)), *words, _raw("</w:hyperlink>")]


# small things of pandoc's tree


def _raw(xml: str) -> Node:
    return nodes.raw("openxml", xml)


def _xml(xml: str) -> Node:
    return {"t": "RawBlock", "c": ["openxml", xml]}


def _styled(style: str, *inlines: Node, at: str = "") -> Node:
    """A paragraph in a style of the house."""
    return nodes.div([{"t": "Para", "c": list(inlines)}], at=at, custom_style=style)


def _apart(number: str) -> list[Node]:
    return [nodes.string(number), _raw(TAB)] if number else []


def _bare(words: list[Node]) -> list[Node]:
    """Words without what leads elsewhere."""
    return nodes.change(words, {"Link": lambda link: link["c"][1], "Note": lambda _: []})


def _captioned(node: Node) -> Entry:
    """A figure or table as its list has it."""
    (anchor, _, settings), blocks = node["c"]
    named = dict(settings)
    words = [inline for block in blocks[-1]["c"][1] for inline in block["c"]]
    label = f"{named['label']}\u00a0{named['number']}: "
    return "table of figures", anchor, [nodes.string(label), *words]


def _callout(kind: str, title: str, blocks: list[Node]) -> Node:
    """A box with a coloured side: a table of one column, its title the header."""
    named = ["", [], [["custom-style", f"Callout{kind.title()}"]]]
    column = [{"t": "AlignDefault"}, {"t": "ColWidth", "c": 1.0}]
    empty: list[Any] = ["", [], []]

    def row(content: list[Node]) -> list[Any]:
        return [empty, [[empty, {"t": "AlignDefault"}, 1, 1, content]]]

    head = [empty, [row([_styled("Callout Title", nodes.string(title))])]]
    body = [[empty, 0, [], [row(blocks)]]]
    return {"t": "Table", "c": [named, [None, []], [column], head, body, [empty, []]]}


def _is_wide(block: Node) -> bool:
    return block["t"] == "Div" and "landscape" in block["c"][0][1]


def _trimmed(blocks: list[Node]) -> list[Node]:
    """Blocks without page breaks at either end, where a new page begins anyway."""
    kept = [at for at, block in enumerate(blocks) if block != _xml(BREAK)]
    return blocks[kept[0] : kept[-1] + 1] if kept else []


def _shares(rows: list[Any], count: int, line: int) -> list[float]:
    """How much of the width each column is given: its longest word, then room for its texts."""
    words, texts = [0] * count, [0] * count
    (_, head), bodies, (_, foot) = rows
    for _, cells in (*head, *(row for body in bodies for part in body[2:] for row in part), *foot):
        for at, cell in enumerate(cells[:count]):
            said = tree.text_of(cell[4])
            words[at] = max(words[at], *(len(word) + 2 for word in f"{said} -----".split()))
            texts[at] = max(texts[at], min(len(said) + 2, MOST))
    wanted = [max(text - word, 0) for text, word in zip(texts, words, strict=True)]
    room = max(line - sum(words), 0) / (sum(wanted) or 1)
    widths = [word + want * room for word, want in zip(words, wanted, strict=True)]
    return [width / sum(widths) for width in widths]


# names of bookmarks


def _part(chapter: Chapter) -> str:
    return f"part-{chapter.id}"


def _bookmark(anchor: str) -> str:
    """The name pandoc gives a bookmark: Word's have 40 characters at most."""
    if len(anchor) <= 40 and anchor[:1].isalpha():
        return anchor
    return "X" + hashlib.sha1(anchor.encode()).hexdigest()[1:]


def _label_mark(anchor: str) -> str:
    """The name of the hidden bookmark around 'Figure 2.1'."""
    return f"_{_bookmark(anchor)}"[:40]


def _linking(anchor: str) -> str:
    return f'<w:hyperlink w:anchor={quoteattr(_bookmark(anchor))} w:history="1">'


def _sequence(label: str) -> str:
    """The name Word counts by: 'Figure'."""
    return re.sub(r"\W+", "_", label)


# what pandoc cannot say


def _finished(book: Book, made: bytes, numbers: list[tuple[str, bool]]) -> bytes:
    import docx

    document = docx.Document(io.BytesIO(made))
    body = document.element.body
    _number(body, numbers)
    _last_section(body)
    _lay_out(body)
    _attach(document.part, book)
    _describe(document, book)
    saved = io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as archive:
        return housestyle.packed({name: archive.read(name) for name in archive.namelist()})


def _number(body: Any, numbers: list[tuple[str, bool]]) -> None:
    """Take headings without a number out of their list, and put an appendix in its own."""
    headings = [p for p in _found(body, ".//w:p") if (p.style or "").startswith("Heading")]
    for heading, (number, annexed) in zip(headings, numbers, strict=True):
        if number and not annexed:
            continue
        listed = heading.get_or_add_pPr().get_or_add_numPr()
        listed.get_or_add_ilvl().val = int(heading.style[-1]) - 1
        listed.get_or_add_numId().val = housestyle.APPENDICES if number else 0


def _last_section(body: Any) -> None:
    """The last section's properties stand at the end of the text, not in a paragraph."""
    last = _found(body, "./w:p/w:pPr/w:sectPr")[-1]
    body.remove(last.getparent().getparent())
    body.replace(body.sectPr, last)


def _lay_out(body: Any) -> None:
    """Fit tables and pictures to the pages they are on, known from the end backwards."""
    for block in reversed(list(body)):
        for size in _found(block, "descendant-or-self::w:sectPr/w:pgSz"):
            width, height = size.w.twips - SIDES, size.h.twips - MARGINS["top"] - MARGINS["bottom"]
        for table in _found(block, "descendant-or-self::w:tbl"):
            _shape(table, width - 400 * len(_found(table, "ancestor::w:tbl")))
        for picture in _found(block, ".//wp:inline"):
            _fit(picture, width * EMU, round(height * EMU * TALLEST))


def _shape(table: Any, width: int) -> None:
    """A table of that width: columns in proportion, rows whole, its header on every page."""
    style = table.tblPr.style
    given = [column.w.twips for column in table.tblGrid.gridCol_lst]
    widths = [round(width * part / sum(given)) for part in given]
    banded = 'w:firstRow="1" w:lastRow="0" w:firstColumn="0" w:lastColumn="0" w:noHBand="0"'
    properties = (
        f'<w:tblPr {SPACES}><w:tblStyle w:val="{style}"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
        f'<w:tblLayout w:type="fixed"/><w:tblLook w:val="0420" {banded} w:noVBand="1"/></w:tblPr>'
    )
    table.replace(table.tblPr, _parsed(properties))
    for column, share in zip(table.tblGrid.gridCol_lst, widths, strict=True):
        column.set(_w("w"), str(share))
    for row in table.tr_lst:
        for cell in row.tc_lst:
            at = cell.grid_offset
            cell.get_or_add_tcPr().get_or_add_tcW().set(_w("type"), "dxa")
            cell.tcPr.tcW.set(_w("w"), str(sum(widths[at : at + cell.grid_span])))
    if style == "Table":
        _keep_rows(table.tr_lst)


def _keep_rows(rows: list[Any]) -> None:
    """Rows that no page divides, in the small type of tables; a short table stays whole."""
    for row in rows:
        properties = row.get_or_add_trPr()
        header = _found(properties, "./w:tblHeader")
        properties.insert(0, _parsed(f"<w:cantSplit {SPACES}/>"))
        for text in _found(row, ".//w:p"):
            text.style = "TableHead" if header else "TableText"
            if len(rows) <= WHOLE and row is not rows[-1]:
                text.get_or_add_pPr().get_or_add_keepNext()


def _fit(picture: Any, width: int, height: int) -> None:
    """A picture no larger than its page, with its description and without its file's name."""
    (extent,) = _found(picture, "./wp:extent")
    scale = min(1.0, width / int(extent.get("cx")), height / int(extent.get("cy")))
    for size in (extent, *_found(picture, ".//a:xfrm/a:ext")):
        for side in ("cx", "cy"):
            size.set(side, str(round(int(size.get(side)) * scale)))
    for inner in _found(picture, ".//pic:cNvPr"):
        inner.attrib.pop("descr", None)


def _attach(part: Any, book: Book) -> None:
    """Headers, footers and settings; away with what pandoc adds and nobody needs."""
    from docx.opc.constants import RELATIONSHIP_TYPE as KINDS
    from docx.parts.hdrftr import FooterPart, HeaderPart

    for name, content in housestyle.heads(book).items():
        above = name.startswith("head")
        made = (HeaderPart if above else FooterPart).new(part.package)
        made.element[:] = list(_parsed(f"<w:hdr {SPACES}>{content}</w:hdr>"))
        part.load_rel(KINDS.HEADER if above else KINDS.FOOTER, made, name)
    part.settings.element[:] = list(_parsed(housestyle.filled("word-settings.xml", book)))
    for owner in (part, part.package):
        for name, link in list(owner.rels.items()):
            if link.reltype.endswith(("/comments", "/custom-properties", "/extended-properties")):
                del owner.rels[name]


def _describe(document: Any, book: Book) -> None:
    """What the document says of itself; dated by the book, never by the day it was made."""
    meta, about = book.meta, document.core_properties
    year = re.search(r"\d{4}", f"{meta.date} {meta.edition} 2000")
    about.title, about.subject, about.comments = meta.title, meta.subtitle, meta.description
    about.author = about.last_modified_by = ", ".join(meta.authors) or meta.publisher
    about.language, about.identifier = housestyle.language(book), meta.isbn
    about.keywords, about.category, about.revision = meta.brand, "", 1
    about.created = about.modified = datetime(int(year[0]) if year else 2000, 1, 1)


def _found(element: Any, path: str) -> list[Any]:
    from docx.oxml.ns import nsmap
    from lxml import etree

    return list(etree.XPath(path, namespaces=nsmap)(element))


def _parsed(xml: str | bytes) -> Any:
    from docx.oxml import parse_xml

    return parse_xml(xml)


def _w(name: str) -> str:
    return f"{{{housestyle.WORD}}}{name}"
