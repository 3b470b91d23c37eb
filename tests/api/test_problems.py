"""Every refusal below /api/ is a problem document, whoever in the house refuses."""

import pytest
from django.db import OperationalError
from django.http import UnreadablePostError

from handoffs.api import handoffs, parsers
from tests.api.conftest import is_problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/nothing/", "/handoffs", "/api/v2/handoffs/", "/api/", "/cases/only-one/", "/handoffs/x/dance/"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address(nobody, path, method):
    problem = is_problem(nobody.send(method, path), 404, "not_found")
    assert "/api/v1/docs/" in problem["detail"]


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
def test_a_method_that_is_not_there(bot, method):
    answer = bot.send(method, "/cases/")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_a_database_that_is_away(bot, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(handoffs.access, "handoffs_for", away)
    answer = bot.get("/handoffs/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert (answer.body["code"], answer.headers["Retry-After"]) == ("database_unavailable", "5")


def test_a_caller_that_hangs_up(bot, monkeypatch):
    def hung_up(*args, **kwargs):
        raise UnreadablePostError("gone")

    monkeypatch.setattr(parsers.ExactJSONParser, "parse", hung_up)
    is_problem(bot.post("/cases/", {}), 400, "malformed")


def test_a_mistake_of_ours_is_a_problem_that_tells_nothing(bot, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(handoffs.access, "handoffs_for", broken)
    bot.client.raise_request_exception = False
    answer = bot.get("/handoffs/")
    is_problem(answer, 500, "server_error")
    assert b"secret" not in answer.content
