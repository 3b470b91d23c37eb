"""Replays: the same answers as live, nothing else touched, called off, gone on with after a crash."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from handoffs import access, jobs
from handoffs.actions import replay_runs, replays
from handoffs.actions.replays import Order, ReplayNeeded, ReplayOver
from handoffs.choices import ReplayState
from handoffs.errors import Invalid, NotPossibleNow, TooLarge
from handoffs.models import Attempt, AuditRow, Case, Handoff, Notification, PolicyVersion, Replay, ReplayedAttempt
from handoffs.queries import replay_reports, replay_sources
from handoffs.rules.replay_files import MAX_FILE_BYTES, FileUnusable
from tests import factories
from tests.factories import CLEAN, DEAR, HandoffFactory, post
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OUTAGE = {
    "key": "erp_away",
    "failures": {"count": 2, "within": "10m", "errors": ["erp_down"], "across_cases": True, "retry_after": ["9s"]},
}
REPEATED = {"key": "repeated", "failures": {"count": 3, "within": "1h", "errors": ["timeout"], "retry_after": ["30s"]}}
VARIANCE = {"key": "variance", "when": {"field": "data.price_variance_percent", "is": ">", "value": 2}}


def run(order=None, *, now, slices=200):
    """Order a replay of everything stored, and run it to its end."""
    order = order or Order(version=PolicyVersion.objects.get(status="live"))
    replay = replays.order_stored(order, from_at=None, until_at=None, by=None, now=now)
    return finish(replay, now)


def finish(replay, now, *, seconds=60.0):
    while replay_runs.work(clock=lambda: now, seconds=seconds):
        pass
    replay.refresh_from_db()
    return replay


def draft(author=None, **sections):
    from handoffs.actions import policies

    return policies.save_draft("invoice-matching", invoice_matching(**sections), author=author, now=START)


def upload(text, *, now, order=None):
    order = order or Order(version=PolicyVersion.objects.get(status="live"))
    body = text.encode() if isinstance(text, str) else text
    return replays.order_upload(order, body=body, file_name="past.csv", by=None, now=now)


def world():
    """Everything that a replay must leave alone."""
    counted = (Case, Attempt, Handoff, Notification, PolicyVersion)
    rows = {model.__name__: model.objects.count() for model in counted}
    return rows | {"history": Handoff.history.count(), "updated": list(Handoff.objects.values_list("updated_at"))}


# --- the same answers -----------------------------------------------------------------------------------------------

MOVES = st.lists(
    st.tuples(
        st.integers(0, 3),  # which case
        st.sampled_from(["clean", "varies", "timeout", "erp_down", "dear", "resolve", "withdraw"]),
        st.integers(1, 400),  # how many seconds later
    ),
    min_size=1,
    max_size=25,
)


def live_through(moves, *, pattern="alert_and_wait"):
    """Report the attempts and resolve handoffs as they come."""
    at = START
    for case, what, later in moves:
        at += timedelta(seconds=later)
        reference = f"CASE-{case}"
        if what in ("resolve", "withdraw"):
            end_handoff(reference, what, at)
            continue
        said = {"clean": {}, "varies": {}, "dear": {}}.get(what, {"error_type": what, "error_message": "no answer"})
        data = {"varies": {}, "dear": DEAR}.get(what, CLEAN)
        post(now=at, reference=reference, data=data, callback_url="", **said)


def end_handoff(reference, what, at):
    from handoffs.actions import lifecycle

    handoff = Handoff.objects.open().filter(case__reference=reference).first()
    if handoff is None:
        return
    if what == "withdraw":
        lifecycle.withdraw(handoff, actor=factories.matcher(), reason="Paid by another run", now=at)
        return
    reviewer = factories.bob()
    handoff = lifecycle.accept(access.handoff_for(reviewer, handoff.pk), reviewer=reviewer, now=at)
    factories.decide(handoff, reviewer, now=at)


class TheSameAnswers(TestCase):
    """Every example starts with an empty desk."""

    @settings(max_examples=10)
    @given(moves=MOVES, pattern=st.sampled_from(["alert_and_wait", "escalation"]))
    def test_replay_and_live_give_the_same_answer_for_the_same_facts(self, moves, pattern):
        factories.workflow(triggers=[VARIANCE, REPEATED, OUTAGE], pattern=pattern)
        live_through(moves)
        if Attempt.objects.exists():
            run(now=START + timedelta(days=1))
            assert replayed() == stored()


def stored():
    attempts = Attempt.objects.order_by("received_at", "id").select_related("case")
    return [
        (attempt.case.reference, attempt.verdict, [each["key"] for each in attempt.triggers if each["fired"]])
        for attempt in attempts
    ]


def replayed():
    rows = ReplayedAttempt.objects.order_by("position")
    return [(row.reference, row.verdict, row.fired) for row in rows]
