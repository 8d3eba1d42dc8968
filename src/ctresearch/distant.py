"""Distant runs: the same notebooks on other machines, which share nothing but a scheduler.

In    runs, and the address of a dask scheduler whose workers have this very version installed
Out   the files each run left, as if it had run here

The one idea: a run carries all it rests on. A `Parcel` names its files by their content; a worker
is sent each content once, lays the files out as a study of its own, executes, and sends back what
came of it. A worker that dies loses nothing: its runs are sent to another. Sealed evidence, and
whatever was found in it, goes to no worker that study.toml does not list under `workers`.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from ctresearch import runs
from ctresearch.converter import SOCKET, Converter
from ctresearch.files import digest, read_bytes, write_whole
from ctresearch.fingerprint import Contents, files_in, package_digest, versions
from ctresearch.kernels import Warm
from ctresearch.problems import Problem, ResearchError, refuse
from ctresearch.runs import Ended, Parameters, Run
from ctresearch.study import Study

WAIT = "10s"  # for the scheduler to answer
LISTED = "research/study.toml, workers"


@dataclass(frozen=True)
class Parcel:
    """A run as it travels: which content lies at which path of the study, and what to execute."""

    run: str  # jamaica/media
    key: str  # the content it rests on; two people who ask for the same run share its result
    files: tuple[tuple[str, str], ...]  # path from the study's root, digest of its content
    parameters: Parameters


@dataclass(frozen=True)
class Returned:
    """What a run left, by path from its own folder."""

    files: dict[str, bytes]
    ended: Ended  # its `opened` are paths from the study's root


def pack(
    study: Study, run: Run, key: str, upstream: Sequence[Run], contents: Contents
) -> tuple[Parcel, dict[str, bytes]]:
    """A run as a parcel, and the contents its files have, by digest."""
    read = [study.root / name for name in runs.inputs_digests(study, run, contents)]
    places = [path for p in (*study.countries, *study.meetings) for path in p.folder.glob("*.toml")]
    found = {study.shown(path): read_bytes(path) for path in (*read, *places)}
    for other in upstream:
        for path in files_in(runs.results_of(study, other)):
            if path.suffix != ".ipynb":
                name = path.relative_to(study.results).as_posix()
                found[f"build/{name}"] = read_bytes(path)
    by_digest = {digest(data): data for data in found.values()}
    named = tuple((path, digest(found[path])) for path in sorted(found))
    return Parcel(run.name, key, named, run.parameters), by_digest


def perform(parcel: Parcel, contents: dict[str, bytes]) -> Returned:
    """Execute a parcel on this machine, in a folder that is gone afterwards.

    Raises ResearchError as `runs.execute` does.
    """
    place, notebook = parcel.run.split("/")
    warm, drawn_by = _services()
    with TemporaryDirectory(prefix="ctresearch-") as folder:
        root = Path(folder).resolve()
        study = Study(root, results=root / "build")
        for path, content in parcel.files:
            write_whole(root / path, contents[content])
        scratch = study.results / runs.RUNNING / f"{place}-{notebook}"
        scratch.mkdir(parents=True)
        job = runs.job_of(study, notebook, parcel.parameters, scratch, drawn_by)
        ended = runs.execute(job, warm=warm)
        left = {p.relative_to(scratch).as_posix(): p.read_bytes() for p in files_in(scratch)}
        opened = tuple(study.shown(Path(path)) for path in ended.opened)
        return Returned(left, replace(ended, opened=opened))


STARTING = Lock()  # a worker may have several threads


def _services() -> tuple[Warm | None, dict[str, str]]:
    """The zygote and the converter of this worker, for as long as it lives."""
    with STARTING:
        warm = runs.warm(lambda _: None)
        return warm, {SOCKET: _drawing().path} if warm else {}


@cache
def _drawing() -> Converter:
    kept = TemporaryDirectory(prefix="ctresearch-")
    drawing = Converter(Path(kept.name))
    atexit.register(drawing.close)
    atexit.register(kept.cleanup)
    return drawing


class Distant:
    """A scheduler, and the workers that are fit for the runs of a study."""

    def __init__(self, study: Study, address: str) -> None:
        """Connect, and make sure that every worker is as this machine.

        address   tcp://scheduler:8786

        Raises ResearchError where nobody answers, there is no worker, or one has other versions.
        """
        try:
            from distributed import Client
        except ImportError:
            cure = "Install it: pip install 'ctresearch[dask]'"
            raise refuse("ctresearch run --on", "dask is not installed here", cure) from None
        try:
            self.client = Client(address, timeout=WAIT, set_as_default=False)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())[:120]
            cure = "Start one: dask scheduler; and on each machine: dask worker tcp://HOST:8786"
            raise refuse(f"ctresearch run --on {address}", f"no answer: {said}", cure) from None
        self.study = study
        self.plan = runs.plan(study)
        self.contents = Contents(study)
        self.sent: dict[str, Any] = {}  # by digest of the content
        self._compare_workers(address)

    def __enter__(self) -> Distant:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _compare_workers(self, address: str) -> None:
        told = self.client.run(described)
        if not told:
            cure = f"Start one on each machine: dask worker {address}"
            raise refuse(f"ctresearch run --on {address}", "it has no worker", cure)
        faults = [
            Problem(
                f"worker {worker}",
                f"{name} is {theirs.get(name, 'not there')}, here it is {version}",
                "Install the same lock and the same ctresearch there, and start it again.",
            )
            for worker, theirs in sorted(told.items())
            for name, version in ours().items()
            if theirs.get(name) != version
        ]
        if faults:
            raise ResearchError(faults)

    def submit(self, run: Run, key: str, upstream: Sequence[Run], scratch: Path) -> Future[Ended]:
        """Send a run away; when it has ended its files lie in `scratch`.

        Raises ResearchError where it rests on sealed evidence and no listed worker is there.
        """
        parcel, contents = pack(self.study, run, key, upstream, self.contents)
        where = self._listed(run) if self._is_sealed(run) else None
        sent = {name: self._content(name, data) for name, data in contents.items()}
        asked = self.client.submit(
            perform,
            parcel,
            sent,
            key=f"{parcel.run}-{parcel.key}",
            workers=where,
            allow_other_workers=False,
            pure=False,
        )
        made: Future[Ended] = Future()
        made.set_running_or_notify_cancel()

        def arrived(ended: Any) -> None:
            try:
                returned: Returned = ended.result()
                for path, data in returned.files.items():
                    write_whole(scratch / path, data)
                opened = tuple(str(self.study.root / name) for name in returned.ended.opened)
                made.set_result(replace(returned.ended, opened=opened))
            except BaseException as error:  # whatever it was: the round tells it
                made.set_exception(error)

        asked.add_done_callback(arrived)
        return made

    def _content(self, name: str, data: bytes) -> Any:
        """A content on its way to whichever worker needs it; to each once."""
        if name not in self.sent:
            self.sent[name] = self.client.submit(as_it_is, data, key=f"content-{name}")
        return self.sent[name]

    def _is_sealed(self, run: Run) -> bool:
        """Whether a run, or one whose results it reads, rests on sealed evidence."""
        own = runs.sealed_inputs(self.study, run, self.contents)
        return bool(own) or any(map(self._is_sealed, runs.before(run, self.plan)))

    def _listed(self, run: Run) -> list[str]:
        """The workers that are here and that study.toml lists for sealed evidence."""
        here = self.client.scheduler_info(n_workers=-1)["workers"]
        known = set(self.study.file.workers)
        found = [address for address, one in here.items() if {address, str(one["id"])} & known]
        if not found:
            cure = "List a worker you trust by its name there, and give it the key; or run here."
            raise refuse(LISTED, f"{run.name} is sealed, and no worker for it is listed", cure)
        return found


def described() -> dict[str, str]:
    """What must be the same on every machine: libraries, and the package itself."""
    return versions() | {"the package": package_digest()[:12]}


ours = described  # what this machine is compared by


def as_it_is(data: bytes) -> bytes:
    """A content as a task of its own, so that a lost worker's copy can be made again."""
    return data
