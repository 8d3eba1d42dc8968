"""Verbs for the national researcher: evidence in, coded, run, and sealed.

In    countries and files of the study, as typed
Out   what was written and what to do next, in words
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctresearch.problems import Problem, ResearchError, refuse
from ctresearch.verbs.common import (
    Answers,
    AsJson,
    Asks,
    Files,
    Fresh,
    Level,
    Of,
    On,
    Places,
    Shown,
    Unit,
    here,
    print_paths,
    told,
)

if TYPE_CHECKING:
    from ctresearch.runs import Run
    from ctresearch.study import Study


def new_country(
    key: Annotated[str, typer.Argument(help="Its folder: small letters and hyphens.")],
    name: Annotated[str, typer.Option(help="As reports print it.")],
    iso3: Annotated[str, typer.Option(help="Three capital letters.")],
) -> None:
    """Make the folder of a further country and list it in study.toml."""
    from ctresearch import study as studies

    with told():
        study = here()
        folder = studies.new_country(study, key, name, iso3)
    print(f"Made {study.shown(folder)}/. Next: fill in country.toml and put interviews.csv there.")


def new_key() -> None:
    """Make your key: its secret half stays on this computer, its public half goes to study.toml."""
    from getpass import getpass

    from ctresearch import seals

    with told():
        asked = sys.stdin.isatty() and seals.PASSPHRASE not in os.environ
        phrase = getpass("A passphrase for it (Enter for none): ") if asked else seals.passphrase()
        if asked and phrase and phrase != getpass("The same again: "):
            raise refuse("ctresearch new key", "the two differ; no key was made", "Type it again.")
        half = seals.new_key(phrase)
    print(f"Your key is in {seals.shown(seals.key_folder())}. Keep a copy of it in a safe place:")
    print("what is sealed for it alone is lost with it, and nobody can help.")
    print(f'Next: under [seals] in research/study.toml, name it: jamaica = ["{half}"]')


def invent(
    country: Annotated[str, typer.Argument(help="A country whose evidence is 'invented'.")],
) -> None:
    """Write invented evidence for COUNTRY: to practise with, never to publish."""
    from ctresearch import invent as inventor

    with told():
        study = here()
        written = inventor.invent(study.country(country))
    print(f"{len(written)} files of invented evidence in research/countries/{country}/.")
    print(f"Next: ctresearch run {country}")


def import_interview(
    files: Annotated[list[Path], typer.Argument(help="Files .txt .docx .odt .srt .vtt.")],
    country: Annotated[str, typer.Option(help="A country of the study.")],
    interviewer: Asks = None,
    respondent: Answers = None,
    encoding: Annotated[str, typer.Option(help="Of a text that is not UTF-8: cp1252.")] = "",
) -> None:
    """Bring transcripts in: one turn a line, who asks and who answers, a row in interviews.csv."""
    from ctresearch import transcripts
    from ctresearch.problems import Problems

    asks, answers = tuple(interviewer or ()), tuple(respondent or ())
    found, drafts = Problems(), list[transcripts.Draft]()
    with told():
        place = here().country(country)
        for path in files:
            with found.gather():
                draft = transcripts.read(path, encoding)
                draft = replace(draft, interviewers=asks, respondents=answers)
                drafts.append(transcripts.settled(draft, _ask if sys.stdin.isatty() else None))
        found.raise_any()
        for draft in drafts:
            print(f"{draft.preview}\n")
        kept = transcripts.add(place, drafts)
    print(f"Written: {', '.join(kept)}, {'sealed' if place.recipients else 'open'}.")
    print("Next: fill in their rows of interviews.csv, consent above all; then ctresearch check")


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default or None))


def lab() -> None:
    """Open JupyterLab in the study's research/ folder; the coding page is in its launcher."""
    import subprocess

    from ctresearch import seals
    from ctresearch.page import serving

    with told():
        study = here()
        if study.file.seals:
            seals.unlock()
    command = [sys.executable, "-m", "jupyterlab", *serving.lab_options()]
    environ = os.environ | {"JUPYTER_DEFAULT_PROVISIONER_NAME": "ctresearch"}
    raise typer.Exit(subprocess.call(command, cwd=study.research, env=environ))


def code(
    interview: Annotated[
        str, typer.Argument(help="An interview, as JAM-KI-03; none: choose on the page.")
    ] = "",
    coder: Annotated[str, typer.Option(help="Your initials, in small letters.")] = "",
    browser: Annotated[bool, typer.Option(help="Open it, or print its address only.")] = True,
    reanchor: Annotated[
        bool, typer.Option("--reanchor", help="Place codings in a corrected transcript instead.")
    ] = False,
) -> None:
    """Code an interview on the coding page."""
    with told():
        study = here()
        if reanchor:
            _reanchor(study, interview, coder)
            return
        from ctresearch import seals
        from ctresearch.page import desk, serving

        if study.file.seals:
            seals.unlock()
        if interview:
            desk.check(study, interview, coder)
        serving.open_page(study, serving.address(interview, coder), browser=browser)


def _reanchor(study: Study, named: str, coder: str) -> None:
    from ctresearch import corrections, double
    from ctresearch.instruments import read_codebook

    codebook, stale = read_codebook(study), list[Problem]()
    for country, one in corrections.interviews(study, named):
        if not (coder or double.is_open(country, one)):
            cure = f"Each places their own: ctresearch code {one} --reanchor --coder ap"
            stale.append(Problem(one, "it is still coded blind; others' words stay unseen", cure))
            continue
        placed, left = corrections.reanchor(country, one, codebook, coder)
        stale += left
        if placed or left:
            by = ", ".join(f"{count} by their {how}" for how, count in placed.items())
            print(f"{one}: {placed.total()} placed{by and f' ({by})'}, {len(left)} left stale")
    if stale:
        raise ResearchError(stale)
    print("Nothing is left to place. Next: ctresearch check")


def agree(
    country: Annotated[
        str | None, typer.Argument(help="A country with interviews coded by two or more.")
    ] = None,
    unit: Annotated[Unit, typer.Option(help="What is compared.")] = "turn",
    ratings: Annotated[
        Path | None, typer.Option(help="Instead: a table of columns unit, coder, value.")
    ] = None,
    level: Annotated[Level, typer.Option(help="What the values of --ratings are.")] = "nominal",
    draw: Annotated[
        float | None, typer.Option(help="Draw this share of the interviews for double coding.")
    ] = None,
    coders: Annotated[str, typer.Option(help="For --draw: who codes them, as ap,mk.")] = "",
    seed: Annotated[int, typer.Option(help="For --draw: the same seed draws the same.")] = 2005,
    as_json: AsJson = False,
) -> None:
    """Say how far coders who worked apart agree: in COUNTRY, or in any table of ratings."""
    if (country is None) == (ratings is None):
        raise typer.BadParameter("Name a country, or a table with --ratings.")
    from ctresearch import double, instruments, reliability

    with told(as_json):
        if ratings is not None:
            found = reliability.of_table(ratings, level)
        elif draw is not None:
            place = here().country(country or "")
            found = {"drawn": double.draw(place, coders.split(","), draw, seed)}
        else:
            study = here()
            place = study.country(country or "")
            found = reliability.of_country(place, instruments.read_codebook(study), unit)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    elif draw is not None and not ratings:
        print(f"Drawn: {', '.join(found['drawn'])}; see {place.key}/double.csv.")
        print(f"Next: each codes them, blind, and locks: ctresearch code {found['drawn'][0]}")
    else:
        print((reliability.table_text if ratings else reliability.country_text)(found))


def exchange_out(
    file: Annotated[
        str, typer.Argument(help="NAME.qdpx, .qdc, .xlsx; a folder of CSV: no ending.")
    ],
    country: Of = None,
    in_clear: Annotated[
        bool, typer.Option("--in-clear", help="Of a sealed country all the same.")
    ] = False,
) -> None:
    """Write the coding of a country for other programs (REFI-QDA) or for spreadsheets."""
    from ctresearch import exchange

    with told():
        study = here()
        done = exchange.out(
            study, study.country(country) if country else None, file, in_clear=in_clear
        )
    for each in done.said:
        print(f"note: {each}")
    print_paths(study, done.written)
    if not file.lower().endswith(".qdc"):
        print("It holds words of interviews in clear: never commit it, mail it only encrypted.")


def exchange_in(
    file: Annotated[Path, typer.Argument(help="A .qdpx or .qdc of another program.")],
    country: Of = None,
    interviewer: Asks = None,
    respondent: Answers = None,
) -> None:
    """Bring the transcripts, codings and codes of another coding program in."""
    from ctresearch import exchange

    asked, written = (tuple(interviewer or ()), tuple(respondent or ())), list[Path]()
    with told():
        study = here()
        project = exchange.opened(file)
        counts = len(project.codes), len(project.coders), len(project.sources)
        print("{}: {} codes, {} coders, {} texts".format(file.name, *counts))
        print_paths(study, exchange.propose(study, project))
        if file.suffix.lower() != ".qdc":
            written = exchange.bring(study.country(country) if country else None, project, asked)
    for each in project.said:
        print(f"note: {each}")
    print_paths(study, written)
    print("Next: ctresearch check" if written else "No transcript or coding in it is new here.")


def run(
    places: Places = None,
    fresh: Fresh = False,
    cold: Annotated[bool, typer.Option("--cold", help="Each in a plain, new kernel.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would run, and why.")] = (
        False
    ),
    on: On = None,
) -> None:
    """Run the notebooks of PLACES whose evidence changed."""
    from contextlib import nullcontext

    from ctresearch import build as job
    from ctresearch import runs
    from ctresearch.distant import Distant

    with told():
        study = here()
        wanted = runs.chosen(places or [], runs.plan(study))
        if dry:
            _print_stale(runs.stale(study, runs.plan(study), fresh=fresh), wanted)
            return
        there = Distant(study, on) if on else nullcontext()
        with there as elsewhere, Shown(len(wanted)) as shown:
            steps = job.run(
                *(study, wanted),
                fresh=fresh,
                cold=cold,
                started=shown.running,
                told=shown.note,
                elsewhere=elsewhere,
            )
            shown.follow(steps)
    print(f"{shown.done} of {len(wanted)} notebooks run, the others were up to date; see build/.")
    print("Next: ctresearch release REPORT, or ctresearch build")


def _print_stale(stale: Sequence[tuple[Run, str]], wanted: Sequence[Run]) -> None:
    would = [(run.name, why) for run, why in stale if run in wanted]
    for name, why in would:
        print(f"{name:40} {why}")
    print(f"{len(would)} of {len(wanted)} notebooks would run. Next: ctresearch run")


def seal(
    country: Annotated[str, typer.Argument(help="A folder of countries/.")], files: Files = None
) -> None:
    """Seal the evidence of COUNTRY, or FILES of it, for the keys that study.toml names."""
    from ctresearch import evidence, seals

    with told():
        place = here().country(country)
        sealed = evidence.seal(place, files or [])
        doubts = seals.doubts()
    keys = len(place.recipients)
    if keys == 1:
        doubts.append("One key alone opens it. If it is lost, so is the evidence: name a second.")
    what = f"{len(sealed)} files of {country} are" if sealed else f"All of {country} is"
    print(f"{what} sealed, the words of coding logs too, for {keys} key{'s' * (keys > 1)}.")
    for doubt in doubts:
        print(doubt)
    print("Copies elsewhere stay open: mail, memory sticks, the recorder. Next: ctresearch check")


def unseal(
    country: Annotated[str, typer.Argument(help="A folder of countries/.")], files: Files = None
) -> None:
    """Open the evidence of COUNTRY, or FILES of it, for work in other programs."""
    from ctresearch import evidence

    with told():
        opened = evidence.unseal(here().country(country), files or [])
    print(f"{len(opened)} files of {country} now lie open on this computer.")
    print(f"When you have done your work: ctresearch seal {country}")
