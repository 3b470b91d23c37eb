"""The real desk, served on a port of this machine, for examples that talk to it over HTTP as in life."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.models import ApiToken, User
from handoffs.actions import decisions, lifecycle, policies
from handoffs.models import Handoff, Workflow
from handoffs.rules.policy_reading import read_yaml
from tests import factories

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


def publish(example: str, *roles: str, change: Callable[[Any], None] = lambda document: None) -> Workflow:
    """Make the policy that an example ships live, with one `change` if need be."""
    for name in (*roles, factories.MANAGER):
        factories.role(name)
    document = read_yaml((EXAMPLES / example / "policy.yaml").read_text())
    change(document)
    key = document["workflow"]
    policies.save_draft(key, document, author=None, now=timezone.now(), create=True)
    policies.publish(key, publisher=None, reason="For the tests", now=timezone.now())
    workflow = Workflow.objects.get(key=key)
    workflow.allowed_hosts = ["127.0.0.1"]
    workflow.save()
    return workflow


def token_for(username: str, workflow: str) -> str:
    """The token of a new service account."""
    account = factories.PersonFactory(username=username, first_name="", email="", kind=User.Kind.AUTOMATION)
    return ApiToken.issue(account, name="tests", now=timezone.now(), workflows=[workflow])[1]


def decide(handoff: Handoff, reviewer: User, outcome: str, reason: str = "Seen") -> None:
    """Accept and decide as a person does."""
    held = lifecycle.accept(handoff, reviewer=reviewer, now=timezone.now())
    choice = decisions.Choice(outcome=outcome, context_digest=held.context_digest, reason=reason)
    decisions.decide(held, choice, reviewer=reviewer, now=timezone.now())


def send_back(handoff: Handoff, reviewer: User, question: str) -> None:
    """Accept and return with a question."""
    held = lifecycle.accept(handoff, reviewer=reviewer, now=timezone.now())
    lifecycle.return_(held, reviewer=reviewer, reason=question, questions=[question], now=timezone.now())
