"""The main job: check, run, release and render, each only where something it rests on changed.

In    the study as it lies on the disk
Out   reports/*/_book and _site; one `Step` a thing done or skipped

The one idea: a step is done when the files it reads and the files it left are as they were when it
last ended well. Deleting what a step made, or touching what it reads, brings it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ctresearch import runs
from ctresearch.fingerprint import Steps, files_in
from ctresearch.problems import Problem, ResearchError
from ctresearch.study import Study

OUT = ("_book", "_site")


@dataclass(frozen=True)
class Step:
    """One thing the main job did, or found done."""

    name: str  # check, run jamaica/media, release legal-review, render legal-review
    done: bool  # False: nothing had changed
    passed_over: tuple[Problem, ...] = ()  # what is sealed and does not open here


def build(
    study: Study,
    *,
    fresh: bool = False,
    running: Callable[[runs.Run], None] | None = None,
    told: Callable[[Problem], None] | None = None,
) -> Iterator[Step]:
    """Do all that is not up to date.

    Raises ResearchError with the problems of the first step that finds any; a notebook that fails
    leaves the other notebooks done.
    """
    yield check(study, fresh=fresh)
    yield from run(study, runs.plan(study), fresh=fresh, started=running, told=told)
    for report in study.report_names:
        yield release(study, report, fresh=fresh)
        yield render(study, report, fresh=fresh)


def check(study: Study, *, fresh: bool = False) -> Step:
    """Check every file a person keeps; the survey's workbook is made where there is none."""
    steps = Steps(study)
    if not (study.instruments / "survey.xlsx").exists():
        from ctresearch.instruments import write_workbook

        write_workbook(study)
    files = files_in(study.research) + files_in(study.instruments)
    if not fresh and steps.is_done("check", files):
        return Step("check", False)
    from ctresearch.case import check_study

    if passed_over := check_study(study):  # not marked as done: a key may come
        return Step("check", True, passed_over)
    steps.mark("check", files)
    return Step("check", True)


def run(
    study: Study,
    wanted: tuple[runs.Run, ...],
    *,
    fresh: bool = False,
    cold: bool = False,
    started: Callable[[runs.Run], None] | None = None,
    told: Callable[[Problem], None] | None = None,
    elsewhere: runs.Elsewhere | None = None,
) -> Iterator[Step]:
    """Run the notebooks that are not up to date; their problems are raised when all have ended."""
    problems = []
    how = {"fresh": fresh, "cold": cold}
    for done in runs.run_all(study, wanted, **how, started=started, told=told, elsewhere=elsewhere):
        if done.problem is not None:
            problems.append(done.problem)
        else:
            yield Step(f"run {done.run.name}", not done.skipped)
    if problems:
        raise ResearchError(problems)


def release(study: Study, report: str, *, fresh: bool = False) -> Step:
    """Let what the notebooks found through the gate, into the report's released/ folder."""
    steps, folder, name = Steps(study), study.reports / report, f"release {report}"
    kept = [runs.results_of(study, each) / runs.KEY for each in runs.plan(study)]

    def files() -> list[Path]:
        left = [*files_in(folder / "released"), *folder.glob("_variables*.yml")]
        read = [folder / "_quarto.yml", study.research / "study.toml"]
        literature = study.research.glob("*.bib")
        return [p for p in (*kept, *read, *literature, *left) if p.is_file()]

    if not fresh and steps.is_done(name, files()):
        return Step(name, False)
    from ctresearch.release import release

    release(study, report)
    steps.mark(name, files())
    return Step(name, True)


def render(study: Study, report: str, *, fresh: bool = False) -> Step:
    """Render the report in all its formats."""
    steps, folder, name = Steps(study), study.reports / report, f"render {report}"

    def files() -> list[Path]:
        read = files_in(folder, but=(*OUT, "released")) + files_in(folder / "released")
        left = [path for out in OUT for path in files_in(folder / out)]
        return [*read, *study.research.glob("*.bib"), *left]

    if not fresh and steps.is_done(name, files()):
        return Step(name, False)
    from ctresearch import reports

    reports.render(study, report, with_="embedded")
    steps.mark(name, files())
    return Step(name, True)


def results(study: Study, report: str) -> list[Path]:
    """What a reader opens of a rendered report: its first page, its Word file and its PDF."""
    folder = study.reports / report
    found = [path for out in OUT for path in sorted((folder / out).glob("*"))]
    return [p for p in found if p.name == "index.html" or p.suffix in (".docx", ".pdf")]
