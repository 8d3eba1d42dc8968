"""Invented evidence: the same every time, sound in every table, and never mistaken for real."""

from __future__ import annotations

import csv
import re
import shutil
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from ctresearch import coding, evidence
from ctresearch.analysis.themes import theme_table
from ctresearch.files import read_toml
from ctresearch.instruments import read_codebook, read_form
from ctresearch.invent import MARKED, PHRASES, invent
from ctresearch.problems import ResearchError
from ctresearch.study import Study

ROOT = Path(__file__).parents[1]
SHIPPED = Study(ROOT)
PROGRAMME = [country.key for country in SHIPPED.programme]
RARE = {"exploitation.organ_removal", *(f"understanding.{u}" for u in ("sex_work_only",))}


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """A study with one new country that has no phrases of its own, its evidence just invented."""
    root = tmp_path_factory.mktemp("practice")
    shutil.copytree(ROOT / "instruments", root / "instruments")
    folder = root / "research" / "countries" / "aruba"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "research" / "countries" / "jamaica" / "country.toml", folder)
    text = (folder / "country.toml").read_text(encoding="utf-8")
    (folder / "country.toml").write_text(text.replace("JAM", "ABW").replace("Jamaica", "Aruba"))
    study = (ROOT / "research" / "study.toml").read_text(encoding="utf-8")
    listed = re.sub(r"countries = \[[^\]]*\]", 'countries = ["aruba"]', study, count=1)
    (root / "research" / "study.toml").write_text(listed, encoding="utf-8")
    country = Study(root).country("aruba")
    invent(country)
    return country


def respondents(country):
    turns = evidence.turns(country)
    return turns[turns["speaker"] == "R"]


def logs(country):
    return [path.name for path in sorted((country.folder / "codings").glob("*.jsonl"))]


def test_rules_on_consent_and_priming_have_something_to_hold():
    interviews = [evidence.interviews(SHIPPED.country(key)) for key in PROGRAMME]
    apart = [(int((~of["usable"]).sum()), int(of["primed"].sum())) for of in interviews]

    assert [sum(numbers) for numbers in zip(*apart, strict=True)] == [1, 1]


@pytest.mark.parametrize("key", PROGRAMME)
def test_the_evidence_that_ships_is_what_would_be_made_again(key, tmp_path):
    shutil.copytree(ROOT / "instruments", tmp_path / "instruments")
    shipped = SHIPPED.country(key)
    kept = tmp_path / "research" / "countries"
    for country in SHIPPED.countries:
        (kept / country.key).mkdir(parents=True)
        shutil.copy(country.folder / "country.toml", kept / country.key)
    shutil.copy(ROOT / "research" / "study.toml", tmp_path / "research")
    made = {
        path.relative_to(kept): path.read_bytes() for path in invent(Study(tmp_path).country(key))
    }
    there = [
        name
        for kind in ("interviews/*.txt", "codings/*.jsonl")
        for name in shipped.folder.glob(kind)
    ]

    assert made == {name: (ROOT / "research/countries" / name).read_bytes() for name in made}
    assert {name.relative_to(ROOT / "research/countries") for name in there} <= set(made)


@pytest.mark.parametrize("key", PROGRAMME)
def test_no_respondent_says_a_turn_that_was_said_before(key):
    said = Counter(respondents(SHIPPED.country(key))["text"])

    assert [text for text, times in said.items() if times > 1] == []


@pytest.mark.parametrize("key", PROGRAMME)
def test_a_country_has_twelve_interviews_or_more_of_a_fair_length(key):
    lengths = evidence.turns(SHIPPED.country(key)).groupby("interview").size()

    assert (len(lengths) >= 12, lengths.min() >= 25, lengths.max() <= 60) == (True, True, True)


@pytest.mark.parametrize("key", PROGRAMME)
def test_a_third_of_the_interviews_is_coded_by_two_coders_and_some_of_it_settled(key):
    coders = Counter(name.split(".")[1] for name in logs(SHIPPED.country(key)))
    per_interview = Counter(
        name.split(".")[0] for name in logs(SHIPPED.country(key)) if "consensus" not in name
    )
    doubled = sum(times == 2 for times in per_interview.values())

    assert (doubled, coders["consensus"]) == (-(-len(per_interview) // 3), 2)


@pytest.mark.parametrize("key", PROGRAMME)
def test_whatever_is_coded_was_said_by_the_respondent(key):
    country = SHIPPED.country(key)
    every = coding.segments(country, evidence.turns(country), read_codebook(SHIPPED))

    assert set(every["turn"]) <= set(respondents(country)["turn"])


@pytest.mark.parametrize("key", PROGRAMME)
def test_themes_reach_every_band(key):
    country, book = SHIPPED.country(key), read_codebook(SHIPPED)
    turns = evidence.turns(country)
    segments = coding.counted(coding.segments(country, turns, book))
    informants = theme_table(turns, segments, book)["informants"]
    edges = (0, *SHIPPED.file.thresholds["informant"].bands)
    reached = Counter(max(low for low in edges if low <= n) for n in informants)

    assert min(reached[low] for low in (0, 1, 5, 10)) >= 5


@pytest.mark.parametrize("key", PROGRAMME)
def test_the_media_log_has_sixty_articles_with_copies_and_searches_in_vain(key):
    media = evidence.media(SHIPPED.country(key))
    groups = media[media["syndication"] != ""].groupby("syndication")["original"]

    assert (
        (media["relevance"] != "zero_hits").sum(),
        (media["relevance"] == "zero_hits").sum(),
        set(groups.apply(lambda copies: (copies == "yes").sum())),
    ) == (60, 4, {1})


@pytest.mark.parametrize("key", PROGRAMME)
def test_the_list_of_informants_names_them_all_and_nothing_else_does(key):
    folder = SHIPPED.country(key).folder
    with (folder / "informants.csv").open(encoding="utf-8") as rows:
        names = {row["informant"]: row["name"] for row in csv.DictReader(rows)}
    others = [path for path in folder.rglob("*.*") if path.name != "informants.csv"]
    text = " ".join(path.read_text(encoding="utf-8") for path in others)

    assert (set(names), [name for name in names.values() if name.split()[1] in text]) == (
        set(evidence.interviews(SHIPPED.country(key))["id"]),
        [],
    )


def test_a_new_country_without_phrases_of_its_own_can_practise(practice):
    evidence.check_country(practice)
    coding.check_codings(practice, read_codebook(practice.study))


def test_files_of_an_earlier_invention_go_and_other_files_stay(practice, tmp_path):
    shutil.copytree(practice.study.root, tmp_path / "again")
    country = Study(tmp_path / "again").country("aruba")
    earlier = ["interviews/ABW-KI-77.txt", "codings/ABW-KI-77.mk.jsonl"]
    others = ["codings/ABW-KI-01.xy.jsonl", "interviews/ABW-KI-77.docx"]
    for name in (*earlier, *others):
        (country.folder / name).write_text("", encoding="utf-8")
    invent(country)

    assert [name for name in (*earlier, *others) if (country.folder / name).exists()] == others


def test_another_seed_makes_other_evidence(practice, tmp_path):
    shutil.copytree(practice.study.root, tmp_path / "other")
    other = Study(tmp_path / "other").country("aruba")
    invent(other, seed=7)

    assert set(respondents(other)["text"]) != set(respondents(practice)["text"])


def test_a_question_that_does_not_apply_has_no_answer(practice):
    survey = evidence.survey(practice, read_form(practice.study))
    asked = survey["offer_received"] == "yes"

    assert set(survey.loc[~asked, "offer_channel"]) == {""}
    assert "" not in set(survey.loc[asked, "offer_channel"])


def test_an_answer_that_stands_alone_stands_alone(practice):
    survey = evidence.survey(practice, read_form(practice.study))
    several = survey["would_hesitate"].str.split().map(len) > 1

    assert not survey.loc[several, "would_hesitate"].str.contains("nothing|dont_know").any()


def test_no_more_choices_are_ticked_than_the_form_allows(practice):
    survey = evidence.survey(practice, read_form(practice.study))

    assert survey["risk_factors"].str.split().map(len).max() == 3


def test_the_answer_none_is_among_the_answers(practice):
    survey = evidence.survey(practice, read_form(practice.study))

    assert {"None", "NA"} <= set(survey["own_definition"])


def test_respondents_stand_for_the_adults_of_their_stratum(practice):
    survey = evidence.survey(practice, read_form(practice.study))
    shares = survey.groupby("stratum")["weight"].sum() / survey["weight"].sum()

    assert shares.round(1).to_dict() == {"capital": 0.4, "countryside": 0.4, "town": 0.2}


def test_real_evidence_is_never_written_over(practice, tmp_path):
    shutil.copytree(practice.study.root, tmp_path / "real")
    country = Study(tmp_path / "real").country("aruba")
    path = country.folder / "country.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"invented"', '"real"'))
    before = (country.folder / "interviews.csv").read_bytes()
    with pytest.raises(ResearchError, match="the evidence of this country is real") as error:
        invent(country)

    assert (country.folder / "interviews.csv").read_bytes() == before
    assert 'write evidence = "invented"' in error.value.problems[0].fix


# The phrases


def phrases(found):
    """Every text in a bank."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for inner in found.values() if isinstance(found, dict) else found:
            yield from phrases(inner)


def codes(bank):
    return Counter(
        code for text in phrases(bank) for mark in MARKED.finditer(text) for code in mark[1].split()
    )


@pytest.mark.parametrize("path", sorted(PHRASES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_code_a_phrase_carries_is_in_the_codebook(path):
    assert set(codes(tomllib.loads(path.read_text(encoding="utf-8")))) <= set(
        read_codebook(SHIPPED).by_id
    )


def test_every_code_below_the_heads_can_be_said_in_at_least_six_ways():
    book = read_codebook(SHIPPED)
    leaves = {code.id for code in book.codes if code.ancestors} - RARE
    said = codes([read_toml(path) for path in PHRASES.glob("*.toml")])

    assert {code: said[code] for code in leaves if said[code] < 6} == {}


def test_every_sector_can_tell_what_it_does_and_how_it_knows():
    bank = read_toml(PHRASES / "interview.toml")
    profiles = [read_toml(path) for path in PHRASES.glob("*.toml")]
    needed = {sector for profile in profiles for sector in profile.get("sectors", [])}
    role, know = bank["topics"]["role"]["answers"], bank["follow"][0]["answers"]
    told = [{text.partition(" | ")[0] for text in answers} for answers in (role, know)]

    assert needed <= set.intersection(*told)
