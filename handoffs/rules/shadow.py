"""What is held back from a person who decides in shadow: everything that tells the automation's own answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.rules.policy import Policy

HELD_BACK = "held back until you have decided"


@dataclass(frozen=True, kw_only=True)
class Veil:
    """The words that would tell a proposal: its key and its title."""

    words: tuple[str, ...]

    def hides(self, said: Any) -> bool:
        """Whether a text of the automation names the proposal."""
        text = _plain(str(said or ""))
        return any(f" {_plain(word)} " in f" {text} " for word in self.words)

    def spoken(self, said: str, instead: str = HELD_BACK) -> str:
        """The text, or what stands in its place."""
        return instead if self.hides(said) else said


def veil_for(policy: Policy, proposal: str) -> Veil:
    """What must not be said while `proposal` (the key of an outcome, or empty) is held back."""
    outcome = policy.outcome(proposal)
    words = (proposal, outcome.title if outcome else "")
    return Veil(words=tuple(dict.fromkeys(word for word in words if word)))


def veiled(package: Mapping[str, Any], veil: Veil, *, summary: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The package without the proposal, and what was taken out of it; `summary` is the policy's own sentence.

    A field is taken out where its value is the proposal itself; a text, a link or a document where it names it.
    """
    held = {
        "summary": package["summary"] if veil.hides(package["summary"]) else "",
        "root_cause": package["root_cause"] if veil.hides(package["root_cause"]) else "",
        "fields": [fact for fact in package["fields"] if _is_proposal(fact["value"], veil)],
        "links": [link for link in package["links"] if _names(link, ("label", "url"), veil)],
        "documents": [document for document in package["documents"] if _names(document, ("name", "title"), veil)],
    }
    shown = {
        **package,
        "suggested_outcome": None,
        "summary": veil.spoken(package["summary"], veil.spoken(summary)),
        "root_cause": veil.spoken(package["root_cause"], ""),
        "fields": [fact for fact in package["fields"] if fact not in held["fields"]],
        "links": [link for link in package["links"] if link not in held["links"]],
        "documents": [document for document in package["documents"] if document not in held["documents"]],
    }
    return shown, {name: said for name, said in held.items() if said}


def _is_proposal(value: Any, veil: Veil) -> bool:
    return isinstance(value, str) and _plain(value) in {_plain(word) for word in veil.words}


def _names(thing: Mapping[str, Any], keys: tuple[str, ...], veil: Veil) -> bool:
    return any(veil.hides(thing.get(key)) for key in keys)


def _plain(text: str) -> str:
    """Words alone, so that `approve-and-pay.pdf` and "Approve and pay" read the same."""
    return " ".join(re.sub(r"[\W_]+", " ", text).casefold().split())
