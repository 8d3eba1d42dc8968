"""Verbs for the editor: release and render a report.

In    a folder of reports/, formats, an edition
Out   what was written and what to open, in words
"""

from __future__ import annotations

from typing import Annotated

import typer

from ctresearch.verbs.common import here, known, told


def release(report: Annotated[str, typer.Argument(help="A folder of reports/.")]) -> None:
    """Let what the notebooks found through the gate, into REPORT's released/ folder."""
    from ctresearch import build as job

    with told():
        study = here()
        report = known(study, report)
        job.release(study, report, fresh=True)
    print(f"Released to reports/{report}/released/. Next: ctresearch render {report}")


def render(
    report: Annotated[str, typer.Argument(help="A folder of reports/.")],
    to: Annotated[str, typer.Option(help="Formats, with commas.")] = "html,docx,pdf",
    using: Annotated[
        str | None, typer.Option("--with", help="embedded or quarto; quarto where it is installed.")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Issue it: refuses what is invented.")] = (
        False
    ),
    edition: Annotated[
        str, typer.Option(help="The edition it is issued as; the study's if none.")
    ] = "",
) -> None:
    """Render REPORT from what was released."""
    from ctresearch import build as job
    from ctresearch import reports

    with told():
        study = here()
        report, formats = known(study, report), tuple(to.replace(" ", "").split(","))
        written = reports.render(study, report, formats, with_=using, final=final, edition=edition)
        opened = job.results(study, report)
    print(f"{len(written)} files written; open")
    for path in opened:
        print(f"  {study.shown(path)}")
    if final:
        print(f"Issued as edition {edition or study.file.edition}: see reports/ledger.jsonl.")
    print(f"Next: read it, then `ctresearch verify {report}` to check every sentence.")
