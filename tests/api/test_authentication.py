"""Who may ask at all: bearer tokens, their scopes, their end."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import authentication
from accounts.models import ApiToken
from tests.api.conftest import Caller, handoff_elsewhere, is_problem
from tests.factories import HandoffFactory, token_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer nonsense", "Bearer hd_unknown", "Basic aGQ6aGQ=", f"Bearer hd_{'x' * 5000}"],
)
def test_without_a_good_token_nothing_is_told(nobody, header):
    answer = nobody.get("/handoffs/", Authorization=header)
    is_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Handoff Desk"'


def test_without_any_header_the_answer_says_what_to_send(nobody):
    assert "Authorization: Bearer" in is_problem(nobody.get("/workflows/"), 401, "not_authenticated")["detail"]


def test_the_cookie_of_a_session_counts_for_nothing(nobody, otto):
    nobody.client.force_login(otto)
    is_problem(nobody.get("/handoffs/"), 401, "not_authenticated")


def test_a_token_works_until_it_expires(ann):
    secret = token_of(ann)
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    assert Caller(secret).get("/handoffs/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        is_problem(Caller(secret).get("/handoffs/"), 401, "not_authenticated")


def test_a_revoked_token_stops_within_seconds(ann, monkeypatch):
    secret = token_of(ann)
    assert Caller(secret).get("/handoffs/").status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    monkeypatch.setattr(authentication.time, "monotonic", lambda: 1e9)
    is_problem(Caller(secret).get("/handoffs/"), 401, "not_authenticated")


def test_known_for_no_longer_than_a_few_seconds():
    assert authentication.KNOWN_FOR_SECONDS <= 3


def test_somebody_inactive_is_nobody(ann):
    secret = token_of(ann)
    ann.is_active = False
    ann.save()
    is_problem(Caller(secret).get("/handoffs/"), 401, "not_authenticated")


def test_use_is_noted_at_most_once_a_minute(ann):
    caller = Caller(token_of(ann))
    start = timezone.now()
    seen = []
    for seconds in (0, 30, 61):
        authentication.forget_all()
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            caller.get("/workflows/")
        seen.append(ApiToken.objects.get().last_used_at)
    assert seen == [start, start, start + timedelta(seconds=61)]


def test_an_automation_sees_only_its_workflows(bot):
    mine, other = HandoffFactory(), handoff_elsewhere()
    listed = bot.get("/handoffs/").body["results"]
    assert [handoff["id"] for handoff in listed] == [str(mine.pk)]
    is_problem(bot.get(f"/handoffs/{other.pk}/"), 404, "not_found")
    is_problem(bot.get("/workflows/expense-reports/"), 404, "not_found")
    is_problem(bot.get(f"/cases/expense-reports/{other.case.reference}/"), 404, "not_found")


def test_an_automation_without_workflows_sees_nothing(workflow, matcher):
    handoff = HandoffFactory()
    caller = Caller(token_of(matcher, workflows=[]))
    assert caller.get("/handoffs/").body["results"] == []
    assert caller.get("/workflows/").body["results"] == []
    is_problem(caller.get(f"/handoffs/{handoff.pk}/"), 404, "not_found")


def test_a_persons_token_can_be_narrower_than_the_person(bob, workflow):
    HandoffFactory(), handoff_elsewhere()
    wide, narrow = Caller(token_of(bob)), Caller(token_of(bob, workflows=["expense-reports"]))
    assert len(wide.get("/handoffs/").body["results"]) == 2
    assert [handoff["workflow"] for handoff in narrow.get("/handoffs/").body["results"]] == ["expense-reports"]
    assert [one["key"] for one in narrow.get("/workflows/").body["results"]] == ["expense-reports"]


def test_a_stranger_sees_nothing(api, max_, workflow):
    handoff = HandoffFactory()
    assert api(max_).get("/handoffs/").body["results"] == []
    is_problem(api(max_).get(f"/handoffs/{handoff.pk}/"), 404, "not_found")


def test_too_many_requests_are_told_to_wait(api, ann, settings):
    settings.HANDOFFS_API_REQUESTS_PER_MINUTE = 3
    caller = api(ann)
    assert [caller.get("/workflows/").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = caller.get("/workflows/")
    is_problem(answer, 429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert api(ann).get("/workflows/").status_code == 200, "another token has a count of its own"
