"""Problems: what is wrong in a person's files, where, and how to mend it.

In    anything that read a file and found it wanting
Out   `Problem`s, raised together as one `ResearchError`

The one idea: a researcher with forty bad rows mends the file once. So a step looks at everything
before it refuses, and each problem names its place, says what is wrong in the reader's words and
offers a cure. What a person can mend is a `ResearchError`; any other exception is our own bug and
keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Problem:
    """One thing a person can mend."""

    where: str  # research/countries/suriname/codings/SUR-KI-03.ap.jsonl, line 12, code
    what: str  # 'recruitment.deceit' is not a code in instruments/codebook.toml
    fix: str  # Did you mean 'recruitment.deception'?

    def __str__(self) -> str:
        return f"{self.where}\n  {self.what}\n  → {self.fix}"


class ResearchError(Exception):
    """Everything a step found wrong in the files it was given; never empty."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Problems:
    """Collects the problems of a step and raises them at its end."""

    found: list[Problem] = field(default_factory=list)

    def add(self, where: str, what: str, fix: str) -> None:
        """Note one problem and go on."""
        self.found.append(Problem(where, what, fix))

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Take in the problems of a part of the step, so that the next part still runs."""
        try:
            yield
        except ResearchError as error:
            self.found.extend(error.problems)

    def raise_any(self) -> None:
        """End the step: raise what was found, if anything was."""
        if self.found:
            raise ResearchError(self.found)


def refuse(where: str, what: str, fix: str) -> ResearchError:
    """One problem as an error: `raise refuse(where, what, fix)`."""
    return ResearchError([Problem(where, what, fix)])


def worded(
    where: str, words: Mapping[str, str], known: Iterable[str] = (), **said: object
) -> Problem:
    """A problem in words that are kept in a table: `what` and `fix`, with {holes} for what is said.

    known   what {name} could have been; the nearest of them fills {near}, and the table's `none`
            does where there is not one
    """
    choices = list(known)
    nothing = words.get("none", "Take it out.").format(**said)
    said["near"] = suggestion(str(said.get("name")), choices) if choices else nothing
    return Problem(where, words["what"].format(**said), words["fix"].format(**said))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be; None when nothing is close."""
    spelt = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(word.casefold(), spelt, n=1, cutoff=0.6)
    return spelt[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """The cure for an unknown word: the nearest known one, or the list of them."""
    words = sorted(set(known))
    close = nearest(word, words)
    if close is not None:
        return f"Did you mean {close!r}?"
    listed = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    return f"Known here: {listed}." if words else "Nothing is known here yet."
