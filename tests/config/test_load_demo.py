"""The demo: there when asked for, the same when asked again."""

import json

import pytest
from django.core.management import call_command

from accounts.models import ApiToken, User
from handoffs import access
from handoffs.models import BusinessCalendar, PolicyVersion, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def load(settings, tmp_path):
    settings.DATA_DIR = tmp_path

    def load() -> dict:
        call_command("load_demo", verbosity=0)
        return json.loads((tmp_path / "demo.json").read_text())

    return load


def test_it_brings_people_roles_tokens_and_a_live_policy(load):
    demo = load()
    assert {user["username"]: user["roles"] for user in demo["users"]} == {
        "ann": ["AP clerk"],
        "bob": ["Procurement analyst", "AP clerk"],
        "lea": ["AP manager"],
        "tess": ["Treasury"],
        "rolf": ["Refund reviewer"],
        "otto": [],
    }
    for key in ("invoice-matching", "bank-transfers", "refunds"):
        assert Workflow.objects.get(key=key).live_version.number == 1
        assert demo["webhooks"][key]["secret"].startswith("whsec_")


def test_the_sign_ins_work_and_mean_what_they_say(load):
    people = {user["username"]: user for user in load()["users"]}
    accounts = {name: User.objects.get(username=name) for name in people}
    assert all(accounts[name].check_password(people[name]["password"]) for name in people)
    assert [name for name, account in accounts.items() if access.is_manager(account)] == ["lea", "otto"]
    assert [name for name, account in accounts.items() if account.is_superuser] == ["otto"]


@pytest.mark.parametrize(
    ("name", "workflow"),
    [("invoice-matcher", "invoice-matching"), ("transfer-bot", "bank-transfers"), ("refund-bot", "refunds")],
)
def test_each_automation_has_a_token_for_its_workflow_alone_and_no_password(load, name, workflow):
    token = ApiToken.objects.get(digest=ApiToken.digest_of(load()["tokens"][name]))
    assert token.workflows == [workflow]
    assert token.user.is_automation
    assert not token.user.has_usable_password()


def test_a_second_time_changes_nothing(load):
    first = load()
    counts = (User.objects.count(), ApiToken.objects.count(), PolicyVersion.objects.count())
    assert load() == first
    assert (User.objects.count(), ApiToken.objects.count(), PolicyVersion.objects.count()) == counts


def test_it_brings_a_calendar_to_choose_and_leaves_it_as_it_was_edited(load):
    load()
    calendar = BusinessCalendar.objects.get()
    assert (calendar.key, str(calendar.history.get().history_user)) == ("us-office", "otto")
    BusinessCalendar.objects.update(title="Ours now")
    load()
    assert BusinessCalendar.objects.get().title == "Ours now"


def test_it_is_readable_by_its_owner_only(load, tmp_path):
    load()
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_when_its_file_was_lost_the_sign_ins_are_made_anew(load, tmp_path):
    before = load()
    (tmp_path / "demo.json").unlink()
    after = load()
    assert after["users"][0]["password"] != before["users"][0]["password"]
    assert User.objects.get(username="ann").check_password(after["users"][0]["password"])


def test_a_password_that_somebody_changed_stays(load):
    load()
    ann = User.objects.get(username="ann")
    ann.set_password("her own choice")
    ann.save()
    load()
    assert User.objects.get(username="ann").check_password("her own choice")
