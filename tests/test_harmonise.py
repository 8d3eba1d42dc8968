"""One regional survey out of what countries asked in their own way, and nothing lost on the way."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctresearch import harmonise as h
from ctresearch.problems import ResearchError

TARGETS = """
name,label_en,type,unit,universe,missing_codes,version
sex,Sex,category,,all respondents,,1
age_band,Age,category,,all respondents,98,1
heard,Heard of trafficking,category,,all respondents,,1
"""
CATEGORIES = """
name,code,label_en,order,missing
sex,woman,Woman,1,no
sex,man,Man,2,no
age_band,18-29,18 to 29,1,no
age_band,30+,30 and older,2,no
heard,yes,Yes,1,no
heard,no,No,2,no
"""
HEADER = (
    "target,country,wave,source_vars,rule,map,status,status_detail,comparability,note,author,date"
)


def written(study, rows: str) -> None:
    """A crosswalk of these rows: target, country, source_vars, rule, map, comparability."""
    folder = study.research / "harmonisation"
    folder.mkdir(exist_ok=True)
    (folder / "targets.csv").write_text(TARGETS.strip() + "\n")
    (folder / "categories.csv").write_text(CATEGORIES.strip() + "\n")
    lines = [HEADER]
    for row in rows.strip().splitlines():
        target, country, asked, rule, said, comparability = (p.strip() for p in row.split(","))
        status = "impossible" if rule == "impossible" else "complete"
        lines.append(
            f"{target},{country},2005,{asked},{rule},{said},{status},,{comparability},,kb,2005-05-01"
        )
    (folder / "crosswalk.csv").write_text("\n".join(lines) + "\n")


def answers(drawn: str) -> pd.DataFrame:
    return (
        pd.read_csv(StringIO(drawn.strip()), sep="|", dtype=str, keep_default_na=False)
        .rename(columns=str.strip)
        .map(str.strip)
    )


SOUND = """
    sex, suriname, q1, recode, 1=woman|2=man, identical
    age_band, suriname, born, age_from_year, 0=18-29|30=30+, compatible
    heard, suriname, h1 h2, any_of, si=yes|no=no, partial
    sex, belize, gender, recode, f=woman|m=man|x=, compatible
    age_band, belize, age, band, 18=18-29|30=30+|99=98, compatible
    heard, belize, , impossible, , impossible
"""


def test_what_two_countries_asked_differently_becomes_one_table(study):
    written(study, SOUND)
    walk = h.read_crosswalk(study)
    suriname = h.harmonise(
        answers("""
            q1 | born | h1 | h2
            1  | 1980 | si | no
            2  | 1960 | no | no
            1  |      | no |
        """),
        "suriname",
        walk,
    )
    belize = h.harmonise(
        answers("""
            gender | age
            f      | 29
            x      | 30
            m      | 99
        """),
        "belize",
        walk,
    )

    assert suriname.to_dict("list") == {
        "sex": ["woman", "man", "woman"],
        "age_band": ["18-29", "30+", ""],
        "heard": ["yes", "no", ""],
    }
    assert belize.to_dict("list") == {
        "sex": ["woman", "", "man"],
        "age_band": ["18-29", "30+", "98"],
        "heard": ["", "", ""],
    }


def test_a_country_that_cannot_give_a_variable_has_no_zero_in_the_regional_table(study):
    written(study, SOUND)
    walk = h.read_crosswalk(study)
    made = {
        "suriname": h.harmonise(
            answers("q1 | born | h1 | h2\n1 | 1980 | si | no"), "suriname", walk
        ),
        "belize": h.harmonise(answers("gender | age\nf | 29"), "belize", walk),
    }

    table = h.regional(made, "heard", walk)
    assert list(table["suriname"]) == [1, 0]
    assert table["belize"].isna().all()


def test_the_coverage_says_how_comparable_each_variable_is(study):
    written(study, SOUND)
    coverage = h.read_crosswalk(study).coverage(["suriname", "belize"])

    assert h.mark(coverage).loc["heard"].to_dict() == {"suriname": "†", "belize": "–"}


def test_a_code_without_a_rule_is_refused_with_the_answers_it_would_have_lost(study):
    written(study, SOUND)
    walk = h.read_crosswalk(study)
    given = answers("""
        gender | age
        f      | 20
        q      | 30
        q      | 17
    """)
    with pytest.raises(ResearchError) as refused:
        h.harmonise(given, "belize", walk)

    told = [problem.what for problem in refused.value.problems]
    assert told == [
        "belize: 'q' becomes nothing in 'sex' (2 answers)",
        "belize: '17' becomes nothing in 'age_band' (1 answers)",
    ]


def test_a_question_the_survey_does_not_have_is_refused_by_name(study):
    written(study, SOUND)
    with pytest.raises(ResearchError, match="no question 'gender'"):
        h.harmonise(answers("sex | age\nf | 20"), "belize", h.read_crosswalk(study))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("sexe, suriname, q1, recode, 1=woman, identical", "'sexe' is not in targets.csv"),
        ("sex, surinam, q1, recode, 1=woman, identical", "'surinam' is no country here"),
        ("sex, suriname, q1, recode, 1, identical", "a part has no '='"),
        ("sex, suriname, q1, recode, 1=lady, identical", "'lady' is no code of 'sex'"),
        ("sex, suriname, , recode, 1=woman, identical", "it names no question"),
        ("sex, suriname, q1, recode, , identical", "recode needs one"),
        ("sex, suriname, q1, copy, , impossible", "impossible in one column and not in another"),
        ("sex, suriname, q1, copy, , identical", "there is no row for 'heard' in suriname"),
    ],
)
def test_a_crosswalk_that_cannot_be_is_refused(study, row, told):
    written(study, row)
    with pytest.raises(ResearchError, match=told):
        h.read_crosswalk(study)


def test_a_variable_that_stands_twice_for_a_country_is_refused(study):
    written(study, SOUND + "sex, belize, gender, copy, , identical\n")
    with pytest.raises(ResearchError, match="sex in belize stands twice"):
        h.read_crosswalk(study)


@given(st.lists(st.sampled_from(["1", "2", "3", ""]), min_size=1))
def test_every_answer_becomes_a_code_or_is_refused(given_answers):
    rule = pd.Series(
        {
            "target": "sex",
            "country": "belize",
            "wave": "2005",
            "source_vars": "q",
            "rule": "recode",
            "map": "1=woman|2=man",
            "status": "complete",
        }
    )
    targets = pd.read_csv(StringIO(TARGETS), dtype=str, keep_default_na=False).set_index("name")
    categories = pd.read_csv(StringIO(CATEGORIES), dtype=str, keep_default_na=False)
    walk = h.Crosswalk(targets, categories, rule.to_frame().T, "crosswalk.csv")
    frame = pd.DataFrame({"q": given_answers})
    if "3" in given_answers:
        with pytest.raises(ResearchError):
            h.harmonise(frame, "belize", walk)
    else:
        made = h.harmonise(frame, "belize", walk)["sex"]
        assert (made == "").sum() == given_answers.count("")
