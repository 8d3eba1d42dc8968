"""Measure the coding logs of a large invented country: 1,000 transcripts, 5 coders, 500,000 codings.

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
from pathlib import Path
from random import Random

import pandas as pd
from prove import ROOT, Measured

from ctresearch import coding, evidence
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
    said = sorted({
        line[3:]
        for path in sorted((SHIPPED / "interviews").glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
    })
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
    starts = [0]
    for turn in turns:
        starts.append(starts[-1] + len(turn))
    at, v = datetime(2005, 2, 1, 13, tzinfo=UTC), coding.version(text)

    def line(op: str, **given: object) -> str:
        nonlocal at
        at += timedelta(seconds=chance.randrange(5, 90), microseconds=chance.randrange(1, 10**6))
        made = coding.ulid(at, chance.getrandbits(80))
        head = {"id": made, "op": op, "of": given.get("of"), "at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"}
        start, end = given.get("start", 0), given.get("end", 0)
        around = text[max(0, start - 16) : start], text[end : end + 16] if end else ""
        words = {"quote": text[start:end], "pre": around[0], "post": around[1], "memo": ""}
        told = head | {"by": by, "v": v} | given | {"words": words | {"memo": given.get("memo", "")}}
        told.pop("memo", None)
        kept = {key: value for key, value in told.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n"

    for _ in range(CODINGS):
        n = chance.randrange(TURNS)
        start = starts[n] + 3 + chance.randrange(10)
        end = chance.randrange(start + 1, starts[n + chance.choice((1, 1, 1, 2))] if n + 2 < len(starts) else starts[-1])
        place = {"code": chance.choice(codes), "start": start, "end": end}
        made = line("add", **place)
        yield made
        if chance.random() < 1 / 30:
            yield line("del", of=made[7:33])
            yield line("add", **place)
        if chance.random() < 1 / 30:
            yield line("memo", of=made[7:33], memo="Ask again.")
    yield line("lock")


def _probe(root: Path, then: str) -> dict[str, float]:
    """Seconds of a statement, and the memory in MB of the process, in a process of its own."""
    script = f"""
import json, resource, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from coding import codebook, coding, evidence, Country, Study
root = Path({str(root)!r})
country = Country(Study(root), "jamaica", root / "research" / "countries" / "jamaica")
book = codebook()
turns = evidence.turns(country)
began = time.perf_counter()
{then}
seconds = time.perf_counter() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({{"seconds": seconds, "memory": memory}}))
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
    return [
        Measured("all logs, cold", f"{cold['seconds']:.2f} s", how),
        Measured("all logs, warm", f"{warm['seconds']:.2f} s", "the same, nothing changed"),
        Measured("all logs, one coding more", f"{one_more['seconds']:.2f} s", "one log changed"),
        Measured("memory", f"{max(cold['memory'], warm['memory']):.0f} MB", "of those processes"),
        Measured("progress of a coder", f"{progress['seconds']:.2f} s", "`coding.progress`, warm"),
        Measured("check", f"{check['seconds']:.2f} s", "`coding.check_codings`, warm"),
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
