"""The structured form: what each operator means, what it says, and that a missing value is unknown."""

from datetime import date
from decimal import Decimal

import pytest

from handoffs.rules.conditions import ConditionResult, DataSchema, compile_condition
from handoffs.rules.facts import AttemptFacts
from tests.rules.invoices import NO, UNKNOWN, UNTYPED, YES, compiled, judged, truth

VARIANCE = {"field": "data.price_variance_percent", "is": ">", "value": 2}


def field(name, operator, *value):
    """The condition on `data.name`."""
    return {"field": f"data.{name}", "is": operator, **({"value": value[0]} if value else {})}


def test_a_result_says_why_to_machines_and_to_people():
    assert judged(VARIANCE, price_variance_percent=Decimal("4.2")) == ConditionResult(
        truth=YES,
        because="data.price_variance_percent = 4.2",
        sentence="Price variance 4.2 is above 2",
        read={"data.price_variance_percent": Decimal("4.2")},
    )


def test_a_missing_value_is_unknown_and_named():
    assert judged(VARIANCE) == ConditionResult(
        truth=UNKNOWN,
        because="data.price_variance_percent is missing",
        sentence="Price variance is missing",
        read={"data.price_variance_percent": None},
    )


def test_an_unreadable_value_is_unknown_and_shown():
    result = judged(VARIANCE, price_variance_percent="about four")
    assert (result.truth, result.sentence) == (UNKNOWN, 'Price variance "about four" is not a number')


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        (">", NO, NO, YES),
        (">=", NO, YES, YES),
        ("<", YES, NO, NO),
        ("<=", YES, YES, NO),
        ("=", NO, YES, NO),
        ("!=", YES, NO, YES),
    ],
)
@pytest.mark.parametrize(
    "values",
    [
        (2, 1, "2.00", "2.000000000000000000000000000001"),
        ("5000.01", Decimal("5000.009"), Decimal("5000.010"), "5000.0100000000000000001"),
        (5000.01, "5000.00", "5000.01", 5001),
        (0.1, Decimal("0.09"), 0.1, Decimal("0.1000000000000000055511151231257827")),
        (Decimal("1e20"), 99999999999999999999, 10**20, "100000000000000000000.1"),
        (-1, "-1.1", "-1", 0),
    ],
)
def test_numbers_compare_exactly(operator, below, equal, above, values):
    limit, *amounts = values
    condition = field("amount", operator, limit)
    assert [truth(condition, amount=amount) for amount in amounts] == [below, equal, above]


NO_NUMBERS = (None, "", "  ", "abc", "1_000", "1,5", "٣", "0x10", "NaN", "9" * 2000, True, [], {}, float("nan"),
              Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), 10**4400)  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_what_is_no_number_is_unknown_to_every_comparison(value):
    operators = (">", ">=", "<", "<=", "=", "!=")
    assert {truth(field("amount", operator, 1), amount=value) for operator in operators} == {UNKNOWN}
    assert truth(field("amount", "in", [1, 2]), amount=value) is UNKNOWN
    assert truth(field("amount", "not_in", [1, 2]), amount=value) is UNKNOWN


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (field("vendor", "=", "ACME"), "ACME", YES),
        (field("vendor", "=", "ACME"), "acme", NO),
        (field("vendor", "!=", "ACME"), "Bolt", YES),
        (field("vendor", "in", ["ACME", "Bolt"]), "Bolt", YES),
        (field("vendor", "not_in", ["ACME", "Bolt"]), "Bolt", NO),
        (field("vendor", "not_in", ["ACME", "Bolt"]), "Coil", YES),
        (field("vendor", "not_in", ["ACME"]), None, UNKNOWN),
        (field("vendor", "not_in", ["ACME"]), 7, UNKNOWN),
        (field("vendor", "starts_with", "AC"), "ACME", YES),
        (field("vendor", "ends_with", "ME"), "ACME", YES),
        (field("vendor", "contains", "CM"), "ACME", YES),
        (field("vendor", "contains", "cm"), "ACME", NO),
        (field("vendor", "matches", "^A.*E$"), "ACME", YES),
        (field("vendor", "matches", "C"), "ACME", YES),
        (field("vendor", "matches", "^C"), "ACME", NO),
        (field("vendor", "matches", "^Ä\\w? '\"\\\\$"), "Ä '\"\\", YES),
        (field("vendor", "matches", "x"), "\ud800", UNKNOWN),
        (field("vendor", "matches", "x"), "x" * 200_000, UNKNOWN),
        (field("urgent", "=", True), True, YES),
        (field("urgent", "!=", True), "yes", UNKNOWN),
        (field("due_on", ">", "2026-01-31"), "2026-02-01", YES),
        (field("due_on", "<=", date(2026, 1, 31)), "2026-01-31", YES),
        (field("due_on", "=", "2026-01-31"), "31.01.2026", UNKNOWN),
        (field("received_at", "=", "2026-01-31"), "2026-01-31T23:30:00-05:00", YES),
        (field("received_at", ">", "2026-01-31"), "2026-01-31T23:30:00Z", NO),
        (field("received_at", ">", "2026-01-31T12:00:00Z"), "2026-01-31T12:30:00+01:00", NO),
        (field("received_at", "<", "2026-01-31T12:00:00Z"), "2026-01-31T11:59", YES),
        (field("received_at", "<", "2026-01-31T12:00:00Z"), "yesterday", UNKNOWN),
        (field("tags", "contains", "rush"), ["new", "rush"], YES),
        (field("tags", "contains", "rush"), [], NO),
        (field("tags", "contains", "rush"), ["new", 7], UNKNOWN),
        (field("tags", "contains", "rush"), "rush", UNKNOWN),
    ],
)
def test_text_dates_truth_and_lists(condition, value, expected):
    assert truth(condition, **{condition["field"].removeprefix("data."): value}) is expected


@pytest.mark.parametrize(
    ("value", "is_missing"),
    [(None, YES), ("", YES), (" \n\t", YES), ("PO-1", NO), (0, NO), (False, NO), ([], NO), ({}, NO), ("\ud800", NO)],
)
def test_missing_and_present_are_always_decided(value, is_missing):
    assert truth(field("po_number", "missing"), po_number=value) is is_missing
    assert truth(field("po_number", "present"), po_number=value) is (NO if is_missing is YES else YES)


@pytest.mark.parametrize(
    "data", [{}, {"address": None}, {"address": "Main St"}, {"address": []}, {"address": {"zip": 1}}]
)
def test_a_missing_nested_field_is_missing(data):
    assert truth(field("address.city", "missing"), **data) is YES
    assert truth(field("address.city", "=", "Oslo"), **data) is UNKNOWN


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "confidence", "is": "<", "value": 0.8}, YES),
        ({"field": "attempts", "is": ">=", "value": 3}, YES),
        ({"field": "reference", "is": "starts_with", "value": "INV-"}, YES),
        ({"field": "error.type", "is": "in", "value": ["timeout", "erp_down"]}, YES),
        ({"field": "error.message", "is": "contains", "value": "gateway"}, NO),
    ],
)
def test_the_facts_beside_data_can_be_read(condition, expected):
    facts = AttemptFacts(reference="INV-1", confidence=Decimal("0.79"), error_type="timeout", error_message="slow")
    assert compiled(condition).evaluate(facts.names(attempts=3)).truth is expected


@pytest.mark.parametrize("operator", ["=", "in", "matches", "starts_with"])
def test_an_attempt_that_did_not_fail_has_no_error_and_that_is_known(operator):
    value = ["timeout"] if operator == "in" else "timeout"
    assert judged({"field": "error.type", "is": operator, "value": value}).truth is NO
    assert judged({"field": "error.type", "is": "missing"}).truth is YES


def test_a_missing_confidence_is_unknown():
    facts = AttemptFacts(reference="INV-1")
    assert judged({"field": "confidence", "is": "<", "value": 0.8}, facts=facts).truth is UNKNOWN


def test_another_field_can_be_the_value():
    condition = field("amount", ">", {"field": "data.order_amount"})
    result = judged(condition, amount="10.5", order_amount=8)
    assert (result.truth, result.sentence) == (YES, "Amount 10.5 is above Order amount 8")
    assert truth(condition, amount="10.5") is UNKNOWN


T, F, U = field("urgent", "=", True), field("urgent", "=", False), field("amount", ">", 1)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"all": [T, T]}, YES),
        ({"all": [T, U]}, UNKNOWN),
        ({"all": [U, F]}, NO),
        ({"any": [F, F]}, NO),
        ({"any": [F, U]}, UNKNOWN),
        ({"any": [U, T]}, YES),
        ({"not": T}, NO),
        ({"not": F}, YES),
        ({"not": U}, UNKNOWN),
        ([T, T], YES),
        ([T, F], NO),
        ({"any": [{"all": [T, U]}, {"not": F}]}, YES),
    ],
)
def test_all_any_and_not_know_unknown(condition, expected):
    assert truth(condition, urgent=True) is expected


DEAR = {"exists": "data.lines", "where": {"field": "item.price", "is": ">", "value": 3}}
ALL_DEAR = {"all_of": "data.lines", "where": {"field": "item.price", "is": ">", "value": 3}}


@pytest.mark.parametrize(
    ("lines", "exists", "all_of"),
    [
        ([{"price": 1}, {"price": 4}], YES, NO),
        ([{"price": 4}, {"price": "5.5"}], YES, YES),
        ([{"price": 1}, {}], UNKNOWN, NO),
        ([{"price": 4}, {}], YES, UNKNOWN),
        ([{"price": 1}], NO, NO),
        ([], NO, YES),
        (None, UNKNOWN, UNKNOWN),
        ("many", UNKNOWN, UNKNOWN),
        ([1, None, "x"], UNKNOWN, UNKNOWN),
    ],
)
def test_a_condition_over_the_items_of_a_list(lines, exists, all_of):
    assert (truth(DEAR, lines=lines), truth(ALL_DEAR, lines=lines)) == (exists, all_of)


def test_the_item_that_settled_it_is_named():
    assert judged(DEAR, lines=[{"price": 1}, {"price": 4}]) == ConditionResult(
        truth=YES,
        because="data.lines = 2 items, data.lines[1].price = 4",
        sentence="Lines, item 2: Price 4 is above 3",
        read={"data.lines": "2 items", "data.lines[1].price": 4},
    )
    assert judged(DEAR, lines=[{"price": 1}]).sentence == "Lines has 1 item, none as asked"


def test_lists_nest():
    heavy = {"exists": "item.parts", "where": {"field": "item.weight", "is": ">", "value": 10}}
    result = judged({"exists": "data.lines", "where": heavy}, lines=[{"parts": []}, {"parts": [{"weight": 11}]}])
    assert result.truth is YES
    assert result.read["data.lines[1].parts[0].weight"] == 11


@pytest.mark.parametrize(
    ("condition", "data", "sentence"),
    [
        (field("currency", "=", "EUR"), {"currency": "EUR"}, "Currency is EUR"),
        (field("currency", "=", "EUR"), {"currency": "USD"}, "Currency is USD, not EUR"),
        (field("currency", "!=", "EUR"), {"currency": "USD"}, "Currency is USD, not EUR"),
        (field("currency", "in", ["EUR", "USD"]), {"currency": "CHF"}, "Currency CHF is not one of EUR, USD"),
        (field("po_number", "missing"), {}, "Purchase order is missing"),
        (field("po_number", "missing"), {"po_number": "P1"}, "Purchase order is present"),
        (field("due_on", "<", "2026-02-01"), {"due_on": "2026-01-01"}, "Due date 2026-01-01 is before 2026-02-01"),
        (field("amount", ">", 5), {"amount": "1E+3"}, "Amount 1,000 is above 5"),
        (field("vendor", "matches", "^A"), {"vendor": "Bolt"}, "Vendor Bolt does not match the pattern ^A"),
        ({"not": field("urgent", "=", True)}, {"urgent": False}, "Urgent is no, not yes"),
        ({"all": [T, field("amount", ">", 5)]}, {"urgent": True, "amount": 6}, "Urgent is yes and Amount 6 is above 5"),
        ({"all": [T, field("amount", ">", 5)]}, {"urgent": True, "amount": 4}, "Amount 4 is not above 5"),
        ({"any": [T, field("amount", ">", 5)]}, {"urgent": False, "amount": 6}, "Amount 6 is above 5"),
    ],
)
def test_sentences_for_people(condition, data, sentence):
    assert judged(condition, **data).sentence == sentence


def test_long_values_are_cut_where_they_are_shown_and_kept():
    result = judged(field("vendor", "present"), vendor="x" * 5000)
    assert len(result.read["data.vendor"]) == 200
    assert len(result.because) < 120


def test_fields_without_a_schema_are_judged_by_what_they_hold():
    assert truth(field("anything.deep", ">", 5), UNTYPED, anything={"deep": "5.01"}) is YES
    assert truth(field("a", "=", "x"), UNTYPED, a="x") is YES
    assert truth(field("a", "=", "6200.00"), UNTYPED, a=6200) is YES
    assert truth(field("a", ">", "2026-01-01"), UNTYPED, a="2026-01-02") is YES
    assert truth(field("a", ">", {"field": "data.b"}), UNTYPED, a="10", b=9) is YES
    assert truth(field("a", ">", {"field": "data.b"}), UNTYPED, a="x", b=9) is UNKNOWN
    assert truth(field("a", "=", True), UNTYPED, a=1) is UNKNOWN


def test_a_position_in_a_list_can_be_named():
    assert truth(field("lines[1].price", "=", 4), lines=[{}, {"price": 4}]) is YES
    assert truth(field("lines.1.price", "=", 4), lines=[{}]) is UNKNOWN


def test_a_condition_knows_the_fields_it_reads():
    condition = compiled({"any": [VARIANCE, DEAR, field("amount", ">", {"field": "data.order_amount"}), VARIANCE]})
    assert condition.fields == (
        "data.price_variance_percent",
        "data.lines",
        "data.lines[].price",
        "data.amount",
        "data.order_amount",
    )


@pytest.mark.parametrize("names", [{}, {"data": None}, {"data": []}, {"data": "x"}, {"data": {}, "error": "boom"}])
def test_strange_facts_are_unknown_and_raise_nothing(names):
    assert compiled(VARIANCE).evaluate(names).truth is UNKNOWN
    assert compiled({"field": "error.type", "is": "=", "value": "timeout"}).evaluate(names).truth is NO


UNITS = {"data.variance": {"unit": "%"}, "data.amount": {"currency": "data.currency"}, "data.fee": {"unit": "USD"}}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (field("variance", ">", 2), "Variance 4.2 % is above 2 %"),
        (field("amount", "<=", 5000), "Amount 6,440.00 EUR is not at most 5,000 EUR"),
        (field("amount", "=", 5000), "Amount is 6,440.00 EUR, not 5,000 EUR"),
        (field("fee", "=", 3), "Fee is 3 USD"),
        ("data.amount > 5000", "Amount 6,440.00 EUR is above 5,000 EUR"),
    ],
)
def test_numbers_are_said_with_their_units(condition, said):
    number = {"type": "number", "format": "decimal"}
    properties = {"variance": number, "amount": number, "fee": number, "currency": {"type": "string"}}
    schema = DataSchema.of({"type": "object", "properties": properties}, units=UNITS)
    data = {"variance": Decimal("4.2"), "amount": Decimal("6440.00"), "fee": 3, "currency": "EUR"}
    result = compile_condition(condition, schema, place="when").evaluate({"data": data})
    assert result.sentence == said
    assert "data.currency" not in result.read
