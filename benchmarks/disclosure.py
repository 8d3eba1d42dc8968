"""Measure how tables with margins are protected, beside what is usual: prints the rows of RESULTS.

Random tables up to 16 x 8: 1,000, or as many as the first argument says; the second is a seed. Each
is protected four ways, and audited as a reader would, and again by those in a withheld cell:

- primary only: counts below ten are withheld and the margins stand
- two a line: every row and column with one withheld cell gets a second, the smallest, as by hand
- rows and columns: the whole row and column of every small count is withheld
- ours: `disclosure.protect`

Seconds are of the processor, so that they hold on a machine that does other work.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np
import pandas as pd

from ctresearch.disclosure import audit, protect

FEWEST = 10
TENTH = 10  # those inside are asked in a table in ten


def drawn(random: np.random.Generator, size: tuple[int, int] | None = None) -> pd.DataFrame:
    """A table of counts with margins."""
    rows, columns = size or (random.integers(2, 17), random.integers(2, 9))
    mean = random.choice([5, 12, 30, 60])
    counts = random.negative_binomial(1.5, 1.5 / (1.5 + mean), (rows, columns))
    table = pd.DataFrame(counts)
    table.index, table.columns = (
        [f"{c}{n}" for n in axis] for c, axis in zip("rc", table.axes, strict=True)
    )
    table.loc["All"] = table.sum()
    table["All"] = table.sum(axis=1)
    return table


def two_a_line(small: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A second cell in every line that has one: inside before a total, small before large."""
    held = small.copy()
    dear = np.where(counts > 0, counts, np.inf)
    dear[-1] += counts.sum()
    dear[:, -1] += counts.sum()
    while True:
        before = held.copy()
        for lines, costs in ((held, dear), (held.T, dear.T)):
            for line, cost in zip(lines, costs, strict=True):
                free = np.where(line, np.inf, cost)
                if line.sum() == 1 and np.isfinite(free).any():
                    line[free.argmin()] = True
        if (before == held).all():
            return held


def whole_lines(small: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Every row and column of a small count, but for the margins' own and zeros."""
    held = small.any(axis=1)[:, None] | small.any(axis=0)[None, :]
    return (held & (counts > 0)) | small


def recovered(table: pd.DataFrame, held: np.ndarray, *, inside: bool) -> int:
    """Small counts that a reader recovers, or those in one of up to eight other withheld cells."""
    shown = table.astype(object).mask(held)
    cells = np.argwhere(held & (table.to_numpy() > 0))[:: max(1, held.sum() // 8)]
    own = [{(str(table.index[i]), str(table.columns[j])): table.iat[i, j]} for i, j in cells]
    found = {(c.row, c.column) for known in (own if inside else [{}]) for c in audit(shown, known)}
    return sum(0 < table.at[place] < FEWEST for place in found)


def main(tables: int, seed: int = 2005) -> None:
    random = np.random.default_rng(seed)
    sums, slowest = Counter[str](), 0.0
    for number in range(tables):
        table = drawn(random)
        counts = table.to_numpy()
        small = (counts > 0) & (counts < FEWEST)
        began = time.process_time()
        safe = protect(table, unit="respondent", threshold=FEWEST)
        slowest = max(slowest, time.process_time() - began)
        ours = np.zeros_like(small)
        for cell in safe.cells:
            ours[table.index.get_loc(cell.row), table.columns.get_loc(cell.column)] = cell.width > 1
        sums["ours, audit"] += len(audit(safe))
        ways = {"primary only": small, "two a line": two_a_line(small, counts)}
        ways |= {"rows and columns": whole_lines(small, counts), "ours": ours}
        for name, held in ways.items():
            sums[f"{name}: withheld"] += int(held.sum())
            if name != "rows and columns":
                sums[f"{name}: recovered"] += recovered(table, held, inside=False)
                if number % TENTH == 0:
                    found = recovered(table, held, inside=True)
                    sums[f"{name}: recovered by those inside, a table in ten"] += found
        sums["cells"] += counts.size
        sums["tables"] += 1
        if sums["tables"] in (tables, *range(0, tables, 50)):
            print(*(f"{name:62} {count:8,}" for name, count in sums.items()), sep="\n")
            print(f"{'slowest table':62} {slowest:8.2f} s", flush=True)
    seconds = []
    for _ in range(20):
        table = drawn(random, (16, 8))
        began = time.process_time()
        protect(table, unit="respondent", threshold=FEWEST)
        seconds.append(time.process_time() - began)
    print(f"{'16 x 8: median, most':62} {np.median(seconds):8.2f} s {max(seconds):8.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or [1000]))
