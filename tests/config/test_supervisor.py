"""`make run`, as somebody at a shell sees it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from config.children import wait_until
from config.places import Places, past_wanted


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(f"/tmp/desk-run-{os.getpid()}-{time.monotonic_ns()}")
    yield folder
    wait_until(lambda: not left_behind(folder), seconds=60)
    subprocess.run(["rm", "-rf", str(folder), str(Places.of(folder).home)], check=True)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def begin(data_dir: Path, port: int | str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "HANDOFFS_"))}
    env = {name: value for name, value in env.items() if name not in {"SECRET_KEY", "EMAIL_URL", "LOG_LEVEL"}}
    return subprocess.Popen(
        [sys.executable, "-m", "config.supervisor"],
        cwd=settings.BASE_DIR,
        env=env | {"DATA_DIR": str(data_dir), "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refusal(data_dir: Path, port: int | str) -> str:
    with begin(data_dir, port) as desk:
        said, _ = desk.communicate(timeout=90)
    assert desk.returncode == 1
    return said


def read_until(desk: subprocess.Popen[str], words: str) -> str:
    said = ""
    assert desk.stdout
    for line in desk.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"{words!r} was never said, but: {said}")


def left_behind(data_dir: Path) -> list[str]:
    """Processes of the desk on that folder: the services name it, the others carry it in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(data_dir).encode() in command + environment:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_a_taken_port_is_named_with_another_to_try(data_dir, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said = refusal(data_dir, port)
    assert f"port {port} on 127.0.0.1 is taken" in said
    assert f"make run PORT={port + 1}" in said


def test_a_port_that_is_none_is_refused(data_dir):
    assert "PORT must be a number between 1 and 65535, not '80x'" in refusal(data_dir, "80x")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, port):
    (tmp_path / "file").touch()
    assert f"cannot write to the data folder {tmp_path / 'file'}" in refusal(tmp_path / "file", port)


@pytest.mark.slow
def test_a_desk_starts_serves_refuses_a_twin_survives_a_kill_and_keeps_what_it_knew(data_dir, port):
    with begin(data_dir, port) as desk:
        said = read_until(desk, "Ctrl+C")
        demo = json.loads((data_dir / "demo.json").read_text())
        assert f"Handoff Desk is ready: http://127.0.0.1:{port}" in said
        assert all(user["password"] in said for user in demo["users"])
        assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
        assert "A past year is being written for her pages" in said
        assert status(port, "/readyz") == 200
        assert f"is in use by another `make run` (process {desk.pid})" in refusal(data_dir, port)
        desk.kill()
    assert wait_until(lambda: not left_behind(data_dir), seconds=60), left_behind(data_dir)

    with begin(data_dir, port) as desk:
        read_until(desk, "Ctrl+C")
        assert json.loads((data_dir / "demo.json").read_text()) == demo
        read_until(desk, "past-year: done")
        assert not past_wanted(data_dir).exists()
        desk.send_signal(signal.SIGINT)
        assert desk.communicate(timeout=120)[0].splitlines()[-2:] == ["stopping …", "stopped."]
    assert desk.returncode == 0
    assert left_behind(data_dir) == []


def status(port: int, path: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status
