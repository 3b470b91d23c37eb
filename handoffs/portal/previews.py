"""What of a document the page can show: pages drawn apart from the web process, within limits of time and memory."""

import json
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.cache import cache
from PIL import Image

from handoffs.errors import Invalid

PDF = "application/pdf"
IMAGES = frozenset({"image/png", "image/jpeg"})
TEXTS = frozenset({"text/plain", "text/csv", "application/json"})
MAX_PAGES = 20
MAX_TEXT_BYTES = 200_000
DRAWING_SECONDS = 15
OUTLINE_KEPT_SECONDS = 24 * 3600


class CannotDraw(Invalid):
    """The file cannot be drawn: damaged, protected, or too large to draw in time."""

    code = "cannot_draw"


@dataclass(frozen=True, kw_only=True)
class Page:
    number: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages that are shown, and how many there are."""

    shown: tuple[Page, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.shown)


def kind_of(content_type: str) -> str:
    """How a document is shown: `pdf`, `image`, `text`, or as a `file` to download."""
    if content_type == PDF:
        return "pdf"
    if content_type in IMAGES:
        return "image"
    return "text" if content_type in TEXTS else "file"


def outline(body: bytes, *, content_type: str, sha256: str) -> Pages:
    """How many pages, and how large they are when drawn. Raises CannotDraw."""
    key = f"outline:{sha256}"
    found: list[Any] | None = cache.get(key)
    if found is None:
        found = _outline_of_pdf(body) if content_type == PDF else [_size_of_image(body)]
        cache.set(key, found, OUTLINE_KEPT_SECONDS)
    pages = (Page(number=n, width=width, height=height) for n, (width, height) in enumerate(found[:MAX_PAGES], 1))
    return Pages(shown=tuple(pages), total=len(found))


def page_png(body: bytes, number: int) -> bytes:
    """A page of a PDF as a PNG. Raises CannotDraw."""
    if not 1 <= number <= MAX_PAGES:
        raise CannotDraw(f"Pages 1 to {MAX_PAGES} are drawn; the original has them all.")
    return _draw(body, str(number))


def text_of(body: bytes) -> str | None:
    """The beginning of a text file; None where it is not UTF-8."""
    try:
        return body[:MAX_TEXT_BYTES].decode("utf-8", errors="strict" if len(body) <= MAX_TEXT_BYTES else "ignore")
    except UnicodeDecodeError:
        return None


def _outline_of_pdf(body: bytes) -> list[Any]:
    sizes: list[Any] = json.loads(_draw(body, "outline"))
    return sizes


def _size_of_image(body: bytes) -> tuple[int, int]:
    try:
        with Image.open(BytesIO(body)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CannotDraw("This image cannot be read.") from error


def _draw(body: bytes, what: str) -> bytes:
    command = [sys.executable, "-I", "-c", _BOOT, what]
    try:
        outcome = subprocess.run(command, input=body, capture_output=True, timeout=DRAWING_SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise CannotDraw("Drawing this file takes too long. Open the original instead.") from error
    except subprocess.CalledProcessError as error:
        raise CannotDraw("This file cannot be drawn. Open the original instead.") from error
    return outcome.stdout


_BOOT = f"import sys; sys.path[:0] = {sys.path!r}; from handoffs.portal.draw import main; main()"
