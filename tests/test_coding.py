"""Coding logs only grow, tell one story in any order, and mean no other words than they say."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ctresearch import coding
from ctresearch.instruments import Code, Codebook
from ctresearch.problems import ResearchError
from ctresearch.study import Country, Study

TEXT = "I: How?\nR: They paid a café 😀 owner.\nI: And then?\nR: Then they owed her 😀 money.\n"
BOOK = Codebook(
    version="test",
    codes=tuple(
        Code(id=name, label={"en": name}, retired=gone, merged_into=into)
        for name, gone, into in (
            ("control", "", ""),
            ("control.debt", "", ""),
            ("control.dues", "test", "control.debt"),
            ("control.spells", "test", ""),
        )
    ),
)
BEGAN = datetime(2005, 2, 1, tzinfo=UTC)


def made(op, n, text=TEXT, by="ap", **given):
    """The n-th line of a log."""
    return coding.line(op, by, text, at=BEGAN + timedelta(seconds=n), chance=n, **given)


def debt(n, start=11, end=20, **given):
    return made("add", n, code="control.debt", start=start, end=end, **given)


@pytest.fixture
def country(tmp_path):
    """A country with one transcript, JAM-KI-03."""
    place = Country(Study(tmp_path), "jamaica", tmp_path / "research/countries/jamaica")
    (place.folder / "interviews").mkdir(parents=True)
    (place.folder / "interviews/JAM-KI-03.txt").write_text(TEXT, encoding="utf-8")
    return place


def turns():
    """The turns of JAM-KI-03, as `evidence` reads them."""
    rows, at = [], 0
    for n, said in enumerate(TEXT.splitlines(), start=1):
        place = {"turn": f"JAM-KI-03:{n}", "interview": "JAM-KI-03", "informant": "JAM-KI-03"}
        rows.append({**place, "start": at + 3, "end": at + len(said)})
        at += len(said) + 1
    return pd.DataFrame(rows)


def log_of(country, *lines, name="JAM-KI-03.ap.jsonl", tail=""):
    path = country.folder / "codings" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(map(str, lines)) + tail, encoding="utf-8")
    return path


def segments(country):
    return coding.segments(country, turns(), BOOK)


def problems(country):
    with pytest.raises(ResearchError) as refused:
        coding.check_codings(country, BOOK)
    return refused.value.problems


# Replaying


def test_a_coding_lives_until_a_del_names_it():
    first, second = debt(1), debt(2)

    assert coding.replay([first, second, made("del", 3, of=first.id)]) == (second,)


def test_taking_back_a_del_brings_the_coding_back():
    first = debt(1)
    undone = made("del", 2, of=first.id)

    assert coding.replay([first, undone, made("del", 3, of=undone.id)]) == (first,)


def test_a_move_changes_place_and_words_and_keeps_the_id():
    first = debt(1)
    (moved,) = coding.replay([first, made("move", 2, of=first.id, start=0, end=2)])

    assert (moved.id, moved.start, moved.words.quote) == (first.id, 0, "I:")


def test_the_last_memo_stands():
    first = debt(1)
    notes = [made("memo", n, of=first.id, memo=f"note {n}") for n in (2, 3)]

    assert coding.replay([first, *notes])[0].words.memo == "note 3"


@st.composite
def stories(draw):
    """A log as a coder writes it: each line may name one that came before."""
    lines = []
    for n in range(draw(st.integers(0, 12))):
        op = draw(st.sampled_from(["add", "add", "del", "memo", "move"])) if lines else "add"
        if op == "add":
            start = draw(st.integers(0, len(TEXT) - 2))
            end = draw(st.integers(start + 1, len(TEXT)))
            lines.append(debt(n, start, end))
        else:
            given = {"start": 1, "end": 4} if op == "move" else {}
            lines.append(made(op, n, of=draw(st.sampled_from(lines)).id, **given))
    return lines


@given(stories(), st.randoms())
def test_any_order_of_the_lines_tells_the_same_story(lines, chance):
    shuffled = chance.sample(lines, len(lines))

    assert coding.replay(shuffled) == coding.replay(lines)


@given(stories())
def test_lines_that_stand_twice_after_a_merge_count_once(lines):
    assert coding.replay(lines + lines) == coding.replay(lines)


@given(stories(), st.integers(0, 12))
def test_every_beginning_of_a_log_can_be_replayed(lines, length):
    live = coding.replay(lines[:length])

    assert {one.id for one in live} <= {one.id for one in lines[:length] if one.op == "add"}


# Writing


@settings(max_examples=30, deadline=None)
@given(st.text("ab😀é\u0301\u200d👩\u0928\u093f ", min_size=2), st.data())
def test_what_is_appended_is_read_back_whatever_the_letters(said, data):
    text = f"R: {said}.\n"
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "JAM-KI-03.ap.jsonl"
        new = made("add", 1, text, code="control.debt", start=start, end=end, memo=said)
        assume(coding.is_between(text, start) and coding.is_between(text, end))
        coding.append(log, new, text, BOOK)
        (line,) = log.read_text(encoding="utf-8").splitlines()

    assert coding.Line.model_validate_json(line) == new


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("JAM-KI-03.ap.jsonl", {"code": "control.debts"}, "'control.debt'"),
        ("JAM-KI-03.ap.jsonl", {"code": "control.dues"}, "Use 'control.debt'"),
        ("JAM-KI-03.ap.jsonl", {"code": "control.spells"}, "retired"),
        ("JAM-KI-03.ap.jsonl", {"end": 9999}, "past the end"),
        ("JAM-KI-03.mk.jsonl", {}, "log of their own"),
        ("JAM-KI-03.A P.jsonl", {}, "does not tell"),
        ("jam-3.ap.jsonl", {}, "does not tell"),
    ],
)
def test_a_line_that_is_not_right_is_refused_and_nothing_written(tmp_path, name, given, said):
    new = made("add", 1, **({"code": "control.debt", "start": 0, "end": 5} | given))
    with pytest.raises(ResearchError, match=said):
        coding.append(tmp_path / name, new, TEXT, BOOK)

    assert not (tmp_path / name).exists()


def test_words_that_are_not_at_their_offsets_are_refused(tmp_path):
    new = debt(1).model_copy(update={"start": 12})
    with pytest.raises(ResearchError, match="the words at 12 to 20 are not"):
        coding.append(tmp_path / "JAM-KI-03.ap.jsonl", new, TEXT, BOOK)


def test_a_torn_tail_is_set_aside_before_the_next_line(country):
    log = log_of(country, debt(1), tail='{"id":"torn')
    coding.append(log, debt(2), TEXT, BOOK)

    assert (log.with_name(log.name + ".torn").read_text(), len(segments(country))) == (
        '{"id":"torn\n',
        2,
    )


def test_a_last_line_that_only_lacks_its_end_is_completed(country):
    log = log_of(country, debt(1), tail=str(debt(2)).rstrip("\n"))
    coding.append(log, debt(3), TEXT, BOOK)

    assert len(segments(country)) == 3


def write_many(log: Path, first: int) -> None:
    for n in range(first, first + 40):
        coding.append(log, debt(n), TEXT, BOOK)


def test_writers_at_the_same_time_keep_every_line_whole(tmp_path):
    log = tmp_path / "JAM-KI-03.ap.jsonl"
    process = multiprocessing.get_context("spawn").Process
    writers = [process(target=write_many, args=(log, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ids = {json.loads(line)["id"] for line in log.read_text(encoding="utf-8").splitlines()}

    assert len(ids) == 80


# Segments


def test_a_segment_belongs_to_the_turn_its_start_lies_in(country):
    log_of(country, debt(1, start=11, end=60), debt(2, start=TEXT.index("Then"), end=len(TEXT) - 1))

    assert list(segments(country)["turn"]) == ["JAM-KI-03:2", "JAM-KI-03:4"]


def test_a_merged_code_counts_as_the_one_that_took_it_in(country):
    log_of(country, made("add", 1, code="control.dues", start=11, end=20))

    assert list(segments(country)["code"]) == ["control.debt"]


def test_a_country_without_codings_has_an_empty_table(country):
    assert list(coding.counted(segments(country)).columns) == coding.SEGMENTS


def test_one_coder_of_an_interview_counts_and_consensus_before_all(country):
    log_of(country, debt(1))
    log_of(country, debt(2, by="mk"), name="JAM-KI-03.mk.jsonl")
    first = set(coding.counted(segments(country))["coder"])
    log_of(country, debt(3, by="consensus"), name="JAM-KI-03.consensus.jsonl")

    assert (first, set(coding.counted(segments(country))["coder"])) == ({"ap"}, {"consensus"})


def test_overlapping_segments_of_one_code_count_as_their_union(country):
    log_of(country, debt(1, 11, 20), debt(2, 15, 30), debt(3, 12, 14), debt(4, 30, 34))
    counted = coding.counted(segments(country))

    assert counted[["start", "end"]].to_numpy().tolist() == [[11, 30], [30, 34]]


def test_codings_of_another_version_are_stale_listed_and_not_counted(country):
    log_of(country, debt(1), debt(2, text="R: x" + TEXT), debt(3, text="R: x" + TEXT))
    (problem,) = problems(country)

    assert (
        segments(country)["stale"].tolist(),
        len(coding.counted(segments(country))),
        problem.where.endswith("JAM-KI-03.ap.jsonl, line 2, 3"),
    ) == ([False, True, True], 1, True)


# Checking


def test_a_torn_last_line_is_reported_and_the_rest_read(country):
    log_of(country, debt(1), debt(2), tail='{"id":"01')
    (problem,) = problems(country)

    assert (problem.where.endswith(", line 3"), len(segments(country))) == (True, 2)


def test_a_tail_torn_within_a_letter_is_reported_like_any_other(country):
    path = log_of(country, debt(1))
    path.write_bytes(path.read_bytes() + '{"id":"😀'.encode()[:-2])

    assert [problem.where[-6:] for problem in problems(country)] == ["line 2"]


def changed(line, **fields):
    return json.dumps(json.loads(str(line)) | fields) + "\n"


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        (changed(debt(2), code="control.dept"), "'control.dept' is not a code", "'control.debt'"),
        (changed(debt(2), start=12), "the words at 12 to 20 are not", "Mark the words again"),
        (changed(debt(2), end=999), "past the end", "Mark the words again"),
        (changed(debt(2), end=3), "not right", "Mend"),
        (changed(debt(2), op="ad"), "not right", "Mend"),
        (changed(debt(2), cod="x"), "'cod' is not a key here", "'code'"),
        (changed(debt(2), by="mk"), "by 'mk'", "log of their own"),
        (changed(debt(2), id=debt(1).id), "the id of another line", "Take one of them out"),
        (str(made("del", 2, of="01NOBODY")), "no line has the id '01NOBODY'", "Put that line back"),
        ("{not json}\n", "not a line of JSON", "Take the line out"),
        ("[1]\n", "not a line of JSON", "Take the line out"),
    ],
)
def test_a_line_that_is_not_right_is_named_with_its_number(country, line, what, fix):
    log_of(country, debt(1), line, debt(3))
    (problem,) = problems(country)

    assert (
        "codings/JAM-KI-03.ap.jsonl, line 2" in problem.where,
        what in problem.what,
        fix in problem.fix,
    ) == (True, True, True)


def test_all_faults_of_all_logs_come_at_once(country):
    log_of(country, changed(debt(1), code="x"), changed(debt(2), start=12))
    log_of(country, debt(1), name="JAM-KI-04.ap.jsonl")
    log_of(country, debt(1), name="notes.jsonl")

    assert len(problems(country)) == 4


def test_a_log_of_an_unknown_transcript_is_offered_the_nearest(country):
    log_of(country, debt(1), name="JAM-KI-04.ap.jsonl")

    assert [problem.fix for problem in problems(country)] == ["Did you mean 'JAM-KI-03'?"]


def test_ids_sort_by_time():
    ids = [coding.ulid(BEGAN + timedelta(milliseconds=n), 0) for n in range(5)]

    assert (ids, {len(one) for one in ids}) == (sorted(ids), {26})


def test_lines_made_now_have_ids_of_their_own():
    ids = {coding.line("lock", "ap", TEXT).id for _ in range(50)}

    assert len(ids) == 50
