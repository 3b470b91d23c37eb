"""From CSV files to vendors, orders and invoices; several rows with one number are the lines of one document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from .records import Invoice, Line, Order, Vendor
from .table import BadFile, Cells, Complaints, read_rows

VENDOR_COLUMNS: dict[str, tuple[str, ...]] = {
    "vendor_id": ("id", "supplier id"),
    "name": ("vendor", "vendor name", "supplier"),
    "address": (),
    "country": (),
    "email": ("e-mail", "mail"),
    "bank_account": ("iban", "account"),
}
LINE_COLUMNS: dict[str, tuple[str, ...]] = {
    "sku": ("item", "item code", "article", "material", "part number"),
    "description": ("item description", "text"),
    "quantity": ("qty", "invoice qty", "invoiced quantity", "ordered quantity", "order qty"),
    "unit_price": ("price", "invoice price", "invoice unit price", "order price", "net price"),
    "vendor": ("vendor name", "supplier", "supplier name"),
    "vendor_id": ("supplier id", "vendor number"),
    "currency": ("currency code",),
    "po_number": ("po", "po id", "po no", "purchase order", "purchase order number", "order number"),
}
ORDER_COLUMNS = LINE_COLUMNS | {"po_date": ("order date", "date"), "buyer": ("approver", "ordered by")}
INVOICE_COLUMNS = LINE_COLUMNS | {
    "invoice_number": ("invoice", "invoice id", "invoice no", "document number"),
    "invoice_date": ("date", "document date"),
    "amount": ("invoice amount", "total", "total amount", "gross amount"),
    "bank_account": ("iban", "account"),
    "vendor_notes": ("notes", "note", "comment", "comments"),
    "vendor_desk_answer": ("answer",),
    "vendor_desk_po": (),
}
REQUIRED_OF_ORDERS = ("po_number", "quantity", "unit_price")
REQUIRED_OF_INVOICES = ("invoice_number", "vendor", "quantity", "unit_price")

_SCATTERED = "stands in two places of the file; its lines must follow each other"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What to know beside the file itself: known vendors, the currency where none is given, and renamed columns."""

    vendors: Mapping[str, Vendor] = field(default_factory=dict)
    currency: str = "USD"
    mapping: Mapping[str, str] = field(default_factory=dict)


def read_vendors(path: Path) -> dict[str, Vendor]:
    """Read vendors by their id. Raises BadFile."""
    rows, complaints = read_rows(path, synonyms=VENDOR_COLUMNS, required=("vendor_id", "name"), mapping={})
    vendors = {cells.required("vendor_id"): _vendor_record(cells) for cells in rows}
    complaints.raise_any()
    return vendors


def read_orders(path: Path, reading: Reading) -> dict[str, Order]:
    """Read purchase orders by their number. Raises BadFile."""
    rows, complaints = _rows(path, ORDER_COLUMNS, REQUIRED_OF_ORDERS, reading)
    orders: dict[str, Order] = {}
    for number, group in _grouped(rows, "po_number"):
        if number in orders:
            complaints.add(group[0].row, f"order {number} {_SCATTERED}")
        orders[number] = _order(number, group, reading)
    complaints.raise_any()
    return orders


def read_invoices(path: Path, reading: Reading) -> list[Invoice]:
    """Read invoices in the order of the file. Raises BadFile."""
    rows, complaints = _rows(path, INVOICE_COLUMNS, REQUIRED_OF_INVOICES, reading)
    if not rows:
        raise BadFile(f"{path.name}: there are no invoices in it")
    invoices: dict[str, Invoice] = {}
    for number, group in _grouped(rows, "invoice_number"):
        if number in invoices:
            complaints.add(group[0].row, f"invoice {number} {_SCATTERED}")
        invoices[number] = _invoice(number, group, reading)
    complaints.raise_any()
    return list(invoices.values())


def _rows(
    path: Path, columns: dict[str, tuple[str, ...]], required: tuple[str, ...], reading: Reading
) -> tuple[list[Cells], Complaints]:
    mapping = {name: title for name, title in reading.mapping.items() if name in columns}
    return read_rows(path, synonyms=columns, required=required, mapping=mapping)


def _grouped(rows: list[Cells], name: str) -> list[tuple[str, list[Cells]]]:
    numbered = [(cells.required(name), cells) for cells in rows]
    return [(number, [cells for _, cells in group]) for number, group in groupby(numbered, key=lambda pair: pair[0])]


def _order(number: str, group: list[Cells], reading: Reading) -> Order:
    first = group[0]
    return Order(
        po_number=number,
        vendor=_vendor(first, reading),
        currency=_same(group, "currency").upper() or reading.currency,
        po_date=first.day("po_date"),
        buyer=first.text("buyer"),
        lines=tuple(_line(cells) for cells in group),
    )


def _invoice(number: str, group: list[Cells], reading: Reading) -> Invoice:
    first = group[0]
    first.required("vendor")
    return Invoice(
        invoice_number=number,
        vendor=_vendor(first, reading),
        invoice_date=first.day("invoice_date"),
        po_number=_same(group, "po_number"),
        currency=_same(group, "currency").upper() or reading.currency,
        lines=tuple(_line(cells) for cells in group),
        stated_amount=_stated_amount(group),
        vendor_notes=first.text("vendor_notes"),
        vendor_desk_answer=first.text("vendor_desk_answer"),
        vendor_desk_po=first.text("vendor_desk_po"),
    )


def _line(cells: Cells) -> Line:
    return Line(
        row=cells.row,
        sku=cells.text("sku"),
        description=cells.text("description"),
        quantity=cells.number("quantity", least=Decimal(0), exclusive=True),
        unit_price=cells.number("unit_price", least=Decimal(0)),
    )


def _stated_amount(group: list[Cells]) -> Decimal | None:
    """Return the invoice's own total; on several rows it is repeated, not split."""
    return group[0].optional_number("amount") if _same(group, "amount") else None


def _same(group: list[Cells], name: str) -> str:
    """Return the value that all lines of one document share, and complain where they do not."""
    value = group[0].text(name)
    for cells in group[1:]:
        found = cells.text(name)
        if found not in ("", value):
            cells.complaints.add(cells.row, f"{name} is “{found[:40]}”, but “{value[:40]}” on the lines above")
    return value


def _vendor(cells: Cells, reading: Reading) -> Vendor:
    known = reading.vendors.get(cells.text("vendor_id"))
    name, account = cells.text("vendor"), cells.text("bank_account")
    if known is None:
        return Vendor(vendor_id=cells.text("vendor_id"), name=name, bank_account=account)
    return Vendor(
        vendor_id=known.vendor_id,
        name=name or known.name,
        address=known.address,
        country=known.country,
        email=known.email,
        bank_account=account or known.bank_account,
    )


def _vendor_record(cells: Cells) -> Vendor:
    return Vendor(
        vendor_id=cells.required("vendor_id"),
        name=cells.required("name"),
        address=cells.text("address"),
        country=cells.text("country"),
        email=cells.text("email"),
        bank_account=cells.text("bank_account"),
    )
