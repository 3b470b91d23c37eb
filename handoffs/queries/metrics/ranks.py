"""Exact percentiles of many sorted lists at once, without merging them."""

import math
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat

SORTED_COUNT = 1_000
"""So few values are sorted outright."""
SAMPLE_FACTOR = 10
"""A sample has so many times the square root of what it is of: as much work as what it then leaves to be sorted."""
WIDER = 4
SHORT_COUNT = 32
"""Lists that are shorter than this on average are put in order together: to look into each of them takes longer."""
BYTES = 8
"""What a packed number takes."""


def packed(values: Iterable[int]) -> bytes:
    """Whole numbers as the database keeps them: eight bytes each, as its own `int8send` writes them."""
    found = array("q", values)
    if sys.byteorder == "little":
        found.byteswap()
    return found.tobytes()


def unpacked(kept: bytes | memoryview) -> "array[int]":
    """What `packed` made of them."""
    found = array("q")
    found.frombytes(kept)
    if sys.byteorder == "little":
        found.byteswap()
    return found


class Runs:
    """Many sorted lists, one after the other."""

    def __init__(self) -> None:
        self.values: array[int] = array("q")
        self._ends = [0]

    def add(self, values: Sequence[int], counts: Sequence[int]) -> None:
        """Put lists to them that follow each other in `values` and are so long."""
        if len(values) < SHORT_COUNT * len(counts):
            values, counts = array("q", sorted(values)), [len(values)]
        self.values.extend(values)
        for count in counts:
            if count:
                self._ends.append(self._ends[-1] + count)

    @classmethod
    def of(cls, several: Iterable["Runs"]) -> "Runs":
        """All the lists of several."""
        found = cls()
        for runs in several:
            found._ends += [len(found.values) + end for end in runs._ends[1:]]
            found.values.extend(runs.values)
        return found

    def percentiles(self, parts: Sequence[float]) -> tuple[float, ...]:
        """PostgreSQL's `percentile_cont` at each of `parts` (0–1) over all values together; none where nothing is."""
        last = len(self.values) - 1
        if last < 0:
            return ()
        places = [math.modf(part * last) for part in parts]
        if last < SORTED_COUNT:
            in_order = sorted(self.values)
            return tuple(_between(in_order, int(rank), over) for over, rank in places)
        sample = sorted(self.values[:: math.isqrt(last) // SAMPLE_FACTOR + 1])
        return tuple(self._at(int(rank), over, sample) for over, rank in places)

    def _at(self, rank: int, over: float, sample: Sequence[int]) -> float:
        """What lies `over` a rank, in the part of each list about its place in the sample, wide enough to hold it."""
        begins, next_rank = self._ends[:-1], min(rank + 1, len(self.values) - 1)
        middle, margin = rank * len(sample) // len(self.values), math.isqrt(min(len(begins), len(sample))) * 3 // 2 + 2
        while True:
            starts = self._places(bisect_left, sample[middle - margin]) if middle >= margin else begins
            in_reach = middle + margin < len(sample)
            ends = self._places(bisect_right, sample[middle + margin]) if in_reach else self._ends[1:]
            below, until = sum(starts) - sum(begins), sum(ends) - sum(begins)
            if below <= rank and next_rank < until:
                within = map(self.values.__getitem__, map(slice, starts, ends))
                return _between(sorted(chain.from_iterable(within)), rank - below, over)
            margin *= WIDER

    def _places(self, bisect: Callable[..., int], value: int) -> list[int]:
        return list(map(bisect, repeat(self.values), repeat(value), self._ends, self._ends[1:]))


def _between(in_order: Sequence[int], rank: int, over: float) -> float:
    low = in_order[rank]
    return low + over * (in_order[rank + 1] - low) if over else float(low)
