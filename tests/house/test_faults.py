"""The page of faults names tests that exist."""

import re

import pytest
from django.conf import settings

PAGE = (settings.BASE_DIR / "docs" / "faults.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_for_a_fault_exists(path, name):
    assert f"def {name}(" in (settings.BASE_DIR / path).read_text()


def test_every_fault_is_shown_by_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == []
