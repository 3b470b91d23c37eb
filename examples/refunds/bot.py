"""The refund bot: pays at once, says what it did and how to undo it, and does what reviewers say afterwards.

Which refunds are reviewed is the desk's decision by its policy; the bot pays all of them the same way.
"""

import logging
import time
from collections.abc import Callable

from handoffs_client import Attempt, Desk, Follower, Handoff, UndoStep, settle, supervised

from .book import Book, Entry, State
from .records import Refund
from .till import ProviderError, Till

log = logging.getLogger(__name__)

WORKFLOW = "refunds"
TRY_AGAIN_SECONDS = 30.0


class Bot:
    """One book, one provider, one desk; used by one thread."""

    def __init__(
        self,
        book: Book,
        till: Till,
        desk: Desk,
        *,
        callback_url: str = "",
        clock: Callable[[], float] = time.time,
        follower: Follower | None = None,
    ) -> None:
        self._book, self._till, self._desk = book, till, desk
        self._callback_url, self._clock = callback_url, clock
        self.follower = follower or Follower(desk)
        self._pay_and_tell = supervised(desk, self._attempt)(till.pay)

    def step(self) -> bool:
        """Do what is due; whether there was something to pay."""
        self._take_decisions()
        entry = self._book.due(self._clock())
        if entry is not None:
            self._pay(entry)
        return entry is not None

    def _pay(self, entry: Entry) -> None:
        """Pay and tell; a bot that died in between does both again, which is the same payment and the same report."""
        refund = entry.refund
        try:
            answer = self._pay_and_tell(refund)
        except ProviderError as error:
            self._book.put_off(refund.reference, until=self._clock() + TRY_AGAIN_SECONDS, note=str(error))
            log.warning("%s  %s", refund.reference, error)
            return
        if answer.handoff is None:
            self._book.move(refund.reference, State.PAID, "Paid; nobody wants to look at it")
        else:
            note = f"Paid; to be reviewed as handoff {answer.handoff.number}"
            self._book.move(refund.reference, State.IN_REVIEW, note, handoff=answer.handoff.id)
        log.info("%s  paid %s %s; the desk says %s", refund.reference, refund.amount, refund.currency, answer.verdict)

    def _attempt(self, refund: Refund, payment: str) -> Attempt:
        return Attempt(
            workflow=WORKFLOW,
            reference=refund.reference,
            data={
                "customer": refund.customer,
                "order": refund.order,
                "amount": refund.amount,
                "currency": refund.currency,
                "cause": refund.cause,
                "earlier_refunds": refund.earlier_refunds,
            },
            action_summary=f"Paid {refund.amount} {refund.currency} to {refund.customer}",
            undo={"refund": refund.reference, "payment": payment, "amount": refund.amount, "currency": refund.currency},
            callback_url=self._callback_url,
            correlation_id=f"refund-{refund.reference}",
        )

    def _take_decisions(self) -> None:
        self.follower.follow(self._book.handoffs())
        for handoff in self.follower.settled():
            entry = self._book.of_handoff(handoff.id)
            if entry is None or entry.state is not State.IN_REVIEW:
                continue
            if handoff.state == "returned":
                self._answer_questions(entry, handoff)
            elif handoff.decision is None:
                self._book.move(entry.refund.reference, State.PAID, "The review was withdrawn")
            else:
                self._settle(entry, handoff)

    def _settle(self, entry: Entry, handoff: Handoff) -> None:
        reference, decision = entry.refund.reference, handoff.decision
        assert decision is not None
        try:
            undone = settle(self._desk, handoff, undo=self._undo)
        except ProviderError as error:
            log.warning("%s  cannot be taken back: %s", reference, error)
            return
        state = State.TAKEN_BACK if undone else State.CONFIRMED
        by = "the cut-off" if decision.by_clock else decision.decided_by
        self._book.move(reference, state, f"{state.capitalize()}: decided by {by}")
        log.info("%s  %s, decided by %s", reference, state, by)

    def _undo(self, step: UndoStep) -> None:
        """The undo is what this bot posted itself; it needs nothing else to take the money back."""
        self._till.take_back(step.undo["refund"])

    def _answer_questions(self, entry: Entry, handoff: Handoff) -> None:
        """The bot knows no more than it said; it says so, with the customer's words, and the case comes back."""
        refund = entry.refund
        said = Attempt(
            workflow=WORKFLOW,
            reference=refund.reference,
            data=self._attempt(refund, "").data,
            summary=f"The customer says of order {refund.order}: {refund.cause}. There is no more to know.",
            callback_url=self._callback_url,
            correlation_id=f"refund-{refund.reference}",
        )
        self._desk.report(said, key=f"{handoff.id}-{handoff.all['version']}-answer")
