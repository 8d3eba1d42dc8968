"""Media: what the press of a country printed, by article and by story.

In    media   one row per article found, or per search that found nothing   (evidence.MEDIA)
Out   tables of articles, copies and cases

The one idea: one story printed five times is one story. Syndicated copies are grouped, never
deleted, and everything is counted both ways: `articles` with copies, `stories` without. A court
case or an event is a unit of its own, for many articles may tell of one.
"""

from __future__ import annotations

import pandas as pd


def found(media: pd.DataFrame) -> pd.DataFrame:
    """The articles: rows for searches without a hit left out."""
    return media[media["relevance"] != "zero_hits"]


def relevant(media: pd.DataFrame) -> pd.DataFrame:
    """The articles judged to be about trafficking in persons, copies included."""
    return media[media["relevance"] == "relevant"]


def copies(media: pd.DataFrame) -> pd.Series[bool]:
    """For each row, whether it repeats a story that another row holds."""
    return (media["syndication"] != "") & (media["original"] != "yes")


def flow(media: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """From what was retrieved to what was coded.

    by       a column of the log (outlet, outlet_type, language), "month", or None for the whole
    returns  index `by` (or "all"), with, in articles unless said,
        retrieved  int   articles found
        relevant   int   judged relevant
        copies     int   of the relevant, those that repeat another
        stories    int   relevant without copies; relevant - copies
        coded      int   relevant with a form of exploitation coded
        cases      int   distinct court cases or events the relevant tell of (unit: case)
    """
    rows = found(media)
    kept = rows["relevance"] == "relevant"
    copied = kept & copies(rows)
    marks = pd.DataFrame(
        {
            "retrieved": 1,
            "relevant": kept,
            "copies": copied,
            "stories": kept & ~copied,
            "coded": kept & (rows["exploitation"] != ""),
        },
        index=rows.index,
    ).astype(int)
    group = _group(rows, by)
    cases = rows["case"].where(kept & (rows["case"] != "")).groupby(group).nunique()
    return marks.groupby(group).sum().assign(cases=cases)


def by_month(media: pd.DataFrame) -> pd.DataFrame:
    """Relevant articles a month, months without any included.

    returns  index `month` (YYYY-MM), columns `stories` and `copies` (unit: article)
    """
    table = flow(relevant(media), "month")[["stories", "copies"]]
    if table.empty:
        return table
    every = pd.period_range(table.index.min(), table.index.max(), freq="M").astype(str)
    return table.reindex(every, fill_value=0).rename_axis("month")


def forms(media: pd.DataFrame, column: str = "exploitation") -> pd.DataFrame:
    """Relevant articles by what they tell of; an article may tell of several forms.

    column   the coded column; several values in one cell are separated by spaces
    returns  index `column`, most stories first, with
        articles  int   copies included (unit: article)
        stories   int   copies left out (unit: article)
        cases     int   distinct court cases or events (unit: case)
    """
    rows = relevant(media)
    long = rows.assign(copied=copies(rows), **{column: rows[column].str.split()}).explode(column)
    long = long[long[column].notna()]
    group = long.groupby(column)
    table = pd.DataFrame(
        {
            "articles": group.size(),
            "stories": (~long["copied"].astype(bool)).groupby(long[column]).sum(),
            "cases": long["case"].replace("", None).groupby(long[column]).nunique(),
        }
    ).astype(int)
    return table.sort_values("stories", ascending=False, kind="stable")


def _group(rows: pd.DataFrame, by: str | None) -> pd.Series[str]:
    """What each row is counted under."""
    if by is None:
        return pd.Series("all", index=rows.index, name="media")
    return rows["published"].str[:7].rename("month") if by == "month" else rows[by]
