"""Exact percentiles of many sorted lists at once, without merging them."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

GATHERED_COUNT = 4_000
"""So few values are sorted outright."""
SAMPLED_COUNT = 4_000
MARGIN = 100
"""How far from its place in the sample a rank is looked for: some three standard deviations."""
Sorted = Sequence[int]


def packed(values: Iterable[int]) -> bytes:
    """Sorted whole numbers as the database keeps them."""
    return array("q", values).tobytes()


def unpacked(kept: bytes | memoryview) -> "array[int]":
    """What `packed` made of them."""
    found = array("q")
    found.frombytes(kept)
    return found


def percentiles(lists: Iterable[Sorted], parts: Iterable[float]) -> tuple[float, ...]:
    """PostgreSQL's `percentile_cont` at each of `parts` (0–1) over all values together; none where nothing is."""
    ranks = Ranks([one for one in lists if one])
    return tuple(ranks.at(part * (ranks.count - 1)) for part in parts) if ranks.count else ()


class Ranks:
    """The values of many sorted lists by their rank among all of them.

    A sample says between which values a rank should lie, counting by bisection whether it does; from there on the
    range of values is halved until few are left to sort.
    """

    def __init__(self, lists: Sequence[Sorted]) -> None:
        self.lists = lists
        self.count = sum(map(len, lists))
        self._sample = sorted(_every(self.count // SAMPLED_COUNT + 1, lists))

    def at(self, place: float) -> float:
        """The value at a place between two ranks, in proportion."""
        rank = math.floor(place)
        low = self.ranked(rank)
        return low + (place - rank) * (self._after(rank, low) - low) if place > rank else float(low)

    def ranked(self, rank: int) -> int:
        """The value that has `rank` smaller or equal ones before it."""
        low, high, below, until = self._bracket(rank)
        while low < high and until - below > GATHERED_COUNT:
            middle = (low + high) // 2
            reached = self._count_to(middle)
            if reached > rank:
                high, until = middle, reached
            else:
                low, below = middle + 1, reached
        if low == high:
            return low
        within = (one[bisect_left(one, low) : bisect_right(one, high)] for one in self.lists)
        return sorted(chain.from_iterable(within))[rank - below]

    def _bracket(self, rank: int) -> tuple[int, int, int, int]:
        """The least and greatest value that it can be, and how many are below the one and up to the other."""
        place, last = rank * len(self._sample) // self.count, len(self._sample) - 1
        low, high = self._sample[max(place - MARGIN, 0)], self._sample[min(place + MARGIN, last)]
        below, until = self._count_to(low - 1), self._count_to(high)
        if below <= rank < until:
            return low, high, below, until
        return min(one[0] for one in self.lists), max(one[-1] for one in self.lists), 0, self.count

    def _count_to(self, value: int) -> int:
        return sum([bisect_right(one, value) for one in self.lists])

    def _after(self, rank: int, value: int) -> int:
        """The value of the next rank after `rank`, which is that of `value`."""
        places = [bisect_right(one, value) for one in self.lists]
        if sum(places) > rank + 1:
            return value
        return min(one[place] for one, place in zip(self.lists, places, strict=True) if place < len(one))


def _every(stride: int, lists: Iterable[Sorted]) -> Iterator[int]:
    """Every so many-th value of the lists one after the other."""
    first = 0
    for one in lists:
        yield from one[first::stride]
        first = (first - len(one)) % stride
