"""Bring tables and demo up to date, say so, and go on as the sweep: the first process of `make run`."""

import argparse
import os
import sys

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tell", type=int, required=True, metavar="FD", help="the pipe that waits for a word")
    with os.fdopen(parser.parse_args().tell, "w") as listener:
        django.setup()
        migrating = _migrations_wait()
        if migrating:
            call_command("migrate", interactive=False, verbosity=1, skip_checks=True)
        call_command("load_demo")
        listener.write("prepared")
    if migrating:  # what migrations left in memory goes away with this program
        os.execv(sys.executable, [sys.executable, "manage.py", "sweep"])
    call_command("sweep")


def _migrations_wait() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


if __name__ == "__main__":
    main()
