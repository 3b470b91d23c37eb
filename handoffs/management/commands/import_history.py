"""`manage.py import_history FILE --workflow KEY`: bring past handoffs in, or print every row that cannot be."""

import gc
import logging
import sys
import threading
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from handoffs.actions import imports
from handoffs.choices import ImportState
from handoffs.errors import DeskError
from handoffs.models import HistoryImport
from handoffs.queries.imports import oddities
from handoffs.queries.policies import workflow_called

TELL_EVERY_SECONDS = 1.0
WAIT_SECONDS = 0.2
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Import past handoffs from FILE (CSV or JSON Lines, .gz too). With a bad row nothing is imported."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="The file, - for standard input")
        parser.add_argument("--workflow", required=True, metavar="KEY", help="Whose past it is")
        parser.add_argument("--skip-bad", action="store_true", help="Import the good rows, and report the others")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        gc.freeze()  # as in the worker: what was loaded to start with need not be looked through again and again
        try:
            current = _begin(options["file"], options["workflow"], skip_bad=options["skip_bad"])
        except DeskError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{current.rows_count:,} rows")
        current = self._work(current)
        self._report(current, seconds=time.monotonic() - started)

    def _work(self, current: HistoryImport) -> HistoryImport:
        """Part by part to the end; a worker may help, as the rows are in the database."""
        told_at = time.monotonic()
        with _helped(current.pk):
            while current.is_unfinished:
                _go_on(current.pk)
                current.refresh_from_db()
                if time.monotonic() - told_at >= TELL_EVERY_SECONDS:
                    told_at = time.monotonic()
                    self.stdout.write(f"{current.state}: {current.done_count:,} of {current.rows_count:,}")
        return current

    def _report(self, current: HistoryImport, *, seconds: float) -> None:
        for line, reason in current.problems:
            self.stderr.write(f"line {line}: {reason}" if line else reason)
        if current.bad_count > len(current.problems):
            self.stderr.write(f"… and {current.bad_count - len(current.problems):,} more")
        for words in oddities(current):
            self.stderr.write(f"warning: {words}")
        if current.state != ImportState.DONE:
            raise CommandError(f"{current.bad_count:,} bad row(s): nothing was imported. See --skip-bad.")
        left = f", {current.bad_count:,} left out" if current.bad_count else ""
        self.stdout.write(f"{current.imported_count:,} handoffs imported in {seconds:.1f} s{left}")


@contextmanager
def _helped(import_id: uuid.UUID) -> Iterator[None]:
    """Have a thread at the same import: while the database writes one part, the next one is made.

    A part that it fails at is left to whoever waits here; what it failed for is logged.
    """
    done = threading.Event()

    def help_() -> None:
        try:
            while not done.is_set():
                _go_on(import_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        helper = pool.submit(help_)
        try:
            yield
        finally:
            done.set()
            if error := helper.exception():
                logger.warning("the helping thread failed, the import went on without it", exc_info=error)


def _go_on(import_id: uuid.UUID) -> None:
    if imports.go_on(import_id, now=timezone.now()) is None:
        time.sleep(WAIT_SECONDS)


def _begin(file: str, key: str, *, skip_bad: bool) -> HistoryImport:
    workflow = workflow_called(key)
    try:
        opened = nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed below
        with opened as source:
            name = "standard input" if file == "-" else Path(file).name
            return imports.begin(workflow, source, name=name, by=None, now=timezone.now(), skip_bad=skip_bad)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
