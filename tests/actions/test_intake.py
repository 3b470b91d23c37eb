"""What a report leads to: every verdict, and what each leaves behind."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from handoffs.actions import intake, lifecycle
from handoffs.actions.intake import ContextInvalid
from handoffs.choices import Event, State
from handoffs.errors import Invalid, KeyReused, Mistake, NotThere, PolicyNotPublished
from handoffs.models import Attempt, Case, Delivery, Document, Handoff
from handoffs.rules.addresses import CallbackRefused
from tests.factories import (
    ANALYST,
    CLEAN,
    CLERK,
    DEAR,
    EndpointFactory,
    HandoffFactory,
    invoice_document,
    matcher,
    post,
    publish,
    reference,
    report,
)
from tests.refusals import refused

pytestmark = pytest.mark.django_db
FAILED = {"error_type": "timeout", "error_message": "ERP did not answer", "data": CLEAN}


@pytest.fixture(autouse=True)
def _published(workflow):
    """Every report here finds the policy published."""


def _events(handoff):
    return [(row.event, row.actor_name) for row in handoff.history.all()]


def _fired(answer):
    return [result["key"] for result in answer.body["triggers"] if result["fired"]]


# --- nothing to hand off --------------------------------------------------------------------------------------------


def test_a_clean_case_proceeds_and_leaves_the_attempt(now):
    answer = post(data=CLEAN, reference="INV-1", now=now)
    attempt = Attempt.objects.get()
    assert (answer.status, dict(answer.body)) == (
        200,
        {
            "verdict": "proceed",
            "case": {"workflow": "invoice-matching", "reference": "INV-1"},
            "attempt": str(attempt.pk),
            "policy_version": 1,
            "triggers": [
                {"key": "price_variance", "fired": False, "because": "data.price_variance_percent = 0.4"},
                {"key": "missing_po", "fired": False, "because": 'data.po_number = "PO-881"'},
                {"key": "low_confidence", "fired": False, "because": "confidence = 0.93"},
                {"key": "repeated_failure", "fired": False, "because": "failures = 0"},
                {"key": "quality_sample", "fired": False, "because": "sample of 5 %"},
            ],
            "reason": "no_trigger",
        },
    )
    assert (attempt.verdict, attempt.handoff, attempt.received_at, Handoff.objects.count()) == ("proceed", None, now, 0)


@pytest.mark.parametrize(("percent", "verdict"), [("2", "proceed"), ("2.0000", "proceed"), ("2.0001", "handoff")])
def test_the_limit_itself_is_inside(percent, verdict):
    assert post(data={"price_variance_percent": percent}).body["verdict"] == verdict


def test_a_case_outside_the_rollout_proceeds_though_a_trigger_fired():
    publish(rollout={"percent": 0})
    answer = post()
    assert (answer.body["verdict"], answer.body["reason"], _fired(answer)) == (
        "proceed",
        "outside_rollout",
        ["price_variance"],
    )
    assert Handoff.objects.count() == 0


def test_documents_are_not_required_of_a_case_that_proceeds():
    assert post(data=CLEAN, document_ids=()).body["verdict"] == "proceed"


# --- a handoff is opened --------------------------------------------------------------------------------------------


def test_a_handoff_is_opened_with_all_that_it_needs(now):
    document = invoice_document(now=now)
    answer = post(reference="INV-1", data=DEAR, document_ids=(str(document.pk),), now=now)
    handoff = Handoff.objects.get()
    assert (answer.status, answer.body["verdict"], answer.body["handoff"]["id"]) == (201, "handoff", str(handoff.pk))
    assert {name: getattr(handoff, name) for name in _OPENED} == _OPENED
    assert (handoff.role.name, handoff.case.reference, handoff.opened_by) == (ANALYST, "INV-1", matcher())
    assert (handoff.accept_by - now, handoff.resolve_by - now, handoff.cut_off_at - now, handoff.due_at) == (
        timedelta(hours=1),
        timedelta(hours=8),
        timedelta(days=3),
        handoff.accept_by,
    )
    assert handoff.next_step_at == handoff.accept_by
    assert _events(handoff) == [("opened", "invoice-matcher")]
    assert list(handoff.documents.all()) == [Document.objects.get(pk=document.pk, expires_at=None)]


_OPENED = {
    "state": "pending",
    "priority": 30,
    "pattern": "alert_and_wait",
    "primary_trigger": "price_variance",
    "summary": "Invoice INV-1 from Acme Supplies is 4.2 % over PO-881",
    "headline": "6,200.00 USD",
    "context_revision_number": 1,
    "occurrences_count": 1,
    "version": 0,
    "audit_sequence": 1,
    "holder": None,
    "accepted_at": None,
}


def test_the_trail_says_why_it_was_opened():
    row = HandoffFactory(data=DEAR | {"po_number": None}).history.get()
    assert (row.reason, row.details) == (
        "Price variance 4.2 % is above 2 %",
        {
            "triggers": ["price_variance", "missing_po"],
            "role": ANALYST,
            "routed_because": "Amount 6,200.00 USD is above 5,000 USD",
        },
    )


@pytest.mark.parametrize(("amount", "role"), [("5000", CLERK), ("5000.00", CLERK), ("5000.01", ANALYST)])
def test_the_amount_decides_the_role(amount, role):
    assert HandoffFactory(data={"amount": amount}).role.name == role


def test_the_automation_may_ask_for_a_person():
    handoff = HandoffFactory(data=CLEAN, request_reason="two purchase orders fit")
    package = handoff.revisions.get().package
    assert (handoff.primary_trigger, package["root_cause"]) == ("requested", "two purchase orders fit")


def test_what_cannot_be_known_is_handed_off():
    handoff = HandoffFactory(data={"price_variance_percent": None})
    assert handoff.primary_trigger == "price_variance"


def test_who_subscribed_to_openings_is_told(now):
    EndpointFactory(event_types=["handoff.opened"])
    EndpointFactory(event_types=["handoff.resolved"], url="http://127.0.0.1:9/other")
    handoff = HandoffFactory(opened_at=now)
    told = Delivery.objects.get()
    assert (told.url, told.event_type, told.sequence, told.next_attempt_at) == (
        "http://127.0.0.1:9/endpoint",
        "handoff.opened",
        1,
        now,
    )
    assert (told.payload["type"], told.payload["data"]["id"]) == ("handoff.opened", str(handoff.pk))


def test_a_sensitive_field_leaves_the_desk_masked():
    answer = post()
    shown = {fact["key"]: (fact["value"], fact.get("masked", False)) for fact in answer.body["handoff"]["fields"]}
    kept = {fact["key"]: fact["value"] for fact in Handoff.objects.get().revisions.get().package["fields"]}
    assert (shown["bank_account"], kept["bank_account"]) == ((None, True), "DE89 3704 0044 0532 0130 00")


def test_the_policy_is_pinned_when_the_handoff_opens():
    handoff = HandoffFactory()
    publish(title="Invoices, stricter")
    again = post(reference=handoff.case.reference)
    assert (again.body["policy_version"], post().body["policy_version"]) == (1, 2)


# --- a handoff is open already --------------------------------------------------------------------------------------


def test_the_same_again_is_another_occurrence(now):
    said = report(reference="INV-1")
    post(said)
    answer = post(said, now=now)
    handoff = Handoff.objects.get()
    assert (answer.status, answer.body["verdict"], answer.body["handoff"]["occurrences"]) == (200, "wait", 2)
    assert (handoff.occurrences_count, handoff.context_revision_number, handoff.attempts.count()) == (2, 1, 2)
    assert [event for event, _ in _events(handoff)] == [Event.OPENED, Event.OCCURRED_AGAIN]


def test_changed_context_is_a_new_revision_and_the_trail_says_what_changed():
    handoff = HandoffFactory(accepted=True)
    answer = post(reference=handoff.case.reference, data={"amount": "1300.00"}, document_ids=())
    changed = Handoff.objects.get()
    assert (answer.body["verdict"], changed.state, changed.context_revision_number) == ("wait", "in_progress", 2)
    assert changed.context_digest != handoff.context_digest
    assert changed.history.last().details == {
        "revision": 2,
        "changes": [{"label": "Amount", "before": "1200.00 USD", "after": "1300.00 USD"}],
    }
    assert [revision.number for revision in changed.revisions.order_by("number")] == [1, 2]


def test_documents_that_are_not_named_again_stay():
    handoff = HandoffFactory()
    post(reference=handoff.case.reference, document_ids=())
    assert Handoff.objects.get().context_revision_number == 1


def test_a_document_uploaded_again_is_the_same_document():
    handoff = HandoffFactory()
    post(reference=handoff.case.reference, document_ids=(str(invoice_document().pk),))
    same = Handoff.objects.get()
    assert (same.context_digest, same.context_revision_number, same.occurrences_count) == (handoff.context_digest, 1, 2)


def test_another_document_is_another_context():
    handoff = HandoffFactory()
    post(reference=handoff.case.reference, document_ids=(str(invoice_document(body=b"%PDF-1.7 corrected").pk),))
    assert Handoff.objects.get().history.last().details["changes"] == [
        {"label": "Document", "before": "invoice.pdf", "after": None},
        {"label": "Document", "before": None, "after": "invoice.pdf"},
    ]


def test_a_new_attempt_resubmits_what_was_returned_and_offers_it_to_who_asked(ann, now):
    handoff = HandoffFactory(returned=True, accepted_by=ann, opened_ago=timedelta(hours=1))
    answer = post(reference=handoff.case.reference, data={"po_number": "PO-882"}, now=now)
    back = Handoff.objects.get()
    assert (answer.body["verdict"], back.state, back.offered_to, back.holder) == ("wait", "pending", ann, None)
    assert (back.context_revision_number, back.returns_count) == (2, 1)
    returned_at = handoff.history.get(event=Event.RETURNED).history_date
    assert back.pauses == [[returned_at.isoformat(), now.isoformat()]]
    assert back.resolve_by == handoff.opened_at + timedelta(hours=8) + (now - returned_at)


def test_a_resubmission_without_a_change_still_comes_back():
    handoff = HandoffFactory(returned=True)
    post(reference=handoff.case.reference, document_ids=())
    back = Handoff.objects.get()
    assert (back.state, back.history.last().event, back.history.last().details) == (
        State.PENDING,
        Event.RESUBMITTED,
        {"revision": 2, "changes": []},
    )


# --- repeated failure -----------------------------------------------------------------------------------------------


def _fail(ref, at, **fields):
    return post(reference=ref, now=at, **(FAILED | fields))


def test_failures_are_retried_with_growing_delays_and_then_handed_off_once(now):
    publish(pattern="escalation")
    ref = reference()
    told = [_fail(ref, now + timedelta(minutes=step)) for step in range(5)]
    assert [_retry(answer) for answer in told] == [
        (200, "retry", 30, 1, 3),
        (200, "retry", 300, 2, 3),
        (201, "stop", None, None, None),
        (200, "stop", None, None, None),
        (200, "stop", None, None, None),
    ]
    handoff = Handoff.objects.get()
    assert (handoff.primary_trigger, handoff.occurrences_count) == ("repeated_failure", 3)
    assert handoff.revisions.get().package["root_cause"] == "ERP did not answer"


def _retry(answer):
    return (answer.status, answer.body["verdict"], *map(answer.body.get, ("retry_after_seconds", "failures", "limit")))


def test_failures_outside_the_window_do_not_count(now):
    ref = reference()
    told = [_fail(ref, now + timedelta(minutes=minutes)) for minutes in (0, 1, 61)]
    assert [answer.body["verdict"] for answer in told] == ["retry", "retry", "retry"]


def test_failures_of_other_kinds_and_of_other_cases_do_not_count(now):
    ref = reference()
    _fail(ref, now)
    other_kind = _fail(ref, now, error_type="bad_scan")
    other_case = _fail(reference(), now)
    third = _fail(ref, now)
    assert [(each.body["verdict"], each.body.get("failures")) for each in (other_kind, other_case, third)] == [
        ("proceed", None),
        ("retry", 1),
        ("retry", 2),
    ]


def test_a_success_starts_the_count_anew(now):
    ref = reference()
    _fail(ref, now)
    _fail(ref, now + timedelta(seconds=1))
    post(reference=ref, data=CLEAN, now=now + timedelta(seconds=2))
    assert _fail(ref, now + timedelta(seconds=3)).body["failures"] == 1


def test_a_success_withdraws_the_open_handoff_and_arms_the_breaker_again(now):
    publish(pattern="escalation")
    ref = reference()
    for step in range(3):
        _fail(ref, now + timedelta(seconds=step))
    answer = post(reference=ref, data=CLEAN, now=now + timedelta(seconds=3))
    handoff = Handoff.objects.get()
    assert (answer.body["verdict"], answer.body["handoff"]["state"]) == ("proceed", "withdrawn")
    assert (handoff.state, handoff.history.last().reason) == ("withdrawn", "The automation succeeded on its own")
    assert _fail(ref, now + timedelta(seconds=4)).body["verdict"] == "retry"


def test_in_the_waiting_pattern_a_later_clean_attempt_withdraws_nothing():
    handoff = HandoffFactory()
    answer = post(reference=handoff.case.reference, data=CLEAN)
    assert (answer.body["verdict"], Handoff.objects.get().state) == ("wait", "pending")


# --- the same report twice ------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_answered_the_same_and_stored_once():
    said = report(idempotency_key="k-1", content_digest="digest", data={"amount": Decimal("1200.10")})
    first, second = post(said), post(said)
    assert (second.status, dict(second.body)) == (201, dict(first.body))
    assert (Attempt.objects.count(), Handoff.objects.get().occurrences_count) == (1, 1)
    assert Case.objects.get().attempts_count == 1


def test_the_first_answer_is_replayed_whatever_happened_since(ann, now):
    said = report(idempotency_key="k-1", content_digest="digest")
    first = post(said)
    lifecycle.accept(Handoff.objects.get(), reviewer=ann, now=now)
    assert dict(post(said).body) == dict(first.body)


@pytest.mark.parametrize("same_case", [True, False])
@pytest.mark.parametrize("is_complete", [True, False])
def test_the_same_key_with_another_body_is_refused(same_case, is_complete):
    first = report(idempotency_key="k-1", content_digest="one")
    post(first)
    other = report(
        idempotency_key="k-1",
        content_digest="two",
        reference=first.reference if same_case else reference(),
        **({} if is_complete else {"data": {"amount": ""}}),
    )
    with refused(KeyReused, attempt=str(Attempt.objects.get().pk)):
        post(other)


def test_keys_of_two_automations_do_not_meet(otto):
    said = report(idempotency_key="k-1", content_digest="one", data=CLEAN, document_ids=())
    post(said)
    other = intake.receive(said, automation=otto, now=Attempt.objects.get().received_at)
    assert (other.body["verdict"], Attempt.objects.count()) == ("proceed", 2)


# --- what the process remembers of a workflow -----------------------------------------------------------------------


@pytest.fixture
def remembered(workflow):
    """A report was taken before, so that the next on a new case is written by one statement if nothing changed."""
    intake.forget()
    post(data=CLEAN)
    return workflow


def _plain(**fields):
    return post(**{"document_ids": (), "data": CLEAN} | fields)


def test_a_report_on_a_new_case_is_one_statement(remembered, django_assert_num_queries):
    said, automation = report(document_ids=(), data=CLEAN), matcher()
    with django_assert_num_queries(1):
        answer = intake.receive(said, automation=automation, now=timezone.now())
    assert (answer.body["verdict"], Attempt.objects.count()) == ("proceed", 2)


def test_a_policy_published_elsewhere_judges_the_next_report(remembered):
    publish(triggers=[{"key": "all", "title": "All", "when": "data.amount > 0"}], context={"summary": "x"})
    answer = _plain()
    assert (answer.body["verdict"], answer.body["policy_version"], _fired(answer)) == ("handoff", 2, ["all"])


def test_a_policy_retired_elsewhere_judges_no_more(remembered):
    remembered.live_version = None
    remembered.save()
    with refused(PolicyNotPublished):
        intake.receive(report(document_ids=(), data=CLEAN), automation=matcher(), now=timezone.now())
    assert Attempt.objects.count() == 1


def test_a_host_allowed_elsewhere_may_be_called_at_once_and_one_struck_off_may_not(remembered):
    remembered.allowed_hosts = ["erp.example"]
    remembered.save()
    assert _plain(callback_url="http://erp.example/hook").body["verdict"] == "proceed"
    with refused(CallbackRefused):
        _plain()
    assert Attempt.objects.count() == 2


def test_a_token_for_other_workflows_finds_nothing_by_it(remembered):
    with refused(NotThere):
        intake.receive(report(document_ids=()), automation=matcher(frozenset({"refunds"})), now=timezone.now())


def test_a_second_report_on_the_case_counts_as_the_second(remembered):
    assert [_plain(reference="INV-9").body["verdict"] for _ in range(2)] == ["proceed", "proceed"]
    assert Case.objects.get(reference="INV-9").attempts_count == 2


# --- refused --------------------------------------------------------------------------------------------------------


def test_a_package_that_misses_what_the_policy_requires_is_refused_with_every_mistake():
    said = report(data={"amount": ""}, document_ids=())
    with refused(ContextInvalid) as caught:
        post(said)
    assert caught.value.mistakes == (
        Mistake(pointer="/data/amount", detail="The policy requires this field for a handoff."),
        Mistake(
            pointer="/context/documents",
            detail="The policy requires a document titled 'invoice' for a handoff.",
        ),
    )


def test_a_document_that_is_not_there_is_refused():
    missing = "0199c2f4-0000-7000-8000-000000000000"
    said = report(document_ids=(missing,))
    with refused(Invalid) as caught:
        post(said)
    assert caught.value.mistakes == (
        Mistake(pointer="/context/documents/0", detail=f"No document {missing} of this workflow; upload it first."),
    )


def test_a_callback_to_a_host_that_nobody_allowed_is_refused():
    said = report(callback_url="http://elsewhere.example/hook")
    with refused(CallbackRefused):
        post(said)


@pytest.mark.parametrize("scope", [frozenset(), frozenset({"payroll"})])
def test_a_workflow_outside_the_tokens_scope_is_not_there(scope, now):
    said = report()
    with refused(NotThere):
        intake.receive(said, automation=matcher(scope), now=now)


def test_a_workflow_without_a_published_policy_judges_nothing(workflow):
    workflow.live_version = None
    workflow.save()
    said = report()
    with refused(PolicyNotPublished):
        post(said)
