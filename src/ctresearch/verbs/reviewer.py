"""Verbs for the reviewer: rerun everything and believe nothing.

In    a report, a country, a sample
Out   the verdict, in words or as JSON; an exit code
"""

from __future__ import annotations

from typing import Annotated

import typer

from ctresearch.verbs.common import AsJson, Shown, count, here, known, told


def verify(
    report: Annotated[str | None, typer.Argument(help="A folder of reports/; all if none.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only this country.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many runs, drawn.")] = None,
    seed: Annotated[int, typer.Option(help="What the sample is drawn with.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Rerun the notebooks from their sources and say which printed sentence no longer holds."""
    from ctresearch import verify as reviewer

    with told(as_json):
        study = here()
        names = [known(study, report)] if report else study.report_names
        with Shown(count(study)) as shown:
            verdict = reviewer.verify(
                study, names, country or [], sample=sample, seed=seed, started=shown.running
            )
    print(verdict.as_json() if as_json else verdict.as_text())
    if not as_json:
        print("The verdict as a page: build/verdict.html")
    raise typer.Exit(0 if verdict.holds else 1)
