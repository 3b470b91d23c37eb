"""Pictures of a replay's load, drawn on the server: colours come from the stylesheet, figures stand in a table."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from handoffs.rules.staffing import Staffing

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEVELS = 6
CELL, LEFT, TOP = 20, 34, 16
BAR_WIDTH, BAR_GAP, BAR_HEIGHT, BAR_TOP = 44, 12, 140, 20


def week_picture(counts: Sequence[int], *, role: str, weeks: float) -> dict[str, object]:
    """The 168 hours of a week as a field of squares, the darker the more; with the rows of the table behind it."""
    most = max(counts) or 1
    cells = format_html_join(
        "",
        '<rect class="heat-{}" x="{}" y="{}" width="18" height="18" rx="2"/>',
        (
            (_level(count, most), LEFT + hour % 24 * CELL, TOP + hour // 24 * CELL)
            for hour, count in enumerate(counts)
            if count
        ),
    )
    svg = format_html(
        '<svg class="week" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<rect class="week-ground" x="{}" y="{}" width="{}" height="{}" rx="3"/>{}{}{}</svg>',
        LEFT + 24 * CELL, TOP + 7 * CELL, f"Handoffs for {role} by hour of the week, the darker the more",
        LEFT - 1, TOP - 1, 24 * CELL, 7 * CELL, _days(), _hours(), cells,
    )  # fmt: skip
    return {"role": role, "svg": svg, "rows": _rows(counts, weeks), "busiest": _busiest(counts, weeks)}


def staffing_picture(curve: Sequence[Staffing], *, ratio: float, role: str) -> SafeString:
    """A bar per number of people, and the line that is to be reached."""
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>'
        '<text class="axis is-middle" x="{}" y="{}">{}</text><text class="bar-label" x="{}" y="{}">{}</text>',
        (_bar(number, each, ratio) for number, each in enumerate(curve)),
    )
    width = LEFT + len(curve) * (BAR_WIDTH + BAR_GAP)
    line = round(BAR_TOP + BAR_HEIGHT * (1 - ratio), 1)
    label = f"Share accepted in time by number of people with the role {role}"
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<line class="goal" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="axis" x="0" y="{}">{}</text>'
        '<text class="axis is-middle" x="{}" y="{}">{}</text></svg>',
        width, BAR_TOP + BAR_HEIGHT + 42, label, bars, LEFT - 4, width, line, line, line + 4, f"{ratio * 100:g} %",
        (LEFT + width) // 2, BAR_TOP + BAR_HEIGHT + 36, f"people with the role {role}",
    )  # fmt: skip


def _bar(number: int, each: Staffing, ratio: float) -> tuple[object, ...]:
    x = LEFT + number * (BAR_WIDTH + BAR_GAP)
    height = max(round(BAR_HEIGHT * each.accepted_ratio, 1), 1)
    y, middle = BAR_TOP + BAR_HEIGHT - height, x + BAR_WIDTH // 2
    tone = "bar is-enough" if each.accepted_ratio >= ratio else "bar"
    return (
        tone, x, y, BAR_WIDTH, height,
        middle, BAR_TOP + BAR_HEIGHT + 16, each.people,
        middle, BAR_TOP + BAR_HEIGHT - 8, f"{each.accepted_ratio * 100:.0f} %",
    )  # fmt: skip


def _days() -> SafeString:
    rows = ((TOP + number * CELL + 13, day) for number, day in enumerate(DAYS))
    return format_html_join("", '<text class="axis" x="0" y="{}">{}</text>', rows)


def _hours() -> SafeString:
    hours = ((LEFT + hour * CELL, f"{hour:02}") for hour in range(0, 24, 3))
    return format_html_join("", '<text class="axis" x="{}" y="10">{}</text>', hours)


def _level(count: int, most: int) -> int:
    return max(1, round(count / most * LEVELS))


def _rows(counts: Sequence[int], weeks: float) -> list[dict[str, object]]:
    return [
        {"day": day, "hours": [f"{count / weeks:.1f}" if count else "" for count in counts[start : start + 24]]}
        for day, start in zip(DAYS, range(0, 168, 24), strict=True)
    ]


def _busiest(counts: Sequence[int], weeks: float) -> str:
    hour = max(range(len(counts)), key=lambda each: counts[each])
    return f"{DAYS[hour // 24]} {hour % 24:02}–{hour % 24 + 1:02} h with {counts[hour] / weeks:.1f} in the hour"
