"""Regular expressions that cannot run away: RE2 by way of CEL, with a bound on pattern size times text length."""

import re
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel

from handoffs.rules.problems import Misfit

PATTERN_CHARACTERS = 200
PATTERN_SIZE = 400
WORK_LIMIT = 200_000
"""Pattern size times characters of text that fit into about ten milliseconds, measured on the worst patterns."""
CLASS_SIZE = 40
UNITS_PER_WORK = 50

TOKEN = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\.|\[\^?\]?(?:\[:\w*:\]|\\.|[^\]\\])*\]|\{(\d+)(,?)(\d*)\}|[()]|.", re.DOTALL
)
ENGINE = cel.NewEnv(variables={"text": cel.Type.STRING})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked regular expression (RE2 syntax), found anywhere in a text unless it is anchored."""

    source: str
    size: int
    program: Any = field(repr=False, compare=False)

    def cost(self, text: str) -> int:
        """Units of work that looking for the pattern in `text` may take."""
        return 10 + self.size * len(text) // UNITS_PER_WORK

    def found_in(self, text: str) -> bool | None:
        """Whether the text has a match; None for text too long for this pattern, or that is no valid Unicode."""
        if self.size * len(text) > WORK_LIMIT or not _is_unicode(text):
            return None
        found = self.program.eval(data={"text": text}).plain_value()
        return found if isinstance(found, bool) else None


def compile_pattern(source: str) -> Pattern:
    """The pattern, ready to be used. Raises Misfit for one that is invalid, too long or too expensive."""
    if not source:
        raise Misfit("the pattern is empty: write a regular expression such as ^INV-[0-9]+$")
    if len(source) > PATTERN_CHARACTERS:
        raise Misfit(f"the pattern has {len(source)} characters, {PATTERN_CHARACTERS} are allowed")
    if not _is_unicode(source) or "\0" in source:
        raise Misfit("the pattern holds characters that are no text")
    size = estimate_size(source)
    if size > PATTERN_SIZE:
        raise Misfit("the pattern repeats too much to be checked quickly: use + or * or smaller counts")
    pattern = Pattern(source=source, size=size, program=ENGINE.compile(f"text.matches({quoted(source)})"))
    _try(pattern)
    return pattern


def _try(pattern: Pattern) -> None:
    tried = pattern.program.eval(data={"text": ""})
    if not isinstance(tried.plain_value(), bool):
        reason = str(tried.plain_value()).partition("invalid regular expression: ")[2] or "too large"
        raise Misfit(f"not a valid regular expression: {reason}")


def estimate_size(source: str) -> int:
    """An upper estimate of how large the compiled pattern gets: counted repeats multiply what they repeat."""
    groups, last = [0], 0
    for token in TOKEN.finditer(source):
        text = token.group()
        if text == "(":
            groups.append(0)
            last = 0
        elif text == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
        elif token.group(1) is not None:
            extra = last * (_repeats(token) - 1)
            groups[-1] += extra
            last += extra
        else:
            last = CLASS_SIZE if "\\p" in text.lower() or "[:" in text else 1
            groups[-1] += last
        if groups[-1] > PATTERN_SIZE:
            return groups[-1]
    return max(1, sum(groups))


def _repeats(token: re.Match[str]) -> int:
    return max(1, int((token.group(3) or token.group(1))[:6]))


def quoted(text: str) -> str:
    """The text as a CEL string literal in which nothing has a meaning of its own."""
    return "'" + "".join(f"\\U{ord(character):08x}" for character in text) + "'"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else True
