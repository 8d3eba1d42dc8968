"""Findings: what the study says, with its values, what it rests on and how sure it is.

In    a sentence by language with {placeholders}, typed values, the evidence, confidence with reason
Out   results/findings.json, sorted by id; the sentence in words

The one idea: a sentence with a fact in it is recorded where the fact is computed. So a rerun that
comes to another fact comes to another sentence, and nobody types a number into a report.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, get_args

from ctresearch.analysis.triangulation import STREAMS, Level, level
from ctresearch.files import read_text, write_whole
from ctresearch.problems import Problem, ResearchError, refuse, suggestion
from ctresearch.values import Design, Value, pack, say, unpack

AGE_SCOPES = ("child", "adult", "both", "unknown")
CONFIDENCES = ("high", "moderate", "low", "very_low")
DESIGNS = get_args(Design)
MARK = {"en": "invented evidence", "es": "datos inventados"}
FILE = "findings.json"
Fault = tuple[str, str]  # what is wrong, how to mend it

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.(?!mark$)[a-z0-9]+(-[a-z0-9]+)*")
VALUE = re.compile(r"(?!says$)[a-z][a-z0-9_]*")
EVIDENCE = re.compile(r"@[a-z0-9]+|[\w./-]+\.[a-z]+(#.+)?")
SEGMENT = re.compile(r"[A-Z]{3}-[A-Z]+-\d+:\d+")
BARE = re.compile(r"(?!(1[89]|20)\d\d$)\d+([.,]\d+)?")  # a number, unless it is a year
PERCENT = re.compile(r"\d\s?%|\bper ?cent\b|\bpor ciento\b", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One sentence the study stands by."""

    id: str  # jamaica.deception: the place it is about, a dot, its name there
    says: str | Mapping[str, str]  # the sentence with {placeholders}: English, or by language
    values: Mapping[str, Value | str]  # by placeholder; further ones may stand alone in a report
    rests_on: tuple[str, ...] = ()  # tables ("themes.csv#recruitment.deception"), keys ("@iom2005")
    streams: tuple[str, ...] = ()  # independent kinds of evidence, of STREAMS (R5)
    age_scope: str = ""  # whom it is about, of AGE_SCOPES (R4)
    design: str = ""  # how the sources were chosen, of DESIGNS (R2)
    invented: bool = False  # whether invented evidence is in it
    confidence: str = ""  # of CONFIDENCES, chosen by a person; "" where none was chosen
    reason: str = ""  # why that confidence
    quotes: tuple[str, ...] = ()  # turns quoted word by word: JAM-KI-03:7 (R1)

    @property
    def sentences(self) -> Mapping[str, str]:
        """The templates by language; the first language is English."""
        return {"en": self.says} if isinstance(self.says, str) else self.says

    @property
    def level(self) -> Level:
        """How far independent streams carry it (R5)."""
        return level(len(set(self.streams)))

    def words(self, language: str) -> dict[str, str]:
        """The values in words."""
        return {name: say(value, language) for name, value in self.values.items()}

    def sentence(self, language: str) -> str:
        """The sentence in words, marked if its evidence is invented; English if not translated."""
        spoken = language if language in self.sentences else "en"
        said = self.sentences[spoken].format_map(self.words(spoken))
        mark = f" [{MARK.get(spoken, MARK['en'])}]" if self.invented else ""
        return said[:1].upper() + said[1:] + mark


def record(finding: Finding, results: Path) -> str:
    """Keep a finding among those of a notebook, in place of one with its id; its sentence.

    results   the folder the notebook keeps what it finds in

    Raises ResearchError with everything that is wrong with the finding.
    """
    problems = list(faults(finding))
    if problems:
        raise ResearchError(problems)
    path = results / FILE
    kept = _kept(path) | {finding.id: _as_json(finding)}
    content = ",\n".join(kept[key] for key in sorted(kept))
    write_whole(path, f"[\n{content}\n]\n", lasting=False)
    _written[path] = (path.stat(), kept)
    return finding.sentence("en")


_written: dict[Path, tuple[os.stat_result, dict[str, str]]] = {}


def _kept(path: Path) -> dict[str, str]:
    """The findings of a file as JSON, by id; read again only if somebody else wrote it."""
    stat, kept = _written.get(path, (None, {}))
    if stat is not None and path.is_file() and path.stat() == stat:
        return kept
    return {known.id: _as_json(known) for known in read(path)}


def _as_json(finding: Finding) -> str:
    packed = json.dumps(_packed(finding), indent=1, ensure_ascii=False, sort_keys=True)
    return " " + packed.replace("\n", "\n ")


def read(path: Path) -> tuple[Finding, ...]:
    """The findings a notebook recorded, by id; none where there is no such file."""
    if not path.is_file():
        return ()
    try:
        return tuple(map(_unpacked, json.loads(read_text(path))))
    except (ValueError, TypeError, KeyError):
        where = "/".join(path.parts[-3:])
        cure = "Run its notebook again: ctresearch run --fresh."
        raise refuse(where, "this is no list of findings", cure) from None


def faults(finding: Finding) -> Iterator[Problem]:
    """Everything that keeps a finding from being recorded."""
    checks = (_of_names, _of_sentences, _of_values, _of_evidence, _of_design, _of_confidence)
    for check in checks:
        for what, fix in check(finding):
            yield Problem(f"finding {finding.id}", what, fix)


def _of_names(finding: Finding) -> Iterator[Fault]:
    if not ID.fullmatch(finding.id):
        cure = "Write the place, a dot and a name, in small letters and hyphens: jamaica.deception."
        yield f"{finding.id!r} cannot be the id of a finding", cure
    for name in finding.values:
        if not VALUE.fullmatch(name):
            yield f"{name!r} cannot be the name of a value", "Use small letters: first_seen."


def _of_sentences(finding: Finding) -> Iterator[Fault]:
    """Each sentence must find its values; a value that no sentence uses may stand alone."""
    if "en" not in finding.sentences:
        yield "the English sentence is missing", 'Add one to says: {"en": "…"}.'
    for language, template in finding.sentences.items():
        try:
            used = [part for part in Formatter().parse(template) if part[1] is not None]
        except ValueError as error:
            yield f"the sentence ({language}) cannot be read: {error}", "Close each brace."
            continue
        for _, name, form, conversion in used:
            if name not in finding.values:
                cure = suggestion(str(name), finding.values)
                yield f"the sentence ({language}) has no value for {{{name}}}", cure
            if form or conversion:
                yield f"{{{name}}} is given a format", "Write the name alone: values have words."


def _of_values(finding: Finding) -> Iterator[Fault]:
    cure = "Say what it counts: Count(n, unit), or take a Band from a table `protect` made safe."
    for name, value in finding.values.items():
        if not isinstance(value, str | Value):
            yield f"{name!r} is a bare {type(value).__name__}: an undeclared unit", cure
        elif isinstance(value, str) and BARE.fullmatch(value):
            yield f"{name!r} is a number written as text: an undeclared unit", cure


def _of_evidence(finding: Finding) -> Iterator[Fault]:
    if not finding.rests_on:
        cure = 'Name what it rests on: rests_on=("themes.csv#recruitment.deception",).'
        yield "it rests on nothing", cure
    for named in finding.rests_on:
        if not EVIDENCE.fullmatch(named):
            cure = 'Write "table.csv", "table.csv#row" or "@key" of a reference.'
            yield f"{named!r} names no evidence", cure
    for turn in finding.quotes:
        if not SEGMENT.fullmatch(turn):
            yield f"{turn!r} is no turn", "Write the interview and its line: JAM-KI-03:7."
    if not finding.streams:
        yield "its streams are missing (R5)", f"Name one or more of {', '.join(STREAMS)}."
    for stream in finding.streams:
        yield from _unknown("stream", stream, STREAMS)
    yield from _unknown("age scope (R4)", finding.age_scope, AGE_SCOPES)


def _of_design(finding: Finding) -> Iterator[Fault]:
    """From sources chosen on purpose nothing follows about how many there are (R2)."""
    yield from _unknown("design (R2)", finding.design, DESIGNS)
    told = " ".join(map(str, (*finding.values.values(), *finding.sentences.values())))
    if finding.design == "purposive" and PERCENT.search(told):
        cure = "Say how many, in bands; or name the design that allows a percentage."
        yield "it holds a percentage, and its sources were chosen on purpose (R2)", cure


def _of_confidence(finding: Finding) -> Iterator[Fault]:
    """Confidence is chosen by a person and capped by how the evidence came about."""
    if not finding.confidence:
        return
    yield from _unknown("confidence", finding.confidence, CONFIDENCES)
    if not finding.reason:
        yield "its confidence has no reason", 'Say why: reason="…".'
    purposive = finding.design == "purposive"
    cap = "low" if finding.level == "reported" else "moderate" if purposive else "high"
    if finding.confidence in CONFIDENCES[: CONFIDENCES.index(cap)]:
        why = "one stream" if cap == "low" else "sources chosen on purpose"
        yield f"confidence {finding.confidence!r} is too high for {why}", f"At most {cap!r}."


def _unknown(kind: str, word: str, known: tuple[str, ...]) -> Iterator[Fault]:
    if not word:
        yield f"its {kind} is missing", f"Name one of {', '.join(known)}."
    elif word not in known:
        yield f"{word!r} is no {kind}", suggestion(word, known)


def _packed(finding: Finding) -> dict[str, Any]:
    values = {name: pack(value) for name, value in finding.values.items()}
    return vars(finding) | {"says": dict(finding.sentences), "values": values}


def _unpacked(kept: dict[str, Any]) -> Finding:
    lists = {name: tuple(given) for name, given in kept.items() if isinstance(given, list)}
    values = {name: unpack(value) for name, value in kept["values"].items()}
    return Finding(**(kept | lists | {"values": values}))
