"""Workflows and their policies, documents, and the problem that every refusal is."""

from handoffs.api.schemas.parts import (
    Schema,
    answer,
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
)
from handoffs.choices import Pattern, PolicyStatus

MAX_PUBLISH_REASON_CHARACTERS = 2_000

WORKFLOW = answer(
    {
        "key": string(),
        "title": string(),
        "pattern": nullable(one_of(Pattern, "null where nothing is published")),
        "live_version": nullable(integer("Number of the live policy version", least=1)),
    }
)
VERSION = answer(
    {
        "number": integer(least=1),
        "status": one_of(PolicyStatus),
        "digest": string("sha256: and the SHA-256 of the document's canonical JSON in hexadecimal"),
        "published_at": nullable(moment()),
        "published_by": nullable(string()),
        "publish_reason": string(),
        "document": free("The policy, by /api/v1/workflows/policy-schema/"),
    }
)
_upload = {
    "workflow": line("Key of the workflow", most=64),
    "title": text("As the policy calls it, such as invoice", most=200),
}
UPLOAD_FIELDS = request(_upload, required=("workflow",))
UPLOAD = request({"file": {"type": "string", "format": "binary"}, **_upload}, required=("file", "workflow"))
WARNING = answer({"place": string(), "message": string()})
COMPONENTS: dict[str, Schema] = {
    "Workflow": WORKFLOW,
    "WorkflowPage": page_of(ref("Workflow")),
    "WorkflowDetail": answer(
        WORKFLOW["properties"] | {"policy": nullable(ref("PolicyVersion")), "draft": nullable(ref("PolicyVersion"))}
    ),
    "PolicyDocument": free("A policy, by /api/v1/workflows/policy-schema/"),
    "PolicySchema": free("A JSON Schema"),
    "PolicyVersion": VERSION,
    "Published": answer({"policy": ref("PolicyVersion"), "warnings": listed(WARNING)}),
    "Publish": request({"reason": text("Why", most=MAX_PUBLISH_REASON_CHARACTERS, least=1)}, required=("reason",)),
    "Upload": UPLOAD,
    "Problem": answer(
        {
            "type": string("A URN that ends in the code"),
            "title": string(),
            "status": integer(least=400),
            "detail": string("What is wrong here, and what to do"),
            "code": string("Stable; for programs"),
            "errors": listed(
                answer({"pointer": string("JSON pointer into the body, or ?name of a parameter"), "detail": string()})
            ),
        },
        optional=("errors",),
    ),
}
