"""The order in which somebody wrote the keys of a JSON document, for databases that keep only the keys."""

from typing import Any


def order_of(value: Any) -> Any:
    """The keys of every object in `value` as lists, nested as the document is; None where there are none."""
    if isinstance(value, dict):
        return [[key, order_of(inner)] for key, inner in value.items()]
    if isinstance(value, list):
        inside = [order_of(inner) for inner in value]
        return inside if any(each is not None for each in inside) else None
    return None


def in_order(value: Any, order: Any) -> Any:
    """`value` with its keys in the `order` that `order_of` gave; keys that it does not know come last."""
    if not isinstance(order, list):
        return value
    if isinstance(value, dict):
        pairs = [pair for pair in order if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)]
        known = {key: in_order(value[key], inner) for key, inner in pairs if key in value}
        return known | {key: inner for key, inner in value.items() if key not in known}
    if isinstance(value, list) and len(value) == len(order):
        return [in_order(inner, its) for inner, its in zip(value, order, strict=True)]
    return value
