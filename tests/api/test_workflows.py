"""Workflows and policies over HTTP: everybody of a workflow reads, managers write."""

import pytest

from accounts.models import User
from handoffs.choices import PolicyStatus
from handoffs.models import PolicyVersion
from handoffs.rules.canonical import sha256_of
from handoffs.rules.policy_schema import policy_schema
from tests.api.conftest import is_problem, nothing_written, pointers
from tests.factories import CLERK, HandoffFactory
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db
PATH = "/workflows/invoice-matching/"
REASON = {"reason": "Prices went up"}


def _document(**sections):
    return invoice_matching(title="Matching, stricter", **sections)


@pytest.fixture
def manager(api, lea, workflow):
    return api(lea)


def test_the_live_policy_with_its_number_and_digest(bot):
    shown = bot.get(PATH).body
    live = PolicyVersion.objects.get()
    assert (shown["key"], shown["title"], shown["pattern"], shown["live_version"], shown["draft"]) == (
        "invoice-matching",
        live.document["title"],
        "alert_and_wait",
        1,
        None,
    )
    policy = shown["policy"]
    assert (policy["number"], policy["status"], policy["digest"]) == (1, "live", f"sha256:{sha256_of(live.document)}")
    assert policy["document"] == live.document


def test_the_list_names_those_one_may_use(bot):
    assert bot.get("/workflows/").body["results"] == [
        {"key": "invoice-matching", "title": "Invoice matching", "pattern": "alert_and_wait", "live_version": 1}
    ]


def test_a_policy_that_has_not_changed_is_not_sent_again(bot):
    tag = bot.get(PATH).headers["ETag"]
    assert bot.get(PATH, If_None_Match=tag).status_code == 304


def test_the_schema_of_policies(bot):
    assert bot.get("/workflows/policy-schema/").body == policy_schema()


def test_a_manager_puts_a_draft_and_publishes_it(manager):
    draft = manager.put(f"{PATH}policy/", _document())
    assert (draft.status_code, draft.body["number"], draft.body["status"]) == (200, 2, "draft")
    assert manager.get(PATH).body["draft"] == draft.body
    assert manager.get(PATH).body["policy"]["number"] == 1, "a draft judges nothing"
    User.objects.filter(groups__name=CLERK).update(is_active=False)
    published = manager.post(f"{PATH}policy/publish/", REASON).body
    told = {name: published["policy"][name] for name in ("number", "status", "publish_reason", "published_by")}
    assert told == {"number": 2, "status": "live", "publish_reason": "Prices went up", "published_by": "Lea"}
    assert "nobody active has the role AP clerk" in {warning["message"] for warning in published["warnings"]}
    assert (manager.get(PATH).body["title"], manager.get(PATH).body["draft"]) == ("Matching, stricter", None)


def test_open_handoffs_keep_their_policy(manager, bot):
    handoff = HandoffFactory()
    manager.put(f"{PATH}policy/", _document())
    manager.post(f"{PATH}policy/publish/", REASON)
    assert bot.get(f"/handoffs/{handoff.pk}/").body["policy_version"] == 1


def test_the_draft_is_for_managers(manager, bot, api, ann):
    manager.put(f"{PATH}policy/", _document())
    assert (bot.get(PATH).body["draft"], api(ann).get(PATH).body["draft"]) == (None, None)


@pytest.mark.parametrize(
    ("sections", "pointer"),
    [
        ({"pattern": "sometimes"}, "/pattern"),
        ({"triggers": [{"key": "x", "when": {"field": "data.pric", "is": ">", "value": 1}}]}, "/triggers/0/when/field"),
        ({"workflow": "another"}, "/workflow"),
        ({"triggerz": []}, "/triggerz"),
        ({"routes": []}, "/routes"),
    ],
)
def test_a_wrong_policy_is_told_place_by_place(manager, sections, pointer):
    with nothing_written():
        problem = is_problem(manager.put(f"{PATH}policy/", _document(**sections)), 400, "policy_invalid")
    assert pointer in pointers(problem)


def test_an_empty_policy_is_refused(manager):
    with nothing_written():
        is_problem(manager.put(f"{PATH}policy/"), 400, "policy_invalid")


def test_a_role_that_is_not_there_stops_the_publishing(manager):
    manager.put(f"{PATH}policy/", _document(routes=[{"role": "Nobody"}]))
    with nothing_written():
        problem = is_problem(manager.post(f"{PATH}policy/publish/", REASON), 400, "policy_invalid")
    assert "/routes/0/role" in pointers(problem)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 5}, {"reason": "x" * 2001}])
def test_publishing_needs_a_reason(manager, body):
    manager.put(f"{PATH}policy/", _document())
    with nothing_written():
        problem = is_problem(manager.post(f"{PATH}policy/publish/", body), 400, "invalid")
    assert pointers(problem) == ["/reason"]


def test_without_a_draft_there_is_nothing_to_publish(manager):
    with nothing_written():
        is_problem(manager.post(f"{PATH}policy/publish/", REASON), 409, "no_draft")


@pytest.mark.parametrize("verb", ["put", "publish"])
def test_a_draft_that_somebody_else_saved_is_not_overwritten(manager, verb):
    read = manager.put(f"{PATH}policy/", _document()).body["digest"]
    manager.put(f"{PATH}policy/", _document(suggest=None))
    headers = {"If_Match": f'"{read}"'}
    with nothing_written():
        if verb == "put":
            answer = manager.send("PUT", f"{PATH}policy/", body=_document(), headers=headers)
        else:
            answer = manager.post(f"{PATH}policy/publish/", REASON, **headers)
    is_problem(answer, 409, "draft_changed")


def test_the_draft_that_was_read_is_published(manager):
    read = manager.put(f"{PATH}policy/", _document()).body["digest"]
    assert manager.post(f"{PATH}policy/publish/", REASON, If_Match=f'"{read}"').status_code == 200
    assert PolicyVersion.objects.filter(status=PolicyStatus.LIVE).get().number == 2


@pytest.mark.parametrize("who", ["ann", "bot"])
def test_only_managers_write_policies(request, api, bot, ann, who):
    caller = bot if who == "bot" else api(ann)
    with nothing_written():
        is_problem(caller.put(f"{PATH}policy/", _document()), 403, "not_allowed")
        is_problem(caller.post(f"{PATH}policy/publish/", REASON), 403, "not_allowed")


def test_a_stranger_finds_no_workflow(api, max_, workflow):
    with nothing_written():
        is_problem(api(max_).get(PATH), 404, "not_found")
        is_problem(api(max_).put(f"{PATH}policy/", _document()), 404, "not_found")


def test_a_policy_beyond_the_limit_is_refused(manager):
    with nothing_written():
        is_problem(manager.put(f"{PATH}policy/", {"title": "x" * 1_100_000}), 413, "too_large")
