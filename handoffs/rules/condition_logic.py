"""How tests are joined: all, any, not, if, and over the items of a list, in three-valued (Kleene) logic."""

from dataclasses import dataclass

from handoffs.rules.condition_terms import Scope, Term
from handoffs.rules.condition_tests import Test
from handoffs.rules.values import summarise


@dataclass(frozen=True, slots=True)
class Joined:
    """All parts (`decisive` False) or any part (`decisive` True): the first decisive part settles it."""

    decisive: bool
    parts: tuple[Test, ...]

    def holds(self, scope: Scope) -> bool | None:
        outcome: bool | None = not self.decisive
        for part in self.parts:
            held = part.holds(scope)
            if held is self.decisive:
                return held
            if held is None:
                outcome = None
        return outcome

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        telling = [part for part in self.parts if part.holds(scope) is held]
        if held is self.decisive:
            return telling[0].say(scope)
        return " and ".join(part.say(scope) for part in telling)

    def fields(self) -> tuple[str, ...]:
        return tuple(path for part in self.parts for path in part.fields())

    def cost(self) -> int:
        return 1 + sum(part.cost() for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown. What was found is said in the same words."""

    part: Test

    def holds(self, scope: Scope) -> bool | None:
        held = self.part.holds(scope)
        return None if held is None else not held

    def say(self, scope: Scope) -> str:
        return self.part.say(scope)

    def fields(self) -> tuple[str, ...]:
        return self.part.fields()

    def cost(self) -> int:
        return 1 + self.part.cost()


@dataclass(frozen=True, slots=True)
class Choice:
    """One test or the other, depending on a third; unknown if that is."""

    condition: Test
    then: Test
    otherwise: Test

    def holds(self, scope: Scope) -> bool | None:
        held = self.condition.holds(scope)
        return None if held is None else self._branch(taken=held).holds(scope)

    def say(self, scope: Scope) -> str:
        held = self.condition.holds(scope)
        said = self.condition.say(scope)
        return said if held is None else f"{said} and {self._branch(taken=held).say(scope)}"

    def _branch(self, *, taken: bool) -> Test:
        return self.then if taken else self.otherwise

    def fields(self) -> tuple[str, ...]:
        return self.condition.fields() + self.then.fields() + self.otherwise.fields()

    def cost(self) -> int:
        return 1 + self.condition.cost() + self.then.cost() + self.otherwise.cost()


@dataclass(frozen=True, slots=True)
class OverItems:
    """A test on the items of a list: one must hold (`decisive` True), or none may fail (`decisive` False)."""

    decisive: bool
    items: Term
    variable: str
    test: Test
    units: int

    @classmethod
    def of(cls, decisive: bool, items: Term, variable: str, test: Test) -> "OverItems":
        """The test on each of the items, its work per item counted once."""
        return cls(decisive, items, variable, test, units=test.cost())

    def holds(self, scope: Scope) -> bool | None:
        return self._settle(scope)[0]

    def _settle(self, scope: Scope) -> tuple[bool | None, Scope | None]:
        """The truth, and the scope that stands at the item which settled it, if one did."""
        items = self.items.value(scope)
        if not isinstance(items, list | tuple):
            return None, None
        inner, path = scope.inside(self.variable), _path_of(self.items, scope)
        outcome: bool | None = not self.decisive
        for position, item in enumerate(items):
            scope.spend(self.units)
            inner.put(self.variable, item, path, position)
            held = self.test.holds(inner)
            if held is self.decisive:
                scope.keep(inner)
                return held, inner
            if held is None and outcome is not None:
                outcome = None
                scope.keep(inner)
        return outcome, None

    def say(self, scope: Scope) -> str:
        held, inner = self._settle(scope)
        items = self.items.value(scope)
        if not isinstance(items, list | tuple):
            return self.items.why_unknown(scope)
        if inner is not None:
            _, position = inner.places[self.variable]
            return f"{self.items.label}, item {position + 1}: {self.test.say(inner)}"
        return self._say_undecided(held, summarise(items))

    def _say_undecided(self, held: bool | None, count: str) -> str:
        if held is None:
            return f"{self.items.label} has {count}, and not all of them can be judged"
        return f"{self.items.label} has {count}, {'all as asked' if held else 'none as asked'}"

    def fields(self) -> tuple[str, ...]:
        return self.items.fields() + self.test.fields()

    def cost(self) -> int:
        return 10


def _path_of(items: Term, scope: Scope) -> str:
    return items.path(scope) if hasattr(items, "path") else items.label
