"""Corrected transcripts: codings find their words again, or are listed; none moves in silence.

In    a transcript that was corrected after it was coded, and the logs of its coders   (coding)
Out   `move` lines for codings whose words stand in the new text; Problems for those left stale

The one idea: a coding is moved only onto the very words it was made on. The old text is gone, but
every coding kept its words and 16 characters on either side. Where all of that stands in the new
text exactly once, the place is sure. The sure places of all coders, in the order of the old text,
fence in the others: between its neighbours, a coding's words with the characters before or after
them (or long words alone) must stand exactly once. Whatever is left, a person looks at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from ctresearch import coding, seals
from ctresearch.coding import AROUND, Line, Words
from ctresearch.instruments import Codebook
from ctresearch.problems import Problem, refuse, suggestion
from ctresearch.study import Country, Study

WORDS, NEIGHBOURS = "words", "neighbours"  # what a place was found by


class Place(NamedTuple):
    """Where words stand in the new text."""

    start: int  # code points
    by: str  # WORDS or NEIGHBOURS


def interviews(study: Study, named: str) -> list[tuple[Country, str]]:
    """The coded interviews of a country, or the one of that id."""
    coded: set[str] = set()
    for country in study.countries:
        names = {path.name.split(".")[0] for path in country.folder.glob("codings/*.jsonl")}
        if found := sorted(names if named == country.key else names & {named}):
            return [(country, one) for one in found]
        coded |= names | {country.key}
    raise refuse(
        named or "ctresearch code",
        "there is no coded interview of this name",
        suggestion(named, coded),
    )


def reanchor(
    country: Country, interview: str, codebook: Codebook, coder: str = ""
) -> tuple[Counter[str], list[Problem]]:
    """Move the codings of a corrected transcript to where their words now stand.

    coder     whose log to write to; everybody's if none is given. All logs help to find places.
    returns   how many were placed by WORDS and by NEIGHBOURS; what stays stale, with its words

    A `move` is by the coder whose log it is in; `placed` in it says that it was made here, and by
    what. Raises Locked where the transcript is sealed and no key is here, ResearchError for what
    cannot name a coder.
    """
    if coder:
        coding.log_of(country, interview, coder)
    text, placed, left = coding.transcript(country, interview), Counter[str](), []
    now = coding.version(text)
    stale: list[tuple[str, Line]] = []
    for log in sorted(country.folder.glob(f"codings/{interview}.*.jsonl")):
        _, by = coding.named(log.name, country.study.shown(log))
        lines = coding.live_lines(country, interview, by)
        stale += [(place, _opened(one)) for place, one in lines.items() if one.v != now]
    found: dict[str, Place | None] = {}
    for v in {one.v for _, one in stale}:
        same = sorted((one for _, one in stale if one.v == v), key=lambda one: one.start)
        found |= zip((one.id for one in same), places(text, same), strict=True)
    moves: dict[str, list[Line]] = {}
    for where, one in stale:
        if coder in ("", one.by):
            place = found[one.id]
            if place is None:
                left.append(_listed(where, one))
            else:
                moves.setdefault(one.by, []).append(_move(one, place, text))
                placed[place.by] += 1
    for by, lines_of in moves.items():
        coding.append(coding.log_of(country, interview, by), lines_of, text, codebook)
    return placed, left


def places(text: str, stale: Sequence[Line]) -> list[Place | None]:
    """For each coding of one old version, in the order of its starts, the place of its words.

    None where they are sealed, or do not stand in `text`, or it is not sure which of them it was.
    """
    kept = [one.words if isinstance(one.words, Words) else Words() for one in stale]
    sure = [_once(text, words, words.pre, words.post) for words in kept]
    fence = sorted(_rising(sure))
    found: list[Place | None] = [None] * len(stale)
    for n, words in enumerate(kept):
        after = bisect_left(fence, n)
        if fence[after : after + 1] == [n]:
            start, by = sure[n], WORDS
        else:
            low = sure[fence[after - 1]] if after else 0
            high = sure[fence[after]] if after < len(fence) else len(text)
            start, by = _between(text, words, low, high), NEIGHBOURS
        if start >= 0 and _is_whole(text, words, start):
            found[n] = Place(start, by)
    return found


def _is_whole(text: str, words: Words, start: int) -> bool:
    """Whether words stand at `start` uncut, and within or beside a word as they did before."""
    end = start + len(words.quote)
    kinds = text[max(start - 1, 0) : start].isalnum(), text[end : end + 1].isalnum()
    alike = kinds == (words.pre[-1:].isalnum(), words.post[:1].isalnum())
    return alike and coding.is_between(text, start) and coding.is_between(text, end)


def _between(text: str, words: Words, low: int, high: int) -> int:
    """Where words begin, no earlier than `low` and no later than `high`, if that is one place."""
    alone = [("", "")] if len(words.quote) >= AROUND else []
    around = [
        one for one in ((words.pre, ""), ("", words.post)) if len("".join(one)) == AROUND
    ] + alone
    starts = {_once(text, words, *sides, low, high) for sides in around} - {-1}
    return starts.pop() if len(starts) == 1 else -1


def _once(text: str, words: Words, pre: str, post: str, low: int = 0, high: int = -1) -> int:
    """Where words with these surroundings begin, if that is one place; else -1."""
    sought = pre + words.quote + post
    first = max(low - len(pre), 0)
    last = len(text) if high < 0 else high + len(words.quote) + len(post)
    at = text.find(sought, first, last) if words.quote else -1
    once = at >= 0 and text.find(sought, at + 1, last) < 0
    return at + len(pre) if once else -1


def _rising(starts: Sequence[int]) -> set[int]:
    """The places of a longest run of starts, none -1, that never falls: what kept its order."""
    tails: list[int] = []  # the least start a run of each length ends with, and where that is
    ends: list[int] = []
    before: dict[int, int] = {}
    for n, start in enumerate(starts):
        if start >= 0:
            length = bisect_right(tails, start)
            tails[length:], ends[length:] = [start, *tails[length + 1 :]], [n, *ends[length + 1 :]]
            before[n] = ends[length - 1] if length else -1
    run, n = set(), ends[-1] if ends else -1
    while n >= 0:
        run.add(n)
        n = before[n]
    return run


def _opened(one: Line) -> Line:
    try:
        return coding.opened(one)
    except seals.Locked:  # sealed for other people: it stays stale
        return one


def _move(one: Line, place: Place, text: str) -> Line:
    words = one.words if isinstance(one.words, Words) else Words()
    end = place.start + len(words.quote)
    made: dict[str, Any] = {"of": one.id, "start": place.start, "end": end, "placed": place.by}
    return coding.line("move", one.by, text, memo=words.memo, **made)


def _listed(where: str, one: Line) -> Problem:
    """A coding that stays stale, for the person who must look."""
    said = repr(one.words.quote[:80]) if isinstance(one.words, Words) else "sealed words"
    what = f"{one.code}, coding {one.id}: {said} could not be placed in the corrected text"
    return Problem(where, what, "Open the interview and mark the words anew, or take it back.")
