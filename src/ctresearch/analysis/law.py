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

from ctresearch.evidence import PROTOCOL

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
    rows = law[(law["fact"] == fact) & ((law["date"] != "") | (law["value"] != ""))]
    if fact in TREATY_FACTS:
        rows = rows[(rows["instrument"] == PROTOCOL) & (rows["date"] != "")]
    return None if rows.empty else rows.sort_values("grade", kind="stable").iloc[0]


def in_force_by(law: pd.DataFrame, day: str) -> bool | None:
    """Whether the Protocol was in force for the country on a day; None where no row can tell."""
    known = status(law, "in_force")
    if known is None:
        return None
    date = str(known["date"])
    return None if day.startswith(date) and len(date) < len(day) else date <= day


def matrix(laws: Mapping[str, pd.DataFrame], facts: Mapping[str, str]) -> pd.DataFrame:
    """What is known of each fact in each country: '2003 (C)', a conflict marked with '≠'.

    laws     law tables by the country's name      facts  how a fact is printed, by fact
    returns  index `country`, a column per printed fact
    """
    rows = {name: {p: _cell(law, fact) for fact, p in facts.items()} for name, law in laws.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*facts.values()]).rename_axis(
        "country"
    )


def _cell(law: pd.DataFrame, fact: str) -> str:
    best = status(law, fact)
    if best is None:
        return UNKNOWN
    mark = f" {CONFLICT}" if fact in set(conflicts(law)["fact"]) else ""
    return f"{best['date'] or best['value']} ({best['grade']}){mark}"


def _agree(said: list[str]) -> bool:
    """Whether every pair tells the same as far as the shorter goes."""
    longest = max(said, key=len)
    return all(longest.startswith(one) for one in said)
