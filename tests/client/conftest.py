"""What the client's tests share: the package on the path, and a server that answers as the contract says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

CLIENT = Path(__file__).resolve().parents[2] / "client"
sys.path.insert(0, str(CLIENT))

from handoffs_client import Desk, Journal  # noqa: E402


@pytest.fixture(scope="session")
def http_of_client() -> Iterator[HTTPServer]:
    server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http(http_of_client: HTTPServer) -> Iterator[HTTPServer]:
    yield http_of_client
    http_of_client.clear()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite3")
    yield found
    found.close()


@pytest.fixture
def desk(http: HTTPServer, journal: Journal) -> Iterator[Desk]:
    found = Desk(http.url_for("/"), "hd_token", journal=journal, patience_seconds=5)
    yield found
    found.close()
