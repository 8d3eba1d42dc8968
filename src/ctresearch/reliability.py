"""Reliability: what coders who worked apart made of the same text, as figures.

In    a country's interviews that two or more have locked   (double)
      or any long table of ratings: unit, coder, value       (RATINGS)
Out   coefficients by code, and the disagreements, worst first

The one idea: a coder who left a unit unmarked has rated it: not this code. So every turn, character
or interview counts, coded or not, and for each code the figures are those of a table of yes and
no. The unit is part of the result: percent agreement on characters is high because most text is
left uncoded by everybody, and says little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctresearch import agreement, coding, double, evidence, tables
from ctresearch.agreement import NOMINAL, Level, Ratings, Unitized
from ctresearch.instruments import Codebook
from ctresearch.problems import Problems, refuse
from ctresearch.study import Country

Unit = Literal["turn", "character", "interview"]
Ints = NDArray[np.int64]
RATINGS = tables.table(
    "ratings",
    "one value that a coder gave a unit",
    unit=tables.text("what was rated"),
    coder=tables.text("who rated it"),
    value=tables.text("the value given; empty where it is missing", required=False),
)
NO, YES = 0, 1
NOTHING = Unitized(0.0, 0.0)  # where nobody marked anything


@dataclass(frozen=True)
class Coded:
    """The locked codings of several interviews, laid end to end on one line of characters."""

    spans: pd.DataFrame  # interview, coder, code, start, end
    interviews: pd.DataFrame  # index interview: coders, characters
    turns: pd.DataFrame  # interview, start, end; in order

    @cached_property
    def coders(self) -> list[str]:
        return sorted({one for who in self.interviews["coders"] for one in who})

    @cached_property
    def codes(self) -> list[str]:
        return sorted(self.spans["code"].unique())

    @cached_property
    def numbered(self) -> tuple[Ints, Ints, Ints]:
        """For each span which code, which coder and which interview."""
        return (
            _numbers(self.spans["code"], self.codes),
            _numbers(self.spans["coder"], self.coders),
            _numbers(self.spans["interview"], self.interviews.index),
        )

    @cached_property
    def begins(self) -> pd.Series[int]:
        """Where each interview begins on the line."""
        return self.interviews["characters"].cumsum() - self.interviews["characters"]

    @cached_property
    def assigned(self) -> NDArray[np.bool_]:
        """interviews x coders: who coded it."""
        return np.array([[one in who for one in self.coders] for who in self.interviews["coders"]])

    @cached_property
    def places(self) -> pd.DataFrame:
        """The turns on the line: nth (of its interview), start and end of its words, and `until`:
        where the text that is counted with it ends, which is that of the interview for its last.
        """
        at = self.turns["interview"].map(self.begins)
        nth = self.turns["interview"].map({one: n for n, one in enumerate(self.interviews.index)})
        start, end = self.turns["start"] + at, self.turns["end"] + at
        last = ~self.turns["interview"].duplicated(keep="last")
        until = end.where(~last, at + self.turns["interview"].map(self.interviews["characters"]))
        frame = pd.DataFrame({"nth": nth, "start": start, "end": end, "until": until})
        return frame.astype(int).reset_index(drop=True)

    @cached_property
    def stretches(self) -> pd.DataFrame:
        """Text that the same coders marked with the same code, cut where a turn begins or ends.

        columns  code (its number), turn, size (characters), spoken (within the words of the turn)
                 and bits: the coders, the first in the lowest bit; in the order of code and text
        """
        m, places = len(self.coders), self.places
        code, who, interview = self.numbered
        at = self.begins.to_numpy()[interview]
        given = self.spans[["start", "end"]].to_numpy(dtype=np.float64) + at[:, None] * 1.0
        key, marks = agreement.joined(code * m + who, given)
        cuts = np.unique(places[["start", "end", "until"]])
        first = np.searchsorted(cuts, marks[:, 0], "right")
        cut = np.searchsorted(cuts, marks[:, 1], "left") - first
        within = np.repeat(first - cut.cumsum() + cut, cut) + np.arange(cut.sum())
        where = np.concatenate([marks[:, 0], marks[:, 1], cuts[within]]).astype(int)
        of = np.concatenate([key, key, np.repeat(key, cut)])
        steps = np.repeat([1, -1, 0], [len(key), len(key), len(within)])
        order = np.argsort(of // m * (cuts[-1] + 1) + where)
        held = np.zeros((len(order), m), dtype=np.int8)
        held[np.arange(len(order)), of[order] % m] = steps[order]
        bits = (held.cumsum(0, dtype=np.int8) > 0) @ (1 << np.arange(m))
        where, of = where[order], of[order] // m
        size = np.diff(where, append=where[-1:])
        turn = np.searchsorted(places["until"], where, "right").clip(max=len(places) - 1)
        spoken = (where >= places["start"].to_numpy()[turn]) & (
            where < places["end"].to_numpy()[turn]
        )
        found = {"code": of, "turn": turn, "size": size, "spoken": spoken, "bits": bits}
        return pd.DataFrame(found)[(bits > 0) & (size > 0)]

    def marked(self, unit: Unit) -> pd.DataFrame:
        """code, group, weight, bits: units of a code that the same coders marked, and how many.

        A group are the units of one turn (characters) or of one interview (turns, interviews).
        """
        found = self.stretches
        if unit == "character":
            return found.rename(columns={"turn": "group", "size": "weight"})
        nth = self.places["nth"].to_numpy()[found["turn"]]
        of = nth if unit == "interview" else found["turn"].to_numpy()
        spoken = found["spoken"] if unit == "turn" else found["spoken"] | True
        each = found.assign(unit=of, group=nth)[spoken]
        first = ~each[["code", "unit"]].duplicated().to_numpy()
        if first.any():
            bits = np.bitwise_or.reduceat(each["bits"].to_numpy(), np.flatnonzero(first))
            return each[first].assign(bits=bits, weight=1)
        return each.assign(weight=1)

    def groups(self, unit: Unit) -> tuple[Ints, Ints]:
        """For each group how many units it has, and the interview it belongs to."""
        nth = np.arange(len(self.interviews))
        if unit == "interview":
            return np.ones_like(nth), nth
        if unit == "turn":
            return np.bincount(self.places["nth"], minlength=len(nth)), nth
        until = self.places["until"].to_numpy()
        return np.diff(until, prepend=0), self.places["nth"].to_numpy()

    def ratings(self, unit: Unit, *, apart: bool = False) -> Iterator[Ratings]:
        """For each code its ratings: 1 where a coder marked the unit, 0 where not.

        apart   keep the groups apart, to be drawn as blocks
        """
        m, marked = len(self.coders), self.marked(unit)
        sizes, nth = self.groups(unit)
        absent = ~self.assigned[nth]
        kinds = np.unique(absent, axis=0, return_inverse=True)[1].reshape(-1)
        kind = np.arange(len(sizes)) if apart else kinds
        whole = np.bincount(kind, sizes)
        first = np.unique(kind, return_index=True)[1]
        group = kind[marked["group"].to_numpy()]
        edges = np.searchsorted(marked["code"], np.arange(len(self.codes) + 1))
        weight, bits = marked["weight"].to_numpy(), marked["bits"].to_numpy()
        for n in range(len(self.codes)):
            part = slice(edges[n], edges[n + 1])
            rows, inverse = np.unique((group[part] << m) | bits[part], return_inverse=True)
            times = np.bincount(inverse, weight[part], len(rows))
            left = whole - np.bincount(group[part], weight[part], len(whole))
            of = np.append(rows >> m, np.arange(len(whole)))
            yes = np.append(rows & ((1 << m) - 1), np.zeros(len(whole), dtype=int))
            chosen = (yes[:, None] >> np.arange(m)) & 1
            chosen[absent[first][of]] = -1
            weights = np.append(times, left)
            yield Ratings(chosen, np.array([NO, YES]), weights, of if apart else None)

    def alpha_u(self) -> tuple[dict[str, Unitized], Unitized]:
        """alpha_U by code and over all; interviews of the same coders are laid end to end.

        Where interviews have different coders, the disagreements are means weighted by length.
        """
        code, who, interview = self.numbered
        parts, sizes = [], []
        for _, of in self.interviews.groupby("coders", sort=True):
            place = self.interviews.index.get_indexer(of.index)
            at = np.full(len(self.interviews), -1)
            at[place] = of["characters"].cumsum() - of["characters"]
            here = at[interview] >= 0
            begin = at[interview][here]
            spans = {"category": code[here], "coder": who[here]}
            spans |= {end: self.spans[end].to_numpy()[here] + begin for end in ("start", "end")}
            looked = np.flatnonzero(self.assigned[place[0]])
            parts.append(agreement.alpha_u(spans, 0, int(of["characters"].sum()), looked))
            sizes.append(float(of["characters"].sum()))
        by = {
            one: _mean([part.get(n, NOTHING) for part, _ in parts], sizes)
            for n, one in enumerate(self.codes)
        }
        return by, _mean(list(by.values()), [1.0] * len(by))


def _numbers(column: pd.Series[str], names: Iterable[str]) -> Ints:
    """For each cell the number of its name among `names`."""
    number, used = pd.factorize(column)
    found: Ints = pd.Index(names).get_indexer(pd.Index(used))[number]
    return found


def _mean(of: list[Unitized], weights: list[float]) -> Unitized:
    """Disagreements as weighted means."""
    pairs = [(one.observed, one.expected) for one in of]
    return Unitized(*np.average(pairs, axis=0, weights=weights).tolist()) if of else NOTHING


def by_code(coded: Coded, unit: Unit, *, intervals: bool = True) -> pd.DataFrame:
    """Agreement by code; NaN where a figure is not defined.

    returns  (codes)  index `code`: units, prevalence, positive_agreement, those of NOMINAL, alpha,
             alpha_low and alpha_high (95 %), alpha_u, observed and expected (disagreement on spans)
    """
    spans, _ = coded.alpha_u()
    rows: list[dict[str, Any]] = []
    apart = coded.ratings(unit, apart=unit == "character") if intervals else iter(())
    for code, of in zip(coded.codes, coded.ratings(unit), strict=True):
        figures = _figures(of, "nominal", next(apart, None))
        positive = agreement.positive_agreement(of, YES)
        figures |= {"prevalence": agreement.prevalence(of, YES), "positive_agreement": positive}
        on_spans = {"alpha_u": spans[code].alpha, **vars(spans[code])}
        rows.append({"code": code, **figures, **on_spans})
    return pd.DataFrame(rows, columns=COLUMNS).set_index("code")


def _figures(of: Ratings, level: Level, drawn: Ratings | None) -> dict[str, Any]:
    """Every coefficient of a table of ratings; `drawn` is what its interval is drawn from."""
    alpha = partial(agreement.alpha, level=level)
    low, high = agreement.bootstrap(alpha, drawn) if drawn else (np.nan, np.nan)
    found = {"units": int(of.weights[of.coders > 1].sum())}
    found |= {name: coefficient(of) for name, coefficient in NOMINAL.items()}
    return found | {"alpha": alpha(of), "alpha_low": low, "alpha_high": high}


# Reports: what `ctresearch agree` prints, and its JSON


def of_country(country: Country, codebook: Codebook, unit: Unit) -> dict[str, Any]:
    """The agreement of all coders of a country whose interviews are locked, as JSON has it.

    returns  country, unit, drawn_by (what the 95 % interval draws), coders, and
        interviews     those counted
        not_blind      of these, the ones not in double.csv: their coders could see each other
        left_out       a problem for each that is not locked by all, or not comparable
        units          how many units two coders or more rated
        codes          by code, in the order of the codebook: COLUMNS; null: not defined
        alpha_u        over all codes: alpha, observed, expected
        disagreements  worst first: interview, line, code, kind, start, end, marked

    Raises ResearchError where nothing is locked by all, and what is wrong with the logs.
    """
    turns = evidence.turns(country)
    coding.segments(country, turns, codebook)  # raises whatever is wrong with the logs
    spans, interviews, waiting = double.all_locked(country, codebook)
    if interviews.empty:
        waiting.raise_any()
        cure = f"Draw some: ctresearch agree {country.key} --draw 0.25 --coders ap,mk"
        raise refuse(country.key, "no interview here is coded by two coders", cure)
    coded = Coded(spans, interviews, turns[turns["interview"].isin(interviews.index)])
    table = by_code(coded, unit)
    table = table.loc[[code for code in codebook.by_id if code in table.index]]
    disputes = [
        dispute
        for interview in interviews.index
        for dispute in _disputes(country, str(interview), codebook, turns)
    ]
    worst = table["alpha"].fillna(-1).to_dict()
    disputes.sort(key=lambda one: (worst[one["code"]], one["kind"] == "borders", -one["disputed"]))
    whole = coded.alpha_u()[1]
    return {
        "country": country.key,
        "unit": unit,
        "units": int(coded.groups(unit)[0].sum()),
        "drawn_by": "turn" if unit == "character" else unit,
        "coders": coded.coders,
        "interviews": [*interviews.index],
        "not_blind": [*interviews.index[~interviews["drawn"].astype(bool)]],
        "left_out": [vars(problem) for problem in waiting.found],
        "codes": [_told({"code": row.name, **row}) for _, row in table.astype(object).iterrows()],
        "alpha_u": _told({"alpha": whole.alpha, **vars(whole)}),
        "disagreements": disputes,
    }


def _disputes(
    country: Country, interview: str, codebook: Codebook, turns: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """What the coders of an interview did not mark alike; disputed: characters only some marked."""
    of = turns[turns["interview"] == interview]
    for one in double.compare(country, interview, codebook):
        if one.kind != "agreed":
            nth = min(int(np.searchsorted(of["end"], one.start, "right")), len(of) - 1)
            place = {"interview": interview, "line": int(of["line"].iloc[nth]), "code": one.code}
            every = [set(chain(*(range(*s) for s in spans))) for spans in one.marked.values()]
            alike = set.intersection(*every) if one.kind == "borders" else set()
            disputed = {"disputed": len(set.union(*every) - alike)}
            yield place | {key: getattr(one, key) for key in DISPUTE} | disputed


def of_table(path: Path, level: Level) -> dict[str, Any]:
    """The agreement of a table of ratings (RATINGS), as JSON has it.

    returns  level, coders, units (with two values or more), those of NOMINAL, expected_agreement
             (of Fleiss), alpha, alpha_low, alpha_high; null: not defined; and
        values         by value: prevalence, positive_agreement
        disagreements  worst first: unit, agreement (of pairs of coders), values by coder

    Further columns are passed over. Raises ResearchError with every row that is not right.
    """
    rows = tables.read_rows(path, path.name)
    whole = set(RATINGS.columns) <= set(rows.columns)  # else a heading may be misspelt
    frame = tables.check_rows(rows[RATINGS.columns] if whole else rows, RATINGS, path.name)
    _check_ratings(frame, level, path.name)
    of = agreement.ratings(frame)
    values = [
        {
            "value": str(value),
            "prevalence": agreement.prevalence(of, value),
            "positive_agreement": agreement.positive_agreement(of, value),
        }
        for value in of.values
    ]
    return {
        "level": level,
        "coders": sorted(set(frame["coder"])),
        **_told(_figures(of, level, of) | {"expected_agreement": agreement.expected_agreement(of)}),
        "values": [*map(_told, values)],
        "disagreements": [*_apart(frame[frame["value"] != ""])],
    }


def _apart(given: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Units to which not all gave the same value; those with the fewest pairs alike first."""
    chose, rated = given.groupby(["unit", "value"]).size(), given.groupby("unit").size()
    alike = (chose * (chose - 1)).groupby("unit").sum() / (rated * (rated - 1)).replace(0, 1)
    apart = alike[(rated > 1) & (alike < 1)].sort_values(kind="stable")
    values = given.pivot(index="unit", columns="coder", values="value").loc[apart.index]
    for unit, share in apart.items():
        of = values.loc[str(unit)].dropna().to_dict()
        yield {"unit": unit, "agreement": float(share), "values": of}


def _check_ratings(frame: pd.DataFrame, level: Level, name: str) -> None:
    """Raise ResearchError with every row that does not fit, or too few of them."""
    faults = Problems()
    twice = frame[frame.duplicated(["unit", "coder"])]
    for row, one in twice.iterrows():
        what = f"{one['coder']!r} rated {one['unit']!r} before"
        faults.add(f"{name}, row {row}", what, "Keep one of the two rows.")
    if level != "nominal":
        least = 0.0 if level == "ratio" else -math.inf
        for row, value in frame.loc[frame["value"] != "", "value"].items():
            if not NUMBER.fullmatch(value) or float(value) < least:
                cure = "Write a number with a decimal point" + ", 0 or more." * (level == "ratio")
                faults.add(f"{name}, row {row}, column 'value'", f"{value!r} has no {level}", cure)
    if frame["coder"].nunique() < 2 or not (frame["value"] != "").any():
        faults.add(name, "there are not two coders with values in it", "Add the rows of another.")
    faults.raise_any()


def _told(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures for JSON: None where one is not defined."""
    return {
        str(key): None if isinstance(value, float) and np.isnan(value) else value
        for key, value in figures.items()
    }


# Reports in words


def country_text(report: Mapping[str, Any]) -> str:
    """What `of_country` found, for a person at a terminal of 100 columns."""
    unit, codes, whole = report["unit"], report["codes"], report["alpha_u"]
    lines = [
        f"{', '.join(report['coders'])}: {len(report['interviews'])} interviews that all locked.",
        f"Unit: {unit}. All {report['units']:,} {unit}s count, those that nobody coded too.",
        *("", HEADINGS),
    ]
    for head, of in groupby(codes, key=lambda row: row["code"].partition(".")[0]):
        rows = [*of]
        lines += [head] if rows[0]["code"] != head else []
        lines += [f"{row['code'].replace(f'{head}.', '  ')[:25]:25}{_row(row)}" for row in rows]
    lines += ["", LEGEND.format(by=report["drawn_by"]), "", SPANS]
    for row in [*codes, {"code": "all codes", **whole, "alpha_u": whole["alpha"]}]:
        made_of = "".join(f"{row[key]:>14.3g}" for key in ("observed", "expected"))
        lines.append(f"{row['code']:40}{_number(row['alpha_u']):>12}{made_of}")
    shown = [
        f"{one['interview']}, line {one['line']:<5}{one['code']:36} {_said(one)}"
        for one in report["disagreements"]
    ]
    lines += _shown(shown, "Disagreements, worst first")
    lines += _shown(report["not_blind"], "Not drawn, so their coders could see each other")
    left_out = [f"{one['where']}: {one['what']}" for one in report["left_out"]]
    return "\n".join(lines + _shown(left_out, "Left out"))


def table_text(report: Mapping[str, Any]) -> str:
    """What `of_table` found, for a person at a terminal."""
    lines = [f"{', '.join(report['coders'])}; for alpha the values are {report['level']}."]
    lines += [f"Unit: as the table has them. {report['units']:,} have two values or more.", ""]
    for key in (*NOMINAL, "alpha", "alpha_low", "alpha_high"):
        lines.append(f"{key.replace('_', ' '):20}{_number(report[key]):>12}")
    lines += ["alpha low, alpha high: 95 %, units drawn anew", ""]
    lines.append(f"{'value':20}{'prevalence':>12}{'positive agreement':>20}")
    for one in report["values"][:MOST_SHOWN]:
        positive = _number(one["positive_agreement"])
        lines.append(f"{one['value']:20.19}{_number(one['prevalence']):>12}{positive:>20}")
    shown = [
        f"{one['unit']}: {', '.join(f'{coder} {value}' for coder, value in one['values'].items())}"
        for one in report["disagreements"]
    ]
    return "\n".join(lines + _shown(shown, "Disagreements, worst first"))


def _row(row: Mapping[str, Any]) -> str:
    kappa = "fleiss_kappa" if row["cohen_kappa"] is None else "cohen_kappa"
    keys = (kappa, "conger_kappa", "scott_pi", "brennan_prediger", "gwet_ac1", "alpha")
    shares = "".join(
        f"{_share(row[key]):>6}"
        for key in ("prevalence", "positive_agreement", "percent_agreement")
    )
    numbers = "".join("–".rjust(7) if row[k] is None else f"{row[k]:z7.2f}" for k in keys)
    low, high = row["alpha_low"], row["alpha_high"]
    within = "not defined" if low is None else f"{low:z.2f} to {high:z.2f}"
    return f"{shares}{numbers}{within:>15}"


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    return "<1%" if 0 < value < 0.005 else ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:z.3f}"


def _said(one: Mapping[str, Any]) -> str:
    if one["kind"] == "only":
        return f"only {', '.join(one['marked'])}"
    return f"other borders: {one['disputed']} characters"


def _shown(rows: list[str], heading: str) -> list[str]:
    """Rows under a heading with their number; the first of many."""
    more = len(rows) - MOST_SHOWN
    rest = [f"  … and {more} more; --json lists all."] if more > 0 else []
    shown = [f"  {row}" for row in rows[:MOST_SHOWN]]
    return ["", f"{heading}: {len(rows)}", *shown, *rest] if rows else []


MOST_SHOWN = 20  # rows of a list on a screen
HEADINGS = (
    "code                       used  both  same  Cohen Conger  Scott    B-P    AC1  alpha"
    "           95 %"
)
LEGEND = """\
used          share of all units given the code
both          of those that one coder gave it, how many the other did too
same          how often coders chose alike: high for a rare code whatever they do; look to alpha
Cohen…alpha   1 is full agreement, 0 what chance would give. From 0.80 a code can be relied on;
              below 0.67 discuss its definition. Of more than two coders Fleiss instead of Cohen.
95 %          where alpha may lie with so few units, each {by} drawn anew;
              not defined where the code was hardly used
–             not defined: all units are alike, or the coders are not two"""
SPANS = f"{'Were the same words marked?':40}{'alpha_U':>12}{'observed':>14}{'expected':>14}"
COLUMNS = [
    *("code", "units", "prevalence", "positive_agreement", *NOMINAL),
    *("alpha", "alpha_low", "alpha_high", "alpha_u", "observed", "expected"),
]
DISPUTE = ("kind", "start", "end", "marked", "consensus")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
