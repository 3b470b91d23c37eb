"""The command line: reads options and environment, opens the payment provider, and lets the bot work until stopped."""

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

from .book import Book
from .bot import WORKFLOW, Bot
from .provider import Provider
from .records import read_refunds
from .till import Till

DATA = Path(__file__).resolve().parent / "data" / "refunds.csv"


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
        print(f"refunds: {error}", file=sys.stderr)
        return 2
    except DeskError as error:
        print(f"refunds: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="examples/refunds/run",
        description="Pays refunds at once, and takes back what a reviewer reverts.",
        epilog="Environment: DESK_URL, DESK_TOKEN, DESK_WEBHOOK_SECRET (whsec_…), REFUNDS_DIR (the books' folder).",
    )
    add = parser.add_argument
    add("--file", type=Path, default=DATA, metavar="CSV", help="your refunds instead of the shipped ones")
    add("--provider", metavar="URL", help="another payment provider than the one that the bot brings along")
    add("--every", type=float, default=10.0, metavar="SECONDS", help="a refund every so often (default 10)")
    add("--once", action="store_true", help="end when every refund is paid")
    add("--book", action="store_true", help="only print the book")
    return parser


def _directory() -> Path:
    directory = Path(os.environ.get("REFUNDS_DIR") or ".data-refunds")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting(f"REFUNDS_DIR {directory} cannot be used: {error.strerror}") from error
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
        refunds = read_refunds(options.file)
    except (OSError, KeyError, ValueError, ArithmeticError) as error:
        raise BadSetting(f"{options.file} cannot be read: {error!r}") from error
    desk = _desk(directory, stopping)
    provider = None if options.provider else Provider(directory / "provider.sqlite3").start()
    book = Book(directory / "book.sqlite3")
    book.take_in(refunds, every_seconds=options.every, now=time.time())
    follower = Follower(desk)
    receiver = _receiver(desk, follower, directory)
    till = Till(options.provider or (provider.url if provider else ""))
    bot = Bot(book, till, desk, callback_url=receiver.url if receiver else "", follower=follower)
    _loop(bot, book, stopping, once=options.once)


def _loop(bot: Bot, book: Book, stopping: threading.Event, *, once: bool) -> None:
    while not stopping.is_set():
        try:
            paid = bot.step()
        except DeskError:
            if stopping.is_set():
                return
            raise
        if once and not any(entry.state == "asked" for entry in book.entries()):
            return
        if not paid:
            stopping.wait(0.3)


def _desk(directory: Path, stopping: threading.Event) -> Desk:
    try:
        desk = Desk.from_environment(
            journal=Journal(directory / "journal.sqlite3"), patience_seconds=None, stopping=stopping
        )
    except KeyError as missing:
        raise BadSetting(f"{missing.args[0]} must be set; see examples/refunds/README.md") from missing
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
    lines = ((entry.refund, entry) for entry in book.entries())
    return "\n".join(
        f"{refund.reference:<8} {refund.amount:>9} {refund.currency}  {entry.state:<10} {entry.note}"
        for refund, entry in lines
    )
