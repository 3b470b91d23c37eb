"""How many people a role needs: the same arrivals simulated with more and more of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handoffs.rules.simulation import Arrival, ClockRules, Simulation, Team
from handoffs.rules.working import WorkTime

PEOPLE_LIMIT = 400


@dataclass(frozen=True, kw_only=True)
class Staffing:
    """The share (0–1) that is accepted in time with so many people."""

    people: int
    accepted_ratio: float


class Staffer:
    """Asks for one role, on its own: nothing moves up and nothing is cut off, so that what waits is seen to wait."""

    def __init__(
        self, arrivals: Sequence[Arrival], team: Team, time: WorkTime, *, within_seconds: int, seed: int
    ) -> None:
        self.arrivals, self.team, self.time, self.seed = arrivals, team, time, seed
        self.rules = ClockRules(accept_seconds=within_seconds)
        self.known: dict[int, float] = {}

    def accepted_ratio(self, people: int) -> float:
        """The share accepted in time with `people`."""
        if people not in self.known:
            self.known[people] = self._simulated(people)
        return self.known[people]

    def needed(self, ratio: float) -> int | None:
        """The fewest people with whom `ratio` (0–1) is accepted in time; None where even PEOPLE_LIMIT are too few."""
        upper = 1
        while self.accepted_ratio(upper) < ratio:
            if upper >= PEOPLE_LIMIT:
                return None
            upper = min(upper * 2, PEOPLE_LIMIT)
        lower = upper // 2
        while upper - lower > 1:
            middle = (lower + upper) // 2
            lower, upper = (lower, middle) if self.accepted_ratio(middle) >= ratio else (middle, upper)
        return upper

    def curve(self, *, around: int, points: int = 9) -> list[Staffing]:
        """The shares with some fewer and some more people than `around`."""
        first = max(1, around - points // 2)
        return [
            Staffing(people=people, accepted_ratio=self.accepted_ratio(people))
            for people in range(first, first + points)
        ]

    def _simulated(self, people: int) -> float:
        if not self.arrivals:
            return 1.0
        role = self.arrivals[0].role
        teams = {role: replace(self.team, people=people)}
        return Simulation(teams, self.rules, self.time, seed=self.seed).run(self.arrivals)[role].accepted_ratio
