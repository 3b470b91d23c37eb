"""Exact decimals and currencies: how numbers are read, rounded and written; what they mean is left to matching."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

# Wide enough that a product or a sum of any numbers accepted below is exact.
EXACT = Context(prec=60)

# ISO 4217, where it is not two.
MINOR_DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}

_PLAIN_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,6})?", re.ASCII)


class NotANumber(ValueError):
    """The text is not a plain decimal number."""


def parse_decimal(text: str) -> Decimal:
    """Read `1234.50`; at most 15 digits before and 6 after the point. Raises NotANumber for anything else."""
    if not _PLAIN_NUMBER.fullmatch(text.strip()):
        raise NotANumber(f"“{text[:40]}” is not a plain decimal number such as 1234.50")
    return Decimal(text.strip())


def minor_digits(currency: str) -> int:
    """Return how many decimals amounts of a currency have: 2 for EUR, 0 for JPY."""
    return MINOR_DIGITS.get(currency, 2)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's minor unit."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_UP, context=EXACT)


def line_amount(quantity: Decimal, unit_price: Decimal, currency: str) -> Decimal:
    """Return quantity × unit price, computed exactly and then rounded to the currency's minor unit."""
    return round_money(EXACT.multiply(quantity, unit_price), currency)


def total(amounts: list[Decimal]) -> Decimal:
    """Add amounts exactly."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def plain(number: Decimal) -> str:
    """Write a number without exponent and without needless zeros after the point: `10`, `2.5`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_text(price: Decimal, currency: str) -> str:
    """Write a unit price with at least the currency's decimals: `595.00`, `0.125`, `1200` for JPY."""
    places = max(minor_digits(currency), len(plain(price).partition(".")[2]))
    return f"{price:.{places}f}"


def money_text(amount: Decimal, currency: str) -> str:
    """Write an amount for people: `6,200.00 USD`."""
    return f"{round_money(amount, currency):,f} {currency}"
