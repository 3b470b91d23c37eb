"""The parts of a policy document on what follows a handoff: SLA, recovery, supervision, rollout, integrity."""

from collections.abc import Iterator, Mapping

from handoffs.portal.policies.words import Item, Part, Words, capital, duration, listed, mapped, spoken, yes_no
from handoffs.rules.policy import Limits, Promotion
from handoffs.rules.values import show

LIMIT_WORDS = {
    "override_percent": "override rate above {} %",
    "cut_off_percent": "cut-off rate above {} %",
    "failed_recovery_percent": "failed recoveries above {} %",
    "mtta": "mean time to accept above {}",
}
PROMOTION_WORDS = {"agreement_percent": "agreement of at least {} %", "kappa": "kappa of at least {}"}


def sla(document: Part, words: Words) -> Iterator[Item]:
    """Targets, cut-off, reminders and the chain."""
    sla = mapped(document.get("sla"))
    for name, label, otherwise in (
        ("calendar", "Calendar", "always"),
        ("accept_within", "Accept within", "no limit"),
        ("resolve_within", "Resolve within", "no limit"),
        ("idle_release", "Given back when idle for", "never"),
    ):
        value = sla.get(name)
        said = otherwise if value is None else str(value) if name == "calendar" else duration(value)
        yield Item(noun=label, name="", key=f".{name}", sentence=said)
    cut_off = mapped(sla.get("cut_off"))
    said = f"{words.outcome(cut_off.get('outcome'))} after {duration(cut_off.get('after'))}" if cut_off else "none"
    yield Item(noun="Cut-off", name="", key=".cut_off", sentence=said)
    for number, reminder in enumerate(map(mapped, listed(sla.get("reminders"))), 1):
        yield Item(noun=f"Reminder {number}", name="", key=f".reminder{number}", sentence=_reminder(reminder))
    for number, step in enumerate(map(mapped, listed(sla.get("escalation"))), 1):
        yield Item(noun=f"Escalation {number}", name="", key=f".step{number}", sentence=_step(step))


def _reminder(reminder: Part) -> str:
    side = "after" if "after" in reminder else "before"
    target = {"accept": "the target to accept", "resolve": "the target to resolve", "cut_off": "the cut-off"}
    anchor = target.get(str(reminder.get(side)), "…")
    return f"{duration(reminder.get('by', '…'))} {side} {anchor}, to the {reminder.get('to', '…')}"


def _step(step: Part) -> str:
    said = f"{spoken(step.get('when', '…'))} after {duration(step.get('after', '…'))} → {step.get('role') or '…'}"
    said += f", {step['priority']} priority" if step.get("priority") else ""
    told = ", ".join(map(str, listed(step.get("tell"))))
    return capital(f"{said}; {told} told as well" if told else said)


def recovery(document: Part, words: Words) -> Iterator[Item]:
    """What is expected of automation after a decision."""
    recovery = mapped(document.get("recovery"))
    failure = {"reopen": "the handoff opens again", "keep": "the handoff stays as it is"}
    yield Item(noun="Receipt within", name="", key="within", sentence=duration(recovery.get("receipt_within", "15m")))
    said = failure.get(str(recovery.get("on_failure", "reopen")), "…")
    yield Item(noun="When automation could not apply it", name="", key="failure", sentence=said)


def supervision(document: Part, words: Words) -> Iterator[Item]:
    """What is reviewed of what automation did."""
    if "supervision" not in document:
        return
    rules = mapped(document["supervision"])
    percent = mapped(rules.get("sample")).get("percent", 100)
    yield Item(noun="Reviewed share", name="", key="sample", sentence=f"{show(percent)} % of what was done")
    always = rules.get("always_when")
    said = words.condition(always) if always is not None else "nothing in particular"
    yield Item(noun="Always reviewed", name="", key="always", sentence=said)


def rollout(document: Part, words: Words) -> Iterator[Item]:
    """For which cases, what steps it back and what promotes it."""
    rollout = mapped(document.get("rollout"))
    when = rollout.get("when")
    yield Item(noun="Share of cases", name="", key="percent", sentence=f"{show(rollout.get('percent', 100))} %")
    said = words.condition(when) if when is not None else "all cases"
    yield Item(noun="Among", name="", key="when", sentence=said)
    yield Item(noun="Pilot role", name="", key="reviewers", sentence=str(rollout.get("reviewers") or "none"))
    yield Item(noun="Shadow", name="", key="shadow", sentence=yes_no(rollout.get("shadow")))
    if rollout.get("requires_replay"):
        yield Item(noun="Replay", name="", key="requires_replay", sentence="required before publishing")
    yield from _named(rollout, "limits", "Steps back when", LIMIT_WORDS, Limits.min_cases)
    yield from _named(rollout, "promote", "Promoted from", PROMOTION_WORDS, Promotion.min_cases)


def _named(rollout: Part, key: str, noun: str, words: Mapping[str, str], min_cases: int) -> Iterator[Item]:
    """Limits and criteria in the order of the editor, as far as the policy names any."""
    named = mapped(rollout.get(key))
    said = [said.format(duration(show(named[name]))) for name, said in words.items() if name in named]
    if named:
        least = f"once {show(named.get('min_cases', min_cases))} cases were decided"
        yield Item(noun=noun, name="", key=key, sentence=f"{', '.join(said) or 'nothing is named'}, {least}")


def integrity(document: Part, words: Words) -> Iterator[Item]:
    """Checks on the reviewers."""
    integrity = mapped(document.get("integrity"))
    if "second_look" in integrity:
        percent = show(mapped(integrity["second_look"]).get("percent", 0))
        yield Item(noun="Second look", name="", key="second_look", sentence=f"at {percent} % of the decisions")
    if integrity.get("unopened_documents"):
        yield Item(noun="Unopened documents", name="", key="unopened", sentence="shown per reviewer")
