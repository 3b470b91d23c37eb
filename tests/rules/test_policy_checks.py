"""Whether the parts of a policy fit together: what refuses it, what only warns, and where."""

import pytest

from handoffs.rules.policy_checks import check, errors, role_names, warnings
from handoffs.rules.policy_loading import load
from tests.policies import GONE, INVOICE_ROLES, changed, invoice_matching

ROUTE = {"role": "AP clerk"}
WHEN = {"field": "data.amount", "is": ">", "value": 5000}


def found_in(document, *, roles=INVOICE_ROLES, calendars=None):
    problems = check(load(document), document, roles=roles, calendars=calendars)
    return [f"{problem.severity} {problem}" for problem in problems]


def test_the_invoice_policy_has_nothing_to_complain_about():
    assert found_in(invoice_matching(), calendars=frozenset({"always"})) == []


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        # --- context
        (
            [("context.summary", "{reference} from {data.vendro} for {data.amount|?}")],
            ["error context.summary: unknown field data.vendro, did you mean data.vendor?"],
        ),
        (
            [("context.summary", "{reference from {data.vendor}")],
            ["error context.summary: a brace without its partner: write {data.vendor} or {data.po|none}"],
        ),
        (
            [("context.fields.4.field", "data.bank_acount")],
            ["error context.fields[4].field: unknown field data.bank_acount, did you mean data.bank_account?"],
        ),
        (
            [("context.fields.0.currency", "data.curency")],
            ["error context.fields[0].currency: unknown field data.curency, did you mean data.currency?"],
        ),
        (
            [("context.fields.0.currency", "usd")],
            ["error context.fields[0].currency: write a path such as data.currency, or a code such as USD"],
        ),
        ([("context.fields.0.currency", "USD")], []),
        (
            [("context.fields.1", {"field": "data.amount"})],
            [
                "error context.fields[1].field: data.amount is already context.fields[0]: rename or remove one",
            ],
        ),
        (
            [("context.require.fields", ["data.amount", "data.currency"])],
            [
                "error context.require.fields[1]: data.currency is required and not shown: add it to context.fields",
            ],
        ),
        (
            [("context.require.fields", ["data.amuont"])],
            ["error context.require.fields[0]: unknown field data.amuont, did you mean data.amount?"],
        ),
        # --- triggers
        (
            [("triggers.2.key", "missing_po")],
            ["error triggers[2].key: missing_po is already triggers[1]: rename or remove one"],
        ),
        (
            [("triggers.0.key", "requested")],
            ["error triggers[0].key: requested stands for what automation asks: rename it"],
        ),
        (
            [("triggers.3.failures.within", "5m30s")],
            [
                (
                    "error triggers[3].failures.within: 3 failures take 5 m 30 s with these waits, "
                    "the window is 5 m 30 s: the limit is never reached"
                )
            ],
        ),
        ([("triggers.3.failures.within", "5m31s")], []),
        ([("triggers.3.failures.within", "1m"), ("triggers.3.failures.across_cases", True)], []),
        (
            [("triggers.3.failures.retry_after", ["1s", "2s", "3s"])],
            ["warning triggers[3].failures.retry_after: of these 3 waits only 2 are used"],
        ),
        # --- patterns
        (
            [("pattern", "escalation"), ("triggers", [])],
            ["error triggers: the escalation pattern needs a trigger with failures: add one"],
        ),
        ([("pattern", "escalation")], []),
        (
            [("supervision", {"sample": {"percent": 20}})],
            ["error supervision: only the supervised pattern has it: leave it out, or change the pattern"],
        ),
        ([("pattern", "supervised"), ("supervision", {"sample": {"percent": 20}})], []),
        (
            [("pattern", "supervised"), ("sla.cut_off", GONE)],
            ["warning sla.cut_off: without it, what nobody reviews is never confirmed"],
        ),
        # --- routes and roles
        (
            [("routes", [ROUTE, ROUTE])],
            ["error routes[0]: no condition, so the routes after it are never reached: add when"],
        ),
        (
            [("routes.1.when", WHEN)],
            ["error routes[1].when: the last route takes every other case: leave the condition out"],
        ),
        (
            [("routes.1.role", "AP clark"), ("sla.escalation.0.tell", ["Auditors"]), ("rollout.reviewers", "Pilots")],
            [
                "error routes[1].role: there is no role AP clark, did you mean AP clerk?",
                "error sla.escalation[0].tell[0]: there is no role Auditors: create it, or name another",
                "error rollout.reviewers: there is no role Pilots: create it, or name another",
            ],
        ),
        # --- outcomes
        (
            [("outcomes.2.key", "approve_and_pay")],
            ["error outcomes[2].key: approve_and_pay is already outcomes[0]: rename or remove one"],
        ),
        (
            [("outcomes.2.key", "escalate")],
            ["error outcomes[2].key: escalate is always there: rename it or leave it out"],
        ),
        (
            [("outcomes.2.answers", {"properties": {"why": {"type": "string"}}, "required": ["whi"]})],
            ["error outcomes[2].answers.required[0]: no question is called whi, did you mean why?"],
        ),
        (
            [("suggest.0.outcome", "ask")],
            [
                (
                    "error suggest[0].outcome: there is no outcome ask: "
                    "use one of approve_and_pay, request_vendor_correction, reject"
                )
            ],
        ),
        (
            [("suggest", [{"outcome": "reject"}, {"outcome": "reject", "when": WHEN}])],
            ["warning suggest[0]: no condition, so the suggestions after it are never made"],
        ),
        # --- times
        (
            [("sla.accept_within", "9h")],
            ["warning sla.accept_within: 9 h is longer than resolve_within (8 h)"],
        ),
        (
            [("sla.resolve_within", "4d")],
            [
                "warning sla.resolve_within: the cut-off comes first, after 3 d",
                "warning sla.reminders[0]: never sent: the cut-off comes first",
            ],
        ),
        (
            [("sla.reminders.0.by", "9h")],
            ["error sla.reminders[0].by: 9 h is longer than the target, 8 h"],
        ),
        ([("sla.reminders.0.by", "8h")], []),
        (
            [("sla.accept_within", GONE)],
            ["error sla.reminders[1]: there is no accept_within to remind of: add it, or drop the reminder"],
        ),
        (
            [("sla.escalation.1.after", "3d")],
            ["error sla.escalation[1].after: comes at or after the cut-off (3 d): make it shorter"],
        ),
        (
            [("sla.escalation.1.after", "1h")],
            ["warning sla.escalation[1].after: comes before the step above it: list them in order"],
        ),
        (
            [("sla.cut_off.outcome", "approve_and_pay")],
            [
                (
                    "error sla.cut_off.outcome: "
                    "approve_and_pay approves what cannot be undone: the clock may not decide that"
                )
            ],
        ),
        ([("sla.cut_off.outcome", "approve_and_pay"), ("outcomes.0.reversible", True)], []),
        (
            [("sla.cut_off.outcome", "rejct")],
            ["error sla.cut_off.outcome: there is no outcome rejct, did you mean reject?"],
        ),
        # --- several cases at once
        ([("outcomes.1.together", True)], []),
        (
            [
                ("outcomes.1.together", True),
                (
                    "outcomes.1.answers",
                    {"type": "object", "properties": {"sum": {"type": "string"}}, "required": ["sum"]},
                ),
            ],
            [
                (
                    "error outcomes[1].together: "
                    "request_vendor_correction has questions that must be answered case by case: write false"
                )
            ],
        ),
        (
            [("outcomes.0.together", True)],
            [
                (
                    "warning outcomes[0].together: "
                    "approve_and_pay approves what cannot be undone, and for many cases with one press"
                )
            ],
        ),
        ([("outcomes.0.together", True), ("outcomes.0.reversible", True)], []),
        # --- rollout
        ([("rollout.shadow", True)], []),
        (
            [("rollout.shadow", True), ("pattern", "escalation")],
            ["error rollout.shadow: in the escalation pattern the automation shows its answer by acting: write false"],
        ),
        (
            [("rollout.shadow", True), ("rollout.limits", {"override_percent": 20})],
            ["warning rollout.limits: a shadow decision has no effect, so no limit is watched"],
        ),
        (
            [("rollout.limits", {"min_cases": 5})],
            ["warning rollout.limits: no limit is named, so the stage never steps back by itself"],
        ),
        ([("rollout.percent", 0)], ["warning rollout.percent: 0 %: no case is inside the rollout"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_does_not_fit_is_told_at_its_place(changes, problems):
    assert found_in(changed(*changes)) == problems


def test_a_calendar_must_exist_where_calendars_are_known():
    document = changed(("sla.calendar", "us-ofice"))
    assert found_in(document) == []
    assert found_in(document, calendars=frozenset({"always", "us-office"})) == [
        "error sla.calendar: there is no calendar us-ofice, did you mean us-office?"
    ]
    assert found_in(document, calendars=frozenset({"always"})) == [
        "error sla.calendar: there is no calendar us-ofice: create it, or write always"
    ]


def test_errors_and_warnings_are_told_apart():
    document = changed(("rollout.percent", 0), ("rollout.shadow", True), ("pattern", "escalation"))
    problems = check(load(document), document, roles=INVOICE_ROLES)
    assert [problem.place for problem in errors(problems)] == ["rollout.shadow"]
    assert [problem.place for problem in warnings(problems)] == ["rollout.percent"]


def test_every_named_role_is_listed_once():
    document = changed(("sla.escalation.1.tell", ["Auditors", "AP clerk"]), ("rollout.reviewers", "Pilots"))
    assert role_names(load(document)) == ("Procurement analyst", "AP clerk", "AP manager", "Auditors", "Pilots")


def test_data_without_declared_fields_leaves_every_field_open():
    document = changed(("data", GONE), ("context.summary", "{data.anything}"))
    assert found_in(document) == []
