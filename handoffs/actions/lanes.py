"""Sends many messages at once, host by host: each host has a lane of its own, and few threads at a time in it."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import Empty, SimpleQueue
from time import monotonic

from handoffs.actions import outbox
from handoffs.actions.outbox import LEASE, MOST_PER_HOST, PER_HOST, Leased
from handoffs.rules.deliveries import Exchange

SLOW_MS = 1000
STALE_SECONDS = LEASE.total_seconds() - 20
"""A message that has waited longer is left: by the end of a try its lease might be somebody else's."""

Result = tuple[Leased, Exchange]


class Lanes:
    """What is leased and not yet written down, by host. A host in trouble has one thread, so that others have them."""

    def __init__(self, pool: ThreadPoolExecutor, clock: Callable[[], datetime]) -> None:
        self._pool, self._clock = pool, clock
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, deque[tuple[Leased, float]]] = defaultdict(deque)
        self._threads: Counter[str] = Counter()
        self._on_their_way: Counter[str] = Counter()
        self._since: dict[object, float] = {}
        self._quick: set[str] = set()
        self._troubled: set[str] = set()
        self._results: SimpleQueue[Result] = SimpleQueue()

    @property
    def count(self) -> int:
        """Messages that wait or are on their way."""
        with self._lock:
            return self._on_their_way.total()

    @property
    def hangs(self) -> bool:
        """Whether an answer is overdue by the measure of a quick host."""
        with self._lock:
            begun = min(self._since.values(), default=monotonic())
        return (monotonic() - begun) * 1000 > SLOW_MS

    def room(self, host: str, *, for_troubled: bool = True) -> int:
        """How many more messages to this host to lease."""
        if host in self._troubled:
            return int(for_troubled) - self._on_their_way[host]
        return (MOST_PER_HOST if host in self._quick else PER_HOST) - self._on_their_way[host]

    def full(self, *, for_troubled: bool = True) -> list[str]:
        """Hosts for which nothing more is to be leased now."""
        with self._lock:
            known = {*self._on_their_way, *self._troubled}
            return [host for host in known if self.room(host, for_troubled=for_troubled) <= 0]

    def add(self, leased: list[Leased]) -> None:
        """Send these, each as soon as its host has a thread for it."""
        with self._lock:
            for one in leased:
                self._waiting[one.host].append((one, monotonic()))
                self._on_their_way[one.host] += 1
            hosts = {one.host for one in leased}
            starting = [host for host in hosts for _ in range(self._threads_to_start(host))]
            self._threads.update(starting)
        for host in starting:
            self._pool.submit(self._run, host)

    def results(self, *, seconds: float, most: int) -> list[Result]:
        """What has come back; waits so long for the first."""
        found: list[Result] = []
        try:
            found.append(self._results.get(timeout=seconds))
            while len(found) < most:
                found.append(self._results.get_nowait())
        except Empty:
            pass
        return found

    def _threads_to_start(self, host: str) -> int:
        most = 1 if host in self._troubled else PER_HOST
        return max(min(most, len(self._waiting[host])) - self._threads[host], 0)

    def _run(self, host: str) -> None:
        """Send what waits for a host, one after the other, until nothing waits or the host has a thread too many."""
        while (one := self._next(host)) is not None:
            exchange = outbox.post(one, self._clock())
            self._back(one, exchange)
            self._results.put((one, exchange))

    def _next(self, host: str) -> Leased | None:
        with self._lock:
            while self._waiting[host]:
                if host in self._troubled and self._threads[host] > 1:
                    break
                one, leased_at = self._waiting[host].popleft()
                if monotonic() - leased_at < STALE_SECONDS:
                    self._since[one.delivery_id] = monotonic()
                    return one
                self._on_their_way[host] -= 1
            self._threads[host] -= 1
            self._forget_if_empty(host)
            return None

    def _back(self, one: Leased, exchange: Exchange) -> None:
        went_well = exchange.status is not None and exchange.status < 500 and exchange.duration_ms < SLOW_MS
        good, bad = (self._quick, self._troubled) if went_well else (self._troubled, self._quick)
        with self._lock:
            del self._since[one.delivery_id]
            self._on_their_way[one.host] -= 1
            good.add(one.host)
            bad.discard(one.host)

    def _forget_if_empty(self, host: str) -> None:
        if not self._on_their_way[host]:
            del self._on_their_way[host]
        if not self._waiting[host] and not self._threads[host]:
            del self._waiting[host], self._threads[host]
