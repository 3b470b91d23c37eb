"""A policy document as named parts with labelled words: what the readable page lists and what differences compare."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handoffs.portal.policies.words import (
    PATTERN_WORDS,
    RECOVERY_WORDS,
    Part,
    Words,
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
NAMED_WORDS = {
    "min_cases": "cases at least",
    "override_percent": "override % above",
    "cut_off_percent": "cut-off % above",
    "failed_recovery_percent": "failed recoveries % above",
    "mtta": "MTTA above",
    "agreement_percent": "agreement % at least",
    "kappa": "kappa at least",
}
FORMAT_WORDS = {"decimal": "exact number", "date": "date", "date-time": "date and time"}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One part: `noun` and `name` for differences, `sentence` for the page, `details` by label, `source` as written."""

    noun: str
    name: str
    key: str = ""
    sentence: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    source: Any = None

    @property
    def called(self) -> str:
        return f"{self.noun} {self.name}".strip()


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
            "second person": _second(outcome.get("second_person"), words),
            "questions": _questions(outcome.get("answers")),
        }
        said = f"{titled(outcome)}: {then}, reason {details['reason']}"
        said += "" if details["can be undone"] == "yes" else ", cannot be undone"
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


def _sla(document: Part, words: Words) -> Iterator[Item]:
    sla = mapped(document.get("sla"))
    for name, label, otherwise in (
        ("calendar", "Calendar", "always"),
        ("accept_within", "Accept within", "no limit"),
        ("resolve_within", "Resolve within", "no limit"),
        ("idle_release", "Given back when idle for", "never"),
    ):
        value = sla.get(name)
        said = otherwise if value is None else str(value) if name == "calendar" else duration(value)
        yield Item(noun=label, name="", key=f".{name}", sentence=said)
    cut_off = mapped(sla.get("cut_off"))
    said = f"{words.outcome(cut_off.get('outcome'))} after {duration(cut_off.get('after'))}" if cut_off else "none"
    yield Item(noun="Cut-off", name="", key=".cut_off", sentence=said)
    for number, reminder in enumerate(map(mapped, listed(sla.get("reminders"))), 1):
        yield Item(noun=f"Reminder {number}", name="", key=f".reminder{number}", sentence=_reminder(reminder))
    for number, step in enumerate(map(mapped, listed(sla.get("escalation"))), 1):
        yield Item(noun=f"Escalation {number}", name="", key=f".step{number}", sentence=_step(step))


def _reminder(reminder: Part) -> str:
    side = "after" if "after" in reminder else "before"
    target = {"accept": "the target to accept", "resolve": "the target to resolve", "cut_off": "the cut-off"}
    anchor = target.get(str(reminder.get(side)), "…")
    return f"{duration(reminder.get('by', '…'))} {side} {anchor}, to the {reminder.get('to', '…')}"


def _step(step: Part) -> str:
    said = f"{spoken(step.get('when', '…'))} after {duration(step.get('after', '…'))} → {step.get('role') or '…'}"
    said += f", {step['priority']} priority" if step.get("priority") else ""
    told = ", ".join(map(str, listed(step.get("tell"))))
    return capital(f"{said}; {told} told as well" if told else said)


def _recovery(document: Part, words: Words) -> Iterator[Item]:
    recovery = mapped(document.get("recovery"))
    failure = {"reopen": "the handoff opens again", "keep": "the handoff stays as it is"}
    yield Item(noun="Receipt within", name="", key="within", sentence=duration(recovery.get("receipt_within", "15m")))
    said = failure.get(str(recovery.get("on_failure", "reopen")), "…")
    yield Item(noun="When automation could not apply it", name="", key="failure", sentence=said)


def _supervision(document: Part, words: Words) -> Iterator[Item]:
    if "supervision" not in document:
        return
    rules = mapped(document["supervision"])
    percent = mapped(rules.get("sample")).get("percent", 100)
    yield Item(noun="Reviewed share", name="", key="sample", sentence=f"{show(percent)} % of what was done")
    always = rules.get("always_when")
    said = words.condition(always) if always is not None else "nothing in particular"
    yield Item(noun="Always reviewed", name="", key="always", sentence=said)


def _rollout(document: Part, words: Words) -> Iterator[Item]:
    rollout = mapped(document.get("rollout"))
    when = rollout.get("when")
    yield Item(noun="Share of cases", name="", key="percent", sentence=f"{show(rollout.get('percent', 100))} %")
    said = words.condition(when) if when is not None else "all cases"
    yield Item(noun="Among", name="", key="when", sentence=said)
    yield Item(noun="Pilot role", name="", key="reviewers", sentence=str(rollout.get("reviewers") or "none"))
    yield Item(noun="Shadow", name="", key="shadow", sentence=yes_no(rollout.get("shadow")))
    if rollout.get("requires_replay"):
        yield Item(noun="Replay", name="", key="requires_replay", sentence="required before publishing")
    yield from _named(rollout, "limits", "Steps back when")
    yield from _named(rollout, "promote", "Promoted from")


def _named(rollout: Part, key: str, noun: str) -> Iterator[Item]:
    """Limits and criteria, as far as the policy names any."""
    named = mapped(rollout.get(key))
    said = [f"{NAMED_WORDS.get(name, spoken(name))} {show(value)}" for name, value in sorted(named.items())]
    if said:
        yield Item(noun=noun, name="", key=key, sentence=", ".join(said))


def _integrity(document: Part, words: Words) -> Iterator[Item]:
    integrity = mapped(document.get("integrity"))
    if "second_look" in integrity:
        percent = show(mapped(integrity["second_look"]).get("percent", 0))
        yield Item(noun="Second look", name="", key="second_look", sentence=f"at {percent} % of the decisions")
    if integrity.get("unopened_documents"):
        yield Item(noun="Unopened documents", name="", key="unopened", sentence="shown per reviewer")


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


SECTIONS: tuple[tuple[str, str, Callable[[Part, Words], Iterator[Item]], bool], ...] = (
    ("general", "General", _general, True),
    ("data", "Data", _data, True),
    ("context", "What the reviewer sees", _context, True),
    ("triggers", "When it hands off", _triggers, True),
    ("routes", "To whom", _routes, False),
    ("outcomes", "What can be decided", _outcomes, True),
    ("suggest", "What is suggested", _suggest, False),
    ("sla", "By when", _sla, True),
    ("recovery", "Recovery", _recovery, True),
    ("supervision", "Supervision", _supervision, True),
    ("rollout", "Rollout", _rollout, True),
    ("integrity", "Reviewer integrity", _integrity, True),
)
