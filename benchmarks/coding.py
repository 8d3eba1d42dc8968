"""Measure the coding logs of a large invented country: 1,000 interviews, 5 coders, 500,000 codings.

`big_country` writes it, the same bytes from the same seed; each figure is taken in a process of its
own, so that memory and a cold start are what they say. `python benchmarks/coding.py` prints them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from prove import ROOT, Measured

from ctresearch import coding
from ctresearch.instruments import Code, Codebook
from ctresearch.study import Country, Study

CODERS = ("ap", "jd", "mk", "rs", "tv")
INTERVIEWS, CODINGS, CODES, TURNS = 1_000, 100, 200, 200  # codings: a log; turns: an interview
SHIPPED = Study(ROOT).research / "countries" / "jamaica"


def codebook() -> Codebook:
    """Codes in heads of ten."""
    ids = [f"head{n // 10:02}.code{n:03}" for n in range(CODES)]
    return Codebook(version="1", codes=tuple(Code(id=one, label={"en": one}) for one in ids))


def big_country(root: Path, seed: int = 1, interviews: int = INTERVIEWS) -> Country:
    """Write a country with `interviews` transcripts, each coded by five coders."""
    chance = Random(seed)
    country = Country(Study(root), "jamaica", root / "research" / "countries" / "jamaica")
    for name in ("interviews", "codings"):
        (country.folder / name).mkdir(parents=True)
    shutil.copy(SHIPPED / "country.toml", country.folder)
    shutil.copy(ROOT / "research" / "study.toml", root / "research")
    rows = pd.read_csv(SHIPPED / "interviews.csv", dtype=str, keep_default_na=False)
    ids = [f"JAM-KI-{n:04}" for n in range(1, interviews + 1)]
    told = rows.iloc[[0] * interviews].assign(id=ids, own_definition_turn="2")
    told.to_csv(country.folder / "interviews.csv", index=False)
    spoken = (path.read_text(encoding="utf-8") for path in (SHIPPED / "interviews").glob("*.txt"))
    said = sorted({line[3:] for text in spoken for line in text.splitlines() if len(line) > 20})
    codes = [code.id for code in codebook().codes]
    for one in ids:
        turns = [f"{'IR'[n % 2]}: {chance.choice(said)}\n" for n in range(TURNS)]
        text = "".join(turns)
        (country.folder / "interviews" / f"{one}.txt").write_text(text, encoding="utf-8")
        for by in CODERS:
            log = "".join(_log(text, turns, by, codes, chance))
            (country.folder / "codings" / f"{one}.{by}.jsonl").write_text(log, encoding="utf-8")
    return country


def _log(text: str, turns: list[str], by: str, codes: list[str], chance: Random) -> Iterator[str]:
    """The lines of a log; one coding in thirty is taken back and made again, one has a memo."""
    ends = [0, *accumulate(map(len, turns))]
    at = datetime(2005, 2, 1, 13, tzinfo=UTC)

    def line(op: str, **given: Any) -> coding.Line:
        nonlocal at
        at += timedelta(seconds=chance.randrange(5, 90), microseconds=chance.randrange(1, 10**6))
        return coding.line(op, by, text, at=at, chance=chance.getrandbits(80), **given)

    for _ in range(CODINGS):
        n = chance.randrange(TURNS - 1)
        start = ends[n] + 3 + chance.randrange(10)
        end = chance.randrange(start + 1, ends[n + chance.choice((1, 1, 1, 2))])
        place = {"code": chance.choice(codes), "start": start, "end": end}
        made = line("add", **place)
        yield str(made)
        if chance.random() < 1 / 30:
            yield str(line("del", of=made.id))
            yield str(line("add", **place))
        if chance.random() < 1 / 30:
            yield str(line("memo", of=made.id, memo="Ask again."))
    yield str(line("lock"))


def _probe(root: Path, then: str) -> dict[str, float]:
    """Seconds of a statement and memory in MB, in a process of its own; `ran`: of the processor."""
    script = f"""
import json, resource, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from coding import codebook
from ctresearch import coding, evidence
from ctresearch.study import Country, Study
root = Path({str(root)!r})
country = Country(Study(root), "jamaica", root / "research" / "countries" / "jamaica")
book = codebook()
turns = evidence.turns(country)
began, ran = time.perf_counter(), time.process_time()
{then}
seconds, ran = time.perf_counter() - began, time.process_time() - ran
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({{"seconds": seconds, "ran": ran, "memory": memory}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout))


LOAD = "every = coding.segments(country, turns, book)"


def loading(country: Country) -> list[Measured]:
    """Loading all logs: for the first time, again, and after one more coding."""
    root = country.study.root
    cold = _probe(root, LOAD)
    warm = _probe(root, LOAD)
    log = coding.log_of(country, "JAM-KI-0001", CODERS[0])
    text = coding.transcript(country, "JAM-KI-0001")
    new = coding.line("add", CODERS[0], text, code=codebook().codes[0].id, start=0, end=1)
    coding.append(log, new, text, codebook())
    one_more = _probe(root, LOAD)
    progress = _probe(root, f"coding.progress(country, turns, book, {CODERS[0]!r})")
    check = _probe(root, "coding.check_codings(country, book)")
    logs = len(list((country.folder / "codings").iterdir()))
    how = f"`coding.segments`, {logs} logs, one process, turns in hand"

    def told(taken: dict[str, float]) -> str:
        return f"{taken['seconds']:.2f} s ({taken['ran']:.2f} s of the processor)"

    return [
        Measured("all logs, cold", told(cold), how),
        Measured("all logs, warm", told(warm), "the same, nothing changed"),
        Measured("all logs, one coding more", told(one_more), "one log changed"),
        Measured("memory", f"{max(cold['memory'], warm['memory']):.0f} MB", "of those processes"),
        Measured("progress of a coder", told(progress), "`coding.progress`, warm"),
        Measured("check", told(check), "`coding.check_codings`, warm"),
    ]


def measured() -> list[Measured]:
    """Everything measured here; the invented country goes again."""
    folder = Path(tempfile.mkdtemp(prefix="ctresearch-"))
    try:
        return loading(big_country(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    print(*measured(), sep="\n")
