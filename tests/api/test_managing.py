"""Deliveries and replays through the API: what managers do in the portal, with the same access and the same actions."""

from datetime import timedelta

import jsonschema_rs
import pytest
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from handoffs.actions import policies, replay_runs
from handoffs.models import Delivery, Endpoint, Handoff, Replay
from tests import factories
from tests.api.conftest import handoff_elsewhere, is_problem, nothing_written, pointers
from tests.factories import CLEAN, EndpointFactory, HandoffFactory, lea, otto, post
from tests.policies import changed

pytestmark = pytest.mark.django_db
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
KEY = "invoice-matching"


@pytest.fixture
def manager(api, workflow):
    return api(lea())


# --- deliveries -----------------------------------------------------------------------------------------------------


@pytest.fixture
def parked(workflow):
    """Two messages about one decision, both parked; beside them one about a case of another workflow."""
    EndpointFactory()
    HandoffFactory(resolved=True, reference="PARKED-1")
    handoff_elsewhere()
    Delivery.objects.update(
        state="parked", parked_at=timezone.now(), parked_reason="Answered 500", next_attempt_at=None
    )
    return list(Delivery.objects.filter(handoff__workflow=workflow).order_by("-created_at", "-pk"))


def test_a_manager_finds_what_went_to_automations_of_their_workflows(manager, parked):
    answer = manager.get(f"/deliveries/?state=parked&workflow={KEY}&search=PARKED-1")
    assert [row["id"] for row in answer.body["results"]] == [str(each.pk) for each in parked]
    assert {row["reference"] for row in answer.body["results"]} == {"PARKED-1"}
    one = manager.get(f"/deliveries/{parked[0].pk}/")
    assert (one.body["body"]["type"], one.body["tries"]) == (parked[0].event_type, [])
    assert manager.get(f"/deliveries/{parked[0].pk}/", If_None_Match=one.headers["ETag"]).status_code == 304
    later = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert manager.get(f"/deliveries/?created_after={later}").body["results"] == []


def test_the_list_is_read_page_by_page(manager, parked):
    seen, link = [], "/deliveries/?limit=1"
    while link:
        page = manager.get(link.removeprefix("http://testserver")).body
        seen, link = [*seen, *(row["id"] for row in page["results"])], page["next"]
    assert seen == [str(each.pk) for each in parked]


def test_one_message_is_sent_again(manager, parked):
    answer = manager.post(f"/deliveries/{parked[0].pk}/replay/")
    assert (answer.status_code, answer.body["state"], answer.body["parked_at"]) == (200, "queued", None)
    assert list(Delivery.objects.filter(state="queued")) == [parked[0]]
    trail = parked[0].handoff.history.latest("sequence")
    assert (trail.event, trail.history_user) == ("delivery_replayed", lea())


def test_what_is_on_its_way_is_not_sent_twice(manager, parked):
    Endpoint.objects.update(switched_off_at=timezone.now())
    to_endpoint = next(each for each in parked if each.endpoint_id)
    with nothing_written():
        is_problem(manager.post(f"/deliveries/{to_endpoint.pk}/replay/"), 409, "not_sent_again")


def test_a_range_is_sent_again_and_what_an_endpoint_that_is_off_would_get_is_left(manager, parked):
    Endpoint.objects.update(switched_off_at=timezone.now())
    answer = manager.post("/deliveries/replay/", {"workflow": KEY, "type": "handoff.resolved"})
    assert answer.body == {"sent": 1, "left": 1, "has_more": False}
    assert Delivery.objects.filter(state="parked").exclude(handoff__workflow__key=KEY).count() == 0
    assert manager.post("/deliveries/replay/", {"created_before": "2020-01-01T00:00:00Z"}).body["sent"] == 0


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ("state=lost", "?state"),
        ("endpoint=7", "?endpoint"),
        ("created_after=today", "?created_after"),
        ("created_before=0001-01-01T00:00:00%2B14:00", "?created_before"),
        ("colour=red", "?colour"),
        ("limit=0", "?limit"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told(manager, asked, pointer):
    problem = manager.get(f"/deliveries/?{asked}")
    assert (problem.status_code, pointers(problem.body)) == (400, [pointer])


# --- replays --------------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(workflow):
    """A draft that hands off nothing below 5 %, and two stored attempts."""
    post(data=CLEAN)
    HandoffFactory(reference="VAR-1")
    return policies.save_draft(KEY, changed(("triggers.0.when.value", 5)), author=lea(), now=timezone.now())


def run():
    while replay_runs.work(clock=timezone.now, seconds=60):
        pass


def test_stored_attempts_are_replayed_through_a_draft_watched_and_read(manager, draft):
    order = {"workflow": KEY, "version": draft.number, "against": 1, "title": "Five percent", "stay_seconds": 3600}
    ordered = manager.post("/replays/", order)
    here = f"/replays/{ordered.body['id']}/"
    assert (ordered.status_code, ordered.body["state"], ordered.body["total"]) == (201, "queued", 2)
    unfinished = is_problem(manager.get(f"{here}report/"), 409, "replay_unfinished")
    assert (unfinished["done"], unfinished["total"]) == (0, 2)
    run()
    watched = manager.get(here)
    assert (watched.body["state"], watched.body["done"], watched.body["title"]) == ("done", 2, "Five percent")
    assert manager.get(here, If_None_Match=watched.headers["ETag"]).status_code == 304
    report = manager.get(f"{here}report/").body
    assert (report["summary"]["attempts"], report["summary"]["changes"]) == (2, {"same": 1, "no_longer": 1})
    assert [row["id"] for row in manager.get(f"/replays/?workflow={KEY}").body["results"]] == [report["id"]]
    assert Handoff.objects.count() == 1


def test_a_replay_is_called_off_once(manager, draft):
    here = f"/replays/{manager.post('/replays/', {'workflow': KEY, 'version': draft.number}).body['id']}/"
    assert manager.post(f"{here}cancel/").body["state"] == "cancelled"
    is_problem(manager.post(f"{here}cancel/"), 409, "replay_over")


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"version": 9}, "/version"),
        ({"version": 1, "against": 9}, "/against"),
        ({"version": 1, "from": "2020-01-02T00:00:00Z", "until": "2020-01-01T00:00:00Z"}, "/until"),
        ({"version": 1, "until": "2020-01-01T00:00:00Z"}, "/from"),
        ({"version": 1, "from": "yesterday"}, "/from"),
        ({"version": 1, "stay_seconds": -1}, "/stay_seconds"),
        ({"version": "one"}, "/version"),
        ({}, "/version"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_at_its_place_and_nothing_is_kept(manager, draft, order, pointer):
    with nothing_written():
        problem = manager.post("/replays/", {"workflow": KEY, **order})
    assert (problem.status_code, pointers(problem.body)) == (400, [pointer])


# --- who ------------------------------------------------------------------------------------------------------------


def test_only_who_manages_a_workflow_sees_or_does_any_of_it(api, bot, ann, parked, draft):
    replay = api(lea()).post("/replays/", {"workflow": KEY, "version": 1}).body["id"]
    reads = (f"/deliveries/{parked[0].pk}/", f"/replays/{replay}/", f"/replays/{replay}/report/")
    acts = (f"/deliveries/{parked[0].pk}/replay/", f"/replays/{replay}/cancel/")
    other = factories.PersonFactory(username="other", roles=["Other manager"])
    other.groups.first().permissions.add(lea().groups.first().permissions.get(codename="manage_workflow"))
    with nothing_written():
        for caller, status in ((api(ann), 403), (bot, 403), (api(other), 404)):
            assert {caller.get(address).status_code for address in reads} == {status}
            assert {caller.post(address).status_code for address in acts} == {status}
            assert caller.post("/replays/", {"workflow": KEY, "version": 1}).status_code == status
        assert [api(other).get(address).body["results"] for address in ("/deliveries/", "/replays/")] == [[], []]
        assert api(other).post("/deliveries/replay/", {}).body["sent"] == 0
    assert api(otto()).get(f"/replays/{replay}/").status_code == 200


@pytest.mark.parametrize("address", ["/deliveries/{}/", "/replays/{}/", "/replays/{}/report/"])
@pytest.mark.parametrize("name", [UNKNOWN, "seven"])
def test_what_is_not_there_is_not_found(manager, address, name):
    is_problem(manager.get(address.format(name)), 404, "not_found")


def test_the_answers_are_as_described(manager, parked, draft):
    document = SchemaGenerator().get_schema(request=None, public=True)
    replay = manager.post("/replays/", {"workflow": KEY, "version": 1}).body["id"]
    run()
    assert Replay.objects.get().state == "done"
    seen = {
        "DeliveryPage": manager.get("/deliveries/"),
        "DeliveryDetail": manager.get(f"/deliveries/{parked[0].pk}/"),
        "DeliveriesReplayed": manager.post("/deliveries/replay/", {}),
        "ReplayPage": manager.get("/replays/"),
        "Replay": manager.get(f"/replays/{replay}/"),
        "ReplayReport": manager.get(f"/replays/{replay}/report/"),
    }
    for name, answer in seen.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        assert [str(error) for error in validator.iter_errors(answer.body)] == [], name
