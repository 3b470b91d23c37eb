"""Carries the outbox to receivers: posts outside any transaction, and writes down what came back.

One slow or dead host never delays the others: each has few messages on their way at a time, and a host in trouble one.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from time import monotonic

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from handoffs.actions import audit, endpoints, outbox, reminders
from handoffs.actions.context import locked
from handoffs.actions.outbox import BATCH_ROWS, LEASE, PER_HOST, SWITCHED_OFF, Leased, lease
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import CLOCK, Delivery, DeliveryTry, Handoff, Recovery
from handoffs.rules.deliveries import Exchange, Judgement, JudgementKind, judge

__all__ = ["BATCH_ROWS", "LEASE", "Leased", "drain", "finish", "lease"]

logger = logging.getLogger(__name__)

THREADS = 64
DRAIN_SECONDS = 20.0
"""After so long a drain ends, so that other work gets its turn; the next ring or sweep goes on."""
AT_MOST_SECONDS = 60.0
"""While it waits for answers that hang, it goes on for the others so long."""
LOOK_AGAIN_SECONDS = 0.2
SLOW_MS = 1000

Clock = Callable[[], datetime]
Result = tuple[Leased, Exchange]


def drain(*, clock: Clock) -> int:
    """Deliver what is due until nothing is; `clock` tells the time anew for each batch. Returns tries made."""
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="deliver") as pool:
        drained = _Drain(pool, clock)
        while drained.goes_on():
            drained.step()
    return drained.tried


class _Drain:
    """The messages that are on their way, by host, and which hosts are in trouble."""

    def __init__(self, pool: ThreadPoolExecutor, clock: Clock) -> None:
        self.pool, self.clock = pool, clock
        self.on_their_way: dict[Future[Exchange], Leased] = {}
        self.begun: dict[Future[Exchange], float] = {}
        self.by_host: Counter[str] = Counter()
        self.in_trouble: set[str] = set()
        self.tried = 0
        self.found_nothing = False
        self.began_at = monotonic()

    def goes_on(self) -> bool:
        if self.on_their_way:
            return True
        return not self.found_nothing and self._seconds() < DRAIN_SECONDS

    def step(self) -> None:
        """Take what there is room for, then write down what has come back."""
        if len(self.on_their_way) <= THREADS // 2 and self._may_take():
            self._take()
        if self.on_their_way:
            done, _ = wait(self.on_their_way, timeout=LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            self._write_down([(self._back(future), future.result()) for future in done])

    def room(self, host: str) -> int:
        """How many more messages may be on their way to a host."""
        in_trouble = 0 if self._seconds() >= DRAIN_SECONDS else 1
        return (in_trouble if host in self.in_trouble else PER_HOST) - self.by_host[host]

    def _seconds(self) -> float:
        return monotonic() - self.began_at

    def _may_take(self) -> bool:
        """Until it ends; then only as long as an answer that hangs keeps it, which must not delay the others."""
        if self._seconds() < DRAIN_SECONDS:
            return True
        hangs = monotonic() - min(self.begun.values(), default=monotonic()) > SLOW_MS / 1000
        return hangs and self._seconds() < AT_MOST_SECONDS

    def _take(self) -> None:
        known = {*self.by_host, *self.in_trouble}
        full = [host for host in known if self.room(host) <= 0]
        leased = lease(now=self.clock(), limit=THREADS - len(self.on_their_way), room=self.room, full=full)
        self.found_nothing = not leased
        for one in leased:
            future = self.pool.submit(outbox.post, one, self.clock())
            self.on_their_way[future], self.begun[future] = one, monotonic()
            self.by_host[one.host] += 1

    def _back(self, future: Future[Exchange]) -> Leased:
        one, exchange = self.on_their_way.pop(future), future.result()
        del self.begun[future]
        self.by_host[one.host] -= 1
        if not self.by_host[one.host]:
            del self.by_host[one.host]
        went_well = exchange.status is not None and exchange.status < 500 and exchange.duration_ms < SLOW_MS
        (self.in_trouble.discard if went_well else self.in_trouble.add)(one.host)
        return one

    def _write_down(self, results: list[Result]) -> None:
        self.tried += len(results)
        finish_all(results, now=self.clock())


def finish_all(results: list[Result], *, now: datetime) -> None:
    """Write down many tries: those that delivered in one transaction, the others, and what it refuses, one by one."""
    good = [one for one in results if _is_delivered(one[1])]
    others = [one for one in results if not _is_delivered(one[1])]
    if len(good) > 1 and _tried_to(lambda: _finish_delivered(good, now)):
        good = []
    for leased, exchange in [*good, *others]:
        _tried_to(lambda leased=leased, exchange=exchange: finish(leased, exchange, now=now))  # type: ignore[misc]


@transaction.atomic(durable=True)
def finish(leased: Leased, exchange: Exchange, *, now: datetime) -> None:
    """Write down a try, unless the lease ran out and somebody else took the delivery over."""
    locked(Handoff(pk=leased.handoff_id))  # before its recoveries, as receipts do: the two often come together
    delivery = _owned([leased]).first()
    if delivery is None:
        return
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
    handoff_ids = sorted({leased.handoff_id for leased, _ in results})
    list(Handoff.objects.select_for_update().filter(pk__in=handoff_ids).order_by("pk").values_list("pk"))
    owned = {delivery.pk: delivery for delivery in _owned([leased for leased, _ in results])}
    mine = [(owned[leased.delivery_id], exchange) for leased, exchange in results if leased.delivery_id in owned]
    for delivery, _ in mine:
        delivery.attempts_made += 1
        delivery.lease_token, delivery.next_attempt_at = None, None
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, now
    DeliveryTry.objects.bulk_create([_try_of(delivery, exchange, now) for delivery, exchange in mine])
    changed = ["attempts_made", "lease_token", "next_attempt_at", "state", "delivered_at"]
    Delivery.objects.bulk_update([delivery for delivery, _ in mine], changed)
    endpoints.note_try([d.endpoint_id for d, _ in mine if d.endpoint_id], went_well=True, now=now)
    _note_delivered([delivery for delivery, _ in mine], now)


def _note_delivered(deliveries: list[Delivery], now: datetime) -> None:
    """Close what awaited these deliveries, with a row of the trail for each recovery that they carried."""
    waiting = _undelivered([delivery.recovery_id for delivery in deliveries if delivery.recovery_id])
    ids = set(waiting.values_list("pk", flat=True))
    Recovery.objects.filter(pk__in=ids).update(state=RecoveryState.DELIVERED, delivered_at=now)
    carried = [delivery for delivery in deliveries if delivery.recovery_id in ids]
    related = Handoff.objects.select_related("workflow", "case", "role", "holder")
    handoffs = related.in_bulk({delivery.handoff_id for delivery in carried})
    for delivery in carried:
        if delivery.recovery_id in ids:  # one that two addresses carried is told of once
            ids.discard(delivery.recovery_id)
            _record(handoffs[delivery.handoff_id], delivery, Event.DECISION_DELIVERED, "", now)


def _owned(leased: Iterable[Leased]) -> QuerySet[Delivery]:
    """Those of the leased that still belong to this worker, locked."""
    leased = list(leased)
    return Delivery.objects.select_for_update().filter(
        pk__in=[one.delivery_id for one in leased],
        lease_token__in={one.token for one in leased},
        state=DeliveryState.QUEUED,
    )


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
    _note_delivered([delivery], now)


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
    _record(handoff, delivery, Event.DELIVERY_PARKED, verdict.reason, now)
    if verdict.reason != SWITCHED_OFF:  # of that the managers heard once, for all its messages
        step = f"parked:{delivery.pk}:{delivery.attempts_made}"
        reminders.say_parked(handoff, step=step, reason=verdict.reason, now=now)


_FOLLOW_UPS = {JudgementKind.DELIVERED: _deliver, JudgementKind.RETRY: _try_again, JudgementKind.PARK: _park}


def _undelivered(recovery_ids: list[uuid.UUID]) -> QuerySet[Recovery]:
    states = (RecoveryState.AWAITING, RecoveryState.PARKED)
    return Recovery.objects.select_for_update().filter(pk__in=recovery_ids, state__in=states)


def _record(handoff: Handoff, delivery: Delivery, event: Event, reason: str, now: datetime) -> None:
    details = {"webhook_id": delivery.webhook_id, "type": delivery.event_type, "attempts": delivery.attempts_made}
    audit.record(handoff, event, actor=CLOCK, now=now, reason=reason, details=details)


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
