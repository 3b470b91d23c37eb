"""Many requests at once, each with a connection of its own: one wins, everybody else learns it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from handoffs.choices import Event
from handoffs.models import Attempt, Case, Handoff
from tests.api.conftest import Caller
from tests.factories import CLERK, DATA, HandoffFactory, PersonFactory, invoice_document, matcher, token_of

pytestmark = [pytest.mark.django_db(transaction=True)]
AT_ONCE = 50


def _all_at_once(calls: list[Any]) -> list[Any]:
    """Every call from a thread of its own, let go together."""
    gate = Barrier(len(calls))

    def run(call: Any) -> Any:
        gate.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def _post(path: str, token: str, body: Any, **headers: str) -> Any:
    return lambda: Caller(token).post(path, body, **headers)


@pytest.fixture
def report(workflow):
    return {
        "workflow": "invoice-matching",
        "reference": "INV-1",
        "data": dict(DATA),
        "context": {"documents": [str(invoice_document().pk)]},
    }


def test_fifty_accept_and_one_has_it(workflow):
    handoff = HandoffFactory()
    reviewers = [PersonFactory(username=f"reviewer-{number}", roles=[CLERK]) for number in range(AT_ONCE)]
    path = f"/handoffs/{handoff.pk}/accept/"
    answers = _all_at_once([_post(path, token_of(reviewer), {}) for reviewer in reviewers])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
    winner = next(answer.body["holder"] for answer in answers if answer.status_code == 200)
    refused = [answer.body for answer in answers if answer.status_code == 409]
    assert {(problem["code"], problem["holder"]) for problem in refused} == {("already_accepted", winner)}
    assert Handoff.objects.get().holder.display_name == winner
    assert handoff.history.filter(event=Event.ACCEPTED).count() == 1


def test_fifty_identical_posts_are_one_attempt(report):
    token = token_of(matcher())
    answers = _all_at_once([_post("/cases/", token, report, Idempotency_Key="k")] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (Attempt.objects.count(), Handoff.objects.count(), Case.objects.get().attempts_count) == (1, 1, 1)
    other = _post("/cases/", token, report | {"confidence": 0.9}, Idempotency_Key="k")()
    assert (other.status_code, other.body["code"]) == (422, "idempotency_key_reused")


def test_one_key_on_many_cases_is_one_attempt(report):
    token = token_of(matcher())
    bodies = [report | {"reference": f"INV-{number}"} for number in range(10)]
    calls = [_post("/cases/", token, body, Idempotency_Key="k") for body in bodies]
    answers = _all_at_once(calls)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 9}
    assert (Attempt.objects.count(), Case.objects.count(), Handoff.objects.count()) == (1, 1, 1)


def test_without_a_key_many_reports_still_open_one_handoff(report):
    token = token_of(matcher())
    answers = _all_at_once([_post("/cases/", token, report)] * 20)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.body["handoff"]["id"] for answer in answers}) == 1
    assert (Handoff.objects.get().occurrences_count, Attempt.objects.count()) == (20, 20)


def test_twenty_take_the_next_and_nobody_the_same(workflow):
    for _ in range(15):
        HandoffFactory()
    reviewers = [PersonFactory(username=f"reviewer-{number}", roles=[CLERK]) for number in range(20)]
    answers = _all_at_once([_post("/handoffs/take-next/", token_of(one), {}) for one in reviewers])
    taken = [answer.body["id"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 204}
    assert len(taken) == len(set(taken)) == 15
