"""Markup that Python draws: what is filled in is escaped, as a template would, in a fraction of its time."""

from html import escape

from django.utils.safestring import SafeString


def drawn(pattern: str, *values: object, **named: object) -> SafeString:
    """`pattern` with its fields filled; a value that is no markup already is escaped.

    The same as Django's `format_html`, which asks of every value whether it is a promise.
    """
    filled = pattern.format(*map(_safe, values), **{name: _safe(value) for name, value in named.items()})
    return SafeString(filled)


def _safe(value: object) -> str:
    return value if isinstance(value, SafeString) else escape(str(value))
