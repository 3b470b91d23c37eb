"""The addresses of the API, nested by resource; those asked most come first, as each is tried before the next."""

from django.urls import include, path, re_path

from handoffs.api import (
    case_file,
    cases,
    deliveries,
    docs,
    documents,
    events,
    handoffs,
    problems,
    replays,
    work,
    workflows,
)
from handoffs.api.metrics import Metrics

handoff = [
    path("", handoffs.OneHandoff.as_view(), name="api-handoff"),
    path("accept/", work.Accept.as_view(), name="api-accept"),
    path("decide/", work.Decide.as_view(), name="api-decide"),
    path("receipt/", work.Receipt.as_view(), name="api-receipt"),
    path("history/", handoffs.History.as_view(), name="api-history"),
    path("case-file/", case_file.CaseFile.as_view(), name="api-case-file"),
    path("sla/", handoffs.Sla.as_view(), name="api-sla"),
    path("release/", work.Release.as_view(), name="api-release"),
    path("return/", work.Return.as_view(), name="api-return"),
    path("escalate/", work.Escalate.as_view(), name="api-escalate"),
    path("confirm/", work.Confirm.as_view(), name="api-confirm"),
    path("object/", work.Object.as_view(), name="api-object"),
    path("notes/", work.Notes.as_view(), name="api-notes"),
    path("reopen/", work.Reopen.as_view(), name="api-reopen"),
    path("withdraw/", work.Withdraw.as_view(), name="api-withdraw"),
]

case = [
    path("", cases.Cases.as_view(), name="api-cases"),
    path("batch/", cases.Batch.as_view(), name="api-batch"),
    path("<str:workflow>/<path:reference>/", cases.OneCase.as_view(), name="api-case"),
]

delivery = [
    path("", deliveries.Deliveries.as_view(), name="api-deliveries"),
    path("replay/", deliveries.ReplayRange.as_view(), name="api-replay-deliveries"),
    path("<str:delivery_id>/", deliveries.OneDelivery.as_view(), name="api-delivery"),
    path("<str:delivery_id>/replay/", deliveries.Replay.as_view(), name="api-replay-delivery"),
]

document = [
    path("", documents.Documents.as_view(), name="api-documents"),
    path("<str:document_id>/content/", documents.Content.as_view(), name="api-document-content"),
]

replay = [
    path("", replays.Replays.as_view(), name="api-replays"),
    path("<str:replay_id>/", replays.OneReplay.as_view(), name="api-replay"),
    path("<str:replay_id>/report/", replays.Report.as_view(), name="api-replay-report"),
    path("<str:replay_id>/cancel/", replays.Cancel.as_view(), name="api-replay-cancel"),
]

workflow = [
    path("", workflows.Workflows.as_view(), name="api-workflows"),
    path("policy-schema/", workflows.PolicySchema.as_view(), name="api-policy-schema"),
    path("<str:key>/", workflows.OneWorkflow.as_view(), name="api-workflow"),
    path("<str:key>/policy/", workflows.Policy.as_view(), name="api-policy"),
    path("<str:key>/policy/publish/", workflows.Publish.as_view(), name="api-policy-publish"),
]

urlpatterns = [
    path("cases/", include(case)),
    path("handoffs/", handoffs.Handoffs.as_view(), name="api-handoffs"),
    path("handoffs/take-next/", work.TakeNext.as_view(), name="api-take-next"),
    path("handoffs/<str:handoff_id>/", include(handoff)),
    path("deliveries/", include(delivery)),
    path("documents/", include(document)),
    path("events/", events.Events.as_view(), name="api-events"),
    path("metrics/", Metrics.as_view(), name="api-metrics"),
    path("replays/", include(replay)),
    path("workflows/", include(workflow)),
    path("schema/", docs.Document.as_view(), name="api-schema"),
    path("docs/", docs.Page.as_view(), name="api-docs"),
    re_path("", problems.no_such_address),
]
