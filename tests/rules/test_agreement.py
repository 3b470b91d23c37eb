"""Agreement against published worked examples, and against its own definition computed exactly."""

from decimal import Decimal
from fractions import Fraction
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as some

from handoffs.rules.agreement import agreement, band_of, criteria, kappa, wilson
from handoffs.rules.policy import Promotion


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    [
        # Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions: diagnoses of 100 patients
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.6765, 0.5046, 0.8484),
        # two dermatologists on 88 patients, the example of the FREQ procedure of SAS
        ([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]], 0.3449, 0.2030, 0.4868),
    ],
)
def test_kappa_and_its_interval_are_those_of_published_examples(table, value, low, high):
    found = kappa(table)
    assert (round(found.value, 4), round(found.interval.low, 4), round(found.interval.high, 4)) == (value, low, high)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_that_of_newcombe_1998(successes, count, low, high):
    found = wilson(successes, count)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


TABLES = some.integers(1, 4).flatmap(
    lambda size: some.lists(
        some.lists(some.integers(0, 30), min_size=size, max_size=size), min_size=size, max_size=size
    )
)


@given(TABLES)
def test_kappa_is_its_definition_in_exact_fractions(table):
    count = sum(map(sum, table))
    first = [Fraction(sum(row), count or 1) for row in table]
    second = [Fraction(sum(column), count or 1) for column in zip(*table, strict=True)]
    expected = sum(one * other for one, other in zip(first, second, strict=True))
    found = kappa(table)
    if not count or expected == 1:
        assert found is None
        return
    observed = Fraction(sum(table[i][i] for i in range(len(table))), count)
    exact = (observed - expected) / (1 - expected)
    assert isclose(found.value, float(exact), abs_tol=1e-9)
    assert found.interval.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.interval.high


@given(some.integers(1, 500).flatmap(lambda count: some.tuples(some.integers(0, count), some.just(count))))
def test_the_interval_of_a_share_holds_the_share_and_stays_between_nothing_and_all(drawn):
    successes, count = drawn
    found = wilson(successes, count)
    assert 0 <= found.low <= successes / count <= found.high <= 1


def test_the_matrix_counts_who_said_what():
    found = agreement([("pay", "pay"), ("pay", "reject"), ("pay", "pay"), ("hold", "hold")])
    assert (found.labels, found.rows) == (("hold", "pay", "reject"), ((1, 0, 0), (0, 2, 1), (0, 0, 0)))
    assert (found.count, found.agreed_count, found.ratio) == (4, 3, 0.75)


def test_nothing_compared_says_nothing():
    found = agreement([])
    assert (found.count, found.ratio, found.interval, found.kappa) == (0, None, None, None)


def test_who_always_say_the_same_one_word_have_no_kappa():
    assert agreement([("pay", "pay")] * 9).kappa is None


def test_criteria_are_held_against_the_lower_end_of_the_interval():
    named = Promotion(min_cases=10, agreement_percent=85, kappa=0.5)
    weak = agreement([("pay", "pay")] * 9 + [("reject", "reject")] * 1)
    strong = agreement([("pay", "pay")] * 60 + [("reject", "reject")] * 40)
    assert [each.met for each in criteria(named, weak)] == [True, False, True]
    assert [each.met for each in criteria(named, strong)] == [True, True, True]
    assert [each.met for each in criteria(named, agreement([]))] == [False, False, False]


@pytest.mark.parametrize(
    ("amount", "band"),
    [
        (None, "no amount"),
        ("-5", "under 100"),
        ("99.99", "under 100"),
        ("100", "100 to 1,000"),
        ("1000", "1,000 to 10,000"),
        ("99999.99", "10,000 to 100,000"),
        ("100000", "100,000 and more"),
    ],
)
def test_the_band_of_an_amount(amount, band):
    assert band_of(Decimal(amount) if amount else None) == band
