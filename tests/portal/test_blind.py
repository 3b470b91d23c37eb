"""Blindness through every door: a second reviewer finds no first decision, and nobody the automation's own answer."""

import pytest
from django.test import Client
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle, policies, replay_runs, replays
from handoffs.errors import NotAllowed
from handoffs.models import Handoff, PolicyVersion
from tests import factories
from tests.factories import WORKFLOW, ann, bob, lea, otto, post, report, token_of, workflow
from tests.policies import for_several

pytestmark = pytest.mark.django_db
WHY = "Freight was never agreed with them"
ASKED_FOR = "The model votes to reject"


class Doors:
    """Everything that a person can read, by address: the pages they are signed in to, and the API with their token."""

    def __init__(self, as_, person):
        self.page, self.api = as_(person), Client()
        self.headers = {"Authorization": f"Bearer {token_of(person)}"}

    def read(self, address):
        client, headers = (self.api, self.headers) if address.startswith("/api/") else (self.page, {})
        answer = client.get(address, headers=headers, follow=not headers)
        assert answer.status_code < 500
        return (answer.getvalue() if answer.streaming else answer.content).decode(errors="replace")

    def telling(self, addresses, *secrets):
        """The addresses whose answer has one of the secrets."""
        return {address for address in addresses if any(secret in self.read(address) for secret in secrets)}


# --- a second look --------------------------------------------------------------------------------------------------


def opened(**fields) -> Handoff:
    post(report(**fields))
    return Handoff.objects.order_by("-number").first()


def decided(handoff, person, outcome, reason=WHY):
    held = lifecycle.accept(access.handoff_for(person, handoff.pk), reviewer=person, now=timezone.now())
    return factories.decide(held, person, outcome, reason=reason, now=timezone.now())


@pytest.fixture
def first(db):
    """Ann's decision, after Bob had once been given the case; somebody is to look at it a second time."""
    workflow(integrity={"second_look": {"percent": 100}})
    handoff = opened(reference="FIRST-1")
    lifecycle.assign(handoff, to=bob(), by=lea(), now=timezone.now())
    lifecycle.release(access.handoff_for(bob(), handoff.pk), actor=bob(), now=timezone.now())
    return decided(handoff, ann(), "reject")


@pytest.fixture
def second(first):
    return Handoff.objects.get(mode="second_look")


def doors_to(first, second, another):
    here, api = f"/handoffs/{first.pk}/", f"/api/v1/handoffs/{first.pk}/"
    lists = ("/queue/", "/mine/", "/cases/?state=resolved", "/cases/?search=FIRST-1", "/notices/")
    other = (f"/handoffs/{second.pk}/", f"/handoffs/{another.pk}/", f"/handoffs/{second.pk}/case-file/")
    of_first = (here, f"{here}recovery/", f"{here}case-file/")
    of_api = (api, f"{api}history/", f"{api}sla/", f"{api}case-file/")
    lists_of_api = ("handoffs/", "handoffs/?reference=FIRST-1&state=resolved", "handoffs/?search=FIRST-1", "cases/",
                    f"cases/{WORKFLOW}/FIRST-1/", f"handoffs/{second.pk}/",
                    f"handoffs/{second.pk}/history/", "metrics/",
                    f"metrics/?group_by=outcome&workflow={WORKFLOW}")  # fmt: skip
    numbers = ("/metrics/handoffs/?figure=resolved", "/metrics/handoffs.csv?figure=resolved", "/deliveries/")
    return (*lists, *other, *of_first, *of_api, *(f"/api/v1/{address}" for address in lists_of_api), *numbers)


def test_who_is_to_look_again_finds_the_first_decision_behind_no_door_until_they_have_decided(as_, first, second):
    another = opened(reference="OTHER-1")
    addresses, tells = doors_to(first, second, another), (WHY, str(first.pk))
    told = Doors(as_, ann()).telling(addresses, *tells)
    assert told >= {
        f"/handoffs/{first.pk}/",
        f"/handoffs/{another.pk}/",
        "/cases/?search=FIRST-1",
        f"/api/v1/cases/{WORKFLOW}/FIRST-1/",
        f"/api/v1/handoffs/{first.pk}/history/",
    }
    reader = Doors(as_, bob())
    assert reader.telling(addresses, *tells) == set()
    lifecycle.accept(access.handoff_for(bob(), second.pk), reviewer=bob(), now=timezone.now())
    assert reader.telling(addresses, *tells) == set()
    factories.decide(access.handoff_for(bob(), second.pk), bob(), "approve_and_pay", now=timezone.now())
    assert reader.telling(addresses, *tells) >= told - {f"/handoffs/{another.pk}/"}


def test_who_manages_the_workflow_sees_the_first_decision_and_takes_no_second_look(as_, first, second):
    assert WHY in Doors(as_, lea()).read(f"/handoffs/{first.pk}/")
    for person in (lea(), otto()):
        person.groups.add(factories.role("AP clerk"))
        manager = type(person).objects.get(pk=person.pk)
        with pytest.raises(NotAllowed, match="You know the first decision"):
            lifecycle.accept(access.handoff_for(manager, second.pk), reviewer=manager, now=timezone.now())
        with pytest.raises(NotAllowed, match="knows the first decision"):
            lifecycle.assign(second, to=manager, by=otto(), now=timezone.now())
        assert lifecycle.take_next(reviewer=manager, now=timezone.now()) is None
    assert Handoff.objects.get(pk=second.pk).holder is None


def test_the_first_decision_is_there_again_when_the_second_look_gives_way(first, second):
    assert not access.handoffs_for(bob()).filter(pk=first.pk).exists()
    lifecycle.reopen(access.handoff_for(lea(), first.pk), actor=lea(), reason="Not applied", now=timezone.now())
    assert access.handoff_for(bob(), first.pk).state == "pending"


# --- shadow ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shadow(db):
    workflow(rollout={"percent": 100, "shadow": True})
    said = report(
        reference="SHADOW-1", proposed_outcome="reject", request_reason=ASKED_FOR, summary=ASKED_FOR,
        root_cause=ASKED_FOR, links=({"label": ASKED_FOR, "url": "https://erp.example/votes"},),
    )  # fmt: skip
    return opened_by(said)


def test_deciding_together_shows_no_more_of_a_shadow_or_a_second_look_than_its_page(as_):
    together = {"outcomes": for_several("request_vendor_correction")}
    workflow(rollout={"percent": 100, "shadow": True}, **together)
    shadow = opened(reference="SHADOW-1", proposed_outcome="reject", summary=ASKED_FOR, root_cause=ASKED_FOR)
    workflow(integrity={"second_look": {"percent": 100}}, **together)
    first = decided(opened(reference="FIRST-1"), ann(), "reject")
    second = Handoff.objects.get(mode="second_look")
    picked = [str(each.pk) for each in (shadow, second, first)]
    page = as_(bob()).post("/queue/bulk/", {"do": "together", "handoff": picked})
    shown = page.context["asked"]
    assert [line.handoff for line in shown.taking_part] == [shadow, second]
    assert (shown.left_out, shown.unseen_count) == ([], 1)
    assert [secret for secret in (ASKED_FOR, WHY, str(first.pk)) if secret in page.text] == []
    know = as_(ann()).post("/queue/bulk/", {"do": "together", "handoff": picked}).context["asked"]
    assert [(line.handoff, line.why_not[:28]) for line in know.left_out] == [
        (second, "You know the first decision;"),
        (first, "The handoff is resolved alre"),
    ]


def opened_by(said) -> Handoff:
    post(said)
    return Handoff.objects.get()


def replayed(handoff):
    """A finished replay of the stored attempts, ordered by the manager."""
    order = replays.Order(version=PolicyVersion.objects.get(status="live"), fully_rolled_out=True)
    replay = replays.order_stored(order, from_at=None, until_at=None, by=lea(), now=timezone.now())
    while replay_runs.work(clock=timezone.now, seconds=60):
        pass
    return f"/replays/{replay.pk}/"


def test_nobody_who_may_decide_finds_the_automations_answer_behind_a_door_of_the_portal(as_, shadow):
    document = PolicyVersion.objects.get(status="live").document
    policies.save_draft(WORKFLOW, document, author=lea(), now=timezone.now())
    replay, here = replayed(shadow), f"/handoffs/{shadow.pk}/"
    for_reviewers = (
        here,
        f"{here}case-file/",
        "/queue/",
        "/cases/?search=votes",
        "/cases/?search=SHADOW-1",
        "/notices/",
    )
    for_managers = (f"{replay}cases/", f"{replay}cases/0/", f"{replay}attempts.csv", f"{replay}cases/?only=opened",
                    f"/policies/{WORKFLOW}/draft/preview/", f"/rollout/{WORKFLOW}/", f"/rollout/{WORKFLOW}/agreement/",
                    f"/policies/{WORKFLOW}/draft/preview/?attempt={shadow.case.attempts.get().pk}",
                    f"/policies/{WORKFLOW}/draft/try/", "/metrics/", "/deliveries/")  # fmt: skip
    reviewer, manager = Doors(as_, ann()), Doors(as_, lea())
    tells = (ASKED_FOR, "reject,", "erp.example/votes")
    assert reviewer.telling(for_reviewers, *tells) == set()
    assert manager.telling((*for_reviewers, *for_managers), *tells) == set()
    decided(shadow, ann(), "approve_and_pay")
    assert here in reviewer.telling(for_reviewers, *tells)
    told = {f"{replay}cases/0/", f"{replay}attempts.csv", f"/policies/{WORKFLOW}/draft/preview/"}
    assert told <= manager.telling(for_managers, *tells)


# --- the feed, which tells what is committed --------------------------------------------------------------------------


def feed_of(as_, person):
    return Doors(as_, person).read("/api/v1/events/")


@pytest.mark.django_db(transaction=True)
def test_the_feed_of_events_tells_a_second_reviewer_nothing_of_the_first_decision(as_, first, second):
    assert WHY in feed_of(as_, ann())
    assert f'"{second.pk}"' in feed_of(as_, bob())
    assert not {WHY, str(first.pk)} & set(feed_of(as_, bob()).split('"'))
    decided(second, bob(), "approve_and_pay", reason="")
    assert WHY in feed_of(as_, bob())


@pytest.mark.django_db(transaction=True)
def test_the_feed_of_events_does_not_tell_what_the_automation_proposed(as_, shadow):
    assert f'"{shadow.pk}"' in feed_of(as_, ann())
    assert "votes" not in feed_of(as_, ann())
