"""Where past handoffs are copied into, and the people whom their files name; what the rows say is left to others."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.utils.text import slugify

from accounts.models import User
from handoffs.models import CLOCK, Actor
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.imports import CLOCK_NAME


class Table:
    """One table as COPY fills it: columns, and what stands in those that a row does not name."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = [one for one in model._meta.concrete_fields if not _is_the_databases(one)]
        self.usual = {one.attname: _usual(one) for one in fields}
        columns = ", ".join(connection.ops.quote_name(str(one.column)) for one in fields)
        self.statement = f"COPY {connection.ops.quote_name(model._meta.db_table)} ({columns}) FROM STDIN"

    def copy(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows of {attribute: value}; JSON is text already."""
        usual = self.usual
        with connection.cursor() as cursor, cursor.copy(self.statement) as into:
            for row in rows:
                into.write_row((usual | row).values())


def _is_the_databases(one: Any) -> bool:
    """What only the database fills: serial keys, numbers from a sequence, generated columns."""
    by_sequence = isinstance(getattr(one, "db_default", None), models.Func)
    return isinstance(one, models.AutoField | models.GeneratedField) or by_sequence


def _usual(one: Any) -> Any:
    value = one.get_default() if one.has_default() else (None if one.null else "")
    if isinstance(one, models.JSONField) and value is not None:
        return exact_dumps(value)
    return str(value) if isinstance(value, str) else value


class People:
    """Who decided, by the name in the file; for whom the desk does not know it makes an account that cannot sign in."""

    def __init__(self, *, unknown: Actor) -> None:
        self.known: dict[str, Actor] = {"": unknown, CLOCK_NAME: CLOCK}

    def meet(self, names: Iterable[str]) -> None:
        """Look up those that are new."""
        new = {name for name in names if name.casefold() != CLOCK_NAME} - self.known.keys()
        if not new:
            return
        by_name = {user.username: user for user in User.objects.filter(username__in=new)}
        by_mail = {user.email: user for user in User.objects.filter(email__in=new).exclude(email="")}
        for name in sorted(new):
            self.known[name] = Actor.of(by_name.get(name) or by_mail.get(name) or _stranger(name))

    def of(self, name: str) -> Actor:
        """Who that is."""
        return self.known[CLOCK_NAME if name.casefold() == CLOCK_NAME else name]


def _stranger(name: str) -> User:
    marked = hashlib.sha256(name.encode()).hexdigest()[:8]
    username = f"imported-{slugify(name)[:100]}-{marked}"
    user, is_new = User.objects.get_or_create(
        username=username, defaults={"first_name": name[:150], "is_active": False, "kind": User.Kind.PERSON}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user
