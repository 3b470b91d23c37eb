"""Keeps an eye on open handoffs: by webhook when one comes, by looking when none does."""

import logging
import queue
import time
from collections.abc import Callable, Iterator

from handoffs_client.desk import Desk
from handoffs_client.errors import NotThere
from handoffs_client.messages import Handoff
from handoffs_client.webhooks import News

log = logging.getLogger(__name__)


class Follower:
    """Tells which of the followed handoffs were decided, withdrawn or returned, at least once each.

    Give `take` to a Receiver. Every `look_seconds` each followed handoff is fetched too, so that a message that never
    came is no loss; the first look is at once. `take` may be called from any thread, all else from one.
    """

    def __init__(
        self, desk: Desk, *, look_seconds: float = 30.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._look_seconds, self._monotonic = desk, look_seconds, monotonic
        self._told: queue.SimpleQueue[Handoff] = queue.SimpleQueue()
        self._followed: set[str] = set()
        self._next_look_at = monotonic()

    def take(self, news: News) -> None:
        """A message came."""
        self._told.put(news.handoff)

    def follow(self, handoff_ids: set[str]) -> None:
        """Follow exactly these from now on."""
        self._followed = set(handoff_ids)

    def settled(self) -> Iterator[Handoff]:
        """What waits for the automation now. News of handoffs that nobody follows any more is left out."""
        while not self._told.empty():
            handoff = self._told.get()
            if handoff.id in self._followed and _waits_for_us(handoff):
                yield handoff
        if self._monotonic() >= self._next_look_at:
            self._next_look_at = self._monotonic() + self._look_seconds
            yield from self._looked_at()

    def _looked_at(self) -> Iterator[Handoff]:
        for handoff_id in sorted(self._followed):
            try:
                handoff = self._desk.handoff(handoff_id)
            except NotThere as gone:
                log.warning("handoff %s cannot be followed: %s", handoff_id, gone)
                continue
            if _waits_for_us(handoff):
                yield handoff


def _waits_for_us(handoff: Handoff) -> bool:
    return not handoff.is_open or handoff.state == "returned"
