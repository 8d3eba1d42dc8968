"""Distant runs: the same notebooks on other machines, which share nothing but a scheduler.

In    runs, and the address of a dask scheduler whose workers have this very version installed
Out   the files each run left, as if it had run here

The one idea: a run carries all it rests on. A `Parcel` names its files by their content; a worker
is sent each content once, lays the files out as a study of its own, executes, and sends back what
came of it. A worker that dies loses nothing: its runs are sent to another. Sealed evidence, and
whatever was found in it, goes to no worker that study.toml does not list under `workers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ctresearch import runs, seals
from ctresearch.files import digest, read_bytes, write_whole
from ctresearch.fingerprint import files_in, package_digest, versions
from ctresearch.problems import Problem, ResearchError, refuse
from ctresearch.runs import Run
from ctresearch.study import MARK, Study

WAIT = "10s"  # for the scheduler to answer
LISTED = "research/study.toml, workers"


@dataclass(frozen=True)
class Parcel:
    """A run as it travels: which content lies at which path of the study, and what to execute."""

    run: str  # jamaica/media
    files: tuple[tuple[str, str], ...]  # path from the study's root, digest of its content
    parameters: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """The name of its content; two people who ask for the same run share its result."""
        rests_on = [self.run, self.files, self.parameters, versions(), package_digest()]
        return f"{self.run}-{digest(json.dumps(rests_on).encode())}"


@dataclass(frozen=True)
class Returned:
    """What a run left, by path from its own folder."""

    files: dict[str, bytes]
    seconds: float


def pack(study: Study, run: Run, upstream: Sequence[Run]) -> tuple[Parcel, dict[str, bytes]]:
    """A run as a parcel, and the contents its files have, by digest."""
    found = {study.shown(path): read_bytes(path) for path in _files(study, run)}
    for other in upstream:
        left = runs.results_of(study, other)
        for path in (path for path in files_in(left) if path.suffix != ".ipynb"):
            name = path.relative_to(study.results).as_posix()
            found[f"build/{name}"] = read_bytes(path)
    contents = {digest(data): data for data in found.values()}
    named = tuple((path, digest(found[path])) for path in sorted(found))
    return Parcel(run.name, named, run.parameters), contents


def _files(study: Study, run: Run) -> Iterator[Path]:
    """What a run reads, and what makes a folder a study."""
    yield study.root / MARK
    yield study.research / f"{run.notebook}.ipynb"
    for place in (*study.countries, *study.meetings):
        yield from place.folder.glob("*.toml")
    yield from runs.inputs(run, study)


def perform(parcel: Parcel, contents: dict[str, bytes]) -> Returned:
    """Execute a parcel on this machine, in a folder that is gone afterwards.

    Raises ResearchError as `runs.execute` does.
    """
    place, notebook = parcel.run.split("/")
    with TemporaryDirectory(prefix="ctresearch-") as folder:
        root = Path(folder).resolve()
        study = Study(root, results=root / "build")
        for path, content in parcel.files:
            write_whole(study.root / path, contents[content])
        scratch = study.results / runs.RUNNING / f"{place}-{notebook}"
        scratch.mkdir(parents=True)
        job = {
            "notebook": str(study.research / f"{notebook}.ipynb"),
            "folder": str(study.research),
            "parameters": dict(parcel.parameters),
            "scratch": str(scratch),
            "results": str(study.results),
        }
        seconds = runs.execute(job)
        left = {p.relative_to(scratch).as_posix(): p.read_bytes() for p in files_in(scratch)}
        return Returned(left, seconds)


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

    def submit(self, run: Run, upstream: Sequence[Run], scratch: Path) -> Future[float]:
        """Send a run away; when it has ended its files lie in `scratch`. Its seconds.

        Raises ResearchError where it rests on sealed evidence and no listed worker is there.
        """
        parcel, contents = pack(self.study, run, upstream)
        where = self._listed(run) if self._is_sealed(run) else None
        sent = {name: self._content(name, data) for name, data in contents.items()}
        asked = self.client.submit(
            perform,
            parcel,
            sent,
            key=parcel.key,
            workers=where,
            allow_other_workers=False,
            pure=False,
        )
        made: Future[float] = Future()
        made.set_running_or_notify_cancel()

        def arrived(ended: Any) -> None:
            try:
                returned: Returned = ended.result()
                for path, data in returned.files.items():
                    write_whole(scratch / path, data)
                made.set_result(returned.seconds)
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
        own = any(path.suffix == seals.ENDING for path in runs.inputs(run, self.study))
        return own or any(map(self._is_sealed, runs.before(run, self.plan)))

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
