"""What is asked of a desk at work is answered for one moment, however it moves meanwhile."""

from functools import partial

import pytest
from django.utils import timezone

from handoffs.actions import lifecycle
from handoffs.queries import verification
from tests.factories import HandoffFactory
from tests.faults.crowd import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_trail_that_grows_while_it_is_verified_is_not_called_broken(ann, monkeypatch):
    handoff = HandoffFactory()
    heads = verification._heads

    def somebody_accepts():
        seen = list(heads())
        at_once([partial(lifecycle.accept, handoff, reviewer=ann, now=timezone.now())])
        monkeypatch.setattr(verification, "_heads", heads)
        return seen

    monkeypatch.setattr(verification, "_heads", somebody_accepts)
    with verification.one_moment():
        assert list(verification.verify_audit()) == []
    lifecycle.release(handoff, actor=ann, now=timezone.now())
    monkeypatch.setattr(verification, "_heads", somebody_accepts)
    assert [found.problem for found in verification.verify_audit()] == ["the end of the trail is missing"]
