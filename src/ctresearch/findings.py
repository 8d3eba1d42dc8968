"""Findings: what the study says, with its values, what it rests on and how sure it is.

In    a sentence by language with {placeholders}, typed values, the evidence, confidence with reason
Out   results/findings.json, sorted by id; the sentence in words

The one idea: a sentence with a fact in it is recorded where the fact is computed. So a rerun that
comes to another fact comes to another sentence, and nobody types a number into a report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args

from ctresearch.files import read_text, write_whole
from ctresearch.problems import Problem, ResearchError, refuse, suggestion
from ctresearch.values import Design, Estimate, Share, Value, pack, say, unpack

Stream = Literal["interview", "media", "survey", "legal", "literature", "admin"]
AgeScope = Literal["child", "adult", "both", "unknown"]
Confidence = Literal["high", "moderate", "low", "very_low"]
Level = Literal["reported", "corroborated"]

STREAMS, AGE_SCOPES, DESIGNS = get_args(Stream), get_args(AgeScope), get_args(Design)
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)  # the highest first
MARK = {"en": "Invented evidence", "es": "Datos inventados"}
FILE = "findings.json"

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
    says: str | Mapping[str, str]  # the sentence, {placeholders} for values; by language, or English
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
    def place(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    @property
    def sentences(self) -> Mapping[str, str]:
        """The templates by language; the first language is English."""
        return {"en": self.says} if isinstance(self.says, str) else self.says

    @property
    def level(self) -> Level:
        """How far independent streams carry it (R5)."""
        return "corroborated" if len(set(self.streams)) > 1 else "reported"

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
    kept = {known.id: known for known in read(path)} | {finding.id: finding}
    content = [_packed(kept[key]) for key in sorted(kept)]
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return finding.sentence("en")


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
    for what, fix in (
        *_of_form(finding),
        *_of_sentence(finding),
        *_of_values(finding),
        *_of_evidence(finding),
        *_of_confidence(finding),
    ):
        yield Problem(f"finding {finding.id}", what, fix)
