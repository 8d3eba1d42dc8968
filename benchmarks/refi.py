"""REFI-QDA of 100,000 selections: written and read here, and read by pyrefiqda in the same run.

The project is 100 interviews of about 60,000 characters with 1,000 codings each, by two coders.
Printed: seconds of the processor, and how many times as long pyrefiqda
takes to read it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from pyrefiqda import RefiProject

from ctresearch import coding, exchange, refi, transcripts
from ctresearch.instruments import read_codebook
from ctresearch.study import Country, Study

ROOT = Path(__file__).parents[1]
INTERVIEWS, CODINGS, LINES = 100, 1_000, 600
SAID = "2005-02 police senior female 30-44 in_person en no analysis 2005-03 no key_informant"
ASKED = (
    "date_month sector role_band sex age_band mode language interpreter consent script_version"
    " definition_asked_first respondent"
)
ROW = dict(zip(re.findall(r"\S+", ASKED), re.findall(r"\S+", SAID), strict=True))


def drawn(folder: Path) -> Country:
    """A country of INTERVIEWS interviews, coded."""
    shutil.copytree(ROOT / "instruments", folder / "instruments")
    (folder / "research/countries/belize").mkdir(parents=True)
    for name in ("research/study.toml", "research/countries/belize/country.toml"):
        shutil.copy(ROOT / name, folder / name)
    study, chance = Study(folder), Random(7)
    place = Country(study, "belize", folder / "research/countries/belize")
    codes = [code.id for code in read_codebook(study).codes]
    for n in range(1, INTERVIEWS + 1):
        said = [" ".join(f"word{chance.randrange(500)}" for _ in range(14)) for _ in range(LINES)]
        text = "".join(f"{'IR'[at % 2]}: {words}\n" for at, words in enumerate(said))
        name, v = f"{place.iso3}-KI-{n:03}", coding.version(text)
        transcripts.write(place, name, text, ROW)
        for by in ("ap", "mk"):
            lines = []
            for at in range(CODINGS // 2):
                start = chance.randrange(len(text) - 100)
                moment = datetime(2005, 2, 1, tzinfo=UTC) + timedelta(seconds=at)
                words = {"quote": text[start : start + 60], "pre": "", "post": "", "memo": ""}
                line = {"id": coding.ulid(moment, chance.getrandbits(80)), "op": "add"}
                line |= {"at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "by": by, "v": v}
                line |= {"code": chance.choice(codes), "start": start, "end": start + 60}
                lines.append(json.dumps(line | {"words": words}, separators=(",", ":")) + "\n")
            log = place.folder / "codings" / f"{name}.{by}.jsonl"
            log.parent.mkdir(exist_ok=True)
            log.write_text("".join(lines), encoding="utf-8")
    return place


def timed(what: str, work: Callable[[], object]) -> float:
    """Seconds of the processor that a piece of work took, printed as well."""
    began = time.process_time()
    work()
    took = time.process_time() - began
    print(f"{what:40} {took:6.2f} s", flush=True)
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = drawn(folder / "study")
        codebook, file = read_codebook(place.study), folder / "out.qdpx"
        file.write_bytes(refi.project_file(place, codebook)[0])
        data = file.read_bytes()

        def bring() -> None:
            for of in ("interviews", "codings"):
                shutil.rmtree(place.folder / of, ignore_errors=True)
            (place.folder / "interviews.csv").unlink(missing_ok=True)
            exchange.bring(place, exchange.opened(file), ((), ()))

        print(f"{INTERVIEWS * CODINGS:,} selections, {len(data) / 1e6:.0f} MB")
        timed("written from the logs", lambda: refi.project_file(place, codebook))
        ours = timed("read", lambda: refi.read(data, "out.qdpx"))
        timed("read and brought into an empty country", bring)
        theirs = timed("read by pyrefiqda", lambda: RefiProject.load(file, folder / "theirs"))
    print(f"pyrefiqda takes {theirs / ours:.1f} times as long to read it")


if __name__ == "__main__":
    sys.exit(main())
