"""Exchange: a country's coding out to other programs and to spreadsheets, and theirs in.

In    a country, or a .qdpx or .qdc of another program
Out   .qdpx, .qdc, .xlsx or a folder of .csv; transcripts, rows of interviews.csv and coding logs

The one idea: what holds an interview's words in clear goes where it cannot be committed by mistake,
into build/ or out of the study. What comes in is looked through to its end before anything is
written; what is here already is recognised and left as it is, and codes go into the codebook by a
person's hand only: a proposal to paste is written to build/.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ctresearch import coding, double, evidence, refi, seals, tables, transcripts
from ctresearch.coding import AROUND, MACHINE, Line, Words
from ctresearch.files import read_bytes, write_whole
from ctresearch.instruments import Codebook, read_codebook, undated
from ctresearch.problems import refuse
from ctresearch.study import Country, Study

ENDINGS = (".qdpx", ".qdc", ".xlsx", "")
NOBODY = "unknown"  # the coder of a coding that names none
Names = Mapping[str, str]
Asked = tuple[tuple[str, ...], tuple[str, ...]]  # names of who asks, and of who answers
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheet programs would run
LONGEST = 32_767  # characters a cell can hold
OF_A_CODE = ("id", "label", "definition", "include", "exclude", "example", "retired", "merged_into")
PROPOSAL = "codes-to-add.toml"


@dataclass(frozen=True)
class Exchanged:
    """What an exchange wrote, and what a person should know of it."""

    written: list[Path]
    said: list[str]


def out(study: Study, country: Country | None, name: str, *, in_clear: bool) -> Exchanged:
    """Write the coding of a country as `name`, by its ending: a project, a codebook, a workbook;
    a folder of CSV files for a name without one.

    name      a name alone goes into build/<country>/exchange/
    in_clear  a person said that sealed words may be written in clear

    Raises ResearchError where the file would lie among the study's own, or be written over another.
    """
    codebook, ending = read_codebook(study), Path(name).suffix.lower()
    if ending == ".qdc":
        target = _placed(study, "", name)
        return Exchanged([write_whole(target, refi.codebook_file(study, codebook))], [])
    if ending not in ENDINGS:
        cure = "End it in .qdpx, .qdc or .xlsx; without an ending it is a folder of CSV files."
        raise refuse(name, f"a file {ending} is not written here", cure)
    if country is None:
        raise refuse(name, "it is not said whose coding", "Say it with --country.")
    if country.recipients and not in_clear:
        what = f"{country.key} is sealed, and this file would hold its interviews in clear"
        cure = "If it must be: --in-clear; then never mail it unprotected, and delete it after use."
        raise refuse(name, what, cure)
    target, blind = _placed(study, country.key, name), _blind(country)
    if ending == ".qdpx":
        content, said = refi.project_file(country, codebook)
        return Exchanged([write_whole(target, content)], [*said, *blind])
    sheets = spreadsheets(country, codebook)
    if ending == ".xlsx":
        return Exchanged([write_whole(target, _workbook(sheets))], blind)
    return Exchanged([_sheet(of, target / f"{key}.csv") for key, of in sheets.items()], blind)


def _blind(country: Country) -> list[str]:
    """What to know of interviews whose coders must not see each other's work yet."""
    coded = {path.name.partition(".")[0] for path in country.folder.glob("codings/*.jsonl")}
    drawn = (one for one in double.drawn(country) if one in coded)
    still = [one for one in drawn if not double.is_open(country, one)]
    named = ", ".join(still)
    told = f"Still coded blind: {named}. Their coders must not see this before they lock."
    return [told] if still else []


def _placed(study: Study, key: str, name: str) -> Path:
    """Where a file goes that may hold an interview's words."""
    target = study.build / key / "exchange" / name if Path(name).name == name else Path(name)
    if target.resolve().is_relative_to(study.build.resolve()):
        return target
    if target.resolve().is_relative_to(study.root.resolve()):
        cure = f"Give its name alone: it is kept in build/{key}/exchange/."
        raise refuse(name, "what holds an interview's words has no place in the study", cure)
    if target.exists():
        raise refuse(name, "there is a file of this name", "Choose another name, or move it away.")
    return target


def spreadsheets(country: Country, codebook: Codebook) -> dict[str, pd.DataFrame]:
    """The segments, codes by interview, and codebook as tables to look at.

    returns  (segments)   one row per live coding: its words, its place, its coder
             (interviews) one row per code, a column per interview: 1 where it was raised, by itself
                          or a code below it, as the theme tables count; else 0
             (codebook)   one row per code
             (about)      the country, and of invented evidence that it is
    """
    turns = evidence.turns(country)
    every = coding.segments(country, turns, codebook)
    usable = evidence.interviews(country).query("usable")["id"].tolist()
    every = every[every["interview"].isin(usable) & ~every["stale"]]
    language = country.study.file.languages[0]
    texts = {one: coding.transcript(country, one) for one in usable}
    spans = zip(every["interview"], every["start"], every["end"], strict=True)
    every = every.assign(
        label=[codebook.label(code, language) for code in every["code"]],
        words=[texts[one][start:end] for one, start, end in spans],
    )
    lineage = [(code.id, one) for code in codebook.codes for one in (*code.ancestors, code.id)]
    raised = coding.counted(every).merge(pd.DataFrame(lineage, columns=["code", "of"]), on="code")
    matrix = pd.crosstab(raised["of"], raised["interview"]).clip(upper=1)
    matrix = matrix.reindex(index=list(codebook.by_id), columns=usable, fill_value=0)
    codes = pd.DataFrame([one.model_dump() for one in codebook.codes])[list(OF_A_CODE)]
    for told in ("label", "definition"):
        codes[told] = [words.get(language, "") for words in codes[told]]
    about = [country.name, *[refi.INVENTED] * country.invented("interview")]
    return {
        "segments": every.drop(columns=["informant", "stale"]),
        "interviews": matrix.rename_axis("code").reset_index(),
        "codebook": codes,
        "about": pd.DataFrame({"about": about}),
    }


def _workbook(sheets: dict[str, pd.DataFrame]) -> bytes:
    """Frames as the sheets of a workbook; what begins like a formula is a text and nothing else."""
    saved = io.BytesIO()
    with pd.ExcelWriter(saved, engine="openpyxl") as book:
        for name, frame in sheets.items():
            plain = frame.map(lambda v: refi.xml_text(v)[:LONGEST] if isinstance(v, str) else v)
            plain.to_excel(book, sheet_name=name, index=False, freeze_panes=(1, 0))
            for cell in (cell for row in book.sheets[name].iter_rows() for cell in row):
                if isinstance(cell.value, str):
                    cell.data_type, cell.quotePrefix = "s", cell.value.startswith(FORMULA)
    return undated(saved.getvalue())


def _sheet(frame: pd.DataFrame, path: Path) -> Path:
    """A frame as CSV for spreadsheets; what begins like a formula has a mark before it, '."""

    def marked(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

    return tables.write_table(frame.map(marked), path)


# In


def opened(path: Path) -> refi.Project:
    """A .qdpx or .qdc as read. Raises ResearchError where it cannot be opened at all."""
    return refi.read(read_bytes(path, path.as_posix()), path.as_posix())


def propose(study: Study, project: refi.Project) -> list[Path]:
    """Write the codes that the codebook does not have as TOML, for a person to paste."""
    known, language = _known_codes(project, read_codebook(study)), study.file.languages[0]
    entries = []
    for one in (code for code in project.codes.values() if code.guid not in known):
        names = [name for part in one.path for name in part.split("::")]
        slugs = (re.sub(r"\W+", "_", name.casefold()).strip("_") or "code" for name in names)
        told = {"label": names[-1], "definition": one.description}
        lines = [
            f"{key}.{language} = {json.dumps(v, ensure_ascii=False)}" for key, v in told.items()
        ]
        entries.append("\n".join([f'[codes."{".".join(slugs)}"]', *lines, ""]))
    head = "# Codes of a file that came in. Paste what you want into instruments/codebook.toml.\n"
    target = study.build / "exchange" / PROPOSAL
    return [write_whole(target, "\n".join([head, *entries]))] if entries else []


@coding.at_one_go()
def bring(country: Country | None, project: refi.Project, asked: Asked) -> list[Path]:
    """Bring what was read into a country; the transcripts and logs that have something new.

    asked   who asks and who answers, by name, in texts that are not in the house format

    Adds to `project.said` what a person should know. Raises ResearchError with everything wrong in
    the file, before anything is written.
    """
    if country is None:
        raise refuse(project.where, "it is not said into which country", "Say it with --country.")
    codebook, faults = read_codebook(country.study), project.faults
    known = _known_codes(project, codebook)
    used = {one.code for source in project.sources for one in source.codings}
    for code in sorted(used - known.keys()):
        cure = f"Paste it from build/exchange/{PROPOSAL} into instruments/codebook.toml."
        called = " / ".join(project.codes[code].path)
        faults.add(f"{project.where}, code {called}", "it is not in the codebook", cure)
    arrived = _arrivals(country, project, asked)
    faults.raise_any()
    signs, written = _signs(project), list[Path]()
    for one in filter(lambda one: one.new, arrived):
        written.append(transcripts.write(country, one.interview, one.text, one.source.cells))
    for one in arrived:
        written += _logs(country, one, known, signs, codebook)
    columns = set(evidence.INTERVIEWS.columns)
    if strange := sorted({name for one in arrived for name in one.source.cells} - columns):
        project.said.append(f"no column of interviews.csv, left out: {', '.join(strange)}")
    return written


@dataclass(frozen=True)
class Arrival:
    """A source as an interview of the country."""

    source: refi.Source
    interview: str
    text: str
    new: bool  # its transcript is not here yet
    spans: list[tuple[int, int]]  # of its codings, in `text`


def _arrivals(country: Country, project: refi.Project, asked: Asked) -> list[Arrival]:
    """The sources as interviews; those here already are recognised by GUID or by text."""
    arrived, free = list[Arrival](), transcripts.free_ids(country)
    for source in project.sources:
        with project.faults.gather():
            spans, text = [(one.start, one.end) for one in source.codings], source.text
            if not all(evidence.TURN.fullmatch(line) for line in text.split("\n") if line.strip()):
                draft = transcripts.Draft(source.name, text, "", *asked)
                text, spans = draft.house.text, [draft.house.moved(*span) for span in spans]
            ours = source.guid == refi.guid("source", source.name)
            if ours and not re.fullmatch(rf"{country.iso3}-KI-\d+", source.name):
                what = f"{source.name!r} is no interview of {country.key}"
                raise refuse(project.where, what, "Say its own country with --country.")
            if not ours:  # whoever counts otherwise may part a letter from its accent
                whole = (all(coding.is_between(text, at) for at in span) for span in spans)
                spans = [s if fits else (0, 0) for s, fits in zip(spans, whole, strict=True)]
            here = source.name if ours else transcripts.known(country, text)
            path = country.folder / "interviews" / f"{here}.txt"
            new = not (here and seals.placed(path, country.study.shown(path)))
            if not new and coding.transcript(country, here) != text:
                what = f"{here}: another version of its text; place its codings with"
                project.said.append(f"{what} ctresearch code --reanchor")
            if lost := sum(start >= end for start, end in spans):
                what = f"{lost} codings of no turn's words, or of half a letter"
                project.said.append(f"{source.name}: {what}; left out")
            arrived.append(Arrival(source, here or next(free), text, new, spans))
    return arrived


def _logs(
    country: Country, one: Arrival, known: Names, signs: Names, codebook: Codebook
) -> list[Path]:
    """Add what is new of a source's codings to the logs of their coders; new logs in one go."""
    closed = seals.is_sealed(country.folder / "interviews" / f"{one.interview}.txt")
    to, by_coder = country.recipients if closed else (), dict[str, list[Line]]()
    v = coding.version(one.text)
    for coded, span in zip(one.source.codings, one.spans, strict=True):
        if span[0] < span[1]:
            by, code = signs[coded.coder], known[coded.code]
            line = _line(coded, one.text, span, to, by=by, v=v, code=code)
            by_coder.setdefault(by, []).append(line)
    logs = {coding.log_of(country, one.interview, by): of_it for by, of_it in by_coder.items()}
    return [log for log, lines in logs.items() if _added(log, lines, one.text, codebook)]


def _added(log: Path, lines: list[Line], text: str, codebook: Codebook) -> bool:
    """Write a new log, or add what is new to one that is there; whether there was anything."""
    if not log.exists():
        write_whole(log, "".join(map(str, lines)))
        return True
    there = refi.lines_of(log)
    ids = {line.id for line in there}
    marks = {(line.code, line.start, line.end, line.v) for line in there}
    fresh = [line for line in lines if line.id not in ids]
    fresh = [one for one in fresh if (one.code, one.start, one.end, one.v) not in marks]
    if fresh:
        coding.append(log, fresh, text, codebook)
    return bool(fresh)


def _line(
    coded: refi.ForeignCoding, text: str, span: tuple[int, int], to: Sequence[str], **given: str
) -> Line:
    """A coding as a line of a log, its words sealed for `to` if that names anybody."""
    (start, end), at = span, coded.at or datetime.now(UTC)
    around = {"pre": text[max(0, start - AROUND) : start], "post": text[end : end + AROUND]}
    words = Words(quote=text[start:end], **around, memo=coded.memo)
    said = seals.seal_words(words.model_dump_json(), to) if to else words
    own = refi.coding_id(coded.guid)
    return Line(id=own, op="add", at=at, **given, start=start, end=end, words=said)


def _signs(project: refi.Project) -> dict[str, str]:
    """The short sign of each coder, as logs name it: friedrich-markgraf."""
    signs = dict[str, str]()
    for name in sorted({one.coder for source in project.sources for one in source.codings}):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        machine = MACHINE if name.startswith(MACHINE) else ""
        plain = re.sub("[^a-z0-9]+", "-", plain).strip("-0123456789").removeprefix("model-")
        sign = machine + (plain[:24] or NOBODY)
        twins = sum(other == sign for other in signs.values())
        signs[name] = f"{sign}-{twins + 1}" if twins else sign
    return signs


def _known_codes(project: refi.Project, codebook: Codebook) -> dict[str, str]:
    """Codes of the codebook by the GUID of the file: ours, or of the same names from the head."""
    ours = {refi.guid("code", code): code for code in codebook.by_id}
    named = {}
    for code in codebook.codes:
        above = [codebook.by_id[one] for one in (*code.ancestors, code.id) if one in codebook.by_id]
        for language in code.label:
            named[tuple(codebook.label(one.id, language).casefold() for one in above)] = code.id
    found = {
        one.guid: ours.get(one.guid) or named.get(tuple(name.casefold() for name in one.path), "")
        for one in project.codes.values()
    }
    return {guid: code for guid, code in found.items() if code}
