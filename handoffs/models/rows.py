"""Rows that belong together, written and locked by one statement: the models' own columns without a query per row."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models

from handoffs.models import gathering, records

Row = TypeVar("Row", bound=models.Model)
Part = tuple[Any, type[models.Model], Sequence[Any]]
"""(the foreign key, or None for the main model; the model; its fields)"""


def insert(*rows: models.Model) -> None:
    """Store new rows in one statement; their foreign keys may name each other in any order.

    Values that the database makes (identities, numbers) are not read back. No signals are sent.
    """
    if rows and not gathering.takes_new(rows):
        records.insert(rows)


def insert_new(rows: Sequence[models.Model]) -> None:
    """Store those of the rows that are not there yet, and leave alone those that are."""
    if rows and not gathering.takes_new(rows, once_only=True):
        records.insert(rows, once_only=True)


def insert_missing(rows: Sequence[models.Model]) -> frozenset[Any]:
    """The same now and in this order, whoever gathers; returns the keys of those that were not there yet."""
    made: list[Any] = []
    for sql, values in records.insertions(rows, "ON CONFLICT DO NOTHING RETURNING id"):
        with records.prepared() as cursor:
            cursor.execute(sql, [values])
            made += cursor.fetchall()
    return frozenset(key for (key,) in made)


def update_and_insert(
    row: models.Model, columns: tuple[str, ...], *, where: str, params: Sequence[Any], rows: Sequence[models.Model]
) -> bool:
    """Write `columns` (attribute names) of `row` and insert `rows`, in one statement.

    `where` is SQL that the stored row must fulfil too; where it does not, nothing is written and the answer is False.
    """
    insertions = records.insertions(rows, "WHERE EXISTS (SELECT FROM changed)")
    sql = _change(type(row), columns, where, tuple(sql for sql, _ in insertions))
    values = [records.as_json(records.columns_called(type(row), columns), [row]), row.pk, *params]
    with records.prepared() as cursor:
        cursor.execute(sql, [*values, *(value for _, value in insertions)])
        changed = bool(cursor.fetchone()[0])
    for new in rows:
        new._state.adding = not changed
    return changed


def locked(model: type[Row], pk: Any) -> Row:
    """The row as it stands, locked until the transaction ends. Raises the model's DoesNotExist."""
    for row in select(model, "id = %s FOR UPDATE", [pk]):
        return row
    raise model.DoesNotExist  # type: ignore[attr-defined]


def locked_with(model: type[Row], pk: Any, also: tuple[str, ...]) -> tuple[Row, Sequence[Any]]:
    """The same, and what the SQL expressions `also` say of it, as it was when the statement began."""
    sql, fields = _selection(model, (), also)
    with records.prepared() as cursor:
        cursor.execute(f"{sql} WHERE id = %s FOR UPDATE", [pk])
        for values in cursor.fetchall():
            return _made(model, fields, values[: len(fields)]), values[len(fields) :]
    raise model.DoesNotExist  # type: ignore[attr-defined]


def select(model: type[Row], where: str, params: Sequence[Any], *, columns: tuple[str, ...] = ()) -> list[Row]:
    """The rows for which the SQL `where` holds, with all columns or those named, the rest being read when asked for."""
    sql, fields = _selection(model, columns)
    with records.prepared() as cursor:
        cursor.execute(f"{sql} WHERE {where}", params)
        found = cursor.fetchall()
    return [_made(model, fields, values) for values in found]


def select_with(
    model: type[Row],
    where: str,
    params: Sequence[Any] | Mapping[str, Any],
    *,
    related: tuple[str, ...],
    columns: tuple[str, ...] = (),
) -> list[Row]:
    """The rows for which the SQL `where` holds, each with the objects that its foreign keys `related` point at.

    With all columns or those named, as in `("id", "case_id", "case__id", "case__reference")`.
    """
    return [row for row, _ in select_beside(model, where, params, related=related, columns=columns, also=())]


def select_beside(
    model: type[Row],
    where: str,
    params: Sequence[Any] | Mapping[str, Any],
    *,
    related: tuple[str, ...],
    columns: tuple[str, ...] = (),
    also: tuple[str, ...],
) -> list[tuple[Row, Sequence[Any]]]:
    """The same, each row with what the SQL expressions `also` say of it."""
    sql, parts = _joined_selection(model, related, columns, also)
    with records.prepared() as cursor:
        cursor.execute(sql.format(where=where), params)
        found = cursor.fetchall()
    return [(_assembled(model, parts, values), values[len(values) - len(also) :]) for values in found]


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
        known = field.is_relation and field.is_cached(of)
        if known and getattr(of, field.attname) == getattr(to, field.attname):
            field.set_cached_value(to, field.get_cached_value(of))


@lru_cache(maxsize=512)
def _change(table: type[models.Model], columns: tuple[str, ...], where: str, insertions: tuple[str, ...]) -> str:
    names = ", ".join(map(records.name_of, records.columns_called(table, columns)))
    given = f"SELECT {names} FROM {records.source(table)}"
    update = f"UPDATE {records.quoted(table)} SET ({names}) = ({given}) WHERE id = %s AND {where} RETURNING 1"
    new = "".join(f", new{number} AS ({sql})" for number, sql in enumerate(insertions))
    return f"WITH changed AS ({update}){new} SELECT count(*) FROM changed"


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


@lru_cache
def _fields(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(model._meta.concrete_fields)


@lru_cache
def _selection(
    model: type[models.Model], columns: tuple[str, ...], also: tuple[str, ...] = ()
) -> tuple[str, tuple[Any, ...]]:
    fields = _named(model, columns)
    named = ", ".join([*(records.name_of(field) for field in fields), *also])
    return f"SELECT {named} FROM {records.quoted(model)}", fields


def _named(model: type[models.Model], columns: tuple[str, ...], prefix: str = "") -> tuple[Any, ...]:
    """All fields of the model, or those among `columns`."""
    return tuple(field for field in _fields(model) if not columns or prefix + field.attname in columns)


@lru_cache
def _joined_selection(
    model: type[models.Model], related: tuple[str, ...], columns: tuple[str, ...], also: tuple[str, ...]
) -> tuple[str, list[Part]]:
    keys: list[Any] = [model._meta.get_field(name) for name in related]
    parts: list[Part] = [(None, model, _named(model, columns))]
    parts += [(key, key.remote_field.model, _named(key.remote_field.model, columns, f"{key.name}__")) for key in keys]
    names = ["main", *related]
    selected = [
        f'"{name}".{records.name_of(field)}' for name, part in zip(names, parts, strict=True) for field in part[2]
    ]
    beside = [f"{expression} AS also_{number}" for number, expression in enumerate(also)]
    joins = [
        f'LEFT JOIN {records.quoted(of)} AS "{name}" ON "{name}".id = main.{records.name_of(key)}'
        for name, (key, of, _) in zip(related, parts[1:], strict=True)
    ]
    main = f"(SELECT {', '.join(['*', *beside])} FROM {records.quoted(model)} WHERE {{where}}) AS main"
    selected += [f"main.also_{number}" for number in range(len(also))]
    return f"SELECT {', '.join(selected)} FROM {main} {' '.join(joins)}", parts
