"""Filters kept under a name: one's own, few, and one default per list at most."""

import pytest

from handoffs import access
from handoffs.actions import saved_views
from handoffs.choices import ListPage
from handoffs.errors import Invalid, NotThere
from handoffs.models import SavedView

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE, CASES = ListPage.QUEUE, ListPage.CASES


def save(person, name="Late", query="overdue=true", page=QUEUE, **options):
    return saved_views.save(person, page=page, name=name, query=query, **options)


def kept(person, page=QUEUE):
    return [(view.name, view.query, view.is_default) for view in access.saved_views_for(person).filter(page=page)]


def refused(act, *args, **options):
    with pytest.raises(Invalid) as refusal:
        act(*args, **options)
    return refusal.value.mistakes[0].detail


def test_views_stand_by_name_on_the_list_that_they_were_saved_on(ann):
    save(ann, " the   big ones ", "search=acme")
    save(ann, "Late")
    save(ann, "Late", "state=returned", page=CASES)
    assert kept(ann) == [("Late", "overdue=true", False), ("the big ones", "search=acme", False)]
    assert kept(ann, CASES) == [("Late", "state=returned", False)]


def test_a_name_that_is_there_already_shows_the_new_filters(ann):
    save(ann, is_default=True)
    save(ann, "LATE", "role=AP+clerk")
    assert kept(ann) == [("LATE", "role=AP+clerk", True)]


@pytest.mark.parametrize(
    ("name", "query", "why"),
    [
        ("  ", "overdue=true", "Give the view a name."),
        ("a\0b", "overdue=true", "Give the view a name."),
        ("x" * 61, "overdue=true", "A name has at most 60 characters."),
        ("All", "", "Choose at least one filter."),
        ("Much", "search=" + "x" * 2000, "These are too many filters."),
    ],
)
def test_what_is_no_view_is_refused(ann, name, query, why):
    assert refused(save, ann, name, query) == why
    assert kept(ann) == []


def test_there_is_a_limit_per_list_and_it_keeps_nobody_from_changing_one(ann, bob, monkeypatch):
    monkeypatch.setattr(saved_views, "VIEWS_LIMIT", 2)
    for name in ("A", "B"):
        save(ann, name)
    assert refused(save, ann, "C") == "You have 2 views of this list. Delete one first."
    save(ann, "B", "search=x")
    save(ann, "C", page=CASES)
    save(bob, "C")
    assert [name for name, _, _ in kept(ann)] == ["A", "B"]


def test_a_view_is_renamed_but_not_to_the_name_of_another(ann):
    save(ann, "Other")
    view = save(ann)
    assert refused(saved_views.rename, view, name="other") == "You have another view called other."
    saved_views.rename(SavedView.objects.get(pk=view.pk), name="LATE")
    assert [name for name, _, _ in kept(ann)] == ["LATE", "Other"]


def test_one_view_is_the_default_until_another_is_or_none(ann):
    first, second = save(ann, "A", is_default=True), save(ann, "B")
    elsewhere = save(ann, "A", page=CASES, is_default=True)
    saved_views.choose_default(second)
    assert [(name, default) for name, _, default in kept(ann)] == [("A", False), ("B", True)]
    saved_views.forget_default(second)
    assert [default for _, _, default in kept(ann)] == [False, False]
    elsewhere.refresh_from_db()
    assert (elsewhere.is_default, first.page) == (True, "queue")


def test_a_view_is_there_for_its_person_alone(ann, bob):
    view = save(ann)
    assert access.saved_view_for(ann, view.pk) == view
    for person, key in ((bob, view.pk), (ann, view.pk + 1)):
        with pytest.raises(NotThere):
            access.saved_view_for(person, key)
    saved_views.delete(view)
    assert kept(ann) == []
