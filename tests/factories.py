"""Makes legal things the way the desk makes them: through the actions, at times that could have happened.

A test says only what matters to it: `HandoffFactory(overdue=True)`, `HandoffFactory(accepted_by=ann())`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import factory
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.models import ApiToken, User
from handoffs import access
from handoffs.actions import context, decisions, intake, lifecycle, policies
from handoffs.choices import State
from handoffs.models import Document, Endpoint, Handoff, PolicyVersion, Workflow
from handoffs.rules.rollout import is_sampled
from tests.policies import INVOICE_ROLES, invoice_matching

WORKFLOW = "invoice-matching"
CLERK, ANALYST, MANAGER = "AP clerk", "Procurement analyst", "AP manager"
PASSWORD = "a pass phrase for tests"
SECRET = "whsec_" + "QUJDRA" * 8
CALLBACK = "http://127.0.0.1:9/hook"
MINUTE = timedelta(minutes=1)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

# --- people ---------------------------------------------------------------------------------------------------------


def role(name: str) -> Group:
    """A role by name; that of managers carries the permission to manage."""
    group, is_new = Group.objects.get_or_create(name=name)
    if is_new and name == MANAGER:
        group.permissions.add(Permission.objects.get(codename="manage_workflow"))
    return group


class PersonFactory(factory.django.DjangoModelFactory):
    """Somebody with `roles` (names); the same user name is the same person."""

    class Meta:
        model = User
        django_get_or_create = ("username",)
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"person-{number}")
    first_name = factory.LazyAttribute(lambda person: person.username.capitalize())
    email = factory.LazyAttribute(lambda person: f"{person.username}@desk.example")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def roles(self, create: bool, names: list[str] | None, **options: Any) -> None:
        if names:
            self.groups.add(*[role(name) for name in names])


def ann() -> User:
    """Reviews as an AP clerk."""
    return PersonFactory(username="ann", roles=[CLERK])


def bob() -> User:
    """Reviews as an AP clerk and as a procurement analyst."""
    return PersonFactory(username="bob", roles=[CLERK, ANALYST])


def cleo() -> User:
    """Reviews as a procurement analyst: the second person beside Bob."""
    return PersonFactory(username="cleo", roles=[ANALYST])


def lea() -> User:
    """Manages the workflows of the AP manager's role."""
    return PersonFactory(username="lea", roles=[MANAGER])


def otto() -> User:
    """Operates the desk."""
    return PersonFactory(username="otto", is_staff=True, is_superuser=True)


def max_() -> User:
    """A stranger: signs in, and has no role."""
    return PersonFactory(username="max")


def matcher(workflows: frozenset[str] = frozenset({WORKFLOW})) -> User:
    """The automation, as a request with a token for `workflows` carries it."""
    automation = PersonFactory(username="invoice-matcher", first_name="", email="", kind=User.Kind.AUTOMATION)
    automation.workflow_scope = workflows
    return automation


def token_of(user: User, *, workflows: list[str] | None = None) -> str:
    """The secret of a new API token; without `workflows`, an automation's is for the invoice matching."""
    default = [WORKFLOW] if user.is_automation else []
    _, secret = ApiToken.issue(
        user, name="tests", now=timezone.now(), workflows=default if workflows is None else workflows
    )
    return secret


# --- the workflow ---------------------------------------------------------------------------------------------------


def workflow(key: str = WORKFLOW, **sections: Any) -> Workflow:
    """The workflow with its policy published; `sections` make a new version in which they are replaced."""
    found = Workflow.objects.filter(key=key).first()
    if found is None or sections:
        _staff_every_role()
        publish(key, **sections)
        found = Workflow.objects.get(key=key)
    if not found.allowed_hosts:
        found.allowed_hosts = ["127.0.0.1", "127.0.0.1:9", "localhost"]
        found.save()
    return found


def _staff_every_role() -> None:
    for person in (ann, bob, lea):
        person()


def publish(key: str = WORKFLOW, **sections: Any) -> PolicyVersion:
    """Make a new version live, with `sections` of the document replaced; open handoffs keep theirs."""
    for name in INVOICE_ROLES:
        role(name)
    document = invoice_matching(**({"workflow": key} | sections))
    policies.save_draft(key, document, author=None, now=timezone.now(), create=True)
    version, _ = policies.publish(key, publisher=None, reason="For the tests", now=timezone.now())
    return version


class EndpointFactory(factory.django.DjangoModelFactory):
    """An address that hears of every handoff of the invoice matching."""

    class Meta:
        model = Endpoint

    workflow = factory.LazyFunction(workflow)
    url = "http://127.0.0.1:9/endpoint"
    secret = SECRET
    created_at = factory.LazyFunction(timezone.now)


# --- reports and handoffs -------------------------------------------------------------------------------------------

DATA: Mapping[str, Any] = {
    "vendor": "Acme Supplies",
    "vendor_age_days": 400,
    "amount": "1200.00",
    "currency": "USD",
    "price_variance_percent": "4.2",
    "po_number": "PO-881",
    "po_line": [{"item": "Pump seal", "quantity": 40, "price": "28.80"}],
    "vendor_notes": "Steel went up in March",
    "bank_account": "DE89 3704 0044 0532 0130 00",
}
CLEAN = {"price_variance_percent": "0.4"}
"""Data that no trigger of the policy minds."""
DEAR = {"amount": "6200.00"}
"""Data that is routed to the procurement analysts."""


def _references() -> Iterator[str]:
    """INV-1, INV-2, … without those that the policy's quality sample picks."""
    salt = f"sample:{WORKFLOW}:quality_sample"
    numbered = (f"INV-{number}" for number in count(1))
    return (reference for reference in numbered if not is_sampled(percent=5, salt=salt, reference=reference))


_next_reference = _references()


def reference() -> str:
    """A reference that was not used before."""
    return next(_next_reference)


def invoice_document(*, now: datetime | None = None, **changes: Any) -> Document:
    """A PDF titled Invoice, uploaded by the matcher."""
    given = {"body": PDF, "name": "invoice.pdf", "title": "Invoice", "content_type": "application/pdf"}
    return context.upload(workflow(), **{**given, "uploader": matcher(), "now": now or timezone.now(), **changes})


def report(*, data: Mapping[str, Any] | None = None, **fields: Any) -> intake.AttemptReport:
    """What the matcher says of an invoice 4.2 % over its order, with the PDF; `data` is put over the usual."""
    defaults: dict[str, Any] = {
        "workflow": WORKFLOW,
        "reference": reference(),
        "confidence": Decimal("0.93"),
        "callback_url": CALLBACK,
        "correlation_id": "run-7",
    }
    if "document_ids" not in fields and fields.get("workflow", WORKFLOW) == WORKFLOW:
        defaults["document_ids"] = (str(invoice_document().pk),)
    return intake.AttemptReport(**(defaults | fields), data={**DATA, **(data or {})})


def post(said: intake.AttemptReport | None = None, *, now: datetime | None = None, **fields: Any) -> intake.Answer:
    """Report an attempt as the matcher."""
    workflow()
    return intake.receive(said or report(**fields), automation=matcher(), now=now or timezone.now())


class HandoffFactory(factory.Factory):
    """A handoff that the matcher opened, brought to where the test wants it.

    opened_ago      how long ago (5 minutes, or 9 hours with `overdue`)
    overdue         its targets to accept and to resolve have passed, its cut-off has not
    accepted_by     who holds it; `accepted=True` where anybody will do
    escalated       its holder, or somebody of its role, moved it up to the AP manager
    returned        sent back to the matcher with a question; `resubmitted` also answered
    proposed        waits for a second person
    resolved        True, or the key of an outcome; `reason`
    withdrawn       taken back by the matcher
    All else goes into the matcher's report: `reference`, `data`, `callback_url`, …
    """

    class Meta:
        model = Handoff

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **wishes: Any) -> Handoff:
        return _Making(wishes).handoff


STEPS = ("escalated", "accepted_by", "accepted", "returned", "resubmitted", "proposed", "resolved", "withdrawn")
NEEDS_A_HOLDER = ("returned", "resubmitted", "proposed", "resolved")
REASON = "Agreed with the vendor by phone"


class _Making:
    """One handoff on its way; each step happens a second after the one before."""

    def __init__(self, wishes: dict[str, Any]) -> None:
        self.steps = {name: wishes.pop(name) for name in STEPS if wishes.get(name)}
        self.reason = wishes.pop("reason", REASON)
        ago = wishes.pop("opened_ago", timedelta(hours=9) if wishes.pop("overdue", False) else 5 * MINUTE)
        self.at = wishes.pop("opened_at", None) or timezone.now() - ago
        self.is_second_reviewed = bool(self.steps.get("proposed"))
        if self.is_second_reviewed:
            wishes["data"] = {"amount": "60000.00"} | dict(wishes.get("data") or {})
        answer = post(now=self.at, **{name: wish for name, wish in wishes.items() if name not in STEPS})
        self.report_fields = {name: wish for name, wish in wishes.items() if name not in (*STEPS, "data")}
        self.data = dict(wishes.get("data") or {})
        self.handoff = access.handoff_for(matcher(), answer.body["handoff"]["id"])
        self._walk()

    def _walk(self) -> None:
        if self.steps.get("escalated"):
            self.handoff = lifecycle.escalate(
                self.handoff, actor=self._somebody(), reason="Above my limit", now=self._tick()
            )
        if any(self.steps.get(name) for name in ("accepted_by", "accepted", *NEEDS_A_HOLDER)):
            self.holder = self.steps.get("accepted_by") or self._somebody()
            self.handoff = lifecycle.accept(self.handoff, reviewer=self.holder, now=self._tick())
        for name in ("returned", "resubmitted", "proposed", "resolved", "withdrawn"):
            if self.steps.get(name):
                getattr(self, f"_{name}")()

    def _tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def _somebody(self) -> User:
        return {CLERK: ann, ANALYST: bob, MANAGER: lea}[self.handoff.role.name]()

    def _returned(self) -> None:
        self.handoff = lifecycle.return_(
            self.handoff,
            reviewer=self.holder,
            reason="Which order?",
            questions=["Which order is it?"],
            now=self._tick(),
        )

    def _resubmitted(self) -> None:
        if self.handoff.state != State.RETURNED:
            self._returned()
        answered = self.data | {"po_number": "PO-882"}
        post(now=self._tick(), **{**self.report_fields, "reference": self.handoff.case.reference, "data": answered})
        self._look_again()

    def _proposed(self) -> None:
        self._decide("reject")

    def _resolved(self) -> None:
        if self.handoff.state == State.PENDING:
            self.handoff = lifecycle.accept(self.handoff, reviewer=self.holder, now=self._tick())
        wish = self.steps["resolved"]
        self._decide(wish if isinstance(wish, str) else "approve_and_pay")

    def _withdrawn(self) -> None:
        self.handoff = lifecycle.withdraw(self.handoff, actor=matcher(), reason="Paid by another run", now=self._tick())

    def _decide(self, outcome: str) -> None:
        self.handoff = decide(self.handoff, self.holder, outcome, reason=self.reason, now=self._tick())

    def _look_again(self) -> None:
        self.handoff = access.handoff_for(matcher(), self.handoff.pk)


def decide(
    handoff: Handoff, reviewer: User, outcome: str = "approve_and_pay", *, reason: str = REASON, now: datetime
) -> Handoff:
    """Decide on the context that the handoff shows now."""
    choice = decisions.Choice(outcome=outcome, context_digest=handoff.context_digest, reason=reason)
    return decisions.decide(handoff, choice, reviewer=reviewer, now=now)
