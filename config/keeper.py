"""The process that owns the embedded PostgreSQL and Valkey of one data folder: it starts them, starts them again, and
stops them when nobody holds the folder's users lock any more. Started by `config.embedded`, never by hand."""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from config.children import Account, alive, log_file, start, wait_until
from config.kept import Kept, Signals
from config.places import POSTGRES_SOCKET, Binaries, Places, PlaceUnusable, find_binaries, settle

POLL_SECONDS = 0.2
QUICK_DEATHS_LIMIT = 8
POSTGRES_SIGNALS = [(signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)]
VALKEY_SIGNALS = [(signal.SIGTERM, 10.0)]
INITDB_FLAGS = [
    "--username=desk",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-instructions",
]
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",
    "idle_in_transaction_session_timeout": "60s",
}
THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def say(words: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), words, flush=True)


def main() -> None:
    options = _options()
    data_dir = Path(options.data_dir)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with (data_dir / "keeper.lock").open("a") as lock:
        if not _try_lock(lock.fileno()):
            return
        try:
            _keep(data_dir, options)
        except PlaceUnusable as problem:
            say(f"failed: {problem}")
            raise SystemExit(1) from problem


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir")
    parser.add_argument("--services", default="postgres,valkey")
    parser.add_argument(
        "--throwaway", action="store_true", help="quick and not durable; the folder is removed at the end"
    )
    return parser.parse_args()


def _keep(data_dir: Path, options: argparse.Namespace) -> None:
    places, account = settle(data_dir)
    with ExitStack() as stack:
        services = [
            SERVICES[name](places, account, find_binaries(account), options.throwaway, stack)
            for name in options.services.split(",")
        ]
        users = stack.enter_context(places.users_lock.open("a"))
        try:
            while not _try_lock(users.fileno()):  # taken exclusively only when nobody shares it
                for service in services:
                    _keep_up(service)
                time.sleep(POLL_SECONDS)
        finally:
            for service in reversed(services):
                service.end()
                say(f"{service.name} stopped")
            if options.throwaway:
                for folder in (places.run, places.home, data_dir):
                    shutil.rmtree(folder, ignore_errors=True)


def _keep_up(service: Kept) -> None:
    service.keep()
    if service.quick_deaths > QUICK_DEATHS_LIMIT:
        raise PlaceUnusable(f"{service.name} does not stay up; its log is logs/{service.name}.log in the data folder")


def _service(name: str, launch: Callable[[], subprocess.Popen[bytes]], signals: Signals) -> Kept:
    return Kept(name=name, launch=launch, signals=signals, first_pause_seconds=0.1, longest_pause_seconds=5.0, say=say)


def _postgres(places: Places, account: Account | None, binaries: Binaries, throwaway: bool, stack: ExitStack) -> Kept:
    log = stack.enter_context(log_file(places.logs / "postgres.log"))
    if not places.cluster.exists():
        _create_cluster(places, account, binaries)
    _refuse_other_version(places, binaries)
    settings = POSTGRES_SETTINGS | (THROWAWAY_SETTINGS if throwaway else {})
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def launch() -> subprocess.Popen[bytes]:
        _clear_postgres(places)
        command: list[str | Path] = [binaries.postgres, "-D", places.cluster, "-k", places.run, *flags]
        return start(command, log=log, parent_death_signal=signal.SIGINT, account=account, cwd=places.home)

    return _service("postgres", launch, POSTGRES_SIGNALS)


def _valkey(places: Places, account: Account | None, binaries: Binaries, throwaway: bool, stack: ExitStack) -> Kept:
    log = stack.enter_context(log_file(places.logs / "valkey.log"))
    flags = "--port 0 --unixsocketperm 700 --maxmemory 64mb --maxmemory-policy noeviction --appendonly"

    def launch() -> subprocess.Popen[bytes]:
        _clear_valkey(places)
        command: list[str | Path] = [
            binaries.valkey,
            *flags.split(),
            "no" if throwaway else "yes",
            "--save",
            "",
            "--dir",
            places.valkey,
        ]
        command += ["--unixsocket", places.valkey_socket, "--pidfile", places.run / "valkey.pid"]
        return start(command, log=log, parent_death_signal=signal.SIGTERM, account=account, cwd=places.home)

    return _service("valkey", launch, VALKEY_SIGNALS)


SERVICES = {"postgres": _postgres, "valkey": _valkey}


def _create_cluster(places: Places, account: Account | None, binaries: Binaries) -> None:
    """Create the cluster beside its place and rename it, so that a killed initdb leaves nothing half made."""
    fresh = places.home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    with log_file(places.logs / "postgres.log") as log:
        command: list[str | Path] = [binaries.initdb, "-D", fresh, *INITDB_FLAGS]
        status = start(
            command,
            log=log,
            parent_death_signal=signal.SIGTERM,
            account=account,
            cwd=places.home,
            env=_plain_environment(),
        ).wait()
    if status:
        raise PlaceUnusable(f"creating the database failed: {_last_line(places.logs / 'postgres.log')}")
    fresh.rename(places.cluster)


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}


def _refuse_other_version(places: Places, binaries: Binaries) -> None:
    have = (places.cluster / "PG_VERSION").read_text().strip()
    words = subprocess.run([binaries.postgres, "--version"], capture_output=True, text=True, check=True).stdout
    want = words.split()[2].split(".")[0]
    if have != want:
        raise PlaceUnusable(
            f"{places.cluster} was made by PostgreSQL {have}, this is {want}; "
            "dump it with the old release and load it with this one"
        )


def _clear_postgres(places: Places) -> None:
    """See an earlier server off before a new one starts, and remove what a killed one left behind."""
    _see_off(places.cluster / "postmaster.pid", command_part=str(places.cluster), first=signal.SIGINT)
    lock = places.run / f"{POSTGRES_SOCKET}.lock"
    for leftover in (places.cluster / "postmaster.pid", lock, places.run / POSTGRES_SOCKET):
        leftover.unlink(missing_ok=True)


def _clear_valkey(places: Places) -> None:
    _see_off(places.run / "valkey.pid", command_part="valkey", first=signal.SIGTERM)
    places.valkey_socket.unlink(missing_ok=True)


def _see_off(pid_file: Path, *, command_part: str, first: signal.Signals) -> None:
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    for number in (first, signal.SIGQUIT, signal.SIGKILL):
        if not alive(pid, command_part=command_part):
            return
        say(f"an earlier server still runs as process {pid}: sending {number.name}")
        os.kill(pid, number)
        wait_until(lambda: not alive(pid, command_part=command_part), seconds=10)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "no output")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(number: int, frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
