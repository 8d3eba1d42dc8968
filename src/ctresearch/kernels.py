"""Kernels: notebooks executed in processes forked from one that has imported everything.

In    a notebook, the folder and environment its cells are to see, limits
Out   the notebook with its outputs; or which cell stopped it, and why

The one idea: three doors to one zygote (`zygote`): an engine for papermill that needs no kernel, a
provisioner of real kernels for whatever speaks to Jupyter, and `Warm` for who keeps one alive.
Forking needs Linux; elsewhere, or where the zygote refuses, plain kernels do the same work, slower.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "ctresearch"  # among papermill's engines and Jupyter's provisioners
CAN_FORK = sys.platform == "linux"
SERVE = "import socket; from ctresearch.zygote import serve; serve(socket.socket(fileno={fd}))"
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",  # its threads would make forking unsafe
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
MOST_PRINTED = 10_000_000  # characters a notebook may print: a longer page cannot be opened
SECONDS_TO_END = 10  # that a notebook's process may take after its last cell


class Stopped(RuntimeError):  # noqa: N818  it is no fault of ours
    """A notebook's process ended, or was ended, before its cells had."""

    def __init__(self, cell: int, cause: str) -> None:
        super().__init__(f"cell {cell + 1}: {cause}")
        self.cell = cell  # its place in the notebook, from 0
        self.cause = cause


class CannotFork(RuntimeError):  # noqa: N818
    """Why there can be no zygote here; plain kernels serve."""


class Warm:
    """A zygote, until it is closed or this process ends."""

    def __init__(self) -> None:
        """Start it; it warms up while this process goes on.

        Raises CannotFork where the system has no fork.
        """
        if not CAN_FORK:
            raise CannotFork(f"{sys.platform} has no fork that is safe here")
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", SERVE.format(fd=theirs.fileno())],
                env={k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"} | SETTINGS,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever started it
            )
        self.language: dict[str, Any] = {}  # what it speaks, when it is warm
        self.children: set[Child] = set()  # at work
        atexit.register(self.close)

    def close(self) -> None:
        """End the zygote and every child of it."""
        self.control.close()
        self.process.wait()

    def wait(self) -> None:
        """Wait until it can fork. Raises CannotFork with its reason where it cannot."""
        if not self.language:
            told = json.loads(self.control.recv(4096) or b'{"refuses": "it ended"}')
            if "refuses" in told:
                raise CannotFork(told["refuses"])
            self.language = told

    def job(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        seed: int = 0,
        watched: Sequence[str] = (),
    ) -> dict[str, Any]:
        """What a child is told before its first cell.

        folder    where it stands
        environ   its environment, beyond this process's own
        seed      of `random` and of numpy's global generator
        watched   folders, each with a slash at its end, whose files are noticed when read
        """
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return {
            "folder": str(folder),
            "environ": dict(os.environ) | SETTINGS | dict(environ),
            "seed": seed,
            "memory": int(os.environ.get("CTRESEARCH_MEMORY", memory // (os.cpu_count() or 1))),
            "watched": list(watched),
        }

    def fork(self, job: Mapping[str, Any], streams: tuple[int, int, int]) -> socket.socket:
        """A child that does `job` with these standard streams; the socket to it."""
        self.wait()
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"!"], [theirs.fileno(), *streams])
        ours.sendall(json.dumps(dict(job)).encode() + b"\n")
        return ours


class Child:
    """A child of the zygote at work on a notebook's cells, seen by whoever asked for it."""

    def __init__(self, warm: Warm, job: Mapping[str, Any]) -> None:
        self.below = tempfile.TemporaryFile()  # noqa: SIM115  what is written below Python
        with Path(os.devnull).open() as nothing:
            streams = (nothing.fileno(), self.below.fileno(), self.below.fileno())
            self.socket = warm.fork(job, streams)
        self.answers = self.socket.makefile("rb")
        self.printed = 0
        self.warm = warm
        warm.children.add(self)

    def execute(self, index: int, source: str, seconds: float | None) -> Iterator[dict[str, Any]]:
        """Execute one cell; its messages as they come, the last of them "done".

        Raises Stopped where the cell does not end in time, prints without end, or ends its process.
        """
        with suppress(OSError):  # an end is told by what it left to read
            self.socket.sendall(json.dumps(source).encode() + b"\n")
        until = time.monotonic() + seconds if seconds else None
        for message in self._messages(index, until):
            if message["msg_type"] == "opened":  # a cell before has left Python
                continue
            if message["msg_type"] == "ended":
                raise Stopped(index, self._ended(message["content"]))
            if message["msg_type"] == "stream":
                self.printed += len(message["content"]["text"])
            if self.printed > MOST_PRINTED:
                raise Stopped(index, f"it printed more than {MOST_PRINTED:,} characters")
            yield message
            if message["msg_type"] == "done":
                return
        raise Stopped(index, "the process that all kernels are forked from was killed")

    def _messages(self, index: int, until: float | None) -> Iterator[dict[str, Any]]:
        began = time.monotonic()
        while True:
            left = until - time.monotonic() if until else None
            try:
                self.socket.settimeout(max(left, 0.001) if left is not None else None)
                line = self.answers.readline()
            except TimeoutError:
                seconds = round(time.monotonic() - began)
                raise Stopped(index, f"the cell did not end within {seconds} seconds") from None
            except OSError:
                line = b""
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)

    def finish(self) -> list[str]:
        """No more cells: let the process end as a program does; the watched files it opened."""
        opened: list[str] = []
        with suppress(Stopped, OSError):
            self.socket.shutdown(socket.SHUT_WR)
            for message in self._messages(0, time.monotonic() + SECONDS_TO_END):
                if message["msg_type"] == "opened":
                    opened = message["content"]
        return opened

    def close(self) -> None:
        """Let go: whatever still runs is killed."""
        self.warm.children.discard(self)
        for held in (self.answers, self.socket, self.below):
            held.close()

    def _ended(self, status: int) -> str:
        """How the process ended, with the last it said of it."""
        if status < 0:
            return f"its process was killed ({signal.Signals(-status).name})"
        said = os.pread(self.below.fileno(), 2**20, 0).decode(errors="replace").split("\n")
        last = next((f": {line}" for line in reversed(said) if line.strip()), "")
        return f"its process ended by itself (exit status {status}){last}"


class Engine:
    """Papermill's engine: cells go to a child of the zygote, one by one, without a kernel.

    Beyond papermill's own options: `warm`, a Warm; `job`, as it makes one; `opened`, a set that
    takes in the watched files that the cells read.
    """

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        return name or str(nb.metadata.get("kernelspec", {}).get("name", "python3"))

    @classmethod
    def nb_language(cls, _: Any, language: str | None = None) -> str:
        return language or "python"

    @classmethod
    def execute_notebook(cls, nb: Any, _: str, **options: Any) -> Any:
        """Execute the cells of `nb` in place, as papermill asks its engines to."""
        from papermill.engines import NotebookExecutionManager

        known = ("output_path", "progress_bar", "log_output", "autosave_cell_every")
        given = {name: options[name] for name in known if name in options}
        managed = NotebookExecutionManager(nb, **given)
        managed.notebook_start()
        try:
            warm = options.get("warm") or shared()
            child = Child(warm, options.get("job") or warm.job(Path.cwd(), {}))
            try:
                _execute(managed, child, options.get("execution_timeout"))
                nb.metadata["language_info"] = warm.language
                options.get("opened", set()).update(child.finish())
            finally:
                child.close()
        finally:
            managed.cleanup_pbar()
            managed.notebook_complete()
        return managed.nb


def _execute(managed: Any, child: Child, seconds: float | None) -> None:
    """Send each cell to the child, and put what comes back where nbclient would."""
    from papermill.clientwrap import PapermillNotebookClient

    client = PapermillNotebookClient(managed)  # knows how messages become outputs
    for index, cell in enumerate(managed.nb.cells):
        managed.cell_start(cell, index)
        try:
            fine = _execute_cell(client, child, cell, index, seconds)
        finally:
            managed.cell_complete(cell, index)
        if not fine:
            managed.cell_exception(cell, cell_index=index)
            break
    client.set_widgets_metadata()


def _execute_cell(client: Any, child: Child, cell: Any, index: int, seconds: float | None) -> bool:
    """Execute one cell, if it is one to execute; whether the notebook may go on."""
    tags = cell.metadata.get("tags", [])
    if cell.cell_type != "code" or not cell.source.strip() or "skip-execution" in tags:
        return True
    client.clear_before_next_output = False
    for message in child.execute(index, cell.source, seconds):
        content = message["content"]
        if message["msg_type"] == "done":
            cell.execution_count = content["count"]
            cell.outputs = list(_joined(cell.outputs))
            return content["ok"] or "raises-exception" in tags
        client.process_message(message | {"header": message, "parent_header": {}}, cell, index)
    return False


def _joined(outputs: Sequence[Any]) -> Iterator[Any]:
    """Outputs, with what was printed in a row in one piece."""
    for name, parts in groupby(outputs, key=lambda output: output.get("name", "")):
        first, *others = parts
        if not name:  # each output that is not printed stands alone
            yield from (first, *others)
            continue
        first.text = "".join(part.text for part in (first, *others))
        yield first


class Provisioner(LocalProvisioner):
    """Jupyter's provisioner: real kernels, forked; started as usual where that cannot be.

    Chosen with JUPYTER_DEFAULT_PROVISIONER_NAME=ctresearch: by `ctresearch lab`, for nbval.
    """

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Fork a kernel where `cmd` would start one of this Python."""
        if cmd[:3] != [sys.executable, "-m", "ipykernel_launcher"]:
            return await super().launch_kernel(cmd, **options)
        try:
            forked: Any = await asyncio.to_thread(Forked, cmd[2:], options)
        except (CannotFork, OSError) as why:
            self.log.warning("A plain kernel is started: %s.", why)
            return await super().launch_kernel(cmd, **options)
        self.process, self.pid, self.pgid = forked, forked.pid, forked.pid
        self.cwd = options.get("cwd") or str(Path.cwd())
        return self.connection_info


class Forked:
    """A forked kernel, as jupyter_client wants to see a process: like subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, argv: list[str], options: Mapping[str, Any]) -> None:
        environ = options.get("env") or os.environ
        told = {
            "argv": argv,
            "folder": options.get("cwd") or str(Path.cwd()),
            "environ": dict(environ),
        }
        said = [options.get(name) for name in ("stdout", "stderr")]
        with Path(os.devnull).open() as nothing:
            below = [
                at if one is None else one if isinstance(one, int) else one.fileno()
                for at, one in enumerate(said, 1)
            ]
            self.socket = shared().fork(told, (nothing.fileno(), below[0], below[1]))
        self.answers = self.socket.makefile("rb")
        self.pid = int(json.loads(self.answers.readline())["content"])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self.returncode is None and select.select([self.socket], [], [], 0)[0]:
            line = self.answers.readline()
            self.returncode = json.loads(line)["content"] if line else -signal.SIGKILL
            self.answers.close()
            self.socket.close()
        return self.returncode

    def wait(self) -> int:
        """Its exit status, when it has ended."""
        while self.poll() is None:
            select.select([self.socket], [], [])
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.killpg(self.pid, number)


_own: list[Warm] = []
_alone = Lock()


def shared() -> Warm:
    """The zygote of this process, started when first asked for and again where it has ended."""
    with _alone:
        if _own and _own[0].process.poll() is not None:
            _own.clear()
        if not _own:
            _own.append(Warm())
        return _own[0]


def end_children() -> None:
    """End every notebook at work in the zygote of this process."""
    for child in [child for warm in _own for child in tuple(warm.children)]:
        with suppress(OSError):
            child.socket.shutdown(socket.SHUT_RDWR)
