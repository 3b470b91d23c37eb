"""The invoice and the purchase order as A4 pages; what is on them comes from records, how it looks is decided here."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from .fonts import available, markup
from .matching import invoice_amount, lines_amount
from .money import line_amount, money_text, plain, price_text
from .records import Invoice, Order, Vendor

BUYER = "Northwind Trading House\nAccounts payable\n12 Harbour Street\nRotterdam, The Netherlands"
_INK, _GREY, _HAIR, _SHADE = (HexColor(code) for code in ("#1c2430", "#667085", "#d0d5dd", "#f5f6f8"))
_WIDTH = A4[0] - 40 * mm
_CELL_CHARACTERS = 240  # a cell cannot break over pages
_COLUMNS = (24 * mm, _WIDTH - 104 * mm, 20 * mm, 28 * mm, 32 * mm)


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """One document, ready to be laid out; both kinds share one layout."""

    title: str
    number: str
    accent: HexColor
    sender: str
    receiver: str
    facts: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]
    total: str
    foot: str


def draw_invoice(invoice: Invoice) -> bytes:
    """Draw the invoice as its vendor would send it; the same invoice gives the same bytes."""
    vendor = invoice.vendor
    return _draw(
        _Sheet(
            title="Invoice",
            number=invoice.invoice_number,
            accent=HexColor("#0f5f8c"),
            sender=_address(vendor),
            receiver=BUYER,
            facts=[
                ("Invoice number", invoice.invoice_number),
                ("Invoice date", _day(invoice.invoice_date)),
                ("Your order", invoice.po_number or "–"),
                ("Pay to", vendor.bank_account or "–"),
            ],
            rows=_rows(invoice),
            total=money_text(invoice_amount(invoice), invoice.currency),
            foot=invoice.vendor_notes,
        )
    )


def draw_order(order: Order) -> bytes:
    """Draw the purchase order as the buyer sent it; the same order gives the same bytes."""
    return _draw(
        _Sheet(
            title="Purchase order",
            number=order.po_number,
            accent=HexColor("#3f6212"),
            sender=BUYER,
            receiver=_address(order.vendor),
            facts=[
                ("Order number", order.po_number),
                ("Order date", _day(order.po_date)),
                ("Ordered by", order.buyer or "–"),
                ("Currency", order.currency),
            ],
            rows=_rows(order),
            total=money_text(lines_amount(order), order.currency),
            foot="Please quote the order number on the invoice. Prices are fixed for this order.",
        )
    )


def _address(vendor: Vendor) -> str:
    return "\n".join(_short(part) for part in (vendor.name, vendor.address, vendor.country, vendor.email) if part)


def _day(day: date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else "–"


def _rows(document: Invoice | Order) -> list[list[str]]:
    return [
        [
            line.sku,
            line.description,
            plain(line.quantity),
            price_text(line.unit_price, document.currency),
            money_text(line_amount(line.quantity, line.unit_price, document.currency), document.currency),
        ]
        for line in document.lines
    ]


def _draw(sheet: _Sheet) -> bytes:
    target = io.BytesIO()
    template = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"{sheet.title} {sheet.number}",
        author=sheet.sender.partition("\n")[0],
        invariant=1,
    )
    template.build([*_head(sheet), Spacer(0, 9 * mm), _lines(sheet), Spacer(0, 6 * mm), *_foot(sheet)])
    return target.getvalue()


def _text(
    words: str, *, size: float = 9, bold: bool = False, colour: HexColor = _INK, right: bool = False
) -> Paragraph:
    style = ParagraphStyle(
        "text",
        fontName=available(bold=bold)[0].fontName,
        fontSize=size,
        leading=size * 1.45,
        textColor=colour,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
    )
    return Paragraph(markup(words, bold=bold), style)


def _short(words: str) -> str:
    return words if len(words) <= _CELL_CHARACTERS else words[: _CELL_CHARACTERS - 1] + "…"


def _head(sheet: _Sheet) -> list[Table | Spacer]:
    name, _, rest = sheet.sender.partition("\n")
    sender = [_text(name, size=13, bold=True), _text(rest, size=8, colour=_GREY)]
    title = [
        _text(sheet.title, size=20, bold=True, colour=sheet.accent, right=True),
        _text(_short(sheet.number), size=10, colour=_GREY, right=True),
    ]
    receiver = [_text("To", size=8, colour=_GREY), _text(sheet.receiver)]
    letterhead = Table([[sender, title]], colWidths=(_WIDTH * 0.58, _WIDTH * 0.42))
    rule = ("LINEBELOW", (0, 0), (-1, -1), 1.2, sheet.accent)
    letterhead.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), rule]))
    parties = Table([[receiver, _facts(sheet)]], colWidths=(_WIDTH * 0.5, _WIDTH * 0.5))
    parties.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return [letterhead, Spacer(0, 8 * mm), parties]


def _facts(sheet: _Sheet) -> Table:
    rows = [[_text(label, size=8, colour=_GREY), _text(_short(value), size=9)] for label, value in sheet.facts]
    table = Table(rows, colWidths=(_WIDTH * 0.17, _WIDTH * 0.31))
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]))
    return table


def _lines(sheet: _Sheet) -> Table:
    titles = ("Item", "Description", "Quantity", "Unit price", "Amount")
    head = [_text(title, size=8, bold=True, right=at > 1) for at, title in enumerate(titles)]
    body = [[_text(_short(cell), size=8.5, right=at > 1) for at, cell in enumerate(row)] for row in sheet.rows]
    total = ["", "", "", _text("Total", bold=True, right=True), _text(sheet.total, bold=True, right=True)]
    table = Table([head, *body, total], colWidths=_COLUMNS, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
                ("LINEBELOW", (0, 0), (-1, -2), 0.4, _HAIR),
                ("LINEABOVE", (0, -1), (-1, -1), 1, sheet.accent),
                ("TOPPADDING", (0, 0), (-1, -1), 4),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return table


def _foot(sheet: _Sheet) -> list[Paragraph]:
    return [_text(sheet.foot, size=8.5, colour=_GREY)] if sheet.foot else []
