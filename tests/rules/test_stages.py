"""Stages: one wider, one back, and when a limit is passed."""

import pytest

from handoffs.rules.policy import Limits
from handoffs.rules.stages import StageFigures, passed, raised, share_of_stage, stepped_back


@pytest.mark.parametrize(("percent", "wider"), [(0, 1), (1, 5), (7, 10), (50, 100), (100, None)])
def test_the_next_wider_stage(percent, wider):
    assert raised(percent) == wider


@pytest.mark.parametrize(
    ("rollout", "earlier", "back"),
    [
        ({"percent": 50}, [{"percent": 50}, {"percent": 5}], {"percent": 5, "shadow": False}),
        ({"percent": 50}, [{"percent": 100}], {"percent": 25, "shadow": False}),
        ({}, [], {"percent": 50, "shadow": False}),
        ({"percent": 10, "when": "x"}, [{"percent": 10, "shadow": True}], {"percent": 10, "shadow": True, "when": "x"}),
        ({"percent": 10, "shadow": True}, [], None),
        ({"percent": 0}, [{"percent": 5}], None),
    ],
)
def test_one_step_back(rollout, earlier, back):
    assert stepped_back(rollout, earlier) == back


def test_a_shadow_reaches_nobody():
    assert (share_of_stage({"shadow": True}), share_of_stage({}), share_of_stage({"percent": 5})) == (0, 100, 5)


LIMITS = Limits(min_cases=10, override_percent=25, cut_off_percent=10, failed_recovery_percent=5, mtta_seconds=3600)


@pytest.mark.parametrize(
    ("figures", "names"),
    [
        ({}, []),
        ({"override_ratio": 0.25, "cut_off_ratio": 0.1, "failed_recovery_ratio": 0.05, "mtta_seconds": 3600}, []),
        ({"override_ratio": 0.251}, ["override rate"]),
        ({"cut_off_ratio": 0.2, "mtta_seconds": 3601}, ["cut-off rate", "MTTA"]),
        ({"failed_recovery_ratio": 1.0}, ["failed recoveries"]),
        ({"override_ratio": 1.0, "decided_count": 9}, []),
    ],
)
def test_which_limits_are_passed(figures, names):
    found = passed(LIMITS, StageFigures(**({"decided_count": 10} | figures)))
    assert [each.name for each in found] == names


def test_a_limit_that_was_passed_says_by_how_much():
    found = passed(LIMITS, StageFigures(decided_count=10, override_ratio=0.32))
    assert found[0].sentence == "override rate 32.0 % is above 25 %"


def test_without_limits_nothing_is_passed():
    assert passed(Limits(min_cases=1), StageFigures(decided_count=99, override_ratio=1.0)) == ()
