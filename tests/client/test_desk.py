"""The calls: what goes over the wire, what is tried again, what is refused by name, and what survives a crash."""

import json
import re
from decimal import Decimal

import pytest
from handoffs_client import (
    AnswerUnclear,
    Attempt,
    Desk,
    DeskUnreachable,
    Handoff,
    Journal,
    KeyReused,
    Mistake,
    NotDecided,
    NotPossibleNow,
    NotThere,
    Refused,
    TokenRefused,
)
from werkzeug import Response

from tests.client import contract

INVOICE = Attempt(workflow="invoice-matching", reference="INV-1", data={"amount": Decimal("6200.10")})
CASES = "/api/v1/cases/"
HANDOFF = re.compile(r"/api/v1/handoffs/[^/]+/")
RECEIPT = re.compile(r"/api/v1/handoffs/[^/]+/receipt/")


def sent(http):
    return [request for request, _ in http.log]


def test_a_report_says_only_what_there_is_and_keeps_decimals_exact(desk, http):
    http.expect_request(CASES, method="POST").respond_with_json(contract.answer(), status=201)
    answer = desk.report(INVOICE, key="k-1")
    (request,) = sent(http)
    assert request.get_data() == b'{"data":{"amount":6200.10},"reference":"INV-1","workflow":"invoice-matching"}'
    assert (request.headers["Authorization"], request.headers["Idempotency-Key"]) == ("Bearer hd_token", "k-1")
    assert (answer.verdict, answer.needs_person, answer.handoff.number) == ("handoff", True, 1042)


def test_everything_that_can_be_said_has_its_place_in_the_contract():
    said = Attempt(
        workflow="w",
        reference="r",
        confidence=Decimal("0.71"),
        error_type="timeout",
        error_message="no answer",
        request_reason="two orders fit",
        action_summary="Paid",
        undo={"payment": "p-1"},
        proposed_outcome="pay",
        summary="s",
        root_cause="c",
        links=[{"label": "ERP", "url": "https://erp.example"}],
        documents=["d-1"],
        callback_url="https://x.example/hook",
        correlation_id="run-1",
    )
    assert said.body() == {
        "workflow": "w",
        "reference": "r",
        "confidence": Decimal("0.71"),
        "error": {"type": "timeout", "message": "no answer"},
        "request_handoff": {"reason": "two orders fit"},
        "action_taken": {"summary": "Paid", "undo": {"payment": "p-1"}},
        "proposed_outcome": "pay",
        "context": {
            "summary": "s",
            "root_cause": "c",
            "links": [{"label": "ERP", "url": "https://erp.example"}],
            "documents": ["d-1"],
        },
        "callback_url": "https://x.example/hook",
        "correlation_id": "run-1",
    }


def test_the_same_key_is_sent_once_and_answered_from_the_journal(desk, http):
    http.expect_oneshot_request(CASES).respond_with_json(contract.answer(), status=201)
    first = desk.report(INVOICE, key="k-1")
    assert desk.report(INVOICE, key="k-1") == first
    assert len(sent(http)) == 1


def test_a_key_is_not_taken_for_another_report(desk, http):
    http.expect_request(CASES).respond_with_json(contract.answer())
    desk.report(INVOICE, key="k-1")
    with pytest.raises(KeyReused):
        desk.report(Attempt(workflow="w", reference="other"), key="k-1")
    assert len(sent(http)) == 1


def test_without_a_key_every_report_is_a_new_one(desk, http):
    http.expect_request(CASES).respond_with_json(contract.answer())
    desk.report(INVOICE)
    desk.report(INVOICE)
    assert len({request.headers["Idempotency-Key"] for request in sent(http)}) == 2


def test_what_was_under_way_in_a_crash_is_sent_again_unchanged(http, tmp_path):
    path = tmp_path / "journal.sqlite3"
    with pytest.raises(DeskUnreachable):
        Desk("http://127.0.0.1:1", "t", journal=Journal(path), patience_seconds=0).report(INVOICE, key="k-1")
    http.expect_request(CASES).respond_with_json(contract.answer(), status=201)
    again = Desk(http.url_for("/"), "t", journal=Journal(path))
    assert (again.resume(), again.resume()) == (1, 0)
    (request,) = sent(http)
    assert request.headers["Idempotency-Key"] == "k-1"
    assert json.loads(request.get_data())["reference"] == "INV-1"
    assert again.report(INVOICE, key="k-1").verdict == "handoff"


def test_a_busy_desk_is_waited_for_as_long_as_it_asks(desk, http):
    slept = []
    desk.stopping.wait = lambda seconds: slept.append(seconds)
    http.expect_ordered_request(CASES).respond_with_data("", status=503, headers={"Retry-After": "3"})
    http.expect_ordered_request(CASES).respond_with_data("", status=429, headers={"Retry-After": "1"})
    http.expect_ordered_request(CASES).respond_with_data("oops", status=500)
    http.expect_ordered_request(CASES).respond_with_json(contract.answer("proceed"))
    assert desk.report(INVOICE, key="k-1").verdict == "proceed"
    assert slept == [3.0, 1.0, 2.0]
    assert {request.headers["Idempotency-Key"] for request in sent(http)} == {"k-1"}


def test_patience_ends_by_name(http, journal):
    http.expect_request(CASES).respond_with_data("", status=503, headers={"Retry-After": "60"})
    with pytest.raises(DeskUnreachable, match="answers 503; gave up"):
        Desk(http.url_for("/"), "t", journal=journal, patience_seconds=5).report(INVOICE)
    assert len(journal.under_way()) == 1


def test_stopping_ends_a_wait_at_once(desk, http):
    http.expect_request(CASES).respond_with_data("", status=503, headers={"Retry-After": "4"})
    desk.stopping.set()
    with pytest.raises(DeskUnreachable, match="stopped"):
        desk.report(INVOICE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, TokenRefused),
        (403, TokenRefused),
        (404, NotThere),
        (409, NotPossibleNow),
        (422, KeyReused),
    ],
)
def test_a_problem_document_is_an_exception_with_code_and_mistakes(desk, http, status, kind):
    mistakes = [{"pointer": "/data/amount", "detail": "Write a number."}]
    http.expect_request(CASES).respond_with_json(contract.problem(status, "some_code", errors=mistakes), status=status)
    with pytest.raises(kind) as caught:
        desk.report(INVOICE)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, "some_code")
    assert caught.value.mistakes == (Mistake(pointer="/data/amount", detail="Write a number."),)
    assert "Write a number." in str(caught.value)
    assert desk.journal.under_way() == []


def test_what_was_refused_for_its_content_stays_refused_without_a_call(desk, http):
    http.expect_oneshot_request(CASES).respond_with_json(contract.problem(400, "invalid"), status=400)
    for _ in range(2):
        with pytest.raises(Refused, match="invalid"):
            desk.report(INVOICE, key="k-1")
    assert len(sent(http)) == 1


def test_what_was_refused_for_the_moment_may_be_tried_again(desk, http):
    http.expect_ordered_request(CASES).respond_with_json(contract.problem(409, "policy_not_published"), status=409)
    http.expect_ordered_request(CASES).respond_with_json(contract.answer())
    with pytest.raises(NotPossibleNow):
        desk.report(INVOICE, key="k-1")
    assert desk.report(INVOICE, key="k-1").verdict == "handoff"


@pytest.mark.parametrize(
    "response", [Response("<html>", 200), Response("", 302, {"Location": "/login"}), Response("[1]", 200)]
)
def test_what_is_not_the_desk_is_said_to_be_so(desk, http, response):
    http.expect_request(CASES).respond_with_response(response)
    with pytest.raises(AnswerUnclear):
        desk.report(INVOICE)


def test_an_upload_is_a_form_with_a_file(desk, http, tmp_path):
    told = {"id": "d-1", "name": "i.pdf", "content_type": "application/pdf", "size_bytes": 4, "sha256": "ff", "more": 1}
    http.expect_request("/api/v1/documents/").respond_with_json(told, status=201)
    path = tmp_path / "i.pdf"
    path.write_bytes(b"%PDF")
    assert desk.upload(path, workflow="w", title="Invoice").id == "d-1"
    (request,) = sent(http)
    assert (request.form.to_dict(), request.files["file"].filename) == ({"workflow": "w", "title": "Invoice"}, "i.pdf")
    request.close()


def test_a_decision_is_waited_for_by_long_poll(desk, http):
    http.expect_ordered_request(HANDOFF, query_string="wait=30").respond_with_json(contract.handoff("in_progress"))
    http.expect_ordered_request(HANDOFF, query_string="wait=30").respond_with_json(contract.resolved())
    found = desk.wait_for_decision(Handoff.of(contract.handoff()))
    assert (found.decision.outcome, found.decision.decided_by) == ("approve_and_pay", "Ann")
    http.check_assertions()


def test_a_question_ends_the_wait_too(desk, http):
    returned = contract.handoff("returned", returned={"reason": "Why?", "questions": ["Which order?"]})
    http.expect_request(HANDOFF).respond_with_json(returned)
    assert desk.wait_for_decision("h-1").questions == ("Which order?",)


def test_nobody_deciding_in_time_is_said_so(desk, http):
    http.expect_request(HANDOFF).respond_with_json(contract.handoff())
    with pytest.raises(NotDecided, match="still pending"):
        desk.wait_for_decision("h-1", timeout_seconds=1.2)
    assert len(sent(http)) <= 3


def test_a_receipt_names_the_context_and_is_sent_once(desk, http):
    http.expect_oneshot_request(RECEIPT, method="POST").respond_with_json({"recovery": [], "state": "resolved"})
    handoff = Handoff.of(contract.resolved())
    desk.receipt(handoff, "applied", "Paid")
    desk.receipt(handoff, "applied", "Paid again")
    (request,) = sent(http)
    assert request.json == {"status": "applied", "detail": "Paid", "context_digest": contract.DIGEST}


def test_a_receipt_of_a_later_decision_is_another_one(desk, http):
    http.expect_request(RECEIPT).respond_with_json({"recovery": [], "state": "resolved"})
    desk.receipt(Handoff.of(contract.resolved()), "failed")
    desk.receipt(Handoff.of(contract.resolved(decided_at="2026-11-20T10:00:00.000000Z")), "failed")
    assert len(sent(http)) == 2


def test_a_step_of_a_roll_back_has_a_receipt_of_its_own(desk, http):
    http.expect_request(RECEIPT, method="POST").respond_with_json({"recovery": [], "state": "resolved"})
    undo = [{"attempt": name, "summary": "Paid", "undo": {}} for name in ("a-2", "a-1")]
    handoff = Handoff.of(contract.resolved(recovery="roll_back", undo=undo))
    for step in (*handoff.decision.undo, handoff.decision.undo[0]):
        desk.receipt(handoff, "rolled_back", "Taken back", step=step)
    said = {"status": "rolled_back", "detail": "Taken back", "context_digest": contract.DIGEST}
    assert [request.json for request in sent(http)] == [said | {"attempt": "a-2"}, said | {"attempt": "a-1"}]


def test_later_facts_are_told_beside_what_came_of_the_decision(desk, http):
    http.expect_request(RECEIPT).respond_with_json({"recovery": [], "state": "resolved"})
    handoff = Handoff.of(contract.resolved())
    for status in ("applied", "not_needed", "reversed", "not_needed"):
        desk.receipt(handoff, status)
    assert [request.json["status"] for request in sent(http)] == ["applied", "not_needed", "reversed"]


def test_what_has_not_changed_is_not_sent_again(desk, http):
    told, tag = contract.handoff("in_progress"), '"t-1"'
    http.expect_ordered_request(HANDOFF).respond_with_json(told, headers={"ETag": tag})
    http.expect_ordered_request(HANDOFF, headers={"If-None-Match": tag}).respond_with_data(
        "", status=304, headers={"ETag": tag}
    )
    http.expect_ordered_request(HANDOFF, headers={"If-None-Match": tag}).respond_with_json(
        contract.resolved(), headers={"ETag": '"t-2"'}
    )
    seen = [desk.handoff("h-1") for _ in range(3)]
    assert (seen[0] == seen[1], [handoff.state for handoff in seen]) == (
        True,
        ["in_progress", "in_progress", "resolved"],
    )
    http.check_assertions()


def test_a_tag_is_used_for_its_own_handoff_alone(desk, http):
    http.expect_request(HANDOFF).respond_with_json(contract.handoff(), headers={"ETag": '"t-1"'})
    desk.handoff("h-1")
    desk.handoff("h-2")
    assert [request.headers.get("If-None-Match") for request in sent(http)] == [None, None]


def test_where_too_many_wait_the_pause_is_the_desk_s(desk, http):
    slept = []
    desk.stopping.wait = lambda seconds: slept.append(round(seconds))
    full = {"Retry-After": "7"}
    http.expect_ordered_request(HANDOFF).respond_with_json(contract.handoff(), headers=full)
    http.expect_ordered_request(HANDOFF).respond_with_json(contract.resolved())
    assert desk.wait_for_decision("h-1").state == "resolved"
    assert slept == [7]


def test_no_receipt_without_a_decision(desk, http):
    with pytest.raises(NotDecided):
        desk.receipt(Handoff.of(contract.handoff()), "applied")
    assert sent(http) == []


def test_withdrawing_says_why(desk, http):
    http.expect_request(re.compile(r".*/withdraw/"), method="POST").respond_with_json(contract.handoff("withdrawn"))
    assert desk.withdraw("h-1", "Paid by another run").state == "withdrawn"
    assert sent(http)[0].json == {"reason": "Paid by another run"}


def test_the_environment_names_the_desk(monkeypatch):
    monkeypatch.delenv("DESK_TOKEN", raising=False)
    monkeypatch.setenv("DESK_URL", "http://127.0.0.1:1")
    with pytest.raises(KeyError, match="DESK_TOKEN"):
        Desk.from_environment()
