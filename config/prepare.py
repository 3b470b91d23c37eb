"""Bring tables and demo up to date in one process; `make run` waits for it before it starts anything."""

import os

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("HANDOFFS_LOCK_TIMEOUT", "5s")
    django.setup()
    call_command("migrate", interactive=False, verbosity=1, skip_checks=True)
    call_command("load_demo")


if __name__ == "__main__":
    main()
