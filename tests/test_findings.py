"""Findings: a sentence, its values, what it rests on, and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctresearch.findings import Finding, faults, read, record
from ctresearch.problems import ResearchError
from ctresearch.values import Band, Count, Estimate, Share, When, Withheld

DECEPTION = Finding(
    id="jamaica.deception",
    says={
        "en": "{informants} of the key informants in {country} spoke of deception.",
        "es": "{informants} de los informantes clave de {country} hablaron de engaño.",
    },
    values={"country": "Jamaica", "informants": Band(5, 9)},
    rests_on=("themes.csv#recruitment.deception",),
    streams=("interview",),
    age_scope="both",
    design="purposive",
)


def said_of(**changed):
    """What is wrong with the finding once these fields are changed."""
    return " / ".join(problem.what for problem in faults(replace(DECEPTION, **changed)))


def test_a_finding_is_said_in_words():
    sentence = "5 to 9 of the key informants in Jamaica spoke of deception."

    assert DECEPTION.sentence("en") == sentence


def test_a_finding_is_said_in_another_language_with_its_values():
    sentence = "5 a 9 de los informantes clave de Jamaica hablaron de engaño."

    assert DECEPTION.sentence("es") == sentence


def test_a_sentence_that_is_not_translated_is_said_in_english_with_english_values():
    only = replace(DECEPTION, says="{informants} informants.")

    assert only.sentence("es") == "5 to 9 informants."


def test_a_sentence_begins_with_a_capital_letter_whatever_its_first_value():
    none = replace(DECEPTION, values={"country": "Jamaica", "informants": Band(0, 0)})

    assert none.sentence("en").startswith("None of the key informants")


@pytest.mark.parametrize(
    ("language", "mark"), [("en", " [invented evidence]"), ("es", " [datos inventados]")]
)
def test_a_finding_on_invented_evidence_says_so_in_each_language(language, mark):
    assert replace(DECEPTION, invented=True).sentence(language).endswith(mark)


def test_recording_returns_the_sentence(tmp_path):
    assert record(DECEPTION, tmp_path) == DECEPTION.sentence("en")


def test_a_recorded_finding_is_read_back_as_it_was(tmp_path):
    values = {
        "country": "Jamaica",
        "informants": Band(20, None),
        "articles": Count(3, "article"),
        "heard": Estimate(0.4, 0.3, 0.5, 300, "respondent", "probability"),
        "part": Share(7, 16, "country", "census"),
        "first": When("2004-07"),
        "cases": Withheld("case", "below 11"),
    }
    whole = replace(DECEPTION, values=values, design="census", quotes=("JAM-KI-03:7",))
    record(whole, tmp_path)

    assert read(tmp_path / "findings.json") == (whole,)


def test_findings_are_kept_by_id_whatever_order_they_were_recorded_in(tmp_path):
    other = replace(DECEPTION, id="jamaica.agency")
    for at, order in enumerate([(DECEPTION, other), (other, DECEPTION)]):
        for finding in order:
            record(finding, tmp_path / str(at))

    first, second = (tmp_path / str(at) / "findings.json" for at in range(2))
    assert first.read_bytes() == second.read_bytes()


def test_a_finding_recorded_again_takes_the_place_of_the_old_one(tmp_path):
    record(DECEPTION, tmp_path)
    now = replace(DECEPTION, values={"country": "Jamaica", "informants": Band(10, 19)})
    record(now, tmp_path)

    assert read(tmp_path / "findings.json") == (now,)


def test_where_nothing_was_recorded_there_are_no_findings(tmp_path):
    assert read(tmp_path / "findings.json") == ()


def test_a_torn_file_of_findings_is_a_problem(tmp_path):
    (tmp_path / "findings.json").write_text('[{"id": ')

    with pytest.raises(ResearchError, match="no list of findings"):
        read(tmp_path / "findings.json")


def test_everything_wrong_with_a_finding_is_told_at_once_and_nothing_is_kept(tmp_path):
    wrong = replace(DECEPTION, id="Jamaica deception", rests_on=(), streams=())
    with pytest.raises(ResearchError) as refused:
        record(wrong, tmp_path)

    assert (len(refused.value.problems), list(tmp_path.iterdir())) == (3, [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "jamaica.mark"}, "cannot be the id"),
        ({"says": {"es": "Nada."}}, "the English sentence is missing"),
        ({"says": "{informant} spoke."}, "no value for {informant}"),
        ({"says": "{informants:.1f} spoke."}, "{informants} is given a format"),
        ({"says": "{informants spoke."}, "cannot be read"),
        ({"values": DECEPTION.values | {"says": "x"}}, "cannot be the name of a value"),
        ({"values": DECEPTION.values | {"informants": 7}}, "undeclared unit"),
        ({"values": DECEPTION.values | {"informants": 0.5}}, "undeclared unit"),
        ({"values": DECEPTION.values | {"informants": "7"}}, "undeclared unit"),
        ({"rests_on": ()}, "it rests on nothing"),
        ({"rests_on": ("somewhere",)}, "names no evidence"),
        ({"quotes": ("JAM-KI-03",)}, "is no turn"),
        ({"streams": ("interviews",)}, "'interviews' is no stream"),
        ({"streams": ()}, "streams are missing (R5)"),
        ({"age_scope": ""}, "age scope (R4) is missing"),
        ({"age_scope": "children"}, "'children' is no age scope"),
        ({"design": ""}, "design (R2) is missing"),
        ({"confidence": "low"}, "no reason"),
        ({"confidence": "likely", "reason": "…"}, "'likely' is no confidence"),
    ],
)
def test_a_faulty_finding_is_refused(changed, said):
    assert said in said_of(**changed)


@pytest.mark.parametrize(
    "heard",
    [
        Estimate(0.4, 0.3, 0.5, 300, "respondent", "probability"),
        Share(3, 12, "informant", "purposive"),
        "41 %",
        "41 per cent",
    ],
)
def test_sources_chosen_on_purpose_carry_no_percentage(heard):
    assert "holds a percentage" in said_of(values=DECEPTION.values | {"heard": heard})


def test_a_year_may_stand_as_text():
    assert said_of(values=DECEPTION.values | {"since": "2004"}) == ""


def test_a_value_no_sentence_uses_may_stand_alone_in_a_report():
    assert said_of(values=DECEPTION.values | {"modes": "in person"}) == ""


@pytest.mark.parametrize(
    ("streams", "design", "confidence", "refused"),
    [
        (("interview",), "purposive", "low", False),
        (("interview",), "purposive", "moderate", True),
        (("legal",), "admin", "moderate", True),
        (("interview", "media"), "purposive", "moderate", False),
        (("interview", "media"), "purposive", "high", True),
        (("survey", "admin"), "probability", "high", False),
    ],
)
def test_confidence_is_capped_by_streams_and_design(streams, design, confidence, refused):
    said = said_of(streams=streams, design=design, confidence=confidence, reason="As discussed.")

    assert ("too high" in said) is refused


def test_one_stream_reports_and_two_corroborate():
    both = replace(DECEPTION, streams=("interview", "media"))

    assert (DECEPTION.level, both.level) == ("reported", "corroborated")
