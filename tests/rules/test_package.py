"""The context package: what a person is shown, what changed, and what is never told."""

from decimal import Decimal

import pytest

from handoffs.rules.facts import AttemptFacts
from handoffs.rules.package import GivenContext, build, changes, digest, grouped, headline, missing, render
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching

POLICY = load(invoice_matching())
DATA = {
    "vendor": "Acme",
    "amount": Decimal("6200.00"),
    "currency": "USD",
    "price_variance_percent": "4.2",
    "po_number": "PO-881",
    "bank_account": "DE8937",
}
DOCUMENT = {"id": "1", "name": "invoice.pdf", "title": "Invoice", "sha256": "a" * 64}


def _names(**data):
    return AttemptFacts(reference="INV-1", data=DATA | data).names()


def _build(given=None, **data):
    return build(
        POLICY, _names(**data), given or GivenContext(), root_cause="Price differs", suggested_outcome="approve_and_pay"
    )


def test_a_package_is_the_policys_fields_in_their_order_and_nothing_else():
    assert _build(GivenContext(documents=[DOCUMENT])) == {
        "workflow": "invoice-matching",
        "reference": "INV-1",
        "summary": "Invoice INV-1 from Acme is 4.2 % over PO-881",
        "root_cause": "Price differs",
        "fields": [
            _fact("amount", "Amount", "money", Decimal("6200.00"), currency="USD"),
            _fact("price_variance_percent", "Price variance", "percent", "4.2"),
            _fact("po_line", "Lines of the purchase order", "table", None),
            _fact("vendor_notes", "Vendor notes", "text", None),
            _fact("bank_account", "Bank account", "text", "DE8937", sensitive=True),
        ],
        "links": [],
        "documents": [DOCUMENT],
        "suggested_outcome": "approve_and_pay",
    }


def _fact(key, label, kind, value, *, sensitive=False, **more):
    return {"key": key, "label": label, "type": kind, "value": value, "sensitive": sensitive, **more}


def test_the_automations_own_words_go_first():
    package = _build(GivenContext(summary="Two orders fit", root_cause="PO-881 was split"))
    assert (package["summary"], package["root_cause"]) == ("Two orders fit", "PO-881 was split")


def test_a_summary_is_cut_at_500_characters():
    assert _build(GivenContext(summary="x" * 501))["summary"] == "x" * 500


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{reference}", "INV-1"),
        ("{data.vendor} wants {data.amount}", "Acme wants 6200.00"),
        ("{data.nothing}", "?"),
        ("{data.nothing|no order}", "no order"),
        ("{data.nothing|}", ""),
        ("{data.vendor.name}", "?"),
        ("{data.vendor|nobody}", "Acme"),
        ("no braces", "no braces"),
        ("{}", "{}"),
        ("{data.markup}", "<b>{reference}</b>"),
    ],
)
def test_a_template_is_filled_once_and_never_fails(template, text):
    assert render(template, _names(markup="<b>{reference}</b>")) == text


@pytest.mark.parametrize(
    ("amount", "paths"), [("1", []), (0, []), ("", ["data.amount"]), (None, ["data.amount"]), ([], ["data.amount"])]
)
def test_a_required_field_is_missing_when_it_is_absent_or_empty(amount, paths):
    assert missing(POLICY, _names(amount=amount)) == paths


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("6200.00"), "6,200.00"),
        ("1234567.5", "1,234,567.5"),
        (-1000, "-1,000"),
        ("a lot", "a lot"),
        (True, "True"),
        ("NaN", "NaN"),
        ("1e999999999", "1e999999999"),
        ("-1e-999999999", "-1e-999999999"),
    ],
)
def test_a_number_is_grouped_with_all_its_digits(value, text):
    assert grouped(value) == text


def test_the_headline_is_the_first_money_that_anybody_may_see():
    package = _build()
    assert headline(package) == "6,200.00 USD"
    package["fields"][0]["sensitive"] = True
    assert headline(package) == ""


def test_the_digest_is_of_the_whole_package_and_nothing_but_it():
    package = _build()
    assert digest(dict(reversed(package.items()))) == digest(package)
    others = [
        _build(amount=Decimal("6200.01")),
        _build(bank_account="DE0000"),
        _build(GivenContext(documents=[DOCUMENT])),
    ]
    assert len({digest(package), *map(digest, others)}) == 4


def test_the_digest_has_the_form_that_receivers_expect():
    assert (digest({}), len(digest({}))) == (f"sha256:{digest({})[7:]}", 71)


def test_nothing_changed():
    assert changes(_build(), _build()) == []


def test_changes_are_told_by_label_before_and_after():
    before, after = _build(), _build(GivenContext(documents=[DOCUMENT]), amount="6100.00", vendor_notes="Refund agreed")
    assert changes(before, after) == [
        {"label": "Amount", "before": "6200.00 USD", "after": "6100.00 USD"},
        {"label": "Vendor notes", "before": None, "after": "Refund agreed"},
        {"label": "Document", "before": None, "after": "invoice.pdf"},
    ]


def test_a_sensitive_change_is_told_without_its_values():
    told = changes(_build(), _build(bank_account="DE0000"))
    assert told == [{"label": "Bank account", "before": "•••", "after": "•••"}]
