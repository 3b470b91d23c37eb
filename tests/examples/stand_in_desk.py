"""Stands in for the desk on the wire: answers as the HTTP contract says, and remembers everything that it was told."""

import json
import re
import threading
from typing import Any

from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

TOKEN = "desk_test_token"
SECRET = "whsec_c3RhbmQtaW4tZGVzay1zZWNyZXQtMDEyMzQ1Ng=="


class StandInDesk:
    """Hands off when the variance is above 2, the order is missing, or a person is asked for."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.uploads: list[dict[str, str]] = []
        self.receipts: list[tuple[str, dict[str, Any]]] = []
        self.handoffs: dict[str, dict[str, Any]] = {}
        self.troubles: list[Response] = []
        self.hold_receipts = threading.Event()
        self.hold_receipts.set()
        self._answers: dict[str, dict[str, Any]] = {}
        server.expect_request(re.compile(r"/api/v1/.*")).respond_with_handler(self._answer)

    def decide(
        self, reference: str, outcome: str, *, reason: str = "", at: str = "2026-11-20T10:00:00Z"
    ) -> dict[str, Any]:
        """Resolve the open handoff of a case and return it as a webhook would carry it."""
        handoff = self.of(reference)
        handoff["state"] = "resolved"
        handoff["decision"] = {
            "outcome": outcome,
            "recovery": "resume",
            "reason": reason,
            "decided_by": {"kind": "person", "name": "Ann"},
            "decided_at": at,
            "context_revision": handoff["context_revision"],
            "context_digest": handoff["context_digest"],
            "answers": {},
        }
        return handoff

    def give_back(self, reference: str, questions: list[str]) -> dict[str, Any]:
        """Return the open handoff to the automation."""
        handoff = self.of(reference)
        handoff["state"] = "returned"
        return handoff | {"returned": {"reason": "Not enough to decide", "questions": questions}}

    def of(self, reference: str) -> dict[str, Any]:
        return next(handoff for handoff in self.handoffs.values() if handoff["reference"] == reference)

    def bodies(self, reference: str) -> list[dict[str, Any]]:
        return [body for _, body in self.posts if body["reference"] == reference]

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/api/v1/")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "no_token", "The token is not known.")
        if self.troubles and request.method == "POST":
            return self.troubles.pop(0)
        if path == "cases/":
            return self._report(request)
        if path == "documents/":
            return self._upload(request)
        if path.endswith("/receipt/"):
            return self._receipt(path.split("/")[1], request)
        if path.startswith("handoffs/"):
            found = self.handoffs.get(path.split("/")[1])
            return answer(found) if found else problem(404, "not_found", "There is no such handoff.")
        if path != "workflows/invoice-matching/":
            return problem(404, "not_found", "There is no such workflow.")
        return answer({"key": path.split("/")[1]})

    def _report(self, request: Request) -> Response:
        key, body = request.headers["Idempotency-Key"], json.loads(request.data)
        self.posts.append((key, body))
        if key not in self._answers:
            self._answers[key] = self._verdict(body)
        return answer(self._answers[key])

    def _verdict(self, body: dict[str, Any]) -> dict[str, Any]:
        data, reference = body["data"], body["reference"]
        known = next((h for h in self.handoffs.values() if h["reference"] == reference), None)
        if known:
            known["context_revision"] += 1
            known |= {
                "state": "pending",
                "decision": None,
                "context_digest": f"sha256:{reference}-{known['context_revision']}",
            }
            return {"verdict": "wait", "handoff": dict(known)}
        over = float(data.get("price_variance_percent", 0)) > 2
        if not over and data["po_number"] and "request_handoff" not in body:
            return {"verdict": "proceed", "reason": "no_trigger"}
        number = len(self.handoffs) + 1
        handoff = {
            "id": f"h-{number}",
            "number": number,
            "reference": reference,
            "state": "pending",
            "role": "AP clerk",
        }
        handoff |= {
            "context_revision": 1,
            "context_digest": f"sha256:{reference}-1",
            "decision": None,
            "root_cause": "odd",
        }
        self.handoffs[handoff["id"]] = handoff
        return {"verdict": "handoff", "handoff": dict(handoff)}

    def _upload(self, request: Request) -> Response:
        file = request.files["file"]
        self.uploads.append(
            {"name": file.filename or "", "title": request.form["title"], "head": file.read(5).decode()}
        )
        return answer({"id": f"d-{len(self.uploads)}"}, status=201)

    def _receipt(self, handoff_id: str, request: Request) -> Response:
        self.receipts.append((handoff_id, json.loads(request.data)))
        self.hold_receipts.wait(30)
        return answer({"state": "applied"})


def answer(body: dict[str, Any], *, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def problem(status: int, code: str, detail: str, **headers: str) -> Response:
    body = {"type": "about:blank", "title": "Problem", "status": status, "detail": detail, "code": code}
    found = Response(json.dumps(body), status=status, content_type="application/problem+json")
    found.headers.update(headers)
    return found


def signed(body: bytes, *, webhook_id: str, at: Any, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a webhook as the desk signs it."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body.decode()),
        "Content-Type": "application/json",
    }
