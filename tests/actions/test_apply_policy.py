"""`manage.py apply_policy`: what it stores, what it prints, how it ends."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from handoffs.models import PolicyVersion, Workflow
from tests import factories
from tests.policies import INVOICE_MATCHING

pytestmark = pytest.mark.django_db


@pytest.fixture
def roles(db):
    return [factories.ann(), factories.bob(), factories.lea()]


@pytest.fixture
def apply(tmp_path):
    """Run the command on a text; gives what it printed to either stream."""

    def run(text, *options):
        file = tmp_path / "policy.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        printed = io.StringIO()
        try:
            call_command("apply_policy", str(file), *options, stdout=printed, stderr=printed)
        except CommandError as ended:
            printed.write(f"exit {ended.returncode}: {ended}\n")
        return printed.getvalue().replace(str(file), "FILE").splitlines()

    return run


def versions():
    return list(PolicyVersion.objects.order_by("number").values_list("number", "status", "publish_reason"))


PUBLISH = ("--publish", "--reason", "From the repository")


def test_a_policy_is_stored_as_a_draft(apply, roles):
    assert apply(INVOICE_MATCHING) == ["Version 1 of invoice-matching is stored as a draft."]
    assert versions() == [(1, "draft", "")]


def test_a_policy_is_published_with_its_reason_and_person(apply, roles, otto):
    assert apply(INVOICE_MATCHING, *PUBLISH, "--by", "otto") == ["Version 1 of invoice-matching is live."]
    assert versions() == [(1, "live", "From the repository")]
    assert PolicyVersion.objects.get().published_by == otto


@pytest.mark.parametrize("options", [PUBLISH, ()], ids=["publish", "draft"])
def test_applying_the_live_policy_again_changes_nothing(apply, roles, options):
    apply(INVOICE_MATCHING, *PUBLISH)
    before = PolicyVersion.history.count()
    assert apply(INVOICE_MATCHING, *options) == ["Version 1 (live) already says this: nothing to do."]
    assert (versions(), PolicyVersion.history.count()) == ([(1, "live", "From the repository")], before)


def test_applying_the_draft_again_changes_nothing_and_publishing_it_makes_it_live(apply, roles):
    apply(INVOICE_MATCHING)
    assert apply(INVOICE_MATCHING) == ["Version 1 (draft) already says this: nothing to do."]
    assert apply(INVOICE_MATCHING, *PUBLISH) == ["Version 1 of invoice-matching is live."]


def test_every_mistake_is_printed_with_its_place_and_nothing_is_stored(apply, roles):
    text = INVOICE_MATCHING.replace("data.po_number, is", "data.po_nmber, is").replace("accept_within", "acept_within")
    assert apply(text, *PUBLISH) == [
        "triggers[1].when.field: unknown field data.po_nmber, did you mean data.po_number?",
        "sla.acept_within: unknown key acept_within, did you mean accept_within?",
        "exit 1: 2 mistake(s) in the policy: nothing was stored",
    ]
    assert Workflow.objects.count() == 0


def test_a_policy_whose_parts_do_not_fit_is_not_even_stored_as_a_draft(apply):
    assert apply(INVOICE_MATCHING.replace("reviewers: null", "reviewers: Pilots")) == [
        "routes[0].role: there is no role Procurement analyst: create it, or name another",
        "routes[1].role: there is no role AP clerk: create it, or name another",
        "sla.escalation[0].role: there is no role AP manager: create it, or name another",
        "sla.escalation[1].role: there is no role AP manager: create it, or name another",
        "rollout.reviewers: there is no role Pilots: create it, or name another",
        "exit 1: 5 mistake(s) in the policy: nothing was stored",
    ]
    assert Workflow.objects.count() == 0


def test_warnings_are_printed_and_do_not_stop(apply, roles):
    text = INVOICE_MATCHING.replace("rollout: {percent: 100", "rollout: {percent: 0")
    assert apply(text, *PUBLISH) == [
        "warning: rollout.percent: 0 %: no case is inside the rollout",
        "Version 1 of invoice-matching is live.",
    ]


@pytest.mark.parametrize(
    ("text", "options", "printed"),
    [
        ("workflow: [", (), ["line 2, column 1: did not find expected node content"]),
        (b"\xff\xfe", (), ["exit 1: FILE cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: "]),
        (INVOICE_MATCHING, ("--publish",), ['exit 1: Say why it is published: --reason "…"']),
        (INVOICE_MATCHING, ("--by", "nobody"), ["exit 1: There is nobody active called nobody."]),
    ],
    ids=["no YAML", "no text", "no reason", "no person"],
)
def test_what_cannot_be_applied_says_why(apply, roles, text, options, printed):
    assert apply(text, *options)[0].startswith(printed[0])
    assert Workflow.objects.count() == 0


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(CommandError, match=r"nowhere\.yaml cannot be read"):
        call_command("apply_policy", "nowhere.yaml")


def test_json_from_standard_input(roles, monkeypatch):
    document = {
        "workflow": "refunds",
        "routes": [{"role": "AP clerk"}],
        "outcomes": [{"key": "pay", "kind": "approve", "recovery": "resume"}],
    }
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(document).encode())))
    call_command("apply_policy", "-", stdout=io.StringIO())
    assert PolicyVersion.objects.get().document == document
