"""The refund bot against the real desk and its own payment provider, over HTTP: paid first, reviewed after."""

import sys
from decimal import Decimal

import pytest
from django.utils import timezone

from handoffs.actions import escalation
from handoffs.choices import State as HandoffState
from handoffs.models import Handoff, Recovery
from tests import factories
from tests.examples import live_desk

sys.path.insert(0, str(live_desk.EXAMPLES.parent / "client"))

from handoffs_client import Desk, Follower, Journal
from refunds.book import Book, State
from refunds.bot import Bot
from refunds.cli import DATA
from refunds.provider import Provider
from refunds.records import Refund, read_refunds
from refunds.till import ProviderError, Till

pytestmark = pytest.mark.django_db(transaction=True)


def refund(number=1, amount="250.00", **changes):
    given = {"customer": "Mara Lind", "order": "ORD-1", "currency": "EUR", "cause": "Broken", "earlier_refunds": 0}
    return Refund(reference=f"RF-{number}", amount=Decimal(amount), **given | changes)


class Shop:
    """The bot with its provider, book and desk."""

    def __init__(self, url, token, folder, refunds):
        self.clock, self.folder, self.url, self.token = live_desk.Clock(), folder, url, token
        self.provider = Provider(folder / "provider.sqlite3").start()
        self.book = Book(folder / "book.sqlite3")
        self.book.take_in(refunds, every_seconds=0, now=self.clock())
        self.bot = self.started()

    def started(self):
        desk = Desk(self.url, self.token, journal=Journal(self.folder / "journal.sqlite3"), patience_seconds=10)
        self.desks = [*getattr(self, "desks", []), desk]
        follower = Follower(desk, look_seconds=0)
        return Bot(self.book, Till(self.provider.url), desk, clock=self.clock, follower=follower)

    def work(self, steps=1):
        for _ in range(steps):
            self.bot.step()

    def states(self):
        return [entry.state for entry in self.book.entries()]


@pytest.fixture
def open_shop(live_server, tmp_path):
    live_desk.publish("refunds", "Refund reviewer", change=lambda document: document["supervision"].update(NOBODY))
    token = live_desk.token_for("refund-bot", "refunds")
    opened = []

    def open_(*refunds):
        opened.append(Shop(live_server.url, token, tmp_path, list(refunds)))
        return opened[0]

    yield open_
    for shop in opened:
        for desk in shop.desks:
            desk.close()
        shop.provider.shutdown()
        shop.provider.server_close()
        shop.book.close()


NOBODY = {"sample": {"percent": 0}}


@pytest.fixture
def rolf():
    return factories.PersonFactory(username="rolf", roles=["Refund reviewer"])


def test_a_small_refund_is_paid_and_nobody_looks(open_shop):
    shop = open_shop(refund(amount="20.00"))
    shop.work()
    assert (shop.provider.paid(), shop.states()) == (["RF-1"], [State.PAID])
    assert not Handoff.objects.exists()


@pytest.mark.parametrize("changes", [{"amount": "100.01"}, {"amount": "5.00", "earlier_refunds": 3}])
def test_a_large_or_odd_one_is_paid_too_and_then_reviewed(open_shop, changes):
    shop = open_shop(refund(**changes))
    shop.work()
    assert (shop.provider.paid(), shop.states()) == (["RF-1"], [State.IN_REVIEW])
    handoff = Handoff.objects.get()
    assert (handoff.pattern, handoff.primary_trigger, handoff.role.name) == (
        "supervised",
        "supervision",
        "Refund reviewer",
    )


def test_a_confirmation_leaves_it_as_it_is(open_shop, rolf):
    shop = open_shop(refund())
    shop.work()
    live_desk.decide(Handoff.objects.get(), rolf, "confirm")
    shop.work()
    assert (shop.states(), shop.provider.paid(), Recovery.objects.get().state) == (
        [State.CONFIRMED],
        ["RF-1"],
        "applied",
    )


def test_a_revert_takes_the_money_back_and_says_so(open_shop, rolf):
    shop = open_shop(refund(), refund(2))
    shop.work(2)
    live_desk.decide(Handoff.objects.get(case__reference="RF-1"), rolf, "revert", "Not our parcel")
    shop.work()
    assert (shop.provider.paid(), shop.states()) == (["RF-2"], [State.TAKEN_BACK, State.IN_REVIEW])
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.detail) == ("rolled_back", "Undone: Paid 250.00 EUR to Mara Lind")


def test_what_cannot_be_taken_back_goes_back_to_the_reviewer(open_shop, rolf):
    shop = open_shop(refund())
    shop.work()
    shop.provider.collect("RF-1")
    live_desk.decide(Handoff.objects.get(), rolf, "revert", "Not our parcel")
    shop.work()
    assert Handoff.objects.get().state == HandoffState.PENDING
    assert (Recovery.objects.get().state, shop.states()) == ("failed", [State.IN_REVIEW])
    assert "collected" in Recovery.objects.get().detail
    live_desk.decide(Handoff.objects.get(), rolf, "confirm")
    shop.work()
    assert shop.states() == [State.CONFIRMED]


def test_what_nobody_reviews_is_confirmed_at_the_cut_off(open_shop):
    shop = open_shop(refund())
    shop.work()
    handoff = Handoff.objects.get()
    opened_earlier = handoff.opened_at - timezone.timedelta(hours=2)
    Handoff.objects.update(clock_started_at=opened_earlier, cut_off_at=opened_earlier, next_step_at=opened_earlier)
    for _ in range(4):
        escalation.fire(handoff.pk, now=timezone.now())
    shop.work()
    assert (shop.states(), shop.book.entries()[0].note) == ([State.CONFIRMED], "Confirmed: decided by the cut-off")


def test_a_question_is_answered_with_what_is_known_and_the_undo_stays(open_shop, rolf):
    shop = open_shop(refund())
    shop.work()
    live_desk.send_back(Handoff.objects.get(), rolf, "Why so much?")
    shop.work()
    handoff = Handoff.objects.get()
    assert handoff.state == HandoffState.PENDING
    live_desk.decide(handoff, rolf, "revert", "No answer")
    shop.work()
    assert shop.provider.paid() == []


def test_a_bot_that_is_killed_between_paying_and_telling_pays_once(open_shop):
    shop = open_shop(refund())

    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    shop.book.move = killed
    with pytest.raises(Killed):
        shop.work()
    del shop.book.move
    shop.bot = shop.started()
    shop.work(2)
    assert (shop.provider.paid(), shop.states()) == (["RF-1"], [State.IN_REVIEW])
    assert Handoff.objects.get().attempts.count() == 1


def test_the_provider_pays_a_request_once_and_no_other_amount_under_its_name(open_shop):
    till = Till(open_shop().provider.url)
    assert till.pay(refund()) == till.pay(refund()) == "pay-00001"
    with pytest.raises(ProviderError, match="another amount"):
        till.pay(refund(amount="9.00"))


def test_the_shipped_refunds_stand_on_both_sides_of_the_limit():
    shipped = read_refunds(DATA)
    amounts = [each.amount for each in shipped]
    assert len({each.reference for each in shipped}) == 120
    assert Decimal("100.00") in amounts
    assert 0 < sum(amount > 100 for amount in amounts) < 60
