"""Documents: types by content, limits, and who may read them."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from handoffs.api.file_types import FileTypeRefused, type_of
from handoffs.choices import Event
from handoffs.models import Document
from tests.api.conftest import ELSEWHERE, handoff_elsewhere, is_problem, nothing_written, pointers
from tests.factories import PDF, HandoffFactory, invoice_document

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
MAIL = b"Received: from a\r\nFrom: ann@desk.example\r\nTo: bob@desk.example\r\nSubject: H\xe9\r\n\r\nHello\r\n"


def _file(body=PDF, name="invoice.pdf"):
    return SimpleUploadedFile(name, body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PDF, "application/pdf"),
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"Dear vendor,\n\nplease send a new invoice.\n", "text/plain"),
        ("Größe: 5 €\n".encode(), "text/plain"),
        (b"\xef\xbb\xbfwith a byte order mark", "text/plain"),
        (b"one, two\n", "text/plain"),
        (b"item,quantity\nPump seal,40\n", "text/csv"),
        (b'"a;b";2\n"c";3\n', "text/csv"),
        (b"a\tb\r\nc\td\r\n", "text/csv"),
        (b'{"invoice": 7}', "application/json"),
        (b"[1, 2]\n", "application/json"),
        (b"{not json}", "text/plain"),
        (b'<?xml version="1.0"?><invoice/>', "application/xml"),
        (b"<invoice><line/></invoice>", "application/xml"),
        (MAIL, "message/rfc822"),
        (b"Note: this is no mail, though it has a colon\n", "text/plain"),
    ],
)
def test_the_content_says_the_type(body, content_type):
    assert type_of(body) == content_type


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   \n",
        b"MZ\x90\x00\x03",
        b"PK\x03\x04\x14\x00",
        b"\x7fELF\x02\x01",
        b"GIF89a\x01\x00",
        b"text with a \x00 in it",
        b"\x1b[31m\x07bell",
        b"\xe9t\xe9 in another encoding",
        b"<!DOCTYPE html><html></html>",
        b"  <html><script>alert(1)</script></html>",
        b"<!-- hidden --><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
    ],
)
def test_what_is_of_no_accepted_type_is_refused(body):
    with pytest.raises(FileTypeRefused):
        type_of(body)


def test_a_document_is_kept_as_it_came(bot):
    answer = bot.upload(file=_file(), workflow="invoice-matching", title="Invoice")
    document = Document.objects.get()
    assert (answer.status_code, answer.body) == (
        201,
        {
            "id": str(document.pk),
            "name": "invoice.pdf",
            "title": "Invoice",
            "content_type": "application/pdf",
            "size_bytes": len(PDF),
            "sha256": hashlib.sha256(PDF).hexdigest(),
        },
    )
    assert bytes(document.content.body) == PDF
    assert document.expires_at is not None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\files\\x.pdf", "x.pdf"),
        ("rech\u200bnung\u202e.pdf", "rechnung.pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_a_name_is_only_a_name(bot, sent, kept):
    assert bot.upload(file=_file(name=sent), workflow="invoice-matching").body["name"] == kept


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"workflow": "invoice-matching"}, ["/file"]),
        ({"file": "a text", "workflow": "invoice-matching"}, ["/file", "/file"]),
        ({"file": _file}, ["/workflow"]),
        ({"file": _file, "workflow": "invoice-matching", "titel": "x"}, ["/titel"]),
        ({"file": _file, "workflow": "invoice-matching", "title": "x" * 201}, ["/title"]),
        ({"file": _file, "workflow": "invoice-matching", "title": "a\0b"}, ["/title"]),
        ({"file": _file, "other": _file, "workflow": "invoice-matching"}, ["/other"]),
    ],
)
def test_a_form_that_is_wrong_is_named_by_its_place(bot, fields, places):
    made = {name: value() if callable(value) else value for name, value in fields.items()}
    with nothing_written():
        assert pointers(is_problem(bot.upload(**made), 400, "invalid")) == places


def test_a_wrong_type_is_refused_by_naming_the_right_ones(bot):
    with nothing_written():
        answer = bot.upload(file=_file(b"MZ\x00\x01", "invoice.pdf"), workflow="invoice-matching")
    assert "PDF, PNG, JPEG, TXT, CSV, JSON, XML and EML" in is_problem(answer, 400, "file_type_refused")["detail"]


@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 11 * 1024 * 1024])
def test_a_document_beyond_ten_mebibytes_is_refused(bot, size):
    with nothing_written():
        answer = bot.upload(file=_file(PDF + b" " * (size - len(PDF))), workflow="invoice-matching")
    is_problem(answer, 413, "too_large")


def test_a_document_of_ten_mebibytes_is_taken(bot):
    body = PDF + b" " * (10 * 1024 * 1024 - len(PDF))
    assert bot.upload(file=_file(body), workflow="invoice-matching").body["size_bytes"] == 10 * 1024 * 1024


@pytest.mark.parametrize("body", [b"", b"--x\r\nnonsense", b"--x\r\nContent-Disposition: form-data; name=file"])
def test_a_broken_form_is_refused(bot, body):
    with nothing_written():
        answer = bot.raw("/documents/", body, "multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_json_is_no_document(bot):
    is_problem(bot.raw("/documents/", b"{}"), 415, "unsupported_media_type")


def test_a_workflow_of_others_takes_no_document(bot):
    handoff_elsewhere()
    with nothing_written():
        is_problem(bot.upload(file=_file(), workflow=ELSEWHERE), 404, "not_found")


# --- reading --------------------------------------------------------------------------------------------------------


def _path(document):
    return f"/documents/{document.pk}/content/"


def test_whoever_sees_the_handoff_reads_its_document(api, ann, workflow):
    handoff = HandoffFactory()
    answer = api(ann).get(_path(handoff.documents.get()), Accept="application/pdf")
    assert (answer.status_code, answer.content) == (200, PDF)
    wanted = {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'inline; filename="invoice.pdf"',
        "X-Content-Type-Options": "nosniff",
    }
    assert {name: answer.headers[name] for name in wanted} == wanted
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_person_who_reads_it_is_in_the_trail_once(api, ann, bot):
    handoff = HandoffFactory()
    for caller in (api(ann), api(ann), bot):
        caller.get(_path(handoff.documents.get()))
    opened = handoff.history.filter(event=Event.DOCUMENT_OPENED)
    assert list(opened.values_list("actor_name", flat=True)) == ["Ann"]


@pytest.mark.parametrize("body", [b"<invoice/>", b"plain", b'{"a": 1}', b"a,b\n1,2\n"])
def test_what_a_browser_might_run_is_only_ever_saved(bot, body):
    uploaded = bot.upload(file=_file(body, "x.html"), workflow="invoice-matching").body
    answer = bot.get(f"/documents/{uploaded['id']}/content/")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "html" not in answer.headers["Content-Type"]


def test_who_has_it_already_gets_it_not_again(bot):
    document = invoice_document()
    tag = bot.get(_path(document)).headers["ETag"]
    answer = bot.get(_path(document), If_None_Match=tag)
    assert (answer.status_code, answer.content) == (304, b"")


def test_others_find_no_document(api, max_, ann, workflow):
    carried, loose = HandoffFactory().documents.get(), invoice_document()
    is_problem(api(max_).get(_path(carried)), 404, "not_found")
    is_problem(api(ann).get(_path(loose)), 404, "not_found")
    is_problem(api(ann).get("/documents/nonsense/content/"), 404, "not_found")
