# ruff: noqa: E501 (one case a line)
"""The expression form: CEL's syntax, exact decimals, the same unknown; refused with line and column."""

from decimal import Decimal

import pytest

from handoffs.rules.conditions import ConditionResult
from tests.rules.invoices import NO, UNKNOWN, UNTYPED, YES, judged, problems, truth

WHEN = "triggers[1].when"
ODD_CASE = "data.vendor_age_days < 30 && decimal(data.amount).isRound(100)"


def test_the_odd_case():
    assert judged(ODD_CASE, vendor_age_days=3, amount="1200.00") == ConditionResult(
        truth=YES,
        because="data.vendor_age_days = 3, data.amount = 1200.00",
        sentence="Vendor age days 3 is below 30 and Amount 1,200.00 is a multiple of 100",
        read={"data.vendor_age_days": 3, "data.amount": "1200.00"},
    )
    assert truth(ODD_CASE, vendor_age_days=3, amount="1200.01") is NO
    assert truth(ODD_CASE, vendor_age_days=3) is UNKNOWN
    assert truth(ODD_CASE, vendor_age_days=31) is NO


@pytest.mark.parametrize(
    ("expression", "data", "expected"),
    [
        ("data.amount > 5000.01", {"amount": "5000.0100000000000000000001"}, YES),
        ("data.amount > 5000.01", {"amount": Decimal("5000.01")}, NO),
        ("5000.01 < data.amount", {"amount": "5000.02"}, YES),
        ("data.amount == 0.1", {"amount": Decimal("0.1000000000000000055511151231257827")}, NO),
        ("data.amount == 0.1000000000000000055511151231257827", {"amount": "0.1000000000000000055511151231257827"}, YES),
        ("data.amount - data.order_amount == 0.2", {"amount": "0.3", "order_amount": "0.1"}, YES),
        ("data.amount * 3 == 0.3", {"amount": "0.1"}, YES),
        ("data.amount + 1e-30 > 1", {"amount": 1}, YES),
        ("-data.amount <= - 2.50", {"amount": "2.5"}, YES),
        ("data.amount / 3 < 0.34", {"amount": 1}, YES),
        ("data.amount / 0 > 1", {"amount": 1}, UNKNOWN),
        ("data.amount % 100 == 0", {"amount": "1200.00"}, YES),
        ("data.amount >= 3u", {"amount": 3}, YES),
        ("data.vendor == 'Ä𝒳'  &&  data.amount < 1.5", {"vendor": "Ä𝒳", "amount": "1.4"}, YES),
        ("data.vendor in ['a', 'b']", {"vendor": "b"}, YES),
        ("!(data.amount in [1, 2.50])", {"amount": "2.5"}, NO),
        ("data.amount in [data.order_amount, 7]", {"amount": 7}, YES),
        ("data.amount in [data.order_amount, 7]", {"amount": 8}, UNKNOWN),
        ("'rush' in data.tags", {"tags": ["rush"]}, YES),
        ("data.tags.contains('rush')", {"tags": ["slow"]}, NO),
        ("has(data.po_number)", {"po_number": " "}, NO),
        ("data.po_number != null", {"po_number": "P"}, YES),
        ("null == data.po_number", {}, YES),
        ("data.urgent", {"urgent": True}, YES),
        ("!data.urgent", {"urgent": "maybe"}, UNKNOWN),
        ("data.urgent || data.amount > 1", {"amount": 2}, YES),
        ("data.urgent && data.amount > 1", {"amount": 1}, NO),
        ("data.urgent ? data.amount > 1 : data.amount > 100", {"urgent": False, "amount": 50}, NO),
        ("data.urgent ? data.amount > 1 : data.amount > 100", {"amount": 500}, UNKNOWN),
        ("data.vendor.matches('^A+$')", {"vendor": "AAA"}, YES),
        ("matches(data.vendor, r'\\d')", {"vendor": "A7"}, YES),
        ("data.vendor.startsWith('A') && data.vendor.endsWith('E') && data.vendor.contains('CM')", {"vendor": "ACME"}, YES),
        ("size(data.lines) > 1", {"lines": [1, 2]}, YES),
        ("data.vendor.size() == 2", {"vendor": "é𝒳"}, YES),
        ("data.lines.exists(line, line.price > 3 && line.sku == 'B')", {"lines": [{"price": 4, "sku": "A"}, {"price": 5, "sku": "B"}]}, YES),
        ("data.lines.all(line, line.price > data.amount)", {"lines": [{"price": 4}, {"price": 3}], "amount": 3}, NO),
        ("data.lines.exists(line, line.parts.all(part, part.weight > line.price))", {"lines": [{"price": 1, "parts": [{"weight": 2}]}]}, YES),
        ("data.tags.exists(tag, tag.startsWith('r'))", {"tags": ["rush"]}, YES),
        ("data.lines[1].price == 4", {"lines": [{}, {"price": 4}]}, YES),
        ('data["amount"] == 4', {"amount": 4}, YES),
        ("data.due_on < '2026-02-01'", {"due_on": "2026-01-31"}, YES),
        ("data.due_on < date('2026-02-01')", {"due_on": "2026-02-01"}, NO),
        ("data.due_on - date(data.received_at) > 30", {"due_on": "2026-03-04", "received_at": "2026-02-01T23:00:00Z"}, YES),
        ("confidence < 0.8 && attempts == 1 && reference.startsWith('INV')", {}, YES),
        ("error.type == 'timeout'", {}, NO),
        ("data.amount >\n  // over the limit\n  5.5", {"amount": 6}, YES),
    ],
)  # fmt: skip
def test_what_expressions_mean(expression, data, expected):
    assert truth(expression, **data) is expected


def test_untyped_data_is_judged_by_what_it_holds():
    assert truth("data.a > 5000.01", UNTYPED, a="5000.02") is YES
    assert truth("data.a == data.b", UNTYPED, a="7.0", b=7) is YES
    assert truth("data.a.exists(x, x.y)", UNTYPED, a=[{"y": True}]) is YES
    assert truth("data['unit price'] > 1", UNTYPED, **{"unit price": 2}) is YES


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("data.amuont > 1", "unknown field data.amuont, did you mean data.amount? (line 1, column 1)"),
        ("data.urgent &&\n  data.amuont > 1", "unknown field data.amuont, did you mean data.amount? (line 2, column 3)"),
        ("data.lines.exists(line, line.prise > 1)", "unknown field line.prise, did you mean line.price? (line 1, column 25)"),
        ("data.vendor > 'x'", "> does not fit data.vendor, which is text: use = or != (line 1, column 1)"),
        ("data.vendor == 7", "data.vendor is text, but 7 is not: write text in quotes (line 1, column 1)"),
        ("data.amount", "data.amount is a number and does not give yes or no: compare it with something (line 1, column 1)"),
        ("data.amount + 1", "Amount plus 1 is a number and does not give yes or no: compare it with something (line 1, column 1)"),
        ("true", "this reads no field, so it always gives the same: name a field"),
        ("1 < 2", "this reads no field, so it always gives the same: name a field"),
        ("data.amount > ", "the expression ends too early (line 1, column 15)"),
        ("data.amount matches 'x'", "'matches' is not expected here (line 1, column 13)"),
        ("data.amount > 99999999999999999999", "invalid int literal (line 1, column 15)"),
        ("double(data.amount) > 1.0", "unknown function double, use decimal (line 1, column 7)"),
        ("data.lines.exist(line, line.price > 1)", "unknown function exist, did you mean exists? (line 1, column 1)"),
        ("(data.amount > 1) == true", "this gives yes or no: join it with && or ||, do not compare it (line 1, column 2)"),
        ("data.lines.map(line, line.price) == 1", "a loop other than exists and all cannot be used in a condition (line 1, column 15)"),
        ("data.vendor == b'x'", "a literal of bytes cannot be used in a condition (line 1, column 16)"),
        ("data.vendor == {}", "a map in braces cannot be used in a condition (line 1, column 16)"),
        ("data.lines.exists(data, data.price > 1)", "data is taken: give the item another name (line 1, column 18)"),
        ("data.vendor.matches('(')", "not a valid regular expression: missing ): ( (line 1, column 1)"),
        ("data.vendor.matches(data.po_number)", "matches needs a regular expression in quotes (line 1, column 1)"),
        ("data.amount > null", "null has no order: ask whether the field is there, as in !has(data.po_number) (line 1, column 1)"),
        ("data.vendor + 'x' == 'y'", "'x' is not a number: write a number such as 5000.01 (line 1, column 1)"),
        ("has(data.amuont)", "unknown field data.amuont, did you mean data.amount? (line 1, column 5)"),
        ("'\ud800' == data.vendor", "the expression holds characters that are no text"),
        ("data.urgent" + " " * 2000, "the expression has 2011 characters, 2000 are allowed"),
        ("(" * 500, "the expression is nested too deeply: split it into several triggers"),
        ("", "the expression ends too early (line 1, column 1)"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_and_column(expression, problem):
    assert [found.partition(": ")[2] for found in problems(expression)] == [problem]


def test_every_mistake_of_an_expression_is_reported_at_once():
    assert problems("data.amuont > 1 || data.urgent && data.vendr == 'x'") == [
        f"{WHEN}: unknown field data.amuont, did you mean data.amount? (line 1, column 1)",
        f"{WHEN}: unknown field data.vendr, did you mean data.vendor? (line 1, column 35)",
    ]


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "data.__class__", "data.vendor.__len__() > 1", "self", "type(data) == map", "request.user",
     "dyn(data)", "google.protobuf.Any{}", "data.vendor.format([1])", "open('x')", "size(data) > 0"],
)  # fmt: skip
def test_an_expression_reaches_nothing_but_its_facts(expression):
    assert problems(expression) != []


def test_reading_an_attribute_of_a_value_finds_nothing():
    assert truth("data.a.__class__ == 'x'", UNTYPED, a="text") is UNKNOWN
    assert truth("has(data.a.keys)", UNTYPED, a={}) is NO


def test_conditions_that_would_take_too_long_are_unknown():
    lines = [{"price": 1}] * 5000
    result = judged("data.lines.all(a, data.lines.all(b, a.price == b.price))", lines=lines)
    assert (result.truth, result.because) == (UNKNOWN, "too much data to look at")
    assert judged("data.lines.exists(a, a.price == 1)", lines=lines).truth is YES


def test_a_pattern_is_given_up_on_long_text_that_it_could_be_slow_on():
    result = judged("data.vendor.matches('.*a.{30}c')", vendor="ab" * 5000)
    assert (result.truth, result.sentence) == (UNKNOWN, "Vendor is too long for the pattern")
    assert truth("data.vendor.matches('urgent|asap')", vendor="ab" * 5000 + "asap") is YES
