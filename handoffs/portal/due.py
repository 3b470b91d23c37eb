"""Why a handoff is due when it is, in the words of the case page."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from handoffs.portal import wording
from handoffs.queries.due import DueStory
from handoffs.rules.calendars import ALWAYS, Stretch, StretchKind
from handoffs.rules.sla import Target

TITLES = {Target.ACCEPT: "Accept by", Target.RESOLVE: "Decide by", Target.CUT_OFF: "Cut-off"}
WORDS = {StretchKind.COUNTED: "counted", StretchKind.CLOSED: "closed", StretchKind.PAUSED: "paused while returned"}
ICONS = {StretchKind.COUNTED: "clock", StretchKind.CLOSED: "moon", StretchKind.PAUSED: "circle-pause"}
SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class StretchLine:
    """One stretch: what it is, from when to when, how long."""

    icon: str
    words: str
    from_at: datetime
    to_at: datetime
    length: str


@dataclass(frozen=True, kw_only=True)
class DueLine:
    """One target with the sentence that explains it, and its stretches; `left_out_count` are in the middle."""

    title: str
    due_at: datetime | None
    sentence: str
    stretches: tuple[StretchLine, ...]
    left_out_count: int


def due_line(story: DueStory) -> DueLine:
    """The story of one target as the page tells it."""
    shown = story.stretches if len(story.stretches) <= SHOWN else story.stretches[: SHOWN - 1] + story.stretches[-1:]
    return DueLine(
        title=TITLES[story.target],
        due_at=story.due_at,
        sentence=_sentence(story),
        stretches=tuple(_line(stretch) for stretch in shown),
        left_out_count=len(story.stretches) - len(shown),
    )


def _sentence(story: DueStory) -> str:
    if story.is_fixed:
        return "The automation gave this deadline; pauses do not move it."
    allowed = wording.duration(timedelta(seconds=story.allowed_seconds or 0))
    around = "around the clock" if story.calendar == ALWAYS.title else f"of {story.calendar} time ({story.time_zone})"
    if story.due_at is None:
        counted = wording.duration(timedelta(seconds=story.counted_seconds))
        return f"{counted} of {allowed} {around} are used up. The clock stands still while it is returned."
    return f"{allowed} {around} from the start of its clock."


def _line(stretch: Stretch) -> StretchLine:
    return StretchLine(
        icon=ICONS[stretch.kind],
        words=WORDS[stretch.kind],
        from_at=stretch.from_at,
        to_at=stretch.to_at,
        length=wording.duration(timedelta(seconds=stretch.seconds)),
    )
