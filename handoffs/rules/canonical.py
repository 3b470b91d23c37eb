"""JSON whose numbers stay exact, as text for storing and as canonical text for digests."""

import hashlib
from decimal import Decimal
from typing import Any

import simplejson


def exact_number(text: str) -> Decimal:
    """The Decimal that a JSON number with a fraction or exponent means, in plain notation: `1e2` is 100.

    Plain notation is what a jsonb column gives back, so a digest taken before storing still holds after.
    """
    number = Decimal(text)
    return Decimal(format(abs(number) if number == 0 else number, "f"))


def exact_dumps(value: Any) -> str:
    """JSON text in which a Decimal is a number with all its digits."""
    return simplejson.dumps(value, use_decimal=True, allow_nan=False, ensure_ascii=False)


def canonical_dumps(value: Any) -> str:
    """JSON text with sorted keys and no spaces: the same value always gives the same text, and so the same digest."""
    return simplejson.dumps(
        value, use_decimal=True, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def sha256_of(value: Any) -> str:
    """Hex SHA-256 of the canonical text."""
    return hashlib.sha256(canonical_dumps(value).encode()).hexdigest()
