"""Objects as the desk answers them."""

DIGEST = "sha256:" + "a" * 64


def handoff(state="pending", **changes):
    return {
        "id": "0190aaaa-0000-7000-8000-000000000001",
        "number": 1042,
        "workflow": "invoice-matching",
        "reference": "INV-1",
        "state": state,
        "context_digest": DIGEST,
        "decision": None,
    } | changes


def decision(outcome="approve_and_pay", recovery="resume", **changes):
    return {
        "outcome": outcome,
        "recovery": recovery,
        "reason": "Agreed",
        "decided_by": {"kind": "person", "name": "Ann"},
        "decided_at": "2026-11-20T09:00:00.000000Z",
        "context_revision": 1,
        "context_digest": DIGEST,
        "answers": {},
    } | changes


def resolved(**changes):
    return handoff("resolved", decision=decision(**changes))


def answer(verdict="handoff", **changes):
    told = {"verdict": verdict, "case": {"workflow": "w", "reference": "INV-1"}, "attempt": "at-1", "triggers": []}
    if verdict in ("handoff", "wait", "stop"):
        told["handoff"] = handoff()
    if verdict == "retry":
        told |= {"retry_after_seconds": 0, "failures": 1, "limit": 3}
    return told | changes


def event(cursor, kind="resolved", **changes):
    return {
        "cursor": cursor,
        "event": kind,
        "at": "2026-11-20T09:00:00.000000Z",
        "handoff": {
            "id": handoff()["id"],
            "number": 1042,
            "workflow": "invoice-matching",
            "reference": "INV-1",
            "state": "resolved",
        },
        "sequence": 3,
        "actor": {"kind": "person", "name": "Ann"},
        "reason": "",
        "details": {},
    } | changes


def stretch(*events, after, has_more=False):
    return {"results": list(events), "after": after, "has_more": has_more}


def problem(status, code, **changes):
    return {"type": f"urn:{code}", "title": "No", "status": status, "detail": "Not like this.", "code": code} | changes
