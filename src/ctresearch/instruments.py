"""Instruments: what the research asks with, and whether it may go to the field.

In    instruments/  codebook.toml, interview-guide.toml, media-review.toml, legal-review.toml,
                    survey/{survey,choices,settings}.csv; of any other *.toml its languages
Out   `Codebook`, `Guide`, `Form`, `Checklist`, `MediaForm`: frozen records;
      instruments/survey.xlsx, the form as survey programs take it

The one idea: an instrument is a text that people read, translate and mend, and `lint` says before
fieldwork what would spoil the answers. Above all rule R3: whoever has been told what trafficking is
can no longer say what they took it to be, so their own definition comes first, always.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zipfile import ZipFile, ZipInfo

import pandas as pd
from pydantic import Field

from ctresearch import tables
from ctresearch.files import read_toml, write_whole
from ctresearch.problems import Problem, Problems, refuse, suggestion
from ctresearch.study import Record, Study, parse_record

OWN_DEFINITION = "own_definition"  # the question of rule R3, in the guide and in the form
TELLING = re.compile(r"protocol|palermo", re.IGNORECASE)  # finds the Protocol's text, en and es
GUIDE = "instruments/interview-guide.toml"
GUIDE_TYPES = ("script", "question", "protocol")  # read out; asked; the Protocol's text
SURVEY = "instruments/survey/{}.csv"
WORKBOOK = "instruments/survey.xlsx"
STAMP = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can tell: the only one a workbook carries
SHEETS = {  # the sheets of the form and their columns; the first two must be there
    "survey": "type name label hint required relevant constraint constraint_message calculation"
    " choice_filter",
    "choices": "list_name name label",
    "settings": "form_title form_id version default_language",
}
TRANSLATED = re.compile(r"(label|hint|constraint_message)::[^()]+ \(([a-z]{2,3})\)")

Words = dict[str, str]  # one text by language: {"en": "…", "es": "…"}
Id = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")]
R = TypeVar("R", bound=Record)


class Code(Record):
    """One code of the codebook: a name for something informants speak of."""

    id: Id  # dotted path in the tree: recruitment.deception
    label: Words  # as printed in tables
    definition: Words = Field({})  # what the code means, in the words coders are trained with
    include: str = ""  # code it when …
    exclude: str = ""  # do not code it when …
    example: str = ""  # an invented passage
    key: Annotated[str, Field(pattern=r"^[a-z0-9]?$")] = ""  # what to press on the coding page
    protocol: Literal["act", "means", "purpose", ""] = ""  # element of art. 3 it may speak to
    htcds: tuple[str, ...] = ()  # List:Choice of the Human Trafficking Case Data Standard
    since: str = ""  # version of the codebook that brought it; "" for the first
    retired: str = ""  # version that took it out of use
    merged_into: str = ""  # the code that took it in

    @property
    def ancestors(self) -> tuple[str, ...]:
        """'a.b.c' → ('a', 'a.b')"""
        parts = self.id.split(".")
        return tuple(".".join(parts[:depth]) for depth in range(1, len(parts)))


class Codebook(Record):
    """The codes, in the order of the file: the order tables print them in."""

    version: str  # every coding is made under a version
    codes: tuple[Code, ...]

    @cached_property
    def by_id(self) -> dict[str, Code]:
        return {code.id: code for code in self.codes}

    def label(self, code: str, language: str) -> str:
        """The code's label; in the source language where `language` has none."""
        words = self.by_id[code].label
        return words.get(language) or next(iter(words.values()))

    def children(self, code: str) -> tuple[Code, ...]:
        """The codes directly below `code`; of "" the heads of the tree."""
        return tuple(one for one in self.codes if one.id.rpartition(".")[0] == code)


class Question(Record):
    """One thing asked or said, in the interview guide or in the survey form."""

    name: str
    type: str  # one of GUIDE_TYPES; in the form select_one, text, integer, …, note, begin_group
    labels: Words = Field({})  # the words themselves, by language
    hints: Words = Field({})  # for the interviewer, never read out
    group: str = ""  # where it stands: a section of the guide; about, or about/work in the form
    required: bool = False  # may not be left out
    relevant: str = ""  # its own condition: when it is asked; "" for always
    conditions: frozenset[str] = frozenset()  # in the form: its own and its groups', all must hold
    choices: str = ""  # in the form: the list of choices
    constraint: str = ""  # in the form: what an answer must be
    row: int = 0  # in the form: of survey.csv, as a spreadsheet counts
    probes: dict[str, tuple[str, ...]] = Field({})  # in the guide: where an answer is short
    codes: tuple[str, ...] = ()  # in the guide: codes the answers most often receive


class Guide(Record):
    """The guide of interviews with key informants."""

    version: str  # interviews.csv names the version whose consent script was read out
    title: Words
    sections: dict[str, Words]
    nodes: tuple[Question, ...]


class Form(Record):
    """The survey form."""

    nodes: tuple[Question, ...]  # every row in the order of asking, notes and groups too
    choices: dict[str, dict[str, Words]]  # list, choice, label by language; in order
    settings: dict[str, str] = Field({})

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The rows that ask."""
        return tuple(node for node in self.nodes if node.type not in ("note", "begin_group"))


class Element(Record):
    """One thing the legal review looks for in a country's law."""

    id: Id  # law.csv names it checklist:<id>
    heading: str  # a key of the checklist's headings
    p: Literal["prevention", "protection", "prosecution", "partnership"]
    label: Words
    look_for: Words  # when the element is there
    basis: str = ""  # where it comes from: Protocol, art. 5


class Checklist(Record):
    """What the legal review looks for."""

    version: str
    headings: dict[str, Words]
    values: dict[str, Words]  # what may be found: yes, partial, no, unknown
    elements: tuple[Element, ...]


class MediaField(Record):
    """One column of the media log."""

    id: Id
    label: Words
    meaning: Words
    values: dict[str, Words] = Field({})  # the only values allowed; none: free text
    many: bool = False  # several of them may stand there, with blanks between


class MediaForm(Record):
    """The columns of the media log."""

    version: str
    columns: tuple[MediaField, ...]


# Reading


def read_codebook(study: Study) -> Codebook:
    """The codebook; its tree, mergers and keys checked."""
    book = _read(study, "instruments/codebook.toml", Codebook, "codes", Code)
    Problems([*_tree_faults(book)]).raise_any()
    return book


def read_guide(study: Study) -> Guide:
    """The interview guide; its sections are there, and its codes in the codebook."""
    guide = _read(study, GUIDE, Guide, "nodes", Question, "name")
    nodes = {f'{GUIDE}, [nodes."{node.name}"]': node for node in guide.nodes}
    _known({where: [node.group] for where, node in nodes.items()}, guide.sections)
    _known({where: [node.type] for where, node in nodes.items()}, GUIDE_TYPES)
    _known({where: node.codes for where, node in nodes.items()}, read_codebook(study).by_id)
    return guide


def read_checklist(study: Study) -> Checklist:
    """The checklist of the legal review; its headings are there."""
    where = "instruments/legal-review.toml"
    review = _read(study, where, Checklist, "elements", Element)
    _known({f'{where}, [elements."{e.id}"]': [e.heading] for e in review.elements}, review.headings)
    return review


def read_media_form(study: Study) -> MediaForm:
    """The columns of the media log: what they mean, and the values they take."""
    return _read(study, "instruments/media-review.toml", MediaForm, "columns", MediaField)


def read_form(study: Study) -> Form:
    """The survey form; its columns are those of an XLSForm, its lists are there, each name once."""
    sheets, faults = _sheets(study), Problems()
    choices: dict[str, dict[str, Words]] = {}
    for _, cells in sheets["choices"].iterrows():
        choices.setdefault(cells["list_name"], {})[cells["name"]] = _words(cells, "label")
    nodes = tuple(_nodes(sheets["survey"]))
    names = Counter(node.name for node in nodes)
    for node in nodes:
        where = f"{SURVEY.format('survey')}, row {node.row}"
        with faults.gather():
            _known({where: [node.choices]}, {"", *choices})
        if names[node.name] > 1:
            cure = "Give each its own, also in different groups."
            faults.add(where, f"the name {node.name!r} stands twice", cure)
    faults.raise_any()
    settings = {str(name): "".join(cell) for name, cell in sheets["settings"].head(1).items()}
    return Form(nodes=nodes, choices=choices, settings=settings)


def _read(
    study: Study, where: str, kind: type[R], many: str, entry: type[Record], key: str = "id"
) -> R:
    """A file whose table `many` holds entries by their id; a faulty entry is named by it."""
    content = read_toml(study.root / where, where)
    found = content.get(many)
    if not (isinstance(found, dict) and all(isinstance(one, dict) for one in found.values())):
        cure = f'Begin each with a line [{many}."its name"].'
        raise refuse(where, f"{many} are not written one a table", cure)
    faults, entries = Problems(), []
    for name, fields in found.items():
        with faults.gather():
            place = f'{where}, [{many}."{name}"]'
            entries.append(parse_record({key: name, **fields}, entry, place))
    with faults.gather():
        record = parse_record({**content, many: entries}, kind, where)
    faults.raise_any()
    return record


def _known(named: Mapping[str, Iterable[str]], known: Collection[str]) -> None:
    """Refuse the words that some place names and that are not known."""
    faults = Problems()
    for where, word in [(where, word) for where, words in named.items() for word in words]:
        if word not in known:
            faults.add(where, f"{word!r} is not known", suggestion(word, known))
    faults.raise_any()


def _tree_faults(book: Codebook) -> Iterator[Problem]:
    pressed = Counter(code.key for code in book.codes if code.key)
    for code in book.codes:
        where = f'instruments/codebook.toml, [codes."{code.id}"]'
        for needed in {*code.ancestors[-1:], code.merged_into} - {"", *book.by_id}:
            cure = suggestion(needed, book.by_id)
            yield Problem(where, f"{needed!r} is not in the codebook", cure)
        if pressed[code.key] > 1:
            what = f"the key {code.key!r} stands for another code too"
            yield Problem(where, what, "Give one of them another letter or digit, or none.")
        path = [code.id]
        while (at := book.by_id.get(path[-1])) and at.merged_into not in ("", *path):
            path.append(at.merged_into)
        if at and at.merged_into:
            what = f"codes are merged in a circle: {' → '.join((*path, at.merged_into))}"
            yield Problem(where, what, "Take merged_into from the code that stays in use.")


def _sheets(study: Study) -> dict[str, pd.DataFrame]:
    """The sheets of the form as text; a column that no survey program knows is refused."""
    faults, sheets = Problems(), {}
    for name, columns in SHEETS.items():
        where = SURVEY.format(name)
        with faults.gather():
            sheets[name] = tables.read_rows(study.root / where, where)
            plain = [TRANSLATED.sub(r"\1", column) for column in sheets[name].columns]
            for needed in set(columns.split()[:2]) - set(plain):
                faults.add(f"{where}, row 1", f"the column {needed!r} is missing", "Add it.")
            _known({f"{where}, row 1": plain}, columns.split())
    faults.raise_any()
    return sheets


def _words(cells: pd.Series, column: str) -> Words:
    """A translated column by language: {"en": …, "es": …}; "" where a cell is empty."""
    found = [(TRANSLATED.fullmatch(str(header)), cell) for header, cell in cells.items()]
    return {match[2]: cell for match, cell in found if match and match[1] == column}


def _nodes(sheet: pd.DataFrame) -> Iterator[Question]:
    groups: list[Question] = []
    for row, cells in sheet.iterrows():
        kind, _, choices = " ".join(cells["type"].split()).partition(" ")
        if kind == "end_group":
            del groups[-1:]
            continue
        around = groups[-1].conditions if groups else frozenset()
        found = {name: cells.get(name, "") for name in ("name", "relevant", "constraint")}
        found |= {"type": kind, "choices": choices, "row": row}
        found |= {"labels": _words(cells, "label"), "hints": _words(cells, "hint")}
        found |= {"group": "/".join(group.name for group in groups)}
        found |= {"conditions": around | {found["relevant"]} - {""}}
        found |= {"required": cells.get("required") in ("yes", "true", "true()")}
        yield Question(**found)
        if kind == "begin_group":
            groups.append(Question(**found))


# Before fieldwork


def lint(study: Study) -> None:
    """Look at every instrument before it goes to the field.

    Ids and references, a text in every language of the study, rule R3 in guide and form, a form
    that pyxform converts without a warning, and a workbook that says what the sheets say.

    Raises ResearchError with all problems of all instruments.
    """
    faults, languages = Problems(), study.file.languages
    for read in (read_codebook, read_checklist, read_media_form):
        with faults.gather():
            read(study)
    for path in sorted(study.instruments.glob("*.toml")):
        with faults.gather():
            content = read_toml(path, study.shown(path))
            faults.found.extend(_silent(content, study.shown(path), "", languages))
    with faults.gather():
        faults.found.extend(_own_definition_first(read_guide(study).nodes, GUIDE))
    with faults.gather():
        form, where = read_form(study), SURVEY.format("survey")
        faults.found.extend(_own_definition_first(form.nodes, where))
        said = {node.name: _said(node) for node in form.nodes}
        faults.found.extend(_silent(said, where, "", languages))
        faults.found.extend(_silent(form.choices, SURVEY.format("choices"), "", languages))
    with faults.gather():
        sheets = _sheets(study)
        faults.found.extend(_stale(study, sheets))
        convert(_workbook(sheets))
    faults.raise_any()


def _own_definition_first(steps: Sequence[Question], file: str) -> Iterator[Problem]:
    """Rule R3: nobody hears of the Protocol who was not asked for a definition before."""
    at = next((i for i, step in enumerate(steps) if step.name == OWN_DEFINITION), None)
    if at is None:
        cure = f"Ask {OWN_DEFINITION!r}, required, before the Protocol's text."
        yield Problem(file, "nobody is asked for their own definition (rule R3)", cure)
        return
    own = steps[at]
    if not own.required:
        what = "the own definition may be left out (rule R3)"
        yield Problem(f"{file}, {own.name!r}", what, "Make it required.")
    for step in filter(_tells, steps):
        if step in steps[: at + 1]:
            what = f"it speaks of the Protocol before {own.name!r} is answered (rule R3)"
            yield Problem(f"{file}, {step.name!r}", what, f"Move it behind {own.name!r}.")
        elif not own.conditions | {own.relevant} <= step.conditions | {step.relevant, ""}:
            what = f"it speaks of the Protocol where {own.name!r} may be skipped (rule R3)"
            cure = f"Take the condition from {own.name!r}, or put the same one here."
            yield Problem(f"{file}, {step.name!r}", what, cure)


def _said(node: Question) -> dict[str, Words]:
    """What must be said in every language: the label, and a hint where one is given."""
    return {"label": node.labels} | ({"hint": node.hints} if any(node.hints.values()) else {})


def _tells(step: Question) -> bool:
    told = f"{step.name} {step.type} {step.labels} {step.hints} {step.probes}"
    return TELLING.search(told) is not None


def _silent(
    content: Mapping[str, Any], where: str, at: str, languages: Iterable[str]
) -> Iterator[Problem]:
    """A problem for each text that lacks a language of the study."""
    for key, inner in content.items():
        if not isinstance(inner, dict):
            continue
        if any(isinstance(deeper, dict) for deeper in inner.values()):
            yield from _silent(inner, where, f'{at}."{key}"' if at else key, languages)
            continue
        for language in languages:
            if not inner.get(language):
                place = f"{where}, [{at}]" if at else where
                what, cure = f"{key} has no text in {language!r}", f'Add: {key}.{language} = "…"'
                yield Problem(place, what, cure)


# The workbook


def write_workbook(study: Study) -> Path:
    """Make instruments/survey.xlsx from instruments/survey/*.csv; the same bytes every time.

    Raises ResearchError where a sheet cannot be read, or survey programs would refuse the form.
    """
    data = _workbook(_sheets(study))
    convert(data)
    return write_whole(study.root / WORKBOOK, data)


def convert(workbook: bytes, where: str = WORKBOOK) -> str:
    """The XForm that survey programs make of a workbook in XLSForm.

    Raises ResearchError with what pyxform refuses or warns of.
    """
    from pyxform.errors import PyXFormError
    from pyxform.xls2xform import convert as to_xform

    cure = "Mend it in instruments/survey/*.csv; row 1 is the header."
    try:
        made = to_xform(workbook, file_type=".xlsx")
    except PyXFormError as error:
        raise refuse(where, " ".join(str(error).split()), cure) from None
    Problems([Problem(where, " ".join(said.split()), cure) for said in made.warnings]).raise_any()
    return str(made.xform)


def _workbook(sheets: dict[str, pd.DataFrame]) -> bytes:
    saved = BytesIO()
    with pd.ExcelWriter(saved, engine="openpyxl") as book:
        book.book.properties.creator = ""
        for name, cells in sheets.items():
            cells.to_excel(book, sheet_name=name, index=False, freeze_panes=(1, 0))
    return undated(saved.getvalue())


def _grid(cells: pd.DataFrame) -> list[list[str]]:
    return [list(cells.columns), *cells.to_numpy().tolist()]


def undated(workbook: bytes) -> bytes:
    """The workbook without the moment and the system it was made on."""
    stamped, out = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*"), BytesIO()
    with ZipFile(BytesIO(workbook)) as dated, ZipFile(out, "w") as undated:
        for name in dated.namelist():
            member = ZipInfo(name, STAMP)
            member.create_system = 0  # else it tells Windows from others
            content = stamped.sub(rb"\g<1>1980-01-01T00:00:00Z", dated.read(name))
            undated.writestr(member, content)
    return out.getvalue()


def _stale(study: Study, sheets: dict[str, pd.DataFrame]) -> Iterator[Problem]:
    """A problem for each sheet of the workbook that says something else than its CSV file."""
    anew = "`ctresearch build` makes it from instruments/survey/*.csv."
    if not (study.root / WORKBOOK).is_file():
        raise refuse(WORKBOOK, "there is no such file", anew)
    try:
        kept = pd.read_excel(
            study.root / WORKBOOK, sheet_name=None, dtype=str, keep_default_na=False
        )
    except Exception as error:  # pandas raises whatever the readers of zip and XML raise
        raise refuse(WORKBOOK, f"this is not a workbook ({error})", f"Delete it; {anew}") from None
    for name, cells in sheets.items():
        rows = zip_longest(_grid(cells), _grid(kept.get(name, pd.DataFrame())))
        differ = [at for at, (ours, theirs) in enumerate(rows, start=1) if ours != theirs]
        if differ:
            what = f"the row is not that of survey/{name}.csv"
            cure = f"Where the workbook is right, mend the CSV; then delete it: {anew}"
            yield Problem(f"{WORKBOOK}, sheet {name}, row {differ[0]}", what, cure)
