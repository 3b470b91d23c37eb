"""Makes invoices and orders; a test says only what matters to it."""

from datetime import date
from decimal import Decimal

from invoices.records import Invoice, Line, Order, Vendor

ACME = Vendor(vendor_id="V1", name="Acme", bank_account="NL91 0417 1643 00")
BOLT = Vendor(vendor_id="V2", name="Bolt")


def line(price: str, *, quantity: str = "10", sku: str = "A-1", row: int = 2) -> Line:
    return Line(row=row, sku=sku, description=f"Thing {sku}", quantity=Decimal(quantity), unit_price=Decimal(price))


def order(*lines: Line, vendor: Vendor = ACME, currency: str = "USD", number: str = "PO-1") -> Order:
    return Order(
        po_number=number, vendor=vendor, currency=currency, po_date=date(2026, 9, 1), buyer="Ines", lines=lines
    )


def invoice(
    *lines: Line, number: str = "INV-1", po_number: str = "PO-1", currency: str = "USD", **more: object
) -> Invoice:
    values: dict[str, object] = {"vendor": ACME, "invoice_date": date(2026, 10, 3)} | more
    return Invoice(invoice_number=number, po_number=po_number, currency=currency, lines=lines, **values)  # type: ignore[arg-type]


def orders(*known: Order) -> dict[str, Order]:
    return {one.po_number: one for one in known}
