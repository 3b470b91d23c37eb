"""What goes to automations: messages with what failed first, their tries, and sending them again."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from handoffs import access
from handoffs.actions import outbox, replay_deliveries
from handoffs.choices import DeliveryState, WebhookType
from handoffs.errors import NotAllowed
from handoffs.models import Delivery, Workflow
from handoffs.portal.doors import move, page
from handoffs.portal.lists import Empty
from handoffs.queries import deliveries
from handoffs.queries.deliveries import FAILING, Wanted
from handoffs.rules.canonical import readable_dumps

TONES = {"queued": "", "delivered": "is-good", "parked": "is-bad", FAILING: "is-warn"}
ICONS = {"queued": "clock", "delivered": "circle-check", "parked": "circle-pause", FAILING: "triangle-alert"}
STATES = [("parked", "Parked"), (FAILING, "Failing"), ("queued", "Queued"), ("delivered", "Delivered")]
FIELDS = ("state", "workflow", "type", "endpoint", "search", "since", "until")


@page
def deliveries_page(request: HttpRequest) -> HttpResponse:
    """Messages to automations with parked and failing ones first, how the endpoints fare, and silent automations."""
    workflows, wanted = workflows_of(request), _wanted(request)
    found = deliveries.page_of(deliveries.matching(workflows, wanted), number=_number(request))
    values = {
        "rows": [_row(one) for one in found.rows],
        "older": _link(request, page=found.number + 1) if found.has_more else "",
        "newer": _link(request, page=None) if found.number > 1 else "",
        "page": {"filters": _controls(request, workflows), "filtered": not wanted.is_everything},
        "wanted": [(name, request.GET[name]) for name in FIELDS if request.GET.get(name)],
        "parked_here": any(one.state == DeliveryState.PARKED for one in found.rows),
        "endpoints": deliveries.health_of(deliveries.endpoints_of(workflows)),
        "overdue": deliveries.overdue_receipts(workflows),
        "empty": _empty(filtered=not wanted.is_everything),
        "now": timezone.now(),
    }
    return render(request, "deliveries/list.html", values)


@page
def delivery_page(request: HttpRequest, delivery_id: uuid.UUID) -> HttpResponse:
    """One message: what was sent, and what each try was answered."""
    found = deliveries.delivery_of(workflows_of(request), delivery_id)
    tries = list(found.tries.order_by("-number", "-pk"))
    sent_at = tries[0].finished_at - timedelta(milliseconds=tries[0].duration_ms) if tries else found.created_at
    values = {
        **_row(found),
        "tries": tries,
        "headers": {**outbox.headers_of(found.webhook_id, sent_at), "webhook-signature": "v1,•••"},
        "body": readable_dumps(found.payload),
        "may_send": found.endpoint is None or found.endpoint.switched_off_at is None,
        "now": timezone.now(),
    }
    return render(request, "deliveries/delivery.html", values)


@move
def replay(request: HttpRequest, delivery_id: uuid.UUID) -> HttpResponse:
    """Send one message again."""
    found = deliveries.delivery_of(workflows_of(request), delivery_id)
    if replay_deliveries.replay(found, by=_person(request), now=timezone.now()):
        messages.success(request, "It goes out again within seconds.")
    else:
        messages.warning(request, "It is on its way this moment, or its endpoint is switched off.")
    return redirect("delivery", delivery_id)


@move
def replay_range(request: HttpRequest) -> HttpResponse:
    """Send again what is parked in this view, the oldest first."""
    found = deliveries.matching(workflows_of(request), _wanted(request))
    sent = replay_deliveries.replay_parked(found, by=_person(request), now=timezone.now())
    plural = "" if sent.sent_count == 1 else "s"
    messages.success(request, f"{sent.sent_count} parked message{plural} on the way again.")
    if sent.left_count:
        messages.warning(request, f"{sent.left_count} stay parked: their endpoint is switched off.")
    if sent.has_more:
        messages.info(request, f"The oldest {replay_deliveries.MAX_AT_ONCE} were taken; press again for the next.")
    return redirect(f"{reverse('deliveries')}?{urlencode(_kept(request))}")


def workflows_of(request: HttpRequest) -> Any:
    """The workflows whose deliveries the reader may see; raises NotAllowed where there can be none."""
    user: Any = request.user
    if user.is_superuser:
        return Workflow.objects.all()
    if not access.is_manager(user):
        raise NotAllowed("Only managers and administrators see what goes to automations.")
    return access.managed_workflows(user)


def _wanted(request: HttpRequest) -> Wanted:
    """The filters of the address; what cannot be read filters nothing."""
    asked = _kept(request)
    state = asked.get("state", "")
    return Wanted(
        state=state if state in dict(STATES) else "",
        workflow=asked.get("workflow", ""),
        event_type=asked.get("type", ""),
        endpoint=_uuid(asked.get("endpoint", "")),
        search=asked.get("search", "").strip(),
        since=_moment(asked.get("since", "")),
        until=_moment(asked.get("until", "")),
    )


def _kept(request: HttpRequest) -> dict[str, str]:
    given = request.POST if request.method == "POST" else request.GET
    return {name: given[name].replace("\0", "") for name in FIELDS if given.get(name)}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    """What a field for date and time sends, in the reader's time zone."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment


def _number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return int(text) if text.isdecimal() and len(text) < 5 else 1


def _link(request: HttpRequest, *, page: int | None) -> str:
    query = {**_kept(request), **({"page": str(page)} if page else {})}
    return f"?{urlencode(query)}"


def _row(delivery: Delivery) -> dict[str, Any]:
    is_failing = delivery.state == DeliveryState.QUEUED and delivery.attempts_made > 0
    kind = FAILING if is_failing else str(delivery.state)
    words = f"failing, tried {delivery.attempts_made} times" if delivery.attempts_made > 1 else "failing, tried once"
    return {
        "delivery": delivery,
        "tone": TONES[kind],
        "icon": ICONS[kind],
        "words": words if is_failing else kind,
    }


def _controls(request: HttpRequest, workflows: Any) -> list[dict[str, Any]]:
    keys = workflows.order_by("title").values_list("key", "title")
    kinds = [(kind.value, kind.value.partition(".")[2].capitalize()) for kind in WebhookType]
    controls = [
        _select(request, "state", "State", STATES),
        _select(request, "workflow", "Workflow", list(keys)),
        _select(request, "type", "Type", kinds),
    ]
    hidden = [{"name": name, "value": request.GET[name]} for name in FIELDS[3:] if request.GET.get(name)]
    return [*controls, *hidden]


def _select(request: HttpRequest, name: str, label: str, choices: list[tuple[str, str]]) -> dict[str, Any]:
    chosen = request.GET.get(name, "")
    options = [{"value": value, "label": words, "chosen": value == chosen} for value, words in choices]
    return {"name": name, "label": label, "options": options}


def _empty(*, filtered: bool) -> Empty:
    if filtered:
        actions = [{"url": reverse("deliveries"), "label": "Show all"}]
        text = "Choose other filters, or look at everything."
        return Empty(icon="send", title="No delivery matches", text=text, actions=actions)
    text = "Once a handoff is decided, returned or withdrawn, its automation is told, and each message is listed here."
    return Empty(icon="send", title="Nothing was sent yet", text=text)


def _person(request: HttpRequest) -> Any:
    return request.user
