"""Reports: a Quarto project read, checked and rendered, by Quarto or by `embedded`.

In    reports/<report>/: prose with variables and embeds; released/, which passed the gate
Out   html, docx and pdf in reports/<report>/_book (or _site)

The one idea: a number is never typed. What a report says in figures comes from a finding or from a
released table, so that a rerun can say which sentence no longer holds; a number that stands in
prose by itself is refused, except where it only names a thing: a year, a date, a law. The same
check comes before either renderer, and nothing half-written replaces what was rendered before.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ctresearch import ledger
from ctresearch.embedded import source, tree
from ctresearch.embedded.source import DIV, Line, Page, Project, note
from ctresearch.embedded.tree import FORMATS, Book
from ctresearch.problems import Problems, refuse, suggestion
from ctresearch.release import RELEASED, intact
from ctresearch.study import Study

RUN = "run.json"

# What stands in the source and is not printed as prose.
UNPRINTED = re.compile(
    r"\{\{<.*?>\}\}"  # shortcodes
    r"|`[^`]*`"  # code
    r"|\]\([^)]*\)|<[^<>\s]+>|https?://\S+"  # where links lead
    r"|\[[^\[\]]*@[^\[\]]*\]|@[\w:.-]+(?:\s\[[^\]]*\])?"  # citations, with their page
    r"|\[\^[\w-]+\]:?"  # marks of footnotes
    r"|^\s*(?:>\s*)*\(?(?:\d+|[a-z])[.)]\s"  # marks of lists
    r"|\{(?![^}]*(?:title|fig-alt)=)[^}]*\}"  # attributes, but for those that are read out
    r"|(?:tbl-colwidths|width|height)=\S+|(?<=[\s{])[#.][\w-]+",
    re.MULTILINE | re.DOTALL,
)
WORDS = tomllib.loads(Path(__file__).with_name("prose.toml").read_text(encoding="utf-8"))


def _any(kind: str, *languages: str) -> str:
    """A pattern for any word of a kind in prose.toml."""
    words = (word for language in languages or WORDS for word in WORDS[language][kind])
    return f"(?:{'|'.join(words) or '(?!)'})"


LAW, MONTH, PEOPLE = _any("laws"), _any("months"), _any("people")
NUMBER = r"\d[\w/():.-]*"
YEAR = r"(?:1[89]\d\d|20\d\d|2100)"
NAMES = re.compile(  # numbers that name a thing and count nothing
    rf"\b{LAW}\s+(?:No\.\s*|Nos\.\s*|núm\.\s*)?{NUMBER}(?:(?:,|\s+(?:and|or|to|y|o|a))\s+{NUMBER})*"
    rf"|\b\d{{1,2}}(?:\s*(?:[-–,]|to|and|y|al?)\s*\d{{1,2}})*\s+(?:de\s+)?{MONTH}\b"
    rf"|\b{MONTH}\s+\d{{1,2}}\b(?!\s+{PEOPLE})|\b\d{{4}}-\d\d(?:-\d\d)?\b"
    rf"|(?<![\d.,$€£])\b{YEAR}(?:s|\s?[-–/]\s?\d{{2,4}})?\b(?![%\d]|[.,]\d|\s+{PEOPLE})"
    rf"|\b(?:[Ii]n|[Ss]ince|[Bb]y|[Uu]ntil|[Ee]n|[Dd]esde)\s+{YEAR}\b(?![%\d]|[.,]\d)"
    r"|\bISBN[-:\s\dX–]+"
    r"|\b[A-Z]\.\d+(?:\.\d+)*|\b[A-Za-z]+[-–]?\d[\w.-]*"  # section B.3, JAM-KI-03
    r"|\b(?i:3|three|tres|4|four|cuatro)\s?Ps?\b"  # prevention, protection, prosecution, …
    r"|\bunder (?:the age of )?(?:18|eighteen)\b|\bmenor(?:es)? de (?:18|dieciocho)\b"  # a child
)
DIGITS = r"[$€£]?\d(?:[\d.,:/–-]*\d)?\s?%?|[½¼¾⅓⅔]"


def check(study: Study, report: str) -> Book:
    """The report as a book, if nothing in it is wrong.

    Raises ResearchError with all that is: what the renderers do not honour or cannot resolve,
    numbers typed by hand, captions that do not say that evidence is invented.
    """
    return _checked(study, report)[1]


def _checked(study: Study, report: str) -> tuple[Project, Book]:
    intact(study, report)
    problems = Problems()
    project = source.read(study, report, problems)
    shows = any(page.embeds for page in project.pages)
    if shows and not (project.folder / RELEASED).is_dir():
        problems.found.clear()
        note(problems, study.shown(project.folder), "released", name=report)
        problems.raise_any()
    _lint(project, problems)
    book = tree.assemble(project, problems)
    problems.raise_any()
    return project, book


def render(
    study: Study,
    report: str,
    formats: Sequence[str] = tuple(FORMATS),
    with_: str | None = None,
    final: bool = False,
    edition: str = "",
) -> list[Path]:
    """Render a checked report; what was written.

    formats   html, docx, pdf; what is there in the others stays
    with_     quarto or embedded; None: quarto where it is installed
    final     issue it: refuse a report that rests on invented evidence, enter it in the ledger
    edition   as which it is issued; the study's where none is named

    Raises ResearchError with all that `check` finds, and all that what was issued before gives
    away together with it.
    """
    _must_know("format", formats, FORMATS)
    _must_know("renderer", [with_] if with_ else [], ("embedded", "quarto"))
    project, book = _checked(study, report)
    if final:
        _refuse_invented(project)
        ledger.drafted(study, report, edition or study.file.edition)
    out = project.folder / project.out
    if with_ == "quarto" or (with_ is None and shutil.which("quarto")):
        written = _with_quarto(project, formats, out)
    else:
        written = _embedded(book, formats, out)
    if final:
        ledger.issue(study, report, edition or study.file.edition)
    return written


def typed_numbers(text: str, language: str) -> Iterator[tuple[int, str]]:
    """The numbers in a passage of prose that count something: their offsets, and as typed.

    text       markdown as written, shortcodes and all
    language   en or es
    """
    for blank in (UNPRINTED, NAMES):
        text = blank.sub(lambda found: re.sub(r"\S", " ", found[0]), text)
    one = rf"\bone(?=\s+{_any('single', language)}\b)"
    words = rf"\b{_any('counted', language)}\b(?=[\s-]+\w)|{one}"  # before what is counted
    for found in re.finditer(rf"{DIGITS}|{words}", text, re.IGNORECASE):
        yield found.start(), found[0].strip()


def _lint(project: Project, problems: Problems) -> None:
    """What is wrong in the prose of a report; rules R2 and R10 will stand here too."""
    for where, text in _titles(project):
        for _, number in typed_numbers(text, project.language):
            note(problems, where, "number", name=number)
    for page in project.pages:
        for lines in _passages(page):
            text = "\n".join(line.written for line in lines)
            for offset, number in typed_numbers(text, project.language):
                where = lines[text.count("\n", 0, offset)].where
                note(problems, where, "number", name=number)
        for n, embed in enumerate(page.embeds):
            run = embed.notebook.with_suffix("") / RUN
            if _is_invented(run) and not _is_marked(page, n, embed.place):
                note(problems, embed.where, "mark", name=embed.place)


def _titles(project: Project) -> Iterator[tuple[str, str]]:
    """What is printed and stands in YAML."""
    for name in ("title", "subtitle", "description"):
        yield project.config.at(project.kind, name), str(project.setting(name))
    for page in project.pages:
        yield project.config.at(project.kind, "chapters"), page.part
        where = project.study.shown(project.folder / page.path)
        yield f"{where}, title", str(page.front.get("title", ""))


def _passages(page: Page) -> Iterator[list[Line]]:
    """Lines of prose that stand together: a law and its number may be parted by a line's end."""
    passage: list[Line] = []
    for line in page.lines:
        if not line.prose or not line.written.strip() or DIV.fullmatch(line.written):
            yield passage
            passage = []
        if line.prose and line.written.strip():
            passage.append(line)
    yield passage


def _is_invented(run: Path) -> bool:
    """Whether the record of a run says so."""
    return run.is_file() and bool(json.loads(run.read_text(encoding="utf-8")).get("invented"))


def _is_marked(page: Page, number: int, place: str) -> bool:
    """Whether the caption below an embed says that its evidence is invented."""
    at = next(n for n, line in enumerate(page.lines) if f'.ct-embed at="{number}"' in line.text)
    depth, written = 0, ""
    for line in page.lines[at + 2 :]:
        if div := DIV.fullmatch(line.text):
            depth += 1 if div[1] else -1
        if depth < 0:
            return bool(re.search(rf"\{{\{{<\s*var {re.escape(place)}\.mark\s*>", written))
        written += line.written
    return False


def _must_know(noun: str, given: Sequence[str], known: Iterable[str]) -> None:
    for word in given:
        if word not in known:
            what = f"there is no {noun} {word!r}"
            raise refuse("ctresearch render", what, suggestion(word, known))


def _refuse_invented(project: Project) -> None:
    """Refuse what rests on invented evidence, once a place, with the streams it was invented in."""
    problems, rules = Problems(), project.study.file.notebooks
    places: dict[Path, set[str]] = {}
    for run in sorted(filter(_is_invented, (project.folder / RELEASED).glob(f"*/*/{RUN}"))):
        place, notebook = run.parents[1], run.parent.name
        own = rules[notebook].streams if notebook in rules else ()
        places.setdefault(place, set()).update(own or [notebook])
    for place, streams in places.items():
        note(problems, project.study.shown(place), "invented", streams=", ".join(sorted(streams)))
    problems.raise_any()


def _embedded(book: Book, formats: Sequence[str], out: Path) -> list[Path]:
    """Write the formats beside `out`, then put the new folder in the place of the old."""
    from ctresearch.embedded import html, pdf, word

    writers: dict[str, Callable[[Book, Path], Path | list[Path]]]
    writers = {"html": html.write, "docx": word.write, "pdf": pdf.write}
    with tempfile.TemporaryDirectory(prefix=".rendering-", dir=book.root) as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        _keep_others(out, fresh, formats)
        written: list[Path] = []
        for name in formats:
            made = writers[name](book, fresh)
            written += [made] if isinstance(made, Path) else made
        if out.exists():
            out.rename(Path(folder) / "before")
        fresh.rename(out)
    return [out / path.relative_to(fresh) for path in written]


def _keep_others(out: Path, fresh: Path, formats: Sequence[str]) -> None:
    """Take over what was rendered before in formats that are not rendered now."""
    for path in sorted(out.glob("*")):
        kind = path.suffix.strip(".") if path.suffix in (".docx", ".pdf") else "html"
        if kind not in formats:
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, fresh / path.name)


def _with_quarto(project: Project, formats: Sequence[str], out: Path) -> list[Path]:
    """Let Quarto render the project as it stands."""
    if shutil.which("quarto") is None:
        cure = "Install it, or leave out `--with quarto`."
        raise refuse("ctresearch render", "quarto is not installed here", cure)
    each = [["--to", FORMATS[name], "--no-clean"] for name in formats]
    for choice in [[]] if set(formats) == set(FORMATS) else each:
        command = ["quarto", "render", str(project.folder), *choice]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split())[-300:]
            cure = "Mend what it speaks of, or render with the embedded renderer."
            raise refuse(project.study.shown(project.folder), f"quarto failed: {said}", cure)
    return sorted(path for path in out.rglob("*") if path.is_file())
