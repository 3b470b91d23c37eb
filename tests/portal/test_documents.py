"""Documents: shown as pictures of their pages, handed out harmlessly, and every opening written down."""

from io import BytesIO

import pytest
from PIL import Image

from handoffs.portal import previews
from tests.factories import HandoffFactory, invoice_document

pytestmark = pytest.mark.django_db


def pdf(pages: int = 2) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    kept = BytesIO()
    canvas = Canvas(kept, pagesize=(200, 300))
    for number in range(pages):
        canvas.drawString(20, 200, f"page {number + 1}")
        canvas.showPage()
    canvas.save()
    return kept.getvalue()


def png() -> bytes:
    kept = BytesIO()
    Image.new("RGB", (30, 20), "white").save(kept, "PNG")
    return kept.getvalue()


def carrying(ann, **changes):
    document = invoice_document(**changes)
    handoff = HandoffFactory(accepted_by=ann, document_ids=(str(document.pk),))
    return handoff, f"/handoffs/{handoff.pk}/documents/{document.pk}/"


def test_a_pdf_is_shown_page_by_page_without_a_jump(as_, ann):
    _, address = carrying(ann, body=pdf())
    pages = as_(ann).get(address).context["pages"]
    assert [(page.number, page.width, page.height) for page in pages.shown] == [(1, 1240, 1860), (2, 1240, 1860)]
    drawn = as_(ann).get(f"{address}pages/2.png")
    assert Image.open(BytesIO(drawn.content)).size == (1240, 1860)


def test_the_fragment_is_the_viewer_alone(as_, ann):
    _, address = carrying(ann, body=pdf())
    answer = as_(ann).get(address, headers={"HX-Request": "true"})
    assert "Page 2 of invoice.pdf" in answer.text
    assert "<html" not in answer.text


def test_a_picture_is_shown_as_it_is(as_, ann):
    _, address = carrying(ann, body=png(), name="scan.png", content_type="image/png")
    assert as_(ann).get(address).context["pages"].shown[0] == previews.Page(number=1, width=30, height=20)
    assert as_(ann).get(f"{address}pages/1.png").content == png()


def test_a_text_is_shown_as_text(as_, ann):
    _, address = carrying(ann, body=b"<script>alert(1)</script>", name="a.txt", content_type="text/plain")
    assert "&lt;script&gt;alert(1)" in as_(ann).get(address).text


def test_a_damaged_pdf_says_so_and_offers_the_original(as_, ann):
    _, address = carrying(ann, body=b"%PDF-1.4 nothing else")
    answer = as_(ann).get(address)
    assert (answer.status_code, "cannot be drawn" in answer.text, "file/" in answer.text) == (200, True, True)
    assert as_(ann).get(f"{address}pages/1.png").status_code == 400


def test_a_drawing_that_takes_too_long_is_stopped(as_, ann, monkeypatch):
    monkeypatch.setattr(previews, "DRAWING_SECONDS", 0.001)
    _, address = carrying(ann, body=pdf(pages=3))
    assert "takes too long" in as_(ann).get(address).text


@pytest.mark.parametrize(
    ("content_type", "name", "sent_as", "disposition"),
    [
        ("application/pdf", "a.pdf", "application/pdf", 'inline; filename="a.pdf"'),
        ("image/jpeg", "a.jpg", "image/jpeg", 'inline; filename="a.jpg"'),
        ("text/csv", "a.csv", "application/octet-stream", 'attachment; filename="a.csv"'),
        ("text/xml", "a.xml", "application/octet-stream", 'attachment; filename="a.xml"'),
        ("message/rfc822", "a\r\nb.eml", "application/octet-stream", "attachment; filename*=utf-8''a%0D%0Ab.eml"),
    ],
)
def test_the_original_can_do_no_harm(as_, ann, content_type, name, sent_as, disposition):
    _, address = carrying(ann, body=b"bytes", name=name, content_type=content_type)
    answer = as_(ann).get(f"{address}file/")
    assert answer.content == b"bytes"
    assert {
        header: answer.headers[header]
        for header in ("Content-Type", "Content-Disposition", "X-Content-Type-Options", "Content-Security-Policy")
    } == {
        "Content-Type": sent_as,
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
    }


@pytest.mark.parametrize("part", ["", "file/", "pages/1.png"])
def test_each_way_of_opening_is_written_down_once_per_person(as_, ann, bob, part):
    handoff, address = carrying(ann, body=pdf())
    for person in (ann, ann, bob):
        assert as_(person).get(address + part).status_code == 200
    opened = handoff.history.filter(event="document_opened").order_by("sequence")
    assert list(opened.values_list("history_user__username", flat=True)) == ["ann", "bob"]


def test_a_page_is_not_sent_twice(as_, ann):
    _, address = carrying(ann, body=pdf())
    first = as_(ann).get(f"{address}pages/1.png")
    again = as_(ann).get(f"{address}pages/1.png", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("part", ["", "file/", "pages/1.png"])
def test_a_stranger_opens_nothing(as_, ann, max_, part):
    handoff, address = carrying(ann, body=pdf())
    assert as_(max_).get(address + part).status_code == 404
    assert not handoff.history.filter(event="document_opened").exists()


def test_a_document_is_reached_only_through_a_handoff_that_carries_it(as_, ann):
    handoff, _ = carrying(ann)
    other = invoice_document()
    assert as_(ann).get(f"/handoffs/{handoff.pk}/documents/{other.pk}/file/").status_code == 404
