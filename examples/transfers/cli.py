"""The command line: reads options and environment, opens the bank, and lets the bot work until it is stopped."""

import argparse
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handoffs_client import Desk, DeskError, Follower, Inbox, Journal, Receiver, on_kept_port

from .bank import Bank, outage
from .book import Book
from .bot import WORKFLOW, Bot
from .records import read_transfers
from .teller import Teller

DATA = Path(__file__).resolve().parent / "data" / "transfers.csv"


class BadSetting(Exception):
    """An option or environment variable is missing or unusable."""


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status: 0 done, 1 the desk's fault, 2 the caller's."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO, stream=sys.stdout)
    try:
        directory = _directory()
        if options.book:
            print(_book_text(Book(directory / "book.sqlite3")))
        else:
            with _alone(directory):
                _work(options, directory)
    except BadSetting as error:
        print(f"transfers: {error}", file=sys.stderr)
        return 2
    except DeskError as error:
        print(f"transfers: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="examples/transfers/run",
        description="Sends transfers to a bank that times out, and hands over to people what does not go through.",
        epilog="Environment: DESK_URL, DESK_TOKEN, DESK_WEBHOOK_SECRET (whsec_…), TRANSFERS_DIR (the books' folder).",
    )
    add = parser.add_argument
    add("--file", type=Path, default=DATA, metavar="CSV", help="your transfers instead of the shipped ones")
    add("--bank", metavar="URL", help="another bank than the one that the bot brings along")
    add("--every", type=float, default=10.0, metavar="SECONDS", help="a transfer every so often (default 10)")
    add(
        "--outage-every",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how often the bank goes away (default 600)",
    )
    add("--outage-lasts", type=float, default=90.0, metavar="SECONDS", help="and for how long (default 90, 0: never)")
    add("--once", action="store_true", help="end when every transfer is settled or with a person")
    add("--book", action="store_true", help="only print the book")
    return parser


def _directory() -> Path:
    directory = Path(os.environ.get("TRANSFERS_DIR") or ".data-transfers")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting(f"TRANSFERS_DIR {directory} cannot be used: {error.strerror}") from error
    return directory


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process however that ends."""
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadSetting(f"another bot is at work in {directory}") from error
        yield


def _work(options: argparse.Namespace, directory: Path) -> None:
    stopping = _stop_signals()
    try:
        transfers = read_transfers(options.file)
    except (OSError, KeyError, ValueError, ArithmeticError) as error:
        raise BadSetting(f"{options.file} cannot be read: {error!r}") from error
    desk = _desk(directory, stopping)
    bank = None if options.bank else Bank(directory / "bank.sqlite3", transfers).start()
    if bank and options.outage_lasts:
        bank.is_away = outage(options.outage_every, options.outage_lasts, time.time)
    book = Book(directory / "book.sqlite3")
    book.take_in(transfers, every_seconds=options.every, now=time.time())
    follower = Follower(desk)
    receiver = _receiver(desk, follower, directory)
    teller = Teller(options.bank or (bank.url if bank else ""))
    bot = Bot(book, teller, desk, callback_url=receiver.url if receiver else "", follower=follower)
    _loop(bot, book, stopping, once=options.once)


def _loop(bot: Bot, book: Book, stopping: threading.Event, *, once: bool) -> None:
    while not stopping.is_set():
        try:
            sent = bot.step()
        except DeskError:
            if stopping.is_set():
                return
            raise
        if once and not any(entry.state == "waiting" for entry in book.entries()):
            return
        if not sent:
            stopping.wait(0.3)


def _desk(directory: Path, stopping: threading.Event) -> Desk:
    try:
        desk = Desk.from_environment(
            journal=Journal(directory / "journal.sqlite3"), patience_seconds=None, stopping=stopping
        )
    except KeyError as missing:
        raise BadSetting(f"{missing.args[0]} must be set; see examples/transfers/README.md") from missing
    desk.check(WORKFLOW)
    desk.resume()
    return desk


def _receiver(desk: Desk, follower: Follower, directory: Path) -> Receiver | None:
    secret = os.environ.get("DESK_WEBHOOK_SECRET", "")
    if not secret:
        return None
    try:
        return on_kept_port(Inbox(secret, journal=desk.journal), follower.take, directory / "port").start()
    except (RuntimeError, ValueError) as error:
        raise BadSetting(f"DESK_WEBHOOK_SECRET is not a secret such as whsec_…: {error}") from error


def _stop_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _book_text(book: Book) -> str:
    return "\n".join(
        f"{entry.reference:<8} {entry.transfer.amount:>12} {entry.transfer.currency}  {entry.state:<9} {entry.note}"
        for entry in book.entries()
    )
