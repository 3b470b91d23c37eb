"""The sections of the editor on rollout: for which cases, what steps it back, what promotes it, who looks again."""

from handoffs.portal.policies.boxes import BUILDER, Box, Section
from handoffs.rules.policy import Limits, Promotion

ROLLOUT = Section(
    key="rollout",
    title="Rollout",
    intro="For which share of the cases this policy is live. The others go on without a person.",
    names=("rollout",),
    boxes=(
        Box(
            name="rollout.percent",
            label="Share of cases, in percent",
            kind="number",
            size="short",
            hint="100 if left empty",
        ),
        Box(
            name="rollout.reviewers",
            label="Pilot role",
            kind="select",
            source="roles",
            blank="None: the routes decide",
        ),
        Box(name="rollout.shadow", label="Shadow: people decide beside automation, without effect", kind="check"),
        Box(
            name="rollout.when",
            label="Among",
            kind="condition",
            choices=(("none", "All cases"), *BUILDER),
        ),
        Box(name="rollout.requires_replay", label="Publishing needs a replay of the draft as it is", kind="check"),
        Box(
            name="rollout.limits",
            kind="title",
            label="Steps back by itself",
            hint="When one of these is passed, the stage before is published and you are told. What is empty is not "
            "watched. Every stage counts anew.",
        ),
        Box(
            name="rollout.limits.override_percent",
            label="Override rate above, in percent",
            kind="number",
            hint="people chose another outcome than was suggested",
        ),
        Box(
            name="rollout.limits.cut_off_percent",
            label="Cut-off rate above, in percent",
            kind="number",
            hint="the clock decided, not a person",
        ),
        Box(
            name="rollout.limits.failed_recovery_percent",
            label="Failed recoveries above, in percent",
            kind="number",
            hint="automation could not apply the decision",
        ),
        Box(
            name="rollout.limits.mtta",
            label="Mean time to accept above",
            kind="duration",
            hint="write 30m, 2h, 1d",
        ),
        Box(
            name="rollout.limits.min_cases",
            label="Not before so many were decided",
            kind="number",
            hint=f"{Limits.min_cases} if left empty",
        ),
        Box(
            name="rollout.promote",
            kind="title",
            label="Before a shadow is promoted",
            hint="Named in advance, and held against the lower end of the 95 % interval, so that a few lucky cases do "
            "not suffice.",
        ),
        Box(
            name="rollout.promote.agreement_percent",
            label="Agreement of at least, in percent",
            kind="number",
            hint="people decided what automation proposed",
        ),
        Box(
            name="rollout.promote.kappa",
            label="Cohen's kappa of at least",
            kind="number",
            hint="0 is what chance alone gives, 1 is always",
        ),
        Box(
            name="rollout.promote.min_cases",
            label="Decided in shadow, at least",
            kind="number",
            hint=f"{Promotion.min_cases} cases if left empty",
        ),
    ),
)
INTEGRITY = Section(
    key="integrity",
    title="Reviewer integrity",
    intro="Checks on the reviewers' own work. None unless you ask for them here.",
    names=("integrity",),
    boxes=(
        Box(
            name="integrity.second_look.percent",
            label="Second look, in percent of the decisions",
            kind="number",
            hint="decided again by another person, who does not see the first decision; without effect",
        ),
        Box(
            name="integrity.unopened_documents",
            label="Show per reviewer how often they decided without opening a document",
            kind="check",
        ),
    ),
)
