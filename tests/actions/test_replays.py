"""Replays: the same answers as live, nothing else touched, called off, gone on with after a crash."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from handoffs import access, jobs
from handoffs.actions import replay_runs, replays
from handoffs.actions.replays import Order, ReplayOver
from handoffs.choices import ReplayState
from handoffs.errors import Invalid, NotPossibleNow, TooLarge
from handoffs.models import Attempt, Case, Handoff, Notification, PolicyVersion, Replay, ReplayedAttempt
from handoffs.queries import replay_reports, replay_sources
from handoffs.rules.replay_files import MAX_FILE_BYTES, FileUnusable
from tests import factories
from tests.factories import CLEAN, DEAR, post

pytestmark = pytest.mark.django_db
START = datetime.now(UTC) - timedelta(days=1)
"""Recent enough for decisions: the cut-off goes by the clock of the database."""
MINUTE = timedelta(minutes=1)
OUTAGE = {
    "key": "erp_away",
    "failures": {"count": 2, "within": "10m", "errors": ["erp_down"], "across_cases": True, "retry_after": ["9s"]},
}
REPEATED = {"key": "repeated", "failures": {"count": 3, "within": "1h", "errors": ["timeout"], "retry_after": ["30s"]}}
VARIANCE = {"key": "variance", "when": {"field": "data.price_variance_percent", "is": ">", "value": 2}}


def run(order=None, *, now):
    """Order a replay of everything stored, and run it to its end."""
    order = order or Order(version=PolicyVersion.objects.get(status="live"))
    replay = replays.order_stored(order, from_at=None, until_at=None, by=None, now=now)
    return finish(replay, now)


def finish(replay, now, *, seconds=60.0):
    while replay_runs.work(clock=lambda: now, seconds=seconds):
        pass
    replay.refresh_from_db()
    return replay


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


def live_through(moves):
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


# --- what a slice leaves behind -------------------------------------------------------------------------------------


@pytest.fixture
def many(workflow, monkeypatch):
    """Six attempts in chunks of two, of which one case fails until it is handed off."""
    from handoffs.queries import replay_sources as sources

    monkeypatch.setattr(sources, "CHUNK_ROWS", 2)
    monkeypatch.setattr(replay_runs, "CHUNK_ROWS", 2)
    factories.publish(triggers=[REPEATED])
    for number in range(3):
        at = START + number * MINUTE
        post(now=at, reference="CASE-A", data=CLEAN, error_type="timeout", error_message="no answer")
        post(now=at + MINUTE / 2, reference=f"CASE-{number}", data=CLEAN)


def answers():
    return list(ReplayedAttempt.objects.order_by("position").values_list("reference", "verdict", "opens", "fired"))


def ordered(now):
    version = PolicyVersion.objects.get(status="live")
    return replays.order_stored(Order(version=version), from_at=None, until_at=None, by=None, now=now)


def test_slices_come_to_the_same_as_one_run(many, now):
    whole = run(now=now)
    expected = answers()
    assert [verdict for reference, verdict, *_ in expected if reference == "CASE-A"] == ["retry", "retry", "stop"]
    whole.delete()
    sliced = ordered(now)
    assert replay_runs.work(clock=lambda: now, seconds=0) is True
    sliced.refresh_from_db()
    assert (sliced.state, sliced.done_count, sliced.leased_until) == ("running", 2, None)
    assert finish(sliced, now, seconds=0).state == "done"
    assert answers() == expected


def test_after_a_crash_another_process_goes_on_from_the_last_chunk(many, now, monkeypatch):
    expected = _expected(now)
    replay = ordered(now)
    real = replay_runs.inputs

    def dies(one, number):
        if number == 2:
            raise KeyboardInterrupt
        return real(one, number)

    monkeypatch.setattr(replay_runs, "inputs", dies)
    with pytest.raises(KeyboardInterrupt):
        replay_runs.work(clock=lambda: now, seconds=60)
    monkeypatch.setattr(replay_runs, "inputs", real)
    replay_runs._kept.clear()
    replay.refresh_from_db()
    assert (replay.state, replay.done_count) == ("running", 4)
    assert replay_runs.work(clock=lambda: now, seconds=60) is False, "the lease still holds"
    later = now + timedelta(seconds=replay_runs.LEASE_SECONDS + 1)
    assert replay_runs.waiting(later).exists()
    assert finish(replay, later).state == "done"
    assert answers() == expected


def _expected(now):
    whole = run(now=now)
    found = answers()
    whole.delete()
    return found


def test_a_replay_that_was_called_off_meanwhile_writes_nothing_more(many, now, monkeypatch):
    replay = ordered(now)
    real = replay_runs.inputs

    def cancelled(one, number):
        if number == 1:
            replays.cancel(replay, now=now)
        return real(one, number)

    monkeypatch.setattr(replay_runs, "inputs", cancelled)
    assert finish(replay, now).state == "cancelled"
    assert not ReplayedAttempt.objects.exists()
    assert not replay.chunks.exists()
    with pytest.raises(ReplayOver):
        replays.cancel(replay, now=now)


def test_a_worker_that_lost_its_lease_writes_nothing(many, now, monkeypatch):
    replay = ordered(now)
    real = replay_runs.inputs

    def overtaken(one, number):
        Replay.objects.filter(pk=replay.pk).update(lease_token=replay.pk)
        return real(one, number)

    monkeypatch.setattr(replay_runs, "inputs", overtaken)
    replay_runs.work(clock=lambda: now, seconds=60)
    replay.refresh_from_db()
    assert (replay.state, replay.done_count) == ("running", 0)
    assert not ReplayedAttempt.objects.exists()


def test_a_replay_that_fails_says_why_and_lets_the_next_one_run(many, now, monkeypatch):
    broken, fine = ordered(now), ordered(now + MINUTE)
    real = replay_runs.inputs

    def breaks(one, number):
        if one.pk == broken.pk:
            raise RuntimeError("the disk is gone")
        return real(one, number)

    monkeypatch.setattr(replay_runs, "inputs", breaks)
    assert finish(broken, now + MINUTE).state == ReplayState.FAILED
    assert broken.error == "RuntimeError: the disk is gone"
    fine.refresh_from_db()
    assert fine.state == "done"


def test_the_job_runs_what_waits_and_the_sweep_sees_it(many, now):
    replay = ordered(now)
    assert replay_runs.waiting(now).exists()
    assert "replays_rung" in jobs.sweep()
    while jobs.replay():
        pass
    finish(replay, now + timedelta(hours=1))
    assert replay.state == "done"
    assert not replay_runs.waiting(now).exists()


def test_nothing_but_the_replay_is_touched(many, now):
    before = world()
    run(now=now)
    assert world() == before


def test_one_that_runs_cannot_be_deleted(many, now):
    replay = ordered(now)
    with pytest.raises(NotPossibleNow):
        replays.forget(replay)
    finish(replay, now)
    replays.forget(replay)
    assert not Replay.objects.exists()
    assert not ReplayedAttempt.objects.exists()


# --- what is refused ------------------------------------------------------------------------------------------------

HEADER = "reference,received_at,data.amount\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The file is empty."),
        (b"  \n ", "The file is empty."),
        (b"PK\x03\x04rest of a workbook", "This is a spreadsheet"),
        (b"reference\n\x00\x01\x02", "it holds NUL bytes"),
        (b"reference\n\xff\xfe", "Not UTF-8: byte 10"),
        (HEADER.encode("utf-16"), "NUL bytes"),
        (b"amount,received_at\n1,2\n", "the column 'amount' is not known"),
        (b"received_at,data.amount\n2026-11-20T09:00:00Z,1\n", "the column reference is missing"),
        (b"reference,referense\nA,B\n", "did you mean reference?"),
        (b"reference,data.a,data.a\nA,1,2\n", "stands twice"),
        (HEADER.encode(), "a header and no lines"),
        ((HEADER + "A,2026-11-20T09:00:00Z,=cmd|' /C calc'!A0\n").encode(), "data.amount holds a spreadsheet formula"),
        ((HEADER + "A,2026-11-20T09:00:00Z,@SUM(1+1)\n").encode(), "spreadsheet formula"),
        ((HEADER + "A,2026-11-20T09:00:00Z\n").encode(), "2 cells, but the header has 3 columns"),
        ((HEADER + ",2026-11-20T09:00:00Z,1\n").encode(), "reference is missing"),
        ((HEADER + f"{'A' * 201},2026-11-20T09:00:00Z,1\n").encode(), "201 characters, 200 are allowed"),
        ((HEADER + '"A,2026-11-20T09:00:00Z,1\n').encode(), "not CSV"),
        ((HEADER + f"A,2026-11-20T09:00:00Z,{'1' * 200_000}\n").encode(), "not CSV"),
        (b'{"reference": "A", "data": [1]}', "data must be an object"),
        (b'{"reference": "A", "dat": {}}', "unknown key dat, did you mean data?"),
        (b'{"reference": "A", "confidence": 7}', "confidence must be a number from 0 to 1"),
        (b'{"reference": "A", "confidence": 1e999999999}', "exponent"),
        (b"{" * 5000, "Nested deeper than 20 levels"),
        (b'{"reference": "A"} {"reference": "B"}', "Not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_words_and_nothing_is_kept(workflow, now, body, said):
    with pytest.raises(FileUnusable) as refused:
        upload(body, now=now)
    assert said in refused.value.message
    assert not Replay.objects.exists()


def test_a_huge_file_is_refused(workflow, now):
    with pytest.raises(TooLarge):
        upload(b"x" * (MAX_FILE_BYTES + 1), now=now)
    assert not Replay.objects.exists()


def test_too_many_lines_are_refused(workflow, now, monkeypatch):
    monkeypatch.setattr("handoffs.rules.replay_files.MAX_LINES", 3)
    with pytest.raises(FileUnusable, match="More than 3 lines"):
        upload(HEADER + "A,,1\n" * 4, now=now)


def test_too_many_attempts_are_refused(workflow, now, monkeypatch):
    monkeypatch.setattr(replay_sources, "MAX_ATTEMPTS", 1)
    for _ in range(2):
        post(now=now - MINUTE, data=CLEAN)
    with pytest.raises(Invalid, match="More than 1 attempts"):
        ordered(now)
    assert not Replay.objects.exists()


# --- what is told ---------------------------------------------------------------------------------------------------


def test_lines_are_judged_in_the_order_of_their_time_and_by_the_declared_types(workflow, now):
    lines = (
        "reference;received_at;data.amount;data.vendor_age_days;data.price_variance_percent;data.po_number;error_type\n"
    )
    lines += "A;2026-11-20T11:00:00+01:00;100;12;0.1;PO-1;timeout\n"
    lines += "A;2026-11-20T09:30:00Z;100;12;0.1;PO-1;timeout\n"
    lines += "A;2026-11-20T09:10:00;100;12;0.1;PO-1;timeout\n"
    replay = finish(upload(lines, now=now), now)
    rows = [(row.at.hour, row.at.minute, row.verdict) for row in replay.attempts.order_by("position")]
    assert rows == [(9, 10, "retry"), (9, 30, "retry"), (10, 0, "stop")]
    given = replay_sources.input_at(replay, 0)
    assert given.facts.data == {
        "amount": "100",
        "vendor_age_days": 12,
        "price_variance_percent": "0.1",
        "po_number": "PO-1",
    }


def test_json_lines_say_the_same_as_the_api(workflow, now):
    line = (
        '{"reference": "J-1", "received_at": "2026-11-20T09:00:00Z", "data": {"amount": "6200.00", "po_number": "PO-1",'
        ' "price_variance_percent": 4.2}, "confidence": 0.9, "proposed_outcome": "reject",'
        ' "context": {"documents": ["Invoice.pdf"]}, "outcome": "approve_and_pay"}\n'
    )
    replay = finish(upload(line, now=now), now)
    row = replay.attempts.get()
    assert (row.verdict, row.role, row.trigger, row.lacking) == ("handoff", "Procurement analyst", "price_variance", [])
    assert (row.suggested, row.decided) == ("reject", "approve_and_pay")


def test_the_report_names_what_would_be_missing(workflow, now):
    lines = "reference,data.price_variance_percent,data.po_number\nA,4,PO-1\nB,4,PO-2\n"
    replay = finish(upload(lines, now=now), now)
    assert replay.has_times is False
    assert replay.summary["lacking"] == [
        {"what": "data.amount", "count": 2},
        {"what": "document: invoice", "count": 2},
    ]
    assert (replay.summary["opened"], replay.summary["complete"]) == (2, 0)


def test_a_stage_is_judged_as_it_is_or_as_if_it_were_full(workflow, now):
    factories.publish(rollout={"percent": 0})
    version = PolicyVersion.objects.get(status="live")
    lines = "reference,data.amount,data.price_variance_percent,data.po_number\nA,1,4,PO-1\n"
    staged = finish(upload(lines, now=now, order=Order(version=version)), now)
    full = finish(upload(lines, now=now, order=Order(version=version, fully_rolled_out=True)), now)
    assert (staged.summary["opened"], full.summary["opened"]) == (0, 1)


def test_attempts_while_a_handoff_of_the_replay_is_open_join_it(workflow, now):
    head = "reference,received_at,data.amount,data.price_variance_percent,data.po_number\n"
    lines = "".join(f"A,2026-11-20T{hour:02}:00:00Z,{hour},4,PO-1\n" for hour in (9, 10, 20))
    version = PolicyVersion.objects.get(status="live")
    replay = finish(upload(head + lines, now=now, order=Order(version=version, stay_seconds=8 * 3600)), now)
    assert list(replay.attempts.order_by("position").values_list("verdict", "opens")) == [
        ("handoff", "A"),
        ("wait", ""),
        ("handoff", "A"),
    ]
    assert [at.hour for at, *_ in replay_reports.arrivals(replay)] == [9, 20]
