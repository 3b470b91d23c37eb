"""The stages of a rollout: how to widen one, where to step back to, and which limit it has passed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.rules.durations import words
from handoffs.rules.policy import Limits

STEPS = (0, 1, 5, 10, 25, 50, 100)
"""The shares, in percent, that are offered one after the other."""


@dataclass(frozen=True, kw_only=True)
class StageFigures:
    """What a stage came to. Shares are 0–1 and None where nothing was counted; `mtta_seconds` likewise."""

    decided_count: int
    override_ratio: float | None = None
    cut_off_ratio: float | None = None
    failed_recovery_ratio: float | None = None
    mtta_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A limit that was passed, in words: `override rate 32 % is above 25 %`."""

    name: str
    sentence: str


def raised(percent: float) -> float | None:
    """The next wider stage; None where it is everywhere."""
    return next((float(step) for step in STEPS if step > percent), None)


def share_of_stage(rollout: Mapping[str, Any]) -> float:
    """The percentage of cases for which the document's rollout has effect; a shadow has none."""
    return 0.0 if rollout.get("shadow") else float(rollout.get("percent", 100))


def stepped_back(rollout: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The rollout to step back to; None where no case is inside.

    `earlier` are those of the versions before, newest first: the first that reached fewer cases gives percentage and
    shadow, all else stays. Without one, the next narrower stage.
    """
    share = share_of_stage(rollout)
    if share <= 0:
        return None
    before = next((each for each in earlier if share_of_stage(each) < share), None)
    if before is not None:
        changed = {"percent": before.get("percent", 100), "shadow": bool(before.get("shadow"))}
    else:
        changed = {"percent": max((step for step in STEPS if step < share), default=0), "shadow": False}
    return {**rollout, **changed}


def passed(limits: Limits, figures: StageFigures) -> tuple[Passed, ...]:
    """The limits that the stage has passed, once enough was decided; exactly at the limit is within it."""
    if figures.decided_count < limits.min_cases:
        return ()
    shares = (
        ("override rate", figures.override_ratio, limits.override_percent),
        ("cut-off rate", figures.cut_off_ratio, limits.cut_off_percent),
        ("failed recoveries", figures.failed_recovery_ratio, limits.failed_recovery_percent),
    )
    found = [
        Passed(name=name, sentence=f"{name} {ratio * 100:.1f} % is above {limit:g} %")
        for name, ratio, limit in shares
        if limit is not None and ratio is not None and ratio * 100 > limit
    ]
    if limits.mtta_seconds is not None and (figures.mtta_seconds or 0) > limits.mtta_seconds:
        took = words(round(figures.mtta_seconds or 0))
        found.append(Passed(name="MTTA", sentence=f"MTTA {took} is above {words(limits.mtta_seconds)}"))
    return tuple(found)
