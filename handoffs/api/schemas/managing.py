"""Deliveries and replays as the API takes and answers them."""

from handoffs.actions.replays import MAX_STAY_SECONDS, TITLE_CHARACTERS
from handoffs.api.schemas.parts import (
    NO_CONTROL,
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
)
from handoffs.choices import DeliveryState, ReplaySource, ReplayState, WebhookType
from handoffs.queries.deliveries import FAILING

MAX_NUMBER = 2_147_483_647
STATES = [*(state.value for state in DeliveryState), FAILING]
RANGE: Schema = {
    "workflow": line("Key of a workflow", most=64),
    "type": one_of(WebhookType, "Type of the message"),
    "endpoint": uuid("Id of an endpoint"),
    "search": text("The reference of a case, or the host of an address", most=255)
    | {"pattern": NO_CONTROL, "errorMessage": "Write it without control characters."},
    "created_after": moment("Written at or after"),
    "created_before": moment("Written before"),
}
DELIVERY_FILTERS: Schema = {
    "state": {"type": "string", "enum": STATES, "description": f"State; {FAILING} is queued after a failed try"},
    **RANGE,
}
DELIVERY = answer(
    {
        "id": uuid(),
        "webhook_id": string("The `webhook-id` that its receiver sees, the same at every try"),
        "type": one_of(WebhookType),
        "workflow": string(),
        "reference": string("Of the case"),
        "handoff": uuid(),
        "endpoint": nullable(uuid("null for the callback of an attempt")),
        "url": string(),
        "correlation_id": nullable(string()),
        "sequence": integer(least=0),
        "state": one_of(DeliveryState),
        "attempts_count": integer("Tries so far", least=0),
        "created_at": moment(),
        "next_attempt_at": nullable(moment()),
        "delivered_at": nullable(moment()),
        "parked_at": nullable(moment()),
        "parked_reason": nullable(string()),
    }
)
TRY = answer(
    {
        "number": integer(least=0),
        "finished_at": moment(),
        "duration_ms": integer(least=0),
        "status": nullable(integer("Of HTTP; null where nobody answered", least=0)),
        "error": nullable(string()),
        "answer": string("How the answer began"),
    }
)
_number = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER}
ORDER = request(
    {
        "workflow": line("Key of the workflow", most=64),
        "version": {**_number, "description": "Number of the version or draft that judges"},
        "against": nullable({**_number, "description": "Number of a version to compare it with, attempt by attempt"}),
        "from": nullable(moment("Attempts received at or after; null for all there are")),
        "until": nullable(moment("Attempts received before")),
        "title": text("What to call it", most=TITLE_CHARACTERS),
        "stay_seconds": nullable(
            {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_STAY_SECONDS,
                "description": "How long a handoff that only the replay opens stays open; as long as usual where null",
            }
        ),
        "fully_rolled_out": boolean("Judge every case, whatever stage the version is at"),
    },
    required=("workflow", "version"),
)
REPLAY = answer(
    {
        "id": uuid(),
        "title": string(),
        "workflow": string(),
        "version": integer(least=1),
        "document_digest": string("Of the document as it was when the replay was ordered"),
        "against": nullable(integer(least=1)),
        "fully_rolled_out": boolean(),
        "source": one_of(ReplaySource),
        "from": nullable(moment()),
        "until": nullable(moment()),
        "state": one_of(ReplayState),
        "done": integer("Attempts judged so far", least=0),
        "total": integer("Attempts to judge", least=0),
        "created_at": moment(),
        "started_at": nullable(moment()),
        "finished_at": nullable(moment()),
        "problems_count": integer("Lines of a file that were left out", least=0),
        "error": nullable(string("Why it failed")),
    }
)
COMPONENTS: dict[str, Schema] = {
    "Delivery": DELIVERY,
    "DeliveryPage": page_of(ref("Delivery")),
    "DeliveryDetail": answer(
        DELIVERY["properties"] | {"body": free("What was sent"), "tries": listed(TRY, "The first first")}
    ),
    "DeliveryRange": request(RANGE),
    "DeliveriesReplayed": answer(
        {
            "sent": integer("Parked messages that are on their way again", least=0),
            "left": integer("Those that stay parked, as their endpoint is switched off", least=0),
            "has_more": boolean("As many as one call takes were taken: call again for the next"),
        }
    ),
    "Replay": REPLAY,
    "ReplayPage": page_of(ref("Replay")),
    "ReplayOrder": ORDER,
    "ReplayReport": answer(
        REPLAY["properties"]
        | {
            "problems": listed(answer({"line": integer(least=0), "reason": string()})),
            "summary": nullable(free("What was counted: verdicts, triggers, roles, what lacks, agreement")),
        }
    ),
}
