"""Deciding several cases at once: where each one's policy allows it, one by one, each on the context that was shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from accounts.models import User
from handoffs import access
from handoffs.actions import checks, decisions, lifecycle
from handoffs.actions.decisions import Choice
from handoffs.choices import State
from handoffs.errors import DeskError, NotAllowed
from handoffs.models import Handoff
from handoffs.queries.policies import policy_of


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one case: `state` after it was decided or proposed, else the `refusal` in words.

    `is_kept` where it was accepted and then refused, so that it stays with the reviewer.
    """

    state: State | None = None
    refusal: str = ""
    is_kept: bool = False


def decide(seen: Mapping[str, str], *, outcome: str, reason: str, reviewer: User, now: datetime) -> list[Answer]:
    """Accept what nobody holds and decide it, each in transactions of its own; `seen` are digests by handoff id.

    Nothing is written for a case whose policy does not let the outcome be decided for several at once.
    """
    choice = partial(Choice, outcome=outcome, reason=reason, among=len(seen))
    return [_decide_one(key, choice(context_digest=digest), reviewer, now) for key, digest in seen.items()]


def why_not(handoff: Handoff, *, reviewer: User) -> str:
    """Why the handoff cannot take part, in words; empty where it can."""
    try:
        checks.check(handoff, reviewer, "accept" if handoff.state == State.PENDING else "decide")
    except DeskError as error:
        return error.message
    if not any(outcome.together for outcome in policy_of(handoff.policy_version_id).outcomes):
        return "Its policy has every case decided by itself."
    return ""


def _decide_one(handoff_id: str, choice: Choice, reviewer: User, now: datetime) -> Answer:
    is_accepted = False
    try:
        handoff = access.handoff_for(reviewer, handoff_id)
        _check(handoff, choice)
        if handoff.state == State.PENDING:
            handoff = lifecycle.accept(handoff, reviewer=reviewer, now=now)
            is_accepted = True
        handoff = decisions.decide(handoff, choice, reviewer=reviewer, now=now)
    except DeskError as error:
        return Answer(refusal=error.message, is_kept=is_accepted)
    return Answer(state=State(handoff.state))


def _check(handoff: Handoff, choice: Choice) -> None:
    """Before anything is written: the pinned version of a handoff never changes, so neither does this answer."""
    outcome = decisions.checked_outcome(handoff, choice)
    if not outcome.together:
        raise NotAllowed(f"{outcome.title} is decided case by case.")
