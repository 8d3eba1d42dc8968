"""Meetings: what was counted, recommended, promised and thought of a regional meeting.

In    the tables of a meeting's folder (evidence.DELEGATIONS, RECOMMENDATIONS, EVALUATION …)
Out   counts by head or actor; an evaluation in three bands with its valid n; remarks on it

The one idea: a rating by a few people is told as a share of those who answered, in bands wide
enough that nobody's cross can be recognised, with all that limits it said beside it.
"""

from __future__ import annotations

import pandas as pd

from ctresearch.analysis import WORDS, short
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


def sizes(
    delegations: pd.DataFrame,
    statements: pd.DataFrame,
    recommendations: pd.DataFrame,
    commitments: pd.DataFrame,
    evaluation: pd.DataFrame,
) -> dict[str, int]:
    """Everything that is counted of a meeting, by name.

    returns  delegations, presentations, statements (and by status), recommendations (heads,
             not_all, and by theme: on_victims), commitments (and by actor: by_iom), forms
    """
    countries = delegations[delegations["kind"] == "country"]
    told = {
        "delegations": len(countries),
        "presentations": int((countries["presented"] == "yes").sum()),
        "statements": len(statements),
        "recommendations": len(recommendations),
        "heads": recommendations["theme"].nunique(),
        "not_all": int((recommendations["consensus"] == "not_all").sum()),
        "commitments": len(commitments),
        "forms": int(evaluation["forms"].max()),
    }
    parts = (
        ("", statements["status"]),
        ("on ", recommendations["theme"]),
        ("by ", commitments["actor"]),
    )
    for prefix, column in parts:
        for value, n in column.value_counts().items():
            told[short(f"{prefix}{value}").replace("-", "_")] = int(n)
    return told


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
    bands, words = evaluation_bands(evaluation), WORDS["remarks"]
    forms = int((bands["valid_n"] + bands["no_response"]).max())
    share = f"{forms / attended:.1%}"
    found = [("all", words["response"].format(forms=forms, attended=attended, share=share))]
    found += [("all", words["dashes"]), ("all", words["scale"])]
    found += [
        (str(item), words["left_open"].format(valid=int(n), forms=forms))
        for item, n in bands["valid_n"].items()
        if n < forms
    ]
    if (evaluation[[*ANSWERS]].astype(int) == 1).any(axis=None):
        found.append(("all", words["singles"]))
    whole = bands.index.str.lower().str.contains(OVERALL)
    if whole.any() and bands.loc[whole, "top_two"].max() < bands.loc[~whole, "top_two"].min():
        found.append((str(bands.index[whole][0]), words["below_parts"]))
    return pd.DataFrame(found, columns=["about", "remark"])
