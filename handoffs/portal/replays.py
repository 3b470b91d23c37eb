"""Replays as managers order and watch them: the list, the form, the progress, calling one off, letting one go."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs import access
from handoffs.actions import replays
from handoffs.actions.replays import Order
from handoffs.choices import PolicyStatus, ReplaySource
from handoffs.errors import Invalid, NotAllowed, PolicyInvalid, TooLarge
from handoffs.models import PolicyVersion, Replay, Workflow
from handoffs.portal.doors import change, move, page
from handoffs.queries import replay_sources
from handoffs.rules.replay_files import MAX_FILE_BYTES, too_large

STATE_MARKS = {
    "queued": ("circle-dashed", ""),
    "running": ("loader-circle", "is-accent"),
    "done": ("circle-check", "is-good"),
    "cancelled": ("circle-x", ""),
    "failed": ("triangle-alert", "is-bad"),
}
POLL_SECONDS = 2
REPLAYS_SHOWN = 100
HOUR_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a replay has come, in words and as a share."""

    replay: Replay
    icon: str
    tone: str
    percent: int
    minutes_left: str = ""

    @property
    def poll_seconds(self) -> int:
        return POLL_SECONDS if self.replay.is_unfinished else 0


def progress_of(replay: Replay, *, now: datetime) -> Progress:
    """Its state as an icon and a tone, and what is left if it goes on like this."""
    icon, tone = STATE_MARKS[replay.state]
    ratio = replay.done_count / replay.total_count if replay.total_count else 1.0
    left = ""
    if replay.is_unfinished and replay.started_at and ratio:
        seconds = (now - replay.started_at).total_seconds() * (1 / ratio - 1)
        left = f"about {round(seconds / 60)} min left" if seconds >= 90 else f"about {round(seconds)} s left"
    return Progress(replay=replay, icon=icon, tone=tone, percent=int(ratio * 100), minutes_left=left)


@never_cache
@page
def replay_list(request: HttpRequest) -> HttpResponse:
    """Every replay of the workflows that the manager tunes."""
    _require_manager(request)
    now = timezone.now()
    found = list(access.replays_for(request.user)[:REPLAYS_SHOWN])  # type: ignore[arg-type]
    shown = [progress_of(replay, now=now) for replay in found]
    running = any(each.poll_seconds for each in shown)
    return render(request, "replays/list.html", {"replays": shown, "reload_seconds": 5 if running else 0, "now": now})


@never_cache
@page
def progress(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """The fragment that a page asks for while a replay runs; when it is over, the page is loaded anew."""
    now = timezone.now()
    replay = access.replay_for(request.user, replay_id)  # type: ignore[arg-type]
    response = render(request, "replays/_progress.html", {"progress": progress_of(replay, now=now), "now": now})
    if not replay.is_unfinished:
        response["HX-Refresh"] = "true"
    return response


@never_cache
@change
def new(request: HttpRequest) -> HttpResponse:
    """The form: which version on which attempts, against what."""
    _require_manager(request)
    workflows = list(access.managed_workflows(request.user).order_by("title"))  # type: ignore[arg-type]
    key = request.POST.get("workflow") or request.GET.get("workflow", "")
    chosen = next((each for each in workflows if each.key == key), workflows[0] if workflows else None)
    if request.method != "POST" or chosen is None:
        return _form(request, workflows, chosen, _given(request, chosen))
    try:
        replay = _ordered(request, chosen)
    except PolicyInvalid as invalid:
        return _refused(request, workflows, chosen, "version", f"It does not load: {invalid.message}")
    except TooLarge as error:
        return _refused(request, workflows, chosen, "file", error.message, status=413)
    except Invalid as invalid:
        return _refused(request, workflows, chosen, str(invalid.details.get("field", "file")), invalid.message)
    return redirect("replay_report", replay_id=replay.pk)


@move
def cancel(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """Call it off."""
    replay = replays.cancel(access.replay_for(request.user, replay_id), now=timezone.now())  # type: ignore[arg-type]
    messages.success(request, f"Cancelled after {replay.done_count:,} of {replay.total_count:,} attempts.")
    return redirect("replay_report", replay_id=replay_id)


@move
def forget(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """Delete it with its report."""
    replay = access.replay_for(request.user, replay_id)  # type: ignore[arg-type]
    replays.forget(replay)
    messages.success(request, f"The replay “{replay.title}” is deleted.")
    return redirect("replays")


def _require_manager(request: HttpRequest) -> None:
    if not access.is_manager(request.user):  # type: ignore[arg-type]
        raise NotAllowed("Replays are for managers. An administrator gives the right to manage to a role.")


def _given(request: HttpRequest, workflow: Workflow | None) -> dict[str, Any]:
    """What the form shows: what was typed, else what is usual."""
    if request.method == "POST":
        return {**request.POST.dict(), "full": "full" in request.POST}
    stay = replay_sources.usual_stay_seconds(workflow) if workflow else 0
    usual = {"source": ReplaySource.STORED.value, "stay": f"{stay / HOUR_SECONDS:.2f}".rstrip("0").rstrip(".")}
    return usual | {name: value for name, value in request.GET.items() if name in ("version", "against")}


def _ordered(request: HttpRequest, workflow: Workflow) -> Replay:
    by: Any = request.user
    now = timezone.now()
    order = Order(
        version=_version(workflow, request.POST.get("version", ""), "version"),
        against=_version(workflow, request.POST["against"], "against") if request.POST.get("against") else None,
        title=request.POST.get("title", ""),
        stay_seconds=_stay_seconds(request.POST.get("stay", "")),
        fully_rolled_out="full" in request.POST,
    )
    if request.POST.get("source") == ReplaySource.UPLOAD:
        name, body = _file(request)
        return replays.order_upload(order, body=body, file_name=name, by=by, now=now)
    from_at, until_at = _day(request, "from"), _day(request, "until")
    until_at = until_at + timedelta(days=1) if until_at else None
    return replays.order_stored(order, from_at=from_at, until_at=until_at, by=by, now=now)


def _version(workflow: Workflow, number: str, field: str) -> PolicyVersion:
    versions = workflow.policy_versions.select_related("workflow")
    found = versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 8 else None
    if found is None:
        raise Invalid("Choose a version.", field=field)
    return found


def _stay_seconds(text: str) -> int | None:
    try:
        return round(float(text.replace(",", ".")) * HOUR_SECONDS) if text.strip() else None
    except (ValueError, OverflowError) as error:
        raise Invalid("Write hours, such as 8 or 0.5.", field="stay") from error


def _file(request: HttpRequest) -> tuple[str, bytes]:
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        raise Invalid("Choose a file: CSV with a header line, or JSON Lines.", field="file")
    if file.size is None or file.size > MAX_FILE_BYTES:
        raise too_large()
    return file.name or "", file.read()


def _day(request: HttpRequest, name: str) -> datetime | None:
    text = request.POST.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
    except (ValueError, OverflowError) as error:
        raise Invalid("Write a day such as 2026-11-20.", field=name) from error


def _refused(
    request: HttpRequest, workflows: list[Workflow], chosen: Workflow, field: str, said: str, *, status: int = 400
) -> HttpResponse:
    return _form(request, workflows, chosen, _given(request, chosen), errors={field: said}, status=status)


def _form(
    request: HttpRequest,
    workflows: list[Workflow],
    chosen: Workflow | None,
    given: dict[str, Any],
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    versions = list(chosen.policy_versions.defer("document").order_by("-number")[:100]) if chosen else []
    live = next((str(each.number) for each in versions if each.status == PolicyStatus.LIVE), "")
    newest = str(versions[0].number) if versions else ""
    values = {
        "workflows": workflows,
        "workflow": chosen,
        "versions": [{"number": str(each.number), "status": each.status} for each in versions],
        "given": {"version": newest, "against": live if live != newest else "", **given},
        "errors": errors or {},
        "max_mebibytes": MAX_FILE_BYTES // 1024 // 1024,
        "now": timezone.now(),
    }
    return render(request, "replays/new.html", values, status=status)
