"""Draws a threshold's curve as coordinates: what it spares against what it would miss, with its table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handoffs.queries.threshold_curves import Curve
from handoffs.rules.package import grouped

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 232, 44, 52, 28, 24
MARKS = 6
"""At most so many values stand under the curve."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One threshold of the table; addresses of the handoffs behind its figures."""

    threshold: str
    value: str
    handed_off: int
    avoided: int
    missed: int
    added: int
    avoided_url: str
    missed_url: str
    is_now: bool
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Two lines in a frame of WIDTH × HEIGHT, as SVG points, and what stands at the axes."""

    key: str
    title: str
    axis: str
    now: str
    rows: tuple[Row, ...]
    avoided: str
    missed: str
    now_x: float
    now_anchor: str
    levels: tuple[tuple[float, int], ...]
    marks: tuple[tuple[float, str], ...]
    looked_at: int
    told: int
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    middle: float = LEFT + (WIDTH - RIGHT - LEFT) / 2
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP


def drawn(curve: Curve, link: Callable[..., str], label: str) -> Picture:
    """The picture of a curve over the field named `label`; `link(figure, …)` gives the address behind a figure."""
    rows = tuple(_row(curve, point, link) for point in curve.points)
    most = _round_up(max([1, *(row.avoided for row in rows)]))
    across = _Across([float(point.threshold) for point in curve.points])
    placed = [(across.x(float(point.threshold)), row, point) for point, row in zip(curve.points, rows, strict=True)]
    return Picture(
        key=curve.knob.trigger,
        title=curve.knob.title,
        axis=_axis(curve, label),
        now=grouped(curve.knob.value),
        rows=rows,
        avoided=_line([(x, row.avoided) for x, row, _ in placed], most),
        missed=_line([(x, row.missed) for x, row, _ in placed], most),
        now_x=across.x(float(curve.knob.value)),
        now_anchor="is-end" if across.x(float(curve.knob.value)) > WIDTH / 2 else "",
        levels=tuple((_y(level, most), level) for level in (0, most // 2, most)),
        marks=across.marks([(float(point.threshold), row.threshold) for _, row, point in placed]),
        looked_at=curve.looked_at,
        told=curve.told,
        summary=_summary(curve),
    )


class _Across:
    """Places thresholds from left to right."""

    def __init__(self, values: list[float]) -> None:
        self.low, self.span = min(values), (max(values) - min(values)) or 1.0

    def x(self, value: float) -> float:
        return round(LEFT + (value - self.low) / self.span * (WIDTH - RIGHT - LEFT), 1)

    def marks(self, values: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
        """Values that have room beside each other, always the first."""
        kept: list[tuple[float, str]] = []
        for value, words in values:
            if not kept or self.x(value) - kept[-1][0] >= (WIDTH - RIGHT - LEFT) / MARKS:
                kept.append((self.x(value), words))
        return tuple(kept)


def _axis(curve: Curve, label: str) -> str:
    below = curve.knob.operator in ("<", "<=")
    return f"Threshold: {label} {'below' if below else 'above'} this value is handed off"


def _round_up(most: int) -> int:
    """The next number that halves well: 1, 2, 4, 10, 20, 40, 100 and so on."""
    step = 10 ** (len(str(most)) - 1)
    return next(size * step for size in (1, 2, 4, 6, 8, 10) if size * step >= most)


def _y(count: int, most: int) -> float:
    return round(HEIGHT - BOTTOM - count / most * (HEIGHT - BOTTOM - TOP), 1)


def _line(points: list[tuple[float, int]], most: int) -> str:
    return " ".join(f"{x},{_y(count, most)}" for x, count in points)


def _row(curve: Curve, point: Any, link: Callable[..., str]) -> Row:
    at = {"trigger": curve.knob.trigger, "at": str(point.threshold)}
    return Row(
        threshold=grouped(point.threshold),
        value=str(point.threshold),
        handed_off=point.handed_off_count,
        avoided=len(point.avoided),
        missed=len(point.missed),
        added=point.added_count,
        avoided_url=link("avoided", **at),
        missed_url=link("missed", **at),
        is_now=point.threshold == curve.knob.value,
        is_best=curve.best is not None and point.threshold == curve.best.threshold,
    )


def _summary(curve: Curve) -> str:
    if curve.best is None:
        return f"No other value than {grouped(curve.knob.value)} spares enough without missing cases."
    spared, missed = len(curve.best.avoided), len(curve.best.missed)
    return f"At {grouped(curve.best.threshold)}, {spared} handoffs are spared and {missed} would be missed."
