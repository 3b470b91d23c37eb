"""Who asks for the numbers, and what for: the scope of a page's address on behalf of its reader."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from handoffs import access
from handoffs.errors import NotAllowed
from handoffs.queries.metrics import asking
from handoffs.queries.metrics.scope import Scope
from handoffs.rules.notices import zone_of


def scope_of(request: HttpRequest, *, now: datetime, **fixed: str) -> Scope:
    """The scope that the address asks for; `fixed` filters replace its own. Raises NotAllowed, Invalid."""
    asked = {name: list(request.GET.getlist(name)) for name in request.GET} | {
        name: [word] for name, word in fixed.items()
    }
    return asking.scope_of(asked, viewer_of(request.user), now=now)


def viewer_of(user: Any) -> asking.Viewer:
    """What the reader may see figures of. Raises NotAllowed for who manages nothing."""
    if not access.is_manager(user):
        raise NotAllowed("Only managers see the numbers.")
    return asking.Viewer(
        workflow_ids=frozenset(access.managed_workflows(user).values_list("pk", flat=True)),
        people=access.people_managed_by(user),
        zone=zone_of(user.time_zone),
    )
