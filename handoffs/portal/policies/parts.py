"""A policy document as named parts with labelled words: what the readable page lists and what differences compare."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.portal.policies import parts_then
from handoffs.portal.policies.words import (
    PATTERN_WORDS,
    RECOVERY_WORDS,
    Item,
    Part,
    Words,
    capital,
    duration,
    listed,
    mapped,
    spoken,
    titled,
    yes_no,
)
from handoffs.rules.data_schema import humanise
from handoffs.rules.values import show

TYPE_WORDS = {"string": "text", "integer": "whole number", "boolean": "yes or no", "array": "list", "object": "group"}
FORMAT_WORDS = {"decimal": "exact number", "date": "date", "date-time": "date and time"}


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the policy; `keyed` where its items are told apart by their key, else by their place."""

    key: str
    title: str
    items: tuple[Item, ...]
    keyed: bool = True


def sections_of(document: Part) -> tuple[Section, ...]:
    """Every section of a document in the order of reading, those that say nothing left out."""
    words = Words(document)
    made = (
        Section(key=key, title=title, items=tuple(items(document, words)), keyed=keyed)
        for key, title, items, keyed in SECTIONS
    )
    return tuple(section for section in made if section.items)


def items_of(document: Part, key: str) -> tuple[Item, ...]:
    """What one section says."""
    return next((tuple(items(document, Words(document))) for name, _, items, _ in SECTIONS if name == key), ())


def _general(document: Part, words: Words) -> Iterator[Item]:
    pattern = str(document.get("pattern", "alert_and_wait"))
    yield Item(noun="Title", name="", sentence=str(document.get("title") or document.get("workflow")))
    yield Item(noun="Pattern", name="", sentence=PATTERN_WORDS.get(pattern, pattern))


def _data(document: Part, words: Words) -> Iterator[Item]:
    for name, schema in mapped(mapped(document.get("data")).get("properties")).items():
        schema = mapped(schema)
        details = {"type": type_words(schema), "title": str(schema.get("title") or humanise(name))}
        yield Item(noun="Field", name=f"data.{name}", key=name, details=details, source=schema,
                   sentence=f"{details['title']}: {details['type']}")  # fmt: skip


def type_words(schema: Part) -> str:
    """`exact number, may be empty` for a property of the data schema."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared] if declared else []
    kinds = [TYPE_WORDS.get(str(name), str(name)) for name in names if name != "null"]
    said = FORMAT_WORDS.get(str(schema.get("format")), " or ".join(kinds) or "anything")
    choices = [show(value) for value in listed(schema.get("enum"))]
    said = f"one of {', '.join(choices)}" if choices else said
    return f"{said}, may be empty" if "null" in names else said


def _context(document: Part, words: Words) -> Iterator[Item]:
    context = mapped(document.get("context"))
    require = mapped(context.get("require"))
    yield Item(noun="Summary", name="", sentence=str(context.get("summary", "{reference}")))
    for shown in map(mapped, listed(context.get("fields"))):
        path = str(shown.get("field"))
        details = {
            "shown as": str(shown.get("as", "its type says")),
            "label": str(shown.get("label") or words.field(path)),
            "currency": str(shown.get("currency", "")),
            "sensitive": yes_no(shown.get("sensitive")),
            "required": yes_no(path in listed(require.get("fields"))),
        }
        extra = [name for name in ("sensitive", "required") if details[name] == "yes"]
        said = ", ".join([details["shown as"], *([details["currency"]] if details["currency"] else []), *extra])
        yield Item(
            noun="Field", name=path, key=path, sentence=f"{details['label']} ({said})", details=details, source=shown
        )
    documents = ", ".join(map(str, listed(require.get("documents"))))
    yield Item(noun="Required documents", name="", key=".documents", sentence=documents or "none")


def _triggers(document: Part, words: Words) -> Iterator[Item]:
    for trigger in map(mapped, listed(document.get("triggers"))):
        fires = fires_when(trigger, words)
        details = {"fires when": fires, "title": titled(trigger), "root cause": str(trigger.get("root_cause", ""))}
        if "when" in trigger:
            details["when it cannot be known"] = spoken(trigger.get("unknown", "hand_off"))
        yield Item(noun="Trigger", name=str(trigger.get("key")), key=str(trigger.get("key")), details=details,
                   sentence=f"{titled(trigger)}: {fires}", source=trigger)  # fmt: skip


def fires_when(trigger: Part, words: Words) -> str:
    """`Price variance is above 2`, `3 failures within 1 h` or `5 % of all cases`."""
    if "failures" in trigger:
        limit = mapped(trigger["failures"])
        errors = ", ".join(map(str, listed(limit.get("errors"))))
        waits = ", ".join(duration(wait) for wait in listed(limit.get("retry_after")))
        said = f"{limit.get('count', '…')} failures within {duration(limit.get('within', '…'))}"
        said += f" of {errors}" if errors else ""
        said += " over all cases" if limit.get("across_cases") else ""
        return f"{said}; until then it retries after {waits}" if waits else said
    if "sample" in trigger:
        return f"{show(mapped(trigger['sample']).get('percent', '…'))} % of all cases"
    return words.condition(trigger.get("when"))


def _routes(document: Part, words: Words) -> Iterator[Item]:
    for route in map(mapped, listed(document.get("routes"))):
        when = words.condition(route["when"]) if route.get("when") is not None else "every other case"
        details = {"when": when, "role": str(route.get("role", "")), "priority": str(route.get("priority", "normal"))}
        urgency = "" if details["priority"] == "normal" else f", {details['priority']} priority"
        said = f"{when} → {details['role'] or '…'}{urgency}"
        yield Item(noun="Route to", name=details["role"], sentence=capital(said), details=details, source=route)


def _outcomes(document: Part, words: Words) -> Iterator[Item]:
    for outcome in map(mapped, listed(document.get("outcomes"))):
        then = RECOVERY_WORDS.get(str(outcome.get("recovery")), str(outcome.get("recovery", "…")))
        details = {
            "title": titled(outcome),
            "kind": str(outcome.get("kind", "…")),
            "then": then,
            "told to the reviewer": str(outcome.get("explain", "")),
            "reason": str(outcome.get("reason", "optional")),
            "can be undone": yes_no(outcome.get("reversible", True)),
            "for several cases at once": yes_no(outcome.get("together", False)),
            "second person": _second(outcome.get("second_person"), words),
            "questions": _questions(outcome.get("answers")),
        }
        said = f"{titled(outcome)}: {then}, reason {details['reason']}"
        said += "" if details["can be undone"] == "yes" else ", cannot be undone"
        said += "" if details["for several cases at once"] == "no" else ", for several cases at once"
        said += "" if details["second person"] == "never" else f", second person {details['second person']}"
        yield Item(noun="Outcome", name=str(outcome.get("key")), key=str(outcome.get("key")), sentence=said,
                   details=details, source=outcome)  # fmt: skip


def _second(rule: Any, words: Words) -> str:
    if isinstance(rule, Mapping):
        return f"when {words.condition(rule.get('when'))}"
    return "always" if rule else "never"


def _questions(answers: Any) -> str:
    questions = mapped(mapped(answers).get("properties"))
    required = listed(mapped(answers).get("required"))
    said = (f"{mapped(schema).get('title') or humanise(name)} ({type_words(mapped(schema))}"
            f"{', required' if name in required else ''})" for name, schema in questions.items())  # fmt: skip
    return "; ".join(said)


def _suggest(document: Part, words: Words) -> Iterator[Item]:
    for rule in map(mapped, listed(document.get("suggest"))):
        when = words.condition(rule["when"]) if rule.get("when") is not None else "every other case"
        details = {"when": when, "outcome": words.outcome(rule.get("outcome"))}
        said = f"{capital(when)} → {details['outcome']}"
        yield Item(noun="Suggestion", name=details["outcome"], sentence=said, details=details, source=rule)


SECTIONS: tuple[tuple[str, str, Callable[[Part, Words], Iterator[Item]], bool], ...] = (
    ("general", "General", _general, True),
    ("data", "Data", _data, True),
    ("context", "What the reviewer sees", _context, True),
    ("triggers", "When it hands off", _triggers, True),
    ("routes", "To whom", _routes, False),
    ("outcomes", "What can be decided", _outcomes, True),
    ("suggest", "What is suggested", _suggest, False),
    ("sla", "By when", parts_then.sla, True),
    ("recovery", "Recovery", parts_then.recovery, True),
    ("supervision", "Supervision", parts_then.supervision, True),
    ("rollout", "Rollout", parts_then.rollout, True),
    ("integrity", "Reviewer integrity", parts_then.integrity, True),
)
