"""The frame of every page: preferences without a flash, what may run, and the pages for what goes wrong."""

import re

import pytest
from django.template.loader import render_to_string

from tests.factories import PASSWORD, HandoffFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("sent", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')])
def test_the_chosen_theme_is_in_the_first_byte(as_, ann, sent, attribute):
    client = as_(ann)
    answer = client.post("/preferences/theme/", {"theme": sent}, headers={"Referer": "http://testserver/cases/"})
    assert answer.headers["Location"] == "http://testserver/cases/"
    assert attribute in client.get("/queue/").text.partition("<head>")[0]


def test_the_system_s_theme_returns(as_, ann):
    client = as_(ann)
    for theme in ("dark", "system"):
        client.post("/preferences/theme/", {"theme": theme})
    assert "data-theme" not in client.get("/queue/").text.partition("<head>")[0]


def test_a_forged_cookie_is_no_theme(as_, ann):
    client = as_(ann)
    client.cookies["desk_theme"] = '"><script>'
    assert "data-theme" not in client.get("/queue/").text.partition("<head>")[0]


def test_no_preference_leads_to_another_host(as_, ann):
    answer = as_(ann).post("/preferences/theme/", {"theme": "dark", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/queue/"


def test_single_keys_can_be_turned_off(as_, ann):
    client = as_(ann)
    client.post("/preferences/shortcuts/", {"shortcuts": "off"})
    assert 'data-shortcuts="off"' in client.get("/queue/").text
    client.post("/preferences/shortcuts/", {"shortcuts": "on"})
    assert "data-shortcuts" not in client.get("/queue/").text.partition("<head>")[0]


def pages(handoff):
    yield from ("/queue/", "/mine/", "/cases/", f"/handoffs/{handoff.pk}/", "/accounts/profile/", "/nowhere/")
    yield from ("/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/", "/accounts/reauthenticate/")


def test_no_page_carries_script_or_style_of_its_own(as_, ann):
    client = as_(ann)
    handoff = HandoffFactory(accepted_by=ann)
    for address in pages(handoff):
        answer = client.get(address, follow=True)
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", answer.text)
        styles = re.findall(r"<style|\sstyle=|\son[a-z]+=", answer.text)
        assert (address, scripts, styles) == (address, [], [])
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)


def test_signing_in_leads_to_the_queue(client, ann):
    answer = client.post("/accounts/login/", {"login": "ann", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/queue/"


def test_a_wrong_password_is_told_beside_the_form(client, ann):
    answer = client.post("/accounts/login/", {"login": "ann", "password": "no"})
    assert 'role="alert"' in answer.text


def test_times_are_in_the_reader_s_zone(as_, ann):
    ann.time_zone = "Pacific/Chatham"
    ann.save()
    HandoffFactory()
    assert re.search(r"title=\"[^\"]+ \+1[23]45\"", as_(ann).get("/queue/").text)


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html"])
def test_a_page_for_trouble_needs_no_request_and_no_database(template, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert "Handoff Desk" in render_to_string(template)


def test_a_page_that_is_not_there_says_where_to_go(as_, ann):
    answer = as_(ann).get("/nowhere/")
    assert (answer.status_code, "Go to the queue" in answer.text) == (404, True)
