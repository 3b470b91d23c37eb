"""The lists: the queue of one's roles, one's own work, all cases; and the pill that says what is new."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from handoffs import access
from handoffs.choices import ListPage, Pattern, State
from handoffs.filters import applied
from handoffs.portal.doors import page
from handoffs.portal.rows import rows_of
from handoffs.portal.saved_views import Views, views_of
from handoffs.portal.shell import tallies_of, visible_to
from handoffs.portal.wording import capped
from handoffs.queries import inbox

QUEUE_STATES = (*inbox.WAITING_STATES, State.RETURNED)


@dataclass(frozen=True, kw_only=True)
class Empty:
    """What a list without rows says, and where to go."""

    icon: str
    title: str
    text: str
    actions: list[dict[str, str]] = field(default_factory=list)


@page
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for the reader's roles, due first."""
    now = timezone.now()
    roles = _roles(request)
    query, found = applied(request, request.GET, _queue_of(request))
    views = views_of(request, ListPage.QUEUE, query=query)
    if not request.GET and views.default_url:
        return redirect(views.default_url)
    chosen = [pk for pk, name in roles.items() if name in request.GET.getlist("role")] or list(roles)
    listing = inbox.most_urgent(found, role_ids=chosen, page=_page_number(request)) if roles else _nothing()
    page_values = {
        "title": "Queue",
        "count": f"{_count(request, listing, found, query)} waiting" if listing.rows else "",
        "take_next": bool(roles),
        "scope": [(name, request.GET[name]) for name in ("workflow", "role") if request.GET.get(name)],
        "bulk": True,
        "filters": _controls(request, views, QUEUE_STATES, roles=list(roles.values())),
        "empty": _empty_queue(list(roles.values()), views),
    }
    return _list(request, listing, page_values, views=views, now=now, news=_news(request, 0, now))


@page
def news(request: HttpRequest) -> HttpResponse:
    """How many came into this view of the queue since the page was drawn."""
    now = timezone.now()
    since = parse_datetime(request.GET.get("since", "")) or now
    _, found = applied(request, request.GET, _queue_of(request))
    count = inbox.opened_since(found, since if timezone.is_aware(since) else timezone.make_aware(since))
    return render(request, "list.html#news", {"news": _news(request, count, since)})


@page
def mine(request: HttpRequest) -> HttpResponse:
    """What the reader holds, returned, or is offered first."""
    now = timezone.now()
    found = access.work_of(request.user)  # type: ignore[arg-type]
    listing = inbox.most_urgent(found, page=_page_number(request))
    actions = [{"url": reverse("queue"), "label": "Open the queue"}]
    text = "Accept something from the queue, or press t to take what is due first."
    page_values = {
        "title": "My work",
        "count": f"{len(listing.rows)} open" if listing.rows and not listing.has_more else "",
        "take_next": bool(_roles(request)),
        "bulk": True,
        "empty": Empty(icon="user-check", title="You hold nothing", text=text, actions=actions),
    }
    return _list(request, listing, page_values, now=now)


@page
def cases(request: HttpRequest) -> HttpResponse:
    """Every handoff that the reader may see, open or not, newest change first."""
    now = timezone.now()
    visible = visible_to(request.user).order_by("-updated_at")
    query, found = applied(request, request.GET, visible)
    views = views_of(request, ListPage.CASES, query=query)
    if not request.GET and views.default_url:
        return redirect(views.default_url)
    exact = _exact(request, found)
    listing = inbox.in_order(found if exact is None else exact, page=_page_number(request))
    roles = sorted({*_roles(request).values()} | set(request.GET.getlist("role")) - {""})
    page_values = {
        "title": "All cases",
        "count": "",
        "wider_url": _with(request, page=None, everywhere="yes") if exact is not None else "",
        "filters": _controls(request, views, tuple(State), roles=roles),
        "empty": _empty_cases(request, views),
    }
    return _list(request, listing, page_values, views=views, now=now)


def _count(request: HttpRequest, listing: inbox.Listing, found: Any, query: str) -> str:
    """How many the queue has; counted only where the page does not show it."""
    if listing.page == 1 and not listing.has_more:
        return str(len(listing.rows))
    return capped(inbox.capped_count(found) if query else tallies_of(request.user, now=timezone.now()).waiting)


def _exact(request: HttpRequest, found: Any) -> Any:
    """What of the found is named exactly by the search, if anything: mostly that is what was meant, and it is quick."""
    search = request.GET.get("search", "").replace("\0", "")
    if not search.strip() or "everywhere" in request.GET:
        return None
    exact = inbox.named(found, search, workflows=access.workflows_for(request.user))  # type: ignore[arg-type]
    return exact if exact.exists() else None


def _roles(request: HttpRequest) -> dict[int, str]:
    names: dict[int, str] = request.user.roles  # type: ignore[union-attr]
    return names


def _queue_of(request: HttpRequest) -> Any:
    asked = any(state in QUEUE_STATES for state in request.GET.getlist("state"))
    return access.queue_of(request.user, states=QUEUE_STATES if asked else inbox.WAITING_STATES)  # type: ignore[arg-type]


def _list(
    request: HttpRequest,
    listing: inbox.Listing,
    values: dict[str, Any],
    *,
    now: datetime,
    views: Views | None = None,
    news: dict[str, Any] | None = None,
) -> HttpResponse:
    size = inbox.PAGE_SIZE
    older = _with(request, page=listing.page + 1) if listing.has_more else ""
    newer = _with(request, page=None) if listing.page > 1 else ""
    shown = {"size": size, "older": older, "newer": newer, **_cleared(views), **values}
    rows = rows_of(listing, request.user, bulk=bool(shown.get("bulk")), now=now)
    return render(request, "list.html", {"page": shown, "rows": rows, "views": views, "news": news, "now": now})


def _cleared(views: Views | None) -> dict[str, Any]:
    """Whether anything is filtered away, and where all of it is shown again."""
    return {"filtered": bool(views and views.query), "clear_url": views.everything_url if views else ""}


def _controls(
    request: HttpRequest, views: Views, states: tuple[State, ...], *, roles: list[str]
) -> list[dict[str, Any]]:
    """The filter bar: selects, a switch, what the search box of the shell set, and not to open the default view."""
    workflows = access.workflows_for(request.user).order_by("title").values_list("key", "title")  # type: ignore[arg-type]
    controls = [
        _select(request, "role", "Role", [(name, name) for name in roles]),
        _select(request, "workflow", "Workflow", list(workflows)),
        _select(request, "state", "State", [(state.value, state.label.capitalize()) for state in states]),
        _select(request, "pattern", "Pattern", Pattern.choices()),
        {"name": "overdue", "label": "Overdue", "flag": True, "chosen": request.GET.get("overdue") == "true"},
    ]
    hidden = {"search": request.GET.get("search", ""), "view": "all" if views.default_url else ""}
    return [*controls, *({"name": name, "value": value} for name, value in hidden.items() if value)]


def _select(request: HttpRequest, name: str, label: str, choices: list[tuple[str, str]]) -> dict[str, Any]:
    chosen = request.GET.getlist(name)
    options = [{"value": value, "label": words, "chosen": value in chosen} for value, words in choices]
    return {"name": name, "label": label, "options": options}


def _news(request: HttpRequest, count: int, since: datetime) -> dict[str, Any]:
    query = request.GET.copy()
    query.pop("page", None)
    query.pop("since", None)
    reload = f"{reverse('queue')}?{query.urlencode()}" if query else reverse("queue")
    query["since"] = since.isoformat()
    return {"count": capped(count) if count else "", "reload": reload, "poll": f"{reverse('news')}?{query.urlencode()}"}


def _with(request: HttpRequest, *, page: int | None, **more: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    query.update(more | ({"page": str(page)} if page else {}))
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _page_number(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return int(given) if given.isdecimal() and len(given) < 6 else 1


def _nothing() -> inbox.Listing:
    return inbox.Listing(rows=(), page=1, has_more=False)


def _empty_queue(roles: list[str], views: Views) -> Empty:
    everything = {"url": reverse("cases"), "label": "All cases"}
    if not roles:
        text = "Work is routed to roles, and you have none. An administrator can give you one."
        return Empty(icon="lock", title="No role yet", text=text, actions=[everything])
    if views.query:
        text = "No waiting handoff fits these filters."
        actions = [{"url": views.everything_url, "label": "Show the whole queue"}]
        return Empty(icon="search", title="Nothing matches", text=text, actions=actions)
    text = f"New work for {', '.join(roles)} appears here by itself."
    return Empty(icon="circle-check", title="All done", text=text, actions=[everything])


def _empty_cases(request: HttpRequest, views: Views) -> Empty:
    if views.query:
        actions = [{"url": views.everything_url, "label": "Show all cases"}]
        words = request.GET.get("search", "")
        text = f"No case that you may see {f'mentions “{words}”' if words else 'fits these filters'}."
        return Empty(icon="search", title="Nothing found", text=text, actions=actions)
    text = "Cases that are or were with one of your roles appear here."
    actions = [{"url": reverse("queue"), "label": "Open the queue"}]
    return Empty(icon="layers", title="No cases yet", text=text, actions=actions)
