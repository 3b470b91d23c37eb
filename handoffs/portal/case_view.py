"""The case page of one handoff for one reader: what `queries.case` read, in the words of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from handoffs import access
from handoffs.choices import Event, Mode, ReasonRule, State
from handoffs.models import Decision, Handoff
from handoffs.portal import wording
from handoffs.portal.due import DueLine, due_line
from handoffs.portal.facts import Fact, facts_of, safe_url
from handoffs.portal.feedback_view import FeedbackView, feedback_view
from handoffs.portal.previews import kind_of
from handoffs.portal.shell import visible_to
from handoffs.portal.story import Told, Way, told, way_back
from handoffs.queries.case import CasePage, case_page
from handoffs.queries.due import due_stories
from handoffs.queries.workload import candidates

VERBS = ("accept", "release", "assign", "escalate", "return", "confirm", "object", "reopen", "note", "reveal")
QUIET_EVENTS = frozenset({Event.NOTE_ADDED})
"""Told elsewhere on the page."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An outcome on offer; `reason` is `required` or `optional`."""

    key: str
    title: str
    explain: str
    reason: str
    suggested: bool
    second_person: bool


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A document of the package; `shown` where the page can show it."""

    id: str
    name: str
    size: str
    icon: str
    shown: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was decided or proposed."""

    title: str
    decider: str
    confirmer: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class OwnAnswer:
    """The automation's own answer to a case in shadow; `title` is empty where it had none."""

    title: str
    agrees: bool
    held: list[str]


EFFECT_WORDS = {
    Mode.LIVE: "This decision has effect: the automation is told, and acts on it.",
    Mode.SHADOW: "Shadow: your decision has no effect. The automation goes on by its own answer, which you are shown "
    "once you have decided.",
    Mode.SECOND_LOOK: "Second look: your decision has no effect. Somebody decided this case before, and is compared "
    "with you. What they decided is not shown.",
}


class CaseView:
    """What the templates of the case page read."""

    def __init__(self, page: CasePage, reader: Any, *, revealed: Mapping[str, Any], now: datetime) -> None:
        self.page, self.handoff, self.reader, self.now = page, page.handoff, reader, now
        self.revealed = revealed
        self.workflow = page.handoff.workflow.title
        self.workflow_key = page.handoff.workflow.key
        self.reference = page.handoff.case.reference
        self.role = page.handoff.role.name
        self.holder = page.handoff.holder.display_name if page.handoff.holder else ""
        self.is_mine = page.handoff.holder_id == reader.pk
        self.offered_to_me = page.handoff.offered_to_id == reader.pk
        self.next_role = page.next_role
        self.root_cause = page.package["root_cause"]
        self.reasons = page.triggers
        self.similar = page.similar
        self.actions = page.actions

    @property
    def route(self) -> str:
        """Why this role: the route that matched, and who moved it since."""
        moved = self.page.last(Event.ESCALATED)
        if moved:
            return f"Escalated from {moved.details['from']} to {moved.details['to']} by {moved.actor}"
        opened = self.page.last(Event.OPENED)
        because = opened.details.get("routed_because") if opened else ""
        return f"Routed to {self.role}: {because}" if because else f"Routed to {self.role}"

    @property
    def facts(self) -> list[Fact]:
        fired = {path for trigger in self.page.triggers for path in trigger["fields"]}
        return facts_of(self.page.package, fired=fired, revealed=self.revealed)

    @property
    def documents(self) -> list[Attachment]:
        return [_attachment(document) for document in self.page.package["documents"]]

    @property
    def opens_first_document(self) -> bool:
        """The holder sees the first document at once; for everybody else opening is a choice, as it is recorded."""
        return self.is_mine and self.handoff.state == State.IN_PROGRESS and any(d.shown for d in self.documents[:1])

    @property
    def links(self) -> list[dict[str, str]]:
        return [{"label": link["label"], "url": safe_url(link["url"])} for link in self.page.package["links"]]

    @property
    def notes(self) -> list[dict[str, Any]]:
        return [
            {"author": note.author.display_name, "written_at": note.written_at, "text": note.text}
            for note in self.page.notes
        ]

    @property
    def outcomes(self) -> list[Outcome]:
        suggested = self.page.package["suggested_outcome"]
        offered = sorted(self.page.policy.outcomes, key=lambda outcome: outcome.key != suggested)
        return [
            Outcome(
                key=outcome.key,
                title=outcome.title,
                explain=outcome.explain,
                reason=outcome.reason.value,
                suggested=outcome.key == suggested,
                second_person=bool(outcome.second_person),
            )
            for outcome in offered
        ]

    @property
    def reason_words(self) -> str:
        """Which outcomes want a reason, by the digits that choose them."""
        required = [str(n) for n, outcome in enumerate(self.outcomes, 1) if outcome.reason == ReasonRule.REQUIRED]
        return f"required for {', '.join(required)}" if required else "optional"

    @property
    def history(self) -> list[Told]:
        return [told(row) for row in reversed(self.page.trail) if row.event not in QUIET_EVENTS]

    @property
    def due_stories(self) -> tuple[DueLine, ...]:
        """Why it is due then, while that matters."""
        if not self.handoff.is_open:
            return ()
        return tuple(due_line(story) for story in due_stories(self.handoff, now=self.now))

    @property
    def held_since(self) -> datetime:
        return self.handoff.accepted_since_start_at or self.handoff.updated_at

    @property
    def decision(self) -> Verdict | None:
        return _verdict(self.page.decision) if self.page.decision else None

    @property
    def feedback(self) -> FeedbackView | None:
        return feedback_view(self.page.decision, self.page.policy, self.reader)

    @property
    def recovery(self) -> Way | None:
        return (
            way_back(self.page.decision, self.page.recoveries, now=self.now)
            if self.page.decision and self.handoff.has_effect
            else None
        )

    @property
    def returned(self) -> dict[str, Any]:
        return self._latest(Event.RETURNED)

    @property
    def withdrawn(self) -> dict[str, Any]:
        return self._latest(Event.WITHDRAWN)

    def _latest(self, event: Event) -> dict[str, Any]:
        row = self.page.last(event)
        return {**row.details, "actor": row.actor, "at": row.at, "reason": row.reason} if row else {}

    @property
    def answer(self) -> dict[str, Any] | None:
        """What came back after the last return, while it matters: what was asked, and what changed."""
        answered = self.page.last(Event.RESUBMITTED)
        if answered is None or not self.handoff.is_open or self.handoff.state == State.RETURNED:
            return None
        asked = self.page.last(Event.RETURNED)
        questions = [asked.reason, *asked.details["questions"]] if asked else []
        return {"at": answered.at, "questions": questions, "changes": answered.details["changes"]}

    @property
    def effect(self) -> str:
        """In words whether a decision has effect; empty where it has, as every outcome says what follows from it."""
        return EFFECT_WORDS.get(Mode(self.handoff.mode), "")

    @property
    def own_answer(self) -> OwnAnswer | None:
        """What was held back from who decided in shadow, once they have."""
        proposal, decision = self.page.proposal, self.page.decision
        if proposal is None:
            return None
        known = self.page.policy.outcome(proposal.outcome)
        return OwnAnswer(
            title=known.title if known else proposal.outcome,
            agrees=decision is not None and decision.outcome == proposal.outcome,
            held=[str(proposal.held[name]) for name in ("summary", "root_cause") if proposal.held.get(name)],
        )

    @property
    def able(self) -> list[Any]:
        """Whom a manager could give it to now."""
        role_id = self.handoff.role_id
        return candidates({role_id}, now=self.now)[role_id]

    @property
    def why_not(self) -> str:
        """Why the reader cannot act on it."""
        if self.handoff.state == State.AWAITING_CONFIRMATION and self.is_mine:
            return "You proposed it, so somebody else of the role confirms or objects."
        if self.handoff.opened_by_id == self.reader.pk:
            return "Nobody decides on what they themselves submitted."
        return f"It is with {self.role}, which is none of your roles."


def render_case(
    request: HttpRequest,
    handoff: Handoff,
    *,
    status: int = 200,
    refusal: Any = None,
    form: Mapping[str, Any] | None = None,
    revealed: Mapping[str, Any] | None = None,
    template: str = "case.html",
) -> HttpResponse:
    """The case page as it stands now, perhaps with a refusal on top and what was typed kept in its form."""
    now = timezone.now()
    page = case_page(handoff, visible=visible_to(request.user))
    view = CaseView(page, request.user, revealed=revealed or {}, now=now)
    values = {"case": view, "handoff": handoff, "now": now, "refusal": refusal, "form": form or {}}
    return render(request, template, {**values, "may": _allowed(request.user, handoff)}, status=status)


def _allowed(reader: Any, handoff: Handoff) -> dict[str, bool]:
    return {verb: access.may(reader, verb, handoff) for verb in VERBS}


def _attachment(document: Mapping[str, Any]) -> Attachment:
    kind = kind_of(document["content_type"])
    return Attachment(
        id=document["id"],
        name=document["name"],
        size=wording.size(document["size_bytes"]),
        icon="image" if kind == "image" else "file-text",
        shown=kind != "file",
    )


def _verdict(decision: Decision) -> Verdict:
    return Verdict(
        title=decision.outcome_title,
        decider=decision.decider_name,
        confirmer=decision.confirmed_by.display_name if decision.confirmed_by else "",
        at=decision.confirmed_at or decision.decided_at,
        reason=decision.reason,
    )
