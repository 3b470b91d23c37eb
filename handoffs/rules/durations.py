"""Durations as people write them in a policy, `1h30m`, and as people read them, `1 h 30 m`."""

import re

UNIT_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST_SECONDS = 3_660 * UNIT_SECONDS["d"]
PATTERN = "^([0-9]{1,9}w)?([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$"
"""As a regular expression of JSON Schema; the text must not be empty besides."""
EXAMPLES = "write 30s, 5m, 8h, 3d, 2w or 1h30m"

_DURATION = re.compile(PATTERN.replace("$", r"\Z"), re.ASCII)
_SHOWN_UNITS = ("d", "h", "m", "s")
_SHOWN_CHARACTERS = 40


def seconds(text: str) -> int:
    """The whole seconds of `30s`, `5m`, `8h`, `3d`, `2w` or `1h30m`, larger units first and each at most once.

    A day is 24 hours and a week 7 days, whatever calendar counts them. Raises ValueError, saying what to write.
    """
    found = _DURATION.match(text) if isinstance(text, str) and text else None
    if found is None:
        raise ValueError(f"{str(text)[:_SHOWN_CHARACTERS]!r} is no duration: {EXAMPLES}")
    total = sum(int(part[:-1]) * UNIT_SECONDS[part[-1]] for part in found.groups() if part)
    if total > LONGEST_SECONDS:
        raise ValueError(f"{text} is longer than ten years: {EXAMPLES}")
    return total


def words(seconds: int) -> str:
    """`1 h 30 m` for 5400: days, hours, minutes and seconds, none of them zero; `0 s` for nothing.

    Raises ValueError for a negative number.
    """
    if seconds < 0:
        raise ValueError(f"{seconds} s: a duration cannot be negative")
    parts: list[str] = []
    for unit in _SHOWN_UNITS:
        count, seconds = divmod(seconds, UNIT_SECONDS[unit])
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
