"""JSON whose numbers stay exact, as text for storing and as canonical text for digests."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import simplejson


def exact_number(text: str) -> Decimal:
    """The Decimal that a JSON number with a fraction or exponent means, in plain notation: `1e2` is 100.

    Plain notation is what a jsonb column gives back, so a digest taken before storing still holds after.
    """
    number = Decimal(text)
    return Decimal(format(abs(number) if number == 0 else number, "f"))


_EXACT: dict[str, Any] = {"allow_nan": False, "ensure_ascii": False, "check_circular": False}
_CANONICAL: dict[str, Any] = _EXACT | {"sort_keys": True, "separators": (",", ":")}
_READABLE: dict[str, Any] = _EXACT | {"indent": 2}
_FORMS = (("exact", _EXACT), ("canonical", _CANONICAL), ("readable", _READABLE))
# Both write the same text; the quick one does not know decimals, and then the other writes it.
_QUICK = {name: json.JSONEncoder(**options) for name, options in _FORMS}
_WITH_DECIMALS = {name: simplejson.JSONEncoder(use_decimal=True, **options) for name, options in _FORMS}


def exact_dumps(value: Any) -> str:
    """JSON text in which a Decimal is a number with all its digits."""
    return _dumps(value, "exact")


def canonical_dumps(value: Any) -> str:
    """JSON text with sorted keys and no spaces: the same value always gives the same text, and so the same digest."""
    return _dumps(value, "canonical")


def readable_dumps(value: Any) -> str:
    """The exact text, indented for people."""
    return _dumps(value, "readable")


def _dumps(value: Any, form: str) -> str:
    try:
        return _QUICK[form].encode(value)
    except TypeError:
        return str(_WITH_DECIMALS[form].encode(value))


def sha256_of(value: Any) -> str:
    """Hex SHA-256 of the canonical text."""
    return hashlib.sha256(canonical_dumps(value).encode()).hexdigest()
