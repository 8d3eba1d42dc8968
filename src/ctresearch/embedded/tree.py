"""Tree: the pages of a report as one numbered book, every reference resolved.

In    `source.Project`, the outputs its pages embed, its bibliography
Out   `Book`: chapters of pandoc blocks (plain dicts of pandoc's JSON), alike for every format

The one idea: what readers see numbered, named or cited is settled here, once, so that html, docx
and pdf cannot disagree. One pandoc process reads all pages and embedded tables, a second one sets
the citations of the whole book; any word it says is a problem, because it goes on and exits with 0
where it has lost a picture. Classes, attributes and kinds of cross-reference that the writers do
not honour are refused by the lists below.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ctresearch.embedded import nodes
from ctresearch.embedded.cells import Cells
from ctresearch.embedded.nodes import Changes, Node, change, inside, string, text_of
from ctresearch.embedded.source import ALLOWED, WORDS, Page, Project, note
from ctresearch.files import read_text
from ctresearch.problems import Problems

Attributes = list[Any]  # pandoc's [id, classes, [[key, value], …]]

FLOATS = ("fig-", "tbl-")
LABELS: dict[str, str] = ALLOWED["labels"]  # by the prefix of what can be referred to
FOREIGN = re.compile(r"(eq|lst|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|tip|nte|wrn|imp|cau)-")
CONDITIONS = {"content-visible", "content-hidden"}
FORMATS = {"html": "html", "docx": "docx", "pdf": "typst"}  # ours: Quarto's
NOWHERE = "(?!)"  # a pattern that matches no line: the first one is named
EXTERNAL = re.compile(r"(https?|mailto):")


@dataclass(frozen=True)
class Meta:
    """What stands on the title page."""

    title: str
    subtitle: str
    authors: tuple[str, ...]
    date: str  # as written
    lang: str
    publisher: str
    edition: str
    isbn: str
    output_file: str  # name of the docx and pdf, without extension
    brand: str  # the banner of invented evidence; "" if all of it is real
    description: str


@dataclass(frozen=True)
class Chapter:
    """One page of the report, resolved."""

    path: str  # countries/jamaica.qmd
    id: str  # anchor of its heading, unique in the book
    title: list[Node]  # inlines, the number not included
    number: str  # "1", "A"; "" when unnumbered
    kind: str  # front | chapter | appendix
    part: str  # title of the part it is in; "" if none
    blocks: list[Node]  # after the heading


@dataclass(frozen=True)
class Book:
    """A report that only has to be written down."""

    root: Path  # the report's folder
    name: str
    meta: Meta
    chapters: tuple[Chapter, ...]
    words: dict[str, str]  # figure, contents, … in the report's language
    kind: str  # book | website | default (one document)
    where: dict[str, str]  # id -> path of the chapter it is in

    @property
    def cover(self) -> dict[str, str]:
        """The lines of the title page, in order; "" for what is not given or said already."""
        meta = self.meta
        return {
            "publisher": meta.publisher,
            "title": meta.title,
            "subtitle": meta.subtitle,
            "edition": meta.edition and f"{self.words['edition']} {meta.edition}",
            "authors": ", ".join(name for name in meta.authors if name != meta.publisher),
            "date": meta.date if meta.date != meta.edition else "",
            "isbn": meta.isbn and f"ISBN {meta.isbn}",
            "description": meta.description,
        }


def assemble(project: Project, problems: Problems | None = None) -> Book:
    """The book of a report.

    problems   takes in what is wrong, so that the caller may go on and find more

    Raises ResearchError, where no `problems` is given, with everything that does not resolve
    (references, citations, labels given twice, embeds, images, captions) and all that the writers
    do not honour.
    """
    found = Problems() if problems is None else problems
    cells = Cells(project, found)
    trees, tables, references = _read(project, cells.tables, found)
    reader = _Reader(project, cells, tables, found)
    chapters = [reader.page(page, tree) for page, tree in zip(project.pages, trees, strict=True)]
    reader.resolve(references)
    if problems is None:
        found.raise_any()
    if reader.cited and not found.found:
        chapters = _cite(project, chapters, list(references.values()))
    where = {anchor: path for (path, _), anchor in reader.ids.items() if anchor}
    where |= {f"ref-{key}": reader.listed for _, key in reader.cited}
    meta, words = _meta(project), reader.words
    return Book(project.folder, project.name, meta, tuple(chapters), words, project.kind, where)


def for_format(blocks: list[Node], to: str) -> list[Node]:
    """The blocks that a format shows: html, docx or pdf."""

    def shown(node: Node) -> list[Node]:
        _, classes, settings = node["c"][0]
        if not CONDITIONS.intersection(classes):
            return [inside(node, {"Div": shown})]
        met = any((name == FORMATS[to]) == (key == "when-format") for key, name in settings)
        return change(node["c"][1], {"Div": shown}) if met == ("content-visible" in classes) else []

    return change(blocks, {"Div": shown})


def _read(
    project: Project, tables: list[str], problems: Problems
) -> tuple[list[list[Node]], list[list[Node]], dict[str, Node]]:
    """All pages and tables as pandoc reads them, and the references by key."""
    jobs = [{"format": "markdown", "text": page.text} for page in project.pages]
    jobs += [{"format": "html", "text": table} for table in tables]
    jobs += [{"format": "biblatex", "text": text} for text in _bibliographies(project, problems)]
    batch = Path(__file__).with_name("batch.lua")
    made, said = nodes.pandoc(["lua", str(batch)], json.dumps(jobs).encode())
    _hear(said, project, problems)
    trees = json.loads(made)
    blocks, pages = [tree["blocks"] for tree in trees], len(project.pages)
    listed = [tree["meta"]["references"]["c"] for tree in trees if "references" in tree["meta"]]
    references = {entry["c"]["id"]["c"]: entry for entries in listed for entry in entries}
    return blocks[:pages], blocks[pages : pages + len(tables)], references


def _bibliographies(project: Project, problems: Problems) -> Iterator[str]:
    """The report's own .bib files, or the study's."""
    own = [project.folder / name for name in project.config.items("bibliography")]
    common = project.study.research / "references.bib"
    for path in own or [common] * common.is_file():
        with problems.gather():
            yield read_text(path, project.study.shown(path))


def _hear(said: str, project: Project, problems: Problems) -> None:
    """Note every word pandoc said, at the line of the page it was reading.

    Where problems are known already its words only repeat them: an open div, a lost footnote.
    """
    page: Page | None = None
    for line in () if problems.found else said.splitlines():
        if started := re.fullmatch(r"@(\d+)", line):
            page = dict(enumerate(project.pages, 1)).get(int(started[1]))
        elif line.strip():
            named = re.search(r"line (\d+)", line)
            number = int(named[1]) - 1 if named else 0
            where = page.lines[number].where if page else project.study.shown(project.folder)
            note(problems, where, "pandoc", said=line.strip())


def _cite(project: Project, chapters: list[Chapter], references: list[Node]) -> list[Chapter]:
    """Set the citations of the whole book at once, and the list of references."""
    meta = {
        "references": {"t": "MetaList", "c": references},
        "lang": {"t": "MetaString", "c": project.language},
        "link-citations": {"t": "MetaBool", "c": True},
    }
    blocks = [nodes.div([nodes.plain(*chapter.title), *chapter.blocks]) for chapter in chapters]
    style = project.config.get("csl")
    styled = ["--csl", str(project.folder / style)] if style else []
    citing = ["-f", "json", "-t", "json", "--citeproc", *styled]
    made = nodes.run_pandoc(citing, nodes.document(blocks, meta))
    bare: Changes = {"Cite": lambda node: node["c"][1]}
    cited = [change(kept["c"][1], bare) for kept in json.loads(made)["blocks"]]
    return [
        replace(chapter, title=title["c"], blocks=blocks)
        for chapter, (title, *blocks) in zip(chapters, cited, strict=True)
    ]


def _meta(project: Project) -> Meta:
    own = {key: project.setting(key) for key in ("subtitle", "date", "description")}
    ours, common = project.config.get("ctresearch", default={}), vars(project.study.file)
    own |= {k: ours.get(k) or common.get(k, "") for k in ("publisher", "edition", "isbn")}
    author = project.setting("author")
    authors = author if isinstance(author, list) else [author]
    named = (a.get("name", "") if isinstance(a, dict) else a for a in authors)
    title = project.setting("title") or project.name
    return Meta(
        **own,
        title=title,
        authors=tuple(name for name in named if name),
        lang=project.language,
        output_file=project.setting("output-file") or title.replace(" ", "-"),
        brand=project.variables.get("brand", "page"),
    )


def _words(text: str) -> list[Node]:
    """Plain text as inlines."""
    return [node for word in text.split() for node in ({"t": "Space"}, string(word))][1:]


def _given(own: str) -> str:
    """A pattern that finds where a label is given, and none that only begins like it."""
    return rf"[{{\s]#{re.escape(own)}(?![\w-])"


def _called(key: str) -> str:
    """A pattern that finds where a label or a reference is called."""
    return rf"@\{{?{re.escape(key)}(?![\w-])"


def _begun(inlines: list[Node]) -> str:
    """A pattern that finds the line on which these words begin, whatever marks stand in them."""
    return r"\W+".join(re.findall(r"\w+", text_of(inlines))[:3])


def _link(word: str, number: str, target: str) -> Node:
    attributes = ["", ["ct-ref"], [["label", word], ["number", number]]]
    shown = string(f"{word}\u00a0{number}" if word else number)
    return {"t": "Link", "c": [attributes, [shown], [f"#{target}", ""]]}


@dataclass(frozen=True)
class _Label:
    """Something that can be referred to by its number."""

    word: str  # figure, table, chapter, appendix, section
    number: str  # "" for an unnumbered section
    where: str  # file and line


@dataclass
class _Place:
    """Where the reader is: the chapter, and what it has counted there."""

    page: Page
    id: str = ""
    number: str = ""
    level: int = 1  # of the last heading
    sections: list[int] = field(default_factory=list)
    floats: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    within: str = ""  # the label of a figure or table, or the class of content for some formats
    alt: str = ""  # what a float's div says its images show


class _Reader(nodes.Writer):
    """Reads the pages in order, numbers what is numbered, and keeps references for the end."""

    kinds = (
        *("Header", "Div", "Figure", "Table", "Image", "Link", "Cite", "Span"),
        *("RawBlock", "RawInline", "Math"),  # refused
    )

    def __init__(
        self, project: Project, cells: Cells, tables: list[list[Node]], problems: Problems
    ) -> None:
        super().__init__()
        self.project, self.problems = project, problems
        self.cells, self.tables = cells, tables
        self.words = _book_words(project)
        self.is_book = project.kind == "book"
        standard = "true" if self.is_book else "false"
        self.numbered = project.config.get("number-sections", default=standard) == "true"
        self.counts = {"chapter": 0, "appendix": 0}
        self.place: _Place
        self.labels: dict[str, _Label] = {}
        self.ids: dict[tuple[str, str], str] = {}  # (page, id within it) -> id in the book
        self.chapters = {page.path: _chapter_id(page.path) for page in project.pages}
        self.waiting: list[tuple[Page, Node]] = []  # references, for when all pages are read
        self.cited: list[tuple[Page, str]] = []
        self.listed = ""  # path of the page that lists the references

    def must(
        self, right: object, pattern: str, reason: str, known: Iterable[str] = (), **said: object
    ) -> bool:
        """Refuse what is not right, at every line of the page that matches."""
        for where in () if right else self.place.page.places(pattern):
            note(self.problems, where, reason, known, **said)
        return bool(right)

    # a page, its title and its headings

    def page(self, page: Page, tree: list[Node]) -> Chapter:
        """One page, all but its references resolved."""
        self.place = place = _Place(page, self.chapters[page.path])
        for name in sorted(set(re.findall(r"\[\^([\w-]+)\](?!:)", page.text))):
            self.must(f"[^{name}]:" in page.text, rf"\[\^{name}\]", "footnote", name=name)
        (own, classes, _), title, blocks = self.title(tree)
        if own.startswith("sec-"):
            place.id = self.chapters[page.path] = own
        kind = "appendix" if page.appendix else "chapter"
        if self.is_book and "unnumbered" not in classes:
            self.counts[kind] += 1
            count = self.counts[kind]
            place.number = chr(ord("A") + count - 1) if page.appendix else str(count)
        self.label(own or place.id, place.id, kind, place.number)
        front = self.is_book and not place.number and not self.counts["chapter"]
        kind = "front" if front else kind
        blocks = self.inner(blocks)
        number = place.number if self.numbered else ""
        return Chapter(page.path, place.id, title, number, kind, page.part, blocks)

    def title(self, tree: list[Node]) -> tuple[Attributes, list[Node], list[Node]]:
        """The attributes and words of a page's heading, and what follows it."""
        if "title" in self.place.page.front:
            return ["", [], []], _words(self.place.page.front["title"]), tree
        begun = bool(tree) and tree[0]["t"] == "Header" and tree[0]["c"][0] == 1
        if not self.must(begun, NOWHERE, "title"):
            return ["", [], []], [], tree
        _, attributes, inlines = tree[0]["c"]
        self.check("Header", attributes)
        return attributes, self.inner(inlines), tree[1:]

    def header(self, node: Node) -> list[Node]:
        level, (own, classes, settings), inlines = node["c"]
        place, spot = self.place, rf"^#+\W*{_begun(inlines)}"
        self.check("Header", node["c"][1])
        self.must(level > 1, spot, "title-twice")
        fits = level <= place.level + 1
        self.must(fits, spot, "heading-level", level=level, above=place.level)
        self.must(not place.within, spot, "heading-within", name=place.within)
        place.level = level
        number = "" if "unnumbered" in classes else self.section_number(level)
        anchor = own if own.startswith("sec-") else f"{place.id}--{own}"
        self.label(own, anchor, "section", number)
        kept = [anchor, classes, [*settings, *([["number", number]] if number else [])]]
        return [{"t": "Header", "c": [level, kept, self.inner(inlines)]}]

    def section_number(self, level: int) -> str:
        place = self.place
        if not self.numbered or (self.is_book and not place.number):
            return ""
        place.sections = [*place.sections, *[0] * level][: level - 1]
        place.sections[-1:] = [n + 1 for n in place.sections[-1:]]
        return ".".join([place.number, *map(str, place.sections)]).strip(".")

    # labels, and what may carry them

    def label(self, own: str, anchor: str, word: str, number: str) -> None:
        """Note an id of the page, and its label if it can be referred to."""
        first, *_, where = self.place.page.places(_given(own)) * 2
        if own.split("-")[0] in LABELS:
            if own in self.labels:
                note(self.problems, where, "label", name=own, other=self.labels[own].where)
            self.labels[own] = _Label(word, number, first)
        self.ids[self.place.page.path, own] = anchor

    def check(self, kind: str, attributes: Attributes) -> None:
        """Refuse classes, attributes and kinds of label that are not on the lists."""
        own, given, settings = attributes
        classes, keys = (ALLOWED[name].get(kind, ()) for name in ("classes", "attributes"))
        said = {"element": {"Header": "heading"}.get(kind, kind.lower())}
        for name in given:
            spot = rf"(\.|:::\s*){re.escape(name)}(?![\w-])"
            self.must(name in classes, spot, "class", classes, name=name, **said)
        for name, _ in settings:
            spot = rf"\b{re.escape(name)}="
            self.must(name in keys, spot, "attribute", keys, name=name, **said)
        self.must(not FOREIGN.match(own), _given(own), "label-kind", name=own)

    def anchored(self, kind: str, attributes: Attributes) -> Attributes:
        """Attributes whose id, if there is one, is unique in the book."""
        self.check(kind, attributes)
        own, *rest = attributes
        anchor = own and f"{self.place.id}--{own}"
        self.label(own, anchor, "", "")
        return [anchor, *rest]

    def span(self, node: Node) -> list[Node]:
        attributes, content = node["c"]
        kept = [self.anchored("Span", attributes), self.inner(content)]
        return [{"t": "Span", "c": kept}]

    # floats, callouts, content for some formats

    def div(self, node: Node) -> list[Node]:
        (own, classes, settings), blocks = node["c"]
        if "ct-embed" in classes:
            return self.shown(int(dict(settings)["at"]))
        if own == "refs":
            self.listed = self.place.page.path
            self.ids[self.listed, own] = own
        if own == "refs" or "ct-pagebreak" in classes:
            return [node]
        if own.startswith(FLOATS):
            return self.float(node["c"][0], blocks)
        kept = self.anchored("Div", node["c"][0])
        if "brand" in classes:  # every page and header says it already
            return []
        for name in classes:
            if name.startswith("callout-"):
                return [self.callout(name.removeprefix("callout-"), dict(settings), blocks)]
        before = self.place.within
        for name in CONDITIONS.intersection(classes):
            named = [to for key, to in settings if key.endswith("-format")]
            known = len(named) == 1 and named[0] in FORMATS.values()
            self.must(known, rf"\b{name}\b", "format", FORMATS.values(), name=", ".join(named))
            self.place.within = name
        content = self.inner(blocks)
        self.place.within = before
        return [{"t": "Div", "c": [kept, content]}]

    def callout(self, kind: str, settings: dict[str, str], blocks: list[Node]) -> Node:
        title = settings.get("title") or self.words.get(kind, kind)
        if blocks and blocks[0]["t"] == "Header":
            title, blocks = text_of(blocks[0]["c"][2]), blocks[1:]
        return nodes.div(self.inner(blocks), "ct-callout", kind, title=title)

    def float(self, attributes: Attributes, blocks: list[Node]) -> list[Node]:
        """A figure or table with its number; its last paragraph is the caption."""
        self.check("Div", attributes)
        own, given, place = attributes[0], dict(attributes[2]), self.place
        kind, spot = own.split("-")[0], _given(own)
        last: Node = blocks[-1] if len(blocks) > 1 else {"t": ""}
        worded = last["t"] == "Para" and any(node["t"] != "Image" for node in last["c"])
        self.must(not place.within, spot, "float-within", name=own, other=place.within)
        if not self.must(worded, spot, "caption", name=own):
            return []
        place.floats[kind] += 1
        number = ".".join(part for part in (place.number, str(place.floats[kind])) if part)
        self.label(own, own, LABELS[kind], number)
        before, place.within, place.alt = place.within, own, given.get("fig-alt", "")
        content = self.inner(blocks[:-1])
        caption = nodes.div([nodes.plain(*self.inner(last["c"]))], "ct-caption")
        place.within, place.alt = before, ""
        word = self.words[LABELS[kind]]
        shown = [*self.widths(content, given.get("tbl-colwidths", "")), caption]
        return [nodes.div(shown, f"ct-{LABELS[kind]}", at=own, number=number, label=word)]

    def widths(self, content: list[Node], given: str) -> list[Node]:
        """Nodes with the columns of tables as given in percent: [30,70]."""
        shares = [float(part) / 100 for part in re.findall(r"[\d.]+", given)]

        def table(node: Node) -> list[Node]:
            sides = [side for side, _ in node["c"][2]]
            told = {"given": len(shares), "columns": len(sides)}
            fits = self.must(len(shares) == len(sides), re.escape(given), "widths", (), **told)
            kept = [[s, {"t": "ColWidth", "c": w}] for s, w in zip(sides, shares, strict=fits)]
            return [{"t": "Table", "c": [*node["c"][:2], kept, *node["c"][3:]]}]

        return change(content, {"Table": table}) if given else content

    def captioned(self, node: Node) -> list[Node]:
        """A figure or table in pandoc's own way: its caption a part of it."""
        attributes, (_, caption), *rest = node["c"]
        table = node["t"] == "Table"
        if table and not caption:
            return [inside(node, self.changes)]
        words, kind = caption[0]["c"], "tbl" if table else "fig"
        bare = [{"t": "Table", "c": [["", [], []], [None, []], *rest]}] if table else rest[0]
        spot = rf"(!\[|^(Table)?:)\W*{_begun(words)}"
        labelled = attributes[0].startswith(f"{kind}-")
        if not self.must(labelled, spot, "float", name=LABELS[kind], kind=kind):
            return []
        return self.float(attributes, [*bare, {"t": "Para", "c": words}])

    figure = table = captioned

    # images

    def shown(self, number: int) -> list[Node]:
        """What an embedded cell shows."""
        embed = self.place.page.embeds[number]
        blocks: list[Node] = []
        for output in self.cells.shown.get(embed, ()):
            if isinstance(output, int):
                blocks += self.tables[output]
                continue
            alt = self.place.alt or output.alt
            if not alt:
                note(self.problems, embed.where, "alt")
            files = [[kind, str(path)] for kind, path in output.files.items()]
            blocks.append({"t": "Para", "c": [_image(files, alt)]})
        return blocks

    def image(self, node: Node) -> list[Node]:
        attributes, caption, (target, _) = node["c"]
        self.check("Image", attributes)
        settings = dict(attributes[2])
        alt = settings.pop("fig-alt", "") or self.place.alt or text_of(caption)
        folder, spot = (self.project.folder / self.place.page.path).parent, re.escape(target)
        path = Path(os.path.normpath(folder / target))
        if self.must(not EXTERNAL.match(target), spot, "image-remote", name=target):
            there = path.is_file() and path.suffix in (".png", ".svg")
            self.must(there, spot, "image", name=target)
        self.must(alt, spot, "alt")
        files = [[path.suffix.strip("."), str(path)]]
        return [_image([*files, *map(list, settings.items())], alt)]

    # references

    def foreign(self, node: Node) -> list[Node]:
        """Math and raw markup."""
        content = str(node["c"][1]).strip().split("\n")[0]
        if tag := re.match(
            r"</?[\w:-]+", content
        ):  # pandoc writes its attributes in a way of its own
            self.must(False, rf"{tag[0]}\b", "raw", name=f"{tag[0]}>")
        else:
            self.must(False, re.escape(content), "raw", name=content[:30])
        return []

    rawblock = rawinline = math = foreign

    def link(self, node: Node) -> list[Node]:
        attributes, words, target = node["c"]
        self.check("Link", attributes)
        made = {"t": "Link", "c": [attributes, self.inner(words), target]}
        if not EXTERNAL.match(target[0]):
            self.waiting.append((self.place.page, made))
        return [made]

    def cite(self, node: Node) -> list[Node]:
        keys = [citation["citationId"] for citation in node["c"][0]]
        if all(key.split("-")[0] in LABELS for key in keys):
            self.waiting.append((self.place.page, node))
        else:
            self.cited += [(self.place.page, key) for key in keys]
        return [node]

    def resolve(self, references: dict[str, Node]) -> None:
        """Turn every waiting reference into a link, or refuse it; and every unknown citation."""
        for page, node in self.waiting:
            self.place = _Place(page)
            if node["t"] == "Cite":
                links = [link for citation in node["c"][0] for link in self.refer(citation)]
                node.clear()
                several = {"t": "Span", "c": [["", [], []], links[:-1]]}
                node.update(links[0] if len(links) == 2 else several)
            else:
                node["c"][2] = [f"#{self.follow(node['c'][2][0])}", ""]
        for page, key in self.cited:
            self.place = _Place(page)
            reason = "label-kind" if FOREIGN.match(key) else "citation"
            self.must(key in references, _called(key), reason, references, name=key)

        if self.cited and not self.listed:
            self.place = _Place(self.cited[0][0])
            self.must(False, _called(self.cited[0][1]), "references")

    def refer(self, citation: Node) -> list[Node]:
        """The link for one cross-reference, and what parts it from a next one."""
        name = citation["citationId"]
        found, spot = self.labels.get(name), _called(name)
        if not self.must(found, spot, "reference", self.labels, name=name) or found is None:
            return []
        self.must(found.number, spot, "reference-number", name=name)
        more = citation["citationPrefix"] or citation["citationSuffix"]
        self.must(not more, spot, "reference-words", name=name)
        bare = citation["citationMode"]["t"] == "SuppressAuthor"
        return [_link("" if bare else self.words[found.word], found.number, name), string(", ")]

    def follow(self, target: str) -> str | None:
        """The id a link within the report leads to: of a page, a heading or a label."""
        file, _, own = target.partition("#")
        here, spot = PurePosixPath(self.place.page.path), re.escape(target)
        path = os.path.normpath(here.parent / file) if file else str(here)
        if not self.must(path in self.chapters, spot, "link-page", self.chapters, name=file):
            return None
        known = {name: anchor for (page, name), anchor in self.ids.items() if page == path}
        found = known.get(own) if own else self.chapters[path]
        self.must(found, spot, "link-id", known, file=path, name=own)
        return found


def _book_words(project: Project) -> dict[str, str]:
    """The words of the report's language, or what its `language:` block says instead."""
    given, names = project.config.get("language", default={}), WORDS["quarto"]
    own = {names[key]: word for key, word in given.items() if key in names}
    return WORDS.get(project.language, WORDS["en"]) | own


def _image(settings: list[list[str]], alt: str) -> Node:
    files = dict(settings)
    target = files.get("png") or files.get("svg", "")
    return {"t": "Image", "c": [["", [], settings], _words(alt), [target, ""]]}


def _chapter_id(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.removesuffix(".qmd").lower()).strip("-")
