"""Kernels: notebooks executed in processes forked from one that has imported everything.

In    a notebook, the folder and environment its cells are to see, limits
Out   the notebook with its outputs; or which cell stopped it, and why

The one idea: three doors to one zygote (`zygote`): an engine for papermill that needs no kernel, a
provisioner of real kernels for whatever speaks to Jupyter, and `Warm` for who keeps one alive.
Forking needs Linux; elsewhere, or where the zygote refuses, plain kernels do the same work, slower.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from jupyter_client.provisioning import LocalProvisioner

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
LANGUAGE = {
    "name": "python",
    "version": sys.version.split()[0],
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": 3},
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "file_extension": ".py",
}
SECONDS_TO_END = 10  # that a notebook's process may take after its last cell


class Stopped(RuntimeError):
    """A notebook's process ended, or was ended, before its cells had."""

    def __init__(self, cell: int, cause: str) -> None:
        super().__init__(f"cell {cell + 1}: {cause}")
        self.cell = cell  # its place in the notebook, from 0
        self.cause = cause


class CannotFork(RuntimeError):
    """Why there can be no zygote here; plain kernels serve."""


class Warm:
    """A zygote for as long as the `with` block, or this process, lasts."""

    def __init__(self) -> None:
        """Start the zygote; it warms up while this process goes on.

        Raises CannotFork where the system has no fork.
        """
        if not CAN_FORK:
            raise CannotFork(f"{sys.platform} has no fork that is safe here")
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", SERVE.format(fd=theirs.fileno())],
                env=os.environ | SETTINGS,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever started it
            )
        self.ready = False

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote and every child of it."""
        self.control.close()
        self.process.wait()

    def wait(self) -> None:
        """Wait until it can fork. Raises CannotFork with its reason where it cannot."""
        if not self.ready:
            said = self.control.recv(1000).decode()
            if said != "ready":
                raise CannotFork(said or "the process to fork from ended")
            self.ready = True

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
        with tempfile.TemporaryFile() as below, open(os.devnull) as nothing:
            streams = (nothing.fileno(), below.fileno(), below.fileno())
            self.socket = warm.fork(job, streams)
        self.answers = self.socket.makefile("rb")
        self.printed = 0

    def execute(self, index: int, source: str, seconds: float | None) -> Iterator[dict[str, Any]]:
        """Execute one cell; its messages as they come, the last of them "done".

        Raises Stopped where the cell does not end in time, prints without end, or ends its process.
        """
        with suppress(OSError):  # an end is told by what it left to read
            self.socket.sendall(json.dumps(source).encode() + b"\n")
        until = time.monotonic() + seconds if seconds else None
        for message in self._messages(index, until):
            if message["msg_type"] == "ended":
                raise Stopped(index, _ended(message["content"]))
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
        self.socket.shutdown(socket.SHUT_WR)
        with suppress(Stopped):
            for message in self._messages(0, time.monotonic() + SECONDS_TO_END):
                if message["msg_type"] == "opened":
                    return list(message["content"])
        return []

    def close(self) -> None:
        """Let go: whatever still runs is killed."""
        self.answers.close()
        self.socket.close()


def _ended(status: int) -> str:
    if status < 0:
        return f"its process was killed ({signal.Signals(-status).name})"
    return f"its process ended by itself (exit status {status})"


class Engine:
    """Papermill's engine: cells go to a child of the zygote, one by one, without a kernel.

    Beyond papermill's own options: `warm` (a Warm), `job` (what the child is told, see `job_of`)
    and `opened`, a set to which the watched files are added that the cells read.
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
            child = Child(options.get("warm") or shared(), options.get("job") or job_of())
            try:
                _execute(managed, child, options.get("execution_timeout"))
                options.get("opened", set()).update(child.finish())
            finally:
                child.close()
        finally:
            managed.cleanup_pbar()
            managed.notebook_complete()
        return managed.nb


def job_of(
    folder: str = "", environ: Mapping[str, str] | None = None, *, seed: int = 0, watched: str = ""
) -> dict[str, Any]:
    """What a child is told before its first cell.

    folder    where it stands; this process's own if not given
    environ   its environment beyond this process's
    seed      of `random` and of numpy's global generator
    watched   the folder whose files are noticed when they are opened for reading
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (os.cpu_count() or 1)
    return {
        "folder": folder or os.getcwd(),
        "environ": dict(os.environ) | SETTINGS | dict(environ or {}),
        "seed": seed,
        "memory": memory,
        "watched": watched,
    }


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
    managed.nb.metadata["language_info"] = dict(LANGUAGE)
    client.set_widgets_metadata()


def _execute_cell(
    client: Any, child: Child, cell: Any, index: int, seconds: float | None
) -> bool:
    """Execute one cell, if it is one to execute; whether the notebook may go on."""
    tags = cell.metadata.get("tags", [])
    if cell.cell_type != "code" or not cell.source.strip() or "skip-execution" in tags:
        return True
    client.clear_before_next_output = False
    for message in child.execute(index, cell.source, seconds):
        content = message["content"]
        if message["msg_type"] == "done":
            cell.execution_count = content["count"]
            return content["ok"] or "raises-exception" in tags
        whole = message | {"header": message, "parent_header": {}}
        client.process_message(whole, cell, index)
    return False


_own: list[Warm] = []


def shared() -> Warm:
    """The zygote of this process, started when first asked for, and again if it has ended."""
    if _own and _own[0].process.poll() is not None:
        _own.pop().close()
    if not _own:
        _own.append(Warm())
    return _own[0]
