"""Pdf: a book as one tagged, archival PDF, set by typst.

In    tree.Book
Out   one file: PDF/UA-1 and PDF/A-2a, with bookmarks and links, the same bytes every time

The one idea: pandoc writes the words, `book.typ` decides how they look, and what joins the two are
a few calls: float, picture, callout, part, landscape, references. Whatever typst or the two
standards object to (a text no font has, a heading level left out) refuses the book.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ctresearch.embedded import columns, nodes, tree
from ctresearch.embedded.nodes import Node
from ctresearch.embedded.tree import Book, Chapter
from ctresearch.files import digest, write_whole
from ctresearch.problems import Problem, ResearchError

HERE = Path(__file__).parent
FONTS = HERE.parent / "fonts"
STANDARDS: list[Any] = ["ua-1", "a-2a"]
PANDOC = ["-f", "json", "-t", "typst-citations", "--wrap=none"]
OPENING = '#import "book.typ": *\n#show: volume\n#cover()\n#contents()\n'
NUMBERED_FROM_ONE = '#set page(numbering: "1")\n#counter(page).update(1)'
OWN_FONT = "Source Sans 3"


def write(book: Book, out: Path) -> Path:
    """Write `book` to `out`, under its output file's name.

    Raises ResearchError with every word typst says: where it refuses or warns, a reader would miss
    something.
    """
    text = _Text(book)
    with TemporaryDirectory() as folder:
        for name, data in text.files().items():
            write_whole(Path(folder) / name, data)
        made = _compile(book, Path(folder))
    return write_whole(out / f"{book.meta.output_file}.pdf", made)


def _compile(book: Book, folder: Path) -> bytes:
    import typst

    try:
        made, warnings = typst.compile_with_warnings(
            str(folder / "main.typ"),
            root=str(folder),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"book": json.dumps(_facts(book), ensure_ascii=False)},
            pdf_standards=STANDARDS,
            timestamp=_dated(book.meta.date or book.meta.edition),
        )
    except typst.TypstError as error:
        raise ResearchError([_problem(book, error)]) from error
    if warnings:
        raise ResearchError(_problem(book, warning) for warning in warnings)
    return bytes(made)


def _problem(book: Book, said: Any) -> Problem:
    cure = " ".join(said.hints) or "Mend the place it speaks of; the other formats may show it."
    return Problem(f"reports/{book.name}, pdf", f"typst says: {said.message}", cure)


def _dated(written: str) -> datetime:
    """The date a book bears, as the moment it was made; of a year alone, its first day."""
    found = re.search(r"(\d{4})(?:-(\d\d)-(\d\d))?", written)
    year, month, day = (int(part or 1) for part in found.groups()) if found else (1970, 1, 1)
    return datetime(year, month, day, tzinfo=UTC)


def _facts(book: Book) -> dict[str, Any]:
    """What the template prints around the text."""
    meta = book.meta
    return {
        **book.cover,
        "brand": meta.brand,
        "names": meta.authors or [meta.publisher],
        "description": meta.description or meta.subtitle,
        "lang": _language(meta.lang),
        "words": book.words,
    }


def _language(tag: str) -> str:
    """'es-419' → 'es'"""
    return tag.split("-")[0]


def _typst(text: str) -> Node:
    return nodes.plain(nodes.raw("typst", text))


def _quoted(text: str) -> str:
    """Text as typst writes a string."""
    return json.dumps(text, ensure_ascii=False)


class _Text(nodes.Writer):
    """A book on its way to typst, and the pictures it shows."""

    kinds = ("Header", "Div", "Table", "Image", "Span")

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book = book
        self.media: dict[str, bytes] = {}
        self.wide = False  # within a part that stands on its side

    def files(self) -> dict[str, bytes]:
        """What typst reads, by name."""
        blocks = [block for part in self.parts() for block in part]
        body = nodes.run_pandoc(PANDOC, nodes.document(blocks))
        template = (HERE / "book.typ").read_bytes()
        return {"main.typ": OPENING.encode() + body, "book.typ": template, **self.media}

    def parts(self) -> Iterator[list[Node]]:
        """The chapters in order, each after what comes before it: a new count of pages, a part."""
        chapters = self.book.chapters
        body = [chapter for chapter in chapters if chapter.kind != "front"]
        before = ""
        for chapter in chapters:
            if chapter in body[:1]:
                yield [_typst(NUMBERED_FROM_ONE)]
            if chapter.part and chapter.part != before:
                yield [_typst(f"#part({_quoted(chapter.part)})")]
            before = chapter.part
            yield self.chapter(chapter)

    def chapter(self, chapter: Chapter) -> list[Node]:
        number = _spaced(chapter.number)
        if chapter.kind == "appendix":
            number = f"{self.book.words['appendix']} {chapter.number} — "
        title = self.inner(chapter.title)
        return [
            nodes.heading(1, chapter.id, nodes.string(number), *title),
            *self.inner(tree.for_format(chapter.blocks, "pdf")),
        ]

    def header(self, node: Node) -> list[Node]:
        level, (at, _, settings), title = node["c"]
        number = nodes.string(_spaced(dict(settings).get("number", "")))
        return [nodes.heading(level, at, number, *self.inner(title))]

    def div(self, node: Node) -> list[Node]:
        (at, classes, settings), blocks = node["c"]
        named, kind = dict(settings), next(iter(classes), "")
        match kind:
            case "ct-figure" | "ct-table":
                return self.float(nodes.Float.of(node))
            case "ct-callout":
                title = [nodes.string(named["title"])]
                return self.call(f'callout("{classes[1]}", ', blocks, title)
            case "ct-pagebreak":
                return [_typst("#pagebreak(weak: true)")]
            case "landscape" | "references":
                self.wide = kind == "landscape"
                inner, self.wide = self.inner(blocks), False
                return [_typst(f"#{kind}["), *inner, _end(at)]
        return [nodes.inside(node, self.changes)]

    def call(self, opening: str, blocks: list[Node], title: list[Node], at: str = "") -> list[Node]:
        """`#opening[title])[blocks] <at>`"""
        head = nodes.plain(nodes.raw("typst", f"#{opening}["), *title, nodes.raw("typst", "])["))
        return [head, *self.inner(blocks), _end(at)]

    def float(self, one: nodes.Float) -> list[Node]:
        """A figure or table with the number it has in every format."""
        label = {"t": "Strong", "c": [nodes.string(f"{one.label}:")]}
        title = [label, nodes.string(" "), *self.inner(one.caption)]
        holds = "image" if one.kind == "figure" else "table"
        return self.call(f"float(kind: {holds}, caption: ", one.content, title, one.id)

    def table(self, node: Node) -> list[Node]:
        """A table as such: pandoc would make a figure of it, and it may stand in one already."""
        content = nodes.inside(node, self.changes)["c"]
        _, *content = columns.fitted(content, wide=self.wide)
        return [{"t": "Table", "c": [["", ["typst:no-figure"], []], *content]}]

    def span(self, node: Node) -> list[Node]:
        """Words of another language, which pandoc would not tell typst."""
        (at, classes, settings), content = nodes.inside(node, self.changes)["c"]
        lang = [_quoted(_language(value)) for name, value in settings if name == "lang"]
        own = [["typst:text:lang", value] for value in lang]
        return [{"t": "Span", "c": [[at, classes, own], content]}]

    def image(self, node: Node) -> list[Node]:
        """A picture with its text for those who cannot see it, which pandoc would drop."""
        (_, _, settings), said, (target, _) = node["c"]
        files = dict(settings)
        path = _drawn(files.get("svg", "")) or Path(files.get("png", target))
        data = path.read_bytes()
        name = f"media/{digest(data)[:16]}{path.suffix}"
        self.media[name] = data
        sizes = [
            f", {side}: {_length(files[side])}" for side in ("width", "height") if side in files
        ]
        alt = _quoted(nodes.text_of(said))
        return [nodes.raw("typst", f'#picture("{name}", alt: {alt}{"".join(sizes)})')]


def _drawn(svg: str) -> Path | None:
    """The drawing, if typst can letter it: it knows no fonts but ours."""
    if not svg:
        return None
    families = re.findall(r'font-family[=:]\s*["\']*([^"\';>,]+)', Path(svg).read_text("utf-8"))
    return Path(svg) if all(OWN_FONT in family for family in families) else None


def _length(written: str) -> str:
    """A length of html as typst's: '300px' is '225pt', '50%' is '50%'."""
    pixels = re.fullmatch(r"(\d+)(px)?", written)
    return f"{int(pixels[1]) * 0.75}pt" if pixels else written


def _spaced(number: str) -> str:
    return f"{number}\u2002" if number else ""


def _end(at: str) -> Node:
    """The end of a call's content, and the label that links lead to."""
    return _typst(f"] <{at}>" if at else "]")
