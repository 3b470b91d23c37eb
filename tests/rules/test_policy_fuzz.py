"""Whatever is sent as a policy, loading and checking it either works or says what is wrong, and soon."""

import copy
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs.errors import PolicyInvalid
from handoffs.rules.policy import Policy
from handoffs.rules.policy_checks import check
from handoffs.rules.policy_loading import load, read_yaml
from handoffs.rules.policy_schema import policy_schema
from handoffs.rules.problems import Problem
from tests.policies import INVOICE_MATCHING, INVOICE_ROLES, invoice_matching

SECTIONS = st.sampled_from(list(policy_schema()["properties"]))
WORDS = st.sampled_from(
    [
        "when",
        "field",
        "is",
        "value",
        "all",
        "any",
        "not",
        "exists",
        "where",
        "key",
        "role",
        "after",
        "data.amount",
        ">",
        "missing",
        "$ref",
        "#",
        "#/properties",
        "properties",
        "type",
        "items",
        "5m",
        "0s",
        "always",
        "{",
        "percent",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=20) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judge(document):
    """A policy with its problems, or mistakes that each have a place and words."""
    started = time.monotonic()
    policy, mistakes = attempted(lambda: load(document))
    assert isinstance(policy, Policy) or are_told(mistakes)
    problems = check(policy, document, roles=INVOICE_ROLES) if policy else ()
    assert all(isinstance(problem, Problem) and problem.place and problem.message for problem in problems)
    assert time.monotonic() - started < 2


def attempted(call):
    try:
        return call(), ()
    except PolicyInvalid as refused:
        return None, refused.mistakes


def are_told(mistakes):
    return bool(mistakes) and all(mistake.pointer and mistake.detail for mistake in mistakes)


@FUZZ
@given(VALUES)
def test_anything_at_all(document):
    judge(document)


@FUZZ
@given(st.dictionaries(SECTIONS, VALUES, max_size=13))
def test_anything_in_the_sections(sections):
    judge(invoice_matching() | sections)


@st.composite
def mutated(draw):
    """The invoice policy with one to three of its values, wherever they are, replaced, removed or moved."""
    document = invoice_matching()
    for _ in range(draw(st.integers(1, 3))):
        section, key = draw(st.sampled_from(list(_places(document))))
        section[key] = draw(
            VALUES | st.sampled_from([part[place] for part, place in _places(document)]).map(copy.deepcopy)
        )
    return document


def _places(section):
    for key, value in list(section.items() if isinstance(section, dict) else enumerate(section)):
        yield section, key
        if isinstance(value, dict | list):
            yield from _places(value)


@FUZZ
@given(mutated())
def test_a_policy_with_something_wrong_anywhere(document):
    judge(document)


@st.composite
def spliced(draw):
    """The invoice policy's text with three characters replaced by a few that mean something in YAML."""
    at = draw(st.integers(0, len(INVOICE_MATCHING)))
    return INVOICE_MATCHING[:at] + draw(st.text("{}[]&*!|>-:#'\"\n\t ,?%@`ab", max_size=6)) + INVOICE_MATCHING[at + 3 :]


@FUZZ
@given(st.text(max_size=200) | spliced())
def test_any_text(text):
    document, mistakes = attempted(lambda: read_yaml(text))
    assert not mistakes or are_told(mistakes)
    judge(document)
