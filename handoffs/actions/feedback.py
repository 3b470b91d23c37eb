"""What reviewers say of a handoff itself, with their decision or after it: was it enough, and did it need a person."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from handoffs.actions import audit
from handoffs.actions.context import locked
from handoffs.choices import Event
from handoffs.errors import Invalid, Mistake
from handoffs.models import Actor, Decision, Handoff

MAX_TEXT_CHARACTERS, MAX_MISSING_PARTS, MAX_PART_CHARACTERS = 500, 30, 200
DOCUMENT_PREFIX = "document:"


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """Did the context suffice, what was missing (in words, and as fields and documents), was a person needed.

    A missing part is the path of a field (`data.po_number`) or `document:` and a title.
    """

    context_sufficed: bool | None = None
    context_missing: str = ""
    missing_parts: tuple[str, ...] = ()
    person_needed: bool | None = None
    comment: str = ""

    @classmethod
    def of(cls, decision: Decision) -> "Feedback":
        """What was said of a decision so far."""
        return cls(
            context_sufficed=decision.context_sufficed,
            context_missing=decision.context_missing,
            missing_parts=tuple(decision.missing_parts),
            person_needed=decision.person_needed,
            comment=decision.feedback_comment,
        )

    def columns(self) -> dict[str, Any]:
        """As a decision keeps it."""
        said = asdict(self) | {"missing_parts": list(self.missing_parts)}
        return said | {"feedback_comment": said.pop("comment")}

    def check(self) -> None:
        """Raises Invalid for what is too long or no name of a field or document."""
        mistakes = [
            Mistake(pointer=f"/feedback/{name}", detail=f"Write at most {MAX_TEXT_CHARACTERS} characters, and no NUL.")
            for name in ("context_missing", "comment")
            if len(getattr(self, name)) > MAX_TEXT_CHARACTERS or "\0" in getattr(self, name)
        ]
        if len(self.missing_parts) > MAX_MISSING_PARTS or not all(map(_is_part, self.missing_parts)):
            detail = f"Name at most {MAX_MISSING_PARTS} fields (data.…) and documents (document:…)."
            mistakes.append(Mistake(pointer="/feedback/missing_parts", detail=detail))
        if mistakes:
            raise Invalid("The feedback needs correcting.", mistakes=mistakes)


NOTHING_SAID = Feedback()


@transaction.atomic(durable=True)
def give(handoff: Handoff, feedback: Feedback, *, reviewer: User, now: datetime) -> None:
    """Keep what the reviewer says of the handoff after their last decision on it, in place of what they said before.

    Saying the same again changes nothing. Raises Invalid for whoever did not decide it.
    """
    feedback.check()
    handoff = locked(handoff)
    decision = decided_by(handoff, reviewer)
    if decision is None:
        raise Invalid("Only who decided a handoff can say whether the information sufficed.")
    if Feedback.of(decision) == feedback:
        return
    for column, value in feedback.columns().items():
        setattr(decision, column, value)
    decision.save(update_fields=list(feedback.columns()))
    said = feedback.columns()
    audit.record(handoff, Event.FEEDBACK_GIVEN, actor=Actor.of(reviewer), now=now, details=said)


def decided_by(handoff: Handoff, reviewer: User) -> Decision | None:
    """The reviewer's own last decision on the handoff, whatever became of it."""
    return Decision.objects.filter(handoff=handoff, decided_by=reviewer).order_by("-resolution_number").first()


def _is_part(part: str) -> bool:
    named = part.removeprefix(DOCUMENT_PREFIX).removeprefix("data.")
    return part.startswith(("data.", DOCUMENT_PREFIX)) and bool(named.strip()) and len(part) <= MAX_PART_CHARACTERS
