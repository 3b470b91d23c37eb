"""Many small questions in one statement."""

from datetime import timedelta

import pytest

from handoffs import jobs
from handoffs.models import Absence
from handoffs.queries import lookups

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
KINDS = {
    "begun": lambda now: Absence.objects.to_hand_over(now),
    "over_for_an_hour": lambda now: Absence.objects.filter(ends_at__lte=now - HOUR, person__username="bob"),
    "anybody_else": lambda now: Absence.objects.exclude(person__username="bob"),
}


@pytest.mark.parametrize(
    ("hours", "due"), [(-1, set()), (0, {"begun"}), (2, {"begun"}), (3, {"begun", "over_for_an_hour"})]
)
def test_of_each_kind_it_is_told_whether_it_has_a_row_at_that_moment(now, bob, hours, due):
    Absence.objects.create(person=bob, starts_at=now, ends_at=now + 2 * HOUR)
    assert lookups.kinds_due(KINDS, now=now + hours * HOUR) == due


def test_a_pass_with_nothing_to_do_asks_one_question_and_leaves_a_sign_of_life(django_assert_num_queries):
    jobs.sweep()
    with django_assert_num_queries(2):
        assert set(jobs.sweep().values()) == {0}
