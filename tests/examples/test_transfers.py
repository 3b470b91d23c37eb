"""The transfer bot against the real desk and its own bank, over HTTP: retries, stops, outages, decisions."""

import sys
from contextlib import closing
from decimal import Decimal

import pytest

from handoffs.choices import State as HandoffState
from handoffs.models import Attempt, Handoff, Recovery
from tests import factories
from tests.examples import live_desk

sys.path.insert(0, str(live_desk.EXAMPLES.parent / "client"))

from handoffs_client import Desk, Follower, Journal
from transfers.bank import Bank, outage
from transfers.book import Book, State
from transfers.bot import Bot
from transfers.cli import DATA
from transfers.records import Transfer, read_transfers
from transfers.teller import BankTimeout, Teller

pytestmark = pytest.mark.django_db(transaction=True)


def transfer(number=1, **changes):
    given = {"payee": "Nordwind", "account": "DE12", "amount": Decimal("120.50"), "currency": "EUR"}
    return Transfer(reference=f"TR-{number}", **given | changes)


class Office:
    """The bot with its bank, book and desk, and time that passes when the test says so."""

    def __init__(self, url, token, folder, transfers):
        self.clock, self.folder, self.url, self.token = live_desk.Clock(), folder, url, token
        self.bank = Bank(folder / "bank.sqlite3", transfers, clock=self.clock, hangs_seconds=0).start()
        self.book = Book(folder / "book.sqlite3")
        self.book.take_in(transfers, every_seconds=0, now=self.clock())
        self.bot = self.started()

    def started(self):
        """The bot as it is after a start."""
        desk = Desk(self.url, self.token, journal=Journal(self.folder / "journal.sqlite3"), patience_seconds=10)
        self.desks = [*getattr(self, "desks", []), desk]
        teller = Teller(self.bank.url, within_seconds=20)
        return Bot(self.book, teller, desk, clock=self.clock, follower=Follower(desk, look_seconds=0))

    def work(self, steps=1, *, seconds=0.0):
        for _ in range(steps):
            self.clock.pass_(seconds)
            self.bot.step()

    def states(self):
        return [entry.state for entry in self.book.entries()]


@pytest.fixture
def open_office(live_server, tmp_path):
    live_desk.publish("transfers", "Treasury")
    token = live_desk.token_for("transfer-bot", "bank-transfers")
    opened = []

    def open_(*transfers):
        opened.append(Office(live_server.url, token, tmp_path, list(transfers)))
        return opened[0]

    yield open_
    for office in opened:
        for desk in office.desks:
            desk.close()
        office.bank.shutdown()
        office.bank.server_close()
        office.book.close()


@pytest.fixture
def tess():
    return factories.PersonFactory(username="tess", roles=["Treasury"])


def verdicts():
    return list(Attempt.objects.order_by("received_at").values_list("verdict", flat=True))


def test_what_goes_through_needs_nobody(open_office):
    office = open_office(transfer())
    office.work()
    assert (office.bank.made(), office.states(), verdicts()) == (["TR-1"], [State.SENT], ["proceed"])


def test_it_tries_again_after_the_delays_of_the_policy_and_stops_at_the_third_failure(open_office):
    office = open_office(transfer(lost_requests=9))
    office.work()
    office.work(seconds=2.9)
    assert verdicts() == ["retry"]
    office.work(seconds=0.2)
    office.work(seconds=5.9)
    assert verdicts() == ["retry", "retry"]
    office.work(seconds=0.2)
    assert verdicts() == ["retry", "retry", "stop"]
    assert office.states() == [State.STOPPED]
    handoff = Handoff.objects.get()
    assert (handoff.primary_trigger, handoff.pattern, handoff.case.reference) == (
        "repeated_failure",
        "escalation",
        "TR-1",
    )
    office.work(3, seconds=60)
    assert len(verdicts()) == 3


def test_a_request_that_goes_through_at_last_opens_nothing(open_office):
    office = open_office(transfer(lost_requests=2))
    office.work(3, seconds=10)
    assert (verdicts(), office.states()) == (["retry", "retry", "proceed"], [State.SENT])
    assert not Handoff.objects.exists()


def test_a_later_success_withdraws_the_handoff(open_office):
    office = open_office(transfer(lost_requests=9, late_seconds=100))
    office.work(3, seconds=10)
    assert Handoff.objects.get().state == HandoffState.PENDING
    office.work(seconds=100)
    assert Handoff.objects.get().state == HandoffState.WITHDRAWN
    assert (office.states(), office.bank.made()) == ([State.SENT], ["TR-1"])


def test_a_burst_of_one_error_opens_one_handoff_for_the_outage(open_office):
    office = open_office(*[transfer(number) for number in range(12)])
    office.bank.is_away = lambda: True
    office.work(12)
    handoff = Handoff.objects.get()
    assert (handoff.case.reference, handoff.primary_trigger) == ("outage:bank_timeout", "bank_away")
    assert office.states().count(State.STOPPED) == 1, "the rest is not even tried"
    office.work(3, seconds=11)
    assert Handoff.objects.get().occurrences_count == 4
    office.bank.is_away = lambda: False
    office.work(20, seconds=11)
    assert Handoff.objects.get().state == HandoffState.WITHDRAWN
    assert set(office.states()) == {State.SENT}
    assert sorted(office.bank.made()) == sorted(f"TR-{number}" for number in range(12))


def test_a_person_says_to_try_again(open_office, tess):
    office = open_office(transfer(lost_requests=3))
    office.work(3, seconds=10)
    live_desk.decide(Handoff.objects.get(), tess, "try_again")
    office.work(2)
    assert (office.states(), office.bank.made()) == ([State.SENT], ["TR-1"])
    assert Recovery.objects.get().state == "applied"


@pytest.mark.parametrize(
    ("outcome", "state", "receipt"),
    [("done_by_hand", State.BY_HAND, "applied"), ("cancel", State.CANCELLED, "rolled_back")],
)
def test_a_person_settles_it(open_office, tess, outcome, state, receipt):
    office = open_office(transfer(lost_requests=9))
    office.work(3, seconds=10)
    live_desk.decide(Handoff.objects.get(), tess, outcome)
    office.work(3, seconds=60)
    assert (office.states(), office.bank.made(), Recovery.objects.get().state) == ([state], [], receipt)


def test_what_was_made_cannot_be_cancelled_and_the_desk_hears_of_it(open_office, tess):
    office = open_office(transfer(lost_requests=9, late_seconds=40))
    office.work(3, seconds=10)
    live_desk.decide(Handoff.objects.get(), tess, "cancel")
    office.clock.pass_(60)
    office.bot.step()
    assert Handoff.objects.get().state == HandoffState.PENDING
    assert office.states() == [State.SENT]
    assert Recovery.objects.get().state == "failed"


def test_a_refused_account_goes_to_a_person_at_once(open_office):
    office = open_office(transfer(account="XX99"))
    office.work()
    assert (verdicts(), Handoff.objects.get().primary_trigger) == (["handoff"], "refused")


@pytest.mark.parametrize("many", [False, True])
def test_a_question_is_answered_and_the_handoff_comes_back(open_office, tess, many):
    office = open_office(*[transfer(number, lost_requests=9) for number in range(6 if many else 1)])
    office.work(6 if many else 3, seconds=0 if many else 10)
    live_desk.send_back(Handoff.objects.get(), tess, "What does the statement say?")
    office.work()
    assert Handoff.objects.get().state == HandoffState.PENDING


def test_a_bot_that_is_killed_at_any_point_makes_no_transfer_twice(open_office):
    office = open_office(transfer(lost_requests=1), transfer(2))

    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    for name in ("wait", "settle", "settle"):
        setattr(office.book, name, killed)
        with pytest.raises(Killed):
            office.work(3, seconds=5)
        delattr(office.book, name)
        office.bot = office.started()
    office.work(4, seconds=10)
    assert sorted(office.bank.made()) == ["TR-1", "TR-2"]
    with closing(office.bank.books()) as books:
        assert books.execute("SELECT count(*) FROM transfers").fetchone() == (2,)


def test_the_shipped_transfers_have_every_mood():
    shipped = read_transfers(DATA)
    assert len(shipped) == len({each.reference for each in shipped}) == 120
    assert {each.lost_requests for each in shipped} == {0, 1, 2, 4, 9}
    assert any(each.account.startswith("XX") for each in shipped)


def test_a_bank_that_hangs_is_not_waited_for(tmp_path):
    bank = Bank(tmp_path / "bank.sqlite3", [transfer(lost_requests=1)], hangs_seconds=3).start()
    with pytest.raises(BankTimeout, match=r"within 0.2 s"):
        Teller(bank.url, within_seconds=0.2).make(transfer())
    bank.shutdown()
    bank.server_close()


def test_the_bank_goes_away_and_comes_back():
    clock = live_desk.Clock()
    away = outage(100, 20, clock)
    seen = []
    for _ in range(10):
        seen.append(away())
        clock.pass_(20)
    assert seen == [False, False, False, False, True] * 2
