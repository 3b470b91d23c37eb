"""The managers' pages: who has how much, who is there, what was met, and what went out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from handoffs.actions import availability, escalation, letters, lifecycle, mailing
from handoffs.choices import Event, MessageState, NoticeKind
from handoffs.errors import NotAllowed, WrongState
from handoffs.models import Handoff, Message, Notification
from tests.factories import ANALYST, CLERK, DEAR, MANAGER, HandoffFactory, PersonFactory, publish, role
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db
TEAM, SLA, SENT = "/team/", "/sla/", "/sent/"


@pytest.mark.parametrize("address", [TEAM, SLA, SENT])
def test_only_managers_see_the_figures(as_, ann, lea, workflow, address):
    assert as_(ann).get(address).status_code == 403
    assert as_(lea).get(address).status_code == 200


def test_every_figure_of_a_role_opens_its_handoffs(as_, lea):
    HandoffFactory(overdue=True)
    HandoffFactory(opened_ago=timedelta(minutes=55))
    HandoffFactory(data=DEAR)
    page = as_(lea).get(TEAM)
    rows = {row["load"].name: row for row in page.context["roles"]}
    clerks = rows[CLERK]["load"]
    assert (clerks.open_count, clerks.overdue_count, clerks.at_risk_count) == (2, 1, 1)
    for figure, count in (("open_url", 2), ("overdue_url", 1), ("at_risk_url", 1)):
        assert len(as_(lea).get(rows[CLERK][figure]).context["rows"]) == count
    assert rows[ANALYST]["load"].open_count == 1


def test_the_page_says_who_is_away_and_who_covers(as_, ann, bob, lea, workflow, now):
    availability.go_away(ann, starts_at=now, ends_at=now + timedelta(days=3), cover=bob, now=now)
    people = {row["load"].name: row["one"] for row in as_(lea).get(TEAM).context["people"]}
    assert (people["ann"].cover, people["ann"].away_until) == ("Bob", now + timedelta(days=3))
    assert people["bob"].away_until is None


def test_a_manager_gives_a_handoff_to_somebody_else(as_, ann, bob, lea):
    handoff = HandoffFactory(overdue=True, accepted_by=ann)
    response = as_(lea).post(f"/handoffs/{handoff.pk}/assign/", {"to": bob.pk})
    assert response.status_code == 302
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (handoff.state, handoff.holder) == ("in_progress", bob)
    trail = [(row.event, row.actor_name) for row in handoff.history.order_by("sequence")][-2:]
    assert trail == [(Event.RELEASED, "Lea"), (Event.ASSIGNED, "Lea")]
    told = set(Notification.objects.filter(handoff=handoff).values_list("kind", "person__username"))
    assert told == {(NoticeKind.GIVEN_BACK, "ann"), (NoticeKind.ASSIGNED, "bob")}


def test_nobody_else_assigns_and_nobody_outside_the_role_is_given_it(ann, bob, lea, max_, now):
    handoff = HandoffFactory(accepted_by=ann)
    with pytest.raises(NotAllowed):
        lifecycle.assign(handoff, to=bob, by=bob, now=now)
    with pytest.raises(NotAllowed):
        lifecycle.assign(handoff, to=max_, by=lea, now=now)
    with pytest.raises(WrongState):
        lifecycle.assign(HandoffFactory(resolved=True), to=bob, by=lea, now=now)
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (handoff.holder, Notification.objects.count()) == (ann, 0)


def test_the_sla_page_counts_what_was_met_and_opens_what_was_missed(as_, ann, lea):
    HandoffFactory(accepted_by=ann, resolved=True)
    late = HandoffFactory(resolved=True)
    Handoff.objects.filter(pk=late.pk).update(resolve_by=late.resolved_at - timedelta(minutes=1))
    tables = {table["label"]: table["rows"] for table in as_(lea).get(SLA).context["tables"]}
    (row,) = tables["By role"]
    assert [(share["percent"], share["missed"]) for share in row["shares"]] == [("100.0 %", 0), ("50.0 %", 1)]
    opened = as_(lea).get(row["shares"][1]["missed_url"]).context["rows"]
    assert [row["id"] for row in opened] == [late.pk]
    assert [row["name"] for row in tables["By workflow"]] == ["Invoice matching"]
    assert len(tables["By week"]) == 1


def test_what_the_clock_decided_before_anybody_accepted_counts_as_not_accepted_in_time(as_, lea, now):
    handoff = HandoffFactory(opened_ago=timedelta(days=3, minutes=1))
    escalation.fire(handoff.pk, now=now)
    (row,) = as_(lea).get(SLA).context["tables"][0]["rows"]
    accepted = row["shares"][0]
    assert (accepted["percent"], accepted["missed"]) == ("0.0 %", 1)
    assert [row["id"] for row in as_(lea).get(accepted["missed_url"]).context["rows"]] == [handoff.pk]


@pytest.mark.parametrize(("address", "most"), [(TEAM, 18), (SLA, 16), (SENT, 12)])
def test_a_page_costs_the_same_with_more_rows(as_, lea, now, django_assert_max_num_queries, address, most):
    for _ in range(3):
        handoff = HandoffFactory(overdue=True)
        escalation.fire(handoff.pk, now=now)
    client = as_(lea)
    with django_assert_max_num_queries(most):
        assert client.get(address).status_code == 200


# --- what went out --------------------------------------------------------------------------------------------------


def sent_message():
    now = timezone.now()
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    letters.compose(now=now + timedelta(seconds=11))
    mailing.drain(clock=lambda: now + timedelta(seconds=11))
    return Message.objects.order_by("recipient").first()


def test_a_mail_is_shown_as_it_was_sent_in_a_frame_that_runs_nothing(as_, lea):
    message = sent_message()
    assert message.subject in as_(lea).get(SENT).text
    assert "sandbox" in as_(lea).get(f"/sent/{message.pk}/").text
    html = as_(lea).get(f"/sent/{message.pk}/html/")
    assert html.text == message.html
    assert "default-src 'none'" in html.headers["Content-Security-Policy"]


def test_a_manager_of_another_workflow_sees_no_message(as_, max_, lea):
    message = sent_message()
    max_.groups.clear()
    assert as_(max_).get(f"/sent/{message.pk}/").status_code == 403
    other = PersonFactory(username="mia", roles=["Expense manager"])
    role("Expense manager").permissions.add(*lea.groups.first().permissions.all())
    assert as_(other).get(f"/sent/{message.pk}/").status_code == 404
    assert as_(other).get(SENT).context["rows"] == []


def test_a_parked_message_comes_first_and_is_sent_again_by_hand(as_, lea):
    message = sent_message()
    Message.objects.filter(pk=message.pk).update(state=MessageState.PARKED, next_attempt_at=None, last_error="550 no")
    rows = as_(lea).get(SENT).context["rows"]
    assert rows[0]["message"].pk == message.pk
    as_(lea).post(f"/sent/{message.pk}/again/")
    assert Message.objects.get(pk=message.pk).state == MessageState.QUEUED


def test_a_manager_assigns_on_the_case_page_and_nobody_else_is_offered_it(as_, ann, bob, lea):
    handoff = HandoffFactory(accepted_by=ann)
    page = f"/handoffs/{handoff.pk}/"
    assert f"{page}assign/" not in as_(bob).get(page).content.decode()
    assert f"{page}assign/" in as_(lea).get(page).content.decode()
    response = as_(lea).post(f"{page}assign/", {"to": bob.pk}, headers={"referer": f"http://testserver{page}"})
    assert (response.status_code, Handoff.objects.get(pk=handoff.pk).holder) == (302, bob)


def test_who_is_only_told_reads_a_case_and_is_offered_nothing(as_, lea, workflow, now):
    controller = PersonFactory(username="cora", roles=["Controller"])
    rung = {"when": "not_accepted", "after": "2h", "role": MANAGER, "tell": ["Controller"]}
    publish(sla=invoice_matching()["sla"] | {"escalation": [rung]})
    handoff = HandoffFactory(opened_ago=timedelta(hours=2.1))
    assert as_(controller).get(f"/handoffs/{handoff.pk}/").status_code == 404
    escalation.fire(handoff.pk, now=now)
    page = as_(controller).get(f"/handoffs/{handoff.pk}/")
    assert (page.status_code, set(page.context["may"].values())) == (200, {False})
    assert "reveal/" not in page.content.decode()
