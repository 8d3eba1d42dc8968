"""Exchange: a country's coding out to other programs and to spreadsheets, and theirs in.

In    a country, or a .qdpx or .qdc of another program
Out   .qdpx, .qdc, .xlsx or a folder of .csv; transcripts, rows of interviews.csv and coding logs

The one idea: what holds an interview's words in clear goes where it cannot be committed by mistake,
into build/ or out of the study. What comes in is looked through to its end before anything is
written; what is here already is recognised and left as it is, and codes go into the codebook by a
person's hand only: a proposal to paste is written to build/.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ctresearch import evidence, refi, tables, transcripts
from ctresearch.coding import AROUND, Line, Words, append, counted, segments, version
from ctresearch.files import read_bytes, write_whole
from ctresearch.instruments import Codebook, read_codebook
from ctresearch.problems import Problem, Problems, ResearchError, refuse
from ctresearch.study import Country, Study

ENDINGS = (".qdpx", ".qdc", ".xlsx", "")
NOBODY = "unknown"  # the coder of a coding that names none
PROPOSAL = "codes-to-add.toml"


@dataclass(frozen=True)
class Exchanged:
    """What an exchange wrote, and what a person should know of it."""

    written: list[Path]
    said: list[str]


def out(study: Study, country: Country | None, name: str, *, in_clear: bool) -> Exchanged:
    """Write the coding of a country as `name`, by its ending: a project, a codebook, a workbook;
    a folder of CSV files for a name without one.

    name      a name alone goes into build/<country>/exchange/
    in_clear  a person said that sealed words may be written in clear

    Raises ResearchError where the file would lie among the study's own, or be written over another.
    """
    codebook, ending = read_codebook(study), Path(name).suffix.lower()
    if ending == ".qdc":
        target = _placed(study, "exchange", name)
        return Exchanged([write_whole(target, refi.codebook_file(study, codebook))], [])
    if ending not in ENDINGS:
        cure = "End it in .qdpx, .qdc or .xlsx; without an ending it is a folder of CSV files."
        raise refuse(name, f"a file {ending} is not written here", cure)
    if country is None:
        raise refuse(name, "it is not said whose coding", "Say it with --country.")
    target = _placed(study, country.key, name)
    if ending == ".qdpx":
        content, said = refi.project_file(country, codebook)
        return Exchanged([write_whole(target, content)], said)
    sheets = spreadsheets(country, codebook)
    if ending == ".xlsx":
        return Exchanged([tables.write_workbook(sheets, target)], [])
    written = [tables.write_sheet(of, target / f"{sheet}.csv") for sheet, of in sheets.items()]
    return Exchanged(written, [])


def _placed(study: Study, key: str, name: str) -> Path:
    """Where a file goes that may hold an interview's words."""
    target = study.build / key / "exchange" / name if Path(name).name == name else Path(name)
    if target.resolve().is_relative_to(study.build.resolve()):
        return target
    if target.resolve().is_relative_to(study.root.resolve()):
        cure = f"Give its name alone: it is kept in build/{key}/exchange/."
        raise refuse(name, "what holds an interview's words has no place in the study", cure)
    if target.exists():
        raise refuse(name, "there is a file of this name", "Choose another name, or move it away.")
    return target


def spreadsheets(country: Country, codebook: Codebook) -> dict[str, pd.DataFrame]:
    """The segments, codes by interview, and codebook as tables to look at.

    returns  (segments)   one row per live coding: its words, its place, its coder
             (interviews) one row per code, a column per interview: 1 where it was raised, by itself
                          or a code below it, as the theme tables count; else 0
             (codebook)   one row per code
    """
    turns = evidence.turns(country)
    every = segments(country, turns, codebook)
    usable = evidence.interviews(country).query("usable")["id"].tolist()
    every = every[every["interview"].isin(usable) & ~every["stale"]]
    language = country.study.file.languages[0]
    texts = {one: refi.transcript(country, one) for one in usable}
    spans = zip(every["interview"], every["start"], every["end"], strict=True)
    every = every.assign(
        label=[codebook.label(code, language) for code in every["code"]],
        words=[texts[one][start:end] for one, start, end in spans],
    )
    lineage = [(code.id, one) for code in codebook.codes for one in (*code.ancestors, code.id)]
    raised = counted(every).merge(pd.DataFrame(lineage, columns=["code", "of"]), on="code")
    matrix = pd.crosstab(raised["of"], raised["interview"]).clip(upper=1)
    matrix = matrix.reindex(index=list(codebook.by_id), columns=usable, fill_value=0)
    codes = [
        (one.id, codebook.label(one.id, language), one.definition.get(language, ""))
        + (one.include, one.exclude, one.example, one.retired, one.merged_into)
        for one in codebook.codes
    ]
    heads = "code label definition include exclude example retired merged_into".split()
    return {
        "segments": every.drop(columns=["informant", "stale"]),
        "interviews": matrix.rename_axis("code").reset_index(),
        "codebook": pd.DataFrame(codes, columns=heads),
    }


# In


def bring(study: Study, country: Country | None, path: Path, asked: transcripts.Draft) -> Exchanged:
    """Bring a .qdpx into a country, or propose the codes of a .qdc.

    asked   who asks and who answers in texts that are not in the house format

    Raises ResearchError, with everything wrong in the file, before anything is written but the
    proposal of codes.
    """
    where = path.as_posix()
    project = refi.read(read_bytes(path, where), where)
    codebook = read_codebook(study)
    known = codes_known(project, codebook)
    proposal = _propose(study, project, known)
    if not project.sources and not project.faults.found:
        return Exchanged(proposal, project.said)
    if country is None:
        raise refuse(where, "it is not said into which country", "Say it with --country.")
    faults = project.faults
    used = {coding.code for source in project.sources for coding in source.codings}
    for code in sorted(used - set(known)):
        called = " / ".join(project.codes[code].path)
        cure = f"Paste it from {study.shown(proposal[0])} into instruments/codebook.toml."
        faults.add(f"{where}, code {called}", "it is not in the codebook", cure)
    texts = _Arrivals(country, project, asked, faults).texts()
    faults.raise_any()
    return Exchanged([*_write(country, texts, known, codebook, project), *proposal], project.said)
