"""Dry runs: what a policy would have done with stored attempts, beside what the live one would, and nothing written."""

from datetime import timedelta

import pytest

from handoffs.queries import tuning
from handoffs.rules.conditions import compile_condition
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.policy_loading import load
from tests.factories import post
from tests.policies import changed, invoice_matching
from tests.refusals import everything

pytestmark = pytest.mark.django_db


def stored(workflow, *variances, **fields):
    for variance in variances:
        post(data={"price_variance_percent": variance}, **fields)
    return tuning.recent(workflow)


def test_each_trigger_is_counted_beside_the_live_version(workflow):
    attempts = stored(workflow, "0.1", "2.5", "3.5")
    run = tuning.dry_run(load(changed(("triggers.0.when.value", 3))), attempts, against=load(invoice_matching()))
    variance = run.triggers[0]
    assert (run.looked_at, run.stopped, run.compared) == (3, False, True)
    assert (variance.key, variance.count, variance.before) == ("price_variance", 1, 2)
    assert [example.sentence for example in variance.examples] == ["Price variance 3.5 % is above 3 %"]
    assert (run.handed_off.count, run.handed_off.before, run.newly.count, run.no_longer.count) == (1, 2, 0, 1)
    assert [(role.title, role.count, role.before) for role in run.roles] == [("AP clerk", 1, 2)]


def test_a_new_trigger_has_no_count_before(workflow):
    document = invoice_matching()
    document["triggers"].append({"key": "dear", "when": {"field": "data.amount", "is": ">", "value": 1}})
    run = tuning.dry_run(load(document), stored(workflow, "0.1"), against=load(invoice_matching()))
    assert (run.triggers[-1].key, run.triggers[-1].count, run.triggers[-1].before) == ("dear", 1, None)
    assert run.newly.count == 1


def test_repeated_failure_counts_what_came_before_each_attempt(workflow, now):
    for minute in range(3):
        at = now - timedelta(minutes=10 - minute)
        post(reference="INV-77", data={"price_variance_percent": "0.1"}, error_type="timeout", now=at)
    run = tuning.dry_run(load(invoice_matching()), tuning.recent(workflow), against=None)
    failure = next(count for count in run.triggers if count.key == "repeated_failure")
    assert (failure.count, failure.before, run.handed_off.before) == (1, None, None)


def test_a_condition_says_what_it_held_on_but_not_what_is_sensitive(workflow):
    attempts = stored(workflow, "0.1", "2.5")
    document = invoice_matching()
    hidden = tuning.hidden_paths(document)
    source = {"field": "data.bank_account", "is": "starts_with", "value": "DE"}
    trial = tuning.try_condition(
        compile_condition(source, DataSchema.of(document["data"]), place="when"), attempts, hidden=hidden
    )
    assert hidden == {"data.bank_account"}
    assert (trial.looked_at, trial.yes.count) == (2, 2)
    assert {example.sentence for example in trial.yes.examples} == {"•••"}


def test_no_more_time_is_spent_than_there_is(workflow, monkeypatch):
    attempts = stored(workflow, "2.5", "2.6")
    monkeypatch.setattr(tuning, "SECONDS_LIMIT", -1.0)
    run = tuning.dry_run(load(invoice_matching()), attempts, against=None)
    assert (run.looked_at, run.stopped, run.handed_off.count) == (0, True, 0)


def test_a_dry_run_reads_in_three_queries_and_writes_nothing(workflow, django_assert_num_queries):
    stored(workflow, "2.5", "0.1")
    before = everything()
    with django_assert_num_queries(3):
        attempts = tuning.recent(workflow)
        tuning.dry_run(load(invoice_matching()), attempts, against=load(invoice_matching()))
    assert everything() == before
