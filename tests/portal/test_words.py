"""How times, amounts and fields read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from handoffs.choices import Event, State
from handoffs.portal import facts, story, wording
from handoffs.rules import sla
from handoffs.rules.facts import ClockFacts, DueTimes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "< 1 m"), (1, "1 m"), (59, "59 m"), (60, "1 h"), (130, "2 h 10 m"), (1440, "1 d"), (1560, "1 d 2 h")],
)
def test_a_duration_has_two_units_at_most(minutes, words):
    assert wording.duration(timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(
    ("due_in", "tone", "words"),
    [
        (61, "calm", "due in 1 h 1 m"),
        (20, "risk", "at risk · 20 m"),
        (25, "calm", "due in 25 m"),
        (0, "late", "overdue < 1 m"),
        (-35, "late", "overdue 35 m"),
    ],
)
def test_a_due_time_says_in_words_how_it_stands(due_in, tone, words):
    due = wording.due(
        NOW + timedelta(minutes=due_in), since=NOW - timedelta(minutes=60 if due_in > 20 else 120), now=NOW
    )
    assert (due.tone, due.words) == (tone, words)


@pytest.mark.parametrize("allowed_minutes", [20, 60, 75, 480])
def test_the_badge_is_at_risk_exactly_when_the_rules_say_so(allowed_minutes):
    since, at = NOW, NOW + timedelta(minutes=allowed_minutes)
    facts = ClockFacts(state=State.PENDING, clock_started_at=since, accepted_at=since)
    for minutes in range(allowed_minutes):
        now = since + timedelta(minutes=minutes)
        badge = sla.status(DueTimes(accept_by=None, resolve_by=at, cut_off_at=None), facts, now=now)
        assert (wording.due(at, since=since, now=now).tone == "risk") == (badge.kind is sla.SlaKind.AT_RISK)


def test_without_a_limit_nothing_is_due():
    assert wording.due(None, since=NOW, now=NOW).words == "no limit"


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("6200", "USD", "6,200.00"),
        ("6200.5", "USD", "6,200.50"),
        ("6200.125", "USD", "6,200.125"),
        (Decimal("1941776.80"), "EUR", "1,941,776.80"),
        ("6200", "JPY", "6,200"),
        ("-12.3", "USD", "-12.30"),
        ("12e", "USD", "12e"),
        ("NaN", "USD", "NaN"),
        ("1e999999", "USD", "1e999999"),
    ],
)
def test_money_keeps_every_digit(value, currency, text):
    assert wording.money(value, currency) == text


@pytest.mark.parametrize(("count", "text"), [(812, "812 B"), (34_300, "34 kB"), (1_240_000, "1.2 MB")])
def test_sizes(count, text):
    assert wording.size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.14, "2.1 s"), (65, "1 m 5 s"), (-1, "0.0 s"), (7200, "2 h")])
def test_how_long_a_machine_took(seconds, text):
    assert wording.elapsed(timedelta(seconds=seconds)) == text


def shown(kind, value, **more):
    return {"key": "k", "label": "K", "type": kind, "value": value, "sensitive": False, **more}


def test_a_table_puts_words_first_and_totals_last():
    value = [{"total": "5950.00", "item": "Seal", "code": "00123", "quantity": 10}, {"item": "Ring"}]
    fact = facts.fact_of(shown("table", value), fired=False, revealed={})
    assert [(column.label, column.numeric) for column in fact.columns] == [
        ("Item", False),
        ("Code", False),
        ("Quantity", True),
        ("Total", True),
    ]
    assert [[cell.text for cell in row] for row in fact.rows] == [
        ["Seal", "00123", "10", "5,950.00"],
        ["Ring", "–", "–", "–"],
    ]


@pytest.mark.parametrize("value", [[], {}, "", None])
def test_what_is_not_there_is_missing(value):
    assert facts.fact_of(shown("table", value), fired=False, revealed={}).missing


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("https://erp.example/1", "https://erp.example/1"),
        ("HTTP://erp.example/1", "HTTP://erp.example/1"),
        (" javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//erp.example", ""),
        ("https://[broken", ""),
        ("erp", ""),
        (7, ""),
    ],
)
def test_only_addresses_of_the_web_become_links(given, safe):
    assert facts.safe_url(given) == safe


def test_a_sensitive_value_is_not_even_looked_at():
    fact = facts.fact_of(shown("text", object(), sensitive=True), fired=False, revealed={})
    assert (fact.masked, fact.text) == (True, "")


def test_every_event_of_the_trail_has_its_words():
    assert set(story.WORDS) == set(Event)
    assert all(words({}) for _, words in story.WORDS.values())
