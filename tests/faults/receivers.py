"""Receivers that misbehave: a TCP server of plain sockets whose every answer is a function of the test's choosing."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[socket.socket], None]


class Receiver:
    """Answers each request with `answer`; counts connections and keeps what arrived. Ends when the test ends."""

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None, family: int = socket.AF_INET) -> None:
        self.answer, self.tls = answer, tls
        self.requests: list[bytes] = []
        self.connections_count = 0
        self.ending = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def close(self) -> None:
        self.ending.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections_count += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            while request := read_request(sock):
                self.requests.append(request)
                self.answer(sock)
        except (OSError, ValueError):
            sock.close()  # the desk hung up, as it should on most of these


def read_request(sock: socket.socket) -> bytes:
    """The head and body of one request; empty when the other side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))[15:])
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def receiver(answer: Answer, *, tls: ssl.SSLContext | None = None, family: int = socket.AF_INET) -> Iterator[Receiver]:
    running = Receiver(answer, tls=tls, family=family)
    try:
        yield running
    finally:
        running.close()


def answering(status: int = 200, body: bytes = b"ok", **headers: str) -> Answer:
    """A well-behaved answer; keyword names become header names."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda sock: sock.sendall(data)


def saying(data: bytes, *, then_close: bool = True) -> Answer:
    """Exactly these bytes."""

    def answer(sock: socket.socket) -> None:
        sock.sendall(data)
        if then_close:
            sock.close()

    return answer


def dripping(start: bytes, drop: bytes, *, pause_seconds: float = 0.02) -> Answer:
    """`start` at once, then `drop` again and again until the other side hangs up."""

    def answer(sock: socket.socket) -> None:
        sock.sendall(start)
        waiter = threading.Event()
        while True:
            sock.sendall(drop)
            waiter.wait(pause_seconds)

    return answer
