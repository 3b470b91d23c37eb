"""Reading a policy's text: exact numbers, plain words, and a line for everything that is refused."""

import json
import time
from datetime import date
from decimal import Decimal

import pytest

from handoffs.errors import PolicyInvalid
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.policy_reading import plain, read_yaml


def mistake_of(call):
    """The only mistake that the call is refused for, as `place: what to do`."""
    with pytest.raises(PolicyInvalid) as refused:
        call()
    (mistake,) = refused.value.mistakes
    return f"{mistake.pointer}: {mistake.detail}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("2.50", Decimal("2.50")),
        ("1e2", Decimal("100")),
        ("-0.0", Decimal("0.0")),
        (".5", Decimal("0.5")),
        ("12345678901234567890.123456789", Decimal("12345678901234567890.123456789")),
        ("5000", 5000),
        ("010", 10),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("'0.1'", "0.1"),
        # what YAML 1.1 would have made something else of
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1_000", "1_000"),
    ],
)
def test_words_and_numbers_mean_what_they_mean_in_json(text, value):
    read = read_yaml(f"key: {text}")["key"]
    assert (read, type(read)) == (value, type(value))


def test_json_is_read_as_well():
    document = {"a": [1, {"b": "ü", "c": None}], "d": True}
    assert read_yaml(json.dumps(document)) == document


def test_an_alias_repeats_a_value():
    assert read_yaml("a: &role [clerk]\nb: *role") == {"a": ["clerk"], "b": ["clerk"]}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: [", "line 3, column 1: did not find expected node content"),
        ("a: 1\n\tb: 2", "line 2, column 1: found a tab character that violates indentation"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key a stands here twice"),
        ("a: 1\n2: x", "line 2, column 1: the key 2 is not text: put it in quotes"),
        ("a:\n  ? [x]\n  : 1", "line 2, column 5: the key ['x'] is not text: put it in quotes"),
        ("a: !!python/name:os.system x", "line 1, column 4: unknown tag tag:yaml.org,2002:python/name:os.system"),
        ("a: !secret x", "line 1, column 4: unknown tag !secret"),
        ("a: !!bool maybe", "line 1, column 4: write true or false"),
        ("a: !!int 0x10", "line 1, column 4: 0x10 is no number of at most 100 digits"),
        ("a: &x {b: 1}\nc: {<<: *x}", "line 2, column 5: write the values out: << is not read"),
        ("a: 1\n---\nb: 2", "line 2, column 1: but found another document"),
        ("a: *nowhere", "line 1, column 4: found undefined alias"),
        ("n: 1e999", "line 1, column 4: 1e999 is no number of at most 100 digits"),
        ("n: 1e-500", "line 1, column 4: 1e-500 is no number of at most 100 digits"),
        ("n: 1e999999999", "line 1, column 4: 1e999999999 is no number of at most 100 digits"),
        ("n: 1e" + "9" * 40, "line 1, column 4: 1e" + "9" * 37 + "… is no number of at most 100 digits"),
        ("n: " + "9" * 101, "line 1, column 4: a number has at most 100 digits"),
        ("a: \x07", "document: this is no YAML: control characters are not allowed"),
        ("a: \ud800", "document: this is no text in UTF-8"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, mistake):
    assert mistake_of(lambda: read_yaml(text)) == mistake


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[" * 200_000, "line 1, column 33: nested more than 32 deep: make it shorter"),
        ("- " * 60_000, "line 1, column 65: nested more than 32 deep: make it shorter"),
        ("[" + "1," * 60_000 + "]", "line 1, column 80000: more than 20000 values: make it shorter"),
        ("a: &a [x]\nb: [" + "*a," * 101 + "]", "line 2, column 305: more than 100 aliases: make it shorter"),
        ("a: " + "x" * 262_144, "document: larger than 256 kB: make it shorter"),
    ],
    ids=["brackets", "dashes", "values", "aliases", "bytes"],
)
def test_what_would_be_costly_is_refused_at_once(text, mistake):
    started = time.monotonic()
    assert mistake_of(lambda: read_yaml(text)) == mistake
    assert time.monotonic() - started < 2


def test_aliases_of_aliases_do_not_explode():
    doubling = ["a0: &a0 [x, x, x, x]"]
    doubling += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 24)]
    started = time.monotonic()
    mistake = mistake_of(lambda: plain(read_yaml("\n".join(doubling))))
    assert mistake.endswith("more than 20000 values: make it shorter")
    assert time.monotonic() - started < 2


def test_a_list_that_holds_itself_is_refused():
    itself = []
    itself.append(itself)
    assert mistake_of(lambda: read_yaml("a: &a [*a]")) == "line 1, column 4: found unconstructable recursive node"
    assert mistake_of(lambda: plain({"a": itself})).endswith("nested more than 32 deep: make it shorter")


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ([], "document: write a policy as keys and values, starting with workflow"),
        (None, "document: write a policy as keys and values, starting with workflow"),
        ({"a": {1: 2}}, "a: the key 1 is not text: put it in quotes"),
        ({"a": ["b", "\0"]}, "a[1]: holds a character that cannot be stored: remove it"),
        ({"a": {"\ud800": 1}}, "a: holds a character that cannot be stored: remove it"),
        ({"a": float("nan")}, "a: this is no number of at most 100 digits"),
        ({"a": float("inf")}, "a: this is no number of at most 100 digits"),
        ({"a": Decimal("NaN")}, "a: this is no number of at most 100 digits"),
        ({"a": Decimal("1e999999")}, "a: this is no number of at most 100 digits"),
        ({"a": 10**5000}, "a: this is no number of at most 100 digits"),
        ({"a": date(2026, 1, 31)}, "a: date cannot be written as JSON"),
        ({"a": {1, 2}}, "a: set cannot be written as JSON"),
        ({"a": "x" * 262_144}, "document: larger than 256 kB: make it shorter"),
    ],
)
def test_what_json_or_the_database_cannot_hold_is_refused_with_its_place(value, mistake):
    assert mistake_of(lambda: plain(value)) == mistake


def test_a_plain_copy_is_exact_and_shares_nothing():
    given = {"a": [1, 0.1, Decimal("1E+2")], "b": {"c": None}}
    copied = plain(given)
    assert copied == {"a": [1, Decimal("0.1"), Decimal("100")], "b": {"c": None}}
    assert canonical_dumps(copied) == '{"a":[1,0.1,100],"b":{"c":null}}'
    assert copied["a"] is not given["a"]
    assert copied["b"] is not given["b"]
