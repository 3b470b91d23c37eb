"""Default deny: what each of the people sees and may do, and that the rest does not exist for them."""

import pytest
from django.contrib.auth.models import Permission

from handoffs import access
from handoffs.choices import OPEN_STATES, State
from handoffs.errors import NotThere
from handoffs.models import Handoff
from handoffs.queries.inbox import WAITING_STATES
from tests import factories
from tests.factories import CLERK, DEAR, MANAGER, HandoffFactory, PersonFactory, invoice_document, publish, role

pytestmark = pytest.mark.django_db
UNKNOWN = "0199c2f4-0000-7000-8000-000000000000"
PEOPLE = ("ann", "bob", "cleo", "lea", "otto", "max_")


def _who_sees(handoff):
    """The names of the fixed people who see it, each looked up anew."""
    return {name for name in PEOPLE if access.handoffs_for(getattr(factories, name)()).filter(pk=handoff.pk).exists()}


# --- who sees what --------------------------------------------------------------------------------------------------


def test_a_handoff_is_seen_by_its_role_its_managers_and_the_operator():
    cheap, dear = HandoffFactory(), HandoffFactory(data=DEAR)
    assert (_who_sees(cheap), _who_sees(dear)) == ({"ann", "bob", "lea", "otto"}, {"bob", "cleo", "lea", "otto"})


def test_the_role_that_had_it_still_sees_it_after_it_moved_up():
    assert _who_sees(HandoffFactory(escalated=True)) == {"ann", "bob", "lea", "otto"}


def test_who_lost_the_role_sees_no_more_than_what_they_decided(ann):
    decided, other = HandoffFactory(resolved=True, accepted_by=ann), HandoffFactory()
    ann.groups.clear()
    fresh = factories.PersonFactory._meta.model.objects.get(username="ann")
    assert set(access.handoffs_for(fresh)) == {decided}
    with pytest.raises(NotThere):
        access.handoff_for(fresh, other.pk)


def test_the_queue_is_what_one_sees_of_what_ones_roles_have_open(ann, bob, lea, max_):
    for wishes in (
        {},
        {"data": DEAR},
        {"escalated": True},
        {"accepted_by": ann},
        {"returned": True},
        {"resolved": True},
    ):
        HandoffFactory(**wishes)
    for person in (ann, bob, lea, max_):
        seen = access.handoffs_for(person).filter(role__in=person.roles, state__in=OPEN_STATES)
        assert set(access.queue_of(person)) == set(seen)
    assert (access.queue_of(ann).count(), access.queue_of(lea).count()) == (3, 1)


def test_the_queue_of_some_states_says_once_which(ann):
    waits, _ = HandoffFactory(), HandoffFactory(returned=True)
    queue = access.queue_of(ann, states=WAITING_STATES)
    assert (list(queue), str(queue.query).count('"state" IN')) == ([waits], 1)


def test_who_lost_the_role_has_neither_its_queue_nor_what_they_held_of_it(ann):
    HandoffFactory(accepted_by=ann)
    HandoffFactory(accepted_by=ann, resubmitted=True)
    assert (access.queue_of(ann).count(), access.work_of(ann).count()) == (2, 2)
    ann.groups.clear()
    fresh = type(ann).objects.get(pk=ann.pk)
    assert (access.queue_of(fresh).exists(), access.work_of(fresh).exists()) == (False, False)


def test_who_left_sees_nothing(ann):
    HandoffFactory(resolved=True, accepted_by=ann)
    HandoffFactory(accepted_by=ann)
    ann.is_active = False
    for seen in (access.handoffs_for, access.queue_of, access.work_of):
        assert not seen(ann).exists()


def test_an_automation_sees_the_workflows_of_its_token_and_no_others():
    publish("payroll")
    handoff = HandoffFactory()
    tokens = [frozenset({"invoice-matching"}), frozenset({"payroll"}), frozenset()]
    seen = [list(access.handoffs_for(factories.matcher(scope))) for scope in tokens]
    assert seen == [[handoff], [], []]


def test_an_automation_without_a_token_sees_nothing():
    HandoffFactory()
    bot = PersonFactory(username="lost-bot", kind="automation", roles=[CLERK])
    assert (access.handoffs_for(bot).exists(), access.workflows_for(bot).exists()) == (False, False)


def test_who_manages_is_known_with_the_roles(ann, bob, lea, otto, django_assert_num_queries):
    manage = Permission.objects.get(codename="manage_workflow")
    ann.user_permissions.add(manage)
    for person, manages in ((ann, True), (bob, False), (lea, True), (otto, True)):
        with django_assert_num_queries(1):
            assert (access.is_manager(person), bool(person.roles)) == (manages, person != otto)
        assert access.is_manager(person) == person.has_perm(access.MANAGE)


def test_a_persons_token_narrows_what_they_see(ann):
    HandoffFactory()
    HandoffFactory(accepted_by=ann)
    ann.workflow_scope = frozenset({"payroll"})
    for seen in (access.handoffs_for, access.queue_of, access.work_of):
        assert not seen(ann).exists()


def test_a_manager_sees_only_the_workflows_of_their_roles():
    handoff = HandoffFactory()
    stranger = PersonFactory(roles=["Payroll"])
    stranger.user_permissions.add(role(MANAGER).permissions.get())
    publish("payroll", routes=[{"role": "Payroll"}], sla={"calendar": "always"})
    fresh = type(stranger).objects.get(pk=stranger.pk)
    assert (access.is_manager(fresh), [each.key for each in access.managed_workflows(fresh)]) == (True, ["payroll"])
    assert (access.manages(fresh, handoff), access.handoffs_for(fresh).exists()) == (False, False)


@pytest.mark.parametrize(
    ("who", "keys"), [("ann", ["invoice-matching"]), ("max_", []), ("otto", ["invoice-matching", "payroll"])]
)
def test_workflows_are_those_that_name_ones_role(request, workflow, who, keys):
    role("Payroll")
    publish("payroll", routes=[{"role": "Payroll"}], sla={"calendar": "always"})
    assert [each.key for each in access.workflows_for(request.getfixturevalue(who))] == keys


# --- what does not exist --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [UNKNOWN, "nonsense", "", "1"])
def test_what_is_not_there_is_not_there(otto, key):
    for fetch in (access.handoff_for, access.document_for):
        with pytest.raises(NotThere):
            fetch(otto, key)


def test_for_a_stranger_what_exists_looks_like_what_does_not(max_):
    handoff = HandoffFactory()
    with pytest.raises(NotThere) as hidden:
        access.handoff_for(max_, handoff.pk)
    with pytest.raises(NotThere) as absent:
        access.handoff_for(max_, UNKNOWN)
    assert (hidden.value.message, hidden.value.details) == (absent.value.message, absent.value.details)


def test_a_document_is_seen_with_the_handoff_that_carries_it_and_by_who_uploaded_it(ann, max_, matcher):
    carried, loose = HandoffFactory().documents.get(), invoice_document()
    assert access.document_for(ann, carried.pk) == carried
    assert access.document_for(matcher, loose.pk) == loose
    for person, document in ((max_, carried), (ann, loose)):
        with pytest.raises(NotThere):
            access.document_for(person, document.pk)


def test_a_case_is_seen_through_a_handoff_or_a_workflow(ann, max_, matcher):
    handoff = HandoffFactory()
    clean = factories.post(data=factories.CLEAN, reference="INV-CLEAN").body["case"]["reference"]
    assert access.case_for(ann, "invoice-matching", handoff.case.reference) == handoff.case
    assert access.case_for(matcher, "invoice-matching", clean).reference == clean
    for person, reference in ((max_, handoff.case.reference), (ann, clean)):
        with pytest.raises(NotThere):
            access.case_for(person, "invoice-matching", reference)


def test_a_workflow_that_one_may_not_use_is_not_there(max_, workflow):
    with pytest.raises(NotThere):
        access.workflow_for(max_, workflow.key)


# --- who may do what ------------------------------------------------------------------------------------------------

WAYS = {
    State.PENDING: {},
    State.IN_PROGRESS: {"accepted": True},
    State.RETURNED: {"returned": True},
    State.AWAITING_CONFIRMATION: {"proposed": True},
    State.RESOLVED: {"resolved": True},
    State.WITHDRAWN: {"withdrawn": True},
}
HOLDER = {"escalate", "release", "return", "decide"}
MAY = {
    (State.PENDING, "ann"): {"accept", "escalate"},
    (State.PENDING, "bob"): {"accept", "escalate"},
    (State.PENDING, "lea"): {"escalate", "withdraw"},
    (State.PENDING, "matcher"): {"withdraw"},
    (State.IN_PROGRESS, "ann"): HOLDER,
    (State.IN_PROGRESS, "lea"): {"escalate", "release", "withdraw"},
    (State.IN_PROGRESS, "matcher"): {"withdraw"},
    (State.RETURNED, "lea"): {"withdraw"},
    (State.RETURNED, "matcher"): {"withdraw"},
    (State.AWAITING_CONFIRMATION, "cleo"): {"confirm", "object"},
    (State.AWAITING_CONFIRMATION, "lea"): {"withdraw"},
    (State.AWAITING_CONFIRMATION, "matcher"): {"withdraw"},
    (State.RESOLVED, "lea"): {"reopen"},
}
"""Ann holds what is held, but for the proposal, which is Bob's; whatever is not listed is refused."""
VERBS = ("accept", "release", "escalate", "return", "decide", "confirm", "object", "withdraw", "reopen")


@pytest.mark.parametrize("state", State, ids=str)
def test_each_may_do_exactly_what_the_state_and_their_role_allow(state):
    handoff = HandoffFactory(**WAYS[state])
    people = {name: getattr(factories, name)() for name in ("ann", "bob", "cleo", "lea", "max_", "matcher")}
    found = {
        (state, name): {verb for verb in VERBS if access.may(person, verb, handoff)} for name, person in people.items()
    }
    assert found == {(state, name): MAY.get((state, name), set()) for name in people}


def test_nobody_works_on_what_they_submitted(ann):
    handoff = HandoffFactory()
    Handoff.objects.filter(pk=handoff.pk).update(opened_by=ann)
    assert not access.may(ann, "accept", access.handoff_for(ann, handoff.pk))
