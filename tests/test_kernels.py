"""Kernels: notebooks in processes forked from a zygote, each as fresh as a new kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ctresearch import kernels
from ctresearch.release import strip

pytestmark = pytest.mark.skipif(not kernels.CAN_FORK, reason="there is no zygote without fork")

LEAVE = {  # what a notebook does, and how the next one looks for traces of it
    "a global": ("kept = 1", "'kept' in globals()"),
    "a module's attribute": ("import json; json.kept = 1", "import json; hasattr(json, 'kept')"),
    "a patch of pandas": (
        "import pandas as pd; pd.DataFrame.sum = lambda self: 'patched'",
        "import pandas as pd; str(pd.DataFrame({'a': [1]}).sum()) == 'patched'",
    ),
    "an option of pandas": (
        "import pandas as pd; pd.set_option('display.max_rows', 1)",
        "import pandas as pd; pd.get_option('display.max_rows') == 1",
    ),
    "a theme of altair": (
        "import altair as alt; _ = alt.theme.enable('dark')",
        "import altair as alt; alt.theme.active == 'dark'",
    ),
    "a variable of the environment": (
        "import os; os.environ['KEPT'] = '1'",
        "import os; 'KEPT' in os.environ",
    ),
    "a folder": ("import os; os.chdir('/')", "import os; os.getcwd() == '/'"),
    "a path of imports": (
        "import sys; sys.path.append('/kept')",
        "'/kept' in __import__('sys').path",
    ),
    "a filter of warnings": (
        "import warnings; warnings.simplefilter('error')",
        "import warnings; warnings.filters[0][0] == 'error'",
    ),
    "a builtin": ("import builtins; builtins.hex = 1", "import builtins; builtins.hex == 1"),
    "a seed": ("import random; random.seed(7)", "import random; random.seed; False"),
    "a handler at the end": ("import atexit; _ = atexit.register(print, 'kept')", "False"),
    "a signal's handler": (
        "import signal; _ = signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "import signal; signal.getsignal(signal.SIGTERM) == signal.SIG_IGN",
    ),
}
END = {  # what a notebook does in its second cell, and what is told of it
    "it ends its process": ("import os; os._exit(7)", "by itself (exit status 7)"),
    "it is killed": ("import os; os.kill(os.getpid(), 9)", "was killed (SIGKILL)"),
    "it reads memory that is not there": (
        "import ctypes; ctypes.string_at(0)",
        "was killed (SIGSEGV)",
    ),
    "it loops for ever": ("while True: pass", "did not end within 1 seconds"),
    "it waits for ever": ("import time; time.sleep(600)", "did not end within 1 seconds"),
    "it hears no interrupt": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "did not end within 1 seconds",
    ),
    "it prints 100 MB": (
        "for _ in range(100_000): print('x' * 1000)",
        "it printed more than 10,000,000 characters",
    ),
}


@pytest.fixture(scope="module")
def warm():
    started = kernels.Warm()
    yield started
    started.close()


def run(warm, folder, *cells, seconds=None, **job):
    """A notebook of these cells, executed in `folder` by the engine, as papermill asks it to."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata.papermill = {}
    told = warm.job(folder, job.pop("environ", {}), **job)
    return kernels.Engine.execute_notebook(
        notebook, "python3", warm=warm, job=told, execution_timeout=seconds, progress_bar=False
    )


def shown(cell):
    """What a cell shows: its outputs as text."""
    return "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


@pytest.mark.parametrize("what", LEAVE)
def test_what_a_notebook_leaves_behind_is_not_there_for_the_next(warm, tmp_path, what):
    leave, look = LEAVE[what]
    run(warm, tmp_path, leave)
    *before, asked = look.split("; ")
    looked = run(warm, tmp_path, "\n".join([*before, f"print({asked})"]))

    assert shown(looked.cells[0]) == "False\n"


@pytest.mark.parametrize("what", END)
def test_a_notebook_that_will_not_end_well_is_ended_and_told(warm, tmp_path, what):
    with pytest.raises(kernels.Stopped) as stopped:
        run(
            warm,
            tmp_path,
            "print('fine')",
            END[what][0],
            seconds=60 if END[what][1].startswith(("was", "by", "it printed")) else 1,
        )

    assert (stopped.value.cell, stopped.value.cause.endswith(END[what][1])) == (1, True)


def test_after_all_of_that_the_next_notebook_is_unharmed(warm, tmp_path):
    assert shown(run(warm, tmp_path, "print(6 * 7)").cells[0]) == "42\n"


def test_the_cells_that_were_done_when_a_process_died_keep_what_they_showed(warm):
    notebook = new_notebook(
        cells=[new_code_cell(c) for c in ("'done'", "print('begun'); import os; os._exit(1)")]
    )
    notebook.metadata.papermill = {}
    with pytest.raises(kernels.Stopped):
        kernels.Engine.execute_notebook(notebook, "python3", warm=warm, progress_bar=False)

    assert [shown(cell) for cell in notebook.cells] == ["'done'", "begun\n"]


def test_no_cell_comes_after_one_that_leaves_python(warm, tmp_path):
    with pytest.raises(kernels.Stopped, match=r"cell 2: its process ended by itself"):
        run(warm, tmp_path, "exit()", "1 + 1")


def test_a_notebook_that_fills_the_memory_fails_in_its_cell(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("CTRESEARCH_MEMORY", str(10**9))
    filled = run(warm, tmp_path, "filling = [bytearray(10**8) for _ in range(100)]")

    assert filled.cells[0].outputs[0].ename == "MemoryError"


def test_a_fork_in_a_cell_does_not_go_on_with_the_notebook(warm, tmp_path):
    forked = run(warm, tmp_path, "import os\nchild = os.fork()", "print('once')")

    assert shown(forked.cells[1]) == "once\n"


def test_a_thread_that_never_ends_does_not_keep_a_notebook_from_ending(warm, tmp_path):
    looping = "import threading, time\nthreading.Thread(target=lambda: time.sleep(600)).start()"

    assert shown(run(warm, tmp_path, looping, "print('done')").cells[1]) == "done\n"


def test_programs_that_a_notebook_leaves_running_end_with_it(warm, tmp_path):
    start = "import subprocess\nprint(subprocess.Popen(['sleep', '600'], start_new_session={}).pid)"
    left = [shown(run(warm, tmp_path, start.format(away)).cells[0]) for away in (False, True)]

    assert [Path("/proc", pid.strip()).exists() for pid in left] == [False, False]


def test_a_notebook_has_the_folder_the_environment_and_the_seed_it_was_given(warm, tmp_path):
    look = (
        "import os, random, numpy\n"
        "print(os.getcwd(), os.environ['GIVEN'], random.random(), numpy.random.rand())"
    )
    given = {"environ": {"GIVEN": "yes"}, "seed": 7}
    first, again = (shown(run(warm, tmp_path, look, **given).cells[0]) for _ in range(2))

    assert first == again
    assert first.startswith(f"{tmp_path} yes 0.32")


def test_a_module_beside_the_notebook_is_imported_and_none_shadows_a_library(warm, tmp_path):
    (tmp_path / "beside.py").write_text("found = 'here'")

    assert shown(run(warm, tmp_path, "import beside\nprint(beside.found)").cells[0]) == "here\n"


def test_what_a_program_writes_to_the_standard_output_is_shown(warm, tmp_path):
    assert shown(run(warm, tmp_path, "import os\n_ = os.system('echo said')").cells[0]) == "said\n"


def test_a_cell_may_await(warm, tmp_path):
    cell = "import asyncio\nawait asyncio.sleep(0)\nasyncio.get_running_loop().is_running()"

    assert shown(run(warm, tmp_path, cell).cells[0]) == "True"


def test_the_files_that_cells_read_are_noticed(warm, tmp_path):
    (tmp_path / "read.csv").write_text("a\n1\n")
    notebook = new_notebook(
        cells=[new_code_cell("open('read.csv').read(); _ = open('made.csv', 'w')")]
    )
    notebook.metadata.papermill = {}
    job, opened = warm.job(tmp_path, {}, watched=[f"{tmp_path}/"]), set()
    kernels.Engine.execute_notebook(
        notebook, "python3", warm=warm, job=job, opened=opened, progress_bar=False
    )

    assert opened == {str(tmp_path / "read.csv")}


def test_a_killed_zygote_takes_its_notebook_along_and_the_next_is_forked_from_a_new_one(tmp_path):
    first = kernels.shared()
    with pytest.raises(kernels.Stopped, match="forked from was killed"):
        run(first, tmp_path, f"import os, time\nos.kill({first.process.pid}, 9)\ntime.sleep(600)")
    first.process.wait()

    assert shown(run(kernels.shared(), tmp_path, "print('on')").cells[0]) == "on\n"


def test_a_zygote_with_a_thread_alive_refuses_and_says_so():
    code = (
        "import json, socket, threading, time\n"
        "from ctresearch.zygote import serve\n"
        "threading.Thread(target=time.sleep, args=[600], daemon=True).start()\n"
        "ours, theirs = socket.socketpair()\n"
        "serve(theirs)\n"
        "print(json.loads(ours.recv(1000))['refuses'])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.endswith("threads are alive after the imports\n")


# --- real kernels, by the provisioner -----------------------------------------------------------


@pytest.fixture
def _provisioned(monkeypatch):
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", kernels.NAME)


def client(*cells, **options):
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    return nbclient.NotebookClient(notebook, kernel_name="python3", **options)


@pytest.mark.usefixtures("_provisioned")
def test_a_client_of_jupyter_gets_a_forked_kernel_in_its_folder(tmp_path):
    asked = client(
        "import os, sys\nprint(os.getcwd(), 'pandas' in sys.modules)",
        resources={"metadata": {"path": str(tmp_path)}},
    )

    assert shown(asked.execute().cells[0]) == f"{tmp_path} True\n"


@pytest.mark.usefixtures("_provisioned")
def test_a_forked_kernel_that_dies_is_seen_at_once():
    with pytest.raises(nbclient.exceptions.DeadKernelError):
        client("import os; os._exit(3)").execute()


@pytest.mark.usefixtures("_provisioned")
def test_a_forked_kernel_is_interrupted_when_a_cell_takes_too_long():
    asked = client(
        "while True: pass", "print('on')", timeout=2, interrupt_on_timeout=True, allow_errors=True
    )

    assert shown(asked.execute().cells[1]) == "on\n"


# --- the same outputs ---------------------------------------------------------------------------

EVERY_KIND = (
    "import base64, sys\nimport pandas as pd\nfrom IPython.display import HTML, Image, display",
    "pd.DataFrame({'a': [1, 2], 'b': ['x', None]})",
    "pd.Series(range(100))",
    "print('one'); print('two', end=''); display(HTML('<b>three</b>')); print('four')",
    "print('warned', file=sys.stderr)",
    "!echo from a program",
    "Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='))",
    "HTML(pd.DataFrame({'a': [1.5]}).style.set_uuid('same').format('{:.2f}').to_html())",
    "await __import__('asyncio').sleep(0)\n'awaited'",
    "class Both:\n    def _repr_html_(self): return '<i>it</i>'\nBoth.__repr__ = lambda _: 'it'",
    "Both()",
    "{3, 1, 2}, {'b': 1, 'a': {'x', 'y', 'z'}}",
    "get_ipython().__class__.__name__, pd.get_option('display.max_columns')",
)
BEYOND_NBVAL = (  # which does not follow these, in plain kernels either
    "handle = display('first', display_id='shown')",
    "handle.update('second')",
    "from IPython.display import clear_output\nprint('gone'); clear_output(); print('stays')",
    "%%capture caught\nprint('kept back')",
    "caught.stdout, In[2], _",
    "1 / 0",
)


def executed(path, *cells, engine=None, **options):
    """Cells run by papermill, by its own engine or by ours."""
    from papermill.engines import papermill_engines

    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata.papermill = {}
    notebook.cells[-1].metadata.tags = ["raises-exception"]
    options |= {"progress_bar": False}
    done = papermill_engines.execute_notebook_with_engine(engine, notebook, "python3", **options)
    nbformat.write(done, path)
    return strip(json.loads(path.read_text()))


def test_a_warm_notebook_shows_what_a_plain_one_shows(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    cells = (*EVERY_KIND, *BEYOND_NBVAL)
    ours = executed(tmp_path / "warm.ipynb", *cells, engine=kernels.NAME, warm=warm)
    theirs = executed(tmp_path / "plain.ipynb", *cells)

    assert ours == theirs


def test_strict_nbval_with_plain_kernels_finds_no_difference_in_warm_outputs(warm, tmp_path):
    executed(tmp_path / "warm.ipynb", *EVERY_KIND, engine=kernels.NAME, warm=warm)
    environ = os.environ | {"PYTHONHASHSEED": "0"}
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "-q",
        "-p",
        "no:cacheprovider",
        "warm.ipynb",
    ]
    said = subprocess.run(asked, cwd=tmp_path, env=environ, capture_output=True, text=True)

    assert f"{len(EVERY_KIND)} passed" in said.stdout, said.stdout
