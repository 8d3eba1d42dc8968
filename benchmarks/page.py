"""Measure the coding page in a real browser: a transcript of 300,000 characters, 2,000 codings.

    python benchmarks/page.py

Open: from the request for the page until the transcript, its highlights and the list stand on the
screen (two frames after). Key to saved: from the key event until the page shows "Saved", which it
does when the line is synced to the disk; 100 codings made one after another,
each after the words were selected and had been shown.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Page, sync_playwright
from test_page import CHROMIUM, CODED, Served, free_port, prepared

from ctresearch import coding
from ctresearch.instruments import read_codebook
from ctresearch.study import Study

CHARACTERS, CODINGS, KEYS, OPENINGS = 300_000, 2_000, 100, 5
PAUSE = 150  # milliseconds a coder who is quick looks at the words before the key
SAVED = """(key) => new Promise((done) => {
  const box = document.getElementById("text");
  const state = document.getElementById("state");
  const began = performance.now();
  box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  if (state.dataset.state === "saved") throw new Error("nothing was sent");
  const look = new MutationObserver(() => {
    if (state.dataset.state === "saved") look.disconnect(), done(performance.now() - began);
  });
  look.observe(state, { attributes: true, childList: true });
})"""
NEXT = """() => {
  const box = document.getElementById("text");
  for (const key of ["ArrowDown", " "])
    box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}"""


def long_interview(study: Study) -> None:
    """A transcript and a log as long as the figures say."""
    chance, country = random.Random(5), study.country("suriname")
    turns = "".join(
        path.read_text(encoding="utf-8") for path in (country.folder / "interviews").glob("*.txt")
    ).splitlines()
    text = ""
    while len(text) < CHARACTERS:
        text += f"{chance.choice(turns)} 😀\n"
    (country.folder / "interviews" / f"{CODED}.txt").write_text(text, encoding="utf-8")
    codes = [code.id for code in read_codebook(study).codes if not code.retired]
    lines, began = [], datetime(2005, 2, 1, tzinfo=UTC)
    for n in range(CODINGS):
        start = chance.randrange(len(text) - 400)
        place = {"start": start, "end": start + chance.randrange(20, 300)}
        at, code = began + timedelta(seconds=n), chance.choice(codes)
        lines.append(coding.line("add", "ap", text, at=at, chance=n, code=code, **place))
    log = country.folder / "codings" / f"{CODED}.ap.jsonl"
    log.write_text("".join(map(str, lines)), encoding="utf-8")


def opening(page: Page, address: str) -> float:
    """Seconds until the page stands."""
    page.goto("about:blank")
    page.goto(address, wait_until="commit")
    page.wait_for_selector(f"#count:text-is('{CODINGS}')")
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done("
    return float(page.evaluate(f"{frames}performance.now()))))")) / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as door:
        study = prepared(Path(folder) / "study")
        long_interview(study)
        browser = door.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        with Served(study.root, free_port()) as server:
            page = browser.new_page(viewport={"width": 1300, "height": 820})
            opened = [opening(page, server.address()) for _ in range(OPENINGS)]
            waits = []
            for _ in range(KEYS):
                page.evaluate(NEXT)
                page.wait_for_timeout(PAUSE)
                waits.append(page.evaluate(SAVED, "d"))
        browser.close()
    late = statistics.quantiles(waits, n=20)[-1]
    print(f"open            {statistics.median(opened):.2f} s median of {OPENINGS}")
    print(f"                {max(opened):.2f} s slowest; to hold: 1.5 s")
    print(f"key to saved    {statistics.median(waits):.0f} ms median of {KEYS}")
    print(f"                {late:.0f} ms p95; to hold: 50 ms")


if __name__ == "__main__":
    main()
