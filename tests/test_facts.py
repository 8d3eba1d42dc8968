"""The facts the study ships: whole, sourced, and with their contradictions in sight."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from ctresearch import evidence
from ctresearch.study import Meeting, find_study

HERE = Path(__file__).parent
STUDY = find_study(HERE)
KNOWN = tomllib.loads((HERE / "known" / "meeting_2005.toml").read_text(encoding="utf-8"))
PROTOCOL_STATUS = (HERE / "known" / "protocol_status.csv").read_text(encoding="utf-8")
STATUS = list(csv.DictReader(PROTOCOL_STATUS.splitlines()))
BY_CODE = {country.iso3: country for country in STUDY.countries}


@pytest.fixture(scope="module")
def meeting() -> Meeting:
    return STUDY.meeting("2005-03-washington")


def test_the_sixteen_countries_are_seven_of_the_programme_and_nine_others():
    assert (len(STUDY.countries), len(STUDY.programme)) == (16, 7)


def test_every_country_has_a_tile_of_its_own_and_the_bahamas_are_in_the_top_row():
    tiles = {country.key: country.file.tile for country in STUDY.countries}

    assert len(set(tiles.values())) == 16
    assert min(tiles, key=lambda key: tiles[key][1]) == "bahamas"


def test_the_netherlands_antilles_keep_their_withdrawn_code():
    file = STUDY.country("netherlands-antilles").file

    assert (file.iso3, file.territory_of, file.withdrawn) == ("ANT", "NLD", "2010")


def test_only_the_programme_has_invented_evidence():
    invented = {country.key for country in STUDY.countries if country.invented("interview")}

    assert invented == {country.key for country in STUDY.programme}


def test_no_law_is_invented():
    assert not any(
        country.invented("legal") or country.invented("law") for country in STUDY.countries
    )


def test_every_country_has_notes_for_its_readers():
    assert all((country.folder / "NOTES.md").is_file() for country in STUDY.countries)


# The law


@pytest.mark.parametrize("country", STUDY.countries, ids=lambda country: country.key)
def test_every_legal_fact_has_a_source_a_day_and_a_grade(country):
    law = evidence.law(country)

    assert len(law)
    assert (law[["source", "seen_on", "grade"]] != "").all(axis=None)


@pytest.mark.parametrize("known", STATUS, ids=lambda known: f"{known['iso3']}-{known['fact']}")
def test_a_date_seen_in_a_treaty_source_is_in_the_table(known):
    law = evidence.law(BY_CODE[known["iso3"]])
    protocol = law[(law["instrument"] == evidence.PROTOCOL) & (law["fact"] == known["fact"])]

    assert known["date"] in set(protocol["date"])


@pytest.mark.parametrize("code", ["ATG", "BHS", "BLZ", "GRD", "GUY"])
def test_entry_into_force_follows_from_the_deposit_where_both_were_seen(code):
    law = evidence.law(BY_CODE[code])
    sure = law[(law["grade"] == "A") & (law["instrument"] == evidence.PROTOCOL)]
    dates = dict(zip(sure["fact"], sure["date"], strict=True))
    deposit = pd.Timestamp(dates["deposit"]).date()

    assert evidence.in_force_after(deposit).isoformat() == dates["in_force"]


def test_the_netherlands_antilles_have_no_date_that_nobody_saw():
    law = evidence.law(BY_CODE["ANT"])

    assert set(law["fact"]) == {"statement"}


@pytest.mark.parametrize(
    ("code", "fact", "dates"),
    [
        ("BRB", "deposit", {"2014-11-11", "2014-10", "2014", "2001"}),
        ("ATG", "deposit", {"2010-02-17", "2002"}),
        ("HTI", "deposit", {"2011-04-19", "2012"}),
        ("BLZ", "law", {"2003-06", "2013"}),
        ("GUY", "law", {"2005", "2004-12"}),
    ],
)
def test_sources_that_disagree_are_all_kept(code, fact, dates):
    law = evidence.law(BY_CODE[code])

    assert set(law.loc[law["fact"] == fact, "date"]) == dates


def test_jamaica_said_signed_when_it_had_ratified_and_both_are_kept():
    law = evidence.law(BY_CODE["JAM"])
    protocol = law[law["instrument"] == evidence.PROTOCOL]
    told = dict(zip(protocol["fact"], protocol["value"], strict=True))

    assert (told["statement"], told["deposit"]) == ("signed", "ratification")


@pytest.mark.parametrize("code", ["ATG", "BLZ", "BRB", "GUY", "HTI", "JAM", "KNA"])
def test_a_conflict_is_named_in_the_note_of_its_row(code):
    assert evidence.law(BY_CODE[code])["note"].str.startswith("Conflict: ").any()


def test_what_is_remembered_only_says_so():
    law = pd.concat([evidence.law(country) for country in STUDY.countries])

    assert law.loc[law["grade"] == "D", "note"].str.contains("look it up").all()


# The meeting


def test_the_meeting_had_86_participants(meeting):
    assert meeting.file.participants == KNOWN["participants"]


def test_sixteen_countries_and_sixteen_observers_attended(meeting):
    kinds = evidence.delegations(meeting)["kind"].value_counts()

    assert (kinds["country"], kinds["observer"]) == (KNOWN["delegations"], KNOWN["observers"])


def test_the_country_delegations_are_the_countries_of_the_study(meeting):
    delegations = evidence.delegations(meeting)
    countries = delegations.loc[delegations["kind"] == "country", "delegation"]

    assert list(countries) == list(STUDY.file.countries)


def test_thirteen_presented_and_three_did_not(meeting):
    delegations = evidence.delegations(meeting)
    silent = delegations[(delegations["kind"] == "country") & (delegations["presented"] == "no")]

    assert (delegations["presented"] == "yes").sum() == KNOWN["presentations"]
    assert list(silent["delegation"]) == KNOWN["without_presentation"]


def test_every_presentation_has_its_claims_in_the_register(meeting):
    delegations, statements = evidence.delegations(meeting), evidence.statements(meeting)
    presented = delegations.loc[delegations["presented"] == "yes", "delegation"]

    assert set(statements.loc[statements["section"] == "B.5", "country"]) == set(presented)


def test_all_nine_contradictions_are_in_sight(meeting):
    statements = evidence.statements(meeting)
    marked = statements[statements["contradiction"] != ""]
    doubted = marked[marked["status"].isin(["contested", "unsourced"])]

    assert set(doubted["contradiction"]) == set("abcdefghi")
    assert (marked["note"] != "").all()


@pytest.mark.parametrize("status", ["verified", "contested", "unsourced"])
def test_a_claim_that_was_judged_says_why(meeting, status):
    statements = evidence.statements(meeting)
    judged = statements[statements["status"] == status]

    assert len(judged)
    assert (judged["note"] != "").all()


def test_the_recommendations_stand_under_five_heads(meeting):
    themes = evidence.recommendations(meeting)["theme"].value_counts()

    assert themes.sum() == KNOWN["recommendations"]
    assert themes.to_dict() == KNOWN["recommendations_by_theme"]


def test_one_recommendation_was_not_agreed_by_all(meeting):
    recommendations = evidence.recommendations(meeting)
    open_ones = recommendations[recommendations["consensus"] == "not_all"]

    assert list(open_ones["id"]) == ["R-05"]


def test_the_commitments_are_those_of_three_actors(meeting):
    actors = evidence.commitments(meeting)["actor"].value_counts()

    assert actors.sum() == KNOWN["commitments"]
    assert actors.to_dict() == KNOWN["commitments_by_actor"]


def test_the_evaluation_is_that_of_the_report(meeting):
    rows = evidence.evaluation(meeting)[[*evidence.ANSWERS, "no_response"]]

    assert rows.to_numpy().tolist() == KNOWN["evaluation"]["rows"]


def test_the_columns_of_the_evaluation_add_up_to_five_times_eighteen(meeting):
    rows = evidence.evaluation(meeting)[[*evidence.ANSWERS, "no_response"]]

    assert rows.sum().tolist() == KNOWN["evaluation"]["column_sums"]
    assert rows.to_numpy().sum() == 5 * KNOWN["forms"]


def test_the_item_on_written_materials_has_seventeen_valid_answers(meeting):
    evaluation = evidence.evaluation(meeting)
    valid = evaluation["forms"] - evaluation["no_response"]
    praised = evaluation["excellent"] + evaluation["very_good"]

    assert valid.tolist() == KNOWN["evaluation"]["valid_n"]
    assert (100 * praised / valid).round(1).tolist() == KNOWN["evaluation"]["top_two_percent"]


def test_the_comments_are_grouped_by_question(meeting):
    comments = evidence.comments(meeting)["question"].value_counts()

    assert comments.to_dict() == KNOWN["comments_by_question"]


def test_the_agenda_dates_two_days_only(meeting):
    assert set(evidence.agenda(meeting)["date"]) == {"2005-03-14", "2005-03-15"}
    assert (meeting.file.starts, meeting.file.ends) == ("2005-03-14", "2005-03-16")


# Monitoring


def test_the_counters_of_trained_people_are_kept_as_they_were_told():
    trainings = evidence.monitoring(STUDY, "trainings")
    region = trainings[trainings["place"] == "region"]
    told = region[["observed_on", "kind", "persons"]].to_numpy().tolist()

    assert told == [
        ["2003", "plan", 450],
        ["2005-03", "total", 500],
        ["2005-03", "plan", 150],
        ["2006", "total", 600],
        ["2008", "total", 1200],
    ]


def test_the_countries_with_trainings_grow_from_seven_to_ten():
    trainings = evidence.monitoring(STUDY, "trainings")
    totals = trainings[trainings["kind"] == "total"]

    assert totals["countries"].tolist() == [7, 8, 10]


def test_the_campaign_of_2006_ran_in_seven_languages():
    campaigns = evidence.monitoring(STUDY, "campaigns").set_index("id")

    assert len(campaigns.at["C-06", "languages"].split()) == 7


def test_victims_for_whom_help_was_asked_are_not_called_helped():
    assistance = evidence.monitoring(STUDY, "assistance")
    counted = assistance[assistance["persons"].notna()]

    assert counted["persons"].tolist() == [54]
    assert "is not said" in counted["note"].item()


def test_three_press_items_are_logged():
    assert evidence.monitoring(STUDY, "press")["published"].tolist() == ["2006", "2008", "2007-10"]


def test_the_literature_has_the_keys_that_facts_rest_on():
    keys = evidence.references(STUDY)

    assert {"iom2005assessment", "iom2005legal", "iom2005meeting", "unprotocol2000"} <= keys


def test_the_literature_can_be_read_by_pandoc():
    import pypandoc

    path = STUDY.research / "references.bib"
    read = pypandoc.convert_file(str(path), "csljson", format="bibtex")

    assert read.count('"id":') == len(evidence.references(STUDY))
