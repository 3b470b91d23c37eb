"""The journeys' stage: the live desk, a real worker beside it, and the invoice matcher where a journey asks for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.conf import settings
from django.utils import timezone

from handoffs.actions import doorbell, policies
from handoffs.models import Handoff
from handoffs.rules.policy_reading import read_yaml
from tests import factories
from tests.browser.stage import Desk, desk, remember_failure
from tests.journeys import outside

__all__ = ["desk"]


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    remember_failure(item, call)


@pytest.fixture(scope="session")
def worker(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One worker process for all journeys of this test process."""
    with django_db_blocker.unblock(), outside.worker(tmp_path_factory.mktemp("worker") / "log"):
        yield


@pytest.fixture
def bell(worker: None, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rings reach our worker, and nothing is left under way when the test's rows go."""
    monkeypatch.setitem(settings.RQ_QUEUES["default"], "DB", outside.queue_number())
    monkeypatch.setattr(doorbell, "_silent_until", 0.0)
    django_rq.get_queue("default").connection.flushdb()
    yield
    outside.until(outside.worker_is_idle, "the worker is idle")


Run = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def matcher_at_work(bell: None, desk: Desk, tmp_path: Path) -> outside.InvoiceMatcher:
    """The invoice matcher on this desk, with the policy that it comes with."""
    document = read_yaml(outside.POLICY.read_text())
    policies.save_draft(factories.WORKFLOW, document, author=None, now=timezone.now())
    policies.publish(factories.WORKFLOW, publisher=None, reason="The example's own", now=timezone.now())
    return outside.InvoiceMatcher(tmp_path, desk.url, factories.workflow())


@pytest.fixture
def waiting() -> Callable[[int], list[Handoff]]:
    """Wait until so many handoffs are pending, and return them in the order of their opening."""

    def handoffs(count: int) -> list[Handoff]:
        outside.until(lambda: Handoff.objects.pending().count() >= count, f"{count} handoffs wait")
        return list(Handoff.objects.pending().order_by("opened_at"))

    return handoffs
