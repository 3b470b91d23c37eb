"""Which handoffs a figure is about: the window in the viewer's zone, the filters, and what groups them."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Case, DateTimeField, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import TruncDay, TruncHour, TruncMonth, TruncWeek

from handoffs.choices import PRIORITY_RANKS, Priority
from handoffs.models import HandoffFact, Workflow

UTMOST_BARS = 62
"""A chart with more bars than these is drawn by the next longer stretch of time."""
STRETCHES: Mapping[str, tuple[Any, timedelta]] = {
    "hour": (TruncHour, timedelta(hours=1)),
    "day": (TruncDay, timedelta(days=1)),
    "week": (TruncWeek, timedelta(weeks=1)),
    "month": (TruncMonth, timedelta(days=31)),
}
GROUPS: Mapping[str, str] = {
    "workflow": "workflow__key",
    "policy": "policy_number",
    "trigger": "trigger",
    "role": "role__name",
    "outcome": "outcome",
    "priority": "priority",
    "person": "decided_by_id",
}
"""What figures can be broken down by beside `week`, and the column that says it."""
BREAKDOWNS = (*GROUPS, "week")


Span = tuple[datetime, datetime]
"""The half-open stretch between two moments."""


def inside(column: str, spans: Iterable[Span]) -> Q:
    """The condition that a time lies in one of the spans."""
    found = Q()
    for start, end in spans:
        found |= Q(**{f"{column}__gte": start, f"{column}__lt": end})
    return found or Q(pk__in=[])


@dataclass(frozen=True, kw_only=True)
class Window:
    """The half-open stretch [start, end) of a viewer in `zone`."""

    start: datetime
    end: datetime
    zone: tzinfo

    @property
    def before(self) -> "Window":
        """The window of the same length that ends where this one begins: as many days of the viewer's calendar."""
        local_start, local_end = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        length = local_end.replace(tzinfo=None) - local_start.replace(tzinfo=None)
        earlier = (local_start.replace(tzinfo=None) - length).replace(tzinfo=self.zone)
        return replace(self, start=earlier, end=self.start)

    @property
    def stretch(self) -> str:
        """`hour`, `day`, `week` or `month`: the shortest by which the window makes a readable chart."""
        length = self.end - self.start
        fitting = (name for name, (_, each) in STRETCHES.items() if length / each <= UTMOST_BARS)
        return next(fitting, "month")

    def steps(self, stretch: str) -> list[datetime]:
        """The beginnings of every stretch that the window touches, the first one cut off by it or not."""
        at, found = self._floor(stretch), []
        while at < self.end:
            found.append(at)
            at = self._next(at, stretch)
        return found

    def bounds(self, stretch: str) -> list[datetime]:
        """Where those stretches begin inside of it: the first with the window itself."""
        return [self.start, *self.steps(stretch)[1:]]

    def step(self, stretch: str, at: datetime) -> "Window":
        """The part of the window inside the stretch that begins at `at`."""
        return replace(self, start=max(self.start, at), end=min(self.end, self._next(at, stretch)))

    def _floor(self, stretch: str) -> datetime:
        local = self.start.astimezone(self.zone).replace(minute=0, second=0, microsecond=0)
        if stretch == "hour":
            return local
        day = local.replace(hour=0)
        if stretch == "week":
            return _at(day.date() - timedelta(days=day.weekday()), self.zone)
        return _at(day.date().replace(day=1) if stretch == "month" else day.date(), self.zone)

    def _next(self, at: datetime, stretch: str) -> datetime:
        local = at.astimezone(self.zone)
        if stretch == "hour":
            return (at + timedelta(hours=1)).astimezone(self.zone)
        if stretch == "month":
            return _at((local.date().replace(day=28) + timedelta(days=4)).replace(day=1), self.zone)
        return _at(local.date() + timedelta(days=7 if stretch == "week" else 1), self.zone)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A window and what narrows it. `workflow_ids` is what the viewer may see at all; the rest are their filters.

    `people` are the ids of those whom the viewer manages; None where they may see everybody's figures.
    """

    window: Window
    workflow_ids: frozenset[uuid.UUID]
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    people: frozenset[int] | None = None

    def over(self, window: Window) -> "Scope":
        """The same for another window."""
        return replace(self, window=window)

    def narrowed(self, by: str, key: Any) -> "Scope":
        """The part of it that has `key` in the breakdown `by`."""
        if by == "week":
            return self.over(self.window.step("week", key))
        return replace(self, filters={**self.filters, by: (key_word(by, key),)})

    def facts(self) -> QuerySet[HandoffFact]:
        """The facts of the handoffs that the filters leave, whenever they happened; shadows never count."""
        kept = Q(is_live=True, workflow_id__in=list(self.workflow_ids))
        for by, words in self.filters.items():
            kept &= self._filter(by, words)
        return HandoffFact.objects.filter(kept)

    def happened(self, moment: str, *, within: Iterable[Span] | None = None) -> QuerySet[HandoffFact]:
        """Those of them whose `moment` (`opened`, `accepted`, `taken`, `resolved`) lies in the window, or `within`."""
        spans = [(self.window.start, self.window.end)] if within is None else within
        return self.facts().filter(inside(f"{moment}_at", spans))

    def _filter(self, by: str, words: tuple[str, ...]) -> Q:
        keys = [key for key in (FILTERS[by](word) for word in words) if key is not None]
        if by == "person":
            return self._of_people(keys)
        return Q(**{f"{GROUPS[by]}__in": keys})

    def _of_people(self, keys: list[Any]) -> Q:
        """Nobody's name leads to the figures of somebody whom the viewer does not manage."""
        named = [key for key in keys if key > 0 and (self.people is None or key in self.people)]
        found = Q(decided_by_id__in=named)
        if NOBODY in keys:
            found |= Q(decided_by_id=None)
        if SOMEBODY_ELSE in keys and self.people is not None:
            found |= Q(decided_by_id__isnull=False) & ~Q(decided_by_id__in=list(self.people))
        return found


NOBODY, SOMEBODY_ELSE = 0, -1
"""Stand for a handoff that no person decided, and for people whom the viewer does not manage."""


def key_word(by: str, key: Any) -> str:
    """A key of a breakdown as filters and addresses write it."""
    if by == "priority":
        return _PRIORITIES[key].value
    return str(key)


def key_column(by: str, scope: Scope, moment: str) -> Any:
    """The expression that groups facts `by`; whom the viewer does not manage is one group without a name."""
    if by in STRETCHES:
        return stretch_column(by, scope, f"{moment}_at")
    if by == "person":
        return _person_column(scope.people)
    return F(_GROUPED_BY.get(by, GROUPS[by]))


def keys_of(by: str) -> dict[Any, Any] | None:
    """The keys of GROUPS by what `key_column` groups by, where that is cheaper than the key itself."""
    if by == "workflow":
        return dict(Workflow.objects.values_list("pk", "key"))
    return dict(Group.objects.values_list("pk", "name")) if by == "role" else None


class StepOf(Func):
    """Which of the ascending moments are reached: 0 before the first, 1 from it on, 2 from the second on."""

    function = "width_bucket"
    output_field: ClassVar[Any] = IntegerField()

    def __init__(self, column: Any, moments: Any) -> None:
        super().__init__(column, Value(moments, output_field=ArrayField(DateTimeField())))


def stretch_column(stretch: str, scope: Scope, column: str) -> Any:
    """The beginning of the stretch of the viewer's calendar in which a time lies."""
    return STRETCHES[stretch][0](column, tzinfo=scope.window.zone)


def _person_column(people: frozenset[int] | None) -> Any:
    known = Q(decided_by_id__isnull=False) if people is None else Q(decided_by_id__in=list(people))
    return Case(
        When(decided_by_id=None, then=Value(NOBODY)),
        When(known, then=F("decided_by_id")),
        default=Value(SOMEBODY_ELSE),
        output_field=BigIntegerField(),
    )


def _integer(word: str) -> int | None:
    digits = word.removeprefix("-")
    return int(word) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _same(word: str) -> str:
    return word


def _rank(word: str) -> int | None:
    return next((rank for priority, rank in PRIORITY_RANKS.items() if priority == word), None)


def _at(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


_GROUPED_BY = {"workflow": "workflow_id", "role": "role_id"}
_PRIORITIES: Mapping[int, Priority] = {rank: word for word, rank in PRIORITY_RANKS.items()}
FILTERS: Mapping[str, Callable[[str], Any]] = {
    "workflow": _same,
    "policy": _integer,
    "trigger": _same,
    "role": _same,
    "outcome": _same,
    "priority": _rank,
    "person": _integer,
}
"""What figures can be narrowed by, and how the word of an address becomes the column's value."""
