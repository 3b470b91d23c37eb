"""The webhook receiver believes signatures only, and its pages show everything as text."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from invoices.entries import State
from invoices.hooks import MAX_BODY_BYTES, Receiver, open_receiver
from invoices.ledger import Ledger
from invoices.pages import ledger_text

from tests.examples.stand_in_desk import SECRET, signed

EVIL = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture
def receiver(ledger: Ledger, now: datetime) -> Iterator[Receiver]:
    with ledger.books() as books:
        books.add(number="INV/1 <b>", vendor=EVIL, amount="10.00", currency="USD", bank_account="SECRET-9", now=now)
        books.keep_handoff("INV/1 <b>", {"id": "h-1", "context_digest": "sha256:one"})
        books.move("INV/1 <b>", State.WAITING, note=EVIL, now=now)
    receiver = open_receiver(ledger, secret=SECRET, on_news=lambda: None)
    receiver.start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()


def message(**change: Any) -> bytes:
    decision = {"outcome": "approve_and_pay", "decided_at": "2026-11-20T10:00:00Z", "context_digest": "sha256:one"}
    handoff = {"id": "h-1", "reference": "INV/1 <b>", "state": "resolved", "decision": decision}
    return json.dumps({"type": "handoff.resolved", "data": handoff | change}).encode()


def post(receiver: Receiver, body: bytes, headers: dict[str, str], path: str = "/hooks/desk") -> requests.Response:
    return requests.post(receiver.url + path, data=body, headers=headers, timeout=5)


def payment_count(ledger: Ledger) -> int:
    with ledger.books() as books:
        return len(books.payments())


def test_a_signed_decision_is_applied_and_its_repetition_is_not(receiver: Receiver, ledger: Ledger) -> None:
    headers = signed(message(), webhook_id="msg_1", at=datetime.now(UTC))
    assert [post(receiver, message(), headers).status_code for _ in range(3)] == [200, 200, 200]
    assert payment_count(ledger) == 1


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": "yesterday"},
    ],
)
def test_a_webhook_without_a_valid_signature_is_refused(
    receiver: Receiver, ledger: Ledger, forged: dict[str, str]
) -> None:
    headers = signed(message(), webhook_id="msg_1", at=datetime.now(UTC)) | forged if forged else {}
    assert post(receiver, message(), headers).status_code == 401
    assert payment_count(ledger) == 0


def test_another_secret_an_old_signature_and_a_changed_body_are_refused(receiver: Receiver, ledger: Ledger) -> None:
    moment = datetime.now(UTC)
    other = signed(message(), webhook_id="m", at=moment, secret="whsec_YW5vdGhlci1zZWNyZXQtMDEyMzQ1Njc4OQ==")
    old = signed(message(), webhook_id="m", at=moment - timedelta(minutes=6))
    genuine = signed(message(), webhook_id="m", at=moment)
    answers = [post(receiver, message(), other), post(receiver, message(), old), post(receiver, message(x=1), genuine)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert payment_count(ledger) == 0


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"type": "x", "data": []}', b"null", b"{", b'{"type": "x", "data": {"state": {}}}']
)
def test_a_signed_body_that_is_no_handoff_does_no_harm(receiver: Receiver, ledger: Ledger, body: bytes) -> None:
    answer = post(receiver, body, signed(body, webhook_id="msg_1", at=datetime.now(UTC)))
    assert answer.status_code in (200, 400)
    assert payment_count(ledger) == 0


def test_a_decision_before_our_report_is_answered_is_asked_for_again(
    receiver: Receiver, ledger: Ledger, now: datetime
) -> None:
    with ledger.books() as books:
        books.add_attempt("INV/1 <b>", "first", {})
    answer = post(receiver, message(), signed(message(), webhook_id="msg_1", at=datetime.now(UTC)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert payment_count(ledger) == 0


def test_too_large_a_body_and_a_wrong_address_are_refused(receiver: Receiver) -> None:
    too_large = {"Content-Length": str(MAX_BODY_BYTES + 1)}
    with socket.create_connection(("127.0.0.1", receiver.server_port), timeout=5) as line:
        line.sendall(
            f"POST /hooks/desk HTTP/1.1\r\nHost: x\r\nContent-Length: {too_large['Content-Length']}\r\n\r\n".encode()
        )
        assert line.recv(200).startswith(b"HTTP/1.1 413")
    assert post(receiver, b"", {}, path="/elsewhere").status_code == 404


def test_the_pages_show_everything_as_text_and_no_bank_account(receiver: Receiver) -> None:
    for path in ("/", "/invoices/INV%2F1%20%3Cb%3E"):
        page = requests.get(receiver.url + path, timeout=5)
        assert page.status_code == 200
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script" not in page.text
        assert "<b>" not in page.text
        assert "SECRET-9" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert requests.get(receiver.url + "/invoices/nothing", timeout=5).status_code == 404


def test_the_printed_ledger_cannot_steer_a_terminal(receiver: Receiver, ledger: Ledger) -> None:
    printed = ledger_text(ledger)
    assert "alert(1)" in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_the_port_is_kept_and_another_taken_when_it_is_not_free(ledger: Ledger) -> None:
    first = open_receiver(ledger, secret=SECRET, on_news=lambda: None)
    second = open_receiver(ledger, secret=SECRET, on_news=lambda: None)
    ports = [first.server_port, second.server_port]
    first.server_close()
    second.server_close()
    third = open_receiver(ledger, secret=SECRET, on_news=lambda: None)
    third.server_close()
    assert ports[0] != ports[1]
    assert third.server_port == ports[1]
