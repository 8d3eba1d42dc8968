"""Housestyle: what a Word document of this house looks like, before a word stands in it.

In    a book's language, its words and whether its chapters are numbered
Out   the reference document that pandoc takes styles and lists from; headers, footers, page setup

The one idea: the look is files people can read and compare (word-styles.xml, word-settings.xml);
code adds what depends on the book: its language and the lists that number its headings.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from ctresearch.embedded.tree import Book

HERE = Path(__file__).parent
LANGUAGES = {"en": "en-GB", "es": "es-ES"}  # Word checks spelling by country
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES = f'xmlns:w="{WORD}" xmlns:r="{LINKS}"'
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can note

LONG, SHORT = 16838, 11906  # A4, in twentieths of a point
MARGINS = {"top": 1900, "right": 1304, "bottom": 1360, "left": 1304, "header": 680, "footer": 600}
SIDES = MARGINS["left"] + MARGINS["right"]
LEVELS = range(1, 7)  # of headings
CHAPTERS, APPENDICES = 1, 2  # the lists that number them

CONTENT_TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels"
ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override
PartName="/word/document.xml" ContentType=
"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
RELATIONS = f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="word/document.xml" Type="{LINKS}/officeDocument"/></Relationships>"""


@dataclass(frozen=True)
class Sheet:
    """How a run of pages looks."""

    head: str  # cover, front (lists) or running (chapters): which header and footer
    roman: bool = True  # numbered i, ii, iii
    wide: bool = False  # on its side

    @property
    def width(self) -> int:
        """Of the text, in twentieths of a point."""
        return (LONG if self.wide else SHORT) - SIDES

    def section(self, *, restart: bool) -> str:
        """The section's properties; `restart` counts its pages from one."""
        size = (LONG, SHORT) if self.wide else (SHORT, LONG)
        turned = ' w:orient="landscape"' if self.wide else ""
        margins = " ".join(f'w:{side}="{length}"' for side, length in MARGINS.items())
        style, first = "lowerRoman" if self.roman else "decimal", ' w:start="1"' * restart
        return (
            f'<w:sectPr {SPACES}><w:headerReference w:type="default" r:id="head-{self.head}"/>'
            f'<w:footerReference w:type="default" r:id="foot-{self.head}"/>'
            f'<w:type w:val="nextPage"/><w:pgSz w:w="{size[0]}" w:h="{size[1]}"{turned}/>'
            f'<w:pgMar {margins} w:gutter="0"/><w:pgNumType w:fmt="{style}"{first}/></w:sectPr>'
        )


def language(book: Book) -> str:
    """The language as Word names it: 'en' → 'en-GB'."""
    return LANGUAGES.get(book.meta.lang, book.meta.lang)


def reference(book: Book) -> bytes:
    """The document pandoc takes its styles, lists and text width from."""
    body = f"<w:body><w:p/>{Sheet('running').section(restart=False)}</w:body>"
    return packed(
        {
            "[Content_Types].xml": CONTENT_TYPES.encode(),
            "_rels/.rels": RELATIONS.encode(),
            "word/document.xml": f"<w:document {SPACES}>{body}</w:document>".encode(),
            "word/numbering.xml": _numbering(book).encode(),
            "word/styles.xml": filled("word-styles.xml", book),
        }
    )


def filled(name: str, book: Book) -> bytes:
    """One of the files of the house, in the book's language."""
    return (HERE / name).read_text("utf-8").replace("{lang}", language(book)).encode()


def heads(book: Book) -> Mapping[str, str]:
    """What stands at the head and foot of pages, by the name a `Sheet` refers to it by."""
    mark = paragraph("Mark", book.meta.brand) if book.meta.brand else ""
    title, page = run(book.meta.title), field("PAGE", run("1"))
    return {
        "head-cover": mark or paragraph("Normal"),
        "head-front": paragraph("Header", inner=title) + mark,
        "head-running": paragraph("Header", inner=field("STYLEREF 1", title)) + mark,
        "foot-cover": paragraph("Footer"),
        "foot-front": paragraph("Footer", inner=page),
        "foot-running": paragraph("Footer", inner=page),
    }


def paragraph(style: str, text: str = "", inner: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{inner or run(text) * bool(text)}</w:p>'


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def field(instruction: str, shown: str) -> str:
    """Something Word can work out anew, and what it shows until then."""
    return "".join((begun(instruction), shown, ENDED))


def begun(instruction: str) -> str:
    said = f'<w:r><w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText></w:r>'
    return f"{_mark('begin')}{said}{_mark('separate')}"


def _mark(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


ENDED = _mark("end")


def packed(files: Mapping[str, bytes]) -> bytes:
    """Files as a zip that has no dates and always the same order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, key=lambda name: (name != "[Content_Types].xml", name)):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _numbering(book: Book) -> str:
    """The lists of chapters (1, 1.1) and appendices (Appendix A, A.1)."""
    first = 1 if book.kind == "book" else 2  # in a single document, sections begin the numbers
    appendix = f"{book.words['appendix']} %1 —"
    tops = {CHAPTERS: ("decimal", "%1"), APPENDICES: ("upperLetter", appendix)}
    lists, numbers = "", ""
    for name, top in tops.items():
        levels = "".join(_level(name, level, first, top) for level in LEVELS)
        kind = '<w:multiLevelType w:val="multilevel"/>'
        lists += f'<w:abstractNum w:abstractNumId="{name}">{kind}{levels}</w:abstractNum>'
        numbers += f'<w:num w:numId="{name}"><w:abstractNumId w:val="{name}"/></w:num>'
    return f"<w:numbering {SPACES}>{lists}{numbers}</w:numbering>"


def _level(name: int, level: int, first: int, top: tuple[str, str]) -> str:
    """One level of a list; a number stands apart from its heading, a lettered title follows it."""
    shown = ".".join(f"%{above}" for above in range(first, level + 1))
    style, number = top if level == 1 else ("decimal", shown)
    linked = f'<w:pStyle w:val="Heading{level}"/>' * (name == CHAPTERS)
    hanging = 0 if (name, level) == (APPENDICES, 1) else 567 + 113 * level
    return (
        f'<w:lvl w:ilvl="{level - 1}"><w:start w:val="1"/><w:numFmt w:val="{style}"/>{linked}'
        f'<w:suff w:val="{"tab" if hanging else "space"}"/><w:lvlText w:val="{escape(number)}"/>'
        f'<w:lvlJc w:val="left"/><w:pPr><w:ind w:left="{hanging}" w:hanging="{hanging}"/></w:pPr>'
        "</w:lvl>"
    )
