"""The three patterns against a desk that answers as the contract says."""

import re
from dataclasses import replace

import pytest
from handoffs_client import (
    Attempt,
    ContextMoved,
    Handoff,
    RetryLater,
    Returned,
    Stopped,
    Withdrawn,
    alert_and_wait,
    escalates,
    settle,
    supervised,
)

from tests.client import contract

CASES = "/api/v1/cases/"
HANDOFF = re.compile(r"/api/v1/handoffs/[^/]+/")
RECEIPT = re.compile(r"/api/v1/handoffs/[^/]+/receipt/")


@pytest.fixture
def wire(http):
    return Wire(http)


class Wire:
    """What the desk answers, and what it was sent."""

    def __init__(self, http):
        self.http = http
        http.expect_request(RECEIPT, method="POST").respond_with_json({"recovery": [], "state": "resolved"})

    def answers(self, *answers):
        for told in answers:
            self.http.expect_oneshot_request(CASES).respond_with_json(told)
        return self

    def shows(self, handoff):
        self.http.expect_request(HANDOFF, method="GET").respond_with_json(handoff)
        return self

    @property
    def reports(self):
        return [request.json for request, _ in self.http.log if request.path == CASES]

    @property
    def receipts(self):
        return [request.json for request, _ in self.http.log if request.path.endswith("/receipt/")]


def attempt(reference):
    return Attempt(workflow="invoice-matching", reference=reference)


# --- alert and wait


def paying(desk, done):
    @alert_and_wait(desk, attempt)
    def pay(reference, decision):
        done.append(decision and decision.outcome)
        return "Paid"

    return pay


def test_where_nobody_is_needed_the_work_goes_on(desk, wire):
    done = []
    wire.answers(contract.answer("proceed"))
    assert paying(desk, done)("INV-1") == "Paid"
    assert (done, wire.receipts) == ([None], [])


def test_the_decision_is_carried_out_and_acknowledged(desk, wire):
    done = []
    wire.answers(contract.answer()).shows(contract.resolved())
    assert paying(desk, done)("INV-1") == "Paid"
    assert done == ["approve_and_pay"]
    assert wire.receipts == [{"status": "applied", "detail": "Paid", "context_digest": contract.DIGEST}]


def test_a_call_made_again_asks_nobody_twice_and_does_nothing_twice(desk, wire):
    done = []
    wire.answers(contract.answer()).shows(contract.resolved())
    assert [paying(desk, done)("INV-1"), paying(desk, done)("INV-1")] == ["Paid", None]
    assert (len(wire.reports), len(done), len(wire.receipts)) == (1, 1, 1)


def test_what_fails_is_told_and_raised(desk, wire):
    wire.answers(contract.answer()).shows(contract.resolved())

    @alert_and_wait(desk, attempt)
    def pay(reference, decision):
        raise RuntimeError("no money")

    with pytest.raises(RuntimeError):
        pay("INV-1")
    assert [(receipt["status"], receipt["detail"]) for receipt in wire.receipts] == [
        ("failed", "RuntimeError: no money")
    ]


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        (contract.handoff("returned", returned={"reason": "?", "questions": []}), Returned),
        (contract.handoff("withdrawn"), Withdrawn),
        (contract.handoff("resolved", decision=contract.decision(context_digest="sha256:b")), ContextMoved),
    ],
)
def test_what_is_no_decision_on_our_case_is_not_carried_out(desk, wire, shown, error):
    done = []
    wire.answers(contract.answer()).shows(shown)
    with pytest.raises(error):
        paying(desk, done)("INV-1")
    assert done == []
    assert [receipt["status"] for receipt in wire.receipts] == (["failed"] if error is ContextMoved else [])


def test_another_attempt_first_is_said_so(desk, wire):
    wire.answers(contract.answer("retry", retry_after_seconds=30))
    with pytest.raises(RetryLater) as caught:
        paying(desk, [])("INV-1")
    assert caught.value.seconds == 30


# --- escalation


class Bank:
    """Times out as often as it is asked to."""

    def __init__(self, timeouts):
        self.timeouts, self.calls = timeouts, 0

    def send(self):
        self.calls += 1
        if self.calls <= self.timeouts:
            raise TimeoutError("no answer")
        return "sent"


def sending(desk, bank):
    @escalates(desk, attempt, errors={TimeoutError: "bank_timeout"})
    def send(reference):
        return bank.send()

    return send


def test_failures_are_reported_and_tried_again_until_it_works(desk, wire):
    wire.answers(contract.answer("retry"), contract.answer("retry"), contract.answer("proceed"))
    assert sending(desk, Bank(2))("TR-1") == "sent"
    assert [report.get("error") for report in wire.reports] == [
        {"type": "bank_timeout", "message": "no answer"},
        {"type": "bank_timeout", "message": "no answer"},
        None,
    ]


def test_stop_means_stop(desk, wire):
    bank = Bank(9)
    wire.answers(contract.answer("retry"), contract.answer("stop"))
    with pytest.raises(Stopped) as caught:
        sending(desk, bank)("TR-1")
    assert (bank.calls, caught.value.handoff.number) == (2, 1042)
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_the_delay_is_the_desk_s(desk, wire):
    slept = []
    desk.stopping.wait = lambda seconds: slept.append(seconds)
    wire.answers(contract.answer("retry", retry_after_seconds=30), contract.answer("proceed"))
    sending(desk, Bank(1))("TR-1")
    assert slept == [30]


def test_other_exceptions_are_nobody_s_business(desk, wire):
    @escalates(desk, attempt, errors={TimeoutError: "bank_timeout"})
    def send(reference):
        raise KeyError("a bug of ours")

    with pytest.raises(KeyError):
        send("TR-1")
    assert wire.reports == []


# --- supervised


def did(reference, payment):
    return replace(attempt(reference), action_summary=f"Refunded {reference}", undo={"payment": payment})


def test_what_was_done_is_told_with_how_to_undo_it(desk, wire):
    wire.answers(contract.answer("proceed"))
    refund = supervised(desk, did)(lambda reference: f"p-{reference}")
    assert refund("R-1").verdict == "proceed"
    assert wire.reports[0]["action_taken"] == {"summary": "Refunded R-1", "undo": {"payment": "p-R-1"}}


def test_a_call_made_again_tells_the_desk_once(desk, wire):
    wire.answers(contract.answer("handoff"))
    refund = supervised(desk, did)(lambda reference: f"p-{reference}")
    assert refund("R-1") == refund("R-1")
    assert len(wire.reports) == 1


UNDO = [
    {"attempt": "a-2", "summary": "second", "undo": {"payment": "p-2"}},
    {"attempt": "a-1", "summary": "first", "undo": {"payment": "p-1"}},
]


ROLLED_BACK = Handoff.of(contract.resolved(outcome="revert", recovery="roll_back", undo=UNDO))


class Till:
    """Takes payments back; breaks at those that it is told to."""

    def __init__(self, *, breaks_at=()):
        self.taken_back, self.breaks_at = [], set(breaks_at)

    def take_back(self, step):
        payment = step.undo["payment"]
        if payment in self.breaks_at:
            raise RuntimeError("collected already")
        self.taken_back.append(payment)


def words(wire):
    return [(told.get("attempt"), told["status"], told["detail"]) for told in wire.receipts]


def told_by_webhook(handoff, correlation_id):
    return Handoff.of({**handoff.all, "correlation_id": correlation_id})


def test_a_revert_is_undone_last_step_first_with_a_receipt_for_each(desk, wire):
    till = Till()
    assert settle(desk, ROLLED_BACK, undo=till.take_back)
    assert till.taken_back == ["p-2", "p-1"]
    assert words(wire) == [
        ("a-2", "rolled_back", "Undone: second"),
        ("a-1", "rolled_back", "Undone: first"),
        (None, "rolled_back", "Everything was undone"),
    ]
    assert {told["context_digest"] for told in wire.receipts} == {contract.DIGEST}
    assert "correlation_id" not in wire.receipts[-1]


@pytest.mark.parametrize("run", ["run-1", None])
def test_a_webhook_speaks_to_one_run_and_the_others_answer_for_themselves(desk, wire, run):
    assert settle(desk, told_by_webhook(ROLLED_BACK, run), undo=Till().take_back)
    assert [told["attempt"] for told in wire.receipts] == ["a-2", "a-1"]


@pytest.mark.parametrize("run", ["run-2", None])
def test_a_run_that_did_nothing_answers_for_itself_alone(desk, wire, run):
    nothing = Handoff.of(contract.resolved(recovery="roll_back", undo=[]))
    assert not settle(desk, told_by_webhook(nothing, run), undo=pytest.fail)
    assert [(told["status"], told["correlation_id"]) for told in wire.receipts] == [("rolled_back", run or "")]


def test_a_step_that_was_undone_before_a_crash_is_not_undone_again(desk, wire):
    till = Till(breaks_at={"p-1"})
    with pytest.raises(RuntimeError):
        settle(desk, ROLLED_BACK, undo=till.take_back)
    till.breaks_at.clear()
    assert settle(desk, ROLLED_BACK, undo=till.take_back)
    assert till.taken_back == ["p-2", "p-1"]


def test_a_confirmation_is_acknowledged_and_undoes_nothing(desk, wire):
    handoff = Handoff.of(contract.resolved(outcome="confirm", recovery="mark_resolved"))
    assert not settle(desk, handoff, undo=pytest.fail)
    assert [(told["status"], "attempt" in told) for told in wire.receipts] == [("applied", False)]


def test_a_roll_back_of_nothing_is_rolled_back(desk, wire):
    assert not settle(desk, Handoff.of(contract.resolved(recovery="roll_back", undo=[])), undo=pytest.fail)
    assert [told["status"] for told in wire.receipts] == ["rolled_back"]


def test_a_step_that_cannot_be_undone_is_told_as_a_failure_and_ends_the_others(desk, wire):
    till = Till(breaks_at={"p-2"})
    with pytest.raises(RuntimeError):
        settle(desk, ROLLED_BACK, undo=till.take_back)
    assert (words(wire), till.taken_back) == ([("a-2", "failed", "RuntimeError: collected already")], [])
