"""Erlang's formulas: how long work waits for a team, where arrivals are random and even, and nobody gives up.

Times are in seconds, rates per second; the load is in people who would be busy without a pause (arrivals × handling).
"""

import math

PEOPLE_LIMIT = 1000


def busy_ratio(people: int, load: float) -> float:
    """Erlang B: the share of arrivals that find all `people` busy, were nobody allowed to wait."""
    ratio = 1.0
    for number in range(1, people + 1):
        ratio = load * ratio / (number + load * ratio)
    return ratio


def wait_ratio(people: int, load: float) -> float:
    """Erlang C: the share of arrivals that wait at all; 1 where the team cannot keep up."""
    if load >= people:
        return 1.0
    blocked = busy_ratio(people, load)
    return blocked / (1 - (load / people) * (1 - blocked))


def mean_wait_seconds(people: int, *, per_second: float, handling_seconds: float) -> float:
    """The mean time until somebody takes it, over all arrivals; infinite where the team cannot keep up."""
    load = per_second * handling_seconds
    if load >= people:
        return math.inf
    return wait_ratio(people, load) * handling_seconds / (people - load)


def accepted_ratio(people: int, *, per_second: float, handling_seconds: float, within_seconds: float) -> float:
    """The share of arrivals that somebody takes within `within_seconds`."""
    load = per_second * handling_seconds
    if load >= people:
        return 0.0
    return 1 - wait_ratio(people, load) * math.exp(-(people - load) * within_seconds / handling_seconds)


def people_needed(ratio: float, *, per_second: float, handling_seconds: float, within_seconds: float) -> int | None:
    """The fewest people with whom `ratio` (0–1) of the arrivals is taken in time; None beyond PEOPLE_LIMIT."""
    for people in range(1, PEOPLE_LIMIT + 1):
        accepted = accepted_ratio(
            people, per_second=per_second, handling_seconds=handling_seconds, within_seconds=within_seconds
        )
        if accepted >= ratio:
            return people
    return None
