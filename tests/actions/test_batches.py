"""Many reports at once: each is answered, and leaves behind, what it would have alone."""

import random
import re

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from handoffs.actions import batches, intake, lifecycle
from handoffs.actions.outbox import LEASE
from handoffs.choices import WebhookType
from handoffs.errors import DeskError, KeyReused, NotThere
from handoffs.models import Attempt, Case, Handoff
from handoffs.queries.invariants import violations
from handoffs.rules.canonical import sha256_of
from tests.factories import CLEAN, CLERK, DEAR, EndpointFactory, ann, invoice_document, matcher, post, report, workflow
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db
WITHOUT_DOCUMENTS = {**invoice_matching()["context"], "require": {"fields": ["data.amount"]}}
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(autouse=True)
def policy():
    return workflow(context=WITHOUT_DOCUMENTS)


def plain(**fields):
    return report(**{"document_ids": ()} | fields)


def received(reports, now):
    return batches.receive_many(reports, automation=matcher(), now=now)


def received_alone(reports, now):
    """One after the other, by what the process remembers of the workflow."""
    results = []
    for one in reports:
        try:
            results.append(intake.receive(one, automation=matcher(), now=now))
        except DeskError as refusal:
            results.append(refusal)
    return results


def received_with_care(reports, now):
    """One after the other, and nothing is remembered."""
    results = []
    for one in reports:
        intake.forget()
        results += received_alone([one], now)
    return results


def told(result):
    if isinstance(result, DeskError):
        return type(result).__name__, result.message, [str(one) for one in getattr(result, "mistakes", ())]
    return result.status, _nameless(result.body)


def kept():
    """All that the database keeps of the cases, but for identifiers and numbers."""
    return [_kept_of(case) for case in Case.objects.order_by("reference")]


def _kept_of(case):
    attempts = sorted(
        (each.verdict, each.idempotency_key or "", each.answer_status, _nameless(each.answer), _nameless(each.triggers))
        for each in case.attempts.all()
    )
    return case.reference, case.attempts_count, attempts, [_handoff(each) for each in case.handoffs.order_by("number")]


def _handoff(handoff):
    hidden = {"id", "number", "case_id", "audit_digest"}
    columns = {field.attname: getattr(handoff, field.attname) for field in Handoff._meta.concrete_fields}
    trail = [(row.event, row.sequence, row.reason, _nameless(row.details)) for row in handoff.history.all()]
    messages = sorted(
        (one.event_type, one.url, one.sequence, _nameless(one.payload)) for one in handoff.deliveries.all()
    )
    revisions = [(one.number, one.digest, one.package) for one in handoff.revisions.order_by("number")]
    return {name: value for name, value in columns.items() if name not in hidden}, trail, messages, revisions


def _nameless(value):
    return re.sub(r"'number': \d+", "'number': 0", IDS.sub("ID", repr(value)))


def _any_report(chance, documents):
    """One of few references and keys, so that they meet, with one thing or another to it."""
    extra = chance.choice(
        [
            *({}, {}, {}, {"data": CLEAN}, {"data": CLEAN}, {"data": DEAR}, {"data": {"amount": ""}}),
            *({"request_reason": "please"}, {"error_type": "timeout", "data": CLEAN}, {"workflow": "nowhere"}),
            *({"document_ids": (documents[0],)}, {"document_ids": ("00000000-0000-7000-8000-000000000000",)}),
            *({"callback_url": "http://evil.example/"}, {"callback_url": "", "correlation_id": ""}),
        ]
    )
    key = chance.choice([None, None, "k1", "k2", "k3"])
    number = chance.randrange(12)
    return plain(reference=f"R-{number}", idempotency_key=key, content_digest=sha256_of([number, repr(extra)]), **extra)


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_is_what_its_reports_are_one_after_the_other_remembered_or_not(seed):
    chance, now = random.Random(seed), timezone.now()
    EndpointFactory(event_types=[WebhookType.OPENED, WebhookType.RESOLVED])
    documents = [str(invoice_document(now=now).pk)]
    post(plain(reference="R-0"), now=now)
    post(plain(reference="R-1", data=CLEAN, idempotency_key="k1", content_digest="first"), now=now)
    reports = [_any_report(chance, documents) for _ in range(30)]
    outcomes = []
    for receive in (received_with_care, received_alone, received):
        before = transaction.savepoint()
        outcomes.append(([told(one) for one in receive(reports, now)], kept()))
        transaction.savepoint_rollback(before)
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_trails_and_counts_hold_afterwards():
    now = timezone.now()
    received([plain(reference=f"R-{number % 20}", data=CLEAN if number % 3 else {}) for number in range(60)], now)
    assert Attempt.objects.count() == 60
    assert [str(found) for found in violations(now=now, lease=LEASE)] == []


def test_the_same_case_twice_in_a_batch_has_one_person():
    first, second = received([plain(reference="R-1"), plain(reference="R-1")], timezone.now())
    assert (first.body["verdict"], second.body["verdict"]) == ("handoff", "wait")
    assert first.body["handoff"]["id"] == second.body["handoff"]["id"]


def test_the_same_key_twice_in_a_batch_is_the_same_attempt_or_a_mistake():
    one, other = plain(idempotency_key="k", content_digest="1"), plain(idempotency_key="k", content_digest="2")
    first, again, refusal = received([one, one, other], timezone.now())
    assert first == again
    assert isinstance(refusal, KeyReused)
    assert Attempt.objects.count() == 1


def test_a_key_that_another_case_used_before_spoils_none_of_the_others():
    post(plain(idempotency_key="k", content_digest="1"))
    results = received([plain(), plain(idempotency_key="k", content_digest="2"), plain(data=CLEAN)], timezone.now())
    assert [told(one)[0] for one in results] == [201, "KeyReused", 200]


def test_where_nobody_is_there_a_batch_passes_on_as_one_report_does():
    User.objects.filter(groups__name=CLERK).update(is_active=False)
    together, alone = received([plain()], timezone.now()), received_alone([plain()], timezone.now())
    assert told(together[0])[0] == told(alone[0])[0] == 201
    assert [row.event for row in Handoff.objects.first().history.all()][1:] == ["routed_to_empty_role", "escalated"]


def test_a_workflow_that_one_may_not_use_is_told_for_each():
    results = received([plain(workflow="nowhere")] * 3, timezone.now())
    assert [type(one) for one in results] == [NotThere] * 3
    assert not Case.objects.exists()


def test_a_batch_takes_a_number_of_queries_that_does_not_grow_with_it(django_assert_num_queries):
    automation, now = matcher(), timezone.now()
    batches.receive_many([plain(), plain(data=CLEAN)], automation=automation, now=now)
    for count in (2, 40):
        reports = [plain(data=CLEAN if number % 2 else {}) for number in range(count)]
        with django_assert_num_queries(10):
            batches.receive_many(reports, automation=automation, now=now)


def test_a_handoff_of_a_batch_is_worked_like_any_other():
    result = received([plain()], timezone.now())[0]
    handoff = Handoff.objects.get(pk=result.body["handoff"]["id"])
    assert result.body["handoff"]["number"] == handoff.number
    assert lifecycle.accept(handoff, reviewer=ann(), now=timezone.now()).holder == ann()
