"""How the queue is reached: a doorbell may fail, but must never keep anybody waiting."""

from typing import Any

from redis.backoff import NoBackoff
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url
from redis.retry import Retry

ANSWER_WITHIN_SECONDS = 0.4


def connection_settings(url: str) -> dict[str, Any]:
    """django-rq's connection settings for `url`: short timeouts, and no second try."""
    parts = dict(parse_url(url))
    kind = parts.pop("connection_class", None)
    client = {
        "socket_timeout": ANSWER_WITHIN_SECONDS,
        "socket_connect_timeout": ANSWER_WITHIN_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        **({"unix_socket_path": parts.pop("path")} if kind is UnixDomainSocketConnection else {}),
    }
    named = {name.upper(): parts.pop(name) for name in ("host", "port", "db", "username", "password") if name in parts}
    settings = {"HOST": "localhost", "PORT": 6379, "SSL": kind is SSLConnection, **named}
    return settings | {"REDIS_CLIENT_KWARGS": client | parts}
