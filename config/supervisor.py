"""`make run`: one process that brings the whole desk up with its demo, keeps it up, and takes it down in order."""

import argparse
import fcntl
import json
import os
import shlex
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from config import embedded
from config.children import die_with_parent
from config.desk import BASE_DIR, Desk
from config.places import PlaceUnusable, make_data_dir, past_wanted

READY_WITHIN_SECONDS = 180
MANAGE = str(BASE_DIR / "manage.py")
EXAMPLES = {  # folder of the example: its service account and its workflow in the demo
    "invoices": ("invoice-matcher", "invoice-matching"),
    "transfers": ("transfer-bot", "bank-transfers"),
    "refunds": ("refund-bot", "refunds"),
}
GUNICORN = {
    "worker-class": "gthread",
    "workers": "2",
    "threads": "8",
    "keep-alive": "5",
    "timeout": "90",
    "graceful-timeout": "5",
    "max-requests": "20000",
    "max-requests-jitter": "2000",
    "log-level": "warning",
}


class Stopped(Exception):
    """Somebody asked the desk to stop."""


class CannotStart(Exception):
    """The message says why, and what to do."""


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
        desk = Desk(data_dir=data_dir, env=_environment(data_dir, host, port), say=say)
        stack.callback(desk.stop)
        _want_a_past(data_dir)
        desk.start("web", _web_command(listener), pass_fds=[listener.fileno()])
        _prepare(desk)
        _wait_until_ready(desk, f"http://{host}:{port}")
        desk.start("worker", [sys.executable, MANAGE, "work"])
        for example, (account, workflow) in EXAMPLES.items():
            command = [str(BASE_DIR / "examples" / example / "run")]
            desk.start(example, command, env=_example_environment(data_dir, example, account, workflow))
        if past_wanted(data_dir).exists():
            desk.run_beside("past-year", [sys.executable, MANAGE, "demo_history", "--gently"])
        _greet(data_dir)
        while True:
            embedded.revive(data_dir)
            desk.keep()
            time.sleep(0.5)


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
            raise CannotStart(
                f"port {port} on {host} {reason}. Choose another: make run PORT={_another(port)}"
            ) from None
        yield listener


def _another(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8000


def _want_a_past(data_dir: Path) -> None:
    """Note on a first start that the managers' pages are to have a past; who fills them takes the note away."""
    if not (data_dir / "demo.json").exists() and os.environ.get("PAST") != "0":
        past_wanted(data_dir).touch()


def _environment(data_dir: Path, host: str, port: int) -> dict[str, str]:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
    given = os.environ
    return {
        "HANDOFFS_ALLOW_PRIVATE_WEBHOOKS": "1",
        "DESK_URL": f"http://{shown}:{port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # threads share arenas: less memory for the same work
        **given,
        "HANDOFFS_DEMO": "1",
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
    }


def _web_command(listener: socket.socket) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--preload", "--no-control-socket"]
    flags = [f"--{name}={value}" for name, value in GUNICORN.items()]
    return [*command, *flags, f"--bind=fd://{listener.fileno()}"]


def _prepare(desk: Desk) -> None:
    """Have tables and demo brought up to date by the process that then goes on as the sweep, which saves a start."""
    say("bringing tables and demo up to date …")
    reading, writing = os.pipe()
    desk.start("sweep", [sys.executable, "-m", "config.prepare", f"--tell={writing}"], pass_fds=[writing])
    os.close(writing)
    with os.fdopen(reading) as told:
        if not told.read():  # the other end closes without a word when the process dies
            tail = desk.log("sweep").read_text(errors="replace").strip().splitlines()[-8:]
            raise CannotStart("\n  ".join([f"preparing the database failed; see {desk.log('sweep')}", *tail]))
    sweep = desk.kept["sweep"]
    desk.start("sweep", [sys.executable, MANAGE, "sweep"], process=sweep.process)


def _example_environment(data_dir: Path, example: str, account: str, workflow: str) -> dict[str, str]:
    demo = json.loads((data_dir / "demo.json").read_text())
    return {
        "DESK_URL": demo["url"],
        "DESK_TOKEN": demo["tokens"][account],
        "DESK_WEBHOOK_SECRET": demo["webhooks"][workflow]["secret"],
        f"{example.upper()}_DIR": str(data_dir / example),
    }


def _wait_until_ready(desk: Desk, address: str) -> None:
    say("starting web, worker, sweep and the example automations …")
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while problem := _readiness_problem(address):
        desk.keep()
        if time.monotonic() > deadline:
            raise CannotStart(
                f"not ready after {READY_WITHIN_SECONDS} s: {problem}. The logs are in {desk.log('').parent}"
            )
        time.sleep(0.05)


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
        "     Sign in as tess for transfers that a bank does not take, as rolf for refunds that were paid already.",
        f"  3. Point a program of yours at {url}/api/v1/docs/; tokens and sign-ins are in {data_dir / 'demo.json'}.",
        *_about_the_past(data_dir),
        "",
        f"Logs are in {data_dir / 'logs'}. Ctrl+C stops everything and keeps the data.",
    ]


def _about_the_past(data_dir: Path) -> list[str]:
    if past_wanted(data_dir).exists():
        return [
            "  4. Sign in as lea to manage. A past year is being written for her pages; it is there in about a minute.",
        ]
    return [
        "  4. Sign in as lea to manage. If her pages have no past year yet, from another shell in this folder:",
        f"     DATA_DIR={shlex.quote(str(data_dir))} {_python()} manage.py demo_history",
    ]


def _python() -> str:
    """This Python as somebody in this folder would call it."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)


def _ask_to_stop(number: int, frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # from here on everything is being stopped, in order
    os.write(sys.stdout.fileno(), "stopping …\n".encode())
    raise Stopped


if __name__ == "__main__":
    main()
