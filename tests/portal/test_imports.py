"""The managers' page for the past: a file, its progress, every bad row, and the choice what to do then."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from handoffs import jobs
from handoffs.models import Handoff, HistoryImport

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/imports/"
GOOD, BAD = "INV-1,2024-03-01T09:00:00Z,2024-03-01T11:00:00Z", "INV-2,yesterday,"


def _form(*rows, header="reference,opened_at,resolved_at"):
    file = SimpleUploadedFile("past.csv", "\n".join([header, *rows]).encode())
    return {"workflow": "invoice-matching", "file": file}


def _work():
    while jobs.import_history():
        pass


def test_only_managers_of_the_workflow_bring_its_past_in(as_, ann, lea, max_, workflow):
    assert [as_(person).get(PAGE).status_code for person in (ann, max_, lea)] == [403, 403, 200]
    for person in (ann, max_):
        assert as_(person).post(PAGE, _form(GOOD)).status_code == 403
    assert HistoryImport.objects.count() == 0
    begun = as_(lea).post(PAGE, _form(GOOD))
    for address in (begun.url, f"{begun.url}progress/"):
        assert [as_(person).get(address).status_code for person in (ann, lea)] == [404, 200]
    assert as_(ann).post(f"{begun.url}discard/").status_code == 404


def test_a_file_is_checked_and_imported_while_the_page_says_how_far_it_is(as_, lea, workflow):
    address = as_(lea).post(PAGE, _form(GOOD)).url
    waiting = as_(lea).get(address).content.decode()
    assert "Checking: 0 of 1 rows" in waiting
    assert "every 1s" in waiting
    _work()
    done = as_(lea).get(f"{address}progress/").content.decode()
    assert "1 handoffs imported." in done
    assert "every 1s" not in done
    assert Handoff.objects.get().imported
    assert "past.csv" in as_(lea).get(PAGE).content.decode()


def test_bad_rows_are_shown_and_the_manager_chooses(as_, lea, workflow):
    address = as_(lea).post(PAGE, _form(GOOD, BAD)).url
    _work()
    page = as_(lea).get(address).content.decode()
    assert "1 of 2 rows is bad, so nothing was imported" in page
    assert "opened_at is no time such as" in page
    assert Handoff.objects.count() == 0
    as_(lea).post(f"{address}go-on/")
    _work()
    assert Handoff.objects.count() == 1
    assert as_(lea).post(f"{address}discard/").status_code == 409
    assert HistoryImport.objects.count() == 1


def test_a_refused_file_can_be_thrown_away(as_, lea, workflow):
    address = as_(lea).post(PAGE, _form(BAD)).url
    _work()
    assert as_(lea).post(f"{address}discard/").url == PAGE
    assert (HistoryImport.objects.count(), Handoff.objects.count()) == (0, 0)


def test_a_file_that_cannot_be_read_is_refused_on_the_spot(as_, lea, workflow):
    page = as_(lea).post(PAGE, _form(GOOD, header="reference,opened"))
    assert page.status_code == 400
    assert "did you mean opened_at?" in page.content.decode()
    assert as_(lea).post(PAGE, {"workflow": "invoice-matching"}).status_code == 400
    assert HistoryImport.objects.count() == 0
