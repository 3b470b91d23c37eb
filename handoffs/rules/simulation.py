"""How long handoffs would wait for given people: a discrete-event simulation, the same for the same seed.

Whoever is free takes the most urgent handoff of their role, the oldest first. What nobody took moves up the chain of
the policy, and what is not decided by its cut-off is decided by the clock. Time runs in the hours in which people work.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from handoffs.rules import draws
from handoffs.rules.working import WorkTime

REPLICATIONS = 5
T_VALUES = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Student's t at 97.5 % for so many replications; beyond them the normal 1.96 is near enough."""
NORMAL_97_5 = 1.96
LEAVE, FINISH = 0, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One handoff: when it opens, in microseconds since 1970, with which role, and how urgent (larger is more)."""

    at: int
    role: str
    priority: int = 20


@dataclass(frozen=True, kw_only=True)
class Team:
    """So many people, and how long one of them needs: as measured (`samples`), else random with that mean."""

    people: int
    handling_seconds: float
    samples: tuple[float, ...] = ()

    def draw(self, seed: int, place: int) -> float:
        """How long handoff number `place` takes."""
        if self.samples:
            return self.samples[int(draws.uniform(seed, place) * len(self.samples))]
        return draws.exponential(self.handling_seconds, seed, place)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A step of the chain: what nobody accepted `after_seconds` goes to another role."""

    after_seconds: int
    role: str
    priority: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClockRules:
    """What the clock does, in seconds of the SLA's calendar since the opening; None where there is no limit."""

    accept_seconds: int | None = None
    resolve_seconds: int | None = None
    cut_off_seconds: int | None = None
    moves: tuple[Move, ...] = ()


@dataclass(kw_only=True)
class Load:
    """What happened to the handoffs that reached one role; waits are from the opening on, in seconds of work."""

    role: str
    people: int
    arrived: int = 0
    taken_in_time: int = 0
    resolved_late: int = 0
    moved_up: int = 0
    cut_off: int = 0
    never: int = 0
    busy_seconds: float = 0.0
    span_seconds: float = 0.0
    waiting: int = 0
    longest_queue: int = 0
    waits: list[float] = field(default_factory=list, repr=False)

    @property
    def mean_wait_seconds(self) -> float:
        """The mean wait of those taken."""
        return fmean(self.waits) if self.waits else 0.0

    @property
    def accepted_ratio(self) -> float:
        """The share of what reached the role that somebody took in time."""
        return self.taken_in_time / self.arrived if self.arrived else 1.0

    @property
    def busy_ratio(self) -> float:
        """The share (0–1) of the people's time that the work took."""
        able = self.people * self.span_seconds
        return min(self.busy_seconds / able, 1.0) if able else 0.0

    def wait_seconds_at(self, share: float) -> float:
        """The wait that `share` (0–1) of those taken did not exceed."""
        ordered = sorted(self.waits)
        return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else 0.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over replications, give or take half the width of its 95 % interval."""

    mean: float
    half_width: float = 0.0


@dataclass(slots=True)
class _Item:
    place: int
    role: str
    priority: int
    opened_at: float
    accept_by: float
    resolve_by: float
    cut_off_at: float
    moves: tuple[tuple[float, Move], ...]
    waits: bool = False

    def leaves_at(self) -> float:
        return min(self.moves[0][0] if self.moves else math.inf, self.cut_off_at)


class Simulation:
    """One run over arrivals in their order."""

    def __init__(self, teams: Mapping[str, Team], rules: ClockRules, time: WorkTime, *, seed: int) -> None:
        self.teams, self.rules, self.time, self.seed = teams, rules, time, seed
        self.free = {role: team.people for role, team in teams.items()}
        self.queues: dict[str, list[tuple[int, float, int, _Item]]] = {}
        self.loads: dict[str, Load] = {}
        self.events: list[tuple[float, int, int, _Item]] = []
        self.number = 0

    def run(self, arrivals: Sequence[Arrival]) -> dict[str, Load]:
        """What comes of the arrivals, by role; goes on until everything is over."""
        span = self.time.worked(arrivals[-1].at) - self.time.worked(arrivals[0].at) if arrivals else 0.0
        for place, arrival in enumerate(arrivals):
            item = self._item(place, arrival)
            self._happen_until(item.opened_at)
            self._arrive(item.opened_at, item)
        self._happen_until(math.inf)
        for load in self.loads.values():
            load.never, load.span_seconds = load.waiting, span
        return self.loads

    def _item(self, place: int, arrival: Arrival) -> _Item:
        at, rules, worked = arrival.at, self.rules, self.time.worked(arrival.at)
        due = self.time.due
        return _Item(
            place=place,
            role=arrival.role,
            priority=arrival.priority,
            opened_at=worked,
            accept_by=due(rules.accept_seconds, at, worked),
            resolve_by=due(rules.resolve_seconds, at, worked),
            cut_off_at=due(rules.cut_off_seconds, at, worked),
            moves=tuple((due(move.after_seconds, at, worked), move) for move in rules.moves),
        )

    def _happen_until(self, moment: float) -> None:
        while self.events and self.events[0][0] <= moment and self.events[0][0] < math.inf:
            at, _, kind, item = heapq.heappop(self.events)
            if kind == FINISH:
                self._take_next(at, item.role)
            elif item.waits and item.leaves_at() <= at:
                self._leave(at, item)

    def _arrive(self, at: float, item: _Item) -> None:
        load = self._load(item.role)
        load.arrived += 1
        if self.free.get(item.role, 0) and item.cut_off_at > at:
            self._take(at, item)
            return
        item.waits = True
        load.waiting += 1
        load.longest_queue = max(load.longest_queue, load.waiting)
        self.number += 1
        heapq.heappush(self.queues.setdefault(item.role, []), (-item.priority, item.opened_at, self.number, item))
        if item.leaves_at() < math.inf:
            self._push(max(item.leaves_at(), at), LEAVE, item)

    def _take(self, at: float, item: _Item) -> None:
        load, handling = self._load(item.role), self.teams[item.role].draw(self.seed, item.place)
        self.free[item.role] -= 1
        load.waits.append(at - item.opened_at)
        load.taken_in_time += at <= item.accept_by
        ends_at = min(at + handling, item.cut_off_at)
        load.cut_off += at + handling > item.cut_off_at
        load.resolved_late += ends_at > item.resolve_by
        load.busy_seconds += ends_at - at
        self._push(ends_at, FINISH, item)

    def _take_next(self, at: float, role: str) -> None:
        self.free[role] += 1
        queue = self.queues.get(role, [])
        while queue:
            item = heapq.heappop(queue)[-1]
            if item.waits and item.role == role:
                item.waits = False
                self._load(role).waiting -= 1
                self._take(at, item)
                return

    def _leave(self, at: float, item: _Item) -> None:
        load = self._load(item.role)
        item.waits = False
        load.waiting -= 1
        if item.cut_off_at <= at:
            load.cut_off += 1
            load.resolved_late += item.resolve_by < item.cut_off_at
            return
        (_, move), *rest = item.moves
        load.moved_up += 1
        item.moves = tuple(rest)
        item.role, item.priority = move.role, move.priority or item.priority
        self._arrive(at, item)

    def _push(self, at: float, kind: int, item: _Item) -> None:
        self.number += 1
        heapq.heappush(self.events, (at, self.number, kind, item))

    def _load(self, role: str) -> Load:
        if role not in self.loads:
            self.loads[role] = Load(role=role, people=self.teams[role].people if role in self.teams else 0)
        return self.loads[role]


def replicate(
    arrivals: Sequence[Arrival],
    teams: Mapping[str, Team],
    rules: ClockRules,
    time: WorkTime,
    *,
    seed: int,
    replications: int = REPLICATIONS,
) -> list[dict[str, Load]]:
    """The same arrivals with other chances in handling times, each by a seed of its own."""
    seeds = range(seed, seed + replications)
    return [Simulation(teams, rules, time, seed=each).run(arrivals) for each in seeds]


def estimate(values: Iterable[float]) -> Estimate:
    """The mean of independent values with the half width of its 95 % interval (Student's t)."""
    found = list(values)
    if len(found) < 2:
        return Estimate(mean=fmean(found) if found else 0.0)
    spread = stdev(found) / math.sqrt(len(found))
    return Estimate(mean=fmean(found), half_width=T_VALUES.get(len(found), NORMAL_97_5) * spread)
