"""Coding logs: who marked which words of an interview with which code.

In    research/countries/*/codings/JAM-KI-03.ap.jsonl   one log per transcript and coder
      turns      one row per interview turn             (evidence.TURNS)
      codebook   the codes and their tree               (instruments.Codebook)
Out   segments   one row per live coding                (SEGMENTS)

The one idea: a log only grows. A coding is an `add`; taking it back is a `del`; moving it or
writing a memo are lines of their own. Lines carry their time and a sortable id, so two branches
merged in any order tell the same story, and a line torn by a power cut costs that line alone.
Offsets count Unicode code points of the transcript, end exclusive, and every line keeps the words
it stands for: when the two disagree the line is refused, never guessed at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from ctresearch.instruments import Codebook
from ctresearch.problems import Problem, Problems, refuse, suggestion
from ctresearch.seals import read_text
from ctresearch.study import Country, parse_record

# A frame of segments. segment: id of the line that made it; turn: the turn in which it starts, ""
# where stale; informant: who spoke; coder: initials, or `consensus` for what two coders settled on;
# code: dotted id, merged codes resolved; start, end: code points of the transcript, end exclusive;
# stale: made on another version of the transcript, and not placed in this one yet.
SEGMENTS = ["segment", "turn", "interview", "informant", "coder", "code", "start", "end", "stale"]
CONSENSUS = "consensus"
AROUND = 16  # characters of context kept on either side of a quote
LOG_NAME = re.compile(r"([A-Z]{3}-KI-\d+)\.([a-z][a-z0-9-]{0,31})\.jsonl")
CHANGES = {"move": ("v", "start", "end", "words"), "memo": ("words",)}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE, OF, NONE = (True, False), (False, True), (False, False)
NAMES = {"add": CODE, "move": OF, "memo": OF, "del": OF, "lock": NONE}  # what an operation names
FAR = 1 << 30  # a byte no log reaches


Row = tuple[Any, ...]  # a row of SEGMENTS


class Words(BaseModel):
    """What a coding stands for; in a log beside a sealed transcript it is sealed text instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quote: str = ""
    pre: str = ""  # up to 16 characters before the quote
    post: str = ""
    memo: str = ""


class Line(BaseModel):
    """One line of a log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str  # ULID
    op: Literal["add", "del", "memo", "move", "lock"]
    of: str = ""  # id of the line it takes back or changes
    at: AwareDatetime
    by: str  # the coder
    v: str = ""  # version of the transcript its offsets belong to
    code: str = ""  # as coded then; `segments` resolves merged codes
    start: int = 0
    end: int = 0
    words: Words | str = Words()

    @model_validator(mode="after")
    def _is_whole(self) -> Line:
        if self.op in ("add", "move") and not (self.v and 0 <= self.start < self.end):
            raise ValueError("it needs 'v', 'start' and a greater 'end'")
        if (bool(self.code), bool(self.of)) != NAMES[self.op]:
            raise ValueError("an 'add' names its 'code'; a 'del', 'memo' or 'move' says what 'of'")
        return self

    def __str__(self) -> str:
        return self.model_dump_json(exclude_unset=True) + "\n"


def version(text: str) -> str:
    """The version of a transcript: the first 16 hex digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def ulid(at: datetime, chance: int) -> str:
    """An id that sorts by time: 48 bits of milliseconds, 80 of chance, in Crockford's base 32."""
    number = (int(at.timestamp() * 1000) << 80) | chance
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def line(
    op: str,
    by: str,
    text: str,
    *,
    at: datetime | None = None,
    chance: int | None = None,
    memo: str = "",
    **given: Any,
) -> Line:
    """A line for a log, its quote and context cut from `text`, the transcript.

    op      add, del, memo, move or lock       at      when; now if not given
    given   code, start, end, of, as it needs  chance  80 bits for the id; random if not given
    """
    at = at or datetime.now(UTC)
    start, end = given.get("start", 0), given.get("end", 0)
    pre, post = text[max(0, start - AROUND) : start], text[end : end + AROUND] if end else ""
    words = Words(quote=text[start:end], pre=pre, post=post, memo=memo)
    made = ulid(at, secrets.randbits(80) if chance is None else chance)
    content = {"id": made, "op": op, "at": at, "by": by, "v": version(text), "words": words}
    return Line.model_validate(content | given)


def append(log: Path, new: Line, text: str, codebook: Codebook) -> None:
    """Add one line to a log; it is whole and on the disk when this returns.

    A tail torn by an earlier crash is first set aside in `<log>.torn`.

    Raises ResearchError, and writes nothing, where the file's name tells no interview and coder,
    the coder is another, the words at the offsets are not the quote, or the code is unknown or
    retired.
    """
    where = f"codings/{log.name}"
    _, coder = _named(log.name, where)
    problems = Problems(list(_faults(new, coder, text, codebook, where)))
    code = codebook.by_id.get(new.code)
    if code is not None and (code.retired or code.merged_into):
        cure = f"Use {code.merged_into!r}." if code.merged_into else "Choose a code in use."
        problems.add(f"{where}, code", f"the code {new.code!r} is retired", cure)
    problems.raise_any()
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        _lock(handle)
        _set_aside(handle, log)
        os.write(handle, str(new).encode("utf-8"))
        os.fsync(handle)
    finally:
        os.close(handle)


def replay(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The codings that live after all lines, oldest first: each its `add`, with its last changes.

    The order of `lines` is no matter. A `del` takes back the line it names, be it a coding, a
    move, a memo or another `del`; a line that names nothing changes nothing.
    """
    story = sorted(lines, key=lambda one: (one.at, one.id, str(one)))
    gone: set[str] = set()
    for one in reversed(story):
        if one.op == "del" and one.id not in gone:
            gone.add(one.of)
    kept = [one for one in story if one.id not in gone]
    live = {one.id: one for one in reversed(kept) if one.op == "add"}
    for one in kept:
        if one.op in CHANGES and one.of in live:
            change = {key: getattr(one, key) for key in CHANGES[one.op]}
            live[one.of] = live[one.of].model_copy(update=change)
    return tuple(reversed(live.values()))


def segments(country: Country, turns: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """All live codings of a country, of every coder (columns: SEGMENTS).

    Raises ResearchError with every fault of the logs. A torn last line and codings of another
    version of a transcript are no faults here: one is read without, the others come as stale.
    """
    rows, faults, _ = _read(country, turns, codebook)
    faults.raise_any()
    kinds = {"start": int, "end": int, "stale": bool}
    return pd.DataFrame(rows, columns=SEGMENTS).astype(kinds)


def counted(every: pd.DataFrame) -> pd.DataFrame:
    """The segments that count: one coder an interview, stale ones left out, overlaps joined.

    The coder is `consensus` where there is one, else the first by initials: two coders of one
    interview must not make its informant weigh twice. Segments of one code that overlap become
    their union, under the id of the first.
    """
    coder = every["coder"].replace(CONSENSUS, "")
    chosen = coder == coder.groupby(every["interview"]).transform("min")
    kept = every[chosen & ~every["stale"]].sort_values(["interview", "code", "start", "segment"])
    theme = [kept["interview"], kept["code"]]
    reached = kept.groupby(theme)["end"].cummax().groupby(theme).shift(fill_value=0)
    union = (kept["start"] >= reached).cumsum()
    joined = kept.groupby(union).agg({**dict.fromkeys(SEGMENTS, "first"), "end": "max"})
    return joined.sort_values(["interview", "start", "code"]).reset_index(drop=True)


def check_codings(country: Country, turns: pd.DataFrame, codebook: Codebook) -> None:
    """Raise everything wrong with the logs of a country, torn lines and stale codings included."""
    _, faults, doubts = _read(country, turns, codebook)
    faults.found += doubts.found
    faults.raise_any()


def _read(
    country: Country, turns: pd.DataFrame, codebook: Codebook
) -> tuple[list[Row], Problems, Problems]:
    """The rows of SEGMENTS, what is wrong with the logs, and what is merely not counted."""
    rows: list[Row] = []
    faults, doubts = Problems(), Problems()
    spoken = {str(key): of_it for key, of_it in turns.groupby("interview")}
    for path in sorted((country.folder / "codings").glob("*.jsonl")):
        where = country.study.shown(path)
        with faults.gather():
            interview, coder = _named(path.name, where)
            if interview not in spoken:
                what = f"there is no transcript {interview}.txt to code"
                raise refuse(where, what, suggestion(interview, spoken))
            text = read_text(country.folder / "interviews" / f"{interview}.txt")
            found = Problems()
            lines = _lines(path, where, found, doubts)
            found.found += [
                *(f for n, one in lines.items() for f in _faults(one, coder, text, codebook, n)),
                *_strays(lines),
            ]
            found.raise_any()
            live = replay(lines.values())
            rows += _rows(live, spoken[interview], text, codebook)
            doubts.found += _stale(live, lines, text)
    return rows, faults, doubts


def _lines(path: Path, where: str, faults: Problems, doubts: Problems) -> dict[str, Line]:
    """The sound lines of a log, each by its place."""
    lines = {}
    content = path.read_bytes().split(b"\n")
    for n, raw in enumerate(content, start=1):
        place, found = f"{where}, line {n}", _parsed(raw)
        if found is not None:
            with faults.gather():
                lines[place] = parse_record(found, Line, place)
        elif raw.strip() and n == len(content):
            cure = "Take it out, or code on and it is set aside; what it held must be coded again."
            doubts.add(place, "the last line is torn; it is not counted", cure)
        elif raw.strip():
            faults.add(place, "this is not a line of JSON", "Take the line out.")
    return lines


def _strays(lines: dict[str, Line]) -> Iterator[Problem]:
    """Lines that name no other, and different lines under one id."""
    first = {one.id: one for one in reversed(lines.values())}
    for place, one in lines.items():
        if first[one.id] != one:
            yield Problem(place, f"{one.id!r} is the id of another line", "Take one of them out.")
        if one.of and one.of not in first:
            what = f"no line has the id {one.of!r} that this one names"
            yield Problem(place, what, "Put that line back, or take this one out.")


def _stale(live: Iterable[Line], lines: dict[str, Line], text: str) -> Iterator[Problem]:
    """One doubt for all codings made on another version of the transcript."""
    placed = {one.id: place for place, one in lines.items()}
    stale = [placed[one.id] for one in live if one.v != version(text)]
    if stale:
        where = ", ".join([stale[0], *(place.rpartition(" ")[2] for place in stale[1:])])
        what = "made on another version of the transcript; not counted"
        yield Problem(where, what, "Mark the words again where they now stand.")


def _rows(
    live: Iterable[Line], spoken: pd.DataFrame, text: str, codebook: Codebook
) -> Iterator[Row]:
    """Rows of SEGMENTS; `spoken` are the turns of the interview, in order."""
    ends, turns, v = spoken["end"].tolist(), spoken["turn"].tolist(), version(text)
    who = (spoken["interview"].iloc[0], spoken["informant"].iloc[0])
    for one in live:
        code, stale = one.code, one.v != v
        turn = "" if stale else turns[min(bisect_right(ends, one.start), len(ends) - 1)]
        while codebook.by_id[code].merged_into:
            code = codebook.by_id[code].merged_into
        yield (one.id, turn, *who, one.by, code, one.start, one.end, stale)


def _faults(one: Line, coder: str, text: str, codebook: Codebook, where: str) -> Iterator[Problem]:
    """What is wrong with a line in the log of `coder`, beside `text`."""
    if one.by != coder:
        cure = f"Each coder has a log of their own: this line belongs into that of {one.by!r}."
        yield Problem(where, f"the line is by {one.by!r}, the file of {coder!r}", cure)
    if one.code and one.code not in codebook.by_id:
        what = f"{one.code!r} is not a code in instruments/codebook.toml"
        yield Problem(f"{where}, code", what, suggestion(one.code, codebook.by_id))
    if one.op in ("add", "move") and one.v == version(text):
        quote = one.words.quote if isinstance(one.words, Words) else text[one.start : one.end]
        if one.end > len(text):
            what = f"character {one.end} is past the end of the text ({len(text)})"
            yield Problem(where, what, "Mark the words again.")
        elif text[one.start : one.end] != quote:
            what = f"the words at {one.start} to {one.end} are not {quote[:60]!r}"
            yield Problem(where, what, "Mark the words again.")


def _named(name: str, where: str) -> tuple[str, str]:
    """Interview and coder of a log, from its file's name."""
    found = LOG_NAME.fullmatch(name)
    if not found:
        cure = "Name it interview.coder.jsonl, the coder in small letters: JAM-KI-03.ap.jsonl."
        raise refuse(where, f"{name!r} does not tell an interview and a coder", cure)
    return found[1], found[2]


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None where it holds none."""
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _set_aside(handle: int, log: Path) -> None:
    """Let the log end with a line end: complete its last line, or set a torn one aside."""
    content = log.read_bytes()
    tail = content.rpartition(b"\n")[2]
    if tail and _parsed(tail) is not None:
        os.write(handle, b"\n")
    elif tail:
        with log.with_name(f"{log.name}.torn").open("ab") as aside:
            aside.write(tail + b"\n")
        os.truncate(handle, len(content) - len(tail))


def _lock(handle: int) -> None:
    """Hold the log for this writer alone until it is closed; others wait their turn."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, FAR, os.SEEK_SET)  # a lock there keeps writers out, and readers in
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)
