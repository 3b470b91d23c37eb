"""`manage.py verify_case_file FILE`: check a case file without the database, name what does not hold, exit 1 then."""

import zipfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from handoffs.rules import case_files

MAX_BYTES = 2 * 1024**3


class Command(BaseCommand):
    help = "Check that a case file is whole and unchanged. Needs no database."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        parts = _parts(file)
        found = case_files.problems(parts)
        for problem in found:
            self.stderr.write(problem)
        if found:
            raise CommandError(f"{file.name}: {len(found)} problem(s)")
        self.stdout.write(f"{file.name}: {len(parts)} files, digests, audit trail, contexts and decisions hold.")


def _parts(file: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) != len(entries):
                raise CommandError(f"{file.name}: two files have the same name")
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise CommandError(f"{file.name}: unpacked it is larger than any case file")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile) as error:
        raise CommandError(f"{file}: {error}") from error
