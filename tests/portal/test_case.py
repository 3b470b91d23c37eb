"""The page of one handoff: who may see it, what it says, what it hides, and what it costs."""

from datetime import timedelta

import pytest

from handoffs.actions import context
from handoffs.choices import RecoveryState
from handoffs.models import Handoff, Recovery
from tests.factories import CLERK, DEAR, HandoffFactory, post

pytestmark = pytest.mark.django_db
BUDGET = 13


def address(handoff, move=""):
    return f"/handoffs/{handoff.pk}/{move}"


def test_a_stranger_is_told_that_there_is_nothing(as_, max_):
    response = as_(max_).get(address(HandoffFactory(reference="INV-77")))
    assert response.status_code == 404
    assert "INV-77" not in response.text


def test_it_says_why_and_what_each_outcome_does(as_, ann):
    text = as_(ann).get(address(HandoffFactory(accepted_by=ann))).text
    assert "Price variance" in text
    assert f"Routed to {CLERK}" in text
    assert "fired the trigger" in text
    assert "The invoice is cleared and payment goes out" in text


def test_the_route_says_its_reason(as_, bob):
    view = as_(bob).get(address(HandoffFactory(data=DEAR))).context["case"]
    assert view.route.startswith("Routed to Procurement analyst: ")


def test_the_suggested_outcome_comes_first(as_, ann):
    handoff = HandoffFactory(accepted_by=ann, proposed_outcome="reject")
    outcomes = as_(ann).get(address(handoff)).context["case"].outcomes
    assert [(outcome.key, outcome.suggested) for outcome in outcomes] == [
        ("reject", True),
        ("approve_and_pay", False),
        ("request_vendor_correction", False),
    ]


def test_everything_in_the_context_is_text(as_, ann):
    evil = "<img src=x onerror=alert(1)>"
    handoff = HandoffFactory(
        accepted_by=ann,
        data={"vendor": evil, "vendor_notes": evil, "po_line": [{evil: evil}]},
        root_cause=evil,
        reference=f"R {evil}",
        links=({"label": evil, "url": "https://erp.example/1"},),
    )
    context.add_note(handoff, author=ann, text=evil, now=handoff.updated_at)
    text = as_(ann).get(address(handoff)).text
    assert "<img src=x" not in text
    assert text.count("&lt;img src=x") >= 6


def test_a_sensitive_field_is_masked_until_it_is_opened(as_, ann):
    handoff = HandoffFactory(accepted_by=ann)
    client = as_(ann)
    assert "DE89" not in client.get(address(handoff)).text
    opened = client.post(address(handoff, "reveal/"), {"key": "bank_account"})
    assert "DE89 3704 0044 0532 0130 00" in opened.text
    assert "no-store" in opened.headers["Cache-Control"]
    assert "DE89" not in client.get(address(handoff)).text
    assert handoff.history.filter(event="field_revealed", history_user=ann, details={"field": "bank_account"}).exists()


def test_a_fragment_opens_the_field_in_place(as_, ann):
    answer = as_(ann).post(
        address(HandoffFactory(accepted_by=ann), "reveal/"), {"key": "bank_account"}, headers={"HX-Request": "true"}
    )
    assert "DE89" in answer.text
    assert "<html" not in answer.text


def test_a_stranger_opens_no_sensitive_field(as_, max_):
    handoff = HandoffFactory()
    answer = as_(max_).post(address(handoff, "reveal/"), {"key": "bank_account"})
    assert (answer.status_code, "DE89" in answer.text) == (404, False)
    assert not handoff.history.filter(event="field_revealed").exists()


def test_the_history_is_told_in_words(as_, ann):
    handoff = HandoffFactory(accepted_by=ann, resubmitted=True)
    told = [line.text for line in as_(ann).get(address(handoff)).context["case"].history]
    assert told == [
        "Resubmitted, Summary changed",
        "Returned to the automation",
        "Accepted",
        f"Opened for {CLERK}",
    ]


def test_what_came_back_says_what_was_asked_and_what_changed(as_, ann):
    handoff = HandoffFactory(accepted_by=ann, resubmitted=True)
    answer = as_(ann).get(address(handoff)).context["case"].answer
    assert answer["questions"] == ["Which order?", "Which order is it?"]
    assert answer["changes"] == [
        {
            "label": "Summary",
            "before": f"Invoice {handoff.case.reference} from Acme Supplies is 4.2 % over PO-881",
            "after": f"Invoice {handoff.case.reference} from Acme Supplies is 4.2 % over PO-882",
        }
    ]


def test_a_case_of_somebody_else_names_the_holder_and_offers_no_form(as_, ann, bob):
    text = as_(ann).get(address(HandoffFactory(accepted_by=bob))).text
    assert "Bob is working on this" in text
    assert "data-decide" not in text


def test_similar_cases_are_only_those_that_the_reader_may_see(as_, ann, bob):
    HandoffFactory(reference="SEEN", resolved=True)
    HandoffFactory(reference="HIDDEN", resolved=True, data=DEAR)
    here = HandoffFactory()
    assert [case.reference for case in as_(ann).get(address(here)).context["case"].similar] == ["SEEN"]
    assert {case.reference for case in as_(bob).get(address(here)).context["case"].similar} == {"SEEN", "HIDDEN"}


def test_recovery_is_polled_until_it_is_closed(as_, ann, now):
    handoff = HandoffFactory(accepted_by=ann, opened_ago=timedelta(seconds=30), resolved=True)
    client = as_(ann)
    before = client.get(address(handoff, "recovery/")).text
    assert 'hx-trigger="every 1s"' in before
    Recovery.objects.update(state=RecoveryState.DELIVERED, delivered_at=now)
    assert "Waiting for invoice-matcher to apply it" in client.get(address(handoff, "recovery/")).text
    Recovery.objects.update(state=RecoveryState.APPLIED, received_at=now, detail="Paid as p-7")
    after = client.get(address(handoff, "recovery/")).text
    assert "Applied after" in after
    assert "Paid as p-7" in after
    assert "hx-trigger" not in after


def test_a_handoff_that_opened_again_asks_for_its_whole_page(as_, ann):
    answer = as_(ann).get(address(HandoffFactory(accepted_by=ann), "recovery/"))
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


@pytest.mark.parametrize("state", [{}, {"accepted": True}, {"returned": True}, {"resolved": True}, {"withdrawn": True}])
def test_the_page_stays_within_its_budget(as_, ann, state, django_assert_max_num_queries):
    handoff = HandoffFactory(**state)
    client = as_(ann)
    with django_assert_max_num_queries(BUDGET):
        assert client.get(address(handoff)).status_code == 200


def test_a_long_history_costs_no_more_queries(as_, ann, django_assert_num_queries, django_assert_max_num_queries):
    handoff = HandoffFactory(accepted_by=ann)
    client = as_(ann)
    with django_assert_max_num_queries(BUDGET) as short:
        client.get(address(handoff))
    for _ in range(50):
        handoff = context.add_note(handoff, author=ann, text="Once more", now=handoff.updated_at).handoff
    with django_assert_num_queries(len(short)):
        assert client.get(address(handoff)).context["case"].notes[49]["text"] == "Once more"


def test_a_manager_s_page_stays_within_its_budget(as_, lea, django_assert_max_num_queries):
    handoff = HandoffFactory(resolved=True)
    client = as_(lea)
    with django_assert_max_num_queries(BUDGET):
        assert client.get(address(handoff)).context["may"]["reopen"] is True


def test_reported_again_is_said(as_, ann):
    handoff = HandoffFactory(reference="TWICE")
    document = str(handoff.documents.get().pk)
    post(reference="TWICE", document_ids=(document,))
    assert Handoff.objects.get().occurrences_count == 2
    assert "Reported 2 times" in as_(ann).get(address(handoff)).text
