"""The Protocol's definition, article 3, as a truth table with unknowns."""

from __future__ import annotations

from itertools import product

import pytest

from ctresearch.analysis.protocol import assess, is_trafficking

YES, NO, OPEN = True, False, None
ANY = (YES, NO, OPEN)


def completions(*known: bool | None) -> list[tuple[bool, ...]]:
    """Every case that what is known leaves open."""
    return list(product(*[(YES, NO) if one is OPEN else (one,) for one in known]))


def article_3(act: bool, means: bool, purpose: bool, child: bool) -> bool:
    """The definition where all is known."""
    return act and purpose if child else act and means and purpose


@pytest.mark.parametrize(("act", "means", "purpose", "child"), list(product(ANY, repeat=4)))
def test_it_is_decided_just_where_every_way_to_fill_in_the_unknown_agrees(
    act, means, purpose, child
):
    would = {article_3(*filled) for filled in completions(act, means, purpose, child)}

    expected = would.pop() if len(would) == 1 else None
    assert is_trafficking(act, means, purpose, child) is expected


def test_an_adult_needs_a_means():
    assert assess(YES, NO, YES, child=NO).outcome == "other_exploitation"


def test_a_child_needs_none():
    assert assess(YES, NO, YES, child=YES).outcome == "indicators_present"


def test_who_is_of_unknown_age_is_not_taken_for_an_adult():
    found = assess(YES, NO, YES, child=OPEN)

    assert found.outcome == "possible"
    assert "age not known: not taken for an adult" in found.reasons


def test_consent_is_said_to_be_irrelevant_where_a_means_was_used():
    assert "consent is irrelevant where a means was used" in assess(YES, YES, YES, NO).reasons


def test_a_border_crossed_for_gain_without_exploitation_is_smuggling():
    assert assess(YES, NO, NO, child=NO, smuggling=YES).outcome == "smuggling_indicators"


def test_a_border_crossed_for_gain_of_which_nothing_else_is_known_is_smuggling():
    assert assess(OPEN, OPEN, OPEN, child=NO, smuggling=YES).outcome == "smuggling_indicators"


def test_smuggling_that_turned_into_trafficking_is_both():
    found = assess(YES, YES, YES, child=NO, smuggling=YES)

    assert (found.outcome, found.smuggling) == ("indicators_present", True)


def test_where_nothing_is_known_the_case_is_insufficient():
    assert assess(OPEN, OPEN, OPEN, child=OPEN).outcome == "insufficient"


@pytest.mark.parametrize("case", list(product(ANY, repeat=5)))
def test_no_outcome_says_victim(case):
    assert "victim" not in " ".join([assess(*case).outcome, *assess(*case).reasons])
