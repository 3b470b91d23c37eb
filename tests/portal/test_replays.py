"""What managers find under Replays: ordering, watching, reading, taking along; and who does not find it."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from handoffs.actions import policies, replay_runs, replays
from handoffs.actions.replays import Order
from handoffs.models import Attempt, Handoff, PolicyVersion, Replay, ReplayedAttempt
from handoffs.rules.canonical import sha256_of
from tests.factories import CLEAN, DEAR, HandoffFactory, post
from tests.policies import changed

pytestmark = pytest.mark.django_db
PARTS = ("", "cases/", "cases/0/", "load/", "attempts.csv", "report.json", "progress/")


def finish(replay, now):
    while replay_runs.work(clock=lambda: now, seconds=60):
        pass
    replay.refresh_from_db()
    assert replay.state == "done", replay.error
    return replay


@pytest.fixture
def past(workflow, now):
    """A clean attempt, one for the clerks that was decided, one for the analysts that was decided otherwise."""
    post(now=now - timedelta(hours=3), reference="CLEAN-1", data=CLEAN)
    HandoffFactory(opened_ago=timedelta(hours=2), reference="VAR-1", resolved=True, proposed_outcome="approve_and_pay")
    HandoffFactory(
        opened_ago=timedelta(hours=1),
        reference="DEAR-1",
        data=DEAR,
        resolved="request_vendor_correction",
        proposed_outcome="approve_and_pay",
    )


@pytest.fixture
def draft(past, lea, now):
    """A draft that hands off nothing below 5 %, and everything with a purchase order."""
    document = changed(
        ("triggers.0.when.value", 5), ("triggers.1.when", {"field": "data.amount", "is": ">", "value": 5000})
    )
    return policies.save_draft("invoice-matching", document, author=lea, now=now)


@pytest.fixture
def replay(draft, lea, now):
    """That draft against the live version, over everything stored."""
    order = Order(version=draft, against=PolicyVersion.objects.get(status="live"))
    return finish(replays.order_stored(order, from_at=None, until_at=None, by=lea, now=now), now)


def text(response):
    return " ".join(response.content.decode().split())


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_what_one_does_not_manage_is_not_there(as_, replay, ann, max_, part):
    for person in (ann, max_):
        assert as_(person).get(f"/replays/{replay.pk}/{part}").status_code == 404


def test_the_list_and_the_form_are_for_managers(as_, replay, ann, lea):
    for url in ("/replays/", "/replays/new/"):
        assert (as_(ann).get(url).status_code, as_(lea).get(url).status_code) == (403, 200)
    for url in ("cancel/", "forget/"):
        assert as_(ann).post(f"/replays/{replay.pk}/{url}").status_code == 404
    assert Replay.objects.count() == 1


# --- ordering -------------------------------------------------------------------------------------------------------


def form(**fields):
    return {"workflow": "invoice-matching", "version": "1", "against": "", "source": "stored", "stay": "8", **fields}


def test_an_order_from_the_form_runs_and_reports(as_, past, lea, now):
    client = as_(lea)
    answer = client.post("/replays/new/", form(title="All of November"))
    replay = Replay.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/replays/{replay.pk}/")
    waiting = client.get(answer["Location"])
    assert "Waiting for a worker" in text(waiting)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text(waiting)
    assert '<meta http-equiv="refresh" content="5">' in text(client.get("/replays/"))
    finish(replay, now)
    done = client.get(answer["Location"])
    assert "http-equiv" not in text(done)
    assert "All of November" in text(done)
    assert client.get(f"{answer['Location']}progress/")["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({"version": "77"}, "version-error", "Choose a version."),
        ({"stay": "long"}, "stay-error", "Write hours, such as 8 or 0.5."),
        ({"stay": "0"}, "stay-error", "from a minute to a year"),
        ({"stay": "inf"}, "stay-error", "Write hours"),
        ({"from": "yesterday"}, "from-error", "Write a day such as 2026-11-20."),
        ({"from": "2026-11-20", "until": "2026-11-18"}, "until-error", "The end must be later"),
        ({"from": "2031-01-01"}, "from-error", "No attempts are stored for this time."),
        ({"title": "x" * 201}, "title-error", "At most 200 characters."),
        ({"source": "upload"}, "file-error", "Choose a file"),
    ],
)
def test_what_the_form_refuses_is_said_beside_the_field_and_nothing_is_kept(as_, past, lea, fields, place, said):
    answer = as_(lea).post("/replays/new/", form(**fields))
    assert answer.status_code == 400
    assert f'id="{place}"' in text(answer)
    assert said in text(answer)
    assert not Replay.objects.exists()


def test_a_file_of_past_cases_is_replayed_and_its_bad_lines_are_told(as_, past, lea, now):
    lines = (
        "reference,received_at,data.amount,data.currency,data.price_variance_percent,data.po_number,documents,outcome\n"
    )
    lines += "P-1,2026-10-05T09:00:00Z,100.00,USD,4.2,PO-1,invoice,approve_and_pay\n"
    lines += "P-2,yesterday,100.00,USD,4.2,PO-1,invoice,\n"
    lines += "P-3,2026-10-05T08:00:00Z,100.00,USD,0.1,PO-1,invoice,\n"
    file = SimpleUploadedFile("past.csv", lines.encode())
    answer = as_(lea).post("/replays/new/", form(source="upload", file=file))
    assert answer.status_code == 302
    replay = finish(Replay.objects.get(), now)
    rows = list(ReplayedAttempt.objects.order_by("position").values_list("reference", "verdict", "decided"))
    assert rows == [("P-3", "proceed", ""), ("P-1", "handoff", "approve_and_pay")]
    assert "Line 3: received_at is no time: write 2026-11-20T09:00:00Z" in text(as_(lea).get(f"/replays/{replay.pk}/"))


def test_nobody_without_a_workflow_finds_a_form(as_, db, otto):
    assert "No policy to replay" in text(as_(otto).get("/replays/new/"))
    assert "No replay yet" in text(as_(otto).get("/replays/"))


def test_a_replay_is_called_off_and_deleted(as_, past, lea, now):
    client = as_(lea)
    client.post("/replays/new/", form())
    replay = Replay.objects.get()
    assert client.post(f"/replays/{replay.pk}/cancel/").status_code == 302
    assert "Cancelled after 0 of 3 attempts" in text(client.get(f"/replays/{replay.pk}/"))
    assert client.post(f"/replays/{replay.pk}/cancel/").status_code == 409
    assert client.post(f"/replays/{replay.pk}/forget/")["Location"] == "/replays/"
    assert not Replay.objects.exists()


# --- reading --------------------------------------------------------------------------------------------------------


def test_the_report_counts_and_compares(as_, replay, lea):
    shown = text(as_(lea).get(f"/replays/{replay.pk}/"))
    assert replay.summary["opened"] == 1
    assert replay.summary["was_opened"] == 2
    assert replay.summary["changes"] == {"same": 2, "no_longer": 1}
    assert [(row["key"], row["fired"], row["was_fired"]) for row in replay.summary["triggers"][:2]] == [
        ("price_variance", 0, 2),
        ("missing_po", 1, 0),
    ]
    assert "only version 1 hands them off" in shown
    assert "1 attempt that a person had decided about would go on without one" in shown


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("", ["CLEAN-1", "VAR-1", "DEAR-1"]),
        ("?only=opened", ["DEAR-1"]),
        ("?only=no_longer", ["VAR-1"]),
        ("?only=newly", []),
        ("?trigger=missing_po", ["DEAR-1"]),
        ("?role=AP clerk", ["VAR-1"]),
        ("?search=clean", ["CLEAN-1"]),
        ("?only=disagreed", ["DEAR-1"]),
        ("?only=nonsense&page=-1&search=%00", ["CLEAN-1", "VAR-1", "DEAR-1"]),
    ],
)
def test_the_list_of_attempts_is_filtered_on_the_page_and_in_the_file(as_, replay, lea, query, references):
    client = as_(lea)
    page = text(client.get(f"/replays/{replay.pk}/cases/{query}"))
    assert [name for name in ("CLEAN-1", "VAR-1", "DEAR-1") if f">{name}</a>" in page] == references
    sheet = b"".join(client.get(f"/replays/{replay.pk}/attempts.csv{query}")).decode()
    assert [row["reference"] for row in csv.DictReader(io.StringIO(sheet))] == references


def test_a_case_shows_what_a_reviewer_would_have_seen(as_, replay, lea):
    shown = text(as_(lea).get(f"/replays/{replay.pk}/cases/2/"))
    assert "Invoice DEAR-1 from Acme Supplies" in shown
    assert "Routed to Procurement analyst" in shown
    assert "DE89 3704" not in shown
    assert "What did not fire" in shown
    assert as_(lea).get(f"/replays/{replay.pk}/cases/99/").status_code == 404


def test_the_load_is_simulated_with_the_people_that_are_tried(as_, replay, lea):
    shown = text(as_(lea).get(f"/replays/{replay.pk}/load/?people-0=3&minutes-0=5&percent=90&within=30"))
    assert "1 person accept 90 % within 30 min" in shown or "1 person accepts" in shown
    assert '<svg class="week"' in shown
    assert "style=" not in shown
    for odd in ("people-0=x&minutes-0=nan&percent=&within=-3", "role=nobody&calendar=nowhere&people-0=9999999"):
        assert as_(lea).get(f"/replays/{replay.pk}/load/?{odd}").status_code == 200


def test_two_replays_stand_side_by_side(as_, replay, lea, now):
    live = PolicyVersion.objects.get(status="live")
    other = finish(replays.order_stored(Order(version=live), from_at=None, until_at=None, by=lea, now=now), now)
    shown = text(as_(lea).get(f"/replays/compare/?a={replay.pk}&b={other.pk}"))
    assert (
        '<th scope="row">Handed off</th><td class="is-num">1</td><td class="is-num">2</td><td class="is-num">+1</td>'
        in shown
    )
    assert as_(lea).get("/replays/compare/?a=x&b=").status_code == 404


def test_the_report_is_taken_along_as_json(as_, replay, lea):
    told = json.loads(as_(lea).get(f"/replays/{replay.pk}/report.json").content)
    assert (told["version"], told["against"], told["done"], told["summary"]["opened"]) == (2, 1, 3, 1)


def test_a_spreadsheet_finds_no_formula_in_the_file(as_, past, lea, now):
    post(now=now - timedelta(minutes=5), reference="=HYPERLINK(1)", data=CLEAN)
    live = PolicyVersion.objects.get(status="live")
    replay = finish(replays.order_stored(Order(version=live), from_at=None, until_at=None, by=lea, now=now), now)
    sheet = b"".join(as_(lea).get(f"/replays/{replay.pk}/attempts.csv")).decode()
    assert "'=HYPERLINK(1)" in sheet
    assert "\n=" not in sheet


@pytest.mark.parametrize(("part", "queries"), [("", 14), ("cases/", 12), ("cases/2/", 18), ("load/", 24)])
def test_a_page_takes_a_fixed_number_of_queries(as_, replay, lea, django_assert_max_num_queries, part, queries):
    client = as_(lea)
    client.get(f"/replays/{replay.pk}/{part}")
    with django_assert_max_num_queries(queries):
        client.get(f"/replays/{replay.pk}/{part}")


def test_nothing_but_the_replay_is_written(as_, past, lea, now):
    before = (Attempt.objects.count(), Handoff.objects.count(), Handoff.history.count())
    as_(lea).post("/replays/new/", form())
    finish(Replay.objects.get(), now)
    assert (Attempt.objects.count(), Handoff.objects.count(), Handoff.history.count()) == before


# --- publishing on the strength of it -------------------------------------------------------------------------------


def test_the_publish_page_asks_for_a_replay_and_then_links_it(as_, past, lea, now):
    asks = changed(("rollout", {"requires_replay": True}))
    draft = policies.save_draft("invoice-matching", asks, author=lea, now=now)
    client, url = as_(lea), "/policies/invoice-matching/draft/publish/"
    form = {"reason": "Read the replay", "base": sha256_of(draft.document)}
    asked = client.post(url, form)
    assert asked.status_code == 409
    assert "Replay it first" in text(asked)
    assert "/replays/new/?workflow=invoice-matching&amp;version=2" in text(asked)
    replay = finish(replays.order_stored(Order(version=draft), from_at=None, until_at=None, by=lea, now=now), now)
    assert f"/replays/{replay.pk}/" in text(client.get(url))
    assert client.post(url, form).status_code == 302
    assert "Published on the strength of a replay" in text(client.get("/policies/invoice-matching/"))
    assert "so it stays" in text(client.get(f"/replays/{replay.pk}/"))
