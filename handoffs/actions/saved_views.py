"""Keeping the filters of a list under a name: each person their own, at most VIEWS_LIMIT per list."""

from django.db import transaction

from accounts.models import User
from handoffs.choices import ListPage
from handoffs.errors import Invalid, Mistake
from handoffs.models import SavedView
from handoffs.models.saved_view import NAME_CHARACTERS, QUERY_CHARACTERS

VIEWS_LIMIT = 30


@transaction.atomic(durable=True)
def save(person: User, *, page: ListPage, name: str, query: str, is_default: bool = False) -> SavedView:
    """Keep `query`, as `filters.applied` gives it, under a name; a view that has the name shows these filters from now.

    Raises Invalid for a name or filters that cannot be kept, and where the person has VIEWS_LIMIT views already.
    """
    name = _usable(name)
    if not query or len(query) > QUERY_CHARACTERS:
        raise _invalid("/query", "Choose at least one filter." if not query else "These are too many filters.")
    _lock_views(person)
    views = SavedView.objects.filter(person=person, page=page)
    view = views.filter(name__iexact=name).first() or SavedView(person=person, page=page)
    if view.pk is None and views.count() >= VIEWS_LIMIT:
        raise _invalid("/name", f"You have {VIEWS_LIMIT} views of this list. Delete one first.")
    view.name, view.query = name, query
    view.save()
    return _default(view) if is_default else view


@transaction.atomic(durable=True)
def rename(view: SavedView, *, name: str) -> SavedView:
    """Give a view another name. Raises Invalid where it cannot be one, or another view of the list has it."""
    view.name = _usable(name)
    _lock_views(view.person)
    others = SavedView.objects.filter(person=view.person_id, page=view.page).exclude(pk=view.pk)
    if others.filter(name__iexact=view.name).exists():
        raise _invalid("/name", f"You have another view called {view.name}.")
    view.save(update_fields=["name"])
    return view


@transaction.atomic(durable=True)
def choose_default(view: SavedView) -> SavedView:
    """Open the list with this view from now on."""
    _lock_views(view.person)
    return _default(view)


@transaction.atomic(durable=True)
def forget_default(view: SavedView) -> SavedView:
    """Open the list without filters again."""
    view.is_default = False
    view.save(update_fields=["is_default"])
    return view


@transaction.atomic(durable=True)
def delete(view: SavedView) -> None:
    """Forget a view; what it showed is not touched."""
    view.delete()


def _usable(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise _invalid("/name", "Give the view a name.")
    if len(name) > NAME_CHARACTERS:
        raise _invalid("/name", f"A name has at most {NAME_CHARACTERS} characters.")
    return name


def _lock_views(person: User) -> None:
    """Two tabs of one person take turns, so that neither the limit nor the one default is passed by."""
    User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _default(view: SavedView) -> SavedView:
    SavedView.objects.filter(person=view.person_id, page=view.page, is_default=True).update(is_default=False)
    view.is_default = True
    view.save(update_fields=["is_default"])
    return view


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid("The view was not saved.", mistakes=[Mistake(pointer=pointer, detail=detail)])
