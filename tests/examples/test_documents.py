"""The PDFs carry what the records say, in fonts that can show it."""

from datetime import date
from decimal import Decimal

import pypdfium2
import pytest
from invoices import fonts
from invoices.documents import draw_invoice, draw_order
from invoices.records import Vendor

from tests.examples.paperwork import invoice, line, order


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [document[at] for at in range(len(document))]
        return "\n".join(page.get_textpage().get_text_bounded() for page in pages)
    finally:
        document.close()


def test_an_invoice_shows_its_facts_and_its_total() -> None:
    text = text_of(draw_invoice(invoice(line("620.00"), line("0.125", sku="B-2", row=3), vendor_notes="Soon, please.")))
    for words in (
        "Acme",
        "INV-1",
        "3 October 2026",
        "PO-1",
        "620.00",
        "6,200.00 USD",
        "0.125",
        "6,201.25 USD",
        "Soon, please.",
    ):
        assert words in text


def test_an_order_shows_its_facts_in_its_currency() -> None:
    text = text_of(draw_order(order(line("1200", quantity="2.5"), currency="JPY")))
    for words in ("Purchase order", "PO-1", "1 September 2026", "Ines", "2.5", "1200", "3,000 JPY"):
        assert words in text


def test_the_same_invoice_gives_the_same_bytes() -> None:
    assert draw_invoice(invoice(line("1"))) == draw_invoice(invoice(line("1")))


def test_markup_in_a_name_is_text() -> None:
    assert "<script>alert(1)</script> & <b>" in text_of(
        draw_invoice(invoice(line("1"), vendor=Vendor(vendor_id="", name="<script>alert(1)</script> & <b>")))
    )


def test_characters_that_no_font_has_are_shown_as_replaced() -> None:
    drawn = fonts.markup("a\U0001f33b\u202eb\x07")
    assert "🌻" not in drawn
    assert (fonts.REPLACEMENT in drawn) or ("?" in drawn)
    assert "\u202e" not in drawn
    assert "\x07" not in drawn


def test_with_nothing_but_the_shipped_font_odd_names_degrade_visibly(monkeypatch: pytest.MonkeyPatch) -> None:
    vera = tuple(font for font in fonts.available(bold=False) if font.fontName == "Vera")
    monkeypatch.setattr(fonts, "available", lambda *, bold: vera)
    assert fonts.markup("Žé京") == '<font name="Vera">Žé?</font>'


def test_right_to_left_words_are_turned_for_the_page() -> None:
    assert fonts._in_visual_order("a בג דה z") == "a הד גב z"


def test_very_long_texts_and_many_lines_still_make_a_document() -> None:
    many = [line("1.00", sku=f"S-{at}" * 40, row=at + 2) for at in range(150)]
    long = Vendor(vendor_id="", name="N" * 4000, address="A " * 2000)
    text = text_of(draw_invoice(invoice(*many, vendor=long, vendor_notes="w" * 4000, invoice_date=date(2026, 1, 1))))
    assert "1,500.00 USD" in text
    assert Decimal("1500") == sum((one.quantity * one.unit_price for one in many), Decimal(0))
