"""Double coding: interviews that two or more people code without seeing each other's work.

In    research/countries/*/double.csv          which interviews, and who codes them   (DOUBLE)
      research/countries/*/codings/*.jsonl     one log per transcript and coder       (coding)
Out   who may see whose log; what each had coded when all had locked, and how it compares;
      lines of the `consensus` log

The one idea: agreement says something only where nobody saw the other's work. A coder of a drawn
interview sees their own log alone until everyone assigned has locked. At that moment the interview
is *open*, for good: what was locked then is what agreement is counted on, whatever is changed
later. Until then a lock may be undone, for nobody has seen anything.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import ValidationError

from ctresearch import coding, evidence, tables
from ctresearch.coding import CONSENSUS, Line
from ctresearch.instruments import Codebook
from ctresearch.problems import Problems, refuse, suggestion
from ctresearch.study import Country

NAME = r"(?!consensus\b|model-)[a-z][a-z0-9-]{0,31}"  # a coder; a machine is none
DOUBLE = tables.table(
    "double",
    "one interview that is coded by more than one coder",
    interview=tables.text("the interview", unique=True),
    coders=tables.text(
        "who codes it, with blanks between", pattern=f"{NAME}( {NAME})+", like="ap mk"
    ),
    drawn=tables.text("how it came to be in the sample", required=False, optional=True),
)
Kind = Literal["agreed", "borders", "only"]
State = Literal["open", "kept", "dropped"]
Span = tuple[int, int]  # start, end: code points of the transcript, end exclusive
Mark = tuple[int, int, str]  # start, end, and the coder who made it


@dataclass(frozen=True)
class Compared:
    """A stretch of a transcript that at least one coder marked with a code."""

    code: str  # merged codes resolved
    start: int  # the first character anybody marked
    end: int  # past the last one
    kind: Kind  # agreed: by all, alike; borders: by several, not alike; only: by some, alike
    marked: Mapping[str, tuple[Span, ...]]  # coder → what that coder marked of it
    consensus: State  # what was settled: kept or dropped; open: nothing yet


@dataclass(frozen=True)
class Decision:
    """What a person settled on for a stretch the coders did not agree about."""

    code: str
    start: int  # the borders to keep; of a dropped one, any within the stretch
    end: int
    keep: bool = True  # whether the code belongs there
    memo: str = ""


Settled = tuple[Decision, str]  # and the id of the line that says so


# Who codes what


def draw(country: Country, coders: Sequence[str], share: float, seed: int) -> list[str]:
    """Draw interviews for double coding and add them to double.csv.

    coders    two or more who each code all of them
    share     of the usable interviews, above 0 and up to 1; at least one is drawn
    returns   the ids drawn, in the order of interviews.csv

    Interviews are ranked by the SHA-256 of `seed` and id, and the first are taken: anybody can
    draw again and check, and a greater share adds to a smaller one. Rows that are there stay.
    """
    where, faults = "ctresearch agree --draw", Problems()
    if len(coders) < 2 or len(set(coders)) < len(coders):
        faults.add(where, "this takes two coders or more, each named once", "Name them: ap,mk")
    for name in (name for name in coders if not re.fullmatch(NAME, name)):
        faults.add(where, f"{name!r} cannot name a coder", "Use small letters: initials, as ap.")
    if not 0 < share <= 1:
        cure = "Give a number above 0 and up to 1: 0.25 is a quarter."
        faults.add(where, f"{share:g} is no share of the interviews", cure)
    faults.raise_any()
    every = evidence.interviews(country)
    ids = every.loc[every["usable"], "id"].tolist()
    if not ids:
        raise refuse(where, f"{country.name} has no interview that may be used", "Add some first.")
    ranked = sorted(ids, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest())
    drawn = set(ranked[: math.ceil(share * len(ids))])
    told = f"seed {seed}, {share:g} of {len(ids)}"
    rows = {one: (who, how) for one, who, how in assignments(country).itertuples(index=False)}
    rows |= {one: (" ".join(coders), told) for one in ids if one in drawn and one not in rows}
    frame = pd.DataFrame([(one, *rows[one]) for one in sorted(rows)], columns=DOUBLE.columns)
    tables.write_table(frame, _file(country))
    return [one for one in ids if one in drawn]


def assignments(country: Country) -> pd.DataFrame:
    """double.csv (columns: DOUBLE); empty where there is none.

    Raises ResearchError for a malformed row and for an interview that is not in interviews.csv.
    """
    path = _file(country)
    if not path.is_file():
        return pd.DataFrame(columns=DOUBLE.columns, dtype=str)
    frame, faults = tables.read_table(path, DOUBLE, country.study.shown(path)), Problems()
    known = set(evidence.interviews(country)["id"])
    for row, interview in frame.loc[~frame["interview"].isin(known), "interview"].items():
        where = f"{country.study.shown(path)}, row {row}, column 'interview'"
        what = f"{interview!r} is not in interviews.csv"
        faults.add(where, what, suggestion(interview, known))
    faults.raise_any()
    return frame


def drawn(country: Country) -> dict[str, tuple[str, ...]]:
    """The interviews of double.csv, each with its coders, in the order of the file."""
    path = _file(country)
    if not path.is_file():
        return {}
    stamp = path.stat()
    return _drawn(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=64)
def _drawn(path: Path, _changed: int, _size: int) -> dict[str, tuple[str, ...]]:
    """The file as it stood then: the coding page asks with every request."""
    coders = tables.read_table(path, DOUBLE, path.name).set_index("interview")["coders"]
    return {str(one): tuple(who.split()) for one, who in coders.items()}


def coders_of(country: Country, interview: str) -> tuple[str, ...]:
    """Who codes an interview: the assigned where it was drawn, else whoever has a log of it."""
    return drawn(country).get(interview) or _with_logs(country, interview)


# Locks


def locked(country: Country, interview: str) -> set[str]:
    """The coders who have locked their log of an interview and not unlocked it."""
    every = _with_logs(country, interview)
    return {by for by in every if _locks(_story(country, interview, by, locks=True))}


def lock(country: Country, interview: str, coder: str, codebook: Codebook) -> None:
    """Say that a coder is done: from now on the log takes no coding until it is unlocked."""
    must_be_unlocked(country, interview, coder)
    text = coding.transcript(country, interview)
    _append(country, interview, codebook, text, [coding.line("lock", coder, text)])


def unlock(country: Country, interview: str, coder: str, codebook: Codebook) -> None:
    """Undo a lock. Once all had locked this changes no agreement figure any more.

    Raises ResearchError where there is no lock to undo.
    """
    held = _locks(_story(country, interview, coder, locks=True))
    if not held:
        raise refuse(f"{interview}, {coder}", "it is not locked", "There is nothing to undo.")
    text = coding.transcript(country, interview)
    lines = [coding.line("del", coder, text, of=one.id) for one in held]
    _append(country, interview, codebook, text, lines)


def must_be_unlocked(country: Country, interview: str, coder: str) -> None:
    """Raise ResearchError where a coder has locked: nothing may be added to that log."""
    if _locks(_story(country, interview, coder, locks=True)):
        cure = "Unlock it first; what was compared stays as it was locked."
        raise refuse(f"{interview}, {coder}", f"{coder} has locked this interview", cure)


def is_open(country: Country, interview: str) -> bool:
    """Whether the coders may see each other: not drawn, or all assigned had locked at a time."""
    return interview not in drawn(country) or bool(
        _opening(_stories(country, interview, locks=True))
    )


def visible(country: Country, interview: str, coder: str) -> set[str]:
    """The coders whose logs this coder may see: all where it is open, else their own alone."""
    every = {*coders_of(country, interview), *_with_logs(country, interview), CONSENSUS}
    return {coder} | every if is_open(country, interview) else {coder}


# Comparing


def when_locked(country: Country, interview: str) -> dict[str, tuple[Line, ...]]:
    """What each coder had coded when all had locked for the first time: coder → live codings.

    Changes made later are left out, but for moves to a corrected transcript: the words are the
    same there. Raises ResearchError naming who has not locked, and codings that are stale.
    """
    stories = _stories(country, interview)
    if len(stories) < 2:
        what = f"coded by {' '.join(stories) or 'nobody'} alone: there is nothing to compare"
        raise refuse(interview, what, "Have a second coder code and lock it.")
    locks = _opening(stories)
    if not locks:
        missing = " and ".join(by for by, story in stories.items() if not _locks(story))
        cure = "Each coder locks on the coding page when done; until then they stay blind."
        raise refuse(interview, f"not locked by {missing}", cure)
    found = {by: coding.replay(_until(stories[by], held)) for by, held in locks.items()}
    version = coding.version(coding.transcript(country, interview))
    stale = sum(one.v != version for lines in found.values() for one in lines)
    if stale:
        what = f"the transcript was corrected since; codings not placed in it yet: {stale}"
        raise refuse(interview, what, "Place them first: ctresearch code --reanchor")
    return found


def compare(country: Country, interview: str, codebook: Codebook) -> tuple[Compared, ...]:
    """How the coders' work compares, stretch by stretch, in the order of the text.

    Rests on what was locked (`when_locked`, whose refusals it has). A stretch is what a code's
    segments cover that overlap each other, whoever made them; segments that only touch are two.
    Codes that are retired are left out. Where the consensus is locked, what it holds nothing of was
    dropped.
    """
    lines = when_locked(country, interview)
    marks: dict[str, list[Mark]] = {}
    for by, live in lines.items():
        for one in live:
            marks.setdefault(in_use(one.code, codebook), []).append((one.start, one.end, by))
    settled = _settled(country, interview, codebook)
    closed = bool(_locks(_story(country, interview, CONSENSUS, locks=True)))
    made = (
        _compared(code, stretch, [*lines], settled)
        for code, spans in marks.items()
        if code
        for stretch in _stretches(spans)
    )
    found = [
        replace(of, consensus="dropped") if closed and of.consensus == "open" else of for of in made
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.code)))


def all_locked(country: Country, codebook: Codebook) -> tuple[pd.DataFrame, pd.DataFrame, Problems]:
    """What was locked of every interview that two or more code and that may be used.

    returns  spans       interview, coder, code (merged ones resolved), start, end
             interviews  index `interview`: coders (a tuple), characters of the transcript, drawn
                         (False: it was not drawn, so its coders could see each other)
             problems    the interviews left out, as `when_locked` refuses them
    """
    every, waiting = evidence.interviews(country), Problems()
    usable = sorted(every.loc[every["usable"], "id"])
    double = {one: who for one in usable if len(who := coders_of(country, one)) > 1}
    spans: list[tuple[str, str, str, int, int]] = []
    rows = []
    for interview, who in double.items():
        with waiting.gather():
            for by, live in when_locked(country, interview).items():
                found = [(in_use(one.code, codebook), one.start, one.end) for one in live]
                spans += [(interview, by, *one) for one in found if one[0]]
            length = len(coding.transcript(country, interview))
            rows.append((interview, who, length, interview in drawn(country)))
    columns = ["interview", "coders", "characters", "drawn"]
    interviews = pd.DataFrame(rows, columns=columns).set_index("interview")
    columns = ["interview", "coder", "code", "start", "end"]
    return pd.DataFrame(spans, columns=columns), interviews, waiting


def settle(
    country: Country,
    interview: str,
    by: str,
    codebook: Codebook,
    decisions: Iterable[Decision] = (),
) -> int:
    """Write what was settled into the `consensus` log; the number of stretches still open.

    What all coders marked alike is taken over without asking; `decisions` are what the person
    `by` decided of the rest. Who settled stands in each line: `by`, or "ap mk" for what these
    agreed on. A later decision about a stretch takes the place of an earlier one.

    Raises ResearchError, and writes nothing, where the interview is not open yet, a decision fits
    no stretch, or `by` cannot name a coder.
    """
    compared, decided, faults = compare(country, interview, codebook), list(decisions), Problems()
    text = coding.transcript(country, interview)
    if not re.fullmatch(NAME, by):
        faults.add(interview, f"{by!r} cannot name who settles", "Use a coder's name, as ap.")
    for one in decided:
        if one.end > len(text) or not any(_overlap(one, of) for of in compared):
            what = f"nobody marked {one.start} to {one.end} with {one.code!r}"
            faults.add(interview, what, "Settle what is shown; code anew in a log of your own.")
    faults.raise_any()
    settled, lines = _settled(country, interview, codebook), []
    for of in compared:
        if any(_overlap(one, of) for one in decided):
            lines += _undone(settled, of, text)
        elif of.kind == "agreed" and of.consensus == "open":
            alike = Decision(of.code, of.start, of.end)
            lines += _lines(alike, " ".join(of.marked), text)
    for one in decided:
        lines += _lines(one, by, text)
    _append(country, interview, codebook, text, lines)
    return sum(of.consensus == "open" for of in compare(country, interview, codebook))


def reopen(country: Country, interview: str, codebook: Codebook, of: Compared) -> None:
    """Take back whatever was settled about a stretch, and that the consensus was locked."""
    text, settled = coding.transcript(country, interview), _settled(country, interview, codebook)
    locks = _locks(_story(country, interview, CONSENSUS, locks=True))
    lines = [coding.line("del", CONSENSUS, text, of=one.id) for one in locks]
    _append(country, interview, codebook, text, lines + _undone(settled, of, text))


def in_use(code: str, codebook: Codebook) -> str:
    """The code itself, or the one that took it in; "" for one that is retired or unknown."""
    found = codebook.by_id.get(code)
    if found and found.merged_into:
        return in_use(found.merged_into, codebook)
    return code if found and not found.retired else ""


def unions(spans: Iterable[Span]) -> list[Span]:
    """Spans of one coder and code, those that overlap joined; in order."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


# Inside


def _file(country: Country) -> Path:
    return country.folder / "double.csv"


def _with_logs(country: Country, interview: str) -> tuple[str, ...]:
    """Who has a log of an interview, the consensus apart."""
    names = (path.name for path in (country.folder / "codings").glob(f"{interview}.*.jsonl"))
    coders = (name.removeprefix(f"{interview}.").removesuffix(".jsonl") for name in names)
    return tuple(sorted(one for one in coders if re.fullmatch(NAME, one)))


def _story(country: Country, interview: str, coder: str, *, locks: bool = False) -> list[Line]:
    """The sound lines of a log in the order of their time; the others are `check`'s to tell of.

    locks   only those that lock or take back: enough to see who has locked, and quick
    """
    path = coding.log_of(country, interview, coder)
    content = path.read_bytes() if path.is_file() else b""
    found = []
    for raw in content.split(b"\n") if not locks or b'"lock"' in content else ():
        if not locks or b'"lock"' in raw or b'"del"' in raw:
            with suppress(ValidationError):
                found.append(Line.model_validate_json(raw))
    return sorted((one for one in found if one.by == coder), key=_when)


def _stories(country: Country, interview: str, *, locks: bool = False) -> dict[str, list[Line]]:
    every = coders_of(country, interview)
    return {by: _story(country, interview, by, locks=locks) for by in every}


def _when(one: Line) -> tuple[object, ...]:
    return one.at, one.id


def _locks(story: Iterable[Line]) -> list[Line]:
    """The locks that hold at the end of a coder's story; a `del` of one of them undoes them all."""
    held: list[Line] = []
    for one in story:
        if one.op == "lock":
            held.append(one)
        elif one.op == "del" and any(one.of == made.id for made in held):
            held = []
    return held


def _opening(stories: Mapping[str, list[Line]]) -> dict[str, Line]:
    """For each coder the lock that held when first all had locked; empty before."""
    held: dict[str, list[Line]] = {by: [] for by in stories}
    for one in sorted((one for story in stories.values() for one in story), key=_when):
        if one.op in ("lock", "del"):
            held[one.by] = _locks([*held[one.by], one])
        if all(held.values()):
            return {by: locks[0] for by, locks in held.items()}
    return {}


def _until(story: list[Line], held: Line) -> list[Line]:
    """A coder's story up to a lock, and later moves onto another version of the transcript."""
    before = [one for one in story if _when(one) <= _when(held)]
    version = {one.of if one.op == "move" else one.id: one.v for one in before}
    moves: dict[str, Line] = {}
    for one in story[len(before) :]:
        if one.op == "move" and version.get(one.of, one.v) != one.v:
            version[one.of], moves[one.id] = one.v, one
        elif one.op == "del":
            moves.pop(one.of, None)
    return [*before, *moves.values()]


def _stretches(spans: list[Mark]) -> Iterator[list[Mark]]:
    """Spans of a code in groups that overlap, directly or by way of others."""
    group: list[Mark] = []
    for one in sorted(spans):
        if group and one[0] >= max(end for _, end, _ in group):
            yield group
            group = []
        group.append(one)
    yield group


def _compared(
    code: str, stretch: list[Mark], coders: Sequence[str], settled: Iterable[Settled]
) -> Compared:
    by = {who: unions(of[:2] for of in stretch if of[2] == who) for who in coders}
    marked = {who: tuple(spans) for who, spans in by.items() if spans}
    alike = len(set(marked.values())) == 1
    kind: Kind = "borders" if not alike else "agreed" if len(marked) == len(coders) else "only"
    start, end = stretch[0][0], max(of[1] for of in stretch)
    found = Compared(code, start, end, kind, marked, "open")
    kept = {one.keep for one, _ in settled if _overlap(one, found)}
    return replace(found, consensus="kept" if True in kept else "dropped") if kept else found


def _overlap(one: Decision, of: Compared) -> bool:
    return one.code == of.code and one.start < of.end and of.start < one.end


def _settled(country: Country, interview: str, codebook: Codebook) -> list[Settled]:
    """What the consensus log says, each with the id of the line that says it.

    A live coding is kept. One that was taken back is dropped where the `del` tells who settled
    that, and open again where it does not: then it was taken back as one takes back a slip.
    """
    story = _story(country, interview, CONSENSUS)
    live = {one.id: one for one in coding.replay(story)}
    taken = {one.of: one.settled for one in story if one.op == "del"}
    found = []
    for one in (one for one in story if one.op == "add"):
        place, keep = live.get(one.id, one), one.id in live
        if keep or taken.get(one.id):
            code = in_use(one.code, codebook)
            found.append((Decision(code, place.start, place.end, keep), one.id))
    return found


def _undone(settled: Iterable[Settled], of: Compared, text: str) -> list[Line]:
    made = (made for earlier, made in settled if _overlap(earlier, of))
    return [coding.line("del", CONSENSUS, text, of=one) for one in made]


def _lines(one: Decision, who: str, text: str) -> Iterator[Line]:
    """What a decision is in the consensus log; one that drops is made and taken back by `who`."""
    place: dict[str, Any] = {"code": one.code, "start": one.start, "end": one.end}
    made = coding.line("add", CONSENSUS, text, memo=one.memo, settled=who, **place)
    yield made
    if not one.keep:
        yield coding.line("del", CONSENSUS, text, settled=who, of=made.id)


def _append(
    country: Country, interview: str, codebook: Codebook, text: str, lines: Sequence[Line]
) -> None:
    """Add lines to the log of who wrote them, all or none."""
    if lines:
        coding.append(coding.log_of(country, interview, lines[0].by), lines, text, codebook)
