"""Knows callers of the API by their bearer token; cookies count for nothing here."""

import copy
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.granted import GRANTED, prepared
from accounts.models import TOKEN_PREFIX, ApiToken, User

KNOWN_FOR_SECONDS = 2.0
USE_NOTED_EVERY = timedelta(minutes=1)
MAX_KNOWN = 10_000
MAX_HEADER_CHARACTERS = 200
LOOK_UP = f"""
    WITH good AS (
        SELECT token.id FROM accounts_apitoken AS token JOIN accounts_user AS person ON person.id = token.user_id
        WHERE token.digest = %(digest)s AND token.revoked_at IS NULL AND person.is_active
            AND (token.expires_at IS NULL OR token.expires_at > %(now)s)
    ), noted AS (
        UPDATE accounts_apitoken SET last_used_at = %(now)s WHERE id = (SELECT id FROM good)
            AND (last_used_at IS NULL OR last_used_at <= %(unless_after)s)
    )
    SELECT {{columns}}, (
        SELECT json_agg(json_build_array(role_id, name, permitted))
        FROM ({GRANTED.format(person="person.id")}) AS granted (role_id, name, permitted)
    )
    FROM accounts_apitoken AS token JOIN accounts_user AS person ON person.id = token.user_id
    WHERE token.id = (SELECT id FROM good)
"""  # noqa: S608
"""A token that is good now, whose it is and what that person is permitted; and a note that it was used, if due."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A token that was good a moment ago."""

    token: ApiToken
    user: User
    until: float


_known: dict[str, _Known] = {}


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer hd_…`; revoking a token takes KNOWN_FOR_SECONDS at most to work everywhere."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        secret = secret.strip()
        if not secret.startswith(TOKEN_PREFIX) or len(secret) > MAX_HEADER_CHARACTERS:
            raise AuthenticationFailed(f"A token begins with {TOKEN_PREFIX}.")
        known = _known_token(ApiToken.digest_of(secret), timezone.now())
        if known is None:
            raise AuthenticationFailed("This token is unknown, revoked or expired.")
        return copy.copy(known.user), known.token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Handoff Desk"'


def forget_all() -> None:
    """Ask the database again for every token."""
    _known.clear()


def _known_token(digest: str, now: datetime) -> _Known | None:
    known = _known.get(digest)
    if known is not None and known.until > time.monotonic() and _is_current(known.token, now):
        return known
    token = _looked_up(digest, now)
    if token is None:
        _known.pop(digest, None)
        return None
    return _remember(digest, token)


def _looked_up(digest: str, now: datetime) -> ApiToken | None:
    """One statement for all of it: when many come at once, nobody is known yet. Use is noted at most once a while."""
    token_columns, person_columns = (
        [str(field.column) for field in model._meta.concrete_fields] for model in (ApiToken, User)
    )
    named = ", ".join([*(f"token.{name}" for name in token_columns), *(f"person.{name}" for name in person_columns)])
    params: dict[str, Any] = {"digest": digest, "now": now, "unless_after": now - USE_NOTED_EVERY}
    with prepared() as cursor:
        cursor.execute(LOOK_UP.format(columns=named), params)
        found = cursor.fetchone()
    if found is None:
        return None
    *values, granted = found
    token: ApiToken = ApiToken.from_db(DEFAULT_DB_ALIAS, token_columns, values[: len(token_columns)])
    token.user = User.from_db(DEFAULT_DB_ALIAS, person_columns, values[len(token_columns) :])
    token.user.granted = granted
    return token


def _is_current(token: ApiToken, now: datetime) -> bool:
    return token.expires_at is None or token.expires_at > now


def _remember(digest: str, token: ApiToken) -> _Known:
    user = token.user
    limited = bool(token.workflows) or user.is_automation
    user.workflow_scope = frozenset(token.workflows) if limited else None
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    _known[digest] = found = _Known(token=token, user=user, until=time.monotonic() + KNOWN_FOR_SECONDS)
    return found
