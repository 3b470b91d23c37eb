# ruff: noqa: E501 (one case a line)
"""What is refused when a condition is saved: each mistake with its place and what to do."""

import pytest

from handoffs.rules.conditions import DataSchema
from tests.rules.invoices import INVOICES, UNTYPED, problems

WHEN = "triggers[1].when"


def field(name, operator, *value):
    return {"field": f"data.{name}", "is": operator, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (
            field("price_varianc", ">", 2),
            ".field: unknown field data.price_varianc, did you mean data.price_variance_percent?",
        ),
        (field("amuont", ">", 2), ".field: unknown field data.amuont, did you mean data.amount?"),
        ({"field": "amount", "is": ">", "value": 2}, ".field: unknown field amount, did you mean data.amount?"),
        ({"field": "errors.type", "is": "missing"}, ".field: unknown field errors.type, did you mean error.type?"),
        (field("zzzzzz", ">", 2), ".field: unknown field data.zzzzzz: add it to the data of the policy first"),
        (
            field("address.town", "=", "x"),
            ".field: unknown field data.address.town, did you mean data.address?",
        ),
        ({"field": 7, "is": "missing"}, ".field: name a field such as data.amount"),
        (field("amount", "=="), ".is: unknown operator ==, did you mean =?"),
        (
            field("amount", "greater", 2),
            ".is: unknown operator greater: use one of > >= < <= = != in not_in missing present matches starts_with ends_with contains",
        ),
        (
            field("vendor", ">", "x"),
            ".is: > does not fit data.vendor, which is text: use =, !=, in, not_in, matches, starts_with, ends_with, contains, missing, present",
        ),
        (
            field("urgent", "in", [True]),
            ".is: in does not fit data.urgent, which is yes or no: use =, !=, missing, present",
        ),
        (
            field("amount", "matches", "5"),
            ".is: matches does not fit data.amount, which is a number: use >, >=, <, <=, =, !=, in, not_in, missing, present",
        ),
        (field("address", "=", "x"), ".is: = does not fit data.address, which is an object: use missing, present"),
        (field("amount", ">"), ": add the value that data.amount is held against"),
        (
            field("amount", ">", "lots"),
            ".value: data.amount is a number, but 'lots' is not: write a number such as 5000.01",
        ),
        (field("amount", ">", True), ".value: data.amount is a number, but yes is not: write a number such as 5000.01"),
        (field("amount", ">", float("nan")), ".value: the value is no number that can be compared"),
        (field("amount", ">", None), ".value: null is no value: ask whether the field is missing"),
        (
            field("amount", ">", {"field": "data.vendor"}),
            ".value: data.amount is a number and data.vendor is text: they cannot be compared",
        ),
        (
            field("amount", ">", {"field": "data.vendo"}),
            ".value.field: unknown field data.vendo, did you mean data.vendor?",
        ),
        (field("amount", ">", {"value": 3}), ".value: write a value, or {field: data.other} for another field"),
        (field("vendor", "=", 7), ".value: data.vendor is text, but 7 is not: write text in quotes"),
        (field("vendor", "=", " "), ".value: blank text counts as missing: ask whether data.vendor is missing"),
        (field("currency", "=", "EURO"), ".value: 'EURO' is never a value of data.currency, did you mean EUR?"),
        (field("currency", "in", ["EUR", "CHF"]), ".value: 'CHF' is never a value of data.currency (EUR, USD)"),
        (field("vendor", "in", "ACME"), ".value: write a list of values, such as [EUR, USD]"),
        (field("vendor", "in", []), ".value: the list is empty: name at least one value"),
        (
            field("due_on", "<", "2026-02-30"),
            ".value: data.due_on is a date, but '2026-02-30' is not: write a date such as 2026-01-31",
        ),
        (
            field("received_at", "<", "soon"),
            ".value: data.received_at is a date and time, but 'soon' is not: write a date and time such as 2026-01-31T09:00:00Z",
        ),
        (field("urgent", "=", "yes"), ".value: data.urgent is yes or no, but 'yes' is not: write true or false"),
        (field("vendor", "matches", "^(A"), ".value: not a valid regular expression: missing ): ^(A"),
        (field("vendor", "matches", "(?=a)"), ".value: not a valid regular expression: invalid perl operator: (?="),
        (
            field("vendor", "matches", "(.{1,200}){9}"),
            ".value: the pattern is too large to be checked quickly: use + or *, smaller counts, plain ranges",
        ),
        (field("vendor", "matches", "a" * 201), ".value: the pattern has 201 characters, 200 are allowed"),
        (field("vendor", "matches", 7), ".value: matches needs a regular expression in quotes"),
        (field("vendor", "contains", 7), ".value: contains looks for text, and 7 is a number: write text in quotes"),
        (field("po_number", "missing", "x"), ".value: missing takes no value: leave it out"),
        (
            {"field": "data.amount", "is": ">", "vale": 2},
            ".vale: vale does not belong beside field, did you mean value?",
        ),
        ({"al": []}, ": a condition starts with one of all, any, not, exists, all_of, field, did you mean all?"),
        ({}, ": a condition starts with one of all, any, not, exists, all_of, field"),
        ({"all": []}, ".all: list at least one condition"),
        ({"any": field("urgent", "missing")}, ".any: list at least one condition"),
        (7, ": write a condition as {field, is, value}, or as an expression in quotes"),
        (True, ": write a condition as {field, is, value}, or as an expression in quotes"),
        (
            {"all": [{"not": field("amont", "missing")}]},
            ".all[0].not.field: unknown field data.amont, did you mean data.amount?",
        ),
        ({"exists": "data.vendor", "where": {}}, ".exists: data.vendor is text, not a list"),
        ({"exists": "data.lines"}, ": add where: the condition that an item is held against"),
        (
            {"all_of": "data.lines", "where": {"field": "item.prise", "is": "missing"}},
            ".where.field: unknown field item.prise, did you mean item.price?",
        ),
        (
            {"field": "item.price", "is": "missing"},
            ".field: unknown field item.price: add it to the data of the policy first",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(condition, problem):
    assert problems(condition) == [WHEN + problem]


def test_every_mistake_is_reported_at_once():
    both = {"all": [field("amuont", ">", 2), field("vendor", "=", "ACME"), field("urgent", "=", 1)]}
    assert problems(both) == [
        f"{WHEN}.all[0].field: unknown field data.amuont, did you mean data.amount?",
        f"{WHEN}.all[2].value: data.urgent is yes or no, but 1 is not: write true or false",
    ]


def nested(depth):
    condition = field("urgent", "missing")
    for _ in range(depth - 1):
        condition = {"not": condition}
    return condition


def test_conditions_nest_eight_deep():
    assert problems(nested(8)) == []
    assert problems(nested(9)) == [
        f"{WHEN}{'.not' * 8}: conditions are nested more than 8 deep: split this into several triggers"
    ]


def test_conditions_have_two_hundred_parts():
    assert problems({"all": [field("urgent", "missing")] * 199}) == []
    assert problems({"all": [field("urgent", "missing")] * 5000}) == [
        f"{WHEN}.all[199]: the condition has more than 200 parts: split this into several triggers"
    ]


def test_a_condition_lists_a_thousand_values():
    assert problems(field("vendor", "in", [str(number) for number in range(1000)])) == []
    assert len(problems(field("vendor", "in", [str(number) for number in range(1001)]))) == 1


def test_a_condition_that_contains_itself_is_refused():
    endless: dict[str, object] = {}
    endless["not"] = endless
    assert len(problems(endless)) == 1


class TestTheSchema:
    """Which fields there are, and of what kind."""

    def test_fields_have_kind_title_and_format(self):
        amount = INVOICES.field("data.amount")
        assert (amount.path, amount.kind, amount.title, amount.type, amount.format) == (
            "data.amount", "number", "Amount", "number|string", "decimal",
        )  # fmt: skip
        assert INVOICES.field("data.vendor_age_days").title == "Vendor age days"
        assert INVOICES.field("data.currency").allowed == ("EUR", "USD")
        assert INVOICES.field("data.po_number").kind == "text"
        assert INVOICES.field("data.lines[0].price").kind == "number"
        assert INVOICES.field("error.type").kind == "text"
        assert INVOICES.field("data.nothing") is None
        assert INVOICES.field("nothing") is None

    def test_an_object_without_properties_holds_anything(self):
        assert INVOICES.field("data.extra.what.ever").kind == "any"
        assert UNTYPED.field("data.what.ever").kind == "any"
        assert problems(field("vendor.name", "missing")) != []

    def test_more_may_be_allowed_explicitly(self):
        schema = DataSchema.of({"properties": {"a": {"type": "string"}}, "additionalProperties": True})
        assert schema.field("data.b").kind == "any"
        assert schema.field("data.a").kind == "text"

    def test_references_within_the_document_are_followed(self):
        schema = DataSchema.of({
            "properties": {"a": {"$ref": "#/$defs/money"}, "b": {"$ref": "#/$defs/loop"}, "c": {"$ref": "http://x"}},
            "$defs": {"money": {"type": "string", "format": "decimal"}, "loop": {"$ref": "#/$defs/loop"}},
        })  # fmt: skip
        assert [schema.field(f"data.{name}").kind for name in "abc"] == ["number", "any", "any"]

    def test_paths_list_what_can_be_read(self):
        assert INVOICES.paths()[:3] == ("data.vendor", "data.vendor_age_days", "data.amount")
        assert "data.address.city" in INVOICES.paths()
        assert INVOICES.paths()[-5:] == ("confidence", "error.type", "error.message", "attempts", "reference")
        assert INVOICES.item_paths("data.lines") == ("item.price", "item.sku", "item.parts")
        assert INVOICES.item_paths("data.tags") == ("item",)
        assert INVOICES.item_paths("data.vendor") == ()
        assert UNTYPED.paths() == ("confidence", "error.type", "error.message", "attempts", "reference")

    @pytest.mark.parametrize(
        "document",
        [None, {"properties": 7}, {"properties": {"a": 7}}, {"properties": {"a": {"type": 7, "enum": 3, "title": 5}}},
         {"type": ["object", 5]}, {"properties": {"a": {"items": 3, "type": "array"}}}, {"$ref": 7},
         {"properties": {"a": {"type": "string", "enum": [None, 1]}}}],
    )  # fmt: skip
    def test_a_broken_schema_raises_nothing(self, document):
        schema = DataSchema.of(document)
        schema.paths()
        schema.field("data.a.b.0")
        problems(field("a", "=", "x"), schema)
