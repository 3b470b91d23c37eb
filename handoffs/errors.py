"""What can go wrong in the domain, by name and code; each door translates these once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing to correct in what was sent: a JSON pointer (`/data/amount`) and what to do."""

    pointer: str
    detail: str


class DeskError(Exception):
    """Base of all refusals. `code` is stable, `message` says what to do, `details` are facts for the caller."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details


class Invalid(DeskError):
    """The request is well formed but cannot be used; `mistakes` say where and what to do (400)."""

    code = "invalid"
    title = "Something in the request needs correcting"

    def __init__(self, message: str, *, mistakes: Sequence[Mistake] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.mistakes = tuple(mistakes)


class NotThere(DeskError):
    """It does not exist, or the caller may not see it: the two look the same (404)."""

    code = "not_found"
    title = "Not found"


class NotAllowed(DeskError):
    """The caller may see it, but not do this (403)."""

    code = "not_allowed"
    title = "Not allowed"


class NotPossibleNow(DeskError):
    """The state of things does not allow it now (409)."""

    code = "wrong_state"
    title = "Not possible now"


class TooLarge(DeskError):
    """More bytes than the desk takes (413)."""

    code = "too_large"
    title = "Too large"


class KeyReused(DeskError):
    """The same idempotency key came with another body (422)."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class WrongState(NotPossibleNow):
    """The transition does not start from the handoff's state; details: `state`, `holder`."""

    code = "wrong_state"


class AlreadyAccepted(NotPossibleNow):
    """Somebody else holds it; details: `holder`, `accepted_at`."""

    code = "already_accepted"


class NotHolder(NotPossibleNow):
    """Only the holder can do this; details: `holder`."""

    code = "not_holder"


class ContextChanged(NotPossibleNow):
    """The reviewer saw an older context; details: `changes`, `context_revision`, `context_digest`."""

    code = "context_changed"


class SecondPersonRequired(NotPossibleNow):
    """The proposer cannot confirm their own proposal; somebody else of the role must."""

    code = "second_person_required"


class DeadlinePassed(NotPossibleNow):
    """The cut-off came before the decision; details: `cut_off_at`."""

    code = "deadline_passed"


class PolicyNotPublished(NotPossibleNow):
    """The workflow has no live policy, so attempts cannot be judged."""

    code = "policy_not_published"


class NoNextRole(NotPossibleNow):
    """The escalation chain of the policy has no further role."""

    code = "no_next_role"


class DigestMismatch(NotPossibleNow):
    """A receipt names another context than the decision it answers; details: `context_digest`."""

    code = "context_digest_mismatch"


class AlreadyReceived(NotPossibleNow):
    """A receipt with another status was already taken; details: `received`."""

    code = "already_received"


class PolicyInvalid(Invalid):
    """The policy document cannot be used; `mistakes` carry each place and what to do."""

    code = "policy_invalid"
    title = "The policy needs correcting"
