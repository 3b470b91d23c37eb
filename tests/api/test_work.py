"""Working handoffs over HTTP: each address does its one thing, and refuses without a trace."""

import pytest

from handoffs.choices import State
from handoffs.models import Handoff, Note, Recovery
from tests.api.conftest import Caller, handoff_elsewhere, is_problem, nothing_written, pointers
from tests.factories import ANALYST, CLERK, DEAR, HandoffFactory, token_of

pytestmark = pytest.mark.django_db
REASON = {"reason": "Because"}


def _path(handoff, verb):
    return f"/handoffs/{handoff.pk}/{verb}/"


def _decision(handoff, **changes):
    return {"outcome": "approve_and_pay", "context_digest": handoff.context_digest} | changes


def test_from_the_report_to_the_receipt(bot, api, ann):
    handoff = HandoffFactory()
    reviewer = api(ann)
    accepted = reviewer.post(_path(handoff, "accept")).body
    assert (accepted["state"], accepted["holder"]) == ("in_progress", "Ann")
    body = _decision(handoff, reason="Agreed", feedback={"context_sufficed": True, "person_needed": None})
    decided = reviewer.post(_path(handoff, "decide"), body).body
    decision = {
        "outcome": "approve_and_pay",
        "recovery": "resume",
        "reason": "Agreed",
        "decided_by": {"kind": "person", "name": "Ann"},
        "decided_at": decided["resolved_at"],
        "context_revision": 1,
        "context_digest": handoff.context_digest,
        "answers": {},
    }
    assert (decided["state"], decided["decision"], decided["recovery"][0]["state"]) == (
        "resolved",
        decision,
        "awaiting",
    )
    receipt = bot.post(_path(handoff, "receipt"), {"status": "applied", "context_digest": handoff.context_digest})
    assert (receipt.status_code, receipt.body["state"], receipt.body["recovery"][0]["state"]) == (
        200,
        "resolved",
        "applied",
    )


def test_who_comes_second_learns_who_won(api, ann, bob, workflow):
    handoff = HandoffFactory()
    api(ann).post(_path(handoff, "accept"))
    with nothing_written():
        problem = is_problem(api(bob).post(_path(handoff, "accept")), 409, "already_accepted")
    assert (problem["holder"], problem["state"]) == ("Ann", "in_progress")


def test_accepting_what_one_holds_changes_nothing(api, ann, workflow):
    handoff = HandoffFactory(accepted_by=ann)
    with nothing_written():
        assert api(ann).post(_path(handoff, "accept"), {}).status_code == 200


def test_release_gives_it_back(api, ann, workflow):
    shown = api(ann).post(_path(HandoffFactory(accepted_by=ann), "release")).body
    assert (shown["state"], shown["holder"]) == ("pending", None)
    reason = {"reason": "Lunch"}
    assert api(ann).post(_path(HandoffFactory(accepted_by=ann), "release"), reason).status_code == 200


def test_return_asks_the_automation(api, ann, workflow):
    body = {"reason": "Unclear", "questions": ["Which order?"]}
    assert api(ann).post(_path(HandoffFactory(accepted_by=ann), "return"), body).body["state"] == "returned"


def test_escalate_moves_it_up(api, ann, workflow):
    shown = api(ann).post(_path(HandoffFactory(accepted_by=ann), "escalate"), {"reason": "Above my limit"}).body
    assert (shown["role"], shown["escalation_level"], shown["state"]) == ("AP manager", 1, "pending")


def test_a_second_person_confirms(api, bob, cleo, workflow):
    handoff = HandoffFactory(proposed=True, data={"amount": "60000.00"})
    with nothing_written():
        is_problem(api(bob).post(_path(handoff, "confirm")), 409, "second_person_required")
    shown = api(cleo).post(_path(handoff, "confirm")).body
    assert (shown["state"], shown["decision"]["outcome"]) == ("resolved", "reject")


def test_a_second_person_objects(api, cleo, workflow):
    handoff = HandoffFactory(proposed=True, data={"amount": "60000.00"})
    assert api(cleo).post(_path(handoff, "object"), {"reason": "Too harsh"}).body["state"] == "in_progress"


def test_a_note_is_kept(api, ann, workflow):
    handoff = HandoffFactory()
    answer = api(ann).post(_path(handoff, "notes"), {"text": "Called them"})
    assert (answer.status_code, answer.body["author"], answer.body["text"]) == (201, "Ann", "Called them")
    assert Note.objects.get().text == "Called them"


def test_a_manager_reopens(api, lea, ann, workflow):
    handoff = HandoffFactory(resolved=True)
    with nothing_written():
        is_problem(api(ann).post(_path(handoff, "reopen"), REASON), 403, "not_allowed")
    assert api(lea).post(_path(handoff, "reopen"), REASON).body["state"] == "pending"


def test_an_automation_withdraws(bot, workflow):
    assert bot.post(_path(HandoffFactory(), "withdraw"), {"reason": "Paid elsewhere"}).body["state"] == "withdrawn"


# --- the next one ---------------------------------------------------------------------------------------------------


def test_the_next_one_is_the_most_urgent(api, ann, workflow):
    HandoffFactory()
    late = HandoffFactory(overdue=True)
    shown = api(ann).post("/handoffs/take-next/").body
    assert (shown["id"], shown["holder"]) == (str(late.pk), "Ann")


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"role": CLERK}, 200),
        ({"role": ANALYST}, 204),
        ({"workflow": "invoice-matching"}, 200),
        ({"workflow": "elsewhere"}, 204),
        ({"workflow": None, "role": None}, 200),
    ],
)
def test_the_next_one_of_a_wish(api, ann, workflow, wish, status):
    HandoffFactory()
    assert api(ann).post("/handoffs/take-next/", wish).status_code == status


def test_nothing_to_do_is_no_content(api, ann, bot):
    for caller in (api(ann), bot):
        answer = caller.post("/handoffs/take-next/")
        assert (answer.status_code, answer.content) == (204, b"")


def test_a_narrow_token_takes_nothing_from_elsewhere(ann, workflow):
    handoff_elsewhere()
    with nothing_written():
        caller = Caller(token_of(ann, workflows=["invoice-matching"]))
        assert caller.post("/handoffs/take-next/").status_code == 204
    assert Caller(token_of(ann)).post("/handoffs/take-next/").status_code == 200


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("accept", {"x": 1}, "/x"),
        ("confirm", {"x": 1}, "/x"),
        ("release", {"reason": 5}, "/reason"),
        ("return", {}, "/reason"),
        ("return", {"reason": "x", "questions": "y"}, "/questions"),
        ("return", {"reason": "x", "questions": [""]}, "/questions/0"),
        ("return", {"reason": "x", "questions": ["y"] * 21}, "/questions"),
        ("escalate", {"reason": ""}, "/reason"),
        ("escalate", {"reason": "   "}, "/reason"),
        ("escalate", {"reason": "x" * 5001}, "/reason"),
        ("object", {}, "/reason"),
        ("reopen", {"reson": "x", "reason": "y"}, "/reson"),
        ("withdraw", {}, "/reason"),
        ("notes", {"text": ""}, "/text"),
        ("notes", {"text": "  "}, "/text"),
        ("decide", {"context_digest": "x"}, "/outcome"),
        ("decide", {"outcome": "reject"}, "/context_digest"),
        ("decide", {"outcome": "o", "context_digest": "x", "feedback": {"context_sufficed": "yes"}},
         "/feedback/context_sufficed"),
        ("decide", {"outcome": "o", "context_digest": "x", "answers": []}, "/answers"),
        ("receipt", {}, "/status"),
        ("receipt", {"status": "done"}, "/status"),
        ("receipt", {"status": "applied", "detail": 5}, "/detail"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_named_by_its_place(api, ann, workflow, verb, body, pointer):
    handoff = HandoffFactory(accepted_by=ann)
    with nothing_written():
        assert pointers(is_problem(api(ann).post(_path(handoff, verb), body), 400, "invalid")) == [pointer]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"outcome": "pay"}, "/outcome"), ({"outcome": "reject"}, "/reason"), ({"answers": {"x": 1}}, "/answers")],
)
def test_a_choice_that_the_policy_does_not_offer(api, ann, workflow, changes, pointer):
    handoff = HandoffFactory(accepted_by=ann)
    with nothing_written():
        answer = api(ann).post(_path(handoff, "decide"), _decision(handoff, **changes))
    assert pointers(is_problem(answer, 400, "invalid")) == [pointer]


def test_a_decision_on_what_has_changed_is_told_the_change(api, bot, ann, workflow):
    handoff = HandoffFactory(returned=True)
    seen = handoff.context_digest
    data = {"amount": "1300.00", "currency": "USD", "price_variance_percent": "9", "po_number": "PO-1"}
    bot.post("/cases/", {"workflow": "invoice-matching", "reference": handoff.case.reference, "data": data})
    reviewer = api(ann)
    reviewer.post(_path(handoff, "accept"))
    answer = reviewer.post(_path(handoff, "decide"), _decision(handoff, context_digest=seen))
    problem = is_problem(answer, 409, "context_changed")
    assert not handoff.decisions.exists()
    assert problem["context_revision"] == 2
    assert {"label": "Amount", "before": "1200.00 USD", "after": "1300.00 USD"} in problem["changes"]


@pytest.mark.parametrize(
    ("wishes", "verb", "body", "code"),
    [
        ({}, "decide", {"outcome": "reject", "context_digest": "x"}, "wrong_state"),
        ({}, "release", {}, "wrong_state"),
        ({}, "return", REASON, "wrong_state"),
        ({}, "confirm", {}, "wrong_state"),
        ({"resolved": True}, "accept", {}, "wrong_state"),
        ({"resolved": True}, "withdraw", REASON, "wrong_state"),
        ({"withdrawn": True}, "accept", {}, "wrong_state"),
        ({"returned": True}, "escalate", REASON, "wrong_state"),
        ({"accepted": True}, "reopen", REASON, "wrong_state"),
    ],
)
def test_what_the_state_does_not_allow(api, ann, workflow, wishes, verb, body, code):
    handoff = HandoffFactory(**wishes)
    with nothing_written():
        is_problem(api(ann).post(_path(handoff, verb), body), 409, code)


@pytest.mark.parametrize("verb", ["return", "decide", "release", "escalate"])
def test_what_somebody_else_holds(api, ann, bob, workflow, verb):
    handoff = HandoffFactory(accepted_by=bob)
    body = {"release": {}, "decide": _decision(handoff)}.get(verb, REASON)
    with nothing_written():
        assert is_problem(api(ann).post(_path(handoff, verb), body), 409, "not_holder")["holder"] == "Bob"


VERBS = ("accept", "release", "return", "escalate", "decide", "confirm", "object", "reopen", "withdraw", "notes")


@pytest.mark.parametrize("verb", [*VERBS, "receipt"])
def test_a_stranger_finds_nothing_to_work_on(api, max_, workflow, verb):
    bodies = {
        "accept": {}, "release": {}, "confirm": {}, "notes": {"text": "x"}, "receipt": {"status": "applied"},
        "decide": {"outcome": "reject", "context_digest": "x"},
    }  # fmt: skip
    handoff = HandoffFactory()
    with nothing_written():
        is_problem(api(max_).post(_path(handoff, verb), bodies.get(verb, REASON)), 404, "not_found")


@pytest.mark.parametrize(("verb", "body"), [("accept", {}), ("escalate", REASON), ("notes", {"text": "x"})])
def test_an_automation_does_not_do_peoples_work(bot, workflow, verb, body):
    handoff = HandoffFactory()
    with nothing_written():
        is_problem(bot.post(_path(handoff, verb), body), 403, "not_allowed")


def test_a_reviewer_does_not_withdraw(api, ann, workflow):
    handoff = HandoffFactory()
    with nothing_written():
        assert api(ann).post(_path(handoff, "withdraw"), REASON).status_code == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_work_is_posted(bot, workflow, method):
    is_problem(bot.send(method, _path(HandoffFactory(), "accept")), 405, "method_not_allowed")


# --- receipts -------------------------------------------------------------------------------------------------------


def test_a_receipt_repeated_is_the_same_receipt(bot, workflow):
    handoff = HandoffFactory(resolved=True)
    body = {"status": "applied", "detail": "Paid as P-7"}
    first = bot.post(_path(handoff, "receipt"), body)
    with nothing_written():
        assert bot.post(_path(handoff, "receipt"), body).content == first.content


def test_another_receipt_after_one_is_refused(bot, workflow):
    handoff = HandoffFactory(resolved=True)
    bot.post(_path(handoff, "receipt"), {"status": "applied"})
    with nothing_written():
        problem = is_problem(bot.post(_path(handoff, "receipt"), {"status": "failed"}), 409, "already_received")
    assert problem["received"] == "applied"


def test_a_failed_receipt_asks_a_person_again(bot, workflow):
    handoff = HandoffFactory(resolved=True)
    answer = bot.post(_path(handoff, "receipt"), {"status": "failed", "detail": "ERP refused"})
    assert (answer.body["state"], answer.body["recovery"][0]["state"]) == ("pending", "failed")
    assert Handoff.objects.get().state == State.PENDING


def test_a_reversal_may_come_later(bot, workflow):
    handoff = HandoffFactory(resolved=True)
    bot.post(_path(handoff, "receipt"), {"status": "applied"})
    assert bot.post(_path(handoff, "receipt"), {"status": "reversed"}).body["recovery"][0]["reversed_at"]


@pytest.mark.parametrize(
    ("wishes", "body", "code"),
    [
        ({}, {"status": "applied"}, "nothing_to_receive"),
        ({"resolved": True}, {"status": "applied", "context_digest": "sha256:0"}, "context_digest_mismatch"),
        ({"resolved": True}, {"status": "applied", "correlation_id": "other"}, "nothing_to_receive"),
    ],
)
def test_a_receipt_that_answers_nothing_is_refused(bot, workflow, wishes, body, code):
    handoff = HandoffFactory(data=DEAR, **wishes)
    before = list(Recovery.objects.values())
    is_problem(bot.post(_path(handoff, "receipt"), body), 409, code)
    assert list(Recovery.objects.values()) == before
