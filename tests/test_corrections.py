"""A corrected transcript: each coding is over the words it was made on, or it is listed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctresearch import coding, corrections
from ctresearch.instruments import Code, Codebook
from ctresearch.problems import ResearchError
from ctresearch.study import Country, Study

BOOK = Codebook(version="test", codes=(Code(id="control", label={"en": "Control"}),))
BEGAN = datetime(2005, 2, 1, tzinfo=UTC)
SAID = (
    "I: How did they come?\nR: A cousin promised work in a bar.\nI: And then?\n"
    "R: Then they owed him money.\nI: And then?\nR: The passport was gone.\n"
)


def coded(n, text, words, by="ap", nth=0):
    """The n-th line of a log: a coding of `words` where they stand for the nth time."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(words, start + 1)
    return added(n, text, start, start + len(words), by)


def added(n, text, start, end, by="ap"):
    at, place = BEGAN + timedelta(seconds=n), {"code": "control", "start": start, "end": end}
    return coding.line("add", by, text, at=at, chance=n, **place)


def country_with(folder, text, *lines):
    place = Country(Study(folder), "jamaica", folder / "research/countries/jamaica")
    for name in ("interviews", "codings"):
        (place.folder / name).mkdir(parents=True, exist_ok=True)
    (place.folder / "interviews/JAM-KI-03.txt").write_text(text, encoding="utf-8")
    for one in lines:
        with coding.log_of(place, "JAM-KI-03", one.by).open("a", encoding="utf-8") as log:
            log.write(str(one))
    return place


def now(country, by="ap"):
    """Where the codings of a log are now, and which of them are stale."""
    text = coding.transcript(country, "JAM-KI-03")
    lines = coding.live_lines(country, "JAM-KI-03", by).values()
    return [(text[one.start : one.end], one.v == coding.version(text)) for one in lines]


def test_words_are_found_where_they_now_stand(tmp_path):
    country = country_with(tmp_path, "I: Yes.\n" + SAID, coded(1, SAID, "A cousin promised work"))
    placed, left = corrections.reanchor(country, "JAM-KI-03", BOOK)

    assert (placed, left, now(country)) == (
        {"words": 1},
        [],
        [("A cousin promised work", True)],
    )


def test_words_that_were_corrected_stay_stale_and_are_listed_with_the_words(tmp_path):
    text = SAID.replace("cousin", "friend")
    country = country_with(tmp_path, text, coded(1, SAID, "A cousin promised work"))
    _, (problem,) = corrections.reanchor(country, "JAM-KI-03", BOOK)

    assert ("'A cousin promised work'" in problem.what, problem.where[-13:]) == (
        True,
        "jsonl, line 1",
    )


def test_words_that_stand_twice_are_told_apart_by_the_codings_around_them(tmp_path):
    text = SAID.replace("in a bar", "in the hotel").replace("owed him", "owed the man")
    text = text.replace("The passport", "Her passport")
    first, then = coded(1, SAID, "A cousin promised"), coded(2, SAID, "And then?")
    country = country_with(tmp_path, text, first, then, coded(3, SAID, "Then they owed"))
    corrections.reanchor(country, "JAM-KI-03", BOOK)
    placed = list(coding.live_lines(country, "JAM-KI-03", "ap").values())[1]

    assert placed.start == text.index("And then?")


def test_of_words_that_stand_twice_none_is_chosen_where_nothing_tells_them_apart(tmp_path):
    text = "R: No. No. No.\n"
    country = country_with(tmp_path, text, coded(1, "R: No. No.\n", "No."))
    placed, left = corrections.reanchor(country, "JAM-KI-03", BOOK)

    assert (placed.total(), len(left)) == (0, 1)


def test_a_word_within_another_word_is_not_the_word(tmp_path):
    country = country_with(tmp_path, "R: She was indebted.\n", coded(1, "R: A debt.\n", "debt"))

    assert corrections.reanchor(country, "JAM-KI-03", BOOK)[0].total() == 0


def test_the_move_stands_in_the_coders_own_log_and_says_it_was_made_by_a_correction(tmp_path):
    country = country_with(tmp_path, "I: Yes.\n" + SAID, coded(1, SAID, "promised", by="mk"))
    corrections.reanchor(country, "JAM-KI-03", BOOK)
    last = coding.log_of(country, "JAM-KI-03", "mk").read_text().splitlines()[-1]
    line = coding.Line.model_validate_json(last)

    assert (line.op, line.by, line.placed) == ("move", "mk", "words")


def test_a_memo_goes_along(tmp_path):
    place = {"code": "control", "start": 26, "end": 34, "memo": "Who?"}
    made = coding.line("add", "ap", SAID, at=BEGAN, chance=1, **place)
    country = country_with(tmp_path, "I: Yes.\n" + SAID, made)
    corrections.reanchor(country, "JAM-KI-03", BOOK)
    (moved,) = coding.live_lines(country, "JAM-KI-03", "ap").values()

    assert moved.words.memo == "Who?"


def test_a_coder_may_place_their_own_codings_alone(tmp_path):
    lines = (coded(1, SAID, "promised"), coded(2, SAID, "promised", by="mk"))
    country = country_with(tmp_path, "I: Yes.\n" + SAID, *lines)
    corrections.reanchor(country, "JAM-KI-03", BOOK, coder="mk")

    assert (now(country, "ap")[0][1], now(country, "mk")) == (False, [("promised", True)])


def test_what_cannot_name_a_coder_is_refused(tmp_path):
    country = country_with(tmp_path, SAID, coded(1, SAID, "promised"))
    with pytest.raises(ResearchError, match="does not tell an interview and a coder"):
        corrections.reanchor(country, "JAM-KI-03", BOOK, coder="../x")


def test_placing_twice_writes_nothing_the_second_time(tmp_path):
    country = country_with(tmp_path, "I: Yes.\n" + SAID, coded(1, SAID, "promised"))
    corrections.reanchor(country, "JAM-KI-03", BOOK)
    log = coding.log_of(country, "JAM-KI-03", "ap")
    once = log.read_bytes()
    corrections.reanchor(country, "JAM-KI-03", BOOK)

    assert log.read_bytes() == once


def test_an_interview_nobody_coded_is_refused(tmp_path):
    (tmp_path / "research").mkdir()
    study = Path(__file__).parents[1] / "research/study.toml"
    (tmp_path / "research/study.toml").write_bytes(study.read_bytes())
    for key in Study(tmp_path).file.countries:
        (tmp_path / "research/countries" / key).mkdir(parents=True)
    for key in Study(tmp_path).file.meetings:
        (tmp_path / "research/meetings" / key).mkdir(parents=True)
    with pytest.raises(ResearchError, match="no coded interview"):
        corrections.interviews(Study(tmp_path), "JAM-KI-99")


@st.composite
def corrected(draw):
    """A text, codings of it, and the text after some edits."""
    pieces = st.sampled_from(
        ["I: ", "R: ", "\n", "yes ", "debt ", "a", "no", "é", "e\u0301", "👩‍👧 "]
    )
    text = "".join(draw(st.lists(pieces, min_size=8, max_size=60)))
    spans = draw(st.lists(st.tuples(st.integers(0, len(text) - 1), st.integers(1, 12)), min_size=1))
    spans = [(start, min(start + length, len(text))) for start, length in spans]
    after = text
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(after)))
        after = (
            after[:at]
            + draw(pieces) * draw(st.integers(0, 2))
            + after[at + draw(st.integers(0, 5)) :]
        )
    return text, spans, after


@settings(deadline=None)
@given(corrected())
def test_whatever_the_edits_a_coding_is_over_exactly_its_words_or_stale(case):
    text, spans, after = case
    lines = [added(n, text, *span, by="ap" if n % 2 else "mk") for n, span in enumerate(spans)]
    with tempfile.TemporaryDirectory() as folder:
        country = country_with(Path(folder), after, *lines)
        corrections.reanchor(country, "JAM-KI-03", BOOK)
        text_now = coding.transcript(country, "JAM-KI-03")
        for by in {one.by for one in lines}:
            for one in coding.live_lines(country, "JAM-KI-03", by).values():
                placed = text_now[one.start : one.end] == one.words.quote
                assert one.v == coding.version(text) or placed


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_a_common_word_among_rare_ones_lands_on_itself_or_nowhere(seed):
    chance = Random(seed)
    words = ["yes" if n % 9 == 0 else "debt" if n % 9 == 4 else f"word{n}" for n in range(400)]
    keep = [(n, word) for n, word in enumerate(words) if chance.random() > 0.1]
    text, after, began, moved = _joined(list(enumerate(words))), _joined(keep), {}, {}
    for made, starts in ((enumerate(words), began), (keep, moved)):
        at = 0
        for n, word in made:
            starts[n] = at
            at += len(word) + 1
    marked = [n for n in range(400) if chance.random() < 0.2]
    lines = [added(n, text, began[n], began[n] + len(words[n])) for n in marked]
    found = corrections.places(after, lines)

    assert [
        n for n, place in zip(marked, found, strict=True) if place and place.start != moved.get(n)
    ] == []


def _joined(words):
    return "".join(word + " " for _, word in words)
