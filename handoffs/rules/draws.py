"""Chance that can be repeated: numbers that depend on nothing but a seed and a place in the stream.

The generator is splitmix64 (Steele, Lea and Flood, 2014). Draw number n does not need the draws before it, so two
simulations that differ in one thing see the same chance in all others.
"""

import math

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def uniform(seed: int, place: int) -> float:
    """A number in [0, 1), evenly spread over places."""
    state = (seed * 0xD1342543DE82EF95 + (place + 1) * STEP) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return ((state ^ (state >> 31)) >> 11) / (1 << 53)


def exponential(mean: float, seed: int, place: int) -> float:
    """A duration with that mean and no memory."""
    return -mean * math.log1p(-uniform(seed, place))
