"""Whether the parts of a policy fit together: what is refused at publishing, and what is only warned about.

One function per matter, each giving the problems it finds; `CHECKS` is the list of them. What needs stored cases or
people is left to queries.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from handoffs.choices import OutcomeKind, Pattern, ReminderAnchor
from handoffs.rules.data_schema import DataSchema, Vocabulary, parse_path
from handoffs.rules.detection import RESERVED_KEYS
from handoffs.rules.durations import words
from handoffs.rules.policy import FailureLimit, Outcome, Policy, Sla
from handoffs.rules.problems import Misfit, Problem, did_you_mean

RESERVED_OUTCOMES = ("escalate", "return")
CURRENCY_CODE = re.compile(r"[A-Z]{3}\Z")
ANCHOR_SETTINGS = {"accept": "accept_within", "resolve": "resolve_within", "cut_off": "cut_off"}
PLACEHOLDER = re.compile(r"\{([^{}|]+)(?:\|[^{}]*)?\}")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a policy is checked against. `calendars` is None where the calendars are not known."""

    document: Mapping[str, Any]
    schema: DataSchema
    roles: frozenset[str]
    calendars: frozenset[str] | None = None


def check(
    policy: Policy, document: Mapping[str, Any], *, roles: frozenset[str], calendars: frozenset[str] | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong or odd about a loaded policy, in the order of the document's sections.

    `document` is what `policy` was loaded from, `roles` the names of all roles, `calendars` the keys of all calendars.
    """
    schema = DataSchema.of(policy.data)
    around = Surroundings(document=document, schema=schema, roles=roles, calendars=calendars)
    return tuple(problem for matter in CHECKS for problem in matter(policy, around))


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that refuse a policy."""
    return tuple(problem for problem in problems if problem.severity == "error")


def warnings(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that do not."""
    return tuple(problem for problem in problems if problem.severity == "warning")


def role_names(policy: Policy) -> tuple[str, ...]:
    """Every role that the policy names, once each, in order: routes, escalation chain, who is told, pilot."""
    return tuple(dict.fromkeys(role for _, role in named_roles(policy)))


def named_roles(policy: Policy) -> Iterator[tuple[str, str]]:
    """The place and the name of every mention of a role."""
    for position, route in enumerate(policy.routes):
        yield f"routes[{position}].role", route.role
    for position, step in enumerate(policy.sla.escalation):
        yield f"sla.escalation[{position}].role", step.role
        for place, role in enumerate(step.tell):
            yield f"sla.escalation[{position}].tell[{place}]", role
    if policy.rollout.reviewers:
        yield "rollout.reviewers", policy.rollout.reviewers


def _summary(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    template = policy.context.summary
    for path in PLACEHOLDER.findall(template):
        yield from _field(around, path.strip(), "context.summary")
    if set("{}") & set(PLACEHOLDER.sub("", template)):
        yield _error("context.summary", "a brace without its partner: write {data.vendor} or {data.po|none}")


def _shown_fields(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    for position, shown in enumerate(policy.context.fields):
        place = f"context.fields[{position}]"
        yield from _field(around, shown.field, f"{place}.field")
        if shown.currency and not CURRENCY_CODE.match(shown.currency):
            yield from _currency(around, shown.currency, f"{place}.currency")
    yield from _twice("context.fields", "field", (shown.field for shown in policy.context.fields))


def _currency(around: Surroundings, currency: str, place: str) -> Iterator[Problem]:
    if "." in currency:
        yield from _field(around, currency, place)
    else:
        yield _error(place, "write a path such as data.currency, or a code such as USD")


def _required_fields(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    shown = {shown.field for shown in policy.context.fields}
    for position, path in enumerate(policy.context.required_fields):
        place = f"context.require.fields[{position}]"
        unknown = list(_field(around, path, place))
        yield from unknown
        if not unknown and path not in shown:
            yield _error(place, f"{path} is required and not shown: add it to context.fields")


def _triggers(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    yield from _twice("triggers", "key", (trigger.key for trigger in policy.triggers))
    for position, trigger in enumerate(policy.triggers):
        if trigger.key in RESERVED_KEYS:
            yield _error(f"triggers[{position}].key", f"{trigger.key} {RESERVED_KEYS[trigger.key]}: rename it")
        if trigger.failures:
            yield from _failures(trigger.failures, f"triggers[{position}].failures")


def _failures(limit: FailureLimit, place: str) -> Iterator[Problem]:
    waits = limit.retry_after_seconds
    needed = sum(waits[min(failure, len(waits) - 1)] for failure in range(limit.count - 1))
    if not limit.across_cases and needed >= limit.within_seconds:
        said = (
            f"{limit.count} failures take {words(needed)} with these waits, the window is {words(limit.within_seconds)}"
        )
        yield _error(f"{place}.within", f"{said}: the limit is never reached")
    if limit.across_cases and not limit.errors:
        yield _error(f"{place}.errors", "say which errors make an outage when they come from many cases")
    if not limit.across_cases and len(waits) > max(limit.count - 1, 1):
        yield _warning(f"{place}.retry_after", f"of these {len(waits)} waits only {limit.count - 1} are used")


def _pattern(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    if policy.pattern is Pattern.ESCALATION and not any(trigger.failures for trigger in policy.triggers):
        yield _error("triggers", "the escalation pattern needs a trigger with failures: add one")
    if policy.pattern is Pattern.SUPERVISED and policy.sla.cut_off is None:
        yield _warning("sla.cut_off", "without it, what nobody reviews is never confirmed")
    if policy.pattern is not Pattern.SUPERVISED and "supervision" in around.document:
        yield _error("supervision", "only the supervised pattern has it: leave it out, or change the pattern")


def _routes(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    last = len(policy.routes) - 1
    for position, route in enumerate(policy.routes):
        if position < last and route.when is None:
            yield _error(f"routes[{position}]", "no condition, so the routes after it are never reached: add when")
    if policy.routes[last].when is not None:
        yield _error(f"routes[{last}].when", "the last route takes every other case: leave the condition out")


def _roles(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    for place, role in named_roles(policy):
        if role not in around.roles:
            near = did_you_mean(role, around.roles) or ": create it, or name another"
            yield _error(place, f"there is no role {role}{near}")


def _outcomes(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    yield from _twice("outcomes", "key", (outcome.key for outcome in policy.outcomes))
    for position, outcome in enumerate(policy.outcomes):
        if outcome.together:
            yield from _together(outcome, f"outcomes[{position}].together")
        if outcome.key in RESERVED_OUTCOMES:
            yield _error(f"outcomes[{position}].key", f"{outcome.key} is always there: rename it or leave it out")
        for number, name in enumerate(outcome.answers.get("required", ())):
            if name not in outcome.answers["properties"]:
                near = did_you_mean(name, outcome.answers["properties"])
                yield _error(f"outcomes[{position}].answers.required[{number}]", f"no question is called {name}{near}")


def _together(outcome: Outcome, place: str) -> Iterator[Problem]:
    if outcome.answers.get("required"):
        yield _error(place, f"{outcome.key} has questions that must be answered case by case: write false")
    if outcome.kind is OutcomeKind.APPROVE and not outcome.reversible:
        yield _warning(place, f"{outcome.key} approves what cannot be undone, and for many cases with one press")


def _suggestions(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    for position, suggestion in enumerate(policy.suggest):
        yield from _known_outcome(policy, suggestion.outcome, f"suggest[{position}].outcome")
        if suggestion.when is None and position < len(policy.suggest) - 1:
            yield _warning(f"suggest[{position}]", "no condition, so the suggestions after it are never made")


def _calendar(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    calendar = policy.sla.calendar
    if around.calendars is not None and calendar not in around.calendars:
        near = did_you_mean(calendar, around.calendars) or ": create it, or write always"
        yield _error("sla.calendar", f"there is no calendar {calendar}{near}")


def _targets(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    accept, resolve = policy.sla.accept_within_seconds, policy.sla.resolve_within_seconds
    if accept and resolve and accept > resolve:
        yield _warning("sla.accept_within", f"{words(accept)} is longer than resolve_within ({words(resolve)})")
    if policy.sla.cut_off:
        for name, target in (("accept_within", accept), ("resolve_within", resolve)):
            if target and target > policy.sla.cut_off.after_seconds:
                yield _warning(
                    f"sla.{name}", f"the cut-off comes first, after {words(policy.sla.cut_off.after_seconds)}"
                )


def _reminders(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    for position, reminder in enumerate(policy.sla.reminders):
        place, target = f"sla.reminders[{position}]", _target_seconds(policy.sla, reminder.anchor)
        if target is None:
            said = f"there is no {ANCHOR_SETTINGS[reminder.anchor.value]} to remind of: add it, or drop the reminder"
            yield _error(place, said)
        elif -reminder.offset_seconds > target:
            yield _error(f"{place}.by", f"{words(-reminder.offset_seconds)} is longer than the target, {words(target)}")
        elif policy.sla.cut_off and target + reminder.offset_seconds >= policy.sla.cut_off.after_seconds:
            yield _warning(place, "never sent: the cut-off comes first")


def _target_seconds(sla: Sla, anchor: ReminderAnchor) -> int | None:
    cut_off_seconds = sla.cut_off.after_seconds if sla.cut_off else None
    targets = {"accept": sla.accept_within_seconds, "resolve": sla.resolve_within_seconds, "cut_off": cut_off_seconds}
    return targets[anchor.value]


def _escalation(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    steps, cut_off = policy.sla.escalation, policy.sla.cut_off
    for position, step in enumerate(steps):
        if cut_off and step.after_seconds >= cut_off.after_seconds:
            said = f"comes at or after the cut-off ({words(cut_off.after_seconds)}): make it shorter"
            yield _error(f"sla.escalation[{position}].after", said)
    for position, (before, step) in enumerate(pairwise(steps), start=1):
        if step.after_seconds < before.after_seconds:
            yield _warning(f"sla.escalation[{position}].after", "comes before the step above it: list them in order")


def _cut_off(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    if policy.sla.cut_off is None:
        return
    place, outcome = "sla.cut_off.outcome", policy.outcome(policy.sla.cut_off.outcome)
    if outcome is None:
        yield from _known_outcome(policy, policy.sla.cut_off.outcome, place)
    elif outcome.kind is OutcomeKind.APPROVE and not outcome.reversible:
        yield _error(place, f"{outcome.key} approves what cannot be undone: the clock may not decide that")


def _rollout(policy: Policy, around: Surroundings) -> Iterator[Problem]:
    if policy.rollout.shadow and policy.pattern is not Pattern.ALERT_AND_WAIT:
        said = f"in the {policy.pattern.label} pattern the automation shows its answer by acting: write false"
        yield _error("rollout.shadow", said)
    if policy.rollout.shadow and policy.rollout.limits:
        yield _warning("rollout.limits", "a shadow decision has no effect, so no limit is watched")
    if policy.rollout.limits and not policy.rollout.limits.any:
        yield _warning("rollout.limits", "no limit is named, so the stage never steps back by itself")
    if policy.rollout.percent == 0:
        yield _warning("rollout.percent", "0 %: no case is inside the rollout")


def _field(around: Surroundings, path: str, place: str) -> Iterator[Problem]:
    try:
        Vocabulary(schema=around.schema).field(parse_path(path))
    except Misfit as misfit:
        yield _error(place, misfit.message)


def _known_outcome(policy: Policy, key: str, place: str) -> Iterator[Problem]:
    if policy.outcome(key) is None:
        known = [outcome.key for outcome in policy.outcomes]
        yield _error(
            place, f"there is no outcome {key}{did_you_mean(key, known) or ': use one of ' + ', '.join(known)}"
        )


def _twice(place: str, name: str, keys: Iterable[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, key in enumerate(keys):
        if first.setdefault(key, position) != position:
            yield _error(f"{place}[{position}].{name}", f"{key} is already {place}[{first[key]}]: rename or remove one")


def _error(place: str, message: str) -> Problem:
    return Problem(place=place, message=message)


def _warning(place: str, message: str) -> Problem:
    return Problem(place=place, message=message, severity="warning")


CHECKS: tuple[Callable[[Policy, Surroundings], Iterator[Problem]], ...] = (
    _pattern,
    _summary,
    _shown_fields,
    _required_fields,
    _triggers,
    _routes,
    _roles,
    _outcomes,
    _suggestions,
    _calendar,
    _targets,
    _reminders,
    _escalation,
    _cut_off,
    _rollout,
)
