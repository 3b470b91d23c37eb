"""Carries the outbox to receivers: posts outside any transaction, and writes down what came back.

One slow or dead host never delays the others: each has few messages on their way at a time, and a host in trouble one.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from handoffs.actions import audit, endpoints, reminders, wire
from handoffs.actions.context import locked
from handoffs.actions.lanes import Lanes, Result
from handoffs.actions.outbox import BATCH_ROWS, LEASE, SWITCHED_OFF, Leased, lease
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import CLOCK, Delivery, DeliveryTry, Handoff, Recovery, rows
from handoffs.rules.deliveries import Exchange, Judgement, JudgementKind, judge

__all__ = ["BATCH_ROWS", "LEASE", "Leased", "drain", "finish", "lease"]

logger = logging.getLogger(__name__)

THREADS = 64
DRAIN_SECONDS = 20.0
"""After so long a drain ends, so that other work gets its turn; the next ring or sweep goes on."""
AT_MOST_SECONDS = 60.0
"""While it waits for answers that hang, it goes on for the others so long."""
LOOK_AGAIN_SECONDS = 0.2
ENOUGH = 64
"""With more on their way nothing is leased."""
OWNED = "id = ANY(%s) AND lease_token = ANY(%s) AND state = 'queued' ORDER BY id FOR UPDATE"
"""What still belongs to the worker that holds these tokens; lease tokens are never given twice."""
NOTED = ("id", "handoff_id", "recovery_id", "endpoint_id", "event_type", "attempts_made")
"""All that writing down a success takes: payloads are wide."""
DELIVERED = """
UPDATE handoffs_delivery SET state = 'delivered', delivered_at = %s,
    attempts_made = attempts_made + 1, lease_token = NULL, next_attempt_at = NULL
WHERE id = ANY(%s)
"""
CLOSED = """
UPDATE handoffs_recovery SET state = 'delivered', delivered_at = %s
WHERE id = ANY(%s) AND state IN ('awaiting', 'parked') RETURNING id
"""

Clock = Callable[[], datetime]


def drain(*, clock: Clock) -> int:
    """Deliver what is due until nothing is; `clock` tells the time anew for each batch. Returns tries made."""
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="deliver") as pool:
        tried = _Drain(pool, clock).run()
    wire.kept_lines.close()
    return tried


class _Drain:
    """Leases what there is room for, and writes down what has come back, until nothing is left or its time is up."""

    def __init__(self, pool: ThreadPoolExecutor, clock: Clock) -> None:
        self.clock, self.lanes = clock, Lanes(pool, clock)
        self.tried = 0
        self.began_at = monotonic()
        self.look_again_at = self.began_at
        self.found_nothing = False

    def run(self) -> int:
        """Tries made."""
        while True:
            self._take()
            if not self.lanes.count and (self.found_nothing or self._seconds() >= DRAIN_SECONDS):
                self._write_down(seconds=0)
                return self.tried
            self._write_down(seconds=LOOK_AGAIN_SECONDS)

    def _take(self) -> None:
        waiting = self.lanes.count
        if waiting > ENOUGH or (self.found_nothing and waiting and monotonic() < self.look_again_at):
            return
        for_troubled = self._seconds() < DRAIN_SECONDS
        if not for_troubled and not (self.lanes.hangs and self._seconds() < AT_MOST_SECONDS):
            return  # it ends; what hangs keeps it from ending, and must not delay the others meanwhile
        room = partial(self.lanes.room, for_troubled=for_troubled)
        full = self.lanes.full(for_troubled=for_troubled)
        leased = lease(now=self.clock(), limit=BATCH_ROWS, room=room, full=full)
        self.found_nothing, self.look_again_at = not leased, monotonic() + LOOK_AGAIN_SECONDS
        self.lanes.add(leased)

    def _write_down(self, *, seconds: float) -> None:
        results = self.lanes.results(seconds=seconds, most=BATCH_ROWS)
        self.tried += len(results)
        finish_all(results, now=self.clock())

    def _seconds(self) -> float:
        return monotonic() - self.began_at


def finish_all(results: list[Result], *, now: datetime) -> None:
    """Write down many tries: those that delivered in one transaction, the others, and what it refuses, one by one."""
    good = [one for one in results if _is_delivered(one[1])]
    others = [one for one in results if not _is_delivered(one[1])]
    if good and _tried_to(lambda: _finish_delivered(good, now)):
        good = []
    for leased, exchange in [*good, *others]:
        _tried_to(lambda leased=leased, exchange=exchange: finish(leased, exchange, now=now))  # type: ignore[misc]


@transaction.atomic(durable=True)
def finish(leased: Leased, exchange: Exchange, *, now: datetime) -> None:
    """Write down a try, unless the lease ran out and somebody else took the delivery over."""
    handoff = locked(Handoff(pk=leased.handoff_id))  # before its recoveries, as receipts do: they come together
    delivery = next(iter(rows.select(Delivery, OWNED, [[leased.delivery_id], [leased.token]])), None)
    if delivery is None:
        return
    delivery.handoff = handoff
    delivery.attempts_made += 1
    delivery.lease_token = None
    _try_of(delivery, exchange, now).save()
    counted = delivery.attempts_made - delivery.attempts_before_replay
    verdict = judge(exchange, attempts_made=counted, delivery_id=str(delivery.pk), now=now)
    _FOLLOW_UPS[verdict.kind](delivery, verdict, now)
    if delivery.endpoint_id and exchange.error != SWITCHED_OFF:
        endpoints.note_try([delivery.endpoint_id], went_well=verdict.kind is JudgementKind.DELIVERED, now=now)
    if verdict.switch_endpoint_off and delivery.endpoint_id:
        endpoints.give_up(delivery.endpoint_id, about=locked(delivery.handoff), reason=verdict.reason, now=now)


@transaction.atomic(durable=True)
def _finish_delivered(results: list[Result], now: datetime) -> None:
    """The same for many that were answered with 2xx: the locks in one order, and few statements for all of them."""
    handoffs = _locked([leased.handoff_id for leased, _ in results])
    ids, tokens = [leased.delivery_id for leased, _ in results], [leased.token for leased, _ in results]
    owned = {one.pk: one for one in rows.select(Delivery, OWNED, [ids, tokens], columns=NOTED)}
    mine = [(owned[leased.delivery_id], exchange) for leased, exchange in results if leased.delivery_id in owned]
    for delivery, _ in mine:
        delivery.attempts_made += 1
    rows.insert(*(_try_of(delivery, exchange, now) for delivery, exchange in mine))
    with connection.cursor() as cursor:
        cursor.execute(DELIVERED, [now, list(owned)])
    endpoints.note_try([d.endpoint_id for d, _ in mine if d.endpoint_id], went_well=True, now=now)
    _note_delivered([delivery for delivery, _ in mine], handoffs, now)


def _locked(handoff_ids: list[uuid.UUID]) -> dict[uuid.UUID, Handoff]:
    """As much of them as the trail takes."""
    where = "id = ANY(%s) ORDER BY id FOR UPDATE"
    return {one.pk: one for one in rows.select(Handoff, where, [handoff_ids], columns=audit.NOTED_COLUMNS)}


def _note_delivered(deliveries: list[Delivery], handoffs: Mapping[uuid.UUID, Handoff], now: datetime) -> None:
    """Close what awaited these deliveries, with a row of the trail for each recovery that they carried."""
    with connection.cursor() as cursor:
        cursor.execute(CLOSED, [now, [delivery.recovery_id for delivery in deliveries]])
        closed = {recovery_id for (recovery_id,) in cursor.fetchall()}
    carried = {delivery.recovery_id: delivery for delivery in deliveries if delivery.recovery_id in closed}.values()
    told = [(handoffs[one.handoff_id], Event.DECISION_DELIVERED, _details(one)) for one in carried]
    if told:
        audit.note_many(told, actor=CLOCK, now=now)


def _try_of(delivery: Delivery, exchange: Exchange, now: datetime) -> DeliveryTry:
    return DeliveryTry(
        delivery=delivery,
        number=delivery.attempts_made,
        finished_at=now,
        duration_ms=exchange.duration_ms,
        status=exchange.status,
        error=exchange.error[:300],
        response_snippet=exchange.response_snippet,
    )


def _deliver(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.state, delivery.next_attempt_at, delivery.delivered_at = DeliveryState.DELIVERED, None, now
    delivery.save()
    _note_delivered([delivery], {delivery.handoff_id: delivery.handoff}, now)


def _try_again(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.next_attempt_at = verdict.next_attempt_at
    delivery.save()


def _park(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.state, delivery.next_attempt_at = DeliveryState.PARKED, None
    delivery.parked_at, delivery.parked_reason = now, verdict.reason[:300]
    delivery.save()
    if delivery.recovery_id:
        Recovery.objects.filter(pk=delivery.recovery_id, state=RecoveryState.AWAITING).update(
            state=RecoveryState.PARKED
        )
    handoff = locked(delivery.handoff)
    audit.record(
        handoff, Event.DELIVERY_PARKED, actor=CLOCK, now=now, reason=verdict.reason, details=_details(delivery)
    )
    if verdict.reason != SWITCHED_OFF:  # of that the managers heard once, for all its messages
        step = f"parked:{delivery.pk}:{delivery.attempts_made}"
        reminders.say_parked(handoff, step=step, reason=verdict.reason, now=now)


_FOLLOW_UPS = {JudgementKind.DELIVERED: _deliver, JudgementKind.RETRY: _try_again, JudgementKind.PARK: _park}


def _details(delivery: Delivery) -> dict[str, Any]:
    return {"webhook_id": delivery.webhook_id, "type": delivery.event_type, "attempts": delivery.attempts_made}


def _is_delivered(exchange: Exchange) -> bool:
    return exchange.status is not None and 200 <= exchange.status < 300 and not exchange.refused


def _tried_to(write: Callable[[], None]) -> bool:
    """One message that cannot be written down keeps its lease and comes again; the others are not its concern."""
    try:
        write()
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("delivery_not_written_down")
        return False
    return True
