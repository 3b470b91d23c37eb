"""Keys come back in the order in which they were written, whatever the database did to them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from handoffs.rules.key_order import in_order, order_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
)


def shuffled(value):
    """As a database gives it back: sorted by length, then by bytes."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_comes_back(document):
    assert json.dumps(in_order(shuffled(document), order_of(document))) == json.dumps(document)


@given(JSON, JSON)
def test_an_order_of_something_else_loses_nothing(document, other):
    assert in_order(document, order_of(other)) == document
