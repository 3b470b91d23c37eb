"""The embedded services: there for whoever uses them, gone with the last one, whole after every kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from config import embedded
from config.children import wait_until
from config.places import Places, PlaceUnusable, make_data_dir

USER = """
import sys, time, pathlib
from config import embedded
with embedded.services(pathlib.Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def no_external_services(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def data_dir(tmp_path_factory) -> Iterator[Path]:
    """A new data folder that an unprivileged account can reach, too: its parents are only passed through."""
    folder = Path(f"/tmp/desk-embedded-{os.getpid()}-{time.monotonic_ns()}")
    yield folder
    wait_until(lambda: not _processes(folder), seconds=30)
    subprocess.run(["rm", "-rf", str(folder), str(Places.of(folder).home), str(Places.of(folder).run)], check=True)


def test_services_answer_while_in_use_and_end_with_their_user(data_dir):
    with embedded.services(data_dir):
        assert _ask(data_dir, "SELECT 1") == 1
        assert redis.Redis.from_url(embedded.redis_url(data_dir)).ping()
    assert wait_until(lambda: not _processes(data_dir), seconds=20)


def test_what_was_committed_is_there_the_next_time(data_dir):
    with embedded.services(data_dir):
        _do(data_dir, "CREATE TABLE kept AS SELECT 7 AS n")
    with embedded.services(data_dir):
        assert _ask(data_dir, "SELECT n FROM kept") == 7


def test_no_tcp_port_is_open_and_the_sockets_are_for_their_owner_only(data_dir):
    with embedded.services(data_dir):
        assert _ask(data_dir, "SHOW listen_addresses") == ""
        assert Places.of(data_dir).run.stat().st_mode & 0o777 == 0o700
        assert redis.Redis.from_url(embedded.redis_url(data_dir)).config_get("port") == {"port": "0"}


def test_the_services_outlive_the_user_who_started_them(data_dir):
    first = _user(data_dir)
    with embedded.services(data_dir):
        first.terminate()
        first.wait()
        time.sleep(0.6)
        assert _ask(data_dir, "SELECT 1") == 1
    assert wait_until(lambda: not _processes(data_dir), seconds=20)


def test_a_killed_user_leaves_nothing_running(data_dir):
    user = _user(data_dir)
    assert _processes(data_dir)
    user.kill()
    user.wait()
    assert wait_until(lambda: not _processes(data_dir), seconds=30)


def test_after_the_keeper_was_killed_the_next_one_finds_every_committed_row(data_dir):
    with embedded.services(data_dir):
        _do(data_dir, "CREATE TABLE kept AS SELECT 7 AS n")
        keeper = next(pid for pid, command in _processes(data_dir).items() if "config.keeper" in command)
        os.kill(keeper, signal.SIGKILL)
        assert wait_until(lambda: not _answers(data_dir), seconds=20)
        assert wait_until(lambda: embedded.revive(data_dir) or _answers(data_dir), seconds=60)
        assert _ask(data_dir, "SELECT n FROM kept") == 7


def test_a_killed_server_is_started_again(data_dir):
    with embedded.services(data_dir):
        postmaster = int((Places.of(data_dir).cluster / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        assert wait_until(lambda: _postmaster(data_dir) not in {postmaster, 0} and _answers(data_dir), seconds=20)


def test_a_process_identifier_that_now_means_another_program_does_not_stop_the_start(data_dir):
    with embedded.services(data_dir):
        pass
    wait_until(lambda: not _processes(data_dir), seconds=20)
    (Places.of(data_dir).cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{Places.of(data_dir).cluster}\n")
    with embedded.services(data_dir):
        assert _ask(data_dir, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_gets_a_short_socket_folder(data_dir):
    deep = data_dir / ("long" * 25)
    try:
        with embedded.services(deep):
            assert len(str(Places.of(deep).run)) < 60
            assert _ask(deep, "SELECT 1") == 1
    finally:
        subprocess.run(["rm", "-rf", str(Places.of(deep).run)], check=True)


def test_throwaway_services_take_their_folder_with_them(data_dir):
    with embedded.services(data_dir, throwaway=True):
        assert data_dir.exists()
    assert wait_until(lambda: not data_dir.exists(), seconds=20)


def test_external_services_are_used_instead(data_dir, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/desk")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    with embedded.services(data_dir):
        assert not data_dir.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlaceUnusable, match=r"cannot write to the data folder .*file/desk.*DATA_DIR="):
        make_data_dir(tmp_path / "file" / "desk")


def _user(data_dir: Path) -> subprocess.Popen[str]:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)], cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout
    with user.stdout as words:
        assert words.readline() == "here\n"
    return user


def _connection(data_dir: Path) -> psycopg.Connection:
    where = embedded.database_settings(data_dir)
    return psycopg.connect(host=where["HOST"], user=where["USER"], dbname=where["NAME"], connect_timeout=2)


def _ask(data_dir: Path, query: str) -> object:
    with _connection(data_dir) as connection:
        return connection.execute(query).fetchone()[0]


def _do(data_dir: Path, statement: str) -> None:
    with _connection(data_dir) as connection:
        connection.execute(statement)


def _answers(data_dir: Path) -> bool:
    try:
        return _ask(data_dir, "SELECT 1") == 1
    except psycopg.Error:
        return False


def _postmaster(data_dir: Path) -> int:
    try:
        return int((Places.of(data_dir).cluster / "postmaster.pid").read_text().split()[0])
    except (OSError, IndexError):
        return 0


def _processes(data_dir: Path) -> dict[int, str]:
    """Processes that have the folder on their command line, except those that merely use the services."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(data_dir) in command and " -c " not in command.split("config.keeper")[0].split("postgres -D")[0]:
            found[int(entry.name)] = command
    return found
