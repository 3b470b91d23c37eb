"""`manage.py verify_audit`: walk every handoff's audit trail, name each first broken row, exit 1 if there is any."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from handoffs.models import Handoff
from handoffs.queries.verification import one_moment, verify_audit


class Command(BaseCommand):
    help = "Verify the digest chain of every handoff's audit trail."

    def handle(self, *args: Any, **options: Any) -> None:
        with one_moment():
            breaks = list(verify_audit())
            counted = f"{Handoff.history.count()} rows of {Handoff.objects.count()} handoffs"
        for found in breaks:
            self.stderr.write(f"handoff {found.handoff}, row {found.sequence}: {found.problem}")
        if breaks:
            raise CommandError(f"{len(breaks)} trail(s) broken")
        self.stdout.write(f"{counted} verified: nothing was changed.")
