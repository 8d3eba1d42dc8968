"""Verify: the reviewer's rerun. Does every printed sentence still hold?

In    the sources of the study and what its reports released
Out   a `Verdict`: the inputs, sentences, tables, outputs and variables that differ

The one idea: nothing released is believed. The notebooks run again from their sources into a
scratch folder, and what comes out is held against what was printed: inputs by their hashes in the
run record, findings sentence by sentence, tables and notebook outputs byte for byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from ctresearch import findings, runs
from ctresearch.fingerprint import Contents
from ctresearch.problems import ResearchError, refuse
from ctresearch.release import RELEASED, intact, strip, variables
from ctresearch.seals import Sealed
from ctresearch.study import Study

SCRATCH = ".verify"  # below build/
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Difference:
    """One thing that is not as it was released."""

    kind: str  # input, finding, table, output or variable
    where: str  # the file, finding or cell
    before: str  # as released
    after: str  # as the rerun has it

    def __str__(self) -> str:
        return f"  {self.where}\n    released: {self.before}\n    rerun:    {self.after}"


@dataclass
class Verdict:
    """What was checked, and what differs."""

    runs: int = 0
    findings: int = 0
    differences: list[Difference] = field(default_factory=list)
    sealed: tuple[str, ...] = ()  # notebooks not rerun: no key here opens what they rest on

    @property
    def holds(self) -> bool:
        """Whether nothing at all differs."""
        return not self.differences

    @property
    def sentences_hold(self) -> bool:
        """Whether every released sentence came out of the rerun as it was printed."""
        return not self.of_kind("finding")

    def of_kind(self, kind: str) -> list[Difference]:
        return sorted(d for d in self.differences if d.kind == kind)

    def as_text(self) -> str:
        """The verdict as a reviewer reads it in a terminal."""
        lines = [f"{self.runs} notebooks rerun, {self.findings} findings compared."]
        for kind, heading in HEADINGS.items():
            found = self.of_kind(kind)
            if found:
                lines += ["", heading.format(n=len(found)), *map(str, found)]
        lines += [SEALED.format(names=", ".join(self.sealed))] if self.sealed else []
        every = f"Every {'other ' * bool(self.sealed)}printed sentence still holds."
        lines += ["", every if self.sentences_hold else NOT_ALL]
        lines += [] if self.holds else [NEXT]
        return "\n".join(lines)

    def as_json(self) -> str:
        content = {
            "runs": self.runs,
            "findings": self.findings,
            "holds": self.holds,
            "sentences_hold": self.sentences_hold,
            "sealed": self.sealed,
            "differences": [vars(d) for d in sorted(self.differences)],
        }
        return json.dumps(content, indent=1, ensure_ascii=False)


HEADINGS = {
    "input": "Input files that differ from the run record ({n}):",
    "finding": "Sentences that no longer hold ({n}):",
    "table": "Released tables that differ ({n}):",
    "output": "Notebook outputs that differ ({n}):",
    "variable": "Variables of the report that the findings would not write so ({n}):",
}
SEALED = "\nNot rerun, for they rest on sealed evidence that no key here opens: {names}."
NEXT = "Next: put back what differs, or `ctresearch build` to print what the sources say now."
NO_FINDING = "no such finding"
NOT_ALL = "The sentences above no longer hold; every other one does."


def verify(
    study: Study,
    reports: Sequence[str],
    countries: Sequence[str] = (),
    started: Callable[[runs.Run], None] | None = None,
) -> Verdict:
    """Rerun what the reports released and compare.

    countries   only these places and what they rest on; all if none is named

    Raises ResearchError where nothing was released, or a notebook fails.
    """
    plan = runs.plan(study)
    released = {report: _released(study, report, plan) for report in reports}
    every = dict.fromkeys(run for listed in released.values() for run in listed)
    locked = _locked(study, plan)
    wanted = tuple(run for run in runs.chosen(countries, tuple(every)) if run not in locked)
    scratch = Study(study.root, results=study.build / SCRATCH)
    shutil.rmtree(scratch.results, ignore_errors=True)
    _rerun(scratch, _with_upstream(wanted, plan), started)

    verdict = Verdict(runs=len(wanted))
    verdict.sealed = tuple(run.name for run in every if run in locked)
    contents = Contents(study)
    for report, listed in released.items():
        for run in (run for run in listed if run in wanted):
            then = study.reports / report / RELEASED / run.place / run.notebook
            now = runs.results_of(scratch, run)
            verdict.findings += len(findings.read(then / findings.FILE))
            verdict.differences += [
                *_inputs(then, runs.inputs_digests(study, run, contents)),
                *_sentences(then, now),
                *_tables(then, now, run),
                *_outputs(then, now, run),
            ]
        if not countries and not locked:
            verdict.differences += _variables(study, scratch, report)
    contents.save()
    verdict.differences = list(dict.fromkeys(verdict.differences))
    return verdict


def _released(study: Study, report: str, plan: Sequence[runs.Run]) -> list[runs.Run]:
    """The runs a report released, as its released/ folder holds them."""
    intact(study, report)
    folder = study.reports / report / RELEASED
    found = [run for run in plan if (folder / run.place / run.notebook / runs.RECORD).is_file()]
    if not found:
        cure = f"Release it first: ctresearch release {report}"
        raise refuse(study.shown(folder), "nothing is released here to verify", cure)
    return found


def _locked(study: Study, plan: Sequence[runs.Run]) -> set[runs.Run]:
    """The runs that rest on sealed evidence no key here opens, themselves or through others."""
    sealed = runs.locked(study, plan)
    if faults := [problem for problem in sealed.values() if not isinstance(problem, Sealed)]:
        raise ResearchError(faults)
    found = set(sealed)
    for run in plan:
        if found.intersection(runs.before(run, plan)):
            found.add(run)
    return found


def _with_upstream(wanted: tuple[runs.Run, ...], plan: Sequence[runs.Run]) -> list[runs.Run]:
    needed = set(wanted)
    for run in reversed(plan):
        if run in needed:
            needed.update(runs.before(run, plan))
    return [run for run in plan if run in needed]


def _rerun(
    scratch: Study, wanted: Sequence[runs.Run], started: Callable[[runs.Run], None] | None
) -> None:
    ended = list(runs.run_all(scratch, wanted, started=started))
    problems = [done.problem for done in ended if done.problem is not None]
    if problems:
        raise ResearchError(problems)


def _apart(then: Mapping[str, T], now: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    """What differs, was lost or is new: its name, as released, as the rerun has it."""
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield name, then.get(name), now.get(name)


def _parting(then: Sequence[str], now: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The first row in which two files differ, counted from 1, and what stands there in each."""
    rows = enumerate(zip_longest(then, now, fillvalue="no such row"), start=1)
    return islice(((row, *both) for row, both in rows if both[0] != both[1]), 1)


def _inputs(then: Path, now: Mapping[str, str]) -> Iterator[Difference]:
    """The files that are not what the released run record says was read."""
    for path, *both in _apart(_json(then / runs.RECORD)["inputs"], now):
        before, after = (digest or "not there" for digest in both)
        yield Difference("input", path, before[:12], after[:12])


def _sentences(then: Path, now: Path) -> Iterator[Difference]:
    """Findings whose sentence or values came out differently, were lost or are new."""
    recorded = ({f.id: f for f in findings.read(path / findings.FILE)} for path in (then, now))
    for key, *both in _apart(*recorded):
        yield Difference("finding", key, *(f.sentence("en") if f else NO_FINDING for f in both))


def _tables(then: Path, now: Path, run: runs.Run) -> Iterator[Difference]:
    tables = (
        {path.name: _lines(path) for path in at.glob("*.csv")} for at in (then, now / "shared")
    )
    for name, before, after in _apart(*tables):
        for row, *both in _parting(before or [], after or []):
            yield Difference("table", f"{run.name}/{name}, row {row}", *both)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _outputs(then: Path, now: Path, run: runs.Run) -> Iterator[Difference]:
    """Cells whose source, count or any output differs; a count must be there."""
    name = f"{run.notebook}.ipynb"
    before, after = _json(then.with_name(name))["cells"], strip(_json(now / name))["cells"]
    where = f"{run.place}/{name}"
    if len(before) != len(after):
        yield Difference("output", where, f"{len(before)} cells", f"{len(after)} cells")
        return
    for at, cells in enumerate(zip(before, after, strict=True), start=1):
        if cells[0] != cells[1]:
            yield Difference("output", f"{where}, cell {at}", *_shown(*cells))


def _shown(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str]:
    """What two versions of a cell show, from a few words before they part."""
    then, now = (_words(cell) for cell in (before, after))
    if then == now:
        return then[:160], "drawn otherwise"
    parting = (n for n, (a, b) in enumerate(zip(then, now, strict=False)) if a != b)
    at = max(0, next(parting, min(len(then), len(now))) - 40)
    return then[at:][:160], now[at:][:160]


def _words(cell: dict[str, Any]) -> str:
    said = [_plain(output) for output in cell.get("outputs", [])] or ["".join(cell["source"])]
    return " ".join(" ".join(said).split())


def _plain(output: dict[str, Any]) -> str:
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", ""))


def _variables(study: Study, scratch: Study, report: str) -> Iterator[Difference]:
    """Lines of the report's variables that the rerun's findings would not write."""
    for path, content in variables(scratch, report).items():
        for row, *both in _parting(_lines(path), content.splitlines()):
            yield Difference("variable", f"{study.shown(path)}, line {row}", *both)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
