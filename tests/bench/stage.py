"""Sets the stage of a bench: services, tables, people, a web server of the desk's own kind, and many handoffs."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SPREAD_HOURS = 72
COPIED_TABLES = ("handoffs_case", "handoffs_handoff", "handoffs_attempt", "handoffs_contextrevision")


def prepare() -> dict[str, dict[str, str]]:
    """Migrate, make the floor's tables, people and tokens; returns headers per caller."""
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from tests import factories
    from tests.bench.floor.models import ROWS
    from tests.policies import invoice_matching

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in ROWS:
            editor.create_model(model)
    factories.workflow(context={**invoice_matching()["context"], "require": {"fields": ["data.amount"]}})
    client = Client()
    client.force_login(factories.bob(), backend="django.contrib.auth.backends.ModelBackend")
    return {
        "automation": {"Authorization": f"Bearer {factories.token_of(factories.matcher())}"},
        "reviewer": {"Authorization": f"Bearer {factories.token_of(factories.bob())}"},
        "session": {"Cookie": f"sessionid={client.cookies['sessionid'].value}"},
    }


def reviewers(count: int) -> list[dict[str, str]]:
    """So many more people of the queue's role, each with the headers of their own token."""
    from tests.factories import CLERK, PersonFactory, token_of

    return [{"Authorization": f"Bearer {token_of(PersonFactory(roles=[CLERK]))}"} for _ in range(count)]


def many_handoffs(count: int, *, after: int = 0) -> None:
    """Open a handoff and copy it `count` times, with its case, attempt, revision and audit row, as SQL.

    `after` is how many copies there are already.
    """
    from django.db import connection

    from tests import factories

    factories.post(reference=f"COPIED-{after}")
    with connection.cursor() as cursor:
        for statement in _copies(cursor):
            cursor.execute(statement, {"first": after + 1, "last": after + count})
        cursor.execute("ANALYZE")


def _copies(cursor: Any) -> Iterator[str]:
    """One INSERT … SELECT per table; ids are made from the copy's number, so rows find each other."""
    own = "md5('{table}' || n)::uuid"
    links = {
        "case_id": own.format(table="handoffs_case"),
        "handoff_id": own.format(table="handoffs_handoff"),
        "attempt_id": own.format(table="handoffs_attempt"),
    }
    special = {
        "reference": "'COPY-' || n",
        "number": "nextval('handoff_number')",
        "idempotency_key": "NULL",
        "due_at": f"due_at + (n %% {SPREAD_HOURS}) * interval '1 hour'",
    }
    for table in (*COPIED_TABLES, "handoffs_historicalhandoff"):
        cursor.execute(
            "SELECT column_name, is_identity FROM information_schema.columns WHERE table_name = %s"
            " ORDER BY ordinal_position",
            [table],
        )
        columns = [name for name, identity in cursor.fetchall() if identity == "NO" and name != "history_id"]
        uuid_key = own.format(table="handoffs_handoff" if table.endswith("historicalhandoff") else table)
        values = {**links, **special, "id": uuid_key}
        if table != "handoffs_handoff":
            del values["number"]  # revisions are numbered from 1
        chosen = ", ".join(values.get(name, name) for name in columns)
        newest = f"(SELECT * FROM {table} ORDER BY {'history_id' if 'historical' in table else 'id'} DESC LIMIT 1)"
        yield (
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {chosen} FROM {newest} AS newest, generate_series(%(first)s, %(last)s) AS n"
        )


@contextmanager
def web(port: int) -> Iterator[None]:
    """gunicorn as `make run` starts it, on `port`."""
    from config.supervisor import GUNICORN

    flags = [f"--{name}={value}" for name, value in GUNICORN.items()]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--preload", "--no-control-socket", *flags]
    server = subprocess.Popen([*command, f"--bind=127.0.0.1:{port}"], env=os.environ.copy())
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz")
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(url: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
