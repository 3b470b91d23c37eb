"""Numbers are never rounded on their way."""

from decimal import Decimal

import pytest
from handoffs_client import exact
from hypothesis import given
from hypothesis import strategies as st

EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.integers() | st.text() | st.booleans()


@given(st.dictionaries(st.text(), EXACT | st.lists(EXACT)))
def test_what_is_written_is_read_back(value):
    assert exact.loads(exact.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("6200.00"), "6200.00"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.1000000000000000055"), "0.1000000000000000055"),
        ({"b": 1, "a": [None, True, "ü"]}, '{"a":[null,true,"ü"],"b":1}'),
    ],
)
def test_the_text_is_canonical(value, text):
    assert exact.dumps(value) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf"), {1: 2}, object()])
def test_what_json_has_not_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        exact.dumps(value)
