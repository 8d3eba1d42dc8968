"""Margins: whom each cell of a table counts, and which of its cells are totals of others.

In    a table, the cells of it that count, and what its totals are called
Out   by cell the population it counts (`sums`), and the dimensions along which cells add up

The one idea: a table says whom a cell counts by the labels of its row and column. A total is the
cell of all labels at once, and so one with the total of any other table over the same people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ctresearch.problems import refuse
from ctresearch.sums import Facets, Key, system
from ctresearch.values import Count, Value, When

Totals = str | Mapping[str, Sequence[str]]
Place = tuple[int, int]  # of a cell: row and column, from 0
Labels = Mapping[str, Mapping[str, str]]  # by dimension: its labels, with the unit they count
Parts = Mapping[tuple[str, str], frozenset[str]]  # by dimension and label of a total

WORDS = frozenset({"all", "total", "todos", "todas"})  # what a total is called
OWN_ROW, OWN_COLUMN = "~row", "~column"  # dimensions without a name: of one table alone
OWN = (OWN_ROW, OWN_COLUMN)


def populations(
    table: pd.DataFrame, counts: Mapping[Place, Value], totals: Totals | None = None
) -> tuple[dict[Place, Key], frozenset[str]]:
    """Whom each cell counts, and the dimensions along which cells add up to totals.

    counts   the cells that count people or things, as far as they are known
    totals   the label of rows and columns that sum up all others; or the parts by label. None:
             those called "All" or "Total" that do, or the last row and column if both do

    Raises ResearchError for a total that does not sum up its parts.
    """
    numbers = {at: value.n for at, value in counts.items() if isinstance(value, Count)}
    units = {at: getattr(value, "unit", "") for at, value in counts.items()}
    rows, across = heads(table), str(table.columns.name or OWN_COLUMN)
    columns = {
        j: column for j, column in _columns(table).items() if any(j == at[1] for at in units)
    }
    own = {
        (i, j): {n: o for n, o in rows[i] if n != OWN_ROW or len(rows) > 1} | {across: columns[j]}
        for i, j in units
    }
    if len(columns) == 1:
        own = {at: {n: o for n, o in facets.items() if n != across} for at, facets in own.items()}
    labels: dict[str, dict[str, str]] = {}
    for at, facets in own.items():
        for name, label in facets.items():
            labels.setdefault(name, {}).setdefault(label, units[at])
    for parts, sure in _parts(totals, labels):
        people = {at: _key(facets, units[at], parts, labels, across) for at, facets in own.items()}
        parted = frozenset(name for name, _ in parts)
        right, checked = _add_up(people, numbers, parted)
        if right and (sure or checked) and (parts or not totals):
            return people, parted
    cure = "Name the parts it sums: totals={'All': ['police', 'health']}."
    raise refuse("protect, totals", f"{totals!r} does not sum up the others", cure)


def heads(table: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """What each row is about: the labels of its index, or its texts before its first number."""
    levels = {name: [*table.index.get_level_values(name).astype(str)] for name in index(table)}
    for j, name in enumerate(table.columns if not levels else ()):
        column = table.iloc[:, j]
        if not all(isinstance(value, str | When) for value in column):
            break
        levels[str(name)] = [*map(str, column)]
    if not levels:
        levels[OWN_ROW] = [*map(str, table.index)]
    rows = [list(zip(levels, labels, strict=True)) for labels in zip(*levels.values(), strict=True)]
    if len({tuple(row) for row in rows}) < len(rows):
        return [[*row, (OWN_ROW, str(i))] for i, row in enumerate(rows)]
    return rows


def index(table: pd.DataFrame) -> list[str]:
    """The levels of a table's index; one without a name is only a row number."""
    return [str(name) for name in table.index.names if name and name != "row"]


def _columns(table: pd.DataFrame) -> dict[int, str]:
    names = list(map(str, table.columns))
    return {j: name if names.count(name) == 1 else f"{name} {j}" for j, name in enumerate(names)}


def _key(facets: Mapping[str, str], unit: str, parts: Parts, labels: Labels, across: str) -> Key:
    sets = {name: parts.get((name, label), frozenset([label])) for name, label in facets.items()}
    if across in facets:  # a margin counts what its parts count
        unit = labels[across][min(sets[across])]
    return unit, Facets(sets.items())


def _parts(totals: Totals | None, labels: Labels) -> Iterator[tuple[Parts, bool]]:
    """The parts that each total may sum, as told or as tables call or place them; how surely."""
    each = [(name, label) for name, known in labels.items() for label in known]
    if isinstance(totals, Mapping):
        told = {name: frozenset(parts) for name, parts in totals.items()}
        yield {f: told[f[1]] for f in each if told.get(f[1], {""}) <= labels[f[0]].keys()}, True
        return
    called = [f for f in each if (f[1] == totals if totals else f[1].casefold() in WORDS)]
    last = [(name, [*known][-1]) for name, known in labels.items() if len(known) > 2]
    for chosen in [called] if totals else [*filter(None, [called, last * (len(last) == 2)]), []]:
        others = ((f, frozenset(labels[f[0]].keys() - {f[1]})) for f in chosen)
        yield {f: parts for f, parts in others if parts}, chosen in (called, [])


def _add_up(
    people: Mapping[Place, Key], numbers: Mapping[Place, float], parted: frozenset[str]
) -> tuple[bool, int]:
    """Whether all totals sum up their parts, and how many could be told."""
    if not parted:
        return True, 0
    whole = system(((people[at], (n, n)) for at, n in numbers.items()), parted)
    if any(low > high for low, high in whole.spans.values()):
        return False, 0
    known = {key: low for key, (low, high) in whole.spans.items() if low == high}
    apart = Counter(
        abs(known[total] - sum(known[part] for part in parts)) < 0.5
        for total, parts in whole.sums
        if known.keys() >= {total, *parts}
    )
    return not apart[False], apart[True]
