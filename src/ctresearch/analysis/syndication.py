"""Syndication: which articles are copies of one text.

In    the saved texts of media items, with the day each was published
Out   groups of copies as proposals; a person confirms them in the media log

The one idea: a copy shares long runs of words, however its editor cut it or headed it anew. Each
text is the set of its runs of five words; two belong together where the shorter shares more than a
fifth of its runs with the other (containment; Broder, On the resemblance and containment of
documents, 1997). Copies are grouped and counted both ways, never deleted.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

RUN = 5  # words
SHARED = 0.2  # of the shorter text's runs, above which two texts are copies
COMMON = 200  # a run in more texts than this is a formula, not a copied passage

Numbers = np.ndarray[Any, Any]


def copies(articles: pd.DataFrame) -> pd.DataFrame:
    """Propose which articles are copies of one text.

    articles  (articles)  id, published (text as known; "" where not), text
    returns   (articles)  one row per article that has copies: id, group (the id of its original),
              original (yes or no), shared (0 to 1: of its runs with the nearest copy), in order
              of group and publication; the original is the one published first
    """
    runs = _runs(articles["text"])
    pairs, alike = _pairs(runs, len(articles))
    near = alike > SHARED
    pairs, alike = pairs[near], alike[near]
    links = coo_array((alike, (pairs[:, 0], pairs[:, 1])), shape=(len(articles),) * 2)
    group = connected_components(links, directed=False)[1]
    nearest = np.zeros(len(articles))
    for side in (0, 1):
        np.maximum.at(nearest, pairs[:, side], alike)
    found = articles[["id", "published"]].assign(group=group, shared=nearest)
    found = found[nearest > SHARED]
    known = found["published"].replace("", "9999")
    found = found.assign(known=known).sort_values(["group", "known", "id"], kind="stable")
    first = found.groupby("group")["id"].transform("first")
    told = found.assign(group=first, original=np.where(found["id"] == first, "yes", "no"))
    return told[["id", "group", "original", "shared"]].reset_index(drop=True)


def _runs(texts: pd.Series) -> pd.DataFrame:
    """The distinct runs of words of each text, as numbers: columns text, run."""
    vocabulary: dict[str, int] = {}
    found = [_words(text, vocabulary) for text in texts]
    size = np.uint64(len(vocabulary) + 1)
    numbered = [np.unique(_hashed(words, size)) for words in found]
    at = np.repeat(np.arange(len(numbered)), [len(each) for each in numbered])
    return pd.DataFrame({"text": at, "run": np.concatenate([*numbered, np.empty(0, np.uint64)])})


def _words(text: str, vocabulary: dict[str, int]) -> Numbers:
    """A text as numbers of its words: small letters, no accents, no signs."""
    plain = unicodedata.normalize("NFD", text.casefold())
    words = re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c)))
    return np.array([vocabulary.setdefault(w, len(vocabulary)) for w in words], dtype=np.uint64)


def _hashed(words: Numbers, size: np.uint64) -> Numbers:
    """One number per run of words; a short text is one run."""
    count = max(len(words) - RUN + 1, min(len(words), 1))
    made = np.zeros(count, dtype=np.uint64)
    for at in range(min(RUN, len(words))):  # a polynomial modulo 2**64: the rare clash is harmless
        made = made * (size | np.uint64(1)) + words[at : at + count] + np.uint64(1)
    return made


def _pairs(runs: pd.DataFrame, texts: int) -> tuple[Numbers, Numbers]:
    """The pairs of texts that share a run, and the share of the shorter text's runs."""
    sizes = np.bincount(runs["text"], minlength=texts)
    held = runs.groupby("run")["text"].transform("size")
    kept = runs[(held > 1) & (held <= COMMON)].sort_values(["run", "text"])
    run, text = kept["run"].to_numpy(), kept["text"].to_numpy()
    shared = np.empty(0, dtype=np.int64)
    counts = np.empty(0, dtype=np.int64)
    for apart in range(1, COMMON):
        same = run[apart:] == run[:-apart]
        if not same.any():
            break
        made = text[:-apart][same] * texts + text[apart:][same]
        every = np.concatenate([shared, made])
        shared, at = np.unique(every, return_inverse=True)
        more = np.concatenate([counts, np.ones(len(made), dtype=np.int64)])
        counts = np.bincount(at, more, len(shared)).astype(np.int64)
    pairs = np.stack([shared // texts, shared % texts], axis=1)
    return pairs, counts / np.maximum(np.minimum(*sizes[pairs.T]), 1)
