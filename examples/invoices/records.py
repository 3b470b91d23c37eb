"""What the matcher reads: vendors, purchase orders and invoices, as frozen values."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Vendor:
    vendor_id: str
    name: str
    address: str = ""
    country: str = ""
    email: str = ""
    bank_account: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an invoice or of an order; `row` is its line number in the file it came from."""

    row: int
    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal


@dataclass(frozen=True, kw_only=True)
class Order:
    po_number: str
    vendor: Vendor
    currency: str
    po_date: date | None
    buyer: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """An invoice as received. `stated_amount` is the total printed on it, where the file gives one."""

    invoice_number: str
    vendor: Vendor
    invoice_date: date | None
    po_number: str
    currency: str
    lines: tuple[Line, ...]
    stated_amount: Decimal | None = None
    vendor_notes: str = ""
    vendor_desk_answer: str = ""
    vendor_desk_po: str = ""
