"""What the example's tests share: the package on the path, a ledger, made-up papers, and a desk that is not one."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

from invoices.ledger import Ledger  # noqa: E402

from tests.examples.stand_in_desk import StandInDesk  # noqa: E402

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


@pytest.fixture(scope="session")
def http() -> Iterator[HTTPServer]:
    server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stand_in(http: HTTPServer) -> Iterator[StandInDesk]:
    yield StandInDesk(http)
    http.clear()
