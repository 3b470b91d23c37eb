"""Gathers what many rows are to become, and writes it in a few statements: a batch costs little more than one row.

Who writes through `models.rows` inside `gathered()` need not know: the same code serves one row and many. What is read
from the database inside does not see yet what is gathered; the rows themselves do.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models

from handoffs.models import records
from handoffs.models.records import Columns, Table

Write = Callable[[list[Any]], object]


class RowsChanged(Exception):
    """One of the rows was changed by somebody else, who did not mind its lock; nothing of the batch counts."""


class NotFirst(Exception):
    """The row that the others stand behind was not stored, or more than new rows was to be written: nothing was."""


@dataclass
class _Change:
    """A row as it is to be, and the version that it had in the database."""

    row: models.Model
    version: int


@dataclass
class _Gathering:
    changes: dict[tuple[Table, Columns], dict[Any, _Change]] = field(default_factory=dict)
    new: dict[tuple[Table, bool], list[Any]] = field(default_factory=dict)
    rest: dict[str, tuple[Write, list[Any]]] = field(default_factory=dict)

    def write(self) -> None:
        """Changes first, then what else was put off, then new rows; foreign keys are checked at the commit."""
        for (table, columns), changes in self.changes.items():
            _update(table, columns, list(changes.values()))
        for act, items in self.rest.values():
            act(items)
        for (_, once_only), rows in self.new.items():
            records.insert(rows, once_only=once_only)


_CURRENT: ContextVar[_Gathering | None] = ContextVar("gathering", default=None)


@contextmanager
def _collecting() -> Iterator[_Gathering]:
    gathering = _Gathering()
    token = _CURRENT.set(gathering)
    try:
        yield gathering
    finally:
        _CURRENT.reset(token)


@contextmanager
def gathered() -> Iterator[None]:
    """Put off the writing in this block to its end; after an exception nothing is written. Wants a transaction.

    Raises RowsChanged if a row that changes has not the version any more with which it was read.
    """
    with _collecting() as gathering:
        yield
    gathering.write()


@contextmanager
def behind(first: models.Model, *, where: str, params: Sequence[Any]) -> Iterator[None]:
    """Store `first` and the new rows of this block by one statement, if its keys are new and the SQL `where` holds.

    Raises NotFirst where they are not or it does not; after any exception nothing is written.
    """
    with _collecting() as gathering:
        yield
    rows = [row for of_table in gathering.new.values() for row in of_table]
    if gathering.changes or gathering.rest or not records.insert_behind(first, rows, where=where, params=params):
        raise NotFirst


def takes_change(row: models.Model, columns: Iterable[str], *, version: int) -> bool:
    """Whether the change was put off: inside `gathered()`. The first `version` of a row counts."""
    gathering = _CURRENT.get()
    if gathering is None:
        return False
    changes = gathering.changes.setdefault((type(row), tuple(columns)), {})
    changes.setdefault(row.pk, _Change(row, version))
    return True


def takes_new(rows: Sequence[models.Model], *, once_only: bool = False) -> bool:
    """Whether the new rows were put off: inside `gathered()`."""
    gathering = _CURRENT.get()
    if gathering is None:
        return False
    for row in rows:
        gathering.new.setdefault((type(row), once_only), []).append(row)
    return True


def together(name: str, item: Any, write: Write) -> None:
    """Have `write` do this item together with all others of that name; at once outside `gathered()`."""
    gathering = _CURRENT.get()
    if gathering is None:
        write([item])
    else:
        gathering.rest.setdefault(name, (write, []))[1].append(item)


def waiting(table: Table) -> Iterator[Any]:
    """The new rows of a table that were put off so far."""
    gathering = _CURRENT.get()
    for (of, _), rows in gathering.new.items() if gathering else ():
        if of is table:
            yield from rows


def _update(table: Table, columns: Columns, changes: list[_Change]) -> None:
    fields = records.columns_called(table, columns)
    assigned = ", ".join(f"{name} = new.{name}" for name in map(records.name_of, fields))
    rows = [change.row for change in changes]
    new = f"ROWS FROM ({records.source(table)}, unnest(%s::int[])) AS new"  # one by one: the version is in its row
    same = "old.id = new.id AND old.version = new.unnest"
    sql = f"UPDATE {records.quoted(table)} AS old SET {assigned} FROM {new} WHERE {same}"  # noqa: S608
    with connection.cursor() as cursor:
        versions = [change.version for change in changes]
        cursor.execute(sql, [records.as_json((table._meta.pk, *fields), rows), versions])
        if cursor.rowcount != len(rows):
            raise RowsChanged(f"{len(rows) - cursor.rowcount} of {len(rows)} rows had changed.")
