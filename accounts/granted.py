"""What a person is granted: their roles and permissions, all read by one statement or as a part of another."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

Granted = Sequence[tuple[int | None, str, Sequence[str] | None]]
"""The roles of a person by name, as (id, name, what it permits); without id and name what they may themselves."""
GRANTED = """
    SELECT role.id, role.name, ARRAY(
        SELECT app_label || '.' || codename FROM auth_group_permissions AS granted
        JOIN auth_permission AS may ON may.id = granted.permission_id
        JOIN django_content_type AS thing ON thing.id = may.content_type_id
        WHERE granted.group_id = role.id
    )
    FROM accounts_user_groups AS has JOIN auth_group AS role ON role.id = has.group_id WHERE has.user_id = {person}
    UNION ALL
    SELECT NULL, '', array_agg(app_label || '.' || codename) FROM accounts_user_user_permissions AS granted
    JOIN auth_permission AS may ON may.id = granted.permission_id
    JOIN django_content_type AS thing ON thing.id = may.content_type_id
    WHERE granted.user_id = {person}
    ORDER BY 2
"""


def granted_to(person_id: int) -> Granted:
    """What is granted to one person."""
    with prepared() as cursor:
        cursor.execute(GRANTED.format(person="%(person)s"), {"person": person_id})
        found: Granted = cursor.fetchall()
    return found


def prepared() -> CursorWrapper:
    """A cursor for statements that the server plans once a connection."""
    backend: Any = connection
    cursor: CursorWrapper = backend.prepared()
    return cursor
