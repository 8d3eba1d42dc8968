"""Release: the gate between what notebooks found and what a report may read.

In    build/<place>/<notebook>/: the executed notebook, findings, shared tables, run record
Out   reports/<report>/released/ and its _variables.yml; or every reason why not

The one idea: nothing leaves unless everything may. All that a report asks for is looked at first;
one unsafe value, one missing consent, one name of this machine, and nothing is written at all. To
release is to draft: it overwrites what it released before and never enters anything in a ledger.

What a released table may show was decided where its notebook made it (`disclosure.protect`): its
cells are words by now, among which a count can no longer be told from a year. `release.toml` holds
what the gate says.
"""

from __future__ import annotations

import base64
import getpass
import json
import re
import socket
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ctresearch import evidence, findings, ledger
from ctresearch.disclosure import shown
from ctresearch.files import read_text, read_toml, write_whole
from ctresearch.findings import Finding
from ctresearch.problems import Problems, refuse, suggestion, worded
from ctresearch.runs import RECORD, STUDY_PLACE, Run, plan, results_of
from ctresearch.study import Country, Study
from ctresearch.tables import read_rows
from ctresearch.values import Withheld

RELEASED = "released"
LITERATURE = "references.bib"
SHOWABLE = frozenset({"text/html", "text/plain", "image/png"})
VERBATIM = "verbatim_quote"  # the scope of consent that lets a quote leave (R1)
TELLING = 8  # words in a row that show a turn to have been copied
SHORTEST_NAME = 4  # letters; a shorter name of a user or a host stands in other words too
NOT_NAMES = frozenset({"root", "/root", "user", "guest", "home", "test", "work", "data", "jovyan"})

# What `disclosure.Safe` and `charts.Figure` make of themselves; no other markup leaves.
HEADER = r'<tr>(?:<th scope="col">[^<>]*</th>)*</tr>'
ROW = r'<tr><th scope="row">[^<>]*</th>(?:<td>[^<>]*</td>)*</tr>'
TABLE = rf"<table>\n<thead>\n{HEADER}\n</thead>\n<tbody>\n(?:{ROW}\n)*</tbody>\n</table>"
CHART = r'<img alt="[^"<>]*" src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+">'
SAFE = re.compile(f"{TABLE}|{CHART}")
RAW = re.compile(r"\bdtype: \w+\s*$|\A\s*(np\.\w+\()?-?\d+(\.\d+)?\)?\s*\Z")  # as Python shows it
ROOTED = r"(?<![\w.:/])/(?:home|Users|root|tmp|var|opt|usr|mnt|srv)/[\w.-]+|file:/|\b[A-Z]:\\\w+"
OPENED = re.compile(r"(Country|Meeting)\('[\w-]+'\)")  # as a notebook shows what it opened
DRAWING = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
SAID = read_toml(Path(__file__).with_suffix(".toml"))


@dataclass(frozen=True)
class Released:
    """What passed the gate."""

    runs: tuple[Run, ...]
    findings: tuple[Finding, ...]
    written: tuple[Path, ...]  # files that are new, changed or gone since the last release


def release(study: Study, report: str) -> Released:
    """Let all that a report asks for through the gate, or nothing.

    Raises ResearchError with every reason why something may not leave.
    """
    runs, folder, gate = listed(study, report), study.reports / report, _Gate(study)
    for run in runs:
        with gate.problems.gather():
            gate.look(run)
    gate.problems.raise_any()
    files = variables(study, report)
    literature = study.research / LITERATURE
    if literature.is_file():
        files[folder / RELEASED / LITERATURE] = read_text(literature)
    left = (results_of(study, run) for run in runs)
    files[folder / RELEASED / ledger.DRAFT] = ledger.draft(study, left)
    for run in runs:
        files |= _files(study, run, folder / RELEASED)
    said = tuple(finding for run in runs for finding in _findings(study, run))
    return Released(runs, said, tuple(_put(files, folder)))


def listed(study: Study, report: str) -> tuple[Run, ...]:
    """The runs that `ctresearch: release:` in a report's _quarto.yml asks for, in the plan's order.

    Raises ResearchError for each notebook that does not run for the kind of place it stands under.
    """
    path = study.reports / report / "_quarto.yml"
    where = f"{study.shown(path)}, ctresearch: release"
    try:
        asked = yaml.safe_load(read_text(path, study.shown(path)))["ctresearch"]["release"].items()
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        cure = "Add it: ctresearch: {release: {countries: [law]}}"
        raise refuse(where, "the report does not say what it releases", cure) from None
    places = {"study": {STUDY_PLACE}}
    for kind in ("programme", "countries", "meetings"):
        places[kind] = {place.key for place in getattr(study, kind)}
    every, problems, wanted = plan(study), Problems(), set()
    for kind, names in asked:
        there = [run for run in every if run.place in places.get(kind, ())]
        known = {run.notebook for run in there}
        wanted |= {run for run in there if run.notebook in names}
        for name in sorted(set(names) - known):
            near = suggestion(name, known) if kind in places else suggestion(kind, places)
            problems.add(where, f"{name!r} does not run for {kind!r}", near)
    problems.raise_any()
    return tuple(run for run in every if run in wanted)


def intact(study: Study, report: str) -> None:
    """Refuse released files that are torn, or hold the marks of a merge."""
    problems = Problems()
    for path in sorted((study.reports / report / RELEASED).rglob("*")):
        if path.suffix not in (".json", ".ipynb"):
            continue
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            cure = f"Release again: ctresearch release {report}"
            problems.add(study.shown(path), f"this is not JSON: {error}", cure)
    problems.raise_any()


def variables(study: Study, report: str) -> dict[Path, str]:
    """The content of a report's variable files: what its findings say, in words, by language."""
    runs, files = listed(study, report), {}
    for code in study.file.languages:
        name = "_variables.yml" if code == study.file.languages[0] else f"_variables-{code}.yml"
        files[study.reports / report / name] = yaml.safe_dump(
            _variables(study, runs, code), default_style='"', allow_unicode=True, width=10**9
        )
    return files


def _variables(study: Study, runs: Iterable[Run], language: str) -> dict[str, Any]:
    words = SAID["words"].get(language, SAID["words"]["en"])
    found: dict[str, Any] = {"brand": {"mark": words["real"], "page": ""}}
    for run in runs:
        place = found.setdefault(run.place, {"mark": words["real"]})
        if run.invented:
            place["mark"] = words["invented"]
            found["brand"] = {"mark": words["invented"], "page": words["page"]}
        for finding in _findings(study, run):
            name = finding.id.partition(".")[2]
            place[name] = finding.words(language) | {"says": finding.sentence(language)}
    return found


def strip(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook without what execution and editors stamp on it: times, paths, ids, settings."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [_cell(cell, number) for number, cell in enumerate(notebook["cells"], start=1)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: dict[str, Any], number: int) -> dict[str, Any]:
    kept = {key: value for key, value in cell.items() if key in ("cell_type", "execution_count")}
    tags = {key: tags for key, tags in cell["metadata"].items() if key == "tags" and tags}
    kept |= {"id": f"cell-{number}", "metadata": tags, "source": "".join(cell["source"])}
    if "outputs" in cell:
        kept["outputs"] = [_output(output) for output in _joined(cell["outputs"])]
    return kept


def _joined(outputs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Outputs with what was printed in one piece: where it was cut is a matter of time."""
    for name, parts in groupby(outputs, key=lambda output: output.get("name", "")):
        if name:  # of a stream
            text = "".join("".join(part["text"]) for part in parts)
            yield {"output_type": "stream", "name": name, "text": text}
        else:
            yield from parts


def _output(output: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in output.items() if key not in ("metadata", "transient")}
    if "text" in kept:
        kept["text"] = "".join(kept["text"])
    if "data" in kept:
        kept["data"] = {kind: "".join(parts) for kind, parts in kept["data"].items()}
        kept["metadata"] = {}
    return kept


def _notebook(path: Path) -> dict[str, Any]:
    return strip(json.loads(read_text(path)))


def _beside(left: Path) -> list[Path]:
    """The files that leave beside a notebook."""
    files = [left / RECORD, left / findings.FILE, *sorted(left.glob("shared/*.csv"))]
    return [path for path in files if path.is_file()]


def _files(study: Study, run: Run, folder: Path) -> dict[Path, str]:
    """What leaves of a run, by where it goes."""
    left, here, name = results_of(study, run), folder / run.place, f"{run.notebook}.ipynb"
    notebook = json.dumps(_notebook(left / name), indent=1, sort_keys=True, ensure_ascii=False)
    beside = {here / run.notebook / path.name: read_text(path) for path in _beside(left)}
    return {here / name: notebook + "\n", **beside}


def _findings(study: Study, run: Run) -> tuple[Finding, ...]:
    return findings.read(results_of(study, run) / findings.FILE)


def _put(files: Mapping[Path, str], folder: Path) -> Iterator[Path]:
    """Write what differs and remove what is no longer released; nothing before all is at hand."""
    there = [*(folder / RELEASED).rglob("*"), *folder.glob("_variables*.yml")]
    with tempfile.TemporaryDirectory(dir=folder, prefix=".released-") as scratch:
        ready = {
            path: write_whole(Path(scratch, str(at)), content)
            for at, (path, content) in enumerate(sorted(files.items()))
            if not path.is_file() or path.read_bytes() != content.encode()
        }
        for path, written in ready.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            yield written.replace(path)
    for path in sorted(there, reverse=True):  # what is in a folder before the folder
        if path.is_file() and path not in files:
            path.unlink()
            yield path
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


class _Gate:
    """Looks at what runs left, and notes every reason why something may not leave."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.problems = Problems()
        self.recorded: dict[str, Run] = {}  # by id of the finding
        self.quoted: set[str] = set()  # turns that findings quote
        self.rows: dict[Path, set[str]] = {}  # what names the rows of a table: its first column
        self.references = evidence.references(study)
        agreed = (i for i in _rows(study, evidence.interviews) if VERBATIM in i.consent.split())
        self.quotable = {i.id for i in agreed if not i.withdrawn_on}  # interviews (R1)
        self.spoken: dict[str, set[str]] = defaultdict(set)  # the turns that hold these words
        for turn in _rows(study, evidence.turns):
            for words in _telling(turn.text) if turn.speaker == "R" else ():
                self.spoken[words].add(turn.turn)
        named = {name for name in _machine() if len(name) >= SHORTEST_NAME} - NOT_NAMES
        known = "|".join(sorted(map(re.escape, {*named, str(study.root.resolve())})))
        self.machine = re.compile(rf"{ROOTED}|(?<!\w)({known})(?!\w)", re.IGNORECASE)

    def refuse(self, where: str, reason: str, known: Iterable[str] = (), **said: object) -> None:
        """Note a problem in the words of release.toml; `known` and `said` as of `worded`."""
        self.problems.found.append(worded(where, SAID["refusals"][reason], known, **said))

    def look(self, run: Run) -> None:
        """Note all that keeps a run from leaving."""
        left = results_of(self.study, run)
        path = left / f"{run.notebook}.ipynb"
        if not (path.is_file() and (left / RECORD).is_file()):
            self.refuse(self.study.shown(left), "missing", place=run.place)
            return
        recorded = _findings(self.study, run)
        for finding in recorded:
            self.look_at_finding(finding, run)
        for number, cell in enumerate(_notebook(path)["cells"], start=1):
            where = f"{self.study.shown(path)}, cell {number}"
            for output in cell.get("outputs", ()):
                self.look_at_output(output, where)
                if not _is_said(output, recorded):
                    self.refuse(where, "words")
            self.look_at_text("\n".join(_texts(cell)), where, run)
        for path in _beside(left):
            self.look_at_text(read_text(path), self.study.shown(path), run)

    def look_at_text(self, text: str, where: str, run: Run) -> None:
        """Nothing that leaves tells of this machine or repeats what an informant said."""
        found = self.machine.search(text)
        if found:
            self.refuse(where, "machine", found=found[0])
        told = (self.spoken[words] for words in _telling(text) if words in self.spoken)
        leaked = [turns for turns in told if turns.isdisjoint(self.quoted)]
        held = Counter(turn for turns in leaked for turn in turns)
        own = tuple(c.iso3 for c in self.study.countries if c.key == run.place)

        def likely(turn: str) -> tuple[int, bool, str]:
            """Informants use the same words: the turn that holds most, of equals one from here."""
            return -held[turn], not turn.startswith(own), turn

        for turn in sorted({min(turns, key=likely) for turns in leaked}):
            self.refuse(where, "turn", turn=turn)

    def look_at_output(self, output: Mapping[str, Any], where: str) -> None:
        """A cell shows a safe table, a chart or a sentence."""
        data = output.get("data", {"text/plain": output.get("text", "")})
        if output["output_type"] == "error":
            self.refuse(where, "error")
        for kind in sorted(data.keys() - SHOWABLE):
            self.refuse(where, "kind", kind=kind)
        if data.keys() & {"text/html", "image/png"} and not SAFE.fullmatch(
            data.get("text/html", "")
        ):
            self.refuse(where, "markup")
        elif RAW.search(data.get("text/plain", "")):
            self.refuse(where, "raw")

    def look_at_finding(self, finding: Finding, run: Run) -> None:
        """A finding is in order, and its values, its mark, its evidence and its quotes hold."""
        self.problems.found += findings.faults(finding)
        where = f"{run.place}/{run.notebook}, finding {finding.id}"
        for name, value in finding.values.items():
            with self.problems.gather():
                safe = shown(value, self.study.file.thresholds, where)
                if safe != value:
                    why = safe.why if isinstance(safe, Withheld) else f"say {str(safe)!r}"
                    self.refuse(where, "value", name=name, why=why)
        self.look_at_place(finding, run, where)
        for named in finding.rests_on:
            self.look_at_evidence(named, run, where)
        self.quoted |= set(finding.quotes)
        for turn in finding.quotes:
            if turn.partition(":")[0] not in self.quotable:
                self.refuse(where, "consent", turn=turn)

    def look_at_place(self, finding: Finding, run: Run, where: str) -> None:
        """It belongs to one run, and is marked just if what it rests on is invented there."""
        other = self.recorded.setdefault(finding.id, run)
        if other != run:
            self.refuse(where, "twice", notebook=other.notebook)
        if finding.id.partition(".")[0] != run.place:
            self.refuse(where, "elsewhere", place=run.place)
        about = [c for c in self.study.countries if run.place in (c.key, STUDY_PLACE)]
        streams = {*finding.streams, *(run.rule.streams if "admin" in finding.streams else ())}
        invented = run.invented and any(c.invented(stream) for c in about for stream in streams)
        if invented and not finding.invented:
            self.refuse(where, "unmarked")
        if finding.invented and not run.invented:
            self.refuse(where, "mismarked")

    def look_at_evidence(self, named: str, run: Run, where: str) -> None:
        """What a finding rests on is there: a reference, a table, a row of it."""
        if named.startswith("@"):
            if named[1:] not in self.references:
                self.refuse(where, "reference", self.references, name=named[1:])
            return
        name, _, row = named.partition("#")
        kept, research = self.study.results, self.study.research
        own, left = kept / run.place, kept / run.place / run.notebook
        folders = (left, left / "shared", own, kept, run.folder, research, self.study.root)
        path = next((f / name for f in folders if (f / name).is_file()), None)
        if path is None:
            self.refuse(where, "nowhere", name=name)
        elif row:
            if path not in self.rows:
                self.rows[path] = set(read_rows(path, self.study.shown(path)).iloc[:, 0])
            if row not in self.rows[path]:
                self.refuse(where, "row", self.rows[path], name=row, table=name)


def _is_said(output: Mapping[str, Any], recorded: Iterable[Finding]) -> bool:
    """Whether an output of mere words holds sentences of findings and names of places only."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    words = OPENED.sub("", data.get("text/plain", "") if len(data) == 1 else "")
    for sentence in sorted((f.sentence("en") for f in recorded), key=len, reverse=True):
        words = words.replace(sentence, "").replace(repr(sentence)[1:-1], "")
    return not re.search(r"\w", words)


def _rows(study: Study, read: Callable[[Country], pd.DataFrame]) -> Iterator[Any]:
    """The rows of a table of every country."""
    return (row for country in study.countries for row in read(country).itertuples())


def _telling(text: str) -> Iterator[str]:
    """Each TELLING words that follow each other, as they sound: small letters, no signs."""
    words = re.findall(r"\w+", unescape(re.sub("<[^>]*>", " ", text)).casefold())
    for at in range(len(words) - TELLING + 1):
        yield " ".join(words[at : at + TELLING])


def _texts(part: Any) -> Iterator[str]:
    """Every text within a part of a notebook, that in drawings too; pixels left out."""
    if isinstance(part, str):
        yield DRAWING.sub(lambda drawn: base64.b64decode(drawn[1]).decode(), part)
    elif isinstance(part, Mapping):
        yield from (text for key in part if key != "image/png" for text in _texts(part[key]))
    elif isinstance(part, list):
        yield from (text for each in part for text in _texts(each))


def _machine() -> Iterator[str]:
    """The names of this machine, its user and the user's folder, as far as it has any."""
    for ask in (getpass.getuser, socket.gethostname, Path.home):
        with suppress(KeyError, OSError, RuntimeError):
            yield str(ask())
