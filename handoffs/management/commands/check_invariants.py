"""`manage.py check_invariants`: ask the database for what must always hold, say what does not, exit 1 if anything."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from handoffs.actions.delivery import LEASE
from handoffs.queries.invariants import QUESTIONS, violations
from handoffs.queries.verification import one_moment


class Command(BaseCommand):
    help = "Check the invariants of attempts, decisions, deliveries, clocks, audit trails and leases."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        with one_moment():
            found = list(violations(now=now, lease=LEASE))
        for violation in found:
            self.stderr.write(str(violation))
        if found:
            raise CommandError(f"{len(found)} violation(s)")
        self.stdout.write(f"{', '.join(QUESTIONS)} hold.")
