"""What must hold before a person does anything with a handoff, and the words for what does not."""

from accounts.models import User
from handoffs import access
from handoffs.choices import HELD_STATES, Mode, State
from handoffs.errors import (
    AlreadyAccepted,
    DeskError,
    Invalid,
    Mistake,
    NotAllowed,
    NotHolder,
    SecondPersonRequired,
    WrongState,
)
from handoffs.models import Handoff
from handoffs.queries.representation import rfc3339

MAX_REASON_CHARACTERS = 5_000


def require_reason(reason: str) -> None:
    """Raises Invalid where there is no reason, or a novel."""
    if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS:
        detail = f"Say why, in 1 to {MAX_REASON_CHARACTERS} characters."
        raise Invalid("A reason is required.", mistakes=[Mistake(pointer="/reason", detail=detail)])


def check(handoff: Handoff, user: User, verb: str) -> None:
    """Raises the error that says why `user` cannot do `verb` with the handoff as it stands now."""
    if not access.may(user, verb, handoff):
        raise _why_not(handoff, user, verb)


def check_can_hold(handoff: Handoff, person: User) -> None:
    """Raises NotAllowed where `person` must not hold the handoff, whoever gives it to them."""
    if not access.has_role(person, handoff):
        raise NotAllowed(f"{person.display_name} has not the role {handoff.role.name}.")
    if handoff.opened_by_id == person.pk:
        raise NotAllowed("Nobody decides on what they themselves submitted.")
    if access.knows_first(person, handoff):
        raise NotAllowed(f"{person.display_name} knows the first decision; the second look is for somebody else.")


def _why_not(handoff: Handoff, user: User, verb: str) -> DeskError:
    if not handoff.has_effect and verb in ("reopen", "return"):
        return NotAllowed(f"A decision in {Mode(handoff.mode).label} has no effect: there is nothing to {verb}.")
    if verb == "reopen":
        if handoff.imported:
            return NotAllowed("It was imported with the past: no automation waits for its decision.")
        if handoff.state == State.RESOLVED:
            return NotAllowed("Only a manager of the workflow may reopen a handoff.")
        return _wrong_state(handoff)
    if not handoff.is_open or handoff.state == State.RETURNED:
        return _wrong_state(handoff)
    if verb == "assign":
        return _why_not_assign(handoff)
    if handoff.state == State.PENDING:
        return _why_not_pending(handoff, user, verb)
    return _why_not_held(handoff, user, verb)


def _why_not_assign(handoff: Handoff) -> DeskError:
    if handoff.state == State.AWAITING_CONFIRMATION:
        return _wrong_state(handoff)
    return NotAllowed("Only a manager of the workflow may assign a handoff to somebody.")


def _why_not_pending(handoff: Handoff, user: User, verb: str) -> DeskError:
    if verb in ("return", "decide", "release", "confirm", "object"):
        return _wrong_state(handoff)
    if handoff.opened_by_id == user.pk:
        return NotAllowed("Nobody decides on what they themselves submitted.")
    if access.knows_first(user, handoff):
        return NotAllowed("You know the first decision; the second look is for somebody else.")
    return NotAllowed(f"This handoff is with {handoff.role.name}, which is none of your roles.")


def _why_not_held(handoff: Handoff, user: User, verb: str) -> DeskError:
    holder = handoff.holder.display_name if handoff.holder else ""
    facts = {"holder": holder, "state": handoff.state, "accepted_at": rfc3339(handoff.accepted_since_start_at)}
    if verb == "accept":
        return AlreadyAccepted(f"{holder} accepted this handoff first.", **facts)
    if verb in ("confirm", "object") and handoff.state == State.AWAITING_CONFIRMATION:
        if handoff.holder_id == user.pk:
            return SecondPersonRequired("You proposed this; somebody else of the role must confirm it.", **facts)
        return NotAllowed(f"This handoff is with {handoff.role.name}, which is none of your roles.")
    if handoff.holder_id == user.pk:
        return _wrong_state(handoff)
    return NotHolder(f"{holder} holds this handoff.", **facts)


def _wrong_state(handoff: Handoff) -> WrongState:
    words = {
        State.PENDING: "Nobody holds this handoff. Accept it first.",
        State.RETURNED: "The handoff was returned to its automation and waits for the answer.",
        State.RESOLVED: "The handoff is resolved already.",
        State.WITHDRAWN: "The handoff was withdrawn.",
    }
    holder = handoff.holder.display_name if handoff.state in HELD_STATES and handoff.holder else None
    message = words.get(State(handoff.state), f"The handoff is {State(handoff.state).label}.")
    return WrongState(message, state=handoff.state, holder=holder, changed_at=rfc3339(handoff.updated_at))
