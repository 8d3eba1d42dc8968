"""The ground: problems, files, values and tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctresearch import tables, values
from ctresearch.files import read_text, write_whole
from ctresearch.problems import Problem, Problems, ResearchError, nearest, suggestion
from ctresearch.values import Band, Count, Estimate, Share, Withheld, pack, say, unpack

TRAININGS = tables.table(
    "trainings",
    "one training",
    id=tables.text("the training", unique=True, pattern=r"T-\d+", like="T-01"),
    held=tables.day("the day it was held"),
    people=tables.number("people trained", "persons", least=0, whole=True, required=False),
    kind=tables.text("what it was", choices=("event", "plan")),
)
GOOD = "id,held,people,kind\nT-01,2004-10-18,30,event\n"


def problems_of(path: Path) -> list[Problem]:
    with pytest.raises(ResearchError) as refused:
        tables.read_table(path, TRAININGS, "trainings.csv")
    return list(refused.value.problems)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trainings.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


# problems


def test_a_problem_says_where_what_and_how_to_mend_it():
    problem = Problem("media.csv, row 3", "'x' is no date", "Write it like 2005-03-14.")

    assert str(problem) == "media.csv, row 3\n  'x' is no date\n  → Write it like 2005-03-14."


def test_the_problems_of_all_parts_of_a_step_are_raised_together():
    problems = Problems()
    for part in ("one", "two"):
        with problems.gather():
            raise ResearchError([Problem(part, "is wrong", "Mend it.")])

    with pytest.raises(ResearchError) as refused:
        problems.raise_any()
    assert [problem.where for problem in refused.value.problems] == ["one", "two"]


def test_a_misspelt_word_is_offered_the_nearest_known_one():
    assert suggestion("recruitmnt", ["recruitment", "movement"]) == "Did you mean 'recruitment'?"


def test_a_word_that_is_near_to_none_is_offered_the_list():
    assert suggestion("zzz", ["movement", "control"]) == "Known here: control, movement."


def test_nothing_is_nearest_among_nothing():
    assert nearest("word", []) is None


# files


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\r")))
def test_a_text_that_was_written_is_read_as_it_was(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("files") / "words.txt"
    write_whole(path, "start" + words)

    assert read_text(path) == read_text(write_whole(path, read_text(path)))


def test_windows_line_ends_a_byte_order_mark_and_split_accents_are_made_plain(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffCurac\u0327ao\r\nAruba\r".encode())

    assert read_text(path) == "Curaçao\nAruba\n"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = write_whole(tmp_path / "words.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")

    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("words.txt", "old")]


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = write_whole(tmp_path / "words.txt", "a" * 3_000_000)
    program = (
        "import sys, pathlib; from ctresearch.files import write_whole\n"
        "while True:\n"
        "    for letter in 'ab': write_whole(pathlib.Path(sys.argv[1]), letter * 3_000_000)"
    )
    for moment in range(1, 6):
        writer = subprocess.Popen([sys.executable, "-c", program, os.fspath(path)])
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(0.15 * moment)
        writer.kill()
        writer.wait()
        text = path.read_text()
        assert (len(text), len(set(text))) == (3_000_000, 1)


# values


@pytest.mark.parametrize(
    ("value", "en", "es"),
    [
        (Band(5, 9), "5 to 9", "5 a 9"),
        (Band(20, None), "20 or more", "20 o más"),
        (Band(0, 0), "none", "ninguno"),
        (Count(1200, "article"), "1,200", "1,200"),
        (Share(1, 4, "article", "census"), "25%", "25%"),
        (Estimate(0.414, 0.36, 0.46, 300, "respondent", "probability"), "41% (36% to 46%)", None),
        (Withheld("respondent", "below 10"), "withheld", "reservado"),
    ],
)
def test_a_value_has_its_words_in_each_language(value, en, es):
    assert say(value, "en") == en
    assert es is None or say(value, "es").replace("\u00a0", " ") == es


@given(st.builds(Count, n=st.integers(0, 10**9), unit=st.sampled_from(["article", "case"])))
def test_a_value_that_was_kept_is_the_value(value):
    assert unpack(pack(value)) == value


def test_a_number_has_no_value_without_its_unit():
    with pytest.raises(TypeError):
        values.Count(5)


# tables


def test_a_table_is_read_as_text_with_the_row_numbers_a_spreadsheet_shows(tmp_path):
    frame = tables.read_table(written(tmp_path, GOOD), TRAININGS)

    assert (list(frame.index), frame.loc[2, "people"]) == ([2], "30")


@pytest.mark.parametrize("answer", ["None", "NA", "null", "nan"])
def test_an_answer_that_looks_like_nothing_is_kept(tmp_path, answer):
    path = written(tmp_path, f"note\n{answer}\n")

    assert tables.read_rows(path).loc[2, "note"] == answer


def test_semicolons_and_a_byte_order_mark_are_read_as_equal(tmp_path):
    plain = tables.read_table(written(tmp_path, GOOD), TRAININGS)
    other = tables.read_table(
        written(tmp_path, "\ufeff" + GOOD.replace(",", ";").replace("\n", "\r\n")), TRAININGS
    )

    assert plain.equals(other)


def test_a_workbook_is_read_as_equal(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "held", "people", "kind"], ["T-01", "2004-10-18", 30, "event"]):
        book.active.append(row)
    book.save(tmp_path / "trainings.xlsx")
    plain = tables.read_table(written(tmp_path, GOOD), TRAININGS)

    assert tables.read_table(tmp_path / "trainings.xlsx", TRAININGS).equals(plain)


@pytest.mark.parametrize(
    ("row", "column", "fix"),
    [
        ("T-02,2004-02-30,1,event", "held", "2005-03-14"),
        ("T-02,18/10/2004,1,event", "held", "2005-03-14"),
        ("T-02,2004-10-18,-1,event", "people", "0 or more"),
        ("T-02,2004-10-18,1.5,event", "people", "whole number"),
        ("T-02,2004-10-18,1,evnt", "kind", "Did you mean 'event'?"),
        ("T2,2004-10-18,1,event", "id", "T-01"),
        ("T-02,,1,event", "held", "the day it was held"),
    ],
)
def test_a_wrong_cell_is_refused_with_row_column_and_cure(tmp_path, row, column, fix):
    (problem,) = problems_of(written(tmp_path, f"{GOOD}{row}\n"))

    assert problem.where == f"trainings.csv, row 3, column {column!r}"
    assert fix in problem.fix


def test_all_faults_of_a_file_come_at_once(tmp_path):
    rows = "".join(f"T-{at:02},2004-13-01,x,evnt\n" for at in range(2, 42))

    assert len(problems_of(written(tmp_path, GOOD + rows))) == 120


def test_a_misspelt_column_is_offered_the_missing_one(tmp_path):
    (problem,) = problems_of(written(tmp_path, GOOD.replace("people", "peple")))

    assert problem.fix == "Did you mean 'people'?"


def test_a_column_that_stands_twice_is_refused(tmp_path):
    (problem,) = problems_of(written(tmp_path, "id,id\nT-01,T-02\n"))

    assert "stands twice" in problem.what


def test_a_row_with_a_cell_too_many_is_refused_with_its_number(tmp_path):
    (problem,) = problems_of(written(tmp_path, GOOD + "T-02,2004-10-18,1,event,more\n"))

    assert problem.where == "trainings.csv, row 3"


def test_an_open_quote_is_refused_at_the_row_it_opened_in(tmp_path):
    rows = '"T-02,2004-10-18,1,event\n' + "T-03,2004-10-18,1,event\n" * 3

    (problem,) = problems_of(written(tmp_path, GOOD + rows))

    assert problem.where == "trainings.csv, row 3"
    assert "not CSV" in problem.what


def test_every_column_of_the_study_says_what_it_means():
    from ctresearch import evidence

    every = [value for value in vars(evidence).values() if isinstance(value, tables.Table)]
    silent = [(t.name, c) for t in every for c in t.columns if len(t.meaning(c)) < 4]

    assert (len(every) > 10, silent) == (True, [])


def test_empty_lines_are_passed_over_and_do_not_shift_the_row_numbers(tmp_path):
    (problem,) = problems_of(written(tmp_path, GOOD + "\n,,,\n\nT-02,2004-10-18,x,event\n"))

    assert problem.where == "trainings.csv, row 6, column 'people'"


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace(",", "\t"),
        GOOD.replace(",", " , "),
        GOOD.replace("\n", ",,\n"),
    ],
    ids=["tabs", "blanks around the cells", "empty columns at the end"],
)
def test_what_spreadsheets_add_to_a_table_is_read_as_equal(tmp_path, content):
    plain = tables.read_table(written(tmp_path, GOOD), TRAININGS)

    assert tables.read_table(written(tmp_path, content), TRAININGS).equals(plain)


def test_a_column_that_is_filled_and_has_no_heading_is_refused(tmp_path):
    (problem,) = problems_of(written(tmp_path, "id,\nT-01,x\n"))

    assert problem.what == "a column has no heading"


def test_capitals_do_not_hide_the_nearest_word():
    assert nearest("St. Lucia", ["saint-lucia", "suriname"]) == "saint-lucia"
