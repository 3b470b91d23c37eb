"""Writes the shipped CSV files: `python -m invoices.generate DIRECTORY` gives the same bytes every time."""

import csv
import random
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from .catalogue import BUYERS, SELLERS
from .papers import Paper, papers

SEED = 20261120
FIRST_DAY = date(2026, 8, 31)

VENDOR_HEADER = ("vendor_id", "name", "address", "country", "email", "bank_account")
ORDER_HEADER = (
    "po_number",
    "vendor_id",
    "vendor",
    "po_date",
    "buyer",
    "currency",
    "sku",
    "description",
    "quantity",
    "unit_price",
)
INVOICE_HEADER = (
    "invoice_number",
    "vendor_id",
    "vendor",
    "invoice_date",
    "po_number",
    "currency",
    "sku",
    "description",
    "quantity",
    "unit_price",
    "vendor_notes",
    "vendor_desk_answer",
    "vendor_desk_po",
)


def tables() -> dict[str, list[tuple[str, ...]]]:
    """Return the three tables, header first, by file name."""
    dice = random.Random(SEED)  # noqa: S311 -- repeatable on purpose, guards nothing
    made = papers(dice)
    start = [FIRST_DAY + timedelta(days=at // 6) for at in range(len(made))]
    return {
        "vendors.csv": [VENDOR_HEADER, *_vendor_rows()],
        "purchase_orders.csv": [ORDER_HEADER, *_order_rows(made, start)],
        "invoices.csv": [INVOICE_HEADER, *_invoice_rows(made, start)],
    }


def write(directory: Path) -> None:
    """Write the tables as CSV files with Unix line ends."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in tables().items():
        with (directory / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def _vendor_rows() -> Iterable[tuple[str, ...]]:
    for at, seller in enumerate(SELLERS):
        account = f"{seller.country[:2].upper()}{(at * 37 + 11) % 98:02} NWTH {4100 + at * 13} {7000 + at * 91} {at:02}"
        email = f"accounts@vendor{at + 1:02}.example"
        yield f"V{at + 1:03}", seller.name, seller.address, seller.country, email, account


def _order_rows(made: list[Paper], start: list[date]) -> Iterable[tuple[str, ...]]:
    for at, (paper, day) in enumerate(zip(made, start, strict=True)):
        vendor_id, vendor = paper.order_vendor if paper.order_vendor[0] else (paper.vendor_id, paper.seller.name)
        head = (paper.po_number, vendor_id, vendor, str(day - timedelta(days=7 + at % 23)), BUYERS[at % len(BUYERS)])
        for line in paper.ordered if paper.in_orders else ():
            yield *head, paper.order_currency or paper.currency, *_cells(line)


def _invoice_rows(made: list[Paper], start: list[date]) -> Iterable[tuple[str, ...]]:
    for at, (paper, day) in enumerate(zip(made, start, strict=True)):
        po_number = paper.extra.get("po_number", paper.po_number)
        head = (f"INV-{10001 + at}", paper.vendor_id, paper.seller.name, str(day), po_number, paper.currency)
        for line in paper.billed:
            yield *head, *_cells(line), paper.notes, paper.answer, paper.desk_po


def _cells(line: dict[str, str]) -> tuple[str, ...]:
    return line["sku"], line["description"], line["quantity"], line["unit_price"]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
