"""Html: a book as pages that open from a folder, in any browser, for any reader.

In    tree.Book
Out   one page a chapter, and site/ with the style, the script, the fonts and the search index

The one idea: a page asks nobody for anything. Style, fonts, drawings and the index that search
reads lie beside it, so it works from a memory stick as from a server, and no reader is counted.
A drawing is set into the page, where it finds the page's font; a table stands in a region that
scrolls by keyboard, so that the page itself never has to.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any

from ctresearch.embedded import nodes, tree
from ctresearch.embedded.nodes import Node
from ctresearch.embedded.tree import Book, Chapter
from ctresearch.files import digest, write_whole

HERE = Path(__file__).parent
FONTS = HERE.parent / "fonts"
SHIPPED = (
    "SourceSans3_400Regular.ttf",
    "SourceSans3_400Regular_Italic.ttf",
    "SourceSans3_600SemiBold.ttf",
    "LICENSE.txt",
)
PANDOC = ["-f", "json", "-t", "html5", "--wrap=none", "--syntax-highlighting=none"]
CONTENTS_DEPTH = 3  # deepest heading among the contents of a page
# A drawing with any of these stays a file of its own: in the page it could act on the page.
ALIVE = re.compile(r"<(script|style|foreignObject|image|use|a)\b|\bon\w+=", re.IGNORECASE)


def write(book: Book, out: Path) -> list[Path]:
    """Write the pages of `book`, and what they need, to `out`.

    Pages and pictures of an earlier writing are taken away: what is no longer in the book may be
    what must not go out.

    returns  the paths written, in order of their names
    """
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    pages = [_Page(book, chapter) for chapter in book.chapters]
    content = {page.path: template.substitute(page.parts()).encode() for page in pages}
    content["site/style.css"] = (HERE / "style.css").read_bytes() + _on_paper(book.meta.brand)
    content["site/page.js"] = (HERE / "page.js").read_bytes()
    content |= {f"site/fonts/{name}": (FONTS / name).read_bytes() for name in SHIPPED}
    content |= {f"site/media/{n}": data for page in pages for n, data in page.text.media.items()}
    content["site/search.js"] = _search_index(pages)
    written = [write_whole(out / name, content[name]) for name in sorted(content)]
    for path in {*out.rglob("*.html"), *(out / "site").rglob("*.*")} - set(written):
        path.unlink()
    return written


def _on_paper(brand: str) -> bytes:
    """The banner on every sheet of a printed page, for the browsers that know margin boxes."""
    said = f"content: {json.dumps(brand, ensure_ascii=False)}; font: 600 8pt sans-serif"
    return f"@page {{ @top-left {{ {said}; width: 100%; }} }}\n".encode() if brand else b""


def _search_index(pages: Iterable[_Page]) -> bytes:
    """What search reads, as a script: [address, title, text] of every section of the book."""
    entries = [entry for page in pages for entry in page.sections()]
    return f"window.ctIndex = {json.dumps(entries, ensure_ascii=False, indent=0)};\n".encode()


def _address(chapter_path: str) -> str:
    """'countries/jamaica.qmd' → 'countries/jamaica.html'"""
    return PurePosixPath(chapter_path).with_suffix(".html").as_posix()


def _named(chapter: Chapter, separator: str = " ") -> str:
    """'1 Jamaica'; an unnumbered chapter has its title alone."""
    return separator.join(filter(None, (chapter.number, nodes.text_of(chapter.title).strip())))


class _Text(nodes.Writer):
    """The text of one chapter made ready for pandoc's html, and the pictures it shows."""

    kinds = ("Header", "Div", "Table", "Image", "Link")

    def __init__(self, book: Book, chapter: Chapter) -> None:
        super().__init__()
        self.book, self.chapter = book, chapter
        self.media: dict[str, bytes] = {}  # pictures that stay files, by name
        self.drawings = 0  # set into this page so far
        self.source = tree.for_format(chapter.blocks, "html")
        number = chapter.number
        if chapter.kind == "appendix":
            number = f"{book.words['appendix']} {number} —"
        title = nodes.heading(1, chapter.id, *_numbered(number), *self.inner(chapter.title))
        whole = nodes.document([title, *self.inner(self.source)])
        self.html = nodes.run_pandoc(PANDOC, whole).decode()

    def header(self, node: Node) -> list[Node]:
        level, (at, _, settings), title = node["c"]
        number = _numbered(dict(settings).get("number", ""))
        return [nodes.heading(level, at, *number, *self.inner(title))]

    def div(self, node: Node) -> list[Node]:
        (at, classes, settings), blocks = node["c"]
        if "ct-callout" in classes:
            return [self.callout(at, classes[1], dict(settings)["title"], blocks)]
        if "ct-figure" in classes or "ct-table" in classes:
            return list(self.float(nodes.Float.of(node)))
        return [nodes.inside(node, self.changes)]

    def callout(self, at: str, kind: str, title: str, blocks: list[Node]) -> Node:
        head = nodes.div([nodes.plain(nodes.string(title))], "callout-title")
        return nodes.div([head, *self.inner(blocks)], "callout", kind, at=at, role="note")

    def float(self, one: nodes.Float) -> Iterator[Node]:
        """A figure with its caption below, a table with its caption above."""
        name, label = f"{one.id}-caption", _span("label", f"{one.label}:")
        opened, closed = _raw(f'<figcaption id="{name}">'), _raw("</figcaption>")
        caption = nodes.plain(opened, label, nodes.string(" "), *self.inner(one.caption), closed)
        body = self.inner(one.content, Table=lambda node: [self.region(node, aria_labelledby=name)])
        kind = f'class="ct-{one.kind}" aria-labelledby="{name}"'
        yield nodes.plain(_raw(f'<figure id="{one.id}" {kind}>'))
        yield from [caption, *body] if one.kind == "table" else [*body, caption]
        yield nodes.plain(_raw("</figure>"))

    def table(self, node: Node) -> list[Node]:
        return [self.region(node, aria_label=self.book.words["table"])]

    def region(self, node: Node, **name: str) -> Node:
        """A table in a region that scrolls sideways; every heading cell says what it heads."""
        attributes, caption, columns, head, bodies, foot = nodes.inside(node, self.changes)["c"]
        head = [head[0], _scoped(head[1], "col", len(columns))]
        bodies = [
            [own, stub, _scoped(top, "col", len(columns)), _scoped(rows, "row", stub)]
            for own, stub, top, rows in bodies
        ]
        table = {"t": "Table", "c": [attributes, caption, columns, head, bodies, foot]}
        return nodes.div([table], "wide", role="region", tabindex="0", **name)

    def link(self, node: Node) -> list[Node]:
        """Links within the book lead to the page that holds their target."""
        _, content, (target, title) = node["c"]
        if target.startswith("#"):
            target = self.to(target[1:])
        return [{"t": "Link", "c": [["", [], []], self.inner(content), [target, title]]}]

    def to(self, at: str) -> str:
        """The way from this page to the place of an id."""
        path = self.book.where[at]
        if path == self.chapter.path:
            return f"#{at}"
        there = _relative(self.chapter, path)
        return there if at in {chapter.id for chapter in self.book.chapters} else f"{there}#{at}"

    def image(self, node: Node) -> list[Node]:
        """A drawing is set into the page; any other picture is a file beside it."""
        (_, _, settings), said, (target, _) = node["c"]
        files, alt = dict(settings), nodes.text_of(said)
        size = [[side, files[side]] for side in ("width", "height") if side in files]
        path = Path(files.get("svg", target))
        data = path.read_bytes()
        if path.suffix == ".svg" and not size and not ALIVE.search(data.decode()):
            return [self.drawing(data.decode(), alt)]
        name = f"{digest(data)[:12]}{path.suffix}"
        self.media[name] = data
        address = f"{'../' * self.chapter.path.count('/')}site/media/{name}"
        return [{"t": "Image", "c": [["", [], size], [nodes.string(alt)], [address, ""]]}]

    def drawing(self, svg: str, alt: str) -> Node:
        """An SVG within the page, its ids told apart from those of the other drawings."""
        self.drawings += 1
        prefix = f"drawing-{self.drawings}-"
        svg = re.sub(r'(\bid="|url\([\'"]?#|href="#)', rf"\g<1>{prefix}", svg[svg.index("<svg") :])
        named = f'<svg role="img" aria-label="{escape(alt)}"'
        region = f'role="group" tabindex="0" aria-label="{escape(self.book.words["figure"])}"'
        return _raw(f'<span class="wide" {region}>{svg.replace("<svg", named, 1)}</span>')


def _raw(html: str) -> Node:
    return nodes.raw("html", html)


def _span(kind: str, text: str) -> Node:
    return {"t": "Span", "c": [["", [kind], []], [nodes.string(text)]]}


def _numbered(number: str) -> list[Node]:
    return [_span("number", number), nodes.string(" ")] if number else []


def _scoped(rows: list[Any], scope: str, columns: int) -> list[Any]:
    """The rows of a table, their first `columns` cells heading a row or a column."""
    heading = ["", [], [["scope", scope]]]
    return [
        [own, [[heading, *cell[1:]] for cell in cells[:columns]] + cells[columns:]]
        for own, cells in rows
    ]


def _relative(here: Chapter, path: str) -> str:
    """The way from one page to another."""
    return posixpath.relpath(_address(path), posixpath.dirname(_address(here.path)) or ".")


class _Page:
    """One page: the text of a chapter, and what stands around it."""

    def __init__(self, book: Book, chapter: Chapter) -> None:
        self.book, self.chapter, self.words = book, chapter, book.words
        self.path = _address(chapter.path)
        self.text = _Text(book, chapter)
        self.first = chapter == book.chapters[0]

    def parts(self) -> dict[str, str]:
        """What the template asks for, by name."""
        meta = self.book.meta
        said = {name.replace("-", "_"): word for name, word in self.words.items()} | {
            "lang": meta.lang,
            "up": "../" * self.path.count("/"),
            "page_title": " — ".join([_named(self.chapter), meta.title][self.first :]),
            "title": meta.title,
            "description": meta.description or meta.subtitle or meta.title,
            "home": _relative(self.chapter, self.book.chapters[0].path),
        }
        head, rest = self.text.html.split("</h1>", 1)
        imprint = " · ".join(filter(None, map(self.book.cover.get, ("publisher", "edition"))))
        made = {
            "banner": self.banner(),
            "chapters": self.sidebar(),
            "cover": self.cover() if self.first else "",
            "article": f"{head}</h1>\n{self.contents()}{rest.rstrip()}",
            "turn": self.turn(),
            "imprint": f"<p>{escape(imprint)}</p>",
        }
        return {name: escape(text) for name, text in said.items()} | made

    def banner(self) -> str:
        brand = self.book.meta.brand
        return f'<div class="invented" role="note"><p>{escape(brand)}</p></div>' if brand else ""

    def cover(self) -> str:
        lines = self.book.cover
        shown = (f'<p class="{kind}">{escape(line)}</p>' for kind, line in lines.items() if line)
        return "\n".join(['<div class="cover">', *shown, "</div>"])

    def sidebar(self) -> str:
        """The chapters under their parts; the one that is open is marked."""

        def part(chapter: Chapter) -> str:
            return self.words["appendices"] if chapter.kind == "appendix" else chapter.part

        return "\n".join(
            f'<p class="part">{escape(title)}</p>\n' * bool(title)
            + f"<ol>\n{''.join(map(self.entry, chapters))}</ol>"
            for title, chapters in groupby(self.book.chapters, key=part)
        )

    def entry(self, chapter: Chapter) -> str:
        current = ' aria-current="page"' if chapter == self.chapter else ""
        number = f'<span class="number">{chapter.number}</span>' if chapter.number else ""
        title = f"<span>{escape(nodes.text_of(chapter.title))}</span>"
        way = _relative(self.chapter, chapter.path)
        return f'<li><a href="{way}"{current}>{number} {title}</a></li>\n'

    def contents(self) -> str:
        """The headings of this page, if it has more than one."""
        headings = [node for node in nodes.every(self.text.source) if node["t"] == "Header"]
        shown = [node for node in headings if node["c"][0] <= CONTENTS_DEPTH]
        items = "".join(
            f'<li class="level-{node["c"][0]}">'
            f'<a href="#{node["c"][1][0]}">{escape(_titled(node))}</a></li>'
            for node in shown
        )
        name = escape(self.words["page-contents"])
        box = f'<nav class="toc" aria-label="{name}"><p>{name}</p>\n<ol>{items}</ol></nav>'
        return f'<div class="toc-place">{box}</div>\n' if len(shown) > 1 else ""

    def turn(self) -> str:
        """The way to the chapter before and to the one after."""
        chapters = self.book.chapters
        at = chapters.index(self.chapter)
        ways = [("previous", chapters[at - 1 : at]), ("next", chapters[at + 1 : at + 2])]
        links = "".join(
            f'<a class="{way}" rel="{way[:4]}" href="{_relative(self.chapter, chapter.path)}">'
            f"<span>{escape(self.words[way])}</span><span>{escape(_named(chapter))}</span></a>"
            for way, found in ways
            for chapter in found
        )
        label = escape(f"{self.words['previous']}, {self.words['next']}")
        return f'<nav class="turn" aria-label="{label}">{links}</nav>' if links else ""

    def sections(self) -> Iterator[tuple[str, str, str]]:
        """Address, title and text of every section of the page."""
        at, title, said = self.path, _named(self.chapter), list[Node]()
        for block in _flat(self.text.source):
            if block["t"] == "Header":
                yield at, title, _spoken(said)
                at, said = f"{self.path}#{block['c'][1][0]}", []
                title = f"{_named(self.chapter)} – {_titled(block)}"
            else:
                said.append(block)
        yield at, title, _spoken(said)


def _titled(heading: Node) -> str:
    _, (_, _, settings), title = heading["c"]
    return " ".join(filter(None, (dict(settings).get("number", ""), nodes.text_of(title).strip())))


def _flat(blocks: list[Node]) -> Iterator[Node]:
    """The blocks, those within divs among them."""
    for block in blocks:
        if block["t"] == "Div":
            yield from _flat(block["c"][1])
        else:
            yield block


def _spoken(blocks: list[Node]) -> str:
    """The text of blocks, a space between any two of them."""
    held = [node["c"] for node in nodes.every(blocks) if node["t"] in ("Para", "Plain")]
    return " ".join(nodes.text_of(inlines) for inlines in held)
