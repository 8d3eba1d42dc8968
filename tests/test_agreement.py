"""Agreement: the published numbers, and the same from a second hand by the definitions."""

from __future__ import annotations

import math
import os
from collections import Counter
from io import StringIO
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctresearch import agreement
from ctresearch.agreement import (
    NOMINAL,
    Ratings,
    alpha,
    alpha_u,
    bootstrap,
    cohen_kappa,
    conger_kappa,
    expected_agreement,
    fleiss_kappa,
    gwet_ac1,
    percent_agreement,
    positive_agreement,
    prevalence,
    ratings,
    scott_pi,
)
from ctresearch.problems import ResearchError

KNOWN = Path(__file__).parent / "known"
TABLES = 1000 if os.environ.get("CTRESEARCH_COUNTS") == "full" else 60
LEVELS = ("nominal", "ordinal", "interval", "ratio")
NEAR = 1e-9


def known(name):
    return pd.read_csv(KNOWN / f"agreement_{name}.csv", dtype=str, keep_default_na=False)


def drawn(text):
    """One row a unit, one column a coder; '.' is missing."""
    wide = pd.read_csv(StringIO(text.strip()), sep=r"\s+", dtype=str).replace(".", "")
    wide.insert(0, "unit", [str(n) for n in range(len(wide))])
    return wide.melt("unit", var_name="coder", value_name="value")


# What the literature prints

PRINTED = {
    **NOMINAL,
    "observed_agreement": percent_agreement,
    "expected_agreement": expected_agreement,
    "fleiss_kappa_missing": fleiss_kappa,
    **{f"alpha_{level}": lambda frame, level=level: alpha(frame, level) for level in LEVELS},
}


def computed(example, statistic):
    if not statistic.startswith("alphaU"):
        frame = known("ratings")
        return PRINTED[statistic](frame[frame["example"] == example])
    spans = known("spans")
    spans = spans[spans["example"] == example]
    begin, length = (int(spans[f"continuum_{of}"].iloc[0]) for of in ("start", "length"))
    by, whole = alpha_u(spans, begin, length)
    parts = statistic.split("_")
    of = whole if parts[-1] == "all" else by[parts[-1]]
    return {"Do": of.observed, "De": of.expected}.get(parts[1], of.alpha)


@pytest.mark.parametrize(
    ("example", "statistic", "value", "within"),
    [tuple(row)[:4] for row in known("expected").itertuples(index=False)],
)
def test_the_printed_value_comes_out(example, statistic, value, within):
    assert computed(example, statistic) == pytest.approx(float(value), abs=float(within))


# A second hand: loops over pairs and a coincidence matrix, straight from the definitions


def by_unit(frame):
    """unit → {coder: value}, missing ones left out."""
    found = {unit: {} for unit in frame["unit"]}
    for unit, coder, value in zip(frame["unit"], frame["coder"], frame["value"], strict=True):
        if value != "":
            found[unit][coder] = value
    return [of for of in found.values() if of]


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers) if numbers else math.nan


def observed(units):
    shares = (mean(a == b for a, b in permutations(of.values(), 2)) for of in units if len(of) > 1)
    return mean(shares)


def corrected(seen, chance):
    return (seen - chance) / (1 - chance) if abs(1 - chance) > 1e-12 else math.nan


def second(units, values):
    """Every nominal coefficient from its definition."""
    coders = sorted({coder for of in units for coder in of})
    share = {k: mean(mean(v == k for v in of.values()) for of in units) for k in values}
    own = {c: {k: mean(of[c] == k for of in units if c in of) for k in values} for c in coders}
    pairs = [sum(own[a][k] * own[b][k] for k in values) for a, b in permutations(coders, 2)]
    seen, q = observed(units), len(values)
    found = {
        "percent_agreement": seen,
        "fleiss_kappa": corrected(seen, sum(p * p for p in share.values())),
        "conger_kappa": corrected(seen, mean(pairs)),
        "brennan_prediger": corrected(seen, 1 / q),
        "gwet_ac1": math.nan
        if q < 2
        else corrected(seen, sum(p * (1 - p) for p in share.values()) / (q - 1)),
        "cohen_kappa": math.nan,
        "scott_pi": math.nan,
    }
    if len(coders) == 2:
        both = [of for of in units if len(of) == 2]
        table = Counter((of[coders[0]], of[coders[1]]) for of in both)
        n = len(both) or math.nan
        rows = {k: sum(table[k, other] for other in values) / n for k in values}
        columns = {k: sum(table[other, k] for other in values) / n for k in values}
        met = sum(table[k, k] for k in values) / n
        found["cohen_kappa"] = corrected(met, sum(rows[k] * columns[k] for k in values))
        middle = [((rows[k] + columns[k]) / 2) ** 2 for k in values]
        found["scott_pi"] = corrected(met, sum(middle))
    return found


def coincidences(units):
    found = Counter()
    for of in units:
        for a, b in permutations(of.values(), 2):
            found[a, b] += 1 / (len(of) - 1)
    return found


def squared_difference(level, a, b, margins):
    """Krippendorff (2011), section D."""
    if level == "nominal":
        return float(a != b)
    low, high = sorted((float(a), float(b)))
    if level == "ordinal":
        between = sum(n for value, n in margins.items() if low <= float(value) <= high)
        ends = sum(n for value, n in margins.items() if float(value) in (low, high))
        return (between - ends / 2) ** 2 if low < high else 0.0
    if level == "interval":
        return (high - low) ** 2
    return ((high - low) / (high + low)) ** 2 if high else 0.0


def second_alpha(units, level):
    matrix, margins = coincidences(units), Counter()
    for (a, _), times in matrix.items():
        margins[a] += times
    n = sum(margins.values())
    between = {(a, b): squared_difference(level, a, b, margins) for a in margins for b in margins}
    seen = sum(times * between[pair] for pair, times in matrix.items())
    chance = sum(margins[a] * margins[b] * between[a, b] for a in margins for b in margins)
    return 1 - (n - 1) * seen / chance if chance > 1e-12 else math.nan


def random_table(seed):
    """A table of some units, coders and values, with gaps; now and then of one value only."""
    chance = np.random.default_rng(seed)
    units, coders, values = chance.integers(1, 13), chance.integers(2, 6), chance.integers(1, 5)
    chosen = np.where(
        chance.random((units, coders)) < chance.choice([0.3, 0.8]),
        chance.integers(0, values, units)[:, None],
        chance.integers(0, values, (units, coders)),
    )
    missing = chance.random((units, coders)) < chance.choice([0, 0.2, 0.6])
    rows = [
        (f"u{u}", f"c{c}", "" if missing[u, c] else str(chosen[u, c] * 5))
        for u in range(units)
        for c in range(coders)
    ]
    return pd.DataFrame(rows, columns=["unit", "coder", "value"])


def same(ours, theirs):
    return (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) < NEAR


def test_a_second_implementation_agrees_on_random_tables():
    apart = []
    for seed in range(TABLES):
        frame = random_table(seed)
        units = by_unit(frame)
        if not any(len(of) > 1 for of in units):
            continue
        kept = frame[frame["coder"].isin({coder for of in units for coder in of})]
        values = sorted({value for of in units for value in of.values()})
        theirs = second(units, values)
        ours = {name: coefficient(kept) for name, coefficient in NOMINAL.items()}
        theirs |= {level: second_alpha(units, level) for level in LEVELS}
        ours |= {level: alpha(kept, level) for level in LEVELS}
        apart += [(seed, n, ours[n], theirs[n]) for n in ours if not same(ours[n], theirs[n])]

    assert apart == []


# Spans, from the definitions: sections of text, marked or not, each held against each


def sections(spans, begin, end):
    """(start, length, marked) of all that a coder's spans cut the continuum into."""
    at, found = begin, []
    for start, stop in sorted(spans):
        found += [(at, start - at, False)] if start > at else []
        found.append((start, stop - start, True))
        at = stop
    return [*found, (at, end - at, False)] if end > at else found


def unlike(b, length, v, c, other, w):
    """Krippendorff (2004), p. 253."""
    if v and w and -length < b - c < other:
        return (b - c) ** 2 + (b + length - c - other) ** 2
    if v and not w and other - length >= b - c >= 0:
        return length**2
    if not v and w and other - length <= b - c <= 0:
        return other**2
    return 0


def second_alpha_u(by_coder, begin, length):
    m = len(by_coder)
    cut = {coder: sections(spans, begin, begin + length) for coder, spans in by_coder.items()}
    seen = sum(
        unlike(*one, *other) for a, b in permutations(cut, 2) for one in cut[a] for other in cut[b]
    )
    units = [of for coder in cut for of in cut[coder] if of[2]]
    gaps = [of for coder in cut for of in cut[coder] if not of[2]]
    chance = 0.0
    for _, size, _ in units:
        chance += (len(units) - 1) / 3 * (2 * size**3 - 3 * size**2 + size)
        chance += size**2 * sum(gap - size + 1 for _, gap, _ in gaps if gap >= size)
    pairs = m * length * (m * length - 1) - sum(size * (size - 1) for _, size, _ in units)
    return seen / (m * (m - 1) * length**2), 2 / length * chance / pairs


def random_spans(seed):
    chance = np.random.default_rng(seed)
    begin, length = int(chance.integers(0, 50)), int(chance.integers(20, 300))
    found = {}
    for n in range(chance.integers(2, 5)):
        edges = begin + chance.choice(length + 1, 2 * chance.integers(0, 6), replace=False)
        found[f"c{n}"] = list(zip(*[iter(sorted(edges.tolist()))] * 2, strict=True))
    return begin, length, found


def test_a_second_implementation_agrees_on_random_spans():
    apart = []
    for seed in range(TABLES):
        begin, length, by_coder = random_spans(seed)
        rows = [(c, "x", *span) for c, spans in by_coder.items() for span in spans]
        if not rows:
            continue
        frame = pd.DataFrame(rows, columns=["coder", "category", "start", "end"])
        _, ours = alpha_u(frame, begin, length, by_coder)
        seen, chance = second_alpha_u(by_coder, begin, length)
        if not (same(ours.observed, seen) and same(ours.expected, chance)):
            apart.append((seed, ours, seen, chance))

    assert apart == []


def test_touching_spans_are_two_and_overlapping_ones_of_a_coder_are_one():
    rows = [("a", 0, 5), ("a", 5, 9), ("b", 0, 4), ("b", 3, 9)]
    frame = pd.DataFrame([(c, "x", *of) for c, *of in rows])
    frame.columns = ["coder", "category", "start", "end"]
    whole = alpha_u(frame, 0, 20)[1]

    assert (whole.observed, whole.expected) == pytest.approx(
        second_alpha_u({"a": [(0, 5), (5, 9)], "b": [(0, 9)]}, 0, 20)
    )


# Chance


@pytest.mark.parametrize("prevalence", [0.01, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("coders", [2, 5])
def test_coders_who_toss_coins_do_not_agree_beyond_chance(prevalence, coders):
    chosen = np.random.default_rng(7).random((200_000, coders)) < prevalence
    rows, alike = np.unique(chosen.astype(int), axis=0, return_counts=True)
    of = Ratings(rows, np.array([0, 1]), alike * 1.0)
    found = {name: NOMINAL[name](of) for name in ("fleiss_kappa", "conger_kappa")}
    found["alpha"] = alpha(of)
    if coders == 2:
        found |= {"cohen": cohen_kappa(of), "scott": scott_pi(of)}

    assert {name for name, value in found.items() if abs(value) >= 0.02} == set()


# What each coefficient means


def test_units_nobody_or_one_coder_rated_do_not_count_as_agreement():
    frame = drawn("""
        ap mk
        1  1
        0  1
        1  .
        .  .
    """)

    assert percent_agreement(frame) == 0.5


def test_where_all_is_one_value_chance_corrected_agreement_is_not_defined():
    frame = drawn("""
        ap mk
        1  1
        1  1
    """)
    found = [*(NOMINAL[name](frame) for name in NOMINAL), alpha(frame)]

    assert [math.isnan(value) for value in found] == [False] + [True] * 7


def test_values_nobody_chose_count_for_those_that_take_each_alike():
    frame = drawn("""
        ap mk
        1  1
        1  1
    """)
    of = ratings(frame, values=["0", "1"])

    assert (gwet_ac1(of), agreement.brennan_prediger(of)) == (1, 1)


def test_cohen_and_scott_are_for_two_coders():
    frame = drawn("""
        ap mk ls
        1  1  0
        0  0  0
    """)

    assert [math.isnan(of(frame)) for of in (cohen_kappa, scott_pi)] == [True, True]


def test_conger_of_two_is_cohen_and_fleiss_of_two_is_scott():
    frame = drawn("""
        ap mk
        1  1
        0  1
        2  2
        0  0
        1  2
    """)

    assert (conger_kappa(frame), fleiss_kappa(frame)) == pytest.approx(
        (cohen_kappa(frame), scott_pi(frame))
    )


def test_positive_agreement_is_of_those_who_chose_it():
    frame = drawn("""
        ap mk
        1  1
        1  0
        0  0
        0  0
    """)

    assert (positive_agreement(frame, "1"), prevalence(frame, "1")) == (2 / 3, 3 / 8)


def test_numbers_are_ranked_as_numbers_and_not_as_words():
    frame = drawn("""
        ap mk
        2  2
        9  10
        10 10
        2  9
    """)
    numbers = frame.assign(value=frame["value"].astype(float))

    assert [alpha(frame, level) for level in LEVELS] == pytest.approx(
        [alpha(numbers, level) for level in LEVELS]
    )


@pytest.mark.parametrize("missing", [None, float("nan"), "", pd.NA])
def test_a_missing_value_is_missing_however_it_is_written(missing):
    frame = {"unit": list("aabbcc"), "coder": list("xyxyxy"), "value": [1, 1, 0, 1, 0, missing]}

    assert percent_agreement(frame) == 0.5


def test_a_coder_who_rated_a_unit_twice_is_refused():
    frame = {"unit": ["a", "a"], "coder": ["x", "x"], "value": ["1", "0"]}
    with pytest.raises(ResearchError, match="unit a, coder x"):
        alpha(frame)


# Intervals


def test_the_interval_is_the_same_every_time_and_holds_the_value():
    chosen = np.random.default_rng(1).integers(0, 2, (40, 2))
    of = Ratings(chosen, np.array([0, 1]), np.ones(40))
    low, high = bootstrap(alpha, of)

    assert (bootstrap(alpha, of), low < alpha(of) < high) == ((low, high), True)


def test_the_interval_of_units_alike_is_that_of_units_one_by_one():
    chosen = np.random.default_rng(1).integers(0, 2, (40, 2))
    one_by_one = Ratings(chosen, np.array([0, 1]), np.ones(40))
    rows, alike = np.unique(chosen, axis=0, return_counts=True)
    together = bootstrap(alpha, Ratings(rows, np.array([0, 1]), alike * 1.0), draws=4000)

    assert bootstrap(alpha, one_by_one, draws=4000) == pytest.approx(together, abs=0.03)


def test_blocks_are_drawn_whole():
    chosen = np.array([[1, 1], [0, 1]])
    of = Ratings(chosen, np.array([0, 1]), np.array([5.0, 5.0]), np.array([0, 1]))

    assert bootstrap(percent_agreement, of) == (0, 1)


def test_nineteen_in_twenty_intervals_hold_the_true_value():
    chance, held = np.random.default_rng(11), 0
    for _ in range(200):
        truth = chance.random(150) < 0.4
        chosen = np.stack([truth ^ (chance.random(150) < 0.1) for _ in range(2)], 1).astype(int)
        low, high = bootstrap(cohen_kappa, Ratings(chosen, np.array([0, 1]), np.ones(150)), 300)
        p = 0.4 * 0.9 + 0.6 * 0.1
        true = (0.82 - (p * p + (1 - p) ** 2)) / (1 - (p * p + (1 - p) ** 2))
        held += low <= true <= high

    assert 0.9 < held / 200 < 0.99
