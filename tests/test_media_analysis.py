"""Media: articles and stories are counted apart, and a case is a unit of its own."""

from __future__ import annotations

from io import StringIO

import pandas as pd

from ctresearch.analysis import media

LOG = """
relevance    | published  | outlet | syndication | original | exploitation       | case
relevant     | 2004-01-09 | Gleam  | G1          | yes      | sexual             | C1
relevant     | 2004-01-10 | Echo   | G1          | no       | sexual             | C1
relevant     | 2004-03-02 | Gleam  |             |          | sexual begging     | C2
relevant     | 2004-03-05 | Gleam  |             |          |                    |
not_relevant | 2004-02-02 | Gleam  |             |          |                    |
zero_hits    |            | Echo   |             |          |                    |
"""


def log(rows: str = LOG) -> pd.DataFrame:
    return pd.read_csv(
        StringIO(rows.strip()), sep=r"\s*\|\s*", engine="python", dtype=str, keep_default_na=False
    )


def test_the_flow_goes_from_what_was_found_to_what_was_coded():
    assert media.flow(log()).loc["all"].to_dict() == {
        "retrieved": 5,
        "relevant": 4,
        "copies": 1,
        "stories": 3,
        "coded": 3,
        "cases": 2,
    }


def test_the_flow_is_told_by_outlet():
    assert media.flow(log(), "outlet")["retrieved"].to_dict() == {"Echo": 1, "Gleam": 4}


def test_a_month_without_an_article_is_a_month():
    assert media.by_month(log()).to_dict("index") == {
        "2004-01": {"stories": 1, "copies": 1},
        "2004-02": {"stories": 0, "copies": 0},
        "2004-03": {"stories": 2, "copies": 0},
    }


def test_a_log_without_articles_has_no_months():
    assert media.by_month(log().iloc[4:]).empty


def test_an_article_may_tell_of_several_forms_and_a_copy_tells_no_new_story():
    assert media.forms(log()).to_dict("index") == {
        "sexual": {"articles": 3, "stories": 2, "cases": 2},
        "begging": {"articles": 1, "stories": 1, "cases": 1},
    }
