"""Law: facts with their grades, conflicts kept and shown."""

from __future__ import annotations

from io import StringIO

import pandas as pd

from ctresearch.analysis.law import conflicts, in_dispute, matrix, standing, status, tallies
from ctresearch.values import Count

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
    assert in_dispute(law) == "deposit"


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


def on(day: str, law: pd.DataFrame) -> dict[str, str]:
    return standing({"Guyana": law}, day).loc["Guyana"].to_dict()


def test_the_protocol_is_in_force_from_its_day_on():
    law = facts("in_force | 2004-10-14 | A |")

    assert [on(day, law)["in_force"] for day in ("2004-10-13", "2004-10-14")] == ["no", "yes"]


def test_a_mere_year_does_not_tell_about_a_day_in_it():
    law = facts("signature | 2005 | C |")

    told = [on(day, law)["signed"] for day in ("2004-12-31", "2005-03-14", "2006-01-01")]

    assert told == ["no", "not known", "yes"]


def test_of_two_laws_the_first_counts():
    law = facts("""
        law | 2016-06-09 | A | Second Act
        law | 2011       | C | First Act
    """)

    assert on("2012-01-01", law)["national_law"] == "yes"


def test_nothing_known_is_not_a_no():
    assert on("2005-03-14", facts("signature | 2001 | A |")) == {
        "signed": "yes",
        "in_force": "not known",
        "national_law": "not known",
        "disputed": "no",
    }


def test_countries_are_tallied_with_those_of_whom_nothing_is_known():
    stood = standing(
        {
            "Grenada": facts("in_force | 2004-06-20 | A |"),
            "Guyana": facts("in_force | 2004-10-14 | A |"),
            "Suriname": facts("in_force | 2007 | C |"),
            "Netherlands Antilles": facts("statement | 2005 | B |"),
        },
        "2005-03-14",
    )

    assert tallies(stood)["in_force"] == {
        "countries": Count(2, "country"),
        "all": Count(4, "country"),
        "unknown": Count(1, "country"),
        "names": "Grenada and Guyana",
    }


def test_the_matrix_shows_date_grade_and_conflict():
    laws = {
        "Barbados": facts("deposit | 2014-11-11 | B |\n deposit | 2001 | C |"),
        "Netherlands Antilles": facts("statement | 2005 | B |"),
    }

    assert matrix(laws, {"deposit": "Deposit"})["Deposit"].to_dict() == {
        "Barbados": "2014-11-11 (B) ≠",
        "Netherlands Antilles": "not known",
    }


def test_a_law_that_one_source_denies_is_marked():
    law = facts("""
        law |      | C | None
        law | 2008 | D | An Act
    """).assign(value=["none coded", "enacted"])

    assert matrix({"A": law}, {"law": "Law"}).at["A", "Law"] == "none coded (C) ≠"
