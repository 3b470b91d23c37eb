"""The command line: reads options and environment, starts the parts, and ends with a clear word."""

import argparse
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from .desk import Desk, DeskError, Patience, Stopped
from .entries import Entry
from .files import Reading, read_invoices, read_orders, read_vendors
from .hooks import HOOK_PATH, Receiver, open_receiver
from .ledger import Ledger
from .matcher import Matcher, Setup, describe
from .matching import Billing, Compare, match_all
from .pages import ledger_text
from .polling import Poller
from .records import Invoice, Order
from .report import Addresses
from .table import BadFile

log = logging.getLogger(__name__)

DATA = Path(__file__).resolve().parent / "data"
ONCE_PATIENCE_SECONDS = 60.0


class BadSetting(Exception):
    """An option or environment variable is missing or unusable."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """How to reach the desk, from the environment."""

    url: str
    token: str
    secret: str


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status: 0 done, 1 the desk's fault, 2 the caller's."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO, stream=sys.stdout)
    try:
        return _run(options)
    except (BadFile, BadSetting) as error:
        print(f"invoices: {error}", file=sys.stderr)
        return 2
    except Stopped:
        return 0
    except DeskError as error:
        print(f"invoices: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="examples/invoices/run",
        description="Matches invoices with purchase orders and takes what is odd to a person through Handoff Desk.",
        epilog="Environment: DESK_URL, DESK_TOKEN, DESK_WEBHOOK_SECRET (whsec_…), INVOICES_DIR (the ledger's folder).",
    )
    add = parser.add_argument
    add("--file", type=Path, metavar="CSV", help="your invoices instead of the shipped ones")
    add("--orders", type=Path, metavar="CSV", help="your purchase orders, for use with --file")
    add("--vendors", type=Path, metavar="CSV", help="your vendors, for use with --file")
    add("--map", action="append", default=[], metavar="NAME=COLUMN", help="where to find a column of the invoices")
    add("--map-orders", action="append", default=[], metavar="NAME=COLUMN", help="the same for the orders")
    add("--currency", default="USD", help="the currency where the files name none (default USD)")
    add("--compare", type=Compare, choices=list(Compare), default=Compare.UNIT, help="compare unit prices, or totals")
    add("--workflow", default="invoice-matching", help="the desk's workflow (default invoice-matching)")
    add("--every", type=_seconds, default=5.0, metavar="SECONDS", help="pace after the first burst (default 5)")
    add("--burst", type=_count, default=25, metavar="N", help="no pause until N cases wait for a person (default 25)")
    add("--poll", type=_seconds, default=60.0, metavar="SECONDS", help="look at open cases this often (default 60)")
    add("--no-webhooks", action="store_true", help="receive nothing; ask the desk and let it hold the answers")
    add("--limit", type=_count, metavar="N", help="take only the first N invoices")
    add("--once", action="store_true", help="report everything, then exit")
    add("--check", action="store_true", help="only match and print; the desk is not called")
    add("--ledger", action="store_true", help="only print the ledger")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86400:
        raise argparse.ArgumentTypeError("must be between 0 and 86400 seconds")
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _run(options: argparse.Namespace) -> int:
    if options.ledger:
        print(ledger_text(_ledger()))
        return 0
    invoices, orders = _read(options)
    if options.check:
        for one in match_all(invoices, orders, billing=Billing(), compare=options.compare)[: options.limit]:
            print(describe(one))
        return 0
    account, ledger = _account(), _ledger()
    with _alone(ledger.path.parent):
        _work(options, account, ledger, (invoices, orders))
    return 0


def _read(options: argparse.Namespace) -> tuple[list[Invoice], dict[str, Order]]:
    """Read the shipped files, or the caller's: then nothing of ours is mixed in."""
    if not options.file and (options.orders or options.vendors):
        raise BadSetting("--orders and --vendors go with --file")
    vendors = options.vendors if options.file else DATA / "vendors.csv"
    orders = options.orders if options.file else DATA / "purchase_orders.csv"
    known = read_vendors(vendors) if vendors else {}
    currency = options.currency.upper()
    of_orders = Reading(vendors=known, currency=currency, mapping=_mapping(options.map_orders))
    of_invoices = Reading(vendors=known, currency=currency, mapping=_mapping(options.map))
    found = read_orders(orders, of_orders) if orders else {}
    return read_invoices(options.file or DATA / "invoices.csv", of_invoices), found


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for name, equals, column in split:
        if not (name and equals and column):
            raise BadSetting(f"--map takes NAME=COLUMN, not “{name}{equals}{column}”")
    return {name: column for name, _, column in split}


def _account() -> Account:
    missing = [name for name in ("DESK_URL", "DESK_TOKEN") if not os.environ.get(name)]
    if missing:
        raise BadSetting(f"{' and '.join(missing)} must be set; see examples/invoices/README.md")
    url = os.environ["DESK_URL"]
    if not url.startswith(("http://", "https://")):
        raise BadSetting(f"DESK_URL must start with http:// or https://, not be “{url}”")
    return Account(url=url, token=os.environ["DESK_TOKEN"], secret=_secret())


def _secret() -> str:
    secret = os.environ.get("DESK_WEBHOOK_SECRET", "")
    try:
        if secret:
            Webhook(secret)
    except (EmptyWebhookSecretError, ValueError) as error:
        raise BadSetting(f"DESK_WEBHOOK_SECRET is not a secret such as whsec_…: {error}") from error
    return secret


def _ledger() -> Ledger:
    directory = Path(os.environ.get("INVOICES_DIR") or ".data-invoices")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Ledger(directory / "ledger.sqlite3")
    except OSError as error:
        raise BadSetting(f"INVOICES_DIR {directory} cannot be used: {error.strerror}") from error


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the ledger's lock, which ends with the process however that ends."""
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadSetting(f"another matcher is at work in {directory}") from error
        yield


def _work(
    options: argparse.Namespace, account: Account, ledger: Ledger, files: tuple[list[Invoice], dict[str, Order]]
) -> None:
    stopping, wake = _stop_signals(), threading.Event()
    patience = Patience(seconds=ONCE_PATIENCE_SECONDS if options.once else None, stopping=stopping)
    receiver = _receiver(options, account, ledger, wake)
    poller = Poller(
        ledger,
        Desk(account.url, account.token, patience=patience),
        every_seconds=options.poll,
        long_poll=receiver is None,
        on_news=wake.set,
    )
    matcher = _matcher(options, ledger, Desk(account.url, account.token, patience=patience), receiver, files)
    try:
        poller.start()
        Loop(matcher, ledger, options, stopping=stopping, wake=wake).run()
    finally:
        poller.stopping.set()
        if receiver:
            receiver.shutdown()


def _stop_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _receiver(options: argparse.Namespace, account: Account, ledger: Ledger, wake: threading.Event) -> Receiver | None:
    if options.no_webhooks:
        return None
    receiver = open_receiver(ledger, secret=account.secret, on_news=wake.set)
    receiver.start()
    log.info("the ledger is at %s/", receiver.url)
    return receiver


def _matcher(
    options: argparse.Namespace,
    ledger: Ledger,
    desk: Desk,
    receiver: Receiver | None,
    files: tuple[list[Invoice], dict[str, Order]],
) -> Matcher:
    invoices, orders = files
    listens = receiver is not None and receiver.webhook is not None
    addresses = Addresses(
        callback_url=f"{receiver.url}{HOOK_PATH}" if receiver and listens else "",
        ledger_url=receiver.url if receiver else "",
    )
    letters = ledger.path.parent / "letters"
    setup = Setup(workflow=options.workflow, addresses=addresses, letters_directory=letters, compare=options.compare)
    matcher = Matcher(ledger, desk, setup, orders=orders)
    matcher.take_in(invoices, limit=options.limit, now=datetime.now(UTC))
    desk.check(options.workflow)
    return matcher


class Loop:
    """What comes when: receipts first, then answers, then new invoices at their pace."""

    def __init__(
        self,
        matcher: Matcher,
        ledger: Ledger,
        options: argparse.Namespace,
        *,
        stopping: threading.Event,
        wake: threading.Event,
    ) -> None:
        self._matcher, self._ledger, self._options = matcher, ledger, options
        self._stopping, self._wake = stopping, wake
        self._next_first_at = monotonic()
        self._bursting = True
        self._said_done = False

    def run(self) -> None:
        """Work until stopped, or with --once until nothing is left to report."""
        while not self._stopping.is_set():
            if not self._step() and self._idle():
                return

    def _step(self) -> bool:
        """Do the next thing that is due; False when there is none."""
        now = datetime.now(UTC)
        posted = self._matcher.post_receipts(now=now)
        self._matcher.write_letters()
        entry = self._matcher.next_entry(first=False, now=now) or self._next_first(now)
        if entry:
            self._matcher.report(entry, now=now)
        return bool(entry or posted)

    def _next_first(self, now: datetime) -> Entry | None:
        if not self._options.once and monotonic() < self._next_first_at:
            return None
        entry = self._matcher.next_entry(first=True, now=now)
        if entry and not self._bursts():
            self._next_first_at = monotonic() + self._options.every
        return entry

    def _bursts(self) -> bool:
        if self._bursting:
            with self._ledger.books() as books:
                self._bursting = books.waiting_count() < self._options.burst
        return self._bursting

    def _idle(self) -> bool:
        """Wait for news or the next invoice; True when the work is over."""
        if self._matcher.next_entry(first=True, now=datetime.now(UTC)) is None and not self._said_done:
            log.info("every invoice is reported%s", "" if self._options.once else "; waiting for decisions")
            self._said_done = True
        if self._options.once:
            return self._said_done
        self._wake.wait(min(1.0, max(0.05, self._next_first_at - monotonic())))
        self._wake.clear()
        return False
