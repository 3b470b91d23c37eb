"""The clock of the desk: looks at what is due, again and again. Any number may run; one of them takes each row."""

import gc
import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from handoffs import jobs
from handoffs.actions.escalation import BATCH_ROWS

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Fires due steps, notes overdue receipts and rings for due deliveries, until it is stopped."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="pause between passes")
        parser.add_argument("--once", action="store_true", help="one pass, then leave; fails if the pass fails")

    def handle(self, *args: Any, every: float, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(str(jobs.sweep()))
            return
        gc.freeze()  # what was loaded to start with stays for good, and need not be looked through again and again
        stopping = _stopping_on_signals()
        while not stopping.is_set():
            if not _passes_fully():
                stopping.wait(every)


def _passes_fully() -> bool:
    """One pass; True where there was a full batch, so that the next pass should follow at once.

    A pass that fails is reported and the next one tries again: the database may just be away.
    """
    close_old_connections()
    try:
        return jobs.sweep()["steps"] >= BATCH_ROWS
    except (OperationalError, InterfaceError) as error:
        logger.warning("sweep_without_database: %s", error)
    except Exception:
        logger.exception("sweep_failed")
    return False


def _stopping_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
