"""Saved views through the door: tabs above the list, and forms that work without a script."""

from datetime import timedelta

import pytest

from handoffs.models import SavedView
from tests.factories import DEAR, HandoffFactory

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE = "/queue/"


def save(client, query="role=AP+clerk", name="Clerks", **fields):
    sent = {"page": "queue", "query": query, "name": name, "next": f"{QUEUE}?{query}"}
    return client.post("/views/", sent | fields)


def tabs(response):
    return [(tab.view.name, tab.url, tab.current) for tab in response.context["views"].tabs]


def shown(response):
    return [row["reference"] for row in response.context["rows"]]


def test_saved_filters_become_a_tab_that_opens_them(as_, bob):
    HandoffFactory(reference="CLERKS")
    HandoffFactory(reference="ANALYSTS", data=DEAR)
    client = as_(bob)
    assert "Save view" not in client.get(QUEUE).text
    assert "Save view" in client.get(QUEUE, {"role": "AP clerk"}).text
    answer = client.post("/views/", {"page": "queue", "query": "role=&page=3&role=AP clerk&odd=1", "name": "Clerks"})
    assert answer.headers["Location"] == f"{QUEUE}?role=AP+clerk"
    opened = client.get(answer.headers["Location"])
    assert (tabs(opened), shown(opened)) == ([("Clerks", f"{QUEUE}?role=AP+clerk", True)], ["CLERKS"])
    assert tabs(client.get(QUEUE)) == [("Clerks", f"{QUEUE}?role=AP+clerk", False)]
    assert tabs(client.get("/cases/")) == []


def test_the_order_of_the_address_does_not_matter(as_, bob):
    client = as_(bob)
    save(client, "state=returned&state=pending&workflow=invoice-matching")
    opened = client.get(f"{QUEUE}?workflow=invoice-matching&page=1&state=pending&state=returned")
    assert [tab.current for tab in opened.context["views"].tabs] == [True]


def test_the_default_opens_and_everything_is_one_press_away(as_, bob):
    HandoffFactory(reference="CLERKS", opened_ago=timedelta(minutes=9))
    HandoffFactory(reference="ANALYSTS", data=DEAR)
    client = as_(bob)
    save(client, is_default="yes")
    assert client.get(QUEUE).headers["Location"] == f"{QUEUE}?role=AP+clerk"
    everything = client.get(QUEUE, follow=True).context["views"].everything_url
    assert shown(client.get(everything)) == ["CLERKS", "ANALYSTS"]
    assert 'name="view" value="all"' in client.get(everything).text  # or a filter taken away would bring the default
    client.post(f"/views/{SavedView.objects.get().pk}/default/", {"default": "off"})
    assert shown(client.get(QUEUE)) == ["CLERKS", "ANALYSTS"]


@pytest.mark.parametrize(("query", "name"), [("", "All"), ("state=nonsense&page=2", "Odd"), ("overdue=true", " ")])
def test_what_cannot_be_kept_is_said_where_one_was(as_, ann, query, name):
    client = as_(ann)
    answer = save(client, query, name)
    assert answer.headers["Location"] == f"{QUEUE}?{query}"
    assert "The view was not saved." in client.get(answer.headers["Location"], follow=True).text
    assert not SavedView.objects.exists()


def test_a_view_is_renamed_and_deleted(as_, ann):
    client = as_(ann)
    save(client, "overdue=true", "Late")
    key = SavedView.objects.get().pk
    client.post(f"/views/{key}/name/", {"name": "<b>Burning</b>"})
    assert "&lt;b&gt;Burning&lt;/b&gt;" in client.get(QUEUE).text
    assert client.post(f"/views/{key}/delete/").headers["Location"] == f"{QUEUE}?overdue=true"
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("verb", ["name", "default", "delete"])
def test_nobody_touches_the_view_of_another(as_, ann, bob, verb):
    save(as_(ann))
    view = SavedView.objects.get()
    assert as_(bob).post(f"/views/{view.pk}/{verb}/", {"name": "Mine", "default": "on"}).status_code == 404
    view.refresh_from_db()
    assert (view.name, view.is_default, tabs(as_(bob).get(QUEUE))) == ("Clerks", False, [])


def test_a_list_that_does_not_exist_has_no_views(as_, ann):
    assert save(as_(ann), page="metrics").status_code == 404
    assert not SavedView.objects.exists()
