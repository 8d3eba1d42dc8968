"""Runs: each notebook once for each country, meeting or study, when anything it rests on changed.

In    study.toml's notebooks, the files they read, the package's own sources
Out   build/<place>/<notebook>/: the executed notebook, what it kept, and its run record

The one idea: a run is named by the content of all it rests on. The same name again is not run
again; another name runs, in a folder of its own that takes the old one's place only when every
cell has succeeded. A run record holds no time, path or host, so that a rerun can be compared.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from ctresearch import seals
from ctresearch.converter import SOCKET, Converter
from ctresearch.files import alone, digest, read_bytes, write_whole
from ctresearch.fingerprint import Contents, package_digest, versions
from ctresearch.problems import Problem, Problems, ResearchError, refuse, suggestion
from ctresearch.study import MARK, Country, Meeting, Notebook, Study

if TYPE_CHECKING:
    from ctresearch.kernels import Warm

STUDY_PLACE = "study"
RECORD = "run.json"
KEY = ".key"  # the name of the content a finished run rests on
RUNNING = ".running"  # below the results: scratch folders of runs under way
KERNELS_LOG = "kernels.log"
LOG = "runs.jsonl"  # a line for each run there was: what differs from time to time
CHARTS = ".charts"  # drawings, by what they were drawn from
LOCK = ".lock"  # two rounds in one folder would take each other's scratch away
SECONDS_A_CELL = 600
Parameters = tuple[tuple[str, str], ...]
Job = dict[str, Any]  # one execution of a notebook as plain data; see `job_of`


@dataclass(frozen=True)
class Run:
    """One notebook for one place."""

    notebook: str  # interviews
    place: str  # jamaica, 2005-03-washington or study
    folder: Path  # research/countries/jamaica: what `reads` is relative to
    parameters: Parameters
    rule: Notebook
    invented: bool  # whether invented evidence is among what it rests on

    @property
    def name(self) -> str:
        return f"{self.place}/{self.notebook}"


class Elsewhere(Protocol):
    """Where runs can be executed instead of here."""

    def submit(self, run: Run, key: str, upstream: Sequence[Run], scratch: Path) -> Future[Ended]:
        """Execute a run; when the future ends its files lie in `scratch`."""


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    run: Run
    seconds: float  # 0.0 when nothing had changed
    skipped: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class Ended:
    """What executing a notebook came to."""

    seconds: float
    kernel: str  # warm or plain
    opened: tuple[str, ...]  # files of the study that its cells opened; none are known if plain


def plan(study: Study) -> tuple[Run, ...]:
    """Every run of the study, each after those whose results it reads.

    Raises ResearchError for a notebook that is missing, or waits for an unknown one or, in a
    circle, for itself.
    """
    rules = study.file.notebooks
    problems = Problems()
    for name in rules:
        if not (study.research / f"{name}.ipynb").is_file():
            cure = "Put the notebook there, or take it out of the list."
            problems.add(
                "research/study.toml, notebooks", f"there is no research/{name}.ipynb", cure
            )
    problems.raise_any()
    return tuple(
        run for name in _in_order(rules) for run in _runs_of(study, name, rules[name], rules)
    )


def _in_order(rules: dict[str, Notebook]) -> list[str]:
    """Notebook names such that each comes after those it waits for."""
    where = "research/study.toml, notebooks"
    ordered: list[str] = []

    def place(name: str, waiting: tuple[str, ...]) -> None:
        if name in waiting:
            circle = " → ".join((*waiting[waiting.index(name) :], name))
            raise refuse(where, f"these wait for each other: {circle}", "Take one `after` out.")
        if name not in rules:
            raise refuse(where, f"{name!r} is no notebook here", suggestion(name, rules))
        for before in rules[name].after:
            place(before, (*waiting, name))
        if name not in ordered:
            ordered.append(name)

    for name in rules:
        place(name, ())
    return ordered


def _runs_of(study: Study, name: str, rule: Notebook, rules: dict[str, Notebook]) -> Iterator[Run]:
    if rule.each == "study":
        edition = (("edition", study.file.edition),)
        invented = any(_invented(place, name, rules) for place in study.programme)
        yield Run(name, STUDY_PLACE, study.research, edition, rule, invented)
        return
    places: dict[str, Sequence[Country | Meeting]] = {
        "programme": study.programme,
        "countries": study.countries,
        "meetings": study.meetings,
    }
    parameter = "meeting" if rule.each == "meetings" else "country"
    for place in places[rule.each]:
        invented = isinstance(place, Country) and _invented(place, name, rules)
        yield Run(name, place.key, place.folder, ((parameter, place.key),), rule, invented)


def _invented(country: Country, name: str, rules: dict[str, Notebook]) -> bool:
    """Whether this notebook, or one it reads from, rests on the country's invented evidence."""
    rule = rules[name]
    own = any(country.invented(stream) for stream in rule.streams)
    return own or any(_invented(country, before, rules) for before in rule.after)


def before(run: Run, runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs whose results this one reads: of its own place, or of every place."""
    return tuple(
        other
        for other in runs
        if other.notebook in run.rule.after and run.place in (other.place, STUDY_PLACE)
    )


def locked(study: Study, runs: Sequence[Run], contents: Contents) -> dict[Run, Problem]:
    """The runs whose evidence is sealed and does not open here, each with why."""
    found = {}
    for run in runs:
        for name in sealed_inputs(study, run, contents)[:1]:
            try:
                seals.opened(read_bytes(study.root / name, name), name)
            except ResearchError as error:
                found[run] = error.problems[0]
    return found


def sealed_inputs(study: Study, run: Run, contents: Contents) -> list[str]:
    """The sealed files a run reads."""
    named = inputs_digests(study, run, contents)
    return [name for name in named if name.endswith(seals.ENDING)]


def name_of_content(run: Run, study: Study, contents: Contents, upstream: Sequence[Run]) -> str:
    """The digest of all a run rests on: cells, parameters, inputs, results before it, versions."""
    rests_on = {
        "parameters": run.parameters,
        "inputs": inputs_digests(study, run, contents),
        "before": {other.name: _kept_key(study, other) for other in upstream},
        "versions": versions(),
        "package": package_digest(),
    }
    return digest(json.dumps(rests_on, sort_keys=True).encode())


def cells_digest(path: Path, study: Study) -> str:
    """The content of a notebook that matters: kinds, sources and tags of its cells."""
    shown = study.shown(path)
    try:
        cells = json.loads(read_bytes(path, shown))["cells"]
        kept = [(c["cell_type"], c["source"], c["metadata"].get("tags", [])) for c in cells]
    except (ValueError, KeyError, TypeError):
        cure = "Open it in JupyterLab and save it, or take it from the last commit."
        raise refuse(shown, "this is not a notebook", cure) from None
    if not any("parameters" in tags for _, _, tags in kept):
        cure = "Give the cell that names the country the tag 'parameters'; else each run is of one."
        raise refuse(shown, "no cell is tagged 'parameters'", cure)
    return digest(json.dumps(kept).encode())


def _kept_key(study: Study, run: Run) -> str:
    path = results_of(study, run) / KEY
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def results_of(study: Study, run: Run) -> Path:
    return study.results / run.place / run.notebook


def run_all(
    study: Study,
    runs: Sequence[Run],
    *,
    fresh: bool = False,
    cold: bool = False,
    started: Callable[[Run], None] | None = None,
    told: Callable[[Problem], None] | None = None,
    elsewhere: Elsewhere | None = None,
) -> Iterator[Done]:
    """Run what is not up to date, side by side, each after those it reads from.

    fresh    run even what is up to date
    cold       in plain kernels, each started for its notebook
    elsewhere  where to execute them; on this machine if not given
    started  told of each run as it starts
    told     told what stops nothing: why plain kernels serve, what no list of inputs names
    yields   one Done a run as it ends; one that failed leaves the others running, and those that
             would read from it are reported as waiting for it
    """
    with alone(study.results / LOCK, "ctresearch run"):
        shutil.rmtree(study.results / RUNNING, ignore_errors=True)
        with _Round(study, runs, fresh, cold, started, told, elsewhere) as going:
            while going.waiting or going.under_way:
                yield from going.start_ready()
                yield from going.finish_some()


class _Round:
    """One call of `run_all`: what waits, what runs, what failed."""

    def __init__(
        self,
        study: Study,
        runs: Sequence[Run],
        fresh: bool,
        cold: bool,
        started: Callable[[Run], None] | None,
        told: Callable[[Problem], None] | None,
        elsewhere: Elsewhere | None,
    ) -> None:
        self.study = study
        self.every = plan(study)
        self.waiting = list(runs)
        self.fresh = fresh
        self.cold = cold
        self.started = started
        self.told = told or (lambda _: None)
        self.told_about: set[str] = set()  # notebooks: what is wrong with one is so for each place
        self.elsewhere = elsewhere
        self.contents = Contents(study)
        self.failed: set[str] = set()
        self.under_way: dict[Future[Ended], tuple[Run, str, Path]] = {}
        self.pool: Executor | None = None
        self.services = ExitStack()  # what notebooks run in
        self.execute: Callable[[Job], Ended] = execute
        self.drawn_by: dict[str, str] = {}  # the converter of this round
        # before any process starts, so that a passphrase asked for here reaches all of them
        may_be = [run for run in runs if self._may_be_locked(run)]
        self.locked = locked(study, may_be, self.contents)

    def __enter__(self) -> _Round:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)  # no more are started,
            self.services.close()  # and those that were end
            self.pool.shutdown()
        self.contents.save()
        shutil.rmtree(self.study.results / RUNNING, ignore_errors=True)

    def start_ready(self) -> Iterator[Done]:
        """Start each waiting run whose results to read from are there; report those not started."""
        for run in list(self.waiting):
            upstream = before(run, self.every)
            pending = {other.name for other in self._pending()} - {run.name}
            if any(other.name in pending for other in upstream):
                continue
            self.waiting.remove(run)
            yield from self._start(run, upstream)

    def _pending(self) -> list[Run]:
        return [*self.waiting, *(run for run, _, _ in self.under_way.values())]

    def _start(self, run: Run, upstream: Sequence[Run]) -> Iterator[Done]:
        lost = [other.name for other in upstream if other.name in self.failed]
        if lost:
            self.failed.add(run.name)
            yield Done(run, 0.0, problem=_waits(run, lost))
            return
        key = name_of_content(run, self.study, self.contents, upstream)
        if not self.fresh and key == _kept_key(self.study, run):
            yield Done(run, 0.0, skipped=True)
            return
        if run in self.locked:
            self.failed.add(run.name)
            yield Done(run, 0.0, problem=self.locked[run])
            return
        if self.started is not None:
            self.started(run)
        scratch = _scratch(self.study, run)
        try:
            asked = self._submit(run, key, upstream, scratch)
        except ResearchError as error:  # sealed evidence that may not travel: the others go on
            self.failed.add(run.name)
            yield Done(run, 0.0, problem=error.problems[0])
            return
        self.under_way[asked] = (run, key, scratch)

    def _may_be_locked(self, run: Run) -> bool:
        """Whether a run of a sealed country is not up to date."""
        if run.place not in self.study.file.seals:
            return False
        key = name_of_content(run, self.study, self.contents, before(run, self.every))
        return self.fresh or key != _kept_key(self.study, run)

    def _submit(self, run: Run, key: str, upstream: Sequence[Run], scratch: Path) -> Future[Ended]:
        if self.elsewhere is not None:
            return self.elsewhere.submit(run, key, upstream, scratch)
        if self.pool is None:  # starting processes costs more than finding nothing to do
            self.pool = self._workers(max(1, min(os.cpu_count() or 1, 8)))
        asked = job_of(self.study, run.notebook, run.parameters, scratch, self.drawn_by)
        return self.pool.submit(self.execute, asked)

    def _workers(self, count: int) -> Executor:
        """Threads that each follow a child of the zygote, or processes with plain kernels."""
        from ctresearch.kernels import end_children, shared

        if not self.cold and warm(self.told):
            drawing = Converter(self.study.results / CHARTS)
            self.drawn_by = {SOCKET: drawing.path}
            self.services.callback(drawing.close)
            self.services.callback(end_children)
            self.execute = lambda job: execute(job, shared())  # which may be a later one
            return ThreadPoolExecutor(count)
        spawn = get_context("spawn")
        return ProcessPoolExecutor(count, spawn, initializer=_end_with_parent)

    def finish_some(self) -> Iterator[Done]:
        """Wait for a run under way to end; settle it, or report what went wrong."""
        for job in wait(self.under_way, return_when=FIRST_COMPLETED).done:
            run, key, scratch = self.under_way.pop(job)
            try:
                ended = job.result()
            except Exception as error:  # a cell, the kernel or its process: the others go on
                self.failed.add(run.name)
                shutil.rmtree(scratch, ignore_errors=True)
                yield Done(run, 0.0, problem=_why(run, error))
                continue
            read = _settle(self.study, run, key, scratch, self.contents)
            _log(self.study, run, key, ended)
            if run.notebook not in self.told_about:
                for problem in _undeclared(self.study, run, ended.opened, read):
                    self.told_about.add(run.notebook)
                    self.told(problem)
            yield Done(run, ended.seconds)


def _why(run: Run, error: Exception) -> Problem:
    """What stopped a run, for the person whose notebook it is."""
    if isinstance(error, ResearchError):
        found = error.problems[0]
        return Problem(f"{found.where}, for {run.place}", found.what, found.fix)
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    what = f"the kernel ended before the notebook did ({said})"
    cure = "Run it again; if it ends so again, look at the machine's memory."
    return Problem(f"research/{run.notebook}.ipynb, for {run.place}", what, cure)


def _waits(run: Run, lost: Sequence[str]) -> Problem:
    cure = "Mend that one first; this one runs with the next `ctresearch run`."
    return Problem(
        f"research/{run.notebook}.ipynb, for {run.place}", f"not run: {lost[0]} failed", cure
    )


def _scratch(study: Study, run: Run) -> Path:
    folder = study.results / RUNNING
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{run.place}-{run.notebook}-", dir=folder))


def job_of(
    study: Study,
    notebook: str,
    parameters: Parameters,
    scratch: Path,
    drawn_by: Mapping[str, str],
) -> Job:
    """All that executing a notebook needs, as plain data; `drawn_by` names a converter's socket."""
    environ = {"CTRESEARCH_RUN": str(scratch), "CTRESEARCH_RESULTS": str(study.results)}
    seed = digest(json.dumps([notebook, dict(parameters)]).encode())
    return {
        "notebook": str(study.research / f"{notebook}.ipynb"),
        "folder": str(study.research),
        "watched": [f"{study.research}{os.sep}", f"{study.instruments}{os.sep}"],
        "parameters": dict(parameters),
        "seed": int(seed[:8], 16),
        "scratch": str(scratch),
        "environ": environ | dict(drawn_by),
        "log": str(study.results / RUNNING / KERNELS_LOG),
    }


def warm(told: Callable[[Problem], None]) -> Warm | None:
    """The zygote of this process, ready; None, and why told, where there can be none."""
    from ctresearch.kernels import CannotFork, shared

    try:
        zygote = shared()
        import papermill  # noqa: F401  while it warms up

        zygote.wait()
    except CannotFork as why:
        what = f"each notebook starts a kernel of its own: {why}"
        told(Problem("ctresearch run", what, "This takes longer, no more."))
        return None
    return zygote


def execute(job: Job, warm: Warm | None = None) -> Ended:
    """Execute one notebook into its scratch folder: in a child of `warm`, or a kernel of its own.

    Raises ResearchError naming the cell and the cause when a cell fails.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    from ctresearch.kernels import NAME, SETTINGS, Stopped

    began = time.monotonic()
    source, opened = Path(job["notebook"]), set[str]()
    if warm is None:
        os.environ |= SETTINGS | job["environ"]
        _kernels_speak_to(Path(job["log"]))
        how: dict[str, Any] = {"cwd": job["folder"]}
    else:
        told = {"seed": job["seed"], "watched": job["watched"]}
        child = warm.job(Path(job["folder"]), job["environ"], **told)
        how = {"engine_name": NAME, "warm": warm, "job": child, "opened": opened}
    try:
        papermill.execute_notebook(
            source,
            Path(job["scratch"]) / source.name,
            parameters=job["parameters"],
            progress_bar=False,
            autosave_cell_every=0,
            request_save_on_cell_execute=False,
            execution_timeout=SECONDS_A_CELL,
            kernel_name="python3",
            language="python",
            **how,
        )
    except PapermillExecutionError as error:
        place, what = _place(source, error.cell_index), f"{error.ename}: {error.evalue}"
    except Stopped as error:
        place, what = _place(source, error.cell), error.cause
    except CellTimeoutError:
        place, what = "", f"the cell did not end within {SECONDS_A_CELL} seconds"
    else:
        seconds = time.monotonic() - began
        return Ended(seconds, "plain" if warm is None else "warm", tuple(sorted(opened)))
    raise refuse(f"research/{source.name}{place}", what, _cell_cure(job))


def _place(source: Path, index: int) -> str:
    """Which cell it is, counted from 1 as its author does: without the one papermill put in."""
    cells = json.loads(source.read_bytes())["cells"]
    tagged = [n for n, cell in enumerate(cells) if "parameters" in cell["metadata"].get("tags", [])]
    return f", cell {index + (index <= tagged[0])}"


def _end_with_parent() -> None:
    """Let this process end when the one that started it is gone, however it went."""
    started_by = parent_process()

    def watch() -> None:
        if started_by is not None:
            started_by.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _kernels_speak_to(log: Path) -> None:
    """What kernels write on their own account goes to a log, not among a person's messages."""
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.close(stream)


def _cell_cure(job: Job) -> str:
    name, value = next(iter(job["parameters"].items()))
    return f'Open the notebook in JupyterLab, set {name} = "{value}" and run it to see the cause.'


def _settle(study: Study, run: Run, key: str, scratch: Path, contents: Contents) -> set[str]:
    """Write the record of a finished run and put its folder in the old one's place; its inputs."""
    inputs = inputs_digests(study, run, contents)
    _synced(scratch / f"{run.notebook}.ipynb")
    kept = [p for p in sorted(scratch.rglob("*")) if p.is_file() and p.suffix != ".ipynb"]
    record = {
        "notebook": run.notebook,
        "place": run.place,
        "parameters": dict(run.parameters),
        "invented": run.invented,
        "inputs": inputs,
        "outputs": {p.relative_to(scratch).as_posix(): digest(_synced(p)) for p in kept},
        "versions": versions(),
    }
    write_whole(scratch / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
    write_whole(scratch / KEY, key)
    final = results_of(study, run)
    final.parent.mkdir(parents=True, exist_ok=True)
    old = scratch.with_name(scratch.name + ".old")
    if final.exists():
        final.rename(old)
    scratch.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    return set(inputs)


def _synced(path: Path) -> bytes:
    """The content of a file, on the disk for good."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
        return stream.read()


def _log(study: Study, run: Run, key: str, ended: Ended) -> None:
    """Add a line on a run to the log of all there were: what its record must not hold."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"when": when, "run": run.name, "key": key, **vars(ended)}
    with (study.results / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _undeclared(study: Study, run: Run, opened: Sequence[str], read: set[str]) -> Iterator[Problem]:
    """What a notebook read that study.toml does not say it reads: its change would go unnoticed."""
    seen = {study.shown(Path(path)) for path in opened if "__pycache__" not in path}
    unlisted = sorted(seen - read)
    if unlisted:
        others = f" and {len(unlisted) - 1} more" if unlisted[1:] else ""
        what = f"it read {unlisted[0]}{others}, which study.toml does not say it reads"
        cure = f"Add it to `reads` or `uses` under [notebooks.{run.notebook}]; else a change of it"
        where = f"research/{run.notebook}.ipynb, for {run.place}"
        yield Problem(where, what, f"{cure} is not noticed.")


def inputs_digests(study: Study, run: Run, contents: Contents) -> dict[str, str]:
    """The content of every file a run reads, besides what other runs left, by path from the root.

    Of its notebook and of study.toml only what matters to this run counts: another country in the
    study makes nothing stale but what is run for the whole study.
    """
    notebook = study.research / f"{run.notebook}.ipynb"
    found = {study.shown(notebook): cells_digest(notebook, study)}
    found[MARK.as_posix()] = _study_digest(study, run)
    for folder, patterns in ((run.folder, run.rule.reads), (study.root, run.rule.uses)):
        for pattern in patterns:
            found |= contents.matching(folder, pattern)
    return dict(sorted(found.items()))


def _study_digest(study: Study, run: Run) -> str:
    """The content of study.toml that matters to a run: all but the plan of other runs."""
    apart = {"notebooks", "seals", "workers"}
    if run.rule.each in ("programme", "countries"):
        apart |= {"countries", "meetings"}
    kept = study.file.model_dump(mode="json", exclude=apart) | run.rule.model_dump(mode="json")
    return digest(json.dumps(kept, sort_keys=True).encode())


def chosen(places: Sequence[str], runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs of these places; all of them if none is named.

    Raises ResearchError naming each place the study does not have.
    """
    known = {run.place for run in runs}
    problems = Problems()
    for place in places:
        if place not in known:
            what = f"{place!r} is not a country or meeting with notebooks here"
            problems.add("research/study.toml", what, suggestion(place, known))
    problems.raise_any()
    return tuple(run for run in runs if not places or run.place in places)


def stale(study: Study, runs: Sequence[Run], *, fresh: bool = False) -> list[tuple[Run, str]]:
    """The runs that are not up to date, or all if `fresh`, each with why, in the plan's order."""
    contents = Contents(study)
    found: list[tuple[Run, str]] = []
    for run in runs:
        upstream = before(run, runs)
        late = [other.name for other, _ in found if other in upstream]
        kept = _kept_key(study, run)
        if not kept:
            found.append((run, "never run"))
        elif late:
            found.append((run, f"waits for {late[0]}"))
        elif kept != name_of_content(run, study, contents, upstream):
            found.append((run, _changed(study, run, contents)))
        elif fresh:
            found.append((run, "asked for again"))
    return found


def _changed(study: Study, run: Run, contents: Contents) -> str:
    """Which file differs from the run record, as a phrase."""
    try:
        record = json.loads(read_bytes(results_of(study, run) / RECORD))
    except ValueError:
        return "its run record is torn"
    now = inputs_digests(study, run, contents)
    differ = sorted(set(now.items()) ^ set(record["inputs"].items()))
    return f"{differ[0][0]} changed" if differ else "the package or a run before it changed"
