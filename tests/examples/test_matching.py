"""The matching rules as tables."""

from decimal import Decimal
from fractions import Fraction

import pytest
from invoices.matching import Billing, Compare, Match, Outcome, match, match_all, percent_text, variance_percent
from invoices.money import money_text, parse_decimal, price_text
from invoices.records import Invoice, Order

from tests.examples.paperwork import BOLT, invoice, line, order, orders


def matched(one: Invoice, *known: Order, compare: Compare = Compare.UNIT) -> Match:
    return match(one, orders(*known), billing=Billing(), compare=compare)


def keys(found: Match) -> list[str]:
    return [finding.key for finding in found.findings]


@pytest.mark.parametrize(
    ("billed", "ordered", "percent", "is_over"),
    [
        ("102.00", "100.00", "2", False),
        ("102.01", "100.00", "2.01", True),
        ("101.99", "100.00", "1.99", False),
        ("100.00", "100.00", "0", False),
        ("98.00", "100.00", "-2", False),
        ("50.00", "100.00", "-50", False),
        ("620.00", "595.00", "4.201681", True),
        ("3.06", "3.00", "2", False),
        ("0.1", "0.3", "-66.666667", False),
        ("102.0000000001".rstrip("1"), "100", "2", False),
        ("1.00", "0.00", None, False),
    ],
)
def test_price_variance_is_exact_and_over_two_percent_only_above_two(
    billed: str, ordered: str, percent: str | None, is_over: bool
) -> None:
    found = matched(invoice(line(billed)), order(line(ordered)))
    assert (found.variance is None) == (percent is None)
    assert percent is None or percent_text(found.variance) == percent
    assert ("price_over" in keys(found)) is is_over


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        (Fraction(2), "2"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(-1, 3), "-0.333333"),
        (2 + Fraction(4, 10**7), "2.0000004"),
        (2 + Fraction(1, 3 * 10**7), "2.000000033333"),
        (2 - Fraction(1, 10**14), "1.99999999999999"),
        (Fraction(5, 2), "2.5"),
        (Fraction(3000), "3000"),
    ],
)
def test_a_percentage_is_never_written_as_a_threshold_that_it_does_not_equal(percent: Fraction, text: str) -> None:
    assert percent_text(percent) == text


@pytest.mark.parametrize("threshold", ["0", "2", "2.0001", "-2", "33.3333"])
@pytest.mark.parametrize(
    "distance", [Fraction(0), *(Fraction(sign, 3 * 10**n) for n in (3, 6, 7, 9, 15) for sign in (1, -1))]
)
def test_the_written_percentage_compares_like_the_exact_one(threshold: str, distance: Fraction) -> None:
    exact, limit = Fraction(threshold) + distance, Fraction(threshold)
    written = Fraction(percent_text(exact))
    assert ((written > limit), (written == limit)) == ((exact > limit), (exact == limit))


def test_variance_of_huge_and_tiny_prices_is_exact() -> None:
    assert variance_percent(Decimal("999999999999999.999999"), Decimal("0.000001")) == Fraction(
        "99999999999999999999800"
    )


@pytest.mark.parametrize(
    ("one", "known", "finding", "asks"),
    [
        (invoice(line("1"), po_number=""), order(line("1")), "missing_order", False),
        (invoice(line("1"), po_number="PO-9"), order(line("1")), "unknown_order", False),
        (invoice(line("1"), vendor=BOLT), order(line("1")), "other_vendor", True),
        (invoice(line("1"), currency="EUR"), order(line("1")), "other_currency", True),
        (invoice(line("1", sku="B-2")), order(line("1")), "not_ordered", True),
        (invoice(line("1", quantity="10.5")), order(line("1")), "quantity_over", True),
        (invoice(line("1"), stated_amount=Decimal("10.02")), order(line("1")), "does_not_add_up", True),
        (invoice(line("1.03")), order(line("1")), "price_over", False),
    ],
)
def test_each_oddity_is_found_by_itself(one: Invoice, known: Order, finding: str, asks: bool) -> None:
    found = matched(one, known)
    assert keys(found) == [finding]
    assert bool(found.asks) is asks
    assert found.confidence < 0.99
    assert found.root_cause


@pytest.mark.parametrize(
    "one",
    [
        invoice(line("1")),
        invoice(line("1", quantity="2.5")),
        invoice(line("1"), stated_amount=Decimal("10.01")),
        invoice(line("0.99")),
    ],
)
def test_what_agrees_has_no_finding_and_is_proposed_for_payment(one: Invoice) -> None:
    found = matched(one, order(line("1")))
    assert (found.findings, found.proposed_outcome, found.confidence) == ((), Outcome.PAY, 0.99)


@pytest.mark.parametrize(
    ("billed", "outcome"), [("103", Outcome.PAY), ("103.01", Outcome.CORRECT), ("200", Outcome.CORRECT)]
)
def test_a_small_excess_is_proposed_for_payment_and_a_large_one_for_correction(billed: str, outcome: Outcome) -> None:
    assert matched(invoice(line(billed)), order(line("100"))).proposed_outcome is outcome


def test_an_order_of_another_vendor_is_proposed_for_rejection_whatever_else_is_odd() -> None:
    assert matched(invoice(line("200"), vendor=BOLT), order(line("100"))).proposed_outcome is Outcome.REJECT


def test_the_largest_variance_of_several_lines_counts() -> None:
    billed = invoice(line("100"), line("51.50", sku="B-2", row=3), line("9", sku="C-3", row=4))
    known = order(line("100"), line("50", sku="B-2", row=3), line("10", sku="C-3", row=4))
    assert percent_text(matched(billed, known).variance) == "3"


def test_quantities_are_used_up_in_the_order_of_the_file() -> None:
    bills = [invoice(line("1", quantity=quantity), number=f"INV-{quantity}") for quantity in ("4", "6", "1")]
    found = match_all(bills, orders(order(line("1"))), billing=Billing())
    assert [keys(one) for one in found] == [[], [], ["quantity_over"]]


@pytest.mark.parametrize(("quantity", "percent"), [("10", "0"), ("11", "10"), ("9", "10")])
def test_totals_are_compared_either_way_when_asked_to(quantity: str, percent: str) -> None:
    found = matched(invoice(line("1", quantity=quantity)), order(line("1")), compare=Compare.TOTAL)
    assert percent_text(found.variance) == percent


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "amount"),
    [
        ("1", "5000", "USD", "5,000.00 USD"),
        ("3", "1666.67", "USD", "5,000.01 USD"),
        ("0.5", "4.25", "USD", "2.13 USD"),
        ("0.5", "333", "JPY", "167 JPY"),
        ("3", "0.1235", "BHD", "0.371 BHD"),
        ("999999999999999", "999999999999999.999999", "USD", "999,999,999,999,998,999,999,000,000,000.00 USD"),
    ],
)
def test_amounts_are_exact_and_rounded_half_up_to_the_currency(
    quantity: str, price: str, currency: str, amount: str
) -> None:
    found = matched(invoice(line(price, quantity=quantity), currency=currency))
    assert money_text(found.amount, currency) == amount


@pytest.mark.parametrize(
    "text", ["", "1,5", "1.", ".5", "1e5", "NaN", "Infinity", "１２", "1 000", "0x10", "1.2345678", "9" * 16]
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("price", "currency", "text"), [("595", "USD", "595.00"), ("0.125", "USD", "0.125"), ("1200", "JPY", "1200")]
)
def test_unit_prices_keep_all_their_decimals(price: str, currency: str, text: str) -> None:
    assert price_text(Decimal(price), currency) == text
