"""What a reviewer says of a handoff after the decision: one press per question, kept and offered again."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from handoffs import access
from handoffs.actions import feedback as actions
from handoffs.actions.feedback import Feedback
from handoffs.errors import Invalid
from handoffs.models import Handoff
from handoffs.portal.doors import move
from handoffs.portal.feedback_view import FeedbackView, parts_of, read
from handoffs.queries.policies import policy_of


@move
def give(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Answer one question or several; what the form does not ask stays as it was."""
    person: Any = request.user
    handoff = access.handoff_for(person, handoff_id)
    decision = actions.decided_by(handoff, person)
    if decision is None:
        raise Invalid("Only who decided a handoff can say whether the information sufficed.")
    said = read(request.POST, Feedback.of(decision))
    actions.give(handoff, said, reviewer=person, now=timezone.now())
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('case', args=[handoff_id])}#feedback")
    return render(request, "_feedback.html", {"handoff": handoff, "feedback": _again(handoff, said)})


def _again(handoff: Handoff, said: Feedback) -> FeedbackView:
    return FeedbackView(said=said, parts=parts_of(policy_of(handoff.policy_version_id), chosen=said.missing_parts))
