"""A burst of the same error over many cases opens one handoff for the outage, and one success withdraws it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoffs.actions import intake, lifecycle
from handoffs.actions.delivery import LEASE
from handoffs.choices import Event, State
from handoffs.models import Case, Handoff
from handoffs.queries.invariants import violations
from tests import factories

CLEAN = {**factories.CLEAN}
TRIGGERS = [
    {"key": "repeated_failure", "failures": {"count": 2, "within": "1h", "retry_after": ["5s"]}},
    {
        "key": "erp_away",
        "title": "The ERP is away",
        "failures": {"count": 3, "within": "10m", "errors": ["timeout"], "across_cases": True},
    },
]


@pytest.fixture
def desk(db, now):
    factories.workflow(pattern="escalation", triggers=TRIGGERS)
    return Desk(now)


class Desk:
    """Reports as the matcher does, a second after each other."""

    def __init__(self, now):
        self.at = now - timedelta(minutes=5)

    def tick(self, seconds=1):
        self.at += timedelta(seconds=seconds)
        return self.at

    def fail(self, reference, error="timeout", **fields):
        said = {"error_type": error, "error_message": "ERP did not answer", "data": CLEAN}
        return factories.post(reference=reference, now=self.tick(), **said | fields).body

    def succeed(self, reference):
        return factories.post(reference=reference, now=self.tick(), data=CLEAN, document_ids=()).body


def the_outage():
    return Handoff.objects.get(case__reference="outage:timeout")


def test_many_cases_with_one_error_open_one_handoff_on_a_case_of_its_own(desk):
    answers = [desk.fail(f"INV-{number}") for number in range(1, 9)]
    assert [answer["verdict"] for answer in answers] == ["retry", "retry", *["stop"] * 6]
    assert {answer["handoff"]["reference"] for answer in answers[2:]} == {"outage:timeout"}
    assert Handoff.objects.count() == 1
    handoff = the_outage()
    assert (handoff.primary_trigger, handoff.role.name, handoff.occurrences_count) == ("erp_away", "AP clerk", 6)
    assert handoff.summary == "The ERP is away: 3 cases failed with timeout within 10 m"


def test_each_report_stays_with_its_own_case_and_counts_on_the_outage(desk):
    for number in range(1, 5):
        desk.fail(f"INV-{number}")
    attempts = the_outage().attempts.order_by("received_at")
    assert [attempt.case.reference for attempt in attempts] == ["INV-3", "INV-4"]
    last = the_outage().history.latest("sequence")
    assert (last.event, last.details["reference"]) == (Event.OCCURRED_AGAIN, "INV-4")
    assert (the_outage().case.attempts_count, list(violations(now=desk.at, lease=LEASE))) == (0, [])


def test_a_retry_of_a_case_in_an_outage_opens_nothing_of_its_own(desk):
    for reference in ("INV-1", "INV-2", "INV-3", "INV-1", "INV-1", "INV-1"):
        answer = desk.fail(reference)
    assert (answer["verdict"], answer["handoff"]["reference"]) == ("stop", "outage:timeout")
    assert Handoff.objects.count() == 1


def test_a_case_that_was_with_a_person_before_stays_there(desk):
    desk.fail("INV-1")
    own = desk.fail("INV-1")["handoff"]
    desk.fail("INV-2")
    desk.fail("INV-3")
    assert desk.fail("INV-1")["handoff"]["id"] == own["id"]
    assert Handoff.objects.open().count() == 2


def test_other_errors_and_other_workflows_do_not_count(desk):
    factories.workflow("other", pattern="escalation", triggers=TRIGGERS)
    scope = frozenset({"other", factories.WORKFLOW})
    for number in range(3):
        desk.fail(f"INV-{number}", error="rejected")
    said = factories.report(workflow="other", reference="X-1", error_type="timeout", callback_url="")
    intake.receive(said, automation=factories.matcher(scope), now=desk.tick())
    desk.fail("INV-8")
    assert desk.fail("INV-9")["verdict"] == "retry"
    assert not Case.objects.filter(reference__startswith="outage:").exists()


def test_a_success_of_any_case_ends_the_outage_and_says_so(desk):
    for number in range(1, 5):
        desk.fail(f"INV-{number}")
    answer = desk.succeed("INV-77")
    assert answer["verdict"] == "proceed"
    handoff = the_outage()
    assert handoff.state == State.WITHDRAWN
    assert handoff.history.latest("sequence").reason == "INV-77 went well: the outage is over"


def test_a_success_on_an_open_handoff_of_its_own_ends_the_outage_too(desk):
    desk.fail("INV-1")
    desk.fail("INV-1")
    desk.fail("INV-2")
    desk.fail("INV-3")
    desk.succeed("INV-1")
    assert {handoff.state for handoff in Handoff.objects.all()} == {State.WITHDRAWN}


def test_failures_count_anew_after_an_outage(desk):
    for number in range(1, 5):
        desk.fail(f"INV-{number}")
    desk.succeed("INV-5")
    assert [desk.fail(f"INV-{number}")["verdict"] for number in (1, 2, 3)] == ["retry", "retry", "stop"]
    assert Handoff.objects.filter(case__reference="outage:timeout").count() == 2


def test_failures_count_anew_after_a_person_decided(desk, now):
    for number in range(1, 4):
        desk.fail(f"INV-{number}")
    handoff = lifecycle.accept(the_outage(), reviewer=factories.ann(), now=desk.tick())
    factories.decide(handoff, factories.ann(), "request_vendor_correction", now=desk.tick())
    assert desk.fail("INV-1")["verdict"] == "retry"


def test_what_needs_the_context_of_a_case_is_not_asked_for_an_outage(desk):
    answers = [desk.fail(f"INV-{number}", data={"amount": None}, document_ids=()) for number in range(1, 4)]
    assert answers[-1]["verdict"] == "stop"


def test_the_same_key_is_answered_the_same_and_counts_once(desk):
    for number in range(1, 4):
        desk.fail(f"INV-{number}")
    first = desk.fail("INV-4", idempotency_key="k-1")
    assert desk.fail("INV-4", idempotency_key="k-1") == first
    assert the_outage().occurrences_count == 2


def test_a_returned_outage_waits_for_an_answer_of_its_own(desk):
    for number in range(1, 4):
        desk.fail(f"INV-{number}")
    ann = factories.ann()
    handoff = lifecycle.accept(the_outage(), reviewer=ann, now=desk.tick())
    lifecycle.return_(handoff, reviewer=ann, reason="Which bank?", questions=[], now=desk.tick())
    assert desk.fail("INV-4")["handoff"]["state"] == "returned"
    answer = desk.fail("outage:timeout")
    assert answer["handoff"]["state"] == "pending"


def test_looking_for_outages_costs_a_report_that_goes_well_one_query(desk, django_assert_max_num_queries):
    factories.workflow(pattern="escalation", triggers=TRIGGERS[:1])
    desk.succeed("INV-1")
    with CaptureQueriesContext(connection) as without:
        desk.succeed("INV-1")
    factories.workflow(pattern="escalation", triggers=TRIGGERS)
    desk.succeed("INV-1")
    with django_assert_max_num_queries(len(without) + 1):
        desk.succeed("INV-1")
