"""What managers find under Policies: reading, editing without loss, trying, publishing; and who does not find it."""

import copy
from decimal import Decimal

import pytest

from handoffs.actions import policies
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.policies.shapes import ALL
from handoffs.rules.canonical import canonical_dumps
from tests import factories
from tests.factories import CLEAN, HandoffFactory, post
from tests.policies import changed, invoice_matching
from tests.portal.policy_forms import DRAFT, KEY, controls, section_url

pytestmark = pytest.mark.django_db
PAGES = (
    f"/policies/{KEY}/",
    f"/policies/{KEY}/versions/1/",
    f"/policies/{KEY}/versions/1/yaml/",
    f"/policies/{KEY}/versions/1/file/",
    f"/policies/{KEY}/compare/",
    section_url("triggers"),
    f"{DRAFT}yaml/",
    f"{DRAFT}try/",
    f"{DRAFT}preview/",
    f"{DRAFT}publish/",
)
RICH = changed(
    ("triggers.0.when", {"all": [{"field": "data.amount", "is": ">", "value": 2}, {"any": [
        {"field": "data.currency", "is": "in", "value": ["EUR", "USD"]},
        {"field": "data.po_number", "is": "missing"}]}]}),
    ("triggers.1.when", {"all": [{"field": "data.po_number", "is": "missing"}]}),
    ("triggers.2.when", "confidence < 0.8 && data.amount > 10"),
    ("routes.0.when", {"exists": "data.po_line", "where": {"field": "item.price", "is": ">", "value": 5}}),
    ("outcomes.1.answers", {"type": "object", "properties": {
        "new_amount": {"type": "string", "format": "decimal", "title": "New amount"},
        "why": {"type": "string", "enum": ["Freight", "Metal"], "description": "hint"}}, "required": ["why"]}),
    ("outcomes.0.second_person", True),
    ("sla.calendar", "always"),
    ("rollout.limits", {"min_cases": 5, "override_percent": 12.5, "mtta": "1h30m"}),
    ("rollout.promote", {"kappa": 0.6}),
    ("integrity", {"second_look": {"percent": 5}, "unopened_documents": False}),
)  # fmt: skip


@pytest.fixture
def draft(workflow, lea, now):
    """A draft that says what the live version says."""
    return policies.save_draft(KEY, workflow.live_version.document, author=lea, now=now)


@pytest.fixture
def desk(as_, lea, draft):
    return as_(lea)


def document():
    return PolicyVersion.objects.get(status="draft").document


def form_of(client, section, *open_rows):
    """The form of a section with these rows open, as a browser would send it."""
    return controls(client.get(section_url(section, *open_rows)).content)


def press(client, section, form, do, **headers):
    return client.post(section_url(section), {**form, "do": do}, headers=headers)


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", PAGES)
def test_what_one_does_not_manage_is_not_there(as_, draft, ann, max_, url):
    for person in (ann, max_):
        assert as_(person).get(url).status_code == 404


def test_the_list_is_for_managers(as_, draft, ann, lea):
    refused, shown = as_(ann).get("/policies/"), as_(lea).get("/policies/")
    assert (refused.status_code, shown.status_code) == (403, 200)
    assert b"You may not do this" in refused.content
    assert b"Invoice matching" in shown.content


def test_a_manager_of_another_workflow_sees_neither_the_list_entry_nor_the_page(as_, draft):
    other = factories.PersonFactory(username="other", roles=["Other manager"])
    other.groups.first().permissions.add(factories.lea().groups.first().permissions.get(codename="manage_workflow"))
    client = as_(other)
    assert b"Invoice matching" not in client.get("/policies/").content
    assert [client.get(url).status_code for url in PAGES] == [404] * len(PAGES)
    assert client.post(f"{DRAFT}discard/").status_code == 404
    assert client.post(f"{DRAFT}publish/", {"reason": "Mine now"}).status_code == 404
    assert PolicyVersion.objects.filter(status="draft").exists()


def test_only_managers_are_led_there(as_, draft, ann, lea):
    assert b'href="/policies/"' not in as_(ann).get("/queue/").content
    assert b'href="/policies/"' in as_(lea).get("/queue/").content


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_version_reads_in_sentences(desk):
    page = desk.get(f"/policies/{KEY}/").content.decode()
    for sentence in (
        "Price variance is above 2",
        "Amount is above 5000 → Procurement analyst, high priority",
        "For the tests",
    ):
        assert sentence in page


def test_the_download_is_what_was_published(desk):
    from handoffs.rules.policy_reading import plain, read_yaml

    response = desk.get(f"/policies/{KEY}/versions/1/file/")
    assert response["Content-Disposition"] == f'attachment; filename="{KEY}-v1.yaml"'
    assert canonical_dumps(plain(read_yaml(response.content.decode()))) == canonical_dumps(invoice_matching())


# --- editing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", [section.key for section in ALL])
@pytest.mark.parametrize("source", [invoice_matching(), RICH], ids=["usual", "rich"])
def test_saving_a_section_untouched_changes_nothing(as_, workflow, lea, now, section, source):
    policies.save_draft(KEY, source, author=lea, now=now)
    client = as_(lea)
    rows = {"context": "context.fields", "sla": "sla.escalation"}.get(section, section)
    opened = [f"{rows}.{number}" for number in range(9)] + [f"sla.reminders.{number}" for number in range(2)]
    form = form_of(client, section, *opened)
    response = press(client, section, form, "save")
    assert response.status_code == 302, response.content.decode()[:4000]
    assert canonical_dumps(document()) == canonical_dumps(source)


def test_the_threshold_is_a_number_in_a_box(desk):
    form = form_of(desk, "triggers", "triggers.0")
    press(desk, "triggers", form | {"triggers.0.when.0.value": ["3"]}, "save")
    assert document() == changed(("triggers.0.when.value", 3))


def test_rows_are_added_moved_and_removed_before_anything_is_saved(desk):
    form = form_of(desk, "triggers")
    moved = controls(press(desk, "triggers", form, "down:triggers.0").content)
    shorter = controls(press(desk, "triggers", moved, "remove:triggers.4").content)
    assert document() == invoice_matching()
    assert press(desk, "triggers", shorter, "save").status_code == 302
    assert [trigger["key"] for trigger in document()["triggers"]] == [
        "missing_po", "price_variance", "low_confidence", "repeated_failure",
    ]  # fmt: skip


def test_a_new_trigger_is_built_press_by_press(desk):
    form = controls(press(desk, "triggers", form_of(desk, "triggers"), "add:triggers").content)
    form |= {"triggers.5.key": ["dear"], "triggers.5.title": ["Dear"], "triggers.5.when.0.field": ["data.amount"]}
    form = controls(press(desk, "triggers", form, "refresh").content)
    form |= {"triggers.5.when.0.is": [">="], "triggers.5.when.0.value": ["10.50"]}
    form = controls(press(desk, "triggers", form, "add:triggers.5.when").content)
    form |= {
        "triggers.5.when.1.field": ["data.currency"],
        "triggers.5.when.1.is": ["in"],
        "triggers.5.when.1.value": ["EUR, USD"],
    }
    assert press(desk, "triggers", form, "save").status_code == 302
    conditions = [
        {"field": "data.amount", "is": ">=", "value": 10.5},
        {"field": "data.currency", "is": "in", "value": ["EUR", "USD"]},
    ]
    assert document()["triggers"][5] == {"key": "dear", "title": "Dear", "when": {"all": conditions}}


def test_a_mistake_is_shown_at_its_place_and_nothing_typed_is_lost(desk):
    form = form_of(desk, "triggers", "triggers.0")
    response = press(
        desk, "triggers", form | {"triggers.0.when.0.value": ["two"], "triggers.0.title": ["Above two"]}, "save"
    )
    page = response.content.decode()
    assert response.status_code == 400
    assert "triggers[0].when.value" in page
    assert "data.price_variance_percent is a number, but &#x27;two&#x27; is not" in page
    kept = controls(response.content)
    assert (kept["triggers.0.when.0.value"], kept["triggers.0.title"]) == (["two"], ["Above two"])
    assert document() == invoice_matching()


def test_checking_while_typing_says_what_saving_would_say(desk):
    form = form_of(desk, "triggers", "triggers.0") | {"triggers.0.when.0.value": ["two"]}
    response = desk.post(f"{section_url('triggers')}check/", form)
    assert b"data.price_variance_percent is a number, but" in response.content
    assert b'data-for="f-triggers.0.when.0.field"' in response.content
    assert document() == invoice_matching()


def test_a_role_that_is_not_there_is_said_while_editing_and_refused_at_publishing(desk):
    form = form_of(desk, "routes", "routes.0") | {"routes.0.role": ["AP clark"]}
    page = press(desk, "routes", form, "save")
    assert page.status_code == 302
    assert b"did you mean AP clerk?" in desk.get(section_url("routes")).content
    shown = desk.get(f"{DRAFT}publish/")
    assert [found.anchor for found in shown.context["errors"]] == ["f-routes.0.role"]
    assert desk.post(f"{DRAFT}publish/", {"reason": "Try", "base": shown.context["base"]}).status_code == 400
    assert Workflow.objects.get().live_version.number == 1


def test_the_second_of_two_managers_is_told_who_saved_and_loses_nothing(as_, desk, otto):
    mine, theirs = form_of(desk, "triggers", "triggers.0"), form_of(as_(otto), "triggers", "triggers.0")
    press(as_(otto), "triggers", theirs | {"triggers.0.when.0.value": ["4"]}, "save")
    response = press(desk, "triggers", mine | {"triggers.0.when.0.value": ["3"]}, "save")
    page = response.content.decode()
    assert response.status_code == 409
    assert "Otto saved this" in page
    assert controls(response.content)["triggers.0.when.0.value"] == ["3"]
    assert document()["triggers"][0]["when"]["value"] == 4
    assert press(desk, "triggers", controls(response.content), "save").status_code == 302
    assert document()["triggers"][0]["when"]["value"] == 3


def test_two_managers_in_different_sections_do_not_meet(as_, desk, otto):
    mine, theirs = form_of(desk, "triggers", "triggers.0"), form_of(as_(otto), "sla")
    press(as_(otto), "sla", theirs | {"sla.resolve_within": ["9h"]}, "save")
    assert press(desk, "triggers", mine | {"triggers.0.when.0.value": ["3"]}, "save").status_code == 302
    assert document() == changed(("triggers.0.when.value", 3), ("sla.resolve_within", "9h"))


def test_limits_criteria_and_checks_of_reviewers_are_boxes_and_the_same_in_yaml(desk):
    typed = {"limits.override_percent": "25", "limits.mtta": "2h", "promote.kappa": "0.6", "promote.min_cases": "30"}
    form = form_of(desk, "rollout") | {f"rollout.{name}": [value] for name, value in typed.items()}
    checked = desk.post(f"{section_url('rollout')}check/", form).content.decode()
    assert "override rate above 25 %, mean time to accept above 2 h, once 20 cases were decided" in checked
    assert press(desk, "rollout", form, "save").status_code == 302
    form = form_of(desk, "integrity") | {"integrity.second_look.percent": ["5"], "integrity.unopened_documents": "true"}
    assert press(desk, "integrity", form, "save").status_code == 302
    limits, promote = {"override_percent": 25, "mtta": "2h"}, {"kappa": Decimal("0.6"), "min_cases": 30}
    integrity = {"second_look": {"percent": 5}, "unopened_documents": True}
    said = {**invoice_matching()["rollout"], "limits": limits, "promote": promote}
    assert document() == changed(("rollout", said), ("integrity", integrity))
    page = desk.get(f"{DRAFT}yaml/")
    text = page.context["text"].replace("override_percent: 25", "override_percent: 30")
    desk.post(f"{DRAFT}yaml/", {"text": text, "base": page.context["base"]})
    assert form_of(desk, "rollout")["rollout.limits.override_percent"] == ["30"]


@pytest.mark.parametrize(
    ("section", "box", "typed", "words"),
    [
        ("rollout", "rollout.limits.override_percent", "101", "write 100 or less"),
        ("rollout", "rollout.limits.mtta", "soon", "is no duration: write 30s"),
        ("rollout", "rollout.limits.min_cases", "0", "write 1 or more"),
        ("rollout", "rollout.promote.kappa", "much", "write a number, not much"),
        ("integrity", "integrity.second_look.percent", "-1", "write 0 or more"),
    ],
)
def test_a_limit_that_cannot_be_is_told_at_its_box_while_typing(desk, section, box, typed, words):
    form = form_of(desk, section) | {box: [typed]}
    checked = desk.post(f"{section_url(section)}check/", form).content.decode()
    assert f'data-for="f-{box}"' in checked
    assert words in checked
    assert press(desk, section, form, "save").status_code == 400
    assert document() == invoice_matching()


def test_yaml_and_sections_are_the_same_document(desk):
    page = desk.get(f"{DRAFT}yaml/")
    text, base = page.context["text"], page.context["base"]
    refused = desk.post(f"{DRAFT}yaml/", {"text": text + "\nnonsense: [", "base": base})
    assert refused.status_code == 400
    assert refused.context["text"].endswith("nonsense: [")
    desk.post(f"{DRAFT}yaml/", {"text": text.replace("value: 2}", "value: 3}"), "base": base})
    assert document() == changed(("triggers.0.when.value", 3))
    assert form_of(desk, "triggers", "triggers.0")["triggers.0.when.0.value"] == ["3"]


def test_a_form_that_was_tampered_with_is_refused_as_a_form(desk):
    form = form_of(desk, "triggers") | {"triggers.0.json": ["{not json"]}
    assert press(desk, "triggers", form, "save").status_code == 400
    assert document() == invoice_matching()


# --- trying ---------------------------------------------------------------------------------------------------------


def test_a_condition_is_tried_on_what_was_stored(desk):
    for variance in ("2.5", "3.5", "0.1"):
        post(data={"price_variance_percent": variance})
    form = form_of(desk, "triggers", "triggers.0") | {"triggers.0.when.0.value": ["3"]}
    page = press(desk, "triggers", form, "try:triggers.0.when").content.decode()
    assert "1 of the last 3" in page
    assert "Price variance 3.5 % is above 3 %" in page


def test_the_draft_is_compared_with_the_live_version(desk):
    post(data={"price_variance_percent": "2.5"})
    HandoffFactory()
    press(desk, "triggers", form_of(desk, "triggers", "triggers.0") | {"triggers.0.when.0.value": ["3"]}, "save")
    run = desk.get(f"{DRAFT}try/").context["run"]
    assert (run.looked_at, run.handed_off.count, run.handed_off.before) == (2, 1, 2)
    assert (run.newly.count, run.no_longer.count) == (0, 1)


def test_the_preview_masks_what_is_sensitive(desk):
    HandoffFactory()
    page = desk.get(f"{DRAFT}preview/").content.decode()
    assert "masked until opened" in page
    assert "DE89" not in page
    assert "Approve and pay" in page


# --- publishing -----------------------------------------------------------------------------------------------------


def test_publishing_wants_a_reason(desk):
    response = desk.post(f"{DRAFT}publish/", {"reason": " "})
    assert response.status_code == 400
    assert b"say why" in response.content
    assert Workflow.objects.get().live_version.number == 1


def test_what_was_not_seen_is_not_published(as_, desk, otto):
    base = desk.get(f"{DRAFT}publish/").context["base"]
    press(
        as_(otto), "triggers", form_of(as_(otto), "triggers", "triggers.0") | {"triggers.0.when.0.value": ["4"]}, "save"
    )
    response = desk.post(f"{DRAFT}publish/", {"reason": "Three", "base": base})
    assert response.status_code == 409
    assert b"Otto saved this draft since you opened it." in response.content
    assert controls_reason(response) == "Three"
    assert Workflow.objects.get().live_version.number == 1


def controls_reason(response):
    return response.context["reason"]


def test_an_old_version_starts_a_draft_and_comes_back(desk, lea):
    press(desk, "triggers", form_of(desk, "triggers", "triggers.0") | {"triggers.0.when.0.value": ["3"]}, "save")
    base = desk.get(f"{DRAFT}publish/").context["base"]
    assert desk.post(f"{DRAFT}publish/", {"reason": "Three", "base": base}).status_code == 302
    assert b"threshold" in desk.get(f"/policies/{KEY}/compare/?from=1&to=2").content
    desk.post(f"{DRAFT}start/", {"version": "1"})
    assert document() == invoice_matching()
    refused = desk.post(f"{DRAFT}start/", {"version": "2"}, follow=True)
    assert b"There is a draft already" in refused.content
    assert document() == invoice_matching()


def test_discarding_leaves_what_is_live(desk):
    assert desk.post(f"{DRAFT}discard/").status_code == 302
    assert list(PolicyVersion.objects.values_list("number", "status")) == [(1, "live")]
    assert desk.get(section_url("triggers")).status_code == 404


# --- cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", [section_url("triggers", "triggers.0"), f"{DRAFT}try/", f"{DRAFT}publish/", "/policies/"]
)
def test_a_page_asks_the_database_as_often_for_three_cases_as_for_one(desk, django_assert_max_num_queries, url):
    post(data=CLEAN)
    with django_assert_max_num_queries(40) as one:
        desk.get(url)
    for _ in range(2):
        post()
    with django_assert_max_num_queries(len(one)):
        desk.get(url)


def test_a_large_policy_stays_a_light_page(as_, workflow, lea, now):
    large = copy.deepcopy(invoice_matching())
    trigger = large["triggers"][0]
    large["triggers"] = [{**trigger, "key": f"trigger_{number}"} for number in range(200)]
    policies.save_draft(KEY, large, author=lea, now=now)
    page = as_(lea).get(section_url("triggers", "triggers.7"))
    assert len(page.content) < 500_000
    assert len(controls(page.content)) < 1000
