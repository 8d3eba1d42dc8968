"""A case: one country, meeting or the whole study, opened for a notebook.

In    the key of the place and the name of the notebook that asks
Out   its tables, read when first asked for, and a folder for what the notebook finds

The one idea: a notebook opens, calls, shows, records, and never spells a path. What it finds goes
to a folder of its own: whole tables stay on this machine, shared ones may be released.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from ctresearch import coding, double, evidence, findings, instruments, ledger
from ctresearch.disclosure import Safe
from ctresearch.files import write_whole
from ctresearch.problems import Problem, Problems, refuse
from ctresearch.seals import ENDING, Sealed
from ctresearch.study import Country, Meeting, Study, Threshold, check_countries, find_study
from ctresearch.tables import write_table

STUDY_PLACE = "study"  # where notebooks that run once for the whole study keep what they find
T = TypeVar("T")


def _of(place: str, read: Callable[[Any], T]) -> cached_property[T]:
    """What `read` makes of a case's study, country or meeting when it is first asked for."""
    return cached_property(lambda case: read(getattr(case, place)))


class Case:
    """What every notebook has at hand, whatever it was opened for."""

    def __init__(self, study: Study, place: str, notebook: str, **about: str) -> None:
        self.study = study
        self.place = place
        self.notebook = notebook
        self.about = about  # whom what is found here is about, as the ledger tells tables apart

    @property
    def results(self) -> Path:
        """The folder this notebook writes to; a run under way names a temporary one."""
        named = os.environ.get("CTRESEARCH_RUN")
        return Path(named) if named else self.study.results / self.place / self.notebook

    @property
    def rules(self) -> Mapping[str, Threshold]:
        """When a count may be shown, by unit."""
        return self.study.file.thresholds

    codebook = _of("study", instruments.read_codebook)
    form = _of("study", instruments.read_form)
    checklist = _of("study", instruments.read_checklist)

    def keep(self, name: str, table: pd.DataFrame) -> None:
        """Keep a whole table for later notebooks; it stays on this machine."""
        write_table(_with_index(table), self.results / f"{name}.csv")

    def share(self, name: str, safe: Safe) -> Safe:
        """Keep a safe table beside the notebook, so that it may be released, and return it."""
        shared = self.results / "shared"
        write_table(_with_index(safe.table), shared / f"{name}.csv")
        line = ledger.entry(f"{self.place}/{self.notebook}/{name}", safe, self.about, self.rules)
        if line.cells:
            write_whole(shared / f"{name}{ledger.SUFFIX}", ledger.write([line]))
        return safe

    def kept_at(self, place: str, notebook: str, name: str) -> pd.DataFrame:
        """A table another notebook kept for `place`, every cell as text.

        Raises ResearchError where that notebook has not run or kept no such table.
        """
        path = self.study.results / place / notebook / f"{name}.csv"
        if not path.is_file():
            where, cure = f"{place}, {notebook}.ipynb", f"Run it first: ctresearch run {place}"
            raise refuse(where, f"there is no table {name!r} of it", cure)
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    def findings_at(self, place: str, notebook: str) -> tuple[findings.Finding, ...]:
        """What another notebook recorded for `place`."""
        return findings.read(self.study.results / place / notebook / "findings.json")


class CountryCase(Case):
    """One country, opened for a notebook."""

    def __init__(self, country: Country, notebook: str) -> None:
        super().__init__(country.study, country.key, notebook, country=country.name)
        self.country = country

    @cached_property
    def interviews(self) -> pd.DataFrame:
        """The interviews that may be used: consent to analysis, and not withdrawn."""
        every = evidence.interviews(self.country)
        return every[every["usable"]]

    @cached_property
    def turns(self) -> pd.DataFrame:
        """The turns of those interviews."""
        every = evidence.turns(self.country)
        return every[every["interview"].isin(self.interviews["id"])]

    @cached_property
    def segments(self) -> pd.DataFrame:
        """The segments that count: one coder an interview, consensus before all."""
        every = evidence.turns(self.country)
        found = coding.counted(coding.segments(self.country, every, self.codebook))
        return found[found["interview"].isin(self.interviews["id"])]

    media = _of("country", evidence.media)
    law = _of("country", evidence.law)
    indicators = _of("country", evidence.indicators)

    @cached_property
    def survey(self) -> pd.DataFrame:
        return evidence.survey(self.country, self.form)

    def kept(self, notebook: str, name: str) -> pd.DataFrame:
        """A table another notebook of this country kept."""
        return self.kept_at(self.place, notebook, name)

    def findings(self, notebook: str) -> tuple[findings.Finding, ...]:
        """What another notebook of this country recorded."""
        return self.findings_at(self.place, notebook)


class StudyCase(Case):
    """The whole study, opened for a notebook that runs once."""

    trainings = _of("study", partial(evidence.monitoring, name="trainings"))
    campaigns = _of("study", partial(evidence.monitoring, name="campaigns"))
    assistance = _of("study", partial(evidence.monitoring, name="assistance"))
    press = _of("study", partial(evidence.monitoring, name="press"))

    @property
    def countries(self) -> tuple[Country, ...]:
        return self.study.countries

    @property
    def programme(self) -> tuple[Country, ...]:
        return self.study.programme

    def kept(self, place: str, notebook: str, name: str) -> pd.DataFrame:
        """A table a notebook kept for a country."""
        return self.kept_at(place, notebook, name)

    def findings(self, place: str, notebook: str) -> tuple[findings.Finding, ...]:
        """What a notebook recorded for a country."""
        return self.findings_at(place, notebook)


class MeetingCase(Case):
    """One meeting, opened for a notebook."""

    agenda = _of("meeting", evidence.agenda)
    delegations = _of("meeting", evidence.delegations)
    statements = _of("meeting", evidence.statements)
    recommendations = _of("meeting", evidence.recommendations)
    commitments = _of("meeting", evidence.commitments)
    evaluation = _of("meeting", evidence.evaluation)
    comments = _of("meeting", evidence.comments)

    def __init__(self, meeting: Meeting, notebook: str) -> None:
        super().__init__(meeting.study, meeting.key, notebook, meeting=meeting.key)
        self.meeting = meeting


def open_country(key: str, notebook: str, study: Study | None = None) -> CountryCase:
    """Open a country of the study around the current folder for one of its notebooks."""
    return CountryCase((study or find_study()).country(key), notebook)


def open_meeting(key: str, notebook: str, study: Study | None = None) -> MeetingCase:
    """Open a meeting of the study around the current folder."""
    return MeetingCase((study or find_study()).meeting(key), notebook)


def open_study(notebook: str, study: Study | None = None) -> StudyCase:
    """Open the whole study around the current folder."""
    return StudyCase(study or find_study(), STUDY_PLACE, notebook)


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a named index as its first columns; a mere row number is left out."""
    named = [name for name in table.index.names if name and name != "row"]
    return table.reset_index() if named else table


def check_study(study: Study) -> tuple[Problem, ...]:
    """Check everything people keep: instruments, evidence, coding logs.

    returns  what was passed over, because it is sealed and no key here opens it

    Raises ResearchError with every other problem found, so that each file is mended once.
    """
    problems = Problems()
    for part in (check_countries, instruments.lint, evidence.check_study, _check_codings):
        with problems.gather():
            part(study)
    passed_over = tuple(p for p in dict.fromkeys(problems.found) if isinstance(p, Sealed))
    problems.found = [each for each in problems.found if each not in passed_over]
    problems.raise_any()
    return passed_over


def _check_codings(study: Study) -> None:
    codebook = instruments.read_codebook(study)
    problems = Problems()
    for country in study.countries:
        with problems.gather():
            coding.check_codings(country, codebook)
        with problems.gather():
            double.assignments(country)
        for path in sorted((country.folder / "codings").glob("[!.~]*")):
            if path.suffix not in (".jsonl", ".torn", ENDING):
                cure = "The name of a coding log ends in .jsonl; else keep it elsewhere."
                problems.add(study.shown(path), "nothing reads a file of this name", cure)
    problems.raise_any()
