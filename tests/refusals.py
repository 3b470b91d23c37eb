"""How tests say that something was refused and that nothing happened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, transaction

from handoffs.errors import DeskError


@contextmanager
def refused_by_the_database(words: str) -> Iterator[None]:
    """The statement inside raises an error of the database that says `words`."""
    with pytest.raises(DatabaseError, match=words), transaction.atomic():
        yield


@contextmanager
def refused(kind: type[DeskError], **details: Any) -> Iterator[pytest.ExceptionInfo[DeskError]]:
    """The action inside raises exactly `kind` with at least these details, and leaves every row as it was."""
    before = everything()
    with pytest.raises(kind) as caught:
        yield caught
    assert type(caught.value) is kind
    assert {name: caught.value.details.get(name) for name in details} == details
    assert everything() == before


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of the domain, by table: what must be the same after a refusal."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in apps.get_app_config("handoffs").get_models()
    }
