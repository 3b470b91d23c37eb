"""`/handoffs/{id}/sla/`: why it is due then, for those who may see it."""

import pytest

from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db


def test_the_targets_of_a_handoff_are_told_with_their_stretches(api, ann):
    handoff = HandoffFactory()
    answer = api(ann).get(f"/handoffs/{handoff.pk}/sla/")
    assert answer.status_code == 200
    assert [target["target"] for target in answer.body["targets"]] == ["accept", "resolve", "cut_off"]
    assert answer.body["targets"][0]["stretches"][0]["kind"] == "counted"


def test_a_stranger_learns_nothing(api, max_):
    assert api(max_).get(f"/handoffs/{HandoffFactory().pk}/sla/").status_code == 404
