"""What is done to several selected handoffs at once: accepting, escalating, and deciding them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle, together
from handoffs.choices import Mode, ReasonRule, State
from handoffs.errors import DeskError, Invalid
from handoffs.models import Handoff
from handoffs.portal.doors import move
from handoffs.portal.preferences import came_from
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import packages_of
from handoffs.rules.policy import Outcome
from handoffs.rules.together import offered_by_all

MAX_BULK = 100


@dataclass(frozen=True, kw_only=True)
class Line:
    """One selected case as the page shows it; `why_not` is empty where it takes part, `digest` what was shown of it."""

    handoff: Handoff
    root_cause: str
    digest: str
    why_not: str

    @property
    def without_effect(self) -> str:
        """How the case is decided without effect; empty where the automation acts on it."""
        return "" if self.handoff.has_effect else Mode(self.handoff.mode).label


@dataclass(frozen=True, kw_only=True)
class Together:
    """The selected cases and what all that take part can be decided with."""

    taking_part: list[Line]
    left_out: list[Line]
    unseen_count: int
    outcomes: tuple[Outcome, ...]

    @property
    def needs_reason(self) -> bool:
        """Whether every outcome on offer wants a reason."""
        return all(outcome.reason is ReasonRule.REQUIRED for outcome in self.outcomes)

    @property
    def reason_words(self) -> str:
        """Which outcomes want a reason, by the digits that choose them."""
        required = [str(n) for n, outcome in enumerate(self.outcomes, 1) if outcome.reason is ReasonRule.REQUIRED]
        return "required" if self.needs_reason else f"required for {', '.join(required)}" if required else "optional"

    def mistake(self, sent: Mapping[str, Any]) -> dict[str, str]:
        """What is missing in a form that was sent, by the field that it is told beside."""
        if not sent.get("outcome"):
            return {"outcome": "Choose an outcome."}
        chosen = next((each for each in self.outcomes if each.key == sent["outcome"]), None)
        if chosen and chosen.reason is ReasonRule.REQUIRED and not sent.get("reason", "").strip():
            return {"reason": f"{chosen.title} needs a reason."}
        return {}


@move
def bulk(request: HttpRequest) -> HttpResponse:
    """Do to what was selected, one by one, and say what could not be done and why; deciding asks on a page first."""
    picked = request.POST.getlist("handoff")[:MAX_BULK]
    if request.POST.get("do") == "together":
        return _ask(request, _together(request, dict.fromkeys(picked, "")))
    do = {"accept": _accept_one, "escalate": _escalate_one}.get(request.POST.get("do", ""))
    if do is None:
        raise Invalid("Choose what to do with the selected handoffs.")
    refused: list[str] = []
    for handoff_id in picked:
        try:
            do(request, handoff_id)
        except DeskError as error:
            refused.append(error.message)
    verb = "accepted" if request.POST["do"] == "accept" else "escalated"
    _tell(request, verb, done=len(picked) - len(refused), refused=refused)
    return redirect(came_from(request))


@move
def decide_together(request: HttpRequest) -> HttpResponse:
    """Decide each on the context that the page showed, and say what became of them."""
    pairs = (pair.partition(" ") for pair in request.POST.getlist("seen")[:MAX_BULK])
    seen = {handoff_id: digest for handoff_id, _, digest in pairs}
    asked = _together(request, seen)
    if mistake := asked.mistake(request.POST):
        return _ask(request, asked, mistake=mistake)
    outcome, reason = request.POST["outcome"], _reason(request)
    answers = together.decide(seen, outcome=outcome, reason=reason, reviewer=_person(request), now=timezone.now())
    _tell_answers(request, answers)
    return redirect(came_from(request))


def _accept_one(request: HttpRequest, handoff_id: str) -> None:
    lifecycle.accept(access.handoff_for(_person(request), handoff_id), reviewer=_person(request), now=timezone.now())


def _escalate_one(request: HttpRequest, handoff_id: str) -> None:
    handoff = access.handoff_for(_person(request), handoff_id)
    lifecycle.escalate(handoff, actor=_person(request), reason=_reason(request), now=timezone.now())


def _together(request: HttpRequest, seen: Mapping[str, str]) -> Together:
    handoffs = access.handoffs_among(_person(request), seen)
    packages = packages_of(handoffs)
    lines = [
        Line(
            handoff=handoff,
            root_cause=packages[handoff.pk]["root_cause"],
            digest=seen.get(str(handoff.pk)) or handoff.context_digest,
            why_not=together.why_not(handoff, reviewer=_person(request)),
        )
        for handoff in handoffs
    ]
    taking_part = [line for line in lines if not line.why_not]
    versions = dict.fromkeys(line.handoff.policy_version_id for line in taking_part)
    return Together(
        taking_part=taking_part,
        left_out=[line for line in lines if line.why_not],
        unseen_count=len(seen) - len(lines),
        outcomes=offered_by_all([policy_of(version) for version in versions]),
    )


def _ask(request: HttpRequest, asked: Together, *, mistake: Mapping[str, str] | None = None) -> HttpResponse:
    """The page that shows the cases and asks for one outcome and one reason."""
    form = {
        "outcome": request.POST.get("outcome", ""),
        "reason": _reason(request) if mistake else "",
        "errors": mistake,
    }
    values = {"asked": asked, "form": form, "back": came_from(request), "now": timezone.now()}
    return render(request, "together.html", values, status=400 if mistake else 200)


def _tell_answers(request: HttpRequest, answers: list[together.Answer]) -> None:
    states = [answer.state for answer in answers]
    proposed, kept = states.count(State.AWAITING_CONFIRMATION), sum(answer.is_kept for answer in answers)
    refused = [answer.refusal for answer in answers if answer.refusal]
    _tell(request, "decided", done=states.count(State.RESOLVED), refused=refused)
    if proposed:
        messages.info(request, f"{proposed} proposed: somebody else of the role confirms.")
    if kept:
        messages.info(request, f"{kept} not decided and with you now, under My work.")


def _tell(request: HttpRequest, verb: str, *, done: int, refused: list[str]) -> None:
    if done:
        messages.success(request, f"{done} {verb}.")
    for message in dict.fromkeys(refused):
        messages.warning(request, f"{refused.count(message)} not {verb}: {message}")


def _person(request: HttpRequest) -> Any:
    return request.user


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()
