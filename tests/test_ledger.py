"""The ledger: what was issued, and what a new table would give away of it."""

from __future__ import annotations

import json
from dataclasses import replace

import nbformat
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctresearch import ledger
from ctresearch.cli import app
from ctresearch.disclosure import protect
from ctresearch.problems import Problem, ResearchError
from ctresearch.study import Threshold

RULES = {"respondent": Threshold(fewest=10), "informant": Threshold(bands=(1, 5, 10, 20))}

NOTEBOOK = """\
edition = "2005"
---
import pandas as pd

from ctresearch.case import open_study
from ctresearch.disclosure import protect

region = open_study("count")
counts = pd.read_csv(region.study.research / "counts.csv", index_col="country")
---
#| label: count-table
region.share("count-table", protect(counts, unit="respondent", rules=region.rules))
"""
PLAN = """
[notebooks.count]
each = "study"
uses = ["research/counts.csv"]
"""
CHAPTER = """\
# The region

::: {#tbl-count}
{{< embed released/study/count.ipynb#count-table >}}

Adults who answered.
:::

See @tbl-count.
"""


def issued(counts, name="region/count/table", edition="", over=None, about=None, **more):
    """A line of the ledger: counts of respondents by country; without an edition, a draft."""
    table = pd.DataFrame({"respondents": counts.values()}, pd.Index(list(counts), name="country"))
    safe = protect(table, unit="respondent", rules=RULES, over=over, **more)
    line = ledger.entry(name, safe, about or {}, RULES)
    return replace(line, edition=edition, report="assessment" if edition else "")


def total(people, countries, edition="", name="region/count/total"):
    """A line of one number: the respondents of several countries."""
    table = pd.DataFrame({"respondents": [people]})
    safe = protect(
        table, unit="respondent", rules=RULES, over={"country": countries} if countries else {}
    )
    line = ledger.entry(name, safe, {}, RULES)
    return replace(line, edition=edition, report="assessment" if edition else "")


def told(before, new):
    return [problem.what for problem in ledger.differences(before, new, RULES).found]


SEVEN = [
    "Bahamas",
    "Barbados",
    "Guyana",
    "Jamaica",
    "Netherlands Antilles",
    "St. Lucia",
    "Suriname",
]
EIGHT = [*SEVEN, "Trinidad and Tobago"]


def test_edition_two_less_edition_one_is_refused_with_the_pair_named():
    first, second = total(700, SEVEN, edition="2005"), total(704, EIGHT)

    assert ledger.differences([first], [second], RULES).found[0] == (
        Problem(
            "ledger, region/count/total",
            "with region/count/total of assessment, edition 2005 it gives away "
            "Trinidad and Tobago: 4 respondents",
            ledger.CURE,
        )
    )


def test_a_country_that_is_told_of_may_be_added():
    assert told([total(700, SEVEN, edition="2005")], [total(800, EIGHT)]) == []


def test_a_few_more_of_the_same_people_are_too_few_to_tell():
    assert told([total(700, SEVEN, edition="2005")], [total(703, SEVEN)]) == [
        "less region/count/total of assessment, edition 2005 it gives away "
        f"{', '.join(SEVEN)}: 3 respondents"
    ]


def test_the_region_less_its_countries_is_refused():
    before = [
        issued({name: people}, f"{name}/count", edition="2005")
        for name, people in {"Bahamas": 40, "Barbados": 50, "Guyana": 4}.items()
    ]

    assert told(before, [total(94, ["Bahamas", "Barbados", "Guyana"])]) == [
        "with Bahamas/count of assessment, edition 2005 and Barbados/count of assessment, edition "
        "2005 it gives away Guyana: 4 respondents"
    ]


def test_a_part_and_the_rest_are_refused():
    whole = issued({"Bahamas": 40, "Barbados": 50, "Guyana": 4, "All": 94}, edition="2005")
    part = total(90, ["Bahamas", "Barbados"])

    assert told([whole], [part]) == [
        "with region/count/table of assessment, edition 2005 it gives away Guyana: 4 respondents"
    ]


def test_a_cell_withheld_for_the_sake_of_another_may_not_be_shown_later():
    withheld = issued({"Bahamas": 40, "Barbados": 50, "Guyana": 4, "All": 94}, edition="2005")
    later = issued({"Bahamas": 40, "Barbados": 50}, "region/other/table")

    assert "Guyana: 4 respondents" in told([withheld], [later])[0]


def test_the_same_table_again_gives_nothing_away():
    table = {"Bahamas": 40, "Barbados": 50, "Guyana": 4, "All": 94}

    assert told([issued(table, edition="2005")], [issued(table)]) == []


def test_tables_of_different_countries_do_not_add_up():
    before = issued({"north": 40, "south": 50, "All": 90}, edition="2005", about={"place": "a"})
    new = issued({"north": 41, "south": 52, "All": 93}, "b/count", about={"place": "b"})

    assert told([before], [new]) == []


def test_two_tables_of_one_release_are_held_against_each_other():
    strata = issued({"town": 40, "hills": 4}, partitions=["country"])

    assert "hills: 4 respondents" in told([], [strata, total(44, [], name="region/said")])[0]


def test_bands_that_an_exact_total_would_narrow_are_refused():
    table = pd.DataFrame({"informants": [1, 1]}, pd.Index(["police", "health"], name="sector"))
    safe = protect(table, unit="informant", rules=RULES, partitions=["sector"])
    bands = ledger.entry("a/sectors", safe, {}, RULES)
    exact = replace(
        bands,
        table="a/all",
        cells=(replace(bands.cells[0], low=2, high=2, width=1, people=frozenset()),),
    )

    assert "informants" in told([bands], [exact])[0]


def test_a_line_is_read_as_it_was_written(tmp_path):
    line = issued({"Bahamas": 40, "Barbados": 5, "All": 45}, edition="2005")
    path = tmp_path / "ledger.jsonl"
    path.write_text(ledger.write([line]))

    assert ledger.read(path, "ledger") == [line]


def test_a_torn_line_is_named(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"table": "a"\n')

    with pytest.raises(ResearchError, match="line 1"):
        ledger.read(path, "reports/ledger.jsonl")


# Through the command line: a throw-away study whose evidence is marked real.


@pytest.fixture
def typed(study, monkeypatch):
    """Type a command in a study of one real table; the exit code and all that was printed."""
    cells = [nbformat.v4.new_code_cell(source) for source in NOTEBOOK.split("---\n")]
    cells[0]["metadata"]["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), study.research / "count.ipynb")
    plan = study.research / "study.toml"
    kept, _, _ = plan.read_text(encoding="utf-8").partition("[notebooks.")
    plan.write_text(kept + PLAN, encoding="utf-8")
    country = study.country("suriname").folder / "country.toml"
    text = country.read_text(encoding="utf-8").replace('"invented"', '"real"', 1)
    country.write_text(text, encoding="utf-8")
    report = study.reports / "trial"
    (report / "index.qmd").write_text(CHAPTER, encoding="utf-8")
    config = (report / "_quarto.yml").read_text(encoding="utf-8")
    config = config.replace("programme: [interviews, media]", "study: [count]")
    (report / "_quarto.yml").write_text(config, encoding="utf-8")
    monkeypatch.chdir(study.root)

    def type_(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return type_


def drawn(study, counts):
    rows = "".join(f"{country},{people}\n" for country, people in counts.items())
    (study.research / "counts.csv").write_text("country,respondents\n" + rows)


def test_an_edition_that_gives_an_older_one_away_is_refused_and_the_pair_is_named(study, typed):
    drawn(study, {"Bahamas": 40, "Barbados": 50, "All": 90})
    first = [
        typed(*words)[0]
        for words in (
            ("run",),
            ("release", "trial"),
            ("render", "trial", "--to", "html", "--final", "--edition", "2005"),
        )
    ]
    before = (study.reports / "ledger.jsonl").read_bytes()
    drawn(study, {"Bahamas": 40, "Barbados": 50, "Guyana": 4, "All": 94})
    typed(
        "run",
    )
    code, said = typed("release", "trial")

    assert (first, code, (study.reports / "ledger.jsonl").read_bytes() == before) == (
        [0, 0, 0],
        1,
        True,
    )
    assert (
        "study/count/count-table\n  with study/count/count-table of trial, edition 2005 it gives "
        "away Guyana: 4 respondents" in said
    )


def test_only_a_final_rendering_enters_the_ledger_and_only_once(study, typed):
    drawn(study, {"Bahamas": 40, "Barbados": 5, "Guyana": 30, "All": 75})
    for words in (("run",), ("release", "trial"), ("render", "trial", "--to", "html")):
        typed(*words)
    path = study.reports / "ledger.jsonl"
    drafted = path.exists()
    for _ in range(2):
        typed("render", "trial", "--to", "html", "--final", "--edition", "2005")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    assert (drafted, [(line["table"], line["edition"]) for line in lines]) == (
        False,
        [("study/count/count-table", "2005")],
    )
