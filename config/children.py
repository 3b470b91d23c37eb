"""Start child processes that cannot outlive their parent, and stop them; knows nothing of what they do."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LOG_LIMIT_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whom a child runs as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of_uid(cls, uid: int) -> "Account":
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(name=str(uid), uid=uid, gid=uid)
        return cls(name=entry.pw_name, uid=uid, gid=entry.pw_gid)


def start(
    command: Sequence[str | Path],
    *,
    log: IO[bytes],
    parent_death_signal: signal.Signals,
    account: Account | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; the kernel signals it when this process dies.

    Call it from the main thread: the kernel watches the thread that forked, not the process.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=cwd,
        env=env,
        pass_fds=pass_fds,
        process_group=0,
        preexec_fn=_die_with(os.getpid(), parent_death_signal),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def stop(
    child: subprocess.Popen[bytes], *, signals: Sequence[tuple[signal.Signals, float]], group: bool = False
) -> None:
    """Send each signal in turn and wait its seconds, then kill; returns when the child is gone.

    With `group`, whatever the child itself left behind in its process group is killed in the end.
    """
    for number, patience_seconds in signals:
        if child.poll() is not None:
            break
        child.send_signal(number)
        try:
            child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            continue
    if child.poll() is None:
        child.kill()
        child.wait()
    if group:
        _kill_group(child.pid)


def alive(pid: int, *, command_part: str) -> bool:
    """Whether process `pid` runs and has `command_part` on its command line: identifiers are reused in containers."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return command_part in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return not Path("/proc/self").exists()


def as_account(account: Account, question: Callable[[], bool]) -> bool:
    """Answer `question` in a short-lived fork that has become `account`; an OSError counts as no."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            os._exit(0 if question() else 1)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def trim_log(path: Path) -> None:
    """Put a long log aside while its writer goes on: it appends, so it continues at the new end."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


@contextmanager
def log_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a log for appending; a long one is put aside first, keeping one generation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    trim_log(path)
    with path.open("ab", buffering=0) as log:
        yield log


def wait_until(condition: Callable[[], bool], *, seconds: float, step_seconds: float = 0.05) -> bool:
    """Poll `condition` until it holds; False when the seconds are over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step_seconds)
    return True


def die_with_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this very process `number` when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number))


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _die_with(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return arrange
