"""The reference of the policy document says everything, and nothing that is not so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from handoffs.rules.condition_checks import OPERATORS
from handoffs.rules.conditions import compile_condition
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.expressions import FUNCTIONS
from handoffs.rules.policy_checks import check
from handoffs.rules.policy_loading import load
from handoffs.rules.policy_reading import read_yaml
from handoffs.rules.policy_schema import policy_schema
from handoffs.rules.structured import FORMS

PAGE = Path("docs/policy.md").read_text()
POLICY, CONDITIONS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(EXPRESSIONS,) = re.findall(r"```cel\n(.*?)```", PAGE, re.DOTALL)
ROLES = frozenset({"AP clerk", "Procurement analyst", "AP manager"})


def words_of(schema: Any) -> Iterator[str]:
    """Every key and every value of a list of choices that a policy can have."""
    if isinstance(schema, list):
        parts = schema
    elif isinstance(schema, dict):
        known = schema.get("properties", {})
        yield from known
        yield from schema.get("enum", ())
        parts = [*known.values(), *(part for name, part in schema.items() if name not in ("properties", "enum"))]
    else:
        return
    for part in parts:
        yield from words_of(part)


def test_every_key_and_choice_of_the_schema_is_told():
    words = set(words_of(policy_schema()))
    assert {"second_person", "not_accepted", "across_cases", "unopened_documents"} <= words
    assert sorted(word for word in words if not re.search(rf"(?<![a-z_]){re.escape(word)}(?![a-z_])", PAGE)) == []


def test_every_operator_form_and_function_of_conditions_is_told():
    known = {operator for operators in OPERATORS.values() for operator in operators} | set(FORMS) | set(FUNCTIONS)
    assert sorted(word for word in known if word not in PAGE) == []


def test_the_example_is_a_policy_without_a_mistake():
    document = read_yaml(POLICY)
    assert check(load(document), document, roles=ROLES, calendars=frozenset({"always", "us-office"})) == ()


@pytest.mark.parametrize("condition", [*yaml.safe_load(CONDITIONS), *EXPRESSIONS.strip().splitlines()], ids=str)
def test_every_condition_that_is_shown_can_be_saved(condition):
    assert compile_condition(condition, DataSchema.of(read_yaml(POLICY)["data"]), place="when").fields
