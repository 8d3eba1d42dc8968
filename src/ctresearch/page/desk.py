"""A coder's desk: what the coding page is told, and what it may write.

In    the transcript of an interview, its logs, the codebook, double.csv
Out   plain mappings for JSON; lines appended to the log of the coder at the desk

The one idea: a coder sits at one interview, sees the logs `double.visible` allows and writes into
one log. Ids are made on the page, so what is sent twice, because an answer got lost on the way, is
written once. Offsets are code points, and a line made on another version of the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ctresearch import coding, double, evidence, seals
from ctresearch.coding import CONSENSUS, Line
from ctresearch.instruments import Codebook, read_codebook
from ctresearch.problems import refuse, suggestion
from ctresearch.study import Country, Record, Study, find_study, parse_record

LONGEST_MEMO = 20_000  # characters
LOCKS = re.compile(rb'(?m)^.*"(?:lock|del)".*$')  # lines of a log that may lock or unlock
LONGEST_TEXT = 5_000_000  # characters; a day of talk is about half a million

Told = dict[str, Any]  # what the page is told, as JSON
Stamp = tuple[int, int]  # when a file changed, in nanoseconds, and its size
Id = Annotated[str, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]  # a ULID
Offset = Annotated[int, Field(ge=0)]
Memo = Annotated[str, Field(max_length=LONGEST_MEMO)]


class Sent(Record):
    """What the page sends to be written: a line of a log, without what the server knows better."""

    id: Id
    op: Literal["add", "del", "memo", "move"]
    v: str  # the version of the text the page shows
    of: str = ""
    code: str = ""
    start: Offset = 0
    end: Offset = 0
    memo: Memo = ""


class Settled(Record):
    """What the page sends of a stretch that coders did not agree about."""

    v: str
    code: str
    start: Offset
    end: Offset
    keep: bool
    memo: Memo = ""


@dataclass(frozen=True)
class Desk:
    """One coder at one interview."""

    country: Country
    interview: str
    coder: str

    @property
    def where(self) -> str:
        return f"{self.interview}, {self.coder}"

    @property
    def transcript(self) -> Path:
        return self.country.folder / "interviews" / f"{self.interview}.txt"

    @property
    def text(self) -> str:
        """The transcript as it is now, sealed or not."""
        return _text(self.country, self.interview, _stamp(self.transcript))

    @property
    def codebook(self) -> Codebook:
        study = self.country.study
        return _codebook(study, _stamp(study.instruments / "codebook.toml"))


def study_at(root: Path) -> Study:
    """The study a server of `root` serves, read anew when study.toml has changed."""
    found = find_study(root)
    return _study(found.root, _stamp(found.research / "study.toml"))


def sit(study: Study, interview: str, coder: str) -> Desk:
    """A coder's place at an interview.

    Raises ResearchError where the name is no interview of the study or no coder's.
    """
    if not re.fullmatch(double.NAME, coder):
        cure = "Use small letters: initials, as ap."
        raise refuse("coder", f"{coder!r:.60} cannot name a coder", cure)
    if re.fullmatch(coding.INTERVIEW, interview):
        for found in (Desk(country, interview, coder) for country in study.countries):
            if seals.placed(found.transcript, interview):
                return found
    known = [name for country in study.countries for name in transcripts(country)]
    what = f"{interview!r:.60} is not an interview with a transcript"
    raise refuse("interview", what, suggestion(interview, known))


def check(study: Study, interview: str, coder: str) -> None:
    """Raise what would keep this interview from being opened."""
    opened(sit(study, interview, coder or "nobody"))


def transcripts(country: Country) -> list[str]:
    """The interviews of a country that have a transcript, sealed or not."""
    return sorted(path.stem for path in seals.listed(country.folder / "interviews", "*.txt"))


def opened(desk: Desk) -> Told:
    """All the page needs to begin: the text, the codebook and the logs that may be seen."""
    if len(desk.text) > LONGEST_TEXT:
        what = f"{len(desk.text)} characters are more than the coding page opens ({LONGEST_TEXT})"
        raise refuse(desk.where, what, "Divide the transcript into parts, each with its own row.")
    return {
        "interview": desk.interview,
        "country": desk.country.name,
        "key": desk.country.key,
        "coder": desk.coder,
        "invented": desk.country.invented("interview"),
        "sealed": seals.is_sealed(desk.transcript),
        "text": desk.text,
        "codebook": desk.codebook.model_dump(mode="json"),
        **grown(desk, {}),
    }


def grown(desk: Desk, seen: Mapping[str, str]) -> Told:
    """What has come since: the version of the text, who has locked, and new lines of the logs.

    seen    coder → mark of how far the page has read that log, as this function gave it
    """
    standing = _standing(desk)
    found = {by: _more(desk, by, seen.get(by, "")) for by in standing["visible"]}
    logs = {by: more for by, more in found.items() if more is not None}
    return {"v": coding.version(desk.text), **standing, "logs": logs}


def write(desk: Desk, body: Told) -> Told:
    """Append what the page sent to the coder's log; it is on the disk when this returns.

    Raises ResearchError, and writes nothing, where the line is malformed, the text is another by
    now, the coder has locked, the line it names is not in the log, or `coding.append` refuses it.
    """
    sent = parse_record(body, Sent, desk.where)
    log = coding.log_of(desk.country, desk.interview, desk.coder)
    there = log.read_bytes() if log.is_file() else b""
    if sent.id.encode() in there:
        return {"saved": sent.id, "at": _micros(datetime.now(UTC))}
    _must_show(desk, sent.v)
    if b'"lock"' in there:
        double.must_be_unlocked(desk.country, desk.interview, desk.coder)
    if sent.of and sent.of.encode() not in there:
        cure = "Open the page again; it shows what the log holds."
        raise refuse(desk.where, "the coding this changes is not in your log", cure)
    given = sent.model_dump(exclude={"v", "op"}, exclude_unset=True)
    made = coding.line(sent.op, desk.coder, desk.text, **given)
    coding.append(log, made, desk.text, desk.codebook)
    return {"saved": sent.id, "at": _micros(made.at)}


def set_lock(desk: Desk, *, on: bool) -> Told:
    """Lock the coder's log, or unlock it; both may be said twice."""
    if on != (desk.coder in double.locked(desk.country, desk.interview)):
        change = double.lock if on else double.unlock
        change(desk.country, desk.interview, desk.coder, desk.codebook)
    return grown(desk, {})


def comparison(desk: Desk) -> Told:
    """How the coders' work compares, for the page to show and to settle."""
    stretches = double.compare(desk.country, desk.interview, desk.codebook)
    return {"stretches": [vars(one) for one in stretches]}


def settle(desk: Desk, body: Told) -> Told:
    """Write one decision into the `consensus` log; with none, what all agreed on."""
    decided = []
    if body:
        sent = parse_record(body, Settled, f"{desk.interview}, {CONSENSUS}")
        _must_show(desk, sent.v)
        decided = [double.Decision(**sent.model_dump(exclude={"v"}))]
    double.settle(desk.country, desk.interview, desk.coder, desk.codebook, decided)
    return comparison(desk)


def progress(study: Study, key: str, coder: str) -> Told:
    """How far this coder is with the interviews of a country, and which countries there are."""
    spoken = [one for one in study.countries if transcripts(one)]
    country = study.country(key) if key or not spoken else spoken[0]
    far = coding.progress(country, evidence.turns(country), read_codebook(study), coder)
    drawn = double.drawn(country)
    rows = far.to_dict("records")
    for row in rows:
        row["others"] = [by for by in drawn.get(row["interview"], ()) if by != coder]
    return {
        "countries": [{"key": one.key, "name": one.name} for one in spoken],
        "country": country.key,
        "interviews": rows,
    }


def _must_show(desk: Desk, v: str) -> None:
    """Refuse what was marked on another version of the transcript."""
    if v != coding.version(desk.text):
        what = "the transcript has been corrected since this page was opened"
        raise refuse(desk.where, what, "Open the page again and mark the words where they stand.")


def _standing(desk: Desk) -> Told:
    """Who has locked and who sees whom; read anew when a line that could change that has come."""
    drawn = desk.country.folder / "double.csv"
    logs = sorted((desk.country.folder / "codings").glob(f"{desk.interview}.*.jsonl"))
    told = tuple((log.name, *LOCKS.findall(log.read_bytes())) for log in logs)
    return _stands(desk, _stamp(drawn), told)


@lru_cache(maxsize=16)
def _stands(desk: Desk, _: Stamp, __: tuple[Any, ...]) -> Told:
    country, interview, coder = desk.country, desk.interview, desk.coder
    visible = double.visible(country, interview, coder)
    return {
        "drawn": interview in double.drawn(country),
        "coders": list(double.coders_of(country, interview)),
        "locked": sorted(double.locked(country, interview)),
        "open": double.is_open(country, interview),
        "visible": sorted(visible, key=lambda by: (by != coder, by)),
    }


def _more(desk: Desk, coder: str, seen: str) -> Told | None:
    """The lines of a log past the mark `seen`, and the mark to ask with next; None if unchanged.

    A mark is file number and length: a file that git or a sync program put in its place is another
    one and comes whole. A tail without its line end is not read yet.
    """
    path = coding.log_of(desk.country, desk.interview, coder)
    if not path.is_file():
        return None
    number, _, length = seen.partition("-")
    with path.open("rb") as stream:
        file = str(path.stat().st_ino)
        begin = int(length) if number == file and length.isdigit() else 0
        stream.seek(begin)
        whole = stream.read().rpartition(b"\n")[0]
    mark = f"{file}-{begin + len(whole) + bool(whole)}"
    if mark == seen:
        return None
    return {"upto": mark, "whole": begin == 0, "lines": [*_told(desk, coder, whole)]}


def _told(desk: Desk, coder: str, raw: bytes) -> Iterator[Told]:
    """The sound lines of a log as the page is told of them; the others are `check`'s to tell of.

    What the page can cut from the text itself is left out; `at` is in microseconds.
    """
    v = coding.version(desk.text)
    for one in raw.splitlines():
        with suppress(ValidationError):
            line = coding.opened(Line.model_validate_json(one), desk.where)
            if line.by != coder or isinstance(line.words, str):
                continue
            told = {key: getattr(line, key) for key in ("of", "code", "start", "end")}
            if line.v and line.v != v:
                told |= {"v": line.v, "quote": line.words.quote}
            filled = {key: value for key, value in told.items() if value}
            memo = {"memo": line.words.memo} if line.words.memo else {}
            yield {"id": line.id, "op": line.op, "at": _micros(line.at), **filled, **memo}


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _stamp(path: Path) -> Stamp:
    """What changes when a file does; of a sealed one, its sealed file's."""
    there = seals.placed(path, path.name)
    stat = there.stat() if there else None
    return (stat.st_mtime_ns, stat.st_size) if stat else (0, 0)


@lru_cache(maxsize=4)
def _study(root: Path, _: Stamp) -> Study:
    return Study(root)


@lru_cache(maxsize=8)
def _text(country: Country, interview: str, _: Stamp) -> str:
    return coding.transcript(country, interview)


@lru_cache(maxsize=4)
def _codebook(study: Study, _: Stamp) -> Codebook:
    return read_codebook(study)
