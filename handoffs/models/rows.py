"""Rows that belong together, written and locked by one statement: the models' own columns without a query per row."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from django.db.models.fields import Field

from handoffs.models import gathering

Row = TypeVar("Row", bound=models.Model)
ColumnValues = tuple[list[str], list[Any]]
Part = tuple[Any, type[models.Model], Sequence[Any]]
"""(the foreign key, or None for the main model; the model; its fields)"""


def insert(*rows: models.Model) -> None:
    """Store new rows in one statement; their foreign keys may name each other in any order.

    Values that the database makes (identities, numbers) are not read back. No signals are sent.
    """
    if rows and not gathering.takes_new(rows):
        parts = [_insertion(row, "VALUES ({})") for row in rows]
        _execute(" ".join([_with([sql for sql, _ in parts[:-1]]), parts[-1][0]]), [v for _, vs in parts for v in vs])
        for row in rows:
            row._state.adding = False


def insert_new(rows: Sequence[models.Model]) -> None:
    """Store those of the rows that are not there yet, and leave alone those that are."""
    if rows and not gathering.takes_new(rows, once_only=True):
        gathering.insert_many(rows, once_only=True)


def update_and_insert(
    row: models.Model, columns: Iterable[str], *, where: str, params: Sequence[Any], rows: Sequence[models.Model]
) -> bool:
    """Write `columns` (attribute names) of `row` and insert `rows`, in one statement.

    `where` is SQL that the stored row must fulfil too; where it does not, nothing is written and the answer is False.
    """
    names, values = _values(row, columns)
    assigned = ", ".join(f"{name} = %s" for name in names)
    table = _quoted(row._meta.db_table)
    parts = [f"changed AS (UPDATE {table} SET {assigned} WHERE id = %s AND {where} RETURNING 1)"]
    values += [row.pk, *params]
    for number, new in enumerate(rows):
        sql, more = _insertion(new, "SELECT {} FROM changed")
        parts.append(f"new{number} AS ({sql})")
        values += more
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} SELECT count(*) FROM changed", values)
        changed = bool(cursor.fetchone()[0])
    for new in rows:
        new._state.adding = not changed
    return changed


def locked(model: type[Row], pk: Any) -> Row:
    """The row as it stands, locked until the transaction ends. Raises the model's DoesNotExist."""
    for row in select(model, "id = %s FOR UPDATE", [pk]):
        return row
    raise model.DoesNotExist  # type: ignore[attr-defined]


def select(model: type[Row], where: str, params: Sequence[Any], *, columns: tuple[str, ...] = ()) -> list[Row]:
    """The rows for which the SQL `where` holds, with all columns or those named, the rest being read when asked for."""
    sql, fields = _selection(model, columns)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} WHERE {where}", params)
        found = cursor.fetchall()
    return [_made(model, fields, values) for values in found]


def select_with(model: type[Row], where: str, params: Sequence[Any], *, related: tuple[str, ...]) -> list[Row]:
    """The rows for which the SQL `where` holds, each with the objects that its foreign keys `related` point at."""
    sql, parts = _joined_selection(model, related)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(where=where), params)
        found = cursor.fetchall()
    return [_assembled(model, parts, values) for values in found]


def read_related(of: Sequence[models.Model], names: Iterable[str]) -> None:
    """Read the objects that the foreign keys `names` of the rows point at, one statement for each name."""
    keys: list[Any] = [of[0]._meta.get_field(name) for name in names] if of else []
    for key in keys:
        ids = {getattr(row, key.attname) for row in of} - {None}
        found = {one.pk: one for one in select(key.related_model, "id = ANY(%s)", [list(ids)])} if ids else {}
        for row in of:
            key.set_cached_value(row, found.get(getattr(row, key.attname)))


def share_relations(of: models.Model, *, to: models.Model) -> None:
    """Let `to` know the related objects that `of` has read already, where both point at the same ones."""
    for field in _fields(type(to)):
        same = field.is_relation and getattr(of, field.attname) == getattr(to, field.attname)
        if same and field.is_cached(of):
            field.set_cached_value(to, field.get_cached_value(of))


def _insertion(row: models.Model, source: str) -> tuple[str, list[Any]]:
    names, values = _values(row, _given(row))
    marks = ", ".join(["%s"] * len(names))
    table = _quoted(row._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(names)}) {source.format(marks)}", values


def _given(row: models.Model) -> Iterable[str]:
    """Columns with a value that the row brings itself; the others are NULL or made by the database."""
    given = ((field.attname, getattr(row, field.attname)) for field in _fields(type(row)) if not field.generated)
    return (name for name, value in given if value is not None and not isinstance(value, DatabaseDefault))


def _values(row: models.Model, columns: Iterable[str]) -> ColumnValues:
    """(quoted column names, values as the database driver takes them)"""
    by_name = _by_name(type(row))
    names, values = [], []
    for column in columns:
        name, field = by_name[column]
        names.append(name)
        values.append(field.get_db_prep_save(getattr(row, column), connection))
    return names, values


def _assembled(model: type[Row], parts: Sequence[Part], values: Sequence[Any]) -> Row:
    """An object and those it points at, from one row of a joined selection."""
    made: Any = None
    begin = 0
    for key, of, fields in parts:
        its = values[begin : begin + len(fields)]
        begin += len(fields)
        if key is None:
            made = _made(of, fields, its)
        else:
            key.set_cached_value(made, _made(of, fields, its) if getattr(made, key.attname) is not None else None)
    row: Row = made
    return row


def _made(model: type[Row], fields: Sequence[Any], values: Sequence[Any]) -> Row:
    names = [field.attname for field in fields]
    return model.from_db(connection.alias, names, list(map(_read, fields, values)))


def _read(field: Any, value: Any) -> Any:
    convert = getattr(field, "from_db_value", None)
    return convert(value, None, connection) if convert else value


def _with(parts: list[str]) -> str:
    named = [f"row{number} AS ({sql})" for number, sql in enumerate(parts)]
    return f"WITH {', '.join(named)}" if named else ""


def _execute(sql: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@lru_cache
def _fields(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(model._meta.concrete_fields)


@lru_cache
def _by_name(model: type[models.Model]) -> Mapping[str, tuple[str, "Field[Any, Any]"]]:
    return {field.attname: (_quoted(field.column), field) for field in _fields(model)}


@lru_cache
def _selection(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    fields = tuple(field for field in _fields(model) if not columns or field.attname in columns)
    named = ", ".join(_quoted(field.column) for field in fields)
    return f"SELECT {named} FROM {_quoted(model._meta.db_table)}", fields


@lru_cache
def _joined_selection(model: type[models.Model], related: tuple[str, ...]) -> tuple[str, list[Part]]:
    keys: list[Any] = [model._meta.get_field(name) for name in related]
    parts: list[Part] = [(None, model, _fields(model))]
    parts += [(key, key.remote_field.model, _fields(key.remote_field.model)) for key in keys]
    names = ["main", *related]
    columns = [
        f"{_quoted(name)}.{_quoted(field.column)}" for name, part in zip(names, parts, strict=True) for field in part[2]
    ]
    joins = [
        f"LEFT JOIN {_quoted(of._meta.db_table)} AS {_quoted(name)} ON {_quoted(name)}.id = main.{_quoted(key.column)}"
        for name, (key, of, _) in zip(related, parts[1:], strict=True)
    ]
    main = f"(SELECT * FROM {_quoted(model._meta.db_table)} WHERE {{where}}) AS main"
    return f"SELECT {', '.join(columns)} FROM {main} {' '.join(joins)}", parts


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
