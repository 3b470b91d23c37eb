"""Which outcomes may be decided for several cases at once: those that every case's own policy offers so."""

from collections.abc import Sequence
from dataclasses import replace

from handoffs.choices import ReasonRule
from handoffs.rules.policy import Outcome, Policy


def offered_by_all(policies: Sequence[Policy]) -> tuple[Outcome, ...]:
    """The outcomes for several cases at once that mean the same in every policy, on the strictest of their terms.

    The same are key, title and what automation does then. A reason is required where one policy requires it, a second
    person is possible where one asks for it, and the explanation is empty where they differ.
    """
    if not policies:
        return ()
    found = ([_same(outcome, policy) for policy in policies] for outcome in policies[0].outcomes)
    return tuple(_strictest([each for each in same if each]) for same in found if all(same))


def _same(outcome: Outcome, policy: Policy) -> Outcome | None:
    other = policy.outcome(outcome.key)
    if other is None or not other.together:
        return None
    is_same = (other.title, other.recovery) == (outcome.title, outcome.recovery)
    return other if is_same else None


def _strictest(same: Sequence[Outcome]) -> Outcome:
    return replace(
        same[0],
        reason=max((each.reason for each in same), key=lambda rule: rule is ReasonRule.REQUIRED),
        second_person=next((each.second_person for each in same if each.second_person), None),
        explain=same[0].explain if len({each.explain for each in same}) == 1 else "",
    )
