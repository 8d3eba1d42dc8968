"""The study: found from any folder, its countries in order, a further one begun."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctresearch.cli import app
from ctresearch.problems import ResearchError
from ctresearch.study import Study, check_countries, find_study

ROOT = Path(__file__).parents[1]
SEVEN = [
    "bahamas",
    "barbados",
    "guyana",
    "jamaica",
    "netherlands-antilles",
    "saint-lucia",
    "suriname",
]


@pytest.fixture
def typed(study, monkeypatch):
    """Type a command in the study's folder; the exit code and all that was printed."""
    monkeypatch.chdir(study.root)

    def type_(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.output

    return type_


def test_the_study_is_found_from_any_folder_in_it():
    assert find_study(ROOT / "research" / "countries" / "jamaica").root == ROOT


def test_sixteen_countries_came_to_the_meeting_and_seven_had_field_research():
    study = Study(ROOT)

    assert (len(study.countries), [c.key for c in study.programme]) == (16, SEVEN)


def test_nine_countries_hold_real_evidence_only():
    study = Study(ROOT)
    real = [c for c in study.countries if c.file.evidence == "real"]

    assert (len(real), any(c.invented("interview") for c in real)) == (9, False)


def test_the_law_of_a_country_with_invented_interviews_is_real():
    jamaica = Study(ROOT).country("jamaica")

    assert (jamaica.invented("interview"), jamaica.invented("legal")) == (True, False)


def test_a_historical_territory_keeps_its_code_and_names_who_came_after():
    file = Study(ROOT).country("netherlands-antilles").file

    assert (file.iso3, file.withdrawn, set(file.successors)) == (
        "ANT",
        "2010",
        {"CUW", "SXM", "BES"},
    )


def test_no_two_countries_share_a_tile_of_the_map():
    tiles = [country.file.tile for country in Study(ROOT).countries]

    assert len(set(tiles)) == 16


def test_an_unknown_country_is_offered_the_nearest_one():
    with pytest.raises(ResearchError, match="Did you mean 'guyana'"):
        Study(ROOT).country("guiana")


def test_a_new_country_is_a_folder_and_a_line_in_the_study(study, typed):
    code, _ = typed("new", "country", "aruba", "--name", "Aruba", "--iso3", "ABW")
    begun = Study(study.root)

    assert (code, begun.country("aruba").name, begun.countries[-1].key) == (0, "Aruba", "aruba")


def test_a_new_country_that_is_there_already_is_refused_and_nothing_is_changed(study, typed):
    before = (study.root / "research" / "study.toml").read_bytes()
    code, said = typed("new", "country", "belize", "--name", "Belize", "--iso3", "BLZ")

    assert (code, "there already" in said) == (1, True)
    assert (study.root / "research" / "study.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("key", "iso3"), [("Aruba", "ABW"), ("aru ba", "ABW"), ("../aruba", "ABW"), ("aruba", "Abw")]
)
def test_a_new_country_with_a_malformed_name_or_code_is_refused(study, typed, key, iso3):
    code, _ = typed("new", "country", key, "--name", "Aruba", "--iso3", iso3)

    assert (code, Study(study.root).file.countries) == (1, study.file.countries)


def test_a_new_country_can_be_practised_with_and_then_checks_clean(study, typed):
    typed("new", "country", "aruba", "--name", "Aruba", "--iso3", "ABW")
    path = study.root / "research" / "countries" / "aruba" / "country.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('evidence = "real"', 'evidence = "invented"'), encoding="utf-8")
    code, said = typed("invent", "aruba")

    assert (code, "Next:" in said, typed("check")[0]) == (0, True, 0)


def test_evidence_is_never_invented_where_it_is_real(typed):
    code, said = typed("invent", "belize")

    assert (code, "belize" in said) == (1, True)


@pytest.mark.parametrize(
    "command",
    [[], ["build"], ["check"], ["run"], ["release"], ["render"], ["verify"], ["new", "country"]],
)
def test_every_command_explains_itself(typed, command):
    code, said = typed(*command, "--help")

    assert (code, "Usage:" in said) == (0, True)


def test_status_of_a_study_that_never_ran_says_what_to_do(typed):
    code, said = typed("status")

    assert (code, "never run" in said, "Next: ctresearch build" in said) == (0, True, True)


def test_a_name_with_quotation_marks_is_a_name(study, typed):
    typed("new", "country", "aruba", "--name", 'Aruba "the island"', "--iso3", "ABW")

    assert Study(study.root).country("aruba").name == 'Aruba "the island"'


def test_a_listed_country_that_is_made_again_stays_listed_once(study, typed):
    listing = study.root / "research" / "study.toml"
    text = listing.read_text(encoding="utf-8").replace('"belize"', '"belize",\n    "aruba"')
    listing.write_text(text, encoding="utf-8")
    typed("new", "country", "aruba", "--name", "Aruba", "--iso3", "ABW")

    assert listing.read_text(encoding="utf-8") == text


def test_a_country_listed_twice_is_refused(study, typed):
    listing = study.root / "research" / "study.toml"
    text = listing.read_text(encoding="utf-8").replace('"belize"', '"belize", "belize"')
    listing.write_text(text, encoding="utf-8")
    code, said = typed("check")

    assert (code, "'belize' is listed twice" in said) == (1, True)


@pytest.mark.parametrize("value", ['iso3 = "SUR"', "tile = [8, 9]"], ids=["code", "tile"])
def test_two_countries_with_one_code_or_one_tile_are_refused(study, value):
    for key in ("belize", "suriname"):
        path = study.country(key).folder / "country.toml"
        name = value.partition(" ")[0]
        text = re.sub(rf"(?m)^{name} = .*$", value, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ResearchError) as error:
        check_countries(Study(study.root))

    assert [(p.where, p.what.split()[0]) for p in error.value.problems] == [
        (f"research/countries/belize/country.toml, {name}", "suriname")
    ]


def test_a_list_that_is_too_short_is_no_missing_key(study):
    path = study.country("belize").folder / "country.toml"
    text = re.sub(r"(?m)^tile = .*$", "tile = [3]", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResearchError) as error:
        _ = Study(study.root).country("belize").iso3

    (problem,) = error.value.problems

    assert (problem.where, problem.what) == (
        "research/countries/belize/country.toml, tile",
        "the list holds too few values",
    )


def test_a_coding_log_with_a_misspelt_ending_is_told(study, typed):
    codings = study.country("suriname").folder / "codings"
    log = next(codings.glob("*.jsonl"))
    log.rename(log.with_suffix(".jsn"))
    (codings / f"{log.name}.torn").write_bytes(b"{")
    (codings / ".DS_Store").write_bytes(b"")
    code, said = typed("check")

    assert (code, said.count("nothing reads a file of this name")) == (1, 1)


def test_a_listed_country_without_a_folder_is_offered_the_folder_that_is_not_listed(study, typed):
    listing = study.root / "research" / "study.toml"
    text = listing.read_text(encoding="utf-8").replace('"belize"', '"belise"')
    listing.write_text(text, encoding="utf-8")
    code, said = typed("check")

    assert (code, "Did you mean 'belize'?" in said) == (1, True)


def test_status_is_also_printed_as_json(typed):
    _, said = typed("status", "--json")

    assert json.loads(said)["stale"]["suriname/media"] == "never run"
