"""Evidence: each rule with the input that breaks it, as a researcher would write it."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import date
from pathlib import Path
from textwrap import dedent

import openpyxl
import pandas as pd
import pytest

from ctresearch import evidence
from ctresearch.files import read_text
from ctresearch.instruments import Form, Question
from ctresearch.problems import ResearchError
from ctresearch.study import Country, Meeting, Study

MEDIA_FORM = Path(__file__).parents[1] / "instruments" / "media-review.toml"

INTERVIEW = {
    "id": "JAM-KI-01",
    "date_month": "2004-10",
    "sector": "police",
    "role_band": "middle",
    "sex": "female",
    "age_band": "30-44",
    "mode": "in_person",
    "language": "en",
    "interpreter": "no",
    "consent": "analysis paraphrase",
    "script_version": "1",
    "withdrawn_on": "",
    "definition_asked_first": "yes",
    "own_definition_turn": "2",
    "respondent": "key_informant",
    "ethics_approval": "",
    "referral_contact": "",
}
ITEM = {
    **dict.fromkeys(evidence.MEDIA.columns, ""),
    "id": "JAM-M-001",
    "outlet": "The Paper",
    "published": "2004-10-05",
    "accessed": "2004-11-01",
    "language": "en",
    "headline": "Work abroad was not what was promised",
    "relevance": "relevant",
}
FACT = {
    "fact": "deposit",
    "instrument": evidence.PROTOCOL,
    "value": "accession",
    "date": "2003-09-26",
    "source": "treaty2003",
    "seen_on": "2005-01-10",
    "grade": "A",
    "note": "",
}
RATED = {
    "item": "Overall",
    **dict(zip(evidence.ANSWERS, "1790000", strict=True)),
    "no_response": "0",
    "forms": "17",
    "source": "treaty2003",
    "note": "",
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of one programme country, one other, and one meeting; no tables yet."""
    write(
        tmp_path / "research" / "study.toml",
        """
        title = "A study"
        publisher = "Somebody"
        edition = "2005"
        languages = ["en"]
        countries = ["belize", "jamaica"]
        meetings = ["first"]
        thresholds = {}
        notebooks = {}
        """,
    )
    for key, code, programme in (("belize", "BLZ", "false"), ("jamaica", "JAM", "true")):
        write(
            tmp_path / "research" / "countries" / key / "country.toml",
            f"""
            name = "{key.title()}"
            iso3 = "{code}"
            programme = {programme}
            evidence = "real"
            languages = ["en"]
            tile = [0, 0]
            """,
        )
    write(
        tmp_path / "research" / "meetings" / "first" / "meeting.toml",
        """
        title = "A meeting"
        place = "Somewhere"
        starts = "2005-03-14"
        ends = "2005-03-15"
        organisers = ["Somebody"]
        participants = 20
        participants_source = "treaty2003"
        source = "treaty2003"
        """,
    )
    write(tmp_path / "research" / "references.bib", "@misc{treaty2003,\n  title = {A treaty}\n}\n")
    (tmp_path / "instruments").mkdir()
    shutil.copy(MEDIA_FORM, tmp_path / "instruments")
    return Study(tmp_path)


@pytest.fixture
def jamaica(study: Study) -> Country:
    return study.country("jamaica")


@pytest.fixture
def belize(study: Study) -> Country:
    return study.country("belize")


@pytest.fixture
def meeting(study: Study) -> Meeting:
    return study.meeting("first")


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(content).lstrip("\n"), encoding="utf-8")


def put(path: Path, *rows: dict[str, str], separator: str = ",") -> None:
    """A CSV file of these rows."""
    text = io.StringIO()
    table = csv.DictWriter(text, [*rows[0]], delimiter=separator, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")


def interviewed(
    country: Country, *changes: dict[str, str], text: str = "I: Why?\nR: So.\n"
) -> None:
    """Interviews that are as they should be but for `changes`, each with its transcript."""
    rows = [{**INTERVIEW, **change} for change in changes or ({},)]
    put(country.folder / "interviews.csv", *rows)
    for row in rows:
        write(country.folder / "interviews" / f"{row['id']}.txt", text)


def logged(country: Country, *changes: dict[str, str]) -> None:
    rows = [{**ITEM, "id": f"JAM-M-{n:03}", **change} for n, change in enumerate(changes, 1)]
    put(country.folder / "media.csv", *rows)


def known(country: Country, *changes: dict[str, str]) -> None:
    put(country.folder / "law.csv", *({**FACT, **change} for change in changes))


def problems(read, *of) -> str:
    """What a reader refuses, as a person sees it."""
    with pytest.raises(ResearchError) as refused:
        read(*of)
    return str(refused.value)


# Interviews


def test_an_interview_as_it_should_be_is_read(jamaica):
    interviewed(jamaica)

    assert list(evidence.interviews(jamaica)["id"]) == ["JAM-KI-01"]


def test_a_spreadsheet_with_the_same_headers_is_read_the_same(jamaica):
    interviewed(jamaica)
    as_csv = evidence.interviews(jamaica)
    (jamaica.folder / "interviews.csv").unlink()
    book = openpyxl.Workbook()
    for row in (list(INTERVIEW), list(INTERVIEW.values())):
        book.active.append(row)
    book.save(jamaica.folder / "interviews.xlsx")

    pd.testing.assert_frame_equal(evidence.interviews(jamaica), as_csv)


def test_two_files_of_one_table_are_refused(jamaica):
    interviewed(jamaica)
    (jamaica.folder / "interviews.xlsx").write_bytes(b"")

    assert "interviews.xlsx stands beside it" in problems(evidence.interviews, jamaica)


def test_an_informant_told_before_being_asked_is_marked_primed_and_kept(jamaica):
    interviewed(jamaica, {"definition_asked_first": "no", "own_definition_turn": ""})

    assert list(evidence.interviews(jamaica)["primed"]) == [True]


def test_not_knowing_whether_the_definition_was_asked_first_is_refused(jamaica):
    interviewed(jamaica, {"definition_asked_first": ""})

    assert "row 2, column 'definition_asked_first'" in problems(evidence.interviews, jamaica)


def test_an_own_definition_without_its_line_is_refused(jamaica):
    interviewed(jamaica, {"own_definition_turn": ""})

    assert "its line is missing (R3)" in problems(evidence.interviews, jamaica)


def test_an_own_definition_in_the_words_of_the_interviewer_is_refused(jamaica):
    interviewed(jamaica, {"own_definition_turn": "1"})

    assert "line 1 of JAM-KI-01.txt is not a turn of the respondent (R3)" in problems(
        evidence.turns, jamaica
    )


def test_an_own_definition_past_the_end_of_the_transcript_is_refused(jamaica):
    interviewed(jamaica, {"own_definition_turn": "9"})

    assert "row 2, column 'own_definition_turn'" in problems(evidence.turns, jamaica)


def test_a_misspelt_scope_of_consent_is_refused_with_the_nearest_one(jamaica):
    interviewed(jamaica, {"consent": "analysis verbatim_qoute"})

    assert "Did you mean 'verbatim_quote'?" in problems(evidence.interviews, jamaica)


def test_an_interview_without_any_consent_is_refused(jamaica):
    interviewed(jamaica, {"consent": ""})

    assert "row 2, column 'consent'" in problems(evidence.interviews, jamaica)


@pytest.mark.parametrize("change", [{"withdrawn_on": "2005-01-10"}, {"consent": "archive"}])
def test_an_interview_that_must_not_be_counted_is_not_usable(jamaica, change):
    interviewed(jamaica, change)

    assert list(evidence.interviews(jamaica)["usable"]) == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"respondent": "victim"},
        {"age_band": "9-17"},
        {"age_band": "0-8"},
        {"age_band": "child_unspecified"},
    ],
    ids=lambda change: next(iter(change.values())),
)
def test_a_victim_or_a_minor_without_approval_and_referral_is_refused(jamaica, change):
    interviewed(jamaica, change)

    said = problems(evidence.interviews, jamaica)

    assert "row 2, column 'ethics_approval'" in said
    assert "row 2, column 'referral_contact'" in said


def test_an_approval_without_a_referral_contact_is_not_enough(jamaica):
    interviewed(jamaica, {"respondent": "victim", "ethics_approval": "E-1"})

    assert problems(evidence.interviews, jamaica).count("(R7)") == 1


def test_a_victim_with_approval_and_referral_is_read(jamaica):
    approved = {"ethics_approval": "E-1", "referral_contact": "the shelter"}
    interviewed(jamaica, {"respondent": "victim", **approved})

    assert len(evidence.interviews(jamaica)) == 1


def test_an_id_that_stands_twice_is_refused(jamaica):
    interviewed(jamaica, {}, {})

    assert "'JAM-KI-01' stands in more than one row" in problems(evidence.interviews, jamaica)


def test_an_id_of_another_country_is_refused(jamaica):
    interviewed(jamaica, {"id": "BLZ-KI-01"})

    assert "Ids here begin with JAM-" in problems(evidence.interviews, jamaica)


def test_a_sector_that_is_not_in_the_list_is_refused(jamaica):
    interviewed(jamaica, {"sector": "polise"})

    assert "Did you mean 'police'?" in problems(evidence.interviews, jamaica)


def test_the_day_of_an_interview_is_refused(jamaica):
    interviewed(jamaica, {"date_month": "2004-10-05"})

    assert "row 2, column 'date_month'" in problems(evidence.interviews, jamaica)


# Transcripts


@pytest.mark.parametrize(
    "content",
    [
        "I: Why?\nR: So.\n",
        "I: Why?\r\nR: So.\r\n",
        "\ufeffI: Why?\nR: So.\n",
        "I: Why?\n\nR: So.",
        "I: 𝒲hy?\nR: Señorita, lo sé.\n",
        "[00:00:01] I: Why?\n[00:01:02] R: So: R: it is.\n",
    ],
)
def test_the_span_of_a_turn_cuts_its_words_out_of_the_text(jamaica, content):
    interviewed(jamaica, {"definition_asked_first": "no", "own_definition_turn": ""})
    path = jamaica.folder / "interviews" / "JAM-KI-01.txt"
    path.write_bytes(content.encode("utf-8"))
    text = read_text(path)

    turns = evidence.turns(jamaica)

    assert len(turns) == 2
    assert [text[turn.start : turn.end] for turn in turns.itertuples()] == list(turns["text"])


def test_a_turn_is_named_by_its_interview_and_its_line(jamaica):
    interviewed(jamaica)

    assert list(evidence.turns(jamaica)["turn"]) == ["JAM-KI-01:1", "JAM-KI-01:2"]


def test_every_line_that_does_not_say_who_speaks_is_named(jamaica):
    interviewed(jamaica, text="I: Why?\nSo.\nX: Because.\nR:\nR: Well.\n")

    said = problems(evidence.turns, jamaica)

    assert re.findall(r"JAM-KI-01\.txt, line (\d)", said) == ["2", "3", "4"]


def test_an_interview_without_a_transcript_is_refused(jamaica):
    interviewed(jamaica)
    (jamaica.folder / "interviews" / "JAM-KI-01.txt").unlink()

    assert "JAM-KI-01 has no transcript" in problems(evidence.turns, jamaica)


def test_the_transcript_of_a_withdrawn_interview_may_be_gone(jamaica):
    interviewed(jamaica, {"withdrawn_on": "2005-01-10"})
    (jamaica.folder / "interviews" / "JAM-KI-01.txt").unlink()

    assert evidence.turns(jamaica).empty


def test_a_transcript_without_a_row_is_refused(jamaica):
    interviewed(jamaica)
    write(jamaica.folder / "interviews" / "JAM-KI-02.txt", "I: Why?\nR: So.\n")

    assert "interviews/JAM-KI-02.txt\n  the transcript has no row" in problems(
        evidence.turns, jamaica
    )


def test_faults_of_rows_and_of_transcripts_come_at_once(jamaica):
    interviewed(jamaica, {"sector": "polise"}, text="So.\n")

    said = problems(evidence.turns, jamaica)

    assert "column 'sector'" in said
    assert "JAM-KI-01.txt, line 1" in said


# The media log


def test_a_search_that_found_nothing_is_kept(jamaica):
    nothing = {"published": "", "language": "", "headline": "", "relevance": "zero_hits"}
    logged(jamaica, {**nothing, "search": "trafficking, The Paper, 2004", "hits": "0"})

    assert list(evidence.media(jamaica)["hits"]) == [0]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"published": ""}, "published"),
        ({"headline": ""}, "headline"),
        ({"language": ""}, "language"),
        ({"accessed": ""}, "accessed"),
        ({"relevance": "not_relevant"}, "reason"),
        ({"relevance": "zero_hits", "hits": "0"}, "search"),
        ({"relevance": "zero_hits", "search": "trafficking"}, "hits"),
        ({"relevance": "zero_hits", "search": "trafficking", "hits": "3"}, "hits"),
        ({"published": "2004-13"}, "published"),
        ({"published": "5 October 2004"}, "published"),
        ({"words": "four hundred"}, "words"),
        ({"smuggling_conflated": "perhaps"}, "smuggling_conflated"),
        ({"exploitation": "sexual labor"}, "exploitation"),
        ({"tone": "angry"}, "tone"),
        ({"id": "BLZ-M-001"}, "id"),
    ],
)
def test_an_item_that_breaks_the_media_log_is_refused(jamaica, change, column):
    logged(jamaica, change)

    assert f"media.csv, row 2, column '{column}'" in problems(evidence.media, jamaica)


def test_an_item_may_tell_of_several_forms(jamaica):
    logged(jamaica, {"exploitation": "sexual forced_labour"})

    assert list(evidence.media(jamaica)["exploitation"]) == ["sexual forced_labour"]


@pytest.mark.parametrize("originals", [("no", "no"), ("yes", "yes"), ("", "")])
def test_copies_have_exactly_one_original(jamaica, originals):
    logged(jamaica, *({"syndication": "G1", "original": one} for one in originals))

    assert "group 'G1'" in problems(evidence.media, jamaica)


def test_copies_of_one_original_are_kept(jamaica):
    logged(jamaica, *({"syndication": "G1", "original": one} for one in ("yes", "no", "no")))

    assert len(evidence.media(jamaica)) == 3


# The law


@pytest.mark.parametrize("column", ["source", "seen_on", "grade", "instrument", "value"])
def test_a_legal_fact_without_where_when_and_how_sure_is_refused(belize, column):
    known(belize, {column: ""})

    assert f"law.csv, row 2, column '{column}'" in problems(evidence.law, belize)


def test_a_source_that_is_not_in_the_literature_is_refused_with_the_nearest_one(belize):
    known(belize, {"source": "treaty2003; traety2003"})

    assert "Did you mean 'treaty2003'?" in problems(evidence.law, belize)


def test_an_entry_into_force_that_does_not_follow_from_the_deposit_names_both_dates(belize):
    known(belize, {}, {"fact": "in_force", "date": "2003-10-26"})

    said = problems(evidence.law, belize)

    assert "in force on 2003-10-26, but deposit on 2003-09-26 makes it 2003-12-25" in said


@pytest.mark.parametrize(
    ("deposit", "in_force"),
    [("2003-09-26", "2003-12-25"), ("2003-11-25", "2003-12-25"), ("2010-02-17", "2010-03-19")],
)
def test_the_protocol_is_in_force_thirty_days_after_deposit_and_never_before_itself(
    deposit, in_force
):
    assert evidence.in_force_after(date.fromisoformat(deposit)) == date.fromisoformat(in_force)


@pytest.mark.parametrize(
    "change",
    [{"grade": "B"}, {"date": "2004"}, {"instrument": "CEDAW"}],
    ids=["not sure", "no day", "another treaty"],
)
def test_only_full_dates_that_were_seen_are_held_against_each_other(belize, change):
    known(belize, {}, {"fact": "in_force", "date": "2004-06-01", **change})

    assert len(evidence.law(belize)) == 2


def test_rows_that_conflict_are_kept(belize):
    known(belize, {}, {"date": "2002", "grade": "C"})

    assert list(evidence.law(belize)["date"]) == ["2003-09-26", "2002"]


def test_a_kind_of_fact_nobody_knows_is_refused(belize):
    known(belize, {"fact": "ratified"})

    assert "row 2, column 'fact'" in problems(evidence.law, belize)


# What a country must have


@pytest.mark.parametrize("stream", ["interviews", "media", "survey"])
def test_a_programme_country_must_have_its_three_streams(jamaica, stream):
    read = getattr(evidence, stream)
    of = (jamaica, FORM) if stream == "survey" else (jamaica,)

    assert f"countries/jamaica/{stream}.csv\n  a country of the programme" in problems(read, *of)


@pytest.mark.parametrize("read", [evidence.interviews, evidence.turns, evidence.media])
def test_another_country_without_files_gives_empty_tables(belize, read):
    frame = read(belize)

    assert frame.empty
    assert {"interviews": "primed", "turns": "speaker", "media": "outlet"}[read.__name__] in frame


def test_an_empty_law_has_its_columns(belize):
    assert list(evidence.law(belize).columns) == evidence.LAW.columns


def test_indicators_are_numbers(jamaica):
    write(
        jamaica.folder / "indicators.csv",
        """
        indicator,year,value,unit,source
        unemployment,2003,11.5,% of labour force,treaty2003
        """,
    )

    assert evidence.indicators(jamaica)["value"].sum() == 11.5


# The survey


FORM = Form(
    nodes=(
        Question(name="about", type="begin_group"),
        Question(name="age_band", type="select_one", choices="age_band", group="about"),
        Question(name="heard", type="select_multiple", choices="heard"),
        Question(name="children", type="integer"),
        Question(name="own_definition", type="text"),
    ),
    choices={
        "age_band": {"18_29": {"en": "18 to 29"}, "30_up": {"en": "30 or more"}},
        "heard": {"radio": {"en": "Radio"}, "friends": {"en": "Friends"}},
    },
)
ANSWERS = {
    "_id": "1",
    "about/age_band": "18_29",
    "heard": "radio friends",
    "heard/radio": "1",
    "heard/friends": "1",
    "children": "2",
    "own_definition": "None",
    "stratum": "town",
    "weight": "1.5",
    "__version__": "v1",
}


def answered(country: Country, **changes: str) -> None:
    rows = {**ANSWERS, **changes}
    put(country.folder / "survey.csv", rows, separator=";")


def test_a_kobo_export_is_read_by_the_names_of_its_questions(jamaica):
    answered(jamaica)

    found = evidence.survey(jamaica, FORM)

    assert found.iloc[0].to_dict() == {
        "age_band": "18_29",
        "heard": "radio friends",
        "children": "2",
        "own_definition": "None",
        "stratum": "town",
        "weight": 1.5,
    }


def test_a_byte_order_mark_does_not_hide_the_first_question(jamaica):
    path = jamaica.folder / "survey.csv"
    path.parent.mkdir(exist_ok=True)
    header = "about/age_band;heard;children;own_definition"
    path.write_bytes(f"\ufeff{header}\r\n18_29;radio;;NA\r\n".encode())

    assert evidence.survey(jamaica, FORM)["age_band"].tolist() == ["18_29"]


@pytest.mark.parametrize("answer", ["None", "NA", "nan", "null"])
def test_an_answer_that_looks_missing_is_an_answer(jamaica, answer):
    answered(jamaica, own_definition=answer)

    assert evidence.survey(jamaica, FORM)["own_definition"].tolist() == [answer]


def test_a_survey_without_weights_has_them_missing_and_not_one(jamaica):
    put(jamaica.folder / "survey.csv", {k: v for k, v in ANSWERS.items() if k != "weight"})

    assert evidence.survey(jamaica, FORM)["weight"].isna().all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"heard": "radio freinds"}, "Did you mean 'friends'?"),
        ({"about/age_band": "17"}, "column 'age_band'"),
        ({"children": "two"}, "column 'children'"),
        ({"weight": "heavy"}, "column 'weight'"),
        ({"shoe_size": "42"}, "'shoe_size' is not a column of survey"),
        ({"more/age_band": "18_29"}, "the question 'age_band' stands twice"),
    ],
)
def test_a_survey_that_does_not_fit_the_form_is_refused(jamaica, change, said):
    answered(jamaica, **change)

    assert said in problems(evidence.survey, jamaica, FORM)


def test_a_question_missing_from_the_export_is_named(jamaica):
    put(jamaica.folder / "survey.csv", {k: v for k, v in ANSWERS.items() if k != "children"})

    assert "the column 'children' is missing" in problems(evidence.survey, jamaica, FORM)


def test_a_country_outside_the_programme_has_no_respondents(belize):
    assert evidence.survey(belize, FORM).empty


# Meetings, monitoring, literature


def test_an_evaluation_that_does_not_add_up_names_item_expected_and_found(meeting):
    put(meeting.folder / "evaluation.csv", {**RATED, "forms": "18"})

    assert "Overall: expected 18 forms, found 17" in problems(evidence.evaluation, meeting)


def test_an_evaluation_that_adds_up_comes_as_whole_numbers(meeting):
    put(meeting.folder / "evaluation.csv", RATED)

    assert evidence.evaluation(meeting)["very_good"].tolist() == [7]


def test_a_dash_for_none_is_refused_in_an_evaluation(meeting):
    put(meeting.folder / "evaluation.csv", {**RATED, "poor": "-"})

    assert "row 2, column 'poor'" in problems(evidence.evaluation, meeting)


def test_a_statement_about_no_country_of_the_study_is_refused(meeting):
    write(
        meeting.folder / "statements.csv",
        """
        id,country,speaker,topic,claim,status,source,section,contradiction,note
        S-01,belise,delegation,law,A law is in force.,stated,treaty2003,B.5,,
        """,
    )

    assert "Did you mean 'belize'?" in problems(evidence.statements, meeting)


def test_an_observer_need_not_be_a_country_of_the_study(meeting):
    write(
        meeting.folder / "delegations.csv",
        """
        delegation,kind,body,presented,source,note
        belize,country,government,yes,treaty2003,
        Canada,observer,government,no,treaty2003,
        """,
    )

    assert len(evidence.delegations(meeting)) == 2


def test_two_recommendations_of_one_id_are_refused(meeting):
    row = (
        "R-01,victims,Open shelters.,protection,governments,ministerial,unknown,agreed,treaty2003,,"
    )
    header = ",".join(evidence.RECOMMENDATIONS.columns)
    write(meeting.folder / "recommendations.csv", f"{header}\n{row}\n{row}\n")

    assert "'R-01' stands in more than one row" in problems(evidence.recommendations, meeting)


def test_two_commitments_of_one_id_are_refused(meeting):
    row = "P-01,IOM,Train on.,unknown,treaty2003,C,"
    header = ",".join(evidence.COMMITMENTS.columns)
    write(meeting.folder / "commitments.csv", f"{header}\n{row}\n{row}\n")

    assert "'P-01' stands in more than one row" in problems(evidence.commitments, meeting)


def test_a_training_may_be_held_where_no_research_is_done(study):
    row = "T-01,2005,event,aruba,,20,about,1,,treaty2003,"
    header = ",".join(evidence.TRAININGS.columns)
    write(study.research / "monitoring" / "trainings.csv", f"{header}\n{row}\n")

    assert evidence.monitoring(study, "trainings")["persons"].tolist() == [20]


def test_a_training_without_a_source_is_refused(study):
    row = "T-01,2005,event,belize,,20,about,1,,,"
    header = ",".join(evidence.TRAININGS.columns)
    write(study.research / "monitoring" / "trainings.csv", f"{header}\n{row}\n")

    assert "row 2, column 'source'" in problems(evidence.monitoring, study, "trainings")


def test_a_press_item_needs_no_country(study):
    put(study.research / "monitoring" / "press.csv", {**ITEM, "id": "REG-M-001"})

    assert len(evidence.monitoring(study, "press")) == 1


def test_a_key_that_stands_twice_in_the_literature_is_refused(study):
    write(
        study.research / "references.bib",
        """
        @comment{ a remark, }
        @misc{one2005, title = {One}}
        @book{one2005, title = {Two}}
        """,
    )

    assert "the key 'one2005' stands twice" in problems(evidence.references, study)


# The whole study


def test_problems_of_every_country_meeting_and_log_come_at_once(study):
    known(study.country("belize"), {"grade": "E"})
    interviewed(study.country("jamaica"), {"sector": "polise"})
    put(study.meeting("first").folder / "evaluation.csv", {**RATED, "forms": "18"})
    put(study.research / "monitoring" / "press.csv", {**ITEM, "id": "REG-M-001", "accessed": ""})

    said = problems(evidence.check_study, study)

    named = ("belize/law.csv", "jamaica/interviews.csv", "first/evaluation.csv", "press.csv")
    assert [name for name in named if name not in said] == []


def test_a_problem_names_no_place_of_this_machine(study, tmp_path):
    said = problems(evidence.check_study, study)

    assert str(tmp_path) not in said


@pytest.mark.parametrize("of", evidence.TABLES.values(), ids=lambda of: of.name)
def test_every_column_says_what_it_means(of):
    assert of.row
    assert all(of.meaning(column) for column in of.columns)


@pytest.mark.parametrize("of", evidence.TABLES.values(), ids=lambda of: of.name)
def test_every_number_has_a_unit(of):
    numbers = [c for c in of.columns if (of.schema.columns[c].metadata or {}).get("number")]

    assert all(of.unit(column) for column in numbers)
