"""The Protocol's definition as logic: what a described case shows, and what it leaves open.

In    what is known of a case: act, means, purpose, whether the person was a child, whether a
      border was crossed unlawfully for gain; each yes, no or unknown
Out   an `Assessment`: one of five outcomes, with its reasons

The one idea: unknown is not no. Trafficking of an adult is act and means and purpose, of a child
(under 18) act and purpose (Protocol, article 3 a, c, d); each is reckoned in Kleene's three
values, so that a person of unknown age is never taken for an adult, and a case that lacks an
answer is possible or insufficient, not refuted. Consent is not asked for: it is irrelevant where
any means was used (article 3 b). Nor is a border: movement across one is no element. And no
outcome says "victim": only a competent body decides that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

Known = bool | None  # None: not known
Outcome = Literal[
    "indicators_present",  # all that the definition asks for is there
    "possible",  # part of it is there, nothing it asks for is ruled out
    "insufficient",  # nothing it asks for is known to be there, or it is ruled out
    "smuggling_indicators",  # none of it is known, or it is ruled out; a border was crossed so
    "other_exploitation",  # ruled out, and exploitation is there
]


@dataclass(frozen=True)
class Assessment:
    """What a described case shows against the Protocol's definition."""

    outcome: Outcome
    trafficking: Known  # whether the definition is met
    smuggling: Known  # stands beside it: smuggling may turn into trafficking
    reasons: tuple[str, ...]


def all_of(*known: Known) -> Known:
    """Kleene's and: no if any is no, else unknown if any is unknown."""
    return reduce(
        lambda a, b: False if False in (a, b) else None if None in (a, b) else True, known
    )


def any_of(*known: Known) -> Known:
    """Kleene's or: yes if any is yes, else unknown if any is unknown."""
    return reduce(lambda a, b: True if True in (a, b) else None if None in (a, b) else False, known)


def is_trafficking(act: Known, means: Known, purpose: Known, child: Known) -> Known:
    """Whether the definition of article 3 is met; None where what is known cannot tell."""
    return all_of(act, purpose, any_of(means, child))


def assess(
    act: Known, means: Known, purpose: Known, child: Known, smuggling: Known = None
) -> Assessment:
    """Weigh what is known of a case against the definition.

    act        recruitment, transportation, transfer, harbouring or receipt
    means      force or its threat, coercion, abduction, fraud, deception, abuse of power or of
               vulnerability, payment to who has control over the person
    purpose    exploitation, done or intended
    child      under 18 at the time
    smuggling  unlawful entry into a state, procured for gain (Smuggling Protocol, article 3 a)
    """
    met = is_trafficking(act, means, purpose, child)
    reasons = tuple(_reasons(act, means, purpose, child, smuggling))
    return Assessment(_outcome(met, (act, means, purpose), smuggling), met, smuggling, reasons)


def _outcome(met: Known, elements: tuple[Known, Known, Known], smuggling: Known) -> Outcome:
    if met:
        return "indicators_present"
    if met is None and True in elements:
        return "possible"
    if elements[2]:
        return "other_exploitation"
    return "smuggling_indicators" if smuggling else "insufficient"


def _reasons(act: Known, means: Known, purpose: Known, child: Known, smuggling: Known) -> list[str]:
    told = [_told(name, known) for name, known in (("act", act), ("purpose", purpose))]
    if child:
        return [*told, "a child: no means is asked for", *_beside(smuggling)]
    told.append(_told("means", means))
    if child is None and not means:
        told.append("age not known: not taken for an adult")
    if means:
        told.append("consent is irrelevant where a means was used")
    return [*told, *_beside(smuggling)]


def _told(name: str, known: Known) -> str:
    return f"{name}: {'not known' if known is None else 'yes' if known else 'no'}"


def _beside(smuggling: Known) -> list[str]:
    return ["smuggling: yes; it may turn into trafficking"] if smuggling else []
