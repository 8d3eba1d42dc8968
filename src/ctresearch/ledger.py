"""The ledger: everything ever issued, over reports and editions, as one system of sums.

In    the safe tables and findings of a release, as cells and whom they count
Out   reports/ledger.jsonl, a line a table; what a new table gives away of what was issued

The one idea: a reader keeps every edition. Edition two less edition one, the region less its
countries, the whole less a part: what can be worked out from all that was issued is issued too. So
a release is checked against the ledger, and only a final rendering enters anything in it.

A population is the same in two tables where its labels are. A number of one population that is
another in a later edition shows how many came or went, which may be too few to tell.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ctresearch import findings
from ctresearch.disclosure import Rules, Safe, span_of
from ctresearch.files import read_text, write_whole
from ctresearch.findings import Finding
from ctresearch.margins import OWN
from ctresearch.problems import Problems, refuse
from ctresearch.study import Study
from ctresearch.sums import Cell, Facets, Key, Sum, System, system
from ctresearch.values import Band, Count

LEDGER = "ledger.jsonl"  # in reports/
SUFFIX = ".jsonl"  # beside a table that a notebook shares
DRAFT = "cells.jsonl"  # in released/: what a final rendering would enter
CURE = "Withhold more, merge rows, or issue the figures as they were issued before."


@dataclass(frozen=True)
class Line:
    """One table, or the findings of one notebook, as issued."""

    table: str  # jamaica/survey/design-table
    cells: tuple[Cell, ...]
    partitions: frozenset[str] = frozenset()  # dimensions whose labels add up to the whole
    report: str = ""  # where it was issued; "" for a draft
    edition: str = ""

    @property
    def name(self) -> str:
        issued = f" of {self.report}, edition {self.edition}" if self.edition else ""
        return self.table + issued


def entry(table: str, safe: Safe, over: Mapping[str, str], rules: Rules) -> Line:
    """A safe table as the ledger keeps it: its counts of people, of any number of which few may be.

    over   whom all of it is about, by dimension, where the table itself does not say
    """

    def people(cell: Cell) -> Facets:
        told = {name for name, _ in cell.people}
        own = {(table + n if n in OWN else n, labels) for n, labels in cell.people}
        return Facets(own | {(n, frozenset([o])) for n, o in over.items() if n not in told})

    kept = (replace(cell, people=people(cell)) for cell in safe.cells if _least(rules, cell.unit))
    parted = frozenset(table + name if name in OWN else name for name in safe.partitions)
    return Line(table, tuple(kept), parted)


def said(notebook: str, recorded: Iterable[Finding], rules: Rules) -> Line:
    """The counts of people in a notebook's findings."""
    cells = (
        Cell(f.id, name, value.unit, Facets({(f.id, frozenset([name]))}), *span_of(value, rules))
        for f in recorded
        for name, value in f.values.items()
        if isinstance(value, Band | Count) and _least(rules, value.unit)
    )
    return Line(f"{notebook}/findings", tuple(cells))


def draft(study: Study, folders: Iterable[Path]) -> str:
    """What notebooks left in these folders, as a final rendering would enter it.

    Raises ResearchError with every pair of tables that gives something away.
    """
    lines = []
    for left in folders:
        for path in sorted(left.glob(f"shared/*{SUFFIX}")):
            lines += read(path, study.shown(path))
        name = "/".join(left.parts[-2:])
        lines.append(said(name, findings.read(left / findings.FILE), study.file.thresholds))
    lines = [line for line in lines if line.cells]
    _check(study, lines)
    return write(lines)


def issued(study: Study) -> list[Line]:
    """Every line of the ledger."""
    path = study.reports / LEDGER
    return read(path, study.shown(path))


def drafted(study: Study, report: str, edition: str) -> list[Line]:
    """What was released of a report, as lines of this edition.

    Raises ResearchError with every pair of tables that gives something away.
    """
    path = study.reports / report / "released" / DRAFT
    if not path.is_file():
        cure = f"Release it again: ctresearch release {report}"
        raise refuse(study.shown(path), "what this report would issue is not told", cure)
    lines = [
        replace(line, report=report, edition=edition) for line in read(path, study.shown(path))
    ]
    _check(study, lines)
    return lines


def issue(study: Study, report: str, edition: str) -> None:
    """Enter what was released of a report as issued; what stands there already is not repeated."""
    there = issued(study)
    fresh = [line for line in drafted(study, report, edition) if line not in there]
    if fresh:
        path = study.reports / LEDGER
        write_whole(path, (read_text(path) if path.is_file() else "") + write(fresh))


def write(lines: Iterable[Line]) -> str:
    """Lines as text, the same bytes for the same tables."""
    return "".join(json.dumps(_pack(line), ensure_ascii=False) + "\n" for line in lines)


def read(path: Path, where: str) -> list[Line]:
    """The lines of a file; none where there is none.

    Raises ResearchError with each line that is torn.
    """
    lines, problems = [], Problems()
    for number, text in enumerate(read_text(path, where).splitlines() if path.is_file() else (), 1):
        try:
            lines.append(_unpack(json.loads(text)))
        except (ValueError, KeyError, TypeError):
            cure = "Take the file from git again: it is only ever added to."
            problems.add(f"{where}, line {number}", "this is no line of the ledger", cure)
    problems.raise_any()
    return lines


def _check(study: Study, new: Sequence[Line]) -> None:
    differences(issued(study), new, study.file.thresholds).raise_any()


def differences(before: Sequence[Line], new: Sequence[Line], rules: Rules) -> Problems:
    """What new tables, held against those issued and each other, let be found out."""
    same = {(line.table, line.cells) for line in new}
    old = [line for line in before if (line.table, line.cells) not in same]
    problems = Problems()
    for pair in _changes(old, new, rules):
        problems.add(*pair)
    if problems.found:
        return problems
    known = {key for key, *_ in _found_out(old, rules)}
    for key, low, high in _found_out([*old, *new], rules):
        if key not in known:
            number = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            *others, last = _tellers(key, [*old, *new], rules)
            told = " and ".join(line.name for line in others)
            with_ = f"with {told} it gives away " if told else "it gives away "
            what = f"{with_}{_people(key)}: {number} {key[0]}s"
            problems.add(f"ledger, {last.name}", what, CURE)
    return problems


def _changes(
    old: Iterable[Line], new: Iterable[Line], rules: Rules
) -> Iterator[tuple[str, str, str]]:
    """Numbers of the same people that differ by fewer than may be told."""
    exact = {c.key: (c, line) for line in new for c in line.cells if c.low == c.high}
    for line in old:
        for cell in line.cells:
            now, there = exact.get(cell.key, (cell, line))
            apart = abs(now.low - cell.low)
            if cell.low == cell.high and 0 < apart < _least(rules, cell.unit):
                what = f"less {line.name} it gives away {_people(cell.key)}: {apart:g} {cell.unit}s"
                yield f"ledger, {there.name}", what, CURE


def _found_out(lines: Sequence[Line], rules: Rules) -> Iterator[tuple[Key, float, float]]:
    """Populations of few people that these lines together tell the number of."""
    whole, widths = _system(lines)
    inside = {key for one in whole.sums for key in (one[0], *one[1])}
    asked = [key for key in whole.spans if key in inside and _least(rules, key[0])]
    for key, (low, high) in whole.bounds([k for k in asked if widths.get(k, 2) > 1]).items():
        few = low > 0 and high < _least(rules, key[0])
        if few or (key in widths and high - low + 1 < widths[key]):
            yield key, low, high


def _system(lines: Sequence[Line]) -> tuple[System, dict[Key, float]]:
    """All lines as one system; where an edition has another number of some people, apart by it."""
    parted = {name for line in lines for name in line.partitions}
    whole = system(((c.key, (0, math.inf)) for line in lines for c in line.cells), parted)
    spans, widths, sums = dict(whole.spans), dict[Key, float](), dict.fromkeys(whole.sums)
    for line in reversed(lines):  # the newest keeps its name
        other: dict[Key, Key] = {}
        for cell in line.cells:
            key = whole.named(cell.key)
            low, high = max(spans[key][0], cell.low), min(spans[key][1], cell.high)
            if low > high:
                other[key] = key = cell.unit, key[1] | {("~issue", frozenset([line.name]))}
                low, high = cell.low, cell.high
            spans[key], widths[key] = (low, high), min(cell.width, widths.get(key, 99))
        if other:
            sums |= dict.fromkeys(_renamed(one, other) for one in whole.sums)
    return System(spans, list(sums)), widths


def _renamed(one: Sum, other: Mapping[Key, Key]) -> Sum:
    total, parts = one
    return other.get(total, total), tuple(other.get(part, part) for part in parts)


def _tellers(key: Key, lines: Sequence[Line], rules: Rules) -> list[Line]:
    """The fewest of the lines that together give a population away."""
    needed = list(lines)
    for line in lines:
        fewer = [other for other in needed if other is not line]
        if any(found == key for found, *_ in _found_out(fewer, rules)):
            needed = fewer
    return needed


def _least(rules: Rules, unit: str) -> int:
    """Fewer of a unit than this are not told; 0: any number is."""
    rule = rules.get(unit)
    return max([rule.fewest, *sorted(rule.bands)[1:2]]) if rule else 0


def _people(key: Key) -> str:
    told = sorted((n, ", ".join(sorted(labels))) for n, labels in key[1] if n != "~issue")
    return "; ".join(label for _, label in told) or "all"


def _pack(line: Line) -> dict[str, Any]:
    cells = [
        [
            c.row,
            c.column,
            c.unit,
            {n: sorted(some) for n, some in sorted(c.people)},
            c.low,
            None if math.isinf(c.high) else c.high,
            c.width,
        ]
        for c in line.cells
    ]
    head = {"table": line.table, "edition": line.edition, "report": line.report}
    return head | {"partitions": sorted(line.partitions), "cells": cells}


def _unpack(kept: Mapping[str, Any]) -> Line:
    cells = tuple(
        Cell(
            row,
            column,
            unit,
            Facets((n, frozenset(some)) for n, some in people.items()),
            low,
            math.inf if high is None else high,
            width,
        )
        for row, column, unit, people, low, high, width in kept["cells"]
    )
    parted = frozenset(kept["partitions"])
    return Line(kept["table"], cells, parted, kept["report"], kept["edition"])
