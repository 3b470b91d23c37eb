"""What people, chat bots and automations do with a handoff; each address calls one action."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import context, decisions, lifecycle, receipts
from handoffs.actions.feedback import Feedback
from handoffs.api import examples
from handoffs.api.endpoint import Endpoint, body_of, caller
from handoffs.api.openapi import WITH_BODY, operation
from handoffs.api.schemas import handoffs as schemas
from handoffs.api.validation import Shape
from handoffs.choices import ReceiptStatus
from handoffs.models import Handoff
from handoffs.queries import representation
from handoffs.queries.representation import rfc3339

EMPTY = Shape(schemas.EMPTY)
WITH_REASON = Shape(schemas.WITH_REASON)


def _does(name: str, summary: str, body: str = "", *, shows: tuple[OpenApiExample, ...] = ()) -> Any:
    """Document an address that changes a handoff and answers with it."""
    return operation(
        name, summary, body=body, answers={200: "Handoff"}, refuses=(*WITH_BODY, 403, 404, 409), examples=shows
    )


class Work(Endpoint):
    """One handoff, and something to do with it."""

    def handoff(self, handoff_id: str) -> Handoff:
        return access.handoff_to_act_on(caller(self.request), handoff_id)


class Accept(Work):
    @_does("accept", "Hold a handoff")
    def post(self, request: Request, handoff_id: str) -> Response:
        body_of(request, EMPTY)
        handoff = context.as_it_stands(caller(request), handoff_id)
        return _shown(lifecycle.accept(handoff, reviewer=caller(request), now=self.now))


class TakeNext(Endpoint):
    shape = Shape(schemas.TAKE_NEXT)

    @operation(
        "takeNext",
        "Hold the most urgent handoff of your roles",
        body="TakeNext",
        answers={200: "Handoff", 204: None},
        refuses=(403,),
    )
    def post(self, request: Request) -> Response:
        wish = {name: value for name, value in body_of(request, self.shape).items() if value}
        handoff = lifecycle.take_next(reviewer=caller(request), now=self.now, **wish)
        return _shown(handoff) if handoff else Response(status=204)


class Release(Work):
    shape = Shape(schemas.RELEASE)

    @_does("release", "Give a handoff back to its role", "Release")
    def post(self, request: Request, handoff_id: str) -> Response:
        reason = body_of(request, self.shape).get("reason", "")
        return _shown(lifecycle.release(self.handoff(handoff_id), actor=caller(request), reason=reason, now=self.now))


class Return(Work):
    shape = Shape(schemas.RETURN)

    @_does("return", "Send a handoff back to its automation with questions", "Return")
    def post(self, request: Request, handoff_id: str) -> Response:
        body = body_of(request, self.shape)
        returned = lifecycle.return_(
            self.handoff(handoff_id),
            reviewer=caller(request),
            reason=body["reason"],
            questions=body.get("questions", []),
            now=self.now,
        )
        return _shown(returned)


class Escalate(Work):
    @_does("escalate", "Move a handoff to the next role", "WithReason")
    def post(self, request: Request, handoff_id: str) -> Response:
        reason = body_of(request, WITH_REASON)["reason"]
        return _shown(lifecycle.escalate(self.handoff(handoff_id), actor=caller(request), reason=reason, now=self.now))


class Decide(Work):
    shape = Shape(schemas.DECIDE)

    @_does("decide", "Decide a handoff on the context that you saw", "Decide", shows=examples.DECIDE)
    def post(self, request: Request, handoff_id: str) -> Response:
        choice = _choice(body_of(request, self.shape))
        handoff = context.as_it_stands(caller(request), handoff_id, with_callers=True)
        return _shown(decisions.decide(handoff, choice, reviewer=caller(request), now=self.now))


class Confirm(Work):
    @_does("confirm", "Make somebody else's proposal final")
    def post(self, request: Request, handoff_id: str) -> Response:
        body_of(request, EMPTY)
        return _shown(decisions.confirm(self.handoff(handoff_id), reviewer=caller(request), now=self.now))


class Object(Work):
    @_does("object", "Send a proposal back to its proposer", "WithReason")
    def post(self, request: Request, handoff_id: str) -> Response:
        reason = body_of(request, WITH_REASON)["reason"]
        return _shown(
            decisions.object_(self.handoff(handoff_id), reviewer=caller(request), reason=reason, now=self.now)
        )


class Reopen(Work):
    @_does("reopen", "Ask a person again although it was resolved", "WithReason")
    def post(self, request: Request, handoff_id: str) -> Response:
        reason = body_of(request, WITH_REASON)["reason"]
        return _shown(lifecycle.reopen(self.handoff(handoff_id), actor=caller(request), reason=reason, now=self.now))


class Withdraw(Work):
    @_does("withdraw", "Take back a handoff that needs no decision any more", "WithReason")
    def post(self, request: Request, handoff_id: str) -> Response:
        reason = body_of(request, WITH_REASON)["reason"]
        return _shown(lifecycle.withdraw(self.handoff(handoff_id), actor=caller(request), reason=reason, now=self.now))


class Notes(Work):
    shape = Shape(schemas.NOTE)

    @operation(
        "addNote",
        "Write a remark for whoever works it next",
        body="Note",
        answers={201: "NoteAnswer"},
        refuses=(403, 404),
    )
    def post(self, request: Request, handoff_id: str) -> Response:
        text = body_of(request, self.shape)["text"]
        note = context.add_note(self.handoff(handoff_id), author=caller(request), text=text, now=self.now)
        shown = {"author": caller(request).display_name, "written_at": rfc3339(note.written_at), "text": note.text}
        return Response(shown, status=201)


class Receipt(Work):
    shape = Shape(schemas.RECEIPT)

    @operation(
        "giveReceipt",
        "Say what came of a decision",
        body="Receipt",
        answers={200: "ReceiptAnswer"},
        refuses=(404, 409),
        examples=examples.RECEIPT,
        description="The same receipt again is the same receipt. A failed one reopens the handoff unless the policy"
        " says otherwise.",
    )
    def post(self, request: Request, handoff_id: str) -> Response:
        body = body_of(request, self.shape)
        handoff = self.handoff(handoff_id)
        taken = receipts.receive(handoff, _receipt(body), automation=caller(request), now=self.now)
        state = self.handoff(handoff_id).state
        return Response({"recovery": [representation.recovery_json(recovery) for recovery in taken], "state": state})


def _shown(handoff: Handoff) -> Response:
    return Response(representation.one(handoff))


def _choice(body: dict[str, Any]) -> decisions.Choice:
    return decisions.Choice(
        outcome=body["outcome"],
        context_digest=body["context_digest"],
        reason=body.get("reason", ""),
        answers=body.get("answers", {}),
        feedback=_feedback(body.get("feedback", {})),
    )


def _feedback(said: dict[str, Any]) -> Feedback:
    return Feedback(**said | {"missing_parts": tuple(said.get("missing_parts", ()))})


def _receipt(body: dict[str, Any]) -> receipts.Receipt:
    return receipts.Receipt(
        status=ReceiptStatus(body["status"]),
        detail=body.get("detail", ""),
        context_digest=body.get("context_digest") or "",
        correlation_id=body.get("correlation_id"),
        attempt=str(UUID(body["attempt"])) if body.get("attempt") else "",
    )
