"""Tuning: every figure opens its handoffs, a curve tells what a threshold spares, and a press drafts the change."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.utils import timezone

from handoffs.actions import demo_history, feedback
from handoffs.actions.delivery import LEASE
from handoffs.actions.feedback import Feedback
from handoffs.choices import PolicyStatus
from handoffs.models import Attempt, Decision, Handoff, PolicyVersion
from handoffs.queries.invariants import violations
from handoffs.queries.policies import draft_of
from handoffs.rules.demo_year import year
from tests import factories
from tests.factories import CLEAN, HandoffFactory, matcher, post

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/tuning/invoice-matching/"


def test_only_managers_of_the_workflow_see_it(as_, ann, lea, max_, workflow):
    assert [as_(person).get("/tuning/").status_code for person in (ann, lea, max_)] == [403, 302, 403]
    for address in (PAGE, f"{PAGE}behind/?figure=opened"):
        assert [as_(person).get(address).status_code for person in (ann, lea)] == [404, 200]
    assert as_(ann).post(f"{PAGE}change/", {"kind": "drop_trigger", "target": "missing_po"}).status_code == 404
    assert draft_of(workflow) is None


def test_a_desk_without_a_past_says_so(as_, lea, workflow):
    page = as_(lea).get(PAGE).content.decode()
    assert "Nothing stands out" in page
    assert "No handoff was opened or resolved" in page


def test_several_workflows_are_listed_with_what_became_of_their_handoffs(as_, ann, lea, now, workflow):
    factories.workflow("expenses")
    needless = HandoffFactory(accepted_by=ann, resolved=True)
    feedback.give(needless, Feedback(person_needed=False), reviewer=ann, now=now)
    HandoffFactory(resubmitted=True, resolved=True)
    HandoffFactory()
    rows = {row["workflow"].key: row for row in as_(lea).get("/tuning/").context["rows"]}
    figures = {key: [row[name] for name in ("opened", "resolved", "not_needed", "again")] for key, row in rows.items()}
    assert figures == {"invoice-matching": [3, 2, "50.0 %", "50.0 %"], "expenses": [0, 0, "–", "–"]}


def test_every_figure_of_a_trigger_opens_exactly_its_handoffs(as_, ann, lea, now):
    handoffs = [HandoffFactory(accepted_by=ann, resolved=outcome) for outcome in ("approve_and_pay", "reject")]
    HandoffFactory()
    feedback.give(handoffs[0], Feedback(person_needed=False, context_sufficed=True), reviewer=ann, now=now)
    lacking = Feedback(context_sufficed=False, missing_parts=("data.po_number",), comment="Which order?")
    feedback.give(handoffs[1], lacking, reviewer=ann, now=now)
    page = as_(lea).get(PAGE)
    (row,) = page.context["rows"]
    assert (row["quality"].counts["opened"], row["quality"].counts["resolved"]) == (3, 2)
    assert [share["count"] for share in row["shares"]][:4] == [0, 0, 0, 1]
    addresses = [(row["opened_url"], 3), (row["resolved_url"], 2)]
    addresses += [(share["url"], share["count"]) for share in row["shares"]]
    addresses += [(part["url"], part["count"]) for part in page.context["context"]["parts"]]
    for address, count in addresses:
        assert len(as_(lea).get(address).context["handoffs"]) == as_(lea).get(address).context["count"] == count
    assert "Which order?" in page.content.decode()


def test_the_curve_spares_what_needed_nobody_and_tells_what_would_be_missed(as_, ann, lea, now):
    for variance, needed in (("2.4", False), ("2.6", False), ("2.8", False), ("6.0", True), ("8.0", True)):
        handoff = HandoffFactory(accepted_by=ann, resolved=True, data={"price_variance_percent": variance})
        feedback.give(handoff, Feedback(person_needed=needed), reviewer=ann, now=now)
    post(data=CLEAN)
    picture = next(one for one in as_(lea).get(PAGE).context["curves"] if one.key == "price_variance")
    points = {row.value: (row.avoided, row.missed, row.added) for row in picture.rows}
    assert points["2"] == (0, 0, 0)
    assert points["0.4"] == (0, 0, 0)
    assert points["6.0"] == (4, 1, 0)
    assert points["8.0"] == (5, 2, 0)
    row = next(row for row in picture.rows if row.value == "6.0")
    for address, count in ((row.avoided_url, 4), (row.missed_url, 1)):
        assert as_(lea).get(address).context["count"] == count


def test_a_press_drafts_the_change_on_top_of_the_draft_that_there_is(as_, lea, workflow):
    form = {"kind": "threshold", "target": "price_variance", "value": "3.5"}
    assert as_(lea).post(f"{PAGE}change/", form).url == "/policies/invoice-matching/draft/try/"
    as_(lea).post(f"{PAGE}change/", {"kind": "drop_trigger", "target": "missing_po"})
    draft = draft_of(workflow).document
    triggers = {raw["key"]: raw for raw in draft["triggers"]}
    assert str(triggers["price_variance"]["when"]["value"]) == "3.5"
    assert "missing_po" not in triggers
    assert PolicyVersion.objects.filter(workflow=workflow).count() == 2


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "drop_trigger", "target": "no_such"},
        {"kind": "threshold", "target": "missing_po", "value": "3"},
        {"kind": "threshold", "target": "price_variance", "value": "many"},
        {"kind": "drop_outcome", "target": "\0"},
    ],
)
def test_what_cannot_be_changed_so_is_refused_and_drafts_nothing(as_, lea, workflow, form):
    assert as_(lea).post(f"{PAGE}change/", form).status_code == 400
    assert draft_of(workflow) is None


NO_SUCH_POINT = {"figure": "missed", "trigger": "price_variance", "at": "9"}


@pytest.mark.parametrize("query", [{"figure": "none"}, {"figure": ""}, NO_SUCH_POINT])
def test_a_figure_that_is_none_is_not_there(as_, lea, workflow, query):
    assert as_(lea).get(f"{PAGE}behind/?{urlencode(query)}").status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_handoffs(as_, lea, django_assert_max_num_queries):
    HandoffFactory(resolved=True)
    client = as_(lea)
    client.get(PAGE)
    with django_assert_max_num_queries(40) as few:
        client.get(PAGE)
    for _ in range(3):
        HandoffFactory(resolved=True)
    with django_assert_max_num_queries(len(few.captured_queries)):
        client.get(PAGE)


# --- the year of the demo -------------------------------------------------------------------------------------------


def _year(workflow, seed=7):
    factories.ann(), factories.bob(), factories.lea()
    return demo_history.fill(workflow, automation=matcher(), count=400, seed=seed, now=timezone.now())


def test_the_demos_year_is_believable_whole_and_told_once(as_, lea, workflow):
    assert 390 <= _year(workflow) <= 400
    handoffs = Handoff.objects.filter(imported=True)
    weekend = handoffs.filter(opened_at__week_day__in=[1, 7]).count()
    assert 0 < weekend < 0.1 * handoffs.count()
    assert Attempt.objects.filter(verdict="proceed").count() == 2 * handoffs.count()
    assert Decision.objects.filter(person_needed=False).exists()
    assert handoffs.filter(updated_at__gt=timezone.now()).count() == 0
    assert [str(found) for found in violations(now=timezone.now(), lease=LEASE)] == []
    with pytest.raises(demo_history.PastIsThere):
        _year(workflow)
    page = as_(lea).get(f"{PAGE}?days=365")
    first = page.context["advice"][0]
    assert first.change.kind == "threshold"
    assert first.worth > 0
    form = {"kind": str(first.change.kind), "target": first.change.target, "value": first.change.value}
    as_(lea).post(f"{PAGE}change/", form)
    assert draft_of(workflow).status == PolicyStatus.DRAFT
    assert as_(lea).get("/policies/invoice-matching/draft/try/").status_code == 200


def test_the_same_seed_tells_the_same_year_and_another_another(now):
    first, same, other = (year(count=60, seed=seed, now=now) for seed in (1, 1, 2))
    assert first == same
    assert first.handoffs != other.handoffs


def test_the_policy_that_helped_is_there_at_its_time(workflow, now):
    document = workflow.live_version.document
    demo_history.publish_the_years_policies({**document}, publisher=None, now=now)
    _, old, new = workflow.policy_versions.order_by("number")
    assert (now - old.published_at, now - new.published_at) == (timedelta(days=365), timedelta(days=150))
    assert old.retired_at == new.published_at


def test_the_command_needs_the_demo(capsys, workflow):
    matcher()
    call_command("demo_history", count=50)
    assert "past handoffs are there" in capsys.readouterr().out
    numbers = Handoff.objects.filter(imported=True).values_list("policy_version__number", flat=True)
    assert set(numbers) == {2, 3}
