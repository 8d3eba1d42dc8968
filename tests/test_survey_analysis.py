"""Estimates with a design, held against R's survey package and against what must be refused."""

from __future__ import annotations

import math
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from ctresearch.analysis.survey import (
    Design,
    design_table,
    likert,
    mean,
    multi_select,
    proportion,
    ratio,
    total,
)
from ctresearch.problems import ResearchError

SCHOOLS = Design(weights="pw", strata="stype", fpc="fpc")
STREETS = Design(weights="weight", strata="stratum")


@pytest.fixture(scope="module")
def schools() -> pd.DataFrame:
    """The stratified sample of Californian schools that R's survey package ships as apistrat."""
    return pd.read_csv(Path(__file__).parent / "known" / "apistrat.csv")


def answers(drawn: str) -> pd.DataFrame:
    return pd.read_csv(StringIO(drawn.strip()), sep=r"\s*\|\s*", engine="python").fillna("")


def test_a_stratified_mean_equals_r_to_its_last_printed_digit(schools):
    found = mean(schools, "api00", SCHOOLS)

    assert [round(x, 7) for x in (found.estimate, found.se, found.low, found.high)] == [
        662.2873632,
        9.4089408,
        643.7321883,
        680.8425380,
    ]


def test_degrees_of_freedom_are_units_minus_strata(schools):
    assert mean(schools, "api00", SCHOOLS).df == 197


def test_the_design_effect_equals_r(schools):
    assert mean(schools, "api00", SCHOOLS).deff == pytest.approx(1.20446, abs=5e-6)


def test_without_a_finite_population_the_error_is_greater(schools):
    found = mean(schools, "api00", Design(weights="pw", strata="stype"))

    assert found.se == pytest.approx(9.53613, abs=5e-6)


def test_a_proportion_has_the_logit_interval_of_r(schools):
    found = proportion(schools, "awards", SCHOOLS, value="Yes")

    assert found.estimate == pytest.approx(0.63893606, abs=5e-9)
    assert found.se == pytest.approx(0.03441, abs=5e-6)
    assert (round(found.low, 6), round(found.high, 5)) == (0.568721, 0.70368)


def test_means_by_domain_equal_r(schools):
    found = mean(schools, "api00", SCHOOLS, by="stype")

    assert {group: (round(one.estimate, 2), round(one.se, 5)) for group, one in found.items()} == {
        "E": (674.43, 12.38248),
        "H": (625.82, 14.93713),
        "M": (636.60, 16.21471),
    }


def test_a_total_equals_r(schools):
    found = total(schools, "enroll", SCHOOLS)

    assert round(found.estimate, 1) == 3687177.5
    assert round(found.se, 2) == 114641.72


def test_a_ratio_of_totals_equals_r(schools):
    found = ratio(schools, "api00", "api99", SCHOOLS)

    assert round(found.estimate, 9) == 1.052260546
    assert round(found.se, 9) == 0.003643922


def test_a_ratio_to_a_column_of_ones_is_the_mean(schools):
    one = ratio(schools.assign(one=1.0), "api00", "one", SCHOOLS)

    assert vars(one) == pytest.approx(vars(mean(schools, "api00", SCHOOLS)))


def test_totals_of_domains_add_up_to_the_whole(schools):
    parts = total(schools, "enroll", SCHOOLS, by="awards")

    assert sum(part.estimate for part in parts.values()) == pytest.approx(
        total(schools, "enroll", SCHOOLS).estimate
    )


def test_a_ratio_to_nothing_is_refused(schools):
    with pytest.raises(ResearchError, match="divides by is 0"):
        ratio(schools.assign(none=0.0), "enroll", "none", SCHOOLS)


def test_a_domain_across_strata_keeps_the_whole_design(schools):
    found = mean(schools, "api00", SCHOOLS, by="sch.wide")["Yes"]

    assert (round(found.estimate, 5), round(found.se, 5)) == (676.53044, 10.52039)


def test_a_stratum_with_one_unit_is_refused_by_name():
    frame = answers("""
        stratum | weight | heard
        city    | 1      | 1
        city    | 1      | 0
        hills   | 1      | 1
    """)

    with pytest.raises(ResearchError, match="stratum 'hills'"):
        mean(frame, "heard", STREETS)


def test_a_weight_of_nothing_is_refused():
    frame = answers("""
        stratum | weight | heard
        city    | 0      | 1
        city    | 1      | 0
    """)

    with pytest.raises(ResearchError, match="a weight is not above 0"):
        mean(frame, "heard", STREETS)


def test_more_units_than_there_are_to_draw_from_are_refused():
    frame = answers("""
        stratum | weight | there | heard
        city    | 1      | 1     | 1
        city    | 1      | 1     | 0
    """)

    with pytest.raises(ResearchError, match="2 units were drawn from 1"):
        mean(frame, "heard", Design("weight", "stratum", fpc="there"))


def test_a_misspelt_question_is_refused():
    with pytest.raises(ResearchError, match="there is no column 'herd'"):
        mean(answers("stratum | weight | heard\na | 1 | 1\na | 1 | 0"), "herd", STREETS)


def test_respondents_of_one_household_count_as_one_unit():
    frame = answers("""
        stratum | house | weight | heard
        city    | 1     | 1      | 1
        city    | 1     | 1      | 1
        city    | 2     | 1      | 0
        city    | 2     | 1      | 0
    """)

    found = mean(frame, "heard", Design("weight", "stratum", psu="house"))

    assert (found.df, found.se) == (1, 0.5)


def test_an_answer_nobody_gave_still_has_an_upper_end():
    frame = pd.DataFrame({"stratum": "city", "weight": 1.0, "heard": ["no"] * 100})

    found = proportion(frame, "heard", STREETS, value="yes")

    assert (found.low, round(found.high, 4)) == (0.0, round(1 - 0.025 ** (1 / 100), 4))


def test_where_everybody_was_asked_nothing_is_left_to_chance():
    frame = pd.DataFrame({"stratum": "city", "weight": 1.0, "there": 2, "heard": ["yes", "no"]})

    found = proportion(frame, "heard", Design("weight", "stratum", fpc="there"), value="yes")

    assert (found.low, found.estimate, found.high) == (0.5, 0.5, 0.5)


def test_answers_may_count_alike():
    frame = pd.DataFrame({"stratum": "city", "weight": 1.0, "heard": ["often", "once", "never"]})

    found = proportion(frame, "heard", STREETS, value=["often", "once"])

    assert round(found.estimate, 6) == 0.666667


def test_who_did_not_answer_is_not_in_the_base():
    frame = pd.DataFrame({"stratum": "city", "weight": 1.0, "heard": ["yes", "no", "", ""]})

    assert proportion(frame, "heard", STREETS, value="yes").n == 2


def test_several_choices_are_shares_of_those_who_ticked_any():
    frame = answers("""
        stratum | weight | seen
        city    | 1      | debt threats
        city    | 1      | debt
        city    | 1      |
    """)

    found = multi_select(frame, "seen", ["debt", "threats", "violence"], STREETS)

    assert {choice: (one.estimate, one.n) for choice, one in found.items()} == {
        "debt": (1.0, 2),
        "threats": (0.5, 2),
        "violence": (0.0, 2),
    }


def test_a_scale_is_told_in_bands_with_those_who_answered():
    frame = answers("""
        stratum | weight | trust
        city    | 3      | agree
        city    | 1      | disagree
        city    | 1      | do_not_know
    """)
    bands = {"disagree": ("disagree",), "agree": ("agree", "agree_strongly")}

    found = likert(frame, ["trust"], bands, STREETS)

    shares = [one.estimate for one in found["share"]]
    assert list(
        zip(found["band"], shares, found["valid_n"], found["no_response"], strict=True)
    ) == [
        ("disagree", 0.25, 2, 1),
        ("agree", 0.75, 2, 1),
    ]


def test_the_design_of_a_survey_is_a_table_by_stratum():
    frame = answers("""
        stratum | weight
        city    | 1.5
        city    | 2
        hills   | 9
    """)

    assert design_table(frame, STREETS).to_dict("index") == {
        "city": {"respondents": 2, "least": 1.5, "greatest": 2.0},
        "hills": {"respondents": 1, "least": 9.0, "greatest": 9.0},
    }


def test_nothing_varies_and_the_design_effect_is_not_defined():
    frame = pd.DataFrame({"stratum": "city", "weight": 1.0, "heard": [1, 1]})

    assert math.isnan(mean(frame, "heard", STREETS).deff)
