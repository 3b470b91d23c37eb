"""The JSON Schema (2020-12) of the policy document: for editors, and for the first look at what somebody wrote."""

from handoffs.choices import (
    EscalationWhen,
    FieldType,
    OnFailure,
    OnUnknown,
    OutcomeKind,
    Pattern,
    Priority,
    ReasonRule,
    RecoveryAction,
    ReminderAnchor,
    ReminderTo,
)
from handoffs.rules.durations import EXAMPLES, PATTERN
from handoffs.rules.rollout_schema import integrity, rollout
from handoffs.rules.schema_parts import (
    DURATION_FORMAT,
    Schema,
    condition,
    duration,
    field,
    flag,
    key,
    list_of,
    object_of,
    one_of,
    percent,
    role,
    text,
)

TRIGGERS_LIMIT = 200
FIELDS_LIMIT = 100


def policy_schema() -> Schema:
    """A fresh copy of the schema; `errorMessage` is what to tell people where a rule without words of its own fails."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy of a workflow",
        "description": "When automation hands a case to a person, to whom, by when, and how it goes on afterwards.",
        **object_of(_sections(), required=("workflow", "routes", "outcomes")),
        "$defs": _definitions(),
    }


def _sections() -> Schema:
    return {
        "workflow": {
            **key("The workflow's key, such as invoice-matching"),
            "pattern": "^[a-z0-9][a-z0-9_-]*$",
            "errorMessage": "write lower-case letters, digits and -, such as invoice-matching, at most 64 characters",
        },
        "title": text("What people call the workflow", 200),
        "pattern": one_of(Pattern, "How automation and people share the work (default alert_and_wait)"),
        "data": {
            "type": "object",
            "description": "JSON Schema of what attempts carry; conditions and shown fields are checked against it",
        },
        "context": {**_context(), "description": "What the reviewer is shown, and what an attempt must carry for it"},
        "triggers": list_of(
            _trigger(), TRIGGERS_LIMIT, "Reasons to hand off, all looked at; the first that fires counts"
        ),
        "routes": list_of(_route(), 100, "To which role: the first that matches; the last has no condition", least=1),
        "outcomes": list_of(_outcome(), 50, "The decisions on offer", least=1),
        "suggest": list_of(
            _suggestion(), 100, "Which outcome to suggest when the automation does not; first match wins"
        ),
        "sla": {**_sla(), "description": "By when, who is reminded, and what happens when nobody decides"},
        "recovery": {**_recovery(), "description": "What is expected of automation once a decision was made"},
        "supervision": _supervision(),
        "rollout": {**rollout(), "description": "For which share of the cases this policy is live"},
        "integrity": integrity(),
    }


def _context() -> Schema:
    shown = object_of(
        {
            "field": field("The path of the fact, such as data.amount"),
            "as": one_of(FieldType, "How to show it; by default after the type in data"),
            "label": text("What people call it; by default the title in data", 200),
            "currency": text("For money: a path such as data.currency, or a code such as USD", 200),
            "sensitive": flag("Masked until the reviewer opens it, which is written to the audit trail"),
        },
        required=("field",),
    )
    require = object_of(
        {
            "documents": list_of(text("A word for the document, such as invoice", 100), 20, "Documents that must come"),
            "fields": list_of(field("A path such as data.amount"), FIELDS_LIMIT, "Facts that must come, and are shown"),
        }
    )
    return object_of(
        {
            "summary": text("One line, with {reference}, {data.vendor} or {data.po_number|no purchase order}", 500),
            "fields": list_of(shown, FIELDS_LIMIT, "What the reviewer sees, in this order, and nothing else"),
            "require": {**require, "description": "What an attempt must carry to be handed off"},
        }
    )


def _trigger() -> Schema:
    properties = {
        "key": key("A short name for the metrics, such as price_variance"),
        "title": text("What people read", 200),
        "when": condition("Hand off when this holds"),
        "failures": {**_failures(), "description": "Hand off when automation failed too often; until then it retries"},
        "sample": {
            **object_of({"percent": percent("Share of all cases, stable per reference")}, required=("percent",)),
            "description": "Hand off a share of all cases, to see how things are",
        },
        "unknown": one_of(OnUnknown, "What to do when the condition cannot be known (default hand_off)"),
        "root_cause": text("What probably lies behind it, shown to the reviewer", 500),
    }
    return {
        **object_of(properties, required=("key",)),
        "oneOf": [{"required": ["when"]}, {"required": ["failures"]}, {"required": ["sample"]}],
        "errorMessage": "write exactly one of when, failures and sample",
    }


def _failures() -> Schema:
    properties = {
        "count": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "How many failures hand off (with across_cases: how many cases)",
        },
        "within": duration("The window in which they count", positive=True),
        "errors": list_of(text("An error type", 100), 100, "Error types that count; without any, all do"),
        "retry_after": list_of(
            duration("Wait this long"), 20, "The wait after each failure; the last repeats", least=1
        ),
        "across_cases": flag("Count the cases that fail with the same error: one handoff for the outage they share"),
    }
    return object_of(properties, required=("count", "within"))


def _route() -> Schema:
    properties = {
        "when": condition("Cases that go this way; none on the last route", null=True),
        "role": role("Who decides them"),
        "priority": one_of(Priority, "How urgent they are (default normal)"),
    }
    return object_of(properties, required=("role",))


def _outcome() -> Schema:
    properties = {
        "key": key("What the automation is told, such as approve_and_pay"),
        "title": text("What the button says", 200),
        "kind": one_of(OutcomeKind, "What sort of decision it is"),
        "recovery": one_of(RecoveryAction, "What automation does next"),
        "explain": text("What happens next, in words for the reviewer", 500),
        "reason": one_of(ReasonRule, "Whether the reviewer must give a reason (default optional)"),
        "reversible": flag("Whether it can be undone (default true)"),
        "together": flag("May be decided for several cases at once (default false)"),
        "second_person": _second_person(),
        "answers": {"$ref": "#/$defs/answers", "description": "Questions that this decision answers, as a form"},
    }
    return object_of(properties, required=("key", "kind", "recovery"))


def _second_person() -> Schema:
    conditional = object_of({"when": condition("Cases that need two people")}, required=("when",))
    return {
        "description": "Whether another person must confirm: true, false, or {when: a condition}",
        "type": ["boolean", "object"],
        "if": {"type": "object"},
        "then": conditional,
    }


def _suggestion() -> Schema:
    when = condition("Cases for which to suggest it", null=True)
    return object_of({"when": when, "outcome": text("Key of an outcome", 64)}, required=("outcome",))


def _sla() -> Schema:
    return object_of(
        {
            "calendar": text("Key of a calendar, or always (the default) for around the clock", 64),
            "accept_within": duration("Target for somebody to accept", positive=True, null=True),
            "resolve_within": duration("Target for the decision", positive=True, null=True),
            "reminders": list_of(_reminder(), 20, "Reminders around the targets"),
            "escalation": list_of(_escalation_step(), 20, "The chain: after how long, to which role"),
            "cut_off": _cut_off(),
            "idle_release": duration("Give it back when the holder does nothing for so long", positive=True, null=True),
        }
    )


def _reminder() -> Schema:
    properties = {
        "before": one_of(ReminderAnchor, "Remind before this target"),
        "after": one_of(ReminderAnchor, "Remind after this target"),
        "by": duration("How long before or after"),
        "to": one_of(ReminderTo, "Whom to remind"),
    }
    return {
        **object_of(properties, required=("by", "to")),
        "oneOf": [{"required": ["before"]}, {"required": ["after"]}],
        "errorMessage": "write exactly one of before and after",
    }


def _escalation_step() -> Schema:
    properties = {
        "when": one_of(EscalationWhen, "What has not happened by then"),
        "after": duration("Counted from the start of the clock", positive=True),
        "role": role("Who decides from then on"),
        "priority": one_of(Priority, "A new priority; by default it stays"),
        "tell": list_of(role("A role that is told as well"), 20, "Who else hears of it"),
    }
    return object_of(properties, required=("when", "after", "role"))


def _cut_off() -> Schema:
    properties = {
        "after": duration("Counted from the start of the clock", positive=True),
        "outcome": text("Key of the outcome that is applied without a person", 64),
    }
    described = object_of(properties, required=("after", "outcome"))
    return {**described, "type": ["object", "null"], "description": "The moment at which the clock decides"}


def _recovery() -> Schema:
    return object_of(
        {
            "receipt_within": duration("How soon automation must say that it applied a decision", positive=True),
            "on_failure": one_of(OnFailure, "What to do when it could not (default reopen)"),
        }
    )


def _supervision() -> Schema:
    sample = object_of({"percent": percent("Share that is reviewed, stable per reference")}, required=("percent",))
    return {
        **object_of(
            {
                "sample": {**sample, "description": "A share of what was done"},
                "always_when": condition("What is always reviewed", null=True),
            }
        ),
        "description": "What a person reviews of what automation did; for the supervised pattern only",
    }


def _definitions() -> Schema:
    return {
        "condition": {
            "description": "{field, is, value}, joined by all, any and not; or an expression as text",
            "type": ["object", "array", "string"],
            "errorMessage": "write a condition such as {field: data.amount, is: '>', value: 1000}",
        },
        "duration": {
            "type": "string",
            "minLength": 1,
            "pattern": PATTERN,
            "format": DURATION_FORMAT,
            "errorMessage": EXAMPLES,
        },
        "answers": _answers(),
    }


def _answers() -> Schema:
    question = object_of(
        {
            "title": text("The question", 200),
            "description": text("A hint below it", 500),
            "type": {"enum": ["string", "number", "integer", "boolean"], "description": "What the answer is"},
            "format": {"enum": ["date", "decimal"], "description": "For texts: a date or an exact amount"},
            "enum": list_of({"type": "string", "maxLength": 200}, 100, "The choices", least=1),
            "minimum": {"type": "number", "description": "The smallest number"},
            "maximum": {"type": "number", "description": "The largest number"},
            "minLength": {"type": "integer", "minimum": 0, "description": "The fewest characters"},
            "maxLength": {"type": "integer", "minimum": 1, "maximum": 10_000, "description": "The most characters"},
        },
        required=("type",),
    )
    properties = {
        "type": {"const": "object", "errorMessage": "write object"},
        "properties": {
            "description": "The questions by name",
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9_]{0,63}$",
                "errorMessage": "name each question in lower-case letters, digits and _, such as new_amount",
            },
            "additionalProperties": question,
        },
        "required": list_of({"type": "string", "maxLength": 64}, 20, "Questions that must be answered"),
    }
    return object_of(properties, required=("properties",))
