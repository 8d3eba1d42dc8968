"""Measure the main job in a fresh copy of the study and write RESULTS.md beside this file.

Each figure says how it was measured; times are wall-clock seconds of whole processes on the machine
named at the top, so ratios within one run carry further than the seconds themselves.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("RESULTS.md")
BIN = Path(sys.executable).parent
MEGABYTE = 1_000_000
TABLE = ["| figure | value | how |", "|---|---|---|"]
APART = {  # each in a process of its own, so that none warms another up
    "Runs": "runs.py",
    "Coding logs": "coding.py",
    "Agreement": "agreement.py",
    "The coding page": "page.py",
    "Exchange": "refi.py",
    "Disclosure": "disclosure.py",
}
sys.path.insert(0, str(ROOT / "tests"))


@dataclass(frozen=True)
class Measured:
    """One figure and how it came about."""

    what: str
    figure: str
    how: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.figure} | {self.how} |"


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds of a command, and the memory in MB of the largest process it started."""
    began = time.monotonic()
    probe = (
        "import resource, subprocess, sys;"
        "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *command],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return time.monotonic() - began, int(done.stdout) / 1000


def fresh_copy(folder: Path) -> Path:
    """The study as git has it, in a folder of its own."""
    copy = folder / "study"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    return copy


def main_job(study: Path) -> list[Measured]:
    """`ctresearch build` from nothing, then with nothing to do."""
    build = [str(BIN / "ctresearch"), "build"]
    cold, memory = timed(build, study)
    again, _ = timed(build, study)
    return [
        Measured("build, cold", f"{cold:.1f} s", "`ctresearch build` in a fresh clone"),
        Measured("memory, cold", f"{memory:.0f} MB", "largest single process of that build"),
        Measured("build, again", f"{again:.2f} s", "the same command, nothing changed"),
    ]


def sizes(study: Path) -> list[Measured]:
    """What goes out, by report and format."""
    found = []
    for book in sorted(study.glob("reports/*/_book")):
        kinds = {"html": [], "docx": [], "pdf": []}
        for path in book.rglob("*"):
            if path.is_file():
                kinds.get(path.suffix[1:], kinds["html"]).append(path.stat().st_size)
        for kind, counted in kinds.items():
            how = "whole site, fonts and pictures too" if kind == "html" else "one file"
            size = f"{sum(counted) / MEGABYTE:.1f} MB"
            found.append(Measured(f"{book.parent.name}, {kind}", size, how))
    return found


def lines() -> list[str]:
    """Lines of code by module, as the test of the house counts them."""
    from test_house import MODULES, code_lines

    counts = {module: code_lines(path) for module, path in MODULES.items()}
    rows = [f"| {module} | {count} |" for module, count in counts.items()]
    return [*rows, f"| **together** | **{sum(counts.values())}** |"]


def said_by(script: str) -> list[str]:
    """What a benchmark of its own prints: rows of the table of figures, or plain lines."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return [f"- it ended with an error: {done.stderr.strip().splitlines()[-1:]}"]
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    if lines and lines[0].startswith("|"):
        return [*TABLE, *lines]
    return ["```", *lines, "```"]


def report(measured: list[Measured], apart: dict[str, list[str]]) -> str:
    """RESULTS.md as text."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    sections = [line for name, said in apart.items() for line in (f"## {name}", "", *said, "")]
    return "\n".join(
        [
            "# Results",
            "",
            f"Measured by `make prove` on {machine}; wall-clock seconds of a shared machine (load"
            f" at the end: {load}). Each section below names its script in `benchmarks/`.",
            "",
            *TABLE,
            *map(str, measured),
            "",
            *sections,
            "## Lines of code",
            "Blanks, comments and docstrings are not counted.",
            "",
            "| module | lines |",
            "|---|---|",
            *lines(),
            "",
        ]
    )


def prove() -> None:
    """Measure all and write RESULTS.md."""
    folder = Path(tempfile.mkdtemp(prefix="ctresearch-"))
    try:
        study = fresh_copy(folder)
        measured = main_job(study) + sizes(study)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    apart = {f"{name} (`{script}`)": said_by(script) for name, script in APART.items()}
    RESULTS.write_text(report(measured, apart), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    prove()
