"""What changed between two policy documents, in words: `Trigger price_variance: threshold 2 → 3`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from handoffs.portal.policies.parts import Item, Section, sections_of
from handoffs.portal.policies.words import Part, mapped
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.values import show


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: what it is about, and the words before and after; one of them empty where it came or went."""

    about: str
    what: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class SectionChanges:
    """The changes of one section."""

    key: str
    title: str
    changes: tuple[Change, ...]


def differences(before: Part, after: Part) -> tuple[SectionChanges, ...]:
    """Everything that two documents say differently, section by section; empty where they say the same."""
    old = {section.key: section for section in sections_of(before)}
    new = {section.key: section for section in sections_of(after)}
    found = []
    for key in dict.fromkeys([*new, *old]):
        one, other = old.get(key), new.get(key)
        known = other or one
        assert known is not None
        changes = tuple(_section(one, other)) or _unspoken(key, before, after)
        if changes:
            found.append(SectionChanges(key=key, title=known.title, changes=changes))
    return tuple(found)


def _unspoken(key: str, before: Part, after: Part) -> tuple[Change, ...]:
    """What is written differently and reads the same, such as a default that is spelled out."""
    if key == "general" or canonical_dumps(before.get(key)) == canonical_dumps(after.get(key)):
        return ()
    return (Change(about="Written differently", what="it reads the same; see the YAML"),)


def _section(before: Section | None, after: Section | None) -> Iterator[Change]:
    old, new = (section.items if section else () for section in (before, after))
    keyed = (after or before or Section(key="", title="", items=())).keyed
    for one, other in _pairs_by_key(old, new) if keyed else _pairs_by_place(old, new):
        yield from _item(one, other)
    if keyed:
        yield from _order(old, new)


def _pairs_by_key(old: Sequence[Item], new: Sequence[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    before = {_name(item): item for item in old}
    after = {_name(item): item for item in new}
    for name in dict.fromkeys([*after, *before]):
        yield before.get(name), after.get(name)


def _name(item: Item) -> str:
    return item.key or item.called


def _pairs_by_place(old: Sequence[Item], new: Sequence[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    texts = [[canonical_dumps(item.source) for item in items] for items in (old, new)]
    for kind, first, last, start, end in SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if kind != "equal":
            yield from zip_longest(old[first:last], new[start:end])


def _item(before: Item | None, after: Item | None) -> Iterator[Change]:
    if before is None or after is None:
        known = before or after
        assert known is not None
        words = known.sentence
        yield Change(about=known.called, what="removed" if before else "added",
                     before=words if before else "", after=words if after else "")  # fmt: skip
        return
    if not after.details and before.sentence != after.sentence:
        yield Change(about=after.called, before=before.sentence, after=after.sentence)
    for label in dict.fromkeys([*after.details, *before.details]):
        one, other = before.details.get(label, ""), after.details.get(label, "")
        if one != other:
            threshold = _threshold(before.source, after.source) if label in ("fires when", "when") else None
            what, one, other = ("threshold", *threshold) if threshold else (label, one, other)
            yield Change(about=after.called, what=what, before=one or "nothing", after=other or "nothing")


def _threshold(before: Any, after: Any) -> tuple[str, str] | None:
    """Both values, where the conditions differ in nothing else."""
    old, new = mapped(mapped(before).get("when")), mapped(mapped(after).get("when"))
    alike = bool(old) and all(old.get(name) == new.get(name) for name in ("field", "is"))
    values = [side.get("value") for side in (old, new)]
    if not alike or set(old) != set(new) or any(isinstance(value, dict | list) or value is None for value in values):
        return None
    return show(values[0]), show(values[1])


def _order(old: Sequence[Item], new: Sequence[Item]) -> Iterator[Change]:
    kept = {item.key for item in old if item.source is not None} & {item.key for item in new}
    before = [item.key for item in old if item.key in kept]
    after = [item.key for item in new if item.key in kept]
    if before != after:
        yield Change(about="Order", before=", ".join(before), after=", ".join(after))
