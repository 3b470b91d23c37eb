"""Deciding: a person's evidence-bound choice, the second person's word, and the clock's cut-off."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import jsonschema_rs
from django.db import transaction
from django.db.models import Model

from accounts.models import User
from handoffs.actions import audit, integrity, notifications, recovery, shadow
from handoffs.actions.at_once import Act, at_once
from handoffs.actions.checks import MAX_REASON_CHARACTERS, check, require_reason
from handoffs.actions.context import locked
from handoffs.actions.feedback import NOTHING_SAID, Feedback
from handoffs.actions.lifecycle import drop_proposal, save_and_tell, wind
from handoffs.choices import DecidedBy, DecisionStatus, Event, Mode, ReasonRule
from handoffs.errors import ContextChanged, DeadlinePassed, Invalid, Mistake
from handoffs.models import CLOCK, Actor, ContextRevision, Decision, Handoff
from handoffs.queries.failures import place_of
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import package_of, rfc3339
from handoffs.rules import package as packages
from handoffs.rules.conditions import Truth
from handoffs.rules.policy import Outcome

BEFORE_CUT_OFF = "(cut_off_at IS NULL OR cut_off_at > statement_timestamp())"
"""Checked by the database clock in the statement that decides."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A reviewer's decision, bound to the context that they saw by its digest; `among` so many decided at once."""

    outcome: str
    context_digest: str
    reason: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    feedback: Feedback = NOTHING_SAID
    among: int = 1


def decide(handoff: Handoff, choice: Choice, *, reviewer: User, now: datetime) -> Handoff:
    """Resolve the handoff with an outcome, or propose it where the policy wants a second person.

    Raises NotHolder, WrongState, ContextChanged with what changed (which the trail keeps), DeadlinePassed, or Invalid
    with each mistake.
    """
    act = partial(_decide, choice=choice, reviewer=reviewer, now=now)
    try:
        return (None if integrity.may_sample(handoff) else at_once(handoff, act)) or _decide_locked(handoff, act)
    except ContextChanged as refusal:
        _keep_refusal(handoff, refusal, outcome=choice.outcome, reviewer=reviewer, now=now)
        raise


@transaction.atomic(durable=True)
def _decide_locked(handoff: Handoff, act: Act) -> Handoff:
    return act(locked(handoff, with_callers=True))


def _decide(handoff: Handoff, *, choice: Choice, reviewer: User, now: datetime) -> Handoff:
    check(handoff, reviewer, "decide")
    _check_context(handoff, choice.context_digest)
    outcome = checked_outcome(handoff, choice)
    decision = _decision(handoff, outcome, choice, reviewer, now)
    if handoff.mode != Mode.SECOND_LOOK and _needs_second_person(handoff, outcome):
        return _propose(handoff, decision, reviewer, now, among=choice.among)
    handoff.resolve(now=now)
    telling = _announcing(handoff, decision, now)
    by = Actor.of(reviewer)
    told = _told(decision, among=choice.among)
    _save_before_cut_off(handoff, Event.RESOLVED, decision, told, by=by, now=now, rows=[decision], telling=telling)
    _carry_out(handoff, decision, now)
    return handoff


@transaction.atomic(durable=True)
def _keep_refusal(handoff: Handoff, refusal: ContextChanged, *, outcome: str, reviewer: User, now: datetime) -> None:
    """That a decision was refused because the case had changed is evidence; one on a context never shown is not."""
    facts = refusal.details
    if facts["changes"]:
        details = {"outcome": outcome, **{name: facts[name] for name in ("changes", "seen_digest", "context_revision")}}
        actor, reason = Actor.of(reviewer), refusal.message
        audit.record(locked(handoff), Event.DECISION_REFUSED, actor=actor, now=now, reason=reason, details=details)


def confirm(handoff: Handoff, *, reviewer: User, now: datetime) -> Handoff:
    """Make somebody else's proposal final. Raises SecondPersonRequired for the proposer, DeadlinePassed, WrongState."""
    try:
        return _confirm(handoff, reviewer=reviewer, now=now)
    except ContextChanged as refusal:
        _keep_refusal(handoff, refusal, outcome="", reviewer=reviewer, now=now)
        raise


@transaction.atomic(durable=True)
def _confirm(handoff: Handoff, *, reviewer: User, now: datetime) -> Handoff:
    handoff = locked(handoff, with_callers=True)
    check(handoff, reviewer, "confirm")
    decision = _proposal(handoff)
    _check_context(handoff, decision.context_digest)
    decision.status, decision.confirmed_by, decision.confirmed_at = DecisionStatus.FINAL, reviewer, now
    handoff.confirm(now=now)
    telling = _announcing(handoff, decision, now)
    told, by = _told(decision), Actor.of(reviewer)
    _save_before_cut_off(handoff, Event.CONFIRMED, decision, told, by=by, now=now, telling=telling)
    decision.save()
    _carry_out(handoff, decision, now)
    return handoff


@transaction.atomic(durable=True)
def object_(handoff: Handoff, *, reviewer: User, reason: str, now: datetime) -> Handoff:
    """Send a proposal back to its proposer. Raises SecondPersonRequired for the proposer, WrongState."""
    require_reason(reason)
    handoff = locked(handoff)
    check(handoff, reviewer, "object")
    drop_proposal(handoff)
    handoff.object_(now=now)
    save_and_tell(handoff, Event.OBJECTED, by=Actor.of(reviewer), now=now, reason=reason)
    return handoff


def expire(handoff: Handoff, *, outcome: Outcome, deadline: datetime, now: datetime) -> None:
    """Apply the cut-off's outcome as a decision of the clock, stamped with the deadline; the caller holds the lock."""
    drop_proposal(handoff)
    reason = "Nobody decided before the cut-off"
    choice = Choice(outcome=outcome.key, context_digest=handoff.context_digest, reason=reason)
    decision = _decision(handoff, outcome, choice, None, deadline)
    handoff.expire(deadline=deadline)
    wind(handoff, now=now)
    audit.record(
        handoff,
        Event.EXPIRED,
        actor=CLOCK,
        now=now,
        reason=reason,
        details=_told(decision),
        rows=[decision],
        telling=_announcing(handoff, decision, now),
    )
    notifications.overtake(handoff, now=now)
    _carry_out(handoff, decision, now)


def checked_outcome(handoff: Handoff, choice: Choice) -> Outcome:
    """The chosen outcome as the handoff's own policy has it. Raises Invalid with each mistake."""
    policy = policy_of(handoff.policy_version_id)
    outcome = policy.outcome(choice.outcome)
    if outcome is None:
        offered = ", ".join(outcome.key for outcome in policy.outcomes)
        raise _invalid("/outcome", f"There is no outcome {choice.outcome!r}; choose one of {offered}.")
    if outcome.reason is ReasonRule.REQUIRED and not choice.reason.strip():
        raise _invalid("/reason", f"{outcome.title} needs a reason.")
    if len(choice.reason) > MAX_REASON_CHARACTERS:
        raise _invalid("/reason", f"Keep the reason within {MAX_REASON_CHARACTERS} characters.")
    _check_answers(outcome, choice.answers)
    choice.feedback.check()
    return outcome


def _propose(handoff: Handoff, decision: Decision, reviewer: User, now: datetime, *, among: int) -> Handoff:
    decision.status = DecisionStatus.PROPOSED
    handoff.propose(now=now)
    told, by = _told(decision, among=among), Actor.of(reviewer)
    _save_before_cut_off(handoff, Event.PROPOSED, decision, told, by=by, now=now, rows=[decision])
    return handoff


def _save_before_cut_off(
    handoff: Handoff,
    event: Event,
    decision: Decision,
    told: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
    rows: Sequence[Model] = (),
    telling: Callable[[], Sequence[Model]] = tuple,
) -> None:
    wind(handoff, now=now)
    saved = audit.record(
        handoff,
        event,
        actor=by,
        now=now,
        reason=decision.reason,
        details=told,
        only_if=BEFORE_CUT_OFF,
        rows=rows,
        telling=telling,
    )
    if not saved:
        cut_off_at = rfc3339(handoff.cut_off_at)
        raise DeadlinePassed("The cut-off passed before your decision arrived.", cut_off_at=cut_off_at)
    notifications.overtake(handoff, now=now)


def _announcing(handoff: Handoff, decision: Decision, now: datetime) -> Callable[[], Sequence[Model]]:
    """The automation is told a final decision, unless it has no effect."""
    return partial(recovery.announcement, handoff, decision, now=now) if handoff.has_effect else tuple


def _carry_out(handoff: Handoff, decision: Decision, now: datetime) -> None:
    """What else follows from a final decision."""
    if handoff.has_effect:
        integrity.sample(handoff, decision, now=now)
    else:
        shadow.reveal(handoff)


def _proposal(handoff: Handoff) -> Decision:
    return Decision.objects.select_related("decided_by").get(handoff=handoff, status=DecisionStatus.PROPOSED)


def _check_context(handoff: Handoff, seen_digest: str) -> None:
    if seen_digest == handoff.context_digest:
        return
    seen = ContextRevision.objects.filter(handoff=handoff, digest=seen_digest).order_by("-number").first()
    raise ContextChanged(
        "The case changed while you were looking at it. See what changed, then decide again."
        if seen
        else "The decision names a context that this handoff never had. Send the context_digest that you saw.",
        changes=packages.changes(seen.package, package_of(handoff)) if seen else [],
        context_revision=handoff.context_revision_number,
        context_digest=handoff.context_digest,
        seen_digest=seen_digest,
    )


def _check_answers(outcome: Outcome, answers: Mapping[str, Any]) -> None:
    if not outcome.answers and not answers:
        return
    schema = dict(outcome.answers) or {"type": "object", "maxProperties": 0}
    errors = jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(dict(answers))
    mistakes = [
        Mistake(pointer="/answers" + "".join(f"/{part}" for part in error.instance_path), detail=error.message)
        for error in errors
    ]
    if mistakes:
        raise Invalid("The answers need correcting.", mistakes=mistakes)


def _needs_second_person(handoff: Handoff, outcome: Outcome) -> bool:
    if outcome.second_person is None or isinstance(outcome.second_person, bool):
        return bool(outcome.second_person)
    attempt = handoff.revisions.select_related("attempt__case").get(number=handoff.context_revision_number).attempt
    truth = outcome.second_person.evaluate(attempt.facts().names(place_of(attempt))).truth
    return truth is not Truth.NO  # what cannot be decided is looked at twice


def _decision(handoff: Handoff, outcome: Outcome, choice: Choice, reviewer: User | None, at: datetime) -> Decision:
    return Decision(
        handoff=handoff,
        resolution_number=handoff.reopens_count + 1,
        outcome=outcome.key,
        outcome_title=outcome.title,
        kind=outcome.kind,
        recovery=outcome.recovery,
        reason=choice.reason.strip(),
        answers=dict(choice.answers),
        decided_by_kind=DecidedBy.PERSON if reviewer else DecidedBy.CLOCK,
        decided_by=reviewer,
        decided_at=at,
        context_revision_number=handoff.context_revision_number,
        context_digest=handoff.context_digest,
        suggested_outcome=package_of(handoff)["suggested_outcome"] or "",
        **choice.feedback.columns(),
    )


def _told(decision: Decision, *, among: int = 1) -> dict[str, Any]:
    """What the trail keeps of a decision."""
    told = {
        "outcome": decision.outcome,
        "title": decision.outcome_title,
        "recovery": decision.recovery,
        "answers": decision.answers,
        "context_revision": decision.context_revision_number,
        "context_digest": decision.context_digest,
    }
    return told | {"decided_together": among} if among > 1 else told


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, mistakes=[Mistake(pointer=pointer, detail=detail)])
