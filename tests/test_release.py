"""Release: nothing leaves unless everything may."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ctresearch import evidence
from ctresearch.disclosure import protect
from ctresearch.findings import Finding, record
from ctresearch.problems import ResearchError
from ctresearch.release import release, strip
from ctresearch.study import Study
from ctresearch.tables import write_table
from ctresearch.values import Band, Count, Estimate, Withheld

STUDY = """
title = "A trial"
publisher = "Nobody"
edition = "2005"
languages = ["en", "es"]
countries = ["guyana", "suriname"]
[thresholds]
informant = { bands = [1, 5, 10, 20], percent_from = 30 }
respondent = { fewest = 10, percent_from = 30 }
article = {}
[notebooks.interviews]
each = "programme"
streams = ["interview"]
[notebooks.law]
each = "countries"
streams = ["legal"]
"""
COUNTRY = """
name = "{name}"
iso3 = "{iso3}"
programme = true
evidence = "invented"
languages = ["en"]
tile = [1, 0]
"""
TURNS = """\
I: Could you tell me in your own words what trafficking is?
R: They promised her a place at the counter of a shop and took her passport on the first evening.
R: I would rather not say more about that.
"""
BOTH = "{programme: [interviews], countries: [law]}"
DECEPTION = Finding(
    id="guyana.deception",
    says={"en": "{informants} spoke of deception.", "es": "{informants} hablaron de engaño."},
    values={"informants": Band(5, 9)},
    rests_on=("themes.csv#recruitment.deception", "@iom2005"),
    streams=("interview",),
    age_scope="both",
    design="purposive",
    invented=True,
)
SIGNED = Finding(
    id="guyana.signed",
    says="Guyana has signed.",
    values={},
    rests_on=("country.toml",),
    streams=("legal",),
    age_scope="unknown",
    design="admin",
)


def informant(**changed):
    """A row of interviews.csv."""
    row = {
        "id": "GUY-KI-01",
        "date_month": "2004-07",
        "sector": "ngo",
        "role_band": "staff",
        "sex": "female",
        "age_band": "30-44",
        "mode": "in_person",
        "language": "en",
        "interpreter": "no",
        "consent": "analysis verbatim_quote",
        "script_version": "1",
        "withdrawn_on": "",
        "definition_asked_first": "yes",
        "own_definition_turn": "2",
        "respondent": "key_informant",
        "ethics_approval": "",
        "referral_contact": "",
    }
    return pd.DataFrame([row | changed])[evidence.INTERVIEWS.columns]


def cell(*outputs, source="1"):
    return {
        "cell_type": "code",
        "id": "b81f",
        "metadata": {"papermill": {"start_time": "2026-11-22T10:00:00"}, "tags": []},
        "source": source,
        "execution_count": 1,
        "outputs": list(outputs),
    }


def displayed(**data):
    """An output of a cell; `text_html` is 'text/html'."""
    kinds = {kind.replace("_", "/", 1): shown for kind, shown in data.items()}
    return {"output_type": "display_data", "metadata": {"a": 1}, "data": kinds}


def drawn(svg):
    packed = base64.b64encode(svg.encode()).decode()
    return displayed(text_html=f'<img alt="" src="data:image/svg+xml;base64,{packed}">')


def ran(study, place, notebook, *cells, findings=()):
    """Leave in build/ what a run leaves."""
    folder = study.build / place / notebook
    folder.mkdir(parents=True, exist_ok=True)
    content = {"cells": list(cells), "metadata": {"papermill": {"output_path": "/tmp/x.ipynb"}}}
    (folder / f"{notebook}.ipynb").write_text(json.dumps(content))
    (folder / "run.json").write_text('{"notebook": "' + notebook + '"}\n')
    for finding in findings:
        record(finding, folder)
    return folder


@pytest.fixture
def study(tmp_path):
    """Two invented countries whose notebooks have run, and a report that asks for them."""
    research = tmp_path / "research"
    for name, iso3 in [("Guyana", "GUY"), ("Suriname", "SUR")]:
        folder = research / "countries" / name.lower()
        (folder / "interviews").mkdir(parents=True)
        (folder / "country.toml").write_text(COUNTRY.format(name=name, iso3=iso3))
        write_table(informant(id=f"{iso3}-KI-01"), folder / "interviews.csv")
        (folder / "interviews" / f"{iso3}-KI-01.txt").write_text(TURNS.replace("her", iso3))
    (research / "study.toml").write_text(STUDY)
    for notebook in ("interviews", "law"):
        (research / f"{notebook}.ipynb").write_text("{}")
    (research / "references.bib").write_text("@report{iom2005,\n  title = {A report}\n}\n")
    small = Study(tmp_path)
    asked(small, BOTH)
    for place in ("guyana", "suriname"):
        named = replace(DECEPTION, id=f"{place}.deception")
        folder = ran(small, place, "interviews", cell(), findings=[named])
        themes = pd.DataFrame({"code": ["recruitment.deception"], "informants": [7]})
        write_table(themes, folder / "themes.csv")
        rules = small.file.thresholds
        safe = protect(themes, unit="informant", rules=rules)
        write_table(safe.table, folder / "shared" / "themes-table.csv")
        ran(small, place, "law", cell(), findings=[replace(SIGNED, id=f"{place}.signed")])
    return small


def asked(study, what):
    folder = study.reports / "trial"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_quarto.yml").write_text(
        f"project: {{type: book}}\nctresearch: {{release: {what}}}\n"
    )


def there(study):
    """Every file of the report, with its content."""
    folder = study.reports / "trial"
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "_quarto.yml"]
    return {
        name: path.read_text()
        for name, path in sorted((p.relative_to(folder).as_posix(), p) for p in files)
    }


def refused(study):
    """What the gate says, one line a problem; nothing has been written then."""
    with pytest.raises(ResearchError) as error:
        release(study, "trial")

    assert there(study) == {}
    return "\n".join(f"{p.where}: {p.what} -> {p.fix}" for p in error.value.problems)


def variables(study, language=""):
    return yaml.safe_load((study.reports / "trial" / f"_variables{language}.yml").read_text())


def change(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_what_passed_the_gate_lies_where_the_report_reads_it(study):
    release(study, "trial")

    assert [name for name in there(study) if "suriname" not in name] == [
        "_variables-es.yml",
        "_variables.yml",
        "released/cells.jsonl",
        "released/guyana/interviews.ipynb",
        "released/guyana/interviews/findings.json",
        "released/guyana/interviews/run.json",
        "released/guyana/interviews/themes-table.csv",
        "released/guyana/law.ipynb",
        "released/guyana/law/findings.json",
        "released/guyana/law/run.json",
        "released/references.bib",
    ]


def test_whole_tables_stay_on_this_machine(study):
    release(study, "trial")

    assert "recruitment.deception,7" not in "".join(there(study).values())


def test_a_finding_and_its_values_become_variables(study):
    release(study, "trial")

    assert variables(study)["guyana"]["deception"] == {
        "says": "5 to 9 spoke of deception. [invented evidence]",
        "informants": "5 to 9",
    }


def test_variables_are_written_in_each_language_of_the_study(study):
    release(study, "trial")

    assert variables(study, "-es")["guyana"]["deception"] == {
        "says": "5 a 9 hablaron de engaño. [datos inventados]",
        "informants": "5 a 9",
    }


def test_a_report_with_invented_evidence_is_branded(study):
    release(study, "trial")
    found = variables(study)

    assert (found["guyana"]["mark"], found["brand"]["mark"], found["brand"]["page"][:17]) == (
        "Invented evidence.",
        "Invented evidence.",
        "Invented evidence",
    )


def test_a_report_of_real_facts_is_not_branded(study):
    asked(study, "{countries: [law]}")
    release(study, "trial")
    found = variables(study)

    assert (found["guyana"]["mark"], found["brand"]["page"]) == ("Field evidence.", "")


def test_every_value_is_quoted_so_that_no_word_is_taken_for_a_truth_value(study):
    release(study, "trial")
    lines = there(study)["_variables.yml"].splitlines()

    assert [line for line in lines if not line.endswith(('"', ":"))] == []


def test_what_execution_stamped_on_a_notebook_is_gone():
    found = strip({"cells": [cell(displayed(text_plain=["a", "b"]))], "metadata": {"x": 1}})

    assert found["cells"] == [
        {
            "cell_type": "code",
            "id": "cell-1",
            "metadata": {},
            "source": "1",
            "execution_count": 1,
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "ab"}}
            ],
        }
    ]


def test_what_was_printed_in_pieces_is_one_output():
    parts = [{"output_type": "stream", "name": "stdout", "text": [w]} for w in ("One. ", "Two.")]
    (kept,) = strip({"cells": [cell(*parts)]})["cells"]

    assert [output["text"] for output in kept["outputs"]] == ["One. Two."]


def test_a_second_release_touches_no_file(study):
    release(study, "trial")
    before = {p: p.stat().st_mtime_ns for p in study.reports.rglob("*") if p.is_file()}
    again = release(study, "trial")

    assert again.written == ()
    assert {p: p.stat().st_mtime_ns for p in study.reports.rglob("*") if p.is_file()} == before


def test_only_what_changed_is_written_again(study):
    release(study, "trial")
    record(replace(SIGNED, says="Guyana signed."), study.build / "guyana" / "law")

    assert [path.name for path in release(study, "trial").written] == [
        "_variables-es.yml",
        "_variables.yml",
        "findings.json",
    ]


def test_what_is_no_longer_asked_for_is_taken_back(study):
    release(study, "trial")
    asked(study, "{programme: [interviews]}")
    release(study, "trial")

    assert [name for name in there(study) if "law" in name] == []


def test_a_notebook_that_has_not_run_is_named_with_the_command_that_runs_it(study):
    (study.build / "guyana" / "law" / "run.json").unlink()

    assert "build/guyana/law: the notebook has not run -> Run it: ctresearch run guyana" in refused(
        study
    )


def test_everything_that_may_not_leave_is_told_at_once(study):
    (study.build / "guyana" / "law" / "run.json").unlink()
    (study.build / "suriname" / "law" / "run.json").unlink()

    assert refused(study).count("has not run") == 2


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("{programme: [interview]}", "Did you mean 'interviews'?"),
        ("{contries: [law]}", "Did you mean 'countries'?"),
        ("[law]", "does not say what it releases"),
    ],
)
def test_a_report_that_asks_for_what_there_is_not_is_offered_the_nearest(study, what, said):
    asked(study, what)

    assert said in refused(study)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Count(7, "informant"), "may not be shown: say '5 to 9'"),
        (Band(7, 7), "may not be shown: not a band here"),
        (Count(9, "respondent"), "may not be shown: below 10"),
        (Count(9, "artcle"), "Did you mean 'article'?"),
        (
            Estimate(0.5, 0.3, 0.7, 29, "respondent", "probability"),
            "a percentage of fewer than 30",
        ),
    ],
)
def test_a_value_that_is_not_safe_is_refused(study, value, said):
    unsafe = replace(SIGNED, values={"informants": value})
    record(unsafe, study.build / "guyana" / "law")

    assert said in refused(study)


@pytest.mark.parametrize(
    "value", [Withheld("respondent", "below 10"), Count(10, "respondent"), Count(1, "article")]
)
def test_a_value_that_is_safe_passes(study, value):
    record(replace(SIGNED, values={"n": value}), study.build / "guyana" / "law")

    assert release(study, "trial").written


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "suriname.signed2"}, "Begin its id with 'guyana.'"),
        ({"id": "guyana.deception"}, "interviews.ipynb records it too"),
        ({"rests_on": ("@iom2006",)}, "Did you mean 'iom2005'?"),
        ({"rests_on": ("theme.csv",)}, "rests on 'theme.csv', which is not there"),
        (
            {"rests_on": ("interviews/themes.csv#recruitment.deceit",)},
            "Did you mean 'recruitment.deception'?",
        ),
        ({"invented": True}, "its evidence is real"),
    ],
)
def test_a_finding_that_does_not_hold_is_refused(study, changed, said):
    record(replace(SIGNED, **changed), study.build / "guyana" / "law")

    assert said in refused(study)


def test_a_finding_on_invented_evidence_must_say_so(study):
    record(replace(DECEPTION, invented=False), study.build / "guyana" / "interviews")

    assert "rests on invented evidence and does not say so" in refused(study)


def test_a_legal_fact_beside_invented_evidence_is_not_branded(study):
    record(replace(SIGNED, id="guyana.law"), study.build / "guyana" / "interviews")

    assert release(study, "trial").written


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "error", "ename": "KeyError", "evalue": "", "traceback": []},
        {"output_type": "stream", "name": "stdout", "text": ["14\n"]},
        {"output_type": "stream", "name": "stdout", "text": "  outlet  words\n2  Daily  310\n"},
        displayed(text_plain="['a headline', 'another']"),
        displayed(text_plain="'Guyana has signed 14 of them.'"),
        displayed(text_plain="14"),
        displayed(text_plain="np.int64(14)"),
        displayed(text_plain="ngo    3\nName: count, dtype: int64"),
        displayed(text_html='<table border="1" class="dataframe"><tr></tr></table>'),
        displayed(text_html='<table id="T_1f"><tr><td class="data row0">14</td></tr></table>'),
        displayed(text_html="<table><tr><td>14</td></tr></table>"),
        displayed(text_html="<p>14 of them</p>"),
        displayed(text_html="<script>alert()</script>"),
        displayed(text_html='<img src="https://example.org/a.png">'),
        displayed(text_plain="A chart.", image_png="iVBORw0KGgo="),
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/vnd.vegalite.v5+json": {"data": {"values": [1]}}},
        },
    ],
)
def test_an_output_that_may_not_leave_is_named_by_its_cell(study, output):
    ran(study, "guyana", "law", cell(), cell(output))

    assert "build/guyana/law/law.ipynb, cell 2" in refused(study)


def test_a_safe_table_a_chart_and_a_sentence_pass(study):
    counted = pd.DataFrame({"theme": ["Debt & <i>deceit</i>"], "n": [3]})
    safe = protect(counted, unit={"n": "article"}, rules=study.file.thresholds)
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": safe._repr_mimebundle_()},
        drawn("<svg><text>Debt</text></svg>"),
        displayed(text_plain="'Guyana has signed.'"),
        {"output_type": "stream", "name": "stdout", "text": "Guyana has signed.\n"},
        displayed(text_plain="Country('guyana')"),
    ]
    ran(study, "guyana", "law", cell(*outputs))

    assert release(study, "trial").written


HEARD = "promised GUY a place at the counter of a shop"


@pytest.mark.parametrize(
    "shown",
    [
        cell(displayed(text_plain=HEARD)),
        cell(
            displayed(text_html=f"<table><td>PROMISED GUY a <b>place</b> {HEARD[20:]}</td></table>")
        ),
        cell(drawn(f"<svg><desc>{HEARD}</desc></svg>")),
        cell(source=f"# {HEARD}"),
    ],
)
def test_words_an_informant_said_never_leave(study, shown):
    ran(study, "guyana", "law", shown)

    assert "words of the turn GUY-KI-01:2 are in it" in refused(study)


def test_words_of_another_countrys_informant_never_leave_either(study):
    ran(study, "suriname", "law", cell(displayed(text_plain=HEARD)))

    assert "build/suriname/law/law.ipynb, cell 1: words of the turn GUY-KI-01:2" in refused(study)


ALIKE = TURNS.splitlines()[1] + " She said that nobody at home had ever heard of the shop."


def tell(study, key, iso3, *answers):
    """Put an interview in a country in which the informant said all this."""
    folder = study.research / "countries" / key
    told = "".join(f"R: {answer.removeprefix('R: ')}\n" for answer in answers)
    (folder / "interviews" / f"{iso3}-KI-01.txt").write_text(told)
    write_table(informant(id=f"{iso3}-KI-01", own_definition_turn="1"), folder / "interviews.csv")


@pytest.mark.parametrize(("key", "iso3"), [("guyana", "GUY"), ("suriname", "SUR")])
def test_words_said_in_two_countries_are_those_of_the_country_the_run_is_about(study, key, iso3):
    tell(study, "guyana", "GUY", ALIKE)
    tell(study, "suriname", "SUR", ALIKE)
    ran(study, key, "law", cell(displayed(text_plain=ALIKE)))

    assert refused(study).count("words of the turn") == 1
    assert f"words of the turn {iso3}-KI-01:1 are in it" in refused(study)


def test_a_turn_that_leaked_whole_is_not_put_down_to_one_that_begins_alike(study):
    tell(study, "guyana", "GUY", TURNS.splitlines()[1])
    tell(study, "suriname", "SUR", ALIKE)
    ran(study, "guyana", "law", cell(displayed(text_plain=ALIKE)))

    assert "SUR-KI-01:1" in refused(study)
    assert "GUY-KI-01:1" not in refused(study)


def test_the_interviewers_question_may_be_printed(study):
    ran(study, "guyana", "law", cell(source=f"# {TURNS.splitlines()[0]}"))

    assert release(study, "trial").written


def quote(study, **consent):
    """Record a finding that quotes what GUY-KI-01 said, with this consent."""
    write_table(informant(**consent), study.research / "countries" / "guyana" / "interviews.csv")
    quoting = replace(
        DECEPTION, id="guyana.quote", says=f"“They {HEARD}.”", quotes=("GUY-KI-01:2",)
    )
    record(quoting, study.build / "guyana" / "interviews")


def test_an_informant_who_agreed_to_it_may_be_quoted(study):
    quote(study)

    assert release(study, "trial").written


@pytest.mark.parametrize(
    "consent", [{"consent": "analysis paraphrase"}, {"withdrawn_on": "2005-02-01"}]
)
def test_a_quote_without_consent_or_after_its_withdrawal_is_refused(study, consent):
    quote(study, **consent)

    assert "GUY-KI-01:2 may not be quoted word by word (R1)" in refused(study)


@pytest.mark.parametrize(
    "trace", ["/home/miriam/thesis.csv", r"C:\Users\miriam", "file:///tmp/kept/notes.txt"]
)
def test_an_absolute_path_is_refused_wherever_it_stands(study, trace):
    change(study.build / "guyana" / "interviews" / "shared" / "themes-table.csv", "5 to 9", trace)

    assert "themes-table.csv: " in refused(study)


def test_the_studys_own_folder_is_refused(study):
    ran(study, "guyana", "law", cell(displayed(text_plain=str(study.root / "x"))))

    assert "tells whose machine this is" in refused(study)


def test_the_users_name_is_refused_as_a_word_of_its_own(study, monkeypatch):
    monkeypatch.setenv("LOGNAME", "Miriam")
    ran(study, "guyana", "law", cell(displayed(text_plain="made by miriam.")))
    said = refused(study)
    ran(study, "guyana", "law", cell(source="# made by miriamne"))

    assert "'miriam' tells whose machine this is" in said
    assert release(study, "trial").written


@pytest.mark.skipif(len(socket.gethostname()) < 4, reason="this host's name is too short to tell")
def test_the_hosts_name_is_refused(study):
    ran(study, "guyana", "law", cell(displayed(text_plain=f"on {socket.gethostname()}")))

    assert "tells whose machine this is" in refused(study)


def test_pixels_are_not_read_as_words(study, monkeypatch):
    monkeypatch.setenv("LOGNAME", "iVBORw0KGgo")
    chart = drawn("<svg></svg>")
    chart["data"]["image/png"] = "iVBORw0KGgo/"
    ran(study, "guyana", "law", cell(chart))

    assert release(study, "trial").written


def test_release_never_writes_a_ledger(study):
    release(study, "trial")

    assert list(study.reports.glob("*.jsonl")) == []


def test_no_scratch_is_left_behind(study):
    release(study, "trial")
    left: list[Path] = [p for p in (study.reports / "trial").iterdir() if p.name.startswith(".")]

    assert left == []
