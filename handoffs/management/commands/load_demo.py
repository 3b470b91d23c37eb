"""Fills a desk with the demo: roles, people, the example automations' accounts and policies; safe to run again."""

import json
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, User
from handoffs.actions import calendars, policies
from handoffs.models import BusinessCalendar, Workflow
from handoffs.rules.policy_reading import read_yaml

EXAMPLES = Path(settings.BASE_DIR) / "examples"
AUTOMATIONS = {  # service account: workflow, folder of the example with its policy
    "invoice-matcher": ("invoice-matching", "invoices"),
    "transfer-bot": ("bank-transfers", "transfers"),
    "refund-bot": ("refunds", "refunds"),
}
ROLES = ("AP clerk", "Procurement analyst", "AP manager", "Treasury", "Refund reviewer")
MANAGER_ROLE = "AP manager"
PEOPLE: dict[str, tuple[str, ...]] = {
    "ann": ("AP clerk",),
    "bob": ("Procurement analyst", "AP clerk"),
    "lea": ("AP manager",),
    "tess": ("Treasury",),
    "rolf": ("Refund reviewer",),
    "otto": (),
}
ADMINISTRATOR = "otto"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
OFFICE_DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {  # to choose in a policy; the demo itself counts around the clock, so that it moves whenever it is tried
    "title": "US office hours",
    "time_zone": "America/New_York",
    "country": "US",
    "weekly_hours": {day: ["09:00-12:00", "13:00-17:00"] for day in OFFICE_DAYS},
}
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Command(BaseCommand):
    help = "Loads the demo and writes its sign-ins and tokens to demo.json in the data folder, for its owner only."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        facts = Path(settings.DATA_DIR) / "demo.json"
        kept = _kept(facts)
        with transaction.atomic():
            roles = {name: Group.objects.get_or_create(name=name)[0] for name in ROLES}
            roles[MANAGER_ROLE].permissions.add(Permission.objects.get(codename="manage_workflow"))
            people = [_person(name, roles, kept, now) for name in PEOPLE]
            tokens = {name: _automation(name, key, kept, now) for name, (key, _) in AUTOMATIONS.items()}
        _calendar("us-office")
        workflows = [_workflow(key, EXAMPLES / folder / "policy.yaml", now) for key, folder in AUTOMATIONS.values()]
        _write(
            facts,
            {
                "url": settings.DESK_URL,
                "users": people,
                "tokens": tokens,
                "webhooks": {workflow.key: {"secret": workflow.callback_secret} for workflow in workflows},
            },
        )
        self.stdout.write(f"The demo is loaded; sign-ins and tokens are in {facts}")


def _kept(facts: Path) -> dict[str, Any]:
    """What an earlier run wrote down, so that sign-ins and tokens stay the same."""
    if not facts.exists():
        return {"users": {}, "tokens": {}, "webhooks": {}}
    kept = json.loads(facts.read_text())
    return {**kept, "users": {user["username"]: user for user in kept["users"]}}


def _person(name: str, roles: dict[str, Group], kept: dict[str, Any], now: datetime) -> dict[str, Any]:
    known = kept["users"].get(name)
    password = known["password"] if known else _password()
    administrator = name == ADMINISTRATOR
    user, created = User.objects.get_or_create(
        username=name,
        defaults={
            "first_name": name.capitalize(),
            "email": f"{name}@desk.example",
            "is_staff": administrator,
            "is_superuser": administrator,
        },
    )
    if created or not known:
        user.set_password(password)
        user.save()
        user.groups.set([roles[role] for role in PEOPLE[name]])
    token = _token(user, known and known["token"], now=now, workflows=[])
    return {"username": name, "password": password, "roles": list(PEOPLE[name]), "token": token}


def _automation(name: str, workflow: str, kept: dict[str, Any], now: datetime) -> str:
    user, created = User.objects.get_or_create(username=name, defaults={"kind": User.Kind.AUTOMATION})
    if created:
        user.set_unusable_password()
        user.save()
    return _token(user, kept["tokens"].get(name), now=now, workflows=[workflow])


def _token(user: User, known: str | None, *, now: datetime, workflows: list[str]) -> str:
    """The secret of the user's demo token: the one written down if the desk still knows it, else a new one."""
    if known and ApiToken.objects.filter(digest=ApiToken.digest_of(known)).exists():
        return known
    return ApiToken.issue(user, name="demo", now=now, workflows=workflows)[1]


def _calendar(key: str) -> None:
    """A calendar for policies to name; one that is there already stays as it is."""
    if not BusinessCalendar.objects.filter(key=key).exists():
        calendar = BusinessCalendar(key=key, **OFFICE)
        calendar._history_user = User.objects.get(username=ADMINISTRATOR)  # type: ignore[attr-defined]
        calendars.save(calendar)


def _workflow(key: str, policy: Path, now: datetime) -> Workflow:
    """A workflow of the demo with a live policy; one that managers have changed since stays as it is."""
    workflow = Workflow.objects.filter(key=key, live_version__isnull=False).first()
    if workflow:
        return workflow
    author = User.objects.get(username=ADMINISTRATOR)
    policies.save_draft(key, read_yaml(policy.read_text()), author=author, now=now, create=True)
    policies.publish(key, publisher=author, reason="The policy that the demo begins with", now=now)
    workflow = Workflow.objects.get(key=key)
    workflow.allowed_hosts = ALLOWED_HOSTS
    workflow.save(update_fields=["allowed_hosts"])
    return workflow


def _password() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def _write(facts: Path, content: dict[str, Any]) -> None:
    fresh = facts.with_name(f".{facts.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    fresh.replace(facts)
