"""Makes invoices with their orders, most of them in order and each of the others odd in one way."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from .catalogue import GOODS, NO_ORDER_ANSWERS, NOTES, PRICE_ANSWERS, PRICE_NOTES, SCALE, SELLERS, Seller
from .money import minor_digits, plain, price_text, round_money

# How many invoices of each kind. A little more than three quarters match cleanly.
PLAN = (
    ("exact", 170),
    ("several_lines", 44),
    ("within_tolerance", 26),
    ("exactly_two", 8),
    ("cheaper", 10),
    ("partial", 12),
    ("slightly_over", 17),
    ("far_over", 17),
    ("no_order", 13),
    ("unknown_order", 9),
    ("quantity_over", 5),
    ("other_currency", 3),
    ("not_ordered", 4),
    ("other_vendor", 2),
)

# Amounts at the routing limit of 5,000: (quantity, invoiced price, ordered price).
AT_THE_LIMIT = (
    ("1", "5000", "4800"),
    ("10", "500", "480"),
    ("1", "5000.01", "4800"),
    ("1", "4999.99", "4800"),
    ("8", "625", "600"),
    ("3", "1666.67", "1600"),
    ("2", "2500", "2500"),
    ("1", "5000.01", "5000.01"),
)


@dataclass
class Paper:
    """One invoice and its order while they are made; a kind bends them in one place."""

    dice: random.Random
    vendor_id: str
    seller: Seller
    ordered: list[dict[str, str]]
    billed: list[dict[str, str]]
    po_number: str
    currency: str
    notes: str = ""
    answer: str = ""
    desk_po: str = ""
    order_vendor: tuple[str, str] = ("", "")
    order_currency: str = ""
    in_orders: bool = True
    extra: dict[str, str] = field(default_factory=dict)

    def reprice(self, percent: Decimal) -> None:
        """Bill the first line at its ordered price plus a percentage."""
        price = Decimal(self.ordered[0]["unit_price"]) * (100 + percent) / 100
        self.billed[0]["unit_price"] = price_text(round_money(price, self.currency), self.currency)


def papers(dice: random.Random) -> list[Paper]:
    """Return the papers of the plan, shuffled, with amounts at the routing limit spread among them."""
    kinds = [kind for kind, count in PLAN for _ in range(count)]
    dice.shuffle(kinds)
    made = [_paper(dice, at, kind) for at, kind in enumerate(kinds)]
    for at, (quantity, invoiced, ordered) in enumerate(AT_THE_LIMIT):
        made[9 + at * 37] = _at_the_limit(dice, 9 + at * 37, Decimal(quantity), Decimal(invoiced), Decimal(ordered))
    return made


def _paper(dice: random.Random, at: int, kind: str) -> Paper:
    vendor = dice.randrange(len(SELLERS))
    count = dice.randint(2, 4) if kind == "several_lines" else 1
    paper = _plain_paper(dice, at, vendor, count)
    if kind in KINDS:
        KINDS[kind](paper)
    return paper


def _plain_paper(dice: random.Random, at: int, vendor: int, count: int) -> Paper:
    seller = SELLERS[vendor]
    goods = dice.sample(range(len(GOODS[seller.goods])), count)
    ordered = [_line(dice, seller, good) for good in goods]
    return Paper(
        dice=dice,
        vendor_id=f"V{vendor + 1:03}",
        seller=seller,
        ordered=ordered,
        billed=[dict(line) for line in ordered],
        po_number=f"PO-{4000 + at * 3}",
        currency=seller.currency,
        notes=dice.choice(NOTES),
    )


def _line(dice: random.Random, seller: Seller, good: int) -> dict[str, str]:
    description, euros = GOODS[seller.goods][good]
    price = Decimal(euros) * SCALE.get(seller.currency, Decimal(1))
    # A multiple of 50 minor units keeps most percentages finite, as on a real price list.
    price = (price * dice.randint(80, 125) / 100 / 5).quantize(Decimal(1), rounding=ROUND_HALF_UP) * 5 or Decimal(5)
    quantity = dice.choice((1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 40, 60)) if price < 2000 else dice.randint(1, 8)
    return {
        "sku": f"{seller.goods[:3].upper()}-{good + 1:02}{len(description) % 90 + 10}",
        "description": description,
        "quantity": str(quantity),
        "unit_price": price_text(price, seller.currency),
    }


def _within_tolerance(paper: Paper) -> None:
    paper.reprice(Decimal(paper.dice.choice(("0.2", "0.4", "1", "1.2", "1.6", "1.8"))))


def _exactly_two(paper: Paper) -> None:
    paper.reprice(Decimal(2))


def _cheaper(paper: Paper) -> None:
    paper.reprice(Decimal(paper.dice.choice(("-0.4", "-1", "-2", "-2.2", "-5", "-12"))))


def _partial(paper: Paper) -> None:
    quantity = int(paper.ordered[0]["quantity"]) + 5
    paper.ordered[0]["quantity"] = str(quantity)
    paper.billed[0]["quantity"] = plain(Decimal(paper.dice.randint(2, quantity * 2 - 1)) / 2)
    paper.notes = "Partial delivery; the rest follows."


def _slightly_over(paper: Paper) -> None:
    """Some percents a little above the tolerance, and sometimes the very next price above it."""
    percent = paper.dice.choice((None, "2.2", "2.4", "2.6", "3"))
    paper.reprice(Decimal(percent or 2))
    if percent is None:
        step = Decimal(1).scaleb(-minor_digits(paper.currency))
        paper.billed[0]["unit_price"] = price_text(Decimal(paper.billed[0]["unit_price"]) + step, paper.currency)
    _explain_price(paper)


def _far_over(paper: Paper) -> None:
    paper.reprice(Decimal(paper.dice.choice(("3.4", "4.2", "5", "6.8", "8", "9.6", "12.4", "18", "25", "40"))))
    _explain_price(paper)


def _explain_price(paper: Paper) -> None:
    paper.notes = paper.dice.choice(PRICE_NOTES) or paper.notes
    paper.answer = paper.dice.choice(PRICE_ANSWERS)


def _no_order(paper: Paper) -> None:
    """The invoice names no order; now and then the vendor desk finds the right one when asked."""
    if paper.dice.random() < 0.5:
        paper.desk_po = paper.po_number
        paper.answer = f"The vendor looked it up: the order is {paper.po_number}."
    else:
        paper.answer, paper.in_orders = paper.dice.choice(NO_ORDER_ANSWERS), False
    paper.extra["po_number"] = ""


def _unknown_order(paper: Paper) -> None:
    """The invoice names an order that does not exist: a slip of two digits, or plainly another company's number."""
    if paper.dice.random() < 0.6:
        paper.desk_po = paper.po_number
        paper.answer = f"A typing error of the vendor: {paper.po_number} is meant."
        paper.extra["po_number"] = f"PO-{paper.po_number[4:]}{paper.po_number[3]}0"
    else:
        paper.answer, paper.in_orders = paper.dice.choice(NO_ORDER_ANSWERS), False
        paper.extra["po_number"] = f"{paper.dice.randint(45, 47)}000{paper.dice.randint(10000, 99999)}"


def _quantity_over(paper: Paper) -> None:
    quantity = int(paper.ordered[0]["quantity"])
    paper.billed[0]["quantity"] = str(quantity + max(1, quantity // 5))
    paper.answer = "Goods-in counted what was ordered, not what is billed."


def _other_currency(paper: Paper) -> None:
    paper.order_currency = "USD" if paper.currency != "USD" else "EUR"
    paper.answer = "The vendor has moved its accounts; the order's currency is right."


def _not_ordered(paper: Paper) -> None:
    price = round_money(Decimal(paper.ordered[0]["unit_price"]) / 10, paper.currency)
    freight = {"sku": "FREIGHT", "description": "Freight and insurance", "quantity": "1"}
    paper.billed.append(freight | {"unit_price": price_text(price, paper.currency)})
    paper.answer = "Delivery was agreed free of charge."


def _other_vendor(paper: Paper) -> None:
    paper.order_vendor = ("V001", SELLERS[0].name) if paper.vendor_id != "V001" else ("V002", SELLERS[1].name)
    paper.answer = "The vendor cannot say where it has this order number from."


def _at_the_limit(dice: random.Random, at: int, quantity: Decimal, invoiced: Decimal, ordered: Decimal) -> Paper:
    paper = _plain_paper(dice, at, dice.choice((0, 1, 2, 11, 16, 20, 28, 30)), 1)
    numbers = {"quantity": plain(quantity)}
    paper.ordered[0] |= numbers | {"unit_price": price_text(ordered, paper.currency)}
    paper.billed[0] |= numbers | {"unit_price": price_text(invoiced, paper.currency)}
    _explain_price(paper)
    return paper


KINDS: dict[str, Callable[[Paper], None]] = {
    "within_tolerance": _within_tolerance,
    "exactly_two": _exactly_two,
    "cheaper": _cheaper,
    "partial": _partial,
    "slightly_over": _slightly_over,
    "far_over": _far_over,
    "no_order": _no_order,
    "unknown_order": _unknown_order,
    "quantity_over": _quantity_over,
    "other_currency": _other_currency,
    "not_ordered": _not_ordered,
    "other_vendor": _other_vendor,
}
