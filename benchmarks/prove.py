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


def report(measured: list[Measured], said: list[str]) -> str:
    """RESULTS.md as text."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    return "\n".join(
        [
            "# Results",
            "",
            f"Measured by `make prove` on {machine}; wall-clock seconds of a shared machine.",
            "",
            "| figure | value | how |",
            "|---|---|---|",
            *map(str, measured),
            "",
            "## Runs",
            "Sixteen countries by the four notebooks as shipped; `benchmarks/runs.py` says how.",
            "",
            *(f"- {line}" for line in said),
            "",
            "## Lines of code",
            "Blanks, comments and docstrings are not counted.",
            "",
            "| module | lines |",
            "|---|---|",
            *lines(),
            "",
        ]
    )


def prove(sample: int = 8) -> None:
    """Measure all and write RESULTS.md; each rival makes `sample` runs."""
    from runs import measure

    said: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="ctresearch-"))
    try:
        study = fresh_copy(folder)
        measured = main_job(study) + sizes(study)
        measure(sample, said.append)
        RESULTS.write_text(report(measured, said), encoding="utf-8")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    prove()
