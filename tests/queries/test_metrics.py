"""The numbers: equal to what one works out by hand, broken down in every way, and opening what they count."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs import access
from handoffs.actions import escalation, feedback, lifecycle, receipts
from handoffs.choices import ReceiptStatus
from handoffs.errors import Invalid
from handoffs.models import Case, Handoff, HandoffFact
from handoffs.queries.metrics import asking, backlog, tables
from handoffs.queries.metrics.figures import FIGURES, behind, handoffs_behind
from handoffs.queries.metrics.scope import BREAKDOWNS, GROUPS, SOMEBODY_ELSE, STRETCHES, Scope, Window
from tests.factories import ANALYST, CLEAN, CLERK, DEAR, HandoffFactory, PersonFactory, decide, matcher, post
from tests.factories import lea as the_manager
from tests.queries import metrics_reference as reference

FACTS = import_module("handoffs.migrations.0017_write_facts_of_many_at_once")
pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PATHS = (
    "pending", "accepted", "returned", "returned_twice", "resolved", "withdrawn", "reopened", "resolved_again",
    "failed", "applied", "reversed", "expired", "needless", "too_little",
)  # fmt: skip


def scope_for(user, start, end, zone=UTC, **filters) -> Scope:
    return Scope(
        window=Window(start=start, end=end, zone=zone),
        workflow_ids=frozenset(access.managed_workflows(user).values_list("pk", flat=True)),
        people=access.people_managed_by(user),
        filters=filters,
    )


class Walk:
    """Leads one handoff along a path, with `gap` between its steps."""

    def __init__(self, path: str, opened_at: datetime, gap: timedelta, dear: bool) -> None:
        self.at, self.gap = opened_at, gap
        self.handoff = HandoffFactory(opened_at=opened_at, data=DEAR if dear else {})
        self.reviewer = PersonFactory(username="bob", roles=[CLERK, ANALYST])
        getattr(self, f"_{path}")()

    def _tick(self) -> datetime:
        self.at += self.gap
        return self.at

    def _pending(self) -> None:
        """Nothing more happens to it."""

    def _accepted(self) -> None:
        self.handoff = lifecycle.accept(self.handoff, reviewer=self.reviewer, now=self._tick())

    def _returned(self) -> None:
        self._accepted()
        self.handoff = lifecycle.return_(
            self.handoff, reviewer=self.reviewer, reason="Which?", questions=["Which?"], now=self._tick()
        )

    def _answered(self) -> None:
        self._returned()
        post(reference=self.handoff.case.reference, data={"po_number": f"PO-{self.at.timestamp()}"}, now=self._tick())
        self.handoff = access.handoff_for(matcher(), self.handoff.pk)

    def _returned_twice(self) -> None:
        self._answered()
        self._answered()
        self._resolved()

    def _resolved(self, outcome: str = "approve_and_pay") -> None:
        self._accepted()
        self.handoff = decide(self.handoff, self.reviewer, outcome, now=self._tick())

    def _withdrawn(self) -> None:
        self.handoff = lifecycle.withdraw(self.handoff, actor=matcher(), reason="Paid", now=self._tick())

    def _reopened(self) -> None:
        self._returned_twice()
        self.handoff = lifecycle.reopen(self.handoff, actor=the_manager(), reason="Look again", now=self._tick())

    def _resolved_again(self) -> None:
        self._reopened()
        self._resolved("request_vendor_correction")

    def _receipt(self, status: ReceiptStatus) -> None:
        said = receipts.Receipt(status=status, detail="So it is")
        receipts.receive(self.handoff, said, automation=matcher(), now=self._tick())
        self.handoff = access.handoff_for(matcher(), self.handoff.pk)

    def _applied(self) -> None:
        self._resolved()
        self._receipt(ReceiptStatus.APPLIED)

    def _failed(self) -> None:
        self._resolved()
        self._receipt(ReceiptStatus.FAILED)
        self._applied()

    def _reversed(self) -> None:
        self._applied()
        self._receipt(ReceiptStatus.REVERSED)

    def _expired(self) -> None:
        """Its cut-off came while it was with the automation; it is told so a little later."""
        Handoff.objects.filter(pk=self.handoff.pk).update(cut_off_at=self.at + self.gap * 5, next_step_at=self.at)
        for step in range(12):
            escalation.fire(self.handoff.pk, now=self.at + timedelta(days=3, hours=step))

    def _needless(self) -> None:
        self._resolved()
        said = feedback.Feedback(person_needed=False, context_sufficed=True)
        feedback.give(self.handoff, said, reviewer=self.reviewer, now=self._tick())

    def _too_little(self) -> None:
        self._resolved()
        said = feedback.Feedback(context_sufficed=False, context_missing="The order")
        feedback.give(self.handoff, said, reviewer=self.reviewer, now=self._tick())


def plain(row: tables.Row) -> dict[str, Any]:
    return {
        key: (value.count, value.hits, None if value.number is None else pytest.approx(value.number, abs=1e-6),
              pytest.approx(value.percentiles, abs=1e-6))
        for key, value in row.values.items()
    }  # fmt: skip


histories = st.lists(
    st.tuples(
        st.sampled_from(PATHS),
        st.integers(min_value=0, max_value=60 * 24 * 5),
        st.integers(min_value=1, max_value=5400),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    histories=histories,
    window=st.tuples(st.integers(0, 130), st.integers(1, 130)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_every_figure_is_what_one_works_out_by_hand(lea, workflow, now, histories, window, zone):
    begin = now - timedelta(hours=50)
    for path, minutes, gap_seconds, dear in histories:
        opened = begin - timedelta(days=3) if path == "expired" else begin + timedelta(minutes=minutes % 600)
        Walk(path, opened + timedelta(microseconds=minutes), timedelta(seconds=gap_seconds, microseconds=minutes), dear)
    start = now - timedelta(hours=window[0])
    end = start + timedelta(hours=window[1])
    scope, found = scope_for(lea, start, end, ZoneInfo(zone)), reference.lives()
    whole = tables.total(scope, now=now)
    assert plain(whole) == reference.figures(found, start, end, now)
    assert whole.cases_count == reference.cases_count(start, end)
    for by in GROUPS:
        groups = reference.grouped(found, by).items()
        expected = {key: reference.figures(group, start, end, now) for key, group in groups}
        expected = {key: one for key, one in expected.items() if any(count for count, *_ in one.values())}
        rows = {row.key: plain(row) for row in tables.broken_down(scope, by, now=now)}
        assert rows == expected, by
    for stretch in STRETCHES:
        for row in tables.over_time(scope, stretch, now=now, keys=["volume", "mttr", "rework"]):
            part = scope.window.step(stretch, row.key)
            expected = reference.figures(found, part.start, part.end, now)
            assert row.values["volume"].count == expected["volume"][0], (stretch, row.key)
            assert row.values["mttr"].number == pytest.approx(expected["mttr"][2], abs=1e-6)
            assert row.values["rework"].hits == expected["rework"][1]
    for by in ("workflow", "person", "week"):
        check_report(scope, by, now)


def check_report(scope, by, now):
    """What a page adds up from one pass is what each question alone would answer."""
    times = [key for key, figure in FIGURES.items() if figure.kind == "time"]
    report = tables.report(scope, by, now=now, total_percentiles=times, group_percentiles=times)
    assert report.total == tables.total(scope, now=now)
    before = tables.total(scope.over(scope.window.before), now=now)
    assert (report.before.cases_count, counts(report.before)) == (before.cases_count, counts(before))
    assert report.groups == tables.broken_down(scope, by, now=now), by
    alone = tables.over_time(scope, scope.window.stretch, now=now, keys=FIGURES)
    assert [(row.key, counts(row)) for row in report.over_time] == [(row.key, counts(row)) for row in alone]
    whole, groups = backlog.backlogs(scope, by, now=now)
    assert whole == backlog.backlog(scope, now=now)
    assert by == "week" or sum(one.open_count for one in groups.values()) == whole.open_count


def counts(row: tables.Row) -> dict[str, Any]:
    return {key: (value.count, value.hits, value.number) for key, value in row.values.items()}


def everything_once(now: datetime) -> None:
    for number, path in enumerate(PATHS):
        opened = now - timedelta(hours=50) + number * HOUR
        Walk(path, opened - timedelta(days=3) if path == "expired" else opened, 7 * MINUTE, number % 3 == 0)


def test_every_figure_opens_exactly_the_handoffs_behind_it(lea, workflow, now):
    everything_once(now)
    scope = scope_for(lea, now - timedelta(days=9), now, BERLIN)
    for by in BREAKDOWNS:
        check_what_opens(scope, by, now)


def check_what_opens(scope, by, now):
    rows = tables.broken_down(scope, by, now=now)
    assert rows
    for row in rows:
        part = scope.narrowed(by, row.key)
        for key, figure in FIGURES.items():
            value = row.values[key]
            opened = handoffs_behind(figure, part, now=now)
            assert opened.count() == value.hits, (by, row.key, key)
            assert behind(figure, part, part="all", now=now).count() == value.count, (by, row.key, key)
            if figure.kind == "share":
                rest = behind(figure, part, part="rest", now=now)
                assert rest.count() == value.count - value.hits, (by, row.key, key)


def test_the_facts_are_the_same_when_they_are_worked_out_anew(workflow, now):
    everything_once(now)
    kept = list(HandoffFact.objects.order_by("pk").values())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM handoffs_handofffact")
        cursor.execute(FACTS.FILL)
    assert list(HandoffFact.objects.order_by("pk").values()) == kept
    assert any(fact["banked_us"] for fact in kept)


def test_a_window_takes_its_beginning_and_leaves_its_end(lea, workflow, now):
    first, last = HandoffFactory(opened_at=now - HOUR), HandoffFactory(opened_at=now)
    scope = scope_for(lea, now - HOUR, now)
    assert set(behind(FIGURES["volume"], scope, now=now).values_list("pk", flat=True)) == {first.pk}
    assert set(behind(FIGURES["volume"], scope.over(Window(start=now, end=now + HOUR, zone=UTC)), now=now)) == {
        HandoffFact.objects.get(pk=last.pk)
    }


def test_days_are_those_of_the_viewer(lea, workflow):
    zone = ZoneInfo("Australia/Lord_Howe")
    at = datetime(2026, 11, 20, 13, 20, tzinfo=UTC)  # 00:20 on the 21st there
    HandoffFactory(opened_at=at)
    scope = scope_for(lea, at - timedelta(days=2), at + HOUR, zone)
    rows = tables.over_time(scope, "day", now=at + HOUR, keys=["volume"])
    assert [(row.key.day, row.values["volume"].count) for row in rows] == [(19, 0), (20, 0), (21, 1)]


def test_a_shadow_never_counts(lea, workflow, now):
    handoff = HandoffFactory(resolved=True)
    HandoffFact.objects.filter(pk=handoff.pk).update(is_live=False)
    scope = scope_for(lea, now - timedelta(days=1), now + HOUR)
    row = tables.total(scope, now=now)
    assert {value.count for value in row.values.values()} == {0}
    assert backlog.backlog(scope, now=now).open_count == 0


def test_the_handoff_rate_is_over_the_cases_first_attempted(lea, workflow, now):
    HandoffFactory()
    post(data=CLEAN)
    scope = scope_for(lea, now - timedelta(days=1), now + HOUR)
    assert tables.total(scope, now=now).handoff_rate == 0.5
    (row,) = tables.broken_down(scope, "workflow", now=now)
    assert (row.name, row.cases_count, row.handoff_rate) == (workflow.title, 2, 0.5)


def test_somebody_whom_one_does_not_manage_has_no_figures_of_their_own(lea, otto, workflow, now):
    stranger = PersonFactory(username="zoe", roles=[CLERK])
    HandoffFactory(resolved=True, accepted_by=stranger)
    HandoffFactory(resolved=True)
    stranger.groups.clear()
    window = (now - timedelta(days=1), now + HOUR)
    rows = tables.broken_down(scope_for(lea, *window), "person", now=now)
    assert {(row.name, row.values["mttr"].count) for row in rows} == {("Ann", 1), ("Others", 1)}
    hers = scope_for(lea, *window, person=(str(stranger.pk),))
    assert tables.total(hers, now=now).values["mttr"].count == 0
    others = scope_for(lea, *window).narrowed("person", SOMEBODY_ELSE)
    assert tables.total(others, now=now).values["mttr"].count == 1
    assert "Zoe" in {row.name for row in tables.broken_down(scope_for(otto, *window), "person", now=now)}


def test_who_manages_nothing_counts_nothing(ann, workflow, now):
    HandoffFactory(resolved=True)
    scope = scope_for(ann, now - timedelta(days=1), now + HOUR)
    assert tables.total(scope, now=now).values["volume"].count == 0


def test_the_backlog_is_what_is_open_now_with_its_age(lea, workflow, now):
    HandoffFactory(overdue=True)
    HandoffFactory(opened_at=now - HOUR, data=DEAR)
    HandoffFactory(resolved=True)
    scope = scope_for(lea, now - MINUTE, now)
    whole = backlog.backlog(scope, now=now)
    assert (whole.open_count, whole.overdue_count) == (2, 1)
    assert whole.oldest_seconds == pytest.approx(9 * 3600, abs=60)
    assert whole.mean_age_seconds == pytest.approx(5 * 3600, abs=60)
    by_role = backlog.backlog_by(scope, "role", now=now)
    assert {role: one.open_count for role, one in by_role.items()} == {CLERK: 1, ANALYST: 1}
    assert backlog.overdue_facts(scope, now=now).count() == 1


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ({}, "2026-10-24T00:00+02:00", "2026-11-22T20:00+01:00"),
        ({"range": ["today"]}, "2026-11-22T00:00+01:00", "2026-11-22T20:00+01:00"),
        ({"from": ["2026-11-01"], "to": ["2026-11-08"]}, "2026-11-01T00:00+01:00", "2026-11-08T00:00+01:00"),
        ({"since": ["2026-11-01"], "until": ["2026-11-07"]}, "2026-11-01T00:00+01:00", "2026-11-08T00:00+01:00"),
        ({"from": ["2026-11-22T08:00:00Z"]}, "2026-11-22T09:00+01:00", "2026-11-22T20:00+01:00"),
    ],
)
def test_windows_are_read_in_the_zone_of_the_viewer(asked, start, end):
    now = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
    window = asking.window_of(asked, BERLIN, now=now)
    assert (window.start, window.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"range": ["31d"]}, "?range"),
        ({"from": ["yesterday"]}, "?from"),
        ({"from": ["2026-11-08"], "to": ["2026-11-01"]}, "?from"),
        ({"from": ["0001-01-01"]}, "?from"),
        ({"workflow": [str(number) for number in range(60)]}, "?workflow"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(asked, place):
    viewer = asking.Viewer(workflow_ids=frozenset(), people=None, zone=UTC)
    with pytest.raises(Invalid) as refused:
        asking.scope_of(asked, viewer, now=datetime(2026, 11, 22, tzinfo=UTC))
    assert [mistake.pointer for mistake in refused.value.mistakes] == [place]


def test_the_window_before_has_as_many_days_of_the_calendar():
    window = Window(
        start=datetime(2026, 10, 25, tzinfo=BERLIN), end=datetime(2026, 11, 1, tzinfo=BERLIN), zone=BERLIN
    )  # the clocks go back on its first day
    assert (window.before.start, window.before.end) == (datetime(2026, 10, 18, tzinfo=BERLIN), window.start)


def test_totals_cost_the_same_whatever_is_in_them(lea, workflow, now, django_assert_num_queries):
    HandoffFactory(resolved=True)
    scope = scope_for(lea, now - timedelta(days=1), now + HOUR)
    for _ in range(2):
        with django_assert_num_queries(6):
            tables.total(scope, now=now)
        with django_assert_num_queries(7):
            tables.broken_down(scope, "trigger", now=now)
        with django_assert_num_queries(8):
            tables.report(scope, "trigger", now=now, total_percentiles=["mttr"])
        HandoffFactory(resolved=True)


def test_nothing_is_lost_between_cases_and_handoffs(workflow):
    HandoffFactory()
    assert HandoffFact.objects.filter(handoff__case__in=Case.objects.all(), opened_at=F("handoff__opened_at")).exists()
