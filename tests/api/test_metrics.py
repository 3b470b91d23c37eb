"""The numbers over HTTP: as JSON for managers, and as text for monitors."""

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal

import jsonschema_rs
import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from prometheus_client.parser import text_string_to_metric_families

from handoffs.models import SweepHeartbeat
from handoffs.queries.metrics.figures import FIGURES
from handoffs.queries.metrics.scope import BREAKDOWNS
from tests.api.conftest import is_problem, pointers
from tests.factories import ANALYST, CLERK, DEAR, HandoffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def some_work(lea):
    HandoffFactory(resolved=True)
    HandoffFactory(data=DEAR, resubmitted=True, resolved=True)
    HandoffFactory(overdue=True)


def test_managers_read_the_numbers(api, lea, some_work):
    answer = api(lea).get("/metrics/?group_by=role")
    assert answer.status_code == 200
    body = answer.body
    assert body["figures"]["volume"] == {"count": 3}
    assert body["figures"]["rework"] == {"count": 2, "hits": 1, "ratio": Decimal("0.5")}
    assert body["figures"]["mttr"]["count"] == 2
    assert body["figures"]["mttr"]["mean_seconds"] > 0
    assert (body["backlog"]["open_count"], body["backlog"]["overdue_count"]) == (1, 1)
    groups = {group["key"]: group for group in body["groups"]}
    assert {key: group["figures"]["volume"]["count"] for key, group in groups.items()} == {CLERK: 2, ANALYST: 1}
    assert groups[CLERK]["backlog"]["open_count"] == 1


@pytest.mark.parametrize("by", ["", *BREAKDOWNS])
def test_answers_are_as_described(api, lea, some_work, by):
    document = SchemaGenerator().get_schema(request=None, public=True)
    answer = api(lea).get(f"/metrics/?group_by={by}" if by else "/metrics/")
    schema = {"$ref": "#/components/schemas/Metrics", "components": document["components"]}
    errors = jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(answer.body)
    assert [str(error) for error in errors] == []
    assert set(answer.body["figures"]) == {"cases_count", "handoff_rate", *FIGURES}


def test_every_parameter_is_in_the_document():
    document = SchemaGenerator().get_schema(request=None, public=True)
    described = {one["name"] for one in document["paths"]["/api/v1/metrics/"]["get"]["parameters"]}
    assert described >= {"from", "to", "workflow", "role", "trigger", "group_by", "policy", "outcome", "person"}


def test_windows_and_filters_narrow(api, lea, some_work, now):
    assert api(lea).get(f"/metrics/?role={ANALYST}").body["figures"]["volume"] == {"count": 1}
    later = (now + timedelta(days=1)).date().isoformat()
    empty = api(lea).get(f"/metrics/?from={later}&to={(now + timedelta(days=2)).date()}").body
    assert (empty["figures"]["volume"]["count"], empty["figures"]["mttr"]["mean_seconds"]) == (0, None)
    assert empty["from"] == f"{later}T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("from=yesterday", "?from"),
        ("from=2026-11-02&to=2026-11-01", "?from"),
        ("group_by=colour", "?group_by"),
        ("workflows=x", "?workflows"),
        ("from=99999-01-01", "?from"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(api, lea, workflow, query, place):
    assert pointers(is_problem(api(lea).get(f"/metrics/?{query}"), 400, "invalid")) == [place]


def test_nobody_else_reads_the_numbers(api, bot, ann, nobody, workflow):
    is_problem(api(ann).get("/metrics/"), 403, "not_allowed")
    is_problem(bot.get("/metrics/"), 403, "not_allowed")
    assert nobody.get("/metrics/").status_code == 401


def test_a_token_for_one_workflow_counts_no_other(api, lea, some_work):
    from tests.api.conftest import Caller, handoff_elsewhere
    from tests.factories import token_of

    handoff_elsewhere()
    assert api(lea).get("/metrics/").body["figures"]["volume"]["count"] == 4
    narrow = Caller(token_of(lea, workflows=["invoice-matching"]))
    assert narrow.get("/metrics/").body["figures"]["volume"]["count"] == 3


# --- for monitors ---------------------------------------------------------------------------------------------------

TOKEN = "a-token-of-the-monitor"


@pytest.fixture
def scrape(settings):
    settings.HANDOFFS_METRICS_TOKEN = TOKEN
    return lambda **headers: Client().get("/metrics", headers=headers)


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_a_monitor_reads_the_desk(scrape, some_work, now):
    SweepHeartbeat.objects.create(swept_at=now)
    answer = scrape(Authorization=f"Bearer {TOKEN}")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = families(answer.text)
    (open_now,) = found["handoffs_open"].samples
    assert (open_now.labels, open_now.value) == (
        {"workflow": "invoice-matching", "role": CLERK, "state": "pending"},
        1.0,
    )
    assert [sample.value for sample in found["handoffs_overdue"].samples] == [1.0]
    assert found["handoffs_oldest_open_seconds"].samples[0].value == pytest.approx(9 * 3600, abs=60)
    assert {sample.labels["of"] for sample in found["handoffs_sweep_lateness_seconds"].samples} == {"steps", "sweep"}
    assert {sample.labels["state"] for sample in found["handoffs_deliveries"].samples} == {
        "queued", "delivered", "parked",
    }  # fmt: skip
    steps = {sample.labels["step"]: sample.value for sample in found["handoffs_finished_steps"].samples}
    assert steps == {"accept": 2.0, "resolve": 2.0}


def test_the_text_keeps_the_rules_of_the_format(scrape, some_work):
    text = scrape(Authorization=f"Bearer {TOKEN}").text
    assert text.endswith("\n")
    for name, family in families(text).items():
        assert re.fullmatch(r"handoffs_[a-z]+(_[a-z]+)*", name)
        assert family.documentation
        assert not name.endswith(("_total", "_count", "_sum", "_bucket"))  # reserved for other types than gauges
        assert text.index(f"# HELP {name} ") < text.index(f"# TYPE {name} gauge")
        for unit in ("milliseconds", "minutes", "hours", "days", "ms"):
            assert unit not in name.split("_")
        series = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(series) == len(set(series))


def test_an_empty_desk_is_read_as_well(scrape):
    assert scrape(Authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("given", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer"])
def test_nobody_else_scrapes(scrape, given):
    answer = scrape(**({"Authorization": given} if given else {}))
    assert (answer.status_code, "handoffs_open" in answer.text) == (401, False)


def test_no_token_opens_nothing(settings):
    settings.HANDOFFS_METRICS_TOKEN = ""
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_a_listed_address_scrapes_and_none_that_a_header_claims(settings):
    settings.HANDOFFS_METRICS_ADDRESSES = [ipaddress.ip_network("10.1.0.0/16")]
    assert Client(REMOTE_ADDR="10.1.2.3").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.2.2.3", headers={"X-Forwarded-For": "10.1.2.3"}).get("/metrics").status_code == 401


def test_a_person_is_led_to_the_page(workflow):
    answer = Client().get("/metrics", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.url) == (302, "/metrics/")


def test_a_scrape_asks_a_fixed_number_of_questions(scrape, some_work, django_assert_num_queries):
    for _ in range(2):
        with django_assert_num_queries(10):
            scrape(Authorization=f"Bearer {TOKEN}")
        HandoffFactory(data=DEAR)
