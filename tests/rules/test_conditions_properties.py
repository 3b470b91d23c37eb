# ruff: noqa: E501 (one case a line)
"""What holds for every condition: both forms agree, decimals are Python's, nothing raises, nothing runs away."""

import json
import operator
import string
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handoffs.rules.condition_terms import BUDGET, Scope
from handoffs.rules.conditions import ConditionInvalid, DataSchema, Truth, compile_condition
from tests.rules.invoices import INVOICES, NO, UNKNOWN, UNTYPED, YES, compiled, judged

SYMBOLS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "==", "!=": "!="}
MEANING = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
ANY_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number.adjusted()) < 900)
AMOUNTS = DECIMALS | DECIMALS.map(str) | st.integers() | st.sampled_from([None, "", "many", 2, "2.0", Decimal("2.00")])
TEXTS = st.sampled_from([None, "", " ", "ACME", "acme", "Ä 'q\" \\", "\n", 7])
TEXT = st.text(string.printable + "é😀\ud800\0", max_size=20)
KEYS_OF_DATA = st.sampled_from(["a", "b", "price", "parts", "weight", "sku", "c d"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | DECIMALS | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS_OF_DATA, inner, max_size=4),
    max_leaves=12,
)


def plain(number: Decimal) -> str:
    """The number as CEL writes it."""
    return f"{number:f}"


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@st.composite
def leaves(draw, item=""):
    """A structured condition and the expression that says the same; inside a list about its items."""
    kind = draw(st.sampled_from(["number", "fields", "text", "numbers", "texts", "missing", "method", "truth"]))
    number, text, vendor = (
        ("item.price", "item.sku", "item.sku") if item else ("data.amount", "data.vendor", "data.po_number")
    )
    if kind in ("number", "fields"):
        sign, limit = draw(st.sampled_from(list(SYMBOLS))), draw(DECIMALS)
        if kind == "fields":
            return {
                "field": number,
                "is": sign,
                "value": {"field": "data.order_amount"},
            }, f"{number} {SYMBOLS[sign]} data.order_amount"
        return {"field": number, "is": sign, "value": limit}, f"{number} {SYMBOLS[sign]} {plain(limit)}"
    if kind == "numbers":
        options = draw(st.lists(DECIMALS, min_size=1, max_size=4))
        return {"field": number, "is": "in", "value": options}, f"{number} in [{', '.join(map(plain, options))}]"
    if kind == "texts":
        return {"field": text, "is": "not_in", "value": ["ACME", "x"]}, f'!({text} in ["ACME", "x"])'
    if kind == "missing":
        return {"field": vendor, "is": "missing"}, f"!has({vendor})"
    if kind == "truth":
        return {"field": "data.urgent", "is": "=", "value": True}, "data.urgent"
    wanted = draw(st.sampled_from(["ACME", "A", "Ä 'q\" \\"]))
    if kind == "text":
        return {"field": text, "is": "=", "value": wanted}, f"{text} == {quote(wanted)}"
    method = draw(st.sampled_from(["starts_with startsWith", "ends_with endsWith", "contains contains"])).split()
    return {"field": text, "is": method[0], "value": wanted}, f"{text}.{method[1]}({quote(wanted)})"


@st.composite
def loops(draw):
    form, macro = draw(st.sampled_from([("exists", "exists"), ("all_of", "all")]))
    where, test = draw(leaves(item="item"))
    return {form: "data.lines", "where": where}, f"data.lines.{macro}(item, {test})"


def joined(inner):
    """Longer conditions out of shorter ones, in both forms."""
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(
            lambda parts: ({"all": [part[0] for part in parts]}, " && ".join(f"({part[1]})" for part in parts))
        ),
        several.map(
            lambda parts: ({"any": [part[0] for part in parts]}, " || ".join(f"({part[1]})" for part in parts))
        ),
        inner.map(lambda part: ({"not": part[0]}, f"!({part[1]})")),
    )


PAIRS = st.recursive(leaves() | loops(), joined, max_leaves=6)
LINES = st.lists(st.fixed_dictionaries({}, optional={"price": AMOUNTS, "sku": TEXTS}) | st.none(), max_size=4)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "amount": AMOUNTS,
        "order_amount": AMOUNTS,
        "vendor": TEXTS,
        "po_number": TEXTS,
        "urgent": st.booleans() | st.none() | st.just("yes"),
        "lines": LINES | st.none() | st.just("x"),
    },
)


@given(pair=PAIRS, data=DATA)
def test_both_forms_agree_on_everything(pair, data):
    structured, expression = pair
    first, second = (compiled(source).evaluate({"data": data}) for source in (structured, expression))
    assert (first.truth, first.because, dict(first.read)) == (second.truth, second.because, dict(second.read))


@given(sign=st.sampled_from(list(SYMBOLS)), left=ANY_DECIMALS, right=ANY_DECIMALS, as_text=st.booleans())
@example(sign=">", left=Decimal("0.1"), right=Decimal("0.1000000000000000055511151231257827"), as_text=False)
@example(sign="=", left=Decimal("-0"), right=Decimal("0.00"), as_text=True)
def test_comparisons_are_those_of_decimal(sign, left, right, as_text):
    expected = YES if MEANING[sign](left, right) else NO
    reported = str(left) if as_text else left
    assert judged({"field": "data.amount", "is": sign, "value": right}, amount=reported).truth is expected
    assert judged({"field": "data.amount", "is": sign, "value": str(right)}, amount=reported).truth is expected
    same = judged(f"data.amount {SYMBOLS[sign]} data.order_amount", amount=reported, order_amount=right)
    assert same.truth is expected


@given(left=DECIMALS, right=DECIMALS, sign=st.sampled_from("+-*"))
def test_arithmetic_is_exact(left, right, sign):
    with localcontext() as context:
        context.prec = 100
        exact = {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right)
        slightly_off = exact + Decimal("1e-9")
    expression = f"data.amount {sign} data.order_amount == data.price_variance_percent"
    facts = {"amount": left, "order_amount": right}
    assert judged(expression, price_variance_percent=exact, **facts).truth is YES
    assert judged(expression, price_variance_percent=slightly_off, **facts).truth is NO


@given(number=DECIMALS, unit=st.sampled_from(["1", "100", "0.05", "2.5"]))
def test_round_means_divisible(number, unit):
    expected = YES if Fraction(number) % Fraction(unit) == 0 else NO
    assert judged(f"data.amount.isRound({unit})", amount=str(number)).truth is expected


TRUTHS = st.sampled_from([True, False, None])


@given(values=st.lists(TRUTHS, min_size=1, max_size=5))
def test_all_and_any_follow_kleene(values):
    data = {f"f{position}": value for position, value in enumerate(values)}
    tests = [{"field": f"data.{name}", "is": "=", "value": True} for name in data]
    every = NO if False in values else UNKNOWN if None in values else YES
    some = YES if True in values else UNKNOWN if None in values else NO
    assert judged({"all": tests}, UNTYPED, **data).truth is every
    assert judged({"any": tests}, UNTYPED, **data).truth is some


FACT_NAMES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.dictionaries(st.sampled_from(list(INVOICES.document["properties"])), JSON_VALUES) | JSON_VALUES,
        "confidence": JSON_VALUES,
        "error": JSON_VALUES,
        "attempts": JSON_VALUES,
        "reference": JSON_VALUES,
    },
)
EVERYTHING = [
    "data.due_on - date(data.received_at) > 3 || data.due_on < data.received_at || data.received_at > '2026-01-01'",
    "data.amount / data.order_amount > 1 || data.amount % data.order_amount == 0 || data.amount * data.amount > 2",
    "data.vendor.matches('a+$') || data.vendor in [data.po_number, 'x'] || size(data.vendor) > 3 || data.urgent",
    "data.lines.exists(l, l.price > confidence || l.parts.all(p, p.weight < attempts)) || data.vendor in data.tags",
    "data.extra.a > 3 || data.extra.b == data.extra.c || data.extra.d[0].e.contains('x') || data.extra in data.tags",
    {"any": [{"field": f"data.{name}", "is": "missing"} for name in ("vendor", "lines", "address", "extra")]},
    {"any": [{"field": path, "is": "=", "value": "x"} for path in ("error.type", "error.message", "reference")]},
]
COMPILED = [compiled(source) for source in EVERYTHING if "data.extra in" not in source]


@given(names=FACT_NAMES)
def test_evaluating_never_raises_and_always_explains(names):
    for condition in COMPILED:
        result = condition.evaluate(names)
        assert isinstance(result.truth, Truth)
        assert isinstance(result.because, str)
        assert result.sentence


WORDS = ["data", ".", "amount", "vendor", "lines", "exists", "all", "(", ")", "[", "]", "&&", "||", "!", ">", "==", "?", ":",
         "1", "0.5", "1e9", "'x'", "null", "true", "in", "has", "decimal", "matches", "x", ",", "-", "*", "{", "}", "\n", "é"]  # fmt: skip


@given(source=st.text(string.printable + "é😀\ud800\0", max_size=60) | st.lists(st.sampled_from(WORDS), max_size=25).map("".join) | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))  # fmt: skip
@example(source="data.amount > 1e999999999")
@example(source="data.vendor.matches('" + "(" * 100 + "')")
def test_any_text_is_refused_by_name_or_can_be_evaluated(source):
    _refused_or_evaluated(source)


KEYS = st.sampled_from(["field", "is", "value", "all", "any", "not", "exists", "all_of", "where"]) | st.text(
    "ab.", max_size=3
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(
    ["data.amount", "data.lines", "item.price", ">", "in", "missing", "matches", "data.vendor", "(a", "\ud800"]
)  # fmt: skip


@given(
    source=st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
)
@example(source={"field": "data.amount", "is": ">", "value": Decimal("sNaN")})
@example(source={"field": "data.vendor", "is": "matches", "value": "\ud800"})
@example(source={7: 8})
def test_any_document_is_refused_by_name_or_can_be_evaluated(source):
    _refused_or_evaluated(source)


def _refused_or_evaluated(source):
    for schema in (INVOICES, UNTYPED):
        condition, problems = _tried(source, schema)
        assert all(problem.place.startswith("when") and problem.message for problem in problems)
        if condition is None:
            assert problems
        else:
            assert condition.fields
            condition.evaluate({"data": {"amount": 1, "vendor": "x", "lines": [{"price": 1}]}})


def _tried(source, schema):
    try:
        return compile_condition(source, schema, place="when"), ()
    except ConditionInvalid as invalid:
        return None, invalid.problems


SCHEMA_WORDS = st.sampled_from(["properties", "type", "items", "$ref", "enum", "title", "additionalProperties"])


@given(document=st.dictionaries(SCHEMA_WORDS, JSON_VALUES | st.dictionaries(SCHEMA_WORDS, JSON_VALUES)))
def test_any_schema_can_be_asked(document):
    schema = DataSchema.of(document)
    schema.paths()
    schema.field("data.a.0.b")
    schema.item_paths("data")


PATTERN_PIECES = ["a", ".", "[ab]", "[^a]", "\\w", "\\pL", "(a|b)", "(?i)", "{3}", "{1,20}", "*", "+", "?", "^", "$", "|", "(", ")", "é"]  # fmt: skip


@given(pattern=st.lists(st.sampled_from(PATTERN_PIECES), max_size=12).map("".join), text=st.text("abé", max_size=200))
def test_patterns_never_raise_and_never_spend_more_than_the_budget(pattern, text):
    try:
        condition = compiled({"field": "data.vendor", "is": "matches", "value": pattern})
    except ConditionInvalid:
        return
    scope = Scope({"data": {"vendor": "x" + text * 20}})
    condition.test.holds(scope)
    assert scope.left[0] >= 0
    assert scope.left[0] < BUDGET


@pytest.mark.parametrize("character", string.punctuation)
def test_every_character_can_be_looked_for(character):
    assert judged({"field": "data.vendor", "is": "contains", "value": character}, vendor=f"a{character}b").truth is YES
    assert judged(f"data.vendor == {json.dumps(character)}", vendor=character).truth is YES
