"""How portal tests walk through the door: a signed-in client per person."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User


@pytest.fixture
def as_() -> Callable[[User], Client]:
    """A browser in which somebody is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in
