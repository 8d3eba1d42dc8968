"""Bad input through the command line: a Problem with place and cure, exit 1, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ctresearch.cli import app
from ctresearch.verbs.common import told

SURINAME = "research/countries/suriname"


@pytest.fixture
def typed(study, monkeypatch):
    """Type a command in the study's folder; the exit code and all that was printed."""
    monkeypatch.chdir(study.root)

    def type_(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return type_


def change(path: Path, before: str, after: str) -> None:
    """Replace the first `before` in a file."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def a_log(study) -> Path:
    return sorted((study.root / SURINAME / "codings").glob("*.jsonl"))[0]


def change_line(log: Path, number: int, **fields: object) -> None:
    """Overwrite fields of one line of a coding log."""
    lines = log.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | fields, ensure_ascii=False)
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_study_in_order_has_no_problems(typed):
    assert typed("check")[0] == 0


def test_a_misspelt_key_is_offered_the_nearest_one(study, typed):
    change(study.root / SURINAME / "country.toml", "programme", "programe")
    code, said = typed("check")

    assert (code, f"{SURINAME}/country.toml" in said, "'programme'" in said) == (1, True, True)


def test_a_misspelt_code_in_a_log_is_offered_the_nearest_one(study, typed):
    log = a_log(study)
    change_line(log, 1, code="recruitment.deceptio")
    code, said = typed("check")

    place = f"{SURINAME}/codings/{log.name}, line 1"
    assert (code, place in said, "'recruitment.deception'" in said) == (1, True, True)


def test_a_bad_date_is_refused_with_its_row_and_how_to_write_it(study, typed):
    path = study.root / SURINAME / "interviews.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    month = first.split(",")[header.split(",").index("date_month")]
    path.write_text("\n".join([header, first.replace(month, "13/2004", 1), *rest]) + "\n")
    code, said = typed("check")

    place = f"{SURINAME}/interviews.csv, row 2, column 'date_month'"
    assert (code, place in said, "2005-03" in said) == (1, True, True)


def test_an_unknown_country_is_offered_the_nearest_one(typed):
    code, said = typed("run", "surinam")

    assert (code, "Did you mean 'suriname'?" in said) == (1, True)


def test_a_duplicate_id_is_refused_with_both_rows(study, typed):
    path = study.root / SURINAME / "interviews.csv"
    header, first, second, *rest = path.read_text(encoding="utf-8").splitlines()
    doubled = ",".join([first.split(",")[0], *second.split(",")[1:]])
    path.write_text("\n".join([header, first, doubled, *rest]) + "\n", encoding="utf-8")
    code, said = typed("check")

    assert (code, "row 2, column 'id'" in said, "row 3, column 'id'" in said) == (1, True, True)


def test_a_wrong_offset_in_a_log_is_refused_with_its_line(study, typed):
    log = a_log(study)
    change_line(log, 2, start=10_000_000, end=10_000_009)
    code, said = typed("check")

    assert (code, f"{log.name}, line 2" in said) == (1, True)


def test_a_quote_that_is_not_in_the_transcript_is_refused_with_its_line(study, typed):
    log = a_log(study)
    line = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
    change_line(log, 1, words=line["words"] | {"quote": "x" * len(line["words"]["quote"])})
    code, said = typed("check")

    assert (code, f"{log.name}, line 1" in said) == (1, True)


def test_a_torn_last_line_is_reported_and_not_fatal(study, typed):
    log = a_log(study)
    torn = log.read_bytes()[:-40]
    log.write_bytes(torn)
    code, said = typed("check")

    last = torn.count(b"\n") + 1
    assert (code, f"{log.name}, line {last}" in said, log.read_bytes()) == (1, True, torn)


def test_codes_that_merge_in_a_circle_are_refused(study, typed):
    path = study.root / "instruments" / "codebook.toml"
    for one, other in (("begging", "organ_removal"), ("organ_removal", "begging")):
        head = f'[codes."exploitation.{one}"]\n'
        change(path, head, f'{head}merged_into = "exploitation.{other}"\n')
    code, said = typed("check")

    assert (code, "instruments/codebook.toml" in said, "exploitation.begging" in said) == (
        1,
        True,
        True,
    )


def test_a_csv_in_latin_1_is_refused_with_its_line_and_the_cure(study, typed):
    path = study.root / "research/countries/belize/law.csv"
    text = (
        path.read_text(encoding="utf-8")
        + "law,Código Penal"
        + "," * (path.read_text(encoding="utf-8").split("\n", 1)[0].count(",") - 1)
    )
    path.write_bytes(text.encode("latin-1", errors="replace"))
    code, said = typed("check")

    assert (code, "belize/law.csv, line" in said, "CSV UTF-8" in said) == (1, True, True)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_as_spreadsheets_write_it_is_read_as_equal(study, typed, mark, end):
    path = study.root / "research/countries/suriname/indicators.csv"
    text = path.read_text(encoding="utf-8").replace(",", ";").replace("\n", end)
    path.write_text(mark + text, encoding="utf-8", newline="")

    assert typed("check")[0] == 0


def test_an_empty_file_is_refused(study, typed):
    (study.root / SURINAME / "media.csv").write_text("")
    code, said = typed("check")

    assert (code, f"{SURINAME}/media.csv" in said, "empty" in said) == (1, True, True)


def test_a_missing_folder_is_refused_with_the_list_it_stands_in(study, typed):
    shutil.rmtree(study.root / "research/countries/belize")
    code, said = typed("check")

    assert (code, "study.toml, countries" in said, "belize" in said) == (1, True, True)


def test_all_problems_of_a_step_come_together(study, typed):
    change_line(a_log(study), 1, code="recruitment.deceptio")
    (study.root / SURINAME / "media.csv").write_text("")
    change(study.root / "instruments/legal-review.toml", "look_for.en", "lok_for.en")
    code, said = typed("check")

    assert (code, "codings/" in said, "media.csv" in said, "legal-review.toml" in said) == (
        1,
        True,
        True,
        True,
    )


def test_problems_are_also_printed_as_json(study, typed):
    (study.root / SURINAME / "media.csv").write_text("")
    _, said = typed("check", "--json")

    assert {"where", "what", "fix"} == set(json.loads(said)["problems"][0])


def test_a_notebook_that_raises_is_named_with_its_cell_and_leaves_nothing_half_written(
    study, typed
):
    path = study.root / "research" / "media.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][-1]["source"] = "1 / 0"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    code, said = typed("run", "suriname")

    kept = sorted(p.name for p in (study.build / "suriname").iterdir())
    assert (code, "research/media.ipynb, cell" in said, "ZeroDivisionError" in said) == (
        1,
        True,
        True,
    )
    assert "media" not in kept


def test_a_chapter_with_an_unresolved_reference_is_refused_with_its_line(built_copy, monkeypatch):
    monkeypatch.chdir(built_copy.root)
    chapter = built_copy.reports / "trial" / "index.qmd"
    change(chapter, "See @tbl-flow.", "See @tbl-flows.")
    before = (built_copy.reports / "trial" / "_book" / "index.html").read_bytes()
    done = CliRunner().invoke(app, ["render", "trial"])

    after = (built_copy.reports / "trial" / "_book" / "index.html").read_bytes()
    assert (done.exit_code, "reports/trial/index.qmd, line 11" in done.output) == (1, True)
    assert after == before


def test_outside_a_study_the_message_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["check"])

    assert (done.exit_code, "research/study.toml" in done.output) == (1, True)


def test_wrong_usage_ends_with_2(typed):
    assert typed("run", "--quickly")[0] == 2


def test_an_issue_of_invented_evidence_is_refused(built_copy, monkeypatch):
    monkeypatch.chdir(built_copy.root)
    done = CliRunner().invoke(app, ["render", "trial", "--final"])

    assert (done.exit_code, "suriname" in done.output, "invented" in done.output) == (
        1,
        True,
        True,
    )


def test_no_problem_names_a_path_of_the_machine(study, typed):
    (study.root / SURINAME / "media.csv").write_text("")
    _, said = typed("check")

    assert os.fspath(study.root) not in said


def test_a_line_that_breaks_the_rule_of_a_record_is_told_in_words(study, typed):
    log = a_log(study)
    change_line(log, 1, start=-3)
    code, said = typed("check")

    assert (code, f"{log.name}, line 1\n  this is not right: it needs 'v'" in said) == (1, True)


@pytest.mark.parametrize("name", ["indicaters.csv", "law.xls"])
def test_a_spreadsheet_that_nothing_reads_is_refused(study, typed, name):
    (study.root / SURINAME / name).write_text("a\n1\n")
    code, said = typed("check")

    assert (code, f"{SURINAME}/{name}" in said, "Did you mean" in said) == (1, True, True)


def test_an_empty_transcript_is_refused_by_its_name(study, typed):
    path = sorted((study.root / SURINAME / "interviews").glob("*.txt"))[0]
    path.write_text("")
    code, said = typed("check")

    assert (code, f"{SURINAME}/interviews/{path.name}" in said) == (1, True)


def test_a_shortcode_that_is_not_whole_is_refused_with_its_line(built_copy, monkeypatch):
    monkeypatch.chdir(built_copy.root)
    chapter = built_copy.reports / "trial" / "index.qmd"
    change(chapter, "See @tbl-flow.", "See {{< var suriname.mark")
    done = CliRunner().invoke(app, ["render", "trial"])

    assert (done.exit_code, "trial/index.qmd, line 11" in done.output) == (1, True)


@pytest.mark.parametrize("command", [["render", "trial"], ["verify", "trial"]])
def test_a_released_file_that_a_merge_left_torn_is_named(built_copy, monkeypatch, command):
    monkeypatch.chdir(built_copy.root)
    path = built_copy.reports / "trial/released/suriname/media/findings.json"
    path.write_text("<<<<<<< ours\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    done = CliRunner().invoke(app, command)

    assert (done.exit_code, "suriname/media/findings.json" in done.output) == (1, True)
    assert "ctresearch release trial" in done.output


def test_a_report_is_found_by_its_path_too(built_copy, monkeypatch):
    monkeypatch.chdir(built_copy.root)
    done = CliRunner().invoke(app, ["render", "reports/trial/", "--to", "html"])

    assert (done.exit_code, "reports/trial/_book/index.html" in done.output) == (0, True)


def test_quarto_where_it_is_not_installed_is_refused(built_copy, monkeypatch):
    monkeypatch.chdir(built_copy.root)
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(app, ["render", "trial", "--with", "quarto"])

    assert (done.exit_code, "quarto is not installed here" in done.output) == (1, True)


def test_a_notebook_whose_parameters_nobody_can_set_is_refused(study, typed):
    path = study.root / "research" / "media.ipynb"
    change(path, '"parameters"', '"parameter"')
    code, said = typed("run", "suriname")

    assert (code, "research/media.ipynb" in said, "'parameters'" in said) == (1, True, True)


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": [{"cell_type": "code"}]}'])
def test_a_notebook_that_is_none_is_refused(study, typed, content):
    (study.root / "research" / "media.ipynb").write_text(content)
    code, said = typed("run", "suriname")

    assert (code, "research/media.ipynb\n  this is not a notebook" in said) == (1, True)


def test_an_interrupted_command_says_what_is_kept(capsys):
    with pytest.raises(KeyboardInterrupt), told():
        raise KeyboardInterrupt

    assert "Stopped." in capsys.readouterr().err


def test_a_file_that_another_program_holds_is_a_problem_without_its_path(capsys):
    with pytest.raises(typer.Exit), told():
        raise PermissionError(13, "denied", "/somewhere/else/Report.docx")

    said = capsys.readouterr().err
    assert ("Report.docx" in said, "/somewhere" in said) == (True, False)
