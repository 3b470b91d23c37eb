"""Importing the past: what a file says is what is there, nothing of it goes anywhere, and nothing comes in halves."""

import gc
import gzip
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.models import User
from handoffs import jobs
from handoffs.actions import imports, intake
from handoffs.actions.delivery import LEASE
from handoffs.choices import DecidedBy, Event, ImportState
from handoffs.errors import Invalid, NotAllowed
from handoffs.models import Attempt, Case, Decision, Delivery, Handoff, HistoryImport, ImportPart, Message, Notification
from handoffs.queries.invariants import violations
from tests import factories
from tests.factories import CLERK, report

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "reference,opened_at,accepted_at,resolved_at,role,outcome,trigger,decided_by,returns,reopens,not_needed,state"
ROW = "INV-7,2024-03-01T09:00:00.123456Z,2024-03-01T09:30:00Z,2024-03-01T11:00:00.654321+01:00"
FULL = f"{ROW},AP clerk,approve_and_pay,price_variance,ann,2,1,true,resolved"


def _csv(*rows, header=HEADER):
    return BytesIO("\n".join([header, *rows]).encode())


def _imported(*rows, header=HEADER, skip_bad=False):
    """The import of a file, carried to its end."""
    workflow, file = factories.workflow(), _csv(*rows, header=header)
    found = imports.begin(workflow, file, name="past.csv", by=None, now=timezone.now(), skip_bad=skip_bad)
    while imports.go_on(found.pk, now=timezone.now()):
        pass
    found.refresh_from_db()
    return found


def _violations():
    return [str(found) for found in violations(now=timezone.now(), lease=LEASE)]


def test_a_row_becomes_a_handoff_with_all_that_belongs_to_it(ann):
    found = _imported(FULL)
    assert (found.state, found.imported_count, found.bad_count) == (ImportState.DONE, 1, 0)
    handoff = Handoff.objects.select_related("case", "role").get()
    assert (handoff.case.reference, handoff.role.name, handoff.state) == ("INV-7", CLERK, "resolved")
    assert handoff.opened_at == datetime(2024, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
    assert handoff.accepted_at == datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    assert handoff.resolved_at == datetime(2024, 3, 1, 10, 0, 0, 654321, tzinfo=UTC)
    assert (handoff.returns_count, handoff.reopens_count, handoff.primary_trigger) == (2, 1, "price_variance")
    assert (handoff.imported, handoff.next_step_at, handoff.holder) == (True, None, None)
    decision = Decision.objects.get()
    assert (decision.outcome, decision.outcome_title) == ("approve_and_pay", "Approve and pay")
    assert (decision.decided_by, decision.person_needed, decision.resolution_number) == (ann, False, 2)
    assert Attempt.objects.get().received_at == handoff.opened_at
    trail = list(handoff.history.values_list("event", "actor_name", "history_date"))
    assert trail == [
        (Event.OPENED, "History import", handoff.opened_at),
        (Event.ACCEPTED, "Ann", handoff.accepted_at),
        (Event.RESOLVED, "Ann", handoff.resolved_at),
    ]
    assert _violations() == []


def test_nothing_of_the_past_is_told_to_anybody(ann, lea):
    factories.EndpointFactory()
    _imported(FULL, ROW.replace("INV-7", "INV-8"))
    jobs.sweep()
    assert (Delivery.objects.count(), Notification.objects.count(), Message.objects.count()) == (0, 0, 0)
    handoff = Handoff.objects.get(case__reference="INV-7")
    with pytest.raises(NotAllowed):
        factories.lifecycle.reopen(handoff, actor=lea, reason="Look again", now=timezone.now())
    assert Handoff.objects.get(pk=handoff.pk).state == "resolved"


def test_several_past_handoffs_of_a_case_are_fine_and_it_can_be_handed_off_again():
    _imported("INV-7,2024-03-01T09:00:00Z,,2024-03-01T11:00:00Z", "INV-7,2024-02-01T09:00:00Z,,2024-02-02T09:00:00Z")
    case = Case.objects.get()
    assert (case.attempts_count, case.first_attempted_at.month) == (2, 2)
    answer = intake.receive(report(reference="INV-7"), automation=factories.matcher(), now=timezone.now())
    assert answer.body["verdict"] == "handoff"
    assert (case.handoffs.count(), _violations()) == (3, [])


def test_what_ends_nowhere_is_withdrawn_at_the_import():
    found = _imported(
        "INV-1,2024-03-01T09:00:00Z,2024-03-01T09:10:00Z", "INV-2,2024-03-01T09:00:00Z,,,,,,,,,,withdrawn"
    )
    assert found.imported_count == 2
    for handoff in Handoff.objects.all():
        last = handoff.history.last()
        assert (handoff.state, handoff.resolved_at, last.event) == ("withdrawn", None, Event.WITHDRAWN)
        assert timezone.now() - last.history_date < timedelta(minutes=5)
    assert (Decision.objects.count(), _violations()) == (0, [])


def test_the_clock_decides_at_its_cut_off_and_somebody_unknown_gets_an_account_without_a_way_in():
    _imported(f"{ROW},,reject,,clock", f"{ROW.replace('INV-7', 'INV-8')},,reject,,Ann Smith")
    clock, person = Decision.objects.order_by("handoff__case__reference")
    assert (clock.decided_by_kind, clock.decided_by, clock.handoff.cut_off_at) == (
        DecidedBy.CLOCK, None, clock.decided_at,
    )  # fmt: skip
    stranger = User.objects.get(first_name="Ann Smith")
    assert (person.decided_by, stranger.is_active, stranger.has_usable_password()) == (stranger, False, False)
    assert _violations() == []


def test_a_bad_row_is_told_with_its_line_and_keeps_everything_out():
    found = _imported(
        FULL,
        "INV-8,2024-03-01 09:00,,",
        f"{ROW.replace('INV-7', 'INV-9')},AP clark",
        "INV-10,2024-03-02T09:00:00Z,,2999-03-01T09:00:00Z",
        ",2024-03-02T09:00:00Z,,",
        FULL,
    )
    assert (found.state, found.bad_count, found.imported_count) == (ImportState.REFUSED, 5, 0)
    assert [tuple(problem) for problem in found.problems] == [
        (3, "opened_at has no time zone: write 2024-03-01 09:00Z for UTC, or an offset such as +02:00"),
        (4, "there is no role 'AP clark', did you mean AP clerk?"),
        (5, "resolved_at is in the future: 2999-03-01T09:00:00Z"),
        (6, "reference is missing"),
        (7, "an earlier line opens the same reference at the same moment"),
    ]
    assert (Handoff.objects.count(), Case.objects.count()) == (0, 0)


def test_the_good_rows_of_a_refused_file_can_be_imported_after_all():
    found = _imported(FULL, "INV-8,yesterday,,")
    imports.import_the_good(found)
    while imports.go_on(found.pk, now=timezone.now()):
        pass
    found.refresh_from_db()
    assert (found.state, found.imported_count, found.bad_count) == (ImportState.DONE, 1, 1)
    assert (Handoff.objects.count(), ImportPart.objects.count()) == (1, 0)


def test_a_refused_file_can_be_thrown_away_and_an_imported_one_not():
    refused, done = _imported("INV-8,yesterday,,"), _imported(FULL)
    imports.discard(refused)
    assert list(HistoryImport.objects.all()) == [done]
    with pytest.raises(imports.NotRefused):
        imports.discard(done)
    assert list(HistoryImport.objects.all()) == [done]


def test_the_same_file_again_is_refused():
    _imported(FULL)
    again = _imported(FULL)
    assert (again.state, again.problems) == (ImportState.REFUSED, [[2, "this handoff was imported before"]])
    assert Handoff.objects.count() == 1


def test_outcomes_and_triggers_that_no_policy_knows_are_kept_and_told():
    late = "INV-8,2024-03-01T09:00:00Z,2024-03-02T09:00:00Z,2024-03-01T11:00:00Z,,paid_by_hand,odd_invoice"
    found = _imported(f"{ROW},,paid_by_hand,odd_invoice", late)
    assert found.warnings == {"outcomes": {"paid_by_hand": 2}, "triggers": {"odd_invoice": 2}, "out_of_order": 1}
    assert Handoff.objects.get(case__reference="INV-8").accepted_at.day == 2
    told = Decision.objects.values_list("outcome_title", "handoff__primary_trigger").distinct()
    assert list(told) == [("Paid by hand", "odd_invoice")]
    assert _violations() == []


def test_data_is_judged_by_the_policy_where_the_file_names_no_trigger():
    header = f"{HEADER},data.price_variance_percent,data.amount,data.vendor_age_days"
    _imported(f"{ROW},,,,,,,,,4.20,6200.00,7", header=header)
    attempt, handoff = Attempt.objects.get(), Handoff.objects.get()
    assert attempt.data == {"price_variance_percent": "4.20", "amount": "6200.00", "vendor_age_days": 7}
    assert handoff.primary_trigger == next(result["key"] for result in attempt.triggers if result["fired"])
    assert handoff.role.name == factories.ANALYST


def test_json_lines_and_gzip_say_the_same():
    rows = [
        {"reference": "A", "opened_at": "2024-03-01T09:00:00Z", "returns": 2, "data": {"amount": 12.50, "tags": ["x"]}},
        {"reference": "B", "opened_at": "2024-03-01T09:00:00Z", "data.amount": "7", "not_needed": False},
    ]
    body = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    found = imports.begin(factories.workflow(), BytesIO(body), name="past.jsonl.gz", by=None, now=timezone.now())
    while imports.go_on(found.pk, now=timezone.now()):
        pass
    data = dict(Attempt.objects.values_list("case__reference", "data"))
    assert data == {"A": {"amount": Decimal("12.5"), "tags": ["x"]}, "B": {"amount": "7"}}
    assert set(Handoff.objects.values_list("returns_count", flat=True)) == {2, 0}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"reference,opened\nA,B", "did you mean opened_at?"),
        (b"reference,opened_at,reference\n", "column 'reference' is there twice"),
        (b"\xff\xfe\x00a", "not UTF-8"),
        (b"\x1f\x8b\x08broken", "broken gzip"),
        (b"", "The file is empty"),
        (b"reference,opened_at\n", "has no rows"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing_behind(body, words):
    with pytest.raises(Invalid, match=re.escape(words)):
        imports.begin(factories.workflow(), BytesIO(body), name="past.csv", by=None, now=timezone.now())
    assert (HistoryImport.objects.count(), ImportPart.objects.count()) == (0, 0)


def test_the_worker_goes_on_where_somebody_stopped(monkeypatch):
    monkeypatch.setattr(imports, "PART_ROWS", 2)
    rows = [f"INV-{number},2024-03-01T09:00:00Z,,2024-03-01T11:00:00Z" for number in range(7)]
    found = imports.begin(factories.workflow(), _csv(*rows), name="past.csv", by=None, now=timezone.now())
    for _ in range(6):
        imports.go_on(found.pk, now=timezone.now())
    found.refresh_from_db()
    assert (found.state, found.done_count, Handoff.objects.count()) == (ImportState.IMPORTING, 2, 2)
    while jobs.import_history():
        pass
    found.refresh_from_db()
    assert (found.state, found.imported_count, Handoff.objects.count(), _violations()) == ("done", 7, 7, [])


def test_the_database_takes_a_final_state_for_the_mark_alone_and_the_mark_stays(ann):
    _imported(FULL)
    handoff = Handoff.objects.get()
    for change in ("imported = false", "state = 'in_progress'"):
        with pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE handoffs_handoff SET {change}")
    copy = Handoff.objects.get()
    copy.pk, copy.number, copy.imported = None, handoff.number + 1, False
    with pytest.raises(ProgrammingError), transaction.atomic():
        copy.save(force_insert=True)
    assert list(Handoff.objects.values_list("imported", "state")) == [(True, "resolved")]


def test_the_shell_says_how_far_it_is_and_every_bad_line(tmp_path, capsys):
    factories.workflow()
    file = tmp_path / "past.csv"
    file.write_bytes(_csv(FULL, "INV-8,yesterday,,").getvalue())
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("import_history", str(file), workflow="invoice-matching")
    call_command("import_history", str(file), workflow="invoice-matching", skip_bad=True)
    said = capsys.readouterr()
    assert "line 3: opened_at is no time such as" in said.err
    assert "1 handoffs imported in" in said.out
    assert Handoff.objects.count() == 1


@pytest.fixture
def five_parts(tmp_path, monkeypatch):
    """A file that the shell imports in so many parts, two rows each."""
    factories.workflow()
    monkeypatch.setattr(imports, "PART_ROWS", 2)
    file = tmp_path / "past.csv"
    rows = [f"INV-{number},2024-03-01T09:00:00Z,,2024-03-01T11:00:00Z" for number in range(10)]
    file.write_bytes(_csv(*rows).getvalue())
    return file


def test_the_shell_and_its_helping_thread_import_every_row_once(five_parts, monkeypatch):
    go_on, threads, both_there = imports.go_on, set(), threading.Barrier(2)

    def when_both_are_there(*given, **named):
        if threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            both_there.wait(timeout=30)
        return go_on(*given, **named)

    monkeypatch.setattr(imports, "go_on", when_both_are_there)
    call_command("import_history", str(five_parts), workflow="invoice-matching")
    assert (HistoryImport.objects.get().imported_count, Handoff.objects.count(), _violations()) == (10, 10, [])
    assert gc.isenabled()


def test_a_helping_thread_that_fails_is_logged_and_the_import_goes_on(five_parts, monkeypatch, caplog):
    go_on, here = imports.go_on, threading.get_ident()

    def only_here(*given, **named):
        if threading.get_ident() != here:
            raise RuntimeError("no hands left")
        return go_on(*given, **named)

    monkeypatch.setattr(imports, "go_on", only_here)
    call_command("import_history", str(five_parts), workflow="invoice-matching")
    assert (HistoryImport.objects.get().imported_count, Handoff.objects.count()) == (10, 10)
    assert "no hands left" in caplog.text
