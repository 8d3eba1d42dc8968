"""Runs: each notebook once for each place, when anything it rests on changed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ctresearch import kernels, runs
from ctresearch.files import digest
from ctresearch.problems import ResearchError
from ctresearch.release import strip
from ctresearch.study import Study

KILLS = 200 if os.environ.get("CTRESEARCH_COUNTS") == "full" else 3
STUDY = """
title = "A trial"
publisher = "Nobody"
edition = "2005"
languages = ["en"]
countries = ["guyana", "suriname"]
[thresholds]
article = {}
[notebooks.media]
each = "programme"
streams = ["media"]
reads = ["media.csv"]
[notebooks.country]
each = "programme"
after = ["media"]
[notebooks.region]
each = "study"
after = ["country"]
"""
COUNTRY = """
name = "{name}"
iso3 = "{iso3}"
programme = true
evidence = "invented"
languages = ["en"]
tile = [{at}, 0]
"""
COUNT_LINES = """
import os, pathlib
lines = pathlib.Path("countries", country, "media.csv").read_text().split()
kept = pathlib.Path(os.environ["CTRESEARCH_RUN"], "count.txt")
_ = kept.write_text(str(len(lines)))
len(lines)
"""
READ_COUNT = """
import os, pathlib
upstream = pathlib.Path(os.environ["CTRESEARCH_RESULTS"], country, "media", "count.txt")
upstream.read_text()
"""


def notebook(path: Path, parameter: str, *cells: str) -> None:
    """Write a notebook with one parameters cell and these code cells."""
    listed = [
        {
            "cell_type": "code",
            "id": f"cell-{at}",
            "metadata": {"tags": ["parameters"]} if at == 0 else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for at, source in enumerate([f'{parameter} = "guyana"', *cells])
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(
        json.dumps({"cells": listed, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )


@pytest.fixture
def study(tmp_path):
    (tmp_path / "research" / "countries").mkdir(parents=True)
    (tmp_path / "research" / "study.toml").write_text(STUDY)
    for at, (key, name, iso3) in enumerate(
        [("guyana", "Guyana", "GUY"), ("suriname", "Suriname", "SUR")]
    ):
        folder = tmp_path / "research" / "countries" / key
        folder.mkdir()
        (folder / "country.toml").write_text(COUNTRY.format(name=name, iso3=iso3, at=at))
        (folder / "media.csv").write_text("a\nb\n")
    notebook(tmp_path / "research" / "media.ipynb", "country", COUNT_LINES)
    notebook(tmp_path / "research" / "country.ipynb", "country", READ_COUNT)
    notebook(tmp_path / "research" / "region.ipynb", "edition", "1 + 1")
    return Study(tmp_path)


def names(done):
    return [each.run.name for each in done if not each.skipped and each.problem is None]


def run_all(study):
    return list(runs.run_all(study, runs.plan(study)))


def test_a_notebook_runs_after_those_whose_results_it_reads(study):
    order = [run.name for run in runs.plan(study)]

    assert order == [
        "guyana/media",
        "suriname/media",
        "guyana/country",
        "suriname/country",
        "study/region",
    ]


def test_one_changed_file_reruns_its_country_and_what_depends_on_it_and_nothing_else(study):
    run_all(study)
    unchanged = names(run_all(study))
    (study.country("suriname").folder / "media.csv").write_text("a\nb\nc\n")
    changed = names(run_all(study))

    assert (unchanged, changed) == ([], ["suriname/media", "suriname/country", "study/region"])


def test_a_file_that_was_touched_but_not_changed_reruns_nothing(study):
    run_all(study)
    (study.country("guyana").folder / "media.csv").touch()

    assert names(run_all(study)) == []


def test_a_cell_that_raises_is_named_with_its_cause_and_the_other_runs_are_done(study):
    (study.country("guyana").folder / "media.csv").unlink()
    done = run_all(study)

    problem = next(each.problem for each in done if each.run.name == "guyana/media")
    assert (problem.where, problem.what.split(":")[0], names(done)) == (
        "research/media.ipynb, cell 2, for guyana",
        "FileNotFoundError",
        ["suriname/media", "suriname/country"],
    )


def test_what_reads_from_a_failed_run_is_reported_as_waiting_for_it(study):
    (study.country("guyana").folder / "media.csv").unlink()
    waiting = {each.run.name: each.problem for each in run_all(study) if each.problem}

    assert waiting["guyana/country"].what == "not run: guyana/media failed"


def test_a_failed_run_leaves_the_old_results_as_they_were(study):
    run_all(study)
    (study.country("guyana").folder / "media.csv").unlink()
    run_all(study)

    assert (study.build / "guyana" / "media" / "count.txt").read_text() == "2"


def test_a_kernel_that_dies_is_reported_and_harms_no_other_run(study):
    notebook(study.research / "region.ipynb", "edition", "import os; os._exit(7)")
    done = run_all(study)

    problem = next(each.problem for each in done if each.run.name == "study/region")
    assert (problem.where, len(names(done))) == ("research/region.ipynb, cell 2, for study", 4)


def test_a_run_record_is_the_same_after_a_rerun(study):
    run_all(study)
    first = (study.build / "guyana" / "media" / "run.json").read_text()
    list(runs.run_all(study, runs.plan(study)[:1], fresh=True))

    assert (study.build / "guyana" / "media" / "run.json").read_text() == first


def test_a_run_that_rests_on_invented_evidence_says_so(study):
    invented = {run.name: run.invented for run in runs.plan(study)}

    assert invented["study/region"]


def test_notebooks_that_wait_for_each_other_are_refused(study):
    text = STUDY.replace('streams = ["media"]', 'after = ["country"]')
    (study.root / "research" / "study.toml").write_text(text)

    with pytest.raises(ResearchError, match="media → country → media"):
        runs.plan(Study(study.root))


def test_a_notebook_that_waits_for_an_unknown_one_is_offered_the_nearest(study):
    text = STUDY.replace('after = ["country"]', 'after = ["countri"]')
    (study.root / "research" / "study.toml").write_text(text)

    with pytest.raises(ResearchError, match="Did you mean 'country'"):
        runs.plan(Study(study.root))


def test_status_names_the_file_that_changed(study):
    run_all(study)
    (study.country("suriname").folder / "media.csv").write_text("a\n")
    (first, why), *_ = runs.stale(study, runs.plan(study))

    assert (first.name, why) == (
        "suriname/media",
        "research/countries/suriname/media.csv changed",
    )


def test_whoever_asks_for_all_again_is_told_of_every_run_and_why(study):
    run_all(study)
    asked = runs.stale(study, runs.plan(study), fresh=True)

    assert [why for _, why in asked] == [
        "asked for again",
        "asked for again",
        "waits for guyana/media",
        "waits for suriname/media",
        "waits for guyana/country",
    ]


def test_a_notebook_that_is_missing_is_refused_where_it_is_listed(study):
    (study.research / "region.ipynb").unlink()

    with pytest.raises(ResearchError, match=r"there is no research/region\.ipynb"):
        runs.plan(study)


def test_a_cell_that_does_not_end_is_stopped_and_told(study, tmp_path):
    notebook(study.research / "region.ipynb", "edition", "while True: pass")
    job = {
        "notebook": str(study.research / "region.ipynb"),
        "folder": str(study.research),
        "parameters": {"edition": "2005"},
        "scratch": str(tmp_path),
        "environ": {},
        "log": str(tmp_path / "kernels.log"),
    }
    code = (
        "from ctresearch import runs\n"
        "runs.SECONDS_A_CELL = 10\n"
        "try:\n"
        f"    runs.execute({job!r})\n"
        "except runs.ResearchError as error:\n"
        "    raise SystemExit(error.problems[0].what != 'the cell did not end within 10 seconds')\n"
        "raise SystemExit(2)\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_rounds_at_once_in_one_study_are_refused_and_harm_nothing(study):
    first = runs.run_all(study, runs.plan(study))
    next(first)
    with pytest.raises(ResearchError, match="another ctresearch is at this"):
        list(runs.run_all(study, runs.plan(study)))

    assert [each.problem for each in first] == [None] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_when_a_build_is_killed_its_workers_end_too(study):
    notebook(study.research / "media.ipynb", "country", "import time; time.sleep(600)")
    going, left = started(study)
    try:
        wait_until(lambda: len(left()) > 4)  # itself, a zygote, a converter, two notebooks
    finally:
        going.kill()
        going.wait()

    wait_until(lambda: not left())


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_whenever_a_build_is_killed_a_rerun_completes_it_and_nothing_is_half_written(study):
    began = time.monotonic()
    going, _ = started(study)
    going.wait()
    longest, whole = time.monotonic() - began, kept(study)
    moments = random.Random(7)
    for number in range(KILLS):
        (study.country("guyana").folder / "media.csv").write_text("a\nb\n" * (number + 2))
        going, left = started(study)
        time.sleep(moments.uniform(0, longest))
        going.kill()
        going.wait()
        wait_until(lambda left=left: not left())
        for folder in study.build.glob("[a-z]*/*/"):
            assert torn(folder) == []

    (study.country("guyana").folder / "media.csv").write_text("a\nb\n")
    assert [done.problem for done in run_all(study)] == [None] * 5
    assert kept(study) == whole


def torn(folder):
    """The files of a finished run that its record does not know as they are."""
    record = json.loads((folder / "run.json").read_text())
    outputs = record["outputs"].items()
    return [name for name, known in outputs if digest((folder / name).read_bytes()) != known]


def kept(study):
    """What the runs of a study left: all but what papermill stamps on a notebook."""
    found = {}
    for path in sorted(study.build.glob("[a-z]*/*/*")):
        notebook = path.suffix == ".ipynb"
        content = strip(json.loads(path.read_text())) if notebook else path.read_bytes()
        found[path.relative_to(study.build).as_posix()] = content
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="warm runs need fork")
def test_when_the_zygote_is_killed_its_notebooks_are_told_and_the_next_round_does_them(study):
    kill = "import os; os.kill(os.getppid(), 9); import time; time.sleep(600)"
    notebook(study.research / "media.ipynb", "country", kill)
    killed = run_all(study)
    notebook(study.research / "media.ipynb", "country", COUNT_LINES)

    assert killed[0].problem.what == "the process that all kernels are forked from was killed"
    assert [done.problem for done in run_all(study)] == [None] * 5


@pytest.mark.skipif(sys.platform != "linux", reason="warm runs need fork")
def test_warm_and_plain_runs_leave_the_same(study):
    run_all(study)
    warm = kept(study)
    list(runs.run_all(study, runs.plan(study), fresh=True, cold=True))

    assert kept(study) == warm


def test_where_there_is_no_fork_plain_kernels_serve_and_that_is_told(study, monkeypatch):
    monkeypatch.setattr(kernels, "CAN_FORK", False)
    monkeypatch.setattr(kernels, "_own", [])
    told = []
    done = list(runs.run_all(study, runs.plan(study)[:1], told=told.append))

    assert (done[0].problem, told[0].what.split(":")[0]) == (
        None,
        "each notebook starts a kernel of its own",
    )


def test_another_country_in_the_study_reruns_only_what_is_run_for_all_of_it(study):
    run_all(study)
    folder = study.root / "research" / "countries" / "belize"
    folder.mkdir()
    (folder / "country.toml").write_text(COUNTRY.format(name="Belize", iso3="BLZ", at=2))
    (folder / "media.csv").write_text("a\n")
    text = STUDY.replace('["guyana"', '["belize", "guyana"')
    (study.root / "research" / "study.toml").write_text(text)

    assert sorted(names(run_all(Study(study.root)))) == [
        "belize/country",
        "belize/media",
        "study/region",
    ]


def test_another_threshold_reruns_every_notebook(study):
    run_all(study)
    text = STUDY.replace("article = {}", "article = { fewest = 5 }")
    (study.root / "research" / "study.toml").write_text(text)

    assert len(names(run_all(Study(study.root)))) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="plain kernels are not watched")
def test_a_file_that_a_notebook_reads_and_no_list_names_is_told(study):
    text = STUDY.replace('reads = ["media.csv"]', 'reads = ["country.toml"]')
    (study.root / "research" / "study.toml").write_text(text)
    told = []
    list(runs.run_all(Study(study.root), runs.plan(Study(study.root)), told=told.append))

    ((where, what),) = [(problem.where, problem.what) for problem in told]
    place = where.removeprefix("research/media.ipynb, for ")  # whichever ended first
    assert what == (
        f"it read research/countries/{place}/media.csv, which study.toml does not say it reads"
    )


def test_each_run_adds_a_line_to_the_log_with_what_its_record_must_not_hold(study):
    run_all(study)
    lines = [json.loads(line) for line in (study.build / "runs.jsonl").read_text().splitlines()]

    assert [sorted(line) for line in lines] == [
        ["kernel", "key", "opened", "run", "seconds", "when"]
    ] * 5


def started(study):
    """All runs of a study in a process of their own, and what lists that and all it started."""
    code = (
        "from ctresearch import runs\n"
        "from ctresearch.study import find_study\n"
        "if __name__ == '__main__':\n"
        "    study = find_study()\n"
        "    list(runs.run_all(study, runs.plan(study)))\n"
    )
    (study.root / "go.py").write_text(code)
    mark = f"CTRESEARCH_TRIAL={study.root}"
    environ = os.environ | dict([mark.split("=", 1)])
    going = subprocess.Popen([sys.executable, "go.py"], cwd=study.root, env=environ)

    def left() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark.encode() in process.read_bytes().split(b"\0"):
                    found.append(process.parent.name)
        return found

    return going, left


def wait_until(holds) -> None:
    """Wait up to a minute for something to hold."""
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_torn_run_record_is_told_as_the_reason(study):
    run_all(study)
    record = study.build / "guyana" / "media" / "run.json"
    record.write_text(record.read_text()[:30])
    (study.country("guyana").folder / "media.csv").write_text("a\n")
    stale = {run.name: why for run, why in runs.stale(study, runs.plan(study))}

    assert stale["guyana/media"] == "its run record is torn"
