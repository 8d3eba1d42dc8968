"""Meetings: what was counted, recommended, promised and thought of a regional meeting.

In    the tables of a meeting's folder (evidence.DELEGATIONS, RECOMMENDATIONS, EVALUATION …)
Out   counts by head or actor; an evaluation in three bands with its valid n; remarks on it

The one idea: a rating by a few people is told as a share of those who answered, in bands wide
enough that nobody's cross can be recognised, with all that limits it said beside it.
"""

from __future__ import annotations

import pandas as pd

from ctresearch.evidence import ANSWERS

BANDS = {
    "excellent or very good": ("excellent", "very_good"),
    "good": ("good",),
    "fair or lower": ("fair", "less_than_fair", "poor", "very_poor"),
}
OVERALL = "overall"  # how the item that sums a meeting up is recognised


def counts(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows by a column's values, in the order they first stand in the table: `number`."""
    return table.groupby(column, sort=False).size().rename("number").to_frame()


def evaluation_bands(evaluation: pd.DataFrame) -> pd.DataFrame:
    """The answers to an evaluation form in three bands.

    evaluation  item: str; one column of whole numbers per rating (text or int), no_response
    returns     index `item`, in the form's order, with
        valid_n      int    people who rated the item
        <band>       int    of these, by band (BANDS)
        no_response  int    forms without a rating for it
        top_two      float  share of valid_n in the two highest ratings, 0 to 1
    """
    ratings = evaluation.set_index("item")[[*ANSWERS, "no_response"]].astype(int)
    bands = {band: ratings[list(columns)].sum(axis=1) for band, columns in BANDS.items()}
    table = pd.DataFrame(bands)
    valid = table.sum(axis=1)
    table.insert(0, "valid_n", valid)
    top_two = table["excellent or very good"] / valid
    return table.assign(no_response=ratings["no_response"], top_two=top_two)


def remarks(evaluation: pd.DataFrame, attended: int) -> pd.DataFrame:
    """What a reader of the evaluation must know before believing it.

    attended  people who attended, by the meeting's own report
    returns   columns `about` (the item, or "all") and `remark`, in a fixed order
    """
    bands = evaluation_bands(evaluation)
    forms = int((bands["valid_n"] + bands["no_response"]).max())
    found = [("all", _response(forms, attended)), ("all", DASHES), ("all", SCALE)]
    found += [
        (str(item), f"{int(row.valid_n)} of {forms} forms rate this item")
        for item, row in bands.iterrows()
        if row.valid_n < forms
    ]
    if (evaluation[[*ANSWERS]].astype(int) == 1).any(axis=None):
        found.append(("all", SINGLES))
    overall = bands.index.str.lower().str.contains(OVERALL)
    if overall.any() and bands.loc[overall, "top_two"].max() < bands.loc[~overall, "top_two"].min():
        found.append((str(bands.index[overall][0]), BELOW_PARTS))
    return pd.DataFrame(found, columns=["about", "remark"])


def _response(forms: int, attended: int) -> str:
    share = f"{forms / attended:.1%}"
    return (
        f"{forms} forms came back from {attended} who attended ({share}); how many were asked is"
        " not known, and those who answered chose to"
    )


DASHES = "A dash in the source is read as no answer of that kind, not as missing"
SCALE = "Three of seven ratings praise, and the order of the lower ones is open to doubt"
SINGLES = "Some ratings were given by one person, who could be recognised: shown in three bands"
BELOW_PARTS = "Rated below every part of the meeting: worth a remark, not a test"
