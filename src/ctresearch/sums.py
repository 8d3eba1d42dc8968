"""Sums: what shown cells and their totals give away of the cells that are not shown.

In    cells: whom each counts, and the least and the most it can be by what is shown of it
Out   the least and the most it can be by everything that is shown together

The one idea: a table, a margin and an older edition are one system of sums over populations. A
population is named by its facets (country: Jamaica; sex: female); populations that differ in one
facet add up. Whoever holds all that was issued can solve the system, so it is solved here first,
by linear programs (HiGHS), and what would be found is not issued.

Source: Hundepool et al., Statistical Disclosure Control (2012), chapter 4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Facets = frozenset[tuple[str, frozenset[str]]]  # labels by dimension; one left out: all of it
Key = tuple[str, Facets]  # unit, and whom it counts
Span = tuple[float, float]  # the least and the most
Sum = tuple[Key, tuple[Key, ...]]  # a total and its parts

ALL: Span = (0, np.inf)
REST = "*"  # those of a dimension whose label stands in no table
TINY = 1e-6  # of a linear program: what differs by less is the same
BLOCK = 6_000  # unknowns solved at once


@dataclass(frozen=True)
class Cell:
    """A cell as whoever reads the table knows it."""

    row: str
    column: str
    unit: str
    people: Facets
    low: float
    high: float  # inf: nobody can say
    width: float = 1  # it is found out where fewer numbers than this are left; 1: it is shown

    @property
    def key(self) -> Key:
        return self.unit, self.people


@dataclass
class System:
    """What is known of each population, and which add up to which."""

    spans: dict[Key, Span]
    sums: list[Sum] = field(default_factory=list)
    whole: Collection[tuple[str, frozenset[str]]] = ()  # facets that hold all of a dimension

    def named(self, key: Key) -> Key:
        """A population as it is called here: without what holds all of a dimension."""
        return key[0], key[1].difference(self.whole)

    def bounds(
        self, asked: Iterable[Key], known: Mapping[Key, float] | None = None
    ) -> dict[Key, Span]:
        """The least and the most that each cell asked for can be, in whole numbers.

        known   cells that somebody knows besides: their own

        An empty answer means that no numbers fit: what is shown contradicts itself.
        """
        spans = self.spans | {key: (value, value) for key, value in (known or {}).items()}
        wanted = [key for key in asked if spans[key][0] < spans[key][1]]
        free, matrix, right = _free(spans, self.sums, wanted)
        ends = np.array([spans[key] for key in free]).reshape(-1, 2)
        top = 4 * (1 + np.abs(ends[np.isfinite(ends)]).sum() + np.abs(right).sum())
        ends[:, 1] = np.minimum(ends[:, 1], top)
        at = {key: n for n, key in enumerate(free)}
        found = {key: spans[key] for key in asked}
        step = max(1, BLOCK // (2 * len(free) + 1))
        for first in range(0, len(wanted), step):
            some = wanted[first : first + step]
            ours = _extremes(matrix, right, ends, [at[key] for key in some])
            if ours is None:
                return {}
            for key, (low, high) in zip(some, ours, strict=True):
                most = np.floor(high + TINY) if high < top / 3 else np.inf
                found[key] = (float(np.ceil(low - TINY)), float(most))
        return found

    def moved(
        self, key: Key, by: float, room: Mapping[Key, float], cost: Mapping[Key, float]
    ) -> set[Key] | None:
        """The cheapest cells to withhold so that this one may be `by` more; None if none will do.

        room   how far a cell can fall
        cost   what it costs to withhold a cell; a cell without a cost cannot move

        The linear program of a network's cheapest cycle, for any system of sums.
        """
        from scipy import optimize, sparse

        cells = list(cost)
        at, n = {cell: i for i, cell in enumerate(cells)}, len(cost)
        matrix = _matrix(self.sums, at)
        ends = np.zeros((2 * n, 2))
        ends[:n, 1], ends[n:, 1] = np.inf, [room[cell] for cell in cells]
        ends[at[key], 0], ends[n + at[key], 1] = by, 0
        solved = optimize.linprog(
            np.tile([cost[cell] for cell in cells], 2),
            A_eq=sparse.hstack([matrix, -matrix]).tocsr(),
            b_eq=np.zeros(matrix.shape[0]),
            bounds=ends,
            method="highs-ds",
        )
        if solved.status:
            return None
        return {cells[i] for i in np.flatnonzero(np.abs(solved.x[:n] - solved.x[n:]) > TINY)}

    def tied(self, hidden: Collection[Key]) -> list[tuple[Key, Key]]:
        """Pairs of hidden cells of which one gives the other to those who know it."""
        from scipy import linalg

        cells = list(hidden)
        base = linalg.null_space(_matrix(self.sums, {c: n for n, c in enumerate(cells)}).toarray())
        length = np.linalg.norm(base, axis=1)
        alike = np.abs(base @ base.T) > (1 - TINY) * np.outer(length, length)
        pairs = zip(*np.nonzero(np.triu(alike, 1)), strict=True)
        return [(cells[a], cells[b]) for a, b in pairs]


def system(cells: Iterable[tuple[Key, Span]], partitions: Collection[str]) -> System:
    """The system of sums over these cells.

    partitions   dimensions whose labels part all there are, each in one: they add up to the whole.
                 Where a cell holds several labels of another dimension, these add up as well.
    """
    given, every, additive = list(cells), defaultdict[str, set[str]](set), set(partitions)
    for (_, people), _ in given:
        for name, labels in people:
            every[name] |= labels
            additive |= {name} if len(labels) > 1 else set()
    made = System({}, whole={(n, frozenset(every[n])) for n in partitions if len(every[n]) > 1})
    for key, (low, high) in given:
        least, most = made.spans.get(made.named(key), ALL)
        made.spans[made.named(key)] = max(least, low), min(most, high)
    made.sums += dict.fromkeys(_sums(list(made.spans), every, additive, set(partitions)))
    for total, parts in made.sums:
        for key in (total, *parts):
            made.spans.setdefault(key, ALL)
    return made


def _sums(
    keys: Collection[Key], every: Mapping[str, set[str]], additive: set[str], whole: set[str]
) -> Iterator[Sum]:
    """Each population as the sum of the smallest that differ from it in one facet."""
    families: dict[tuple[str, Facets, str], set[frozenset[str]]] = defaultdict(set)
    for unit, people in keys:
        for facet in sorted(people, key=lambda facet: facet[0]):
            if facet[0] in additive:
                families[unit, people - {facet}, facet[0]].add(facet[1])
    known = set(keys)
    for (unit, others, name), sets in families.items():
        total = frozenset(every[name] | (set() if name in whole else {REST}))
        if (unit, others) in known:
            sets = sets | {total}
        alike: dict[frozenset[frozenset[str]], set[str]] = defaultdict(set)
        for label in sorted(frozenset().union(*sets)):
            alike[frozenset(one for one in sets if label in one)].add(label)
        for one in sorted(sets, key=sorted):
            parts = [frozenset(labels) for where, labels in alike.items() if one in where]
            if len(parts) > 1:
                key = unit, others if one == total else others | {(name, one)}
                yield (
                    key,
                    tuple((unit, others | {(name, part)}) for part in sorted(parts, key=sorted)),
                )


def _matrix(sums: Iterable[Sum], at: Mapping[Key, int]) -> Any:
    """A row a sum, a column a cell: parts less their total; other cells do not move."""
    from scipy import sparse

    signed = ([(total, -1), *((part, 1) for part in parts)] for total, parts in sums)
    rows = [[(at[key], sign) for key, sign in one if key in at] for one in signed]
    rows = [row for row in rows if row]
    where = [(n, cell, sign) for n, row in enumerate(rows) for cell, sign in row]
    r, c, signs = zip(*where, strict=True) if where else ((), (), ())
    return sparse.csr_matrix((signs, (r, c)), shape=(len(rows), len(at)), dtype=float)


def _free(
    spans: Mapping[Key, Span], sums: Iterable[Sum], wanted: Iterable[Key]
) -> tuple[list[Key], Any, np.ndarray]:
    """The cells not known that bear on those wanted, the sums they stand in, and what those are."""
    of: dict[Key, list[Sum]] = defaultdict(list)
    for one in sums:
        for key in (one[0], *one[1]):
            of[key].append(one)
    free: dict[Key, int] = {}
    bearing: dict[Sum, None] = {}
    todo = list(wanted)
    while todo:
        key = todo.pop()
        if key not in free and spans[key][0] < spans[key][1]:
            free[key] = len(free)
            bearing |= dict.fromkeys(of[key])
            todo += [other for total, parts in of[key] for other in (total, *parts)]

    def fixed(key: Key) -> float:
        return 0 if key in free else spans[key][0]

    right = [fixed(total) - sum(map(fixed, parts)) for total, parts in bearing]
    return list(free), _matrix(bearing, free), np.array(right)


def _extremes(
    matrix: Any, right: np.ndarray, ends: np.ndarray, asked: list[int]
) -> list[Span] | None:
    """The least and the most of each unknown asked for: many small programs solved as one."""
    from scipy import optimize, sparse

    n, blocks = len(ends), 2 * len(asked)
    aim = np.zeros((blocks, n))
    aim[range(0, blocks, 2), asked] = 1
    aim[range(1, blocks, 2), asked] = -1
    solved = optimize.linprog(
        aim.ravel(),
        A_eq=sparse.kron(sparse.eye(blocks), matrix, format="csr"),
        b_eq=np.tile(right, blocks),
        bounds=np.tile(ends, (blocks, 1)),
        method="highs",
    )
    if solved.status:
        return None
    found = (solved.x.reshape(blocks, n) * np.abs(aim)).sum(axis=1)
    return list(zip(found[::2], found[1::2], strict=True))
