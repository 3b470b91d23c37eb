"""A refund that a customer asks for, and the shipped list of them."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Refund:
    """What a customer wants back for an order, and how often they did in the last year."""

    reference: str
    customer: str
    order: str
    amount: Decimal
    currency: str
    cause: str
    earlier_refunds: int


def read_refunds(path: Path) -> list[Refund]:
    """The refunds of a CSV file in UTF-8 with the columns of `Refund`. Raises OSError, KeyError, ValueError."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_refund(row) for row in csv.DictReader(file)]


def _refund(row: dict[str, str]) -> Refund:
    return Refund(
        reference=row["reference"],
        customer=row["customer"],
        order=row["order"],
        amount=Decimal(row["amount"]),
        currency=row["currency"],
        cause=row["cause"],
        earlier_refunds=int(row["earlier_refunds"]),
    )
