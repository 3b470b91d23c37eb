"""Django's administration: in the desk's dress, with a way back, and only to look at where actions write."""

import re

import pytest
from django.urls import reverse

from handoffs.models import Attempt, Case, Delivery, Handoff, PolicyVersion, Recovery
from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db
LIVED = (Handoff, Case, Attempt, PolicyVersion, Recovery, Delivery)


@pytest.fixture
def admin_desk(as_, otto):
    HandoffFactory(resolved=True)
    return as_(otto)


def address(model, page, *rows):
    return reverse(f"admin:handoffs_{model._meta.model_name}_{page}", args=rows)


def test_it_wears_the_desks_dress_and_leads_back(admin_desk):
    page = admin_desk.get("/admin/").content.decode()
    linked = re.findall(r'href="/static/css/(\w+)\.css"', page)
    assert linked == ["tokens", "admin"]
    assert f'href="{reverse("queue")}"' in page
    assert "style=" not in page
    assert "Deliveries" in page
    assert "theme.js" not in page


@pytest.mark.parametrize(("theme", "scheme"), [("", "light dark"), ("dark", "dark"), ("light", "light")])
def test_it_follows_the_theme_that_was_chosen_in_the_desk(admin_desk, theme, scheme):
    admin_desk.post("/preferences/theme/", {"theme": theme})
    assert f'<meta name="color-scheme" content="{scheme}">' in admin_desk.get("/admin/").content.decode()


@pytest.mark.parametrize("model", LIVED, ids=lambda model: model.__name__)
def test_what_has_a_lifecycle_is_looked_at_and_never_changed(admin_desk, model):
    row = model.objects.first()
    assert admin_desk.get(address(model, "changelist")).status_code == 200
    shown = admin_desk.get(address(model, "change", row.pk))
    assert (shown.status_code, b'name="_save"' in shown.content) == (200, False)
    before = model.objects.values().get(pk=row.pk)
    refused = (
        admin_desk.get(address(model, "add")),
        admin_desk.post(address(model, "change", row.pk), {}),
        admin_desk.post(address(model, "delete", row.pk), {"post": "yes"}),
    )
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert model.objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", [Handoff, PolicyVersion, Recovery, Delivery], ids=lambda model: model.__name__)
def test_its_history_is_there(admin_desk, model):
    page = admin_desk.get(address(model, "history", model.objects.first().pk), follow=True)
    assert page.status_code == 200
    assert ("For the tests" if model is PolicyVersion else "resolved") in page.content.decode()
    assert b"to revert" not in page.content


def test_reviewers_and_managers_do_not_get_in(as_, ann, lea):
    assert [as_(person).get("/admin/").status_code for person in (ann, lea)] == [302, 302]
