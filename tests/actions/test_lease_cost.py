"""Leasing reads what posting takes and nothing more, in as many statements for many messages as for one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from handoffs.actions import delivery
from tests.factories import EndpointFactory, HandoffFactory

pytestmark = pytest.mark.django_db


def _statements(count):
    for _ in range(count):
        HandoffFactory(resolved=True)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        leased = delivery.lease(now=timezone.now())
    return len(leased), len(asked)


def test_many_messages_take_as_many_statements_as_one():
    EndpointFactory(event_types=["handoff.resolved"])
    (few, for_few), (more, for_more) = _statements(1), _statements(3)
    assert (few < more, for_few) == (True, for_more)
