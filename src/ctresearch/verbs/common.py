"""What the verbs share: the study around the folder, problems told, long work shown.

Exit codes: 0 done, 1 problems found in the user's files (listed), 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ctresearch.problems import Problem, ResearchError, refuse

if TYPE_CHECKING:
    from rich.progress import Progress

    from ctresearch.build import Step
    from ctresearch.runs import Run
    from ctresearch.study import Study

On = Annotated[
    str | None, typer.Option(help="Run on the workers of a dask scheduler: tcp://HOST:8786.")
]
Unit = Literal["turn", "character", "interview"]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
Fresh = Annotated[bool, typer.Option("--fresh", help="Do it again even if nothing changed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")]
Asks = Annotated[
    list[str] | None,
    typer.Option("--interviewer", help="Who asks, as the file names them; none: nobody does."),
]
Answers = Annotated[
    list[str] | None, typer.Option("--respondent", help="Who answers; all others if not given.")
]
Of = Annotated[str | None, typer.Option("--country", help="A country of the study.")]
Files = Annotated[list[str] | None, typer.Argument(help="interviews/JAM-KI-03.txt; all if none.")]
Places = Annotated[list[str] | None, typer.Argument(help="Countries or meetings; all if none.")]


@contextmanager
def told(as_json: bool = False) -> Iterator[None]:
    """Print the problems a person can mend and end with exit code 1."""
    try:
        yield
    except ResearchError as error:
        print_problems(error.problems, as_json)
        raise typer.Exit(1) from None
    except PermissionError as error:
        what = "this may not be read or written, or another program has it open"
        cure = "Close it there, or ask for the right to it."
        print_problems((Problem(Path(error.filename or "here").name, what, cure),), as_json)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("\nStopped. What had ended is kept; the same command goes on.", file=sys.stderr)
        raise


def here() -> Study:
    """The study around the current folder."""
    from ctresearch.study import find_study

    return find_study()


def known(study: Study, report: str) -> str:
    from ctresearch.problems import suggestion

    names, report = study.report_names, Path(report).name
    if report not in names:
        raise refuse(f"reports/{report}", "there is no such report", suggestion(report, names))
    return report


def count(study: Study) -> int:
    from ctresearch import runs

    return 1 + len(runs.plan(study)) + 2 * len(study.report_names)


def print_problems(problems: tuple[Problem, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"problems": [vars(problem) for problem in problems]}, indent=1))
        return
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    noun = "problem" if len(problems) == 1 else "problems"
    print(f"\n{len(problems)} {noun} to mend.", file=sys.stderr)


def print_passed_over(sealed: tuple[Problem, ...]) -> None:
    """What is sealed and could not be looked at, with one cure for all of it."""
    for problem in sealed:
        print(f"Passed over: {problem.where}\n  {problem.what}", file=sys.stderr)
    if sealed:
        print(f"  → {sealed[0].fix}\n", file=sys.stderr)


def print_paths(study: Study, paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"wrote {study.shown(path)}")


class Shown:
    """Long work as it goes: a bar that names what is running, or a line a step off a terminal."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done = 0
        self.bar: Progress | None = None

    def __enter__(self) -> Shown:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("Starting", total=self.count)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def running(self, run: Run) -> None:
        """Told of each notebook as it starts."""
        if self.bar is not None:
            self.bar.update(self.task, description=f"Running {run.name}")

    def note(self, problem: Problem) -> None:
        """Told of what stops nothing but should be mended."""
        print(f"\n{problem}", file=sys.stderr)

    def follow(self, steps: Iterable[Step]) -> None:
        """Go through the steps to their end and count those that had something to do."""
        for step in steps:
            self.done += step.done
            print_passed_over(step.passed_over)
            if self.bar is not None:
                self.bar.update(self.task, advance=1, description=step.name)
            elif step.done:
                print(step.name, file=sys.stderr, flush=True)
