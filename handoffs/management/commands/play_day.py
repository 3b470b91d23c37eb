"""Plays a day of the clock in a minute: cases whose SLA is seconds long, told as reminders and cut-offs happen."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from handoffs import jobs
from handoffs.actions import decisions, intake, lifecycle, policies
from handoffs.errors import NotPossibleNow
from handoffs.models import Handoff, Workflow
from handoffs.rules.policy_reading import read_yaml

POLICY = Path(settings.BASE_DIR) / "examples" / "day_in_a_minute.yaml"
WORKFLOW, AUTOMATION = "day-in-a-minute", "day-player"
STORIES = {
    "LEFT-ALONE": "nobody looks at it, so it is reminded of, moved up, and cut off",
    "FORGOTTEN": "somebody accepts it and forgets it, so it goes back and is cut off",
    "DONE-IN-TIME": "somebody decides in time, and the clock has nothing to say",
}
PLAYS_FOR_SECONDS = 66


class Command(BaseCommand):
    help = "Opens three handoffs with an SLA of seconds and tells what the clock does with them; about a minute."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=int, default=PLAYS_FOR_SECONDS, help="how long to watch")

    def handle(self, *args: Any, seconds: int, **options: Any) -> None:
        started_at = timezone.now()
        handoffs = _open_all(started_at)
        self.stdout.write(f"Watch them in the queue of AP clerk: {settings.DESK_URL}/queue/?workflow={WORKFLOW}\n")
        told: set[tuple[str, int]] = set()
        for second in range(seconds):
            _play_reviewer(handoffs, second)
            jobs.sweep()
            self._tell_news(handoffs, started_at, told)
            time.sleep(1)

    def _tell_news(self, handoffs: dict[str, Handoff], started_at: datetime, told: set[tuple[str, int]]) -> None:
        for reference, handoff in handoffs.items():
            for row in handoff.history.order_by("sequence"):
                if (reference, row.sequence) not in told:
                    told.add((reference, row.sequence))
                    after = (row.history_date - started_at).total_seconds()
                    self.stdout.write(f"{after:5.1f} s  {reference:<13} {_words(row)}")


def _open_all(now: datetime) -> dict[str, Handoff]:
    """One handoff per story, under the policy of this play; earlier plays stay in the history of their cases."""
    if not Workflow.objects.filter(key=WORKFLOW, live_version__isnull=False).exists():
        policies.save_draft(WORKFLOW, read_yaml(POLICY.read_text()), author=None, now=now, create=True)
        policies.publish(WORKFLOW, publisher=None, reason="To show what the clock does", now=now)
    automation = _automation()
    return {reference: _open(reference, story, automation, now) for reference, story in STORIES.items()}


def _automation() -> User:
    user, is_new = User.objects.get_or_create(username=AUTOMATION, defaults={"kind": User.Kind.AUTOMATION})
    if is_new:
        user.set_unusable_password()
        user.save()
    user.workflow_scope = frozenset({WORKFLOW})
    return user


def _open(reference: str, story: str, automation: User, now: datetime) -> Handoff:
    report = intake.AttemptReport(workflow=WORKFLOW, reference=reference, data={"story": story})
    answer = intake.receive(report, automation=automation, now=now)
    return Handoff.objects.get(pk=answer.body["handoff"]["id"])


def _play_reviewer(handoffs: dict[str, Handoff], second: int) -> None:
    """Somebody of the role accepts two of them after three seconds, and decides one after eight."""
    if second == 3:
        for reference in ("FORGOTTEN", "DONE-IN-TIME"):
            _unless_somebody_did(lambda reference=reference: _accept(handoffs[reference]))
    if second == 8:
        _unless_somebody_did(lambda: _decide(handoffs["DONE-IN-TIME"]))


def _unless_somebody_did(act: Any) -> None:
    try:
        act()
    except NotPossibleNow:
        return  # a visitor was quicker, which is what the demo is for


def _accept(handoff: Handoff) -> None:
    lifecycle.accept(handoff, reviewer=_reviewer(handoff), now=timezone.now())


def _decide(handoff: Handoff) -> None:
    choice = decisions.Choice(outcome="agree", context_digest=handoff.context_digest)
    decisions.decide(handoff, choice, reviewer=_reviewer(handoff), now=timezone.now())


def _reviewer(handoff: Handoff) -> User:
    found = User.objects.filter(groups=handoff.role_id, is_active=True).order_by("pk").first()
    if found is None:
        raise CommandError(f"Nobody has the role {handoff.role.name}: run load_demo first.")
    return found


def _words(row: Any) -> str:
    told = row.details.get("told") or [row.details[name] for name in ("title", "to") if row.details.get(name)]
    said = f" ({', '.join(map(str, told))})" if told else ""
    return f"{row.get_event_display().lower()}{said} by {row.actor_name}"
