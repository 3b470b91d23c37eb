"""CSV tables: encoding, delimiter, header names and their synonyms; every complaint names the file and the line."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from .money import NotANumber, parse_decimal

T = TypeVar("T")

MAX_COMPLAINTS = 20
MAX_TEXT_CHARACTERS = 4000


class BadFile(Exception):
    """A file cannot be used; the message lists what is wrong, one complaint a line."""


@dataclass
class Complaints:
    """Everything wrong with one file, collected so that one run shows all of it."""

    name: str
    lines: list[str] = field(default_factory=list)

    def add(self, row: int, what: str) -> None:
        complaint = f"{self.name} line {row}: {what}"
        if complaint not in self.lines[-4:]:
            self.lines.append(complaint)

    def raise_any(self) -> None:
        """Raise BadFile if there was any complaint."""
        if self.lines:
            more = [f"… and {len(self.lines) - MAX_COMPLAINTS} more"] if len(self.lines) > MAX_COMPLAINTS else []
            raise BadFile("\n".join(self.lines[:MAX_COMPLAINTS] + more))


@dataclass(frozen=True)
class Cells:
    """One row under canonical names. A getter that finds nothing usable complains and returns a harmless value."""

    row: int
    values: Mapping[str, str]
    complaints: Complaints

    def text(self, name: str) -> str:
        value = self.values.get(name, "").strip()
        if "\x00" in value:
            self.complaints.add(self.row, f"{name} contains a NUL character")
        if len(value) > MAX_TEXT_CHARACTERS:
            self.complaints.add(self.row, f"{name} is longer than {MAX_TEXT_CHARACTERS} characters")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            self.complaints.add(self.row, f"{name} is empty")
        return value

    def number(self, name: str, *, least: Decimal, exclusive: bool = False) -> Decimal:
        found = self._parsed(name, parse_decimal)
        if found is not None and (found < least or (exclusive and found == least)):
            bound = "above" if exclusive else "at least"
            self.complaints.add(self.row, f"{name} is {found}, and must be {bound} {least}")
        return Decimal(1) if found is None else found

    def optional_number(self, name: str) -> Decimal | None:
        return self._parsed(name, parse_decimal) if self.text(name) else None

    def day(self, name: str) -> date | None:
        return self._parsed(name, date.fromisoformat) if self.text(name) else None

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        value = self.required(name)
        try:
            return parse(value) if value else None
        except NotANumber as complaint:
            self.complaints.add(self.row, f"{name}: {complaint}")
        except ValueError:
            self.complaints.add(self.row, f"{name}: “{value[:40]}” is not a date such as 2026-11-20")
        return None


def read_rows(
    path: Path, *, synonyms: Mapping[str, tuple[str, ...]], required: tuple[str, ...], mapping: Mapping[str, str]
) -> tuple[list[Cells], Complaints]:
    """Read a CSV file with a header. Raises BadFile when the file as a whole is of no use.

    A column is found by `mapping` (canonical name → header), by its canonical name, or by a synonym; case, blanks and
    punctuation of headers do not matter.
    """
    complaints = Complaints(path.name)
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), delimiter=_delimiter(path))
    lines = _numbered(reader, complaints)
    header = next(lines, (1, []))[1]
    columns = _columns(header, synonyms, mapping, path)
    missing = [name for name in required if name not in columns]
    if missing:
        raise BadFile(_missing_text(path, missing, header))
    return [_cells(row, values, header, columns, complaints) for row, values in lines if any(values)], complaints


def _decoded(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise BadFile(f"{path.name} line {row}: not UTF-8 (byte {error.object[error.start]:#04x})") from error


def _delimiter(path: Path) -> str:
    with path.open("rb") as file:
        header = file.readline()
    return max((b",", b";", b"\t"), key=header.count).decode()


def _numbered(reader: Any, complaints: Complaints) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line on which it starts."""
    start = 1
    try:
        for values in reader:
            yield start, values
            start = reader.line_num + 1
    except csv.Error as error:
        complaints.add(start, str(error))


def _columns(
    header: list[str], synonyms: Mapping[str, tuple[str, ...]], mapping: Mapping[str, str], path: Path
) -> dict[str, int]:
    places = {_bare(title): place for place, title in reversed(list(enumerate(header)))}
    columns = {}
    for name, others in synonyms.items():
        titles = [mapping[name]] if name in mapping else [name, *others]
        found = [places[_bare(title)] for title in titles if _bare(title) in places]
        if name in mapping and not found:
            raise BadFile(f"{path.name}: --map {name}={mapping[name]}: there is no column “{mapping[name]}”")
        if found:
            columns[name] = found[0]
    return columns


def _bare(title: str) -> str:
    return re.sub(r"[\W_]+", "", title).casefold()


def _missing_text(path: Path, missing: list[str], header: list[str]) -> str:
    seen = ", ".join(header) or "nothing"
    hints = " ".join(f"--map {name}=COLUMN" for name in missing)
    return f"{path.name} line 1: no column for {', '.join(missing)}. The header has: {seen}. Name it with {hints}"


def _cells(row: int, values: list[str], header: list[str], columns: Mapping[str, int], complaints: Complaints) -> Cells:
    if len(values) != len(header):
        complaints.add(row, f"has {len(values)} cells, the header has {len(header)}")
    return Cells(row, {name: values[at] for name, at in columns.items() if at < len(values)}, complaints)
