"""Files of past handoffs as records with their lines: CSV or JSON Lines, perhaps gzipped; nothing is judged here."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BufferedReader, BytesIO, TextIOWrapper
from typing import Any, BinaryIO

from handoffs.errors import Invalid, Mistake
from handoffs.rules.canonical import exact_number
from handoffs.rules.imports import REQUIRED, unknown_column

ROWS_LIMIT = 5_000_000
LINE_BYTES = 1_000_000
TEXT_BYTES = 4_000_000_000
GZIP_MAGIC = b"\x1f\x8b"
Record = tuple[int, Mapping[str, Any]]
"""The number of the line on which it begins, and what it says; `{"": reason}` for a line that cannot be read."""


class FileUnreadable(Invalid):
    """Nothing of the file can be understood; `mistakes` say where and why."""

    code = "file_unreadable"
    title = "The file cannot be read"


def records(file: BinaryIO) -> Iterator[Record]:
    """Every record of a file, in order. Raises FileUnreadable for what is neither CSV nor JSON Lines, or no UTF-8."""
    try:
        with _plain(file) as plain:
            peeked = plain.peek(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
            text = TextIOWrapper(plain, encoding="utf-8-sig", newline="")
            yield from _json_lines(text) if peeked[:1] == b"{" else _csv(text)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        words = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "is a broken gzip file"
        raise _unreadable("file", f"The file {words}.") from error


def _plain(file: BinaryIO) -> BufferedReader:
    buffered = file if isinstance(file, BufferedReader) else BufferedReader(_raw(file))
    return BufferedReader(gzip.GzipFile(fileobj=buffered)) if buffered.peek(2)[:2] == GZIP_MAGIC else buffered


def _raw(file: BinaryIO) -> Any:
    return file if hasattr(file, "readinto") else BytesIO(file.read())


def _csv(text: Iterable[str]) -> Iterator[Record]:
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if any(cells):
                yield line, _named(header, cells)
    except csv.Error as error:
        raise _unreadable(f"line {reader.line_num}", f"This is no CSV: {error}.") from error


def _named(header: list[str], cells: list[str]) -> Mapping[str, Any]:
    if len(cells) > len(header):
        return {"": f"it has {len(cells)} values for {len(header)} columns"}
    return {name: cell for name, cell in zip(header, cells, strict=False) if cell}


def _check_header(header: list[str]) -> None:
    if not header:
        raise _unreadable("line 1", "The file is empty.")
    wrong = [unknown_column(name) for name in header]
    wrong += [f"column {name!r} is there twice" for name in {*header} if header.count(name) > 1]
    wrong += [f"the column {name} is missing" for name in REQUIRED if name not in header]
    mistakes = [Mistake(pointer="line 1", detail=words) for words in wrong if words]
    if mistakes:
        said = "; ".join(mistake.detail for mistake in mistakes)
        raise FileUnreadable(f"The first line must name the columns: {said}.", mistakes=mistakes)


def _json_lines(text: Iterable[str]) -> Iterator[Record]:
    for number, line in enumerate(text, 1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> Mapping[str, Any]:
    if len(line) > LINE_BYTES:
        return {"": f"the line is longer than {LINE_BYTES} characters"}
    try:
        value = json.loads(line, parse_float=exact_number, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return {"": f"this is no JSON: {str(error)[:200]}"}
    if not isinstance(value, dict):
        return {"": "write one JSON object per line"}
    said = {name: inner for name, inner in value.items() if name != "data"}
    wrong = [words for words in map(unknown_column, said) if words]
    if not isinstance(value.get("data", {}), dict):
        wrong.append("data is no object")
    return {"": "; ".join(wrong)} if wrong else value


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _unreadable(place: str, words: str) -> FileUnreadable:
    return FileUnreadable(words, mistakes=[Mistake(pointer=place, detail=words)])
