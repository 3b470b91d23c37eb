"""The structured form of a condition: `{field, is, value}`, joined by all, any, not, exists and all_of."""

from collections.abc import Callable, Mapping
from typing import Any

from handoffs.rules import condition_checks as checks
from handoffs.rules.condition_logic import Joined, Not, OverItems
from handoffs.rules.condition_terms import Field, Term, a
from handoffs.rules.condition_tests import COMPARE, TEXT_TESTS, Present, Test
from handoffs.rules.data_schema import DataSchema, FieldSpec, Vocabulary, parse_path
from handoffs.rules.problems import Misfit, Problem, did_you_mean
from handoffs.rules.values import Kind

DEPTH_LIMIT = 8
NODE_LIMIT = 200
VALUE_LIMIT = 1000
PATH_CHARACTERS = 200
ITEM = "item"
OPERATORS = (*COMPARE, "in", "not_in", *checks.ALWAYS, "matches", *TEXT_TESTS)
FORMS: dict[str, tuple[str, ...]] = {
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
    "exists": ("exists", "where"),
    "all_of": ("all_of", "where"),
    "field": ("field", "is", "value"),
}


def read_structured(source: Any, schema: DataSchema, *, place: str) -> tuple[Test | None, list[Problem]]:
    """The test that `source` describes, and every mistake found in it; the test is None if there are any."""
    reader = _Reader()
    test = reader.condition(source, Vocabulary(schema=schema), place, depth=1)
    return (None if reader.problems else test), reader.problems


class _Reader:
    """Reads one condition, counting its nodes and gathering its problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.nodes = 0
        self.values = 0

    def condition(self, source: Any, words: Vocabulary, place: str, *, depth: int) -> Test | None:
        try:
            return self._read(source, words, place, depth)
        except Misfit as misfit:
            self.problems.append(Problem(place=place + misfit.place, message=misfit.message))
            return None

    def _read(self, source: Any, words: Vocabulary, place: str, depth: int) -> Test | None:
        self._count(depth)
        if isinstance(source, list | tuple):
            return self._joined(source, words, place, depth, decisive=False)
        if not isinstance(source, Mapping):
            raise Misfit("write a condition as {field, is, value}, or as an expression in quotes")
        form = _form_of(source)
        readers: dict[str, Callable[..., Test | None]] = {
            "all": self._all,
            "any": self._any,
            "not": self._not,
            "exists": self._exists,
            "all_of": self._all_of,
        }
        if form in readers:
            return readers[form](source, words, place, depth)
        self._count_values(source.get("value"))
        return _field_test(source, words)

    def _count_values(self, value: Any) -> None:
        self.values += len(value) if isinstance(value, list | tuple) else 1
        if self.values > VALUE_LIMIT:
            raise Misfit(
                f"more than {VALUE_LIMIT} values are listed: use matches, or a field of its own", place=".value"
            )

    def _count(self, depth: int) -> None:
        self.nodes += 1
        if depth > DEPTH_LIMIT:
            raise Misfit(f"conditions are nested more than {DEPTH_LIMIT} deep: split this into several triggers")
        if self.nodes == NODE_LIMIT + 1:
            raise Misfit(f"the condition has more than {NODE_LIMIT} parts: split this into several triggers")

    def _all(self, source: Mapping[str, Any], words: Vocabulary, place: str, depth: int) -> Test | None:
        return self._joined(source["all"], words, f"{place}.all", depth, decisive=False)

    def _any(self, source: Mapping[str, Any], words: Vocabulary, place: str, depth: int) -> Test | None:
        return self._joined(source["any"], words, f"{place}.any", depth, decisive=True)

    def _joined(self, sources: Any, words: Vocabulary, place: str, depth: int, *, decisive: bool) -> Test | None:
        if not isinstance(sources, list | tuple) or not sources:
            self.problems.append(Problem(place=place, message="list at least one condition"))
            return None
        parts = []
        for position, source in enumerate(sources):
            if self.nodes > NODE_LIMIT:
                return None
            parts.append(self.condition(source, words, f"{place}[{position}]", depth=depth + 1))
        return Joined(decisive, tuple(part for part in parts if part is not None))

    def _not(self, source: Mapping[str, Any], words: Vocabulary, place: str, depth: int) -> Test | None:
        part = self.condition(source["not"], words, f"{place}.not", depth=depth + 1)
        return None if part is None else Not(part)

    def _exists(self, source: Mapping[str, Any], words: Vocabulary, place: str, depth: int) -> Test | None:
        return self._over_items(source, "exists", words, place, depth)

    def _all_of(self, source: Mapping[str, Any], words: Vocabulary, place: str, depth: int) -> Test | None:
        return self._over_items(source, "all_of", words, place, depth)

    def _over_items(
        self, source: Mapping[str, Any], form: str, words: Vocabulary, place: str, depth: int
    ) -> Test | None:
        items = _list_field(source[form], words, f".{form}")
        if "where" not in source:
            raise Misfit("add where: the condition that an item is held against")
        inside = words.inside(ITEM, words.schema.item_of(items.spec))
        test = self.condition(source["where"], inside, f"{place}.where", depth=depth + 1)
        return None if test is None else OverItems.of(form == "exists", items, ITEM, test)


def _form_of(source: Mapping[str, Any]) -> str:
    forms = [form for form in FORMS if form in source]
    if not forms:
        near = did_you_mean(next(iter(map(str, source)), ""), FORMS)
        raise Misfit(f"a condition starts with one of {', '.join(FORMS)}{near}")
    for key in source:
        if key not in FORMS[forms[0]]:
            near = did_you_mean(str(key), FORMS[forms[0]])
            raise Misfit(f"{str(key)[:80]} does not belong beside {forms[0]}{near}", place=f".{str(key)[:80]}")
    return forms[0]


def _list_field(path: Any, words: Vocabulary, place: str) -> Field:
    field = _field(path, words, place)
    if field.kind not in (Kind.LIST, Kind.ANY):
        raise Misfit(f"{field.spec.path} is {a(field.kind)}, not a list", place=place)
    return Field.of(field.parts, field.spec, Kind.LIST)


def _field(path: Any, words: Vocabulary, place: str) -> Field:
    if not isinstance(path, str) or not path or len(path) > PATH_CHARACTERS:
        raise Misfit("name a field such as data.amount", place=place)
    parts = parse_path(path)
    try:
        spec: FieldSpec = words.field(parts)
    except Misfit as misfit:
        raise Misfit(misfit.message, place=place) from None
    return Field.of(parts, spec)


def _field_test(source: Mapping[str, Any], words: Vocabulary) -> Test:
    field = _field(source["field"], words, ".field")
    operator = _operator(source, field)
    if operator in checks.ALWAYS:
        return _presence(source, operator, field)
    if "value" not in source:
        raise Misfit(f"add the value that {field.spec.path} is held against")
    try:
        return _value_test(operator, field, source["value"], words)
    except Misfit as misfit:
        raise Misfit(misfit.message, place=f".value{misfit.place}") from None


def _operator(source: Mapping[str, Any], field: Field) -> str:
    operator = source.get("is")
    if not isinstance(operator, str) or operator not in OPERATORS:
        near = did_you_mean(str(operator), OPERATORS)
        shown = "there is no operator" if operator is None else f"unknown operator {str(operator)[:80]}"
        raise Misfit(f"{shown}{near or ': use one of ' + ' '.join(OPERATORS)}", place=".is")
    try:
        checks.require_operator(field, operator)
    except Misfit as misfit:
        raise Misfit(misfit.message, place=".is") from None
    return operator


def _presence(source: Mapping[str, Any], operator: str, field: Field) -> Test:
    if source.get("value") is not None:
        raise Misfit(f"{operator} takes no value: leave it out", place=".value")
    return Present(field) if operator == "present" else Not(Present(field))


def _value_test(operator: str, field: Field, value: Any, words: Vocabulary) -> Test:
    if operator in ("in", "not_in"):
        test = _one_of(field, value, words)
        return test if operator == "in" else Not(test)
    if operator == "matches":
        return checks.matches(field, value)
    term = _term(value, words)
    return checks.comparison(operator, field, term) if operator in COMPARE else checks.text_test(operator, field, term)


def _one_of(field: Field, values: Any, words: Vocabulary) -> Test:
    if isinstance(values, Mapping):
        return checks.among(field, _term(values, words))
    if not isinstance(values, list | tuple):
        raise Misfit("write a list of values, such as [EUR, USD]")
    return checks.one_of(field, [_term(value, words) for value in values])


def _term(value: Any, words: Vocabulary) -> Term:
    if isinstance(value, Mapping):
        if set(value) != {"field"}:
            raise Misfit("write a value, or {field: data.other} for another field")
        return _field(value["field"], words, ".field")
    if value is None:
        raise Misfit("null is no value: ask whether the field is missing")
    return checks.literal_of(value)
