"""Harmonisation: what countries asked in their own way becomes one regional survey.

In    research/harmonisation/: targets.csv, categories.csv, crosswalk.csv; answers of each country
Out   the answers under regional names and codes; how comparable each variable is in each country

The one idea: the crosswalk is data, and its rules are a closed list. Each says how one regional
variable comes from one country's questions; none is a program. A code that no rule provides for is
refused with the number of answers it would have lost, and a variable a country cannot give has a
row that says so: nothing goes missing in silence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ctresearch import tables
from ctresearch.problems import Problem, Problems, ResearchError, suggestion
from ctresearch.study import Study
from ctresearch.tables import read_table

FOLDER = "harmonisation"  # below research/
TARGETS, CATEGORIES, CROSSWALK = tables.declared(Path(__file__).with_suffix(".toml")).values()
MARKS = {"identical": "", "compatible": "~", "partial": "†", "impossible": "–"}
REFUSED = "!"  # in a map: this code is refused
OTHER = "*"  # in a map: any other code
NEEDS_MAP = ("recode", "band", "constant")
YES, NO = "yes", "no"

Says = Mapping[str, str]  # what a map makes of each code


class UnmappedError(Exception):
    """A code that a rule does not provide for."""


@dataclass(frozen=True)
class Crosswalk:
    """The three tables, checked against each other."""

    targets: pd.DataFrame  # index: name
    categories: pd.DataFrame
    rows: pd.DataFrame  # index: row of the file
    where: str  # how a problem names crosswalk.csv

    def codes(self, target: str) -> list[str]:
        """The codes of a variable, in the order of tables."""
        of = self.categories[self.categories["name"] == target]
        return list(of.sort_values("order", key=lambda order: order.astype(int))["code"])

    def known(self, target: str) -> set[str]:
        """The codes an answer may have, no answer among them; empty for a number."""
        missing = str(self.targets["missing_codes"].get(target, "")).split()
        return {*self.codes(target), *missing, ""} if self.codes(target) else set()

    def of(self, country: str) -> pd.DataFrame:
        return self.rows[self.rows["country"] == country]

    def coverage(self, countries: Sequence[str]) -> pd.DataFrame:
        """How comparable each variable is in each country.

        returns  index: target, in the order of targets.csv; a column per country with identical,
                 compatible, partial or impossible, or undetermined where nobody decided yet
        """
        said = self.rows["comparability"].where(self.rows["status"] != "undetermined")
        table = self.rows.assign(said=said).pivot(index="target", columns="country", values="said")
        return table.reindex(list(self.targets.index), columns=list(countries)).fillna(
            "undetermined"
        )


def read_crosswalk(study: Study) -> Crosswalk | None:
    """The crosswalk of the study; None where it has none.

    Raises ResearchError for rows that name no variable, country or code there is, a map that
    cannot be read, a variable of a country that stands twice, and each pair of a variable and a
    country without a row.
    """
    folder = study.research / FOLDER
    if not folder.is_dir():
        return None
    found, frames = Problems(), []
    for of in (TARGETS, CATEGORIES, CROSSWALK):
        with found.gather():
            path = folder / f"{of.name}.csv"
            frames.append(read_table(path, of, study.shown(path)))
    found.raise_any()
    targets, categories, rows = frames
    where = study.shown(folder / "crosswalk.csv")
    walk = Crosswalk(targets.set_index("name"), categories, rows, where)
    faults = [*_row_faults(walk, study), *_gaps(walk)]
    if faults:
        raise ResearchError(faults)
    return walk


def harmonise(answers: pd.DataFrame, country: str, walk: Crosswalk) -> pd.DataFrame:
    """The answers of a country under the regional names and codes.

    answers  (responses)  a column of text per question; "" is no answer
    returns  (responses)  same index; a column of text per target, "" where there is no answer; and
                          stratum and weight, where `answers` has them

    Raises ResearchError naming each question that is not there and each code without a rule, with
    the number of answers that have it.
    """
    found, made = Problems(), {}
    for row, rule in walk.of(country).iterrows():
        with found.gather():
            made[rule["target"]] = _variable(answers, rule, f"{walk.where}, row {row}", walk)
    found.raise_any()
    blank = pd.Series("", index=answers.index)
    frame = pd.DataFrame({target: made.get(target, blank) for target in walk.targets.index})
    kept = [column for column in ("stratum", "weight") if column in answers]
    return pd.concat([frame, answers[kept]], axis=1)


def regional(by_country: Mapping[str, pd.DataFrame], target: str, walk: Crosswalk) -> pd.DataFrame:
    """How respondents answered one variable, country by country.

    by_country  what `harmonise` made of each country
    returns     index: code, in order; a column per country with respondents (int, not weighted),
                missing where the country cannot give the variable
    """
    codes = walk.codes(target)
    coverage = walk.coverage(list(by_country)).loc[target]
    counts = {
        country: frame[target].value_counts().reindex(codes, fill_value=0)
        if coverage[country] != "impossible"
        else pd.Series(pd.NA, index=codes, dtype="Int64")
        for country, frame in by_country.items()
    }
    return pd.DataFrame(counts).astype("Int64").rename_axis("code")


def mark(coverage: pd.DataFrame) -> pd.DataFrame:
    """The coverage as marks for tables: nothing, ~ compatible, † partial, – impossible, ? open."""
    return coverage.map(lambda said: MARKS.get(said, "?"))


def parse_map(written: str) -> dict[str, str]:
    """What a map makes of each code: '1=yes|2=no|*=!'.

    Raises ValueError where a part has no sign of equality or a code stands twice.
    """
    parts = [part.partition("=") for part in written.split("|") if part.strip()]
    if any(not sign for _, sign, _ in parts):
        raise ValueError("a part has no '='")
    said = {code.strip(): becomes.strip() for code, _, becomes in parts}
    if len(said) < len(parts):
        raise ValueError("a code stands twice")
    return said


def _variable(answers: pd.DataFrame, rule: pd.Series, where: str, walk: Crosswalk) -> pd.Series:
    """One regional variable, made by one row of the crosswalk."""
    if rule["rule"] == "impossible" or rule["status"] != "complete":
        return pd.Series("", index=answers.index)
    asked = rule["source_vars"].split()
    absent = [name for name in asked if name not in answers]
    if absent:
        cures = (suggestion(name, map(str, answers.columns)) for name in absent)
        raise ResearchError(
            Problem(f"{where}, column 'source_vars'", f"the survey has no question {name!r}", cure)
            for name, cure in zip(absent, cures, strict=True)
        )
    says, make = parse_map(rule["map"]), RULES[rule["rule"]]
    known = walk.known(rule["target"])
    given = list(answers[asked].itertuples(index=False, name=None)) or [()] * len(answers)
    made: dict[tuple[str, ...], str] = {}
    lost: Counter[str] = Counter()
    for told, count in Counter(given).items():
        try:
            made[told] = _known(make(told, says, int(rule["wave"])), known)
        except UnmappedError as code:
            lost[str(code)] += count
    if lost:
        raise ResearchError(_lost(code, n, rule, where) for code, n in lost.items())
    return pd.Series([made[told] for told in given], index=answers.index, dtype=str)


def _lost(code: str, answers: int, rule: pd.Series, where: str) -> Problem:
    what = f"{rule['country']}: {code!r} becomes nothing in {rule['target']!r} ({answers} answers)"
    return Problem(f"{where}, column 'map'", what, f"Say what it becomes: {code}=…, or {code}=")


def _known(code: str, known: set[str]) -> str:
    if known and code not in known:
        raise UnmappedError(code)
    return code


def _becomes(code: str, says: Says) -> str:
    """What a map makes of a code; no answer stays none."""
    if code == "":
        return ""
    found = says.get(code, says.get(OTHER, REFUSED))
    if found == REFUSED:
        raise UnmappedError(code)
    return found


def _copy(told: tuple[str, ...], _says: Says, _wave: int) -> str:
    return told[0]


def _recode(told: tuple[str, ...], says: Says, _wave: int) -> str:
    return _becomes(told[0], says)


def _band(told: tuple[str, ...], says: Says, _wave: int) -> str:
    """The band whose lower end is the greatest that the number reaches; codes may be named too."""
    code = told[0]
    if code == "" or code in says:
        return _becomes(code, says)
    ends = sorted(float(end) for end in says if _is_number(end))
    at = bisect_right(ends, float(code)) if _is_number(code) else 0
    if at == 0:
        return _becomes(code, says)
    return next(
        band for end, band in says.items() if _is_number(end) and float(end) == ends[at - 1]
    )


def _any_of(told: tuple[str, ...], says: Says, _wave: int) -> str:
    """Yes where one answer is; no where all are; else no answer."""
    each = [_becomes(code, says) if says else code for code in told]
    return YES if YES in each else NO if set(each) == {NO} else ""


def _all_of(told: tuple[str, ...], says: Says, _wave: int) -> str:
    """No where one answer is; yes where all are; else no answer."""
    each = [_becomes(code, says) if says else code for code in told]
    return NO if NO in each else YES if set(each) == {YES} else ""


def _first_of(told: tuple[str, ...], says: Says, _wave: int) -> str:
    first = next((code for code in told if code), "")
    return _becomes(first, says) if says else first


def _constant(_told: tuple[str, ...], says: Says, _wave: int) -> str:
    return says.get(OTHER, "")


def _age_from_year(told: tuple[str, ...], says: Says, wave: int) -> str:
    """Age in the year of the survey, from the year of birth; in bands where the map has them."""
    born = told[0]
    if born == "" or born in says:
        return _becomes(born, says)
    if not re.fullmatch(r"(18|19|20)\d\d", born) or int(born) > wave:
        return _becomes(born, {code: becomes for code, becomes in says.items() if code == OTHER})
    age = str(wave - int(born))
    return _band((age,), says, wave) if any(_is_number(code) for code in says) else age


Rule = Callable[[tuple[str, ...], Says, int], str]
RULES: dict[str, Rule] = {
    "copy": _copy,
    "recode": _recode,
    "band": _band,
    "any_of": _any_of,
    "all_of": _all_of,
    "first_of": _first_of,
    "constant": _constant,
    "age_from_year": _age_from_year,
}


def _is_number(code: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", code))


def _row_faults(walk: Crosswalk, study: Study) -> Iterator[Problem]:
    """What each row of the crosswalk says that cannot be."""
    keys = {country.key for country in study.countries}
    seen: set[tuple[str, str]] = set()
    for row, rule in walk.rows.iterrows():
        where = f"{walk.where}, row {row}"
        pair = (rule["target"], rule["country"])
        if rule["target"] not in walk.targets.index:
            cure = suggestion(rule["target"], map(str, walk.targets.index))
            yield Problem(where, f"{rule['target']!r} is not in targets.csv", cure)
        if rule["country"] not in keys:
            cure = suggestion(rule["country"], keys)
            yield Problem(where, f"{rule['country']!r} is no country here", cure)
        if pair in seen:
            yield Problem(where, f"{' in '.join(pair)} stands twice", "Take one of the rows out.")
        seen.add(pair)
        yield from _rule_faults(rule, where, walk)


def _rule_faults(rule: pd.Series, where: str, walk: Crosswalk) -> Iterator[Problem]:
    """A rule without what it needs, and codes that its map makes and no category has."""
    impossible = [rule[name] == "impossible" for name in ("rule", "status", "comparability")]
    if any(impossible) and not all(impossible):
        cure = "Say impossible in rule, status and comparability, or in none of them."
        yield Problem(where, "it is impossible in one column and not in another", cure)
    if rule["rule"] not in ("impossible", "constant") and not rule["source_vars"]:
        yield Problem(where, "it names no question", "Fill in 'source_vars'.")
    try:
        says = parse_map(rule["map"])
    except ValueError as error:
        yield Problem(f"{where}, column 'map'", str(error), "Write it so: 1=yes|2=no|*=!")
        return
    if rule["rule"] in NEEDS_MAP and not says:
        yield Problem(f"{where}, column 'map'", f"{rule['rule']} needs one", "1=yes|2=no|*=!")
    known = walk.known(rule["target"])
    for code in dict.fromkeys(says.values()):
        if known and code not in (known | {REFUSED}):
            what = f"{code!r} is no code of {rule['target']!r} in categories.csv"
            yield Problem(f"{where}, column 'map'", what, suggestion(code, known - {""}))


def _gaps(walk: Crosswalk) -> Iterator[Problem]:
    """A country that has rows must have one for every variable, even to say that it cannot."""
    there = set(zip(walk.rows["target"], walk.rows["country"], strict=True))
    for country in walk.rows["country"].drop_duplicates():
        for target in walk.targets.index:
            if (target, country) not in there:
                what = f"there is no row for {target!r} in {country}"
                cure = "Add one; where the survey cannot give it, with the rule impossible."
                yield Problem(walk.where, what, cure)
