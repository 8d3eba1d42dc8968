"""Verbs for everybody: build, check, status.

In    the study around the current folder
Out   what was done or is to be mended, in words or as JSON; an exit code
"""

from __future__ import annotations

import json
import time

from ctresearch.verbs.common import AsJson, Fresh, Shown, count, here, print_passed_over, told


def build(fresh: Fresh = False) -> None:
    """Check, run, release and render whatever changed: the main job."""
    from ctresearch import build as job

    began = time.monotonic()
    with told():
        study = here()
        with Shown(count(study)) as shown:
            shown.follow(job.build(study, fresh=fresh, running=shown.running, told=shown.note))
    for report in study.report_names:
        print(f"\n{report}")
        for path in job.results(study, report):
            print(f"  {study.shown(path)}")
    seconds = time.monotonic() - began
    print(
        f"\n{shown.done} steps done in {seconds:.1f} s." if shown.done else "\nNothing had changed."
    )
    print("Next: open a page above in a browser, or `ctresearch verify` to check every sentence.")


def check(as_json: AsJson = False) -> None:
    """Check every file of the study and list all that is to be mended."""
    from ctresearch import build as job
    from ctresearch import seals

    with told(as_json):
        study = here()
        passed_over = job.check(study, fresh=True).passed_over
        doubts = seals.doubts() if study.file.seals else []
    if as_json:
        told_over = [vars(problem) for problem in passed_over]
        print(json.dumps({"problems": [], "passed_over": told_over}, indent=1))
        return
    print_passed_over(passed_over)
    for doubt in doubts:
        print(doubt)
    print(f"No problems{' in all the rest' if passed_over else ''}. Next: ctresearch run")


def status(as_json: AsJson = False) -> None:
    """Say which notebooks are not up to date, and why."""
    from ctresearch import runs

    with told(as_json):
        study = here()
        stale = {each.name: why for each, why in runs.stale(study, runs.plan(study))}
    if as_json:
        print(json.dumps({"stale": stale}, indent=1))
        return
    for name, why in stale.items():
        print(f"{name:40} {why}")
    print(f"{'' if stale else 'Every notebook is up to date. '}Next: ctresearch build")
