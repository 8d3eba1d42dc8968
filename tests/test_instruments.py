"""Instruments: what may go to the field, and what is refused before it does."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from ctresearch import evidence, instruments
from ctresearch.problems import Problem, ResearchError
from ctresearch.study import Study

ROOT = Path(__file__).parents[1]
SPANISH = "label::Español (es)"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of its own, with the instruments that ship."""
    shutil.copytree(ROOT / "instruments", tmp_path / "instruments")
    (tmp_path / "research").mkdir()
    shutil.copy(ROOT / "research" / "study.toml", tmp_path / "research")
    return Study(tmp_path)


@pytest.fixture
def reference() -> Path:
    """Published reference data, which do not ship with the project."""
    named = os.environ.get("CTRESEARCH_REFERENCE")
    if named:
        return Path(named)
    if os.environ.get("CI"):
        pytest.fail("CTRESEARCH_REFERENCE must name the folder of reference data")
    pytest.skip("CTRESEARCH_REFERENCE does not name a folder of reference data")


def problems(step: Callable[[Study], object], study: Study) -> tuple[Problem, ...]:
    with pytest.raises(ResearchError) as caught:
        step(study)
    return caught.value.problems


def change(study: Study, name: str, old: str, new: str) -> None:
    """Put `new` where `old` stands first in an instrument."""
    path = study.instruments / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def write_codebook(study: Study, entries: str) -> None:
    """A codebook of these lines: id, a colon, further keys in TOML with commas between."""
    lines = ['version = "1"']
    for entry in entries.strip().splitlines():
        code, _, keys = entry.strip().partition(":")
        words = '{ en = "Word", es = "Palabra" }'
        lines += [f'[codes."{code}"]', f"label = {words}", f"definition = {words}"]
        lines += [key.strip() for key in keys.split(",") if key.strip()]
    text = "\n".join(lines)
    (study.instruments / "codebook.toml").write_text(text, encoding="utf-8")


def rows(study: Study, sheet: str = "survey") -> list[dict[str, str]]:
    with (study.instruments / "survey" / f"{sheet}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(study: Study, content: list[dict[str, str]], sheet: str = "survey") -> None:
    path = study.instruments / "survey" / f"{sheet}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(content[0]))
        writer.writeheader()
        writer.writerows(content)


def asked(study: Study, question: str, /, **cells: str) -> None:
    """Change cells of the row of the survey that has this name."""
    content = rows(study)
    next(row for row in content if row["name"] == question).update(cells)
    write_rows(study, content)


def moved(study: Study, name: str, behind: str) -> None:
    """Move a row of the survey behind another."""
    content = rows(study)
    row = next(row for row in content if row["name"] == name)
    content.remove(row)
    at = next(i for i, other in enumerate(content) if other["name"] == behind)
    content.insert(at + 1, row)
    write_rows(study, content)


def test_the_instruments_that_ship_may_go_to_the_field() -> None:
    instruments.lint(Study(ROOT))


# The codebook


def test_a_misspelt_key_is_refused_with_the_nearest_one(study: Study) -> None:
    change(study, "codebook.toml", "definition.en = ", "definiton.en = ")

    assert problems(instruments.read_codebook, study)[0] == Problem(
        'instruments/codebook.toml, [codes."understanding"]',
        "'definiton' is not a key here",
        "Did you mean 'definition'?",
    )


def test_a_code_names_its_ancestors_and_its_children(study: Study) -> None:
    write_codebook(study, "response\nresponse.protection\nresponse.protection.shelter")
    book = instruments.read_codebook(study)

    assert book.by_id["response.protection.shelter"].ancestors == (
        "response",
        "response.protection",
    )
    assert [code.id for code in book.children("response")] == ["response.protection"]
    assert [code.id for code in book.children("")] == ["response"]


def test_a_label_falls_back_to_the_source_language(study: Study) -> None:
    write_codebook(study, "response")
    book = instruments.read_codebook(study)

    assert (book.label("response", "es"), book.label("response", "nl")) == ("Palabra", "Word")


def test_a_code_whose_parent_is_missing_is_refused(study: Study) -> None:
    write_codebook(study, "recruitment\nrecruitmnt.deception")

    assert problems(instruments.read_codebook, study) == (
        Problem(
            'instruments/codebook.toml, [codes."recruitmnt.deception"]',
            "'recruitmnt' is not in the codebook",
            "Did you mean 'recruitment'?",
        ),
    )


def test_codes_merged_in_a_circle_are_refused_each(study: Study) -> None:
    write_codebook(study, 'a: merged_into = "b"\nb: merged_into = "c"\nc: merged_into = "a"')

    assert [problem.what for problem in problems(instruments.read_codebook, study)] == [
        "codes are merged in a circle: a → b → c → a",
        "codes are merged in a circle: b → c → a → b",
        "codes are merged in a circle: c → a → b → c",
    ]


def test_a_code_merged_into_itself_is_refused(study: Study) -> None:
    write_codebook(study, 'a: merged_into = "a"')

    assert "in a circle: a → a" in problems(instruments.read_codebook, study)[0].what


def test_a_code_merged_into_one_that_leads_to_a_circle_is_refused_too(study: Study) -> None:
    write_codebook(study, 'a: merged_into = "b"\nb: merged_into = "b"')

    assert len(problems(instruments.read_codebook, study)) == 2


def test_a_code_merged_into_an_unknown_one_is_refused_with_the_nearest(study: Study) -> None:
    write_codebook(study, 'poverty\nwant: merged_into = "povrty"')

    assert problems(instruments.read_codebook, study)[0].fix == "Did you mean 'poverty'?"


def test_a_code_may_be_merged_into_one_that_was_merged_itself(study: Study) -> None:
    write_codebook(study, 'a: merged_into = "b"\nb: merged_into = "c"\nc')

    assert instruments.read_codebook(study).by_id["a"].merged_into == "b"


def test_two_codes_with_one_key_are_refused(study: Study) -> None:
    write_codebook(study, 'a: key = "x"\nb: key = "x"\nc: key = "y"')

    assert [problem.where for problem in problems(instruments.read_codebook, study)] == [
        'instruments/codebook.toml, [codes."a"]',
        'instruments/codebook.toml, [codes."b"]',
    ]


@pytest.mark.parametrize("key", ['key = "ab"', 'protocol = "purpos"', "htcds = 3"])
def test_a_value_that_does_not_fit_is_refused_by_code_and_key(study: Study, key: str) -> None:
    write_codebook(study, f"a: {key}")
    name = key.split(" ")[0]

    assert problems(instruments.read_codebook, study)[0].where.startswith(
        f'instruments/codebook.toml, [codes."a"], {name}'
    )


@pytest.mark.parametrize("content", ["[[codes]]\nid = 'a'", "codes = 3", "[codes]\na = 'A'", ""])
def test_codes_that_are_not_written_one_a_table_are_refused(study: Study, content: str) -> None:
    (study.instruments / "codebook.toml").write_text(f'version = "1"\n{content}', encoding="utf-8")

    assert "not written one a table" in problems(instruments.read_codebook, study)[0].what


def test_a_codebook_without_a_version_is_refused(study: Study) -> None:
    change(study, "codebook.toml", 'version = "2005-03"', "")

    assert problems(instruments.read_codebook, study)[0].what == "the key 'version' is missing"


# Languages


@pytest.mark.parametrize(
    ("name", "text", "where", "what"),
    [
        (
            "codebook.toml",
            'label.es = "Captación"',
            'instruments/codebook.toml, [codes."recruitment"]',
            "label has no text in 'es'",
        ),
        (
            "interview-guide.toml",
            'hints.es = "Lea despacio y deje una copia sobre la mesa."',
            'instruments/interview-guide.toml, [nodes."protocol_text"]',
            "hints has no text in 'es'",
        ),
        (
            "legal-review.toml",
            ', es = "Penas"',
            "instruments/legal-review.toml, [headings]",
            "penalties has no text in 'es'",
        ),
        (
            "media-review.toml",
            ', es = "Impreso"',
            'instruments/media-review.toml, [columns."medium"."values"]',
            "print has no text in 'es'",
        ),
        (
            "warning-signs.toml",
            'label.es = "Cierre de un gran empleador"',
            'instruments/warning-signs.toml, [signs."layoffs"]',
            "label has no text in 'es'",
        ),
    ],
)
def test_a_text_that_lacks_a_language_of_the_study_is_refused(
    study: Study, name: str, text: str, where: str, what: str
) -> None:
    change(study, name, text, "")

    found = problems(instruments.lint, study)

    assert [(problem.where, problem.what) for problem in found] == [(where, what)]


def test_a_blank_spanish_label_in_the_form_is_refused(study: Study) -> None:
    asked(study, "sex", **{SPANISH: ""})

    assert Problem(
        "instruments/survey/survey.csv, [sex]",
        "label has no text in 'es'",
        'Add: label.es = "…"',
    ) in problems(instruments.lint, study)


def test_a_hint_in_one_language_only_is_refused_and_no_hint_at_all_is_not(study: Study) -> None:
    asked(study, "sex", **{"hint::English (en)": "Do not guess."})

    found = [p.what for p in problems(instruments.lint, study) if "survey.csv" in p.where]

    assert found == ["hint has no text in 'es'"]


def test_a_choice_without_a_spanish_label_is_refused(study: Study) -> None:
    content = rows(study, "choices")
    content[0][SPANISH] = ""
    write_rows(study, content, "choices")

    assert ("instruments/survey/choices.csv, [yes_no]", "yes has no text in 'es'") in [
        (problem.where, problem.what) for problem in problems(instruments.lint, study)
    ]


def test_a_study_in_one_language_needs_no_other(study: Study) -> None:
    listing = study.root / "research" / "study.toml"
    text = listing.read_text(encoding="utf-8")
    listing.write_text(text.replace('languages = ["en", "es"]', 'languages = ["en"]'), "utf-8")
    asked(study, "sex", **{SPANISH: ""})
    instruments.write_workbook(study)

    instruments.lint(Study(study.root))


# Rule R3: the own definition first


def first(study: Study, file: str) -> list[Problem]:
    """The problems of rule R3 in a file."""
    return [p for p in problems(instruments.lint, study) if p.where.startswith(file)]


def moved_in_guide(study: Study, name: str, before: str) -> None:
    path = study.instruments / "interview-guide.toml"
    head, *nodes = path.read_text(encoding="utf-8").split("\n[nodes.")
    node = next(node for node in nodes if node.startswith(f"{name}]"))
    nodes.remove(node)
    nodes.insert(next(i for i, n in enumerate(nodes) if n.startswith(f"{before}]")), node)
    path.write_text("\n[nodes.".join([head, *nodes]), encoding="utf-8")


def test_a_guide_that_reads_the_protocol_before_the_own_definition_is_refused(
    study: Study,
) -> None:
    moved_in_guide(study, "protocol_text", "own_definition")

    assert first(study, instruments.GUIDE) == [
        Problem(
            "instruments/interview-guide.toml, 'protocol_text'",
            "it speaks of the Protocol before 'own_definition' is answered (rule R3)",
            "Move it behind 'own_definition'.",
        )
    ]


def test_a_guide_whose_opening_speaks_of_the_protocol_is_refused(study: Study) -> None:
    change(study, "interview-guide.toml", "for a report that covers", "under the UN Protocol, on")

    assert [p.where for p in first(study, instruments.GUIDE)] == [
        "instruments/interview-guide.toml, 'introduction'"
    ]


def test_a_guide_whose_own_definition_may_be_left_out_is_refused(study: Study) -> None:
    old = '[nodes.own_definition]\ngroup = "definition"\ntype = "question"\nrequired = true'
    change(study, "interview-guide.toml", old, old.replace("true", "false"))

    assert [p.fix for p in first(study, instruments.GUIDE)] == ["Make it required."]


def test_a_guide_whose_own_definition_has_a_condition_is_refused(study: Study) -> None:
    old = "[nodes.own_definition]\n"
    change(study, "interview-guide.toml", old, f'{old}relevant = "the informant is an official"\n')

    assert "may be skipped (rule R3)" in first(study, instruments.GUIDE)[0].what


def test_a_guide_without_the_own_definition_is_refused(study: Study) -> None:
    change(study, "interview-guide.toml", "[nodes.own_definition]", "[nodes.meaning]")

    assert first(study, instruments.GUIDE)[0].what == (
        "nobody is asked for their own definition (rule R3)"
    )


def test_a_guide_that_names_an_unknown_code_or_section_is_refused(study: Study) -> None:
    change(study, "interview-guide.toml", '"persons.girls"', '"persons.girl"')

    assert problems(instruments.read_guide, study) == (
        Problem(
            'instruments/interview-guide.toml, [nodes."children"]',
            "'persons.girl' is not known",
            "Did you mean 'persons.girls'?",
        ),
    )


def test_a_guide_with_a_step_of_an_unknown_type_is_refused(study: Study) -> None:
    change(study, "interview-guide.toml", 'type = "question"', 'type = "qestion"')

    assert problems(instruments.read_guide, study)[0].fix == "Did you mean 'question'?"


def test_a_form_that_shows_the_protocol_before_the_own_definition_is_refused(
    study: Study,
) -> None:
    moved(study, "own_definition", behind="protocol_text")

    assert Problem(
        "instruments/survey/survey.csv, 'protocol_text'",
        "it speaks of the Protocol before 'own_definition' is answered (rule R3)",
        "Move it behind 'own_definition'.",
    ) in problems(instruments.lint, study)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"required": ""}, "may be left out"),
        ({"relevant": "${heard_of} = 'often'"}, "may be skipped"),
        ({"hint::Español (es)": "Según el Protocolo de Palermo"}, "speaks of the Protocol before"),
        ({"name": "meaning"}, "nobody is asked"),
    ],
)
def test_a_form_whose_own_definition_can_be_missed_is_refused(
    study: Study, cells: dict[str, str], said: str
) -> None:
    asked(study, "own_definition", **cells)

    assert any(said in problem.what for problem in problems(instruments.lint, study))


def test_a_condition_on_the_group_of_the_own_definition_counts_as_its_own(study: Study) -> None:
    moved(study, "protocol_text", behind="views_intro")
    asked(study, "awareness", relevant="${lived_abroad} = 'yes'")

    assert any("may be skipped" in problem.what for problem in problems(instruments.lint, study))


def test_whoever_is_shown_the_protocol_may_be_a_part_of_those_asked(study: Study) -> None:
    asked(study, "protocol_text", relevant="${heard_of} = 'often'")
    instruments.write_workbook(study)

    instruments.lint(study)


def test_a_condition_both_share_is_no_way_round_the_own_definition(study: Study) -> None:
    for name in ("own_definition", "protocol_text", "protocol_match"):
        asked(study, name, relevant="${heard_of} = 'often'")
    instruments.write_workbook(study)

    instruments.lint(study)


# The form


def test_a_misspelt_column_of_the_form_is_refused_with_the_nearest_one(study: Study) -> None:
    change(study, "survey/survey.csv", "relevant", "relevent")

    assert problems(instruments.read_form, study) == (
        Problem(
            "instruments/survey/survey.csv, row 1",
            "'relevent' is not known",
            "Did you mean 'relevant'?",
        ),
    )


def test_a_form_without_a_column_it_needs_is_refused(study: Study) -> None:
    content = [{k: v for k, v in row.items() if k != "type"} for row in rows(study)]
    write_rows(study, content)

    assert problems(instruments.read_form, study)[0].what == "the column 'type' is missing"


def test_a_list_of_choices_that_is_not_there_is_refused(study: Study) -> None:
    asked(study, "sex", type="select_one sexx")

    assert problems(instruments.read_form, study) == (
        Problem(
            "instruments/survey/survey.csv, row 8",
            "'sexx' is not known",
            "Did you mean 'sex'?",
        ),
    )


def test_a_name_that_stands_twice_is_refused_even_in_different_groups(study: Study) -> None:
    asked(study, "law_known", name="sex")

    assert [problem.where for problem in problems(instruments.read_form, study)] == [
        "instruments/survey/survey.csv, row 8",
        "instruments/survey/survey.csv, row 58",
    ]


def test_a_question_knows_its_group_its_choices_and_every_condition_it_hangs_on(
    study: Study,
) -> None:
    form = instruments.read_form(study)
    where = next(question for question in form.questions if question.name == "offer_channel")

    assert (where.type, where.choices, where.group) == (
        "select_multiple",
        "channel",
        "work_offers",
    )
    assert where.conditions == {
        "${consent} = 'yes' and ${adult} = 'yes'",
        "${offer_received} = 'yes'",
    }
    assert form.choices["channel"]["partner"]["es"] == "Pareja o persona con quien salía"


def test_a_group_within_a_group_makes_a_path(study: Study) -> None:
    content = rows(study)
    at = next(i for i, row in enumerate(content) if row["name"] == "work")
    blank = dict.fromkeys(content[0], "")
    content.insert(at + 1, blank | {"type": "end_group"})
    content.insert(at, blank | {"type": "begin_group", "name": "job", "relevant": "1 = 1"})
    write_rows(study, content)
    found = {question.name: question for question in instruments.read_form(study).questions}

    assert (found["work"].group, found["born_here"].group) == ("about/job", "about")
    assert "1 = 1" in found["work"].conditions
    assert "1 = 1" not in found["born_here"].conditions


def test_notes_and_groups_are_rows_of_the_form_but_not_questions(study: Study) -> None:
    form = instruments.read_form(study)

    assert {node.type for node in form.nodes} - {q.type for q in form.questions} == {
        "note",
        "begin_group",
    }


def test_a_sheet_that_is_not_there_is_refused(study: Study) -> None:
    (study.instruments / "survey" / "choices.csv").unlink()

    assert problems(instruments.read_form, study)[0].where == "instruments/survey/choices.csv"


@pytest.mark.parametrize(
    "cells", [{"relevant": "${heard_off} = 'never'"}, {"name": "own definition"}, {"type": "txet"}]
)
def test_what_survey_programs_refuse_is_refused_here(study: Study, cells: dict[str, str]) -> None:
    asked(study, "own_definition", **cells)

    assert instruments.WORKBOOK in {p.where for p in problems(instruments.write_workbook, study)}


def test_a_warning_of_the_converter_is_a_problem(study: Study) -> None:
    content = [{k: v for k, v in row.items() if k != "hint::Español (es)"} for row in rows(study)]
    write_rows(study, content)

    assert "hint" in problems(instruments.write_workbook, study)[0].what


# The workbook


def test_the_workbook_has_the_same_bytes_every_time_and_tells_no_time_and_nobody(
    study: Study,
) -> None:
    written = instruments.write_workbook(study).read_bytes()

    assert instruments.write_workbook(study).read_bytes() == written
    assert (ROOT / instruments.WORKBOOK).read_bytes() == written
    with ZipFile(BytesIO(written)) as parts:
        assert {part.date_time for part in parts.infolist()} == {instruments.STAMP}
        assert b"openpyxl" not in parts.read("docProps/core.xml")


def test_a_workbook_that_is_older_than_its_sheets_is_refused_with_sheet_and_row(
    study: Study,
) -> None:
    asked(study, "consent", **{"label::English (en)": "Will you take part?"})

    assert problems(instruments.lint, study) == (
        Problem(
            "instruments/survey.xlsx, sheet survey, row 3",
            "the row is not that of survey/survey.csv",
            "Where the workbook is right, mend the CSV; then delete it:"
            " `ctresearch build` makes it from instruments/survey/*.csv.",
        ),
    )


def test_a_row_added_in_the_workbook_is_noticed(study: Study) -> None:
    book = openpyxl.load_workbook(study.root / instruments.WORKBOOK)
    book["choices"].append(["sex", "unknown", "Unknown", "Se desconoce"])
    book.save(study.root / instruments.WORKBOOK)

    assert [p.where.split(", row")[0] for p in problems(instruments.lint, study)] == [
        "instruments/survey.xlsx, sheet choices"
    ]


def test_a_workbook_that_a_spreadsheet_program_saved_unchanged_is_up_to_date(
    study: Study,
) -> None:
    book = openpyxl.load_workbook(study.root / instruments.WORKBOOK)
    book["survey"].column_dimensions["C"].width = 80
    book.save(study.root / instruments.WORKBOOK)

    instruments.lint(study)


def test_a_workbook_that_is_not_there_is_refused(study: Study) -> None:
    (study.root / instruments.WORKBOOK).unlink()

    assert problems(instruments.lint, study)[0].where == instruments.WORKBOOK


def test_a_file_that_is_no_workbook_is_refused(study: Study) -> None:
    (study.root / instruments.WORKBOOK).write_text("a;b", encoding="utf-8")

    assert problems(instruments.lint, study)[0].where == instruments.WORKBOOK


def test_the_problems_of_all_instruments_come_at_once(study: Study) -> None:
    change(study, "codebook.toml", "label.en", "lable.en")
    change(study, "media-review.toml", "meaning.en", "meening.en")
    change(study, "legal-review.toml", 'p = "prosecution"', 'p = "prosecutor"')
    asked(study, "sex", **{SPANISH: ""})

    found = problems(instruments.lint, study)

    assert {problem.where.split(",")[0].removeprefix("instruments/") for problem in found} >= {
        "codebook.toml",
        "media-review.toml",
        "legal-review.toml",
        "survey/survey.csv",
        "survey.xlsx",
    }


# What ships


def test_the_codebook_explains_every_code() -> None:
    book = instruments.read_codebook(Study(ROOT))
    bare = [c.id for c in book.codes if not (c.include and c.exclude and c.example)]

    assert len(book.codes) >= 60
    assert bare == []
    assert {code.protocol for code in book.codes} == {"act", "means", "purpose", ""}


def test_the_survey_asks_for_consent_then_for_the_age_and_ends_when_either_is_refused() -> None:
    form = instruments.read_form(Study(ROOT))
    names = [question.name for question in form.questions]
    free = [q.name for q in form.questions if "${consent} = 'yes' and ${adult}" not in str(q)]

    assert names[:2] == ["consent", "adult"]
    assert free == ["consent", "adult"]


def test_the_survey_has_questions_enough_and_one_scale_of_agreement() -> None:
    form = instruments.read_form(Study(ROOT))
    scale = [question for question in form.questions if question.choices == "agreement"]

    assert len(form.questions) >= 25
    assert len(scale) >= 4
    assert len(form.choices["agreement"]) == 6


def test_the_survey_asks_nothing_by_which_somebody_could_be_found() -> None:
    form = instruments.read_form(Study(ROOT))

    assert {question.type for question in form.questions} == {
        "select_one",
        "select_multiple",
        "text",
        "integer",
    }
    assert [q.name for q in form.questions if q.type == "text"] == [instruments.OWN_DEFINITION]


def test_every_list_of_choices_is_used() -> None:
    form = instruments.read_form(Study(ROOT))

    assert {question.choices for question in form.questions} - {""} == set(form.choices)


def test_the_media_form_and_the_media_log_have_the_same_columns() -> None:
    form = instruments.read_media_form(Study(ROOT))

    assert [column.id for column in form.columns] == evidence.MEDIA.columns


def test_the_checklist_covers_every_heading_and_every_part_of_a_response() -> None:
    review = instruments.read_checklist(Study(ROOT))

    assert len(review.elements) >= 25
    assert {element.heading for element in review.elements} == set(review.headings)
    assert {element.p for element in review.elements} == {
        "prevention",
        "protection",
        "prosecution",
        "partnership",
    }


def test_an_element_under_an_unknown_heading_is_refused(study: Study) -> None:
    change(study, "legal-review.toml", 'heading = "penalties"', 'heading = "penaltys"')

    assert problems(instruments.read_checklist, study)[0].fix == "Did you mean 'penalties'?"


def spanish(value: Any) -> str:
    """Every Spanish text in a record."""
    if isinstance(value, dict):
        return " ".join(spanish(v) for k, v in value.items() if k != "en")
    if isinstance(value, list | tuple):
        return " ".join(map(spanish, value))
    return value if isinstance(value, str) else ""


def test_no_spanish_text_uses_a_form_the_glossary_forbids() -> None:
    study = Study(ROOT)
    with (study.instruments / "glossary.csv").open(encoding="utf-8", newline="") as file:
        terms = [row for row in csv.DictReader(file) if row["language"] == "es"]
    forbidden = [form for row in terms for form in row["forbidden"].split("; ") if form]
    records = [
        instruments.read_codebook(study),
        instruments.read_guide(study),
        instruments.read_form(study),
        instruments.read_checklist(study),
        instruments.read_media_form(study),
    ]
    said = " ".join(spanish(record.model_dump()) for record in records).casefold()

    assert len(forbidden) > 10
    assert [form for form in forbidden if f" {form} " in said] == []


# Published standards


def test_every_htcds_code_in_the_codebook_is_a_choice_of_that_standard(reference: Path) -> None:
    with (reference / "htcds_2.0_choices.csv").open(encoding="utf-8", newline="") as file:
        # The standard writes 'DebtBondage ' with a blank at the end; the codebook does without.
        known = {(r["list_name"], r["name"].strip()) for r in csv.DictReader(file)}
    book = instruments.read_codebook(Study(ROOT))
    named = {tuple(code.split(":")) for entry in book.codes for code in entry.htcds}

    assert len(named) > 20
    assert {(of.lower(), name) for of, name in named} <= known


def test_the_form_of_the_htcds_standard_converts(reference: Path) -> None:
    workbook = (reference / "htcds_2.0_xlsform.xlsx").read_bytes()

    assert "</h:html>" in instruments.convert(workbook, "htcds_2.0_xlsform.xlsx")
