"""The state machine of the handoff: every state against every transition, for Django and for the database."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_fsm import TransitionNotAllowed

from handoffs.choices import FINAL_STATES, HELD_STATES, OPEN_STATES, State
from handoffs.models import Handoff
from handoffs.models.handoff import TRANSITIONS
from tests.factories import HandoffFactory, ann, lea, role
from tests.refusals import refused_by_the_database

pytestmark = pytest.mark.django_db

P, H, R, A, D, W = (
    State.PENDING,
    State.IN_PROGRESS,
    State.RETURNED,
    State.AWAITING_CONFIRMATION,
    State.RESOLVED,
    State.WITHDRAWN,
)
EXPECTED = {
    "accept": {P: H},
    "release": {H: P},
    "escalate": {P: P, H: P},
    "return_": {H: R},
    "resubmit": {R: P},
    "propose": {H: A},
    "confirm": {A: D},
    "object_": {A: H},
    "resolve": {H: D},
    "expire": {P: D, H: D, R: D, A: D},
    "withdraw": {P: W, H: W, R: W, A: W},
    "reopen": {D: P},
}
"""The table of the domain, written once more: where each transition starts, and where it leads."""

WAYS = {
    P: {},
    H: {"accepted": True},
    R: {"returned": True},
    A: {"proposed": True},
    D: {"resolved": True},
    W: {"withdrawn": True},
}
"""How the factory gets a handoff there."""

ARGUMENTS = {
    "accept": lambda: {"by": ann(), "now": timezone.now()},
    "release": dict,
    "escalate": lambda: {"to": role("AP manager"), "priority": None},
    "expire": lambda: {"deadline": timezone.now() + timedelta(days=3)},
}
PAIRS = [(start, name) for start in State for name in EXPECTED]


def test_every_state_is_walked():
    assert (set(WAYS), set(OPEN_STATES) | set(FINAL_STATES)) == (set(State), set(State))


def test_the_machine_has_exactly_the_transitions_of_the_domain():
    found = {name: dict.fromkeys(sources, target) for name, (sources, target) in TRANSITIONS.items()}
    assert found == EXPECTED


def test_django_fsm_knows_exactly_the_transitions_of_the_domain():
    known = {each.name: {} for each in Handoff().get_all_state_transitions()}
    for each in Handoff().get_all_state_transitions():
        known[each.name][each.source] = each.target
    assert known == EXPECTED


@pytest.mark.parametrize(("start", "name"), PAIRS, ids=lambda value: str(value))
def test_a_transition_works_from_its_states_and_from_no_other(start, name):
    handoff = HandoffFactory(**WAYS[start])
    given = ARGUMENTS.get(name, lambda: {"now": timezone.now()})()
    target = EXPECTED[name].get(start)
    if target is None:
        with pytest.raises(TransitionNotAllowed):
            getattr(handoff, name)(**given)
        assert handoff.state == start
        return
    getattr(handoff, name)(**given)
    assert handoff.state == target
    _save(handoff)
    assert Handoff.objects.get(pk=handoff.pk).state == target


@pytest.mark.parametrize("start", State, ids=str)
@pytest.mark.parametrize("target", State, ids=str)
def test_the_database_lets_a_state_change_only_along_the_machine(start, target):
    handoff = HandoffFactory(**WAYS[start])
    if start == target or target in {ways[start] for ways in EXPECTED.values() if start in ways}:
        _force(handoff, target)
        assert Handoff.objects.get(pk=handoff.pk).state == target
        return
    with refused_by_the_database("Invalid transition"):
        _force(handoff, target)
    assert Handoff.objects.get(pk=handoff.pk).state == start


@pytest.mark.parametrize("state", [state for state in State if state != P], ids=str)
def test_no_handoff_starts_anywhere_but_pending(state):
    born = HandoffFactory(**WAYS[state])
    born.pk, born.number, born.case = None, born.number + 1_000_000, HandoffFactory(withdrawn=True).case
    with refused_by_the_database("Cannot insert"):
        Handoff.objects.bulk_create([born])


def test_a_state_cannot_be_assigned():
    handoff = HandoffFactory()
    with pytest.raises(AttributeError, match="Direct state modification"):
        handoff.state = D
    assert handoff.state == P


def _save(handoff: Handoff) -> None:
    handoff.skip_history_when_saving = True
    handoff.save()


def _force(handoff: Handoff, state: State) -> None:
    """Past the model, with all that the constraints ask for, so that only the trigger can refuse."""
    holder = lea() if state in (*HELD_STATES, R) else None
    resolved_at = timezone.now() if state == D else None
    Handoff.objects.filter(pk=handoff.pk).update(state=state, holder=holder, resolved_at=resolved_at)
