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
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from ctresearch.files import read_text
from ctresearch.instruments import Codebook
from ctresearch.problems import Problem, Problems, refuse, suggestion
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


@dataclass(frozen=True)
class Log:
    """One log as read, beside its transcript."""

    where: str  # as a problem names it
    interview: str
    coder: str
    text: str | None  # the transcript; None where there is none
    lines: dict[int, Line]  # the sound ones, by line number
    unsound: tuple[Problem, ...]
    torn: tuple[Problem, ...]  # at most one

    def places(self) -> Iterator[tuple[str, Line]]:
        return ((f"{self.where}, line {n}", one) for n, one in self.lines.items())

    def stale(self, coding: Line) -> bool:
        return coding.v != version(self.text or "")


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
    words = Words(memo=memo)
    if "end" in given:
        start, end = given["start"], given["end"]
        pre, post = text[max(0, start - AROUND) : start], text[end : end + AROUND]
        words = Words(quote=text[start:end], pre=pre, post=post, memo=memo)
    made = ulid(at, secrets.randbits(80) if chance is None else chance)
    content = {"id": made, "op": op, "at": at, "by": by, "v": version(text), "words": words}
    return Line.model_validate({**content, **given})


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
        with _locked(handle):
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
    problems, logs = _read(country, turns, codebook)
    problems.raise_any()
    spoken = dict(iter(turns.groupby("interview")))
    rows = [row for log in logs for row in _rows(log, spoken[log.interview], codebook)]
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
    problems, logs = _read(country, turns, codebook)
    for log in logs:
        problems.found += log.torn
        number = {one.id: n for n, one in log.lines.items()}
        stale = [number[coding.id] for coding in replay(log.lines.values()) if log.stale(coding)]
        if stale:
            what = f"{len(stale)} codings are of another version of {log.interview}.txt"
            cure = "They are not counted. Mark the words again where they now stand."
            listed = ", ".join(str(n) for n in sorted(stale))
            problems.add(f"{log.where}, line {listed}", what, cure)
    problems.raise_any()


def _read(country: Country, turns: pd.DataFrame, codebook: Codebook) -> tuple[Problems, list[Log]]:
    """The logs of a country, and what is wrong with them."""
    problems, logs = Problems(), []
    known = set(turns["interview"])
    for path in sorted((country.folder / "codings").glob("*.jsonl")):
        with problems.gather():
            log = _read_log(path, country)
            problems.found += log.unsound
            if log.text is None or log.interview not in known:
                what = f"there is no transcript {log.interview}.txt to code"
                raise refuse(log.where, what, suggestion(log.interview, known - {log.interview}))
            logs.append(log)
            ids = {one.id: one for one in reversed(log.lines.values())}
            for place, one in log.places():
                problems.found += _faults(one, log.coder, log.text, codebook, place)
                if ids[one.id] != one:
                    problems.add(place, f"{one.id} is the id of another line", "Take one out.")
                if one.of and one.of not in ids:
                    what = f"no line has the id {one.of!r} that this one names"
                    problems.add(place, what, "Put that line back, or take this one out.")
    return problems, logs


def _read_log(path: Path, country: Country) -> Log:
    where = country.study.shown(path)
    interview, coder = _named(path.name, where)
    transcript = country.folder / "interviews" / f"{interview}.txt"
    text = read_text(transcript, country.study.shown(transcript)) if transcript.is_file() else None
    lines: dict[int, Line] = {}
    unsound, torn = Problems(), Problems()
    content = path.read_bytes().split(b"\n")
    for n, raw in enumerate(content, start=1):
        place, found = f"{where}, line {n}", _parsed(raw)
        if found is not None:
            with unsound.gather():
                lines[n] = parse_record(found, Line, place)
        elif raw.strip() and n == len(content):
            cure = "Code on, and it is set aside; what it held must be coded again."
            torn.add(place, "the last line is torn; it is not counted", cure)
        elif raw.strip():
            unsound.add(place, "this is not a line of JSON", "Take the line out.")
    return Log(where, interview, coder, text, lines, tuple(unsound.found), tuple(torn.found))


def _rows(log: Log, spoken: pd.DataFrame, codebook: Codebook) -> Iterator[tuple[Any, ...]]:
    """Rows of SEGMENTS for one log; `spoken` are the turns of its interview, in order."""
    ends, turns = spoken["end"].tolist(), spoken["turn"].tolist()
    who = (log.interview, spoken["informant"].iloc[0], log.coder)
    for coding in replay(log.lines.values()):
        stale, code = log.stale(coding), coding.code
        turn = "" if stale else turns[min(bisect_right(ends, coding.start), len(ends) - 1)]
        while codebook.by_id[code].merged_into:
            code = codebook.by_id[code].merged_into
        yield (coding.id, turn, *who, code, coding.start, coding.end, stale)


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


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Hold the log for this writer alone; others wait their turn. Closing it lets go."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, FAR, os.SEEK_SET)  # a lock there keeps writers out, and readers in
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)
    yield
