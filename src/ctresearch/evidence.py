"""Evidence: the tables of the study, read and checked before anything is counted.

In    research/countries/*/: interviews.csv, interviews/*.txt, media.csv, survey.csv, law.csv,
      indicators.csv, informants.csv, each open or sealed (.age); research/meetings/*/*.csv;
      research/monitoring/*.csv; references.bib
Out   frames of declared columns (`INTERVIEWS`, `TURNS`, `MEDIA`, …), index `row` = the row of the
      file; or every fault as a Problem. evidence.toml, beside this file, declares the columns.

The one idea: evidence that breaks a rule does not come in. Each reader holds the rules of its
table, so that no notebook can walk around them: consent scopes are known (R1), informants said
what they understand by trafficking before they were told (R3), nobody under 18 and no victim was
interviewed without an ethics approval and a referral contact (R7), each legal fact has a source,
a day it was seen and a grade (R8), and a search that found nothing is in the media log too (R9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ctresearch import coding, seals, tables
from ctresearch.files import read_text
from ctresearch.instruments import Form, Question, read_form, read_media_form
from ctresearch.problems import Problem, Problems, ResearchError, refuse, suggestion
from ctresearch.study import Country, Meeting, Place, Study, keep_out_of_git
from ctresearch.tables import Table, number, numbers, text

Fault = tuple[object, str, str, str]  # row, column, what is wrong, how to mend it
Rule = Callable[[pd.DataFrame, Place], Iterable[Fault]]

MINORS = ("0-8", "9-17", "child_unspecified")
OF_A_COUNTRY = ("interviews", "media", "survey", "law", "indicators")
SHEETS = (".csv", ".tsv", ".xls", ".xlsx", ".ods")
PROGRAMME_STREAMS = ("interviews", "media", "survey")  # a programme country must have these
PROTOCOL = "UN Trafficking Protocol"  # how law.csv names the instrument of the in-force rule
PROTOCOL_IN_FORCE = date(2003, 12, 25)  # of the Protocol itself (article 17.1)
AFTER_DEPOSIT = timedelta(days=30)  # for a state that joins later (article 17.2)
ANSWERS = ("excellent", "very_good", "good", "fair", "less_than_fair", "poor", "very_poor")
TURN = re.compile(r"(?:\[\d\d:\d\d:\d\d\] )?(?P<speaker>[IR]): (?P<text>.*\S.*)")
ENTRY = re.compile(r"^@(?!comment|string|preamble)\w+\{([^,\s]+),", re.MULTILINE | re.IGNORECASE)
OPEN_WORDS = re.compile(rb'"words"\s*:\s*\{[^}]*:\s*"[^"]')  # in a line of a coding log
OUT_OF_GIT = (
    "Type: ctresearch seal {0}. If git has taken them along already, `git log` still holds them:"
    " do not share the study before somebody who knows git has removed them from its history."
)
OF_THE_DEVICE = {"start", "end", "today", "deviceid", "username", "uuid", "instanceID", "audit"}


TABLES = tables.declared(Path(__file__).with_suffix(".toml"))
INTERVIEWS, TURNS, MEDIA, LAW, INDICATORS, INFORMANTS, *OTHERS = (
    TABLES.values()
)  # in the order of the file
TRAININGS, CAMPAIGNS, ASSISTANCE, *OF_A_MEETING = OTHERS
AGENDA, DELEGATIONS, STATEMENTS, RECOMMENDATIONS, COMMITMENTS, EVALUATION, COMMENTS = OF_A_MEETING
PRESS = Table("press", MEDIA.row, MEDIA.schema)
MONITORING = {of.name: of for of in (TRAININGS, CAMPAIGNS, ASSISTANCE, PRESS)}


# Countries


def interviews(country: Country) -> pd.DataFrame:
    """The interviews of a country.

    returns  (interviews)  the columns of INTERVIEWS, and
        primed  bool   a definition was given before the own one was asked for (R3)
        usable  bool   analysis was agreed to and the consent was not withdrawn (R1)

    Raises ResearchError for an unknown scope of consent (R1), an own definition without its line
    (R3) and a victim or a person under 18 without ethics approval and referral contact (R7).
    """
    frame = _read(country, INTERVIEWS)
    agreed = frame["consent"].str.contains(r"\banalysis\b") & (frame["withdrawn_on"] == "")
    return frame.assign(primed=frame["definition_asked_first"] == "no", usable=agreed)


def turns(country: Country) -> pd.DataFrame:
    """The turns of every transcript, in the order of files and lines.

    returns  (turns)  the columns of TURNS; line, start and end are int, and `start:end` cuts the
                      words out of the file's text (UTF-8, LF, NFC) in Unicode code points

    An interview that must not be counted has its turns here, so that its codings can be checked;
    `interviews` says which are `usable`. Only those need a transcript: a withdrawn one may be gone.

    Raises ResearchError for a transcript that no key here opens, a malformed line, an interview
    without a transcript, a transcript without a row, and an own definition that is not a
    respondent's turn.
    """
    found, shown = Problems(), country.study.shown
    listed = None
    with found.gather():
        listed = interviews(country)
    paths = seals.listed(country.folder / "interviews", "*.txt")
    spoken: list[dict[str, Any]] = []
    locked = []
    for path in paths:
        with found.gather():
            try:
                spoken += _transcript(path, shown(path))
            except seals.Locked:
                locked.append(path)
    if locked:
        many = f"{len(locked)} of {len(paths)} transcripts of {country.key} are"
        found.found += seals.Locked(shown(country.folder / "interviews"), many).problems
        found.raise_any()
    if listed is not None:
        faults = _pairing_faults(listed[listed["usable"]], paths, spoken)
        found.found += _problems(country, INTERVIEWS, faults)
        for path in (path for path in paths if path.stem not in set(listed["id"])):
            cure = f"Add a row for {path.stem}; without consent on record it must go."
            found.add(shown(path), "the transcript has no row in interviews.csv", cure)
    found.raise_any()
    frame = pd.DataFrame(spoken, columns=TURNS.columns)
    return frame.astype(dict.fromkeys(("line", "start", "end"), int))


def media(country: Country) -> pd.DataFrame:
    """The media log of a country (R9); `words` and `hits` are floats, missing where not known."""
    return numbers(_read(country, MEDIA), "words", "hits")


def law(country: Country) -> pd.DataFrame:
    """The legal facts of a country, conflicting ones included (R8)."""
    return _read(country, LAW)


def indicators(country: Country) -> pd.DataFrame:
    """The indicators of a country; `year` and `value` as numbers."""
    return numbers(_read(country, INDICATORS), "year", "value")


def informants(country: Country) -> pd.DataFrame:
    """Who the informants of a country are; for the scan of what goes out, and nothing else."""
    return _read(country, INFORMANTS)


def survey(country: Country, form: Form) -> pd.DataFrame:
    """The survey of a country as Kobo or ODK exported it, matched against the form.

    returns  (responses)  a column of text for each question of the form, by its name without the
                          groups; select_multiple as choices with blanks between; and
        stratum  str      "" where the export has none
        weight   float    design weight, missing where the export has none

    Columns the device or the server adds are left out. "None" and "NA" stay answers.
    Raises ResearchError for an unknown column or choice, and a question that stands twice.
    """
    of = survey_table(form)
    path = _found(country, of)
    if path is None:
        return numbers(_empty(of), "weight")
    where = country.study.shown(path)
    rows = tables.read_rows(path, where, seals.read_bytes(path, where))
    names = {header: _question(header, form) for header in rows.columns}
    rows = rows[[header for header, name in names.items() if name]].rename(columns=names)
    for twice in rows.columns[rows.columns.duplicated()]:
        cure = "Export one version of the form, or join the two columns."
        raise refuse(f"{where}, row 1", f"the question {twice!r} stands twice", cure)
    return numbers(tables.check_rows(rows, of, where), "weight")


def survey_table(form: Form) -> Table:
    """The table an answered form makes: a column a question, with its choices."""
    asked = [q for q in form.questions if q.type not in OF_THE_DEVICE]
    columns = {q.name: _answer(q, form) for q in asked}
    columns["stratum"] = text("the stratum sampled from", required=False, optional=True)
    columns["weight"] = number("design weight", "persons", least=0, required=False, optional=True)
    return tables.table("survey", "one respondent's answers", **columns)


# Meetings, monitoring, literature


def agenda(meeting: Meeting) -> pd.DataFrame:
    """The sessions of a meeting, in the order of the report."""
    return _read(meeting, AGENDA)


def delegations(meeting: Meeting) -> pd.DataFrame:
    """Who was represented; no persons."""
    return _read(meeting, DELEGATIONS)


def statements(meeting: Meeting) -> pd.DataFrame:
    """The claim register: what was said, and how it stands against other sources."""
    return _read(meeting, STATEMENTS)


def recommendations(meeting: Meeting) -> pd.DataFrame:
    """The recommendations of a meeting, in the order of the report."""
    return _read(meeting, RECOMMENDATIONS)


def commitments(meeting: Meeting) -> pd.DataFrame:
    """Who committed to what."""
    return _read(meeting, COMMITMENTS)


def evaluation(meeting: Meeting) -> pd.DataFrame:
    """The evaluation, counts as int; a row that does not add up to the forms is refused."""
    frame = _read(meeting, EVALUATION)
    return frame.astype(dict.fromkeys((*ANSWERS, "no_response", "forms"), int))


def comments(meeting: Meeting) -> pd.DataFrame:
    """The comments on the evaluation forms, in our words."""
    return _read(meeting, COMMENTS)


def monitoring(study: Study, name: str) -> pd.DataFrame:
    """Dated observations of the region: 'trainings', 'campaigns', 'assistance' or 'press'.

    Numbers are floats, missing where a source gives none; press items have the columns of MEDIA.
    """
    place = Place(study, "monitoring", study.research / "monitoring")
    frame = _read(place, MONITORING[name])
    counted = {"persons", "events", "countries", "words", "hits"}
    return numbers(frame, *(column for column in frame.columns if column in counted))


def references(study: Study) -> set[str]:
    """The keys of research/references.bib: what a fact or a finding may rest on.

    Raises ResearchError for a key that stands twice; an absent file has no keys.
    """
    path = study.research / "references.bib"
    if not path.is_file():
        return set()
    keys = ENTRY.findall(read_text(path, study.shown(path)))
    for twice in (key for key in keys if keys.count(key) > 1):
        cure = "Give each entry a key of its own."
        raise refuse(study.shown(path), f"the key {twice!r} stands twice", cure)
    return set(keys)


# Checks


def check_country(country: Country) -> None:
    """Read everything a country has; raise all its problems at once."""

    def answers(country: Country) -> pd.DataFrame:
        return survey(country, read_form(country.study))

    reads = (
        _strays,
        _in_git,
        _open_to_others,
        interviews,
        turns,
        media,
        law,
        indicators,
        informants,
        answers,
    )
    _each(partial(read, country) for read in reads)


def _strays(country: Country) -> None:
    """Refuse spreadsheets that no reader looks for: misnamed, or of a format that is not read."""
    found, known = Problems(), [f"{name}.csv" for name in (*OF_A_COUNTRY, "informants", "double")]
    for path in (p for p in seals.listed(country.folder, "*") if p.suffix.lower() in SHEETS):
        read = path.suffix in (".csv", ".xlsx") and f"{path.stem}.csv" in known
        if not read and path.name[0] not in ".~":
            cure = f"{suggestion(f'{path.stem}.csv', known)} Else keep it elsewhere."
            found.add(country.study.shown(path), "nothing reads a file of this name", cure)
    found.raise_any()


def _in_git(country: Country) -> None:
    """Refuse evidence of real people that lies open where git would take it along."""
    if country.file.evidence == "invented":
        return
    open_files = {*seals.open_files(country.folder), *_open_logs(country)}
    found = sorted(open_files.intersection(seals.in_git(country.folder)))
    if found:
        named = ", ".join(country.study.shown(path) for path in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        what = f"evidence of real people lies open where git takes it along: {named}{more}"
        raise refuse(country.study.shown(country.folder), what, OUT_OF_GIT.format(country.key))


def _open_logs(country: Country) -> list[Path]:
    """The coding logs that hold words of an interview in clear."""
    logs = (country.folder / "codings").glob("*.jsonl")
    return [path for path in logs if OPEN_WORDS.search(path.read_bytes())]


def _open_to_others(country: Country) -> None:
    """Refuse seals for people whom study.toml names no longer, or not for those it names now."""
    if seals.sealed_for(country.folder) not in ((), country.recipients):
        cure = f"Type: ctresearch seal {country.key}"
        what = "it is sealed for other keys than study.toml names under [seals]"
        raise refuse(country.study.shown(country.folder), what, cure)


def check_meeting(meeting: Meeting) -> None:
    """Read everything a meeting has; raise all its problems at once."""
    _each([lambda: meeting.file, *(partial(_read, meeting, of) for of in OF_A_MEETING)])


def check_study(study: Study) -> None:
    """Read every table of the study; raise all problems at once."""
    _each(
        [
            lambda: _each(partial(check_country, country) for country in study.countries),
            lambda: _each(partial(check_meeting, meeting) for meeting in study.meetings),
            *(partial(monitoring, study, name) for name in MONITORING),
        ]
    )


def _each(reads: Iterable[Callable[[], object]]) -> None:
    """Do all of it, then raise what was found wrong in any."""
    found = Problems()
    for read in reads:
        with found.gather():
            read()
    found.raise_any()


# Sealing


def seal(country: Country, names: Sequence[str] = ()) -> list[Path]:
    """Seal what would tell who spoke or what was said, for the recipients study.toml names.

    Where they are others than before, what is sealed already is sealed again for them. Stopped at
    any moment, the evidence is whole, and the same call goes on.

    names    files of the country's folder; transcripts, survey and informants if none is named
    returns  the files sealed, or sealed again, by their open names

    Raises ResearchError where study.toml names nobody, or no key here opens what would be sealed.
    """
    folder, shown, recipients = country.folder, country.study.shown, country.recipients
    seals.reseal_test(recipients, shown(folder))
    before = seals.sealed_for(folder)
    changed = before != recipients and bool(before or seals.sealed_files(folder))
    if not changed:
        seals.remember(folder, recipients)
    keep_out_of_git(country)
    found = Problems()
    for log in sorted((folder / "codings").glob("*.jsonl")):
        with found.gather():
            coding.seal_log(log, shown(log), recipients, again=changed)
    opened = [folder / name for name in names] or seals.open_files(folder)
    for path in opened:
        with found.gather():
            seals.seal(path, recipients, shown(path))
    again = seals.sealed_files(folder) if changed else []
    for path in again:
        with found.gather():
            seals.reseal(path, recipients, shown(path))
    found.raise_any()
    seals.remember(folder, recipients)
    return sorted({*opened, *again})


def unseal(country: Country, names: Sequence[str] = ()) -> list[Path]:
    """Put open files in the place of sealed ones, to work on them in other programs.

    names    files of the country's folder, by their open names; all that is sealed if none is named

    Words in coding logs stay sealed: logs go to colleagues through git, and are read with the key.
    """
    keep_out_of_git(country)
    sealed = [country.folder / name for name in names] or seals.sealed_files(country.folder)
    for path in sealed:  # the first that no key opens stops it; what is open stays so
        seals.unseal(path, country.study.shown(path))
    return sealed


# Reading


def _read(place: Place, of: Table) -> pd.DataFrame:
    """A table of a place, held to its rules; an empty frame where it has no such file."""
    path = _found(place, of)
    if path is None:
        return _empty(of)
    where = place.study.shown(path)
    frame = tables.read_table(path, of, where, seals.read_bytes(path, where))
    faults = [fault for rule in RULES.get(of.name, ()) for fault in rule(frame, place)]
    if faults:
        raise ResearchError(_problems(place, of, faults))
    return frame


def _problems(place: Place, of: Table, faults: Iterable[Fault]) -> list[Problem]:
    """Faults as Problems that name the file of the table."""
    where = place.study.shown(_found(place, of) or place.folder)
    return [Problem(f"{where}, row {row}, column {name!r}", *told) for row, name, *told in faults]


def _found(place: Place, of: Table) -> Path | None:
    """The file of a table, CSV or XLSX, by its open name; a Problem where it must be there."""
    paths = [place.folder / f"{of.name}{ending}" for ending in (".csv", ".xlsx")]
    there = [path for path in paths if seals.placed(path, place.study.shown(path))]
    where = place.study.shown(paths[0])
    if len(there) > 1:
        raise refuse(where, f"{paths[1].name} stands beside it", "Keep one of the two.")
    programme = isinstance(place, Country) and place.file.programme
    if not there and programme and of.name in PROGRAMME_STREAMS:
        cure = (
            f'Put it there; to practise, with evidence = "invented" in {place.key}/country.toml: '
            f"ctresearch invent {place.key}"
        )
        raise refuse(where, "a country of the programme has no such file", cure)
    return there[0] if there else None


def _empty(of: Table) -> pd.DataFrame:
    return pd.DataFrame(columns=of.columns, index=pd.RangeIndex(0, name="row"), dtype=str)


def _transcript(path: Path, where: str) -> list[dict[str, Any]]:
    """The turns of one file; empty lines are passed over."""
    found, rows, start = Problems(), [], 0
    for line, words in enumerate(seals.read_text(path, where).split("\n"), start=1):
        if turn := TURN.fullmatch(words):
            of = {"turn": f"{path.stem}:{line}", "interview": path.stem, "informant": path.stem}
            span = {"start": start + turn.start("text"), "end": start + turn.end("text")}
            rows.append({**of, "line": line, **turn.groupdict(), **span})
        elif words.strip():
            cure = "Begin each turn with 'I: ' (interviewer) or 'R: ' (respondent), one a line."
            found.add(f"{where}, line {line}", "this line does not say who speaks", cure)
        start += len(words) + 1
    if not rows and not found.found:
        found.add(where, "the transcript is empty", "Put the interview in it, one turn a line.")
    found.raise_any()
    return rows


def _question(header: str, form: Form) -> str:
    """The column a header of an export goes to, without its groups; "" for one to leave out."""
    *groups, name = re.split("[/-]", header)
    joined = {q.name for q in form.questions if q.type == "select_multiple"}
    left_out = header.startswith("_") or name in OF_THE_DEVICE or joined.intersection(groups[-1:])
    return "" if left_out else name


def _answer(question: Question, form: Form) -> Any:
    """The column a question makes; no cell must be filled, for a question may not apply."""
    meaning = next(iter(question.labels.values()), question.name)
    if question.type in ("integer", "decimal"):
        return number(meaning, "as asked", whole=question.type == "integer", required=False)
    known = tuple(form.choices.get(question.choices, ()))
    many = question.type == "select_multiple"
    return text(meaning, required=False, choices=known, many=many)


# Rules


def _id_faults(frame: pd.DataFrame, place: Place) -> Iterator[Fault]:
    """Ids that do not begin with the country's code."""
    code = place.iso3 if isinstance(place, Country) else ""
    for row, made in frame["id"].items():
        if not made.startswith(code):
            yield row, "id", f"{made!r} is of another country", f"Ids here begin with {code}-."


def _definition_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    asked = frame["definition_asked_first"] == "yes"
    for row in frame.index[asked & (frame["own_definition_turn"] == "")]:
        what = "the own definition was asked for first, and its line is missing (R3)"
        cure = "Give the line of the answer, or 'no' in column 'definition_asked_first'."
        yield row, "own_definition_turn", what, cure


def _protection_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    guarded = (frame["respondent"] == "victim") | frame["age_band"].isin(MINORS)
    for column in ("ethics_approval", "referral_contact"):
        for row in frame.index[guarded & (frame[column] == "")]:
            what = "a victim or a person under 18 was interviewed without it (R7)"
            cure = "Fill it in, or take the row and its transcript out of the study."
            yield row, column, what, cure


def _pairing_faults(
    listed: pd.DataFrame, paths: list[Path], spoken: list[dict[str, Any]]
) -> Iterator[Fault]:
    """Interviews without a transcript, and own definitions that no respondent gave."""
    answers = {turn["turn"] for turn in spoken if turn["speaker"] == "R"}
    stems, heard = {path.stem for path in paths}, {turn["interview"] for turn in spoken}
    told = zip(listed.index, listed["id"], listed["own_definition_turn"], strict=True)
    for row, interview, line in told:
        if interview not in stems:
            cure = f"Put it there, interviews/{interview}.txt, or take the row out."
            yield row, "id", f"{interview} has no transcript", cure
        elif line and interview in heard and f"{interview}:{line}" not in answers:
            what = f"line {line} of {interview}.txt is not a turn of the respondent (R3)"
            cure = "Give the line in which the own definition stands."
            yield row, "own_definition_turn", what, cure


def _log_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    item = ("published", "language", "headline")
    needed = {"zero_hits": ("search", "hits"), "not_relevant": (*item, "reason"), "relevant": item}
    for relevance, columns in needed.items():
        rows = frame[frame["relevance"] == relevance]
        for column in columns:
            for row in rows.index[rows[column] == ""]:
                what = f"the cell is empty, and the row is {relevance!r} (R9)"
                yield row, column, what, f"Fill it in: {MEDIA.meaning(column)}"
    for row in frame.index[(frame["relevance"] == "zero_hits") & ~frame["hits"].isin(["", "0"])]:
        yield row, "hits", "a search without a hit counts some (R9)", "Write 0, or log them."


def _coded_faults(frame: pd.DataFrame, place: Place) -> Iterator[Fault]:
    """Coded values that the media form does not know."""
    for field in [c for c in read_media_form(place.study).columns if c.values and c.id in frame]:
        for row, cell in frame[field.id].items():
            for word in cell.split() if field.many else filter(None, [cell]):
                if word not in field.values:
                    what = f"{word!r} is not a value in instruments/media-review.toml"
                    yield row, field.id, what, suggestion(word, field.values)


def _copy_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    for group, copies in frame[frame["syndication"] != ""].groupby("syndication"):
        originals = int((copies["original"] == "yes").sum())
        if originals != 1:
            cure = "Write 'yes' in one row of the group, 'no' in the others."
            what = f"the copies of group {group!r} have {originals} originals"
            yield copies.index[-1], "original", what, cure


def _in_force_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    """Entry into force that does not follow from the deposit, where both are graded A."""
    sure = frame[(frame["grade"] == "A") & (frame["instrument"] == PROTOCOL)]
    sure = sure[sure["date"].str.len() == len("2005-03-14")]
    deposits = sure.loc[sure["fact"] == "deposit", "date"]
    due = {day: in_force_after(date.fromisoformat(day)).isoformat() for day in deposits}
    for row, said in sure.loc[sure["fact"] == "in_force", "date"].items():
        if due and said not in due.values():
            told = ", ".join(f"deposit on {day} makes it {then}" for day, then in due.items())
            cure = "Look both up again; grade B or less what was not seen in a primary source."
            yield row, "date", f"in force on {said}, but {told}", cure


def in_force_after(deposit: date) -> date:
    """The day the Protocol enters into force for a state that deposited then (article 17)."""
    return max(PROTOCOL_IN_FORCE, deposit + AFTER_DEPOSIT)


def _place_faults(frame: pd.DataFrame, place: Place) -> Iterator[Fault]:
    """Country columns that name no country of the study."""
    column = "delegation" if "delegation" in frame.columns else "country"
    known = (*place.study.file.countries, "region")
    observers = frame["kind"] == "observer" if column == "delegation" else False
    for row, key in frame.loc[~(frame[column].isin(known) | observers), column].items():
        yield row, column, f"{key!r} is not a country of this study", suggestion(key, known)


def _sum_faults(frame: pd.DataFrame, _: Place) -> Iterator[Fault]:
    ticked = frame[[*ANSWERS, "no_response"]].astype(int).sum(axis="columns")
    for row in frame.index[ticked != frame["forms"].astype(int)]:
        item, forms = frame.loc[row, ["item", "forms"]]
        cure = "Count again: each form is in one column of the row, 'no_response' included."
        yield row, "forms", f"{item}: expected {forms} forms, found {ticked[row]}", cure


def _citation_faults(frame: pd.DataFrame, place: Place) -> Iterator[Fault]:
    keys = references(place.study)
    for row, source in frame["source"].items():
        for key in sorted(set(source.split("; ")) - keys):
            what = f"{key!r} is not a key of research/references.bib (R8)"
            yield row, "source", what, suggestion(key, keys)


RULES: dict[str, tuple[Rule, ...]] = {
    "interviews": (_id_faults, _definition_faults, _protection_faults),
    "media": (_id_faults, _log_faults, _coded_faults, _copy_faults),
    "press": (_log_faults, _coded_faults, _copy_faults),
    "law": (_citation_faults, _in_force_faults),
    "evaluation": (_citation_faults, _sum_faults),
    **dict.fromkeys(("delegations", "statements"), (_citation_faults, _place_faults)),
    **dict.fromkeys(("agenda", "recommendations", "commitments", "comments"), (_citation_faults,)),
    **dict.fromkeys(("trainings", "campaigns", "assistance"), (_citation_faults,)),
}
