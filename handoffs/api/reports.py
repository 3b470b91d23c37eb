"""From a checked body to the report that intake takes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rest_framework.request import Request

from handoffs.actions.intake import AttemptReport
from handoffs.api.schemas.attempts import ATTEMPT_REPORT, BATCH_ITEM, MAX_KEY_CHARACTERS
from handoffs.api.validation import Shape, invalid
from handoffs.errors import Mistake
from handoffs.rules.canonical import sha256_of

CONFIDENCE_PLACES = 10
DEADLINE_WITHIN = timedelta(days=3653)
REPORT = Shape(ATTEMPT_REPORT)
ITEM = Shape(BATCH_ITEM)
_NOTHING: Mapping[str, Any] = {}


def report_of(body: Mapping[str, Any], *, key: str | None, now: datetime) -> AttemptReport:
    """The report that a body of POST /cases/ makes. Raises Invalid with every mistake."""
    REPORT.check(body)
    return _report(body, key, now)


def item_of(item: Any, *, now: datetime) -> AttemptReport:
    """The report that one item of a batch makes. Raises Invalid with every mistake."""
    ITEM.check(item)
    body = {name: value for name, value in item.items() if name != "idempotency_key"}
    return _report(body, _checked_key(item.get("idempotency_key"), "/idempotency_key"), now)


def key_of(request: Request) -> str | None:
    """The request's Idempotency-Key, if any. Raises Invalid."""
    return _checked_key(request.headers.get("Idempotency-Key"), "Idempotency-Key")


def _checked_key(key: str | None, place: str) -> str | None:
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_CHARACTERS or any(not "!" <= character <= "~" for character in key):
        detail = f"Write 1 to {MAX_KEY_CHARACTERS} visible ASCII characters, without spaces."
        raise invalid([Mistake(pointer=place, detail=detail)])
    return key


def _report(body: Mapping[str, Any], key: str | None, now: datetime) -> AttemptReport:
    error, request, context = (body.get(name) or _NOTHING for name in ("error", "request_handoff", "context"))
    return AttemptReport(
        workflow=body["workflow"],
        reference=body["reference"],
        data=body.get("data") or {},
        confidence=_confidence(body.get("confidence")),
        error_type=error.get("type", ""),
        error_message=error.get("message", ""),
        request_reason=request.get("reason"),
        action_taken=body.get("action_taken"),
        proposed_outcome=body.get("proposed_outcome") or "",
        summary=context.get("summary", ""),
        root_cause=context.get("root_cause", ""),
        links=tuple(context.get("links", ())),
        document_ids=tuple(text.lower() for text in context.get("documents", ())),
        callback_url=body.get("callback_url") or "",
        correlation_id=body.get("correlation_id") or "",
        resolve_by=_resolve_by(body.get("resolve_by"), now),
        idempotency_key=key,
        content_digest=sha256_of(body),
    )


def _confidence(value: int | Decimal | None) -> Decimal | None:
    if value is None:
        return None
    number = Decimal(value)
    if number != round(number, CONFIDENCE_PLACES):
        detail = f"Write at most {CONFIDENCE_PLACES} decimal places."
        raise invalid([Mistake(pointer="/confidence", detail=detail)])
    return number


def _resolve_by(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
        is_near = abs(moment - now) <= DEADLINE_WITHIN
    except (ValueError, OverflowError):
        is_near = False
    if not is_near:
        detail = "Write a time within ten years, such as 2030-05-31T17:00:00Z."
        raise invalid([Mistake(pointer="/resolve_by", detail=detail)])
    return moment
