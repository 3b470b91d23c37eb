"""A candidate policy version beside the live one: judged on every attempt, compared, and without any effect."""

import logging
from dataclasses import dataclass

from django.db import transaction

from handoffs.actions.reports import Visit
from handoffs.models import CandidateResult
from handoffs.queries.failures import history_of
from handoffs.queries.rollout import candidate_policy
from handoffs.rules.evaluate import Evaluation, evaluate
from handoffs.rules.values import cut

logger = logging.getLogger(__name__)

ERROR_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the candidate would have answered, or why it could not."""

    evaluation: Evaluation | None = None
    error: str = ""


def judge(visit: Visit) -> Judged | None:
    """The candidate's answer to the report, before anything is stored; None where no candidate runs.

    A candidate that fails is written down as such: it never keeps the live version from answering.
    """
    if visit.workflow.candidate_id is None:
        return None
    try:
        with transaction.atomic():
            return Judged(evaluation=_evaluation(visit))
    except Exception as error:
        logger.exception("candidate_failed", extra={"workflow": visit.workflow.key})
        return Judged(error=cut(f"{type(error).__name__}: {error}", ERROR_CHARACTERS))


def keep(visit: Visit, judged: Judged | None) -> None:
    """Store the candidate's answer with the attempt, beside what the live version says of the same facts."""
    run_id = visit.workflow.candidate_id
    if judged is None or visit.attempt is None or run_id is None:
        return
    live, candidate = _live_evaluation(visit), judged.evaluation
    CandidateResult.objects.create(
        attempt=visit.attempt,
        run_id=run_id,
        live_verdict=live.verdict,
        live_trigger=_trigger(live),
        live_role=_role(live),
        verdict=candidate.verdict if candidate else "",
        trigger=_trigger(candidate),
        role=_role(candidate),
        differs=candidate is None or _said(candidate) != _said(live),
        error=judged.error,
    )


def _evaluation(visit: Visit) -> Evaluation:
    assert visit.workflow.candidate_id is not None
    policy = candidate_policy(visit.workflow.candidate_id)
    error = visit.report.error_type
    history = history_of(visit.case, policy, version_id=visit.version_id, error_type=error, now=visit.now)
    return evaluate(visit.report.facts(), policy, history, at=visit.now)


def _live_evaluation(visit: Visit) -> Evaluation:
    """By the live version, also where the open handoff of the case is judged by the one it opened under."""
    assert visit.attempt is not None
    assert visit.evaluation is not None
    if visit.attempt.policy_version_id == visit.version_id:
        return visit.evaluation
    return evaluate(visit.report.facts(), visit.policy, visit.history, at=visit.now)


def _said(evaluation: Evaluation) -> tuple[str, str, str]:
    return str(evaluation.verdict), _trigger(evaluation), _role(evaluation)


def _trigger(evaluation: Evaluation | None) -> str:
    return evaluation.primary.key if evaluation and evaluation.primary else ""


def _role(evaluation: Evaluation | None) -> str:
    return evaluation.routing.role if evaluation and evaluation.routing else ""
