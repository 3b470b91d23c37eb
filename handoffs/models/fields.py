"""Column types of our own: JSON whose numbers stay exact decimals, and time-ordered identifiers."""

import json
import uuid
from typing import Any

from django.db import models
from psycopg.types.json import Jsonb
from uuid_utils import compat

from handoffs.rules.canonical import exact_dumps, exact_number


class ExactDecoder(json.JSONDecoder):
    """Reads every number with a fraction or an exponent as Decimal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"parse_float": exact_number}))


class ExactJSONField(models.JSONField):
    """jsonb that never sends a number through a binary float, in neither direction."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"decoder": ExactDecoder}))

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        options.pop("decoder", None)
        return name, path, args, options

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None or isinstance(value, models.expressions.BaseExpression):
            return value
        return Jsonb(value, dumps=exact_dumps)


def new_id() -> uuid.UUID:
    """A UUIDv7: sorts by the time of its making, and is made here because older databases cannot."""
    return compat.uuid7()
