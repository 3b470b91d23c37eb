"""The context package: the little a person needs to decide, built from an attempt, with its digest."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from handoffs.choices import FieldType
from handoffs.rules.canonical import canonical_dumps, sha256_of
from handoffs.rules.policy import ContextField, Policy

MAX_SUMMARY_CHARACTERS = 500
MAX_HEADLINE_CHARACTERS = 100
MAX_MAGNITUDE = 40
"""Beyond so many places a number is shown as it was written: `1e999999999` in digits would fill the memory."""
_PLACEHOLDER = re.compile(r"\{([^{}|]+)(?:\|([^{}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class GivenContext:
    """What the automation itself put into the package; documents are described by id, name, type, size and sha256."""

    summary: str = ""
    root_cause: str = ""
    links: Sequence[Mapping[str, str]] = ()
    documents: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def build(
    policy: Policy, names: Mapping[str, Any], given: GivenContext, *, root_cause: str, suggested_outcome: str
) -> dict[str, Any]:
    """The package as it is frozen, hashed, shown and delivered."""
    return {
        "workflow": policy.workflow,
        "reference": names["reference"],
        "summary": (given.summary or render(policy.context.summary, names))[:MAX_SUMMARY_CHARACTERS],
        "root_cause": given.root_cause or root_cause,
        "fields": [_shown(shown, names) for shown in policy.context.fields],
        "links": [dict(link) for link in given.links],
        "documents": [dict(document) for document in given.documents],
        "suggested_outcome": suggested_outcome or None,
    }


def digest(package: Mapping[str, Any]) -> str:
    """`sha256:` and the hex SHA-256 of the package's canonical JSON."""
    return f"sha256:{sha256_of(package)}"


def render(template: str, names: Mapping[str, Any]) -> str:
    """Fill `{data.vendor}` and `{data.po_number|no purchase order}`; what is missing without a fallback reads `?`."""
    return _PLACEHOLDER.sub(lambda match: _filled(match, names), template)


def value_at(names: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path such as `data.amount`; None where any part of it is missing."""
    value: Any = names
    for part in path.split("."):
        if not isinstance(value, (dict, Mapping)):  # almost always a dict, which is told apart without the ABC
            return None
        value = value.get(part)
    return value


def missing(policy: Policy, names: Mapping[str, Any]) -> list[str]:
    """The required fields that are absent or empty, as paths."""
    return [path for path in policy.context.required_fields if value_at(names, path) in (None, "", [], {})]


def headline(package: Mapping[str, Any]) -> str:
    """The first money fact for lists, such as `6,200.00 USD`; empty where there is none or it is sensitive."""
    for shown in package["fields"]:
        if shown["type"] == FieldType.MONEY and shown["value"] is not None and not shown["sensitive"]:
            return f"{grouped(shown['value'])} {shown.get('currency') or ''}".strip()[:MAX_HEADLINE_CHARACTERS]
    return ""


def grouped(value: Any) -> str:
    """A number with thousands separators and all its digits; anything else as text."""
    number = as_decimal(value)
    return f"{number:,f}" if number is not None else str(value)


def as_decimal(value: Any) -> Decimal | None:
    """The exact number that a JSON number or decimal string means; None for anything else, and beyond all measure."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_MAGNITUDE else None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs between two packages: `{label, before, after}` each; sensitive values are not told."""
    found = [
        {
            "label": name.replace("_", " ").capitalize(),
            "before": _told(before.get(name)),
            "after": _told(after.get(name)),
        }
        for name in ("summary", "root_cause", "links", "suggested_outcome")
        if before.get(name) != after.get(name)
    ]
    return found + _changed_fields(before, after) + _changed_documents(before, after)


def _changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    old = {shown["key"]: shown for shown in before["fields"]}
    new = {shown["key"]: shown for shown in after["fields"]}
    return [
        {"label": new.get(key, old.get(key, {}))["label"], "before": _fact(old.get(key)), "after": _fact(new.get(key))}
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _changed_documents(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    old = {document["sha256"]: document["name"] for document in before["documents"]}
    new = {document["sha256"]: document["name"] for document in after["documents"]}
    gone = [{"label": "Document", "before": name, "after": None} for sha, name in old.items() if sha not in new]
    come = [{"label": "Document", "before": None, "after": name} for sha, name in new.items() if sha not in old]
    return gone + come


def _fact(shown: Mapping[str, Any] | None) -> str | None:
    if shown is None or shown["value"] is None:
        return None
    if shown["sensitive"]:
        return "•••"
    return f"{_told(shown['value'])} {shown.get('currency') or ''}".strip()


def _told(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else canonical_dumps(value)


def _filled(match: re.Match[str], names: Mapping[str, Any]) -> str:
    value = value_at(names, match[1].strip())
    if value in (None, ""):
        return match[2] if match[2] is not None else "?"
    return value if isinstance(value, str) else canonical_dumps(value)


def _shown(shown: ContextField, names: Mapping[str, Any]) -> dict[str, Any]:
    fact = {
        "key": shown.field.removeprefix("data."),
        "label": shown.label,
        "type": shown.as_type.value,
        "value": value_at(names, shown.field),
        "sensitive": shown.sensitive,
    }
    if shown.currency:
        fact["currency"] = _currency(shown.currency, names)
    return fact


def _currency(source: str, names: Mapping[str, Any]) -> str:
    """A path such as `data.currency`, or a code such as `USD`."""
    return str(value_at(names, source) or "") if "." in source else source
