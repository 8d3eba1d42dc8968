"""Survey: estimates from a sample with a design, and nothing without one.

In    a frame of responses (evidence.survey) with columns for weight, stratum and unit drawn
Out   estimates with standard error, interval, degrees of freedom and design effect

The one idea: an estimate carries the design it rests on. The variance is that of Taylor
linearisation over the units drawn first (Lumley, Complex Surveys, 2010, chapter 2; Binder,
International Statistical Review 51, 1983), so results equal those of R's `survey` package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv, stdtrit

from ctresearch.problems import Problems, refuse
from ctresearch.values import Estimate

CONFIDENCE = 0.95
Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Design:
    """How respondents were drawn: names of columns in the frame of responses."""

    weights: str  # people a respondent stands for, above 0
    strata: str | None = None  # stratum; None: one stratum
    psu: str | None = None  # unit drawn first; None: the respondent
    fpc: str | None = None  # units drawn from in the stratum; None: many more than were drawn


@dataclass(frozen=True)
class Estimated:
    """An estimate of a mean, total, proportion or ratio, in the unit of the variable."""

    estimate: float
    se: float  # standard error
    low: float  # ends of the 95 % interval
    high: float
    df: int  # degrees of freedom: units drawn first minus strata
    deff: float  # variance over that of a simple random sample as large; nan where that is 0
    n: int  # respondents who answered, not weighted

    def shown(self, unit: str = "respondent") -> Estimate:
        """The estimate of a proportion as a value that a table or a finding may hold.

        To ten decimals: beyond them processors differ, and a rerun elsewhere must come to the same.
        """
        estimate, low, high = (round(end, 10) for end in (self.estimate, self.low, self.high))
        return Estimate(estimate, low, high, self.n, unit, "probability")


def mean(
    frame: pd.DataFrame, variable: str, design: Design, by: str | None = None
) -> Estimated | dict[str, Estimated]:
    """The weighted mean of a numeric column, with a t interval.

    With weights w, answers y and M = sum(w y) / sum(w), each respondent contributes
    z = w (y - M) / sum(w), and over units i of stratum h of n_h units
        variance = sum_h (1 - f_h) n_h / (n_h - 1) sum_i (z_hi - mean_h z)^2
    with f_h = n_h / fpc, or 0. Who did not answer, or is outside the domain, contributes 0 and
    stays in the design. Degrees of freedom count the units and strata of those who answered.

    by       a column: one estimate for each of its values (domains)

    Raises ResearchError for a column that is not there, weights that are not above 0, a stratum
    with one unit, fewer units to draw from than were drawn, or nobody who answered.
    """
    answers = pd.to_numeric(_column(frame, variable)).to_numpy(float)
    return _by_domain(frame, answers, variable, design, by, _mean)


def total(
    frame: pd.DataFrame, variable: str, design: Design, by: str | None = None
) -> Estimated | dict[str, Estimated]:
    """The sum of a numeric column over everybody the respondents stand for; as `mean`.

    Each respondent contributes z = w y; who did not answer contributes nothing, so that with
    missing answers it is the total of those who would answer.
    """
    answers = pd.to_numeric(_column(frame, variable)).to_numpy(float)
    return _by_domain(frame, answers, variable, design, by, _total)


def ratio(
    frame: pd.DataFrame, num: str, den: str, design: Design, by: str | None = None
) -> Estimated | dict[str, Estimated]:
    """The ratio R of the totals of two numeric columns; as `mean`.

    Each respondent contributes z = w (y - R x) / sum(w x), for numerator y and denominator x
    (Lumley 2010, section 5.1). Who left out either of the two is outside.

    Raises ResearchError also where the total of the denominator is 0.
    """
    under = pd.to_numeric(_column(frame, den)).to_numpy(float)
    over = pd.to_numeric(_column(frame, num)).to_numpy(float)
    answers = np.where(np.isnan(under), np.nan, over)
    return _by_domain(frame, answers, f"{num} by {den}", design, by, partial(_ratio, under))


def proportion(
    frame: pd.DataFrame, variable: str, design: Design, value: object = 1, by: str | None = None
) -> Estimated | dict[str, Estimated]:
    """The weighted share of respondents whose answer is `value`, 0 to 1; as `mean` of 0 and 1.

    value   an answer, or a list of answers that count alike

    The interval is that of the logit, p' = log(p / (1 - p)) with standard error se / (p (1 - p)),
    taken back (Lumley 2010, section 2.3.1). Where all or none gave the answer it is the exact
    binomial one (Korn and Graubard, Survey Methodology 24, 1998). An empty answer is no answer.
    """
    marks = _marks(_column(frame, variable), value)
    return _by_domain(frame, marks, variable, design, by, _share)


def multi_select(
    frame: pd.DataFrame, question: str, choices: list[str], design: Design
) -> dict[str, Estimated]:
    """The share that ticked each choice, of the respondents who ticked at least one.

    question  a column of names of choices separated by spaces; empty where nothing was ticked
    """
    drawn = _drawn(frame, design)
    ticked = [set(given.split()) for given in _column(frame, question)]
    return {
        choice: _share(drawn, np.array([choice in t if t else np.nan for t in ticked]), question)
        for choice in choices
    }


def likert(
    frame: pd.DataFrame, items: list[str], bands: dict[str, tuple[str, ...]], design: Design
) -> pd.DataFrame:
    """How answers on a scale divide into bands.

    items    columns holding one choice of the scale each
    bands    choices by band, in the order of the scale: {"agree": ("agree", "agree_strongly")};
             a choice in no band (do not know) is not an answer
    returns  one row per item and band, in order: item, band, share (Estimated, 0 to 1),
             respondents (int, gave it), valid_n (int, answered the item), no_response (int)
    """
    band_of = {choice: band for band, choices in bands.items() for choice in choices}
    drawn = _drawn(frame, design)
    told = {item: _column(frame, item).map(band_of).fillna("") for item in items}
    rows = [
        (item, band, _share(drawn, _marks(given, band), item), int((given == band).sum()))
        for item, given in told.items()
        for band in bands
    ]
    table = pd.DataFrame(rows, columns=["item", "band", "share", "respondents"])
    valid = table["share"].map(lambda found: found.n)
    return table.assign(valid_n=valid, no_response=len(frame) - valid)


def shares(found: Mapping[str, Estimated], says: Mapping[str, str], what: str) -> pd.DataFrame:
    """Estimates as rows to print: `what` (the words for each key), `share`, `answered`."""
    rows = [(says[key], one.shown(), one.n) for key, one in found.items()]
    return pd.DataFrame(rows, columns=[what, "share", "answered"])


def design_table(frame: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The sample by stratum: `respondents` (int) and the least and greatest `weight`."""
    strata = frame[design.strata] if design.strata else pd.Series("all", frame.index)
    group = frame.groupby(strata.rename("stratum"))[design.weights]
    return pd.DataFrame(
        {"respondents": group.size(), "least": group.min(), "greatest": group.max()}
    )


@dataclass(frozen=True)
class _Drawn:
    """A design as arrays, one entry per respondent."""

    weights: Numbers
    stratum: Numbers  # 0, 1, … by respondent
    unit: Numbers  # 0, 1, … by respondent, over all strata
    home: Numbers  # stratum of each unit
    units: Numbers  # units by stratum
    fraction: Numbers  # share of the stratum's units that was drawn


Rule = Callable[[_Drawn, Numbers, str], Estimated]


def _drawn(frame: pd.DataFrame, design: Design) -> _Drawn:
    """The design laid over the frame, or everything that forbids an estimate."""
    weights = pd.to_numeric(_column(frame, design.weights)).to_numpy(float)
    if not (weights > 0).all():
        cure = "Give every respondent a weight above 0, or take the row out."
        raise refuse(f"survey, column {design.weights!r}", "a weight is not above 0", cure)
    strata = _column(frame, design.strata) if design.strata else pd.Series(0, index=frame.index)
    stratum, names = pd.factorize(strata, sort=True, use_na_sentinel=False)
    unit, home = np.arange(len(frame)), stratum
    if design.psu:
        unit, pairs = pd.factorize(pd.MultiIndex.from_arrays([stratum, _column(frame, design.psu)]))
        home = np.array([pair[0] for pair in pairs], dtype=int)
    units = np.bincount(home, minlength=len(names))
    population = np.full(len(names), np.inf)
    if design.fpc:
        population[stratum] = pd.to_numeric(_column(frame, design.fpc)).to_numpy(float)
    _reject_strata(names, units, population)
    return _Drawn(weights, stratum, unit, home, units, units / population)


def _reject_strata(names: pd.Index[Any], units: Numbers, population: Numbers) -> None:
    problems = Problems()
    for name, drawn, there in zip(names, units, population, strict=True):
        where = f"survey, stratum {name!r}"
        if drawn < 2:
            cure = "Join it to a stratum like it; one unit tells nothing of the variance."
            problems.add(where, "only one unit was drawn in it", cure)
        if drawn > there:
            what = f"{drawn} units were drawn from {there:g}"
            problems.add(where, what, "Mend the column of units to draw from (fpc).")
    problems.raise_any()


def _by_domain(
    frame: pd.DataFrame, answers: Numbers, what: str, design: Design, by: str | None, estimate: Rule
) -> Estimated | dict[str, Estimated]:
    """The estimate for everybody, or for each value of the column `by`."""
    drawn = _drawn(frame, design)
    if by is None:
        return estimate(drawn, answers, what)
    groups = _column(frame, by)
    inside = {str(group): groups == group for group in sorted(groups.dropna().unique())}
    return {
        group: estimate(drawn, np.where(rows, answers, np.nan), f"{what}, {group}")
        for group, rows in inside.items()
    }


def _marks(given: pd.Series[Any], value: object) -> Numbers:
    """1 where the answer is `value` or one of it, 0 where another, missing where there is none."""
    values = value if isinstance(value, list | tuple | set) else [value]
    marks = np.where(given.isin(values), 1.0, 0.0)
    return np.where(given.isna() | (given == ""), np.nan, marks)


def _mean(drawn: _Drawn, answers: Numbers, what: str) -> Estimated:
    values, weights = _answered(drawn, answers, what)
    whole = weights.sum()
    middle = (weights * values).sum() / whole
    return _estimated(drawn, answers, middle, (values - middle) / whole)


def _total(drawn: _Drawn, answers: Numbers, what: str) -> Estimated:
    values, weights = _answered(drawn, answers, what)
    return _estimated(drawn, answers, (weights * values).sum(), values)


def _ratio(under: Numbers, drawn: _Drawn, answers: Numbers, what: str) -> Estimated:
    values, weights = _answered(drawn, answers, what)
    divided = np.where(weights > 0, under, 0.0)
    whole = (weights * divided).sum()
    if whole == 0:
        cure = "A ratio needs something to divide by; mend the name of the column."
        raise refuse(f"survey, {what}", "the total it divides by is 0", cure)
    middle = (weights * values).sum() / whole
    return _estimated(drawn, answers, middle, (values - middle * divided) / whole)


def _answered(drawn: _Drawn, answers: Numbers, what: str) -> tuple[Numbers, Numbers]:
    """Answers and weights, both 0 for who did not answer."""
    answered = ~np.isnan(answers)
    if not answered.any():
        raise refuse(f"survey, {what}", "nobody answered", "Leave it out, or mend its name.")
    return np.where(answered, answers, 0.0), np.where(answered, drawn.weights, 0.0)


def _estimated(drawn: _Drawn, answers: Numbers, middle: Any, influence: Numbers) -> Estimated:
    """The estimate with what follows from each respondent's influence on it, for a weight of 1."""
    answered = ~np.isnan(answers)
    weights = np.where(answered, drawn.weights, 0.0)
    variance = _variance(drawn, weights * np.where(answered, influence, 0.0))
    df = len(np.unique(drawn.unit[answered])) - len(np.unique(drawn.stratum[answered]))
    whole, n = weights.sum(), int(answered.sum())
    centre = (weights * influence).sum() / whole
    spread = (weights * (influence - centre) ** 2).sum() / whole * n / max(n - 1, 1)
    simple = spread * whole * (whole - n) / n  # without replacement, from sum(w) people
    deff = float(variance / simple) if simple > 0 else float("nan")
    se = float(np.sqrt(variance))
    reach = _reach(df) * se
    return Estimated(float(middle), se, float(middle - reach), float(middle + reach), df, deff, n)


def _variance(drawn: _Drawn, contributions: Numbers) -> float:
    """Between units within strata, added up over strata."""
    by_unit = np.bincount(drawn.unit, contributions, len(drawn.home))
    centre = np.bincount(drawn.home, by_unit, len(drawn.units)) / drawn.units
    squares = np.bincount(drawn.home, (by_unit - centre[drawn.home]) ** 2, len(drawn.units))
    return float(((1 - drawn.fraction) * drawn.units / (drawn.units - 1) * squares).sum())


def _share(drawn: _Drawn, marks: Numbers, what: str) -> Estimated:
    """A mean of 0 and 1 with an interval that stays between them."""
    found = _mean(drawn, marks, what)
    p = found.estimate
    low = high = p
    if 0 < p < 1:
        middle, reach = np.log(p / (1 - p)), _reach(found.df) * found.se / (p * (1 - p))
        low, high = (float(1 / (1 + np.exp(-end))) for end in (middle - reach, middle + reach))
    elif (drawn.fraction < 1).any():
        least = float(betaincinv(found.n, 1, (1 - CONFIDENCE) / 2))
        low, high = (least, 1.0) if p == 1 else (0.0, 1 - least)
    return replace(found, low=low, high=high)


def _reach(df: int) -> float:
    """How many standard errors the interval reaches to each side (Student's t)."""
    return float(stdtrit(df, (1 + CONFIDENCE) / 2)) if df > 0 else float("inf")


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in frame:
        cure = f"Columns there: {', '.join(map(str, list(frame.columns)[:12]))}."
        raise refuse("survey", f"there is no column {name!r}", cure)
    return frame[name]
