"""Letters to vendors: their words, and the files they are written to."""

import os
import re
from datetime import date
from pathlib import Path

from .entries import Entry
from .ledger import Ledger


def correction_letter(entry: Entry, *, cause: str, reason: str, day: date) -> str:
    """Return the letter that asks a vendor for a corrected invoice."""
    said = [f"    {line}" for line in f"{cause}\n{reason}".splitlines() if line.strip()]
    paragraphs = [
        f"{day.isoformat()}",
        f"To {entry.vendor}",
        f"Your invoice {entry.number} over {entry.amount} {entry.currency}",
        "We cannot pay this invoice as it stands:",
        "\n".join(said) or "    It does not agree with our order.",
        "Please send a corrected invoice that quotes our order number. Nothing has been paid.",
        "Northwind Trading House, accounts payable",
    ]
    return "\n\n".join(paragraphs) + "\n"


def write_missing(ledger: Ledger, directory: Path) -> list[Path]:
    """Write the letters that are in the ledger and not yet on disk; each file appears whole or not at all."""
    with ledger.books() as books:
        letters = books.letters()
    written = []
    for letter in letters:
        path = directory / _file_name(letter["number"], letter["decided_at"])
        if not path.exists():
            _write_whole(path, letter["body"])
            written.append(path)
    return written


def _file_name(number: str, decided_at: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9-]', '_', number)[:80]}-{re.sub(r'[^0-9]', '', decided_at)[:20]}.txt"


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
