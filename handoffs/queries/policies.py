"""Policies as rules read them, and what stored cases say about them."""

import uuid
from functools import lru_cache

from handoffs.models import PolicyVersion
from handoffs.rules.policy import Policy
from handoffs.rules.policy_loading import load


@lru_cache(maxsize=512)
def policy_of(version_id: uuid.UUID) -> Policy:
    """The policy of a published version, compiled once per process: published documents never change."""
    return load(PolicyVersion.objects.values_list("document", flat=True).get(pk=version_id))
