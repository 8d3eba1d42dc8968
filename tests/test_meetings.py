"""Meetings: the evaluation of March 2005 in bands, and what limits it."""

from __future__ import annotations

from io import StringIO

import pandas as pd

from ctresearch.analysis.meetings import counts, evaluation_bands, remarks

FORMS = """
item                   excellent very_good good fair less_than_fair poor very_poor no_response
goals_met              4         6         7    1    0              0    0         0
written_materials      4         8         3    2    0              0    0         1
small_groups           3         9         3    2    0              1    0         0
topics                 3         8         7    0    0              0    0         0
overall_rating         1         7         9    1    0              0    0         0
"""


def forms(text: str = FORMS) -> pd.DataFrame:
    return pd.read_csv(StringIO(text.strip()), sep=r"\s+")


def test_who_left_an_item_open_is_not_in_its_base():
    assert list(evaluation_bands(forms())["valid_n"]) == [18, 17, 18, 18, 18]


def test_the_two_highest_ratings_are_a_share_of_valid_answers():
    shares = evaluation_bands(forms())["top_two"]

    assert [f"{share:.1%}" for share in shares] == ["55.6%", "70.6%", "66.7%", "61.1%", "44.4%"]


def test_seven_ratings_are_told_in_three_bands():
    bands = evaluation_bands(forms()).loc["small_groups"]

    assert list(bands[["excellent or very good", "good", "fair or lower"]]) == [12, 3, 3]


def test_remarks_name_who_answered_what_was_left_open_and_the_lower_overall_rating():
    found = remarks(forms(), attended=86)

    assert list(found["about"]) == [
        "all",
        "all",
        "all",
        "written_materials",
        "all",
        "overall_rating",
    ]
    assert "Of 86 who attended, 18 returned a form (20.9%)" in found["remark"][0]


def test_an_evaluation_without_single_crosses_has_no_remark_on_them():
    plain = forms("""
        item           excellent very_good good fair less_than_fair poor very_poor no_response
        overall_rating 4         6         8    0    0              0    0         0
    """)

    assert not remarks(plain, attended=20)["remark"].str.contains("one person").any()


def test_rows_are_counted_in_the_order_they_first_stand_in():
    table = pd.DataFrame({"actor": ["participants", "IOM", "participants"]})

    assert counts(table, "actor")["number"].to_dict() == {"participants": 2, "IOM": 1}
