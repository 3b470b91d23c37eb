"""Policies in words, what differs between two, and YAML that reads back to the same values."""

import copy
from decimal import Decimal

import pytest

from handoffs.portal.policies.differences import differences
from handoffs.portal.policies.documents import flow, to_yaml
from handoffs.portal.policies.words import Words
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.policy_reading import plain, read_yaml
from tests.policies import changed, invoice_matching

TRICKY = ("1e5", "no", "1:30", "2026-01-31", "0x1F", "~", "", "<<", "yes", "12", "a: b", "# x", "- a", "null",
          "é\n two\n", "'q'", "{a}", ".5", "true ", "!x", "&a", "1.", "+1")  # fmt: skip


def told(before, after):
    return [
        " ".join(filter(None, (change.about, change.what, change.before, "→", change.after)))
        for section in differences(before, after)
        for change in section.changes
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("triggers.0.when.value", 3), ["Trigger price_variance threshold 2 → 3"]),
        (("sla.resolve_within", "9h"), ["Resolve within 8 h → 9 h"]),
        (("outcomes.0.reason", "required"), ["Outcome approve_and_pay reason optional → required"]),
        (("outcomes.1.together", True), ["Outcome request_vendor_correction for several cases at once no → yes"]),
        (("routes.0.role", "AP manager"), ["Route to AP manager role Procurement analyst → AP manager"]),
        (
            ("triggers.1.when", {"field": "data.po_number", "is": "present"}),
            ["Trigger missing_po fires when Purchase order is missing → Purchase order is given"],
        ),
    ],
)
def test_a_change_is_told_in_words(change, words):
    assert told(invoice_matching(), changed(change)) == words


def test_what_came_went_and_moved_is_told():
    after = copy.deepcopy(invoice_matching())
    after["triggers"] = [after["triggers"][1], after["triggers"][0], *after["triggers"][3:]]
    assert told(invoice_matching(), after) == [
        "Trigger low_confidence removed Low confidence: Confidence is below 0.8 →",
        (
            "Order price_variance, missing_po, repeated_failure, quality_sample → "
            "missing_po, price_variance, repeated_failure, quality_sample"
        ),
    ]
    assert told(after, after) == []


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"field": "data.currency", "is": "in", "value": ["EUR", "USD"]}, "Currency is one of EUR, USD"),
        ({"not": {"field": "data.po_number", "is": "missing"}}, "not Purchase order is missing"),
        (
            {"all": [{"field": "data.amount", "is": ">", "value": 1}, {"any": [
                {"field": "confidence", "is": "<", "value": Decimal("0.8")},
                {"field": "attempts", "is": ">=", "value": 3}]}]},
            "Amount is above 1 and (Confidence is below 0.8 or Attempts is at least 3)",
        ),
        ("data.amount > 3", "data.amount > 3"),
    ],
)  # fmt: skip
def test_a_condition_is_a_sentence(source, sentence):
    assert Words(invoice_matching()).condition(source) == sentence


@pytest.mark.parametrize("text", TRICKY)
def test_text_stays_text_in_yaml(text):
    document = {"workflow": "x", "title": text}
    assert plain(read_yaml(to_yaml(document))) == document
    assert plain(read_yaml(f"workflow: x\ntitle: {flow(text)}")) == document


@pytest.mark.parametrize("number", [Decimal("2.5"), Decimal("100"), 3, -1, Decimal("0.0000001"), Decimal("1E+5")])
def test_numbers_stay_exact_in_yaml(number):
    document = plain({"workflow": "x", "value": number})
    assert canonical_dumps(plain(read_yaml(to_yaml(document)))) == canonical_dumps(document)


def test_a_whole_policy_reads_back_to_itself():
    document = plain(invoice_matching())
    assert canonical_dumps(plain(read_yaml(to_yaml(document)))) == canonical_dumps(document)
