"""Source: a report's folder, read line by line and held to what both renderers honour.

In    reports/<report>/: _quarto.yml, _variables.yml, the .qmd files it lists
Out   `Project`: its settings, and its pages as pandoc's markdown, includes and variables filled in;
      every line knows the file and line a person wrote it on

The one idea: what allowed.toml does not list is refused, with the nearest word that it does. Quarto
lets most mistakes pass and prints them; so the same check runs before either renderer, and tells
all of a report's problems at once, in the words of refusals.toml.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ctresearch.files import read_text
from ctresearch.problems import Problems, ResearchError, worded
from ctresearch.study import Study


def _kept(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


ALLOWED = _kept("allowed.toml")
REFUSALS = _kept("refusals.toml")
WORDS: dict[str, dict[str, str]] = _kept("words.toml")
ALONE, WITHIN = ALLOWED["shortcodes"]["alone"], ALLOWED["shortcodes"]["within"]

CODE = re.compile(r"\s*(?:>\s*)*(`{3,}|~{3,})\s*(.*)")
DIV = re.compile(r"\s*(?:>\s*)*:{3,}\s*(.*?)\s*:*\s*")
SHORTCODE = re.compile(r"\{\{<\s*(.*?)\s*>\}\}")
COMMENT = re.compile(r"<!--.*?(-->|$)")


@dataclass(frozen=True)
class Line:
    """One line of a page: what pandoc reads, and what a person wrote where."""

    text: str  # variables filled in, comments taken out
    written: str  # the same with its shortcodes as they stand in the file
    file: str  # reports/website/index.qmd
    number: int  # counted from 1
    prose: bool = True  # False within a code block

    @property
    def where(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True)
class Embed:
    """A place that shows the output of one notebook cell."""

    where: str  # file and line of the shortcode
    notebook: Path  # …/released/jamaica/interviews.ipynb
    label: str  # of the cell: themes-chart

    @property
    def place(self) -> str:
        """Whom the notebook ran for: a country, a meeting or the study."""
        return self.notebook.parent.name


@dataclass(frozen=True)
class Page:
    """One .qmd file that `_quarto.yml` lists, with all it includes."""

    path: str  # from the report's folder: countries/jamaica.qmd
    part: str  # title of the part it is listed under; "" if none
    appendix: bool
    front: dict[str, Any]  # its front matter
    lines: tuple[Line, ...]
    embeds: tuple[Embed, ...]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines) + "\n"

    def places(self, pattern: str) -> list[str]:
        """The lines of prose that match, as `where`; the page's first line if none does."""
        found = [ln.where for ln in self.lines if ln.prose and re.search(pattern, ln.text)]
        return found or [line.where for line in self.lines[:1]] or [self.path]


@dataclass(frozen=True)
class Yaml:
    """The content of a YAML file, every scalar as the text it is written in, and every line."""

    where: str
    data: Any
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def at(self, *path: str) -> str:
        """The place of a key, or of the nearest one above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.where}, line {self.lines.get(path, 1)}"

    def get(self, *path: str, default: Any = "") -> Any:
        """The value at a path of keys; `default` where there is none."""
        value = self.data
        for key in path:
            if isinstance(value, list):
                value = {str(n): item for n, item in enumerate(value)}
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def items(self, *path: str) -> list[Any]:
        """The items of a list; a single one may stand without its dash."""
        value = self.get(*path, default=[])
        return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Project:
    """A report as its author wrote it."""

    study: Study
    name: str  # exploratory-assessment: its folder under reports/
    config: Yaml
    variables: Yaml  # what released findings say, by place and name
    pages: tuple[Page, ...] = ()

    @property
    def folder(self) -> Path:
        return self.study.reports / self.name

    @property
    def kind(self) -> str:
        """book, website or default (one document)."""
        return str(self.config.get("project", "type", default="default"))

    @property
    def out(self) -> str:
        """The folder it is rendered to, below its own."""
        standard = "_site" if self.kind == "website" else "_book"
        return str(self.config.get("project", "output-dir", default=standard))

    @property
    def language(self) -> str:
        return str(self.config.get("lang", default="en"))

    def setting(self, name: str) -> Any:
        """A setting of the book, website or document, whichever this is; "" if not given."""
        own = self.config.get(self.kind, name) or self.config.get(name)
        alone = self.pages[0].front if len(self.pages) == 1 else {}
        return own or alone.get(name, "")


def note(
    problems: Problems, where: str, reason: str, known: Iterable[str] = (), **said: object
) -> None:
    """Note a problem in the words of refusals.toml; `known` and `said` as of `worded`."""
    problems.found.append(worded(where, REFUSALS[reason], known, **said))


def read(study: Study, name: str, problems: Problems | None = None) -> Project:
    """Read a report's folder.

    problems   takes in what is wrong, so that the caller may go on and find more

    Raises ResearchError, where no `problems` is given, with all that the settings and pages hold
    and this renderer does not honour, and all that they name and that is not there.
    """
    found = Problems() if problems is None else problems
    folder = study.reports / name
    config = _read_yaml(folder / "_quarto.yml", study, found)
    _check_keys(config, ALLOWED["keys"], (), found)
    if not config.data:
        found.raise_any()
    language = config.get("lang", default="en")
    own, common = (folder / f for f in (f"_variables-{language}.yml", "_variables.yml"))
    released = own if own.is_file() else common
    none = Yaml(study.shown(released), {})
    variables = _read_yaml(released, study, found) if released.is_file() else none
    project = Project(study, name, config, variables)
    pages = tuple(_Scanner(project, found).page(*entry) for entry in _listed(project, found))
    if problems is None:
        found.raise_any()
    return replace(project, pages=pages)


def _read_yaml(path: Path, study: Study, problems: Problems) -> Yaml:
    where = study.shown(path)
    with problems.gather():
        return parse_yaml(read_text(path, where), where, problems)
    return Yaml(where, {})


def parse_yaml(text: str, where: str, problems: Problems, skipped: int = 0) -> Yaml:
    """YAML that begins `skipped` lines down in the file `where`; a key given twice is refused."""
    lines: dict[tuple[str, ...], int] = {}

    def plain(node: yaml.Node, path: tuple[str, ...], line: int) -> Any:
        lines[path] = line
        if isinstance(node, yaml.ScalarNode):
            return node.value
        items = [(str(n), item, item) for n, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            items = [(str(key.value), key, value) for key, value in node.value]
        found: dict[str, Any] = {}
        for key, begins, value in items:
            below, line = (*path, key), begins.start_mark.line + 1 + skipped
            if key in found:
                note(problems, f"{where}, line {line}", "twice", name=key, other=lines[below])
            found[key] = plain(value, below, line)
        return found if isinstance(node, yaml.MappingNode) else list(found.values())

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
        return Yaml(where, plain(node, (), 1) if node is not None else {}, lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {(mark.line if mark else 0) + 1 + skipped}"
        said = getattr(error, "problem", None) or str(error)
        note(problems, place, "yaml", said=said)
        return Yaml(where, {})


def _check_keys(config: Yaml, known: Any, path: tuple[str, ...], problems: Problems) -> None:
    """Refuse keys and values that are not on the lists."""
    given = config.get(*path)
    for key, value in given.items() if isinstance(given, dict) else ():
        where, name = config.at(*path, key), ".".join((*path, key))
        if key not in known:
            note(problems, where, "key", known, name=name)
        elif isinstance(known[key], dict) and isinstance(value, dict):
            _check_keys(config, known[key], (*path, key), problems)
        elif known[key] and str(value) not in known[key]:
            note(problems, where, "value", known[key], name=value, key=name)


Entry = tuple[str, str, bool]  # path, title of its part, whether an appendix


def _listed(project: Project, problems: Problems) -> list[Entry]:
    """The pages in their order; those that are not there are refused."""
    folder = project.folder
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("[!_]*.qmd")}
    book = project.kind == "book"
    listed = list(_book_pages(project.config, problems) if book else _rendered(project, there))
    for (path, _, _), where in listed:
        if path not in there:
            note(problems, where, "page", there, name=path)
    return [entry for entry, _ in listed if entry[0] in there]


def _book_pages(config: Yaml, problems: Problems) -> Iterator[tuple[Entry, str]]:
    if not config.get("book", "author"):
        note(problems, config.at("book"), "author")
    if "index.qmd" not in config.items("book", "chapters"):
        note(problems, config.at("book", "chapters"), "home")
    for key in ("chapters", "appendices"):
        for n, item in enumerate(config.items("book", key)):
            at, appendix = ("book", key, str(n)), key == "appendices"
            if not isinstance(item, dict):
                yield (str(item), "", appendix), config.at(*at)
                continue
            _check_keys(config, {"part": [], "chapters": []}, at, problems)
            for m, path in enumerate(config.items(*at, "chapters")):
                where = config.at(*at, "chapters", str(m))
                yield (str(path), str(item.get("part", "")), appendix), where


def _rendered(project: Project, there: set[str]) -> Iterator[tuple[Entry, str]]:
    """The pages of a website or single document: as listed, else all of the folder itself."""
    found = sorted(path for path in there if "/" not in path)
    for n, path in enumerate(project.config.get("project", "render", default=found)):
        yield (path, "", False), project.config.at("project", "render", str(n))


class _Scanner:
    """Reads one page and all it includes; notes what is wrong and goes on."""

    def __init__(self, project: Project, problems: Problems) -> None:
        self.project, self.problems = project, problems
        self.front: dict[str, Any] = {}
        self.embeds: list[Embed] = []

    def page(self, path: str, part: str, appendix: bool) -> Page:
        lines = tuple(self.file(self.project.folder / path, ()))
        return Page(path, part, appendix, self.front, lines, tuple(self.embeds))

    def file(self, path: Path, above: tuple[Path, ...]) -> Iterator[Line]:
        """The lines of a file, included ones in their place."""
        name = self.project.study.shown(path)
        try:
            written = read_text(path, name).split("\n")
        except ResearchError as error:
            self.problems.found.extend(error.problems)
            yield Line(f"# {name}", "", name, 1)  # a title, so that no fault follows from this one
            return
        start = 0 if above else self.front_matter(written, name)
        yield from _File(self, name, path, (*above, path)).lines(written, start)

    def front_matter(self, written: list[str], name: str) -> int:
        """Read the YAML a page begins with; the number of lines it takes."""
        if written[0].rstrip() != "---":
            return 0
        end = next((n for n, line in enumerate(written) if n and line.rstrip() == "---"), 0)
        if not end:
            note(self.problems, f"{name}, line 1", "front-matter")
        front = parse_yaml("\n".join(written[1:end]), name, self.problems, skipped=1)
        _check_keys(front, ALLOWED["front"].get(self.project.kind, {}), (), self.problems)
        self.front = front.data if isinstance(front.data, dict) else {}
        return end + 1


class _File:
    """The state of one file while its lines are read: open code, open comment, open divs."""

    def __init__(self, page: _Scanner, name: str, path: Path, chain: tuple[Path, ...]) -> None:
        self.page, self.name, self.path, self.chain = page, name, path, chain
        self.number = 0  # of the line being read
        self.code: tuple[str, int] | None = None  # the marks that opened it, and on which line
        self.comment = 0  # line on which an open comment began; 0: none is open
        self.divs: list[int] = []  # lines of the fences of open divs

    def refuse(
        self, reason: str, known: Iterable[str] = (), *, line: int = 0, **said: object
    ) -> None:
        where = f"{self.name}, line {line or self.number}"
        note(self.page.problems, where, reason, known, **said)

    def made(self, text: str, written: str, *, prose: bool = True) -> Line:
        return Line(text, written, self.name, self.number, prose)

    def lines(self, written: list[str], start: int) -> Iterator[Line]:
        for self.number, text in enumerate(written[start:], start + 1):
            yield from self.line(text)
        for line in self.divs:
            self.refuse("div-open", line=line)
        if self.code:
            self.refuse("code-open", line=self.code[1])
        if self.comment:
            self.refuse("comment-open", line=self.comment)

    def line(self, text: str) -> Iterator[Line]:
        if self.code:
            if re.fullmatch(rf"\s*(?:>\s*)*{self.code[0]}+\s*", text):
                self.code = None
            yield self.made(text, text, prose=False)
            return
        text = self.without_comments(text)
        if opened := CODE.fullmatch(text):
            self.open_code(*opened.groups())
            yield self.made(text, text, prose=False)
            return
        if div := DIV.fullmatch(text):
            self.count_div(div[1])
        yield from self.filled(text)

    def without_comments(self, text: str) -> str:
        if self.comment:
            _, end, text = text.partition("-->")
            self.comment = 0 if end else self.comment
        if text.count("<!--") > text.count("-->"):
            self.comment = self.number
        return COMMENT.sub("", text)

    def open_code(self, marks: str, info: str) -> None:
        self.code = marks, self.number
        if info.startswith("{="):
            self.refuse("raw", name=info)
        elif re.match(r"\{\s*\w", info):
            self.refuse("executable", name=info)

    def count_div(self, attributes: str) -> None:
        if attributes:
            self.divs.append(self.number)
        elif self.divs:
            self.divs.pop()
        else:
            self.refuse("div-close")

    def filled(self, text: str) -> Iterator[Line]:
        """The line with its shortcodes replaced by what they stand for."""
        alone = SHORTCODE.fullmatch(text.strip())
        name, *words = _words(alone[1]) if alone else [""]
        if name == "include":
            yield from self.include(" ".join(words))
        elif name in ALONE:
            block = ".ct-pagebreak" if name == "pagebreak" else self.embed(*words)
            for part in ("", f"::: {{{block}}}", ":::", ""):
                yield self.made(part, text if "{" in part else "")
        else:
            if re.search(r"\{+<|>\}+", SHORTCODE.sub("", text)):
                self.refuse("shortcode-open")
            yield self.made(SHORTCODE.sub(lambda found: self.inline(found[1]), text), text)

    def inline(self, content: str) -> str:
        name, *words = _words(content)
        if name in WITHIN:
            return self.variable(*words) if name == "var" else self.meta(*words)
        self.refuse("alone" if name in ALONE else "shortcode", (*ALONE, *WITHIN), name=name)
        return ""

    def variable(self, key: str = "", *_more: str) -> str:
        variables = self.page.project.variables
        value = variables.get(*key.split("."))
        if isinstance(value, str) and value:
            return " ".join(value.split())
        if not variables.data:
            note(self.page.problems, variables.where, "released", name=self.page.project.name)
        else:
            self.refuse("variable", _leaves(variables.data), name=key, file=variables.where)
        return ""

    def meta(self, key: str = "", *_more: str) -> str:
        settings = {**self.page.project.config.data, **self.page.front}
        value = Yaml(self.name, settings).get(*key.split("."))
        if not isinstance(value, str) or not value:
            self.refuse("setting", settings, name=key)
        return str(value)

    def include(self, name: str) -> Iterator[Line]:
        target = self.target(name)
        if not target.is_file():
            self.refuse("include", name=name)
        elif target in self.chain:
            self.refuse("circle", name=name)
        else:
            yield from self.page.file(target, self.chain)

    def embed(self, cell: str = "", *options: str) -> str:
        """Note an embed; the attributes of the div that holds its place."""
        name, _, label = cell.partition("#")
        target = self.target(name)
        for option in options:
            self.refuse("embed-option", name=option)
        if not label:
            self.refuse("embed-whole")
        elif not target.is_file():
            self.refuse("notebook", name=name, report=self.page.project.name)
        self.page.embeds.append(Embed(f"{self.name}, line {self.number}", target, label))
        return f'.ct-embed at="{len(self.page.embeds) - 1}"'

    def target(self, name: str) -> Path:
        """The file a shortcode names: from the file it stands in, or with / from the report."""
        base = self.page.project.folder if name.startswith("/") else self.path.parent
        return Path(os.path.normpath(base / name.lstrip("/")))


def _words(content: str) -> list[str]:
    return [word.strip("\"'") for word in content.split()] or [""]


def _leaves(data: Any, above: str = "") -> Iterator[str]:
    """All variables there are, dotted."""
    for key, value in data.items() if isinstance(data, dict) else ():
        path = f"{above}{key}"
        yield from _leaves(value, f"{path}.") if isinstance(value, dict) else (path,)
