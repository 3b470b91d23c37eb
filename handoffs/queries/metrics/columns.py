"""How tallies are asked in SQL for what they hold: sums of their numbers, and their lists of times as bytes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    Aggregate,
    BinaryField,
    BooleanField,
    DateTimeField,
    DecimalField,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    QuerySet,
    Value,
)
from django.db.models.functions import Length

from handoffs.queries.metrics.ranks import BYTES


class AnyOf(Func):
    """Whether a column is one of many moments: one parameter, where `IN` has a literal for each."""

    template, arg_joiner = "(%(expressions)s))", " = ANY("
    output_field: ClassVar[Any] = BooleanField()

    def __init__(self, column: str, moments: Iterable[datetime]) -> None:
        super().__init__(F(column), Value(list(moments), output_field=ArrayField(DateTimeField())))


class Joined(Aggregate):
    """The bytes of the rows one after the other."""

    name = "Joined"
    template = "string_agg(%(expressions)s, ''::bytea)"
    output_field: ClassVar[Any] = BinaryField()
    allow_distinct = False


class Totals(Aggregate):
    """The sums of the numbers of tallies at some places, as one array.

    As an expression for each they took longer to be written out than to be added up.
    """

    name = "Totals"
    output_field: ClassVar[Any] = ArrayField(DecimalField())
    allow_distinct = False

    def __init__(self, places: Sequence[int]) -> None:
        sums = ", ".join(f"sum(%(expressions)s[{place + 1}])" for place in places)
        super().__init__("numbers", template=f"ARRAY[{sums}]")


def lists_of(columns: Iterable[str]) -> dict[str, Any]:
    """What puts the lists of columns of times one after the other, and says how long each is, in the same order."""
    found: dict[str, Any] = {}
    for column in columns:
        count = ExpressionWrapper(Length(column) / BYTES, output_field=IntegerField())
        found |= {f"{column}_lists": Joined(column), f"{column}_counts": ArrayAgg(count)}
    return found


def in_binary(found: QuerySet[Any, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of a queryset of values; bytes come as they are, where Django would have them written as text."""
    backend: Any = connection
    try:
        statement = found.query.sql_with_params()
    except EmptyResultSet:
        return
    with backend.binary() as cursor:
        cursor.execute(*statement)
        names = [column.name for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))
