"""What is wrong with a document that a manager wrote: the place, what to do, and how bad it is."""

import difflib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

LONGEST_WORD = 200
WORDS_LIMIT = 1000
COMPARED_LIMIT = 30


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
    word = word[:LONGEST_WORD]
    nearest = difflib.get_close_matches(word, _alike(word, list(known)[:WORDS_LIMIT]), n=1, cutoff=0.6)
    return f", did you mean {nearest[0]}?" if nearest else ""


def _alike(word: str, known: list[str]) -> list[str]:
    """The few that share most pairs of letters with `word`: comparing all of them exactly takes far too long."""
    if len(known) <= COMPARED_LIMIT:
        return known
    pairs = _pairs(word)
    return heapq.nlargest(COMPARED_LIMIT, known, key=lambda other: len(pairs & _pairs(other)) / (len(other) + 1))


@lru_cache(maxsize=4 * WORDS_LIMIT)
def _pairs(word: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(word)))
