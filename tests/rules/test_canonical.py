"""Numbers stay exact, and the same value always has the same text and digest."""

import json
from decimal import Decimal

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from handoffs.rules.canonical import canonical_dumps, exact_dumps, exact_number, sha256_of

numbers = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)
leaves = st.none() | st.booleans() | st.integers() | numbers | st.text(st.characters(exclude_categories=["Cs"]))
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1200.10", "1200.10"),
        ("1e2", "100"),
        ("1.50E1", "15.0"),
        ("-0.0", "0.0"),
        ("0.1", "0.1"),
        ("1E-7", "0.0000001"),
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
    ],
)
def test_a_number_is_read_with_all_its_digits_in_plain_notation(text, number):
    assert str(exact_number(text)) == number or format(exact_number(text), "f") == number


def test_a_decimal_is_written_as_a_number():
    assert exact_dumps({"amount": Decimal("1200.10"), "name": "Zoë"}) == '{"amount": 1200.10, "name": "Zoë"}'


def test_the_order_of_keys_does_not_matter():
    assert canonical_dumps({"b": [1, {"d": 2, "c": 1}], "a": None}) == '{"a":null,"b":[1,{"c":1,"d":2}]}'


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("Infinity")], ids=str)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError):
        canonical_dumps({"amount": value})


@given(documents)
def test_what_was_written_and_read_again_has_the_same_digest(document):
    again = json.loads(exact_dumps(document), parse_float=exact_number)
    assert sha256_of(again) == sha256_of(document)


def test_different_values_have_different_digests():
    values = [None, 0, "0", False, [], {}, [0], "", Decimal("0.0"), Decimal("0.00")]
    assert len({sha256_of(value) for value in values}) == len(values)


@given(documents)
def test_the_quick_writer_and_the_one_that_knows_decimals_write_the_same(value):
    for options in ({}, {"sort_keys": True, "separators": (",", ":")}):
        slow = simplejson.dumps(value, use_decimal=True, allow_nan=False, ensure_ascii=False, **options)
        assert (canonical_dumps(value) if options else exact_dumps(value)) == slow
