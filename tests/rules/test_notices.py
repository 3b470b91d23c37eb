"""What people are told in words, and when it may reach them: tables, no database."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from handoffs.choices import ReminderAnchor
from handoffs.rules import notices
from handoffs.rules.notices import About, Plan, Sending, Words

NOW = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
INVOICE = About(number=1042, reference="INV-10042", workflow="Invoice matching", role="AP clerk", holder="Ann")
MINUTE = timedelta(minutes=1)


def test_a_reminder_before_the_target_says_how_long_is_left():
    words = notices.reminder(INVOICE, anchor=ReminderAnchor.RESOLVE, due_at=NOW + 130 * MINUTE, zone=BERLIN, now=NOW)
    text = "Decide by Tuesday 24 November, 16:10 CET (2 hours 10 minutes left). Ann holds it."
    assert words == Words(title="INV-10042 waits for a decision", text=text)


def test_a_reminder_after_the_target_says_how_late_it_is():
    words = notices.reminder(INVOICE, anchor=ReminderAnchor.ACCEPT, due_at=NOW - 35 * MINUTE, zone=UTC, now=NOW)
    text = "Accept by Tuesday 24 November, 12:25 UTC (35 minutes ago). Nobody of AP clerk holds it yet."
    assert words == Words(title="INV-10042 waits to be accepted, overdue", text=text)


def test_the_warning_before_the_cut_off_says_what_will_be_applied():
    words = notices.reminder(
        INVOICE, anchor=ReminderAnchor.CUT_OFF, due_at=NOW + 60 * MINUTE, zone=UTC, now=NOW, default="Reject"
    )
    text = "Cut-off Tuesday 24 November, 14:00 UTC (1 hour left). Then “Reject” is applied without a person."
    assert words == Words(title="INV-10042 is cut off soon", text=text)


def test_a_masked_notice_names_nothing_but_the_workflow():
    assert notices.masked(INVOICE).title == "A handoff of Invoice matching needs attention"
    assert "INV" not in notices.masked(INVOICE).text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "less than a minute"),
        (60, "1 minute"),
        (35 * 60, "35 minutes"),
        (3600, "1 hour"),
        (7800, "2 hours 10 minutes"),
        (86400, "1 day"),
        (4 * 86400 + 3 * 3600 + 59, "4 days 3 hours"),
    ],
)
def test_a_length_is_spelled_in_two_units(seconds, words):
    assert notices.spelled(timedelta(seconds=seconds)) == words


def test_an_unknown_zone_is_utc():
    assert notices.zone_of("Mars/Olympus") is UTC


def test_a_summary_hides_what_is_sensitive():
    package = {
        "summary": "Pay to DE89 3704 for Acme",
        "fields": [
            {"label": "Bank account", "type": "text", "value": "DE89 3704", "sensitive": True},
            {"label": "Amount", "type": "money", "value": "6200.00", "currency": "USD", "sensitive": False},
            {"label": "Variance", "type": "percent", "value": "4.20", "sensitive": False},
            {"label": "Lines", "type": "table", "value": [{"item": "Seal"}], "sensitive": False},
            {"label": "Order", "type": "text", "value": None, "sensitive": False},
            {"label": "Year", "type": "text", "value": "2026", "sensitive": False},
        ],
    }
    assert notices.without_secrets(package["summary"], package) == "Pay to ••• for Acme"
    assert notices.tellable_facts(package) == [
        ("Bank account", "•••"),
        ("Amount", "6,200.00 USD"),
        ("Variance", "4.20 %"),
        ("Order", "–"),
        ("Year", "2026"),
    ]


@pytest.mark.parametrize(
    ("waiting", "sent", "plan"),
    [
        (1, [], Plan(sending=Sending.EACH)),
        (3, [], Plan(sending=Sending.EACH)),
        (4, [], Plan(sending=Sending.DIGEST)),
        (9, [(NOW - MINUTE, False)], Plan(sending=Sending.DIGEST)),
        (1, [(NOW - MINUTE, True)], Plan(sending=Sending.WAIT, until=NOW + 9 * MINUTE)),
        (1, [(NOW - 3 * MINUTE, False)] * 3, Plan(sending=Sending.WAIT, until=NOW + 7 * MINUTE)),
        (1, [(NOW - 3 * MINUTE, False)] * 2, Plan(sending=Sending.EACH)),
    ],
)
def test_many_at_once_go_as_one_and_floods_wait(waiting, sent, plan):
    assert notices.plan(waiting, sent=sent, now=NOW) == plan


@pytest.mark.parametrize(
    ("begins", "ends", "at", "until"),
    [
        (time(20), time(7), datetime(2026, 11, 24, 22, tzinfo=UTC), datetime(2026, 11, 25, 6, tzinfo=UTC)),
        (time(20), time(7), datetime(2026, 11, 24, 3, tzinfo=UTC), datetime(2026, 11, 24, 6, tzinfo=UTC)),
        (time(20), time(7), datetime(2026, 11, 24, 12, tzinfo=UTC), None),
        (time(12), time(13), datetime(2026, 11, 24, 11, 30, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC)),
        (time(12), time(13), datetime(2026, 11, 24, 12, 0, tzinfo=UTC), None),
        (None, None, NOW, None),
        (time(8), time(8), NOW, None),
    ],
)
def test_quiet_hours_are_the_persons_own(begins, ends, at, until):
    assert notices.quiet_until(begins, ends, zone=BERLIN, now=at) == until


def test_a_failing_message_is_tried_for_a_day_and_then_given_up():
    tries = [notices.retry_at(made, now=NOW) for made in range(1, 12)]
    assert tries[0] == NOW + timedelta(seconds=30)
    assert tries[-1] is None
    assert sum((at - NOW for at in tries[:-1]), timedelta()) > timedelta(hours=15)
