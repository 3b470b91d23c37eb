"""How much is asked of the database: no more for three rows than for one."""

import pytest

from accounts import authentication
from tests.factories import CLEAN, DATA, HandoffFactory, invoice_document, publish, reference

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(django_assert_max_num_queries):
    """No more than so many queries in a second, equal call: what is kept per process was read by the first."""

    def count(number, call):
        call()
        with django_assert_max_num_queries(number):
            answer = call()
        assert answer.status_code < 300, answer.content
        return answer

    return count


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_handoffs(bot, counted, rows):
    for _ in range(rows):
        HandoffFactory(resolved=True)
    assert len(counted(4, lambda: bot.get("/handoffs/")).body["results"]) == rows


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_handoffs_for_a_person(api, ann, workflow, counted, rows):
    for _ in range(rows):
        HandoffFactory()
    caller = api(ann)
    assert len(counted(2, lambda: caller.get("/handoffs/")).body["results"]) == rows


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_cases(bot, counted, rows):
    for _ in range(rows):
        HandoffFactory()
    assert len(counted(2, lambda: bot.get("/cases/")).body["results"]) == rows


@pytest.mark.parametrize("times", [1, 3])
def test_one_handoff(bot, counted, times):
    handoff = HandoffFactory()
    for _ in range(times):
        bot.post("/cases/", {"workflow": "invoice-matching", "reference": handoff.case.reference, "data": dict(DATA)})
    counted(3, lambda: bot.get(f"/handoffs/{handoff.pk}/"))


@pytest.mark.parametrize("rows", [1, 3])
def test_the_trail(bot, ann, api, counted, rows):
    handoff = HandoffFactory(accepted_by=ann)
    for _ in range(rows):
        api(ann).post(f"/handoffs/{handoff.pk}/notes/", {"text": "x"})
    counted(5, lambda: bot.get(f"/handoffs/{handoff.pk}/history/"))


def test_a_report_that_proceeds(bot, counted):
    def report():
        body = {"workflow": "invoice-matching", "reference": reference(), "data": {**DATA, **CLEAN}}
        return bot.post("/cases/", body)

    counted(1, report)


def test_a_report_that_opens_a_handoff(bot, workflow, counted):
    publish(context={"summary": "{reference}", "fields": [{"field": "data.amount"}]})

    def report():
        return bot.post("/cases/", {"workflow": "invoice-matching", "reference": reference(), "data": dict(DATA)})

    counted(2, report)


def test_a_report_that_opens_a_handoff_with_documents(bot, counted):
    documents = [str(invoice_document().pk) for _ in range(2)]

    def report():
        context = {"documents": [documents.pop()]}
        body = {"workflow": "invoice-matching", "reference": reference(), "data": dict(DATA), "context": context}
        return bot.post("/cases/", body)

    counted(14, report)


def test_a_decision(api, ann, counted):
    """Read for the caller and written, each with all that belongs to it."""
    caller, handoffs = api(ann), [HandoffFactory() for _ in range(2)]
    addresses = [f"/handoffs/{handoff.pk}" for handoff in handoffs]
    accepting, deciding = list(addresses), list(addresses)
    counted(2, lambda: caller.post(f"{accepting.pop()}/accept/", {}))
    decision = {"outcome": "approve_and_pay", "context_digest": handoffs[0].context_digest}
    counted(2, lambda: caller.post(f"{deciding.pop()}/decide/", decision))


def test_taking_the_next(api, ann, counted):
    """Picked and locked, written, however many there are."""
    caller, _ = api(ann), [HandoffFactory() for _ in range(5)]
    counted(4, lambda: caller.post("/handoffs/take-next/", {}))


def test_who_asks_is_looked_up_once_in_a_while(bot, django_assert_num_queries):
    bot.get("/workflows/")
    with django_assert_num_queries(1):
        bot.get("/workflows/")
    authentication.forget_all()
    with django_assert_num_queries(2):
        bot.get("/workflows/")
