"""Triangulation: how many independent streams say the same.

In    a table of claims by stream: how many sources of each stream support it
Out   the same claims with the streams that support them and the level reached

The one idea: many voices of one stream are one stream. Ten articles on one court case, or ten
informants who were asked in the same way, may share one error; two streams seldom do.
"""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

from ctresearch.analysis import in_words

Level = Literal["none", "reported", "corroborated"]
STREAMS = ("interview", "media", "survey", "legal", "literature", "admin")


def level(streams: int) -> Level:
    """The level that this many independent streams reach (R5)."""
    if streams == 0:
        return "none"
    return "reported" if streams == 1 else "corroborated"


def triangulate(support: pd.DataFrame) -> pd.DataFrame:
    """What each claim rests on, and how far that carries it.

    support  (claims)  index: claim; a column per stream: independent sources, 0 or more
    returns  (claims)  same index, with
        streams  str   streams with at least one source, separated by spaces, in STREAMS order
        level    str   none, reported (one stream) or corroborated (two or more)
    """
    there = support[[stream for stream in STREAMS if stream in support]] > 0
    streams = there.apply(lambda row: [stream for stream in row.index if row[stream]], axis=1)
    return pd.DataFrame(
        {"streams": streams.map(" ".join), "level": streams.map(len).map(level)},
        index=support.index,
    )


def across(claims: pd.DataFrame) -> pd.DataFrame:
    """What countries have in common: where each claim reaches which level.

    claims   one row per claim and country: finding, claim, country, level
    returns  index `finding`, in the order of `claims`: claim, then for each level the countries in
             words, and `countries`: how many corroborate it
    """
    table = claims[["finding", "claim"]].drop_duplicates().set_index("finding")
    for reached in get_args(Level):
        places = claims[claims["level"] == reached].groupby("finding")["country"]
        table[reached] = places.agg(in_words).reindex(table.index, fill_value="no country")
    corroborated = claims["level"] == "corroborated"
    return table.assign(countries=corroborated.groupby(claims["finding"]).sum())
