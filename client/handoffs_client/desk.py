"""The desk as an automation sees it: report, upload, wait, receipt, withdraw; nothing is lost in a crash."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handoffs_client import exact
from handoffs_client.errors import KeyReused, NotDecided, Refused, refusal
from handoffs_client.journal import Call, Journal
from handoffs_client.messages import (
    Answer,
    Attempt,
    Decision,
    Document,
    Event,
    Handoff,
    ReceiptStatus,
    Stretch,
    UndoStep,
)
from handoffs_client.transport import NOTHING_NEW, READ_SECONDS, Patience, Transport

LONG_POLL_SECONDS = 30
LEAST_PAUSE_SECONDS = 1.0
"""Between two looks at a handoff that has not changed, however fast the desk answers."""

SEEN_COUNT = 1000
"""So many handoffs are kept in memory, so that an unchanged one need not be sent again."""


class Desk:
    """One desk, one token, one journal. Threads may share it.

    `patience_seconds` is how long one call is tried while the desk is away (None: until `stopping` is set).
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        journal: Journal | None = None,
        patience_seconds: float | None = 300.0,
        stopping: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal or Journal()
        self.stopping = stopping or threading.Event()
        self._seen: dict[str, tuple[str, dict[str, Any]]] = {}
        self._monotonic = monotonic
        patience = Patience(seconds=patience_seconds, stopping=self.stopping)
        self._transport = Transport(url, token, patience=patience, monotonic=monotonic)

    @classmethod
    def from_environment(cls, **options: Any) -> "Desk":
        """The desk at DESK_URL with the token in DESK_TOKEN. Raises KeyError naming what is not set."""
        return cls(os.environ["DESK_URL"], os.environ["DESK_TOKEN"], **options)

    def close(self) -> None:
        """Close the connections and the journal; nothing can be called after."""
        self._transport.close()
        self.journal.close()

    def check(self, workflow: str) -> None:
        """See that the desk is there and that the token may report on `workflow`. Raises TokenRefused, NotThere."""
        self._transport.call("GET", f"workflows/{_part(workflow)}/")

    def report(self, attempt: Attempt, *, key: str = "") -> Answer:
        """Say what happened with a case, and hear what to do.

        With a `key` of your own (1 to 255 visible characters, one for each attempt), the same report is sent at most
        once, also over a crash: the second call with it is answered from the journal. Raises Refused with the
        mistakes, KeyReused where the key was used for another attempt, DeskUnreachable.
        """
        return Answer.of(self._post("cases/", attempt.body(), key=key or f"report-{uuid.uuid4()}", with_key=True))

    def upload(
        self, content: bytes | Path, *, workflow: str, name: str = "", title: str = "", content_type: str = ""
    ) -> Document:
        """Upload a document of at most 10 MiB: PDF, PNG, JPEG, TXT, CSV, JSON, XML or EML. Raises Refused."""
        name = name or (content.name if isinstance(content, Path) else "document")
        body = content.read_bytes() if isinstance(content, Path) else content
        file = (name, body, content_type or "application/octet-stream")
        fields = {"workflow": workflow} | ({"title": title} if title else {})
        told = self._transport.call("POST", "documents/", files={"file": file}, data=fields).told
        return Document(**{part: told[part] for part in Document.__dataclass_fields__})

    def handoff(self, handoff_id: str, *, wait_seconds: int = 0) -> Handoff:
        """The handoff as it is now, or once its state changed or `wait_seconds` (at most 60) have passed.

        What was seen before is asked for by its entity tag: where nothing has changed, nothing is sent again.
        """
        return self._look(handoff_id, wait_seconds)[0]

    def events(
        self,
        after: str = "",
        *,
        kinds: Sequence[str] = (),
        workflow: str = "",
        limit: int = 200,
        wait_seconds: int = 0,
    ) -> Stretch:
        """What happened to the handoffs that this token sees, behind the place `after`: empty is the first one, `now`
        is the end. Waits `wait_seconds` (at most 60) where nothing has happened yet. `Feed` remembers the place.
        """
        asked = {"after": after, "event": list(kinds), "workflow": workflow, "limit": limit, "wait": wait_seconds}
        params = {name: value for name, value in asked.items() if value}
        reply = self._transport.call("GET", "events/", params=params, read_seconds=READ_SECONDS + wait_seconds)
        return Stretch(
            events=tuple(Event.of(event) for event in reply.told["results"]),
            after=reply.told["after"],
            has_more=reply.told["has_more"],
            retry_after_seconds=reply.retry_after_seconds,
        )

    def wait_for_decision(self, handoff: Handoff | str, *, timeout_seconds: float | None = None) -> Handoff:
        """Wait by long poll until the handoff is resolved, withdrawn, or returned with questions.

        Raises NotDecided after `timeout_seconds` (None: never), or when `stopping` is set.
        """
        handoff_id = handoff if isinstance(handoff, str) else handoff.id
        ends_at = None if timeout_seconds is None else self._monotonic() + timeout_seconds
        while True:
            left = LONG_POLL_SECONDS if ends_at is None else min(LONG_POLL_SECONDS, ends_at - self._monotonic())
            asked_at = self._monotonic()
            found, wish_seconds = self._look(handoff_id, max(0, int(left)))
            if not found.is_open or found.state == "returned":
                return found
            self._breathe(found, asked_at, ends_at, max(LEAST_PAUSE_SECONDS, wish_seconds))

    def receipt(
        self,
        handoff: Handoff,
        status: ReceiptStatus,
        detail: str = "",
        *,
        correlation_id: str | None = None,
        step: UndoStep | None = None,
    ) -> None:
        """Say what came of the decision that `handoff` carries: applied, failed or rolled_back.

        With `step` it is about that step of a roll-back alone: rolled_back or failed, the last step first. Later facts
        may be told at any time: reversed (it was taken back after all), not_needed (no person was needed for it).
        The same receipt again is the same receipt. Raises NotPossibleNow where nothing waits for it.
        """
        decision = _decision_of(handoff)
        body: dict[str, Any] = {"status": status, "detail": detail, "context_digest": decision.context_digest}
        if correlation_id is not None:
            body["correlation_id"] = correlation_id
        if step is not None:
            body["attempt"] = step.attempt
        about = f"-{step.attempt}" if step else ""
        key = f"receipt-{handoff.id}-{decision.decided_at}-{correlation_id or ''}-{status}{about}"
        self._post(f"{_handoff(handoff.id)}receipt/", body, key=key)

    def withdraw(self, handoff: Handoff | str, reason: str) -> Handoff:
        """Take a handoff back because the case needs no decision any more. Raises NotPossibleNow if it is closed."""
        handoff_id = handoff if isinstance(handoff, str) else handoff.id
        told = self._post(f"{_handoff(handoff_id)}withdraw/", {"reason": reason}, key=f"withdraw-{handoff_id}")
        return Handoff.of(told)

    def resume(self) -> int:
        """Send again what was under way when the program last ended; returns how many calls that were.

        What the desk refuses is kept as refused, so that it is not tried for ever.
        """
        calls = self.journal.under_way()
        for call in calls:
            try:
                self._send(call, with_key=call.path == "cases/")
            except Refused:
                continue
        return len(calls)

    def _look(self, handoff_id: str, wait_seconds: int) -> tuple[Handoff, float]:
        """The handoff, and the pause in seconds that the desk asks for."""
        params = {"wait": str(wait_seconds)} if wait_seconds else None
        tag, seen = self._seen.get(handoff_id, ("", {}))
        reply = self._transport.call(
            "GET",
            _handoff(handoff_id),
            params=params,
            known_tag=tag,
            read_seconds=READ_SECONDS + wait_seconds,
        )
        told = seen if reply.status == NOTHING_NEW else reply.told
        if reply.tag:
            self._remember(handoff_id, reply.tag, told)
        return Handoff.of(told), reply.retry_after_seconds

    def _remember(self, handoff_id: str, tag: str, told: dict[str, Any]) -> None:
        """Keep SEEN_COUNT answers, the oldest go first. Other threads may come in between."""
        self._seen[handoff_id] = (tag, told)
        if len(self._seen) > SEEN_COUNT:
            self._seen.pop(next(iter(list(self._seen))), None)

    def _post(self, path: str, body: Mapping[str, Any], *, key: str, with_key: bool = False) -> dict[str, Any]:
        text = exact.dumps(body)
        known = self.journal.begin(Call(key=key, path=path, body=text))
        if known.path != path or (with_key and known.body != text):
            raise KeyReused(422, {"code": "idempotency_key_reused", "detail": f"{key} was used for another call"})
        if known.answer is None:
            return self._send(known, with_key=with_key)
        told: dict[str, Any] = exact.loads(known.answer)
        if known.refused:
            raise refusal(known.refused, told)
        return told

    def _send(self, call: Call, *, with_key: bool) -> dict[str, Any]:
        """A refusal is final unless time or rights may heal it; then the call may be made again."""
        try:
            told = self._transport.call("POST", call.path, body=call.body, key=call.key if with_key else "").told
        except Refused as refused:
            if refused.status in (400, 413, 422):
                self.journal.finish(call.key, answer=exact.dumps(refused.problem), refused=refused.status)
            else:
                self.journal.forget(call.key)
            raise
        self.journal.finish(call.key, answer=exact.dumps(told))
        return told

    def _breathe(self, found: Handoff, asked_at: float, ends_at: float | None, pause_seconds: float) -> None:
        """The desk answers at once where many wait, and says for how long; then the pause is ours."""
        now = self._monotonic()
        if ends_at is not None and now >= ends_at:
            raise NotDecided(f"handoff {found.number} is still {found.state}")
        left = asked_at + pause_seconds - now if ends_at is None else min(asked_at + pause_seconds, ends_at) - now
        if self.stopping.wait(max(0.0, left)):
            raise NotDecided(f"stopped while handoff {found.number} is {found.state}")


def _decision_of(handoff: Handoff) -> Decision:
    if handoff.decision is None:
        raise NotDecided(f"handoff {handoff.number} is {handoff.state}: there is no decision to speak of")
    return handoff.decision


def _handoff(handoff_id: str) -> str:
    return f"handoffs/{_part(handoff_id)}/"


def _part(text: str) -> str:
    return quote(text, safe="")
