"""Deciding together, without JavaScript: the page shows what is decided on, and the form binds each decision to it."""

import pytest

from handoffs.choices import State
from handoffs.models import Decision, Handoff
from tests import factories
from tests.factories import DATA, DEAR, HandoffFactory, post
from tests.policies import for_several
from tests.refusals import everything

pytestmark = pytest.mark.django_db
KEY, REASON = "request_vendor_correction", "Prices were never agreed"
BUDGET = 12


@pytest.fixture(autouse=True)
def policy(db):
    return factories.workflow(outcomes=for_several(KEY))


def asked(client, *handoffs):
    picked = [str(handoff.pk) for handoff in handoffs]
    return client.post("/queue/bulk/", {"do": "together", "handoff": picked, "next": "/queue/?role=AP+clerk"})


def form(page, **sent):
    seen = [f"{line.handoff.pk} {line.digest}" for line in page.context["asked"].taking_part]
    assert all(f'name="seen" value="{pair}"' in page.text for pair in seen)
    return {"seen": seen, "outcome": KEY, "reason": REASON, "next": page.context["back"]} | sent


def decide(client, sent):
    return client.post("/queue/decide-together/", sent)


def test_several_are_decided_from_the_page_that_shows_them(as_, ann):
    client, handoffs = as_(ann), [HandoffFactory(), HandoffFactory(accepted_by=ann)]
    page = asked(client, *handoffs)
    assert [each.key for each in page.context["asked"].outcomes] == [KEY]
    for handoff in handoffs:
        assert handoff.summary in page.text
        assert f'href="/handoffs/{handoff.pk}/"' in page.text
    assert "Unit price differs from the purchase order" in page.text
    answer = decide(client, form(page))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/queue/?role=AP+clerk")
    assert "2 decided." in client.get("/queue/").text
    assert set(Decision.objects.values_list("outcome", "reason")) == {(KEY, REASON)}
    assert Handoff.objects.filter(state=State.RESOLVED).count() == 2


def test_the_page_writes_nothing_and_says_who_is_left_out_and_why(as_, ann, bob):
    client = as_(ann)
    mine, his, hidden = HandoffFactory(), HandoffFactory(accepted_by=bob), HandoffFactory(data=DEAR, reference="HIDDEN")
    before = everything()
    page = asked(client, mine, his, hidden)
    shown = page.context["asked"]
    assert [line.handoff for line in shown.taking_part] == [mine]
    assert [(line.handoff, line.why_not) for line in shown.left_out] == [(his, "Bob holds this handoff.")]
    assert "1 that is not there, or never came to one of your roles." in page.text
    assert ("HIDDEN" in page.text, str(hidden.pk) in page.text) == (False, False)
    assert everything() == before


def test_the_value_of_a_sensitive_field_is_not_on_the_page(as_, ann):
    handoff = HandoffFactory()
    page = asked(as_(ann), handoff)
    assert (handoff.summary in page.text, DATA["bank_account"] in page.text) == (True, False)


@pytest.mark.parametrize(
    ("sent", "words"), [({"outcome": ""}, "Choose an outcome."), ({"reason": "  "}, "needs a reason.")]
)
def test_what_is_missing_is_asked_for_with_what_was_sent_kept(as_, ann, sent, words):
    client = as_(ann)
    page = asked(client, HandoffFactory(), HandoffFactory())
    before = everything()
    again = decide(client, form(page, **sent))
    assert (again.status_code, words in again.text) == (400, True)
    assert form(again)["seen"] == form(page)["seen"]
    assert again.context["form"]["reason"] == form(page, **sent)["reason"].strip()
    assert everything() == before


def test_an_outcome_that_is_not_for_several_is_refused_however_it_is_sent(as_, ann):
    client = as_(ann)
    page = asked(client, HandoffFactory(), HandoffFactory())
    before = everything()
    decide(client, form(page, outcome="approve_and_pay"))
    assert everything() == before
    assert "2 not decided: Approve and pay is decided case by case." in client.get("/queue/").text


def test_ones_that_changed_or_were_taken_meanwhile_are_counted_with_the_reason(as_, ann, bob):
    client, (changed, taken, fine) = as_(ann), [HandoffFactory() for _ in range(3)]
    page = asked(client, changed, taken, fine)
    post(reference=changed.case.reference, data={"amount": "1450.00"})
    as_(bob).post(f"/handoffs/{taken.pk}/accept/")
    decide(client, form(page))
    told = client.get("/queue/").text
    assert "1 decided." in told
    assert "1 not decided: Bob holds this handoff." in told
    assert "1 not decided: The case changed while you were looking at it." in told
    assert "1 not decided and with you now, under My work." in told
    assert list(Decision.objects.values_list("handoff", flat=True)) == [fine.pk]


@pytest.mark.parametrize("sent", [{"seen": []}, {"seen": ["nonsense", "", "a b c"]}])
def test_a_form_of_nonsense_decides_nothing(as_, ann, sent):
    HandoffFactory()
    before = everything()
    assert decide(as_(ann), {"outcome": KEY, "reason": REASON} | sent).status_code == 302
    assert everything() == before


def test_cases_that_offer_nothing_in_common_have_no_form(as_, ann):
    first = HandoffFactory()
    factories.workflow(outcomes=for_several("reject"))
    page = asked(as_(ann), first, HandoffFactory())
    assert (len(page.context["asked"].taking_part), page.context["asked"].outcomes) == (2, ())
    assert 'name="seen"' not in page.text


def test_a_stranger_sees_and_decides_nothing(as_, max_):
    handoff = HandoffFactory()
    client, before = as_(max_), everything()
    page = asked(client, handoff)
    assert (handoff.case.reference in page.text, page.context["asked"].unseen_count) == (False, 1)
    decide(client, {"seen": [f"{handoff.pk} {handoff.context_digest}"], "outcome": KEY, "reason": REASON})
    assert everything() == before


def test_three_rows_cost_as_many_queries_as_one(as_, ann, django_assert_max_num_queries):
    client, (first, *others) = as_(ann), [HandoffFactory() for _ in range(3)]
    asked(client, first)
    with django_assert_max_num_queries(BUDGET) as one:
        asked(client, first)
    with django_assert_max_num_queries(len(one)):
        asked(client, first, *others)
