"""Putting tests together, checking that kinds fit: the one place that both forms of a condition are built by."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from handoffs.rules.condition_logic import Not
from handoffs.rules.condition_terms import Arithmetic, Converted, Days, Field, Literal, Size, Term, a
from handoffs.rules.condition_tests import (
    ORDER,
    Among,
    Comparison,
    Matches,
    OneOf,
    Present,
    Round,
    Said,
    Test,
    TextTest,
)
from handoffs.rules.patterns import compile_pattern
from handoffs.rules.problems import Misfit, did_you_mean
from handoffs.rules.values import ORDERED_KINDS, READERS, Kind, as_date, as_moment, as_number, is_blank, show

SCALARS = (Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.MOMENT)
ALWAYS = ("missing", "present")
ORDERED = (">", ">=", "<", "<=", "=", "!=", "in", "not_in", *ALWAYS)
TEXTUAL = ("=", "!=", "in", "not_in", "matches", "starts_with", "ends_with", "contains", *ALWAYS)
OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.NUMBER: ORDERED,
    Kind.DATE: ORDERED,
    Kind.MOMENT: ORDERED,
    Kind.TEXT: TEXTUAL,
    Kind.BOOLEAN: ("=", "!=", *ALWAYS),
    Kind.LIST: ("contains", *ALWAYS),
    Kind.OBJECT: ALWAYS,
    Kind.ANY: tuple(dict.fromkeys((*ORDERED, *TEXTUAL))),
}
"""What the condition builder may offer for a field of each kind."""
EXAMPLES = {
    Kind.NUMBER: "a number such as 5000.01",
    Kind.TEXT: "text in quotes",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2026-01-31",
    Kind.MOMENT: "a date and time such as 2026-01-31T09:00:00Z",
}


def require_operator(term: Term, operator: str) -> None:
    """Raises Misfit if `operator` means nothing for the kind of `term`."""
    fitting = OPERATORS[term.kind]
    if operator not in fitting:
        raise Misfit(f"{operator} does not fit {name(term)}, which is {a(term.kind)}: use {', '.join(fitting)}")


def comparison(operator: str, left: Term, right: Term) -> Test:
    """`left operator right`. Raises Misfit if they cannot be compared."""
    if isinstance(left, Literal) and not isinstance(right, Literal):
        left, right, operator = right, left, FLIPPED.get(operator, operator)
    left, right, kind = align(operator, left, right)
    if operator in ORDER and kind not in (*ORDERED_KINDS, Kind.ANY):
        raise Misfit(f"{operator} does not fit {name(left)}, which is {a(kind)}: use = or !=")
    return Comparison(operator, left, right, kind)


FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


def align(operator: str, left: Term, right: Term) -> tuple[Term, Term, Kind]:
    """Both sides as one kind; ANY where that is only known when the values come. Raises Misfit if there is none."""
    for term in (left, right):
        if term.kind in (Kind.LIST, Kind.OBJECT):
            raise Misfit(f"{name(term)} is {a(term.kind)} and cannot be compared: compare what it holds")
    if isinstance(right, Literal):
        return _align_literal(operator, left, right)
    kinds = {left.kind, right.kind}
    if kinds == {Kind.DATE, Kind.MOMENT}:
        return Converted(left, Kind.DATE), Converted(right, Kind.DATE), Kind.DATE
    if len(kinds) == 1:
        return left, right, left.kind
    if Kind.ANY in kinds:
        kind = next(kind for kind in kinds if kind is not Kind.ANY)
        return convert(left, kind), convert(right, kind), kind
    raise Misfit(f"{name(left)} is {a(left.kind)} and {name(right)} is {a(right.kind)}: they cannot be compared")


def _align_literal(operator: str, left: Term, right: Literal) -> tuple[Term, Term, Kind]:
    if left.kind is not Kind.ANY:
        literal = fit(right, left)
        return (Converted(left, literal.kind) if literal.kind is not left.kind else left), literal, literal.kind
    if right.kind is not Kind.TEXT:
        return convert(left, right.kind), right, right.kind
    _refuse_blank(right, left)
    if operator in ORDER and as_number(right.content) is None and as_moment(right.content) is None:
        raise Misfit(f"{operator} needs a number or a date, not {right.content!r:.80}")
    return left, right, Kind.ANY


def convert(term: Term, kind: Kind) -> Term:
    """The term read as `kind`."""
    if term.kind is kind:
        return term
    if isinstance(term, Field):
        return Field.of(term.parts, term.spec, kind)
    return Converted(term, kind)


def fit(literal: Literal, term: Term) -> Literal:
    """The literal as a value that `term` can have. Raises Misfit if it cannot."""
    if term.kind is Kind.MOMENT and isinstance(literal.content, str) and len(literal.content.strip()) == 10:
        return _read(literal, Kind.DATE, term)
    if term.kind is Kind.TEXT and literal.kind is Kind.TEXT:
        _refuse_blank(literal, term)
        _refuse_unlisted(literal, term)
        return literal
    if literal.kind is term.kind or (literal.kind is Kind.DATE and term.kind is Kind.MOMENT):
        return literal
    if literal.kind is Kind.MOMENT and term.kind is Kind.DATE:
        return Literal(literal.content.date(), Kind.DATE)
    return _read(literal, term.kind, term)


def _read(literal: Literal, kind: Kind, term: Term) -> Literal:
    readable = literal.kind is Kind.TEXT and kind in (Kind.NUMBER, Kind.DATE, Kind.MOMENT)
    content = READERS[kind](literal.content) if readable else None
    if content is None:
        shown = repr(literal.content) if literal.kind is Kind.TEXT else show(literal.content)
        raise Misfit(f"{name(term)} is {a(term.kind)}, but {shown[:80]} is not: write {EXAMPLES[kind]}")
    return Literal(content, kind)


def _refuse_blank(literal: Literal, term: Term) -> None:
    if is_blank(literal.content) and not _always_known(term):
        raise Misfit(f"blank text counts as missing: ask whether {name(term)} is missing")


def _refuse_unlisted(literal: Literal, term: Term) -> None:
    allowed = term.spec.allowed if isinstance(term, Field) else ()
    if allowed and literal.content not in allowed:
        listed = ", ".join(allowed[:8])
        near = did_you_mean(literal.content, allowed)
        raise Misfit(f"{literal.content[:80]!r} is never a value of {name(term)}{near or f' ({listed})'}")


def one_of(term: Term, values: Sequence[Term]) -> Test:
    """The term equals one of the values. Raises Misfit for no values, or one that does not fit."""
    if not values:
        raise Misfit("the list is empty: name at least one value")
    if term.kind is Kind.BOOLEAN:
        require_operator(term, "in")
    made = [comparison("=", term, value) for value in values]
    options = tuple(option for option in made if isinstance(option, Comparison))
    return OneOf(options[0].left, options, _known_options(options))


def _known_options(options: Sequence[Comparison]) -> frozenset[Any] | None:
    """The options as a set to look into, where all are literals of one declared kind."""
    literals = [option.right.content for option in options if isinstance(option.right, Literal)]
    uniform = len({option.kind for option in options}) == 1 and options[0].kind is not Kind.ANY
    return frozenset(literals) if uniform and len(literals) == len(options) else None


def among(term: Term, items: Term) -> Test:
    """The list `items` has the value of `term`."""
    if items.kind not in (Kind.LIST, Kind.ANY):
        raise Misfit(f"{name(items)} is {a(items.kind)}, not a list")
    if term.kind not in (*SCALARS, Kind.ANY):
        raise Misfit(f"{name(term)} is {a(term.kind)}: look for a single value")
    return Among(term, convert(items, Kind.LIST))


def text_test(operator: str, term: Term, wanted: Term) -> Test:
    """Starts with, ends with, contains; `contains` also asks a list for an item."""
    if operator == "contains" and term.kind is Kind.LIST:
        return among(wanted, term)
    require_operator(term, operator)
    if wanted.kind not in (Kind.TEXT, Kind.ANY):
        raise Misfit(f"{operator} looks for text, and {name(wanted)} is {a(wanted.kind)}: write text in quotes")
    if isinstance(wanted, Literal) and is_blank(wanted.content):
        raise Misfit(f"{operator} needs text that is not blank")
    return TextTest(operator, convert(term, Kind.TEXT), convert(wanted, Kind.TEXT))


def matches(term: Term, pattern: Any) -> Test:
    """A regular expression is found in the text. Raises Misfit for an invalid or expensive one."""
    require_operator(term, "matches")
    if not isinstance(pattern, str):
        raise Misfit("matches needs a regular expression in quotes")
    return Matches(convert(term, Kind.TEXT), compile_pattern(pattern))


def present(term: Term) -> Test:
    """The field was reported and is not blank."""
    if not isinstance(term, Field):
        raise Misfit("only a field can be missing or present")
    return Present(term)


def missing(term: Term) -> Test:
    """The opposite of present."""
    return Not(present(term))


def said(term: Term) -> Test:
    """A yes-or-no field by itself. Raises Misfit if the term does not give yes or no."""
    if term.kind not in (Kind.BOOLEAN, Kind.ANY):
        raise Misfit(f"{name(term)} is {a(term.kind)} and does not give yes or no: compare it with something")
    return Said(convert(term, Kind.BOOLEAN))


def arithmetic(operator: str, left: Term, right: Term) -> Term:
    """Numbers combined, or the days between two dates."""
    kinds = {left.kind, right.kind}
    if operator == "-" and kinds <= {Kind.DATE, Kind.MOMENT}:
        return Days(convert(left, Kind.DATE), convert(right, Kind.DATE))
    return Arithmetic(operator, number(left), number(right))


def number(term: Term) -> Term:
    """The term as a number. Raises Misfit if it never is one."""
    if isinstance(term, Literal) and term.kind is not Kind.NUMBER:
        return literal_number(term)
    if term.kind not in (Kind.NUMBER, Kind.ANY, Kind.TEXT):
        raise Misfit(f"{name(term)} is {a(term.kind)}, not a number")
    return convert(term, Kind.NUMBER)


def literal_number(literal: Literal) -> Literal:
    """A number written in quotes. Raises Misfit for anything else."""
    content = as_number(literal.content) if literal.kind is Kind.TEXT else None
    if content is None:
        raise Misfit(f"{show(literal.content)!r} is not a number: write {EXAMPLES[Kind.NUMBER]}")
    return Literal(content, Kind.NUMBER)


def day(term: Term) -> Term:
    """The term as a calendar day."""
    if isinstance(term, Literal):
        return fit(term, Converted(term, Kind.DATE))
    if term.kind not in (Kind.DATE, Kind.MOMENT, Kind.ANY, Kind.TEXT):
        raise Misfit(f"{name(term)} is {a(term.kind)}, not a date")
    return convert(term, Kind.DATE)


def is_round(term: Term, unit: Term) -> Test:
    """The number is a multiple of the unit."""
    return Round(arithmetic("%", number(term), number(unit)), number(term), number(unit))


def size(term: Term) -> Term:
    """How long a text or a list is."""
    if term.kind not in (Kind.TEXT, Kind.LIST, Kind.ANY):
        raise Misfit(f"{name(term)} is {a(term.kind)} and has no size")
    return Size(term)


def literal_of(value: Any) -> Literal:
    """What a manager wrote as a value. Raises Misfit for what is no single value."""
    if isinstance(value, bool):
        return Literal(value, Kind.BOOLEAN)
    if isinstance(value, int | float | Decimal):
        return _number_literal(value)
    if isinstance(value, str):
        return Literal(value, Kind.TEXT)
    if as_moment(value) is not None:
        return _date_literal(value)
    raise Misfit("the value must be a number, text, a date, true or false")


def _number_literal(value: Any) -> Literal:
    exact = as_number(value)
    if exact is None or not -1000 < Decimal(exact).adjusted() < 1000:
        raise Misfit("the value is no number that can be compared")
    return Literal(exact, Kind.NUMBER)


def _date_literal(value: Any) -> Literal:
    is_moment = hasattr(value, "hour")
    return Literal(as_moment(value), Kind.MOMENT) if is_moment else Literal(as_date(value), Kind.DATE)


def name(term: Term) -> str:
    """What a message calls the term: a field by its path."""
    return term.spec.path if isinstance(term, Field) else term.label


def _always_known(term: Term) -> bool:
    return isinstance(term, Field) and term.spec.always_known
