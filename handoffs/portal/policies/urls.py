"""The addresses of policies: reading under the workflow, editing under its draft."""

from typing import Any

from django.urls import include, path

from handoffs.portal.policies import editor, pages, publishing, trying, yaml_page

draft: list[Any] = [
    path("", editor.start_page, name="policy_draft"),
    path("start/", publishing.start, name="policy_start"),
    path("yaml/", yaml_page.edit, name="policy_yaml"),
    path("try/", trying.try_draft, name="policy_try"),
    path("preview/", trying.preview, name="policy_preview"),
    path("publish/", publishing.publish, name="policy_publish"),
    path("discard/", publishing.discard, name="policy_discard"),
    path("sections/<slug:section>/", editor.edit, name="policy_section"),
    path("sections/<slug:section>/check/", editor.check, name="policy_check"),
]

workflow: list[Any] = [
    path("", pages.policy, name="policy"),
    path("compare/", pages.compare, name="policy_compare"),
    path("versions/<int:number>/", pages.policy, name="policy_version"),
    path("versions/<int:number>/yaml/", pages.as_yaml, name="policy_version_yaml"),
    path("versions/<int:number>/file/", pages.download, name="policy_download"),
    path("draft/", include(draft)),
]

urlpatterns = [
    path("", pages.policies, name="policies"),
    path("<slug:key>/", include(workflow)),
]
