"""Knows callers of the API by their bearer token; cookies count for nothing here."""

import copy
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import TOKEN_PREFIX, ApiToken, User

KNOWN_FOR_SECONDS = 2.0
USE_NOTED_EVERY = timedelta(minutes=1)
MAX_KNOWN = 10_000
MAX_HEADER_CHARACTERS = 200


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
    token = ApiToken.objects.usable(now).select_related("user").filter(digest=digest).first()
    if token is None:
        _known.pop(digest, None)
        return None
    _note_use(token, now)
    return _remember(digest, token)


def _is_current(token: ApiToken, now: datetime) -> bool:
    return token.expires_at is None or token.expires_at > now


def _note_use(token: ApiToken, now: datetime) -> None:
    """At most once in USE_NOTED_EVERY, decided by the statement itself as others note it too."""
    before = now - USE_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at <= before:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _remember(digest: str, token: ApiToken) -> _Known:
    user = token.user
    limited = bool(token.workflows) or user.is_automation
    user.workflow_scope = frozenset(token.workflows) if limited else None
    if not user.is_automation:
        _ = user.roles, user.permissions  # kept with the person, so that copies know them
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    _known[digest] = found = _Known(token=token, user=user, until=time.monotonic() + KNOWN_FOR_SECONDS)
    return found
