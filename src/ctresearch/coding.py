"""Coding logs: who marked which words of an interview with which code.

In    research/countries/*/interviews/JAM-KI-03.txt       the transcript, open or sealed
      research/countries/*/codings/JAM-KI-03.ap.jsonl     one log per transcript and coder
      turns      one row per interview turn               (evidence.TURNS)
      codebook   the codes and their tree                 (instruments.Codebook)
Out   segments   one row per live coding                  (SEGMENTS)
      progress   one row per interview, for one coder     (PROGRESS)

The one idea: a log only grows. A coding is an `add`; taking it back is a `del`; moving it or
writing a memo are lines of their own. Lines carry their time and a sortable id, so two branches
merged in any order tell the same story, and a line torn by a power cut costs that line alone.
Offsets count Unicode code points of the transcript as `transcript` reads it (LF, NFC), end
exclusive, and every line keeps the words it stands for: when the two disagree the line is refused,
never guessed at. Beside a sealed transcript these words are sealed; counting never opens them.

What lives in a log is kept under `build/` until size, time or inode of the log or of its transcript
say otherwise: ids, codes and offsets, never a word. It may be deleted at any time.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import accumulate, chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import regex
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json, to_json

from ctresearch import seals
from ctresearch.files import write_whole
from ctresearch.instruments import Codebook
from ctresearch.problems import Problem, Problems, refuse, suggestion
from ctresearch.story import NOTHING, Live, Story, Transcript, kept, living, quick
from ctresearch.study import Country, find_study, parse_record

# A frame of segments. segment: id of the line that made it; turn: the turn in which it starts, ""
# where stale or the transcript is locked; informant: who spoke; coder: initials, or `consensus` for
# what two coders settled on; code: dotted id, merged codes resolved; start, end: code points of the
# transcript, end exclusive; stale: made on another version of the transcript, not placed yet.
SEGMENTS = ["segment", "turn", "interview", "informant", "coder", "code", "start", "end", "stale"]
# turns: answers of the informant; coded: those a coding of the coder touches; codings: live ones;
# locked: the coder is done; last: when the coder last wrote into the log, "" for never.
PROGRESS = ["interview", "turns", "coded", "codings", "locked", "last"]
FORM = [2, *Live._fields]  # of what is kept; raise the number when its meaning changes
REACH = 1 << 32  # more characters than a transcript has

Log = tuple[str, str]  # interview, coder
CONSENSUS = "consensus"  # the coder of what two coders settled on
MACHINE = "model:"  # a machine's codings are by `model:name`, and do not count
AROUND = 16  # characters of context kept on either side of a quote
CODER = r"[a-z][a-z0-9-]{0,31}"
INTERVIEW = r"[A-Z]{3}-KI-\d+"
LOG_NAME = re.compile(rf"({INTERVIEW})\.({CODER})\.jsonl")
CHANGES = {"move": ("v", "start", "end", "words"), "memo": ("words",)}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE, OF, NONE = (True, False), (False, True), (False, False)
NAMES = {"add": CODE, "move": OF, "memo": OF, "del": OF, "lock": NONE}  # what an operation names
FAR = 1 << 30  # a byte no log reaches
GRAPHEME = regex.compile(r"\X")  # what a reader takes for one letter


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
    by: Annotated[str, Field(pattern=rf"^({MACHINE})?{CODER}$")]  # the coder
    v: str = ""  # version of the transcript its offsets belong to
    code: str = ""  # as coded then; `coding.segments` resolves merged codes
    start: int = 0
    end: int = 0
    words: Words | str = Words()
    settled: str = ""  # in the log of `consensus`: who settled it
    placed: str = ""  # of a move made by `corrections`: what it went by; "" where a person moved it

    @model_validator(mode="after")
    def _is_whole(self) -> Line:
        if self.op in ("add", "move") and not (self.v and 0 <= self.start < self.end):
            raise ValueError("it needs 'v', 'start' and a greater 'end'")
        if (bool(self.code), bool(self.of)) != NAMES[self.op]:
            raise ValueError("an 'add' names its 'code'; a 'del', 'memo' or 'move' says what 'of'")
        return self

    def __str__(self) -> str:
        return self.model_dump_json(exclude_unset=True) + "\n"


class Entry(NamedTuple):
    """What is kept of a log."""

    mark: list[int]  # size, time and inode, of the log and of its transcript
    doubtful: bool  # whether `check_codings` has something to say about it
    live: Live


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

    Raises ResearchError where these do not make a line.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in memo):
        raise refuse(f"a line by {by!r}, memo", "it holds half a letter", "Type that letter again.")
    at = at or datetime.now(UTC)
    start, end = given.get("start", 0), given.get("end", 0)
    pre, post = text[max(0, start - AROUND) : start], text[end : end + AROUND] if end else ""
    words = {"quote": text[start:end], "pre": pre, "post": post, "memo": memo}
    made = ulid(at, secrets.randbits(80) if chance is None else chance)
    content = {"id": made, "op": op, "at": at, "by": by, "v": version(text), "words": words}
    return parse_record(content | given, Line, f"a line by {by!r}")


# Places


def transcript(country: Country, interview: str) -> str:
    """The text of a transcript, open or sealed, with line ends as LF and letters in NFC.

    Offsets count its code points, whatever line ends and accents the file is written with.
    Raises Locked where it is sealed and no key here opens it.
    """
    path = country.folder / "interviews" / f"{interview}.txt"
    if not re.fullmatch(INTERVIEW, interview):
        raise refuse(path.parent.name, f"{interview!r} is no interview's id", "As in JAM-KI-03.")
    return seals.read_text(path, country.study.shown(path))


def log_of(country: Country, interview: str, coder: str) -> Path:
    """Where the log of a coder lies; refuses what cannot name one."""
    name = f"{interview}.{coder.replace(MACHINE, 'model-')}.jsonl"
    named(name, f"codings/{name}")
    return country.folder / "codings" / name


def named(name: str, where: str) -> tuple[str, str]:
    """Interview and coder of a log, from its file's name."""
    found = LOG_NAME.fullmatch(name)
    if not found:
        cure = "Name it interview.coder.jsonl, the coder in small letters: JAM-KI-03.ap.jsonl."
        raise refuse(where, f"{name!r} does not tell an interview and a coder", cure)
    return found[1], re.sub("^model-", MACHINE, found[2])


# Writing


def append(log: Path, new: Line | Sequence[Line], text: str, codebook: Codebook) -> None:
    """Add lines to a log; they are whole and on the disk when this returns.

    Where the country is sealed their words are, for the same people, be the transcript itself open
    for a correction. A tail torn by an earlier crash is first set aside in `<log>.torn`.

    Raises ResearchError, and writes nothing, where the file's name tells no interview and coder,
    the coder is another, a line was made on another text, the words at the offsets are not the
    quote, an offset parts what a reader takes for one letter, or a code is unknown or retired.
    """
    lines, where = [new] if isinstance(new, Line) else list(new), f"codings/{log.name}"
    interview, coder = named(log.name, where)
    problems = Problems()
    for one in lines:
        problems.found += _faults(one, coder, text, codebook, where)
        problems.found += _new_faults(one, text, codebook, where)
    problems.raise_any()
    folder = log.parents[1]
    recipients = seals.sealed_for(folder)
    if recipients or seals.is_sealed(folder / "interviews" / f"{interview}.txt"):
        recipients = recipients or find_study(folder).country(folder.name).recipients
        lines = [_sealed(one, recipients) for one in lines]
    content = "".join(map(str, lines)).encode("utf-8")
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = _alone(log)
    try:
        _set_aside(handle, log)
        if os.write(handle, content) < len(content):  # what is torn is set aside next time
            raise OSError(errno.ENOSPC, "The disk is full", log.name)
        os.fsync(handle)
    finally:
        os.close(handle)


def _new_faults(one: Line, text: str, codebook: Codebook, where: str) -> Iterator[Problem]:
    """What may stand in an old line and not in a new one."""
    code = codebook.by_id.get(one.code)
    if code is not None and (code.retired or code.merged_into):
        cure = f"Use {code.merged_into!r}." if code.merged_into else "Choose a code in use."
        yield Problem(f"{where}, code", f"the code {one.code!r} is retired", cure)
    if one.v != version(text):
        what = "the line was made on another version of the transcript"
        yield Problem(where, what, "Open the interview again, then mark the words.")
    for at in (one.start, one.end) if one.op in ("add", "move") else ():
        if not is_between(text, at):
            cure = "Mark the whole letter, with its accents and joined signs."
            yield Problem(where, f"character {at} lies within a letter", cure)


def is_between(text: str, at: int) -> bool:
    """Whether an offset lies between what a reader takes for letters (UAX 29), not within one."""
    place = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at), 0)  # a letter begins there
    while place < min(at, len(text)):
        place = GRAPHEME.match(text, place).end()
    return place == min(at, len(text))


def _sealed(one: Line, recipients: Sequence[str]) -> Line:
    """A line with its words, where it has any, sealed."""
    if isinstance(one.words, str) or not any(vars(one.words).values()):
        return one
    words = seals.seal_words(one.words.model_dump_json(), recipients)
    return one.model_copy(update={"words": words})


def opened(one: Line, where: str = "") -> Line:
    """A line with its words open. Raises Locked where no key here opens them."""
    if not isinstance(one.words, str):
        return one
    words = Words.model_validate_json(seals.open_words(one.words, where))
    return one.model_copy(update={"words": words})


def seal_log(log: Path, where: str, recipients: Sequence[str], *, again: bool = False) -> None:
    """Seal the words of a log: nothing else ever rewrites one.

    again   those too that are sealed already, for other keys

    Raises ResearchError for a line that cannot be read, Locked where no key here opens the words.
    """
    handle = _alone(log)
    try:
        _set_aside(handle, log)
        found = Problems()
        lines = _lines(log, where, found, found).items()
        found.raise_any()
        said = [_sealed(opened(one, at) if again else one, recipients) for at, one in lines]
        if said != [one for _, one in lines]:
            write_whole(log, "".join(map(str, said)))
    finally:
        os.close(handle)


def _alone(log: Path) -> int:
    """A handle on a log, held for this writer alone until it is closed; others wait their turn."""
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        handle = os.open(log, flags, 0o644)
        _lock(handle)
        if log.exists() and os.path.samestat(os.fstat(handle), log.stat()):
            return handle
        os.close(handle)  # `seal_log` put another file in its place while we waited


def _set_aside(handle: int, log: Path) -> None:
    """Let the log end with a line end: complete its last line, or set a torn one aside."""
    if not (size := os.fstat(handle).st_size):
        return
    os.lseek(handle, size - 1, os.SEEK_SET)
    if os.read(handle, 1) == b"\n":
        return
    content = log.read_bytes()
    tail = content.rpartition(b"\n")[2]
    if _parsed(tail) is not None:
        os.write(handle, b"\n")
        return
    with log.with_name(f"{log.name}.torn").open("ab") as aside:
        aside.write(tail + b"\n")
    os.truncate(handle, len(content) - len(tail))


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, FAR, os.SEEK_SET)  # a lock there keeps writers out, and readers in
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


# Replaying


def replay(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The codings that live after all lines, oldest first: each its `add`, with its last changes.

    The order of `lines` is no matter. A `del` takes back the line it names, be it a coding, a
    move, a memo or another `del`; a line that names nothing changes nothing.
    """
    if not (story := list(lines)):
        return ()
    alone = len({one.id for one in story}) == len(story)  # then none is told from its twin
    story.sort(key=attrgetter("at", "id") if alone else _when)
    ids, ops, names = zip(*((one.id, one.op, one.of) for one in story), strict=True)
    left = [story[n] for n in kept(ids, ops, names)]
    live = {one.id: one for one in reversed(left) if one.op == "add"}
    for one in left:
        if one.op in CHANGES and one.of in live:
            change = {key: getattr(one, key) for key in CHANGES[one.op]}
            live[one.of] = live[one.of].model_copy(update=change)
    return tuple(reversed(live.values()))


def _when(one: Line) -> tuple[object, ...]:
    return one.at, one.id, str(one)


# Counting


@contextmanager
def at_one_go() -> Iterator[None]:
    """Keep Python from looking for garbage again and again while millions of values are made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@at_one_go()
def segments(country: Country, turns: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """All live codings of a country, of every coder (columns: SEGMENTS).

    Raises ResearchError with every fault of the logs. A torn last line and codings of another
    version of a transcript are no faults here: one is read without, the others come as stale.
    """
    found, faults, _ = _read(country, codebook)
    faults.raise_any()
    return _frame(found, turns, codebook)


def counted(every: pd.DataFrame) -> pd.DataFrame:
    """The segments that count: one coder an interview, stale ones left out, overlaps joined.

    The coder is `consensus` where there is one, else the first by initials: two coders of one
    interview must not make its informant weigh twice. A machine's codings count once a person has
    made them their own, by coding the same words. Segments of one code that overlap become their
    union, under the id of the first.
    """
    every = every[~every["coder"].str.startswith(MACHINE)]
    coder = every["coder"].replace(CONSENSUS, "")
    chosen = coder == coder.groupby(every["interview"]).transform("min")
    kept = every[chosen & ~every["stale"]].sort_values(["interview", "code", "start", "segment"])
    theme = [kept["interview"], kept["code"]]
    reached = kept.groupby(theme)["end"].cummax().groupby(theme).shift(fill_value=0)
    union = (kept["start"] >= reached).cumsum()
    joined = kept.groupby(union).agg({**dict.fromkeys(SEGMENTS, "first"), "end": "max"})
    return joined.sort_values(["interview", "start", "code"]).reset_index(drop=True)


def progress(country: Country, turns: pd.DataFrame, codebook: Codebook, coder: str) -> pd.DataFrame:
    """How far a coder is, interview by interview (columns: PROGRESS), in the order of `turns`.

    Raises ResearchError with every fault of the coder's logs.
    """
    found, faults, _ = _read(country, codebook, coder)
    faults.raise_any()
    marked = _frame(found, turns, codebook)
    marked = marked[marked["turn"] != ""]
    steps = np.zeros(len(turns) + 1, int)  # up where a coding begins, down after it ends
    np.add.at(steps, _turn_at(turns, marked["interview"], marked["start"]), 1)
    np.add.at(steps, _turn_at(turns, marked["interview"], marked["end"] - 1) + 1, -1)
    answers = turns.assign(coded=steps.cumsum()[:-1] > 0)[turns["speaker"] != "I"]
    every = answers.groupby("interview", sort=False)["coded"].agg(turns="size", coded="sum")
    lives = [found.get((one, coder), NOTHING) for one in every.index]
    every["codings"] = [len(live.segment) for live in lives]
    every["locked"] = [live.locked for live in lives]
    every["last"] = [live.last for live in lives]
    return every.reset_index()


def check_codings(country: Country, codebook: Codebook) -> None:
    """Raise everything wrong with the logs of a country, torn lines and stale codings included."""
    _, faults, doubts = _read(country, codebook, doubting=True)
    faults.found += doubts
    faults.raise_any()


# Reading


@at_one_go()
def _read(
    country: Country, codebook: Codebook, only: str = "", *, doubting: bool = False
) -> tuple[dict[Log, Live], Problems, list[Problem]]:
    """What lives in each log (of one coder, if given), what is wrong, and what is not counted.

    doubting   read those logs again about which there is a doubt to tell
    """
    shelf = country.study.build / ".codings" / f"{country.key}.json"
    found: dict[Log, Live] = {}
    known, fresh, faults, doubts = _known(shelf), dict[str, Entry](), Problems(), list[Problem]()
    beside = lru_cache(maxsize=1)(partial(_beside, country))  # the logs of an interview adjoin
    for name, where, mark, interview, coder in _listed(country, only, faults):
        entry = known.get(name)
        usable = entry and entry.mark == mark and not (doubting and entry.doubtful)
        if entry and usable and codebook.by_id.keys() >= {*entry.live.code, *entry.live.dead}:
            found[interview, coder] = entry.live
            continue
        with faults.gather():
            log, of = country.folder / "codings" / name, beside(interview)
            doubted: list[Problem] = []
            live = quick(log, coder, of, codebook.by_id.keys())
            if live is None:
                live, doubted = _careful(log, where, coder, of, codebook)
            found[interview, coder] = live
            doubts += doubted
            if of.text is not None and " ".join(live.segment).split() == live.segment:
                fresh[name] = Entry(mark, bool(doubted), live)
    if fresh:
        with suppress(OSError):  # a study that may only be read is read without
            write_whole(shelf, _packed(known | fresh))
    return found, faults, doubts


def _listed(
    country: Country, only: str, faults: Problems
) -> Iterator[tuple[str, str, list[int], str, str]]:
    """The name of each log, how it is shown, what marks its state, its interview and its coder."""
    folder, shown = country.folder / "codings", country.study.shown(country.folder / "codings")
    texts = {name.partition(".")[0]: mark for name, mark in _marks(country.folder / "interviews")}
    for name, mark in sorted(_marks(folder)):
        with faults.gather():
            if not name.endswith(".jsonl"):
                continue
            interview, coder = named(name, where := f"{shown}/{name}")
            if interview not in texts:
                what = f"there is no transcript {interview}.txt to code"
                raise refuse(where, what, suggestion(interview, texts))
            if only in ("", coder):
                yield name, where, mark + texts[interview], interview, coder


def _marks(folder: Path) -> Iterator[tuple[str, list[Any]]]:
    """The files of a folder, each with its size, time and inode."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] != ".":
                stat = entry.stat()
                yield entry.name, [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _known(shelf: Path) -> dict[str, Entry]:
    """What an earlier reading kept, by the name of the log; nothing where it is of no use."""
    try:
        form, codes, kept = from_json(shelf.read_bytes(), cache_strings="keys")
        return {
            name: Entry(mark, doubtful, Live(ids.split(), [codes[n] for n in places], *live))
            for name, (mark, doubtful, ids, places, *live) in kept.items()
            if form == FORM
        }
    except (OSError, ValueError, TypeError, AttributeError, IndexError):
        return {}


def _packed(entries: dict[str, Entry]) -> bytes:
    """What `_known` reads: the ids of a log as one text, its codes as places in a list of all."""
    place = {code: n for n, code in enumerate({c for e in entries.values() for c in e.live.code})}
    kept = {
        name: (*told, " ".join(live.segment), [place[code] for code in live.code], *live[2:])
        for name, (*told, live) in entries.items()
    }
    return to_json((FORM, list(place), kept))


def live_lines(country: Country, interview: str, coder: str) -> dict[str, Line]:
    """The live codings of one log, each by the place of its `add`; words may be sealed.

    Raises ResearchError for a line that cannot be read.
    """
    log, found = log_of(country, interview, coder), Problems()
    lines = _lines(log, country.study.shown(log), found, Problems()) if log.is_file() else {}
    found.raise_any()
    place = {one.id: place for place, one in reversed(lines.items())}
    return {place[one.id]: one for one in replay(lines.values())}


def _beside(country: Country, interview: str) -> Transcript:
    """The transcript that logs of an interview are read beside."""
    sealed = seals.is_sealed(country.folder / "interviews" / f"{interview}.txt")
    try:
        text = transcript(country, interview)
    except seals.Locked:
        return Transcript(None, "", sealed)
    return Transcript(text, version(text), sealed)


def _careful(
    log: Path, where: str, coder: str, of: Transcript, codebook: Codebook
) -> tuple[Live, list[Problem]]:
    """What lives in a log, and doubts about it: what is not counted, or lies open.

    Raises ResearchError with every fault of its lines.
    """
    found, doubts = Problems(), Problems()
    lines = _lines(log, where, found, doubts)
    for place, one in lines.items():
        found.found += _faults(one, coder, of.text, codebook, place)
        if of.sealed and isinstance(one.words, Words) and any(vars(one.words).values()):
            cure = "Type: ctresearch seal, and the words of every log are sealed too."
            doubts.add(place, "its words lie open beside a sealed transcript", cure)
    found.found += _strays(lines)
    found.raise_any()
    story = sorted({one.id: one for one in lines.values()}.values(), key=_when)
    if not story:
        return NOTHING, doubts.found
    last = story[-1].at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    columns = ([getattr(one, key) for one in story] for key in Story._fields)
    live = living(Story(*columns), of.v or story[-1].v, last)
    doubts.found += _stale([live.segment[n] for n in live.stale], lines)
    return live, doubts.found


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


def _stale(stale: Sequence[str], lines: dict[str, Line]) -> Iterator[Problem]:
    """One doubt for all codings made on another version of the transcript."""
    placed = {one.id: place for place, one in lines.items()}
    if stale:
        others = (placed[one].rpartition(" ")[2] for one in stale[1:])
        where = ", ".join([placed[stale[0]], *others])
        interview = where.rpartition("/")[2].partition(".")[0]
        what = "made on another version of the transcript; not counted"
        yield Problem(where, what, f"Type: ctresearch code {interview} --reanchor")


def _faults(
    one: Line, coder: str, text: str | None, codebook: Codebook, where: str
) -> Iterator[Problem]:
    """What is wrong with a line in the log of `coder`, beside `text`."""
    if one.by != coder:
        cure = f"Each coder has a log of their own: this line belongs into that of {one.by!r}."
        yield Problem(where, f"the line is by {one.by!r}, the file of {coder!r}", cure)
    if one.code and one.code not in codebook.by_id:
        what = f"{one.code!r} is not a code in instruments/codebook.toml"
        yield Problem(f"{where}, code", what, suggestion(one.code, codebook.by_id))
    if text is not None and one.op in ("add", "move") and one.v == version(text):
        quote = one.words.quote if isinstance(one.words, Words) else text[one.start : one.end]
        if one.end > len(text):
            what = f"character {one.end} is past the end of the text ({len(text)})"
            yield Problem(where, what, "Mark the words again.")
        elif text[one.start : one.end] != quote:
            what = f"the words at {one.start} to {one.end} are not {quote[:60]!r}"
            yield Problem(where, what, "Mark the words again.")


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None where it holds none."""
    try:
        found = from_json(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


# As a frame


def _frame(found: dict[Log, Live], turns: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """What lives in logs as rows of SEGMENTS."""
    lives, sizes = list(found.values()), [len(live.segment) for live in found.values()]
    who = turns.drop_duplicates("interview").set_index("interview")["informant"].to_dict()

    def each(values: Iterable[str]) -> Any:
        return np.repeat(np.array(list(values), dtype=object), sizes)

    def every(column: str, kind: type = object) -> Any:
        values = chain.from_iterable(getattr(live, column) for live in lives)
        return np.fromiter(values, dtype=kind, count=sum(sizes))

    start, codes = every("start", int), every("code")
    stale, firsts = np.zeros(len(start), dtype=bool), accumulate(sizes, initial=0)
    stale[[first + n for first, live in zip(firsts, lives, strict=False) for n in live.stale]] = (
        True
    )
    now = {code: _in_use(code, codebook) for code in set(codes)}
    row = _turn_at(turns, [one for one, _ in found], start, sizes)
    turn = np.append(turns["turn"].to_numpy(dtype=object), "")[row]
    columns = {
        "segment": every("segment"),
        "turn": np.where(stale, "", turn),
        "interview": each(one for one, _ in found),
        "informant": each(who.get(one, one) for one, _ in found),
        "coder": each(coder for _, coder in found),
        "code": np.fromiter(map(now.__getitem__, codes), dtype=object, count=len(codes)),
        "start": start,
        "end": every("end", int),
        "stale": stale,
    }
    texts = dict.fromkeys(SEGMENTS[:6], "str")
    return pd.DataFrame(columns).astype(texts)


def _in_use(code: str, codebook: Codebook) -> str:
    """The code that a merged one became part of, or the code itself."""
    while into := codebook.by_id[code].merged_into:
        code = into
    return code


def _turn_at(turns: pd.DataFrame, interviews: Any, at: Any, sizes: Any = 1) -> Any:
    """The row of `turns` each offset lies in; -1 where the turns of an interview are not known.

    sizes   how many of the offsets, one after the other, are of each of the interviews

    It is the first turn that ends after the offset, or else the last of its interview.
    """
    which, names = pd.factorize(turns["interview"])
    ends = which * REACH + turns["end"].to_numpy(dtype=int)
    order = np.append(np.argsort(ends, kind="stable"), -1)
    ends = ends[order[:-1]]
    place = pd.Index(names).get_indexer(interviews)
    last = np.repeat(np.searchsorted(ends, (place + 1) * REACH) - 1, sizes)
    place = np.repeat(place, sizes)
    return order[np.minimum(np.searchsorted(ends, place * REACH + at, side="right"), last)]
