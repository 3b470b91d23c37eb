"""Tells what a file is by its content alone; its name counts for nothing."""

import csv
import email.parser
import email.policy
import json
import re
from collections.abc import Callable
from xml.parsers import expat

import puremagic

from handoffs.errors import Invalid, Mistake

ACCEPTED = "PDF, PNG, JPEG, TXT, CSV, JSON, XML and EML"
BINARY_TYPES = ("application/pdf", "image/png", "image/jpeg")
SHOWN_INLINE = frozenset(BINARY_TYPES)
SIGNATURES = (b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
PAGE_ELEMENTS = frozenset({"html", "svg", "script", "iframe"})
HEAD_BYTES = 64 * 1024
CSV_ROWS_READ = 100
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|svg|iframe)\b", re.DOTALL | re.I)
_MAIL_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*:[ \t]?")
_MAIL_NAMES = frozenset({"from", "to", "subject", "date", "received", "message-id", "mime-version", "return-path"})


class FileTypeRefused(Invalid):
    """The content is of no type that reviewers can be shown."""

    code = "file_type_refused"
    title = "This type of file is not accepted"


def type_of(body: bytes) -> str:
    """The media type of a file's content. Raises FileTypeRefused naming the accepted types."""
    if body.startswith(SIGNATURES):
        return _binary_type(body)
    text = _text_of(body)
    if not text.strip() or _NOT_TEXT.search(text) or _MARKUP.match(text):
        raise _refused()
    return next((name for name, matches in _TEXT_TYPES if matches(text)), "text/plain")


def _binary_type(body: bytes) -> str:
    try:
        named = {match.mime_type for match in puremagic.magic_string(body[:HEAD_BYTES])}
    except puremagic.PureError as error:
        raise _refused() from error
    found = next((name for name in BINARY_TYPES if name in named), None)
    if found is None:
        raise _refused()
    return found


def _text_of(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" not in body and _is_mail(head := body[:HEAD_BYTES].decode("latin-1")):
            return head  # mail may carry bytes of other encodings
        raise _refused() from error


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_xml(text: str) -> bool:
    """Well formed. Refused outright with a document type, whose entities may blow up, and where browsers would act."""
    if not text.lstrip().startswith("<"):
        return False
    parser = expat.ParserCreate(encoding="utf-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = _refuse_pages
    try:
        parser.Parse(text.lstrip().encode(), True)
    except expat.ExpatError:
        return False
    return True


def _refuse_doctype(*declaration: object) -> None:
    raise FileTypeRefused("XML with a document type declaration is not accepted; leave the DOCTYPE out.")


def _refuse_pages(name: str, attributes: object) -> None:
    if name.rpartition(":")[2].lower() in PAGE_ELEMENTS:
        raise _refused()


def _is_mail(text: str) -> bool:
    if not _MAIL_HEADER.match(text):
        return False
    headers = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(text[:HEAD_BYTES])
    return len(_MAIL_NAMES & {name.lower() for name in headers}) >= 2


def _is_csv(text: str) -> bool:
    """Two rows or more of the same number of columns, two or more of them."""
    lines = text.splitlines(keepends=True)[:CSV_ROWS_READ]
    return any(_has_columns(lines, delimiter) for delimiter in ",;\t")


def _has_columns(lines: list[str], delimiter: str) -> bool:
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return False
    return len(rows) >= 2 and len({len(row) for row in rows}) == 1 and len(rows[0]) >= 2


def _refused() -> FileTypeRefused:
    mistake = Mistake(pointer="/file", detail=f"Send one of {ACCEPTED}; what counts is the content, not the name.")
    return FileTypeRefused(f"The file is none of {ACCEPTED}.", mistakes=[mistake])


_TEXT_TYPES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("application/json", _is_json),
    ("application/xml", _is_xml),
    ("message/rfc822", _is_mail),
    ("text/csv", _is_csv),
)
