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

# What findings say, by what they are about; and names of codes.
WORDS: dict[str, Any] = tomllib.loads(
    (resources.files("ctresearch") / "analysis" / "words.toml").read_text(encoding="utf-8")
)


def printed(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table as a report prints it: these columns in this order.

    columns   "sector", or "informants: key informants" for one that is printed under a heading; a
              level of the index counts as a column

    `_` in the name of a code (social_services) becomes a blank.
    """
    headings = {name: heading or name for name, _, heading in (c.partition(": ") for c in columns)}
    flat = table.reset_index()[list(headings)].reset_index(drop=True)
    texts: list[str] = [*flat.select_dtypes("str")]
    for column in texts:
        flat[column] = flat[column].str.replace("_", " ")
    return flat.rename(columns=headings)


def short(words: str) -> str:
    """Words as the name of a finding: 'control.threat_of_deportation' → 'control-threat-of-…'"""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def in_words(names: Iterable[str]) -> str:
    """Names as a list in a sentence: 'debt, threats and isolation'; "" for none."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last
