"""Reporting attempts: what is answered, what is answered again, and what is refused without a trace."""

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from handoffs.choices import State
from handoffs.models import Attempt, Case, Handoff
from tests.api.conftest import BASE, ELSEWHERE, handoff_elsewhere, is_problem, nothing_written, pointers
from tests.factories import CALLBACK, CLEAN, DATA, DEAR, HandoffFactory, invoice_document, publish, reference

pytestmark = pytest.mark.django_db
ODD = ["a/b//c", "100% öffentlich", "?x=1&y#z", "INV 7", "../up", "<script>alert(1)</script>", "emoji 🧾", "trailing/"]


def _body(**changes):
    documents = [str(invoice_document().pk)]
    return {
        "workflow": "invoice-matching",
        "reference": reference(),
        "data": dict(DATA),
        "context": {"documents": documents},
    } | changes


def _clean(**changes):
    return {"workflow": "invoice-matching", "reference": reference(), "data": {**DATA, **CLEAN}} | changes


def test_nobody_is_needed(bot):
    answer = bot.post("/cases/", _clean(reference="INV-1"))
    attempt = Attempt.objects.get()
    assert answer.status_code == 200
    assert list(answer.body) == ["attempt", "case", "policy_version", "reason", "triggers", "verdict"]
    assert (answer.body["verdict"], answer.body["reason"]) == ("proceed", "no_trigger")
    assert answer.body["attempt"] == str(attempt.pk)
    assert answer.body["case"] == {"workflow": "invoice-matching", "reference": "INV-1"}
    assert {trigger["key"]: trigger["fired"] for trigger in answer.body["triggers"]}["price_variance"] is False


def test_a_person_is_needed(bot):
    answer = bot.post("/cases/", _body(data={**DATA, **DEAR}, correlation_id="run-1", callback_url=CALLBACK))
    handoff = Handoff.objects.get()
    shown = answer.body["handoff"]
    assert (answer.status_code, answer.body["verdict"]) == (201, "handoff")
    assert shown["id"] == str(handoff.pk)
    assert shown["role"] == "Procurement analyst"
    assert (shown["state"], shown["holder"], shown["decision"], shown["recovery"]) == ("pending", None, None, [])
    assert shown["context_digest"] == handoff.context_digest
    assert shown["outcomes"][0] == {
        "key": "approve_and_pay",
        "label": "Approve and pay",
        "reason": "optional",
        "recovery": "resume",
        "explain": "The invoice is cleared and payment goes out",
        "answers": {},
    }


def test_what_is_sensitive_is_not_told(bot):
    shown = bot.post("/cases/", _body()).body["handoff"]
    account = next(field for field in shown["fields"] if field["key"] == "bank_account")
    assert (account["value"], account["masked"]) == (None, True)


def test_the_same_again_is_another_occurrence_not_another_handoff(bot):
    body = _body()
    first, second = bot.post("/cases/", body), bot.post("/cases/", body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert (second.body["verdict"], second.body["handoff"]["occurrences"]) == ("wait", 2)
    assert second.body["handoff"]["id"] == first.body["handoff"]["id"]
    assert (Handoff.objects.count(), Attempt.objects.count()) == (1, 2)


def test_a_returned_handoff_is_resubmitted(bot):
    handoff = HandoffFactory(returned=True)
    body = _body(reference=handoff.case.reference, data={**DATA, "po_number": "PO-9"})
    answer = bot.post("/cases/", body)
    assert (answer.status_code, answer.body["verdict"], answer.body["handoff"]["state"]) == (200, "wait", "pending")
    assert answer.body["handoff"]["context_revision"] == 2


def test_a_failed_attempt_is_told_when_to_try_again(bot):
    answer = bot.post("/cases/", _clean(error={"type": "timeout", "message": "ERP did not answer"}))
    told = {name: answer.body[name] for name in ("verdict", "retry_after_seconds", "failures", "limit")}
    assert told == {"verdict": "retry", "retry_after_seconds": 30, "failures": 1, "limit": 3}


def test_a_key_replays_the_very_bytes(bot):
    body = _body()
    first = bot.post("/cases/", body, Idempotency_Key="k-1")
    again = bot.post("/cases/", body, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (Attempt.objects.count(), Case.objects.get().attempts_count) == (1, 1)


def test_a_key_replays_the_first_answer_after_the_world_moved_on(bot, ann, api):
    body = _body()
    first = bot.post("/cases/", body, Idempotency_Key="k-1")
    api(ann).post(f"/handoffs/{first.body['handoff']['id']}/accept/")
    assert bot.post("/cases/", body, Idempotency_Key="k-1").content == first.content
    assert Handoff.objects.get().state == State.IN_PROGRESS


@pytest.mark.parametrize("change", [{"reference": "INV-other"}, {"confidence": 0.5}])
def test_a_key_with_another_body_is_refused(bot, change):
    body = _clean()
    first = bot.post("/cases/", body, Idempotency_Key="k-1")
    with nothing_written():
        answer = bot.post("/cases/", body | change, Idempotency_Key="k-1")
    assert is_problem(answer, 422, "idempotency_key_reused")["attempt"] == first.body["attempt"]


def test_the_order_of_keys_does_not_make_another_body(bot):
    body = _clean()
    first = bot.post("/cases/", body, Idempotency_Key="k-1")
    turned = dict(reversed(body.items()))
    assert bot.post("/cases/", turned, Idempotency_Key="k-1").content == first.content


def test_a_refusal_does_not_use_up_a_key(bot):
    wrong = _clean(confidence=5)
    is_problem(bot.post("/cases/", wrong, Idempotency_Key="k-1"), 400, "invalid")
    assert bot.post("/cases/", wrong | {"confidence": 1}, Idempotency_Key="k-1").status_code == 200


@pytest.mark.parametrize("offset", ["Z", "+20:33", "-23:59"])
def test_a_deadline_of_the_cases_own_is_kept(bot, offset):
    soon = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%S")
    shown = bot.post("/cases/", _body(resolve_by=soon + offset)).body["handoff"]
    assert datetime.fromisoformat(shown["resolve_by"]) == datetime.fromisoformat(soon + offset)


def test_an_unknown_workflow_is_not_there(bot):
    with nothing_written():
        is_problem(bot.post("/cases/", _clean(workflow="invoice-matchin")), 404, "not_found")


def test_a_workflow_of_others_is_not_there(bot):
    handoff_elsewhere()
    with nothing_written():
        is_problem(bot.post("/cases/", _clean(workflow=ELSEWHERE)), 404, "not_found")


def test_without_a_published_policy_nothing_is_judged(bot, workflow):
    workflow.live_version = None
    workflow.save()
    with nothing_written():
        is_problem(bot.post("/cases/", _clean()), 409, "policy_not_published")


def test_what_the_policy_requires_for_a_person_is_named(bot):
    with nothing_written():
        answer = bot.post("/cases/", _clean(data={"price_variance_percent": 9}, context={"summary": "x"}))
    assert pointers(is_problem(answer, 400, "context_incomplete")) == ["/data/amount", "/context/documents"]


def test_a_document_that_is_not_there_is_named(bot):
    missing = "00000000-0000-7000-8000-000000000000"
    with nothing_written():
        answer = bot.post("/cases/", _clean(context={"documents": [missing]}))
    assert pointers(is_problem(answer, 400, "invalid")) == ["/context/documents/0"]


def test_a_callback_to_a_foreign_host_is_refused(bot):
    with nothing_written():
        answer = bot.post("/cases/", _clean(callback_url="https://elsewhere.example/hook"))
    assert is_problem(answer, 400, "callback_refused")["host"] == "elsewhere.example"


def test_people_without_the_workflow_cannot_report(api, max_, workflow):
    with nothing_written():
        is_problem(api(max_).post("/cases/", _clean()), 404, "not_found")


# --- looking at cases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ODD)
def test_a_case_is_found_by_any_reference(bot, odd):
    sent = _clean(reference=odd, confidence=0.95, error={"type": "erp_down"})
    bot.post("/cases/", sent)
    shown = bot.get(f"/cases/invoice-matching/{quote(odd, safe='')}/").body
    assert (shown["reference"], shown["attempts_count"], shown["handoffs"]) == (odd, 1, [])
    attempt = shown["attempts"][0]
    assert attempt["data"] == sent["data"]
    assert (str(attempt["confidence"]), attempt["error"]) == ("0.95", {"type": "erp_down", "message": ""})
    listed = bot.get(f"/cases/?workflow=invoice-matching&reference={quote(odd, safe='')}").body["results"]
    assert [case["reference"] for case in listed] == [odd]


def test_people_see_a_case_without_the_raw_data(api, ann, workflow):
    handoff = HandoffFactory()
    shown = api(ann).get(f"/cases/invoice-matching/{handoff.case.reference}/").body
    assert [one["id"] for one in shown["handoffs"]] == [str(handoff.pk)]
    assert "data" not in shown["attempts"][0]
    assert "DE89" not in str(shown)


def test_cases_come_in_pages_without_gap_or_double(bot):
    for _ in range(5):
        bot.post("/cases/", _clean())
    seen, address = [], f"{BASE}/cases/?limit=2"
    while address:
        page = bot.get(address).body
        seen += [case["reference"] for case in page["results"]]
        address = page["next"]
    assert seen == list(Case.objects.order_by("-pk").values_list("reference", flat=True))


def test_a_stranger_finds_no_case(api, max_, bot):
    bot.post("/cases/", _clean(reference="INV-1"))
    is_problem(api(max_).get("/cases/invoice-matching/INV-1/"), 404, "not_found")
    assert api(max_).get("/cases/").body["results"] == []


# --- many at once ---------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_one_by_one_in_order(bot):
    items = [_clean(), {"workflow": "nowhere", "reference": "x"}, 5, _body(), _clean(referense="x"), _clean()]
    answer = bot.post("/cases/batch/", {"attempts": items})
    results = answer.body["results"]
    assert answer.status_code == 200
    assert [result["status"] for result in results] == [200, 404, 400, 201, 400, 200]
    assert [(result["problem"] or {}).get("code") for result in results] == [
        None,
        "not_found",
        "invalid",
        None,
        "invalid",
        None,
    ]
    assert [result["answer"]["verdict"] for result in results if result["answer"]] == ["proceed", "handoff", "proceed"]
    assert (Attempt.objects.count(), Case.objects.count()) == (3, 3)


def test_items_of_a_batch_have_keys_of_their_own(bot):
    items = [_clean(idempotency_key="a"), _clean(idempotency_key="b"), _clean(idempotency_key="no good")]
    first, again = (bot.post("/cases/batch/", {"attempts": items}) for _ in range(2))
    assert first.content == again.content
    assert Attempt.objects.count() == 2
    single = {name: value for name, value in items[0].items() if name != "idempotency_key"}
    assert bot.post("/cases/", single, Idempotency_Key="a").body == first.body["results"][0]["answer"]


@pytest.mark.parametrize(("items", "pointer"), [([], "/attempts"), ([{}] * 501, "/attempts"), ("x", "/attempts")])
def test_a_batch_has_one_to_five_hundred_attempts(bot, items, pointer):
    with nothing_written():
        problem = is_problem(bot.post("/cases/batch/", {"attempts": items}), 400, "invalid")
    assert pointers(problem) == [pointer]


def test_a_full_batch_is_taken(bot):
    items = [{"workflow": "nowhere", "reference": str(number)} for number in range(500)]
    results = bot.post("/cases/batch/", {"attempts": items}).body["results"]
    assert [result["status"] for result in results] == [404] * 500


def test_markup_stays_what_it_is(bot, api, ann):
    evil = '<script>alert("x")</script>{{7*7}}'
    publish(context={"summary": "{data.vendor}", "fields": [{"field": "data.vendor_notes", "as": "text"}]})
    answer = bot.post("/cases/", _body(data={**DATA, "vendor": evil, "vendor_notes": evil}))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    shown = api(ann).get(f"/handoffs/{answer.body['handoff']['id']}/").body
    assert (shown["summary"], shown["fields"][0]["value"]) == (evil, evil)
