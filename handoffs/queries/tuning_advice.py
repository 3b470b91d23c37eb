"""What to change first in a policy, and what to expect of it: drawn from figures, thresholds and feedback."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handoffs.queries.threshold_curves import Curve
from handoffs.queries.trigger_quality import ContextScore, Together, TriggerQuality
from handoffs.rules.package import grouped
from handoffs.rules.policy import Policy
from handoffs.rules.tuning import TELLING, Advice, Change, Kind, applied, ranked

NEEDLESS_RATIO, ENTANGLED_RATIO, MISSED_OFTEN_RATIO = 0.8, 0.95, 0.05
DOCUMENT_PREFIX = "document:"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that advice is drawn from."""

    document: Mapping[str, Any]
    policy: Policy
    qualities: Sequence[TriggerQuality]
    pairs: Sequence[Together]
    curves: Sequence[Curve]
    outcomes: Counter[str]
    context: ContextScore
    labels: Mapping[str, str]


def advice(evidence: Evidence) -> tuple[Advice, ...]:
    """Every change that is worth it and possible, the one with the largest effect first."""
    found = [
        *_thresholds(evidence),
        *_needless(evidence),
        *_entangled(evidence),
        *_missed(evidence),
        *_unchosen(evidence),
    ]
    return ranked(one for one in found if applied(evidence.document, one.change) is not None)


def part_label(part: str, labels: Mapping[str, str]) -> str:
    """What people call a field or document that was missing."""
    return labels.get(part) or part.replace(DOCUMENT_PREFIX, "the document ", 1)


def _thresholds(evidence: Evidence) -> Iterator[Advice]:
    for curve in evidence.curves:
        if curve.best is None:
            continue
        value, spared = curve.best.threshold, len(curve.best.avoided)
        missed = len(curve.best.missed)
        cost = f"{missed} that needed a person would have been missed" if missed else "none of them needed a person"
        yield Advice(
            change=Change(kind=Kind.THRESHOLD, target=curve.knob.trigger, value=str(value)),
            title=f"Move the threshold of {curve.knob.title} from {grouped(curve.knob.value)} to {grouped(value)}",
            effect=f"{spared} fewer handoffs among the last {curve.looked_at:,} attempts; {cost}",
            worth=spared - missed,
        )


def _needless(evidence: Evidence) -> Iterator[Advice]:
    for quality in evidence.qualities:
        ratio = quality.ratio("not_needed")
        trigger = evidence.policy.trigger(quality.key)
        if trigger is None or ratio is None or ratio < NEEDLESS_RATIO or quality.counts["resolved"] < TELLING:
            continue
        yield Advice(
            change=Change(kind=Kind.DROP_TRIGGER, target=quality.key),
            title=f"Drop the trigger {trigger.title}",
            effect=f"{quality.alone_count} fewer handoffs; {ratio:.0%} of those resolved did not need a person",
            worth=quality.counts["not_needed"],
        )


def _entangled(evidence: Evidence) -> Iterator[Advice]:
    """Of two triggers that fire together, the rarer one adds nothing."""
    fired = {quality.key: quality.fired_count for quality in evidence.qualities}
    for pair in evidence.pairs:
        if pair.of < TELLING or pair.count / pair.of < ENTANGLED_RATIO:
            continue
        rarer, other = sorted(pair.keys, key=lambda key: fired.get(key, 0))
        titles = [trigger.title if (trigger := evidence.policy.trigger(key)) else key for key in (rarer, other)]
        yield Advice(
            change=Change(kind=Kind.DROP_TRIGGER, target=rarer),
            title=f"Drop the trigger {titles[0]}: {titles[1]} fires with it",
            effect=f"{pair.of - pair.count} fewer handoffs, and one reason less to read",
            worth=1 + pair.of - pair.count,
        )


def _missed(evidence: Evidence) -> Iterator[Advice]:
    """What reviewers lacked: shown if it is not, required if it is."""
    shown = {field.field for field in evidence.policy.context.fields}
    answered = evidence.context.answered_count
    for part, count in evidence.context.missing:
        if answered < TELLING or count < MISSED_OFTEN_RATIO * answered:
            continue
        label = part_label(part, evidence.labels)
        if part.startswith(DOCUMENT_PREFIX):
            change, do = Change(kind=Kind.REQUIRE_DOCUMENT, target=part.removeprefix(DOCUMENT_PREFIX)), "Require"
        elif part in shown:
            change, do = Change(kind=Kind.REQUIRE_FIELD, target=part), "Require"
        else:
            change, do = Change(kind=Kind.SHOW_FIELD, target=part), "Show"
        effect = f"{count:,} of {answered:,} decisions with feedback lacked it"
        yield Advice(change=change, title=f"{do} {label}", effect=effect, worth=count)


def _unchosen(evidence: Evidence) -> Iterator[Advice]:
    total = sum(evidence.outcomes.values())
    used = {suggestion.outcome for suggestion in evidence.policy.suggest}
    used |= {evidence.policy.sla.cut_off.outcome} if evidence.policy.sla.cut_off else set()
    for outcome in evidence.policy.outcomes:
        if total >= TELLING and outcome.key not in evidence.outcomes and outcome.key not in used:
            yield Advice(
                change=Change(kind=Kind.DROP_OUTCOME, target=outcome.key),
                title=f"Drop the outcome {outcome.title}",
                effect=f"Nobody chose it in {total:,} decisions",
                worth=0.5,
            )
