"""Messages are believed by their signature and dealt with once, over crashes and twins."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from handoffs_client import Inbox, Journal, Receiver, WebhookRefused
from standardwebhooks import Webhook

from tests.client import contract

SECRET, OLD, OTHERS = ("whsec_" + word * 8 for word in ("QUJDRA", "RUZHSA", "SUpLTA"))


def signed(secret=SECRET, *, message_id="msg-1", at=None, body=None):
    data = contract.resolved() | {"sequence": 7, "correlation_id": "run-1"}
    body = body or json.dumps({"type": "handoff.resolved", "timestamp": "2026-11-20T09:00:00Z", "data": data})
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }
    return body.encode(), headers


def test_a_signed_message_is_understood():
    news = Inbox(SECRET).read(*signed())
    assert (news.id, news.type, news.sequence) == ("msg-1", "handoff.resolved", 7)
    assert (news.handoff.decision.outcome, news.handoff.correlation_id) == ("approve_and_pay", "run-1")


def test_two_secrets_are_good_while_one_replaces_the_other():
    inbox = Inbox([SECRET, OLD])
    assert inbox.read(*signed(OLD)).id == inbox.read(*signed(SECRET)).id


@pytest.mark.parametrize("spoil", ["others", "body", "old", "unsigned"])
def test_what_does_not_prove_itself_is_refused(spoil):
    body, headers = signed(
        OTHERS if spoil == "others" else SECRET,
        at=datetime.now(UTC) - timedelta(hours=1) if spoil == "old" else None,
    )
    if spoil == "body":
        body = body.replace(b"approve_and_pay", b"reject")
    with pytest.raises(WebhookRefused):
        Inbox(SECRET).read(body, {} if spoil == "unsigned" else headers)


def test_a_signed_message_of_somebody_else_is_refused():
    with pytest.raises(WebhookRefused, match="no message"):
        Inbox(SECRET).read(*signed(body='{"type": "x"}'))


def test_a_message_is_dealt_with_once_also_by_the_next_run(tmp_path):
    path = tmp_path / "journal.sqlite3"
    with Inbox(SECRET, journal=Journal(path)).taking(*signed()) as news:
        assert news is not None
    with Inbox(SECRET, journal=Journal(path)).taking(*signed()) as news:
        assert news is None


def test_a_message_that_could_not_be_dealt_with_comes_again():
    inbox = Inbox(SECRET)
    with pytest.raises(ValueError, match="disk"), inbox.taking(*signed()):
        raise ValueError("disk full")
    with inbox.taking(*signed()) as news:
        assert news is not None


class Told:
    """Keeps what it is told; fails as often as it is asked to."""

    def __init__(self, failures=0):
        self.news, self.failures = [], failures

    def __call__(self, news):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")
        self.news.append(news)


@pytest.fixture
def receiver():
    server = Receiver(Inbox(SECRET), Told()).start()
    yield server
    server.shutdown()
    server.server_close()


def post(receiver, body, headers, path=None):
    url = receiver.url if path is None else receiver.url.replace("/hooks/desk", path)
    return requests.post(url, data=body, headers=headers, timeout=5).status_code


def test_the_receiver_answers_what_the_desk_understands(receiver):
    body, headers = signed()
    assert [post(receiver, body, headers), post(receiver, body, headers)] == [204, 204]
    assert len(receiver.handle.news) == 1
    assert post(receiver, body, {}) == 401
    assert post(receiver, body, headers, path="/elsewhere") == 404
    assert post(receiver, b"x" * (1024 * 1024 + 1), headers) == 413


def test_a_handler_that_fails_has_the_message_sent_again(receiver):
    receiver.handle.failures = 1
    body, headers = signed()
    assert [post(receiver, body, headers), post(receiver, body, headers)] == [503, 204]
    assert len(receiver.handle.news) == 1
