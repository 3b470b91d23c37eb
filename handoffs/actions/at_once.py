"""Acts on a handoff as it was read, by one statement: no row lock and no transaction where nobody else is at it."""

from collections.abc import Callable

from handoffs.actions import doorbell
from handoffs.errors import DeskError
from handoffs.models import Handoff

Act = Callable[[Handoff], Handoff]


def at_once(handoff: Handoff, act: Act) -> Handoff | None:
    """What `act` makes of the handoff, if it is as `context.as_it_stands` read it; else None, and nothing is written.

    `act` may write by `audit.record` alone, which is refused where the handoff has another version by now. After None
    the object is of no use but to be locked: under its lock it is seen what stood in the way.
    """
    asks_for_more = handoff.heard is None or handoff.steps_done or not handoff.has_effect
    if asks_for_more:
        return None
    try:
        with doorbell.held():
            return act(handoff)
    except DeskError:
        return None
