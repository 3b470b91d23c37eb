"""The sections of the editor in the order of the page, and which of them a place of the document belongs to."""

from handoffs.portal.policies.sections_rollout import INTEGRITY, ROLLOUT
from handoffs.portal.policies.sections_then import OUTCOMES, QUESTIONS, RECOVERY, SLA, SUGGEST, SUPERVISION
from handoffs.portal.policies.sections_when import CONTEXT, DATA, GENERAL, ROUTES, TRIGGERS

ALL = (GENERAL, DATA, CONTEXT, TRIGGERS, ROUTES, OUTCOMES, SUGGEST, SLA, RECOVERY, SUPERVISION, ROLLOUT, INTEGRITY)
BY_KEY = {section.key: section for section in ALL}
NESTED = {"answers": QUESTIONS}


def section_of(place: str) -> str:
    """The key of the section that a place such as `triggers[1].when` belongs to; `yaml` where none does."""
    name = place.replace("[", ".").partition(".")[0]
    return next((section.key for section in ALL if name in section.names), "yaml")
