"""The questions about a handoff as its decider sees them, and what a form answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from handoffs.actions.feedback import DOCUMENT_PREFIX, NOTHING_SAID, Feedback
from handoffs.models import Decision
from handoffs.rules.data_schema import DataSchema, properties_of
from handoffs.rules.policy import Policy

ANSWERS = {"yes": True, "no": False}
OTHER_DOCUMENT = f"{DOCUMENT_PREFIX}another"
PARTS_OFFERED = 24


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that may have been missing."""

    key: str
    label: str
    checked: bool


@dataclass(frozen=True, kw_only=True)
class FeedbackView:
    """The questions as the decider sees them, with what was answered so far."""

    said: Feedback
    parts: tuple[Part, ...]


def feedback_view(decision: Decision | None, policy: Policy, reader: Any) -> FeedbackView | None:
    """For whoever decided; None for everybody else."""
    if decision is None or decision.decided_by_id != reader.pk:
        return None
    said = Feedback.of(decision)
    return FeedbackView(said=said, parts=parts_of(policy, chosen=said.missing_parts))


def parts_of(policy: Policy, *, chosen: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """What could have been missing by the policy: what it shows, what it knows beside, and documents."""
    found = labels_of(policy)
    offered = {**dict(list(found.items())[:PARTS_OFFERED]), **{key: found.get(key, key) for key in chosen}}
    return tuple(Part(key=key, label=label, checked=key in chosen) for key, label in offered.items())


def labels_of(policy: Policy) -> dict[str, str]:
    """The names of fields and documents for people, by the key of the part."""
    shown = {field.field: field.label for field in policy.context.fields if field.field.startswith("data.")}
    schema = DataSchema.of(policy.data)
    root = schema.field("data")
    known = {f"data.{name}": name for name in (properties_of(root.schema) if root else ())}
    titled = {path: spec.title for path in known if (spec := schema.field(path))}
    documents = {f"{DOCUMENT_PREFIX}{title}": f"Document: {title}" for title in policy.context.required_documents}
    return {**shown, **{key: title for key, title in titled.items() if key not in shown}, **documents} | {
        OTHER_DOCUMENT: "Another document"
    }


def read(sent: QueryDict | Mapping[str, Any], before: Feedback = NOTHING_SAID) -> Feedback:
    """What a form says, put over what was said before: a question that it does not ask keeps its answer."""
    changes: dict[str, Any] = {
        name: ANSWERS.get(sent.get(name, "")) for name in ("context_sufficed", "person_needed") if name in sent
    }
    changes |= {name: str(sent[name]).strip() for name in ("context_missing", "comment") if name in sent}
    if "parts" in sent and isinstance(sent, QueryDict):
        changes["missing_parts"] = tuple(dict.fromkeys(sent.getlist("missing_parts")))
    said = replace(before, **changes)
    return replace(said, context_missing="", missing_parts=()) if said.context_sufficed else said
