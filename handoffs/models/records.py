"""Rows as JSON records: what the models hold goes to the database as one value per table, and PostgreSQL types it.

One parameter instead of one per column, and a text that is the same for every row: statements are planned once.
"""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import simplejson
from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import DatabaseDefault

Table = type[models.Model]
Columns = tuple[Any, ...]


def prepared() -> CursorWrapper:
    """A cursor for statements that the server plans once a connection."""
    backend: Any = connection
    cursor: CursorWrapper = backend.prepared()
    return cursor


def insert(rows: Sequence[models.Model], *, once_only: bool = False) -> None:
    """Store new rows in one statement; with `once_only`, leave out those there already.

    Foreign keys may name each other in any order. What the database makes (identities, numbers) is not read back.
    """
    parts = insertions(rows, "ON CONFLICT DO NOTHING" if once_only else "")
    named = ", ".join(f"new{number} AS ({sql})" for number, (sql, _) in enumerate(parts[:-1]))
    with prepared() as cursor:
        cursor.execute(f"{f'WITH {named} ' if named else ''}{parts[-1][0]}", [value for _, value in parts])
    for row in rows:
        row._state.adding = False


def insert_behind(first: models.Model, rows: Sequence[models.Model], *, where: str, params: Sequence[Any]) -> bool:
    """Store `first` if its keys are new and the SQL `where` holds, and the others with it; returns whether it was."""
    ((sql, value),) = insertions([first], f"WHERE {where} ON CONFLICT DO NOTHING RETURNING 1")
    others = insertions(rows, "WHERE EXISTS (SELECT FROM first)")
    named = ", ".join(f"new{number} AS ({other})" for number, (other, _) in enumerate(others))
    with prepared() as cursor:
        values = [value, *params, *(value for _, value in others)]
        cursor.execute(f"WITH first AS ({sql}), {named} SELECT count(*) FROM first", values)  # noqa: S608
        made = bool(cursor.fetchone()[0])
    for row in (first, *rows):
        row._state.adding = not made
    return made


def insertions(rows: Sequence[models.Model], ending: str = "") -> list[tuple[str, str]]:
    """(statement, its only parameter) for each table and set of columns among new rows."""
    alike: dict[tuple[Table, Columns], list[models.Model]] = {}
    for row in rows:
        alike.setdefault((type(row), _left_out(row)), []).append(row)
    return [
        (_insertion(table, left_out, ending), as_json(_written(table, left_out), of_table))
        for (table, left_out), of_table in alike.items()
    ]


def source(table: Table) -> str:
    """The SQL of a table's records; its parameter comes from `as_json`."""
    return f"json_populate_recordset(NULL::{quoted(table)}, %s::json)"


def as_json(columns: Columns, rows: Sequence[models.Model]) -> str:
    """These columns of the rows, which have one table, as JSON records."""
    named = [(column.column, column.attname) for column in columns]
    records = [{name: row.__dict__[attribute] for name, attribute in named} for row in rows]
    for decimal in (column.column for column in columns if isinstance(column, models.DecimalField)):
        for record in records:
            record[decimal] = _exact(record[decimal])
    try:
        return _QUICK.encode(records)
    except TypeError:
        return str(_WITH_DECIMALS.encode(records))


def name_of(column: Any) -> str:
    """A column's name in SQL."""
    return connection.ops.quote_name(column.column)


def quoted(table: Table) -> str:
    """A table's name in SQL."""
    return connection.ops.quote_name(table._meta.db_table)


@lru_cache
def columns_called(table: Table, names: tuple[str, ...]) -> Columns:
    """The columns of a table with these attribute names."""
    return tuple(column for column in table._meta.concrete_fields if column.attname in names)


@lru_cache
def _insertion(table: Table, left_out: Columns, ending: str) -> str:
    names = ", ".join(map(name_of, _written(table, left_out)))
    return f"INSERT INTO {quoted(table)} ({names}) SELECT {names} FROM {source(table)} {ending}"  # noqa: S608


@lru_cache
def _written(table: Table, left_out: Columns) -> Columns:
    return tuple(column for column in table._meta.concrete_fields if column not in left_out)


def _exact(value: Any) -> Any:
    """A decimal as text, which PostgreSQL reads as exactly and the quicker encoder can write."""
    return str(value) if isinstance(value, Decimal) else value


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
