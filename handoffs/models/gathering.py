"""Gathers what many rows are to become, and writes it in a few statements: a batch costs little more than one row.

Who writes through `models.rows` inside `gathered()` need not know: the same code serves one row and many. What is read
from the database inside does not see yet what is gathered; the rows themselves do.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

import simplejson
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

Table = type[models.Model]
Columns = tuple[Any, ...]
Write = Callable[[list[Any]], object]


class RowsChanged(Exception):
    """One of the rows was changed by somebody else, who did not mind its lock; nothing of the batch counts."""


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
            insert_many(rows, once_only=once_only)


_CURRENT: ContextVar[_Gathering | None] = ContextVar("gathering", default=None)


@contextmanager
def gathered() -> Iterator[None]:
    """Put off the writing in this block to its end; after an exception nothing is written. Wants a transaction.

    Raises RowsChanged if a row that changes has not the version any more with which it was read.
    """
    gathering = _Gathering()
    token = _CURRENT.set(gathering)
    try:
        yield
    finally:
        _CURRENT.reset(token)
    gathering.write()


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


def insert_many(rows: Sequence[models.Model], *, once_only: bool = False) -> None:
    """Store new rows, one statement per table and set of columns; with `once_only`, leave out those there already."""
    by_columns: dict[tuple[Table, Columns], list[models.Model]] = {}
    for row in rows:
        by_columns.setdefault((type(row), _left_out(row)), []).append(row)
    for (table, left_out), alike in by_columns.items():
        columns = tuple(column for column in table._meta.concrete_fields if column not in left_out)
        names = ", ".join(map(_name, columns))
        conflict = "ON CONFLICT DO NOTHING" if once_only else ""
        sql = f"INSERT INTO {_quoted(table)} ({names}) SELECT {names} FROM {_records(table)} {conflict}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(sql, [_as_json(columns, alike)])
        for row in alike:
            row._state.adding = False


def _update(table: Table, columns: Columns, changes: list[_Change]) -> None:
    fields = tuple(one for one in table._meta.concrete_fields if one.attname in columns)
    assigned = ", ".join(f"{name} = new.{name}" for name in map(_name, fields))
    rows = [change.row for change in changes]
    records = f"ROWS FROM ({_records(table)}, unnest(%s::int[])) AS new"  # one by one, so the version is in its row
    same = "old.id = new.id AND old.version = new.unnest"
    sql = f"UPDATE {_quoted(table)} AS old SET {assigned} FROM {records} WHERE {same}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [_as_json((table._meta.pk, *fields), rows), [change.version for change in changes]])
        if cursor.rowcount != len(rows):
            raise RowsChanged(f"{len(rows) - cursor.rowcount} of {len(rows)} rows had changed.")


def _records(table: Table) -> str:
    return f"json_populate_recordset(NULL::{_quoted(table)}, %s::json)"


def _as_json(columns: Columns, rows: Sequence[models.Model]) -> str:
    named = [(column.column, column.attname) for column in columns]
    records = [_record(named, row) for row in rows]
    try:
        return _QUICK.encode(records)
    except TypeError:
        return str(_WITH_DECIMALS.encode(records))


def _record(named: Sequence[tuple[str, str]], row: models.Model) -> Mapping[str, Any]:
    values = row.__dict__
    return {name: values[attribute] for name, attribute in named}


def _plain(value: Any) -> Any:
    """Of what JSON does not know: moments, dates and identifiers as text, decimals for whom writes them exactly."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r} has no place in a row")


_QUICK = json.JSONEncoder(default=_plain, allow_nan=False, ensure_ascii=False)
_WITH_DECIMALS = simplejson.JSONEncoder(default=_plain, use_decimal=True, allow_nan=False, ensure_ascii=False)


def _left_out(row: models.Model) -> Columns:
    """What the database makes: identities, numbers, and columns that follow from others."""
    return tuple(column for column in _made_by_database(type(row)) if _is_left_out(column, row))


@lru_cache
def _made_by_database(table: Table) -> Columns:
    return tuple(
        column
        for column in table._meta.concrete_fields
        if column.generated or column.primary_key or column.has_db_default()
    )


def _is_left_out(column: Any, row: models.Model) -> bool:
    if column.generated:
        return True
    value = getattr(row, column.attname)
    return isinstance(value, DatabaseDefault) or (column.primary_key and value is None)


def _name(column: Any) -> str:
    return connection.ops.quote_name(column.column)


def _quoted(table: Table) -> str:
    return connection.ops.quote_name(table._meta.db_table)
