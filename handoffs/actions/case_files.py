"""Hands out the file of a case: who took it, sensitive fields and all, is written to the trail that it contains."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from handoffs import access
from handoffs.actions import audit
from handoffs.actions.context import locked
from handoffs.choices import Event
from handoffs.errors import NotAllowed, NotPossibleNow
from handoffs.models import Actor, Handoff
from handoffs.queries import case_file
from handoffs.queries.case_file import CaseFile


class HeldBack(NotPossibleNow):
    """The file would tell what is held back from who is to decide."""

    code = "held_back"
    title = "Not before the decision"


@transaction.atomic(durable=True)
def take(handoff: Handoff, *, reader: User, now: datetime) -> CaseFile:
    """The case file of a handoff that the reader may see. It masks nothing.

    Raises NotAllowed for automations and for who was only told of it, and HeldBack while somebody decides it in shadow.
    """
    if reader.is_automation:
        raise NotAllowed("Case files are for people: they carry sensitive fields. Read the handoff instead.")
    if not access.may(reader, "reveal", handoff):
        raise NotAllowed("You were told of this case, and may read it; its file is for its role.")
    handoff = locked(handoff)
    if handoff.is_blind:
        raise HeldBack(
            "This decision is compared with another answer, which the file tells. Take it once it is decided."
        )
    audit.record(handoff, Event.CASE_FILE_TAKEN, actor=Actor.of(reader), now=now)
    return case_file.load(handoff, by=reader, now=now)
