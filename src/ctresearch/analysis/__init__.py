"""Analysis: pure functions, frames in and frames out; one module a stream.

Nothing here reads a file, knows a country or rounds a number. What may be shown is decided once, in
`disclosure`, before a notebook shows a table.
"""

from __future__ import annotations

import re

import pandas as pd


def printed(table: pd.DataFrame, *columns: str, **headings: str) -> pd.DataFrame:
    """The table as a report prints it: these columns in this order.

    columns   columns that keep their name; a level of the index counts as a column
    headings  further columns, each with the heading it is printed under

    `_` in the name of a code (social_services) becomes a blank.
    """
    flat = table.reset_index()[[*columns, *headings]].reset_index(drop=True)
    texts: list[str] = [*flat.select_dtypes("str")]
    for column in texts:
        flat[column] = flat[column].str.replace("_", " ")
    return flat.rename(columns=headings)


def short(words: str) -> str:
    """Words as the name of a finding: 'control.documents_withheld' → 'control-documents-withheld'"""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
