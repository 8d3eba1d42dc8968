"""Verify: the reviewer's rerun. Does every printed sentence still hold?

In    the sources of the study and what its reports released
Out   a `Verdict`: what was checked, what differs, what could not be checked; as text, json, a page

The one idea: nothing released is believed. The notebooks run again from their sources into a
scratch folder, and what comes out is held against what was printed: inputs by their hashes in the
run record, findings sentence by sentence, tables and notebook outputs byte for byte, the pages of
a rendered report word by word. What cannot be rerun here is named, never passed over.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from itertools import islice, zip_longest
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from ctresearch import findings, reports, runs
from ctresearch.files import write_whole
from ctresearch.fingerprint import Contents
from ctresearch.problems import ResearchError, refuse
from ctresearch.release import RELEASED, intact, strip, variables
from ctresearch.seals import Sealed
from ctresearch.study import Study

SCRATCH = ".verify"  # below build/
PAGE = Path(__file__).with_name("verdict.html")
HEADINGS = {
    "input": "Input files that differ from the run record",
    "finding": "Sentences that no longer hold",
    "table": "Released tables that differ",
    "output": "Notebook outputs that differ",
    "variable": "Variables of the report that the findings would not write so",
    "page": "Rendered pages that say something else than what is released",
}
NEXT = "Next: put back what differs, or `ctresearch build` to print what the sources say now."
NO_FINDING = "no such finding"
NOT_ALL = "The sentences above no longer hold; every other one does."
ALL = "Every printed sentence still holds."
SOME = "Every sentence that was checked still holds; not all were."
NOT_DRAWN = "it was not drawn"
SEALED = "it rests on sealed evidence that no key here opens"
NO_PAGES = "it is not rendered here in html; `ctresearch render {report} --to html` makes it"


T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Difference:
    """One thing that is not as it was released."""

    kind: str  # input, finding, table, output, variable or page
    where: str  # the file, finding or cell
    before: str  # as released
    after: str  # as the rerun has it

    def __str__(self) -> str:
        return f"  {self.where}\n    released: {self.before}\n    rerun:    {self.after}"


@dataclass
class Verdict:
    """What was checked, what differs, and what could not be checked."""

    checked: dict[str, int] = field(default_factory=dict)  # how many of each sort of thing
    unchecked: dict[str, str] = field(default_factory=dict)  # what was not, and why
    differences: list[Difference] = field(default_factory=list)

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

    def count(self, **things: int) -> None:
        """Note that so many more of each sort of thing were checked."""
        for name, more in things.items():
            self.checked[name] = self.checked.get(name, 0) + more

    @property
    def counts(self) -> str:
        return "Checked: " + ", ".join(f"{n} {name}" for name, n in self.checked.items()) + "."

    @property
    def conclusion(self) -> str:
        """The one sentence a reviewer came for."""
        if not self.sentences_hold:
            return NOT_ALL
        return SOME if self.unchecked else ALL

    def as_text(self) -> str:
        """The verdict as a reviewer reads it in a terminal."""
        lines = [self.counts]
        for kind, heading in HEADINGS.items():
            if found := self.of_kind(kind):
                lines += ["", f"{heading} ({len(found)}):", *map(str, found)]
        if self.unchecked:
            lines += ["", f"Not checked ({len(self.unchecked)}):"]
            lines += [f"  {what}\n    {why}" for what, why in self.unchecked.items()]
        lines += ["", self.conclusion]
        lines += [] if self.holds else [NEXT]
        return "\n".join(lines)

    def as_json(self) -> str:
        content = {
            "checked": self.checked,
            "holds": self.holds,
            "sentences_hold": self.sentences_hold,
            "unchecked": self.unchecked,
            "differences": [vars(d) for d in sorted(self.differences)],
        }
        return json.dumps(content, indent=1, ensure_ascii=False)

    def as_page(self) -> str:
        """The verdict as a page of html that stands alone."""
        parts = [
            f"<h2>{heading} ({len(found)})</h2>{_rows(found)}"
            for kind, heading in HEADINGS.items()
            if (found := self.of_kind(kind))
        ]
        why = "".join(
            f"<dt>{escape(w)}</dt><dd>{escape(y)}</dd>" for w, y in self.unchecked.items()
        )
        parts += [f"<h2>Not checked ({len(self.unchecked)})</h2><dl>{why}</dl>"] if why else []
        said = {"conclusion": self.conclusion, "counts": self.counts}
        page = Template(PAGE.read_text(encoding="utf-8"))
        return page.substitute(
            said, verdict="holds" if self.holds else "differs", parts="".join(parts)
        )


def _rows(found: Sequence[Difference]) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Where", "Released", "Rerun"))
    rows = (
        f'<tr><th scope="row">{escape(d.where)}</th><td>{escape(d.before)}</td>'
        f"<td>{escape(d.after)}</td></tr>"
        for d in found
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def verify(
    study: Study,
    names: Sequence[str],
    countries: Sequence[str] = (),
    *,
    sample: int | None = None,
    seed: int = 0,
    started: Callable[[runs.Run], None] | None = None,
) -> Verdict:
    """Rerun what the reports released and compare; the verdict is also left in build/.

    names       reports
    countries   only these places and what they rest on; all if none is named
    sample      only so many runs, drawn with `seed`; the same seed draws the same runs

    Raises ResearchError where nothing was released, or a notebook fails.
    """
    plan = runs.plan(study)
    released = {report: _released(study, report, plan) for report in names}
    every = tuple(dict.fromkeys(run for listed in released.values() for run in listed))
    locked = _locked(study, plan)
    asked = runs.chosen(countries, every)
    wanted = _drawn(tuple(run for run in asked if run not in locked), sample, seed)
    left_out = {
        run.name: SEALED if run in locked else NOT_DRAWN for run in asked if run not in wanted
    }
    verdict = Verdict(unchecked=left_out)
    if len(asked) < len(every):
        verdict.unchecked["the other places"] = "they were not asked for"
    scratch = Study(study.root, results=study.build / SCRATCH)
    shutil.rmtree(scratch.results, ignore_errors=True)
    _rerun(scratch, _with_upstream(wanted, plan), started)
    contents = Contents(study)
    for report, listed in released.items():
        for run in (run for run in listed if run in wanted):
            _hold(study, scratch, run, study.reports / report, contents, verdict)
        if len(wanted) == len(every):
            verdict.differences += _variables(study, scratch, report)
        _hold_pages(study, report, verdict)
    contents.save()
    verdict.differences = list(dict.fromkeys(verdict.differences))
    write_whole(study.build / "verdict.json", verdict.as_json())
    write_whole(study.build / "verdict.html", verdict.as_page())
    return verdict


def _drawn(wanted: tuple[runs.Run, ...], sample: int | None, seed: int) -> tuple[runs.Run, ...]:
    """A random sample of runs, in the order of the plan."""
    if sample is None or sample >= len(wanted):
        return wanted
    kept = set(random.Random(seed).sample([run.name for run in wanted], max(sample, 1)))
    return tuple(run for run in wanted if run.name in kept)


def _hold(
    study: Study, scratch: Study, run: runs.Run, folder: Path, contents: Contents, verdict: Verdict
) -> None:
    """Hold one rerun against what a report released of it."""
    then, now = folder / RELEASED / run.place / run.notebook, runs.results_of(scratch, run)
    said, inputs = findings.read(then / findings.FILE), runs.inputs_digests(study, run, contents)
    tables = len(list(then.glob("*.csv")))
    verdict.count(notebooks=1, findings=len(said), tables=tables, inputs=len(inputs))
    verdict.differences += [
        *_inputs(then, inputs),
        *_sentences(study, then, now, folder),
        *_tables(then, now, run),
        *_outputs(then, now, run),
    ]


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
    sealed = runs.locked(study, plan, Contents(study))
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


def _sentences(study: Study, then: Path, now: Path, report: Path) -> Iterator[Difference]:
    """Findings whose sentence or values came out differently, were lost or are new."""
    recorded = ({f.id: f for f in findings.read(path / findings.FILE)} for path in (then, now))
    for key, *both in _apart(*recorded):
        where = "; ".join([key, *_printed(study, key, report)])
        yield Difference("finding", where, *(f.sentence("en") if f else NO_FINDING for f in both))


def _printed(study: Study, finding: str, report: Path) -> Iterator[str]:
    """Where the chapters of a report print a finding."""
    called = re.compile(rf"\{{\{{<\s*var\s+{re.escape(finding)}\.")
    for page in sorted(report.rglob("*.qmd")):
        for n, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            if called.search(line):
                yield f"{study.shown(page)}, line {n}"


def _said(finding: findings.Finding | None) -> str:
    return finding.sentence("en") if finding else "no such finding"


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


def _hold_pages(study: Study, report: str, verdict: Verdict) -> None:
    """Hold the pages that were rendered here against what the released files render to now."""
    from ctresearch.embedded import html

    folder = study.reports / report
    pages = sorted(page for out in ("_book", "_site") for page in (folder / out).rglob("*.html"))
    if not pages:
        verdict.unchecked[study.shown(folder)] = NO_PAGES.format(report=report)
        return
    out = study.build / SCRATCH / report
    try:
        book = reports.check(study, report)
    except ResearchError as error:
        verdict.unchecked[study.shown(folder)] = f"the check refuses it: {error.problems[0]}"
        return
    html.write(book, out)
    verdict.count(pages=len(pages))
    for page in pages:
        again = out / page.relative_to(folder).relative_to(page.relative_to(folder).parts[0])
        before, after = _read(page), _read(again if again.is_file() else None)
        if before != after:
            parted = _where_parted(before, after)
            verdict.differences.append(Difference("page", study.shown(page), *parted))


def _read(page: Path | None) -> list[str]:
    """The words of a page of html, as a reader sees them; none where there is no page."""
    text = page.read_text(encoding="utf-8") if page else ""
    shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
    return unescape(shown).split()


def _where_parted(before: Sequence[str], after: Sequence[str], near: int = 6) -> tuple[str, str]:
    """Two lists of words from shortly before they part."""
    first, *_ = next(_parting(before, after))
    around = slice(max(0, first - near), first + 2 * near)
    return " ".join(before[around]), " ".join(after[around])


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
