"""From the document that a manager wrote to the Policy that the rules read, or to every mistake in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
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
from handoffs.errors import Mistake, PolicyInvalid
from handoffs.rules.conditions import Condition, compile_condition
from handoffs.rules.data_schema import DataSchema, humanise
from handoffs.rules.durations import seconds
from handoffs.rules.policy import (
    Context,
    ContextField,
    CutOff,
    EscalationStep,
    FailureLimit,
    Integrity,
    Limits,
    Outcome,
    Policy,
    Promotion,
    RecoveryRules,
    Reminder,
    Rollout,
    Route,
    Sla,
    Suggestion,
    Supervision,
    Trigger,
)
from handoffs.rules.policy_reading import plain, read_yaml
from handoffs.rules.policy_schema import policy_schema
from handoffs.rules.policy_structure import PROBLEMS_LIMIT, data_problems, structure_problems
from handoffs.rules.problems import ConditionInvalid, Problem
from handoffs.rules.values import Kind

__all__ = ["load", "read_yaml", "refuse"]

DEFAULT_SUMMARY = "{reference}"
TYPE_OF_KIND = {
    Kind.NUMBER: FieldType.NUMBER,
    Kind.DATE: FieldType.DATE,
    Kind.MOMENT: FieldType.DATE,
    Kind.LIST: FieldType.TABLE,
}

SECTIONS = {name: position for position, name in enumerate(policy_schema()["properties"])}

Section = Mapping[str, Any]
Conditions = dict[str, Condition]


def load(document: Mapping[str, Any]) -> Policy:
    """The policy that `document` says, conditions compiled and defaults filled in.

    Raises PolicyInvalid with every mistake of shape, duration, data schema and condition, each at its place. Whether
    the parts fit together and the roles exist is left to `policy_checks.check`.
    """
    document = plain(document)
    problems = structure_problems(document)
    broken = data_problems(document.get("data"))
    schema = DataSchema.of(None if broken else _mapping(document.get("data")), units=units_of(document))
    conditions, misfits = _compile_all(document, schema) if not broken else ({}, [])
    refuse(_in_order([*problems, *broken, *misfits]))
    return _Builder(document, schema, conditions).policy()


def refuse(problems: Sequence[Problem]) -> None:
    """Raise PolicyInvalid with the errors among `problems`, if there are any."""
    mistakes = [Mistake(pointer=each.place, detail=each.message) for each in problems if each.severity == "error"]
    if mistakes:
        first = f"{mistakes[0].pointer}: {mistakes[0].detail}"
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        raise PolicyInvalid(first + more, mistakes=mistakes)


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """One problem per place, the first that was found, in the order of the schema's sections."""
    first = {problem.place: problem for problem in reversed(problems)}
    kept = [problem for problem in problems if first[problem.place] is problem][: 2 * PROBLEMS_LIMIT]
    return sorted(kept, key=lambda problem: SECTIONS.get(re.split(r"[.\[]", problem.place)[0], len(SECTIONS)))


def units_of(document: Section) -> dict[str, dict[str, str]]:
    """What a document's context says of its fields: percent, or money in a currency that is given or in a field."""
    shown = _mapping(document.get("context")).get("fields")
    units: dict[str, dict[str, str]] = {}
    for entry in shown if isinstance(shown, list) else ():
        of = _mapping(entry)
        if of.get("as") == FieldType.PERCENT:
            units[str(of.get("field"))] = {"unit": "%"}
        elif of.get("as") == FieldType.MONEY and isinstance(of.get("currency"), str):
            units[str(of.get("field"))] = {"currency" if "." in of["currency"] else "unit": of["currency"]}
    return units


def _compile_all(document: Section, schema: DataSchema) -> tuple[Conditions, list[Problem]]:
    compiled: Conditions = {}
    problems: list[Problem] = []
    for place, source in _sources(document):
        if source is None or len(problems) >= PROBLEMS_LIMIT:
            continue
        try:
            compiled[place] = compile_condition(source, schema, place=place)
        except ConditionInvalid as invalid:
            problems += invalid.problems
    return compiled, problems


def _sources(document: Section) -> Iterator[tuple[str, Any]]:
    """Every condition with its place, as far as the shape of the document lets them be found."""
    for name in ("triggers", "routes", "suggest"):
        for position, part in _parts(document.get(name)):
            yield f"{name}[{position}].when", part.get("when")
    for position, part in _parts(document.get("outcomes")):
        yield f"outcomes[{position}].second_person.when", _mapping(part.get("second_person")).get("when")
    yield "supervision.always_when", _mapping(document.get("supervision")).get("always_when")
    yield "rollout.when", _mapping(document.get("rollout")).get("when")


def _parts(listed: Any) -> Iterator[tuple[int, Section]]:
    for position, part in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(part, Mapping):
            yield position, part


def _mapping(value: Any) -> Section:
    return value if isinstance(value, Mapping) else {}


class _Builder:
    """Builds the values of a document whose shape is known to be right."""

    def __init__(self, document: Section, schema: DataSchema, conditions: Conditions) -> None:
        self.document = document
        self.schema = schema
        self.conditions = conditions

    def policy(self) -> Policy:
        document = self.document
        return Policy(
            workflow=document["workflow"],
            title=document.get("title") or humanise(document["workflow"].replace("-", " ")),
            pattern=Pattern(document.get("pattern", Pattern.ALERT_AND_WAIT)),
            data=document.get("data", {}),
            context=self._context(document.get("context", {})),
            triggers=tuple(self._trigger(place, part) for place, part in self._each("triggers")),
            routes=tuple(self._route(place, part) for place, part in self._each("routes")),
            outcomes=tuple(self._outcome(place, part) for place, part in self._each("outcomes")),
            suggest=tuple(self._suggestion(place, part) for place, part in self._each("suggest")),
            sla=_sla(document.get("sla", {})),
            recovery=_recovery(document.get("recovery", {})),
            supervision=self._supervision(document.get("supervision", {})),
            rollout=self._rollout(document.get("rollout", {})),
            integrity=_integrity(document.get("integrity", {})),
        )

    def _each(self, name: str) -> Iterator[tuple[str, Section]]:
        return ((f"{name}[{position}]", part) for position, part in _parts(self.document.get(name)))

    def _context(self, section: Section) -> Context:
        require = section.get("require", {})
        return Context(
            summary=section.get("summary", DEFAULT_SUMMARY),
            fields=tuple(self._field(part) for part in section.get("fields", ())),
            required_fields=tuple(require.get("fields", ())),
            required_documents=tuple(require.get("documents", ())),
        )

    def _field(self, part: Section) -> ContextField:
        path = part["field"]
        spec = self.schema.field(path)
        title = spec.title if spec else humanise(path.rpartition(".")[2])
        by_default = TYPE_OF_KIND.get(spec.kind, FieldType.TEXT) if spec else FieldType.TEXT
        return ContextField(
            field=path,
            as_type=FieldType(part.get("as", by_default)),
            label=part.get("label", title),
            currency=part.get("currency", ""),
            sensitive=part.get("sensitive", False),
        )

    def _trigger(self, place: str, part: Section) -> Trigger:
        failures, sample = part.get("failures"), part.get("sample")
        return Trigger(
            key=part["key"],
            title=part.get("title", humanise(part["key"])),
            when=self.conditions.get(f"{place}.when"),
            failures=_failures(failures) if failures else None,
            sample_percent=float(sample["percent"]) if sample else None,
            unknown=OnUnknown(part.get("unknown", OnUnknown.HAND_OFF)),
            root_cause=part.get("root_cause", ""),
        )

    def _route(self, place: str, part: Section) -> Route:
        priority = Priority(part.get("priority", Priority.NORMAL))
        return Route(role=part["role"], when=self.conditions.get(f"{place}.when"), priority=priority)

    def _outcome(self, place: str, part: Section) -> Outcome:
        second = part.get("second_person", False)
        return Outcome(
            key=part["key"],
            title=part.get("title", humanise(part["key"])),
            kind=OutcomeKind(part["kind"]),
            recovery=RecoveryAction(part["recovery"]),
            explain=part.get("explain", ""),
            reason=ReasonRule(part.get("reason", ReasonRule.OPTIONAL)),
            reversible=part.get("reversible", True),
            together=part.get("together", False),
            second_person=self.conditions.get(f"{place}.second_person.when") or (True if second is True else None),
            answers=part.get("answers", {}),
        )

    def _suggestion(self, place: str, part: Section) -> Suggestion:
        return Suggestion(outcome=part["outcome"], when=self.conditions.get(f"{place}.when"))

    def _supervision(self, section: Section) -> Supervision:
        percent = section.get("sample", {}).get("percent", 100)
        return Supervision(sample_percent=float(percent), always_when=self.conditions.get("supervision.always_when"))

    def _rollout(self, section: Section) -> Rollout:
        return Rollout(
            percent=float(section.get("percent", 100)),
            when=self.conditions.get("rollout.when"),
            reviewers=section.get("reviewers"),
            shadow=section.get("shadow", False),
            requires_replay=section.get("requires_replay", False),
            limits=_limits(section["limits"]) if section.get("limits") else None,
            promote=_promotion(section["promote"]) if section.get("promote") else None,
        )


def _limits(section: Section) -> Limits:
    return Limits(
        min_cases=int(section.get("min_cases", Limits.min_cases)),
        override_percent=_optional_float(section, "override_percent"),
        cut_off_percent=_optional_float(section, "cut_off_percent"),
        failed_recovery_percent=_optional_float(section, "failed_recovery_percent"),
        mtta_seconds=_optional_seconds(section, "mtta"),
    )


def _promotion(section: Section) -> Promotion:
    return Promotion(
        min_cases=int(section.get("min_cases", Promotion.min_cases)),
        agreement_percent=_optional_float(section, "agreement_percent"),
        kappa=_optional_float(section, "kappa"),
    )


def _integrity(section: Section) -> Integrity:
    percent = section.get("second_look", {}).get("percent", 0)
    return Integrity(second_look_percent=float(percent), unopened_documents=section.get("unopened_documents", False))


def _failures(section: Section) -> FailureLimit:
    waits = section.get("retry_after")
    return FailureLimit(
        count=int(section["count"]),
        within_seconds=seconds(section["within"]),
        errors=frozenset(section.get("errors", ())),
        across_cases=section.get("across_cases", False),
        **({"retry_after_seconds": tuple(map(seconds, waits))} if waits else {}),
    )


def _sla(section: Section) -> Sla:
    cut_off = section.get("cut_off")
    return Sla(
        calendar=section.get("calendar", Sla.calendar),
        accept_within_seconds=_optional_seconds(section, "accept_within"),
        resolve_within_seconds=_optional_seconds(section, "resolve_within"),
        reminders=tuple(_reminder(part) for part in section.get("reminders", ())),
        escalation=tuple(_escalation_step(part) for part in section.get("escalation", ())),
        cut_off=CutOff(after_seconds=seconds(cut_off["after"]), outcome=cut_off["outcome"]) if cut_off else None,
        idle_release_seconds=_optional_seconds(section, "idle_release"),
    )


def _reminder(part: Section) -> Reminder:
    offset = seconds(part["by"])
    anchor = ReminderAnchor(part.get("before") or part["after"])
    return Reminder(anchor=anchor, offset_seconds=-offset if "before" in part else offset, to=ReminderTo(part["to"]))


def _escalation_step(part: Section) -> EscalationStep:
    priority = part.get("priority")
    return EscalationStep(
        when=EscalationWhen(part["when"]),
        after_seconds=seconds(part["after"]),
        role=part["role"],
        priority=Priority(priority) if priority else None,
        tell=tuple(part.get("tell", ())),
    )


def _recovery(section: Section) -> RecoveryRules:
    within = seconds(section["receipt_within"]) if "receipt_within" in section else RecoveryRules.receipt_within_seconds
    return RecoveryRules(
        receipt_within_seconds=within, on_failure=OnFailure(section.get("on_failure", OnFailure.REOPEN))
    )


def _optional_seconds(section: Section, name: str) -> int | None:
    text = section.get(name)
    return None if text is None else seconds(text)


def _optional_float(section: Section, name: str) -> float | None:
    number = section.get(name)
    return None if number is None else float(number)
