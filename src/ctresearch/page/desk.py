"""A coder's desk: what the coding page is told, and what it may write.

In    the transcript of an interview, its logs, the codebook, double.csv
Out   plain mappings for JSON; lines appended to the log of the coder at the desk

The one idea: a coder sits at one interview, sees the logs `double.visible` allows and writes into
one log. Ids are made on the page, so what is sent twice, because an answer got lost on the way, is
written once. Offsets are code points, and a line made on another version of the text is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ctresearch import coding, double, evidence, seals
from ctresearch.coding import CONSENSUS, Line, Words
from ctresearch.instruments import Codebook, read_codebook
from ctresearch.problems import refuse, suggestion
from ctresearch.study import Country, Study, find_study, parse_record

CODER = re.compile(double.NAME)
LONGEST_MEMO = 20_000  # characters
LONGEST_TEXT = 5_000_000  # characters; a day of talk is about half a million

Told = dict[str, Any]  # what the page is told, as JSON
Id = Annotated[str, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]  # a ULID
Offset = Annotated[int, Field(ge=0)]


class Sent(BaseModel):
    """What the page sends to be written: a line of a log, without what the server knows better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    op: Literal["add", "del", "memo", "move"]
    v: str  # the version of the text the page shows
    of: str = ""
    code: str = ""
    start: Offset = 0
    end: Offset = 0
    memo: Annotated[str, Field(max_length=LONGEST_MEMO)] = ""


class Settled(BaseModel):
    """What the page sends of a stretch that coders did not agree about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: str
    code: str
    start: Offset
    end: Offset
    keep: bool
    memo: Annotated[str, Field(max_length=LONGEST_MEMO)] = ""


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
    def text(self) -> str:
        """The transcript as it is now, sealed or not."""
        return _text(self.country, self.interview, _stamp(self.transcript))

    @property
    def codebook(self) -> Codebook:
        path = self.country.study.instruments / "codebook.toml"
        return _codebook(self.country.study, _stamp(path))

    @property
    def transcript(self) -> Path:
        return self.country.folder / "interviews" / f"{self.interview}.txt"

    def log(self, coder: str) -> Path:
        return self.country.folder / "codings" / f"{self.interview}.{coder}.jsonl"

    def visible(self) -> list[str]:
        """Whose logs may be shown here, the coder's own first."""
        may = double.visible(self.country, self.interview, self.coder)
        return sorted(may, key=lambda one: (one != self.coder, one))


def study_at(root: Path) -> Study:
    """The study a server of `root` serves, read anew when study.toml has changed."""
    found = find_study(root)
    return _study(found.root, _stamp(found.root / "research" / "study.toml"))


def sit(study: Study, interview: str, coder: str) -> Desk:
    """A coder's place at an interview.

    Raises ResearchError where the name is no interview of the study or no coder's.
    """
    if not CODER.fullmatch(coder):
        cure = "Use small letters: initials, as ap."
        raise refuse("coder", f"{coder!r:.60} cannot name a coder", cure)
    if not re.fullmatch(r"[A-Z]{3}-KI-\d{1,6}", interview):
        cure = "Interviews are named like JAM-KI-03."
        raise refuse("interview", f"{interview!r:.60} is not an interview's name", cure)
    country = next((one for one in study.countries if one.iso3 == interview[:3]), None)
    if country is None:
        known = [one.iso3 for one in study.countries]
        what = f"{interview[:3]!r} is the code of no country of this study"
        raise refuse("interview", what, suggestion(interview[:3], known))
    names = transcripts(country)
    if interview not in names:
        where = country.study.shown(country.folder / "interviews" / f"{interview}.txt")
        raise refuse(where, "there is no such transcript", suggestion(interview, names))
    return Desk(country, interview, coder)


def check(study: Study, interview: str, coder: str) -> None:
    """Raise what would keep this interview from being opened; a sealed one is opened once."""
    coding.version(sit(study, interview, coder or "nobody").text)


def transcripts(country: Country) -> list[str]:
    """The interviews of a country that have a transcript, sealed or not."""
    paths = (country.folder / "interviews").glob("*.txt*")
    return sorted({path.name.split(".")[0] for path in paths if path.suffix in (".txt", ".age")})


def opened(desk: Desk) -> Told:
    """All the page needs to begin: the text, the codebook and the logs that may be seen."""
    text, country = desk.text, desk.country
    if len(text) > LONGEST_TEXT:
        what = f"{len(text)} characters are more than the coding page opens ({LONGEST_TEXT})"
        raise refuse(desk.where, what, "Divide the transcript into parts, each with its own row.")
    return {
        "interview": desk.interview,
        "country": country.name,
        "key": country.key,
        "coder": desk.coder,
        "invented": country.invented("interview"),
        "sealed": seals.is_sealed(desk.transcript),
        "text": text,
        "codebook": desk.codebook.model_dump(mode="json"),
        **grown(desk, {}),
    }


def grown(desk: Desk, seen: Mapping[str, str]) -> Told:
    """What has come since: the version of the text, who has locked, and new lines of the logs.

    seen    coder → mark of how far the page has read that log, as this function gave it
    """
    found = {by: _more(desk, by, seen.get(by, "")) for by in desk.visible()}
    logs = {by: more for by, more in found.items() if more is not None}
    return {"v": coding.version(desk.text), **_standing(desk), "logs": logs}


def _standing(desk: Desk) -> Told:
    """Who codes this interview, who has locked, and whether they may see each other."""
    country, interview = desk.country, desk.interview
    return {
        "drawn": interview in double.drawn(country),
        "coders": list(double.coders_of(country, interview)),
        "locked": sorted(double.locked(country, interview)),
        "open": double.is_open(country, interview),
    }


def write(desk: Desk, body: Told) -> Told:
    """Append what the page sent to the coder's log; it is on the disk when this returns.

    Raises ResearchError, and writes nothing, where the line is malformed, the text is another by
    now, the coder has locked, the line it names is not in the log, or `coding.append` refuses it.
    """
    sent = parse_record(body, Sent, desk.where)
    log = desk.log(desk.coder)
    raw = log.read_bytes() if log.is_file() else b""
    if sent.id.encode() in raw:
        return {"saved": sent.id, "at": _micros(datetime.now(UTC))}
    _must_show(desk, sent.v)
    if b'"lock"' in raw:
        double.must_be_unlocked(desk.country, desk.interview, desk.coder)
    if sent.of and sent.of.encode() not in raw:
        cure = "Open the page again; it shows what the log holds."
        raise refuse(desk.where, "the coding this changes is not in your log", cure)
    given = sent.model_dump(exclude={"v", "op"}, exclude_unset=True)
    try:
        made = coding.line(sent.op, desk.coder, desk.text, **given)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise refuse(desk.where, said, "Mark the words again.") from None
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
    with_talk = [one for one in study.countries if transcripts(one)]
    country = study.country(key) if key else next(iter(with_talk), None)
    listed = [] if country is None else list(_progress(country, coder))
    return {
        "countries": [{"key": one.key, "name": one.name} for one in with_talk],
        "country": country.key if country else "",
        "interviews": listed,
    }


def _progress(country: Country, coder: str) -> Iterator[Told]:
    codebook = read_codebook(country.study)
    turns = evidence.turns(country)
    every = coding.segments(country, turns, codebook)
    mine = every[every["coder"] == coder]
    asked = turns[turns["speaker"] != "I"].groupby("interview").size()
    reached = mine[mine["turn"] != ""].groupby("interview")["turn"].nunique()
    made, drawn = mine.groupby("interview").size(), double.drawn(country)
    for interview in transcripts(country):
        yield {
            "interview": interview,
            "turns": int(asked.get(interview, 0)),
            "coded": int(reached.get(interview, 0)),
            "codings": int(made.get(interview, 0)),
            "with": [one for one in drawn.get(interview, ()) if one != coder],
            "locked": coder in double.locked(country, interview),
        }


def _must_show(desk: Desk, v: str) -> None:
    """Refuse what was marked on another version of the transcript."""
    if v != coding.version(desk.text):
        what = "the transcript has been corrected since this page was opened"
        raise refuse(desk.where, what, "Open the page again and mark the words where they stand.")


def _more(desk: Desk, coder: str, seen: str) -> Told | None:
    """The lines of a log past the mark `seen`, and the mark to ask with next; None if unchanged.

    A mark is file number and length: a file that git or a sync program put in its place is another
    one and comes whole. A tail without its line end is not read yet.
    """
    path = desk.log(coder)
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        stamp = _file_number(path)
        number, _, length = seen.partition("-")
        begin = int(length) if number == str(stamp) and length.isdigit() else 0
        stream.seek(begin)
        raw = stream.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    mark = f"{stamp}-{begin + len(whole)}"
    if mark == seen:
        return None
    return {"upto": mark, "whole": begin == 0, "lines": [*_told(desk, coder, whole)]}


def _told(desk: Desk, coder: str, raw: bytes) -> Iterator[Told]:
    """The sound lines of a log as the page is told of them; the others are `check`'s to tell of."""
    v = coding.version(desk.text)
    for one in raw.splitlines():
        with suppress(ValidationError):
            line = Line.model_validate_json(one)
            if line.by == coder:
                yield _line_told(desk, line, v)


def _line_told(desk: Desk, line: Line, v: str) -> Told:
    """A line without what the page can cut from the text itself; `at` in microseconds."""
    words = line.words
    if isinstance(words, str):
        words = Words.model_validate_json(seals.open_words(words, desk.where))
    told: Told = {"id": line.id, "op": line.op, "at": _micros(line.at)}
    told |= {key: value for key in ("of", "code", "start", "end") if (value := getattr(line, key))}
    if words.memo:
        told["memo"] = words.memo
    if line.v and line.v != v:
        told |= {"v": line.v, "quote": words.quote}
    return told


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _file_number(path: Path) -> int:
    return path.stat().st_ino


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does; of a sealed one, its sealed file's."""
    there = path if path.is_file() else path.with_name(f"{path.name}.age")
    if not there.is_file():
        return 0, 0
    stat = there.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=4)
def _study(root: Path, _: tuple[int, int]) -> Study:
    return Study(root)


@lru_cache(maxsize=8)
def _text(country: Country, interview: str, _: tuple[int, int]) -> str:
    path = country.folder / "interviews" / f"{interview}.txt"
    return seals.read_text(path, country.study.shown(path))


@lru_cache(maxsize=4)
def _codebook(study: Study, _: tuple[int, int]) -> Codebook:
    return read_codebook(study)


def as_json(told: Told) -> str:
    """What the page is told, as it travels."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=dict)
