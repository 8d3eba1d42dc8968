"""Copies of one text are found however an editor cut them; what only sounds alike is not."""

from __future__ import annotations

import os
import random
from itertools import combinations

import pandas as pd

from ctresearch.analysis.syndication import copies

ARTICLES = 5000 if os.environ.get("CTRESEARCH_COUNTS") == "full" else 800
WORDS = [f"w{n}" for n in range(6000)]
OFTEN = [1 / (n + 5) for n in range(6000)]
FORMULA = "the police said on monday that an investigation into the matter was under way"
STORY = (
    "Two women from Colombia told the court in Paramaribo that the owner of a bar had kept their"
    " passports and most of what they earned for a year before they were able to leave"
)


def frame(**texts: str) -> pd.DataFrame:
    rows = [(name, "", text) for name, text in texts.items()]
    return pd.DataFrame(rows, columns=["id", "published", "text"])


def written(chance: random.Random) -> list[list[str]]:
    """An article: paragraphs of words, now and then with a formula that every desk uses."""
    paragraphs = [chance.choices(WORDS, OFTEN, k=chance.randint(30, 80)) for _ in range(7)]
    return [*paragraphs, FORMULA.split()] if chance.random() < 0.5 else paragraphs


def edited(chance: random.Random, article: list[list[str]]) -> list[list[str]]:
    """A copy: cut, paragraphs moved, words replaced, a new opening."""
    kept = article[: max(2, round(len(article) * chance.uniform(0.4, 1)))]
    kept = chance.sample(kept, len(kept)) if chance.random() < 0.3 else kept
    rate = chance.choice([0, 0.02, 0.05, 0.1, 0.15])
    body = [[chance.choice(WORDS) if chance.random() < rate else w for w in p] for p in kept]
    return [chance.choices(WORDS, OFTEN, k=20), *body]


def pairs(groups: dict[str, str]) -> set[tuple[str, ...]]:
    by_group: dict[str, list[str]] = {}
    for one, group in groups.items():
        by_group.setdefault(group, []).append(one)
    return {pair for each in by_group.values() for pair in combinations(sorted(each), 2)}


def test_of_many_articles_with_edited_copies_all_but_one_in_a_hundred_are_found_and_no_others():
    chance = random.Random(7)
    texts: list[tuple[str, str]] = []
    while len(texts) < ARTICLES:
        article, story = written(chance), f"S{len(texts)}"
        copied = chance.randint(1, 6) if chance.random() < 0.25 else 0
        every = [article, *(edited(chance, article) for _ in range(copied))]
        texts += [(story, " ".join(w for p in each for w in p)) for each in every]
    articles = frame(**{f"A{n:05}": text for n, (_, text) in enumerate(texts)})
    found = copies(articles)

    true = pairs({f"A{n:05}": story for n, (story, _) in enumerate(texts)})
    told = pairs(dict(zip(found["id"], found["group"], strict=True)))
    assert len(told & true) / len(told) >= 0.99
    assert len(told & true) / len(true) >= 0.99


def test_the_one_published_first_is_the_original():
    articles = frame(late=STORY, early=STORY.upper(), undated=STORY)
    articles["published"] = ["2005-02-03", "2005-02", ""]

    assert copies(articles)[["id", "group", "original"]].to_numpy().tolist() == [
        ["early", "early", "yes"],
        ["late", "early", "no"],
        ["undated", "early", "no"],
    ]


def test_accents_and_signs_make_no_difference():
    told = STORY.replace("bar", "bár").replace(" ", ", ")

    assert set(copies(frame(a=STORY, b=told))["group"]) == {"a"}


def test_another_story_with_the_same_formula_is_no_copy():
    chance = random.Random(3)
    texts = [" ".join([*chance.choices(WORDS, k=90), FORMULA]) for _ in range(4)]

    assert copies(frame(**{f"t{n}": text for n, text in enumerate(texts)})).empty


def test_nothing_and_next_to_nothing_have_no_copies():
    assert copies(frame(a="", b="", c="Raid.")).empty
    assert copies(frame()).empty
