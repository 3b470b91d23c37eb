"""Draws a PDF in a process of its own: reads it from stdin, writes the outline or one page to stdout, and is gone."""

import json
import resource
import sys
from io import BytesIO
from typing import Any

import pypdfium2

CPU_SECONDS = 10
MEMORY_BYTES = 1_500_000_000
WIDTH_PIXELS = 1240
MAX_PIXELS = 6_000_000
MAX_OUTLINE_PAGES = 2_000


def main() -> None:
    """`outline` writes the sizes of all pages as JSON, a number writes that page as PNG."""
    _limit()
    document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    what = sys.argv[1]
    drawn = json.dumps(sizes(document)).encode() if what == "outline" else png(document, int(what) - 1)
    sys.stdout.buffer.write(drawn)


def sizes(document: Any) -> list[tuple[int, int]]:
    """(width, height) in pixels of each page as it will be drawn."""
    return [_pixels(*document.get_page_size(index)) for index in range(min(len(document), MAX_OUTLINE_PAGES))]


def png(document: Any, index: int) -> bytes:
    """One page."""
    page = document[index]
    width, _ = _pixels(*page.get_size())
    image = page.render(scale=width / page.get_width()).to_pil()
    kept = BytesIO()
    image.convert("RGB").quantize(128).save(kept, "PNG", optimize=False)
    return kept.getvalue()


def _pixels(width: float, height: float) -> tuple[int, int]:
    """WIDTH_PIXELS wide, unless that would be more than MAX_PIXELS."""
    ratio = max(height, 1) / max(width, 1)
    wide = min(WIDTH_PIXELS, int((MAX_PIXELS / ratio) ** 0.5))
    return max(wide, 1), max(round(wide * ratio), 1)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
