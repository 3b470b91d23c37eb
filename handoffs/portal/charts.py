"""Pictures of figures over time, drawn here as SVG: shapes by attributes, colours by classes, nothing inline.

A picture carries no text that could be stretched: its labels stand around it as HTML, and its table stands below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 600.0, 160.0
SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 100.0, 28.0, 3.0
BAR_SHARE = 0.68
LABELS_SHOWN = 5
BAR = '<rect class="m-rect" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
STROKE = '<polyline class="m-stroke" points="{}"/>'
DOT = '<path class="m-dot" d="M{} {}h0"><title>{}</title></path>'


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line or row of bars: a number per stretch, None where there was nothing to count; `tone` is 1, 2 or 3."""

    name: str
    numbers: Sequence[float | None]
    words: Sequence[str]
    tone: int
    bars: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Dot:
    x: str
    y: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A series as shapes: bars, or the strokes between its neighbours with a dot for each number."""

    name: str
    tone: int
    bars: tuple[Bar, ...] = ()
    strokes: tuple[str, ...] = ()
    dots: tuple[Dot, ...] = ()

    @property
    def shapes(self) -> SafeString:
        """They as SVG, drawn here: a template takes longer, and there are hundreds on a page."""
        bars = [format_html(BAR, one.x, one.y, one.width, one.height, one.title) for one in self.bars]
        strokes = [format_html(STROKE, points) for points in self.strokes]
        return SafeString("".join([*bars, *strokes, *(format_html(DOT, one.x, one.y, one.title) for one in self.dots)]))


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a page draws: shapes, the words of both axes, and whether there is anything to see."""

    title: str
    series: tuple[Drawn, ...]
    steps: tuple[str, ...]
    lines: tuple[str, ...]
    labels: tuple[str, ...]
    is_empty: bool
    width: str = f"{WIDTH:g}"
    height: str = f"{HEIGHT:g}"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How an axis is read: `base` numbers make one of the unit; `word` follows the number."""

    base: float
    word: str


PLAIN, PERCENT = Unit(base=1, word=""), Unit(base=0.01, word=" %")
TIMES = (Unit(base=86400, word=" d"), Unit(base=3600, word=" h"), Unit(base=60, word=" m"), Unit(base=1, word=" s"))


def chart(title: str, series: Sequence[Series], labels: Sequence[str], *, unit: Unit | None = None) -> Chart:
    """Lay series of the same length out; without a `unit` their numbers are seconds."""
    numbers = [number for one in series for number in one.numbers if number is not None]
    unit = unit or time_unit(max(numbers, default=0))
    top = nice_top(max(numbers, default=0) / unit.base) * unit.base
    if unit is PERCENT:
        top = min(top, 1.0)
    return Chart(
        title=title,
        series=tuple(_drawn(one, top) for one in series),
        steps=tuple(f"{part * top / unit.base:g}{unit.word}" for part in (1, 0.5, 0)),
        lines=tuple(_point(HEIGHT * part) for part in (0, 0.5, 1)),
        labels=tuple(_thinned(labels)),
        is_empty=not any(numbers),
    )


def spark(numbers: Sequence[float | None]) -> tuple[str, ...]:
    """The strokes of a small trend; what nobody counted breaks the line."""
    known = [number for number in numbers if number is not None]
    if len(known) < 2:
        return ()
    low, high = min(known), max(known)
    span, inner = (high - low) or 1.0, SPARK_HEIGHT - 2 * SPARK_MARGIN
    middle = 0.5 if high == low else 0.0
    places = [
        None
        if number is None
        else (
            SPARK_WIDTH * index / max(len(numbers) - 1, 1),
            SPARK_MARGIN + inner * (1 - middle - (number - low) / span),
        )
        for index, number in enumerate(numbers)
    ]
    return _strokes(places)


def nice_top(highest: float) -> float:
    """The next round number that axes end with: 1, 2, 4, 5 or 10 of its power of ten."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(highest))
    return next((step * power for step in (1, 2, 4, 5, 10) if step * power >= highest * 0.999), 10 * power)


def time_unit(longest_seconds: float) -> Unit:
    """The largest unit of which the longest time is at least two."""
    return next((unit for unit in TIMES if longest_seconds >= 2 * unit.base), TIMES[-1])


def _drawn(series: Series, top: float) -> Drawn:
    slot = WIDTH / max(len(series.numbers), 1)
    heights = [None if number is None else HEIGHT * number / top for number in series.numbers]
    if series.bars:
        bars = (
            _bar(index * slot, slot, height, words)
            for index, (height, words) in enumerate(zip(heights, series.words, strict=True))
            if height
        )
        return Drawn(name=series.name, tone=series.tone, bars=tuple(bars))
    places = [
        None if height is None else ((index + 0.5) * slot, HEIGHT - height) for index, height in enumerate(heights)
    ]
    dots = (
        Dot(x=_point(place[0]), y=_point(place[1]), title=words)
        for place, words in zip(places, series.words, strict=True)
        if place
    )
    return Drawn(name=series.name, tone=series.tone, strokes=_strokes(places), dots=tuple(dots))


def _bar(left: float, slot: float, height: float, words: str) -> Bar:
    width = slot * BAR_SHARE
    return Bar(
        x=_point(left + (slot - width) / 2),
        y=_point(HEIGHT - height),
        width=_point(width),
        height=_point(height),
        title=words,
    )


def _strokes(places: Sequence[tuple[float, float] | None]) -> tuple[str, ...]:
    """Polylines through neighbouring places."""
    found: list[list[str]] = [[]]
    for place in places:
        if place is None:
            found.append([])
        else:
            found[-1].append(f"{_point(place[0])},{_point(place[1])}")
    return tuple(" ".join(points) for points in found if len(points) > 1)


def _thinned(labels: Sequence[str]) -> list[str]:
    """At most LABELS_SHOWN of the labels, evenly, the first and the last among them."""
    if len(labels) <= LABELS_SHOWN:
        return list(labels)
    apart = (len(labels) - 1) / (LABELS_SHOWN - 1)
    return [labels[min(ceil(index * apart - 0.5), len(labels) - 1)] for index in range(LABELS_SHOWN)]


def _point(place: float) -> str:
    return f"{place:.1f}".removesuffix(".0")
