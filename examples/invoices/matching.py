"""The matching rules: an invoice against its purchase order, in exact decimals, with every finding in words.

Price variance of a line, in percent: (invoiced unit price − ordered unit price) ÷ ordered unit price × 100. Nothing is
rounded before it is compared. Whether a person is needed is the desk's decision; the rules here say what is odd.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from .money import EXACT, line_amount, minor_digits, money_text, plain, price_text, round_money, total
from .records import Invoice, Line, Order

TOLERANCE_PERCENT = Decimal(2)
SMALL_VARIANCE_PERCENT = Decimal(3)
CLEAN_CONFIDENCE = 0.99


class Compare(StrEnum):
    """What the price variance compares: unit prices (signed), or the totals of invoice and order (either way)."""

    UNIT = "unit"
    TOTAL = "total"


class Outcome(StrEnum):
    """The outcomes of the desk's policy that this automation knows how to carry out."""

    PAY = "approve_and_pay"
    CORRECT = "request_vendor_correction"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something odd. `headline` says it after “Invoice … from …”; empty where the policy's own summary says it better.

    `asks`: the desk's policy cannot see it in the data, so a person is asked for outright.
    """

    key: str
    text: str
    headline: str = ""
    confidence: float
    proposes: Outcome = Outcome.CORRECT
    asks: bool = False


@dataclass(frozen=True, kw_only=True)
class LineMatch:
    line: Line
    ordered: Line | None
    variance: Fraction | None
    billed_before: Decimal


@dataclass(frozen=True, kw_only=True)
class Match:
    """What matching found. `variance` is the largest of the lines' variances, None when nothing could be compared."""

    invoice: Invoice
    order: Order | None
    lines: tuple[LineMatch, ...]
    variance: Fraction | None
    findings: tuple[Finding, ...] = ()

    @property
    def amount(self) -> Decimal:
        return invoice_amount(self.invoice)

    @property
    def confidence(self) -> float:
        return min((finding.confidence for finding in self.findings), default=CLEAN_CONFIDENCE)

    @property
    def proposed_outcome(self) -> Outcome:
        proposals = {finding.proposes for finding in self.findings}
        return next((outcome for outcome in (Outcome.REJECT, Outcome.CORRECT) if outcome in proposals), Outcome.PAY)

    @property
    def root_cause(self) -> str:
        return " ".join(finding.text for finding in self.findings)

    @property
    def headline(self) -> str:
        return self.findings[0].headline if self.findings else ""

    @property
    def asks(self) -> str:
        return " ".join(finding.text for finding in self.findings if finding.asks)


class Billing:
    """How much of each order line has been billed by the invoices matched so far, in the order of the file."""

    def __init__(self) -> None:
        self._quantities: dict[tuple[str, int], Decimal] = defaultdict(Decimal)

    def before(self, order: Order, ordered: Line) -> Decimal:
        return self._quantities[order.po_number, ordered.row]

    def add(self, match: Match) -> None:
        for line in match.lines:
            if match.order and line.ordered:
                key = match.order.po_number, line.ordered.row
                self._quantities[key] = EXACT.add(self._quantities[key], line.line.quantity)


def match_all(
    invoices: Iterable[Invoice], orders: Mapping[str, Order], *, billing: Billing, compare: Compare = Compare.UNIT
) -> list[Match]:
    """Match invoices in the given order, so that an order's quantities are used up by earlier invoices first."""
    matches = []
    for invoice in invoices:
        found = match(invoice, orders, billing=billing, compare=compare)
        billing.add(found)
        matches.append(found)
    return matches


def match(invoice: Invoice, orders: Mapping[str, Order], *, billing: Billing, compare: Compare = Compare.UNIT) -> Match:
    """Match one invoice against the order it names, if that is known."""
    order = orders.get(invoice.po_number)
    lines = _match_lines(invoice, order, billing)
    bare = Match(invoice=invoice, order=order, lines=lines, variance=_variance(invoice, order, lines, compare=compare))
    findings = tuple(found for rule in RULES if (found := rule(bare)))
    return Match(invoice=invoice, order=order, lines=lines, variance=bare.variance, findings=findings)


def invoice_amount(invoice: Invoice) -> Decimal:
    """Return the total to pay: the one the invoice states, else the sum of its lines, rounded to the minor unit."""
    amount = lines_amount(invoice) if invoice.stated_amount is None else invoice.stated_amount
    return round_money(amount, invoice.currency)


def lines_amount(document: Invoice | Order) -> Decimal:
    """Return the sum of the lines, each rounded to the currency's minor unit as it would be printed."""
    return total([line_amount(line.quantity, line.unit_price, document.currency) for line in document.lines])


def variance_percent(price: Decimal, ordered_price: Decimal) -> Fraction | None:
    """Return the exact variance in percent, or None when the order's price is zero."""
    if not ordered_price:
        return None
    return (Fraction(price) - Fraction(ordered_price)) / Fraction(ordered_price) * 100


def percent_text(percent: Fraction) -> str:
    """Write a percentage as a decimal that compares like the exact value with any threshold of up to four decimals.

    Exact when it ends within six decimals. Otherwise rounded to six, unless that would show a shorter, different
    number (2.0000004 as 2): then with as many as it takes to tell them apart.
    """
    for places in (6, 12, 18, 24, 30):
        scaled = round(percent * 10**places)
        text = plain(Decimal(scaled).scaleb(-places, EXACT))
        if Fraction(text) == percent or len(text.partition(".")[2]) > places - 2:
            return text
    return text


def _match_lines(invoice: Invoice, order: Order | None, billing: Billing) -> tuple[LineMatch, ...]:
    return tuple(_match_line(line, order, invoice, billing) for line in invoice.lines)


def _match_line(line: Line, order: Order | None, invoice: Invoice, billing: Billing) -> LineMatch:
    ordered = _ordered_line(line, order) if order else None
    if order is None or ordered is None:
        return LineMatch(line=line, ordered=None, variance=None, billed_before=Decimal(0))
    comparable = order.currency == invoice.currency
    variance = variance_percent(line.unit_price, ordered.unit_price) if comparable else None
    return LineMatch(line=line, ordered=ordered, variance=variance, billed_before=billing.before(order, ordered))


def _ordered_line(line: Line, order: Order) -> Line | None:
    by_sku = [ordered for ordered in order.lines if ordered.sku == line.sku]
    by_text = [ordered for ordered in order.lines if ordered.description.casefold() == line.description.casefold()]
    if line.sku:
        return by_sku[0] if by_sku else None
    return by_text[0] if by_text else None


def _variance(
    invoice: Invoice, order: Order | None, lines: tuple[LineMatch, ...], *, compare: Compare
) -> Fraction | None:
    if compare is Compare.TOTAL and order and order.currency == invoice.currency:
        of_totals = variance_percent(invoice_amount(invoice), lines_amount(order))
        return None if of_totals is None else abs(of_totals)
    return max((line.variance for line in lines if line.variance is not None), default=None)


def _no_order(match: Match) -> Finding | None:
    number = match.invoice.po_number
    if match.order:
        return None
    if not number:
        text, headline = "The invoice names no purchase order.", "names no purchase order"
        return Finding(key="missing_order", text=text, headline=headline, confidence=0.62)
    text, headline = f"The invoice names {number}, and there is no such order.", f"names an unknown order, {number}"
    return Finding(key="unknown_order", text=text, headline=headline, confidence=0.55)


def _other_vendor(match: Match) -> Finding | None:
    if match.order is None or _same_vendor(match):
        return None
    number, headline = match.order.po_number, f"names another vendor's order, {match.order.po_number}"
    text = f"{number} was placed with {match.order.vendor.name}, not with {match.invoice.vendor.name}."
    return Finding(key="other_vendor", text=text, headline=headline, confidence=0.4, proposes=Outcome.REJECT, asks=True)


def _same_vendor(match: Match) -> bool:
    ours, theirs = match.invoice.vendor, match.order.vendor  # type: ignore[union-attr]
    if ours.vendor_id and theirs.vendor_id:
        return ours.vendor_id == theirs.vendor_id
    return not theirs.name or ours.name.casefold() == theirs.name.casefold()


def _other_currency(match: Match) -> Finding | None:
    if match.order is None or match.order.currency == match.invoice.currency:
        return None
    billed, ordered = match.invoice.currency, match.order.currency
    text = f"The invoice is in {billed}, the order in {ordered}: prices cannot be compared."
    headline = f"is in {billed}, its order {match.order.po_number} in {ordered}"
    return Finding(key="other_currency", text=text, headline=headline, confidence=0.5, asks=True)


def _not_ordered(match: Match) -> Finding | None:
    missing = [_named(line) for line in match.lines if line.ordered is None]
    if match.order is None or not missing:
        return None
    text = f"Not on {match.order.po_number}: {', '.join(missing)}."
    headline = f"bills what {match.order.po_number} does not have"
    return Finding(key="not_ordered", text=text, headline=headline, confidence=0.6, asks=True)


def _price_over(match: Match) -> Finding | None:
    if match.variance is None or match.variance <= TOLERANCE_PERCENT:
        return None
    outcome = Outcome.PAY if match.variance <= SMALL_VARIANCE_PERCENT else Outcome.CORRECT
    return Finding(key="price_over", text=_price_text(match), confidence=0.9, proposes=outcome)


def _price_text(match: Match) -> str:
    worst = next((line for line in match.lines if line.variance == match.variance and line.ordered), None)
    percent, currency = percent_text(match.variance or Fraction(0)), match.invoice.currency
    if worst is None or worst.ordered is None:
        return f"The total of {money_text(match.amount, currency)} is {percent} % away from the order's."
    billed, ordered = (price_text(line.unit_price, currency) for line in (worst.line, worst.ordered))
    return f"Unit price of {_named(worst)}: {billed} against {ordered} {currency} on the order, {percent} % more."


def _quantity_over(match: Match) -> Finding | None:
    over = [line for line in match.lines if line.ordered and _billed(line) > line.ordered.quantity]
    if not over or match.order is None:
        return None
    said = "; ".join(
        f"{_named(line)}: {plain(_billed(line))} billed, {plain(line.ordered.quantity)} ordered"
        for line in over
        if line.ordered
    )
    text, headline = f"More is billed than was ordered. {said}.", f"bills more than {match.order.po_number} ordered"
    return Finding(key="quantity_over", text=text, headline=headline, confidence=0.7, asks=True)


def _named(line: LineMatch) -> str:
    return line.line.description or line.line.sku or f"line {line.line.row}"


def _billed(line: LineMatch) -> Decimal:
    return EXACT.add(line.billed_before, line.line.quantity)


def _does_not_add_up(match: Match) -> Finding | None:
    invoice = match.invoice
    if invoice.stated_amount is None:
        return None
    # Lines may have been rounded another way than ours: a minor unit a line is arithmetic, more is a mistake.
    allowed = Decimal(len(invoice.lines)).scaleb(-minor_digits(invoice.currency))
    gap = EXACT.subtract(invoice.stated_amount, lines_amount(invoice))
    if abs(gap) <= allowed:
        return None
    text = f"The stated total differs from the sum of the lines by {money_text(gap, invoice.currency)}."
    return Finding(key="does_not_add_up", text=text, headline="does not add up", confidence=0.75, asks=True)


RULES: tuple[Callable[[Match], Finding | None], ...] = (
    _price_over,
    _no_order,
    _other_vendor,
    _other_currency,
    _not_ordered,
    _quantity_over,
    _does_not_add_up,
)
