"""Suppression: which further cells of a table to withhold, so that none withheld is found out.

In    a system of sums with what is shown of it, and what the cells of one table hold
Out   the cells to withhold besides

The one idea: a withheld cell is safe where it may be larger while all that is shown stays as it is.
That takes a cycle of withheld cells through its rows and columns, and the cheapest is a linear
program. Everybody knows their own cell, so cells of which one gives away another get a further
cycle; last, the whole is audited as a reader would, and more is withheld until nothing is found.

Source: Hundepool et al., Statistical Disclosure Control (2012), 4.4; the program is that of Kelly,
Golden and Assad, Cell suppression (Networks 22, 1992), without its integers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ctresearch.problems import refuse
from ctresearch.sums import Key, Span, System

MARGIN = 8  # to withhold a total costs as much as so many cells inside
FREE = 1e-3  # what a cell costs that is withheld already


@dataclass
class Suppression:
    """A table under protection; `spans` of the system are what a reader sees so far."""

    whole: System
    counts: Mapping[Key, float]  # what the cells of the table hold
    least: Mapping[Key, int]  # a withheld cell must still be able to be as much
    more: Mapping[Key, float]  # or by so much more than it is
    may: Collection[Key]  # cells that may be withheld
    widths: dict[Key, float]  # withheld and banded cells: of how few numbers one is found out
    withheld: set[Key]

    def run(self) -> set[Key]:
        """Withhold until nothing is found out; the cells withheld.

        Raises ResearchError where it cannot be helped: something beside the table tells too much.
        """
        self._hide(self.withheld)
        self._hide_classes()
        bounds = self._bounds(self.withheld)
        for key in sorted(self._in_order(self.withheld), key=self.counts.__getitem__):
            need = max(self.more.get(key, self.least[key] - self.counts[key]), 1)
            if bounds[key][1] < self.counts[key] + need:
                self._hide(self._cycle(key, need, 1) or ())
        self._guard_from_those_inside()
        self._audit()
        return self.withheld

    def _hide(self, keys: Iterable[Key]) -> None:
        """Withhold cells; who sees that zeros are shown takes one withheld to hold something."""
        for key in keys:
            self.whole.spans[key] = min(self.counts[key], 1), math.inf
            self.widths[key] = 2
        self.withheld = self.withheld.union(keys)

    def _bounds(self, keys: Collection[Key]) -> dict[Key, Span]:
        found = self.whole.bounds(keys)
        if keys and not found:
            cure = "See that rows and columns of one name count the same people."
            raise refuse("protect", "no numbers fit the tables that go out together", cure)
        return found

    def _in_order(self, keys: Collection[Key]) -> list[Key]:
        """As the table has them: a choice must not depend on the order of a set."""
        return [key for key in self.counts if key in keys]

    def _hide_classes(self) -> None:
        """Where all of a total are in one part, that nobody is in another must not be certain."""
        nobody = {key for key in self.may if not self.counts[key] and self.least[key]}
        crossing = dict.fromkeys(nobody, 0.0)
        for total, parts in self.whole.sums:
            for zero in nobody.intersection(parts):
                crossing[zero] += self.counts.get(total, 0)
        for _, parts in self.whole.sums:
            zeros = nobody.intersection(parts)
            if len(zeros) == len(parts) - 1 and zeros.isdisjoint(self.withheld):
                self._hide([max(self._in_order(zeros), key=crossing.__getitem__)])

    def _cycle(self, key: Key, by: float, least: int, fixed: Key | None = None) -> set[Key] | None:
        """The cheapest cells to withhold so that this one may be larger.

        least   what a reader takes a withheld cell to hold at least
        fixed   a cell that somebody knows
        """
        cost = {
            other: FREE if other in self.withheld else self.costs[other]
            for other in self._in_order(self.withheld | {k for k in self.may if self.counts[k] > 0})
            if other != fixed
        }
        room = {other: max(self.counts[other] - least, 0) for other in cost}
        return self.whole.moved(key, by, room, cost)

    @cached_property
    def costs(self) -> dict[Key, float]:
        """What it costs to withhold a cell: totals are dear, then large cells."""
        return {
            key: MARGIN**over * (1 + math.log1p(self.counts[key]) / 10)
            for key, over in self.margins.items()
        }

    @cached_property
    def margins(self) -> dict[Key, int]:
        """Over how many dimensions a cell is a total."""
        most = max(len(people) for _, people in self.counts)
        return {
            key: most - len(key[1]) + sum(len(labels) > 1 for _, labels in key[1])
            for key in self.counts
        }

    def _guard_from_those_inside(self) -> None:
        """Withhold until no withheld cell gives away another to those who are in it."""
        seen: set[tuple[Key, Key]] = set()
        while True:
            inside = [key for key in self._in_order(self.withheld) if self.counts[key] > 0]
            tied = [pair for pair in self.whole.tied(inside) if pair not in seen]
            if not tied:
                return
            seen.add(tied[0])
            known, other = tied[0]
            self._hide(self._cycle(other, 1, 0, known) or ())

    def _audit(self) -> None:
        """Withhold more until a reader finds nothing out."""
        while True:
            bounds = self._bounds(self.widths)
            found = [k for k, (low, high) in bounds.items() if high - low + 1 < self.widths[k]]
            if not found:
                return
            more = {key for each in found for key in self._telling(each)}
            if not more:
                cure = "Merge rows or columns, or withhold more of the tables beside it."
                raise refuse("protect", "what is shown gives away what is withheld", cure)
            self._hide(more)

    def _telling(self, key: Key) -> list[Key]:
        """What gives a cell away and may be withheld: a total, or the largest cell beside it."""
        near = [
            other
            for total, parts in self.whole.sums
            if key in (total, *parts)
            for other in (total, *parts)
            if other in self.may and other not in self.withheld
        ]
        near.sort(key=lambda k: (k == key, -self.margins[k], -self.counts[k]))
        return near[:1]
