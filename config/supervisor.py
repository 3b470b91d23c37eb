"""`make run`: one process that brings the whole desk up with its demo, keeps it up, and takes it down in order."""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from config import embedded
from config.children import die_with_parent, log_file, start, stop
from config.places import PlaceUnusable, make_data_dir

BASE_DIR = Path(__file__).resolve().parent.parent
READY_WITHIN_SECONDS = 60
SETTLED_AFTER_SECONDS = 10
LONGEST_PAUSE_SECONDS = 30.0
GUNICORN = (
    "-m gunicorn config.wsgi:application --worker-class gthread --workers 2 --threads 12 --preload --keep-alive 5 "
    "--timeout 90 --graceful-timeout 5 --max-requests 20000 --max-requests-jitter 2000 --no-control-socket "
    "--worker-tmp-dir /tmp --log-level warning"
)


class Stopped(Exception):
    """Somebody asked the desk to stop."""


class CannotStart(Exception):
    """The message says why, and what to do."""


@dataclass(kw_only=True)
class Child:
    """A process of the desk, and how its starts went."""

    name: str
    command: list[str]
    env: dict[str, str]
    log_path: Path
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_seconds: float = 0.5
    not_before: float = 0.0

    def keep(self) -> None:
        """Start the process if it is not there; one that dies at once waits longer each time."""
        now = time.monotonic()
        if self.process and self.process.poll() is not None:
            say(f"{self.name} ended with status {self.process.returncode}; starting it again (log: {self.log_path})")
            lived_seconds = now - self.started_at
            self.pause_seconds = (
                0.5 if lived_seconds > SETTLED_AFTER_SECONDS else min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            )
            self.not_before = now + self.pause_seconds
            self.process = None
        if self.process is None and now >= self.not_before:
            self._start(now)

    def end(self) -> None:
        if self.process:
            stop(self.process, signals=[(signal.SIGTERM, 10.0)], group=True)

    def _start(self, now: float) -> None:
        with log_file(self.log_path) as log:
            self.process = start(
                self.command,
                log=log,
                parent_death_signal=signal.SIGTERM,
                cwd=BASE_DIR,
                env=self.env,
                pass_fds=self.pass_fds,
            )
        self.started_at = now


def say(words: str) -> None:
    print(words, flush=True)


def main() -> None:
    options = _options()
    if options.stop_with_parent:
        die_with_parent(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ask_to_stop)
    try:
        _run(_data_dir(), os.environ.get("HOST") or "127.0.0.1", _port())
    except Stopped:
        say("stopped.")
    except (CannotStart, PlaceUnusable) as problem:
        sys.exit(f"The desk cannot start: {problem}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when the process that started this one dies"
    )
    return parser.parse_args()


def _data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or BASE_DIR / ".data").absolute()


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise CannotStart(f"PORT must be a number between 1 and 65535, not {given!r}")
    return int(given)


def _run(data_dir: Path, host: str, port: int) -> NoReturn:
    make_data_dir(data_dir)
    with ExitStack() as stack:
        stack.enter_context(_alone(data_dir))
        listener = stack.enter_context(_listener(host, port))
        stack.enter_context(embedded.services(data_dir, say=say))
        env = _environment(data_dir, host, port)
        _prepare(data_dir, env)
        children = stack.enter_context(_children(data_dir, env, listener))
        _wait_until_ready(children, f"http://{host}:{port}")
        _greet(data_dir)
        _keep_forever(children, data_dir)


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Refuse a second desk on the same folder for as long as this one runs."""
    with (data_dir / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            other = lock.read().strip() or "unknown"
            message = (
                f"{data_dir} is in use by another `make run` (process {other}). Stop it, or choose another DATA_DIR"
            )
            raise CannotStart(message) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port at once and keep it, so that nobody else gets it while the web server starts or restarts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            reason = "is taken by another program" if problem.errno == 98 else f"cannot be used: {problem.strerror}"
            raise CannotStart(f"port {port} on {host} {reason}. Choose another: make run PORT={port + 1}") from None
        yield listener


def _environment(data_dir: Path, host: str, port: int) -> dict[str, str]:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
    given = os.environ
    return {
        "HANDOFFS_ALLOW_PRIVATE_WEBHOOKS": "1",
        "DESK_URL": f"http://{shown}:{port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        **given,
        "HANDOFFS_DEMO": "1",
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
    }


def _prepare(data_dir: Path, env: dict[str, str]) -> None:
    """Migrate and load the demo, in a process of its own so that its memory goes away with it."""
    say("bringing tables and demo up to date …")
    log_path = data_dir / "logs" / "prepare.log"
    with log_file(log_path) as log:
        child = start(
            [sys.executable, "-m", "config.prepare"], log=log, parent_death_signal=signal.SIGTERM, cwd=BASE_DIR, env=env
        )
        try:
            status = child.wait()
        finally:
            stop(child, signals=[(signal.SIGTERM, 5.0)])
    if status:
        tail = log_path.read_text(errors="replace").strip().splitlines()[-8:]
        raise CannotStart("\n  ".join([f"preparing the database failed; the whole log is {log_path}", *tail]))


@contextmanager
def _children(data_dir: Path, env: dict[str, str], listener: socket.socket) -> Iterator[list[Child]]:
    demo = json.loads((data_dir / "demo.json").read_text())
    python, manage = sys.executable, str(BASE_DIR / "manage.py")
    fd = listener.fileno()
    commands: dict[str, tuple[list[str], dict[str, str]]] = {
        "web": ([python, *GUNICORN.split(), "--bind", f"fd://{fd}"], {}),
        "sweep": ([python, manage, "sweep"], {}),
        "worker": ([python, manage, "work"], {}),
        "invoices": ([str(BASE_DIR / "examples" / "invoices" / "run")], _matcher_environment(data_dir, demo)),
    }
    children = [
        Child(
            name=name,
            command=command,
            env=env | more,
            log_path=data_dir / "logs" / f"{name}.log",
            pass_fds=(fd,) if name == "web" else (),
        )
        for name, (command, more) in commands.items()
    ]
    try:
        yield children
    finally:
        for child in reversed(children):
            child.end()


def _matcher_environment(data_dir: Path, demo: dict[str, Any]) -> dict[str, str]:
    return {
        "DESK_URL": demo["url"],
        "DESK_TOKEN": demo["tokens"]["invoice-matcher"],
        "DESK_WEBHOOK_SECRET": demo["webhooks"]["invoice-matching"]["secret"],
        "INVOICES_DIR": str(data_dir / "invoices"),
    }


def _wait_until_ready(children: list[Child], address: str) -> None:
    say("starting web, worker, sweep and the invoice matcher …")
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        for child in children:
            child.keep()
        problem = _readiness_problem(address)
        if not problem:
            return
        if time.monotonic() > deadline:
            raise CannotStart(
                f"not ready after {READY_WITHIN_SECONDS} s: {problem}. The logs are in {children[0].log_path.parent}"
            )
        time.sleep(0.1)


def _readiness_problem(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as problem:
        return f"/readyz answers {problem.code}: {problem.read(500).decode(errors='replace')}"
    except OSError as problem:
        return f"{address} does not answer: {problem}"


def _greet(data_dir: Path) -> None:
    demo = json.loads((data_dir / "demo.json").read_text())
    people = [
        f"  {user['username']:<6} {user['password']:<24} {', '.join(user['roles']) or 'administrator'}"
        for user in demo["users"]
    ]
    say(
        "\n".join(
            [
                "",
                f"Handoff Desk is ready: {demo['url']}",
                "",
                "Sign in as",
                *people,
                "",
                *_first_steps(demo["url"], data_dir),
            ]
        )
    )


def _first_steps(url: str, data_dir: Path) -> list[str]:
    return [
        "What to do first",
        "  1. Sign in as ann. The invoice matcher has already handed cases over: press `t` to take the next one.",
        "  2. Read why it is yours, choose an outcome, decide, and watch the matcher carry it out.",
        f"  3. Point a program of yours at {url}/api/v1/docs/; tokens and sign-ins are in {data_dir / 'demo.json'}.",
        "",
        f"Logs are in {data_dir / 'logs'}. Ctrl+C stops everything and keeps the data.",
    ]


def _keep_forever(children: list[Child], data_dir: Path) -> NoReturn:
    while True:
        embedded.revive(data_dir)
        for child in children:
            child.keep()
        time.sleep(0.5)


def _ask_to_stop(number: int, frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # from here on everything is being stopped, in order
    os.write(sys.stdout.fileno(), "stopping …\n".encode())
    raise Stopped


if __name__ == "__main__":
    main()
