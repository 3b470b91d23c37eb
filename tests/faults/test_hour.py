"""A desk with its examples under random kills for two minutes; `python -m tests.faults.hour` does it for an hour."""

import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = pytest.mark.fault
FREE_PORT = "9189"


def test_what_must_hold_holds_after_two_minutes_of_kills(tmp_path):
    command = [sys.executable, "-m", "tests.faults.hour", "--minutes", "2", "--port", FREE_PORT]
    outcome = subprocess.run(
        [*command, "--folder", str(tmp_path / "desk")],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-3000:]
