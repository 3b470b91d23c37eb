"""Without Valkey, or with a frozen one, nothing waits and nothing is lost: the sweep carries what nobody rings for."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone

from config.places import find_binaries
from config.queue import connection_settings
from handoffs import jobs
from handoffs.actions import delivery, doorbell
from handoffs.models import Delivery, Handoff
from handoffs.queries.invariants import violations
from tests.factories import HandoffFactory, decide, post, workflow

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 2.0
"""The longest that anything may take."""


class OwnValkey:
    """A Valkey of this test alone, which it may kill and freeze."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "valkey.sock"
        self.folder = folder
        self.start()

    def start(self) -> None:
        flags = ["--port", "0", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        command = [find_binaries(None).valkey, *flags, "--unixsocket", self.socket, "--dir", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=str(self.socket))
        deadline = time.monotonic() + 60
        while not self._answers(client) and time.monotonic() < deadline:
            time.sleep(0.02)
        client.close()

    def _answers(self, client: redis.Redis) -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def fill(self) -> None:
        client = redis.Redis(unix_socket_path=str(self.socket))
        client.config_set("maxmemory", 1)
        client.close()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)


@pytest.fixture
def valkey(tmp_path, settings, monkeypatch):
    own = OwnValkey(tmp_path)
    queue = django_settings.RQ_QUEUES["default"]
    kept = {name: queue[name] for name in ("SERIALIZER", "DEFAULT_RESULT_TTL")}
    settings.RQ_QUEUES = {"default": connection_settings(f"unix://{own.socket}") | kept}
    monkeypatch.setattr(doorbell, "_silent_until", 0.0)
    yield own
    own.process.kill()
    own.process.wait()


@pytest.fixture
def receiver(httpserver):
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    target = workflow()
    target.allowed_hosts = [f"{httpserver.host}:{httpserver.port}", httpserver.host]
    target.save()
    return httpserver


def _seconds(act) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def test_the_doorbell_rings_once_until_it_is_answered(valkey):
    assert [doorbell.ring(doorbell.DELIVER) for _ in range(3)] == [True, True, True]
    client = redis.Redis(unix_socket_path=str(valkey.socket))
    assert client.llen("rq:queue:default") == 1
    doorbell.answered(doorbell.DELIVER)
    doorbell.ring(doorbell.DELIVER)
    assert client.llen("rq:queue:default") == 2
    client.close()


@pytest.mark.parametrize("trouble", ["stop", "freeze", "fill"])
def test_reports_and_decisions_are_taken_at_once_and_a_worker_finds_the_delivery(valkey, receiver, ann, trouble):
    held = HandoffFactory(accepted_by=ann, callback_url=receiver.url_for("/hook"))
    getattr(valkey, trouble)()
    took = [
        _seconds(lambda: decide(held, ann, now=timezone.now())),
        _seconds(lambda: post(callback_url=receiver.url_for("/hook"))),
        _seconds(lambda: doorbell.ring(doorbell.DELIVER)),
    ]
    assert (max(took) < PATIENCE_SECONDS, Handoff.objects.count()) == (True, 2)
    assert [each.state for each in Delivery.objects.all()] == ["queued"]
    assert _seconds(jobs.sweep) < PATIENCE_SECONDS
    assert jobs.deliver() == 1
    assert ([each.state for each in Delivery.objects.all()], len(receiver.log)) == (["delivered"], 1)
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []


def test_a_silent_doorbell_keeps_one_request_waiting_not_all(valkey):
    valkey.freeze()
    first, *others = (_seconds(lambda: doorbell.ring(doorbell.DELIVER)) for _ in range(9))
    assert (first < PATIENCE_SECONDS, min(others) < 0.05) == (True, True)


def test_losing_everything_in_the_queue_loses_no_work(valkey, receiver, ann):
    decide(HandoffFactory(accepted_by=ann, callback_url=receiver.url_for("/hook")), ann, now=timezone.now())
    client = redis.Redis(unix_socket_path=str(valkey.socket))
    assert client.llen("rq:queue:default") == 1
    client.flushall()
    assert jobs.sweep()["deliveries_rung"] == 1
    assert client.llen("rq:queue:default") == 1
    client.close()
    jobs.deliver()
    assert [each.state for each in Delivery.objects.all()] == ["delivered"]
