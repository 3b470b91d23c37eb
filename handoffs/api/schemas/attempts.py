"""What automations send about a case, and what they are answered."""

from handoffs.actions.checks import MAX_REASON_CHARACTERS
from handoffs.api.schemas.parts import (
    Schema,
    answer,
    boolean,
    free,
    integer,
    line,
    listed,
    moment,
    nullable,
    one_of,
    page_of,
    ref,
    request,
    string,
    text,
    uuid,
    web_address,
)
from handoffs.choices import ProceedReason, State, Verdict
from handoffs.models.case import MAX_REFERENCE_CHARACTERS
from handoffs.rules.package import MAX_SUMMARY_CHARACTERS

MAX_ATTEMPTS_AT_ONCE = 500
MAX_DATA_KEYS = 1000
MAX_LINKS = 20
MAX_DOCUMENTS = 10
MAX_KEY_CHARACTERS = 255
KEY_PATTERN = r"^[\u0021-\u007e]{1,255}$"

LINK = request({"label": line(most=200), "url": web_address()}, required=("label", "url"))
CONTEXT = request(
    {
        "summary": text("One sentence, else the policy's template", most=MAX_SUMMARY_CHARACTERS),
        "root_cause": text("Why the automation cannot go on", most=2000),
        "links": listed(LINK, most=MAX_LINKS),
        "documents": listed(uuid(), "Ids of uploaded documents", most=MAX_DOCUMENTS),
    }
)
ERROR = request(
    {"type": line("A word such as timeout", most=100), "message": text(most=MAX_REASON_CHARACTERS)}, required=("type",)
)
ACTION_TAKEN = request(
    {"summary": line("What it did", most=1000), "undo": free("What it needs to undo it")}, required=("summary",)
)
REQUEST_HANDOFF = request({"reason": text(most=MAX_REASON_CHARACTERS, least=1)}, required=("reason",))
CONFIDENCE: Schema = {"type": "number", "minimum": 0, "maximum": 1, "description": "Up to ten decimal places"}

ATTEMPT_REPORT = request(
    {
        "workflow": line("Key of the workflow", most=64),
        "reference": line("The automation's own name of the case", most=MAX_REFERENCE_CHARACTERS),
        "data": nullable(
            {"type": "object", "maxProperties": MAX_DATA_KEYS}
            | {"description": "What the policy's conditions read. Numbers stay exact, as numbers or as strings."}
        ),
        "confidence": nullable(CONFIDENCE),
        "error": nullable(ERROR),
        "request_handoff": nullable(REQUEST_HANDOFF),
        "action_taken": nullable(ACTION_TAKEN),
        "proposed_outcome": nullable(text("Key of the outcome that the automation would choose", most=64)),
        "context": nullable(CONTEXT),
        "callback_url": nullable(web_address("Hears of the decision; its host must be on the workflow's list")),
        "correlation_id": nullable(text("Comes back with the decision", most=200)),
        "resolve_by": nullable(moment("A deadline of the case's own, within ten years")),
    },
    required=("workflow", "reference"),
)
BATCH_ITEM = ATTEMPT_REPORT | {
    "properties": ATTEMPT_REPORT["properties"]
    | {"idempotency_key": nullable(text("As the Idempotency-Key of a single attempt", most=MAX_KEY_CHARACTERS))}
}
BATCH = request(
    {
        "attempts": listed(
            {"description": "An attempt as in POST /cases/, optionally with its idempotency_key"},
            "A bad one is answered with its problem, and does not hurt the others",
            most=MAX_ATTEMPTS_AT_ONCE,
            least=1,
        )
    },
    required=("attempts",),
)

TRIGGER = answer(
    {"key": string(), "fired": boolean(), "because": string("The values it read")},
)
CASE_NAME = answer({"workflow": string(), "reference": string()})
ATTEMPT_ANSWER = answer(
    {
        "verdict": one_of(Verdict),
        "case": CASE_NAME,
        "attempt": uuid("Id of the stored attempt"),
        "policy_version": integer(least=1),
        "triggers": listed(TRIGGER, "Every trigger of the policy, fired or not"),
        "reason": one_of(ProceedReason, "With proceed"),
        "retry_after_seconds": integer("With retry"),
        "failures": integer("With retry: failures so far"),
        "limit": integer("With retry: failures that open a handoff"),
        "handoff": ref("Handoff"),
    },
    optional=("reason", "retry_after_seconds", "failures", "limit", "handoff"),
)
BATCH_RESULT = answer(
    {
        "status": integer("The status that the attempt alone would have had", least=200),
        "answer": nullable(ref("AttemptAnswer")),
        "problem": nullable(ref("Problem")),
    }
)
BATCH_ANSWER = answer({"results": listed(ref("BatchResult"), "One for each attempt, in their order")})

HANDOFF_NAME = answer({"id": uuid(), "number": integer(least=1), "state": one_of(State), "opened_at": moment()})
CASE = answer(
    {
        "workflow": string(),
        "reference": string(),
        "first_attempted_at": moment(),
        "attempts_count": integer(),
        "handoffs": listed(HANDOFF_NAME, "Newest first"),
    }
)
ATTEMPT = answer(
    {
        "id": uuid(),
        "received_at": moment(),
        "automation": string("Who reported it"),
        "verdict": one_of(Verdict),
        "policy_version": integer(least=1),
        "triggers": listed(TRIGGER),
        "confidence": nullable({"type": "number"}),
        "error": nullable(answer({"type": string(), "message": string()})),
        "proposed_outcome": nullable(string()),
        "correlation_id": nullable(string()),
        "handoff": nullable(uuid()),
        "data": free("Told to automations; people see what the policy shows them"),
    },
    optional=("data",),
)
CASE_DETAIL = answer(CASE["properties"] | {"attempts": listed(ref("Attempt"), "The latest 100, newest first")})

COMPONENTS: dict[str, Schema] = {
    "AttemptReport": ATTEMPT_REPORT,
    "AttemptAnswer": ATTEMPT_ANSWER,
    "Batch": BATCH,
    "BatchAnswer": BATCH_ANSWER,
    "BatchResult": BATCH_RESULT,
    "Attempt": ATTEMPT,
    "Case": CASE,
    "CaseDetail": CASE_DETAIL,
    "CasePage": page_of(ref("Case")),
}
