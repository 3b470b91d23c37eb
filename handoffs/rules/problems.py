"""What is wrong with a document that a manager wrote: the place, what to do, and how bad it is."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake: `place` such as `triggers[1].when.field`, `message` saying what is wrong and what to do."""

    place: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConditionInvalid(Exception):
    """A condition cannot be used; `problems` says where and why."""

    code = "condition_invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Misfit(Exception):
    """A piece of a condition does not fit; `place` is relative to where the caller is reading.

    In an expression `offset` is the character that it is about.
    """

    def __init__(self, message: str, *, place: str = "", offset: int | None = None) -> None:
        self.message = message
        self.place = place
        self.offset = offset
        super().__init__(message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean data.price?` for the nearest of `known`, or an empty string if none is near."""
    nearest = difflib.get_close_matches(word[:200], list(known)[:1000], n=1, cutoff=0.6)
    return f", did you mean {nearest[0]}?" if nearest else ""
