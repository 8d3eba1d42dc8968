"""The command line: one verb a thing people do. A verb only wires; heavy imports wait inside.

Exit codes: 0 done, 1 problems found in the user's files (listed), 2 wrong usage.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ctresearch.problems import Problem, ResearchError, refuse

if TYPE_CHECKING:
    from rich.progress import Progress

    from ctresearch.build import Step
    from ctresearch.runs import Run
    from ctresearch.study import Study

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A workbench for research on trafficking in persons in the Caribbean.",
)
new = typer.Typer(no_args_is_help=True, help="Start a country, or make your key.")
app.add_typer(new, name="new")
bring = typer.Typer(no_args_is_help=True, help="Bring interviews into a country.")
app.add_typer(bring, name="import")
exchange = typer.Typer(no_args_is_help=True, help="Coding to other programs, and theirs here.")
app.add_typer(exchange, name="exchange")

On = Annotated[
    str | None, typer.Option(help="Run on the workers of a dask scheduler: tcp://HOST:8786.")
]
Unit = Literal["turn", "character", "interview"]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
Fresh = Annotated[bool, typer.Option("--fresh", help="Do it again even if nothing changed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")]
Asks = Annotated[
    list[str] | None,
    typer.Option("--interviewer", help="Who asks, as the file names them; none: nobody does."),
]
Answers = Annotated[
    list[str] | None, typer.Option("--respondent", help="Who answers; all others if not given.")
]
Of = Annotated[str | None, typer.Option("--country", help="A country of the study.")]
Files = Annotated[list[str] | None, typer.Argument(help="interviews/JAM-KI-03.txt; all if none.")]
Places = Annotated[list[str] | None, typer.Argument(help="Countries or meetings; all if none.")]


@contextmanager
def told(as_json: bool = False) -> Iterator[None]:
    """Print the problems a person can mend and end with exit code 1."""
    try:
        yield
    except ResearchError as error:
        _print_problems(error.problems, as_json)
        raise typer.Exit(1) from None
    except PermissionError as error:
        what = "this may not be read or written, or another program has it open"
        cure = "Close it there, or ask for the right to it."
        _print_problems((Problem(Path(error.filename or "here").name, what, cure),), as_json)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("\nStopped. What had ended is kept; the same command goes on.", file=sys.stderr)
        raise


def here() -> Study:
    """The study around the current folder."""
    from ctresearch.study import find_study

    return find_study()


def _print_problems(problems: tuple[Problem, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"problems": [vars(problem) for problem in problems]}, indent=1))
        return
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    noun = "problem" if len(problems) == 1 else "problems"
    print(f"\n{len(problems)} {noun} to mend.", file=sys.stderr)


def _print_passed_over(sealed: tuple[Problem, ...]) -> None:
    """What is sealed and could not be looked at, with one cure for all of it."""
    for problem in sealed:
        print(f"Passed over: {problem.where}\n  {problem.what}", file=sys.stderr)
    if sealed:
        print(f"  → {sealed[0].fix}\n", file=sys.stderr)


@app.command()
def build(fresh: Fresh = False) -> None:
    """Check, run, release and render whatever changed: the main job."""
    from ctresearch import build as job

    began = time.monotonic()
    with told():
        study = here()
        with Shown(_count(study)) as shown:
            shown.follow(job.build(study, fresh=fresh, running=shown.running, told=shown.note))
    for report in study.report_names:
        print(f"\n{report}")
        for path in job.results(study, report):
            print(f"  {study.shown(path)}")
    seconds = time.monotonic() - began
    print(
        f"\n{shown.done} steps done in {seconds:.1f} s." if shown.done else "\nNothing had changed."
    )
    print("Next: open a page above in a browser, or `ctresearch verify` to check every sentence.")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check every file of the study and list all that is to be mended."""
    from ctresearch import build as job
    from ctresearch import seals

    with told(as_json):
        study = here()
        passed_over = job.check(study, fresh=True).passed_over
        doubts = seals.doubts() if study.file.seals else []
    if as_json:
        told_over = [vars(problem) for problem in passed_over]
        print(json.dumps({"problems": [], "passed_over": told_over}, indent=1))
        return
    _print_passed_over(passed_over)
    for doubt in doubts:
        print(doubt)
    print(f"No problems{' in all the rest' if passed_over else ''}. Next: ctresearch run")


@app.command()
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


@app.command()
def release(report: Annotated[str, typer.Argument(help="A folder of reports/.")]) -> None:
    """Let what the notebooks found through the gate, into REPORT's released/ folder."""
    from ctresearch import build as job

    with told():
        study = here()
        report = _known(study, report)
        job.release(study, report, fresh=True)
    print(f"Released to reports/{report}/released/. Next: ctresearch render {report}")


@app.command()
def render(
    report: Annotated[str, typer.Argument(help="A folder of reports/.")],
    to: Annotated[str, typer.Option(help="Formats, with commas.")] = "html,docx,pdf",
    using: Annotated[
        str | None, typer.Option("--with", help="embedded or quarto; quarto where it is installed.")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Issue it: refuses what is invented.")] = (
        False
    ),
    edition: Annotated[
        str, typer.Option(help="The edition it is issued as; the study's if none.")
    ] = "",
) -> None:
    """Render REPORT from what was released."""
    from ctresearch import build as job
    from ctresearch import reports

    with told():
        study = here()
        report, formats = _known(study, report), tuple(to.replace(" ", "").split(","))
        written = reports.render(study, report, formats, with_=using, final=final, edition=edition)
        opened = job.results(study, report)
    print(f"{len(written)} files written; open")
    for path in opened:
        print(f"  {study.shown(path)}")
    if final:
        print(f"Issued as edition {edition or study.file.edition}: see reports/ledger.jsonl.")
    print(f"Next: read it, then `ctresearch verify {report}` to check every sentence.")


@app.command()
def verify(
    report: Annotated[str | None, typer.Argument(help="A folder of reports/; all if none.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only this country.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many runs, drawn.")] = None,
    seed: Annotated[int, typer.Option(help="What the sample is drawn with.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Rerun the notebooks from their sources and say which printed sentence no longer holds."""
    from ctresearch import verify as reviewer

    with told(as_json):
        study = here()
        names = [_known(study, report)] if report else study.report_names
        with Shown(_count(study)) as shown:
            verdict = reviewer.verify(
                study, names, country or [], sample=sample, seed=seed, started=shown.running
            )
    print(verdict.as_json() if as_json else verdict.as_text())
    if not as_json:
        print("The verdict as a page: build/verdict.html")
    raise typer.Exit(0 if verdict.holds else 1)


@app.command()
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


@app.command()
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


@app.command()
def unseal(
    country: Annotated[str, typer.Argument(help="A folder of countries/.")], files: Files = None
) -> None:
    """Open the evidence of COUNTRY, or FILES of it, for work in other programs."""
    from ctresearch import evidence

    with told():
        opened = evidence.unseal(here().country(country), files or [])
    print(f"{len(opened)} files of {country} now lie open on this computer.")
    print(f"When you have done your work: ctresearch seal {country}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say which notebooks are not up to date, and why."""
    from ctresearch import runs

    with told(as_json):
        study = here()
        stale = {each.name: why for each, why in runs.stale(study, runs.plan(study))}
    if as_json:
        print(json.dumps({"stale": stale}, indent=1))
        return
    for name, why in stale.items():
        print(f"{name:40} {why}")
    print(f"{'' if stale else 'Every notebook is up to date. '}Next: ctresearch build")


@app.command()
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


@app.command()
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


@app.command()
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
    from ctresearch import corrections
    from ctresearch.instruments import read_codebook

    codebook, stale = read_codebook(study), list[Problem]()
    for country, one in corrections.interviews(study, named):
        placed, left = corrections.reanchor(country, one, codebook, coder)
        stale += left
        if placed or left:
            by = ", ".join(f"{count} by their {how}" for how, count in placed.items())
            print(f"{one}: {placed.total()} placed{by and f' ({by})'}, {len(left)} left stale")
    if stale:
        raise ResearchError(stale)
    print("Nothing is left to place. Next: ctresearch check")


@new.command("country")
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


@bring.command("interview")
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


@exchange.command("out")
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
    _print_paths(study, done.written)
    if not file.lower().endswith(".qdc"):
        print("It holds words of interviews in clear: never commit it, mail it only encrypted.")


@exchange.command("in")
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
        _print_paths(study, exchange.propose(study, project))
        if file.suffix.lower() != ".qdc":
            written = exchange.bring(study.country(country) if country else None, project, asked)
    for each in project.said:
        print(f"note: {each}")
    _print_paths(study, written)
    print("Next: ctresearch check" if written else "No transcript or coding in it is new here.")


def _print_paths(study: Study, paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"wrote {study.shown(path)}")


@new.command("key")
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


def _known(study: Study, report: str) -> str:
    from ctresearch.problems import suggestion

    names, report = study.report_names, Path(report).name
    if report not in names:
        raise refuse(f"reports/{report}", "there is no such report", suggestion(report, names))
    return report


def _count(study: Study) -> int:
    from ctresearch import runs

    return 1 + len(runs.plan(study)) + 2 * len(study.report_names)


class Shown:
    """Long work as it goes: a bar that names what is running, or a line a step off a terminal."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done = 0
        self.bar: Progress | None = None

    def __enter__(self) -> Shown:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("Starting", total=self.count)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def running(self, run: Run) -> None:
        """Told of each notebook as it starts."""
        if self.bar is not None:
            self.bar.update(self.task, description=f"Running {run.name}")

    def note(self, problem: Problem) -> None:
        """Told of what stops nothing but should be mended."""
        print(f"\n{problem}", file=sys.stderr)

    def follow(self, steps: Iterable[Step]) -> None:
        """Go through the steps to their end and count those that had something to do."""
        for step in steps:
            self.done += step.done
            _print_passed_over(step.passed_over)
            if self.bar is not None:
                self.bar.update(self.task, advance=1, description=step.name)
            elif step.done:
                print(step.name, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app()
