"""The processes of the desk that `make run` keeps up, each with its own log in the data folder."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.children import log_file, start, stop, trim_log
from config.kept import Kept

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(kw_only=True)
class Desk:
    """The processes of the desk, in the order in which they were started."""

    data_dir: Path
    env: dict[str, str]
    say: Callable[[str], None]
    kept: dict[str, Kept] = field(default_factory=dict)
    beside: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """Keep a process up from now on; `process` is the one that runs as it already."""

        self.kept[name] = Kept(
            name=name,
            launch=lambda: self._launch(name, command, env=env, pass_fds=pass_fds),
            signals=[(signal.SIGTERM, 10.0)],
            first_pause_seconds=0.5,
            longest_pause_seconds=30.0,
            say=self.say,
            with_its_group=True,
            process=process,
            started_at=time.monotonic(),
        )
        self.kept[name].keep()

    def run_beside(self, name: str, command: list[str]) -> None:
        """Run something once; how it ended is said, and it is not started again."""
        self.beside[name] = self._launch(name, command)

    def keep(self) -> None:
        for process in self.kept.values():
            process.keep()
        for name, once in [*self.beside.items()]:
            if once.poll() is not None:
                del self.beside[name]
                self.say(f"{name}: done" if once.returncode == 0 else f"{name}: failed, see {self.log(name)}")
        for log in self.log("").parent.glob("*.log"):
            trim_log(log)

    def stop(self) -> None:
        """The latest first, alone, as it talks to the others; then all the others at once."""
        for once in self.beside.values():
            stop(once, signals=[(signal.SIGTERM, 5.0)])
        last_first = list(reversed(self.kept.values()))
        for process in last_first[:1]:
            process.end()
        for process in last_first[1:]:
            process.ask_to_end()
        for process in last_first[1:]:
            process.end()

    def _launch(
        self,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        with log_file(self.log(name)) as log:
            return start(
                command,
                log=log,
                parent_death_signal=signal.SIGTERM,
                cwd=BASE_DIR,
                env=self.env | dict(env or {}),
                pass_fds=pass_fds,
            )

    def log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"
