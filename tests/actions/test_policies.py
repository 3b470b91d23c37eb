"""Drafts, publishing and retiring of policies: what is stored, what is refused, what is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from standardwebhooks import Webhook

from handoffs.actions import policies
from handoffs.choices import PolicyStatus
from handoffs.errors import Invalid, NotThere, PolicyInvalid, PolicyNotPublished
from handoffs.models import Handoff, PolicyVersion, Workflow
from handoffs.queries import policies as reading
from handoffs.queries.policies import policy_of, telling_warnings
from handoffs.rules.canonical import canonical_dumps
from tests import factories
from tests.factories import HandoffFactory
from tests.policies import changed, invoice_matching

pytestmark = pytest.mark.django_db
KEY = "invoice-matching"


@pytest.fixture
def roles(db):
    return [factories.ann(), factories.bob(), factories.lea()]


@pytest.fixture
def save(otto, now):
    """Save a draft as Otto."""
    return lambda document, **options: policies.save_draft(KEY, document, author=otto, now=now, **options)


@pytest.fixture
def publish(otto, now):
    """Publish the draft as Otto."""
    return lambda reason="First one", at=now: policies.publish(KEY, publisher=otto, reason=reason, now=at)


def versions():
    return list(PolicyVersion.objects.order_by("number").values_list("number", "status"))


def mistakes_of(refused):
    return [f"{mistake.pointer}: {mistake.detail}" for mistake in refused.value.mistakes]


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_the_first_draft_creates_the_workflow_with_a_signing_secret(save, otto, now):
    draft = save(invoice_matching(), create=True)
    workflow = Workflow.objects.get()
    assert (workflow.key, workflow.title, workflow.created_at) == (KEY, "Invoice matching", now)
    assert workflow.live_version is None
    assert workflow.callback_secret.startswith("whsec_")
    assert Webhook(workflow.callback_secret).sign("id", now, "{}").startswith("v1,")
    assert (draft.number, draft.status, draft.created_by, draft.created_at) == (1, PolicyStatus.DRAFT, otto, now)
    assert draft.role_names == ["Procurement analyst", "AP clerk", "AP manager"]


def test_an_unknown_workflow_is_created_only_when_asked_for(save):
    with pytest.raises(NotThere):
        save(invoice_matching())
    assert (Workflow.objects.count(), PolicyVersion.objects.count()) == (0, 0)


def test_a_second_draft_takes_the_place_of_the_first(save):
    first = save(invoice_matching(), create=True)
    second = save(invoice_matching(title="Invoices"), create=True)
    assert second.pk == first.pk
    assert versions() == [(1, "draft")]
    assert PolicyVersion.objects.get().document["title"] == "Invoices"


def test_a_draft_is_stored_exactly(save):
    document = changed(("triggers.0.when.value", Decimal("2.000000000000000000001")), ("rollout.percent", 12.5))
    save(document, create=True)
    stored = PolicyVersion.objects.get().document
    assert stored["triggers"][0]["when"]["value"] == Decimal("2.000000000000000000001")
    assert canonical_dumps(stored) == canonical_dumps(
        document | {"rollout": {**document["rollout"], "percent": Decimal("12.5")}}
    )


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("titel", "x"), "titel: unknown key titel, did you mean title?"),
        (("workflow", "refunds"), "workflow: the document is for refunds: write invoice-matching"),
        (("title", "a\0b"), "title: holds a character that cannot be stored: remove it"),
    ],
    ids=str,
)
def test_a_document_that_does_not_load_is_refused_and_nothing_is_stored(save, change, mistake):
    with pytest.raises(PolicyInvalid) as refused:
        save(changed(change), create=True)
    assert mistakes_of(refused) == [mistake]
    assert (Workflow.objects.count(), PolicyVersion.objects.count()) == (0, 0)


def test_a_discarded_draft_is_gone_and_its_history_says_who(save, otto, now):
    save(invoice_matching(), create=True)
    policies.discard_draft(KEY, author=otto, now=now)
    assert versions() == []
    last = PolicyVersion.history.latest()
    assert (last.history_type, last.history_user, last.history_change_reason) == (
        "-",
        otto,
        "Discarded draft of version 1",
    )


def test_without_a_draft_there_is_nothing_to_discard_or_publish(save, publish, otto, now):
    with pytest.raises(NotThere):
        publish()
    save(invoice_matching(), create=True)
    policies.discard_draft(KEY, author=otto, now=now)
    with pytest.raises(policies.NoDraft):
        policies.discard_draft(KEY, author=otto, now=now)
    with pytest.raises(policies.NoDraft):
        publish()


@pytest.mark.django_db(transaction=True)
def test_two_first_drafts_at_once_make_one_workflow_and_one_draft(otto, now):
    def save_one(title):
        try:
            return policies.save_draft(KEY, invoice_matching(title=title), author=otto, now=now, create=True).number
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(save_one, [f"Title {number}" for number in range(8)]))
    assert numbers == [1] * 8
    assert Workflow.objects.count() == 1
    assert versions() == [(1, "draft")]


# --- publishing -----------------------------------------------------------------------------------------------------


def test_publishing_makes_the_draft_live_and_says_who_when_and_why(save, publish, roles, otto, now):
    save(invoice_matching(title="Invoices"), create=True)
    version, warned = publish(" Agreed with purchasing ")
    workflow = Workflow.objects.get()
    assert warned == ()
    assert (version.status, version.published_by, version.published_at) == (PolicyStatus.LIVE, otto, now)
    assert version.publish_reason == "Agreed with purchasing"
    assert (workflow.live_version, workflow.title) == (version, "Invoices")
    last = PolicyVersion.history.latest()
    assert (last.history_user, last.history_date, last.history_change_reason) == (otto, now, "Agreed with purchasing")


def test_publishing_again_retires_the_one_before(save, publish, roles, now):
    save(invoice_matching(), create=True)
    first, _ = publish()
    save(changed(("triggers.0.when.value", 3)))
    second, _ = publish("3 % is enough", at=now + timedelta(days=1))
    first.refresh_from_db()
    assert versions() == [(1, "retired"), (2, "live")]
    assert first.retired_at == now + timedelta(days=1)
    assert Workflow.objects.get().live_version == second
    assert policy_of(first.pk).triggers[0].when.source["value"] == 2
    assert policy_of(second.pk).triggers[0].when.source["value"] == 3


def test_a_draft_that_does_not_fit_is_not_published_and_the_live_one_stays(save, publish, roles):
    save(invoice_matching(), create=True)
    publish()
    save(
        changed(
            ("sla.cut_off.outcome", "approve_and_pay"), ("routes.1.role", "Nobody"), ("rollout.reviewers", "Pilots")
        )
    )
    with pytest.raises(PolicyInvalid) as refused:
        publish()
    assert mistakes_of(refused) == [
        "routes[1].role: there is no role Nobody: create it, or name another",
        "rollout.reviewers: there is no role Pilots: create it, or name another",
        "sla.cut_off.outcome: approve_and_pay approves what cannot be undone: the clock may not decide that",
    ]
    assert versions() == [(1, "live"), (2, "draft")]


def test_a_calendar_that_does_not_exist_is_refused(save, publish, roles):
    save(changed(("sla.calendar", "us-office")), create=True)
    with pytest.raises(PolicyInvalid) as refused:
        publish()
    assert mistakes_of(refused) == ["sla.calendar: there is no calendar us-office: create it, or write always"]


@pytest.mark.parametrize("reason", ["", "  ", "a\0b", "x" * 2001], ids=["none", "blank", "nul", "long"])
def test_publishing_needs_a_reason(save, publish, roles, reason):
    save(invoice_matching(), create=True)
    with pytest.raises(Invalid) as refused:
        publish(reason)
    assert mistakes_of(refused) == ["/reason: say why, in at most 2000 characters"]
    assert versions() == [(1, "draft")]


def test_a_long_reason_is_kept_whole_and_short_in_the_history(save, publish, roles):
    save(invoice_matching(), create=True)
    version, _ = publish("x" * 2000)
    assert len(version.publish_reason) == 2000
    assert PolicyVersion.history.latest().history_change_reason == "x" * 99 + "…"


def test_a_handoff_that_is_open_keeps_the_version_it_opened_under(roles, otto, now):
    handoff = HandoffFactory()
    policies.save_draft(KEY, changed(("title", "New title")), author=otto, now=now)
    policies.publish(KEY, publisher=otto, reason="New title", now=now)
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert handoff.policy_version.status == PolicyStatus.RETIRED
    assert policy_of(handoff.policy_version_id).title == "Invoice matching"


def test_the_shell_may_publish_without_a_person(roles, now):
    policies.save_draft(KEY, invoice_matching(), author=None, now=now, create=True)
    version, _ = policies.publish(KEY, publisher=None, reason="From the repository", now=now)
    assert (version.created_by, version.published_by) == (None, None)


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_published_policy_is_loaded_once(save, publish, roles, django_assert_num_queries):
    save(invoice_matching(), create=True)
    version, _ = publish()
    policy = policy_of(version.pk)
    with django_assert_num_queries(0):
        assert policy_of(version.pk) is policy


def test_a_draft_is_read_as_it_is_now(save):
    draft = save(invoice_matching(), create=True)
    assert policy_of(draft.pk).title == "Invoice matching"
    save(invoice_matching(title="Invoices"))
    assert policy_of(draft.pk).title == "Invoices"


def test_a_workflow_without_a_live_version_says_so(save):
    save(invoice_matching(), create=True)
    with pytest.raises(PolicyNotPublished):
        reading.live_version(reading.workflow_called(KEY))
    with pytest.raises(NotThere):
        reading.workflow_called("refunds")


# --- warnings -------------------------------------------------------------------------------------------------------


def test_a_role_with_nobody_active_is_warned_about(save, publish, ann, lea):
    factories.role(factories.ANALYST)
    lea.is_active = False
    lea.save()
    save(invoice_matching(), create=True)
    _, warned = publish()
    assert [str(problem) for problem in warned] == [
        "routes[0].role: nobody active has the role Procurement analyst",
        "sla.escalation[0].role: nobody active has the role AP manager",
        "sla.escalation[1].role: nobody active has the role AP manager",
    ]


def test_triggers_that_never_or_always_fire_on_recent_attempts_are_warned_about(roles, now, otto):
    for number in range(reading.TELLING_COUNT):
        data = {"price_variance_percent": "4.2", "amount": str(100 + number)}
        factories.post(now=now - timedelta(hours=1), data=data)
    at_least = {"field": "data.amount", "is": ">=", "value": 100}
    triggers = [
        {"key": "always", "when": at_least},
        {"key": "never", "when": {"field": "data.amount", "is": ">", "value": 1000}},
        {"key": "sometimes", "when": {"field": "data.amount", "is": ">", "value": 110}},
        {"key": "unknown", "when": {"field": "data.vendor_notes", "is": "contains", "value": "x"}, "unknown": "ignore"},
        {"key": "sampled", "sample": {"percent": 5}},
    ]
    policies.save_draft(KEY, invoice_matching(triggers=triggers), author=otto, now=now)
    _, warned = policies.publish(KEY, publisher=otto, reason="Tuned", now=now)
    assert [str(problem) for problem in warned] == [
        "triggers[0]: always would have fired on all of the last 20 attempts",
        "triggers[1]: never would not have fired on any of the last 20 attempts",
        "triggers[3]: unknown would not have fired on any of the last 20 attempts",
    ]


def test_few_attempts_say_nothing_about_triggers(roles):
    factories.post()
    assert telling_warnings(PolicyVersion.objects.get()) == ()


def test_an_outcome_that_nobody_ever_chose_is_warned_about(roles, now, otto, monkeypatch):
    monkeypatch.setattr(reading, "TELLING_COUNT", 2)
    for outcome in ("approve_and_pay", "request_vendor_correction"):
        HandoffFactory(resolved=outcome)
    document = invoice_matching(triggers=[])
    document["outcomes"].append({"key": "ask_vendor", "kind": "other", "recovery": "none"})
    policies.save_draft(KEY, document, author=otto, now=now)
    _, warned = policies.publish(KEY, publisher=otto, reason="A new outcome", now=now)
    assert [str(problem) for problem in warned] == ["outcomes[2]: nobody ever chose reject"]
