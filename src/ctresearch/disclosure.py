"""Disclosure: what of a table may be shown, decided once, before a notebook shows it.

In    whole tables of counts and estimates, and the rules of study.toml by unit
Out   `Safe`: the same table with every number as a value that may be shown, and what was held back

The one idea: a number is shown by the rule of what it counts. A few informants are a band whose
ends never depend on how many are inside it, a few respondents are withheld, an article is an
article. A number that does not say what it counts is refused. Where cells add up, further ones are
withheld until `audit` finds none: not from the sums, nor for one who knows a cell that is withheld.

Of a cell withheld for being small nobody can tell that it is: it may be as much as the rule asks
for. What other tables and editions give away is `ledger`'s; that a text is a count, nobody's.

Source: Hundepool et al., Statistical Disclosure Control (2012), chapters 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from html import escape
from itertools import product
from numbers import Number
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ctresearch.margins import OWN, Place, Totals, heads, index, populations
from ctresearch.problems import Problem, Problems, refuse, suggestion
from ctresearch.study import Threshold
from ctresearch.sums import ALL, Cell, Facets, Key, System, system
from ctresearch.suppression import Suppression
from ctresearch.values import Band, Count, Estimate, Share, Value, When, Withheld, say

Rules = Mapping[str, Threshold]  # by unit: study.toml, thresholds
PUBLISHED = "published"  # the unit of a figure that is public already
GUARD = "so that no other cell can be worked out"


@dataclass(frozen=True, eq=False)
class Safe:
    """A table that may be shown to the team: a notebook displays it, charts draw it."""

    table: pd.DataFrame  # cells are values or text; index and columns as they came
    withheld: tuple[tuple[str, str, str], ...]  # row, column, why
    unit: str | Mapping[str, str]  # what its numbers count: in all columns, or by column
    labels: Mapping[str, str] = field(default_factory=dict)  # headings by column
    cells: tuple[Cell, ...] = ()  # its counts as a reader knows them
    partitions: frozenset[str] = frozenset()  # dimensions whose labels add up to the whole

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        header, *rows = self._words()
        top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
        body = "".join(map(_html, rows))
        html = f"<table>\n<thead>\n<tr>{top}</tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table>"
        plain = pd.DataFrame(rows, columns=header).to_string(index=False)
        return {"text/html": html, "text/plain": plain}

    def _words(self) -> Iterator[list[str]]:
        """The header, then the rows; an index without a name is only a row number, left out."""
        table = self.table.reset_index() if index(self.table) else self.table
        columns = map(str, table.columns)
        yield [self.labels.get(c, c[:1].upper() + c[1:].replace("_", " ")) for c in columns]
        for row in table.itertuples(index=False, name=None):
            yield [say(cell, "en") if isinstance(cell, Value) else str(cell) for cell in row]


def protect(
    table: pd.DataFrame,
    *,
    unit: str | Mapping[str, str],
    rules: Rules | None = None,
    threshold: int = 0,
    labels: Mapping[str, str] | None = None,
    totals: Totals | None = None,
    partitions: Collection[str] = (),
    over: Mapping[str, str | Collection[str]] | None = None,
    withhold: Mapping[tuple[str, str], float] | None = None,
    beside: Sequence[Safe] = (),
) -> Safe:
    """The table with every number as a value that may be shown.

    table       numbers, values and text; a missing cell becomes an empty text. Its index is text.
    unit        what the numbers count: one unit for all columns, or a unit by column; a column that
                a mapping does not name holds no bare number
    rules       when a count may be shown, by unit; or
    threshold   counts above zero and below this are withheld, whatever the unit
    labels      headings by column or index level, where its name with blanks will not do
    totals      the label of the rows and columns that sum up all others; or the parts by label.
                None: those called "All" or "Total" that do, or the last row and column if both do
    partitions  columns or levels whose labels part all there are, each in one, without a total
    over        whom the whole table is about, by dimension: {"country": "Jamaica"}
    withhold    cells to withhold besides, by row and column, with how much more than it holds each
                must still be able to be (see `dominated`)
    beside      safe tables that go out together with it: cells of the same labels are the same

    Raises ResearchError with every number without a unit, every unit without a rule (the nearest is
    offered), every number that is not a count, every column named that is not there, every total
    that does not sum up its parts, and a table that gives away what those beside it withhold.
    """
    units = unit if isinstance(unit, Mapping) else {str(name): unit for name in table.columns}
    rules = {u: Threshold(fewest=threshold) for u in units.values()} if rules is None else rules
    safe = _one_by_one(table, units, rules, labels or {})
    counts = _counts(table, units)
    people, parted = populations(table, counts, totals)
    around = {(name, _labels(given)) for name, given in (over or {}).items()}
    people = {at: (u, facets | around) for at, (u, facets) in people.items()}
    done = Safe(safe, (), unit, labels or {}, partitions=parted.union(partitions))
    done = replace(done, cells=_cells(done, people, rules))
    named = {(cell.row, cell.column): at for at, cell in zip(people, done.cells, strict=True)}
    for name in set(withhold or ()) - named.keys():
        near = suggestion(" / ".join(name), map(" / ".join, named))
        raise refuse("protect, withhold", f"there is no count at {' / '.join(name)!r}", near)
    more = {named[name]: by for name, by in (withhold or {}).items()}
    place: Any = safe.iat
    for at in more:
        place[at] = Withheld(counts[at].unit, "one contributor dominates it")
    done = replace(done, cells=_cells(done, people, rules))
    if done.partitions or beside:
        for at in _besides([*beside, done], people, counts, more, rules):
            if not isinstance(place[at], Withheld):
                place[at] = Withheld(counts[at].unit, GUARD)
    held = (
        (str(row), str(name), cell.why)
        for name, column in safe.items()
        for row, cell in column.items()
        if isinstance(cell, Withheld)
    )
    return replace(done, withheld=tuple(held), cells=_cells(done, people, rules))


def audit(
    published: Safe | pd.DataFrame | Sequence[Safe | pd.DataFrame],
    known: Mapping[tuple[str, str], float] | None = None,
    *,
    totals: Totals | None = None,
) -> list[Cell]:
    """The cells that can be recovered, with the least and the most that each can be.

    published   safe tables, or frames of numbers in which a withheld cell is missing, all read
                together; a band is the numbers it spans
    known       cells that the reader knows besides, by row and column: a contributor's own
    totals      of frames, as in `protect`

    Raises ResearchError where no numbers fit what is shown.
    """
    given = [published] if isinstance(published, Safe | pd.DataFrame) else list(published)
    tables = [one if isinstance(one, Safe) else _as_read(one, totals) for one in given]
    whole, cells = _joined(tables)
    told = {key: (known or {}).get((cell.row, cell.column)) for _, key, cell in cells}
    own = {key: value for key, value in told.items() if value is not None}
    asked = [(key, cell) for _, key, cell in cells if cell.width > 1 and key not in own]
    bounds = whole.bounds({key for key, _ in asked}, own)
    if asked and not bounds:
        raise refuse("audit", "no numbers fit what is shown", "See that the totals are totals.")
    found = [replace(cell, low=bounds[key][0], high=bounds[key][1]) for key, cell in asked]
    return [cell for cell in found if cell.high - cell.low + 1 < cell.width]


def dominated(contributions: Iterable[float], p: float = 10) -> float:
    """By the p% rule, how far above its true sum a cell must seem possible; 0: it may be shown.

    A cell is unsafe where its second contributor can tell the first to within p percent, that is
    where all others together are less than p percent of the first.
    """
    first, second, *others = sorted([*contributions, 0, 0], reverse=True)
    return max(0.0, p / 100 * first - sum(others)) if second or first else 0.0


def possible_n(percentages: Iterable[float | str], up_to: int = 100) -> list[int]:
    """How many people these percentages can be of: what a rounded percentage gives away.

    percentages   of one whole, as printed; "50.0" as text keeps its decimal. Where they sum to 100
                  to within their rounding, the parts must make up the whole. Halves may have been
                  rounded up, down or to even.

    `possible_n([44.4, 38.9, 11.1, 5.6], 40)` is [18, 36].
    """
    printed = [Decimal(str(one)) for one in percentages]
    half = Decimal(1).scaleb(min((int(one.as_tuple().exponent) for one in printed), default=0)) / 2
    parts_all = abs(sum(printed, Decimal(-100))) <= half * len(printed)
    found = []
    for n in range(1, up_to + 1):
        least = [max(0, math.ceil((one - half) * n / 100)) for one in printed]
        most = [min(n, math.floor((one + half) * n / 100)) for one in printed]
        if all(low <= high for low, high in zip(least, most, strict=True)) and (
            not parts_all or sum(least) <= n <= sum(most)
        ):
            found.append(n)
    return found


def shown(value: Value | str, rules: Rules, where: str = "disclosure.shown") -> Value | str:
    """A value as it may be shown: itself, the band it falls in, or `Withheld` with the reason.

    `shown(Count(7, "informant"), rules)` is `Band(5, 9)`. A percentage of too few, or of sources
    chosen on purpose (R2), and a band that is none of its unit's are withheld.

    Raises ResearchError, at `where`, for a unit without a rule and a count that cannot be one.
    """
    if isinstance(value, str | When | Withheld):
        return value
    unit = value.unit
    if unit not in rules:
        what = f"{unit!r} is not a unit of research/study.toml, [thresholds]"
        raise refuse(where, what, suggestion(unit, rules))
    if isinstance(value, Count):
        return _counted(value, rules[unit], where)
    if isinstance(value, Band):
        return value if value in bands(unit, rules[unit]) else Withheld(unit, "not a band here")
    if value.design == "purposive" and unit != PUBLISHED:
        return Withheld(unit, "a percentage of sources chosen on purpose")
    base, few = value.whole if isinstance(value, Share) else value.n, rules[unit].percent_from
    return value if base >= few else Withheld(unit, f"a percentage of fewer than {few}")


def bands(unit: str, rule: Threshold) -> list[Band]:
    """The bands that counts of this unit are shown as, lowest first; [] if as counted."""
    lows = sorted(rule.bands)
    highs = [*(low - 1 for low in lows[1:]), None]
    none = [Band(0, 0, unit)] if lows and rule.zero else []
    return none + [Band(low, high, unit) for low, high in zip(lows, highs, strict=False)]


def _counted(count: Count, rule: Threshold, where: str) -> Value:
    n, unit = count.n, count.unit
    if n < 0 or n % 1:
        raise refuse(where, "a number here is not a count", "Make it text, or an estimate.")
    least = max(rule.fewest, min(rule.bands, default=0))
    if 0 < n < least or (n == 0 and not rule.zero):
        return Withheld(unit, f"below {max(least, 1)}")  # the same of a zero and of a few
    fitting = (band for band in bands(unit, rule) if band.high is None or n <= band.high)
    return next(fitting, Count(_rounded(int(n), rule), unit))


def _rounded(n: int, rule: Threshold) -> int:
    """To the nearest multiple, halves up, and never to fewer than may be shown."""
    if not rule.base or not n:
        return n
    least = -(-rule.fewest // rule.base) * rule.base
    return max((n + rule.base // 2) // rule.base * rule.base, least)


def _one_by_one(
    table: pd.DataFrame, units: Mapping[str, str], rules: Rules, labels: Mapping[str, str]
) -> pd.DataFrame:
    """The table with each cell as it may be shown by itself."""
    problems = Problems(list(_outline_faults(table, {**units, **labels})))
    cells: dict[int, list[Value | str]] = {}
    for at, (name, column) in enumerate(table.items()):
        cells[at] = []
        for value in column:
            with problems.gather():
                cells[at].append(_cell(value, units.get(str(name), ""), rules, _at(name)))
    problems.raise_any()
    return pd.DataFrame(cells, index=table.index, dtype=object).set_axis(table.columns, axis=1)


def _cell(value: Any, unit: str, rules: Rules, where: str) -> Value | str:
    """One cell as it may be shown; a missing one is an empty text."""
    if isinstance(value, str | Value):
        return shown(value, rules, where)
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, bool) or not isinstance(value, Number):
        raise refuse(where, f"a cell is a {type(value).__name__}", "Make it a number or text.")
    if not unit:
        cure = "Name it, as in unit={'articles': 'article'}; make it text if it counts nothing."
        raise refuse(where, "a number does not say what it counts: its unit is missing", cure)
    return shown(Count(value, unit), rules, where)  # type: ignore[arg-type]


def _outline_faults(table: pd.DataFrame, meant: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the headings: columns that are not there, an index of numbers."""
    known = [*map(str, table.columns), *index(table)]
    for name in meant:
        if name not in known:
            yield Problem(_at(name), "there is no such column", suggestion(name, known))
    for name in index(table):
        if is_numeric_dtype(table.index.get_level_values(name)):
            yield Problem(_at(name), "the index holds numbers", "Make it text, or a column.")


def _at(name: object) -> str:
    return f"protect, column {str(name)!r}"


def _html(cells: list[str]) -> str:
    """A row of the table; its first cell heads it."""
    first, *others = (escape(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{c}</td>" for c in others)}</tr>\n'


def _counts(table: pd.DataFrame, units: Mapping[str, str]) -> dict[Place, Count]:
    """Every cell that counts, with its unit."""
    found = {}
    for j, (name, column) in enumerate(table.items()):
        for i, value in enumerate(column):
            if isinstance(value, Count):
                found[i, j] = value
            elif isinstance(value, Number) and not isinstance(value, bool) and value == value:
                found[i, j] = Count(value, units.get(str(name), ""))  # type: ignore[arg-type]
    return found


def _cells(safe: Safe, people: Mapping[Place, Key], rules: Rules) -> tuple[Cell, ...]:
    """The cells that count, as a reader of the table knows them."""
    place: Any = safe.table.iat
    rows = [" · ".join(label for _, label in row) for row in heads(safe.table)]
    names = {(i, j): (rows[i], str(safe.table.columns[j])) for i, j in people}
    return tuple(Cell(*names[at], *people[at], *span_of(place[at], rules)) for at in people)


def _labels(given: str | Collection[str]) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given)


def span_of(value: Value | str, rules: Rules) -> tuple[float, float, float]:
    """The least and the most a shown value can be, and of how few numbers it is found out."""
    if not isinstance(value, Count | Band):
        return *ALL, 2
    rule = rules.get(value.unit, Threshold())
    if isinstance(value, Band):
        high = math.inf if value.high is None else value.high
        spans = [b.high - b.low + 1 for b in bands(value.unit, rule) if b.high]
        return value.low, high, min([high - value.low + 1, *spans])
    if not rule.base or (not value.n and rule.fewest):
        return value.n, value.n, 1
    low = rule.fewest if value.n < rule.fewest + rule.base else value.n - rule.base // 2
    return max(low, 0), value.n + (rule.base - 1) // 2, 2


def _as_read(frame: pd.DataFrame, totals: Totals | None) -> Safe:
    """A frame of numbers as a reader takes it: what is no number and no text is withheld."""
    counts: dict[Place, Value] = dict(_counts(frame, {}))
    for i, j in product(*map(range, frame.shape)):
        value: Any = frame.iat[i, j]
        if (i, j) not in counts and not isinstance(value, str | When | Share | Estimate):
            counts[i, j] = value if isinstance(value, Band) else Withheld("", "")
    people, parted = populations(frame, counts, totals)
    people = {at: ("", facets) for at, (_, facets) in people.items()}
    shown_as = frame.astype(object)
    place: Any = shown_as.iat
    for at, value in counts.items():
        place[at] = value
    safe = Safe(shown_as, (), "", partitions=parted)
    return replace(safe, cells=_cells(safe, people, {}))


def _apart(people: Facets, number: int) -> Facets:
    """A population, its dimensions without a name kept apart from those of other tables."""
    return Facets((f"{number}{n}" if n in OWN else n, labels) for n, labels in people)


def _joined(tables: Sequence[Safe]) -> tuple[System, list[tuple[int, Key, Cell]]]:
    """The system of sums over several tables; their cells, with the table and the name there."""
    own = [(n, cell, _apart(cell.people, n)) for n, one in enumerate(tables) for cell in one.cells]
    parted = {f"{n}{d}" if d in OWN else d for n, one in enumerate(tables) for d in one.partitions}
    whole = system((((c.unit, people), (c.low, c.high)) for _, c, people in own), parted)
    return whole, [(n, whole.named((c.unit, people)), c) for n, c, people in own]


def _besides(
    tables: Sequence[Safe],
    people: Mapping[Place, Key],
    counts: Mapping[Place, Count],
    more: Mapping[Place, float],
    rules: Rules,
) -> list[Place]:
    """The cells of the last table to withhold, so that nothing withheld in any is found out."""
    whole, cells = _joined(tables)
    last = len(tables) - 1
    keys = dict(zip(people, (key for n, key, _ in cells if n == last), strict=True))
    at = {key: place for place, key in keys.items()}
    earlier = {key: cell.width for n, key, cell in cells if n < last}
    rule = {key: rules[counts[place].unit] for key, place in at.items()}
    suppression = Suppression(
        whole,
        {key: counts[place].n for key, place in at.items()},
        {key: rule[key].fewest for key in at},
        {key: more[place] for key, place in at.items() if place in more},
        {key for key in at if key not in earlier and (more or rule[key].fewest or rule[key].bands)},
        {key: cell.width for _, key, cell in cells if cell.width > 1},
        {key for n, key, cell in cells if key in at and (cell.low, cell.high) == ALL},
    )
    found = suppression.run()
    return [place for place, key in keys.items() if key in found]
