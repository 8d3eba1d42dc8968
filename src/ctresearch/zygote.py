"""Zygote: the process that imports once and is forked once for each notebook.

In    requests on an inherited socket, each with the descriptors of one child to be
Out   a child a request: an IPython shell that executes cells, or a Jupyter kernel

The one idea: starting Python and importing pandas and altair takes seconds, forking a process that
has done so milliseconds. The zygote itself never executes a cell, so every child is as fresh as a
new kernel. Whoever asked for a child holds the other end of its socket; when that end closes,
however it came to, the zygote kills the child and all that the child had started. When the zygote
goes, its children go with it. So no process is left behind, and nothing passes from run to run.
"""

from __future__ import annotations

import asyncio
import atexit
import builtins
import gc
import importlib
import io
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from ipykernel.compiler import XCachingCompiler
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session
from traitlets.config import Config

from ctresearch.converter import SOCKET

STUB = type(
    "ZMQInteractiveShell", (), {"kernel": True, "eventloop": None}
)()  # what libraries look for in a kernel
PRELOADED = ("case", "charts", "disclosure", "findings", "tables", "values")
ANALYSES = [p.stem for p in (Path(__file__).parent / "analysis").glob("[a-z]*.py")]
WIRE = 3  # the descriptor of a child's socket
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def serve(control: socket.socket) -> None:
    """Import everything, then fork a child for each request until the other side is gone.

    A request carries four descriptors: the child's socket and its standard streams. Answers
    what language it speaks when warm, or says why forking would not be safe and ends.
    """
    _warm_up()
    threads = len(list(Path("/proc/self/task").iterdir())) - 1
    told: dict[str, Any] = IPythonKernel.language_info
    if threads:
        told = {"refuses": f"{threads} threads are alive after the imports"}
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()
    with suppress(BrokenPipeError):  # nobody waits any more
        control.send(_line(**told))
    if not threads:
        _Children(control).tend()


def _warm_up() -> None:
    """Import what notebooks import, as within a kernel, and walk the paths that load late."""
    builtins.get_ipython = lambda: STUB  # type: ignore[attr-defined]
    names = (*PRELOADED, *(f"analysis.{name}" for name in ANALYSES))
    modules = {name: importlib.import_module(f"ctresearch.{name}") for name in names}
    del builtins.get_ipython  # type: ignore[attr-defined]
    tables, values = modules["tables"], modules["values"]
    known = tables.table("rehearsal", "a row", code=tables.text("a code", choices=["x"]))
    rows = modules["case"].pd.read_csv(io.StringIO("code\nx\n"), dtype=str)
    counted = tables.check_rows(rows, known, "rehearsal").groupby("code").size()
    counted.to_frame().to_html()
    cells = counted.reset_index(name="n").assign(n=values.Count(1, "case"))
    os.environ[SOCKET] = "/nowhere"  # every child is told where; here nothing may be drawn
    with suppress(OSError):
        modules["charts"].bars(cells, "code", "n", modules["charts"].Words("rehearsal"))


class _Children:
    """The zygote's children, each with the socket of whoever waits for it."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.sockets: dict[int, socket.socket] = {}  # by process id
        self.pids: dict[int, int] = {}  # by descriptor: of the socket, and of the process
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def tend(self) -> None:
        """Fork, reap and kill as asked, until nobody can ask any more."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor in self.pids:
                    self._heed(descriptor, self.pids[descriptor])
                elif descriptor == self.control.fileno() and not self._fork():
                    return

    def _fork(self) -> bool:
        """Fork for one request; False when the other side has gone, and every child with it."""
        _, descriptors, *_ = socket.recv_fds(self.control, 1, 4)
        if not descriptors:
            for pid in self.sockets:
                _kill(pid)
            return False
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            _be_child(descriptors, parent)
        theirs = socket.socket(fileno=descriptors[0])
        for stream in descriptors[1:]:
            os.close(stream)
        with suppress(OSError):  # the child does the same: whoever comes first
            os.setpgid(pid, pid)
        handle = os.pidfd_open(pid)
        self.sockets[pid] = theirs
        self.pids |= {handle: pid, theirs.fileno(): pid}
        self.poll.register(handle, select.POLLIN)
        self.poll.register(theirs, 0)  # heeded when its other end closes
        return True

    def _heed(self, descriptor: int, pid: int) -> None:
        """Kill a child nobody waits for any more; tell of one that has ended."""
        theirs = self.sockets[pid]
        _kill(pid)  # or what it left running
        self.poll.unregister(descriptor)
        del self.pids[descriptor]
        if descriptor == theirs.fileno():
            return
        os.close(descriptor)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._kill_strays()
        with suppress(OSError):
            theirs.send(_line(msg_type="ended", content=ended), socket.MSG_DONTWAIT)
            theirs.shutdown(socket.SHUT_RDWR)  # whoever else may hold it
        if self.pids.pop(theirs.fileno(), None):
            self.poll.unregister(theirs)
        self.sockets.pop(pid).close()

    def _kill_strays(self) -> None:
        """Kill what a child that has ended had started in a session of its own."""
        listed = Path(f"/proc/self/task/{os.getpid()}/children")
        for pid in map(int, listed.read_text().split() if listed.exists() else ()):
            if pid not in self.sockets:
                _kill(pid)
                os.waitpid(pid, 0)


def _kill(pid: int) -> None:
    """Kill a process and its group."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _line(**content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _be_child(descriptors: list[int], parent: int) -> NoReturn:
    """Become a process of its own, do the job that comes through the socket, and end."""
    status = 1
    try:
        os.setpgid(0, 0)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before it was watched
            os._exit(1)
        _take(descriptors)
        wire = socket.socket(fileno=WIRE).makefile("rwb")
        job = json.loads(wire.readline())
        os.environ.clear()
        os.environ.update(job["environ"])
        os.chdir(job["folder"])
        status = _be_kernel(wire, job) if "argv" in job else _Cells(wire, job).execute()
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(bool(ending.code))
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
        os._exit(status)


def _take(descriptors: list[int]) -> None:
    """Put the given descriptors where a child looks for them, and close every other."""
    spare = [os.dup(one) if one < 4 else one for one in descriptors]
    for at, descriptor in zip((WIRE, 0, 1, 2), spare, strict=True):
        os.dup2(descriptor, at, inheritable=at != WIRE)
    os.closerange(4, 4096)


def _be_kernel(wire: io.BufferedRWPair, job: dict[str, Any]) -> int:
    """Be a Jupyter kernel, with the arguments of its command line."""
    wire.write(_line(msg_type="forked", content=os.getpid()))
    wire.flush()
    random.seed()
    np.random.seed()
    sys.argv = job["argv"]
    IPKernelApp.launch_instance(job["argv"][1:], parent_handle=os.getppid())
    return 0


class _Cells:
    """A notebook's cells, executed in an IPython shell that speaks to a socket.

    Messages are those of a Jupyter kernel; "done" ends a cell. When no more cells come, "opened"
    lists the files below the job's `watched` folder that were opened for reading.
    """

    def __init__(self, wire: io.BufferedRWPair, job: dict[str, Any]) -> None:
        self.wire = wire
        self.job = job
        self.pid = os.getpid()
        self.opened: set[str] = set()
        self.below = 0  # bytes sent on of what was written to descriptor 1, below Python

    def send(self, msg_type: str, content: Any) -> None:
        """Send a message; what a fork of this process has to say is not of this notebook."""
        if os.getpid() == self.pid:
            self.wire.write(_line(msg_type=msg_type, content=content))
            self.wire.flush()

    def execute(self) -> int:
        """Execute each cell that comes; the exit status."""
        shell = self._shell()
        self._settle()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        for line in self.wire:
            fine = loop.run_until_complete(_run_cell(shell, json.loads(line)))
            if os.getpid() != self.pid:  # a fork that went on after its cell
                os._exit(0)
            self._send_below()
            self.send("done", {"count": shell.execution_count - 1, "ok": fine})
            if shell.exit_now:
                break
        self.send("opened", sorted(self.opened))
        return 0

    def _shell(self) -> Any:
        """The shell of a kernel, whose messages go to the socket."""
        sys.path.insert(0, "")  # as a kernel has it
        silent = {"HistoryManager": {"enabled": False, "hist_file": ":memory:"}}
        made: Any = ZMQInteractiveShell.instance
        shell = made(config=Config(silent), kernel=STUB, compiler_class=XCachingCompiler)
        shell.displayhook.session = shell.display_pub.session = _Session(self)
        shell.displayhook.topic = b"execute_result"
        return shell

    def _settle(self) -> None:
        """Streams, random seeds, the limit of memory, and an eye on the files that are opened."""
        sys.stdout, sys.stderr = _Printing(self, "stdout"), _Printing(self, "stderr")
        random.seed(self.job["seed"])
        np.random.seed(self.job["seed"])
        if self.job["memory"]:
            resource.setrlimit(resource.RLIMIT_DATA, (self.job["memory"],) * 2)
        watched = tuple(self.job["watched"])

        def notice(event: str, what: tuple[Any, ...]) -> None:
            if event == "open" and not isinstance(what[0], int) and "r" in (what[1] or "r"):
                path = os.path.abspath(os.fsdecode(what[0]))  # noqa: PTH100  links stay
                if path.startswith(watched):
                    self.opened.add(path)

        if watched:
            sys.addaudithook(notice)

    def _send_below(self) -> None:
        """Send on what programs and libraries wrote to the standard output by themselves."""
        with suppress(OSError):  # it may be no file
            written = os.pread(1, 2**24, self.below)
            self.below += len(written)
            if written:
                self.send("stream", {"name": "stdout", "text": written.decode(errors="replace")})


class _Session(Session):
    """What a shell sends its messages through."""

    def __init__(self, cells: _Cells) -> None:
        super().__init__()
        self.cells = cells

    def send(self, _: Any, message: Any, content: Any = None, *__: Any, **___: Any) -> None:  # type: ignore[override]
        if isinstance(message, str):
            self.cells.send(message, content)
        else:
            self.cells.send(message["msg_type"], message["content"])


async def _run_cell(shell: Any, source: str) -> bool:
    """Execute a cell as a kernel does: within a loop that runs, awaiting what it awaits."""
    transformed, failed = source, None
    shell._last_traceback_during_displayhook = False
    try:
        transformed = shell.transform_cell(source)
    except Exception:
        failed = sys.exc_info()
    how = {"transformed_cell": transformed, "preprocessing_exc_tuple": failed}
    if shell.should_run_async(source, **how):
        result = await shell.run_cell_async(source, store_history=True, **how)
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)
    else:
        result = shell.run_cell(source, store_history=True)
    return bool(result.success and not shell._last_traceback_during_displayhook)


class _Printing(io.TextIOBase):
    """A standard stream of a cell: what is written to it is sent on at once."""

    encoding, errors = "UTF-8", "strict"

    def __init__(self, cells: _Cells, name: str) -> None:
        self.cells = cells
        self.name = name

    def write(self, text: str) -> int:
        if text:
            self.cells.send("stream", {"name": self.name, "text": text})
        return len(text)

    def fileno(self) -> int:
        return 1 if self.name == "stdout" else 2

    def writable(self) -> bool:
        return True
