"""Law: what is known of each country's law, how surely, and where sources disagree.

In    law   one fact a row; conflicting rows are kept   (evidence.LAW)
Out   statuses with date and grade, conflicts, and the matrix of countries by fact

The one idea: a legal fact is a claim with a source and a grade (A seen in a primary source, B
derived from one, C only the year or month seen, D from memory). The best graded stands in front,
the others are shown beside it, and nothing is averaged, dropped or filled in.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ctresearch.analysis import in_words
from ctresearch.evidence import PROTOCOL
from ctresearch.values import Count, Value

TREATY_FACTS = ("signature", "deposit", "in_force")
UNKNOWN = "not known"
CONFLICT = "≠"  # marks a fact on which sources disagree


def conflicts(law: pd.DataFrame) -> pd.DataFrame:
    """The rows about a fact for which sources give different dates or values.

    A date that is merely less exact (2003 beside 2003-09-26) is no conflict.
    """
    rows = law[~law["fact"].isin(["law", "statement"])]
    if rows.empty:
        return rows
    told = rows["date"].where(rows["date"] != "", rows["value"])
    disagree = told.groupby([rows["fact"], rows["instrument"]]).transform(
        lambda said: not _agree(list(said))
    )
    return rows[disagree.astype(bool)].sort_values(["fact", "instrument", "grade"], kind="stable")


def in_dispute(law: pd.DataFrame) -> str:
    """The facts on which sources disagree, in words: 'deposit, in force'; "" for none."""
    return ", ".join(conflicts(law)["fact"].str.replace("_", " ").drop_duplicates())


def status(law: pd.DataFrame, fact: str) -> pd.Series | None:
    """The best graded row about a fact, the first of equals; None where nothing is known.

    fact   signature, deposit and in_force are those of the Trafficking Protocol
    """
    rows = _graded(law, fact)
    return None if rows.empty else rows.iloc[0]


def standing(laws: Mapping[str, pd.DataFrame], day: str) -> pd.DataFrame:
    """Where each country stood on a day, as far as the sources tell: yes, no or not known.

    returns  index `country`; signed and in_force (of the Protocol), national_law (dated by then),
             disputed (sources disagree on a fact)
    """
    told = {
        "signed": [_held(law, "signature", day) for law in laws.values()],
        "in_force": [_held(law, "in_force", day) for law in laws.values()],
        "national_law": [_held(law, "law", day) for law in laws.values()],
        "disputed": ["yes" if in_dispute(law) else "no" for law in laws.values()],
    }
    return pd.DataFrame(told, index=pd.Index(laws, name="country"))


def tallies(standing: pd.DataFrame) -> dict[str, dict[str, Value | str]]:
    """What a finding may say of each column of `standing`: countries, names, all, unknown."""
    told: dict[str, dict[str, Value | str]] = {}
    for fact, answers in standing.items():
        sure, unsure = answers.index[answers == "yes"], answers.index[answers == UNKNOWN]
        sizes = {"countries": len(sure), "all": len(answers), "unknown": len(unsure)}
        counts = {name: Count(n, "country") for name, n in sizes.items()}
        told[str(fact)] = {**counts, "names": in_words(sure) or "none"}
    return told


def matrix(laws: Mapping[str, pd.DataFrame], facts: Mapping[str, str]) -> pd.DataFrame:
    """What is known of each fact in each country: '2003 (C)', a conflict marked with '≠'.

    laws     law tables by the country's name      facts  how a fact is printed, by fact
    returns  index `country`, a column per printed fact
    """
    rows = [[_cell(law, fact) for fact in facts] for law in laws.values()]
    return pd.DataFrame(rows, columns=[*facts.values()], index=pd.Index(laws, name="country"))


def _graded(law: pd.DataFrame, fact: str) -> pd.DataFrame:
    """The rows that tell of a fact, the best graded first."""
    rows = law[(law["fact"] == fact) & ((law["date"] != "") | (law["value"] != ""))]
    if fact in TREATY_FACTS:
        rows = rows[(rows["instrument"] == PROTOCOL) & (rows["date"] != "")]
    return rows.sort_values("grade", kind="stable")


def _held(law: pd.DataFrame, fact: str, day: str) -> str:
    """Whether a fact held on a day; a mere year or month that holds the day does not tell.

    Of several laws the first counts, of several dates of a treaty the best graded.
    """
    dates = [date for date in _graded(law, fact)["date"] if date]
    if not dates:
        return UNKNOWN
    date = min(dates) if fact == "law" else dates[0]
    if day.startswith(date) and len(date) < len(day):
        return UNKNOWN
    return "yes" if date <= day else "no"


def _cell(law: pd.DataFrame, fact: str) -> str:
    rows = _graded(law, fact)
    if rows.empty:
        return UNKNOWN
    denied = fact == "law" and (rows["date"] == "").any() and len(rows) > 1
    mark = f" {CONFLICT}" if denied or fact in set(conflicts(law)["fact"]) else ""
    return f"{rows.iloc[0]['date'] or rows.iloc[0]['value']} ({rows.iloc[0]['grade']}){mark}"


def _agree(said: list[str]) -> bool:
    """Whether every pair tells the same as far as the shorter goes."""
    longest = max(said, key=len)
    return all(longest.startswith(one) for one in said)
