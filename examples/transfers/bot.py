"""The transfer bot: what it sends, what it does when the bank fails, and what it does with decisions.

The desk counts the failures and says when to try again; the bot keeps no limit of its own. At `stop` it holds the
transfer. While an outage is with a person it holds all of them and tries one now and then.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from handoffs_client import Attempt, Decision, Desk, Follower, Handoff, carry_out

from .book import Book, Entry, State
from .teller import AlreadyMade, BankError, BankTimeout, Teller

log = logging.getLogger(__name__)

WORKFLOW = "bank-transfers"
TRY_AGAIN, BY_HAND, CANCEL = "try_again", "done_by_hand", "cancel"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """In seconds: between looks at the statement for what is held, between tries during an outage, and for the rest."""

    look_seconds: float = 10.0
    probe_seconds: float = 10.0
    otherwise_seconds: float = 30.0


class Bot:
    """One book, one bank, one desk; used by one thread."""

    def __init__(
        self,
        book: Book,
        teller: Teller,
        desk: Desk,
        *,
        callback_url: str = "",
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.time,
        follower: Follower | None = None,
    ) -> None:
        self._book, self._teller, self._desk = book, teller, desk
        self._callback_url, self._pace, self._clock = callback_url, pace, clock
        self.follower = follower or Follower(desk)
        self._next_look_at = self._next_probe_at = 0.0

    def step(self) -> bool:
        """Do what is due; whether there was something to send."""
        self._take_decisions()
        self._look_at_statement()
        entry = self._probe() if self._in_outage() else self._book.due(self._clock())
        if entry is not None:
            self._send(entry)
        return entry is not None

    # --- sending

    def _send(self, entry: Entry) -> None:
        request = self._book.note_request(entry.reference)
        try:
            self._teller.make(entry.transfer)
        except BankError as error:
            self._failed(entry, request, error)
        else:
            self._went_well(entry, request, f"Sent with request {request}")

    def _went_well(self, entry: Entry, request: int, note: str) -> None:
        """Tell the desk first: what it holds for this transfer, or for an outage, is withdrawn by that."""
        self._desk.report(self._attempt(entry, request), key=f"{entry.reference}-{request}-made")
        self._book.settle(entry.reference, State.SENT, note)
        log.info("%s  made", entry.reference)
        for held in self._book.entries(State.STOPPED):
            if held.in_outage:
                self._book.wait(held.reference, until=self._clock(), note="The outage is over")

    def _failed(self, entry: Entry, request: int, error: BankError) -> None:
        said = self._attempt(entry, request, error)
        answer = self._desk.report(said, key=f"{entry.reference}-{request}-{error.kind}")
        if answer.handoff is None:
            seconds = answer.retry_after_seconds or self._pace.otherwise_seconds
            self._book.wait(entry.reference, until=self._clock() + seconds, note=f"{error}; again in {seconds:g} s")
            log.info("%s  %s; the desk says %s in %g s", entry.reference, error, answer.verdict, seconds)
            return
        in_outage = answer.handoff.reference != entry.reference
        note = f"Held for handoff {answer.handoff.number}{', an outage' if in_outage else ''}"
        self._book.stop(entry.reference, handoff=answer.handoff.id, in_outage=in_outage, note=note)
        self._next_probe_at = self._clock() + self._pace.probe_seconds
        log.info("%s  %s; the desk says %s: %s", entry.reference, error, answer.verdict, note)

    def _attempt(self, entry: Entry, request: int, error: BankError | None = None, summary: str = "") -> Attempt:
        transfer = entry.transfer
        return Attempt(
            workflow=WORKFLOW,
            reference=transfer.reference,
            data={
                "payee": transfer.payee,
                "account": transfer.account,
                "amount": transfer.amount,
                "currency": transfer.currency,
                "requests_sent": request,
            },
            error_type=error.kind if error else "",
            error_message=str(error) if error else "",
            summary=summary,
            callback_url=self._callback_url,
        )

    # --- while it is held

    def _in_outage(self) -> bool:
        return any(entry.in_outage for entry in self._book.entries(State.STOPPED))

    def _probe(self) -> Entry | None:
        """One of the held transfers now and then: the first that goes through ends the outage."""
        if self._clock() < self._next_probe_at:
            return None
        self._next_probe_at = self._clock() + self._pace.probe_seconds
        return next(entry for entry in self._book.entries(State.STOPPED) if entry.in_outage)

    def _look_at_statement(self) -> None:
        """A request that timed out may have been carried out all the same: then nobody is needed any more."""
        if self._clock() < self._next_look_at:
            return
        self._next_look_at = self._clock() + self._pace.look_seconds
        for entry in self._book.entries(State.STOPPED):
            try:
                made = self._teller.was_made(entry.reference)
            except BankTimeout:
                return
            if made:
                self._went_well(entry, entry.requests, "The bank's statement has it")

    # --- decisions

    def _take_decisions(self) -> None:
        self.follower.follow(self._book.handoffs())
        for handoff in self.follower.settled():
            if handoff.state == "returned":
                self._answer_questions(handoff)
            elif handoff.decision is None:
                self._release(handoff, "The handoff was withdrawn")
            else:
                self._carry_out(handoff)

    def _carry_out(self, handoff: Handoff) -> None:
        try:
            carry_out(self._desk, handoff, lambda decision: self._apply(handoff, decision))
        except BankError as error:
            log.warning("handoff %d cannot be carried out: %s", handoff.number, error)

    def _apply(self, handoff: Handoff, decision: Decision) -> str:
        held = self._book.of_handoff(handoff.id)
        log.info("handoff %d  %s by %s", handoff.number, decision.outcome, decision.decided_by)
        if decision.outcome == TRY_AGAIN:
            return self._release(handoff, f"{decision.decided_by} said to try again")
        if decision.outcome == BY_HAND:
            for entry in held:
                self._book.settle(entry.reference, State.BY_HAND, f"Made by {decision.decided_by}: {decision.reason}")
            return f"{len(held)} left to the person who made them"
        if decision.outcome == CANCEL:
            for entry in held:
                self._cancel(entry, decision)
            return f"{len(held)} cancelled at the bank"
        raise AssertionError(f"the bot does not know the outcome {decision.outcome}")

    def _cancel(self, entry: Entry, decision: Decision) -> None:
        try:
            self._teller.cancel(entry.reference)
        except AlreadyMade:
            self._book.settle(entry.reference, State.SENT, "It was made before it could be cancelled")
            raise
        self._book.settle(entry.reference, State.CANCELLED, f"Cancelled: {decision.reason}")

    def _release(self, handoff: Handoff, why: str) -> str:
        held = self._book.of_handoff(handoff.id)
        for entry in held:
            self._book.wait(entry.reference, until=self._clock(), note=why)
        return f"{len(held)} to be sent again"

    def _answer_questions(self, handoff: Handoff) -> None:
        """Report again with what the bank's statement says; all else the reviewer sees already."""
        held = self._book.of_handoff(handoff.id)
        if not held:
            return
        error = BankTimeout(f"The statement shows none of {len(held)} held transfers; asked: {handoff.questions}")
        said = self._attempt(held[0], held[0].requests, error, "Answer: the bank's statement does not show it")
        if handoff.reference != held[0].reference:
            said = Attempt(
                workflow=WORKFLOW, reference=handoff.reference, error_type=error.kind, error_message=str(error)
            )
        self._desk.report(said, key=f"{handoff.id}-{handoff.all['version']}-answer")
