"""The one FilterSet of handoffs, for the lists of the portal and of the API: the same names, the same meaning."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.http import QueryDict
from django_filters.fields import IsoDateTimeField

from handoffs.choices import Pattern, State
from handoffs.models import Handoff
from handoffs.queries.inbox import WAITING_STATES
from handoffs.queries.workload import TAKEN_AT, at_risk

MAX_SEARCH_CHARACTERS = 200
ORDERINGS = {
    "due_at": F("due_at").asc(nulls_last=True),
    "-due_at": F("due_at").desc(nulls_last=True),
    "opened_at": F("opened_at").asc(),
    "-opened_at": F("opened_at").desc(),
    "updated_at": F("updated_at").asc(),
    "-updated_at": F("updated_at").desc(),
    "priority": F("priority").asc(),
    "-priority": F("priority").desc(),
}


class MomentField(IsoDateTimeField):
    """A time as ISO 8601, in UTC from here on: databases do not read every offset that the format allows."""

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:
            raise ValidationError("This time is out of range.") from error


class MomentFilter(django_filters.IsoDateTimeFilter):
    field_class = MomentField


class HandoffFilter(django_filters.FilterSet):
    """Narrows visible handoffs. `request.user` is whom `mine` means."""

    workflow = django_filters.CharFilter(field_name="workflow__key", label="Key of the workflow")
    state = django_filters.MultipleChoiceFilter(choices=State.choices(), label="State; may be repeated")
    role = django_filters.CharFilter(field_name="role__name", label="Name of the role")
    pattern = django_filters.ChoiceFilter(choices=Pattern.choices(), label="Pattern of the workflow's policy")
    reference = django_filters.CharFilter(field_name="case__reference", label="The automation's reference of the case")
    holder = django_filters.CharFilter(field_name="holder__username", label="User name of the holder")
    mine = django_filters.BooleanFilter(method="filter_mine", label="Held by the caller, or not")
    overdue = django_filters.BooleanFilter(method="filter_overdue", label="Waits for a person past its due time")
    opened_after = MomentFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = MomentFilter(field_name="opened_at", lookup_expr="lt")
    updated_after = MomentFilter(field_name="updated_at", lookup_expr="gte")
    at_risk = django_filters.BooleanFilter(method="filter_at_risk", label="Close to its due time, or not")
    accepted_after = MomentFilter(method="filter_accepted_after", label="Accepted at or after")
    accepted_before = MomentFilter(method="filter_accepted_before", label="Accepted before")
    resolved_after = MomentFilter(field_name="resolved_at", lookup_expr="gte")
    resolved_before = MomentFilter(field_name="resolved_at", lookup_expr="lt")
    accepted_late = django_filters.BooleanFilter(
        method="filter_accepted_late", label="Accepted past its target, or in it"
    )
    resolved_late = django_filters.BooleanFilter(
        method="filter_resolved_late", label="Resolved past its target, or in it"
    )
    search = django_filters.CharFilter(method="filter_search", label="Words of the summary, the reference, or #number")
    ordering = django_filters.ChoiceFilter(
        choices=[(name, name) for name in ORDERINGS], method="filter_ordering", label="Order of the list"
    )

    class Meta:
        model = Handoff
        fields: tuple[str, ...] = ()

    def filter_mine(self, handoffs: QuerySet[Handoff], name: str, value: bool) -> QuerySet[Handoff]:
        held = Q(holder=self.request.user)
        return handoffs.filter(held if value else ~held | Q(holder=None))

    def filter_overdue(self, handoffs: QuerySet[Handoff], name: str, value: bool) -> QuerySet[Handoff]:
        late = Q(state__in=WAITING_STATES, due_at__lt=Now())
        return handoffs.filter(late) if value else handoffs.exclude(late)

    def filter_at_risk(self, handoffs: QuerySet[Handoff], name: str, value: bool) -> QuerySet[Handoff]:
        near = at_risk(Now())
        return handoffs.filter(near) if value else handoffs.exclude(near)

    def filter_accepted_late(self, handoffs: QuerySet[Handoff], name: str, value: bool) -> QuerySet[Handoff]:
        late = {"taken_at__gt" if value else "taken_at__lte": F("accept_by")}
        return handoffs.annotate(taken_at=TAKEN_AT).filter(**late)

    def filter_accepted_after(self, handoffs: QuerySet[Handoff], name: str, value: datetime) -> QuerySet[Handoff]:
        return handoffs.annotate(taken_at=TAKEN_AT).filter(taken_at__gte=value)

    def filter_accepted_before(self, handoffs: QuerySet[Handoff], name: str, value: datetime) -> QuerySet[Handoff]:
        return handoffs.annotate(taken_at=TAKEN_AT).filter(taken_at__lt=value)

    def filter_resolved_late(self, handoffs: QuerySet[Handoff], name: str, value: bool) -> QuerySet[Handoff]:
        late = {"resolved_at__gt" if value else "resolved_at__lte": F("resolve_by")}
        return handoffs.filter(**late)

    def filter_search(self, handoffs: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        for word in value[:MAX_SEARCH_CHARACTERS].replace("\0", "").split():
            handoffs = handoffs.filter(_mentions(word))
        return handoffs

    def filter_ordering(self, handoffs: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        return handoffs.order_by(ORDERINGS[value], "pk")


def _mentions(word: str) -> Q:
    found = Q(summary__icontains=word) | Q(case__reference__icontains=word)
    number = word.removeprefix("#")
    return found | Q(number=int(number)) if number.isdecimal() and len(number) <= 15 else found


def applied(request: Any, query: QueryDict, handoffs: QuerySet[Handoff]) -> tuple[str, QuerySet[Handoff]]:
    """The part of an address that the filters read, always in one order, and what that leaves of the handoffs.

    Blanks and what cannot be read filter nothing. An address that names no filter costs nothing: making the form takes
    longer than the rest of a page.
    """
    asked = QueryDict(mutable=True)
    for name in HandoffFilter.base_filters:
        values = [value for value in query.getlist(name) if value]
        if values:
            asked.setlist(name, sorted(set(values)) if name == "state" else values[-1:])
    if not asked:
        return "", handoffs
    filterset = HandoffFilter(asked, queryset=handoffs, request=request)
    found = filterset.qs
    for name in list(asked):
        if filterset.form.cleaned_data.get(name) in (None, "", []):
            del asked[name]
    return asked.urlencode(), found
