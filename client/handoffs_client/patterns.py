"""The three ways in which automation and people share work, each as a decorator.

alert_and_wait   stop, ask, and go on with the decision
escalates        try again as the desk says, until it says stop
supervised       act first, then say what was done and how to undo it; `settle` carries out what the reviewer says
"""

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar, cast

from handoffs_client import exact
from handoffs_client.desk import Desk
from handoffs_client.errors import DeskError, NotDecided
from handoffs_client.messages import Answer, Attempt, Decision, Handoff, UndoStep

NOTHING_TO_UNDO = "There was nothing to undo"
ALL_UNDONE = "Everything was undone"

P = ParamSpec("P")
R = TypeVar("R")
Subject = TypeVar("Subject")


class NotCarriedOn(DeskError):
    """The case is with a person, or was taken from us; `handoff` says how it stands."""

    def __init__(self, message: str, handoff: Handoff | None) -> None:
        super().__init__(message)
        self.handoff = handoff


class Stopped(NotCarriedOn):
    """The desk said stop: too many failures, or an outage, and a person has it now."""


class Returned(NotCarriedOn):
    """A reviewer sent the case back with questions (`handoff.questions`): report it again with what was missing."""


class Withdrawn(NotCarriedOn):
    """The handoff was taken back without a decision."""


class ContextMoved(NotCarriedOn):
    """The decision was made on another context than the one that we reported; nothing was done."""


class RetryLater(NotCarriedOn):
    """The desk wants another attempt first, after `seconds`."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message, None)
        self.seconds = seconds


def alert_and_wait(
    desk: Desk, attempt: Callable[[Subject], Attempt], *, timeout_seconds: float | None = None
) -> Callable[[Callable[[Subject, Decision | None], R]], Callable[[Subject], R | None]]:
    """Decorate what carries a case on: `pay(invoice, decision)` is called as `pay(invoice)`.

    `attempt(invoice)` is reported. Where no person is needed `decision` is None; else the call waits, and the receipt
    tells how the function ended. The report's key follows from its content, and what was carried out is journalled: a
    call that is made again after a crash asks nobody twice, and gives None if all was done before (to ask anew, give
    the attempt another `correlation_id`). Raises Returned,
    Withdrawn, ContextMoved, RetryLater, Stopped, NotDecided after `timeout_seconds`, and what the function raises.
    """

    def decorate(carry_on: Callable[[Subject, Decision | None], R]) -> Callable[[Subject], R | None]:
        @functools.wraps(carry_on)
        def ask(subject: Subject) -> R | None:
            said = attempt(subject)
            answer = desk.report(said, key="" if said.error_type else content_key(said))
            if answer.verdict == "proceed":
                return carry_on(subject, None)
            handoff = _decided(desk, answer, timeout_seconds)
            return carry_out(desk, handoff, lambda decision: carry_on(subject, decision))

        return ask

    return decorate


def escalates(
    desk: Desk, attempt: Callable[[Subject], Attempt], *, errors: Mapping[type[Exception], str]
) -> Callable[[Callable[Concatenate[Subject, P], R]], Callable[Concatenate[Subject, P], R]]:
    """Decorate what may fail: the call tries again after the delays that the desk gives, or raises Stopped.

    `errors` maps exceptions to the policy's error types; any other exception is not reported and passes through. A
    success is reported too, which takes back what was handed off for the case, or for an outage.
    """

    def decorate(work: Callable[Concatenate[Subject, P], R]) -> Callable[Concatenate[Subject, P], R]:
        @functools.wraps(work)
        def until_stopped(subject: Subject, *args: P.args, **kwargs: P.kwargs) -> R:
            while True:
                said = attempt(subject)
                try:
                    result = work(subject, *args, **kwargs)
                except tuple(errors) as error:
                    answer = desk.report(replace(said, error_type=_type_of(error, errors), error_message=str(error)))
                    _wait_or_stop(desk, answer, error)
                else:
                    desk.report(said)
                    return result

        return cast(Callable[Concatenate[Subject, P], R], until_stopped)

    return decorate


def supervised(
    desk: Desk, attempt: Callable[[Subject, R], Attempt]
) -> Callable[[Callable[[Subject], R]], Callable[[Subject], Answer]]:
    """Decorate what is done first and reviewed after: `attempt(subject, result)` says what was done and how to undo it.

    The call gives the desk's answer; where it `needs_person`, `settle` its handoff once it is decided. The report's key
    follows from its content: if the program dies between the two, call it again; the function must know that it did
    the work already.
    """

    def decorate(work: Callable[[Subject], R]) -> Callable[[Subject], Answer]:
        @functools.wraps(work)
        def act_and_tell(subject: Subject) -> Answer:
            said = attempt(subject, work(subject))
            return desk.report(said, key=content_key(said))

        return act_and_tell

    return decorate


def settle(desk: Desk, handoff: Handoff, *, undo: Callable[[UndoStep], object]) -> bool:
    """Carry out what a reviewer said of supervised work, and post the receipt; whether something was undone.

    A decision that rolls back has `undo` called with each step, the last first, and each step gets a receipt of its
    own: what was undone before a crash, or before a step that failed, is not undone again. Any other decision needs
    nothing. What `undo` raises is told to the desk as a failure of its step, and raised.

    Runs of this automation on the same case that did nothing are answered for too: a webhook speaks to one run, and
    only that one is; a handoff that was asked for lists the steps of all runs, and after them all are.
    """
    decision = handoff.decision
    steps = decision.undo if decision and decision.rolls_back else ()
    for step in steps:
        _undo(desk, handoff, step, undo)
    if decision is None or not decision.rolls_back:
        carry_out(desk, handoff, lambda decision: NOTHING_TO_UNDO)
    elif not steps:
        desk.receipt(handoff, "rolled_back", NOTHING_TO_UNDO, correlation_id=handoff.told_to)
    elif handoff.told_to is None:
        desk.receipt(handoff, "rolled_back", ALL_UNDONE)
    return bool(steps)


def carry_out(desk: Desk, handoff: Handoff, apply: Callable[[Decision], R]) -> R | None:
    """Call `apply` with the decision unless that was done before, and post the receipt.

    The receipt says applied, rolled_back for a decision that rolls back, or failed with the words of what `apply`
    raised; a text that `apply` gives back is its detail.
    """
    decision = handoff.decision
    if decision is None:
        raise NotDecided(f"handoff {handoff.number} is {handoff.state}")
    done = f"done-{handoff.id}-{decision.decided_at}"
    result = None
    if not desk.journal.was_taken(done):
        try:
            result = apply(decision)
        except Exception as error:
            desk.receipt(handoff, "failed", f"{type(error).__name__}: {error}")
            raise
        desk.journal.note_taken(done)
    detail = result if isinstance(result, str) else ""
    desk.receipt(handoff, "rolled_back" if decision.rolls_back else "applied", detail)
    return result


def _undo(desk: Desk, handoff: Handoff, step: UndoStep, undo: Callable[[UndoStep], object]) -> None:
    decided_at = handoff.decision.decided_at if handoff.decision else ""
    done = f"undone-{handoff.id}-{decided_at}-{step.attempt}"
    if not desk.journal.was_taken(done):
        try:
            undo(step)
        except Exception as error:
            desk.receipt(handoff, "failed", f"{type(error).__name__}: {error}", step=step)
            raise
        desk.journal.note_taken(done)
    desk.receipt(handoff, "rolled_back", f"Undone: {step.summary}", step=step)


def content_key(attempt: Attempt) -> str:
    """An idempotency key that is the same for the same report."""
    return "content-" + hashlib.sha256(exact.dumps(attempt.body()).encode()).hexdigest()


def _decided(desk: Desk, answer: Answer, timeout_seconds: float | None) -> Handoff:
    if answer.handoff is None:
        raise RetryLater(
            f"the desk wants another attempt in {answer.retry_after_seconds} s", answer.retry_after_seconds
        )
    handoff = desk.wait_for_decision(answer.handoff, timeout_seconds=timeout_seconds)
    if handoff.state == "returned":
        raise Returned(f"handoff {handoff.number} came back with questions", handoff)
    if handoff.decision is None:
        raise Withdrawn(f"handoff {handoff.number} was withdrawn", handoff)
    if handoff.decision.context_digest != answer.handoff.context_digest:
        desk.receipt(handoff, "failed", "Decided on another context than the one reported; nothing was done")
        raise ContextMoved(f"handoff {handoff.number} was decided on another context", handoff)
    return handoff


def _wait_or_stop(desk: Desk, answer: Answer, error: Exception) -> None:
    if answer.verdict != "retry":
        raise Stopped(f"the desk says {answer.verdict} after: {error}", answer.handoff) from error
    if desk.stopping.wait(answer.retry_after_seconds):
        raise Stopped("the program is being stopped", None) from error


def _type_of(error: Exception, errors: Mapping[type[Exception], str]) -> str:
    """The word for the nearest class that the mapping names."""
    return next(errors[kind] for kind in type(error).__mro__ if kind in errors)
