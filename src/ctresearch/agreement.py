"""Agreement: how far coders who worked apart came to the same, chance allowed for.

In    frames of ratings (unit, coder, value) or of spans (coder, category, start, end)
Out   coefficients, most of them 1 for full agreement and 0 for what chance would give; NaN where a
      coefficient is not defined, as where everybody gave one and the same value

The one idea: units that were treated alike are one row with a weight. A coefficient is a few sums
over such rows, so characters cost no more than turns; and a bootstrap only weighs the rows anew.
Missing values (None, NaN or "") count as Gwet's irrCAC has it: observed agreement is the mean over
units with two values or more, chance is taken over all units with any.

Gwet, K. L. (2014). Handbook of Inter-Rater Reliability, 4th ed.: the common frame, `Ratings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ctresearch.problems import refuse

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = NDArray[np.floating[Any]]
Number = Any  # a float; an array of floats where the ratings are weighted in many ways
Coefficient = Callable[[Any], Number]
DRAWS, SEED = 1000, 2005
MOST_DRAWN = 2_000_000  # rows times draws that are held in memory
MISSING = ("", "None", "nan", "<NA>")
MOST_CELLS = 20_000_000  # rows times values that are held in memory
SAME = 1e-12  # chance agreement this near to 1 is 1


@dataclass(frozen=True)
class Ratings:
    """Ratings by row: units that all coders rated alike are one row."""

    chosen: NDArray[np.int64]  # rows x coders: which of `values`; -1 where missing
    values: NDArray[Any]  # the categories, sorted
    weights: Floats  # units a row stands for; or draws x rows, for as many results
    blocks: NDArray[np.int64] | None = None  # what each row is drawn with in a bootstrap

    @cached_property
    def counts(self) -> Floats:
        """rows x values: coders who chose the value."""
        counts = np.zeros((len(self.chosen), len(self.values)))
        for coder in self.chosen.T:
            there = coder >= 0
            counts[there, coder[there]] += 1
        return counts

    @cached_property
    def by_coder(self) -> Floats:
        """(draws x) coders x values: units for which the coder chose the value."""
        found = np.zeros((*self.weights.shape[:-1], self.chosen.shape[1], len(self.values)))
        for k in range(len(self.values)):
            found[..., k] = self.weights @ (self.chosen == k)
        return found

    @cached_property
    def coders(self) -> Floats:
        """How many rated each row."""
        found: Floats = (self.chosen >= 0).sum(1) * 1.0
        return found

    def of_two(self) -> Ratings:
        """The units that both of two coders rated; none where the coders are not two."""
        both = (self.chosen >= 0).all(1) & (self.chosen.shape[1] == 2)
        return replace(self, chosen=self.chosen[both], weights=self.weights[..., both])


def ratings(frame: Any, values: Iterable[Any] | None = None) -> Ratings:
    """A frame of columns unit, coder, value (or what this made of one) as Ratings.

    values   the categories where they are more than were used: some coefficients count them

    Raises ResearchError where a coder rated a unit twice.
    """
    if isinstance(frame, Ratings):
        return frame
    given = np.asarray(frame["value"])
    if given.dtype.kind not in "iufb":
        given = np.array([value if isinstance(value, str) else str(value) for value in given])
    there = ~np.isin(given, MISSING) if given.dtype.kind == "U" else ~np.isnan(given)
    used = np.concatenate([given[there], np.array([*(values or ())], dtype=given.dtype)])
    known, value = np.unique(used, return_inverse=True)
    (units, unit), (coders, coder) = (
        np.unique(np.asarray(frame[name]).astype(str), return_inverse=True)
        for name in ("unit", "coder")
    )
    cells, times = np.unique(unit * len(coders) + coder, return_counts=True)
    if (times > 1).any():
        first = int(cells[times > 1][0])
        where = f"unit {units[first // len(coders)]}, coder {coders[first % len(coders)]}"
        raise refuse(where, "this coder rated the unit twice", "Keep one of the values.")
    chosen = np.full((len(units), len(coders)), -1)
    chosen[unit[there], coder[there]] = value[: int(there.sum())]
    rows, alike = np.unique(chosen, axis=0, return_counts=True)
    if rows.size and len(rows) * len(known) > MOST_CELLS:
        what = f"{len(known)} different values of {len(units)} units are too many to hold"
        raise refuse("ratings", what, "Round the values.")
    return Ratings(rows, known, alike.astype(np.float64))


# Observed and expected by chance


def percent_agreement(frame: Any) -> Number:
    """Share of pairs of coders who chose alike: mean over units with two values or more."""
    of = ratings(frame)
    pairs = of.coders * (of.coders - 1)
    alike = _over((of.counts * (of.counts - 1)).sum(1), pairs)
    return _over(of.weights @ np.nan_to_num(alike), of.weights @ (pairs > 0))


def shares(frame: Any) -> Number:
    """For each value its share of the ratings of a unit: mean over units with any."""
    of = ratings(frame)
    share = np.nan_to_num(_over(of.counts, of.coders[:, None]))
    return _over(of.weights @ share, (of.weights @ (of.coders > 0))[..., None])


def prevalence(frame: Any, value: Any) -> Number:
    """How much of all is `value`: its share of the ratings (0 to 1)."""
    of = ratings(frame)
    return shares(of)[..., of.values == value].sum(-1)


def positive_agreement(frame: Any, value: Any) -> Number:
    """Of a coder who chose `value`: how likely another coder of that unit did too (0 to 1).

    Sum of n (n - 1) by sum of n (m - 1), n of m coders choosing it; with two coders Dice's 2a / (2a
    + b + c). Cicchetti, D. V. and Feinstein, A. R. (1990), J. Clin. Epidemiol. 43: 551-558.
    """
    of = ratings(frame)
    chose = of.counts[:, of.values == value].sum(1)
    return _over(of.weights @ (chose * (chose - 1)), of.weights @ (chose * (of.coders - 1)))


def expected_agreement(frame: Any) -> Number:
    """What chance would give if all coders drew from one pot: Fleiss (1971), eq. 5."""
    return (shares(frame) ** 2).sum(-1)


# Nominal coefficients: (observed - expected) / (1 - expected)


def cohen_kappa(frame: Any) -> Number:
    """Two coders, each with a leaning of their own; units that both rated.

    Cohen, J. (1960). Educational and Psychological Measurement 20: 37-46.
    """
    both = ratings(frame).of_two()
    own = _over(both.by_coder, both.by_coder.sum(-1, keepdims=True))
    return _beyond(percent_agreement(both), own.prod(-2).sum(-1))


def scott_pi(frame: Any) -> Number:
    """Two coders who share one leaning; units that both rated.

    Scott, W. A. (1955). Public Opinion Quarterly 19: 321-325.
    """
    both = ratings(frame).of_two()
    return _beyond(percent_agreement(both), expected_agreement(both))


def fleiss_kappa(frame: Any) -> Number:
    """Any number of coders, who need not be the same for each unit; Scott's pi of two.

    Fleiss, J. L. (1971). Psychological Bulletin 76: 378-382; missing values as Gwet (2014).
    """
    of = ratings(frame)
    return _beyond(percent_agreement(of), expected_agreement(of))


def conger_kappa(frame: Any) -> Number:
    """Any number of coders, each with a leaning of their own; Cohen's kappa of two.

    Chance is the mean over pairs of coders: Conger, A. J. (1980). Psychological Bulletin 88:
    322-328; each coder's leaning over the units that coder rated, as Gwet (2014).
    """
    of = ratings(frame)
    own = np.nan_to_num(_over(of.by_coder, of.by_coder.sum(-1, keepdims=True)))
    m = (of.by_coder.sum(-1) > 0).sum(-1)
    chance = _over((own.sum(-2) ** 2 - (own**2).sum(-2)).sum(-1), m * (m - 1))
    return _beyond(percent_agreement(of), chance)


def brennan_prediger(frame: Any) -> Number:
    """Chance takes each value alike: 1 / (number of values).

    Brennan, R. L. and Prediger, D. J. (1981). Educational and Psychological Measurement 41:
    687-699.
    """
    of = ratings(frame)
    return _beyond(percent_agreement(of), 1 / max(len(of.values), 1))


def gwet_ac1(frame: Any) -> Number:
    """Chance where it is uncertain what to choose; steady where nearly all is one value.

    Gwet, K. L. (2008). British Journal of Mathematical and Statistical Psychology 61: 29-48.
    """
    of = ratings(frame)
    share = shares(of)
    if len(of.values) < 2:
        return share.sum(-1) * np.nan
    return _beyond(percent_agreement(of), (share * (1 - share)).sum(-1) / (len(of.values) - 1))


# Krippendorff's alpha: 1 - (observed disagreement) / (expected disagreement)


def alpha(frame: Any, level: Level = "nominal") -> Number:
    """Krippendorff's alpha; units with one value only are left out.

    level   what differs how much, squared: nominal 0 or 1; ordinal by the ranks between; interval
            by the difference; ratio by the difference over the sum (values of 0 or more)

    Krippendorff, K. (2011). Computing Krippendorff's Alpha-Reliability, ScholarlyCommons 43. Its
    ordinal metric is the difference of mid-ranks, which is how it is computed here.
    """
    of = ratings(frame)
    paired = of.coders > 1
    counts, m, weights = of.counts[paired], of.coders[paired], of.weights[..., paired]
    size = np.arange(len(of.values)) * 1.0
    if level != "nominal":
        size, same = np.unique(of.values.astype(float), return_inverse=True)
        counts = counts @ np.eye(len(size))[same]
    totals = weights @ counts
    n = totals.sum(-1)
    if level in ("nominal", "ratio"):
        differ = _ratio(size) if level == "ratio" else 1.0 - np.eye(len(size))
        observed = weights @ (((counts @ differ) * counts).sum(-1) / (m - 1))
        expected = ((totals @ differ) * totals).sum(-1)
    else:
        place = size if level == "interval" else totals.cumsum(-1) - totals / 2
        place = place - _over((totals * place).sum(-1), n)[..., None]
        apart = m * (place**2 @ counts.T) - (place @ counts.T) ** 2
        observed = (weights * (2 * apart / (m - 1))).sum(-1)
        expected = 2 * n * (totals * place**2).sum(-1)
    return 1 - _over(observed, _over(expected, n - 1))


def _ratio(size: Floats) -> Floats:
    """Squared difference of each two sizes, in parts of their sum; 0 of two zeros."""
    found: Floats = np.nan_to_num(_over(size[:, None] - size, size[:, None] + size)) ** 2
    return found


# Intervals


def bootstrap(
    coefficient: Coefficient, frame: Any, draws: int = DRAWS, seed: int = SEED, mass: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of a coefficient: units are drawn anew, with their ratings.

    What is drawn are the units of the frame, or the blocks of Ratings that have them: characters
    of one turn were not coded one by one. NaN where more than 1 - `mass` of the draws leave the
    coefficient undefined: of a code that was hardly ever used there is too little to say.

    Efron, B. and Tibshirani, R. (1993). An Introduction to the Bootstrap, ch. 13; for alpha, Zapf,
    A. et al. (2016). BMC Medical Research Methodology 16: 93.
    """
    of, chance = ratings(frame), np.random.default_rng(seed)
    units, rows = of.weights.sum(), len(of.weights)
    found = np.full(draws if units else 1, np.nan)
    for first in range(0, draws if units else 0, step := max(1, MOST_DRAWN // max(rows, 1))):
        size = min(step, draws - first)
        if of.blocks is None:
            weights = chance.multinomial(round(units), of.weights / units, size) * 1.0
        else:
            count = 1 + int(of.blocks.max())
            times = chance.multinomial(count, np.full(count, 1 / count), size)
            weights = times[:, of.blocks] * of.weights
        found[first : first + size] = coefficient(replace(of, weights=weights))
    if np.isnan(found).mean() > 1 - mass:
        return np.nan, np.nan
    low, high = np.nanquantile(found, [(1 - mass) / 2, (1 + mass) / 2])
    return float(low), float(high)


# Spans


@dataclass(frozen=True)
class Unitized:
    """How far coders marked the same stretches: Krippendorff's alpha_U and what it is made of."""

    observed: float  # disagreement, as a share of the squared length
    expected: float

    @property
    def alpha(self) -> float:
        """NaN where nobody marked anything."""
        return 1 - self.observed / self.expected if self.expected else np.nan


def alpha_u(
    frame: Any, begin: int, length: int, coders: Iterable[Any] = ()
) -> tuple[dict[Any, Unitized], Unitized]:
    """Agreement on spans of a continuum that runs from `begin` over `length` characters.

    frame    columns coder, category, start, end (past the last character)
    coders   all who looked at it, where some marked nothing
    returns  by category, and over all: the mean of the categories' disagreements

    Spans of one coder and category that overlap count as their union.

    Krippendorff, K. (1995). Sociological Methodology 25: 47-76; (2004a). Content Analysis, 2nd ed.,
    pp. 251-256; (2004b). Quality & Quantity 38: 787-800.
    """
    names, category = np.unique(np.asarray(frame["category"]), return_inverse=True)
    given = np.asarray(frame["coder"])
    looked = np.array([*coders], dtype=given.dtype)
    everybody, who = np.unique(np.concatenate([given, looked]), return_inverse=True)
    who = who[: len(given)]
    marks = np.stack([np.asarray(frame[name], dtype=float) for name in ("start", "end")], 1)
    key, marks = joined(category * len(everybody) + who, marks)
    edges = np.searchsorted(key, np.arange(1, len(names) * len(everybody)))
    each = np.split(marks, edges) if len(names) else []
    found = {
        name: _unitized(each[n * len(everybody) : (n + 1) * len(everybody)], begin, length)
        for n, name in enumerate(names.tolist())
    }
    sums = [[of.observed for of in found.values()], [of.expected for of in found.values()]]
    return found, Unitized(*(sum(part) / max(len(found), 1) for part in sums))


def joined(key: NDArray[np.int64], marks: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Spans (start, end) that overlap under one key as their union; those that only touch stay.

    key      whose span it is, for each row of `marks`; both come back sorted by key and start
    """
    far = marks[:, 1].max(initial=0) + 1
    order = np.argsort(key * far + marks[:, 0])
    key, marks = key[order], marks[order]
    reach = np.maximum.accumulate(marks[:, 1] + key * far) - key * far
    first = np.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (marks[1:, 0] >= reach[:-1])
    last = np.append(first[1:], True)[: len(first)]
    return key[first], np.stack([marks[first, 0], reach[last]], 1)


def _unitized(marked: list[Floats], begin: int, length: int) -> Unitized:
    """alpha_U of one category; for each coder start and end of the spans, in order."""
    m, every = len(marked), np.concatenate(marked)
    apart = sum(_apart(a, b) for a in marked for b in marked if a is not b)
    size = every[:, 1] - every[:, 0]
    gaps = np.sort(np.concatenate([_gaps(one, begin, begin + length) for one in marked]))
    room = np.append(gaps[::-1].cumsum()[::-1], 0)  # of this gap and the greater ones
    first = np.searchsorted(gaps, size)
    free = room[first] + (1 - size) * (len(gaps) - first)
    drawn = (len(every) - 1) / 3 * (2 * size**3 - 3 * size**2 + size) + size**2 * free
    pairs = m * length * (m * length - 1) - (size * (size - 1)).sum()
    chances = m * (m - 1) * length**2
    return Unitized(
        float(apart) / chances if chances else np.nan,
        float(2 / length * drawn.sum() / pairs) if pairs else np.nan,
    )


def _apart(ours: Floats, theirs: Floats) -> float:
    """What two coders' spans differ by, ours held against theirs (Krippendorff 2004a, p. 253)."""
    first = np.searchsorted(theirs[:, 1], ours[:, 0], "right")
    met = np.searchsorted(theirs[:, 0], ours[:, 1], "left") - first
    alone = ours[met == 0]
    mine = np.repeat(np.arange(len(ours)), met)
    nth = np.arange(len(mine)) - np.repeat(met.cumsum() - met, met)
    differ = ours[mine] - theirs[np.repeat(first, met) + nth]
    return float((differ**2).sum() + 2 * ((alone[:, 1] - alone[:, 0]) ** 2).sum())


def _gaps(spans: Floats, begin: int, end: int) -> Floats:
    """Lengths of what a coder left unmarked."""
    edges = np.concatenate([[begin], spans.ravel(), [end]]).reshape(-1, 2)
    lengths: Floats = edges[:, 1] - edges[:, 0]
    return lengths[lengths > 0]


def _beyond(observed: Number, chance: Number) -> Number:
    """Agreement beyond chance; NaN where chance alone gives all of it."""
    left = np.asarray(1.0 - chance)
    return _over(observed - chance, np.where(left > SAME, left, 0))


def _over(above: Number, below: Number) -> Number:
    """A quotient; NaN where it is by nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(below) != 0, np.divide(above, below), np.nan)[()]


NOMINAL: Mapping[str, Coefficient] = {
    "percent_agreement": percent_agreement,
    "cohen_kappa": cohen_kappa,
    "fleiss_kappa": fleiss_kappa,
    "conger_kappa": conger_kappa,
    "scott_pi": scott_pi,
    "brennan_prediger": brennan_prediger,
    "gwet_ac1": gwet_ac1,
}
