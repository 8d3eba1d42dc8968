"""Disclosure: what of a table may be shown."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctresearch.disclosure import audit, bands, dominated, possible_n, protect, shown, span_of
from ctresearch.problems import ResearchError
from ctresearch.study import Threshold
from ctresearch.values import Band, Count, Estimate, Share, When, Withheld

RULES = {
    "informant": Threshold(bands=(1, 5, 10, 20), percent_from=30),
    "respondent": Threshold(fewest=10, percent_from=30),
    "victim": Threshold(fewest=3, bands=(1, 10), zero=False),
    "case": Threshold(fewest=11, zero=False),
    "rounded": Threshold(fewest=5, base=5),
    "article": Threshold(),
    "published": Threshold(),
}
KNOWN = tomllib.loads(Path(__file__).with_name("known").joinpath("disclosure.toml").read_text())
FULL = os.environ.get("CTRESEARCH_COUNTS") == "full"
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


# Tables whose cells add up.


def counted(rows, *, margins=True):
    """A table of counts, with its margins."""
    table = pd.DataFrame(rows, dtype=int)
    table.index = pd.Index([f"row {n}" for n in range(len(table))], name="stratum")
    table.columns = pd.Index([f"answer {n}" for n in table.columns], name="answer")
    return with_margins(table) if margins else table


def with_margins(table):
    table.loc["All"] = table.sum()
    table["All"] = table.sum(axis=1)
    return table


def random_table(random, unit="respondent"):
    """Any table up to 16 x 8, thinly or thickly filled; smaller ones of what is shown in bands."""
    most = (6, 4) if RULES[unit].bands else (16, 8)
    rows, columns = (random.integers(1, n + 1) for n in most)
    mean = random.choice([0.5, 2, 5, 12, 30, 60])
    return counted(random.negative_binomial(1.5, 1.5 / (1.5 + mean), (rows, columns)))


def guarded(table, unit="respondent", **more):
    return protect(table, unit=unit, rules=RULES, **more)


def hidden(safe):
    return [cell for cell in safe.cells if cell.width > 1]


@pytest.mark.parametrize("seed", range(1000 if FULL else 25))
def test_nothing_withheld_can_be_worked_out_from_the_margins(seed):
    assert audit(guarded(random_table(np.random.default_rng(seed)))) == []


@pytest.mark.parametrize("unit", ["informant", "victim", "case", "rounded"])
@pytest.mark.parametrize("seed", range(50 if FULL else 4))
def test_nothing_shown_in_another_way_can_be_worked_out_either(unit, seed):
    assert audit(guarded(random_table(np.random.default_rng(seed), unit), unit)) == []


@pytest.mark.parametrize("seed", range(100 if FULL else 5))
def test_whoever_knows_a_withheld_cell_finds_no_other_people_out(seed):
    table = random_table(np.random.default_rng(seed)).iloc[-6:, -5:]
    table = with_margins(table.drop(index="All", columns="All").copy())
    safe = guarded(table)

    found = [
        other
        for cell in hidden(safe)
        if table.at[cell.row, cell.column]
        for other in audit(safe, {(cell.row, cell.column): table.at[cell.row, cell.column]})
        if table.at[other.row, other.column]
    ]
    assert found == []


@pytest.mark.parametrize("seed", range(100 if FULL else 8))
def test_of_a_cell_withheld_for_being_small_nobody_can_tell_that_it_is(seed):
    table = random_table(np.random.default_rng(seed))
    safe = guarded(table)
    spans = audit_all(safe)

    small = [c for c in hidden(safe) if 0 < table.at[c.row, c.column] < 10]
    assert all(spans[c.row, c.column][1] >= 10 for c in small)


def audit_all(safe):
    """The least and the most that each hidden cell can be."""
    from ctresearch.disclosure import _joined

    whole, cells = _joined([safe])
    found = whole.bounds({key for _, key, cell in cells if cell.width > 1})
    return {(c.row, c.column): found[key] for _, key, c in cells if key in found}


@settings(max_examples=1000 if FULL else 30, deadline=None)
@given(
    st.sampled_from([*PEOPLE, "case"]),
    st.lists(st.lists(st.integers(0, 40), min_size=2, max_size=2), min_size=1, max_size=4),
)
def test_no_table_with_margins_shows_a_count_of_people_below_its_threshold(unit, rows):
    cells = guarded(counted(rows), unit).table.to_numpy().ravel()
    told = [cell.n for cell in cells if isinstance(cell, Count)]

    assert all(n == 0 or (not RULES[unit].bands and n >= RULES[unit].fewest) for n in told)


@settings(max_examples=500 if FULL else 25, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=18))
def test_bands_with_their_total_tell_no_more_than_each_band_alone(people):
    table = pd.DataFrame({"informants": [*people, sum(people)]})
    table.index = pd.Index([*(f"sector {n}" for n in range(len(people))), "All"], name="sector")
    safe = guarded(table, "informant")

    few = [c for c in hidden(safe) if (c.low, c.high) == (1, 4)]
    assert all(audit_all(safe)[c.row, c.column] == (1, 4) for c in few)


def by_sex(women, men):
    """Informants of one sector, in bands, beside their number, which is public."""
    table = pd.DataFrame({"women": [women], "men": [men], "All": [women + men]})
    table.index = pd.Index(["police"], name="sector")
    units = {"women": "informant", "men": "informant", "All": "published"}
    return protect(table, unit=units, rules=RULES)


def test_bands_are_withheld_where_an_exact_total_would_narrow_them():
    safe = by_sex(3, 4)

    assert (safe.table.at["police", "All"], audit(safe)) == (Count(7, "published"), [])
    assert isinstance(safe.table.at["police", "women"], Withheld)


def test_a_table_that_gives_people_away_whatever_is_withheld_is_refused():
    with pytest.raises(ResearchError, match="gives away what is withheld"):
        by_sex(1, 1)


def test_a_band_that_is_narrowed_is_found_by_the_audit():
    bands = pd.DataFrame({"n": [Band(1, 4), Band(1, 4), 8]}, ["police", "health", "All"])

    assert [(c.row, c.low, c.high) for c in audit(bands)] == [("police", 4, 4), ("health", 4, 4)]


def test_the_withheld_cell_of_a_table_with_margins_is_recovered_if_it_is_the_only_one():
    known = KNOWN["margins"]
    table = counted(known["table"]).astype(object)
    table = table.where(table >= known["threshold"])

    assert [(c.low, c.high) for c in audit(table)] == [(known["recovered"], known["recovered"])]


def test_and_is_not_once_the_table_is_protected():
    known = KNOWN["margins"]
    safe = protect(counted(known["table"]), unit="anybody", threshold=known["threshold"])

    assert (len(safe.withheld) < 16, audit(safe)) == (True, [])


def test_margins_are_found_where_nothing_is_called_a_total():
    table = counted([[20, 15, 3], [12, 18, 25], [30, 14, 16]])
    table = pd.DataFrame(table.to_numpy())

    assert len(guarded(table).withheld) > 1


def test_a_total_may_be_named():
    table = counted([[20, 3], [12, 18]]).rename(index={"All": "Region"}, columns={"All": "Region"})

    assert len(guarded(table, totals="Region").withheld) > 1


def test_a_total_may_sum_up_some_rows_only():
    table = counted([[30], [4], [20]], margins=False)
    table.loc["Islands"] = table.iloc[:2].sum()
    safe = guarded(table, totals={"Islands": ["row 0", "row 1"]})

    assert {row for row, *_ in safe.withheld} >= {"row 1"}
    assert audit(safe) == []


@pytest.mark.parametrize("totals", ["All", "Everybody", {"row 1": ["row 0"]}])
def test_a_total_that_does_not_sum_up_the_others_is_refused(totals):
    table = counted([[30, 20], [14, 20]])
    table.loc["All"] = 99

    with pytest.raises(ResearchError, match="does not sum up"):
        guarded(table, totals=totals)


def test_people_who_are_all_in_one_class_are_not_told_to_be():
    safe = guarded(counted([[55, 0, 0], [20, 30, 40], [15, 25, 35]])).table

    assert any(isinstance(cell, Withheld) for cell in safe.loc["row 0", ["answer 1", "answer 2"]])


def test_what_is_withheld_for_the_sake_of_another_says_so():
    safe = guarded(counted([[20, 15, 3], [12, 18, 25], [30, 14, 16]]))

    assert {why for *_, why in safe.withheld} == {
        "below 10",
        "so that no other cell can be worked out",
    }


def test_a_margin_that_two_tables_share_is_withheld_in_both_or_in_none():
    by_sex = pd.crosstab(*_people("stratum", "sex"), margins=True)
    by_age = pd.crosstab(*_people("stratum", "age"), margins=True)
    first = guarded(by_sex)
    second = guarded(by_age, beside=[first])

    assert audit([first, second]) == []


def _people(*names):
    """500 people in three strata, by sex and age; four young ones in the hills."""
    random = np.random.default_rng(5)
    people = pd.DataFrame(
        {
            "stratum": random.choice(["capital", "town", "hills"], 500, p=[0.6, 0.36, 0.04]),
            "sex": random.choice(["female", "male"], 500),
            "age": random.choice(["young", "grown", "old"], 500),
        }
    )
    return [people[name] for name in names]


def test_rounded_counts_are_multiples_and_their_sums_give_nothing_away():
    cells = guarded(counted([[7, 12], [23, 38]]), "rounded").table.to_numpy().ravel()

    assert all(cell.n % 5 == 0 for cell in cells if isinstance(cell, Count))


@given(st.integers(1, 500), st.integers(1, 12), st.integers(0, 20))
def test_a_rounded_count_spans_the_count_it_was(n, base, fewest):
    rules = {"people": Threshold(fewest=fewest, base=base)}
    value = shown(Count(n, "people"), rules)
    assume(isinstance(value, Count))
    low, high, _ = span_of(value, rules)

    assert low <= n <= high
    assert shown(value, rules) == value


def test_a_table_without_totals_is_left_alone():
    assert [why for *_, why in guarded(counted([[20, 3]], margins=False)).withheld] == ["below 10"]


def test_the_same_table_is_protected_in_the_same_way_again():
    tables = [guarded(random_table(np.random.default_rng(7))).withheld for _ in range(2)]

    assert tables[0] == tables[1]


# One contributor among few: the p% rule.


@pytest.mark.parametrize(("case", "unsafe"), [("unsafe", True), ("safe", False)])
def test_a_sum_that_one_contributor_dominates_is_unsafe(case, unsafe):
    known = KNOWN["p_percent"][case]
    rest = known["total"] - sum(known["largest"])

    assert (dominated([*known["largest"], rest]) > 0) == unsafe
    assert round(100 * rest / known["largest"][0], 1) == known["within"]


def test_a_dominated_sum_is_withheld_and_may_be_more_by_what_the_rule_asks():
    table = counted([[100_000, 60_000, 45_000], [52_000, 48_000, 61_000], [40_000, 50_000, 70_000]])
    short = dominated([50_000, 49_000, 1_000])
    safe = guarded(table, "article", withhold={("row 0", "answer 0"): short})
    _, high = audit_all(safe)["row 0", "answer 0"]

    assert (safe.withheld[0][2], short, high >= 104_000) == (
        "one contributor dominates it",
        4000,
        True,
    )


# What rounded percentages give away.


def test_percentages_tell_how_many_people_they_are_of():
    known = KNOWN["percentages"]

    assert possible_n(known["printed"], known["up_to"]) == known["possible_n"]


@given(st.lists(st.integers(0, 30), min_size=2, max_size=5), st.integers(0, 2))
def test_the_true_number_is_always_among_those_possible(parts, decimals):
    n = sum(parts)
    assume(0 < n <= 100)
    printed = [f"{100 * part / n:.{decimals}f}" for part in parts]

    assert n in possible_n(printed)


@pytest.mark.parametrize("printed", [["12.5", "87.5"], ["13", "88"], ["12", "88"], [12, 88]])
def test_a_half_may_have_been_rounded_up_or_to_even(printed):
    assert 8 in possible_n(printed)
