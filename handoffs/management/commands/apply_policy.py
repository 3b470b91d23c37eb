"""`manage.py apply_policy FILE`: store a policy from a file as a draft or publish it, or print every mistake in it."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from handoffs.actions import policies
from handoffs.errors import DeskError, Mistake, PolicyInvalid
from handoffs.models import PolicyVersion, Workflow
from handoffs.queries.policies import draft_of, problems_in
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.policy_checks import warnings
from handoffs.rules.policy_loading import read_yaml, refuse
from handoffs.rules.policy_reading import plain
from handoffs.rules.problems import Problem


class Command(BaseCommand):
    help = "Store the policy in FILE (YAML or JSON) as a draft, or publish it. One with mistakes is not stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="The policy document, - for standard input")
        parser.add_argument("--publish", action="store_true", help="Make it live; needs --reason")
        parser.add_argument("--reason", default="", help="Why, for the history")
        parser.add_argument("--by", metavar="USERNAME", help="Who does it, for the history")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["publish"] and not options["reason"].strip():
            raise CommandError('Say why it is published: --reason "…"')
        person = _person(options["by"])
        try:
            document = plain(read_yaml(_text(options["file"])))
            found = problems_in(document)
            refuse(found)
            self._apply(document, found, person, options)
        except PolicyInvalid as invalid:
            self._print_mistakes(invalid.mistakes)
            raise CommandError(f"{len(invalid.mistakes)} mistake(s) in the policy: nothing was stored") from invalid
        except DeskError as error:
            raise CommandError(error.message) from error

    def _apply(
        self, document: dict[str, Any], found: Iterable[Problem], person: User | None, options: dict[str, Any]
    ) -> None:
        same = _same_version(document, among_drafts=not options["publish"])
        if same is not None:
            self._print_warnings(warnings(found))
            self.stdout.write(f"Version {same.number} ({same.status}) already says this: nothing to do.")
            return
        key, now = document["workflow"], timezone.now()
        draft = policies.save_draft(key, document, author=person, now=now, create=True)
        if not options["publish"]:
            self._print_warnings(warnings(found))
            self.stdout.write(f"Version {draft.number} of {key} is stored as a draft.")
            return
        version, warned = policies.publish(key, publisher=person, reason=options["reason"], now=now)
        self._print_warnings(warned)
        self.stdout.write(f"Version {version.number} of {key} is live.")

    def _print_mistakes(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            self.stderr.write(f"{mistake.pointer}: {mistake.detail}")

    def _print_warnings(self, found: Iterable[Problem]) -> None:
        for problem in found:
            self.stderr.write(f"warning: {problem}")


def _text(file: str) -> str:
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _person(username: str | None) -> User | None:
    if username is None:
        return None
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise CommandError(f"There is nobody active called {username}.")
    return person


def _same_version(document: dict[str, Any], *, among_drafts: bool) -> PolicyVersion | None:
    """The live version, or the draft, that says exactly this."""
    workflow = Workflow.objects.select_related("live_version").filter(key=document["workflow"]).first()
    if workflow is None:
        return None
    versions = [workflow.live_version, draft_of(workflow) if among_drafts else None]
    said = canonical_dumps(document)
    return next((version for version in versions if version and canonical_dumps(version.document) == said), None)
