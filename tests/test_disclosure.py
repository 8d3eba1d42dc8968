"""Disclosure: what of a table may be shown."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctresearch.disclosure import bands, protect, shown
from ctresearch.problems import ResearchError
from ctresearch.study import Threshold
from ctresearch.values import Band, Count, Estimate, Share, When, Withheld

RULES = {
    "informant": Threshold(bands=(1, 5, 10, 20), percent_from=30),
    "respondent": Threshold(fewest=10, percent_from=30),
    "victim": Threshold(fewest=3, bands=(1, 10), zero=False),
    "article": Threshold(),
    "published": Threshold(),
}
PEOPLE = ("informant", "respondent", "victim")


def one(value, unit="informant"):
    """What a table of one cell shows."""
    return protect(pd.DataFrame({"cell": [value]}), unit=unit, rules=RULES).table.at[0, "cell"]


def drawn(column, unit="article", **others):
    return protect(pd.DataFrame({"what": column, **others}), unit=unit, rules=RULES)


def html(safe):
    return safe._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("informants", "words"),
    [
        (0, "none"),
        (1, "1 to 4"),
        (4, "1 to 4"),
        (5, "5 to 9"),
        (19, "10 to 19"),
        (20, "20 or more"),
    ],
)
def test_informants_are_shown_in_bands(informants, words):
    assert str(one(informants)) == words


@pytest.mark.parametrize(("respondents", "words"), [(0, "0"), (9, "withheld"), (10, "10")])
def test_a_count_of_a_few_people_is_held_back_and_a_count_of_none_is_not(respondents, words):
    assert str(one(respondents, "respondent")) == words


def test_an_article_is_an_article():
    assert one(3, "article") == Count(3, "article")


def test_a_zero_is_withheld_where_the_rule_says_so():
    assert isinstance(one(0, "victim"), Withheld)


def test_a_percentage_of_too_few_is_withheld():
    assert isinstance(one(Estimate(0.5, 0.3, 0.7, 29, "respondent", "probability")), Withheld)


def test_a_percentage_of_enough_is_shown():
    estimate = Estimate(0.5, 0.3, 0.7, 30, "respondent", "probability")

    assert one(estimate) is estimate


def test_a_percentage_of_people_chosen_on_purpose_is_withheld_however_many_they_are():
    assert isinstance(one(Share(50, 100, "informant", "purposive")), Withheld)


def test_a_count_that_came_as_a_value_is_held_back_like_any_other():
    assert (one(Count(7, "informant")), one(Count(7, "respondent"))) == (
        Band(5, 9),
        Withheld("respondent", "below 10"),
    )


def test_a_band_made_by_hand_is_withheld():
    assert isinstance(one(Band(7, 7)), Withheld)


def test_text_and_dates_pass_as_they_are_and_a_missing_cell_is_empty():
    table = drawn(["debt", When("2004-07"), None, np.nan, pd.NA]).table

    assert table["what"].tolist() == ["debt", When("2004-07"), "", "", ""]


def test_each_column_is_protected_by_its_own_unit():
    safe = drawn(["a"], {"people": "informant", "items": "article"}, people=[3], items=[3])

    assert safe.table.loc[0].tolist() == ["a", Band(1, 4), Count(3, "article")]


def test_what_was_withheld_is_told_with_its_reason():
    table = pd.DataFrame({"asked": [40, 3]}, index=pd.Index(["city", "hills"], name="stratum"))

    assert protect(table, unit="respondent", rules=RULES).withheld == (
        ("hills", "asked", "below 10"),
    )


def test_every_number_without_a_unit_is_refused_at_once():
    with pytest.raises(ResearchError) as refused:
        protect(pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}), unit={}, rules=RULES)

    assert [p.where for p in refused.value.problems] == [
        "protect, column 'a'",
        "protect, column 'b'",
    ]


@pytest.mark.parametrize(
    ("cell", "unit", "said"),
    [
        (3, "informants", "Did you mean 'informant'"),
        (Count(3, "artikle"), "article", "Did you mean 'article'"),
        (0.5, "article", "not a count"),
        (-1, "article", "not a count"),
        (True, "article", "a cell is a bool"),
        ((1, 2), "article", "a cell is a tuple"),
    ],
)
def test_a_cell_that_cannot_be_shown_is_refused_with_a_cure(cell, unit, said):
    with pytest.raises(ResearchError, match=said):
        one(cell, unit)


def test_a_unit_for_a_column_that_is_not_there_is_offered_the_nearest():
    with pytest.raises(ResearchError, match="Did you mean 'what'"):
        drawn(["a"], {"waht": "article"})


def test_numbers_in_the_index_are_refused():
    table = pd.DataFrame({"code": ["debt"]}, index=pd.Index([7], name="informants"))

    with pytest.raises(ResearchError, match="the index holds numbers"):
        protect(table, unit="informant", rules=RULES)


def test_a_table_is_plain_html_with_headed_columns_and_rows():
    table = pd.DataFrame({"key_informants": [7]}, index=pd.Index(["debt & threats"], name="theme"))

    assert html(protect(table, unit="informant", rules=RULES)) == (
        "<table>\n<thead>\n"
        '<tr><th scope="col">Theme</th><th scope="col">Key informants</th></tr>\n'
        "</thead>\n<tbody>\n"
        '<tr><th scope="row">debt &amp; threats</th><td>5 to 9</td></tr>\n'
        "</tbody>\n</table>"
    )


def test_row_numbers_are_not_shown():
    assert re.findall(r"<t[hd]\b[^>]*>([^<]*)<", html(drawn(["debt"]))) == ["What", "debt"]


def test_a_heading_can_be_given():
    safe = protect(
        pd.DataFrame({"n": [3]}), unit="article", rules=RULES, labels={"n": "Articles (all)"}
    )

    assert '<th scope="col">Articles (all)</th>' in html(safe)


def test_a_table_of_any_length_is_shown_whole():
    bundle = drawn([f"row-{n}" for n in range(500)])._repr_mimebundle_()

    assert [bundle[kind].count("row-") for kind in ("text/html", "text/plain")] == [500, 500]


def test_two_columns_of_one_name_are_both_protected():
    table = pd.DataFrame([[3, 7]], columns=["n", "n"])

    assert protect(table, unit="informant", rules=RULES).table.loc[0].tolist() == [
        Band(1, 4),
        Band(5, 9),
    ]


def test_an_empty_table_is_shown_by_its_headings():
    assert "What" in html(drawn([]))


@given(
    st.sampled_from(PEOPLE).flatmap(
        lambda unit: st.tuples(
            st.just(unit),
            st.lists(
                st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["", "x"])),
                max_size=6,
            ),
        )
    )
)
def test_no_table_ever_shows_a_count_of_people_below_its_threshold(case):
    unit, rows = case
    table = pd.DataFrame(rows, columns=["a", "b", "text"])
    safe = protect(table, unit=unit, rules=RULES).table

    told = [cell.n for cell in safe[["a", "b"]].to_numpy().ravel() if isinstance(cell, Count)]
    assert all(n == 0 or (not RULES[unit].bands and n >= RULES[unit].fewest) for n in told)


@given(st.integers(0, 10_000), st.sampled_from(["informant", "victim"]))
def test_the_ends_of_a_band_never_depend_on_the_count_inside_it(n, unit):
    value = shown(Count(n, unit), RULES)

    assert isinstance(value, Withheld) or value in bands(unit, RULES[unit])


@given(st.integers(0, 10_000))
def test_a_count_is_inside_the_band_that_shows_it(n):
    band = shown(Count(n, "informant"), RULES)

    assert band.low <= n <= (n if band.high is None else band.high)
