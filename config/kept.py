"""A child process that is started again whenever it ends, slower each time that it dies at once."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from config.children import stop

SETTLED_AFTER_SECONDS = 10.0

Signals = list[tuple[signal.Signals, float]]


@dataclass(kw_only=True)
class Kept:
    """One process: how it is started and stopped, and how its starts went."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    signals: Signals
    first_pause_seconds: float
    longest_pause_seconds: float
    say: Callable[[str], None]
    with_its_group: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    not_before: float = 0.0

    def keep(self) -> None:
        """Start the process if it is not there and its pause is over."""
        now = time.monotonic()
        if self.process and self.process.poll() is not None:
            self._mourn(self.process, now)
        if self.process is None and now >= self.not_before:
            self.process, self.started_at = self.launch(), now

    def ask_to_end(self) -> None:
        """Send the first of its signals and wait for nothing."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.signals[0][0])

    def end(self) -> None:
        """Stop the process and do not start it again."""
        if self.process:
            stop(self.process, signals=self.signals, group=self.with_its_group)

    def _mourn(self, process: subprocess.Popen[bytes], now: float) -> None:
        settled = now - self.started_at > SETTLED_AFTER_SECONDS
        self.quick_deaths = 0 if settled else self.quick_deaths + 1
        pause_seconds = min(self.first_pause_seconds * 2**self.quick_deaths, self.longest_pause_seconds)
        self.say(f"{self.name} ended with status {process.returncode}; starting it again in {pause_seconds:.1f} s")
        self.process, self.not_before = None, now + pause_seconds
