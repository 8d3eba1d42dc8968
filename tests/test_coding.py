"""Coding logs only grow, tell one story in any order, and mean no other words than they say."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctresearch import coding, seals, story
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
        place["speaker"] = said[0]
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


def test_a_line_made_on_another_text_is_refused(tmp_path):
    with pytest.raises(ResearchError, match="another version"):
        coding.append(tmp_path / "JAM-KI-03.ap.jsonl", debt(1, text=TEXT + "R: Yes.\n"), TEXT, BOOK)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("R: a cafe\u0327\u0301 here", 5, 9),  # a mark without its letter, in a form NFC keeps
        ("R: 👩‍👧 went", 4, 8),
        ("R: 🇯🇲🇭🇹", 4, 5),
        ("R: नि", 3, 4),
    ],
)
def test_a_letter_is_not_cut(tmp_path, text, start, end):
    new = debt(1, start, end, text=text)
    with pytest.raises(ResearchError, match="within a letter"):
        coding.append(tmp_path / "JAM-KI-03.ap.jsonl", new, text, BOOK)


@pytest.mark.parametrize(
    ("op", "by", "given", "said"),
    [
        ("add", "../ap", {"code": "control.debt", "start": 0, "end": 5}, "'../ap' is not right"),
        ("add", "ap", {"code": "control.debt", "start": 5, "end": 5}, "a greater 'end'"),
        ("add", "ap", {"start": 0, "end": 5}, "names its 'code'"),
        ("memo", "ap", {"of": "x", "memo": "half a sign: \ud83d"}, "half a letter"),
    ],
)
def test_what_makes_no_line_is_a_problem(op, by, given, said):
    with pytest.raises(ResearchError, match=said):
        coding.line(op, by, TEXT, **given)


@pytest.mark.parametrize("coder", ["../../ap", "a/p", "A", "", "ap.mk", "con:ap"])
def test_what_cannot_name_a_log_is_refused(country, coder):
    with pytest.raises(ResearchError, match="does not tell an interview and a coder"):
        coding.log_of(country, "JAM-KI-03", coder)


@pytest.mark.parametrize("name", ["../country", "JAM-KI-03.txt", "JAM-KI-03/../x", ""])
def test_a_transcript_has_an_interviews_name(country, name):
    with pytest.raises(ResearchError, match="no interview's id"):
        coding.transcript(country, name)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_offsets_do_not_depend_on_line_ends_and_accents_of_the_file(country, form, ending):
    content = unicodedata.normalize(form, TEXT).replace("\n", ending)
    path = country.folder / "interviews/JAM-KI-03.txt"
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    log_of(country, debt(1))

    assert (coding.transcript(country, "JAM-KI-03"), segments(country)["stale"].tolist()) == (
        TEXT,
        [False],
    )


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
    writers = [process(target=write_many, args=(log, 100 * n)) for n in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ids = {json.loads(line)["id"] for line in log.read_text(encoding="utf-8").splitlines()}

    assert len(ids) == 200


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
        (changed(debt(2), settled="\ud83d"), "not a line of JSON", "Take the line out"),
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


# Read fast, and read with care


def read_both_ways(text, log):
    """What `quick` and `_careful` make of a log; the problems where it is refused."""
    of = story.Transcript(text, coding.version(text), sealed=False)
    quick = story.quick(log, "ap", of, BOOK.by_id.keys())
    try:
        live, doubts = coding._careful(log, "log", "ap", of, BOOK)
        return quick, live, doubts
    except ResearchError as error:
        return quick, None, list(error.problems)


@given(stories())
def test_a_log_as_it_is_written_is_read_the_short_way(lines):
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "JAM-KI-03.ap.jsonl"
        log.write_text("".join(map(str, lines)), encoding="utf-8")
        quick, live, doubts = read_both_ways(TEXT, log)

    assert (quick or story.NOTHING, doubts) == (live, [])


SCRATCHES = [
    b'"',
    b"\\",
    b"\n",
    b"{",
    b"}",
    b"0",
    b"9",
    b" ",
    b"\xff",
    b"Z",
    b"a",
    b",",
    b"\\u0041",
    b'"start":',
    b"\\ud83d",
    b"\\n",
    b"-",
    b".5",
    b"true",
    b'"memo":"",',
    b"T24",
    b"02-31",
    b"\x1f",
    "é".encode(),
]


@settings(max_examples=400, deadline=None)
@given(stories(), st.data())
def test_a_scratched_log_is_read_alike_both_ways_or_the_short_way_gives_up(lines, data):
    raw = "".join(map(str, lines)).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        gone = data.draw(st.integers(0, 4))
        raw = raw[:at] + data.draw(st.sampled_from([b"", *SCRATCHES])) + raw[at + gone :]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "JAM-KI-03.ap.jsonl"
        log.write_bytes(raw)
        quick, live, doubts = read_both_ways(TEXT, log)

    assert quick is None or (quick, doubts) == (live, [])


FIELDS = {
    "id": ["01NOBODY", "0" * 26, 7, ""],
    "op": ["add", "del", "lock", "move", "", None],
    "of": ["", "0" * 26, None],
    "at": ["2005-02-31T00:00:00Z", "2005-02-01", "2005-02-01T00:00:00", "2005-W05-2T15:00:58Z", 5],
    "by": ["mk", "model:x", "a/p", ""],
    "v": ["0" * 16, "", 5],
    "code": ["control.dept", "", "control.debt", 'a"b'],
    "start": [-1, 0, 3.0, "3", True, 10**12, None],
    "end": [0, 9999, 12.5, "20"],
    "words": ["c2VhbGVk", "not base64!", {}, {"quote": "x"}, [], {"quote": "I", "post": 5}, None],
    "settled": ["ap mk", 5],
    "else": ["x"],
}


@settings(max_examples=400, deadline=None)
@given(stories(), st.data())
def test_a_field_that_is_changed_is_read_alike_both_ways(lines, data):
    field = data.draw(st.sampled_from(sorted(FIELDS)))
    value, n = data.draw(st.sampled_from(FIELDS[field])), data.draw(st.integers(0, 11))
    told = [json.loads(str(one)) for one in lines]
    for one in told[n : n + 1]:
        one[field] = value
    raw = "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in told)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "JAM-KI-03.ap.jsonl"
        log.write_text(raw, encoding="utf-8")
        quick, live, doubts = read_both_ways(TEXT, log)

    assert quick is None or (quick, doubts) == (live, [])


def shelf_of(country):
    return country.study.build / ".codings/jamaica.json"


def test_what_is_kept_holds_no_word_and_may_go_at_any_time(country):
    log_of(country, debt(1, memo="She said so."))
    first, kept = segments(country), shelf_of(country).read_text(encoding="utf-8")
    again = segments(country)
    shelf_of(country).write_text("[1, {")
    spoilt = segments(country)
    shelf_of(country).unlink()

    assert (
        [word for word in ("café", "said") if word in kept],
        [one.equals(first) for one in (again, spoilt, segments(country))],
    ) == ([], [True, True, True])


def test_what_is_kept_is_read_again_when_the_log_or_the_transcript_changes(country):
    log = log_of(country, debt(1))
    counts = [len(segments(country))]
    coding.append(log, debt(2), TEXT, BOOK)
    counts.append(len(segments(country)))
    path = country.folder / "interviews/JAM-KI-03.txt"
    path.write_text(TEXT + "R: Yes.\n", encoding="utf-8")

    assert (counts, segments(country)["stale"].tolist()) == ([1, 2], [True, True])


def test_a_doubt_is_told_every_time(country):
    log_of(country, debt(1), debt(2, text=TEXT + "x"))

    assert (len(segments(country)), problems(country)) == (2, problems(country))


def test_a_kept_coding_whose_code_has_gone_is_told(country):
    log_of(country, debt(1))
    segments(country)
    smaller = Codebook(version="test", codes=BOOK.codes[:1])
    with pytest.raises(ResearchError, match="is not a code in"):
        coding.segments(country, turns(), smaller)


# Machines, progress


def test_a_machines_coding_is_listed_and_does_not_count(country):
    log_of(country, debt(1))
    log_of(country, debt(2, by="model:one"), name="JAM-KI-03.model-one.jsonl")
    every = segments(country)

    assert (list(every["coder"]), list(coding.counted(every)["coder"])) == (
        ["ap", "model:one"],
        ["ap"],
    )


def test_progress_says_how_many_answers_a_coder_has_touched(country):
    log_of(country, debt(1, 11, 60), debt(2, 12, 14), made("lock", 3))
    log_of(country, debt(4, by="mk"), name="JAM-KI-03.mk.jsonl")
    (row,) = coding.progress(country, turns(), BOOK, "ap").to_dict("records")

    assert row == {
        "interview": "JAM-KI-03",
        "turns": 2,
        "coded": 2,
        "codings": 2,
        "locked": True,
        "last": "2005-02-01T00:00:03Z",
    }


def test_an_interview_the_coder_has_not_begun_is_in_the_progress(country):
    told = coding.progress(country, turns(), BOOK, "ap").to_dict("records")

    assert [(one["coded"], one["locked"], one["last"]) for one in told] == [(0, False, "")]


# Two at a time


@settings(max_examples=25, deadline=None)
@given(stories(), stories(), st.randoms())
def test_two_coders_in_any_order_of_work_give_the_same_table(mine, theirs, chance):
    theirs = [one.model_copy(update={"by": "mk"}) for one in theirs]
    with tempfile.TemporaryDirectory() as folder:
        place = Country(Study(Path(folder)), "jamaica", Path(folder) / "jamaica")
        (place.folder / "interviews").mkdir(parents=True)
        (place.folder / "interviews/JAM-KI-03.txt").write_text(TEXT, encoding="utf-8")
        log_of(place, *mine)
        log_of(place, *theirs, name="JAM-KI-03.mk.jsonl")
        in_turn = segments(place)
        log_of(place, *chance.sample(mine, len(mine)))
        log_of(place, *chance.sample(theirs, len(theirs)), name="JAM-KI-03.mk.jsonl")

        assert segments(place).equals(in_turn)


def git(folder, *words):
    settings = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("seed", range(3))
def test_two_branches_merged_by_git_tell_what_one_after_the_other_told(country, seed):
    root = country.study.root
    shutil.copy(Path(__file__).parents[1] / ".gitattributes", root)
    begun, undone = debt(1), debt(2)
    mine = [debt(3, 0, 5), made("del", 5, of=undone.id), made("memo", 7, of=begun.id, memo="a")]
    theirs = [debt(4, 3, 8), made("move", 6, of=begun.id, start=0, end=2), debt(8 + seed, 1, 2)]
    log = log_of(country, begun, undone)
    git(root, "init", "-q", "-b", "main")
    for branch, lines in (("main", []), ("mine", mine), ("theirs", theirs)):
        git(root, "checkout", "-q", "-B", branch, *(["main"] if branch != "main" else []))
        for one in lines:
            coding.append(log, one, TEXT, BOOK)
        git(root, "add", "-A")
        git(root, "commit", "-q", "--allow-empty", "-m", branch)
    git(root, "merge", "-q", "--no-edit", "mine")
    merged = segments(country)
    log_of(country, *sorted([begun, undone, *mine, *theirs], key=lambda one: one.at))

    assert merged.equals(segments(country))


# Sealed


@pytest.fixture
def sealed(country, monkeypatch):
    """The country with its transcript sealed, and a key that opens it."""
    root = country.study.root
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "settings"))
    monkeypatch.delenv(seals.KEYS, raising=False)
    monkeypatch.delenv(seals.PASSPHRASE, raising=False)
    half, written = seals.new_key(), Path(__file__).parents[1] / "research/study.toml"
    mark = root / "research/study.toml"
    mark.write_text(f'{written.read_text("utf-8")}\n[seals]\njamaica = ["{half}"]\n', "utf-8")
    for one in Study(root).file.countries:
        (root / "research/countries" / one).mkdir(exist_ok=True)
    seals.seal(country.folder / "interviews/JAM-KI-03.txt", [half], "JAM-KI-03")
    return Study(root).country("jamaica")


def without_key(monkeypatch, sealed):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(sealed.study.root / "elsewhere"))


def test_words_beside_a_sealed_transcript_are_sealed_as_they_are_written(sealed):
    log = coding.log_of(sealed, "JAM-KI-03", "ap")
    text = coding.transcript(sealed, "JAM-KI-03")
    coding.append(log, [debt(1, memo="Ask."), made("lock", 2)], text, BOOK)
    (line,) = coding.live_lines(sealed, "JAM-KI-03", "ap").values()

    assert (
        [word for word in ("café", "Ask") if word in log.read_text(encoding="utf-8")],
        coding.opened(line).words,
        list(segments(sealed)["turn"]),
    ) == ([], debt(1, memo="Ask.").words, ["JAM-KI-03:2"])


def test_counting_opens_no_words(sealed, monkeypatch):
    log = coding.log_of(sealed, "JAM-KI-03", "ap")
    coding.append(log, debt(1), TEXT, BOOK)
    monkeypatch.setattr(seals, "open_words", None)
    monkeypatch.setattr(coding, "opened", None)

    assert (len(segments(sealed)), coding.check_codings(sealed, BOOK)) == (1, None)


def test_without_a_key_codes_and_offsets_are_read_and_turns_are_not_known(sealed, monkeypatch):
    coding.append(coding.log_of(sealed, "JAM-KI-03", "ap"), debt(1), TEXT, BOOK)
    without_key(monkeypatch, sealed)
    (row,) = coding.segments(sealed, turns()[:0], BOOK).to_dict("records")

    assert row == {
        "segment": debt(1).id,
        "turn": "",
        "interview": "JAM-KI-03",
        "informant": "JAM-KI-03",
        "coder": "ap",
        "code": "control.debt",
        "start": 11,
        "end": 20,
        "stale": False,
    }


def test_what_was_read_without_a_key_is_read_again_with_one(sealed, monkeypatch):
    log_of(sealed, debt(1, text=TEXT + "x"))
    settings = os.environ["XDG_CONFIG_HOME"]
    without_key(monkeypatch, sealed)
    before = coding.segments(sealed, turns()[:0], BOOK)["stale"].tolist()
    monkeypatch.setenv("XDG_CONFIG_HOME", settings)

    assert (before, segments(sealed)["stale"].tolist()) == ([False], [True])


def test_words_that_lie_open_beside_a_sealed_transcript_are_told_and_can_be_sealed(sealed):
    log = log_of(sealed, debt(1), made("del", 2, of=debt(1).id))
    (problem,) = problems(sealed)
    coding.seal_log(log, "log", sealed.recipients)
    coding.check_codings(sealed, BOOK)

    assert ("lie open" in problem.what, "café" in log.read_text(encoding="utf-8")) == (True, False)


# Large


def test_a_long_transcript_and_a_long_log_are_read(country):
    text = TEXT * 150_000  # some 12 MB
    (country.folder / "interviews/JAM-KI-03.txt").write_text(text, encoding="utf-8")
    line = str(debt(1, text=text))
    log = log_of(country, *(line.replace(debt(1).id, f"{n:026}") for n in range(30_000)))
    coding.append(log, debt(2, text=text), text, BOOK)

    assert len(segments(country)) == 30_001
