"""Feedback on the case page: one press per question, after the decision, by whoever made it, scripts or none."""

import pytest

from handoffs.actions import receipts
from handoffs.choices import Event, ReceiptStatus
from handoffs.models import Decision, Recovery
from tests.factories import HandoffFactory, matcher

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(ann):
    return HandoffFactory(accepted_by=ann, resolved=True)


def _address(handoff):
    return f"/handoffs/{handoff.pk}/feedback/"


def _said():
    return Decision.objects.values_list(
        "context_sufficed", "person_needed", "missing_parts", "context_missing", "feedback_comment"
    ).get()


def test_one_press_answers_one_question_and_leaves_the_other(as_, ann, decided):
    assert as_(ann).post(_address(decided), {"person_needed": "no"}).url == f"/handoffs/{decided.pk}/#feedback"
    assert _said() == (None, False, [], "", "")
    as_(ann).post(_address(decided), {"context_sufficed": "yes"})
    assert _said() == (True, False, [], "", "")
    rows = decided.history.filter(event=Event.FEEDBACK_GIVEN)
    assert [row.actor_name for row in rows] == ["Ann", "Ann"]


def test_the_same_press_again_is_not_written_down_twice(as_, ann, decided):
    for _ in range(2):
        as_(ann).post(_address(decided), {"person_needed": "no"})
    assert decided.history.filter(event=Event.FEEDBACK_GIVEN).count() == 1


def test_what_was_missing_is_asked_only_then_and_kept_by_field_and_document(as_, ann, decided):
    assert b"What was missing?" not in as_(ann).get(f"/handoffs/{decided.pk}/").content
    page = as_(ann).post(_address(decided), {"context_sufficed": "no"}, headers={"HX-Request": "true"})
    assert b"What was missing?" in page.content
    assert b'value="data.po_number"' in page.content
    form = {"parts": "given", "missing_parts": ["data.po_number", "document:another"], "context_missing": "the note"}
    as_(ann).post(_address(decided), {**form, "comment": "Ask sooner"})
    assert _said() == (False, None, ["data.po_number", "document:another"], "the note", "Ask sooner")
    shown = as_(ann).get(f"/handoffs/{decided.pk}/").content.decode()
    assert 'value="data.po_number" checked' in shown
    as_(ann).post(_address(decided), {"context_sufficed": "yes"})
    assert _said() == (True, None, [], "", "Ask sooner")


def test_only_the_decider_is_asked_and_may_answer(as_, bob, lea, decided):
    for person in (bob, lea):
        assert b'id="feedback"' not in as_(person).get(f"/handoffs/{decided.pk}/").content
        assert as_(person).post(_address(decided), {"person_needed": "no"}).status_code == 400
    assert _said() == (None, None, [], "", "")


def test_a_stranger_does_not_learn_that_there_is_anything(as_, max_, decided):
    assert as_(max_).post(_address(decided), {"person_needed": "no"}).status_code == 404
    assert _said() == (None, None, [], "", "")


@pytest.mark.parametrize(
    "form",
    [
        {"comment": "x" * 501},
        {"parts": "given", "missing_parts": ["password"]},
        {"parts": "given", "missing_parts": [f"data.field_{number}" for number in range(31)]},
    ],
)
def test_what_is_too_long_or_names_nothing_is_refused(as_, ann, decided, form):
    assert as_(ann).post(_address(decided), form).status_code == 400
    assert _said() == (None, None, [], "", "")


def test_it_can_be_said_with_the_decision(as_, ann):
    handoff = HandoffFactory(accepted_by=ann)
    form = {"outcome": "approve_and_pay", "context_digest": handoff.context_digest, "comment": "Obvious"}
    as_(ann).post(f"/handoffs/{handoff.pk}/decide/", {**form, "person_needed": "no", "context_sufficed": "yes"})
    assert _said() == (True, False, [], "", "Obvious")


def test_the_automation_may_say_later_that_no_person_was_needed(decided, now):
    receipts.receive(decided, receipts.Receipt(status=ReceiptStatus.APPLIED), automation=matcher(), now=now)
    for _ in range(2):
        receipts.receive(decided, receipts.Receipt(status=ReceiptStatus.NOT_NEEDED), automation=matcher(), now=now)
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.not_needed_at) == ("applied", now)
    assert decided.history.filter(event=Event.RECEIPT_RECEIVED).count() == 2
