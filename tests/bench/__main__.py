"""`make bench`: measures the desk over HTTP beside the floor of the same stack, in one run, and prints a table."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.load import Caller, Figure, compare, measure

Act = Callable[[Caller, int], Any]
CALLS = int(os.environ.get("BENCH_CALLS", "600"))
OPEN_HANDOFFS = int(os.environ.get("BENCH_OPEN", "20000"))
CLIENTS = (1, 4)
ROUNDS, WARM = 6, 160
BATCH, BATCHES = 500, 4
REVIEWERS = 50


def main() -> None:
    folder = Path(tempfile.gettempdir()) / f"desk-bench-{os.getpid()}"
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "ERROR",
        "HANDOFFS_API_REQUESTS_PER_MINUTE": "100000000",
    }
    from config import embedded

    try:
        with embedded.services(folder):
            import django

            django.setup()
            _measure()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _functions()


def _measure() -> None:
    from tests.bench import stage

    headers = stage.prepare()
    port = stage.free_port()
    with stage.web(port):
        print(f"{'':58} {'rate':>11} {'p50 ms':>9} {'p95 ms':>9}  against the floor")
        for clients in CLIENTS:
            _creates(port, headers, clients)
            _journeys(port, headers, clients)
        _batches(port, headers)
        _takes(port)
        began = time.perf_counter()
        stage.many_handoffs(OPEN_HANDOFFS)
        print(f"({OPEN_HANDOFFS} open handoffs copied in {time.perf_counter() - began:.1f} s)")
        _pages(port, headers["session"])


def _creates(port: int, headers: dict[str, Any], clients: int) -> None:
    """Creating, and proceeding, beside one bare INSERT and five rows through the ORM."""
    one, five, proceed, create = _in_turns(
        {
            "floor: DRF view, one INSERT": lambda c, n: c.post("/floor/one/", _body(f"O{clients}-{n}")),
            "floor: DRF view, five rows through the ORM": lambda c, n: c.post("/floor/five/", _body(f"F{clients}-{n}")),
            "attempt that proceeds": lambda c, n: _report(c, f"P{clients}-{n}", variance="0.4"),
            "attempt that opens a handoff": lambda c, n: _report(c, f"C{clients}-{n}", variance="4.2"),
        },
        partial(Caller, port, headers["automation"]),
        calls=CALLS,
        clients=clients,
    )
    print(one.row(), five.row(), proceed.row(one), create.row(five), sep="\n")


def _journeys(port: int, headers: dict[str, Any], clients: int) -> None:
    """Create, accept, decide over HTTP, beside the same three steps of a bare DRF app."""

    def bare(caller: Caller, number: int) -> None:
        made = caller.post("/floor/five/", _body(f"B{clients}-{number}"))
        for state in ("in_progress", "resolved"):
            caller.post(f"/floor/{made['id']}/{state}/", {})

    def desk(caller: Caller, number: int) -> None:
        handoff = _report(caller, f"J{clients}-{number}", variance="4.2")["handoff"]
        reviewer = headers["reviewer"]
        address = f"/api/v1/handoffs/{handoff['id']}"
        caller.post(f"{address}/accept/", {}, **reviewer)
        decision = {"outcome": "approve_and_pay", "context_digest": handoff["context_digest"]}
        caller.post(f"{address}/decide/", decision, **reviewer)

    acts = {"floor: create, accept, decide in a bare DRF app": bare, "create, accept, decide": desk}
    make_caller = partial(Caller, port, headers["automation"])
    floor, ours = _in_turns(acts, make_caller, calls=CALLS // 3, clients=clients)
    print(floor.row(), ours.row(floor), sep="\n")


def _in_turns(acts: dict[str, Act], make_caller: Callable[[], Caller], *, calls: int, clients: int) -> list[Figure]:
    """Measured in a desk that runs: before the first round every thread of its web processes did all of it a few times.

    A thread opens a connection of its own, and a connection plans each statement once.
    """
    compare({name: _numbered(act, WARM) for name, act in acts.items()}, make_caller, calls=WARM, callers=8, rounds=1)
    return compare(acts, make_caller, calls=calls, callers=clients, rounds=ROUNDS)


def _numbered(act: Act, first: int) -> Act:
    """The same with other numbers: below 0."""
    return lambda caller, number: act(caller, number - first)


def _batches(port: int, headers: dict[str, Any]) -> None:
    """Batches of the largest size that is taken, of attempts that proceed and of attempts that hand off."""
    run: Callable[..., Any] = partial(
        measure, make_caller=partial(Caller, port, headers["automation"]), calls=BATCHES, callers=1
    )
    for name, variance, budget in (("proceed", "0.4", 2_000), ("hand off", "4.2", 800)):
        figure = run(f"batch of {BATCH} that {name}", act=lambda c, n, v=variance: _report_many(c, f"{v}-{n}", v))
        print(figure.row(), f"{figure.per_second * BATCH:,.0f} attempts/s (budget {budget:,})")


def _takes(port: int) -> None:
    """Everybody takes the next of one queue at once, four times; nobody an error, and nobody the same one."""
    from tests.bench import stage

    callers, taken = itertools.cycle(stage.reviewers(REVIEWERS)), []
    run = partial(
        measure,
        "take the next of one queue",
        make_caller=lambda: Caller(port, next(callers)),
        act=lambda c, n: taken.append(c.post("/api/v1/handoffs/take-next/", {})["id"]),
        calls=4 * REVIEWERS,
        callers=REVIEWERS,
    )
    run()  # every thread of the web processes has done it, as in a desk that runs
    figure = run()
    assert len(set(taken)) == 8 * REVIEWERS
    print(figure.row(), "(budget: p95 150 ms)")


def _pages(port: int, session: dict[str, str]) -> None:
    from handoffs.models import Handoff

    handoff = Handoff.objects.open().most_urgent_first()[100]
    run: Callable[..., Any] = partial(measure, make_caller=partial(Caller, port, session), calls=CALLS // 3, callers=1)
    print(run(f"queue page, {OPEN_HANDOFFS} open (p95 budget 60 ms)", act=lambda c, n: c.get("/queue/")).row())
    print(
        run(
            f"case page, {OPEN_HANDOFFS} open (p95 budget 80 ms)", act=lambda c, n: c.get(f"/handoffs/{handoff.pk}/")
        ).row()
    )


def _report(caller: Any, reference: str, *, variance: str) -> Any:
    from tests.factories import DATA

    body = _body(reference) | {"data": {**DATA, "price_variance_percent": variance}}
    return caller.post("/api/v1/cases/", body, **{"Idempotency-Key": reference})


def _report_many(caller: Any, reference: str, variance: str) -> None:
    from tests.factories import DATA

    data = {**DATA, "price_variance_percent": variance}
    items = [_body(f"{reference}-{number}") | {"data": data} for number in range(BATCH)]
    results = caller.post("/api/v1/cases/batch/", {"attempts": items})["results"]
    assert all(result["status"] < 300 for result in results), results[0]


def _body(reference: str) -> dict[str, Any]:
    from tests.factories import DATA

    return {"workflow": "invoice-matching", "reference": reference, "data": dict(DATA), "confidence": 0.93}


def _functions() -> None:
    """The benchmarks of single functions, by pytest-benchmark."""
    columns = "--benchmark-columns=min,median,ops"
    command = [sys.executable, "-m", "pytest", "tests/bench", "-q", "-p", "no:randomly", "-m", "", columns]
    subprocess.run(command, check=True, env=_plain_environment())


def _plain_environment() -> dict[str, str]:
    ours = ("DJANGO_SETTINGS_MODULE", "DATA_DIR", "LOG_LEVEL")
    return {name: value for name, value in os.environ.items() if name not in ours}


if __name__ == "__main__":
    main()
