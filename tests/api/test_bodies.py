"""What is taken off the wire and what is refused: every refusal says why, and leaves every row as it was."""

import json
import time
from decimal import Decimal

import pytest

from handoffs.models import Attempt
from handoffs.rules import strict_json
from tests.api.conftest import BASE, is_problem, nothing_written, pointers
from tests.factories import CLEAN, DATA

pytestmark = pytest.mark.django_db
GOOD = {"workflow": "invoice-matching", "reference": "INV-1", "data": {**DATA, **CLEAN}}


def _with(**changes):
    return GOOD | changes


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "/workflow: This is required."),
        (b"{", "Not JSON"),
        (b"{'workflow': 1}", "Not JSON"),
        (b"null", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"\xef\xbb\xbf{}", "Not JSON"),
        (b'{"reference": "\xff"}', "Not UTF-8: byte 15"),
        (b'{"reference": "\xed\xa0\x80"}', "Not UTF-8"),
        (b'{"reference": "a\x00b"}', "Not JSON"),
        (rb'{"reference": "a\u0000b"}', "NUL"),
        (rb'{"data": {"\u0000": 1}}', "NUL"),
        (rb'{"data": {"deep": [{"x": "\ud800"}]}}', "surrogate"),
        (rb'{"reference": "\udfff\ud800"}', "surrogate"),
        (b'{"data": {"amount": NaN}}', "NaN is not a JSON number"),
        (b'{"data": {"amount": -Infinity}}', "-Infinity is not a JSON number"),
        (b'{"data": {"amount": 1e41}}', "beyond"),
        (b'{"data": {"amount": 1e-41}}', "beyond"),
        (b'{"data": {"amount": 1E+999999999999}}', "beyond"),
        (b'{"data": {"amount": ' + b"9" * 41 + b"}}", "more than 40 digits"),
        (b'{"data": {"amount": 0.' + b"9" * 40 + b"}}", "more than 40 digits"),
        (b'{"data": {"amount": ' + b"9" * 5000 + b"}}", "more than 40 digits"),
        (b'{"workflow": "a", "workflow": "b"}', "'workflow' stands twice"),
        (b'{"data": ' + b"[" * 20 + b"]" * 20 + b"}", "Nested deeper than 20"),
        (b'{"data": ' + b'{"a":' * 60_000, "larger than"),
        (b'{"data": ' + b"[" * 50_000, "Nested deeper than 20"),
    ],
)
def test_a_body_that_cannot_be_read(bot, body, words):
    with nothing_written():
        answer = bot.raw("/cases/", body)
    status, code = {"/workflow": (400, "invalid"), "larger": (413, "too_large")}.get(
        words.split(" ")[0].rstrip(":"), (400, "malformed_json")
    )
    assert words in is_problem(answer, status, code)["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reference": None}, "/reference"),
        ({"reference": 5}, "/reference"),
        ({"reference": ""}, "/reference"),
        ({"reference": "   "}, "/reference"),
        ({"reference": "a\nb"}, "/reference"),
        ({"reference": "x" * 201}, "/reference"),
        ({"workflow": ["invoice-matching"]}, "/workflow"),
        ({"data": [1]}, "/data"),
        ({"data": "text"}, "/data"),
        ({"data": {f"key-{number}": 1 for number in range(1001)}}, "/data"),
        ({"confidence": "0.5"}, "/confidence"),
        ({"confidence": True}, "/confidence"),
        ({"confidence": -0.1}, "/confidence"),
        ({"confidence": 1.00000001}, "/confidence"),
        ({"confidence": 0.12345678901}, "/confidence"),
        ({"error": "timeout"}, "/error"),
        ({"error": {}}, "/error/type"),
        ({"error": {"type": "x" * 101}}, "/error/type"),
        ({"error": {"type": "timeout", "massage": "x"}}, "/error/massage"),
        ({"request_handoff": {"reason": ""}}, "/request_handoff/reason"),
        ({"action_taken": {"undo": {}}}, "/action_taken/summary"),
        ({"proposed_outcome": "x" * 65}, "/proposed_outcome"),
        ({"context": {"summary": "x" * 501}}, "/context/summary"),
        ({"context": {"links": [{"label": "x", "url": "javascript:alert(1)"}]}}, "/context/links/0/url"),
        ({"context": {"links": [{"label": "x", "url": "https://a b"}]}}, "/context/links/0/url"),
        ({"context": {"links": [{"label": "", "url": "https://a.example"}]}}, "/context/links/0/label"),
        ({"context": {"links": [{"label": "x", "url": "https://a.example"}] * 21}}, "/context/links"),
        ({"context": {"documents": ["x"]}}, "/context/documents/0"),
        ({"context": {"documents": ["00000000-0000-7000-8000-000000000000"] * 11}}, "/context/documents"),
        ({"callback_url": "ftp://erp.example/"}, "/callback_url"),
        ({"correlation_id": "x" * 201}, "/correlation_id"),
        ({"resolve_by": "tomorrow"}, "/resolve_by"),
        ({"resolve_by": "2030-01-01"}, "/resolve_by"),
        ({"resolve_by": "2199-01-01T00:00:00Z"}, "/resolve_by"),
        ({"resolve_by": "0001-01-01T00:00:00+14:00"}, "/resolve_by"),
        ({"referense": "INV-1"}, "/referense"),
    ],
)
def test_a_shape_that_is_wrong_is_named_by_its_place(bot, changes, pointer):
    with nothing_written():
        problem = is_problem(bot.post("/cases/", _with(**changes)), 400, "invalid")
    assert pointers(problem) == [pointer]


def test_every_mistake_is_told_at_once(bot):
    problem = is_problem(bot.post("/cases/", {"referense": "x", "data": []}), 400, "invalid")
    assert sorted(pointers(problem)) == ["/data", "/reference", "/referense", "/workflow"]


def test_a_typo_is_told_what_was_meant(bot):
    problem = is_problem(bot.post("/cases/", _with(confidense=1)), 400, "invalid")
    assert problem["errors"] == [{"pointer": "/confidense", "detail": "Unknown key, did you mean confidence?"}]


@pytest.mark.parametrize("path", ["/cases/", "/handoffs/take-next/", "/cases/batch/"])
def test_a_body_beyond_the_limit_is_refused_and_read_to_its_end(bot, path):
    size = 5 * 1024 * 1024 if "batch" in path else 200_000
    with nothing_written():
        answer = bot.raw(path, b'{"data": {"x": "' + b"y" * size + b'"}}')
    assert is_problem(answer, 413, "too_large")["limit_bytes"] < size


def test_a_body_just_within_the_limit_is_taken(bot):
    filler = "y" * (128 * 1024 - len(json.dumps(_with(data={"note": ""}))))
    assert bot.post("/cases/", _with(data={"note": filler})).status_code in (200, 201, 400)
    assert b"too_large" not in bot.post("/cases/", _with(data={"note": filler})).content


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_only_json_is_read(bot, content_type):
    with nothing_written():
        is_problem(bot.raw("/cases/", b'{"workflow": "x"}', content_type), 415, "unsupported_media_type")


def test_a_body_in_chunks_is_not_taken_for_none(bot):
    with nothing_written():
        answer = bot.client.generic(
            "POST", f"{BASE}/cases/", b"", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
        )
    answer.body = json.loads(answer.content)
    is_problem(answer, 411, "length_required")


def test_only_json_is_answered(bot):
    is_problem(bot.get("/handoffs/", Accept="text/html"), 406, "not_acceptable")


@pytest.mark.parametrize("key", ["", "with space", "ü", "x" * 256, "tab\there"])
def test_an_odd_idempotency_key_is_refused(bot, key):
    with nothing_written():
        answer = bot.post("/cases/", GOOD, Idempotency_Key=key)
    assert pointers(is_problem(answer, 400, "invalid")) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    "number", ["4.20", "0.1", "12345678901234567890.123456789", "1e3", "-0.0", "100000000000000000000", "1e-40"]
)
def test_numbers_keep_all_their_digits(bot, number):
    body = json.dumps(_with(data={**DATA, **CLEAN, "measured": "here"})).replace('"here"', number)
    assert bot.raw("/cases/", body.encode()).status_code == 200
    assert Decimal(Attempt.objects.get().data["measured"]) == Decimal(number)
    shown = bot.get("/cases/invoice-matching/INV-1/").body["attempts"][0]["data"]["measured"]
    assert Decimal(shown) == Decimal(number)


def test_null_is_as_good_as_nothing(bot):
    optional = ("data", "confidence", "error", "request_handoff", "action_taken", "context", "resolve_by")
    empty = dict.fromkeys((*optional, "proposed_outcome", "callback_url", "correlation_id"))
    answer = bot.post("/cases/", GOOD | empty | {"data": GOOD["data"]})
    assert (answer.status_code, answer.body["verdict"]) == (200, "proceed")


@pytest.mark.parametrize(
    "path", ["/handoffs/?search=%00", "/cases/?reference=%00", "/handoffs/?nothing=1", "/handoffs/?state=lost"]
)
def test_an_odd_query_is_refused(bot, path):
    is_problem(bot.get(path), 400, "invalid")


@pytest.mark.parametrize("path", ["/cases/invoice-matching/a%00b/", "/cases/a%00b/x/", "/workflows/%00/"])
def test_a_nul_in_the_address_is_nothing_there(bot, path):
    is_problem(bot.get(path), 404, "not_found")


@pytest.mark.parametrize("text", ['{"a": "' + '\\"' * 60_000, '{"a":' + '"\\' * 60_000, "[" + '"[",' * 30_000])
def test_hostile_brackets_are_counted_in_no_time(text):
    start = time.thread_time()
    with pytest.raises(strict_json.BodyUnreadable):
        strict_json.read(text.encode())
    assert time.thread_time() - start < 2, "it looks at what it has read before again and again"


def test_brackets_inside_texts_are_no_nesting():
    assert strict_json.read(b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[{{{{"}') == {"a": "[" * 24 + "{{{{"}
