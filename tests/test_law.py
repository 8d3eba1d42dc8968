"""Law: facts with their grades, conflicts kept and shown."""

from __future__ import annotations

from io import StringIO

import pandas as pd

from ctresearch.analysis.law import conflicts, in_force_by, matrix, status

TREATY = "UN Trafficking Protocol"


def facts(rows: str) -> pd.DataFrame:
    """Facts about the Protocol unless an instrument is given: fact, date, grade, instrument."""
    frame = pd.read_csv(
        StringIO(f"fact|date|grade|instrument\n{rows.strip()}"),
        sep=r"\s*\|\s*",
        engine="python",
        dtype=str,
        keep_default_na=False,
    )
    frame["fact"] = frame["fact"].str.strip()
    return frame.assign(instrument=frame["instrument"].replace("", TREATY), value="")


def test_the_best_graded_source_stands_in_front():
    law = facts("""
        deposit | 2012       | C |
        deposit | 2011-04-19 | A |
    """)

    assert status(law, "deposit")["date"] == "2011-04-19"


def test_another_treaty_is_not_the_protocol():
    assert status(facts("deposit | 1999 | A | CEDAW"), "deposit") is None


def test_two_dates_for_one_fact_are_a_conflict_and_both_rows_are_shown():
    law = facts("""
        deposit   | 2014-11-11 | B |
        deposit   | 2001       | C |
        signature | 2001-09-26 | A |
    """)

    assert list(conflicts(law)["date"]) == ["2014-11-11", "2001"]


def test_a_less_exact_date_is_no_conflict():
    law = facts("""
        deposit | 2014-11-11 | B |
        deposit | 2014       | C |
    """)

    assert conflicts(law).empty


def test_two_laws_of_different_years_are_no_conflict():
    law = facts("""
        law | 2011 | C | First Act
        law | 2016 | A | Second Act
    """)

    assert conflicts(law).empty


def test_the_protocol_is_in_force_from_its_day_on():
    law = facts("in_force | 2004-10-14 | A |")

    assert [in_force_by(law, day) for day in ("2004-10-13", "2004-10-14")] == [False, True]


def test_a_mere_year_does_not_tell_about_a_day_in_it():
    law = facts("in_force | 2005 | C |")

    days = ("2004-12-31", "2005-03-14", "2006-01-01")

    assert [in_force_by(law, day) for day in days] == [False, None, True]


def test_nothing_known_is_not_a_no():
    assert in_force_by(facts("signature | 2001 | A |"), "2005-03-14") is None


def test_the_matrix_shows_date_grade_and_conflict():
    laws = {
        "Barbados": facts("deposit | 2014-11-11 | B |\n deposit | 2001 | C |"),
        "Netherlands Antilles": facts("statement | 2005 | B |"),
    }

    assert matrix(laws, {"deposit": "Deposit"})["Deposit"].to_dict() == {
        "Barbados": "2014-11-11 (B) ≠",
        "Netherlands Antilles": "not known",
    }
