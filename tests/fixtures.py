"""The fixed people and things that tests ask for by name; each is made by the factories when asked for."""

from datetime import datetime

import pytest
from django.utils import timezone

from accounts.models import User
from handoffs.models import Workflow
from tests import factories


@pytest.fixture
def now() -> datetime:
    """This moment, for the whole test; the database's own clock is at most a test's length ahead."""
    return timezone.now()


@pytest.fixture
def workflow(db) -> Workflow:
    return factories.workflow()


@pytest.fixture
def ann(db) -> User:
    return factories.ann()


@pytest.fixture
def bob(db) -> User:
    return factories.bob()


@pytest.fixture
def cleo(db) -> User:
    return factories.cleo()


@pytest.fixture
def lea(db) -> User:
    return factories.lea()


@pytest.fixture
def otto(db) -> User:
    return factories.otto()


@pytest.fixture
def max_(db) -> User:
    return factories.max_()


@pytest.fixture
def matcher(db) -> User:
    return factories.matcher()
