"""The policy document as frozen values: what managers tune, loaded once, read by every rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handoffs.choices import (
    EscalationWhen,
    FieldType,
    OnFailure,
    OnUnknown,
    OutcomeKind,
    Pattern,
    Priority,
    ReasonRule,
    RecoveryAction,
    ReminderAnchor,
    ReminderTo,
)
from handoffs.rules.conditions import Condition


@dataclass(frozen=True, kw_only=True)
class ContextField:
    """One fact that the reviewer sees; `field` is a path such as `data.amount`, `currency` a path or a code."""

    field: str
    as_type: FieldType
    label: str
    currency: str = ""
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Context:
    summary: str
    fields: tuple[ContextField, ...] = ()
    required_fields: tuple[str, ...] = ()
    required_documents: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FailureLimit:
    """Retry until `count` failures fall into `within_seconds`; wait `retry_after_seconds[n]` after the n-th."""

    count: int
    within_seconds: int
    errors: frozenset[str] = frozenset()
    retry_after_seconds: tuple[int, ...] = (30,)
    across_cases: bool = False


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A named reason to hand off: a condition, repeated failure, or a stable sample (exactly one of them)."""

    key: str
    title: str
    when: Condition | None = None
    failures: FailureLimit | None = None
    sample_percent: float | None = None
    unknown: OnUnknown = OnUnknown.HAND_OFF
    root_cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Route:
    role: str
    when: Condition | None = None
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One decision on offer. `second_person` is True (always), a condition, or None (never).

    `together` lets a reviewer give it to several selected cases at once.
    """

    key: str
    title: str
    kind: OutcomeKind
    recovery: RecoveryAction
    explain: str = ""
    reason: ReasonRule = ReasonRule.OPTIONAL
    reversible: bool = True
    together: bool = False
    second_person: Condition | bool | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    outcome: str
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """`offset_seconds` from the due time of `anchor`, negative before it, in the SLA's calendar."""

    anchor: ReminderAnchor
    offset_seconds: int
    to: ReminderTo


@dataclass(frozen=True, kw_only=True)
class EscalationStep:
    """After `after_seconds` of the SLA's calendar since the clock started, move to `role`."""

    when: EscalationWhen
    after_seconds: int
    role: str
    priority: Priority | None = None
    tell: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CutOff:
    after_seconds: int
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Sla:
    """Targets, reminders, chain and cut-off; durations count in `calendar` (`always` is around the clock)."""

    calendar: str = "always"
    accept_within_seconds: int | None = None
    resolve_within_seconds: int | None = None
    reminders: tuple[Reminder, ...] = ()
    escalation: tuple[EscalationStep, ...] = ()
    cut_off: CutOff | None = None
    idle_release_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class RecoveryRules:
    receipt_within_seconds: int = 900
    on_failure: OnFailure = OnFailure.REOPEN


@dataclass(frozen=True, kw_only=True)
class Supervision:
    sample_percent: float = 100
    always_when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a stage must stay below, once it has `min_cases`; None where it has no limit. Shares are 0–100."""

    min_cases: int = 20
    override_percent: float | None = None
    cut_off_percent: float | None = None
    failed_recovery_percent: float | None = None
    mtta_seconds: int | None = None

    @property
    def any(self) -> bool:
        """Whether it names a limit at all."""
        return self != Limits(min_cases=self.min_cases)


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What a shadow run must show before it is promoted: both bounds are for the lower end of the 95 % interval."""

    min_cases: int = 50
    agreement_percent: float | None = None
    kappa: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """For which cases the version is live. `reviewers` is the pilot role that gets them, whatever the routes say."""

    percent: float = 100
    when: Condition | None = None
    reviewers: str | None = None
    shadow: bool = False
    requires_replay: bool = False
    limits: Limits | None = None
    promote: Promotion | None = None


@dataclass(frozen=True, kw_only=True)
class Integrity:
    """How reviewers are checked; 0 % is not at all."""

    second_look_percent: float = 0
    unopened_documents: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    workflow: str
    title: str
    pattern: Pattern
    data: Mapping[str, Any]
    context: Context
    triggers: tuple[Trigger, ...]
    routes: tuple[Route, ...]
    outcomes: tuple[Outcome, ...]
    suggest: tuple[Suggestion, ...] = ()
    sla: Sla = Sla()
    recovery: RecoveryRules = RecoveryRules()
    supervision: Supervision = Supervision()
    rollout: Rollout = Rollout()
    integrity: Integrity = Integrity()

    def outcome(self, key: str) -> Outcome | None:
        """The outcome called `key`, or None where the policy offers no such outcome."""
        return next((outcome for outcome in self.outcomes if outcome.key == key), None)

    def trigger(self, key: str) -> Trigger | None:
        """The trigger called `key`, or None."""
        return next((trigger for trigger in self.triggers if trigger.key == key), None)
