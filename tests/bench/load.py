"""A small load driver: callers in threads over kept connections, and what their calls took."""

import http.client
import json
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a run measured; durations in milliseconds."""

    name: str
    per_second: float
    p50_ms: float
    p95_ms: float

    def row(self, floor: "Figure | None" = None) -> str:
        """A line of the table, with the ratio to a floor where there is one."""
        ratio = f"{self.per_second / floor.per_second:6.2f} ×" if floor else ""
        return f"{self.name:58} {self.per_second:9.1f}/s {self.p50_ms:9.2f} {self.p95_ms:9.2f}  {ratio}"


class Caller:
    """One client with one kept connection."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = headers

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """POST JSON; raises AssertionError for an answer that is no success."""
        sent = {"Content-Type": "application/json", **self.headers, **headers}
        return json.loads(self._ask("POST", path, json.dumps(body), sent) or "null")

    def get(self, path: str) -> bytes:
        """GET a page; raises AssertionError for an answer that is no success."""
        return self._ask("GET", path, None, self.headers)

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {content[:500]!r}"
        return content


def measure(
    name: str, make_caller: Callable[[], Caller], act: Callable[[Caller, int], Any], *, calls: int, callers: int
) -> Figure:
    """Let `callers` threads make `calls` calls together; `act` gets its caller and a number of its own."""
    return compare({name: act}, make_caller, calls=calls, callers=callers, rounds=1)[0]


def compare(
    acts: Mapping[str, Callable[[Caller, int], Any]],
    make_caller: Callable[[], Caller],
    *,
    calls: int,
    callers: int,
    rounds: int,
) -> list[Figure]:
    """Measure several acts in turns, `calls` of each in all: a machine that slows down slows down all of them."""
    taken: dict[str, list[float]] = {name: [] for name in acts}
    seconds = dict.fromkeys(acts, 0.0)
    for number in range(rounds):
        mine = range(number * calls // rounds, (number + 1) * calls // rounds)
        for name, act in acts.items():
            begun = time.perf_counter()
            taken[name] += _make_calls(make_caller, act, mine, callers)
            seconds[name] += time.perf_counter() - begun
    ending = f", {callers} client{'s' if callers > 1 else ''}"
    return [_figure(name + ending, taken[name], seconds[name]) for name in acts]


def _make_calls(
    make_caller: Callable[[], Caller], act: Callable[[Caller, int], Any], numbers: range, callers: int
) -> list[float]:
    def work(worker: int) -> list[float]:
        caller, taken = make_caller(), []
        for number in numbers[worker::callers]:
            begun = time.perf_counter()
            act(caller, number)
            taken.append((time.perf_counter() - begun) * 1000)
        return taken

    with ThreadPoolExecutor(callers) as pool:
        return [ms for part in pool.map(work, range(callers)) for ms in part]


def _figure(name: str, taken: list[float], seconds: float) -> Figure:
    p95 = sorted(taken)[int(len(taken) * 0.95)]
    return Figure(name=name, per_second=len(taken) / seconds, p50_ms=statistics.median(taken), p95_ms=p95)
