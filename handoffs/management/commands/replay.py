"""`manage.py replay WORKFLOW`: run past cases through a version, here and now, and print what it comes to."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from handoffs.actions import replay_runs, replays
from handoffs.actions.replays import Order
from handoffs.errors import DeskError, Invalid
from handoffs.models import PolicyVersion, Replay, Workflow
from handoffs.queries.policies import workflow_called

SLICE_SECONDS = 5.0


class Command(BaseCommand):
    help = "Run stored attempts, or a CSV or JSON Lines file, through a policy version. Nothing else is touched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workflow", help="The workflow's key")
        parser.add_argument("--version-number", type=int, metavar="N", help="Which version; by default the newest")
        parser.add_argument("--against", type=int, metavar="N", help="A version to compare with")
        parser.add_argument("--file", help="A file of past cases instead of stored attempts")
        parser.add_argument("--from", dest="from_at", metavar="DAY", help="Stored attempts from that day, in UTC")
        parser.add_argument("--until", dest="until_at", metavar="DAY", help="until before that day")
        parser.add_argument("--title", default="")
        parser.add_argument("--full", action="store_true", help="As if the version were rolled out to every case")
        parser.add_argument("--json", action="store_true", help="Print the whole summary as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            replay = _ordered(workflow_called(options["workflow"]), options)
        except DeskError as error:
            raise CommandError(error.message) from error
        replay = self._run(replay)
        if replay.state != "done":
            raise CommandError(f"The replay is {replay.state}. {replay.error}".strip())
        self._print(replay, as_json=options["json"])

    def _run(self, replay: Replay) -> Replay:
        """Run what waits until this one is over; a worker may take part."""
        while replay.is_unfinished:
            replay_runs.work(clock=timezone.now, seconds=SLICE_SECONDS)
            replay.refresh_from_db()
            self.stderr.write(f"{replay.done_count:,} of {replay.total_count:,} attempts")
        return replay

    def _print(self, replay: Replay, *, as_json: bool) -> None:
        summary: Any = replay.summary
        if as_json:
            self.stdout.write(json.dumps(summary, indent=2, default=str))
            return
        for line, reason in replay.problems:
            self.stderr.write(f"line {line}: {reason}")
        self.stdout.write(f"{summary['opened']:,} of {summary['attempts']:,} attempts are handed off ({replay.pk})")
        for trigger in summary["triggers"]:
            self.stdout.write(f"  {trigger['key']}: fires {trigger['fired']:,}, hands off {trigger['opened']:,}")
        for route in summary["routes"]:
            self.stdout.write(f"  to {route['role']}: {route['count']:,}")
        for change, count in (summary["changes"] or {}).items():
            self.stdout.write(f"  {change.replace('_', ' ')}: {count:,}")


def _ordered(workflow: Workflow, options: dict[str, Any]) -> Replay:
    order = Order(
        version=_version(workflow, options["version_number"]),
        against=_version(workflow, options["against"]) if options["against"] else None,
        title=options["title"],
        fully_rolled_out=options["full"],
    )
    now = timezone.now()
    if options["file"]:
        path = Path(options["file"])
        return replays.order_upload(order, body=_body(path), file_name=path.name, by=None, now=now)
    from_at, until_at = _day(options["from_at"]), _day(options["until_at"])
    return replays.order_stored(order, from_at=from_at, until_at=until_at, by=None, now=now)


def _version(workflow: Workflow, number: int | None) -> PolicyVersion:
    versions = workflow.policy_versions.select_related("workflow").order_by("-number")
    found = versions.first() if number is None else versions.filter(number=number).first()
    if found is None:
        raise Invalid(f"{workflow.title} has no version {number or ''}.")
    return found


def _body(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise CommandError(f"{text} is no day: write 2026-11-20") from error
