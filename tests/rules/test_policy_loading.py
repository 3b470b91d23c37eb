"""What a document becomes, and every mistake of shape, duration, data schema and condition at its place."""

import re
import time
from decimal import Decimal

import jsonschema_rs
import pytest

from handoffs.choices import FieldType, OnUnknown, OutcomeKind, Pattern, RecoveryAction
from handoffs.errors import PolicyInvalid
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.policy import (
    Context,
    ContextField,
    FailureLimit,
    Outcome,
    Policy,
    RecoveryRules,
    Rollout,
    Route,
    Sla,
    Supervision,
)
from handoffs.rules.policy_loading import load, read_yaml
from handoffs.rules.policy_schema import TRIGGERS_LIMIT, policy_schema
from tests.policies import GONE, changed, invoice_matching

CONDITION = "write a condition such as {field: data.amount, is: '>', value: 1000}"
KEY = "write lower-case letters, digits and _, such as price_variance, at most 64 characters"
FOREIGN = "only references within data are followed, such as #/$defs/line"
ANSWER_TYPES = "string, number, integer, boolean"
QUESTION = "name each question in lower-case letters, digits and _, such as new_amount"
DURATION = "write 30s, 5m, 8h, 3d, 2w or 1h30m"


def mistakes_in(document):
    with pytest.raises(PolicyInvalid) as refused:
        load(document)
    return [f"{mistake.pointer}: {mistake.detail}" for mistake in refused.value.mistakes]


def test_the_smallest_policy_has_every_default():
    policy = load(
        {
            "workflow": "refunds",
            "routes": [{"role": "Clerk"}],
            "outcomes": [{"key": "pay_it", "kind": "approve", "recovery": "resume"}],
        }
    )
    assert policy == Policy(
        workflow="refunds",
        title="Refunds",
        pattern=Pattern.ALERT_AND_WAIT,
        data={},
        context=Context(summary="{reference}"),
        triggers=(),
        routes=(Route(role="Clerk"),),
        outcomes=(Outcome(key="pay_it", title="Pay it", kind=OutcomeKind.APPROVE, recovery=RecoveryAction.RESUME),),
        suggest=(),
        sla=Sla(calendar="always"),
        recovery=RecoveryRules(receipt_within_seconds=900),
        supervision=Supervision(sample_percent=100),
        rollout=Rollout(percent=100),
    )


def test_the_invoice_policy_is_read_to_the_last_setting():
    policy = load(invoice_matching())
    assert [(trigger.key, trigger.title, trigger.unknown) for trigger in policy.triggers] == [
        ("price_variance", "Price variance above 2 %", OnUnknown.HAND_OFF),
        ("missing_po", "No purchase order", OnUnknown.HAND_OFF),
        ("low_confidence", "Low confidence", OnUnknown.IGNORE),
        ("repeated_failure", "Repeated failure", OnUnknown.HAND_OFF),
        ("quality_sample", "Quality sample", OnUnknown.HAND_OFF),
    ]
    assert policy.triggers[3].failures == FailureLimit(
        count=3, within_seconds=3600, errors=frozenset({"timeout", "erp_down"}), retry_after_seconds=(30, 300)
    )
    assert policy.triggers[4].sample_percent == 5
    assert policy.triggers[2].when.source["value"] == Decimal("0.8")
    assert policy.context.fields[0] == ContextField(
        field="data.amount", as_type=FieldType.MONEY, label="Amount", currency="data.currency"
    )
    assert [step.after_seconds for step in policy.sla.escalation] == [7200, 28_800]
    assert [reminder.offset_seconds for reminder in policy.sla.reminders] == [-7200, 0]
    assert policy.sla.cut_off.after_seconds == 259_200
    assert [outcome.second_person is not None for outcome in policy.outcomes] == [False, False, True]
    assert policy.outcomes[0].reversible is False
    assert [outcome.together for outcome in policy.outcomes] == [False, False, False]  # as before the key existed


@pytest.mark.parametrize(("second_person", "expected"), [(True, True), (False, None)], ids=["always", "never"])
def test_a_second_person_always_or_never(second_person, expected):
    assert load(changed(("outcomes.2.second_person", second_person))).outcomes[2].second_person is expected


def test_labels_and_types_of_shown_fields_come_from_the_data_schema():
    fields = [
        {"field": "data.vendor_age_days"},
        {"field": "data.po_line"},
        {"field": "data.vendor", "label": "Supplier"},
        {"field": "confidence", "as": "percent"},
    ]
    shown = load(changed(("context.fields", fields))).context.fields
    assert [(field.label, field.as_type) for field in shown] == [
        ("Days since the vendor was added", FieldType.NUMBER),
        ("Lines of the purchase order", FieldType.TABLE),
        ("Supplier", FieldType.TEXT),
        ("Confidence", FieldType.PERCENT),
    ]


@pytest.mark.parametrize(
    ("place", "value", "detail"),
    [
        ("workflow", GONE, "missing: add workflow (the workflow's key, such as invoice-matching)"),
        (
            "workflow",
            "Invoice matching",
            "write lower-case letters, digits and -, such as invoice-matching, at most 64 characters",
        ),
        ("titel", "x", "unknown key titel, did you mean title?"),
        ("pattern", "supervise", "unknown word supervise, did you mean supervised?"),
        ("pattern", 1, "unknown word 1: use one of alert_and_wait, escalation, supervised"),
        ("title", "", "write something here"),
        (
            "title",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "write at most 200 characters",
        ),
        ("routes", GONE, "missing: add routes (to which role: the first that matches; the last has no condition)"),
        ("routes", [], "list at least 1"),
        ("routes", {}, "write a list, not keys and values"),
        ("routes.1.role", GONE, "missing: add role (who decides them)"),
        ("routes.0.priority", "hihg", "unknown word hihg, did you mean high?"),
        ("triggers.0.wehn", {}, "unknown key wehn, did you mean when?"),
        ("triggers.0.key", "Price variance", KEY),
        ("triggers.0.when", None, CONDITION),
        ("triggers.0.unknown", "handoff", "unknown word handoff, did you mean hand_off?"),
        (
            "triggers.0.when.field",
            "data.price_varience_percent",
            "unknown field data.price_varience_percent, did you mean data.price_variance_percent?",
        ),
        ("triggers.4.sample.percent", 101, "write 100 or less"),
        ("triggers.4.sample.percent", Decimal("-0.1"), "write 0 or more"),
        ("triggers.4.sample.percent", "5", "write a number, not 5"),
        ("triggers.3.failures.count", 0, "write 1 or more"),
        ("triggers.3.failures.count", Decimal("2.5"), "write a whole number, not 2.5"),
        ("triggers.3.failures.within", "1 hour", f"'1 hour' is no duration: {DURATION}"),
        ("triggers.3.failures.retry_after.1", 300, DURATION),
        ("triggers.3.failures.retry_after", [], "list at least 1"),
        ("outcomes.0.kind", "aprove", "unknown word aprove, did you mean approve?"),
        ("outcomes.0.reversible", "no", "write true or false, not no"),
        ("outcomes.0.together", 1, "write true or false, not 1"),
        ("outcomes.2.second_person", "yes", "write true or false or keys and values, not yes"),
        ("outcomes.2.second_person.when.field", "data.amonut", "unknown field data.amonut, did you mean data.amount?"),
        ("suggest.0.outcome", GONE, "missing: add outcome (key of an outcome)"),
        ("sla.accept_within", 3600, DURATION),
        ("sla.accept_within", "0h", "write a duration longer than nothing, such as 5m"),
        ("sla.resolve_within", "9999w", f"9999w is longer than ten years: {DURATION}"),
        ("sla.reminders.1.to", "everybody", "unknown word everybody: use one of holder, role"),
        ("sla.cut_off.outcome", GONE, "missing: add outcome (key of the outcome that is applied without a person)"),
        ("sla.escalation.0.tell", "AP clerk", "write a list, not AP clerk"),
        ("recovery.on_failure", "retry", "unknown word retry: use one of reopen, keep"),
        ("rollout.percent", None, "write a number, not null"),
        ("rollout.shadow", "false", "write true or false, not false"),
        (
            "context.fields.0.as",
            "currency",
            "unknown word currency: use one of money, percent, number, date, text, table, link",
        ),
        ("context.fields.0", "data.amount", "write keys and values, not data.amount"),
        ("data", "object", "write keys and values, not object"),
        ("data.type", "array", "attempts carry an object: write object"),
        (
            "data.properties.amount.type",
            "decimal",
            "no type of JSON Schema: use one of array, boolean, integer, null, number, object, string",
        ),
        ("data.properties.vendor.type", "sting", "no type of JSON Schema, did you mean string?"),
        ("data.properties.vendor.$ref", "https://schemas.example/vendor.json", FOREIGN),
        ("data.properties.vendor.$ref", "file:///etc/passwd", FOREIGN),
        ("data.$id", "https://schemas.example/", "$id is not allowed here: leave it out"),
        (
            "data.$schema",
            "http://json-schema.org/draft-07/schema#",
            "only https://json-schema.org/draft/2020-12/schema is understood: leave it out",
        ),
        ("data.properties.vendor.pattern", "(", 'this is no JSON Schema: "(" is not a "regex"'),
    ],
)
def test_a_mistake_is_told_at_its_place_with_what_to_do(place, value, detail):
    pointer = re.sub(r"\.(\d+)", r"[\1]", place)
    assert mistakes_in(changed((place, value))) == [f"{pointer}: {detail}"]


@pytest.mark.parametrize(
    ("place", "value", "mistakes"),
    [
        ("triggers.0.when", GONE, ["triggers[0]: write exactly one of when, failures and sample"]),
        ("triggers.0.sample", {"percent": 5}, ["triggers[0]: write exactly one of when, failures and sample"]),
        (
            "outcomes.2.second_person",
            {},
            ["outcomes[2].second_person.when: missing: add when (cases that need two people)"],
        ),
        ("sla.reminders.0.after", "accept", ["sla.reminders[0]: write exactly one of before and after"]),
        ("sla.reminders.0.before", GONE, ["sla.reminders[0]: write exactly one of before and after"]),
        (
            "data.properties.vendor.$ref",
            "#/$defs/vendor",
            ["data: no usable JSON Schema: Pointer '/$defs/vendor' does not exist"],
        ),
        (
            "outcomes.0.answers",
            {"properties": {"New amount": {"type": "money"}}},
            [
                "outcomes[0].answers.properties.New amount.type: unknown word money: use one of " + ANSWER_TYPES,
                "outcomes[0].answers.properties: " + QUESTION,
            ],
        ),
    ],
)
def test_a_mistake_may_belong_to_what_is_around_it(place, value, mistakes):
    assert mistakes_in(changed((place, value))) == mistakes


def test_every_mistake_is_told_at_once_in_the_order_of_the_sections():
    document = changed(
        ("rollout.percent", 200),
        ("sla.idle_release", "soon"),
        ("triggers.1.when.field", "data.po_numbre"),
        ("triggers.0.titel", "x"),
        ("routes.0.when.field", "data.amuont"),
        ("pattern", "alert"),
    )
    assert mistakes_in(document) == [
        "pattern: unknown word alert: use one of alert_and_wait, escalation, supervised",
        "triggers[0].titel: unknown key titel, did you mean title?",
        "triggers[1].when.field: unknown field data.po_numbre, did you mean data.po_number?",
        "routes[0].when.field: unknown field data.amuont, did you mean data.amount?",
        f"sla.idle_release: 'soon' is no duration: {DURATION}",
        "rollout.percent: write 100 or less",
    ]


def test_the_message_names_the_first_mistake_and_counts_the_rest():
    with pytest.raises(PolicyInvalid) as refused:
        load(changed(("title", ""), ("pattern", "x"), ("rollout.percent", 200)))
    assert refused.value.message == "title: write something here (and 2 more)"


def test_null_stands_for_left_out_where_the_policy_says_so():
    document = changed(
        ("routes.1.when", None),
        ("suggest.0.when", None),
        ("sla.accept_within", None),
        ("sla.cut_off", None),
        ("sla.idle_release", None),
        ("sla.reminders", []),
    )
    policy = load(document)
    assert (policy.routes[1].when, policy.suggest[0].when, policy.sla.cut_off) == (None, None, None)
    assert (policy.sla.accept_within_seconds, policy.sla.idle_release_seconds) == (None, None)


def test_references_within_the_data_are_followed_even_in_circles():
    line = {
        "type": "object",
        "properties": {"price": {"type": "number", "title": "Price"}, "part": {"$ref": "#/$defs/line"}},
    }
    data = {"type": "object", "properties": {"line": {"$ref": "#/$defs/line"}}, "$defs": {"line": line}}
    when = {"field": "data.line.part.part.price", "is": ">", "value": 1}
    policy = load(
        {
            "workflow": "w",
            "data": data,
            "context": {"fields": [{"field": "data.line.part.price"}]},
            "triggers": [{"key": "dear", "when": when}],
            "routes": [{"role": "Clerk"}],
            "outcomes": [{"key": "ok", "kind": "other", "recovery": "none"}],
        }
    )
    assert policy.context.fields[0].label == "Price"
    assert policy.triggers[0].when.fields == ("data.line.part.part.price",)


def test_data_that_refers_to_itself_only_is_loaded_without_hanging():
    started = time.monotonic()
    load(
        changed(
            ("data", {"$ref": "#"}),
            ("triggers", []),
            ("routes", [{"role": "Clerk"}]),
            ("suggest", []),
            ("outcomes.2.second_person", True),
        )
    )
    assert time.monotonic() - started < 2


def test_at_most_two_hundred_triggers():
    triggers = [{"key": f"t{number}", "sample": {"percent": 1}} for number in range(TRIGGERS_LIMIT + 1)]
    assert mistakes_in(invoice_matching(triggers=triggers)) == ["triggers: list at most 200"]
    assert len(load(invoice_matching(triggers=triggers[:-1])).triggers) == TRIGGERS_LIMIT


def test_two_hundred_conditions_load_in_a_second():
    when = {"all": [{"field": "data.amount", "is": ">", "value": number} for number in range(5)]}
    triggers = [{"key": f"t{number}", "when": when} for number in range(TRIGGERS_LIMIT)]
    started = time.monotonic()
    load(invoice_matching(triggers=triggers))
    assert time.monotonic() - started < 1


def test_what_was_sent_is_left_as_it_is():
    document = invoice_matching()
    before = exact_dumps(document)
    load(document)
    assert exact_dumps(document) == before


def test_the_schema_is_a_valid_one_and_describes_every_setting():
    schema = policy_schema()
    assert jsonschema_rs.meta.is_valid(schema)
    settings = dict(_settings(schema, ""))
    assert [place for place, part in settings.items() if not part.get("description")] == []
    assert {"triggers[].failures.retry_after", "sla.escalation[].tell", "rollout.shadow"} < set(settings)


def _settings(schema, place):
    for name, part in schema.get("properties", {}).items():
        at = f"{place}.{name}".lstrip(".")
        yield at, part
        yield from _settings(part.get("items", part), f"{at}[]" if "items" in part else at)


def test_yaml_and_load_agree_on_the_numbers():
    text = (
        "workflow: w\nrollout: {percent: 12.5}\nroutes: [{role: A}]\noutcomes: [{key: a, kind: other, recovery: none}]"
    )
    assert load(read_yaml(text)).rollout.percent == 12.5


def test_thousands_of_mistakes_are_cut_to_a_readable_number_and_told_soon():
    fields = {f"field_{number}_of_the_invoice": {} for number in range(1000)}
    parts = [{"field": f"data.feild_{number}_of_the_invoce", "is": "missing"} for number in range(20)]
    triggers = [{"key": f"t{number}", "when": {"any": parts}} for number in range(100)]
    started = time.monotonic()
    mistakes = mistakes_in(invoice_matching(data={"properties": fields}, triggers=triggers))
    assert 100 <= len(mistakes) <= 200
    assert mistakes[0].startswith(
        "triggers[0].when.any[0].field: unknown field data.feild_0_of_the_invoce, did you mean"
    )
    assert time.monotonic() - started < 8


def test_data_that_refers_to_itself_many_times_is_looked_at_soon():
    data = {"properties": {f"part_{number}": {"$ref": "#"} for number in range(100)}}
    started = time.monotonic()
    mistakes = mistakes_in(invoice_matching(data=data))
    assert mistakes[0].startswith("triggers[0].when.field: unknown field data.price_variance_percent")
    assert time.monotonic() - started < 4
