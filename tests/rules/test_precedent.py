"""How alike cases are, and the rules that many identical decisions suggest."""

import pytest

from handoffs.rules.precedent import Decided, likeness, suggested_rules


def fact(key, value, kind="text", *, sensitive=False):
    return {"key": key, "label": key.capitalize(), "type": kind, "value": value, "sensitive": sensitive}


def facts(vendor="Acme", amount="100", **more):
    return [fact("vendor", vendor), fact("amount", amount, "money"), *(fact(key, value) for key, value in more.items())]


@pytest.mark.parametrize(
    ("other", "score", "same"),
    [
        (facts(), 1.0, ("Vendor", "Amount")),
        (facts(amount="50"), 0.75, ("Vendor",)),
        (facts(vendor="ACME"), 1.0, ("Vendor", "Amount")),
        (facts(vendor="Other", amount="-100"), 0.0, ()),
        ([fact("vendor", "Acme")], 0.5, ("Vendor",)),
        ([], 0.0, ()),
    ],
)
def test_likeness(other, score, same):
    found = likeness(facts(), other)
    assert (found.score, found.same) == (score, same)


def test_sensitive_facts_take_no_part():
    secret = fact("account", "DE89", sensitive=True)
    assert likeness([*facts(), secret], [*facts(), secret]).same == ("Vendor", "Amount")
    rules = suggested_rules([Decided(trigger="t", outcome="pay", facts=[secret])] * 30)
    assert rules == ()


def cases(count, outcome="pay", trigger="t", **given):
    return [Decided(trigger=trigger, outcome=outcome, facts=facts(**given))] * count


def test_the_widest_number_up_to_which_everybody_decided_the_same_makes_the_rule():
    decided = [
        *cases(10, amount="5"),
        *cases(12, amount="80.50"),
        *cases(1, "reject", amount="90"),
        *cases(30, amount="95"),
    ]
    decided = [
        Decided(trigger=each.trigger, outcome=each.outcome, facts=[fact("vendor", str(n)), each.facts[1]])
        for n, each in enumerate(decided)
    ]
    (rule,) = suggested_rules(decided)
    assert (rule.outcome, rule.count, rule.sentence) == ("pay", 22, "Amount is at most 80.50")
    assert rule.when["field"] == "data.amount"


def test_one_value_for_which_everybody_decided_the_same_makes_a_rule():
    decided = [*cases(20, amount="7"), *cases(5, "reject", vendor="Other", amount="1")]
    (rule,) = suggested_rules(decided)
    assert (rule.outcome, rule.sentence) == ("pay", "Vendor is Acme")


@pytest.mark.parametrize(
    "decided", [[], cases(19), [*cases(30), *cases(1, "reject")]], ids=["nothing", "too few", "one against"]
)
def test_too_few_or_divided_decisions_suggest_nothing(decided):
    assert suggested_rules(decided) == ()


def test_each_trigger_has_its_own_rule():
    decided = [*cases(20), *cases(25, "reject", trigger="other")]
    assert [(rule.trigger, rule.outcome) for rule in suggested_rules(decided)] == [("other", "reject"), ("t", "pay")]


def test_what_the_automation_says_of_itself_is_no_ground():
    said = [Decided(trigger="t", outcome="pay", facts=[fact("confidence", "0.9", "number")])] * 40
    assert suggested_rules(said) == ()
