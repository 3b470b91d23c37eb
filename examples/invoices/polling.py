"""Asking the desk about open handoffs, so that a webhook that never came is no loss."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from .decisions import NotYet, take
from .desk import BadToken, Desk, DeskError, Refused, Stopped
from .ledger import Ledger

log = logging.getLogger(__name__)

LONG_POLL_SECONDS = 20


class Poller(threading.Thread):
    """Looks at every open handoff at start, and again every `every_seconds`.

    With `long_poll`, for where no webhook can arrive, the desk holds each answer until something changes.
    """

    def __init__(
        self, ledger: Ledger, desk: Desk, *, every_seconds: float, long_poll: bool, on_news: Callable[[], None]
    ) -> None:
        super().__init__(name="polling", daemon=True)
        self._ledger, self._desk, self._on_news = ledger, desk, on_news
        self._every_seconds, self._long_poll = every_seconds, long_poll
        self.stopping = threading.Event()

    def run(self) -> None:
        wait = False
        while not self.stopping.is_set():
            try:
                self.look(wait=wait)
            except (Stopped, BadToken):  # the matcher meets the same and says so
                return
            except DeskError as error:
                log.warning("polling: %s", error)
            wait = self._long_poll
            self.stopping.wait(1 if self._long_poll else self._every_seconds)

    def look(self, *, wait: bool) -> None:
        """Fetch each open handoff once and take in what it says."""
        with self._ledger.books() as books:
            open_ids = books.open_handoff_ids()
        for handoff_id in open_ids:
            if self.stopping.is_set():
                return
            self._look_at(handoff_id, max(1, LONG_POLL_SECONDS // len(open_ids)) if wait else 0)

    def _look_at(self, handoff_id: str, wait_seconds: int) -> None:
        try:
            handoff = self._desk.handoff(handoff_id, wait_seconds=wait_seconds)
            said = take(self._ledger, handoff, now=datetime.now(UTC))
        except NotYet:
            return
        except Refused as refusal:
            log.warning("handoff %s cannot be fetched: %s", handoff_id, refusal)
            return
        if not said.startswith("still"):
            log.info("%s  found by polling: %s", handoff.get("reference"), said)
            self._on_news()
