"""Receivers that fail in every way, and addresses that must never be reached, against real sockets."""

import gzip
import os
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from handoffs.actions import wire
from handoffs.actions.transport import Limits, post
from handoffs.rules.addresses import target_of
from tests.faults.receivers import answering, dripping, receiver, saying

HEADERS = {"Content-Type": "application/json", "webhook-id": "d-1"}
USUAL = Limits()
QUICK = Limits(total_seconds=1.0, connect_seconds=0.5)
SLACK_SECONDS = 8
"""For a busy machine; what is shown to end would go on for ever, or for a minute."""
FOR_EVER_SECONDS = 60


def sent(url, *, allow_private=True, limits=USUAL, body=b'{"type": "handoff.resolved"}'):
    return post(url, headers=HEADERS, body=body, allow_private=allow_private, limits=limits)


@pytest.fixture(autouse=True)
def fresh_lines(monkeypatch):
    """No connection of one test serves another."""
    lines = wire.KeptLines()
    monkeypatch.setattr(wire, "kept_lines", lines)
    yield
    lines.close()


@pytest.fixture
def names(monkeypatch):
    """A name server of the test's own: names it knows lead where it says, one list of addresses per question."""
    known, asked = {}, []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        if host not in known:
            return real(host, port, *args, **kwargs)
        answers = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [entry for text in answers for entry in real(text, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    getaddrinfo.known, getaddrinfo.asked = known, asked
    return getaddrinfo


# What is sent, and what comes back


def test_the_message_arrives_as_it_was_given():
    with receiver(answering()) as there:
        exchange = sent(there.url(path="/hook?a=b"), body=b'{"n":1}')
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert sorted(lines[1:]) == sorted(
        [
            f"Host: 127.0.0.1:{there.port}",
            "Accept-Encoding: identity",
            "Content-Length: 7",
            "Content-Type: application/json",
            "User-Agent: HandoffDesk",
            "webhook-id: d-1",
        ]
    )
    assert body == b'{"n":1}'
    assert (exchange.status, exchange.error, exchange.response_snippet) == (200, "", "ok")


STATUSES = [200, 201, 204, 226, 299, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410]
STATUSES += [411, 413, 415, 418, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 507, 520, 599, 600, 999]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_reported_and_none_is_followed(status):
    body = b"" if status in (204, 304) else b"words"
    with receiver(answering(status, body, Location="/elsewhere", Retry_After="120")) as there:
        exchange = sent(there.url())
    assert len(there.requests) == 1
    assert exchange.status == status
    assert exchange.error == ""
    assert exchange.response_snippet == body.decode()
    assert exchange.retry_after == "120"
    assert not exchange.refused


def test_a_redirect_to_an_inner_address_is_not_followed():
    with receiver(answering()) as inner, receiver(answering(307, Location=inner.url())) as outer:
        exchange = sent(outer.url())
    assert exchange.status == 307
    assert inner.connections_count == 0


def test_no_proxy_and_no_password_of_the_machine_is_used(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with receiver(answering(418)) as proxy, receiver(answering()) as there:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert sent(there.url()).status == 200
    assert proxy.connections_count == 0
    assert b"authorization" not in there.requests[0].lower()


def test_a_snippet_can_be_stored_and_shown_whatever_it_holds():
    nasty = b"a\x00b\x1b[31mc\xff\xfe\r\n\td " + "\u202e\u200b\U0001f600é".encode()
    with receiver(answering(body=nasty)) as there:
        exchange = sent(there.url())
    assert exchange.response_snippet == "a�b�[31mc��\r\n\td ��\U0001f600é"


def test_a_hostile_retry_after_can_be_stored_too():
    with receiver(
        saying(b"HTTP/1.1 503 x\r\nRetry-After: 1\x002" + b"9" * 500 + b"\r\nContent-Length: 0\r\n\r\n")
    ) as there:
        retry_after = sent(there.url()).retry_after
    assert len(retry_after) == 100
    assert "\x00" not in retry_after


# Time


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda sock: threading.Event().wait(FOR_EVER_SECONDS), id="hang"),
        pytest.param(dripping(b"", b"H"), id="status line, byte by byte"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), id="header, byte by byte"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="100 for ever"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, pause_seconds=0), id="100 in a flood"),
    ],
)
def test_an_answer_that_does_not_come_ends_on_time(answer):
    with receiver(answer) as there:
        started_at = time.monotonic()
        exchange = sent(there.url(), limits=QUICK)
        took_seconds = time.monotonic() - started_at
    assert exchange.status is None
    assert exchange.error == "No answer in time"
    assert QUICK.total_seconds <= took_seconds < QUICK.total_seconds + SLACK_SECONDS
    assert QUICK.total_seconds * 1000 <= exchange.duration_ms <= took_seconds * 1000 + 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"b"), id="body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"b"), id="body without a length"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n"), id="chunks"),
        pytest.param(
            dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n", b"X: y\r\n"),
            id="trailers",
        ),
    ],
)
def test_a_body_that_does_not_end_is_cut_off_on_time_and_the_status_counts(answer):
    with receiver(answer) as there:
        started_at = time.monotonic()
        exchange = sent(there.url(), limits=QUICK)
        took_seconds = time.monotonic() - started_at
    assert exchange.status == 200
    assert exchange.response_snippet.startswith("b")
    assert exchange.error == "The answer broke off. No answer in time"
    assert took_seconds < QUICK.total_seconds + SLACK_SECONDS


def test_a_receiver_that_does_not_read_ends_on_time():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        started_at = time.monotonic()
        exchange = sent(f"http://127.0.0.1:{deaf.getsockname()[1]}/", limits=QUICK, body=b"x" * 20_000_000)
    assert exchange.error == "No answer in time"
    assert time.monotonic() - started_at < QUICK.total_seconds + SLACK_SECONDS


def test_a_tls_handshake_that_hangs_ends_with_the_time_to_connect():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started_at = time.monotonic()
        exchange = sent(f"https://127.0.0.1:{mute.getsockname()[1]}/", limits=QUICK)
    assert exchange.error == "No answer in time"
    assert time.monotonic() - started_at < QUICK.connect_seconds + SLACK_SECONDS


def test_a_name_server_that_hangs_ends_with_the_time_to_connect_and_is_asked_once_at_a_time(monkeypatch):
    release, asked = threading.Event(), []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        release.wait(FOR_EVER_SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    started_at = time.monotonic()
    exchanges = [sent("http://slow.example/", limits=QUICK) for _ in range(2)]
    assert [exchange.error for exchange in exchanges] == ["No answer in time"] * 2
    assert time.monotonic() - started_at < 2 * QUICK.connect_seconds + SLACK_SECONDS
    assert asked == ["slow.example"]
    release.set()


def test_many_dead_addresses_share_the_time_to_connect(names):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        names.known["dead.example"] = [[f"127.0.0.{number}" for number in range(1, 30)]]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        started_at = time.monotonic()
        exchange = sent(f"http://dead.example:{port}/", limits=replace(QUICK, total_seconds=9, connect_seconds=2))
        for filler in fillers:
            filler.close()
    assert exchange.status is None
    assert time.monotonic() - started_at < 2 + SLACK_SECONDS < 2 * wire.MAX_ADDRESSES


def test_an_address_that_does_not_answer_gives_way_to_the_next(names):
    with receiver(answering()) as there:
        names.known["two.example"] = [["127.0.0.2", "127.0.0.1"]]
        assert sent(there.url("two.example")).status == 200


# Size


def endless(head, *, total_bytes):
    def answer(sock):
        sock.sendall(head)
        for _ in range(total_bytes // 65536):
            sock.sendall(b"z" * 65536)

    return answer


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 157286400\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["length", "none"],
)
def test_of_150_megabytes_the_first_16_kilobytes_are_read(head):
    with receiver(endless(head, total_bytes=150 * 1024 * 1024)) as there:
        tracemalloc.start()
        exchange = sent(there.url(), limits=Limits(snippet_chars=10**9))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent(there.url()).status == 200
    assert exchange.status == 200
    assert exchange.response_snippet == "z" * 16 * 1024
    assert exchange.duration_ms < 1000
    assert peak_bytes < 2_000_000
    assert there.connections_count == 2, "a connection with a rest in it is not used again"


@pytest.mark.parametrize("framing", [b"Content-Length: 16394", b"Transfer-Encoding: chunked"])
def test_a_rest_that_comes_later_does_not_reach_the_next_answer(framing):
    size_line = b"400a\r\n" if b"chunked" in framing else b""
    with receiver(
        saying(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + size_line + b"z" * 16384, then_close=False)
    ) as there:
        exchanges = [sent(there.url(), limits=QUICK) for _ in range(2)]
    assert [(exchange.status, exchange.error) for exchange in exchanges] == [(200, ""), (200, "")]
    assert there.connections_count == 2


def test_a_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(b"\0" * 50_000_000)
    with receiver(answering(body=bomb, Content_Encoding="gzip")) as there:
        exchange = sent(there.url())
    assert exchange.status == 200
    assert exchange.response_snippet == "(16384 bytes encoded as gzip, not unpacked)"


def test_a_snippet_is_shorter_than_what_was_read():
    with receiver(answering(body=b"y" * 10_000)) as there:
        exchange = sent(there.url())
        assert exchange.response_snippet == "y" * 2000
        assert sent(there.url()).status == 200
    assert there.connections_count == 1


# Broken answers


RESET = struct.pack("ii", 1, 0)


def resetting(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (resetting, "The connection was closed before the answer came"),
        (saying(b""), "The connection was closed before the answer came"),
        (saying(b"SSH-2.0-OpenSSH_9.9\r\n"), "What came back is not HTTP: BadStatusLine SSH-2.0-OpenSSH_9.9"),
        (saying(b"HTTP/1.1 abc\r\n\r\n"), "What came back is not HTTP: BadStatusLine"),
        (saying(b"HTTP/1.1 99 Low\r\n\r\n"), "What came back is not HTTP: BadStatusLine"),
        (saying(b"\x00\x1b[2J" * 100 + b"\r\n"), "What came back is not HTTP: BadStatusLine"),
        (saying(b"HTTP/1.1 200 " + b"a" * 70_000), "What came back is not HTTP: LineTooLong"),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "What came back is not HTTP: HTTPException"),
    ],
)
def test_what_is_no_answer_is_an_error_in_words(answer, error):
    with receiver(answer) as there:
        exchange = sent(there.url())
    assert exchange.status is None
    assert exchange.error.startswith(error)
    assert len(exchange.error) <= 300
    assert not set(exchange.error) & {"\x00", "\x1b"}


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 500\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_a_body_that_breaks_off_leaves_the_status(rest):
    with receiver(saying(b"HTTP/1.1 200 OK\r\n" + rest)) as there:
        exchange = sent(there.url())
    assert exchange.status == 200
    assert exchange.error.startswith("The answer broke off. ")
    assert exchange.response_snippet in ("half", "")


@pytest.mark.parametrize("status", [101, 102, 103])
def test_an_interim_answer_is_not_mistaken_for_the_answer_to_the_next_message(status):
    two = f"HTTP/1.1 {status} Wait\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst".encode()
    with receiver(saying(two, then_close=False)) as there:
        assert sent(there.url()).status == status
        assert sent(there.url()).status == status
    assert there.connections_count == 2


def test_an_answer_given_before_the_message_was_read_counts():
    def answer_at_once(listener):
        sock, _ = listener.accept()
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1_000_000):
            pass
        sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_at_once, args=(listener,), daemon=True).start()
        assert sent(f"http://127.0.0.1:{listener.getsockname()[1]}/", body=b"x" * 3_000_000).status == 413


def test_a_closed_port_is_a_refused_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchange = sent(f"http://127.0.0.1:{port}/")
    assert (exchange.status, exchange.error, exchange.refused) == (None, "The connection was refused", False)


def test_a_name_that_does_not_exist_says_so(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    exchange = sent("http://nowhere.example/")
    assert (exchange.status, exchange.error, exchange.refused) == (None, "The name does not resolve", False)


def test_a_name_without_an_address_is_an_error(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    exchange = sent("http://empty.example/")
    assert exchange.status is None
    assert "no address" in exchange.error


# TLS


def certificate_for(folder, *, name="erp.example", days=1):
    """The paths of a self-signed certificate and of a file with its key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now()
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=3)).not_valid_after(now + timedelta(days=days))
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.9"))]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    public = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "public.pem").write_bytes(public)
    (folder / "both.pem").write_bytes(private + public)
    return folder / "public.pem", folder / "both.pem"


@pytest.fixture
def tls(tmp_path, monkeypatch, request):
    """A server's context whose certificate this process trusts, as an operator would say it."""
    public, both = certificate_for(tmp_path, **getattr(request, "param", {}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    wire.tls_context.cache_clear()
    yield context
    wire.tls_context.cache_clear()


def test_a_trusted_certificate_is_checked_against_the_name_and_the_connection_kept(tls, names):
    names.known["erp.example"] = [["127.0.0.1"]]
    asked = []
    tls.sni_callback = lambda sock, name, context: asked.append(name)
    with receiver(answering(), tls=tls) as there:
        assert [sent(there.url("erp.example")).status for _ in range(3)] == [200, 200, 200]
    assert there.connections_count == 1
    assert asked == ["erp.example"]
    assert f"Host: erp.example:{there.port}".encode() in there.requests[0]


@pytest.mark.parametrize(
    "answer", [dripping(b"", b"H"), lambda sock: threading.Event().wait(FOR_EVER_SECONDS)], ids=["drip", "hang"]
)
def test_time_is_limited_over_tls_as_well(tls, names, answer):
    names.known["erp.example"] = [["127.0.0.1"]]
    with receiver(answer, tls=tls) as there:
        exchange = sent(there.url("erp.example"), limits=QUICK)
    assert (exchange.status, exchange.error) == (None, "No answer in time")
    assert exchange.duration_ms < (QUICK.total_seconds + SLACK_SECONDS) * 1000


def test_another_name_than_the_certificates_is_refused(tls, names):
    names.known["other.example"] = [["127.0.0.1"]]
    with receiver(answering(), tls=tls) as there:
        exchange = sent(there.url("other.example"))
    assert exchange.status is None
    assert exchange.error.startswith("The certificate is not accepted: Hostname mismatch")
    assert there.requests == []


@pytest.mark.parametrize("tls", [{"days": -1}], indirect=True)
def test_an_expired_certificate_is_refused(tls, names):
    names.known["erp.example"] = [["127.0.0.1"]]
    with receiver(answering(), tls=tls) as there:
        exchange = sent(there.url("erp.example"))
    assert exchange.error == "The certificate is not accepted: certificate has expired"
    assert there.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tls, names, monkeypatch):
    names.known["erp.example"] = [["127.0.0.1"]]
    monkeypatch.delenv("SSL_CERT_FILE")
    wire.tls_context.cache_clear()
    with receiver(answering(), tls=tls) as there:
        exchange = sent(there.url("erp.example"))
    assert exchange.error == "The certificate is not accepted: self-signed certificate"
    assert there.requests == []


def test_plain_http_behind_https_is_an_error():
    with receiver(answering()) as there:
        exchange = sent(there.url().replace("http:", "https:"), limits=QUICK)
    assert exchange.status is None
    assert exchange.error


# Connections kept for the next message


def test_connections_are_used_again_by_whichever_thread_comes_next_and_by_one_at_a_time():
    with receiver(answering()) as there:
        for _ in range(5):
            assert sent(there.url()).status == 200
        assert there.connections_count == 1
        other = threading.Thread(target=lambda: sent(there.url()))
        other.start()
        other.join()
        assert there.connections_count == 1
        taken = wire.kept_lines.take(target_of(there.url()), allow_private=True, reuse_seconds=60)
        assert sent(there.url()).status == 200
        assert there.connections_count == 2
        taken.close()


def test_a_connection_is_not_trusted_for_longer_than_its_vetting():
    with receiver(answering()) as there:
        sent(there.url())
        sent(there.url(), limits=Limits(reuse_seconds=0))
    assert there.connections_count == 2


def test_a_connection_opened_in_development_is_not_used_when_private_addresses_are_closed():
    with receiver(answering()) as there:
        assert sent(there.url()).status == 200
        assert sent(there.url(), allow_private=False).refused
    assert len(there.requests) == 1


def test_a_connection_that_the_receiver_closed_meanwhile_costs_no_try():
    with receiver(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as there:
        for _ in range(3):
            assert sent(there.url()).status == 200
            time.sleep(0.02)
    assert there.connections_count == 3


def test_a_connection_that_dies_under_the_next_message_is_replaced_within_the_same_try():
    answers = [answering(), resetting, answering(201)]
    with receiver(lambda sock: answers.pop(0)(sock)) as there:
        assert sent(there.url()).status == 200
        assert sent(there.url()).status == 201
    assert there.connections_count == 2


def test_a_limited_number_of_connections_is_kept(monkeypatch):
    monkeypatch.setattr(wire.KeptLines, "MAX_KEPT", 2)
    with receiver(answering()) as one, receiver(answering()) as two, receiver(answering()) as three:
        for there in (one, two, three, three, two, one):
            assert sent(there.url()).status == 200
    assert [there.connections_count for there in (one, two, three)] == [2, 1, 1]


def test_a_forked_process_opens_connections_of_its_own():
    with receiver(answering()) as there:
        sent(there.url())
        child = os.fork()
        if child == 0:
            os._exit(0 if sent(there.url()).status == 200 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sent(there.url()).status == 200
    assert there.connections_count == 2


# Addresses that must never be reached

SSRF_HOSTS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.1",
    "127.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "ⓛocalhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001::80ff:fffe]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "127.0.0.1%00.erp.example",
    "erp.example@127.0.0.1",
    "erp.example%40127.0.0.1",
    "127.0.0.1#.erp.example",
    "127.0.0.1\\.erp.example",
    "127.0.0.1\t",
    "inner.example",
    "mixed.example",
    "mapped.example",
    "nat64.example",
    "linklocal.example",
]


@pytest.fixture
def trap(names, monkeypatch):
    """Two listeners on every loopback address, one per family, and a record of every attempt to connect anywhere."""
    names.known["inner.example"] = [["127.0.0.1"]]
    names.known["mixed.example"] = [["::1", "127.0.0.1", "10.0.0.1"]]
    names.known["mapped.example"] = [["::ffff:127.0.0.1"]]
    names.known["nat64.example"] = [["64:ff9b::7f00:1"]]
    names.known["linklocal.example"] = [["169.254.169.254", "fe80::1%lo"]]
    attempts, real = [], wire.TimedSocket.connect
    monkeypatch.setattr(wire.TimedSocket, "connect", lambda sock, to: (attempts.append(to), real(sock, to)))
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        listener.setblocking(False)
        yield SimpleNamespace(listener=listener, port=listener.getsockname()[1], attempts=attempts)


def assert_untouched(trap):
    assert trap.attempts == []
    with pytest.raises(BlockingIOError):
        trap.listener.accept()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", SSRF_HOSTS, ids=repr)
def test_no_spelling_of_an_inner_address_is_connected_to(trap, host, scheme):
    exchange = sent(f"{scheme}://{host}:{trap.port}/", allow_private=False, limits=QUICK)
    assert exchange.status is None
    assert exchange.refused or exchange.error == "The name does not resolve"
    assert exchange.error
    assert_untouched(trap)


def test_the_trap_would_have_caught_them(trap):
    loopback = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "①②⑦.⓪.⓪.①", "[::1]"]
    for host in [*loopback, "inner.example", "mixed.example"]:
        attempts_count = len(trap.attempts)
        exchange = sent(f"http://{host}:{trap.port}/", limits=Limits(total_seconds=0.3))
        assert exchange.error == "No answer in time", host
        assert len(trap.attempts) == attempts_count + 1
        trap.listener.accept()[0].close()


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fe80::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "224.0.0.1", "linklocal.example"],
)
def test_allowing_private_addresses_opens_no_others(trap, host):
    exchange = sent(f"http://{host}:{trap.port}/", limits=QUICK)
    assert exchange.refused
    assert_untouched(trap)


def test_a_name_that_turns_inward_after_it_was_checked_leads_nowhere(trap, names, monkeypatch):
    names.known["turning.example"] = [["192.0.32.8"], ["127.0.0.1"]]
    monkeypatch.setattr(wire.TimedSocket, "connect", lambda sock, to: (trap.attempts.append(to), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        sent(f"http://turning.example:{trap.port}/", allow_private=False)
    assert trap.attempts == [("192.0.32.8", trap.port)], "connected to the address that was vetted"
    assert names.asked == ["turning.example"], "asked once per connection"
    assert sent(f"http://turning.example:{trap.port}/", allow_private=False).refused
    assert len(trap.attempts) == 1


def test_of_a_name_with_inner_and_public_addresses_only_the_public_ones_are_tried(trap, names, monkeypatch):
    names.known["both.example"] = [["127.0.0.1", "192.0.32.8", "::1", "10.0.0.1"]]

    def refuse(sock, to):
        trap.attempts.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(wire.TimedSocket, "connect", refuse)
    exchange = sent(f"http://both.example:{trap.port}/", allow_private=False)
    assert exchange.error == "The connection was refused"
    assert trap.attempts == [("192.0.32.8", trap.port)]
