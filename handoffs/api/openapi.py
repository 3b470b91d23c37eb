"""Describes the endpoints for the OpenAPI document: what they take, answer and refuse, in the contract's schemas."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from handoffs.api import problems
from handoffs.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from handoffs.api.schemas import attempts, handoffs, managing, metrics, workflows
from handoffs.api.schemas.parts import Schema, ref

JSON = "application/json"
COMPONENTS = attempts.COMPONENTS | handoffs.COMPONENTS | workflows.COMPONENTS | metrics.COMPONENTS | managing.COMPONENTS
ALWAYS = (401, 406, 429, 503)
WITH_BODY = (400, 411, 413, 415)
REFUSALS = {
    400: "Malformed: `errors` say where and what to do",
    401: "No token, or one that does not count any more",
    403: "You may see it, but not do this",
    404: "Not there, or not visible to you",
    406: "Only JSON is answered",
    409: "Not possible now; `code` says why",
    411: "A body needs a Content-Length",
    413: "Too large",
    415: "Only the documented content types are read",
    422: "The same Idempotency-Key came with another body",
    429: "Too many requests; wait for Retry-After seconds",
    503: "The database is away; try again after Retry-After seconds",
}
PAGING = (
    OpenApiParameter("cursor", OpenApiTypes.STR, description="From the links `next` and `previous`"),
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        description="Page size",
    ),
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="An ETag; 304 where it still holds"
)
ETAG = OpenApiParameter("ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200], description="Of this answer")

View = Callable[..., Any]


class BearerToken(OpenApiAuthenticationExtension):
    """How the document says what accounts.authentication asks for."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of a person or of an automation"}


def operation(
    name: str,
    summary: str,
    *,
    answers: Mapping[int, Any],
    body: str = "",
    refuses: Sequence[int] = (),
    parameters: Sequence[OpenApiParameter] = (),
    examples: Sequence[OpenApiExample] = (),
    media: str = JSON,
    binary: bool = False,
    **more: Any,
) -> Callable[[View], View]:
    """Document a view: `answers` maps statuses to names of schemas, `body` names what it reads."""
    statuses = sorted({*ALWAYS, *refuses, *(WITH_BODY if body else ())})
    file = {(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "Its bytes")} if binary else {}
    return extend_schema(
        operation_id=name,
        summary=summary,
        request={media: ref(body)} if body else None,
        responses={**_answered(answers), **file, **_refused(statuses)},
        parameters=[*parameters, *_retry_after()],
        examples=list(examples),
        **more,
    )


def one_object(name: str, summary: str, schema: str, **more: Any) -> Callable[[View], View]:
    """Document a GET of one object, with its ETag."""
    parameters = [*more.pop("parameters", ()), IF_NONE_MATCH, ETAG]
    answers = {200: schema, 304: None}
    return operation(name, summary, answers=answers, parameters=parameters, **more)


def add_components(result: Any, **options: Any) -> Any:
    """Postprocessing: put the contract's schemas into the document, without what only our own checks read."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update({name: _public(schema) for name, schema in sorted(COMPONENTS.items())})
    for operations in result["paths"].values():
        for described in operations.values():
            _relax_body(described)
    return result


def _answered(answers: Mapping[int, Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for status, schema in answers.items():
        if schema is None:
            found[status] = OpenApiResponse(description="Not modified" if status == 304 else "Nothing there")
        else:
            found[status, JSON] = OpenApiResponse(ref(schema) if isinstance(schema, str) else schema)
    return found


def _refused(statuses: Sequence[int]) -> dict[Any, Any]:
    return {
        (status, problems.MEDIA_TYPE): OpenApiResponse(ref("Problem"), description=REFUSALS[status])
        for status in statuses
    }


def _retry_after() -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            "Retry-After", OpenApiTypes.INT, OpenApiParameter.HEADER, response=[429, 503], description="Seconds"
        )
    ]


def _public(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {name: _public(part) for name, part in schema.items() if name != "errorMessage"}
    return [_public(part) for part in schema] if isinstance(schema, list) else schema


def _relax_body(described: Any) -> None:
    """A body of which nothing is required may be left out."""
    body = described.get("requestBody", {}) if isinstance(described, Mapping) else {}
    names = [content["schema"].get("$ref", "") for content in body.get("content", {}).values()]
    if names and all(_needs_nothing(name.rpartition("/")[2]) for name in names):
        body.pop("required", None)


def _needs_nothing(name: str) -> bool:
    schema: Schema = COMPONENTS.get(name, {"required": [name]})
    return "required" not in schema
