"""Through the API, too, nobody who decides in shadow learns what the automation would do before they have decided."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle
from handoffs.models import Handoff
from tests import factories
from tests.factories import WORKFLOW, ann, matcher, post, report, token_of, workflow

pytestmark = pytest.mark.django_db

SAYS_IT = "The model votes to reject"
FIRST = ("", "history/", "sla/")


@pytest.fixture
def handoff(db):
    workflow(rollout={"percent": 100, "shadow": True})
    post(report(proposed_outcome="reject", request_reason=SAYS_IT, summary=SAYS_IT, root_cause=SAYS_IT))
    return Handoff.objects.get()


def read(user, handoff) -> str:
    """Everything that the API tells about the handoff and its case, as text, without the outcomes on offer."""
    client, secret = Client(), token_of(user)
    addresses = [f"/api/v1/handoffs/{handoff.pk}/{part}" for part in FIRST]
    addresses += ["/api/v1/handoffs/", f"/api/v1/cases/{WORKFLOW}/{handoff.case.reference}/", "/api/v1/cases/"]
    addresses.append(reverse("api-events"))
    answers = [client.get(address, headers={"Authorization": f"Bearer {secret}"}) for address in addresses]
    assert {answer.status_code for answer in answers} == {200}
    told = [answer.content.decode() for answer in answers]
    offered = '"key":"reject","label":"Reject"'
    return " ".join(told).replace(" ", "").replace(offered, "").casefold()


def test_a_reviewer_reads_the_proposal_nowhere_until_they_have_decided(handoff):
    assert "reject" not in read(ann(), handoff)
    held = lifecycle.accept(access.handoff_for(ann(), handoff.pk), reviewer=ann(), now=timezone.now())
    assert "reject" not in read(ann(), handoff)
    factories.decide(held, ann(), "approve_and_pay", now=timezone.now())
    assert '"automation_outcome":"reject"' in read(ann(), handoff)


def test_the_automation_reads_its_own_words(handoff):
    assert '"proposed_outcome":"reject"' in read(matcher(), handoff)


def test_a_handoff_says_whether_its_decision_has_effect(handoff):
    answer = Client().get(f"/api/v1/handoffs/{handoff.pk}/", headers={"Authorization": f"Bearer {token_of(ann())}"})
    assert (answer.json()["mode"], answer.json()["automation_outcome"], answer.json()["suggested_outcome"]) == (
        "shadow",
        None,
        None,
    )


def test_the_case_file_is_not_handed_out_before_the_decision(handoff):
    client, secret = Client(), token_of(ann())
    address, asked = reverse("api-case-file", args=[handoff.pk]), {"Authorization": f"Bearer {secret}"}
    refused = client.get(address, headers=asked)
    assert (refused.status_code, refused.json()["code"]) == (409, "held_back")
    held = lifecycle.accept(access.handoff_for(ann(), handoff.pk), reviewer=ann(), now=timezone.now())
    factories.decide(held, ann(), "approve_and_pay", now=timezone.now())
    assert client.get(address, headers=asked).status_code == 200
