"""Values: what a finding says in figures, typed by what it counts.

In    counts of people, articles or provisions; estimates from a survey with a design; dates
Out   `Band`, `Count`, `Share`, `Estimate`, `When`, `Withheld`: frozen values, and their words

The one idea: a number never travels without its unit, and a value becomes words only at the gate,
in the language of the report. What may be shown is decided in `disclosure`, never here.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

Design = Literal["purposive", "probability", "census", "admin"]

WORDS = {
    "en": {"range": "{low} to {high}", "open": "{low} or more", "none": "none", "held": "withheld"},
    "es": {
        "range": "{low} a {high}",
        "open": "{low} o más",
        "none": "ninguno",
        "held": "reservado",
    },
}
# `es` writes 1.234,5 and the Spanish of the region 1,234.5, so the number locale is set apart.
LOCALES = {"en": "en", "es": "es_419"}
DATES = {  # a day, a month, a year
    "en": ("d MMMM y", "MMMM y", "y"),
    "es": ("d 'de' MMMM 'de' y", "MMMM 'de' y", "y"),
}


@dataclass(frozen=True, order=True)
class Band:
    """A count of people shown as a range, both ends included; (0, 0) is none."""

    low: int
    high: int | None  # None: open, as in 20 or more
    unit: str = "informant"

    def __str__(self) -> str:
        return say(self, "en")


@dataclass(frozen=True, order=True)
class Count:
    """A number of things that may be shown as counted."""

    n: int
    unit: str  # article, case, country, provision, …: a unit of study.toml's thresholds

    def __str__(self) -> str:
        return say(self, "en")


@dataclass(frozen=True)
class Share:
    """A part of a whole; for people only from a design that allows it."""

    part: int
    whole: int
    unit: str
    design: Design

    def __str__(self) -> str:
        return say(self, "en")


@dataclass(frozen=True)
class Estimate:
    """An estimate from a survey with a design: a proportion (0 to 1) with its interval."""

    value: float  # 0 to 1
    low: float  # lower end of the 95 % interval, 0 to 1
    high: float
    n: int  # respondents who answered
    unit: str
    design: Design

    def __str__(self) -> str:
        return say(self, "en")


@dataclass(frozen=True, order=True)
class When:
    """A date as far as it is known."""

    date: str  # YYYY, YYYY-MM or YYYY-MM-DD

    def __str__(self) -> str:
        return say(self, "en")


@dataclass(frozen=True)
class Withheld:
    """A value that may not be shown."""

    unit: str
    why: str  # below 10 respondents

    def __str__(self) -> str:
        return say(self, "en")


Value = Band | Count | Share | Estimate | When | Withheld


def say(value: Value | str, language: str) -> str:
    """The value in words: 'Band(5, 9)' is '5 to 9', an estimate '41% (36% to 46%)'."""
    words = WORDS.get(language, WORDS["en"])
    match value:
        case Band(low=0, high=0):
            return words["none"]
        case Band(low=low, high=None):
            return words["open"].format(low=low)
        case Band(low=low, high=high):
            return words["range"].format(low=low, high=high)
        case Count(n=n):
            return whole(n, language)
        case Share(part=part, whole=base):
            return percent(part / base, language)
        case Estimate(value=middle, low=low, high=high):
            ends = words["range"].format(low=percent(low, language), high=percent(high, language))
            return f"{percent(middle, language)} ({ends})"
        case When(date=date):
            return dated(date, language)
        case Withheld():
            return words["held"]
        case str():
            return value


def whole(n: int, language: str) -> str:
    """A whole number as the report language groups it: 1,200."""
    from babel.numbers import format_decimal

    return str(format_decimal(n, locale=LOCALES.get(language, language)))


def percent(share: float, language: str) -> str:
    """A share of 0 to 1 as a whole percentage: 41%."""
    from babel.numbers import format_percent

    return str(format_percent(share, locale=LOCALES.get(language, language)))


def dated(date: str, language: str) -> str:
    """A date as known, in words: 17 February 2010, February 2010 or 2010."""
    from babel.dates import format_date

    missing = 2 - date.count("-")  # 2: a mere year, 1: a month
    day = datetime.date.fromisoformat(date + "-01" * missing)
    form = DATES.get(language, DATES["en"])[missing]
    return str(format_date(day, form, locale=LOCALES.get(language, language)))


def pack(value: Value | str) -> Any:
    """The value as JSON keeps it: {"band": {"low": 5, …}}; text as it is."""
    return value if isinstance(value, str) else {type(value).__name__.lower(): vars(value)}


def unpack(kept: Any) -> Value | str:
    """The value that `pack` kept."""
    if isinstance(kept, str):
        return kept
    ((name, fields),) = kept.items()
    kinds = {kind.__name__.lower(): kind for kind in (Band, Count, Share, Estimate, When, Withheld)}
    return kinds[name](**fields)
