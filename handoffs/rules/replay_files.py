"""Reads an uploaded history, CSV or JSON Lines, in full or not at all; a bad line is told by number and reason."""

import csv
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from handoffs.errors import Invalid, TooLarge
from handoffs.rules import strict_json
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.replay_rows import BadLine, Columns, Row, row_of

MAX_FILE_BYTES = 40 * 1024 * 1024
MAX_LINES = 250_000
LINE_BYTES = 128 * 1024
PROBLEMS_KEPT = 200
CHUNK_ROWS = 500
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"%PDF")
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class FileUnusable(Invalid):
    """The file as a whole cannot be replayed; nothing of it was kept."""

    code = "file_unusable"
    title = "This file cannot be replayed"


@dataclass(frozen=True, kw_only=True)
class LineProblem:
    """A line that was left out, and why."""

    line: int
    reason: str


@dataclass(kw_only=True)
class Upload:
    """The usable rows in the order of their time, ready to be kept, and what was wrong with the others."""

    chunks: list[bytes] = field(default_factory=list)
    count: int = 0
    has_times: bool = False
    problems: list[LineProblem] = field(default_factory=list)
    problems_count: int = 0


def read_upload(body: bytes, *, schema: DataSchema) -> Upload:
    """Read a whole file. Raises TooLarge, and FileUnusable where no line of it can be replayed."""
    text = _text_of(body)
    upload = Upload()
    keyed: list[tuple[datetime, int, bytes]] = []
    for line, row in _rows(text, schema):
        if isinstance(row, BadLine):
            _refuse(upload, line, str(row))
            continue
        keyed.append((row.at or LONG_AGO, line, exact_dumps(row.stored()).encode()))
    keyed = _with_times(upload, keyed)
    if not keyed:
        raise _unusable(upload)
    keyed.sort(key=lambda each: each[:2])
    upload.count = len(keyed)
    upload.chunks = [
        packed([body for *_, body in keyed[at : at + CHUNK_ROWS]]) for at in range(0, len(keyed), CHUNK_ROWS)
    ]
    return upload


def packed(rows: Sequence[bytes]) -> bytes:
    """Some rows as they are kept: JSON, one per line, compressed."""
    return zlib.compress(b"\n".join(rows), 6)


def unpacked(chunk: bytes) -> list[Row]:
    """The rows of a kept chunk."""
    return [Row.restored(strict_json.read(line)) for line in zlib.decompress(chunk).split(b"\n")]


def _text_of(body: bytes) -> str:
    if len(body) > MAX_FILE_BYTES:
        raise too_large()
    if not body.strip():
        raise FileUnusable("The file is empty. Send CSV with a header line, or JSON Lines.")
    if body.startswith(ARCHIVES):
        raise FileUnusable("This is a spreadsheet, a PDF or an archive. Save the table as CSV (UTF-8) and send that.")
    if b"\0" in body:
        raise FileUnusable("This is no text file: it holds NUL bytes. Send CSV or JSON Lines in UTF-8.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileUnusable(f"Not UTF-8: byte {error.start} cannot be read. Save the file as UTF-8.") from error


def too_large() -> TooLarge:
    """The refusal of a file beyond the limit."""
    return TooLarge(f"A file may have up to {MAX_FILE_BYTES // 1024 // 1024} MiB. Send it in parts.")


def _rows(text: str, schema: DataSchema) -> Iterator[tuple[int, Row | BadLine]]:
    found = _json_rows(text) if text.lstrip()[:1] == "{" else _csv_rows(text, schema)
    for count, each in enumerate(found):
        if count >= MAX_LINES:
            raise FileUnusable(f"More than {MAX_LINES:,} lines. Send the file in parts.")
        yield each


def _json_rows(text: str) -> Iterator[tuple[int, Row | BadLine]]:
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.strip():
            yield number, _json_row(line, number)


def _json_row(line: str, number: int) -> Row | BadLine:
    body = line.encode(errors="surrogatepass")
    if len(body) > LINE_BYTES:
        return BadLine(f"longer than {LINE_BYTES // 1024} KiB")
    try:
        return row_of(strict_json.read(body), line=number)
    except strict_json.BodyUnreadable as error:
        return BadLine(error.message)
    except BadLine as bad:
        return bad


def _csv_rows(text: str, schema: DataSchema) -> Iterator[tuple[int, Row | BadLine]]:
    head = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        columns = Columns(next(cells for cells in reader if cells), schema)
        for cells in reader:
            if any(cells):
                yield reader.line_num, _csv_row(columns, cells, reader.line_num)
    except BadLine as bad:
        raise FileUnusable(f"Line {reader.line_num}: {bad}.") from bad
    except csv.Error as error:
        raise FileUnusable(f"Line {reader.line_num}: not CSV ({error}).") from error


def _csv_row(columns: Columns, cells: list[str], number: int) -> Row | BadLine:
    try:
        return row_of(columns.report(cells), line=number)
    except BadLine as bad:
        return bad


def _with_times(upload: Upload, keyed: list[tuple[datetime, int, bytes]]) -> list[tuple[datetime, int, bytes]]:
    """All rows or none have a time: one without cannot be put in order among others."""
    timed = [each for each in keyed if each[0] is not LONG_AGO]
    upload.has_times = bool(timed)
    if timed:
        for _, line, _ in (each for each in keyed if each[0] is LONG_AGO):
            _refuse(upload, line, "received_at is missing, while other lines have it")
    return timed or keyed


def _refuse(upload: Upload, line: int, reason: str) -> None:
    upload.problems_count += 1
    if len(upload.problems) < PROBLEMS_KEPT:
        upload.problems.append(LineProblem(line=line, reason=reason))


def _unusable(upload: Upload) -> FileUnusable:
    if not upload.problems:
        return FileUnusable("The file has a header and no lines below it.")
    first = upload.problems[0]
    return FileUnusable(f"None of the {upload.problems_count:,} lines can be used. Line {first.line}: {first.reason}.")
