"""A policy document as managers handle it: keys in the order of reading, as YAML text, and cut into sections."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml

from handoffs.rules.canonical import canonical_dumps, sha256_of
from handoffs.rules.policy_loading import SECTIONS
from handoffs.rules.policy_reading import FRACTION_TEXT, INTEGER_TEXT

READING_ORDER = """
    key name field title type format kind when all any not exists all_of where is value failures sample count within
    errors retry_after across_cases unknown root_cause before after by to role priority tell recovery reversible explain
    reason together second_person answers outcome as label currency sensitive summary fields require documents calendar
    accept_within resolve_within reminders escalation cut_off idle_release receipt_within on_failure always_when percent
    reviewers shadow limits promote min_cases override_percent cut_off_percent failed_recovery_percent mtta
    agreement_percent kappa second_look unopened_documents requires_replay
""".split()  # noqa: SIM905 - sixty quoted names would not read better
RANKS = {name: rank for rank, name in enumerate(READING_ORDER)}
SHORT_CHARACTERS = 150
HEAD = ("workflow", "title", "pattern")


def in_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with sections and keys in the order in which people read them; what the database keeps has none."""
    names = sorted(document, key=lambda name: SECTIONS.get(name, len(SECTIONS)))
    return {name: _sorted(document[name], name) for name in names}


def _sorted(value: Any, under: str) -> Any:
    if isinstance(value, list):
        return [_sorted(item, under) for item in value]
    if not isinstance(value, Mapping):
        return value
    free = under in ("properties", "$defs")
    names = list(value) if free else sorted(value, key=lambda name: RANKS.get(name, len(RANKS)))
    return {name: _sorted(value[name], "" if free else name) for name in names}


def to_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML that `read_yaml` reads back to the same values."""
    parts = [_dump(_Block({name: value})) for name, value in in_order(document).items()]
    split = sum(name in HEAD for name in document)
    return "".join(parts[:split]) + "".join(f"\n{part}" for part in parts[split:])


def flow(value: Any) -> str:
    """A value as YAML on one line, such as `{field: data.amount, is: '>', value: 5000}`."""
    text: str = yaml.dump(_sorted(value, ""), Dumper=_FlowDumper, default_flow_style=True, **_OPTIONS)
    return text.removesuffix("\n").removesuffix("\n...")


def digest_of(value: Any) -> str:
    """What tells whether a section was changed meanwhile."""
    return sha256_of(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return canonical_dumps(one) == canonical_dumps(other)


def _dump(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, **_OPTIONS)
    return text


_OPTIONS: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 100_000}


class _Block(dict[str, Any]):
    """Written over several lines, however short."""


class _FlowDumper(yaml.CSafeDumper):
    """Writes numbers as they are, and puts text in quotes wherever it could be read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Dumper(_FlowDumper):
    """The same, with small things on one line."""


def _number(dumper: Any, value: Decimal) -> Any:
    text = format(value, "f")
    whole = value == value.to_integral_value() and INTEGER_TEXT.match(text)
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'int' if whole else 'float'}", text)


def _mapping(dumper: Any, value: Mapping[str, Any]) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=_is_short(value))


def _block(dumper: Any, value: _Block) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=False)


def _list(dumper: Any, value: list[Any]) -> Any:
    return dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=not any(isinstance(item, Mapping | list) for item in value)
    )


def _is_short(value: Any) -> bool:
    return not value or (_is_flat(value) and len(canonical_dumps(value)) <= SHORT_CHARACTERS)


def _is_flat(value: Any, depth: int = 3) -> bool:
    parts = list(value.values()) if isinstance(value, Mapping) else value
    nested = [part for part in parts if isinstance(part, Mapping | list)]
    return depth > 0 and len(parts) <= 8 and all(_is_flat(part, depth - 1) for part in nested)


_FlowDumper.add_implicit_resolver("tag:yaml.org,2002:float", FRACTION_TEXT, list("-+0123456789."))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FRACTION_TEXT, list("-+0123456789."))
_FlowDumper.add_representer(Decimal, _number)
_Dumper.add_representer(Decimal, _number)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(_Block, _block)
