"""Themes: what key informants spoke of, counted by informant.

In    interviews  one row per interview       (evidence.INTERVIEWS), those that may be counted
      turns       one row per interview turn  (evidence.TURNS)
      segments    one row per coded segment   (coding.SEGMENTS)
      codebook    the codes and their tree    (instruments.Codebook)
Out   tables keyed by code or sector, for `findings` and `charts`

A theme counts once per informant however often it is mentioned: informants were few and
purposefully chosen, so a talkative one must not weigh more than a quiet one. Nothing here reads a
file, knows a country or rounds a number; rounding and suppression happen once, in `disclosure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctresearch.analysis import WORDS, in_words, short
from ctresearch.instruments import Codebook
from ctresearch.problems import Problems, suggestion
from ctresearch.values import Band

Ints = NDArray[np.int64]
OF_CHILDREN = (  # codes that speak of children alone
    *("persons.girls", "persons.boys", "exploitation.child_labour"),
    *("recruitment.child_placement", "vulnerability.children_left_behind"),
)
AGES = {"persons.women": "adult", "persons.men": "adult"} | dict.fromkeys(OF_CHILDREN, "child")


def of(frame: pd.DataFrame, interviews: pd.DataFrame) -> pd.DataFrame:
    """The rows of a frame (turns, segments) that belong to these interviews."""
    return frame[frame["interview"].isin(set(interviews["id"]))]


def theme_table(turns: pd.DataFrame, segments: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Count, for each code, the informants who raised it.

    A segment counts for its code and for every ancestor: `recruitment.deception` is also
    evidence of `recruitment`.

    turns      (turns)     turn: str, informant: str
    segments   (segments)  turn: str, code: str
    returns    (codes)     index `code`, in codebook order, with
        informants  int    distinct informants who raised it; 0 to all interviewed (unit: informant)
        segments    int    segments coded so, descendants included (unit: segment)

    Raises ResearchError naming each turn or code that is unknown.
    """
    raised = _raised(turns, segments, codebook).groupby("counted")
    table = pd.DataFrame({"informants": raised["informant"].nunique(), "segments": raised.size()})
    return table.reindex(list(codebook.by_id), fill_value=0).rename_axis("code")


def raising_any(turns: pd.DataFrame, segments: pd.DataFrame, codes: Iterable[str]) -> int:
    """How many informants raised at least one of `codes` or of what lies below them."""
    roots = tuple(codes)
    below = tuple(f"{root}." for root in roots)
    meant = segments["code"].isin(roots) | segments["code"].str.startswith(below)
    return int(turns.loc[turns["turn"].isin(segments.loc[meant, "turn"]), "informant"].nunique())


def sector_table(
    interviews: pd.DataFrame, turns: pd.DataFrame, segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Informants by sector and head of the codebook.

    returns  (sectors)  index `sector`, columns `interviewed` and one per head of the codebook, in
             its order: distinct informants of the sector who raised it (unit: informant)
    """
    heads = [code.id for code in codebook.codes if not code.ancestors]
    interviewed = interviews.groupby("sector")["id"].nunique().rename("interviewed")
    sector = interviews.set_index("id")["sector"]
    raised = _raised(turns, segments, codebook).drop_duplicates(["counted", "informant"])
    table = pd.crosstab(raised["interview"].map(sector), raised["counted"])
    table = table.reindex(index=interviewed.index, columns=heads, fill_value=0)
    table.columns.name = None
    return table.assign(interviewed=interviewed)[["interviewed", *heads]]


def codes_by_sector(
    interviews: pd.DataFrame, turns: pd.DataFrame, segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Informants by code and sector.

    returns  (codes)  index `code`, the codes of `in_use`; a column per sector: distinct informants
             who raised it or what lies below it (unit: informant)
    """
    sector = interviews.set_index("id")["sector"]
    raised = _raised(turns, segments, codebook).drop_duplicates(["counted", "informant"])
    table = pd.crosstab(raised["counted"], raised["interview"].map(sector))
    table.columns.name = None
    sectors = sorted(sector.unique())
    codes = in_use(segments, codebook)
    return table.reindex(index=codes, columns=sectors, fill_value=0).rename_axis("code")


def case_matrix(
    interviews: pd.DataFrame, segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Segments by interview and code.

    returns  (interviews)  index `interview`, a column per code of `in_use`: segments coded exactly
             so, 0 or more (unit: segment); `> 0` makes it a table of yes and no
    """
    _reject_unknown(segments, "code", set(codebook.by_id))
    table = pd.crosstab(segments["interview"], segments["code"])
    table.columns.name = None
    columns = in_use(segments, codebook)
    return table.reindex(index=[*interviews["id"]], columns=columns, fill_value=0).rename_axis(
        "interview"
    )


def cooccurrence(segments: pd.DataFrame) -> pd.DataFrame:
    """Codes that the same coder gave to the same words.

    segments  (segments)  interview, coder, code, start, end; of as many coders as there are: words
              that two coders coded apart do not make their codes meet
    returns   (pairs)     index coder, code, other (of two codes the first by name is `code`), with
        segments    int   pairs of segments that overlap (unit: segment)
        interviews  int   interviews in which they do (unit: informant)
    """
    coder, coders = pd.factorize(segments["coder"], sort=True)
    code, codes = pd.factorize(segments["code"], sort=True)
    text = pd.factorize(segments["interview"])[0] * len(coders) + coder
    start, end = (segments[of].to_numpy(dtype=np.int64) for of in ("start", "end"))
    one, other = _overlapping(text, start, end)
    many = len(codes)
    low, high = np.minimum(code[one], code[other]), np.maximum(code[one], code[other])
    met, times = np.unique(
        ((text[one] * many + low) * many + high)[low != high], return_counts=True
    )
    pair = met // many**2 % max(len(coders), 1) * many**2 + met % many**2
    pairs, nth, interviews = np.unique(pair, return_inverse=True, return_counts=True)
    found = {"segments": np.bincount(nth, times, len(pairs)).astype(int), "interviews": interviews}
    named = (
        coders.take(pairs // many**2),
        codes.take(pairs // many % many),
        codes.take(pairs % many),
    )
    index = pd.MultiIndex.from_arrays(named, names=["coder", "code", "other"])
    return pd.DataFrame(found, index=index)


def _overlapping(text: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Rows of spans of one text that overlap, as pairs: sorted by start, those are neighbours."""
    order = np.argsort(text * (start.max(initial=0) + 1) + start)
    text, start, end = text[order], start[order], end[order]
    pairs, row, step = [np.zeros(0, dtype=np.int64)], np.arange(len(text)), 0
    nexts = [pairs[0]]
    while len(row):
        step += 1
        row = row[: np.searchsorted(row, len(text) - step)]
        row = row[(text[row + step] == text[row]) & (start[row + step] < end[row])]
        pairs.append(order[row])
        nexts.append(order[row + step])
    return np.concatenate(pairs), np.concatenate(nexts)


def saturation(interviews: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """How many codes each further interview brought, in the order of their months and ids.

    returns  (interviews)  index `interview`, with
        date_month  str  as in interviews.csv
        codes       int  distinct codes in it
        new         int  of these, in no earlier one; where it stays 0, more interviews of the kind
                         would bring little (Guest, Bunce and Johnson 2006, Field Methods 18: 59-82)
        found       int  distinct codes so far
    """
    held = interviews.sort_values(["date_month", "id"]).set_index("id")["date_month"]
    place = segments["interview"].map({one: n for n, one in enumerate(held.index)})
    seen = segments.assign(place=place).dropna(subset="place").sort_values("place")
    seen = seen.drop_duplicates(["interview", "code"])
    first = seen[~seen["code"].duplicated()]
    counts = {"codes": seen.groupby("interview").size(), "new": first.groupby("interview").size()}
    table = (
        pd.DataFrame({"date_month": held, **counts}).reindex(held.index).rename_axis("interview")
    )
    table = table.fillna({"codes": 0, "new": 0}).astype({"codes": int, "new": int})
    return table.assign(found=table["new"].cumsum())


def in_use(segments: pd.DataFrame, codebook: Codebook) -> list[str]:
    """The codes a table shows, in codebook order: those in use, and retired ones that were used.

    A code that was merged is never there: `coding` counts it as the one that took it in.
    """
    used = set(segments["code"])
    return [of.id for of in codebook.codes if of.id in used or not (of.retired or of.merged_into)]


def counted_by(interviews: pd.DataFrame, traits: list[str]) -> pd.DataFrame:
    """Informants by traits of their interview: index `traits`, column `informants`, sorted."""
    return interviews.groupby(traits)["id"].nunique().rename("informants").to_frame()


def labelled(table: pd.DataFrame, codebook: Codebook, language: str = "en") -> pd.DataFrame:
    """Rows of a theme table with their label: index `code`, columns `theme` and `informants`."""
    labels = [codebook.label(str(code), language) for code in table.index]
    return table.assign(theme=labels)[["theme", "informants"]]


def branch(table: pd.DataFrame, codebook: Codebook, *parents: str) -> pd.DataFrame:
    """What lies under these codes, in codebook order, labelled; the codes themselves left out."""
    below = tuple(f"{parent}." for parent in parents)
    return labelled(table[table.index.str.startswith(below)], codebook)


def leading(
    table: pd.DataFrame, codebook: Codebook, *parents: str, steps: Sequence[int]
) -> pd.DataFrame:
    """The children of these codes, labelled, the highest band first; of a band in codebook order.

    steps   lower ends of the bands: the order tells no more than the bands do
    """
    rows = branch(table, codebook, *parents)
    rows = rows[rows.index.str.count(r"\.") == 1]
    reach = rows["informants"].map(lambda n: sum(low <= n for low in steps))
    return rows.loc[reach.sort_values(ascending=False, kind="stable").index]


def claims(shown: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What a finding may say of each code, as fields of `findings.Finding` but for id and country.

    shown    `labelled` rows of the whole codebook, made safe: `informants` are bands
    yields   name ('control.documents_withheld' → 'control-documents-withheld'), says, values,
             rests_on, age_scope (R4)
    """
    for code, row in shown.iterrows():
        below = shown[shown.index.str.startswith(f"{code}.")]
        named = foremost(below["theme"], below["informants"])
        said = WORDS["themes"]["above-all" if named else "alike"].format(themes=named)
        about = WORDS["heads"].get(str(code), f"“{row['theme']}”")
        yield {
            "name": short(str(code)),
            "says": WORDS["themes"]["theme" if "." in str(code) else "head"],
            "values": {**dict(row), "about": about, "foremost": said},
            "rests_on": (f"themes.csv#{code}",),
            "age_scope": AGES.get(str(code), "unknown"),
        }


def totals(shown: pd.DataFrame, fieldwork: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a finding may say of how many were asked and spoke of children, as `claims` does.

    shown      index: interviews, own-definition, children; `informants` are bands
    fieldwork  what else may be said of the interviews, by name
    """
    for about, informants in shown["informants"].items():
        yield {
            "name": about,
            "says": WORDS["themes"][about],
            "values": {**fieldwork, "informants": informants},
            "rests_on": (f"totals.csv#{about}",),
            "age_scope": "child" if about == "children" else "unknown",
        }


def foremost(themes: Iterable[str], informants: Iterable[Band], most: int = 4) -> str:
    """The labels that stand out, as a list in words; "" where none does.

    Bands are taken whole, the highest first, while no more than `most` labels are in them: of
    themes in one band none stands out from the others.
    """
    pairs = sorted(zip(themes, informants, strict=True), key=lambda pair: -pair[1].low)
    named: list[str] = []
    for low, band in groupby(pairs, key=lambda pair: pair[1].low):
        labels = [theme for theme, _ in band]
        if low == 0 or len(named) + len(labels) > most:
            break
        named += labels
    return in_words(label[:1].lower() + label[1:] for label in named)


def _raised(turns: pd.DataFrame, segments: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """One row per segment and code it counts for, with who spoke: turn, interview, informant."""
    _reject_unknown(segments, "turn", set(turns["turn"]))
    _reject_unknown(segments, "code", set(codebook.by_id))
    lineage = pd.DataFrame(
        [(code.id, counted) for code in codebook.codes for counted in (*code.ancestors, code.id)],
        columns=["code", "counted"],
    )
    speakers = turns[["turn", "interview", "informant"]]
    return segments[["turn", "code"]].merge(lineage, on="code").merge(speakers, on="turn")


def _reject_unknown(segments: pd.DataFrame, column: str, known: set[str]) -> None:
    problems = Problems()
    for word in sorted(set(segments[column]) - known):
        what = f"{word!r} is not a {column} of this study"
        problems.add(f"segments, column {column!r}", what, suggestion(word, known))
    problems.raise_any()
