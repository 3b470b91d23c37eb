"""`manage.py demo_history`: a past year for the invoice demo, so that figures and tuning have something to show."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from handoffs.actions import demo_history
from handoffs.errors import DeskError
from handoffs.queries.policies import workflow_called

GENTLY = 15
WORKFLOW, AUTOMATION = "invoice-matching", "invoice-matcher"


class Command(BaseCommand):
    help = "Fills the invoice demo with a believable year: a weekly rhythm, a bad week, a policy change that helped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=10_000, help="about how many handoffs")
        parser.add_argument("--seed", type=int, default=7, help="the same seed tells the same year")

        parser.add_argument("--gently", action="store_true", help="leave the processor to whoever else wants it")

    def handle(self, *args: Any, count: int, seed: int, gently: bool, **options: Any) -> None:
        if gently:
            os.nice(GENTLY)
        automation = User.objects.filter(username=AUTOMATION).first()
        if automation is None:
            raise CommandError("Load the demo first: manage.py load_demo")
        try:
            workflow = workflow_called(WORKFLOW)
            now = timezone.now()
            if workflow.live_version and workflow.live_version.number == 1:
                document = workflow.live_version.document
                demo_history.publish_the_years_policies(document, publisher=None, now=now)
                workflow.refresh_from_db()
            written = demo_history.fill(workflow, automation=automation, count=count, seed=seed, now=now)
        except demo_history.PastIsThere as error:
            settings.HANDOFFS_PAST_WANTED.unlink(missing_ok=True)
            raise CommandError(error.message) from error
        except DeskError as error:
            raise CommandError(error.message) from error
        settings.HANDOFFS_PAST_WANTED.unlink(missing_ok=True)
        self.stdout.write(f"{written:,} past handoffs are there")
