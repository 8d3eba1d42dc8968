"""Disclosure: what of a table may be shown, decided once, before a notebook shows it.

In    whole tables of counts and estimates, and the rules of study.toml by unit
Out   `Safe`: the same table with every number as a value that may be shown, and what was held back

The one idea: a number is shown by the rule of what it counts. A few informants are a band whose
ends never depend on how many are inside it, a few respondents are withheld, an article is an
article. A number that does not say what it counts is refused.

This gate looks at one cell at a time. It does not yet see what a margin gives away of the cells it
sums, nor what one table gives away of another, and it cannot know that a text is a count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from numbers import Number
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ctresearch.problems import Problem, Problems, refuse, suggestion
from ctresearch.study import Threshold
from ctresearch.values import Band, Count, Share, Value, When, Withheld, say

Rules = Mapping[str, Threshold]  # by unit: study.toml, thresholds
PUBLISHED = "published"  # the unit of a figure that is public already


@dataclass(frozen=True, eq=False)
class Safe:
    """A table that may be shown to the team: a notebook displays it, charts draw it."""

    table: pd.DataFrame  # cells are values or text; index and columns as they came
    withheld: tuple[tuple[str, str, str], ...]  # row, column, why
    unit: str | Mapping[str, str]  # what its numbers count: in all columns, or by column
    labels: Mapping[str, str] = field(default_factory=dict)  # headings by column

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        header, *rows = self._words()
        top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
        body = "".join(map(_html, rows))
        html = f"<table>\n<thead>\n<tr>{top}</tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table>"
        plain = pd.DataFrame(rows, columns=header).to_string(index=False)
        return {"text/html": html, "text/plain": plain}

    def _words(self) -> Iterator[list[str]]:
        """The header, then the rows; an index without a name is only a row number, left out."""
        table = self.table.reset_index() if _named(self.table) else self.table
        columns = map(str, table.columns)
        yield [self.labels.get(c, c[:1].upper() + c[1:].replace("_", " ")) for c in columns]
        for row in table.itertuples(index=False, name=None):
            yield [say(cell, "en") if isinstance(cell, Value) else str(cell) for cell in row]


def protect(
    table: pd.DataFrame,
    *,
    unit: str | Mapping[str, str],
    rules: Rules,
    labels: Mapping[str, str] | None = None,
) -> Safe:
    """The table with every number as a value that may be shown.

    table   numbers, values and text; a missing cell becomes an empty text. Its index is text.
    unit    what the numbers count: one unit for all columns, or a unit by column; a column that a
            mapping does not name holds no bare number
    rules   when a count may be shown, by unit
    labels  headings by column or index level, where its name with blanks will not do

    Raises ResearchError with every number without a unit, every unit without a rule (the nearest is
    offered), every number that is not a count, and every column named that is not there.
    """
    units = unit if isinstance(unit, Mapping) else {str(name): unit for name in table.columns}
    problems = Problems(list(_outline_faults(table, {**units, **(labels or {})})))
    cells: dict[int, list[Value | str]] = {}
    for at, (name, column) in enumerate(table.items()):
        cells[at] = []
        for value in column:
            with problems.gather():
                cells[at].append(_cell(value, units.get(str(name), ""), rules, _at(name)))
    problems.raise_any()
    safe = pd.DataFrame(cells, index=table.index, dtype=object).set_axis(table.columns, axis=1)
    held = (
        (str(row), str(name), cell.why)
        for name, column in safe.items()
        for row, cell in column.items()
        if isinstance(cell, Withheld)
    )
    return Safe(safe, tuple(held), unit, labels or {})


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
    return next(fitting, Count(int(n), unit))


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
    known = [*map(str, table.columns), *_named(table)]
    for name in meant:
        if name not in known:
            yield Problem(_at(name), "there is no such column", suggestion(name, known))
    for name in _named(table):
        if is_numeric_dtype(table.index.get_level_values(name)):
            yield Problem(_at(name), "the index holds numbers", "Make it text, or a column.")


def _named(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.index.names if name and name != "row"]


def _at(name: object) -> str:
    return f"protect, column {str(name)!r}"


def _html(cells: list[str]) -> str:
    """A row of the table; its first cell heads it."""
    first, *others = (escape(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{c}</td>" for c in others)}</tr>\n'
