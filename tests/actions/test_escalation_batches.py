"""Many due steps in one transaction come to exactly what they come to one by one."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from handoffs import jobs
from handoffs.actions import availability, escalation, lifecycle
from handoffs.choices import Event, NoticeKind, State
from handoffs.models import Handoff, Notification, NotificationChannel, gathering
from handoffs.queries.verification import verify_audit
from tests import factories
from tests.factories import ANALYST, CLERK, MANAGER, EndpointFactory, HandoffFactory, publish
from tests.policies import invoice_matching
from tests.refusals import everything

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MADE_ANEW = ("id", "history_id", "message_id", "recovery_id", "decision_id")
"""Identifiers that differ from one run to the next."""


def _said(rows, table):
    keep = ("id",) if table in ("Handoff", "HistoricalHandoff", "Case", "Attempt") else ()
    for row in rows if table == "Delivery" else ():
        for recovery in row["payload"]["data"]["recovery"]:
            del recovery["id"]
    alike = [{name: value for name, value in row.items() if name not in MADE_ANEW or name in keep} for row in rows]
    return sorted(alike, key=repr)


def _after(act):
    """What `act` returns, and everything in the database after it; then it is undone."""
    undo = transaction.savepoint()
    done = act()
    tables = {name: _said(rows, name) for name, rows in everything().items()}
    transaction.savepoint_rollback(undo)
    return done, tables


def _one_by_one(ids, now):
    return sum(escalation.fire(pk, now=now) is not None for pk in ids)


def _rungs():
    return [
        {"when": "not_accepted", "after": "2h", "role": MANAGER, "priority": "high", "tell": [ANALYST]},
        {"when": "not_resolved", "after": "8h", "role": MANAGER},
    ]


def _opened(ago, **wishes):
    return HandoffFactory(opened_ago=ago + timedelta(seconds=5), **wishes)


def _in_every_situation(now, ann, bob, lea):
    """Handoffs at each rung of the ladder, and at some between them."""
    sla = invoice_matching()["sla"]
    publish(sla=sla | {"escalation": _rungs()})
    EndpointFactory(event_types=["handoff.escalated", "handoff.resolved"])
    NotificationChannel.objects.create(title="AP", address="json://127.0.0.1:9/a", role=factories.role(CLERK))
    NotificationChannel.objects.create(title="Lea's", address="json://127.0.0.1:9/b", person=lea, is_masked=False)
    made = [_opened(ago) for ago in (HOUR, HOUR, 2 * HOUR, 6 * HOUR, 9 * HOUR, 12 * HOUR, 3 * DAY, 4 * DAY)]
    made += [
        _opened(ago, accepted_by=who) for ago in (20 * MINUTE, 31 * MINUTE, 9 * HOUR, 4 * DAY) for who in (ann, bob)
    ]
    made += [_opened(ago, proposed=True) for ago in (6 * HOUR, 3 * DAY - HOUR)]
    made += [_opened(ago, returned=True) for ago in (2 * HOUR, 4 * DAY)]
    made += [_opened(4 * DAY, data={"amount": "6200.00"}), _opened(2 * HOUR, escalated=True)]
    made.append(lifecycle.reopen(_opened(9 * HOUR, resolved=True), actor=lea, reason="Again", now=now - 3 * HOUR))
    reminded = _opened(6 * HOUR + 5 * MINUTE)
    escalation.fire(reminded.pk, now=now - 5 * HOUR)
    return [*(each.pk for each in made), reminded.pk]


def test_many_at_once_come_to_what_they_come_to_one_by_one(now, ann, bob, lea, otto):
    ids = _in_every_situation(now, ann, bob, lea)
    for at in (now, now, now + 2 * HOUR, now + 9 * HOUR, now + 9 * HOUR):
        alone = _after(partial(_one_by_one, ids, at))
        assert _after(partial(escalation.fire_many, ids, now=at)) == alone
        escalation.fire_many(ids, now=at)
        assert list(verify_audit()) == []
    assert (alone[0], {each.state for each in Handoff.objects.filter(pk__in=ids)}) == (
        0,
        {State.PENDING, State.AWAITING_CONFIRMATION, State.RETURNED, State.RESOLVED},
    )


def test_where_nobody_is_there_a_batch_passes_them_on_as_one_would(now, ann, bob, lea, otto):
    ids = [_opened(HOUR).pk, _opened(2 * HOUR).pk, _opened(31 * MINUTE, accepted_by=ann).pk]
    for person in (ann, bob, lea):
        availability.go_away(person, starts_at=now - MINUTE, ends_at=now + DAY, cover=None, now=now)
    alone = _after(partial(_one_by_one, ids, now))
    assert _after(partial(escalation.fire_many, ids, now=now)) == alone
    escalation.fire_many(ids, now=now)
    assert {row.person for row in Notification.objects.filter(kind=NoticeKind.EMPTY_ROLE)} == {otto}


def test_a_batch_takes_a_number_of_queries_that_does_not_grow_with_it(now, django_assert_num_queries):
    few, many = [_opened(HOUR).pk for _ in range(2)], [_opened(HOUR).pk for _ in range(12)]
    escalation.fire(_opened(HOUR).pk, now=now)  # what is kept from one time to the next is there
    with django_assert_num_queries(11):
        assert escalation.fire_many(few, now=now) == 2
    with django_assert_num_queries(11):
        assert escalation.fire_many(many, now=now) == 12


def test_one_that_fails_spoils_its_batch_and_the_sweep_fires_the_others_one_by_one(now, caplog):
    poison, *fine = [_opened(2 * HOUR) for _ in range(4)]
    Handoff.objects.filter(pk=poison.pk).update(pauses=[["no time", None]])
    before = everything()
    with pytest.raises(ValueError, match="no time"):
        escalation.fire_many([each.pk for each in [*fine, poison]], now=now)
    assert everything() == before
    assert jobs.sweep()["steps"] == len(fine)
    stuck = Handoff.objects.get(pk=poison.pk)
    assert stuck.next_step_at > timezone.now() + timedelta(seconds=50)
    assert ("batch_failed" in caplog.text, "step_failed" in caplog.text) == (True, True)


def test_what_changed_behind_the_lock_is_not_overwritten(now, monkeypatch):
    handoff = _opened(HOUR)
    step = escalation._step

    def changed_meanwhile(found, now):
        Handoff.objects.filter(pk=handoff.pk).update(version=found.version + 5)
        return step(found, now)

    monkeypatch.setattr(escalation, "_step", changed_meanwhile)
    with pytest.raises(gathering.RowsChanged):
        escalation.fire_many([handoff.pk], now=now)
    assert not handoff.history.filter(event=Event.REMINDED).exists()
