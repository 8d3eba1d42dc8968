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
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pandas as pd

from ctresearch import coding
from ctresearch.double import DOUBLE
from ctresearch.evidence import INDICATORS, INTERVIEWS, MEDIA
from ctresearch.files import read_toml, write_whole
from ctresearch.instruments import Form, Question, read_form, read_guide
from ctresearch.problems import refuse
from ctresearch.study import Country
from ctresearch.tables import read_rows

PHRASES = Path(__file__).with_name("invented")
# A country's own phrases come on top of these.
COMMON = ("elsewhere", "interview", "probes", "media", "survey", "names")
SEED, BOM = 2005, "\ufeff"
CODERS = ("ap", "mk")
EVERY_DOUBLE = 3  # each third interview is coded by both
REJECTED, ARTICLES, GROUPS = 8, 60, 9  # what is no story is rejected or a copy
RESPONSES = 300
OWN = re.compile(r"interviews/[^.]+\.txt|codings/[^.]+\.(ap|mk|consensus)\.jsonl")
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
        cure = (
            'To practise here, write evidence = "invented"; but where real evidence lies in this '
            "folder take it elsewhere first: it would be written over."
        )
        raise refuse(where, "the evidence of this country is real", cure)

    def chance(of: str) -> Random:
        return Random(f"{country.key} {of} {seed}")

    bank = _bank(country)
    told = _interviews(iso3, bank, chance("interviews"))
    kept = [one for one in told if not bank["apart"].get(one.id, {}).get("withdrawn_on")]
    files = {
        "interviews.csv": _csv(_interview_rows(told, bank, chance("people")), INTERVIEWS.columns),
        "informants.csv": _csv(_informants(told, bank, chance("names"))),
        "double.csv": _csv(_double(kept), DOUBLE.columns),
        "media.csv": _csv(_media(iso3, bank, chance("media")), MEDIA.columns),
        "indicators.csv": _csv(_indicators(bank, chance("indicators")), INDICATORS.columns),
        "survey.csv": BOM + _csv(_responses(read_form(study), bank, chance("survey")), None, ";"),
        **{f"interviews/{one.id}.txt": one.text for one in kept},
        **_logs(kept, bank, chance("codings")),
    }
    for path in country.folder.glob(f"*/{iso3}-KI-[0-9][0-9].*"):
        name = path.relative_to(country.folder).as_posix()
        if OWN.fullmatch(name) and name not in files:
            path.unlink()  # of an earlier call
    return [write_whole(country.folder / name, text) for name, text in sorted(files.items())]


def _bank(country: Country) -> Bank:
    bank: Row = {"country": country.in_text}
    for path in (PHRASES / f"{name}.toml" for name in (*COMMON, country.key)):
        bank |= read_toml(path) if path.is_file() else {}
    bank["alike"]["script_version"] = read_guide(country.study).version
    return bank | {"themes": bank["usual"] | bank["themes"]}


def _csv(rows: Iterable[Row], columns: list[str] | None = None, separator: str = ",") -> str:
    frame = pd.DataFrame(list(rows), columns=columns, dtype=object)
    return frame.to_csv(sep=separator, index=False, lineterminator="\n")


# Interviews


@dataclass
class Informant:
    """One who knows of some themes, and tells of them in words that nobody else has used."""

    sector: str
    manner: Bank  # how the informant talks
    bank: Bank
    used: Counter[str]  # phrases, by anybody in the country
    chance: Random
    themes: set[str] = field(default_factory=set)  # that the informant knows of
    raised: set[str] = field(default_factory=set)  # and has told of

    def interview(self, name: str) -> Interview:
        """One conversation along the guide, with follow-ups."""
        primed = self.bank["apart"].get(name, {}).get("definition_asked_first") == "no"
        left_out = ["definition", "protocol"] if primed else ["primed"]
        left_out += self.chance.sample(self.bank["optional"], self.chance.randrange(3))
        deepened = self.chance.sample(self.bank["deep"], 4)
        turns: list[tuple[str, str]] = []
        for topic in (topic for topic in self.bank["topics"] if topic not in left_out):
            for question, answer in self.turns(topic, topic in deepened):
                nod = self.chance.choice(self.bank["nods"]) if turns else ""
                turns.append((nod + question, answer))
        return Interview(name, self.sector, *_written(turns, self.bank))

    def draw(self, phrases: Sequence[str]) -> str:
        """One of the phrases used least so far."""
        fewest = min(self.used[phrase] for phrase in phrases)
        chosen = self.chance.choice([one for one in phrases if self.used[one] == fewest])
        self.used[chosen] += 1
        return chosen

    def turns(self, topic: str, deeper: bool) -> Iterator[tuple[str, str]]:
        """Questions on a topic with their answers, codes still marked; none with nothing to say."""
        of, answers = self.bank["topics"][topic], self._answers(topic)
        if answers:
            yield self.draw(of["ask"]), self._reply(of, answers)
            yield from self._asked_after(topic)
            yield from self._deeper(topic) if deeper else ()
        elif unsure := self._unsaid(of.get("unsure", [])):
            yield self.draw(of["ask"]), self.draw(unsure)

    def _answers(self, topic: str) -> list[str]:
        every = [self.bank["topics"][topic], *self.bank["probes"].get(topic, {}).values()]
        own = self.bank["local"].get(topic, [])
        return self._unsaid(own + [answer for of in every for answer in of["answers"]])

    def _reply(self, of: Bank, answers: list[str]) -> str:
        """A turn: perhaps an opening, one to three answers, perhaps a tail and a closing remark."""
        opens, joins, trails, closes = of.get("talk", self.manner["talk"])
        further = sum(self.chance.random() < joins for _ in range(2))
        said, *others = self._tell(answers, 1 + further)
        if self.chance.random() < opens:
            said = self._after(self.draw(self.manner["openings"]), said)
        for other in others:
            said += " " + self._after(self.chance.choice(self.bank["links"]), other)
        closings = of.get("closings", self.manner["closings"] + self.bank["asides"])
        for likely, remarks in ((trails, of["tails"]), (closes, closings)):
            said += " " + self.draw(remarks) if self.chance.random() < likely else ""
        return said

    def _tell(self, answers: list[str], most: int) -> Iterator[str]:
        """One of the answers, and more while they raise themes not raised before."""
        for n in range(most):
            news = [4 ** len(_codes(answer) - self.raised) - (n > 0) for answer in answers]
            if any(news):
                [chosen] = self.chance.choices(answers, news)
                self.raised |= _codes(chosen)
                self.used[chosen] += 1
                yield chosen

    def _asked_after(self, topic: str) -> Iterator[tuple[str, str]]:
        """Questions after themes that the informant knows of and has not come to."""
        for code, of in self.bank["probes"].get(topic, {}).items():
            answers = [answer for answer in self._answers(topic) if code in _codes(answer)]
            if code not in self.raised and answers:
                told = " ".join(self._tell(answers, self.chance.randint(1, 2)))
                yield self.draw(of["ask"]), self._after(self.chance.choice(self.bank["yes"]), told)

    def _deeper(self, topic: str) -> Iterator[tuple[str, str]]:
        """A further question and an answer that nobody gave yet; none where none is left."""
        follow = self.bank["follow"] if topic in self.bank["situations"] else []
        further = self.chance.choice(self.bank["topics"][topic]["more"] + follow)
        for answer in self._tell(self._unsaid(further["answers"], topic), 1):
            yield self.draw(further["ask"]), answer

    def _unsaid(self, phrases: Iterable[str], topic: str = "") -> list[str]:
        """Phrases that nobody has used, for this sector or topic, on themes known here."""
        parts = [phrase.rpartition(" | ") for phrase in phrases]
        theirs = [one for limit, _, one in parts if {"", self.sector, topic} & {*limit.split(", ")}]
        return [one for one in theirs if not self.used[one] and _codes(one) <= self.themes]

    def _after(self, lead: str, phrase: str) -> str:
        """The phrase behind its lead, with a small letter where the lead is no whole sentence."""
        found = re.match(r"(\[[a-z_. ]+: )?(?P<first>[\w-]+)", phrase)
        if found and lead[-1:] not in ".?!" and found["first"] not in self.bank["proper"]:
            at = found.start("first")
            phrase = phrase[:at] + phrase[at].lower() + phrase[at + 1 :]
        return f"{lead} {phrase}".lstrip()


def _interviews(iso3: str, bank: Bank, chance: Random) -> list[Interview]:
    """The interviews: a draw of who knows of which theme, and what each of them then says."""
    used: Counter[str] = Counter()
    sectors = chance.sample(bank["sectors"], len(bank["sectors"]))  # a number tells no sector
    asked = [Informant(s, chance.choice(bank["manners"]), bank, used, chance) for s in sectors]
    for theme, informants in bank["themes"].items():
        for one in chance.sample(asked, min(informants, len(asked))):
            one.themes.add(theme)
    return [one.interview(f"{iso3}-KI-{n:02}") for n, one in enumerate(asked, start=1)]


def _written(turns: Iterable[tuple[str, str]], bank: Bank) -> tuple[str, list[Mark]]:
    """The transcript of questions and answers, and its marks."""
    text, marks = "", []
    for question, answer in turns:
        plain, *marked = MARKED.split(answer.format_map(bank))
        text += f"I: {question.format_map(bank)}\nR: {plain}"
        for codes, words, after in zip(marked[::3], marked[1::3], marked[2::3], strict=True):
            marks += [(code, len(text), len(text) + len(words)) for code in codes.split()]
            text += words + after
        text += "\n"
    return text, marks


def _codes(phrase: str) -> set[str]:
    return {code for found in MARKED.finditer(phrase) for code in found[1].split()}


def _interview_rows(told: list[Interview], bank: Bank, chance: Random) -> Iterator[Row]:
    for n, one in enumerate(told):
        row = {column: chance.choice(values) for column, values in bank["people"].items()}
        agreed = (use for use, likely in bank["consent"].items() if chance.random() < likely)
        language = bank["languages"][n % len(bank["languages"])]
        row |= {"id": one.id, "sector": one.sector, "consent": " ".join(agreed)}
        row |= {"language": language, "interpreter": "yes" if language in ("ht", "pt") else "no"}
        yield row | bank["alike"] | bank["apart"].get(one.id, {})


def _informants(told: list[Interview], bank: Bank, chance: Random) -> Iterator[Row]:
    """Who the informants would be: names that nobody has."""
    for one, family in zip(told, chance.sample(bank["family"], len(told)), strict=True):
        name = f"{chance.choice(bank['first'])}{chance.choice(bank['second'])} {family}"
        phone, mail = chance.randrange(100, 200), name.lower().replace(" ", ".")
        row = {"informant": one.id, "name": name, "telephone": f"+1-000-555-0{phone}"}
        yield row | {"email": f"{mail}@example.org"}


# Codings


def _logs(told: list[Interview], bank: Bank, chance: Random) -> dict[str, str]:
    """The coding logs: a third of the interviews by two coders, two of these settled."""
    logs = {}
    for n, one in enumerate(told):
        coders = CODERS[n % 2 :][:1] if n % EVERY_DOUBLE else CODERS
        for by in (*coders, coding.CONSENSUS) if n in (0, EVERY_DOUBLE) else coders:
            slips = 0 if by == coding.CONSENSUS else 0.15 if coders == CODERS else 0.03
            at = datetime(2005, 2, 1, 13, tzinfo=UTC) + timedelta(days=n, hours=len(by))
            marks = _as_coded(one, bank["themes"], slips, chance)
            log = _log(one.text, by, marks, bank["memos"], at, chance)
            logs[f"codings/{one.id}.{by}.jsonl"] = "".join(map(str, log))
    return logs


def _double(told: list[Interview]) -> Iterator[Row]:
    """Which interviews two coders code: those `_logs` gives to both."""
    for one in told[::EVERY_DOUBLE]:
        drawn = f"invented: one in {EVERY_DOUBLE}"
        yield {"interview": one.id, "coders": " ".join(CODERS), "drawn": drawn}


def _as_coded(one: Interview, themes: Bank, slips: float, chance: Random) -> Iterator[Mark]:
    """The marks as a coder sees them: some missed, some with another end or a sister code."""
    for code, start, end in one.marks:
        if chance.random() < slips / 3:
            head = code.rpartition(".")[0]
            code = chance.choice([c for c in themes if themes[c] and c.rpartition(".")[0] == head])
        if chance.random() < slips * 2:
            end = max(one.text.rfind(" ", start + 1, end), start + 1)
        if chance.random() > slips:
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
        about = {row["case"], *row["exploitation"].split()}
        if iso3 in (row.pop("only") or iso3) and not about & {*bank["press"]["silent_on"]}:
            of.setdefault(row["relevance"], []).append(row)
    stories = chance.sample(of["relevant"], bank["press"]["stories"])
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
        yield row | {"id": f"{iso3}-M-{n:03}", "case": row["case"] and f"{iso3}-{row['case']}"}


def _found(published: str, later: int, bank: Bank, chance: Random) -> Row:
    """Where and when an article was found, by whom and with which words."""
    day = date.fromisoformat(published) + timedelta(days=later)
    read = max(date(2004, 11, 2) + timedelta(days=chance.randrange(90)), day + timedelta(days=2))
    row: Row = chance.choice(bank["outlets"]) | {"published": f"{day}", "accessed": f"{read}"}
    row |= {"coded_on": f"{read + timedelta(days=3)}", "coder": chance.choice(CODERS)}
    return row | {"words": chance.randrange(90, 900), "search": chance.choice(bank["searches"])}


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
                given.setdefault(asked.name, _answer(asked, given, form, bank, chance))
        stands_for = ADULTS * strata[stratum] * len(strata) / RESPONSES
        stands_for *= 0.9 if given.get("sex") == "woman" else 1.1  # women were reached more often
        row = dict(cell for asked in form.questions for cell in _cells(asked, given, form))
        row |= {"stratum": stratum, "weight": f"{stands_for:.2f}", "_id": 4000 + n}
        row["_uuid"] = uuid.UUID(int=chance.getrandbits(128), version=4)
        yield row | {"_submission_time": at.isoformat(), "__version__": form.settings["version"]}


def _answer(asked: Question, given: Row, form: Form, bank: Bank, chance: Random) -> str:
    """An answer that the question's type and constraint allow."""
    if not asked.choices:
        return str(chance.choice(bank["texts"].get(asked.name, ["0"])))  # a number, or a text
    names = list(form.choices[asked.choices])
    usual = {name: 0.12 if name in bank["reluctant"] else 1 for name in names}
    usual |= bank["weights"].get(asked.name, {}) | bank["survey"].get(asked.name, {})
    times = bank["strata_differ"].get(given["settlement"], {}).get(asked.name, {})
    likely = [usual[name] * times.get(name, 1) for name in names]
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
