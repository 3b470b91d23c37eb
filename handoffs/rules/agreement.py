"""How far two judges of the same cases agree: a matrix, Cohen's kappa, and intervals that say how sure that is.

Kappa and its large-sample standard error are those of Cohen (1960) and of Fleiss, Cohen and Everitt (1969); the
interval of a share is Wilson's score interval (1927), which stays within 0 and 1 also for few cases.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from handoffs.rules.policy import Promotion

Z_95 = 1.959963984540054
"""The two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % interval; `low` and `high` are on the scale of what it is of."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Kappa:
    """Cohen's kappa: 1 is full agreement, 0 what chance alone would give."""

    value: float
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`rows[i][j]` counts where the first judge said `labels[i]` and the second `labels[j]`.

    `kappa` is None where both always said the same one word: then chance explains everything.
    """

    labels: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    count: int
    agreed_count: int
    ratio: float | None
    interval: Interval | None
    kappa: Kappa | None


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One condition of a promotion, in words, and whether it holds."""

    sentence: str
    found: str
    met: bool


def agreement(pairs: Iterable[tuple[str, str]]) -> Agreement:
    """Compare what two judges said of the same cases, given as (first, second)."""
    return of_counts(Counter(pairs))


def of_counts(counts: Mapping[tuple[str, str], int]) -> Agreement:
    """The same for pairs that are counted already."""
    labels = tuple(sorted({label for pair in counts for label in pair}))
    rows = tuple(tuple(counts.get((first, second), 0) for second in labels) for first in labels)
    count, agreed = sum(counts.values()), sum(counts.get((label, label), 0) for label in labels)
    return Agreement(
        labels=labels,
        rows=rows,
        count=count,
        agreed_count=agreed,
        ratio=agreed / count if count else None,
        interval=wilson(agreed, count) if count else None,
        kappa=kappa(rows),
    )


def wilson(successes: int, count: int) -> Interval:
    """Wilson's score interval of `successes` in `count` > 0 trials, at 95 %."""
    share, z2 = successes / count, Z_95**2
    middle = share + z2 / (2 * count)
    spread = Z_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    scale = 1 + z2 / count
    low = 0.0 if successes == 0 else (middle - spread) / scale
    high = 1.0 if successes == count else (middle + spread) / scale
    return Interval(low=low, high=high)


def kappa(rows: Sequence[Sequence[int]]) -> Kappa | None:
    """Cohen's kappa of a square table of counts, with its interval; None where it is not defined."""
    count = sum(map(sum, rows))
    if not count:
        return None
    shares = [[cell / count for cell in row] for row in rows]
    first = [sum(row) for row in shares]
    second = [sum(column) for column in zip(*shares, strict=True)]
    observed = sum(shares[i][i] for i in range(len(shares)))
    expected = sum(one * other for one, other in zip(first, second, strict=True))
    if expected >= 1 - 1e-12:
        return None
    value = (observed - expected) / (1 - expected)
    spread = Z_95 * _standard_error(shares, first, second, value, expected, count)
    return Kappa(value=value, interval=Interval(low=max(value - spread, -1.0), high=min(value + spread, 1.0)))


def _standard_error(
    shares: list[list[float]], first: list[float], second: list[float], value: float, expected: float, count: int
) -> float:
    """Of a kappa that is not zero, by Fleiss, Cohen and Everitt."""
    size = range(len(shares))
    agreed = sum(shares[i][i] * (1 - (first[i] + second[i]) * (1 - value)) ** 2 for i in size)
    differed = sum(shares[i][j] * (second[i] + first[j]) ** 2 for i in size for j in size if i != j)
    total = agreed + (1 - value) ** 2 * differed - (value - expected * (1 - value)) ** 2
    return sqrt(max(total, 0.0) / count) / (1 - expected)


def criteria(promote: Promotion, found: Agreement) -> tuple[Criterion, ...]:
    """What was named in advance, held against what was found; shares and kappa by the lower end of their intervals."""
    told = [
        Criterion(
            sentence=f"At least {promote.min_cases} cases decided in shadow",
            found=str(found.count),
            met=found.count >= promote.min_cases,
        )
    ]
    if promote.agreement_percent is not None:
        low = found.interval.low * 100 if found.interval else None
        told.append(_least(f"Agreement of at least {promote.agreement_percent:g} %", low, promote.agreement_percent, 1))
    if promote.kappa is not None:
        low = found.kappa.interval.low if found.kappa else None
        told.append(_least(f"Kappa of at least {promote.kappa:g}", low, promote.kappa, 2))
    return tuple(told)


def _least(sentence: str, low: float | None, least: float, digits: int) -> Criterion:
    shown = "not known" if low is None else f"{low:.{digits}f}"
    said = f"{sentence}, at the lower end of its 95 % interval"
    return Criterion(sentence=said, found=shown, met=low is not None and low >= least)


BANDS = ((100, "under 100"), (1_000, "100 to 1,000"), (10_000, "1,000 to 10,000"), (100_000, "10,000 to 100,000"))


def band_of(amount: Decimal | None) -> str:
    """The band of an amount of money, whatever its currency; the lower end belongs to it."""
    if amount is None:
        return "no amount"
    return next((name for limit, name in BANDS if amount < limit), "100,000 and more")
