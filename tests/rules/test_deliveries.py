"""What follows from one try to deliver: delivered, tried again and when, or parked."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs.rules.deliveries import (
    ANSWER_CLASSES,
    SCHEDULE,
    Exchange,
    Judgement,
    JudgementKind,
    class_of,
    delay_before,
    judge,
    retry_after_of,
)

NOW = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def judged(exchange, *, attempts_made=1, delivery_id="d-1", now=NOW):
    return judge(exchange, attempts_made=attempts_made, delivery_id=delivery_id, now=now)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_2xx_is_delivered(status):
    assert judged(Exchange(status=status)) == Judgement(kind=JudgementKind.DELIVERED)


def test_2xx_is_delivered_even_where_its_body_broke_off_or_it_was_the_last_try():
    assert judged(Exchange(status=200, error="The answer broke off"), attempts_made=12).kind == JudgementKind.DELIVERED


def test_410_parks_at_once_and_switches_the_endpoint_off():
    assert judged(Exchange(status=410, retry_after="5")) == Judgement(
        kind=JudgementKind.PARK,
        reason="Answered 410 Gone: the receiver wants no more webhooks; the endpoint is switched off",
        switch_endpoint_off=True,
    )


def test_what_the_desk_itself_refused_to_call_is_parked_without_another_try():
    refused = Exchange(status=None, error="erp.example leads to 127.0.0.1", refused=True)
    assert judged(refused) == Judgement(kind=JudgementKind.PARK, reason="erp.example leads to 127.0.0.1")


RETRIED = [*range(100, 104), *range(300, 309), *range(400, 410), *range(411, 600), 600, 700, 999, 0]


@pytest.mark.parametrize("status", RETRIED)
def test_every_other_status_is_tried_again_with_words_for_the_owner(status):
    judgement = judged(Exchange(status=status))
    assert judgement.kind == JudgementKind.RETRY
    assert judgement.reason.startswith(f"Answered {status}")
    assert class_of(status).advice in judgement.reason
    assert NOW < judgement.next_attempt_at <= NOW + timedelta(seconds=6)
    assert not judgement.switch_endpoint_off


def test_no_answer_is_tried_again_and_says_what_happened():
    judgement = judged(Exchange(status=None, error="No answer in time"))
    assert judgement == Judgement(
        kind=JudgementKind.RETRY,
        reason="No answer in time",
        next_attempt_at=NOW + delay_before(2, delivery_id="d-1"),
    )


@pytest.mark.parametrize("attempts_made", range(1, 12))
def test_the_next_try_follows_the_schedule_within_a_fifth(attempts_made):
    gap = judged(Exchange(status=503), attempts_made=attempts_made).next_attempt_at - NOW
    assert 0.8 * SCHEDULE[attempts_made] <= gap <= 1.2 * SCHEDULE[attempts_made]


@pytest.mark.parametrize("attempts_made", [12, 13, 40])
@pytest.mark.parametrize("exchange", [Exchange(status=500), Exchange(status=None, error="The connection was refused")])
def test_after_the_last_try_it_is_parked_with_the_count_and_the_last_reason(attempts_made, exchange):
    judgement = judged(exchange, attempts_made=attempts_made)
    assert judgement.kind == JudgementKind.PARK
    assert judgement.next_attempt_at is None
    assert judgement.reason.startswith(f"Given up after {attempts_made} tries. ")
    assert (exchange.error or "Answered 500") in judgement.reason
    assert not judgement.switch_endpoint_off


def test_the_schedule_is_the_contracts():
    seconds = [int(gap.total_seconds()) for gap in SCHEDULE]
    assert seconds == [0, 5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def test_the_spread_is_the_same_for_a_try_and_differs_between_deliveries_and_tries():
    assert delay_before(7, delivery_id="d-1") == delay_before(7, delivery_id="d-1")
    ratios = [delay_before(7, delivery_id=f"d-{number}") / SCHEDULE[6] for number in range(1000)]
    assert 0.8 <= min(ratios) < 0.81
    assert 1.19 < max(ratios) <= 1.2
    assert 0.99 < sum(ratios) / 1000 < 1.01
    assert len({delay_before(n, delivery_id="d-1") / SCHEDULE[n - 1] for n in range(2, 13)}) == 11


def test_the_spread_is_pinned_so_that_an_upgrade_changes_no_date():
    assert delay_before(2, delivery_id="d-1") == timedelta(seconds=4.759964)


def test_the_first_try_is_at_once_and_there_is_no_thirteenth():
    assert delay_before(1, delivery_id="d-1") == timedelta(0)
    assert delay_before(13, delivery_id="d-1") is None


@pytest.mark.parametrize(
    ("header", "wished"),
    [
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("86400", DAY),
        ("86401", DAY),
        ("9" * 5000, DAY),
        ("Mon, 06 May 2024 12:10:00 GMT", timedelta(minutes=10)),
        ("Monday, 06-May-24 12:10:00 GMT", timedelta(minutes=10)),
        ("Mon May  6 12:10:00 2024", timedelta(minutes=10)),
        ("Mon, 06 May 2024 14:10:00 +0200", timedelta(minutes=10)),
        ("Mon, 06 May 2024 11:00:00 GMT", timedelta(0)),
        ("Wed, 08 May 2024 12:00:00 GMT", DAY),
        ("Fri, 31 Dec 9999 23:59:59 -2359", DAY),
        (None, timedelta(0)),
        ("", timedelta(0)),
        ("-5", timedelta(0)),
        ("1.5", timedelta(0)),
        ("1e9", timedelta(0)),
        ("٣", timedelta(0)),
        ("soon", timedelta(0)),
        ("Mon, 32 May 2024 12:10:00 GMT", timedelta(0)),
        ("Mon, 06 May 99999 12:10:00 GMT", timedelta(0)),
        ("\ufffd", timedelta(0)),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_never_exceeds_a_day(header, wished):
    assert retry_after_of(header, now=NOW) == wished


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
def test_retry_after_puts_the_next_try_off(status):
    judgement = judged(Exchange(status=status, retry_after="3600"))
    assert judgement.next_attempt_at == NOW + timedelta(hours=1)


def test_retry_after_never_brings_the_next_try_forward():
    plain = judged(Exchange(status=503), attempts_made=9)
    assert judged(Exchange(status=503, retry_after="1"), attempts_made=9) == plain


def test_retry_after_beyond_the_end_of_the_schedule_does_not_add_a_try():
    assert judged(Exchange(status=503, retry_after="60"), attempts_made=12).kind == JudgementKind.PARK


def test_every_class_is_the_first_for_some_status():
    assert {class_of(status) for status in range(1000)} == set(ANSWER_CLASSES)
