"""Use the embedded PostgreSQL and Valkey of a data folder: find them running, or have them started for one's own time.

Whoever uses them shares a lock on `users.lock`; the keeper process ends them when the last one has left, in any way.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg

from config.children import wait_until
from config.places import Places, PlaceUnusable, make_data_dir

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE, ROLE = "handoffs", "desk"
PATIENCE_SECONDS = 120.0

_revived: list[subprocess.Popen[bytes]] = []  # kept, so that they are waited for


def database_settings(data_dir: Path) -> dict[str, str]:
    """How Django reaches the embedded PostgreSQL of `data_dir`."""
    run = Places.of(data_dir).run
    return {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE, "USER": ROLE, "HOST": str(run)}


def redis_url(data_dir: Path) -> str:
    """How a Redis client reaches the embedded Valkey of `data_dir`."""
    return f"unix://{Places.of(data_dir).valkey_socket}"


def wanted_services() -> list[str]:
    """Those that the environment does not replace by an external one."""
    replaced_by = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
    return [name for name, variable in replaced_by.items() if not os.environ.get(variable)]


@contextmanager
def services(
    data_dir: Path, *, throwaway: bool = False, say: Callable[[str], None] = lambda words: None
) -> Iterator[None]:
    """Hold the embedded services of `data_dir` running; they end with their last user.

    `throwaway` asks for quick, not durable ones, whose folder is removed afterwards.
    Raises PlaceUnusable if they cannot run; its message is for people.
    """
    wanted = wanted_services()
    if not wanted:
        yield
        return
    make_data_dir(data_dir)
    users = Places.of(data_dir).users_lock.open("a")
    keeper: subprocess.Popen[bytes] | None = None
    try:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper is just ending its services
        keeper = _ensure(data_dir, wanted, throwaway, say)
        yield
    finally:
        last = _is_last(users)
        users.close()
        if keeper and last:
            wait_until(lambda: keeper.poll() is not None, seconds=45)


def revive(data_dir: Path) -> None:
    """Start the keeper again if it was killed; for those who stay, called now and then."""
    if (wanted := wanted_services()) and not _keeper_runs(data_dir):
        _revived[:] = [keeper for keeper in _revived if keeper.poll() is None]
        _revived.append(_start_keeper(data_dir, wanted, throwaway=False))


def _ensure(
    data_dir: Path, wanted: list[str], throwaway: bool, say: Callable[[str], None]
) -> subprocess.Popen[bytes] | None:
    keeper: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(READY[name](data_dir) for name in wanted):
        if keeper and keeper.poll():
            raise PlaceUnusable(_why_the_keeper_failed(data_dir))
        if time.monotonic() > deadline:
            raise PlaceUnusable(
                f"the embedded services did not answer in {PATIENCE_SECONDS:.0f} s; see {Places.of(data_dir).logs}"
            )
        if not (keeper and keeper.poll() is None) and not _keeper_runs(data_dir):
            say(_what_starts(data_dir))
            keeper = _start_keeper(data_dir, wanted, throwaway)
        time.sleep(0.05)
    return keeper


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _what_starts(data_dir: Path) -> str:
    exists = Places.of(data_dir).cluster.exists()
    return "starting the database …" if exists else "creating the database …"


def _start_keeper(data_dir: Path, wanted: list[str], throwaway: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "config.keeper", str(data_dir), f"--services={','.join(wanted)}"]
    logs = Places.of(data_dir).logs
    logs.mkdir(mode=0o700, exist_ok=True)
    with (logs / "services.log").open("ab") as log:
        return subprocess.Popen(
            command + ["--throwaway"] * throwaway,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=BASE_DIR,
            start_new_session=True,
        )


def _keeper_runs(data_dir: Path) -> bool:
    with Places.of(data_dir).keeper_lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _why_the_keeper_failed(data_dir: Path) -> str:
    log = Places.of(data_dir).logs / "services.log"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].partition("failed: ")[2] or f"the embedded services did not start; see {log}"


def _postgres_ready(data_dir: Path) -> bool:
    host = str(Places.of(data_dir).run)
    try:
        psycopg.connect(host=host, user=ROLE, dbname=DATABASE, connect_timeout=2).close()
    except psycopg.OperationalError as problem:
        if f'database "{DATABASE}" does not exist' in str(problem):
            _create_database(host)
        return False
    return True


def _create_database(host: str) -> None:
    with psycopg.connect(host=host, user=ROLE, dbname="postgres", autocommit=True) as connection:
        try:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another start was quicker


def _valkey_ready(data_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(Places.of(data_dir).valkey_socket))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


READY: dict[str, Callable[[Path], bool]] = {"postgres": _postgres_ready, "valkey": _valkey_ready}
