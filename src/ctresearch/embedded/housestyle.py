"""Housestyle: what a Word document of this house looks like, before a word stands in it.

In    the folder house/: a Word document without text, taken apart; a book's title page
Out   the same as files or packed, in the book's language and under its title; page setup, fields

The one idea: the look is a folder of small XML files that people can read and compare. They have
holes ({title}, {lang}) for what depends on the book; nothing else is decided in code.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from ctresearch.embedded.tree import Book

HOUSE = Path(__file__).with_name("house")
LANGUAGES = {"en": "en-GB", "es": "es-ES"}  # Word checks spelling by country
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES = f'xmlns:w="{WORD}" xmlns:r="{LINKS}"'
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can note

MARK = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'  # of a field: begin, separate, end
ENDED = MARK.format("end")

SECTION = HOUSE.with_name("section.xml").read_text("utf-8").replace("\n", "")
LONG, SHORT = 16838, 11906  # A4, in twentieths of a point
SIDES, ENDS = 2 * 1304, 1900 + 1360  # its margins: left and right, top and bottom
APPENDICES = 2  # the list of house/word/numbering.xml that is not the headings' own


@dataclass(frozen=True)
class Sheet:
    """How a run of pages looks."""

    head: int  # which header and footer of house/word: 1 cover, 2 contents, 3 chapters
    roman: bool = True  # numbered i, ii, iii
    wide: bool = False  # on its side

    def section(self, *, restart: bool) -> str:
        """The section's properties; `restart` counts its pages from one."""
        width, height = (LONG, SHORT) if self.wide else (SHORT, LONG)
        return SECTION.format(
            head=self.head,
            size=f'w:w="{width}" w:h="{height}"' + ' w:orient="landscape"' * self.wide,
            pages="lowerRoman" if self.roman else "decimal",
            first=' w:start="1"' * restart,
        )


def files(book: Book, section: str) -> dict[str, bytes]:
    """The house's document by name in the zip: in the book's language, under its title.

    section   the properties of the book's last section, which are those of a document
    """
    meta, mark = book.meta, paragraph("Mark", run(book.meta.brand)) * bool(book.meta.brand)
    year = re.search(r"\d{4}", f"{meta.date} {meta.edition}")
    texts = {name: str(said) for name, said in vars(meta).items()} | {
        "author": ", ".join(meta.authors) or meta.publisher,
        "year": year[0] if year else "2000",
        "lang": LANGUAGES.get(meta.lang, meta.lang),
        "appendix": book.words["appendix"],
        "sections": "%1." * (book.kind == "book"),
    }
    holes = {name: escape(said, {'"': "&quot;"}) for name, said in texts.items()}
    holes |= {"mark": mark, "section": section}
    return {
        path.relative_to(HOUSE).as_posix(): re.sub(
            r"\{(\w+)\}", lambda hole: holes[hole[1]], path.read_text("utf-8")
        ).encode()
        for path in HOUSE.rglob("*")
        if path.is_file()
    }


def packed(content: Mapping[str, bytes]) -> bytes:
    """Files as a zip that has no dates and always the same order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in sorted(content):  # [Content_Types].xml, as it should, comes first
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def paragraph(style: str, inner: str) -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{inner}</w:p>'


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def field(instruction: str, shown: str) -> str:
    """Something Word can work out anew, and what it shows until then."""
    return f"{begun(instruction)}{shown}{ENDED}"


def begun(instruction: str) -> str:
    said = f'<w:r><w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText></w:r>'
    return MARK.format("begin") + said + MARK.format("separate")
