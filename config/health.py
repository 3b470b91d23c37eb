"""What somebody outside asks: does the process answer, and is the desk doing its work."""

import sys
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.defaults import server_error as plain_server_error

from config.middleware import unavailable
from handoffs.api import problems
from handoffs.models import Delivery, Handoff, SweepHeartbeat

TOLERANCE = timedelta(seconds=60)


@never_cache
@require_safe
def process(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, the sweep is alive and nothing is late; else 503 with what is wrong."""
    try:
        problems = _problems(_database_now())
    except (DatabaseError, InterfaceError) as problem:
        problems = {"database": f"cannot be asked: {type(problem).__name__}"}
    return JsonResponse(
        {"status": "unavailable" if problems else "ok", "problems": problems}, status=503 if problems else 200
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for an error that no view answered; an unreachable database is not an error of ours."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return unavailable(request)
    return problems.our_mistake() if request.path.startswith("/api/") else plain_server_error(request)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]


def _problems(now: datetime) -> dict[str, str]:
    found = {
        "sweep": _sweep_problem(now),
        "steps": "due for more than 60 s" if Handoff.objects.step_due(now - TOLERANCE).exists() else "",
        "deliveries": "due for more than 60 s" if Delivery.objects.due(now - TOLERANCE).exists() else "",
    }
    return {name: problem for name, problem in found.items() if problem}


def _sweep_problem(now: datetime) -> str:
    swept_at = SweepHeartbeat.objects.values_list("swept_at", flat=True).first()
    if swept_at is None:
        return "has never gone through"
    if now - swept_at > TOLERANCE:
        return f"last went through at {swept_at.isoformat()}"
    return ""
