"""The coding page: what is marked is on the disk when the page says so, whoever marks it and how.

A real server, a real browser, the small study. The interview coded here holds emoji joined to one
sign, accents that have no letter of their own, and Papiamentu.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pyrage
import pytest
from conftest import small_study

from ctresearch import coding, seals
from ctresearch.coding import Line
from ctresearch.page import serving

CHROMIUM = Path("/usr/bin/chromium")
FULL = os.environ.get("CTRESEARCH_COUNTS") == "full"
TOKEN = "for-tests-only"
CODED, DRAWN, SEALED = "SUR-KI-02", "SUR-KI-04", "SUR-KI-06"
WORDS = "Nan a kita su paspòrt 👩‍👩‍👧 na un club, i el a debe plaka."
TEXT = f"""\
I: Bon dia. What is your work? 😀
R: Mi ta traha ku famia. {WORDS} M\u0303a ta tristu.
I: What does it mean to you?
R: [sighs] Ora bo no por bai. The café n\u0308andi \U0001f469\u200d\U0001f467 keeps them.
I: And then?
R: Nothing more.
"""


class Served:
    """A server of a study, as `ctresearch code` starts it."""

    def __init__(self, root, port, *command):
        self.root, self.base = root, f"http://127.0.0.1:{port}/"
        self.command = command or ("-m", "ctresearch.cli", "code", "--no-browser")
        self.env = dict(os.environ, JUPYTER_TOKEN=TOKEN, JUPYTER_PORT=str(port))
        self.env |= {
            "JUPYTER_PORT_RETRIES": "0",
            "HOME": str(root),
            seals.KEYS: str(root / "key.txt"),
        }
        self.env["JUPYTER_RUNTIME_DIR"] = str(root / "runtime")
        self.env["JUPYTER_CONFIG_DIR"] = str(root / "config")

    def start(self):
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.root / "research",
                env=self.env,
                stdout=log,
                stderr=log,
            )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.base}api", timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return self
        raise AssertionError((self.root / "server.log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def address(self, interview=CODED, coder="ap"):
        return f"{self.base}ctresearch/code/{interview}?coder={coder}&token={TOKEN}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def ask(self, path, body=None, token=TOKEN):
        """Status and JSON of a request to the page's interface."""
        asked = urllib.request.Request(
            f"{self.base}ctresearch/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}"},
        )
        try:
            with urllib.request.urlopen(asked) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def prepared(folder):
    study = small_study(folder)
    place = study.country("suriname").folder
    (place / "interviews" / f"{CODED}.txt").write_text(TEXT, encoding="utf-8")
    for log in (place / "codings").glob("*.jsonl"):
        log.unlink()
    key = pyrage.x25519.Identity.generate()
    (folder / "key.txt").write_text(str(key))
    with (folder / "research" / "study.toml").open("a", encoding="utf-8") as plan:
        plan.write(f'\n[seals]\nsuriname = ["{key.to_public()}"]\n')
    told = place / "interviews" / f"{SEALED}.txt"
    seals.sealed(told).write_bytes(seals.seal_bytes(TEXT.encode(), [str(key.to_public())]))
    told.unlink()
    return study


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    study = prepared(tmp_path_factory.mktemp("page") / "study")
    with Served(study.root, free_port()) as server:
        yield server


@pytest.fixture
def logs(served):
    """Where the logs of the served study lie."""
    return served.root / "research" / "countries" / "suriname" / "codings"


@pytest.fixture(autouse=True)
def _nothing_is_coded_yet(logs):
    for log in logs.glob("*.jsonl"):
        log.unlink()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        must = "CTRESEARCH_MUST_BROWSE" in os.environ
        (pytest.fail if must else pytest.skip)(f"no browser at {CHROMIUM}: nothing was coded")
    with sync_playwright() as door:
        opened = door.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Opens the page like a person with a browser of their own; faults of its script are faults."""
    contexts, faults = [], []

    def opened(address, **look):
        context = browser.new_context(**look)
        contexts.append(context)
        return tab(context, address)

    def tab(context, address):
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(error.stack))
        page.goto(address)
        page.wait_for_selector("#text .line, #desk[open], .notice")
        return page

    def lab(address):
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return page

    opened.tab, opened.lab = tab, lab
    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def saved(page):
    page.wait_for_selector("#state[data-state=saved]")


def live(logs, coder="ap", interview=CODED, text=TEXT):
    """What lives in a log: code, words and memo; the words cut out by the offsets."""
    path = logs / f"{interview}.{coder}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = coding.replay(Line.model_validate_json(line) for line in lines)
    return [(one.code, text[one.start : one.end], one.words.memo) for one in kept]


def drag(page, words):
    """Draw the mouse over words of the transcript, as shown."""
    box = page.evaluate(
        """(words) => {
          const walk = document.createTreeWalker(document.getElementById("text"), 4);
          while (walk.nextNode()) {
            const at = walk.currentNode.data.indexOf(words);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(walk.currentNode, at);
            range.setEnd(walk.currentNode, at + words.length);
            const boxes = [...range.getClientRects()];
            const [a, b] = [boxes[0], boxes.at(-1)];
            return [a.left, a.top + a.height / 2, b.right, b.top + b.height / 2];
          }
        }""",
        words,
    )
    page.mouse.move(box[0] + 1, box[1])
    page.mouse.down()
    page.mouse.move(box[2] - 1, box[3], steps=4)
    page.mouse.up()


# Coding


def test_words_marked_with_the_mouse_take_the_code_whose_key_is_pressed(served, visit, logs):
    page = visit(served.address())
    drag(page, "Nan a kita su paspòrt 👩‍👩‍👧")
    page.keyboard.press("h")
    saved(page)

    assert live(logs) == [("exploitation.domestic_servitude", "Nan a kita su paspòrt 👩‍👩‍👧", "")]


def test_the_keyboard_alone_codes_writes_a_memo_undoes_and_redoes(served, visit, logs):
    page = visit(served.address())
    for key in ("ArrowRight",) * 6 + ("Space", "Enter"):
        page.keyboard.press(key)
    page.keyboard.type("debt")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+M")
    page.keyboard.type("su deuda")
    page.keyboard.press("Control+Enter")
    saved(page)
    told = [live(logs)]
    for keys in ("Control+z", "Control+z", "Control+y", "Control+y"):
        page.keyboard.press(keys)
        saved(page)
        told.append(live(logs))

    coded, with_memo = [("control.debt", WORDS, "")], [("control.debt", WORDS, "su deuda")]
    assert told == [with_memo, coded, [], coded, with_memo]


def test_what_was_undone_before_a_reload_can_be_redone_after_it(served, visit, logs):
    page = visit(served.address())
    for key in ("Space", "d", "Control+z"):
        page.keyboard.press(key)
    saved(page)
    page.reload()
    page.wait_for_selector("#text .line")
    page.keyboard.press("Control+y")
    saved(page)

    assert [code for code, _, _ in live(logs)] == ["recruitment.deception"]


def test_overlapping_codes_stand_side_by_side_with_their_letters(served, visit):
    page = visit(served.address())
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    for words, keys in (("debt", "Control+Enter"), ("deception", "Enter")):
        page.keyboard.type(words)
        page.keyboard.press(keys)
    saved(page)
    bars = page.eval_on_selector_all(
        "#L2 .bar", "all => all.map(b => [b.textContent, b.style.right])"
    )

    assert sorted(bars) == [["b", "0em"], ["d", "1.75em"]]


def test_a_marked_half_of_a_sign_takes_the_whole_sign(served, visit, logs):
    page = visit(served.address())
    for key in ("ArrowDown", "ArrowDown", "End"):
        page.keyboard.press(key)
    page.evaluate(
        """() => {
          const words = [...document.querySelectorAll("#L4 .words")][0].firstChild;
          const at = words.data.indexOf("\\u{1F469}");
          const pressed = new MouseEvent("mousedown", { bubbles: true });
          document.getElementById("text").dispatchEvent(pressed);
          getSelection().setBaseAndExtent(words, at + 1, words, at + 4);
        }"""
    )
    page.wait_for_timeout(100)
    page.keyboard.press("d")
    saved(page)

    assert [words for _, words, _ in live(logs)] == ["\U0001f469\u200d\U0001f467"]


def test_what_is_applied_is_said_to_a_screen_reader(served, visit):
    page = visit(served.address())
    page.keyboard.press("Space")
    page.keyboard.press("d")

    assert page.text_content("#said").startswith("Deception about the work: Mi ta traha ku famia.")


def test_the_list_of_codings_can_do_without_the_highlights(served, visit, logs):
    page = visit(served.address())
    for key in ("Space", "d", "Shift+L"):
        page.keyboard.press(key)
    listed = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Delete")
    saved(page)

    assert ("line 2" in listed, "“Mi ta traha ku famia.”" in listed, live(logs)) == (
        True,
        False,  # quotation marks are drawn, not text
        [],
    )


def test_the_next_uncoded_turn_is_found_past_the_coded_ones(served, visit):
    page = visit(served.address())
    for key in ("Space", "d", "Shift+N"):
        page.keyboard.press(key)

    assert page.get_attribute("#text", "aria-activedescendant") == "L4"


def test_searching_finds_words_without_their_accents(served, visit):
    page = visit(served.address())
    page.keyboard.press("/")
    page.keyboard.type("PASPORT")
    page.keyboard.press("Enter")

    assert page.text_content("#hits") == "1 of 1"


def test_my_progress_is_told_for_every_interview_of_the_country(served, visit):
    page = visit(served.address())
    for key in ("Space", "d"):
        page.keyboard.press(key)
    saved(page)
    page.click("#interviews")
    row = page.text_content(f"#progress tr:has-text('{CODED}')")

    assert row == f"{CODED} 1 of 31alonebegun"


# Saved means on the disk


def test_a_killed_server_loses_nothing_that_said_saved_and_pages_bring_the_rest(tmp_path, visit):
    with Served(prepared(tmp_path / "study").root, free_port()) as server:
        folder = server.root / "research" / "countries" / "suriname" / "codings"
        page, closed = visit(server.address()), visit(server.address(DRAWN))
        page.keyboard.press("Space")
        page.keyboard.press("d")
        saved(page)
        server.kill()
        before = live(folder)
        for one in (page, closed):
            one.bring_to_front()
            one.keyboard.press("Space")
            one.keyboard.press("b")
            one.wait_for_selector("#state[data-state=lost]")
        warning = page.text_content("#state")
        kept = closed.evaluate("Object.values(localStorage).join()")
        context = closed.context
        closed.close(run_before_unload=False)
        server.start()
        saved(page)
        saved(visit.tab(context, server.address(DRAWN)))

    assert [code for code, _, _ in before] == ["recruitment.deception"]
    assert warning.startswith("Not saved: 1 change waiting")
    assert [code for code, _, _ in live(folder)] == ["recruitment.deception", "control.debt"]
    assert ("coordinate" in kept, len(live(folder, interview=DRAWN))) == (False, 1)


def test_a_line_sent_twice_is_written_once(served, logs):
    sent = line_for(served)
    for _ in range(2):
        served.ask(f"api/interviews/{CODED}/lines?coder=ap", sent)

    assert len((logs / f"{CODED}.ap.jsonl").read_text().splitlines()) == 1


def test_a_second_tab_follows_the_first_and_both_keep_what_they_made(served, visit, logs):
    one = visit(served.address())
    two = visit.tab(one.context, served.address())
    one.bring_to_front()
    for key in ("Space", "d"):
        one.keyboard.press(key)
    two.bring_to_front()
    two.wait_for_selector("#L2 .bar")
    for key in ("Space", "h"):
        two.keyboard.press(key)
    one.wait_for_selector("#L2 .bar:nth-child(2)")
    saved(two)

    assert [code for code, _, _ in live(logs)] == [
        "recruitment.deception",
        "exploitation.domestic_servitude",
    ]


def test_of_a_sealed_interview_no_word_is_in_clear_outside_the_page(
    served, visit, logs, monkeypatch
):
    page = visit(served.address(SEALED))
    page.context.set_offline(True)
    for key in ("ArrowRight",) * 6 + ("Space", "b", "Shift+M"):
        page.keyboard.press(key)
    page.keyboard.type("ki plaka")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#state[data-state=lost]")
    kept = page.evaluate("Object.values(localStorage).join()")
    page.context.set_offline(False)
    saved(page)
    log = (logs / f"{SEALED}.ap.jsonl").read_text(encoding="utf-8")
    monkeypatch.setenv(seals.KEYS, str(served.root / "key.txt"))
    lines = [coding.opened(Line.model_validate_json(one)) for one in log.splitlines()]

    assert [word for word in ("plaka", "kita") if word in kept + log] == []
    assert [(one.words.quote, one.words.memo) for one in lines] == [
        (WORDS, ""),
        (WORDS, "ki plaka"),
    ]


# Double coding


def test_two_coders_are_blind_until_both_lock_then_compare_and_settle(served, visit, logs):
    text = (logs.parent / "interviews" / f"{DRAWN}.txt").read_text(encoding="utf-8")
    ap, mk = (visit(served.address(DRAWN, coder)) for coder in ("ap", "mk"))
    for page, keys in ((ap, ("Space", "d", "h")), (mk, ("Space", "d", "f"))):
        page.bring_to_front()
        for key in keys:
            page.keyboard.press(key)
        saved(page)
    mk.wait_for_timeout(1200)
    blind = mk.locator("#list li").count()
    for page in (ap, mk):
        page.bring_to_front()
        page.click("#lock")
        page.click("#sure [value=yes]")
        page.wait_for_selector("body.locked")
    mk.click("#compare")
    mk.wait_for_selector("#stretches h3")
    open_ones = mk.locator("#stretches h3").all_inner_texts()
    mk.click("#stretches li:has-text('Domestic') >> text=Keep")
    mk.wait_for_selector("#sums:has-text('1 open')")
    mk.click("#stretches li.open >> text=Drop")
    mk.wait_for_selector("text=Everything is settled")

    settled = {code for code, _, _ in live(logs, "consensus", DRAWN, text)}
    assert blind == 2
    assert len(open_ones) == 2
    assert settled == {"recruitment.deception", "exploitation.domestic_servitude"}


def test_a_locked_interview_takes_no_coding(served, visit):
    page = visit(served.address(DRAWN))
    page.click("#lock")
    page.click("#sure [value=yes]")
    page.wait_for_selector("body.locked")
    page.focus("#text")
    for key in ("Space", "d"):
        page.keyboard.press(key)

    assert page.text_content("#said").startswith("You have locked this interview.")
    assert refused(served, line_for(served, DRAWN), DRAWN)[0] == 400


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_page_its_picker_and_its_lists(served, visit, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(served.address(), color_scheme=scheme)
    for key in ("Space", "d", "h"):
        page.keyboard.press(key)
    saved(page)
    found = [Axe().run(page)]
    page.keyboard.press("Enter")
    found.append(Axe().run(page))
    page.keyboard.press("Escape")
    page.click("#interviews")
    page.wait_for_selector("#progress table")
    found.append(Axe().run(page))

    assert [one.generate_report() for one in found if one.violations_count] == []


def test_axe_finds_nothing_in_the_comparison(served, visit):
    from axe_playwright_python.sync_playwright import Axe

    for coder, code in (("ap", "control.debt"), ("mk", "exploitation.domestic_servitude")):
        sent = line_for(served, DRAWN, code=code)
        served.ask(f"api/interviews/{DRAWN}/lines?coder={coder}", sent)
        served.ask(f"api/interviews/{DRAWN}/lock?coder={coder}", {"on": True})
    page = visit(served.address(DRAWN))
    page.click("#compare")
    page.wait_for_selector("#stretches h3")
    found = Axe().run(page)

    assert (found.violations_count, found.generate_report()) == (0, found.generate_report())


def test_the_page_fits_the_narrowest_screen(served, visit):
    page = visit(served.address(), viewport={"width": 360, "height": 740})

    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_in_jupyterlab_a_card_opens_the_page_and_typing_b_inserts_no_cell(tmp_path, visit):
    root = prepared(tmp_path / "study").root
    cell = {"cell_type": "raw", "id": "one", "metadata": {}, "source": "one cell"}
    tiny = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "research" / "tiny.ipynb").write_text(json.dumps(tiny))
    command = ("-m", "jupyterlab", *serving.lab_options(), "--no-browser")
    with Served(root, free_port(), *command) as server:
        page = visit.lab(f"{server.base}lab/tree/tiny.ipynb?token={TOKEN}")
        page.click(".jp-Dialog button:has-text('No Kernel')", timeout=60_000)
        page.keyboard.press("Control+Shift+L")
        page.click(".jp-LauncherCard:has-text('Code interviews')")
        frame = page.frame_locator("iframe[title='Coding page']")
        frame.locator("#coder").fill("ap")
        frame.locator("#whose button").click()
        frame.locator(f"a:has-text('{CODED}')").click()
        frame.locator("#L2").wait_for()
        for key in ("b", "b", "Space", "b"):
            page.keyboard.press(key)
        frame.locator("#L2 .bar").wait_for()
        page.click(".lm-TabBar-tab:has-text('tiny.ipynb')")
        cells = page.locator(".jp-Notebook .jp-Cell").count()

    assert cells == 1


# JavaScript and Python tell the same story

ALPHABET = "aé ñß😀👩\u200d👧🏽\u0301\u0303\u0308क्षি한글𝄞\U0001f1f8\U0001f1f7\n.—"


def test_offsets_agree_between_javascript_and_python(served, visit):
    chance, asked = random.Random(7), []
    for _ in range(1000 if FULL else 100):
        text = "".join(chance.choices(ALPHABET, k=chance.randrange(1, 60)))
        text = unicodedata.normalize("NFC", text)
        for _ in range(10):
            start = chance.randrange(len(text))
            asked.append((text, start, chance.randrange(start + 1, len(text) + 1)))
    page = visit(served.address())
    told = page.evaluate(
        """async (asked) => {
          const { Offsets } = await import("/ctresearch/static/offsets.js");
          return asked.map(([text, start, end]) => {
            const offsets = new Offsets(text);
            const [from, to] = [offsets.units(start), offsets.units(end)];
            return [text.slice(from, to), offsets.points(from), offsets.points(to)];
          });
        }""",
        asked,
    )

    assert told == [[text[start:end], start, end] for text, start, end in asked]


def test_javascript_replays_a_log_as_python_does(served, visit):
    chance, began = random.Random(11), datetime(2005, 2, 1, tzinfo=UTC)
    stories = []
    for _ in range(500 if FULL else 60):
        lines = []
        for n in range(chance.randrange(1, 15)):
            known = [one.id for one in lines]
            op = chance.choice(["add", "add", "del", "del", "memo", "move"]) if known else "add"
            of = {"of": chance.choice(known)} if op != "add" else {"code": "control.debt"}
            place = {"start": n, "end": n + 3} if op != "del" else {}
            at = began + timedelta(seconds=chance.randrange(6))
            memo = chance.choice(["", "so"]) if op != "del" else ""
            given = of | place
            lines.append(coding.line(op, "ap", TEXT, at=at, chance=n, memo=memo, **given))
        stories.append(lines)
    told = [
        [
            {
                **one.model_dump(mode="json", include={"id", "op", "of", "code", "start", "end"}),
                "memo": one.words.memo,
                "at": one.at.timestamp() * 1e6,
            }
            for one in lines
        ]
        for lines in stories
    ]
    page = visit(served.address())
    found = page.evaluate(
        """async (stories) => {
          const { replay } = await import("/ctresearch/static/log.js");
          return stories.map((lines) => [...replay(lines, "ap").values()]
            .map((one) => [one.id, one.start, one.end, one.memo]));
        }""",
        told,
    )

    assert found == [
        [[one.id, one.start, one.end, one.words.memo] for one in coding.replay(lines)]
        for lines in stories
    ]


# Refusals


def line_for(served, interview=CODED, **given):
    """A line as the page sends it."""
    status, told = served.ask(f"api/interviews/{interview}?coder=ap")
    assert status == 200
    made = {"id": coding.ulid(datetime.now(UTC), 1), "op": "add", "v": told["v"]}
    return made | {"code": "control.debt", "start": 35, "end": 45} | given


def refused(served, sent, interview=CODED, coder="ap"):
    status, told = served.ask(
        f"api/interviews/{quote(interview, safe='')}/lines?coder={quote(coder)}", sent
    )
    assert set(told["problems"][0]) == {"where", "what", "fix"}
    return status, told["problems"][0]["what"]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"code": "control.dept"}, "'control.dept' is not a code in instruments/codebook.toml"),
        ({"v": "0" * 16}, "the transcript has been corrected since this page was opened"),
        ({"end": 9999}, r"character 9999 is past the end of the text \(\d+\)"),
        ({"end": 35}, "this is not right: it needs 'v', 'start' and a greater 'end'"),
        ({"start": -1}, ".*greater than or equal to 0"),
        ({"id": "1"}, ".*should match pattern.*"),
        ({"by": "mk"}, "'by' is not a key here"),
        ({"op": "lock"}, ".*should be.*"),
        ({"op": "del", "of": "0" * 26}, "the coding this changes is not in your log"),
    ],
)
def test_a_line_that_is_not_right_is_refused_and_nothing_written(served, logs, given, what):
    sent = line_for(served) | given
    if sent["op"] == "del":
        sent = {key: sent[key] for key in ("id", "op", "v", "of")}
    status, said = refused(served, sent)

    assert (status, bool(re.fullmatch(what, said)), list(logs.iterdir())) == (400, True, []), said


@pytest.mark.parametrize(
    ("interview", "coder"),
    [
        ("../../study", "ap"),
        ("..%2f..", "ap"),
        ("SUR-KI-99", "ap"),
        ("XXX-KI-01", "ap"),
        (CODED, "a/p"),
        (CODED, "../ap"),
        (CODED, "consensus"),
        (CODED, ""),
    ],
)
def test_a_name_that_is_none_is_refused_and_nothing_written(served, logs, interview, coder):
    status, _ = refused(served, line_for(served), interview, coder)

    assert (status, list(logs.iterdir())) == (400, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": ' + b"[" * 100_000])
def test_what_is_no_json_object_is_refused(served, body):
    asked = urllib.request.Request(
        f"{served.base}ctresearch/api/interviews/{CODED}/lines?coder=ap",
        data=body,
        headers={"Authorization": f"token {TOKEN}"},
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(asked)
    said = json.loads(error.value.read())
    error.value.close()

    assert (error.value.code, said["problems"][0]["what"]) == (400, "this is not a JSON object")


@pytest.mark.parametrize("token", ["", "wrong"])
@pytest.mark.parametrize(
    "path",
    [
        f"code/{CODED}?coder=ap",
        f"api/interviews/{CODED}?coder=ap",
        "api/progress",
        "elsewhere",
    ],
)
def test_without_the_token_nothing_is_told(served, path, token):
    status, told = served.ask(path, token=token)

    assert (status, told["problems"][0]["where"]) == (403, "this address")


def test_a_wrong_token_writes_nothing(served, logs):
    status, told = served.ask(f"api/interviews/{CODED}/lines?coder=ap", {}, token="wrong")

    assert (status, told["problems"][0]["what"], list(logs.iterdir())) == (
        403,
        "the token of the server is missing or wrong",
        [],
    )


def test_a_line_the_server_refuses_stays_on_the_page_until_it_is_read(served, visit, logs):
    page = visit(served.address())
    shutil.copy(served.root / "instruments" / "codebook.toml", served.root / "kept.toml")
    book = (served.root / "kept.toml").read_text(encoding="utf-8")
    gone = book.replace('[codes."control.debt"]\n', '[codes."control.debt"]\nretired = "later"\n')
    (served.root / "instruments" / "codebook.toml").write_text(gone, encoding="utf-8")
    for key in ("Space", "b"):
        page.keyboard.press(key)
    page.wait_for_selector(".notice")
    said = [page.text_content(".notice")]
    shutil.move(served.root / "kept.toml", served.root / "instruments" / "codebook.toml")
    page.reload()
    page.wait_for_selector(".notice")
    said.append(page.text_content(".notice"))
    page.click(".notice button")
    page.reload()
    page.wait_for_selector("#text .line")

    assert all("Mi ta traha ku famia." in one and "retired" in one for one in said)
    assert page.locator(".notice").count() == 0
    assert live(logs) == []


def test_the_page_may_load_nothing_from_elsewhere(served):
    asked = urllib.request.Request(served.address(), headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(asked) as reply:
        policy = reply.headers["Content-Security-Policy"]

    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
