"""What a reader might try on a report that was built for real: every artefact is searched."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from docx import Document
from test_seals import shingles

from ctresearch import evidence
from ctresearch.findings import FILE, read


@pytest.fixture(scope="session")
def artefacts(built):
    """The bytes of every file of the reports, and of every file packed within one."""
    found: dict[str, bytes] = {}
    for path in sorted(built.reports.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(built.reports))] = path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as packed:
                    found |= {f"{path.name}!{n}": packed.read(n) for n in packed.namelist()}
    return found


def test_no_artefact_and_no_file_name_holds_the_name_of_an_informant(built, artefacts):
    path = built.country("suriname").folder / "informants.csv"
    people = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    canaries = {part for who in people for name in ("name", "email") for part in who[name].split()}

    assert len(canaries) > 20
    assert [n for n, b in artefacts.items() for c in canaries if c.encode() in n.encode() + b] == []


def test_no_artefact_of_a_build_holds_eight_words_of_an_answer_but_released_quotes(
    built, artefacts
):
    turns = evidence.turns(built.country("suriname"))
    quoted = {turn for path in built.results.rglob(FILE) for f in read(path) for turn in f.quotes}
    answers = turns[(turns["speaker"] == "R") & ~turns["turn"].isin(quoted)]
    said = shingles(*answers["text"])
    kept = {str(p): p.read_bytes() for p in built.build.rglob("*") if p.is_file()}
    for path in built.reports.rglob("*.pdf"):
        text = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True)
        kept[f"{path} as text"] = text.stdout

    assert len(said) > 1000
    assert [
        name
        for name, held in {**artefacts, **kept}.items()
        if shingles(re.sub(rb"<[^>]*>", b" ", held).decode("utf-8", "replace")) & said
    ] == []


def test_no_chart_carries_the_data_it_was_drawn_from(artefacts):
    telling = re.compile(rb"vega|\"datasets\"|<(title|desc)>[^<]*JAM-|SUR-KI-\d")

    shown = {name: held for name, held in artefacts.items() if not name.endswith("run.json")}
    assert [name for name, held in shown.items() if telling.search(held)] == []


def test_no_picture_carries_words_of_its_own(artefacts):
    pictures = [b for b in artefacts.values() if b.startswith(b"\x89PNG")]

    assert [
        kind for b in pictures for kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf") if kind in b
    ] == []


def test_no_notebook_tells_when_or_where_it_ran(artefacts):
    notebooks = [json.loads(b) for name, b in artefacts.items() if name.endswith(".ipynb")]

    assert [n for n in notebooks if "papermill" in n["metadata"]] == []
    assert [c for n in notebooks for c in n["cells"] if "execution" in c["metadata"]] == []


def test_the_word_file_names_no_program_and_holds_no_comment_change_or_thumbnail(built):
    path = next(Path(built.reports).rglob("*.docx"))
    with zipfile.ZipFile(path) as packed:
        parts, held = packed.namelist(), b"".join(map(packed.read, packed.namelist()))

    assert [p for p in parts if re.search("thumbnail|customXml", p)] == []
    assert re.findall(rb"<w:(?:comment|ins|del|vanish)[ />]", held) == []
    assert "python-docx" not in (Document(path).core_properties.author or "")
