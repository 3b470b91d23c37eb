"""Regular expressions that cannot run away: RE2 by way of CEL, with a bound on pattern size times text length."""

import re
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel

from handoffs.rules.problems import Misfit

PATTERN_CHARACTERS = 200
BUILD_LIMIT = 4000
"""What building the automaton may take, half a microsecond each; the engine builds it anew for every text."""
WILD_LIMIT = 8
"""With so few places that can match many things the automaton stays small, and a search is linear in the text."""
WORK_LIMIT = 50_000
"""Pattern size times characters, where it may not stay small; 70 ns each were measured on the worst patterns."""
TEXT_CHARACTERS = 100_000
BUILD_WILD, BUILD_FOLDED, BUILD_UNICODE = 8, 40, 3800
"""Measured: a class of characters, one that ignores case, one of Unicode's own such as \\pL."""

TOKEN = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\.|\[\^?\]?(?:\[:\^?\w*:\]|\\.|[^\]\\])*\]|\{(\d+),?(\d*)\}|.", re.DOTALL)
FOLDING = re.compile(r"\(\?[a-zA-Z]*i")
WILD_ESCAPES = "wWdDsSpPC"
SURROGATE = re.compile("[\ud800-\udfff]")
ENGINE = cel.NewEnv(variables={"text": cel.Type.STRING})


@dataclass(frozen=True, slots=True)
class Weight:
    """How large a piece of a pattern gets when compiled, how many places in it are wild, and its alternatives."""

    size: int = 0
    wild: int = 0
    bars: int = 0
    build: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        build = self.build + other.build
        return Weight(self.size + other.size, self.wild + other.wild, self.bars + other.bars, build)

    def repeated(self, times: int) -> "Weight":
        """The piece `times` over; alternatives that repeat are wild."""
        return Weight(self.size * times, (self.wild + self.bars + 1) * times, 0, self.build * times)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked regular expression (RE2 syntax), found anywhere in a text unless it is anchored."""

    source: str
    weight: Weight
    program: Any = field(repr=False, compare=False)

    def cost(self, text: str) -> int:
        """Units of work that looking for the pattern in `text` may take."""
        search = len(text) // 200 if self.is_tame else self.weight.size * len(text) // 28
        return 10 + self.weight.build // 4 + search

    @property
    def is_tame(self) -> bool:
        """Whether any text costs little, however long it is."""
        return self.weight.wild <= WILD_LIMIT

    def allows(self, text: str) -> bool:
        """Whether the text is short enough, and valid Unicode."""
        fits = self.is_tame or self.weight.size * len(text) <= WORK_LIMIT
        return fits and len(text) <= TEXT_CHARACTERS and _is_unicode(text)

    def found_in(self, text: str) -> bool | None:
        """Whether the text has a match; None if the engine cannot say. Ask `allows` first."""
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
    weight = weigh(source)
    if weight.build > BUILD_LIMIT:
        raise Misfit("the pattern is too large to be checked quickly: use + or *, smaller counts, plain ranges")
    pattern = Pattern(source=source, weight=weight, program=ENGINE.compile(f"text.matches({quoted(source)})"))
    _try(pattern)
    return pattern


def _try(pattern: Pattern) -> None:
    tried = pattern.program.eval(data={"text": ""})
    if not isinstance(tried.plain_value(), bool):
        reason = str(tried.plain_value()).partition("invalid regular expression: ")[2] or "too large"
        raise Misfit(f"not a valid regular expression: {reason}")


def weigh(source: str) -> Weight:
    """An upper estimate of the compiled pattern: counted repeats multiply what they repeat."""
    groups, last, folded = [Weight()], Weight(), bool(FOLDING.search(source))
    for token in TOKEN.finditer(source):
        text = token.group()
        if text == "(":
            groups.append(Weight())
            last = Weight()
            continue
        if text == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
            continue
        times = _repeats(token)
        if times:
            groups[-1] += last.repeated(times)
            last = last.repeated(times)
        else:
            last = _single(text, folded=folded)
            groups[-1] += last
        if groups[-1].build > BUILD_LIMIT:
            break
    return sum(groups, Weight(size=1, build=1))


def _repeats(token: re.Match[str]) -> int:
    if token.group(1) is None:
        return 1 if token.group() in "*+?" else 0
    return max(1, int((token.group(2) or token.group(1))[:6]))


def _single(text: str, *, folded: bool) -> Weight:
    if text == "|":
        return Weight(bars=1)
    wild = text == "." or text[0] == "[" or (text[0] == "\\" and text[1:2] in WILD_ESCAPES)
    return Weight(size=1, wild=int(wild), build=_build(text, folded=folded) if wild else 2 if folded else 1)


def _build(text: str, *, folded: bool) -> int:
    if "\\p" in text.lower():
        return BUILD_UNICODE * text.lower().count("\\p")
    return (BUILD_FOLDED if folded else BUILD_WILD) + 3 * len(text)


def quoted(text: str) -> str:
    """The text as a CEL string literal in which nothing has a meaning of its own."""
    return "'" + "".join(f"\\U{ord(character):08x}" for character in text) + "'"


def _is_unicode(text: str) -> bool:
    return text.isascii() or not SURROGATE.search(text)
