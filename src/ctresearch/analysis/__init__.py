"""Analysis: pure functions, frames in and frames out; one module a stream.

Nothing here reads a file, knows a country or rounds a number. What may be shown is decided once, in
`disclosure`, before a notebook shows a table.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Any

import pandas as pd

from ctresearch.values import When

# What findings say, by what they are about; and names of codes.
WORDS: dict[str, Any] = tomllib.loads(
    (resources.files("ctresearch") / "analysis" / "words.toml").read_text(encoding="utf-8")
)

DATE = r"\b\d{4}-(?:0[1-9]|1[0-2])(?:-\d\d)?\b"  # with its month at least


def printed(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table as a report prints it: these columns in this order.

    columns   "sector", or "informants: key informants" for one that is printed under a heading; a
              level of the index counts as a column

    `_` in the name of a code (social_services) becomes a blank, the key of a source its name in
    words.toml, a date (2005-03-14) one in words; what heads a row begins with a capital.
    """
    headings = {name: heading or name for name, _, heading in (c.partition(": ") for c in columns)}
    flat = table.reset_index()[list(headings)].reset_index(drop=True)
    sources = {rf"\b{key}\b": name for key, name in WORDS["sources"].items()}
    texts: list[str] = [*flat.select_dtypes("str")]
    for column in texts:
        words = flat[column].str.replace("_", " ").replace(sources, regex=True)
        flat[column] = words.str.replace(DATE, lambda date: str(When(date[0])), regex=True)
    if texts and texts[0] == flat.columns[0]:
        flat[texts[0]] = flat[texts[0]].str[:1].str.upper() + flat[texts[0]].str[1:]
    return flat.rename(columns=headings)


def short(words: str) -> str:
    """Words as the name of a finding: 'control.threat_of_deportation' → 'control-threat-of-…'"""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def in_words(names: Iterable[str]) -> str:
    """Names as a list in a sentence: 'debt, threats and isolation'; "" for none."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last
