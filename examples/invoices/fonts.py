"""Fonts for the documents: each character in the first font that has it, else a visible box in its place.

reportlab ships Vera, which covers western Europe; DejaVu and others are used where the machine has them.
"""

import re
import unicodedata
from functools import cache
from itertools import groupby
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REPLACEMENT = "□"
_FAMILIES = (
    ("Vera.ttf", "VeraBd.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf"),
    ("DroidSansFallbackFull.ttf", "DroidSansFallbackFull.ttf"),
    ("Arial Unicode.ttf", "Arial Unicode.ttf"),
)
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff](?:[\s\u0590-\u08ff]*[\u0590-\u08ff])?")


@cache
def available(*, bold: bool) -> tuple[TTFont, ...]:
    """Register and return the fonts of this machine, the preferred first; Vera is always among them."""
    found = []
    for regular, heavy in _FAMILIES:
        name = heavy if bold else regular
        try:
            font = TTFont(name.removesuffix(".ttf").replace(" ", "") + ("-b" if bold else ""), name)
        except TTFError:
            continue
        pdfmetrics.registerFont(font)
        found.append(font)
    return tuple(found)


def markup(text: str, *, bold: bool = False) -> str:
    """Return text as paragraph markup: escaped, each run in a font that can show it, lines kept."""
    lines = [_line_markup(line, bold=bold) for line in text.splitlines()]
    return "<br/>".join(lines)


def _line_markup(line: str, *, bold: bool) -> str:
    shown = [_shown(character, bold=bold) for character in _in_visual_order(_printable(line))]
    runs = groupby(shown, key=lambda pair: pair[0])
    return "".join(f'<font name="{font}">{escape("".join(c for _, c in run))}</font>' for font, run in runs)


def _printable(line: str) -> str:
    """Drop what has no shape of its own: controls, directional marks, variation selectors; tabs become blanks."""
    line = unicodedata.normalize("NFC", line.replace("\t", " "))
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Mn"))


def _in_visual_order(line: str) -> str:
    """Turn stretches of right-to-left script around; the PDF library draws from left to right only."""
    return _RIGHT_TO_LEFT.sub(lambda stretch: stretch.group()[::-1], line)


def _shown(character: str, *, bold: bool) -> tuple[str, str]:
    for font in available(bold=bold):
        if ord(character) in font.face.charToGlyph:
            return font.fontName, character
    return _shown(REPLACEMENT if character != REPLACEMENT and _has_box(bold=bold) else "?", bold=bold)


def _has_box(*, bold: bool) -> bool:
    return any(ord(REPLACEMENT) in font.face.charToGlyph for font in available(bold=bold))
