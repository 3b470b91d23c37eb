#!/usr/bin/env python
"""The door of the shell: Django's commands, with the embedded services of DATA_DIR running while they need them."""

import os
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path

WITHOUT_DATABASE = {
    "help",
    "version",
    "--version",
    "collectstatic",
    "diffsettings",
    "makemigrations",
    "spectacular",
    "startapp",
    "findstatic",
}


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if arguments[1:2] == ["migrate"]:
        os.environ.setdefault("HANDOFFS_LOCK_TIMEOUT", "5s")
    warnings.filterwarnings("ignore", "Got an error checking a consistent migration history", RuntimeWarning)
    from django.core.management import execute_from_command_line

    with _services(arguments):
        execute_from_command_line(arguments)


def _services(arguments: list[str]):
    """The embedded services, or nothing for commands that never ask the database."""
    if not _needs_database(arguments):
        return nullcontext()
    from config import embedded

    chosen = os.environ.get("DATA_DIR") or Path(__file__).resolve().parent / ".data"
    return embedded.services(Path(chosen).absolute(), say=lambda words: print(words, file=sys.stderr))


def _needs_database(arguments: list[str]) -> bool:
    command = next(iter(arguments[1:]), "help")
    if command == "check":
        return "--database" in arguments
    return command not in WITHOUT_DATABASE and not {"-h", "--help"} & set(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except Exception as problem:
        if type(problem).__name__ != "PlaceUnusable":
            raise
        sys.exit(f"manage.py: {problem}")
