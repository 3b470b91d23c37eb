"""Erlang's formulas against values that are known exactly, and the simulation against the formulas."""

import math
from itertools import pairwise

import pytest

from handoffs.rules import draws, queueing
from handoffs.rules.calendars import ALWAYS, Calendar, Hours
from handoffs.rules.openings import SECOND
from handoffs.rules.simulation import Arrival, ClockRules, Move, Simulation, Team, estimate
from handoffs.rules.staffing import Staffer
from handoffs.rules.working import WorkTime

MINUTE = 60
MONDAY = 1_762_732_800 * SECOND
"""Monday 10 November 2025, midnight in UTC."""
OFFICE = Calendar(key="office", title="Office", time_zone="UTC", weekly=((Hours.parse("09:00-17:00"),),) * 5 + ((), ()))
TEAM = Team(people=1, handling_seconds=600)


@pytest.mark.parametrize(
    ("people", "load", "ratio"),
    [(1, 0.5, 1 / 2), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (1, 1.0, 1.0), (2, 5.0, 1.0), (4, 0.0, 0.0)],
)
def test_the_share_that_waits_is_as_in_the_textbook(people, load, ratio):
    assert queueing.wait_ratio(people, load) == pytest.approx(ratio, abs=1e-12)


def test_one_server_waits_as_the_closed_form_says():
    wait = queueing.mean_wait_seconds(1, per_second=1 / 1000, handling_seconds=600)
    assert wait == pytest.approx(600 * 0.6 / 0.4)
    assert queueing.mean_wait_seconds(1, per_second=1 / 600, handling_seconds=600) == math.inf
    accepted = queueing.accepted_ratio(1, per_second=1 / 1000, handling_seconds=600, within_seconds=900)
    assert accepted == pytest.approx(1 - 0.6 * math.exp(-0.4 * 900 / 600))


def test_people_needed_is_the_first_number_that_is_enough():
    asked = {"per_second": 20 / 3600, "handling_seconds": 900, "within_seconds": 60}
    needed = queueing.people_needed(0.8, **asked)
    assert queueing.accepted_ratio(needed, **asked) >= 0.8 > queueing.accepted_ratio(needed - 1, **asked)
    assert queueing.people_needed(0.95, per_second=1000, handling_seconds=3600, within_seconds=60) is None


def poisson(per_hour, count, *, seed):
    """Arrivals without memory."""
    at, found = 0.0, []
    for place in range(count):
        at += draws.exponential(3600 / per_hour, seed, place)
        found.append(Arrival(at=MONDAY + round(at * SECOND), role="AP clerk"))
    return found


def around_the_clock(arrivals):
    return WorkTime(ALWAYS, ALWAYS, since=arrivals[0].at)


@pytest.mark.parametrize(("people", "per_hour", "handling_seconds"), [(1, 4, 540), (2, 7, 810), (4, 20, 600)])
def test_the_simulation_agrees_with_erlang_c_within_its_interval(people, per_hour, handling_seconds):
    waits, shares = [], []
    team = Team(people=people, handling_seconds=handling_seconds)
    for seed in range(10):
        arrivals = poisson(per_hour, 5_000, seed=1000 + seed)
        rules = ClockRules(accept_seconds=600)
        run = Simulation({"AP clerk": team}, rules, around_the_clock(arrivals), seed=seed).run(arrivals)["AP clerk"]
        waits.append(run.mean_wait_seconds)
        shares.append(run.accepted_ratio)
    rate = {"per_second": per_hour / 3600, "handling_seconds": handling_seconds}
    wait, share = estimate(waits), estimate(shares)
    assert abs(wait.mean - queueing.mean_wait_seconds(people, **rate)) <= wait.half_width
    assert abs(share.mean - queueing.accepted_ratio(people, **rate, within_seconds=600)) <= share.half_width
    assert wait.half_width < 0.25 * wait.mean


def at(*minutes, role="AP clerk", priority=20):
    return [Arrival(at=MONDAY + minute * MINUTE * SECOND, role=role, priority=priority) for minute in minutes]


def run(arrivals, team=None, rules=None, people=ALWAYS, sla=ALWAYS, **teams):
    time = WorkTime(people, sla, since=arrivals[0].at)
    fixed = team or Team(people=1, handling_seconds=600, samples=(600.0,))
    return Simulation({"AP clerk": fixed, **teams}, rules or ClockRules(), time, seed=1).run(arrivals)


def test_work_is_taken_one_after_the_other():
    load = run(at(0, 1, 2), rules=ClockRules(accept_seconds=600, resolve_seconds=1200))["AP clerk"]
    assert load.waits == [0.0, 540.0, 1080.0]
    assert (load.taken_in_time, load.resolved_late, load.longest_queue, load.busy_seconds) == (2, 1, 2, 1800.0)


def test_the_more_urgent_goes_first():
    arrivals = [*at(0, 1), *at(2, priority=40)]
    assert run(arrivals)["AP clerk"].waits == [0.0, 480.0, 1140.0]


def test_what_nobody_takes_moves_up_and_then_is_cut_off():
    rules = ClockRules(cut_off_seconds=1500, moves=(Move(after_seconds=300, role="AP manager"),))
    slow = Team(people=1, handling_seconds=6000, samples=(6000.0,))
    loads = run(at(0, 1, 2), team=slow, rules=rules, **{"AP manager": Team(people=0, handling_seconds=60)})
    assert (loads["AP clerk"].moved_up, loads["AP clerk"].cut_off) == (2, 1)
    assert (loads["AP manager"].arrived, loads["AP manager"].cut_off, loads["AP manager"].never) == (2, 2, 0)


def test_without_people_and_limits_it_is_never_taken():
    load = run(at(0, 1), team=Team(people=0, handling_seconds=60))["AP clerk"]
    assert (load.never, load.waits, load.accepted_ratio) == (2, [], 0.0)


def test_people_work_in_their_hours_and_the_target_may_count_others():
    arrivals = at(8 * 60, 16 * 60 + 55, 20 * 60)
    rules = ClockRules(accept_seconds=1800)
    same = run(arrivals, rules=rules, people=OFFICE, sla=OFFICE)["AP clerk"]
    assert (same.waits, same.taken_in_time) == ([0.0, 0.0, 300.0], 3)
    around = run(arrivals, rules=rules, people=OFFICE, sla=ALWAYS)["AP clerk"]
    assert around.taken_in_time == 1, "what came before nine and after five was late when somebody came"


def test_the_same_seed_gives_the_same_and_another_another():
    arrivals = poisson(5, 300, seed=3)
    time = around_the_clock(arrivals)
    once, again, other = (
        Simulation({"AP clerk": TEAM}, ClockRules(), time, seed=seed).run(arrivals)["AP clerk"].waits
        for seed in (1, 1, 2)
    )
    assert once == again != other


def test_the_people_needed_are_the_first_that_are_enough():
    arrivals = poisson(20, 2_000, seed=4)
    team = Team(people=0, handling_seconds=900)
    staffer = Staffer(arrivals, team, around_the_clock(arrivals), within_seconds=600, seed=1)
    needed = staffer.needed(0.95)
    assert staffer.accepted_ratio(needed) >= 0.95 > staffer.accepted_ratio(needed - 1)
    formula = queueing.people_needed(0.95, per_second=20 / 3600, handling_seconds=900, within_seconds=600)
    assert abs(needed - formula) <= 1
    assert [each.people for each in staffer.curve(around=needed)] == list(
        range(max(1, needed - 4), max(1, needed - 4) + 9)
    )


def test_draws_are_even_and_do_not_depend_on_each_other():
    numbers = [draws.uniform(7, place) for place in range(20_000)]
    assert 0 <= min(numbers) < max(numbers) < 1
    assert sum(numbers) / len(numbers) == pytest.approx(0.5, abs=0.01)
    pairs = sum((a - 0.5) * (b - 0.5) for a, b in pairwise(numbers)) / len(numbers)
    assert abs(pairs) < 0.002
