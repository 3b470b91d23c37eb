"""Notes, documents and sensitive fields, and the trail of who looked at what."""

import hashlib
from datetime import timedelta

import pytest

from handoffs.actions import context
from handoffs.choices import Event
from handoffs.errors import Invalid, NotAllowed
from handoffs.models import Document, Note
from tests.factories import PDF, HandoffFactory, invoice_document
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def _rows(handoff, event):
    return [(row.actor_name, row.reason, row.details) for row in handoff.history.filter(event=event)]


def test_a_note_is_kept_and_written_to_the_trail(bob, now):
    handoff = HandoffFactory()
    note = context.add_note(handoff, author=bob, text="  Called the vendor \n", now=now)
    assert (note.text, note.author, note.written_at) == ("Called the vendor", bob, now)
    assert _rows(handoff, Event.NOTE_ADDED) == [("Bob", "Called the vendor", {})]


def test_a_note_of_the_holder_shows_that_they_are_not_idle(ann, bob, now):
    handoff = HandoffFactory(accepted_by=ann)
    context.add_note(handoff, author=bob, text="Called the vendor", now=now)
    assert context.locked(handoff).last_activity_at == handoff.last_activity_at
    context.add_note(handoff, author=ann, text="So did I", now=now)
    assert context.locked(handoff).last_activity_at == now


@pytest.mark.parametrize("text", ["", " \n ", "x" * 5001], ids=["empty", "blank", "a novel"])
def test_an_empty_or_endless_note_is_refused(ann, now, text):
    handoff = HandoffFactory()
    with refused(Invalid):
        context.add_note(handoff, author=ann, text=text, now=now)
    assert not Note.objects.exists()


def test_automations_write_no_notes(matcher, now):
    handoff = HandoffFactory()
    with refused(NotAllowed):
        context.add_note(handoff, author=matcher, text="Called the vendor", now=now)


def test_the_first_opening_of_a_document_is_written_to_the_trail(ann, bob, now):
    handoff = HandoffFactory()
    document = handoff.documents.get()
    for reader in (ann, ann, bob):
        context.open_document(handoff, document, reader=reader, now=now)
    details = {"document": str(document.pk), "name": "invoice.pdf", "sha256": hashlib.sha256(PDF).hexdigest()}
    assert _rows(handoff, Event.DOCUMENT_OPENED) == [("Ann", "", details), ("Bob", "", details)]


def test_a_sensitive_field_is_shown_after_the_trail_says_to_whom(ann, now):
    handoff = HandoffFactory()
    value = context.reveal_field(handoff, "bank_account", reader=ann, now=now)
    assert value == "DE89 3704 0044 0532 0130 00"
    assert _rows(handoff, Event.FIELD_REVEALED) == [("Ann", "", {"field": "bank_account"})]


@pytest.mark.parametrize("key", ["amount", "no_such_field", ""])
def test_only_a_sensitive_field_is_revealed(ann, now, key):
    handoff = HandoffFactory()
    with refused(Invalid):
        context.reveal_field(handoff, key, reader=ann, now=now)


def test_the_trail_does_not_hold_what_was_revealed(ann, now):
    handoff = HandoffFactory()
    value = context.reveal_field(handoff, "bank_account", reader=ann, now=now)
    assert value not in str(list(handoff.history.values()))


def test_an_upload_is_kept_with_its_digest_and_expires_unless_it_is_named(now, matcher):
    document = invoice_document(now=now)
    assert (document.size_bytes, document.sha256, document.uploaded_by, bytes(document.content.body)) == (
        len(PDF),
        hashlib.sha256(PDF).hexdigest(),
        matcher,
        PDF,
    )
    assert document.expires_at == now + timedelta(hours=24)


def test_only_what_no_attempt_named_expires(now):
    named = HandoffFactory(opened_ago=timedelta(hours=30)).documents.get()
    invoice_document(now=now - timedelta(hours=24))
    young = invoice_document(now=now - timedelta(hours=23))
    assert context.drop_expired(now=now) == 1
    assert set(Document.objects.all()) == {named, young}
