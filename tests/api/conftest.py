"""What the tests of the API share: callers with tokens, and a look at every row before and after."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import authentication
from accounts.models import User
from handoffs.actions import intake
from handoffs.api import throttles, waiting
from handoffs.models import Handoff
from handoffs.rules.canonical import exact_dumps
from tests.factories import matcher, publish, report, token_of
from tests.refusals import everything

BASE = "/api/v1"
LONG_SECONDS = 60
"""The longest that a caller may wait: who is answered in much less was not kept waiting."""
ELSEWHERE = "expense-reports"


class Caller:
    """Somebody with a token; answers have `.status_code`, `.body` (decimals exact) and headers."""

    def __init__(self, token: str | None) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body=body, headers=headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self.send("PUT", path, body=body)

    def raw(self, path: str, body: bytes, content_type: str = "application/json") -> Any:
        return _read(self.client.generic("POST", BASE + path, body, content_type=content_type))

    def upload(self, **fields: Any) -> Any:
        return _read(self.client.post(f"{BASE}/documents/", fields))

    def send(self, method: str, path: str, *, body: Any = None, headers: Any = None) -> Any:
        address = path if path.startswith(("/api", "http")) else BASE + path
        sent = b"" if body is None else exact_dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        answer = self.client.generic(method, address, sent, content_type="application/json", headers=named)
        return _read(answer)


def _read(answer: Any) -> Any:
    if "json" in answer.headers.get("Content-Type", "") and answer.content:
        answer.body = json.loads(answer.content, parse_float=Decimal)
    return answer


@pytest.fixture(autouse=True)
def _nobody_is_known() -> Iterator[None]:
    """No token and no count of another test is remembered."""
    authentication.forget_all()
    throttles.forget_all()
    yield
    authentication.forget_all()


@pytest.fixture
def api(db: None) -> Callable[[User], Caller]:
    """`api(ann)` calls with a token of Ann's."""
    return lambda user: Caller(token_of(user))


@pytest.fixture
def bot(api: Callable[[User], Caller], workflow: Any) -> Caller:
    """The invoice matcher, its policy published."""
    return api(matcher())


@pytest.fixture
def nobody() -> Caller:
    return Caller(None)


@contextmanager
def nothing_written() -> Iterator[None]:
    """What is asked inside leaves every row of the domain as it was."""
    before = everything()
    yield
    assert everything() == before


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that the answer is a problem document of this status and code; the document."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = {name: answer.body[name] for name in ("status", "code", "type")}
    assert (answer.status_code, said) == (
        status,
        {"status": status, "code": code, "type": f"urn:handoff-desk:problem:{code}"},
    )
    assert answer.body["title"]
    assert answer.body["detail"]
    found: dict[str, Any] = answer.body
    return found


def handoff_elsewhere() -> Handoff:
    """A handoff of another workflow than the invoice matching, for the same clerks."""
    publish(ELSEWHERE, context={"summary": "{reference}"})
    said = report(workflow=ELSEWHERE, callback_url="")
    answer = intake.receive(said, automation=matcher(frozenset({ELSEWHERE})), now=timezone.now())
    return Handoff.objects.get(pk=answer.body["handoff"]["id"])


def pointers(problem: dict[str, Any]) -> list[str]:
    return [mistake["pointer"] for mistake in problem["errors"]]


def until_somebody_waits() -> None:
    """Return once a caller waits for news, or after a minute in which nobody did."""
    ends_at = time.monotonic() + LONG_SECONDS
    while waiting._places._value == waiting.MAX_WAITING and time.monotonic() < ends_at:
        time.sleep(0.02)
