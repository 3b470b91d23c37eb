"""The lifecycle beside a small sequential model: any order of moves, one after the other or at the same time."""

import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from handoffs.actions import context, decisions, delivery, lifecycle
from handoffs.choices import State
from handoffs.errors import DeskError
from handoffs.models import Handoff
from handoffs.queries.invariants import violations
from tests.factories import CALLBACK, DATA, HandoffFactory, bob, cleo, invoice_document, lea, matcher, post
from tests.faults.crowd import at_once

STEPS = 40
PEOPLE = {"Bob": bob, "Cleo": cleo, "Lea": lea, "invoice-matcher": matcher}
ANALYSTS = ("Bob", "Cleo")
OPEN = (State.PENDING, State.IN_PROGRESS, State.RETURNED, State.AWAITING_CONFIRMATION)


@dataclass(frozen=True)
class Model:
    """What a handoff of 60,000 is, in three words: where it is, who holds it, and whether it moved up."""

    state: State = State.PENDING
    holder: str = ""
    role: str = "Procurement analyst"
    reopens_count: int = field(default=0)

    def after(self, move: str, who: str) -> "Model | None":
        """Where `move` by `who` leads; None where it is refused."""
        return getattr(self, f"_{move}")(who)

    def _has_role(self, who: str) -> bool:
        return who in ANALYSTS if self.role == "Procurement analyst" else who == "Lea"

    def _holds(self, who: str) -> bool:
        return self.state == State.IN_PROGRESS and self.holder == who

    def _accept(self, who: str) -> "Model | None":
        if self._holds(who):
            return self
        free = self.state == State.PENDING and self._has_role(who)
        return replace(self, state=State.IN_PROGRESS, holder=who) if free else None

    def _release(self, who: str) -> "Model | None":
        may = self._holds(who) or (self.state == State.IN_PROGRESS and who == "Lea")
        return replace(self, state=State.PENDING, holder="") if may else None

    def _escalate(self, who: str) -> "Model | None":
        waits = self.state == State.PENDING and (self._has_role(who) or who == "Lea")
        may = waits or self._release(who) is not None
        if not may or self.role == "AP manager":
            return None
        return replace(self, state=State.PENDING, holder="", role="AP manager")

    def _return(self, who: str) -> "Model | None":
        return replace(self, state=State.RETURNED) if self._holds(who) else None

    def _report(self, who: str) -> "Model | None":
        """Any report on a returned handoff answers it; on another open one it is an occurrence."""
        if self.state == State.RETURNED:
            return replace(self, state=State.PENDING, holder="")
        return self if self.state in OPEN else None

    def _approve(self, who: str) -> "Model | None":
        return replace(self, state=State.RESOLVED, holder="") if self._holds(who) else None

    def _propose(self, who: str) -> "Model | None":
        return replace(self, state=State.AWAITING_CONFIRMATION) if self._holds(who) else None

    def _second(self, who: str) -> bool:
        return self.state == State.AWAITING_CONFIRMATION and self._has_role(who) and who != self.holder

    def _confirm(self, who: str) -> "Model | None":
        return replace(self, state=State.RESOLVED, holder="") if self._second(who) else None

    def _object(self, who: str) -> "Model | None":
        return replace(self, state=State.IN_PROGRESS) if self._second(who) else None

    def _withdraw(self, who: str) -> "Model | None":
        may = self.state in OPEN and who in ("Lea", "invoice-matcher")
        return replace(self, state=State.WITHDRAWN, holder="") if may else None

    def _reopen(self, who: str) -> "Model | None":
        if self.state != State.RESOLVED or who != "Lea":
            return None
        return replace(self, state=State.PENDING, holder="", reopens_count=self.reopens_count + 1)


PERSONAL = ["accept", "release", "escalate", "return", "approve", "propose", "confirm", "object", "reopen"]
LIKELY = ["accept"] * 4 + ["propose"] * 2 + ["confirm", "object", "return"] + PERSONAL
EVENTS = {
    "accepted": "accept",
    "released": "release",
    "escalated": "escalate",
    "returned": "return",
    "resubmitted": "report",
    "occurred_again": "report",
    "resolved": "approve",
    "proposed": "propose",
    "confirmed": "confirm",
    "objected": "object",
    "withdrawn": "withdraw",
    "reopened": "reopen",
}
"""What the trail calls each move."""


class Desk:
    """The same moves on the real thing."""

    def __init__(self) -> None:
        self.document = str(invoice_document().pk)
        self.data = {**DATA, "amount": "60000.00"}
        self.handoff = HandoffFactory(data=self.data, document_ids=(self.document,))
        self.people: dict[str, User] = {name: make() for name, make in PEOPLE.items()}

    def stored(self) -> Handoff:
        return Handoff.objects.select_related("holder", "role").get(pk=self.handoff.pk)

    def as_model(self) -> Model:
        row = self.stored()
        holder = row.holder.display_name if row.holder else ""
        return Model(State(row.state), holder, row.role.name, row.reopens_count)

    def do(self, move: str, who: str) -> Any:
        """Raises what the desk raises."""
        person, handoff, now = self.people[who], self.handoff, timezone.now()
        if move == "accept":
            return lifecycle.accept(context.as_it_stands(person, handoff.pk), reviewer=person, now=now)
        if move in ("release", "escalate", "withdraw", "reopen"):
            return getattr(lifecycle, move)(handoff, actor=person, reason="Because", now=now)
        if move == "return":
            return lifecycle.return_(handoff, reviewer=person, reason="Because", questions=[], now=now)
        if move == "confirm":
            return decisions.confirm(handoff, reviewer=person, now=now)
        if move == "object":
            return decisions.object_(handoff, reviewer=person, reason="Because", now=now)
        if move == "report":
            return self._report()
        outcome = {"approve": "approve_and_pay", "propose": "reject"}[move]
        choice = decisions.Choice(outcome=outcome, context_digest=self.stored().context_digest, reason="Because")
        seen = context.as_it_stands(person, handoff.pk, with_callers=True)
        return decisions.decide(seen, choice, reviewer=person, now=now)

    def _report(self) -> Any:
        fields = {"data": self.data, "document_ids": (self.document,), "callback_url": CALLBACK}
        return post(reference=self.handoff.case.reference, **fields)


def _moves(chance: random.Random, count: int) -> list[tuple[str, str]]:
    moves = []
    for _ in range(count):
        if chance.random() < 0.1:
            moves.append(("report", "invoice-matcher"))
        elif chance.random() < 0.02:
            moves.append(("withdraw", chance.choice(["Lea", "invoice-matcher", "Bob"])))
        else:
            moves.append((chance.choice(LIKELY), chance.choice(["Bob", "Cleo", "Lea"])))
    return moves


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(8))
def test_the_desk_does_what_the_model_does_move_by_move(seed):
    desk, model = Desk(), Model()
    taken = 0
    for move, who in _moves(random.Random(seed), STEPS):
        expected = model.after(move, who)
        if move == "report" and expected is None:
            continue  # on a case without an open handoff it would open the next one
        try:
            desk.do(move, who)
        except DeskError:
            assert expected is None, f"{who} may {move} a handoff that is {model}"
        else:
            assert expected is not None, f"{who} may not {move} a handoff that is {model}"
            model, taken = expected, taken + 1
        assert desk.as_model() == model, (move, who)
    assert taken >= 3
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_at_the_same_time_could_have_happened_in_a_row(seed):
    desk = Desk()
    chance = random.Random(seed)
    for _ in range(6):
        moves = [(move, who) for move, who in _moves(chance, 8) if move != "report" or desk.stored().is_open]
        told = at_once([partial(desk.do, move, who) for move, who in moves])
        assert [answer for answer in told if isinstance(answer, Exception) and not isinstance(answer, DeskError)] == []
        if not desk.stored().is_open:
            break
    model = Model()
    for row in desk.handoff.history.exclude(event__in=["opened", "context_changed"]):
        after = model.after(EVENTS[row.event], row.actor_name)
        assert after is not None, f"row {row.sequence}: {row.actor_name} {row.event} while it was {model}"
        model = after
    assert desk.as_model() == model
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []
