"""Measure agreement and co-occurrence on invented codings: 500,000 by 5 coders with 200 codes.

Run it alone: `.venv/bin/python benchmarks/agreement.py`. Times are wall-clock seconds of calls in
one process, the best of three; memory is the largest that process ever held.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from prove import Measured

from ctresearch import agreement
from ctresearch.analysis.themes import cooccurrence
from ctresearch.reliability import Coded

INTERVIEWS, CODERS, CODES, CODINGS = 1000, 5, 200, 500_000
TURNS, TURN = 60, 250  # turns an interview, characters a turn
SEED = 2005


def invented(codings: int = CODINGS) -> Coded:
    """Codings of a few words to a whole turn, one in four on into the next; every coder on all."""
    chance = np.random.default_rng(SEED)
    ids = np.array([f"ZZZ-KI-{n:04}" for n in range(INTERVIEWS)])
    names = [f"c{n}" for n in range(CODERS)]
    turn, at = chance.integers(0, TURNS - 1, codings), chance.integers(3, TURN - 20, codings)
    start = turn * TURN + at
    room = TURN - at + np.where(chance.random(codings) < 1 / 4, TURN, 0)
    spans = pd.DataFrame(
        {
            "interview": ids[chance.integers(0, INTERVIEWS, codings)],
            "coder": np.array(names)[chance.integers(0, CODERS, codings)],
            "code": np.array([f"head.c{n:03}" for n in range(CODES)])[
                chance.integers(0, CODES, codings)
            ],
            "start": start,
            "end": start + 10 + (chance.random(codings) * (room - 10)).astype(int),
        }
    )
    each = {"coders": [tuple(names)] * INTERVIEWS, "characters": TURNS * TURN}
    interviews = pd.DataFrame(each, index=pd.Index(ids, name="interview"))
    begins = np.tile(np.arange(TURNS) * TURN, INTERVIEWS)
    of = np.repeat(ids, TURNS)
    turns = pd.DataFrame({"interview": of, "start": begins + 3, "end": begins + TURN - 1})
    return Coded(spans, interviews, turns)


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several calls."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def agreement_of_200_codes(coded: Coded) -> list[float]:
    """Krippendorff's alpha of every code over all text, character by character."""
    fresh = Coded(coded.spans, coded.interviews, coded.turns)
    return [float(agreement.alpha(of)) for of in fresh.ratings("character")]


def spans_of_200_codes(coded: Coded) -> object:
    """alpha_U of every code over all text."""
    return coded.alpha_u()


def cooccurrence_of_all(coded: Coded) -> pd.DataFrame:
    """Which codes meet, by coder."""
    return cooccurrence(coded.spans)


def measured() -> list[Measured]:
    """Agreement and co-occurrence of codings that are loaded."""
    coded = invented()
    sample = f"{CODINGS:,} codings in memory, {CODES} codes, {CODERS} coders, {INTERVIEWS:,} texts"
    works = {
        "alpha of every code, by character": agreement_of_200_codes,
        "alpha_U of every code": spans_of_200_codes,
        "co-occurrence by coder": cooccurrence_of_all,
    }
    found = [
        Measured(name, f"{best(lambda work=work: work(coded)):.2f} s", sample)
        for name, work in works.items()
    ]
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return [*found, Measured("memory", f"{held:.0f} MB", "largest of that process, data included")]


if __name__ == "__main__":
    print(*measured(), sep="\n")
