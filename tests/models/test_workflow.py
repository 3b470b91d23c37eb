"""Versions of a policy: published ones never change, and one is live."""

import pytest

from handoffs.choices import PolicyStatus
from handoffs.models import PolicyVersion
from handoffs.rules.canonical import exact_dumps
from tests.factories import publish
from tests.policies import invoice_matching
from tests.refusals import refused_by_the_database

pytestmark = pytest.mark.django_db


def _version(workflow, now, **fields):
    return PolicyVersion.objects.create(
        workflow=workflow, **({"number": 2, "document": invoice_matching(), "created_at": now} | fields)
    )


@pytest.mark.parametrize("status", [PolicyStatus.LIVE, PolicyStatus.RETIRED])
def test_a_published_document_never_changes(workflow, status):
    first = workflow.live_version
    second = publish(title="Invoices")
    version = first if status == PolicyStatus.RETIRED else second
    with refused_by_the_database("Cannot update"):
        PolicyVersion.objects.filter(pk=version.pk).update(document={})
    assert PolicyVersion.objects.get(pk=version.pk).document == version.document


def test_a_published_version_may_be_retired(workflow):
    version = workflow.live_version
    version.status = PolicyStatus.RETIRED
    version.save()
    assert list(workflow.policy_versions.values_list("number", "status")) == [(1, "retired")]


def test_a_draft_may_change(workflow, now):
    draft = _version(workflow, now, status=PolicyStatus.DRAFT)
    changed = invoice_matching(title="Invoices")
    PolicyVersion.objects.filter(pk=draft.pk).update(document=changed)
    assert PolicyVersion.objects.get(pk=draft.pk).document == changed


def test_a_workflow_has_one_live_version(workflow, now):
    with refused_by_the_database("one_live_policy_per_workflow"):
        _version(workflow, now, status=PolicyStatus.LIVE)


def test_a_workflow_has_one_draft(workflow, now):
    _version(workflow, now, status=PolicyStatus.DRAFT)
    with refused_by_the_database("one_draft_policy_per_workflow"):
        _version(workflow, now, number=3, status=PolicyStatus.DRAFT)


def test_versions_are_numbered_per_workflow(workflow, now):
    with refused_by_the_database("policy_number_per_workflow"):
        _version(workflow, now, number=1)


def test_secrets_stay_out_of_the_history(workflow):
    columns = {field.name for field in workflow.history.model._meta.fields}
    assert ("callback_secret" in columns, "allowed_hosts" in columns) == (False, True)


def test_a_policy_keeps_the_order_of_its_keys(workflow):
    document = invoice_matching()
    assert list(document["data"]["properties"])[:3] == ["vendor", "vendor_age_days", "amount"]
    stored = PolicyVersion.objects.get(workflow=workflow)
    assert exact_dumps(stored.document) == exact_dumps(document)
    draft = PolicyVersion.objects.create(
        workflow=workflow, number=2, document={"b": 1, "aa": {"z": 1, "y": 2}}, created_at=stored.created_at
    )
    draft.document = {"aa": {"y": 2, "z": 1}, "b": 1}
    draft.save(update_fields=["document"])
    assert list(PolicyVersion.objects.get(pk=draft.pk).document["aa"]) == ["y", "z"]
    draft.refresh_from_db()
    assert list(draft.document) == ["aa", "b"]
