"""The addresses of rollouts: the list, and under each workflow its stage and what was compared."""

from typing import Any

from django.urls import include, path

from handoffs.portal import rollout, rollout_compared

workflow: list[Any] = [
    path("", rollout.stage, name="rollout"),
    path("stage/", rollout.set_stage, name="rollout_stage"),
    path("back/", rollout.step_back, name="rollout_back"),
    path("shadow/", rollout.start_shadow, name="rollout_shadow"),
    path("promote/", rollout.promote, name="rollout_promote"),
    path("rules/<slug:trigger>/", rollout.draft_rule, name="rollout_rule"),
    path("agreement/", rollout_compared.shadow, name="rollout_agreement"),
    path("integrity/", rollout_compared.integrity, name="rollout_integrity"),
    path("candidate/", rollout_compared.candidate, name="rollout_candidate"),
    path("candidate/start/", rollout_compared.start_candidate, name="rollout_candidate_start"),
    path("candidate/end/", rollout_compared.end_candidate, name="rollout_candidate_end"),
    path("candidate/promote/", rollout_compared.promote_candidate, name="rollout_candidate_promote"),
]

urlpatterns = [
    path("rollout/", rollout.rollouts, name="rollouts"),
    path("rollout/<slug:key>/", include(workflow)),
]
