"""A case: one country, meeting or the whole study, opened for a notebook.

In    the key of the place and the name of the notebook that asks
Out   its tables, read when first asked for, and a folder for what the notebook finds

The one idea: a notebook opens, calls, shows, records, and never spells a path. What it finds goes
to a folder of its own: whole tables stay on this machine, shared ones may be released.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd

from ctresearch import coding, evidence, findings, instruments
from ctresearch.problems import Problem, Problems, refuse
from ctresearch.seals import Sealed
from ctresearch.study import Country, Meeting, Study, Threshold, find_study
from ctresearch.tables import write_table

STUDY_PLACE = "study"  # where notebooks that run once for the whole study keep what they find


class Shareable(Protocol):
    """A table that is safe to show; `disclosure.protect` makes one."""

    @property
    def table(self) -> pd.DataFrame: ...


S = TypeVar("S", bound=Shareable)


class Case:
    """What every notebook has at hand, whatever it was opened for."""

    def __init__(self, study: Study, place: str, notebook: str) -> None:
        self.study = study
        self.place = place
        self.notebook = notebook

    @property
    def results(self) -> Path:
        """The folder this notebook writes to; a run under way names a temporary one."""
        named = os.environ.get("CTRESEARCH_RUN")
        return Path(named) if named else self.study.results / self.place / self.notebook

    @property
    def rules(self) -> Mapping[str, Threshold]:
        """When a count may be shown, by unit."""
        return self.study.file.thresholds

    @cached_property
    def codebook(self) -> instruments.Codebook:
        return instruments.read_codebook(self.study)

    @cached_property
    def form(self) -> instruments.Form:
        return instruments.read_form(self.study)

    @cached_property
    def checklist(self) -> instruments.Checklist:
        return instruments.read_checklist(self.study)

    def keep(self, name: str, table: pd.DataFrame) -> None:
        """Keep a whole table for later notebooks; it stays on this machine."""
        write_table(_with_index(table), self.results / f"{name}.csv")

    def share(self, name: str, safe: S) -> S:
        """Keep a safe table beside the notebook, so that it may be released, and return it."""
        write_table(_with_index(safe.table), self.results / "shared" / f"{name}.csv")
        return safe

    def kept_at(self, place: str, notebook: str, name: str) -> pd.DataFrame:
        """A table another notebook kept for `place`, every cell as text.

        Raises ResearchError where that notebook has not run or kept no such table.
        """
        path = self.study.results / place / notebook / f"{name}.csv"
        if not path.is_file():
            raise refuse(
                f"{place}, {notebook}.ipynb",
                f"there is no table {name!r} of it",
                f"Run it first: ctresearch run {place}",
            )
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    def findings_at(self, place: str, notebook: str) -> tuple[findings.Finding, ...]:
        """What another notebook recorded for `place`."""
        return findings.read(self.study.results / place / notebook / "findings.json")


class CountryCase(Case):
    """One country, opened for a notebook."""

    def __init__(self, country: Country, notebook: str) -> None:
        super().__init__(country.study, country.key, notebook)
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

    @cached_property
    def media(self) -> pd.DataFrame:
        return evidence.media(self.country)

    @cached_property
    def survey(self) -> pd.DataFrame:
        return evidence.survey(self.country, self.form)

    @cached_property
    def law(self) -> pd.DataFrame:
        return evidence.law(self.country)

    @cached_property
    def indicators(self) -> pd.DataFrame:
        return evidence.indicators(self.country)

    def kept(self, notebook: str, name: str) -> pd.DataFrame:
        """A table another notebook of this country kept."""
        return self.kept_at(self.place, notebook, name)

    def findings(self, notebook: str) -> tuple[findings.Finding, ...]:
        """What another notebook of this country recorded."""
        return self.findings_at(self.place, notebook)


class StudyCase(Case):
    """The whole study, opened for a notebook that runs once."""

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

    @cached_property
    def trainings(self) -> pd.DataFrame:
        return evidence.monitoring(self.study, "trainings")

    @cached_property
    def campaigns(self) -> pd.DataFrame:
        return evidence.monitoring(self.study, "campaigns")

    @cached_property
    def assistance(self) -> pd.DataFrame:
        return evidence.monitoring(self.study, "assistance")

    @cached_property
    def press(self) -> pd.DataFrame:
        return evidence.monitoring(self.study, "press")


class MeetingCase(Case):
    """One meeting, opened for a notebook."""

    def __init__(self, meeting: Meeting, notebook: str) -> None:
        super().__init__(meeting.study, meeting.key, notebook)
        self.meeting = meeting

    @cached_property
    def agenda(self) -> pd.DataFrame:
        return evidence.agenda(self.meeting)

    @cached_property
    def delegations(self) -> pd.DataFrame:
        return evidence.delegations(self.meeting)

    @cached_property
    def statements(self) -> pd.DataFrame:
        return evidence.statements(self.meeting)

    @cached_property
    def recommendations(self) -> pd.DataFrame:
        return evidence.recommendations(self.meeting)

    @cached_property
    def commitments(self) -> pd.DataFrame:
        return evidence.commitments(self.meeting)

    @cached_property
    def evaluation(self) -> pd.DataFrame:
        return evidence.evaluation(self.meeting)

    @cached_property
    def comments(self) -> pd.DataFrame:
        return evidence.comments(self.meeting)


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
    for part in (instruments.lint, evidence.check_study, _check_codings):
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
    problems.raise_any()
