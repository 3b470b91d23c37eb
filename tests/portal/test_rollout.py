"""The rollout pages: the stage against the rest, one press to raise, step back or promote, and what was compared."""

import re

import pytest
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle, policies
from handoffs.models import Handoff, PolicyVersion, Workflow
from handoffs.queries.policies import draft_of
from tests import factories
from tests.factories import WORKFLOW, ann, bob, lea, max_, otto, post, publish, report, workflow
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db

HERE = f"/rollout/{WORKFLOW}/"
LIMITS = {"min_cases": 2, "override_percent": 25}


def text_of(page) -> str:
    plain = re.sub(r"<[^>]+>", " ", page.content.decode().partition("<main")[2])
    return " ".join(plain.split())


def live() -> PolicyVersion:
    return Workflow.objects.get(key=WORKFLOW).live_version


def press(client, address="stage/", *, reason="The figures are good", **given):
    return client.post(f"{HERE}{address}", {"live": live().number, "reason": reason, **given})


def decided(outcome="approve_and_pay", **fields):
    post(report(**fields))
    handoff = lifecycle.accept(access.handoff_for(bob(), newest().pk), reviewer=bob(), now=timezone.now())
    return factories.decide(handoff, bob(), outcome, now=timezone.now())


def newest() -> Handoff:
    return Handoff.objects.order_by("-number").first()


def test_the_page_says_how_far_the_stage_reaches_and_how_it_does(as_):
    workflow(rollout={"percent": 10, "limits": LIMITS})
    publish(rollout={"percent": 100, "limits": LIMITS})
    decided(proposed_outcome="approve_and_pay")
    decided("reject", proposed_outcome="approve_and_pay")
    said = text_of(as_(lea()).get(HERE))
    assert "Live for 100 % of the cases" in said
    assert "Override rate 50.0 % (1 of 2)" in said
    assert "passed" in said


def test_an_empty_stage_shows_dashes_and_says_what_is_missing(as_):
    workflow(rollout={"percent": 10, "limits": LIMITS})
    said = text_of(as_(lea()).get(HERE))
    assert "Watched from 2 decided cases on; 2 more are needed." in said
    assert "Override rate –" in said


def test_limits_and_criteria_stand_on_the_page_and_lead_to_where_they_are_edited(as_):
    here = workflow(rollout={"percent": 10, "limits": LIMITS, "promote": {"kappa": 0.6}})
    client = as_(lea())
    said = text_of(client.get(HERE))
    assert "A shadow is promoted from kappa of at least 0.6, once 50 cases were decided." in said
    assert "override rate above 25 %, once 2 cases were decided" in text_of(client.get("/rollout/"))
    started = client.post(f"/policies/{WORKFLOW}/draft/start/", {"version": live().number, "section": "rollout"})
    section = f"/policies/{WORKFLOW}/draft/sections/rollout/"
    assert (started.url, draft_of(here).document) == (section, live().document)
    assert f'href="{section}#f-rollout.limits"' in client.get(HERE).content.decode()


def test_a_stage_without_limits_says_that_only_a_person_steps_it_back(as_):
    workflow(rollout={"percent": 10, "limits": {"min_cases": 5}})
    client = as_(lea())
    assert "No limit is set: only a person steps this stage back." in text_of(client.get(HERE))


def test_raising_publishes_a_version_that_differs_in_its_rollout_alone(as_):
    workflow(rollout={"percent": 10})
    before = live()
    answer = press(as_(lea()), percent="25")
    after = live()
    assert (answer.status_code, after.number) == (302, before.number + 1)
    assert after.document == {**before.document, "rollout": {**before.document["rollout"], "percent": 25}}
    assert (after.published_by, after.publish_reason) == (lea(), "The figures are good")
    assert after.history.first().history_user == lea()


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"percent": "101"}, 400, "Write a number from 0 to 100."),
        ({"percent": "all"}, 400, "Write a number from 0 to 100."),
        ({"percent": "25", "reason": " "}, 400, "say why"),
        ({"percent": "25", "live": "99"}, 409, "went live since you looked"),
    ],
)
def test_a_press_that_cannot_be_taken_says_why_and_changes_nothing(as_, given, status, words):
    workflow(rollout={"percent": 10})
    before = live()
    answer = press(as_(lea()), **given)
    assert (answer.status_code, live()) == (status, before)
    assert words in text_of(answer)


def test_stepping_back_goes_to_the_stage_before(as_):
    workflow(rollout={"percent": 5})
    client = as_(lea())
    press(client, percent="50")
    press(client, "back/", reason="Too many overrides")
    assert live().document["rollout"]["percent"] == 5
    press(client, "back/", reason="Still too many")
    assert live().document["rollout"]["percent"] == 1


def test_the_draft_stays_as_it_is_but_for_its_number(as_):
    here = workflow(rollout={"percent": 10})
    draft = policies.save_draft(WORKFLOW, invoice_matching(title="Better"), author=lea(), now=timezone.now())
    press(as_(lea()), percent="25")
    after = draft_of(here)
    assert (after.pk, after.document["title"], after.number) == (draft.pk, "Better", live().number + 1)


@pytest.mark.parametrize("address", ["", "agreement/", "candidate/", "integrity/"])
def test_who_does_not_manage_the_workflow_does_not_find_the_pages(as_, address):
    workflow()
    assert [as_(who).get(f"{HERE}{address}").status_code for who in (ann(), max_(), lea(), otto())] == [
        404,
        404,
        200,
        200,
    ]


def test_nobody_else_can_press(as_):
    workflow(rollout={"percent": 10})
    before = live()
    addresses = ("stage/", "back/", "promote/", "candidate/start/", "candidate/end/", "candidate/promote/")
    assert {press(as_(ann()), address, percent="50").status_code for address in addresses} == {404}
    assert live() == before


def test_the_list_shows_each_workflow_with_its_stage(as_):
    workflow(rollout={"percent": 10, "limits": LIMITS})
    said = text_of(as_(lea()).get("/rollout/"))
    assert "Invoice matching live for 10 % of the cases steps back by itself at override rate above 25 %" in said
    assert as_(ann()).get("/rollout/").status_code == 403


def in_shadow(**promote):
    workflow(rollout={"percent": 100, "shadow": True, **({"promote": promote} if promote else {})})


def test_shadow_is_compared_and_promoted_when_the_criteria_are_met(as_):
    in_shadow(min_cases=2, agreement_percent=20)
    client = as_(lea())
    decided(proposed_outcome="approve_and_pay")
    assert "not met At least 2 cases decided in shadow (now 1)" in text_of(client.get(HERE))
    refused = press(client, "promote/")
    assert (refused.status_code, live().document["rollout"]["shadow"]) == (409, True)
    decided("reject", proposed_outcome="approve_and_pay", data={"amount": "99.00"})
    decided(proposed_outcome="approve_and_pay")
    said = text_of(client.get(f"{HERE}agreement/"))
    assert "2 of 3 agree: 66.7 %" in said
    assert "Under 100 1 0.0 %" in said
    assert said.count("Approve and pay the automation Reject Bob") == 1
    assert press(client, "promote/").status_code == 302
    assert live().document["rollout"]["shadow"] is False


def test_a_shadow_can_be_promoted_in_spite_of_its_criteria_by_saying_so(as_):
    in_shadow(min_cases=50)
    assert press(as_(lea()), "promote/", anyway="yes").status_code == 302
    assert live().document["rollout"]["shadow"] is False


def test_stepping_back_from_a_promotion_is_shadow_again(as_):
    in_shadow()
    client = as_(lea())
    press(client, "promote/")
    press(client, "back/", reason="Too early")
    assert live().document["rollout"]["shadow"] is True


def test_the_reviewer_reads_that_the_decision_has_no_effect_and_not_what_is_held_back(as_):
    in_shadow()
    post(report(proposed_outcome="reject", root_cause="Reject, says the model"))
    handoff, client = newest(), as_(ann())
    client.post(f"/handoffs/{handoff.pk}/accept/")
    page = client.get(f"/handoffs/{handoff.pk}/")
    assert "your decision has no effect" in text_of(page)
    assert "says the model" not in page.content.decode()
    assert ">suggested<" not in page.content.decode()
    choice = {"outcome": "approve_and_pay", "context_digest": newest().context_digest}
    client.post(f"/handoffs/{handoff.pk}/decide/", choice)
    after = text_of(client.get(f"/handoffs/{handoff.pk}/"))
    assert "differs The automation's own answer: Reject Reject, says the model" in after
    assert "nothing was told to the automation" in after


def test_a_live_decision_says_that_it_has_effect(as_):
    workflow()
    post(report())
    client = as_(ann())
    client.post(f"/handoffs/{newest().pk}/accept/")
    assert "This decision has effect" in text_of(client.get(f"/handoffs/{newest().pk}/"))


def test_a_candidate_runs_is_compared_and_published(as_):
    workflow()
    looser = invoice_matching(triggers=[{"key": "dear", "when": {"field": "data.amount", "is": ">", "value": 9000}}])
    policies.save_draft(WORKFLOW, looser, author=lea(), now=timezone.now())
    client = as_(lea())
    assert "No candidate yet" in text_of(client.get(f"{HERE}candidate/"))
    client.post(f"{HERE}candidate/start/")
    assert client.post(f"{HERE}candidate/start/").status_code in (400, 409)
    post(report())
    post(report(data={"amount": "9500.00"}))
    said = text_of(client.get(f"{HERE}candidate/"))
    assert "2 attempts judged, 2 answered otherwise" in said
    assert "handoff price variance → AP clerk proceed" in said.replace("_", " ")
    assert press(client, "candidate/promote/").status_code == 302
    assert (live().document["triggers"], Workflow.objects.get(key=WORKFLOW).candidate) == (looser["triggers"], None)


def test_second_looks_and_unopened_documents_are_shown_where_the_policy_asks(as_):
    workflow(integrity={"second_look": {"percent": 100}, "unopened_documents": True})
    factories.cleo()
    post(report())
    first = lifecycle.accept(newest(), reviewer=ann(), now=timezone.now())
    factories.decide(first, ann(), "approve_and_pay", now=timezone.now())
    second = lifecycle.accept(newest(), reviewer=bob(), now=timezone.now())
    factories.decide(second, bob(), "reject", now=timezone.now())
    said = text_of(as_(lea()).get(f"{HERE}integrity/"))
    assert "0 of 1 agree: 0.0 %" in said
    assert "Approve and pay Ann Reject Bob" in said
    assert "Ann 1 1" in said


@pytest.mark.parametrize(("address", "limit"), [("", 32), ("agreement/", 18), ("candidate/", 18), ("integrity/", 20)])
def test_the_pages_ask_the_database_as_often_for_many_cases_as_for_one(
    as_, address, limit, django_assert_max_num_queries
):
    in_shadow(min_cases=5)
    client = as_(lea())
    decided(proposed_outcome="approve_and_pay")
    with django_assert_max_num_queries(limit) as few:
        client.get(f"{HERE}{address}")
    for _ in range(3):
        decided("reject", proposed_outcome="approve_and_pay")
    with django_assert_max_num_queries(limit) as many:
        client.get(f"{HERE}{address}")
    assert len(many) == len(few)
