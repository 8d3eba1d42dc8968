"""Invent: evidence that nobody gave, to practise with.

In    the instruments, and the phrases of invented/ beside this file
Out   a country's interviews, codings, media log, survey, indicators and list of informants

The one idea: invented evidence is made like the real and can never be taken for it. Every phrase
was written by hand and marks the words that carry a code, so the codings are known; chance only
chooses and joins, and it is seeded, so the same bytes come every time. A country whose evidence is
real is refused; one whose evidence is invented is branded wherever anything of it is shown.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pandas as pd

from ctresearch import coding
from ctresearch.evidence import INDICATORS, INTERVIEWS, MEDIA
from ctresearch.files import read_toml, write_whole
from ctresearch.instruments import Codebook, Form, Question, read_codebook, read_form, read_guide
from ctresearch.problems import refuse
from ctresearch.study import Country
from ctresearch.tables import read_rows

PHRASES = Path(__file__).with_name("invented")
COMMON = ("elsewhere", "interview", "media", "survey", "names")  # a country's own come on top
SEED = 2005
CODERS = ("ap", "mk")
EVERY_DOUBLE = 3  # each third interview is coded by both
STORIES, REJECTED, ARTICLES, GROUPS = 36, 8, 60, 9  # the other articles are copies, in groups
RESPONSES = 300
DEFINITION = 4  # the line: the work, its answer, the question, the answer
ADULTS = 100_000  # the people a sample stands for
CONDITION = r"(not\()?(?:selected\()?\$\{(\w+)\}(?: = |, )'(\w+)'\)*"
MARKED = re.compile(r"\[([a-z_. ]+): ([^\]]+)\]")

Bank = Mapping[str, Any]  # all phrases, and what is particular to the country
Row = dict[str, Any]
Mark = tuple[str, int, int]  # code, start, end


class Interview(NamedTuple):
    """A conversation, and which of its words carry which code."""

    id: str
    sector: str
    text: str
    marks: list[Mark]


def invent(country: Country, seed: int = SEED) -> list[Path]:
    """Write the invented evidence of a country, over that of an earlier call.

    Raises ResearchError where country.toml does not say that its evidence is invented.
    """
    study, iso3 = country.study, country.iso3
    if country.file.evidence != "invented":
        where = f"{study.shown(country.folder / 'country.toml')}, evidence"
        cure = "Practise in a country of its own: ctresearch new country practice"
        raise refuse(where, "the evidence of this country is real", cure)

    def chance(of: str) -> Random:
        return Random(f"{country.key} {of} {seed}")

    bank = _bank(country)
    told = _interviews(iso3, bank, chance("interviews"))
    rows = _interview_rows(told, bank, read_guide(study).version, chance("people"))
    answers = _responses(read_form(study), bank, chance("survey"))
    files = {
        "interviews.csv": _csv(rows, INTERVIEWS.columns),
        "informants.csv": _csv(_informants(told, bank, chance("names"))),
        "media.csv": _csv(_media(iso3, bank, chance("media")), MEDIA.columns),
        "indicators.csv": _csv(_indicators(bank, chance("indicators")), INDICATORS.columns),
        "survey.csv": "\ufeff" + _csv(answers, separator=";"),
        **{f"interviews/{one.id}.txt": one.text for one in told},
        **_logs(told, read_codebook(study), bank, chance("codings")),
    }
    return [write_whole(country.folder / name, text) for name, text in sorted(files.items())]


def _bank(country: Country) -> Bank:
    bank: Row = {"country": country.in_text}
    for path in (PHRASES / f"{name}.toml" for name in (*COMMON, country.key)):
        bank |= read_toml(path) if path.is_file() else {}
    return bank


def _csv(rows: Iterable[Row], columns: list[str] | None = None, separator: str = ",") -> str:
    frame = pd.DataFrame(list(rows), columns=columns, dtype=object)
    return frame.to_csv(sep=separator, index=False, lineterminator="\n")


# Interviews


class Teller:
    """Makes the turns of a country's interviews; what a respondent says never comes twice."""

    def __init__(self, bank: Bank, chance: Random) -> None:
        self.bank, self.chance = bank, chance
        self.used: Counter[str] = Counter()
        self.told: set[str] = set()

    def draw(self, phrases: Sequence[str]) -> str:
        """One of the phrases used least so far; those that suit the country come before others."""
        fewest = min(self.used[phrase] for phrase in phrases)
        fresh = [phrase for phrase in phrases if self.used[phrase] == fewest]
        chosen = self.chance.choices(fresh, [self._weight(phrase) for phrase in fresh])[0]
        self.used[chosen] += 1
        return chosen

    def answer(self, topic: str, sector: str, manner: str) -> tuple[str, bool]:
        """A turn on a topic, its codes still marked, and whether it tells anything."""
        of, habits = self.bank["topics"][topic], self.bank["manners"][manner]
        unsure = [phrase for phrase in of.get("unsure", []) if not self.used[phrase]]
        if unsure and self.chance.random() < habits["unsure"]:
            return self.draw(unsure), False
        talk = of.get("talk", habits["talk"])
        opens, joins, trails, closes = (self.chance.random() < likely for likely in talk)
        answers = self._suiting(of["answers"] + self.bank["local"].get(topic, []), sector)
        said = first = self.draw(answers)
        if opens:
            said = self._after(self.draw(habits["openings"]), first)
        if joins:
            others = [phrase for phrase in answers if not _codes(phrase) & _codes(first)]
            said += " " + self._after(self.draw(self.bank["links"]), self.draw(others))
        said += " " + self.draw(of["tails"]) if trails else ""
        closings = of.get("closings", habits["closings"] + self.bank["asides"])
        said += " " + self.draw(closings) if closes else ""
        if said in self.told:
            return self.answer(topic, sector, manner)
        self.told.add(said)
        return said, True

    def follow_up(self, topic: str, sector: str) -> Iterator[tuple[str, str]]:
        """A further question and an answer that nobody gave yet; none where none is left."""
        follow = self.bank["follow"] if topic in self.bank["situations"] else {}
        kind = self.chance.choice(["more", "more", *follow])
        if kind == "more":
            pairs = [pair.split(" || ") for pair in self.bank["topics"][topic].get("more", [])]
        else:
            given = follow[kind].get(sector, follow[kind].get("answers", []))
            pairs = [[self.draw(follow[kind]["ask"]), one] for one in self._suiting(given, topic)]
        fresh = [(question, answer) for question, answer in pairs if not self.used[answer]]
        if fresh:
            chosen = self.chance.choice(fresh)
            self.used[chosen[1]] += 1
            yield chosen

    def _suiting(self, phrases: Iterable[str], who: str) -> list[str]:
        """The phrases that `who`, a sector or a topic, may use and the country allows."""
        parts = [phrase.rpartition(" | ") for phrase in phrases]
        said = [phrase for limit, _, phrase in parts if not limit or who in limit.split(", ")]
        return [phrase for phrase in said if not _codes(phrase) & set(self.bank["never"])]

    def _weight(self, phrase: str) -> float:
        codes, bank = _codes(phrase), self.bank
        often = codes & {*bank["often"], *bank["common"]}
        return 0.2 if codes & set(bank["rarely"]) else 4 if often else 1

    def _after(self, lead: str, phrase: str) -> str:
        """The phrase behind its lead, with a small letter where the lead is no whole sentence."""
        found = re.match(r"(\[[a-z_. ]+: )?'?([\w-]+)", phrase)
        if lead[-1] in ".?!" or not found or found[2] in self.bank["proper"]:
            return f"{lead} {phrase}"
        at = found.start(2)
        return f"{lead} {phrase[:at]}{phrase[at].lower()}{phrase[at + 1 :]}"


def _interviews(iso3: str, bank: Bank, chance: Random) -> list[Interview]:
    teller = Teller(bank, chance)
    sectors = chance.sample(bank["sectors"], bank["interviews"])  # a number must not tell a sector
    return [_interview(f"{iso3}-KI-{n:02}", s, teller) for n, s in enumerate(sectors, start=1)]


def _interview(name: str, sector: str, teller: Teller) -> Interview:
    """One conversation along the guide, with follow-ups."""
    bank, chance = teller.bank, teller.chance
    manner = teller.draw(list(bank["manners"]))
    left_out = chance.sample(bank["optional"], chance.randrange(3))
    deepened = chance.sample(bank["deep"], 4)
    turns: list[tuple[str, str]] = []
    for topic in (topic for topic in bank["topics"] if topic not in left_out):
        said, tells = teller.answer(topic, sector, manner)
        nod = chance.choice(bank["nods"]) if turns else ""
        turns.append((nod + teller.draw(bank["topics"][topic]["ask"]), said))
        turns += teller.follow_up(topic, sector) if tells and topic in deepened else ()
    return Interview(name, sector, *_written(turns, bank))


def _written(turns: Iterable[tuple[str, str]], bank: Bank) -> tuple[str, list[Mark]]:
    """The transcript of questions and answers, and its marks."""
    text, marks = "", []
    for question, answer in turns:
        text += f"I: {question.format_map(bank)}\nR: "
        at, answer = 0, answer.format_map(bank)
        for found in MARKED.finditer(answer):
            text += answer[at : found.start()]
            marks += [(code, len(text), len(text) + len(found[2])) for code in found[1].split()]
            text, at = text + found[2], found.end()
        text += answer[at:] + "\n"
    return text, marks


def _codes(phrase: str) -> set[str]:
    return {code for found in MARKED.finditer(phrase) for code in found[1].split()}


def _interview_rows(
    told: list[Interview], bank: Bank, version: str, chance: Random
) -> Iterator[Row]:
    for n, one in enumerate(told):
        agreed = [scope for scope, likely in bank["consent"].items() if chance.random() < likely]
        row = {column: chance.choice(values) for column, values in bank["people"].items()}
        row |= {"id": one.id, "sector": one.sector, "respondent": "key_informant"}
        row |= {"consent": " ".join(["analysis", *agreed]), "script_version": version}
        row["language"] = bank["languages"][n % len(bank["languages"])]
        row["interpreter"] = "yes" if row["language"] in ("ht", "pt") else "no"
        row |= {"definition_asked_first": "yes", "own_definition_turn": DEFINITION}
        yield row


def _informants(told: list[Interview], bank: Bank, chance: Random) -> Iterator[Row]:
    """Who the informants would be: names that nobody has."""
    for one, family in zip(told, chance.sample(bank["family"], len(told)), strict=True):
        name = f"{chance.choice(bank['first'])}{chance.choice(bank['second'])} {family}"
        mail = f"{name.lower().replace(' ', '.')}@example.org"
        phone = f"+1-000-555-{chance.randrange(100, 200):04}"
        yield {"informant": one.id, "name": name, "telephone": phone, "email": mail}


# Codings


def _logs(told: list[Interview], book: Codebook, bank: Bank, chance: Random) -> dict[str, str]:
    """The coding logs: a third of the interviews by two coders, two of these settled."""
    logs = {}
    for n, one in enumerate(told):
        double = n % EVERY_DOUBLE == 0
        coders = CODERS if double else CODERS[n % 2 :][:1]
        for by in (*coders, coding.CONSENSUS) if n in (0, EVERY_DOUBLE) else coders:
            slips = 0 if by == coding.CONSENSUS else 0.15 if double else 0.03
            at = datetime(2005, 2, 1, 13, tzinfo=UTC) + timedelta(days=n, hours=len(by))
            marks = _as_coded(one, book, bank["never"], slips, chance)
            log = _log(one.text, by, marks, bank["memos"], at, chance)
            logs[f"codings/{one.id}.{by}.jsonl"] = "".join(map(str, log))
    return logs


def _as_coded(
    one: Interview, book: Codebook, never: list[str], slips: float, chance: Random
) -> Iterator[Mark]:
    """The marks as a coder sees them: some missed, some with another end or a sister code."""
    for code, start, end in one.marks:
        sisters = [c.id for c in book.children(code.rpartition(".")[0]) if c.id not in never]
        if chance.random() < slips:
            continue
        if chance.random() < slips / 3:
            code = chance.choice(sisters)
        if chance.random() < slips * 2:
            last = one.text.index("\n", end)
            shorter = one.text.rfind(" ", start + 1, end)
            longer = one.text.find(".", end, last) + 1
            end = chance.choice([longer or last, max(shorter, start + 1)])
        yield code, start, end


def _log(
    text: str, by: str, marks: Iterable[Mark], memos: Bank, at: datetime, chance: Random
) -> Iterator[coding.Line]:
    """The lines of a log; now and then a coding is taken back and made again."""

    def line(op: str, seconds: int, **given: Any) -> coding.Line:
        nonlocal at
        at += timedelta(seconds=seconds)
        return coding.line(op, by, text, at=at, chance=chance.getrandbits(80), **given)

    for code, start, end in marks:
        place = {"code": code, "start": start, "end": end, "memo": memos.get(code, "")}
        made = line("add", chance.randrange(8, 95), **place)
        yield made
        if chance.random() < 0.03:
            yield line("del", 7, of=made.id)
            yield line("add", 12, **place)
    yield line("lock", 120)


# Media


def _media(iso3: str, bank: Bank, chance: Random) -> Iterator[Row]:
    """The log: stories and their copies, what is not about trafficking, searches without a hit."""
    of: dict[str, list[Row]] = {}
    printed: Any = read_rows(PHRASES / "media.csv").to_dict("records")
    for row in printed:
        if row.pop("only") in ("", iso3):
            of.setdefault(row["relevance"], []).append(row)
    stories = chance.sample(of["relevant"], STORIES)
    rows = stories + chance.sample(of["not_relevant"], REJECTED)
    later = chance.randrange(45)  # days; what stories of a case have between them stays
    for row in rows:
        row |= _found(row["published"], later, bank, chance)
    for n in range(ARTICLES - len(rows)):
        copied = stories[n % GROUPS]
        copied |= {"syndication": f"{iso3}-S-{n % GROUPS + 1}", "original": "yes"}
        copied["wire"] = bank["wires"][n % GROUPS % 2]
        found = _found(copied["published"], n % 3, bank, chance)
        rows.append(copied | found | {"original": "no"})
    for row in of["zero_hits"]:
        found = _found("2004-03-01", 0, bank, chance)
        rows.append({key: found[key] for key in ("outlet", "accessed", "medium")} | row)
    rows.sort(key=lambda row: (row["accessed"], row["headline"], row["search"]))
    for n, row in enumerate(rows, start=1):
        case = row["case"] and f"{iso3}-{row['case']}"
        yield row | {"id": f"{iso3}-M-{n:03}", "case": case}


def _found(published: str, later: int, bank: Bank, chance: Random) -> Row:
    """Where and when an article was found, by whom and with which words."""
    outlet, kind, medium = chance.choice(bank["outlets"])
    day = date.fromisoformat(published) + timedelta(days=later)
    read = max(date(2004, 11, 2) + timedelta(days=chance.randrange(90)), day + timedelta(days=2))
    row: Row = {"outlet": outlet, "outlet_type": kind, "medium": medium, "published": f"{day}"}
    row |= {"accessed": f"{read}", "coded_on": f"{read + timedelta(days=3)}"}
    row |= {"words": chance.randrange(90, 900), "coder": chance.choice(CODERS)}
    return row | {"search": chance.choice(bank["searches"])}


# Survey


def _responses(form: Form, bank: Bank, chance: Random) -> Iterator[Row]:
    """Responses as Kobo exports them, in the order of submission."""
    strata, at = bank["strata"], datetime(2005, 1, 10, 8)
    for n in range(RESPONSES):
        at += timedelta(seconds=chance.randrange(400, 5400))
        stratum = list(strata)[n % len(strata)]
        given = {"consent": "yes", "adult": "yes", "settlement": stratum}
        for asked in form.questions:
            if all(_holds(condition, given) for condition in asked.conditions):
                given.setdefault(asked.name, _answer(asked, form, bank, chance))
        stands_for = ADULTS * strata[stratum] * len(strata) / RESPONSES
        stands_for *= 0.9 if given.get("sex") == "woman" else 1.1  # women were reached more often
        row = dict(cell for asked in form.questions for cell in _cells(asked, given, form))
        row |= {"stratum": stratum, "weight": f"{stands_for:.2f}", "_id": 4000 + n}
        row["_uuid"] = uuid.UUID(int=chance.getrandbits(128), version=4)
        yield row | {"_submission_time": at.isoformat(), "__version__": form.settings["version"]}


def _answer(asked: Question, form: Form, bank: Bank, chance: Random) -> str:
    """An answer that the question's type and constraint allow."""
    if asked.type == "integer":
        low, high = map(int, re.findall(r"= (\d+)", asked.constraint) or (0, 12))
        return str(low if chance.random() < 0.6 else chance.randint(low, high))
    if not asked.choices:
        return str(chance.choice(bank["texts"].get(asked.name, ["None"])))
    names = list(form.choices[asked.choices])
    usual = {name: 0.12 if name in bank["reluctant"] else 1 for name in names}
    usual |= bank["weights"].get(asked.name, {}) | bank["survey"].get(asked.name, {})
    likely = [usual[name] for name in names]
    first, *more = chance.choices(names, likely, k=1 + chance.randrange(4))
    alone = re.findall(r"selected\(\., '(\w+)'\)", asked.constraint)
    if asked.type != "select_multiple" or first in alone:
        return first
    most = re.search(r"count-selected\(\.\) <= (\d+)", asked.constraint)
    chosen = {first, *more[: int(most[1]) - 1 if most else None]} - set(alone)
    return " ".join(name for name in names if name in chosen)


def _holds(condition: str, given: Mapping[str, str]) -> bool:
    """Whether a condition of the form holds: equalities and `selected`, joined by and, or."""

    def true(part: str) -> bool:
        found = re.fullmatch(CONDITION, part.strip())
        if not found:
            cure = "Here a condition is ${question} = 'choice' or selected(${question}, 'choice')."
            raise refuse("instruments/survey/survey.csv", f"cannot tell if {part!r} holds", cure)
        return (found[3] in given.get(found[2], "").split()) != bool(found[1])

    return any(all(map(true, every.split(" and "))) for every in condition.split(" or "))


def _cells(asked: Question, given: Mapping[str, str], form: Form) -> Iterator[tuple[str, Any]]:
    """The cells of a question: its answer, and 0 or 1 for each choice where several may be."""
    path, answer = f"{asked.group}/{asked.name}".lstrip("/"), given.get(asked.name)
    yield path, answer
    if asked.type == "select_multiple":
        for name in form.choices[asked.choices]:
            yield f"{path}/{name}", None if answer is None else int(name in answer.split())


# Indicators


def _indicators(bank: Bank, chance: Random) -> Iterator[Row]:
    """Values by year, with the gaps such series have."""
    for indicator, unit, least, most, change, source in bank["indicators"]:
        value = chance.uniform(least, most)
        for year in range(1999, 2005):
            value = max(value + change + chance.gauss(0, (most - least) / 40), min(least, 0))
            if chance.random() < 0.75:
                row = {"indicator": indicator, "year": year, "value": f"{value:.1f}"}
                yield row | {"unit": unit, "source": source}
