"""Themes: what is counted of interviews, and by whom; and how many streams make a level."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd
import pytest

from ctresearch.analysis import printed, themes
from ctresearch.analysis.themes import (
    branch,
    foremost,
    labelled,
    leading,
    raising_any,
    sector_table,
    theme_table,
)
from ctresearch.analysis.triangulation import across, triangulate
from ctresearch.instruments import Code, Codebook
from ctresearch.problems import ResearchError
from ctresearch.values import Band

CODEBOOK = Codebook(
    version="2005-03",
    codes=tuple(
        Code(id=code, label={"en": label, "es": f"{label} (es)"})
        for code, label in {
            "recruitment": "Recruitment",
            "recruitment.deception": "Deception",
            "recruitment.deception.letter": "A letter",
            "persons": "Persons",
            "persons.girls": "Girls",
        }.items()
    ),
)


def drawn(text: str) -> pd.DataFrame:
    return pd.read_csv(StringIO(text.strip()), sep=r"\s*\|\s*", engine="python", dtype=str)


def turns_of(coded: pd.DataFrame) -> pd.DataFrame:
    """The turns that codings name: SUR-01:4 is a turn of interview and informant SUR-01."""
    turns = coded[["turn"]].drop_duplicates()
    interview = turns["turn"].str.partition(":")[0]
    return turns.assign(interview=interview, informant=interview)


def counts(text: str) -> pd.DataFrame:
    coded = drawn(text)
    return theme_table(turns_of(coded), coded, CODEBOOK)


def test_an_informant_who_raises_a_theme_twice_counts_once():
    found = counts("""
        turn     | code
        SUR-01:4 | persons.girls
        SUR-01:9 | persons.girls
    """)

    assert found.loc["persons.girls"].to_dict() == {"informants": 1, "segments": 2}


def test_a_segment_counts_for_every_code_above_it():
    found = counts("""
        turn     | code
        SUR-01:4 | recruitment.deception.letter
        SUR-02:4 | recruitment.deception
    """)

    assert found["informants"].to_dict() == {
        "recruitment": 2,
        "recruitment.deception": 2,
        "recruitment.deception.letter": 1,
        "persons": 0,
        "persons.girls": 0,
    }


def test_a_theme_nobody_raised_is_still_in_the_table():
    found = counts("turn | code\nSUR-01:4 | recruitment")

    assert found.loc["persons.girls", "informants"] == 0


def test_a_misspelt_code_is_refused_with_the_nearest_one():
    with pytest.raises(ResearchError, match=r"Did you mean 'persons\.girls'\?"):
        counts("turn | code\nSUR-01:4 | persons.grils")


def test_a_coding_of_a_turn_that_is_not_there_is_refused():
    coded = drawn("turn | code\nSUR-01:4 | persons")

    with pytest.raises(ResearchError, match="'SUR-01:4' is not a turn"):
        theme_table(turns_of(coded).iloc[:0], coded, CODEBOOK)


def test_who_raised_any_of_several_codes_counts_once():
    coded = drawn("""
        turn     | code
        SUR-01:4 | persons.girls
        SUR-01:9 | recruitment.deception.letter
        SUR-02:2 | recruitment.deception.letter
        SUR-03:2 | recruitment
    """)

    codes = ("persons.girls", "recruitment.deception")

    assert raising_any(turns_of(coded), coded, codes) == 2


def test_informants_are_counted_by_sector_and_head_of_the_codebook():
    coded = drawn("""
        turn     | code
        SUR-01:4 | persons.girls
        SUR-02:9 | persons.girls
        SUR-02:9 | recruitment.deception
    """)
    interviews = drawn("""
        id     | sector
        SUR-01 | police
        SUR-02 | police
        SUR-03 | ngo
    """)

    found = sector_table(interviews, turns_of(coded), coded, CODEBOOK)

    assert found.to_dict("index") == {
        "ngo": {"interviewed": 1, "recruitment": 0, "persons": 0},
        "police": {"interviewed": 2, "recruitment": 1, "persons": 2},
    }


def test_only_turns_of_the_interviews_asked_for_are_kept():
    coded = drawn("turn | code\nSUR-01:4 | persons\nSUR-02:4 | persons")

    kept = themes.of(turns_of(coded), drawn("id\nSUR-02"))

    assert list(kept["turn"]) == ["SUR-02:4"]


def informants(*counts: int) -> pd.DataFrame:
    """A theme table: informants by code, in codebook order."""
    return pd.DataFrame({"informants": counts}, index=pd.Index(CODEBOOK.by_id, name="code"))


def test_a_branch_leaves_its_own_head_out():
    found = branch(informants(5, 4, 3, 2, 1), CODEBOOK, "recruitment")

    assert found["theme"].to_dict() == {
        "recruitment.deception": "Deception",
        "recruitment.deception.letter": "A letter",
    }


def test_themes_are_labelled_in_the_language_asked_for():
    found = labelled(informants(5, 4, 3, 2, 1), CODEBOOK, "es")

    assert found["theme"]["persons"] == "Persons (es)"


def test_leading_themes_of_one_band_stand_in_the_order_of_the_codebook():
    table = informants(12, 6, 6, 12, 9)

    found = leading(table, CODEBOOK, "recruitment", "persons", steps=(1, 5, 10))

    assert list(found.index) == ["recruitment.deception", "persons.girls"]


def test_themes_of_the_highest_bands_stand_out():
    named = foremost(["Debt", "Threats", "Isolation"], [Band(1, 4), Band(5, 9), Band(5, 9)], most=2)

    assert named == "threats and isolation"


def test_of_many_themes_in_one_band_none_stands_out():
    assert foremost(["Debt", "Threats", "Isolation"], [Band(1, 4)] * 3, most=2) == ""


def test_where_nobody_raised_a_theme_none_stands_out():
    assert foremost(["Debt"], [Band(0, 0)]) == ""


def test_every_code_makes_a_claim_that_names_what_stands_out_below_it():
    shown = labelled(informants(9, 9, 3, 1, 1), CODEBOOK)
    shown["informants"] = [Band(5, 9), Band(5, 9), Band(1, 4), Band(1, 4), Band(1, 4)]

    found = {claim["name"]: claim for claim in themes.claims(shown)}

    assert list(found) == [code.replace(".", "-") for code in CODEBOOK.by_id]
    assert found["recruitment"]["values"] == {
        "theme": "Recruitment",
        "informants": Band(5, 9),
        "about": "how people are recruited",
        "foremost": "above all of deception and a letter",
    }


def test_a_theme_of_children_alone_has_their_age_scope():
    shown = labelled(informants(0, 0, 0, 0, 0), CODEBOOK).assign(informants=[Band(0, 0)] * 5)

    scopes = {claim["name"]: claim["age_scope"] for claim in themes.claims(shown)}

    assert (scopes["persons-girls"], scopes["recruitment"]) == ("child", "unknown")


def test_that_none_spoke_of_children_is_a_claim_too():
    shown = pd.DataFrame({"informants": [Band(0, 0)]}, index=["children"])

    (claim,) = themes.totals(shown, {"languages": "Dutch"})

    assert claim["age_scope"] == "child"
    assert claim["values"] == {"languages": "Dutch", "informants": Band(0, 0)}


def test_a_printed_table_has_headings_and_no_code_names():
    counted = themes.counted_by(drawn("id | sector\nSUR-01 | social_services"), ["sector"])

    shown = printed(counted, "sector", "informants: key informants")

    assert shown.to_dict("records") == [{"sector": "Social services", "key informants": 1}]


def test_a_printed_table_has_dates_in_words_and_sources_by_name():
    seen = drawn("fact | date | source\nlaw | 2005-03-14 | paclii; iom2008miami")

    (row,) = printed(seen, "fact", "date", "source").to_dict("records")

    assert row == {"fact": "Law", "date": "14 March 2005", "source": "PacLII; IOM notice 2008"}


def test_many_sources_of_one_stream_report_and_two_streams_corroborate():
    support = pd.DataFrame(
        {"interview": [9, 2, 0, 0], "media": [0, 3, 0, 1]},
        index=["debt", "threats", "isolation", "drugs"],
    )

    found = triangulate(support)

    assert found.to_dict("index") == {
        "debt": {"streams": "interview", "level": "reported"},
        "threats": {"streams": "interview media", "level": "corroborated"},
        "isolation": {"streams": "", "level": "none"},
        "drugs": {"streams": "media", "level": "reported"},
    }


def test_claims_are_told_across_countries_by_the_level_they_reach():
    claims = drawn("""
        finding | claim | country | level
        debt    | debt  | Guyana  | corroborated
        debt    | debt  | Jamaica | reported
        drugs   | drugs | Guyana  | none
        drugs   | drugs | Jamaica | none
    """)

    assert across(claims).to_dict("index") == {
        "debt": {
            "claim": "debt",
            "none": "no country",
            "reported": "Jamaica",
            "corroborated": "Guyana",
            "countries": 1,
        },
        "drugs": {
            "claim": "drugs",
            "none": "Guyana and Jamaica",
            "reported": "no country",
            "corroborated": "no country",
            "countries": 0,
        },
    }


def segments_of(text: str) -> pd.DataFrame:
    """Segments: interview | coder | code | start | end."""
    return drawn(text).astype({"start": int, "end": int})


def interviews_of(text: str) -> pd.DataFrame:
    return drawn(text)


MET = segments_of("""
    interview | coder | code         | start | end
    SUR-01    | ap    | persons      | 0     | 10
    SUR-01    | ap    | recruitment  | 5     | 15
    SUR-01    | mk    | recruitment  | 0     | 10
    SUR-01    | ap    | recruitment  | 10    | 12
    SUR-02    | ap    | recruitment  | 0     | 4
    SUR-02    | ap    | persons      | 3     | 9
    SUR-02    | ap    | persons      | 20    | 30
    SUR-02    | ap    | recruitment  | 21    | 22
""")


def test_codes_meet_where_one_coder_gave_both_to_the_same_words():
    found = themes.cooccurrence(MET)

    assert found.to_dict("index") == {
        ("ap", "persons", "recruitment"): {"segments": 3, "interviews": 2}
    }


def test_codes_meet_as_often_as_looking_at_each_pair_says():
    chance = np.random.default_rng(3)
    start = chance.integers(0, 60, 300)
    of = pd.DataFrame(
        {
            "interview": chance.choice(["A", "B", "C"], 300),
            "coder": chance.choice(["ap", "mk"], 300),
            "code": chance.choice(["p", "q", "r"], 300),
            "start": start,
            "end": start + chance.integers(1, 40, 300),
        }
    )
    each = of.merge(of, on=["coder", "interview"])
    met = each[
        (each["code_x"] < each["code_y"])
        & (each["start_x"] < each["end_y"])
        & (each["start_y"] < each["end_x"])
    ]
    pairs = met.groupby(["coder", "code_x", "code_y"])["interview"].agg(["size", "nunique"])
    ours = themes.cooccurrence(of)

    assert ours.to_numpy().tolist() == pairs.to_numpy().tolist()


def test_where_nothing_was_coded_no_codes_meet():
    assert len(themes.cooccurrence(MET.head(0))) == 0


def test_the_case_matrix_has_every_interview_and_every_code_in_use():
    held = interviews_of("""
        id     | sector
        SUR-02 | police
        SUR-01 | health
        SUR-03 | health
    """)
    found = themes.case_matrix(held, MET, CODEBOOK)

    assert found[["recruitment", "persons"]].to_numpy().tolist() == [[2, 2], [3, 1], [0, 0]]
    assert list(found.columns) == list(CODEBOOK.by_id)


def test_a_retired_code_is_shown_only_where_it_was_used():
    gone = Code(id="persons.boys", label={"en": "Boys"}, retired="2005-04")
    book = CODEBOOK.model_copy(update={"codes": (*CODEBOOK.codes, gone)})
    used = MET.assign(code="persons.boys")

    assert [gone.id in themes.in_use(of, book) for of in (MET, used)] == [False, True]


def test_codes_are_counted_by_sector_with_what_lies_below_them():
    coded = drawn("""
        turn     | code
        SUR-01:4 | recruitment.deception
        SUR-02:4 | recruitment
        SUR-02:5 | recruitment
    """)
    held = interviews_of("""
        id     | sector
        SUR-01 | health
        SUR-02 | police
        SUR-03 | faith
    """)
    found = themes.codes_by_sector(held, turns_of(coded), coded, CODEBOOK)

    assert found.loc["recruitment"].to_dict() == {"faith": 0, "health": 1, "police": 1}
    assert found.loc["recruitment.deception"].to_dict() == {"faith": 0, "health": 1, "police": 0}


def test_saturation_counts_what_each_further_interview_brought():
    held = interviews_of("""
        id     | date_month
        SUR-03 | 2005-01
        SUR-02 | 2004-11
        SUR-01 | 2005-01
    """)
    found = themes.saturation(held, MET)

    assert found.to_dict("index") == {
        "SUR-02": {"date_month": "2004-11", "codes": 2, "new": 2, "found": 2},
        "SUR-01": {"date_month": "2005-01", "codes": 2, "new": 0, "found": 2},
        "SUR-03": {"date_month": "2005-01", "codes": 0, "new": 0, "found": 2},
    }
