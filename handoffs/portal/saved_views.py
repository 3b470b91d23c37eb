"""Saved views of a list: the tabs above it, and the forms that keep, rename, choose and forget them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from handoffs import access
from handoffs.actions import saved_views
from handoffs.choices import ListPage
from handoffs.errors import Invalid, NotThere
from handoffs.filters import applied
from handoffs.models import Handoff, SavedView
from handoffs.portal.doors import move
from handoffs.portal.preferences import came_from

EVERYTHING = "view=all"
"""The address of the list without filters, for who has chosen a view that opens instead."""


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A saved view above the list; `current` where the list shows just that."""

    view: SavedView
    url: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class Views:
    """What a list says of saved views; `query` are the filters that are set now."""

    page: ListPage
    query: str
    tabs: tuple[Tab, ...]

    @property
    def everything_url(self) -> str:
        opens_another = any(tab.view.is_default for tab in self.tabs)
        return f"{reverse(self.page)}?{EVERYTHING}" if opens_another else reverse(self.page)

    @property
    def current(self) -> SavedView | None:
        return next((tab.view for tab in self.tabs if tab.current), None)

    @property
    def default_url(self) -> str:
        """Where the list opens when it is asked for without anything; empty where that is everything."""
        return next((tab.url for tab in self.tabs if tab.view.is_default), "")


def views_of(request: HttpRequest, page: ListPage, *, query: str) -> Views:
    """The reader's views of a list that shows the filters `query`, by name."""
    found = access.saved_views_for(request.user).filter(page=page)  # type: ignore[arg-type]
    tabs = tuple(Tab(view=view, url=_url(view), current=view.query == query) for view in found)
    return Views(page=page, query=query, tabs=tabs)


@move
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list that the form came from."""
    page = request.POST.get("page", "")
    if page not in list(ListPage):
        raise NotThere("There is no such list.")
    query, _ = applied(request, QueryDict(request.POST.get("query", "")), Handoff.objects.none())
    name, is_default = request.POST.get("name", ""), "is_default" in request.POST

    def keep() -> SavedView:
        return saved_views.save(_person(request), page=ListPage(page), name=name, query=query, is_default=is_default)

    return _done(request, keep, "Saved the view “{}”.")


@move
def rename(request: HttpRequest, view_id: int) -> HttpResponse:
    """Give it another name."""
    view, name = _view(request, view_id), request.POST.get("name", "")
    return _done(request, lambda: saved_views.rename(view, name=name), "The view is now called “{}”.")


@move
def default(request: HttpRequest, view_id: int) -> HttpResponse:
    """Open the list with it from now on, or no longer."""
    view = _view(request, view_id)
    if request.POST.get("default") == "off":
        return _done(request, lambda: saved_views.forget_default(view), "The list opens without “{}” again.")
    return _done(request, lambda: saved_views.choose_default(view), "The list opens with “{}” from now on.")


@move
def delete(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget it; the list stays as it is shown."""
    view = _view(request, view_id)
    saved_views.delete(view)
    messages.success(request, f"Deleted the view “{view.name}”.")
    return redirect(f"{reverse(view.page)}?{view.query}")


def _done(request: HttpRequest, act: Callable[[], SavedView], words: str) -> HttpResponse:
    """Show the list by the view, or where the form was with what to correct."""
    try:
        view = act()
    except Invalid as error:
        messages.error(request, " ".join((error.message, *(mistake.detail for mistake in error.mistakes))))
        return redirect(came_from(request))
    messages.success(request, words.format(view.name))
    return redirect(_url(view))


def _url(view: SavedView) -> str:
    return f"{reverse(view.page)}?{view.query}"


def _view(request: HttpRequest, view_id: int) -> SavedView:
    return access.saved_view_for(_person(request), view_id)


def _person(request: HttpRequest) -> Any:
    return request.user
