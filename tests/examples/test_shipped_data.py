"""The shipped files hold what they promise, and the generator still makes them."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from invoices import generate
from invoices.files import Reading, read_invoices, read_orders, read_vendors
from invoices.matching import Billing, Match, match_all

DATA = Path(generate.__file__).parent / "data"


@pytest.fixture(scope="module")
def found() -> list[Match]:
    reading = Reading(vendors=read_vendors(DATA / "vendors.csv"))
    known = read_orders(DATA / "purchase_orders.csv", reading)
    return match_all(read_invoices(DATA / "invoices.csv", reading), known, billing=Billing())


@pytest.mark.parametrize("name", ["vendors.csv", "purchase_orders.csv", "invoices.csv"])
def test_the_generator_makes_the_shipped_files_byte_for_byte(tmp_path: Path, name: str) -> None:
    generate.write(tmp_path)
    assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_about_three_quarters_of_many_invoices_match(found: list[Match]) -> None:
    assert len(found) >= 300
    assert 0.75 <= sum(not one.findings for one in found) / len(found) <= 0.80


def test_every_oddity_occurs(found: list[Match]) -> None:
    kinds = Counter(finding.key for one in found for finding in one.findings)
    of_the_order = {"missing_order", "unknown_order", "other_vendor", "other_currency"}
    assert set(kinds) == of_the_order | {"price_over", "not_ordered", "quantity_over"}


def test_variances_and_amounts_stand_on_both_sides_of_their_limits_and_on_them(found: list[Match]) -> None:
    variances = [one.variance for one in found if one.variance is not None]
    assert {(v > 2) - (v < 2) for v in variances} == {-1, 0, 1}
    assert min(variances) < -2
    amounts = [one.amount for one in found if one.findings]
    assert {(amount > 5000) - (amount < 5000) for amount in amounts} == {-1, 0, 1}
    assert {Decimal("4999.99"), Decimal("5000.01")} <= set(amounts)


def test_currencies_names_and_notes_are_odd_enough(found: list[Match]) -> None:
    assert len({one.invoice.currency for one in found}) >= 10
    assert all(one.amount == one.amount.to_integral() for one in found if one.invoice.currency == "JPY")
    words = "".join(one.invoice.vendor.name + one.invoice.vendor_notes for one in found)
    assert all(
        part in words for part in ("<script>", "=cmd", "=SUM", "מ", "京", "ễ", "🌻", "O'Brien", '"', "DROP", "{{")
    )


def test_some_quantities_are_partial_and_some_questions_find_the_order(found: list[Match]) -> None:
    assert any(line.line.quantity % 1 for one in found for line in one.lines)
    assert any(one.order is None and one.invoice.vendor_desk_po for one in found)
