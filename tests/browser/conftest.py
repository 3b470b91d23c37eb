"""The stage of the browser tests."""

from typing import Any

import pytest

from tests.browser.stage import desk, remember_failure

__all__ = ["desk"]


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    remember_failure(item, call)
