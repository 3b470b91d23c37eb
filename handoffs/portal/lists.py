"""The lists: the queue of one's roles, one's own work, all cases; and the pill that says what is new."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from handoffs import access
from handoffs.choices import Pattern, State
from handoffs.filters import HandoffFilter
from handoffs.portal.doors import page
from handoffs.portal.shell import my_roles, visible_to
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
    roles = my_roles(request.user)
    filters, found = _filtered(request, _queue_of(request))
    chosen = [role.pk for role in roles if role.name in request.GET.getlist("role")] or [role.pk for role in roles]
    listing = inbox.most_urgent(found, role_ids=chosen, page=_page_number(request)) if roles else _nothing()
    count = capped(inbox.capped_count(found))
    page_values = {
        "title": "Queue",
        "count": f"{count} waiting" if listing.rows else "",
        "take_next": bool(roles),
        "scope": [(name, request.GET[name]) for name in ("workflow", "role") if request.GET.get(name)],
        "bulk": True,
        "filters": _controls(request, QUEUE_STATES, roles=[role.name for role in roles]),
        "empty": _empty_queue(roles, filtered=bool(filters)),
    }
    return _list(request, listing, page_values, filtered=bool(filters), now=now, news=_news(request, 0, now))


@page
def news(request: HttpRequest) -> HttpResponse:
    """How many came into this view of the queue since the page was drawn."""
    now = timezone.now()
    since = parse_datetime(request.GET.get("since", "")) or now
    _, found = _filtered(request, _queue_of(request))
    count = inbox.opened_since(found, since if timezone.is_aware(since) else timezone.make_aware(since))
    return render(request, "list.html#news", {"news": _news(request, count, since)})


@page
def mine(request: HttpRequest) -> HttpResponse:
    """What the reader holds, returned, or is offered first."""
    now = timezone.now()
    found = inbox.work_of(request.user, visible_to(request.user))  # type: ignore[arg-type]
    listing = inbox.most_urgent(found, page=_page_number(request))
    actions = [{"url": reverse("queue"), "label": "Open the queue"}]
    text = "Accept something from the queue, or press t to take what is due first."
    page_values = {
        "title": "My work",
        "count": f"{len(listing.rows)} open" if listing.rows and not listing.has_more else "",
        "take_next": bool(my_roles(request.user)),
        "empty": Empty(icon="user-check", title="You hold nothing", text=text, actions=actions),
    }
    return _list(request, listing, page_values, filtered=False, now=now)


@page
def cases(request: HttpRequest) -> HttpResponse:
    """Every handoff that the reader may see, open or not, newest change first."""
    now = timezone.now()
    visible = visible_to(request.user).order_by("-updated_at")
    filters, found = _filtered(request, visible)
    listing = inbox.in_order(found, page=_page_number(request))
    roles = sorted({role.name for role in my_roles(request.user)} | set(request.GET.getlist("role")) - {""})
    page_values = {
        "title": "All cases",
        "count": "",
        "filters": _controls(request, tuple(State), roles=roles),
        "empty": _empty_cases(request, filtered=bool(filters)),
    }
    return _list(request, listing, page_values, filtered=bool(filters), now=now)


def _queue_of(request: HttpRequest) -> Any:
    visible = visible_to(request.user)
    roles = access.role_ids_of(request.user)  # type: ignore[arg-type]
    if any(state in QUEUE_STATES for state in request.GET.getlist("state")):
        return visible.filter(role__in=list(roles), state__in=QUEUE_STATES)
    return inbox.waiting(visible, roles)


def _filtered(request: HttpRequest, handoffs: Any) -> tuple[dict[str, Any], Any]:
    """The filters that the query string sets, and what they leave; what cannot be read filters nothing."""
    filterset = HandoffFilter(_without_blanks(request.GET), queryset=handoffs, request=request)
    found = filterset.qs
    chosen = {name: value for name, value in filterset.form.cleaned_data.items() if value not in (None, "", [])}
    return chosen, found


def _without_blanks(query: QueryDict) -> QueryDict:
    kept = query.copy()
    for name in list(kept):
        kept.setlist(name, [value for value in query.getlist(name) if value])
    return kept


def _list(
    request: HttpRequest,
    listing: inbox.Listing,
    values: dict[str, Any],
    *,
    filtered: bool,
    now: datetime,
    news: dict[str, Any] | None = None,
) -> HttpResponse:
    size = inbox.PAGE_SIZE
    older = _with(request, page=listing.page + 1) if listing.has_more else ""
    newer = _with(request, page=None) if listing.page > 1 else ""
    shown = {"size": size, "older": older, "newer": newer, "filtered": filtered, **values}
    items = [_item(row, request.user) for row in listing.rows]
    return render(request, "list.html", {"page": shown, "items": items, "news": news, "now": now})


def _item(row: inbox.Row, reader: Any) -> dict[str, Any]:
    may_accept = (
        row.state == State.PENDING and row.role_id in access.role_ids_of(reader) and row.opened_by_id != reader.pk
    )
    words = "" if row.state == State.PENDING else row.state.label
    offered = row.offered_to_id == reader.pk
    return {"row": row, "may_accept": may_accept, "state_words": "back to you" if offered else words}


def _controls(request: HttpRequest, states: tuple[State, ...], *, roles: list[str]) -> list[dict[str, Any]]:
    """The filter bar: selects, a switch, and what the search box of the shell set."""
    workflows = access.workflows_for(request.user).order_by("title").values_list("key", "title")  # type: ignore[arg-type]
    controls = [
        _select(request, "role", "Role", [(name, name) for name in roles]),
        _select(request, "workflow", "Workflow", list(workflows)),
        _select(request, "state", "State", [(state.value, state.label.capitalize()) for state in states]),
        _select(request, "pattern", "Pattern", Pattern.choices()),
        {"name": "overdue", "label": "Overdue", "flag": True, "chosen": request.GET.get("overdue") == "true"},
    ]
    search = request.GET.get("search", "")
    return [*controls, {"name": "search", "value": search}] if search else controls


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


def _with(request: HttpRequest, *, page: int | None) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    if page:
        query["page"] = str(page)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _page_number(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return int(given) if given.isdecimal() and len(given) < 6 else 1


def _nothing() -> inbox.Listing:
    return inbox.Listing(rows=(), page=1, has_more=False)


def _empty_queue(roles: list[Any], *, filtered: bool) -> Empty:
    everything = {"url": reverse("cases"), "label": "All cases"}
    if not roles:
        text = "Work is routed to roles, and you have none. An administrator can give you one."
        return Empty(icon="lock", title="No role yet", text=text, actions=[everything])
    if filtered:
        text = "No waiting handoff fits these filters."
        actions = [{"url": reverse("queue"), "label": "Show the whole queue"}]
        return Empty(icon="search", title="Nothing matches", text=text, actions=actions)
    names = ", ".join(role.name for role in roles)
    text = f"New work for {names} appears here by itself."
    return Empty(icon="circle-check", title="All done", text=text, actions=[everything])


def _empty_cases(request: HttpRequest, *, filtered: bool) -> Empty:
    if filtered:
        actions = [{"url": reverse("cases"), "label": "Show all cases"}]
        words = request.GET.get("search", "")
        text = f"No case that you may see {f'mentions “{words}”' if words else 'fits these filters'}."
        return Empty(icon="search", title="Nothing found", text=text, actions=actions)
    text = "Cases that are or were with one of your roles appear here."
    actions = [{"url": reverse("queue"), "label": "Open the queue"}]
    return Empty(icon="layers", title="No cases yet", text=text, actions=actions)
