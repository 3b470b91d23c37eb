"""Is this case inside the stage, or in the sample? Stable per reference, so a case never changes sides."""

import hashlib
from collections.abc import Mapping
from typing import Any

from handoffs.rules.conditions import Truth
from handoffs.rules.policy import Rollout


def share_of(salt: str, reference: str) -> float:
    """A number in [0, 100) that depends on nothing but `salt` and `reference`, evenly spread over references."""
    digest = hashlib.sha256(f"{salt}\n{reference}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56 * 100


def is_sampled(*, percent: float, salt: str, reference: str) -> bool:
    """Whether `reference` belongs to the sample of `percent` (0–100). A larger percentage keeps everybody inside."""
    return share_of(salt, reference) < percent


def is_inside(rollout: Rollout, *, workflow: str, reference: str, names: Mapping[str, Any]) -> bool:
    """Whether the policy version is live for this case; a condition that cannot be decided leaves it outside."""
    if rollout.when is not None and rollout.when.evaluate(names).truth is not Truth.YES:
        return False
    return is_sampled(percent=rollout.percent, salt=f"rollout:{workflow}", reference=reference)
