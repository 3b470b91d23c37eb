"""The portal's addresses, nested by what they act on."""

from django.urls import include, path
from django.views.generic import RedirectView

from handoffs.portal import bulk, cases, documents, feedback, lists, moves, preferences

handoff = [
    path("", cases.case, name="case"),
    path("accept/", moves.accept, name="accept"),
    path("release/", moves.release, name="release"),
    path("return/", moves.return_, name="return"),
    path("escalate/", moves.escalate, name="escalate"),
    path("decide/", moves.decide, name="decide"),
    path("confirm/", moves.confirm, name="confirm"),
    path("object/", moves.object_, name="object"),
    path("reopen/", moves.reopen, name="reopen"),
    path("note/", moves.note, name="note"),
    path("feedback/", feedback.give, name="feedback"),
    path("reveal/", cases.reveal, name="reveal"),
    path("recovery/", cases.recovery, name="recovery"),
    path("case-file/", cases.case_file, name="case_file"),
    path("documents/<uuid:document_id>/", documents.document, name="document"),
    path("documents/<uuid:document_id>/file/", documents.document_file, name="document_file"),
    path("documents/<uuid:document_id>/pages/<int:number>.png", documents.document_page, name="document_page"),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="queue", query_string=True), name="home"),
    path("queue/", lists.queue, name="queue"),
    path("queue/news/", lists.news, name="news"),
    path("queue/take-next/", moves.take_next, name="take_next"),
    path("queue/bulk/", bulk.bulk, name="bulk"),
    path("queue/decide-together/", bulk.decide_together, name="decide_together"),
    path("mine/", lists.mine, name="mine"),
    path("cases/", lists.cases, name="cases"),
    path("handoffs/<uuid:handoff_id>/", include(handoff)),
    path("policies/", include("handoffs.portal.policies.urls")),
    path("replays/", include("handoffs.portal.replays_urls")),
    path("", include("handoffs.portal.saved_view_urls")),
    path("", include("handoffs.portal.notice_urls")),
    path("", include("handoffs.portal.metrics_urls")),
    path("", include("handoffs.portal.team_urls")),
    path("", include("handoffs.portal.calendar_urls")),
    path("", include("handoffs.portal.tuning_urls")),
    path("", include("handoffs.portal.imports_urls")),
    path("", include("handoffs.portal.delivery_urls")),
    path("", include("handoffs.portal.rollout_urls")),
    path("preferences/theme/", preferences.theme, name="theme"),
    path("preferences/shortcuts/", preferences.shortcuts, name="shortcuts"),
]
