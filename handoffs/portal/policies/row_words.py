"""What a closed row of the editor says: a title, and the rest in a sentence."""

from collections.abc import Callable, Mapping

from handoffs.portal.policies.parts import fires_when, type_words
from handoffs.portal.policies.words import Part, Words, mapped, titled


def said_of(rows: str, item: Part, words: Words) -> tuple[str, str]:
    """The title and the sentence of a row in the list called `rows`."""
    return SENTENCES.get(rows, _name_only)(item, words)


def _name_only(item: Part, words: Words) -> tuple[str, str]:
    return str(item.get("title") or item.get("name") or ""), type_words(mapped(item.get("schema")))


def _data_row(item: Part, words: Words) -> tuple[str, str]:
    name = str(item.get("name") or "")
    said = type_words(mapped(item.get("schema")))
    return str(item.get("title") or name), f"{name} · {said}" if item.get("title") else said


def _field_row(item: Part, words: Words) -> tuple[str, str]:
    marks = [name for name in ("required", "sensitive") if item.get(name)]
    said = [
        str(item.get("as") or "as its type says"),
        *([str(item["currency"])] if item.get("currency") else []),
        *marks,
    ]
    return str(item.get("label") or words.field(item.get("field"))), " · ".join(said)


def _trigger_row(item: Part, words: Words) -> tuple[str, str]:
    return titled(item), fires_when(item, words)


def _route_row(item: Part, words: Words) -> tuple[str, str]:
    when = f"when {words.condition(item['when'])}" if item.get("when") is not None else "every other case"
    priority = item.get("priority", "normal")
    return str(item.get("role") or "…"), when if priority == "normal" else f"{when} · {priority} priority"


def _outcome_row(item: Part, words: Words) -> tuple[str, str]:
    said = [str(item.get("kind", "…")), f"reason {item.get('reason', 'optional')}"]
    said += [] if item.get("reversible", True) else ["cannot be undone"]
    said += ["for several cases at once"] if item.get("together") else []
    return titled(item), " · ".join(said)


def _suggestion_row(item: Part, words: Words) -> tuple[str, str]:
    when = f"when {words.condition(item['when'])}" if item.get("when") is not None else "in every other case"
    return words.outcome(item.get("outcome") or "…"), when


def _reminder_row(item: Part, words: Words) -> tuple[str, str]:
    side = "after" if "after" in item else "before"
    target = "the cut-off" if item.get(side) == "cut_off" else f"the target to {item.get(side, '…')}"
    return f"Tell the {item.get('to', '…')}", f"{item.get('by', '…')} {side} {target}"


def _step_row(item: Part, words: Words) -> tuple[str, str]:
    when = str(item.get("when", "…")).replace("_", " ")
    said = f"{when} after {item.get('after') or '…'}"
    return f"Move to {item.get('role') or '…'}", f"{said} · {item['priority']} priority" if item.get(
        "priority"
    ) else said


SENTENCES: Mapping[str, Callable[[Part, Words], tuple[str, str]]] = {
    "data": _data_row,
    "context.fields": _field_row,
    "triggers": _trigger_row,
    "routes": _route_row,
    "outcomes": _outcome_row,
    "suggest": _suggestion_row,
    "sla.reminders": _reminder_row,
    "sla.escalation": _step_row,
}
