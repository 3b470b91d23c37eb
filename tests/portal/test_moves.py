"""The buttons, pressed without JavaScript: each does one thing and leads on; a refusal changes nothing and says why."""

import pytest

from handoffs.choices import State
from handoffs.models import Handoff, Note
from tests.factories import DEAR, MANAGER, HandoffFactory, post
from tests.refusals import everything

pytestmark = pytest.mark.django_db


def address(handoff, move=""):
    return f"/handoffs/{handoff.pk}/{move}"


def state_of(handoff):
    return Handoff.objects.get(pk=handoff.pk).state


def choice(handoff, **changes):
    return {"outcome": "approve_and_pay", "context_digest": handoff.context_digest, **changes}


@pytest.mark.parametrize(
    ("begin", "move", "sent", "after", "leads_to"),
    [
        ({}, "accept/", {}, State.IN_PROGRESS, ""),
        ({"accepted": True}, "release/", {}, State.PENDING, "/queue/"),
        ({"accepted": True}, "return/", {"reason": "Which?", "questions": "One\n\nTwo"}, State.RETURNED, ""),
        ({"accepted": True}, "escalate/", {"reason": "Too large for me"}, State.PENDING, ""),
        ({"accepted": True}, "decide/", {"outcome": "approve_and_pay"}, State.RESOLVED, ""),
        ({"accepted": True}, "decide/", {"outcome": "reject", "reason": "Not ordered"}, State.RESOLVED, ""),
    ],
)
def test_a_move_is_made_and_leads_on(as_, ann, begin, move, sent, after, leads_to):
    handoff = HandoffFactory(**begin)
    if move == "decide/":
        sent = choice(handoff) | sent
    answer = as_(ann).post(address(handoff, move), sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to or address(handoff))
    assert state_of(handoff) == after


def test_questions_are_one_per_line(as_, ann):
    handoff = HandoffFactory(accepted=True)
    as_(ann).post(address(handoff, "return/"), {"reason": "Unclear", "questions": "Which order?\r\n\r\n Who asked? "})
    assert handoff.history.get(event="returned").details["questions"] == ["Which order?", "Who asked?"]


def test_take_next_opens_what_is_due_first(as_, ann):
    HandoffFactory(overdue=True, reference="FIRST")
    HandoffFactory(reference="SECOND")
    answer = as_(ann).post("/queue/take-next/", follow=True)
    assert answer.context["case"].reference == "FIRST"
    assert answer.context["case"].is_mine


def test_take_next_of_an_empty_queue_says_so(as_, ann):
    answer = as_(ann).post("/queue/take-next/", follow=True)
    assert "Nothing is waiting for you right now." in answer.text


def test_feedback_travels_with_the_decision(as_, ann):
    handoff = HandoffFactory(accepted=True)
    said = {"context_sufficed": "no", "context_missing": "the receipt", "person_needed": "yes"}
    as_(ann).post(address(handoff, "decide/"), choice(handoff, **said))
    decision = handoff.decisions.get()
    assert (decision.context_sufficed, decision.context_missing, decision.person_needed) == (False, "the receipt", True)


def test_a_note_is_left(as_, ann):
    handoff = HandoffFactory()
    answer = as_(ann).post(address(handoff, "note/"), {"text": "Call them first"})
    assert answer.headers["Location"] == f"{address(handoff)}#notes"
    assert Note.objects.get().text == "Call them first"


def test_a_second_person_confirms(as_, bob, cleo):
    handoff = HandoffFactory(proposed=True, accepted_by=bob)
    assert "Waiting for a second person" in as_(bob).get(address(handoff)).text
    assert "Confirm or object" in as_(cleo).get(address(handoff)).text
    as_(cleo).post(address(handoff, "confirm/"))
    assert state_of(handoff) == State.RESOLVED


def test_an_objection_sends_it_back_to_the_proposer(as_, bob, cleo):
    handoff = HandoffFactory(proposed=True, accepted_by=bob)
    as_(cleo).post(address(handoff, "object/"), {"reason": "It was ordered by phone"})
    assert (state_of(handoff), Handoff.objects.get().holder) == (State.IN_PROGRESS, bob)


def test_a_manager_reopens(as_, lea):
    handoff = HandoffFactory(resolved=True)
    as_(lea).post(address(handoff, "reopen/"), {"reason": "The vendor sent a credit note"})
    assert state_of(handoff) == State.PENDING


REFUSALS = [
    ("accept/", {}, {"accepted": True}, 409, "Bob accepted this handoff first"),
    ("release/", {}, {"accepted": True}, 409, "Bob holds this handoff"),
    ("decide/", {"outcome": "approve_and_pay"}, {"accepted": True}, 409, "Bob holds this handoff"),
    ("return/", {"reason": "Why?"}, {"accepted": True}, 409, "Bob holds this handoff"),
    ("decide/", {"outcome": "approve_and_pay"}, {}, 409, "Accept it first"),
    ("accept/", {}, {"resolved": True}, 409, "resolved already"),
    ("accept/", {}, {"withdrawn": True}, 409, "was withdrawn"),
    ("reopen/", {"reason": "Because"}, {"resolved": True}, 403, "Only a manager"),
    ("escalate/", {"reason": ""}, {}, 400, "Say why"),
    ("note/", {"text": "  "}, {}, 400, "Write between"),
]


@pytest.mark.parametrize(("move", "sent", "begin", "status", "words"), REFUSALS)
def test_a_refusal_says_why_and_changes_nothing(as_, ann, bob, move, sent, begin, status, words):
    holder = {"accepted_by": bob} if begin.get("accepted") else begin
    handoff = HandoffFactory(**holder)
    before = everything()
    answer = as_(ann).post(address(handoff, move), choice(handoff) | sent if move == "decide/" else sent)
    assert (answer.status_code, words in answer.text, 'role="alert"' in answer.text) == (status, True, True)
    assert everything() == before


@pytest.mark.parametrize(
    "move", ["accept/", "release/", "return/", "escalate/", "decide/", "confirm/", "note/", "reopen/"]
)
def test_a_stranger_moves_nothing(as_, max_, move):
    handoff = HandoffFactory(accepted=True)
    before = everything()
    assert as_(max_).post(address(handoff, move), {"reason": "Why not", "text": "x"}).status_code == 404
    assert everything() == before


@pytest.mark.parametrize("move", ["accept/", "release/", "return/", "escalate/", "decide/", "note/", "reveal/"])
def test_a_move_is_no_link(as_, ann, move):
    handoff = HandoffFactory()
    before = everything()
    assert as_(ann).get(address(handoff, move)).status_code == 405
    assert everything() == before


def test_without_the_token_of_the_form_nothing_happens(ann):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    handoff = HandoffFactory()
    answer = strict.post(address(handoff, "accept/"))
    assert (answer.status_code, state_of(handoff)) == (403, State.PENDING)
    assert "This form is too old" in answer.text


def test_a_missing_reason_stands_at_its_field_and_keeps_the_choice(as_, ann):
    handoff = HandoffFactory(accepted=True)
    answer = as_(ann).post(address(handoff, "decide/"), choice(handoff, outcome="reject"))
    assert answer.status_code == 400
    assert answer.context["form"]["errors"] == {"reason": "Reject needs a reason."}
    assert 'value="reject" data-digit="3" data-reason="required" required checked' in answer.text


def test_a_changed_context_is_shown_and_asked_about_again(as_, ann):
    handoff = HandoffFactory(accepted=True, reference="MOVING")
    seen = choice(handoff, reason="Agreed with <b>Acme</b>")
    post(reference="MOVING", data={"amount": "1900.00"})
    answer = as_(ann).post(address(handoff, "decide/"), seen)
    assert answer.status_code == 409
    assert "<del>1200.00 USD</del> → <ins>1900.00 USD</ins>" in answer.text
    assert "Agreed with &lt;b&gt;Acme&lt;/b&gt;" in answer.text
    now = Handoff.objects.get(pk=handoff.pk)
    assert (now.state, now.decisions.count(), now.history.last().event) == (State.IN_PROGRESS, 0, "decision_refused")
    digest = now.context_digest
    assert f'name="context_digest" value="{digest}"' in answer.text
    as_(ann).post(address(handoff, "decide/"), seen | {"context_digest": digest})
    assert state_of(handoff) == State.RESOLVED


def test_the_loser_of_a_race_is_told_who_won_and_when(as_, ann, bob):
    handoff = HandoffFactory(accepted_by=bob)
    answer = as_(ann).post(address(handoff, "accept/"))
    assert "Bob accepted this handoff first. That was" in answer.text
    assert "Nothing was changed." in answer.text


def test_several_are_assigned_at_once_and_each_refusal_is_told(as_, ann, bob):
    free, held, of_analysts = HandoffFactory(), HandoffFactory(accepted_by=bob), HandoffFactory(data=DEAR)
    picked = [free.pk, held.pk, of_analysts.pk]
    answer = as_(ann).post("/queue/bulk/", {"do": "accept", "handoff": picked}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "1 accepted.",
        "1 not accepted: Bob accepted this handoff first.",
        "1 not accepted: There is no such handoff, or it was never routed to one of your roles.",
    ]
    assert [state_of(handoff) for handoff in (free, of_analysts)] == [State.IN_PROGRESS, State.PENDING]


def test_several_are_escalated_with_one_reason(as_, ann):
    picked = [HandoffFactory().pk, HandoffFactory().pk]
    as_(ann).post("/queue/bulk/", {"do": "escalate", "reason": "Month end", "handoff": picked})
    assert set(Handoff.objects.values_list("role__name", flat=True)) == {MANAGER}


def test_an_unknown_bulk_action_is_refused(as_, ann):
    before = everything()
    assert as_(ann).post("/queue/bulk/", {"do": "delete"}).status_code == 400
    assert everything() == before
