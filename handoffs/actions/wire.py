"""Connections that only reach vetted addresses and end on time; what is said over them belongs to the transport."""

import os
import socket
import ssl
import threading
from concurrent.futures import Future
from functools import cache
from ipaddress import ip_address
from time import monotonic
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection

from handoffs.rules.addresses import CallbackRefused, Target, denial_of, may_connect

MAX_ADDRESSES = 8

LineKey = tuple[str, str, int, bool]
AddressEntry = tuple[socket.AddressFamily, tuple[Any, ...]]


class AddressRefused(CallbackRefused):
    """Every address behind the name is closed to webhooks, so nothing was connected."""

    code = "address_refused"


class Deadline:
    """A moment of the monotonic timer that everything in one exchange shares."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = monotonic() + seconds

    def left(self) -> float:
        """Seconds until the deadline; raises TimeoutError once it has passed."""
        seconds = self._ends_at - monotonic()
        if seconds <= 0:
            raise TimeoutError("the time is up")
        return seconds

    def within(self, seconds: float) -> "Deadline":
        """A deadline at most `seconds` away that does not outlast this one."""
        return Deadline(min(seconds, self.left()))


class TimedSocket(socket.socket):
    """Waits for each read and write until its deadline only; a plain time limit starts anew with every byte."""

    deadline: Deadline | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _limit(self)
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _limit(self)
        super().sendall(*args, **kwargs)


class TimedTlsSocket(ssl.SSLSocket):
    """The same over TLS, whose `sendall` is a loop of `send`."""

    deadline: Deadline | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _limit(self)
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        _limit(self)
        return super().send(*args, **kwargs)


def _limit(sock: TimedSocket | TimedTlsSocket) -> None:
    if sock.deadline is not None:
        sock.settimeout(sock.deadline.left())


class Line:
    """What an HTTP and an HTTPS connection of ours share: where it may connect, and until when it may speak."""

    target: Target
    allow_private: bool
    connect_seconds: float
    deadline: Deadline
    opened_at: float
    sock: Any

    def begin(self, deadline: Deadline) -> None:
        """Start an exchange that ends at `deadline`, on a new connection or a kept one."""
        self.deadline = deadline
        if self.sock is not None:
            self.sock.deadline = deadline

    def _new_conn(self) -> socket.socket:
        until = self.deadline.within(self.connect_seconds)
        sock = open_socket(self.target, allow_private=self.allow_private, until=until)
        sock.settimeout(until.left())  # holds for a TLS handshake, which is one call
        self.opened_at = monotonic()
        return sock


class PlainLine(Line, HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.deadline = self.deadline


class TlsLine(Line, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.deadline = self.deadline


def new_line(target: Target, *, allow_private: bool, connect_seconds: float) -> PlainLine | TlsLine:
    """A connection to `target` that opens when it is first used."""
    line: PlainLine | TlsLine
    if target.scheme == "https":
        line = TlsLine(target.host, target.port, ssl_context=tls_context())
    else:
        line = PlainLine(target.host, target.port)
    line.target, line.allow_private, line.connect_seconds = target, allow_private, connect_seconds
    return line


@cache
def tls_context() -> ssl.SSLContext:
    """Verify against what the machine trusts (`SSL_CERT_FILE` names another bundle) and the public authorities."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.sslsocket_class = TimedTlsSocket
    return context


def open_socket(target: Target, *, allow_private: bool, until: Deadline) -> TimedSocket:
    """Connect to the first address of the host that is open to webhooks and answers.

    What is vetted is what is connected to: a name that changes its address in between gains nothing. Raises
    AddressRefused, TimeoutError or OSError.
    """
    entries = _vetted(target, _resolve(target, until), allow_private=allow_private)
    for position, entry in enumerate(entries, start=1):
        try:
            return _connect(entry, until.left() / (len(entries) - position + 1))
        except OSError:
            if position == len(entries):
                raise
    raise OSError("the name has no address")


def _vetted(target: Target, entries: list[AddressEntry], *, allow_private: bool) -> list[AddressEntry]:
    open_ones = [entry for entry in entries if may_connect(ip_address(entry[1][0]), allow_private=allow_private)]
    if entries and not open_ones:
        address = ip_address(entries[0][1][0])
        denied = denial_of(address)
        what = f"{denied.what}, {denied.source}" if denied else "closed"
        raise AddressRefused(f"{target.host} leads to {address} ({what}), where webhooks do not go")
    return open_ones[:MAX_ADDRESSES]


def _connect(entry: AddressEntry, seconds: float) -> TimedSocket:
    family, address = entry
    sock = TimedSocket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(target: Target, until: Deadline) -> list[AddressEntry]:
    if target.address is not None:
        return _look_up(target.host, target.port)
    return _lookups.result(target.host, target.port, seconds=until.left())


def _look_up(host: str, port: int) -> list[AddressEntry]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


class Lookups:
    """Name resolution with a time limit: the system's cannot be broken off, so it runs beside and is left behind.

    One thread per name at a time, however many wait for it: a dead name server costs no more threads than names.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Future[list[AddressEntry]]] = {}

    def result(self, host: str, port: int, *, seconds: float) -> list[AddressEntry]:
        """The addresses of `host`; raises TimeoutError after `seconds`, OSError where the name does not resolve."""
        return self._future(host, port).result(timeout=seconds)

    def _future(self, host: str, port: int) -> Future[list[AddressEntry]]:
        with self._lock:
            running = self._running.get((host, port))
            if running is None:
                running = self._running[host, port] = Future()
                threading.Thread(target=self._run, args=(host, port, running), daemon=True).start()
            return running

    def _run(self, host: str, port: int, future: Future[list[AddressEntry]]) -> None:
        try:
            found, error = _look_up(host, port), None
        except Exception as caught:  # handed to whoever waits
            found, error = [], caught
        with self._lock:
            del self._running[host, port]
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)


_lookups = Lookups()


class KeptLines:
    """Open connections that nobody speaks over, by where they lead; the one unused for longest is closed for a new one.

    Threads share them: a connection belongs to who took it until it is kept again.
    """

    MAX_KEPT = 64

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[tuple[LineKey, PlainLine | TlsLine]] = []

    def take(self, target: Target, *, allow_private: bool, reuse_seconds: float) -> PlainLine | TlsLine | None:
        """A connection that is still open and young enough for its vetting to count, or None."""
        key = _key(target, allow_private)
        while (line := self._pop(key)) is not None:
            if line.is_connected and monotonic() - line.opened_at < reuse_seconds:
                line.target = target
                return line
            line.close()
        return None

    def keep(self, line: PlainLine | TlsLine) -> None:
        """Keep a connection whose answer was read to its end."""
        if line.sock is None:
            return
        with self._lock:
            self._lines.append((_key(line.target, line.allow_private), line))
            surplus = self._lines[: -self.MAX_KEPT]
            del self._lines[: -self.MAX_KEPT]
        for _, unused in surplus:
            unused.close()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            lines, self._lines = self._lines, []
        for _, line in lines:
            line.close()

    def _pop(self, key: LineKey) -> PlainLine | TlsLine | None:
        with self._lock:
            place = next((place for place in reversed(range(len(self._lines))) if self._lines[place][0] == key), None)
            return None if place is None else self._lines.pop(place)[1]


def _key(target: Target, allow_private: bool) -> LineKey:
    return target.scheme, target.host, target.port, allow_private


kept_lines = KeptLines()


def _forget_after_fork() -> None:
    """A forked child must not speak over its parent's connections, nor wait for threads that it does not have."""
    global kept_lines, _lookups
    kept_lines, _lookups = KeptLines(), Lookups()


os.register_at_fork(after_in_child=_forget_after_fork)
