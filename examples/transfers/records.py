"""A transfer, and the shipped list of them."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Money for a payee. `lost_requests` and `late_seconds` are the bank's mood, which the bot does not know.

    The bank loses the first `lost_requests` requests; with `late_seconds` it carries out the first of them all the
    same, so many seconds later.
    """

    reference: str
    payee: str
    account: str
    amount: Decimal
    currency: str
    lost_requests: int = 0
    late_seconds: float = 0.0


def read_transfers(path: Path) -> list[Transfer]:
    """The transfers of a CSV file in UTF-8 with the columns of `Transfer`. Raises OSError, KeyError, ValueError."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_transfer(row) for row in csv.DictReader(file)]


def _transfer(row: dict[str, str]) -> Transfer:
    return Transfer(
        reference=row["reference"],
        payee=row["payee"],
        account=row["account"],
        amount=Decimal(row["amount"]),
        currency=row["currency"],
        lost_requests=int(row.get("lost_requests") or 0),
        late_seconds=float(row.get("late_seconds") or 0),
    )
