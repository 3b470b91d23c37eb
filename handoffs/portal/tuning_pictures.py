"""Draws a threshold's curve as coordinates: what it spares against what it would miss, with its table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handoffs.queries.threshold_curves import Curve
from handoffs.rules.package import grouped

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 200, 44, 28, 12, 12


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
    operator: str
    now: str
    rows: tuple[Row, ...]
    avoided: str
    missed: str
    now_x: float
    most: int
    first: str
    last: str
    looked_at: int
    told: int
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP


def drawn(curve: Curve, link: Callable[..., str]) -> Picture:
    """The picture of a curve; `link(figure, …)` gives the address behind a figure."""
    rows = tuple(_row(curve, point, link) for point in curve.points)
    most = max([1, *(row.avoided for row in rows)])
    across = _Across([float(point.threshold) for point in curve.points])
    ups = [(across.x(float(point.threshold)), row) for point, row in zip(curve.points, rows, strict=True)]
    return Picture(
        key=curve.knob.trigger,
        title=curve.knob.title,
        operator=f"{curve.knob.field} {curve.knob.operator}",
        now=grouped(curve.knob.value),
        rows=rows,
        avoided=_line([(x, row.avoided) for x, row in ups], most),
        missed=_line([(x, row.missed) for x, row in ups], most),
        now_x=across.x(float(curve.knob.value)),
        most=most,
        first=rows[0].threshold,
        last=rows[-1].threshold,
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


def _line(points: list[tuple[float, int]], most: int) -> str:
    high = HEIGHT - BOTTOM - TOP
    return " ".join(f"{x},{round(HEIGHT - BOTTOM - count / most * high, 1)}" for x, count in points)


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
