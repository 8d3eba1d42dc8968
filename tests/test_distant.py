"""Runs on other machines: real schedulers and workers, the same bytes as at home."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from test_runs import notebook, run_all, study  # noqa: F401 (the fixture of small runs)

from ctresearch import runs, seals
from ctresearch.problems import ResearchError
from ctresearch.release import strip

distributed = pytest.importorskip("distributed", reason="dask is an extra: ctresearch[dask]")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
DASK = [sys.executable, "-m", "dask"]
ON_THIS_MACHINE = ["--host", "127.0.0.1", "--no-dashboard"]


def told(process: subprocess.Popen[str], pattern: str) -> str:
    """What a process says of itself."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"it ended without saying {pattern}")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A scheduler with two workers, each a process of its own; its address."""
    said = {"stderr": subprocess.PIPE, "text": True}
    going = [subprocess.Popen([*DASK, "scheduler", *ON_THIS_MACHINE, "--port", "0"], **said)]
    address = told(going[0], r"Scheduler at:\s+(tcp://\S+)")
    for name in ("near", "far"):
        worker = [*DASK, "worker", address, *ON_THIS_MACHINE, "--name", name, "--nthreads", "1"]
        going.append(subprocess.Popen(worker, **said))
        told(going[-1], r"(Registered to)")
    yield address
    for process in going:
        process.terminate()
    for process in going:
        process.communicate()


def distant_run(study, address, **options) -> list[runs.Done]:
    from ctresearch.distant import Distant

    with Distant(study, address) as there:
        plan = runs.plan(study)
        return list(runs.run_all(study, plan, elsewhere=there, **options))


def left(study) -> dict[str, object]:
    """What all runs left, by path, without what papermill stamps into notebooks."""
    found: dict[str, object] = {}
    for path in sorted(study.results.glob("*/*/*")):
        name = path.relative_to(study.results).as_posix()
        whole = path.suffix != ".ipynb"
        found[name] = path.read_bytes() if whole else strip(json.loads(path.read_text()))
    return found


def test_what_comes_back_is_what_a_run_at_home_leaves(study, scheduler):
    run_all(study)
    at_home = left(study)
    ended = distant_run(study, scheduler, fresh=True)

    assert [done.problem for done in ended] == [None] * len(ended)
    assert left(study) == at_home


def test_a_local_cluster_gives_the_same_bytes(study):
    run_all(study)
    at_home = left(study)
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster:
        distant_run(study, cluster.scheduler_address, fresh=True)

    assert left(study) == at_home


def test_a_failing_cell_is_told_as_at_home(study, scheduler):
    notebook(study.research / "media.ipynb", "country", "1 / 0")
    at_home, away = run_all(study), distant_run(study, scheduler)

    assert {done.problem for done in away} == {done.problem for done in at_home}


def test_a_run_whose_worker_is_killed_is_sent_to_another(study, scheduler):
    slow = "import os, pathlib, time\ntime.sleep(2)\n"
    text = "_ = pathlib.Path(os.environ['CTRESEARCH_RUN'], 'count.txt').write_text('2')"
    notebook(study.research / "media.ipynb", "country", slow + text)
    with distributed.Client(scheduler, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())
        killed: list[int] = []

        def kill_one(_: runs.Run) -> None:
            if not killed:
                time.sleep(1)
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

        ended = distant_run(study, scheduler, started=kill_one)

    assert [done.problem for done in ended] == [None] * len(ended)


def test_a_worker_with_another_version_is_refused_by_name(study, scheduler, monkeypatch):
    from ctresearch import distant

    monkeypatch.setattr(distant, "ours", lambda: distant.described() | {"pandas": "1.0"})
    with pytest.raises(ResearchError, match=r"pandas is \d.*here it is 1\.0"):
        distant.Distant(study, scheduler)


def test_sealed_evidence_goes_to_no_worker_that_is_not_listed(
    study, scheduler, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    log, half = study.country("guyana").folder / "media.csv", seals.new_key()
    seals.seal(log, [half], "media.csv")
    text = (study.research / "study.toml").read_text().replace('["media.csv"]', '["media.*"]')
    (study.research / "study.toml").write_text(text)
    ended = {d.run.name: d.problem for d in distant_run(type(study)(study.root), scheduler)}

    assert "no worker for it is listed" in ended["guyana/media"].what
    assert ended["suriname/media"] is None
    assert "guyana/media failed" in ended["guyana/country"].what


def test_nobody_at_an_address_is_told_with_how_to_start_one(study):
    with pytest.raises(ResearchError, match="dask scheduler"):
        distant_run(study, "tcp://127.0.0.1:9")
