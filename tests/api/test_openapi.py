"""The OpenAPI document: made from the code, valid, complete, and its page works under the strict content policy."""

import re

import jsonschema_rs
import pytest
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from handoffs.api import openapi
from handoffs.filters import HandoffFilter
from tests.api.conftest import BASE
from tests.factories import DEAR, HandoffFactory, matcher, token_of

BODIES = {"POST", "PUT", "PATCH"}


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


def _operations(document):
    return [
        (method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]


def _resolved(document, name):
    """A schema of the document as a schema of its own."""
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def test_it_is_a_valid_document_of_its_version(document):
    validate_schema(document)
    assert document["openapi"] == "3.1.0"


def test_every_address_is_in_it(document):
    names = {name for name in get_resolver("handoffs.api.urls").reverse_dict if isinstance(name, str)}
    outside = {"api-schema", "api-docs"}
    assert len(document["paths"]) == len(names - outside)


def test_every_operation_says_how_it_refuses(document):
    for method, path, described in _operations(document):
        answers = set(described["responses"])
        assert {"401", "406", "429", "503"} <= answers, (method, path)
        assert described["summary"], (method, path)
        assert described["security"] == [{"token": []}], (method, path)
        if described.get("requestBody"):
            assert {"400", "413", "415"} <= answers, (method, path)
        if "{" in path:
            assert "404" in answers, (method, path)
        for status in answers:
            if status >= "400":
                assert list(described["responses"][status]["content"]) == ["application/problem+json"], (method, path)


def test_every_operation_has_a_name_of_its_own(document):
    names = [described["operationId"] for _, _, described in _operations(document)]
    assert sorted(names) == sorted(set(names))


def test_every_filter_of_the_list_is_in_it(document):
    described = {one["name"] for one in document["paths"][f"{BASE}/handoffs/"]["get"]["parameters"]}
    assert {name for name in HandoffFilter.base_filters if name not in described} == set()


def test_every_reference_leads_somewhere(document):
    said = str(document)
    named = set(re.findall(r"#/components/schemas/(\w+)", said))
    assert named <= set(document["components"]["schemas"])
    assert "errorMessage" not in said


def test_every_schema_is_a_schema(document):
    for name in openapi.COMPONENTS:
        jsonschema_rs.Draft202012Validator(_resolved(document, name))


def test_the_examples_are_true(document):
    for method, path, described in _operations(document):
        for content in described.get("requestBody", {}).get("content", {}).values():
            for example in content.get("examples", {}).values():
                schema = {**content["schema"], "components": document["components"]}
                errors = [str(error) for error in jsonschema_rs.validator_for(schema).iter_errors(example["value"])]
                assert errors == [], (method, path)


@pytest.mark.django_db
def test_real_answers_are_as_described(document, bot, ann, api):
    resolved = HandoffFactory(data=DEAR, resolved=True)
    HandoffFactory(accepted_by=ann)
    seen = {
        "HandoffPage": bot.get("/handoffs/"),
        "Handoff": bot.get(f"/handoffs/{resolved.pk}/"),
        "HistoryPage": bot.get(f"/handoffs/{resolved.pk}/history/"),
        "CasePage": bot.get("/cases/"),
        "CaseDetail": bot.get(f"/cases/invoice-matching/{resolved.case.reference}/"),
        "WorkflowPage": bot.get("/workflows/"),
        "WorkflowDetail": bot.get("/workflows/invoice-matching/"),
        "Problem": bot.post("/cases/", {}),
        "ReceiptAnswer": bot.post(f"/handoffs/{resolved.pk}/receipt/", {"status": "applied"}),
    }
    for name, answer in seen.items():
        validator = jsonschema_rs.validator_for(_resolved(document, name), validate_formats=True)
        assert [str(error) for error in validator.iter_errors(answer.body)] == [], name


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["application/vnd.oai.openapi+json", "application/yaml"])
def test_the_document_is_served_to_anybody(nobody, kind):
    answer = nobody.client.get(f"{BASE}/schema/", headers={"Accept": kind})
    assert (answer.status_code, b"reportAttempt" in answer.content) == (200, True)


@pytest.mark.django_db
def test_the_page_has_no_script_of_its_own_inline(nobody):
    answer = nobody.client.get(f"{BASE}/docs/")
    scripts = re.findall(rb"<script([^>]*)>(.*?)</script>", answer.content, re.DOTALL)
    assert scripts
    assert all(b"src=" in attributes and not body.strip() for attributes, body in scripts)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy or "unsafe" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_tries_out_what_it_shows_under_the_content_policy(browser_page, workflow):
    browser_page.goto(f"{BASE}/docs/")
    browser_page.get_by_role("button", name="Authorize").click()
    browser_page.get_by_label("Value").fill(token_of(matcher()))
    browser_page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    browser_page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    browser_page.get_by_text("List your workflows", exact=True).click()
    browser_page.get_by_role("button", name="Try it out").click()
    browser_page.get_by_role("button", name="Execute").click()
    browser_page.locator(".live-responses-table").get_by_text('"invoice-matching"').wait_for()
