"""What coders who worked apart made of the same text: every unit counts, coded or not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctresearch import double, instruments, reliability, seals
from ctresearch.agreement import NOMINAL, alpha, alpha_u
from ctresearch.cli import app
from ctresearch.problems import ResearchError
from ctresearch.reliability import COLUMNS, Coded, by_code
from ctresearch.study import Study

ROOT = Path(__file__).parents[1]
UNITS = ("turn", "character", "interview")


def coded(spans, interviews, size=10, turns=6):
    """Codings as (interview, coder, code, start, end); interviews as {id: coders}.

    Each interview has turns of `size` characters; the first two and the last are not its words.
    """
    columns = ["interview", "coder", "code", "start", "end"]
    rows = [(one, n * size + 2, (n + 1) * size - 1) for one in interviews for n in range(turns)]
    held = {"coders": [tuple(who.split()) for who in interviews.values()]}
    index = pd.Index(list(interviews), name="interview")
    return Coded(
        pd.DataFrame(spans, columns=columns),
        pd.DataFrame(held, index=index).assign(characters=size * turns),
        pd.DataFrame(rows, columns=["interview", "start", "end"]),
    )


def table(of, unit="turn"):
    return by_code(of, unit, intervals=False)


def slow(of, unit, code):
    """The same as a frame of ratings, made character by character."""
    rows = []
    for interview, who, length in of.interviews.reset_index().itertuples(index=False):
        for coder in who:
            marked = np.zeros(length, dtype=bool)
            its = of.spans[
                (of.spans[["interview", "coder", "code"]] == [interview, coder, code]).all(axis=1)
            ]
            for start, end in zip(its["start"], its["end"], strict=True):
                marked[start:end] = True
            turns = of.turns[of.turns["interview"] == interview]
            parts = {
                "character": [[n, n + 1] for n in range(length)],
                "turn": turns[["start", "end"]].to_numpy().tolist(),
                "interview": [[0, length]],
            }[unit]
            rows += [
                (f"{interview} {n}", coder, int(marked[start:end].any()))
                for n, (start, end) in enumerate(parts)
            ]
    return pd.DataFrame(rows, columns=["unit", "coder", "value"])


def random_coded(seed):
    chance = np.random.default_rng(seed)
    interviews = {"A": "ap mk", "B": "ap mk", "C": "ap ls mk", "D": "ls mk"}
    spans = []
    for interview, who in interviews.items():
        for coder in who.split():
            for _ in range(chance.integers(0, 6)):
                start = int(chance.integers(0, 59))
                end = int(chance.integers(start + 1, min(start + 25, 60) + 1))
                spans.append((interview, coder, str(chance.choice(["x", "y"])), start, end))
    return coded(spans, interviews)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", range(8))
def test_counting_by_weights_gives_what_counting_one_by_one_does(unit, seed):
    of = random_coded(seed)
    found = table(of, unit)
    apart = []
    for code in of.codes:
        frame = slow(of, unit, code)
        if frame["value"].nunique() > 1:
            slowly = {name: coefficient(frame) for name, coefficient in NOMINAL.items()}
            slowly["alpha"] = alpha(frame)
            ours = found.loc[code, list(slowly)].astype(float)
            apart += [
                (code, name)
                for name, value in slowly.items()
                if not (math.isclose(ours[name], value, abs_tol=1e-9) or math.isnan(value))
            ]

    assert apart == []


def test_interviews_of_the_same_coders_are_one_continuum():
    spans = [("A", "ap", "x", 5, 20), ("A", "mk", "x", 5, 25), ("B", "mk", "x", 0, 7)]
    of = coded(spans, {"A": "ap mk", "B": "ap mk"})
    moved = [("ap", "x", 5, 20), ("mk", "x", 5, 25), ("mk", "x", 60, 67)]
    frame = pd.DataFrame(moved, columns=["coder", "category", "start", "end"])

    assert of.alpha_u()[0]["x"] == alpha_u(frame, 0, 120)[0]["x"]


def test_turns_that_nobody_coded_count():
    of = coded([("A", "ap", "x", 3, 6), ("A", "mk", "x", 23, 26)], {"A": "ap mk"})
    row = table(of).loc["x"]

    assert (row["units"], row["percent_agreement"]) == (6, 4 / 6)


def test_where_nobody_coded_anything_there_is_nothing_to_tell():
    of = coded([], {"A": "ap mk"})

    assert (len(table(of)), math.isnan(of.alpha_u()[1].alpha)) == (0, True)


def test_a_coding_over_two_turns_counts_in_both_and_one_over_a_line_end_in_one():
    of = coded([("A", "ap", "x", 3, 26), ("A", "mk", "y", 33, 41)], {"A": "ap mk"})

    assert table(of)["prevalence"].to_dict() == pytest.approx({"x": 3 / 12, "y": 1 / 12})


def test_a_coder_counts_only_for_the_interviews_assigned():
    of = coded([("B", "mk", "x", 3, 6)], {"A": "ap ls", "B": "ap mk"})

    assert table(of).loc["x", "percent_agreement"] == 11 / 12


def test_a_code_that_everybody_gave_everywhere_has_no_kappa():
    of = coded([("A", by, "x", 0, 60) for by in ("ap", "mk")], {"A": "ap mk"})
    row = table(of).loc["x"]

    assert [math.isnan(row[name]) for name in ("cohen_kappa", "alpha", "gwet_ac1")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("unit", ["turn", "character"])
@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.7])
def test_coders_who_mark_turns_at_random_do_not_agree_beyond_chance(unit, prevalence):
    chance, many = np.random.default_rng(5), 60_000
    starts = {by: 10 * np.flatnonzero(chance.random(many) < prevalence) for by in ("ap", "mk")}
    spans = [("A", by, "x", s, s + 10) for by, marked in starts.items() for s in marked.tolist()]
    row = table(coded(spans, {"A": "ap mk"}, turns=many), unit).loc["x"]

    assert max(abs(row[["cohen_kappa", "scott_pi", "conger_kappa", "alpha"]])) < 0.02


def test_the_interval_of_characters_draws_whole_turns():
    spans = [("A", by, "x", 10 * n, 10 * n + 10) for n in range(0, 60, 5) for by in ("ap", "mk")]
    spans += [("A", "ap", "x", 10 * n + 1, 10 * n + 10) for n in range(2, 60, 15)]
    of = coded(spans, {"A": "ap mk"}, turns=60)
    widths = [
        row["alpha_high"] - row["alpha_low"]
        for row in (by_code(of, unit).loc["x"] for unit in ("turn", "character"))
    ]

    assert widths[1] == pytest.approx(widths[0], abs=0.1)


# A country


@pytest.fixture
def typed(monkeypatch):
    """Type a command in the study as it ships; exit code and what was printed."""
    monkeypatch.chdir(ROOT)

    def type_(*words):
        done = CliRunner().invoke(app, ["agree", *map(str, words)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return type_


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_always_printed(typed, unit):
    code, said = typed("suriname", "--unit", unit)
    drawn_by = "turn" if unit == "character" else unit

    assert (code, f"Unit: {unit}" in said, f"each {drawn_by} drawn anew" in said) == (0, True, True)


def test_what_is_printed_fits_a_terminal_of_100_columns(typed):
    assert [line for line in typed("suriname")[1].splitlines() if len(line) > 100] == []


def test_json_has_every_figure_of_every_code_and_the_disagreements_worst_first(typed):
    found = json.loads(typed("suriname", "--json")[1])
    alphas = {row["code"]: row["alpha"] for row in found["codes"]}
    order = [alphas[one["code"]] for one in found["disagreements"]]

    assert (set(found["codes"][0]), found["unit"], order) == (set(COLUMNS), "turn", sorted(order))


def test_no_word_of_an_interview_is_printed(typed):
    text = (ROOT / "research/countries/suriname/interviews/SUR-KI-01.txt").read_text()
    words = text.split()
    said = typed("suriname")[1] + typed("suriname", "--json")[1]

    assert [n for n in range(len(words) - 3) if " ".join(words[n : n + 4]) in said] == []


def unlock(study, interview, coder):
    country = study.country("suriname")
    log = country.folder / "codings" / f"{interview}.{coder}.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if '"op":"lock"' not in line))
    return country


def test_an_interview_that_one_has_not_locked_is_left_out_and_named(study):
    country = unlock(study, "SUR-KI-04", "mk")
    report = reliability.of_country(country, instruments.read_codebook(study), "turn")
    (left_out,) = report["left_out"]

    assert (left_out["where"], left_out["what"], "SUR-KI-04" in report["interviews"]) == (
        "SUR-KI-04",
        "not locked by mk",
        False,
    )


def test_where_nothing_is_locked_by_all_nothing_is_told(study):
    country = study.country("suriname")
    for interview in double.drawn(country):
        unlock(study, interview, "mk")
    with pytest.raises(ResearchError) as refused:
        reliability.of_country(country, instruments.read_codebook(study), "turn")

    assert len(refused.value.problems) == len(double.drawn(country))


def test_a_country_without_double_coding_is_told_how_to_draw(typed):
    code, said = typed("belize")

    assert (code, "--draw" in said) == (1, True)


def test_interviews_that_were_not_drawn_are_said_not_to_be_blind(study):
    country = study.country("suriname")
    (country.folder / "double.csv").unlink()
    report = reliability.of_country(country, instruments.read_codebook(study), "turn")

    assert report["not_blind"] == report["interviews"]


def test_the_shipped_figures_do_not_depend_on_the_day(typed):
    assert typed("suriname", "--json") == typed("suriname", "--json")


def test_a_faulty_log_is_refused_and_not_counted_without_its_line(study):
    country = study.country("suriname")
    with (country.folder / "codings/SUR-KI-04.mk.jsonl").open("a") as log:
        log.write('{"op": "add"}\n')
    with pytest.raises(ResearchError, match=r"SUR-KI-04\.mk\.jsonl, line"):
        reliability.of_country(country, instruments.read_codebook(study), "turn")


# Tables of ratings


def written(tmp_path, *rows, header="unit,coder,value"):
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_table_of_ratings_gives_the_known_numbers(typed, tmp_path):
    frame = pd.read_csv(ROOT / "tests/known/agreement_ratings.csv", dtype=str)
    one = frame[frame["example"] == "gwet2014_raw4raters"]
    one.to_csv(tmp_path / "ratings.csv", index=False)
    found = json.loads(typed("--ratings", tmp_path / "ratings.csv", "--json")[1])

    assert [found[name] for name in ("gwet_ac1", "fleiss_kappa", "conger_kappa", "alpha")] == (
        pytest.approx([0.77544, 0.76117, 0.76282, 0.74342], abs=1e-5)
    )


def test_what_is_not_defined_is_null_and_printed_so(typed, tmp_path):
    path = written(tmp_path, "1,ap,x", "1,mk,x", "2,ap,x", "2,mk,")
    found = json.loads(typed("--ratings", path, "--json")[1])

    assert (found["alpha"], "alpha                not defined" in typed("--ratings", path)[1]) == (
        None,
        True,
    )


def test_units_with_the_least_agreement_come_first(typed, tmp_path):
    rows = ["1,a,x", "1,b,x", "1,c,y", "2,a,x", "2,b,x", "2,c,x", "3,a,x", "3,b,y", "3,c,z"]
    found = json.loads(typed("--ratings", written(tmp_path, *rows), "--json")[1])

    assert [one["unit"] for one in found["disagreements"]] == ["3", "1"]


@pytest.mark.parametrize(
    ("rows", "level", "said"),
    [
        (["1,ap,x", "1,ap,y", "2,mk,x"], "nominal", ["row 3", "rated '1' before"]),
        (["1,ap,x", "1,mk,2"], "interval", ["row 2", "'x' has no interval"]),
        (["1,ap,-1", "1,mk,2"], "ratio", ["row 2", "0 or more"]),
        (["1,ap,'1,5'", "1,mk,2"], "interval", ["row 2"]),
        ([",ap,1", "1,,2"], "nominal", ["row 2", "row 3", "the cell is empty"]),
        (["1,ap,1", "2,ap,2"], "nominal", ["not two coders"]),
        (["1,ap,", "1,mk,"], "nominal", ["not two coders with values"]),
        ([], "nominal", ["not two coders"]),
    ],
)
def test_a_row_that_is_not_right_is_named(typed, tmp_path, rows, level, said):
    code, printed = typed("--ratings", written(tmp_path, *rows), "--level", level)

    assert (code, [words for words in said if words not in printed]) == (1, [])


def test_a_misspelt_heading_is_offered_the_right_one(typed, tmp_path):
    code, said = typed("--ratings", written(tmp_path, "1,ap,x", header="unit,coder,valeu"))

    assert (code, "Did you mean 'value'?" in said) == (1, True)


@pytest.mark.parametrize(
    "words",
    [(), ("suriname", "--ratings", "x.csv"), ("suriname", "--unit", "word"), ("--level", "odd")],
)
def test_wrong_usage_ends_with_two(typed, words):
    assert typed(*words)[0] == 2


def test_a_draw_is_written_and_told(study, monkeypatch):
    monkeypatch.chdir(study.root)
    (study.root / "research/countries/suriname/double.csv").unlink()
    words = ["agree", "suriname", "--draw", "0.25", "--coders", "ap,mk", "--seed", "7"]
    said = CliRunner().invoke(app, words).output

    assert [one in said for one in double.drawn(Study(study.root).country("suriname"))] == [
        True
    ] * 4


def test_a_country_with_sealed_transcripts_has_the_same_figures(study, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(seals.KEYS, raising=False)
    country, book = study.country("suriname"), instruments.read_codebook(study)
    as_open = reliability.of_country(country, book, "turn")
    half = seals.new_key()
    for path in (country.folder / "interviews").glob("*.txt"):
        seals.sealed(path).write_bytes(seals.seal_bytes(path.read_bytes(), [half]))
        path.unlink()
    for log in (country.folder / "codings").glob("*.jsonl"):
        lines = [json.loads(raw) for raw in log.read_text(encoding="utf-8").splitlines()]
        sealed = [
            one | {"words": seals.seal_words(json.dumps(one["words"]), [half])} for one in lines
        ]
        log.write_text("".join(json.dumps(one) + "\n" for one in sealed), encoding="utf-8")

    assert reliability.of_country(country, book, "turn") == as_open
