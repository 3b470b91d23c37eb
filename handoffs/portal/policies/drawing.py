"""From a section of the document to the controls of its form, each problem at its place."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handoffs.portal.policies import conditions
from handoffs.portal.policies.boxes import Box, Choices, Rows, Section
from handoffs.portal.policies.parts import items_of
from handoffs.portal.policies.posted import at, carried, is_there
from handoffs.portal.policies.row_words import said_of
from handoffs.portal.policies.shapes import NESTED, section_of
from handoffs.portal.policies.words import Item, Words, mapped
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.problems import Problem

ROW_OF = re.compile(r"f-(.+?\.\d+)(?:\.|\Z)")
LAST_PART = re.compile(r"(\.[^.\[\]]*|\[\d+\])\Z")


@dataclass(kw_only=True)
class Control:
    """One box with its value, its options and what is wrong with it."""

    box: Box
    name: str
    value: Any = ""
    options: tuple[tuple[str, str, bool], ...] = ()
    errors: list[str] = field(default_factory=list)
    condition: conditions.ConditionView | None = None
    rows: "RowsView | None" = None

    @property
    def id(self) -> str:
        return f"f-{self.name}"


@dataclass(kw_only=True)
class Row:
    """One row: closed it is a sentence and carries its JSON, open it is controls."""

    name: str
    number: int
    title: str
    sentence: str
    is_open: bool
    carried: str
    controls: list[Control]
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"f-{self.name}"


@dataclass(kw_only=True)
class RowsView:
    """A list of rows; `kept` is what the rows do not show of a value that is no list."""

    shape: Rows
    name: str
    rows: list[Row]
    had: bool
    kept: str
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"f-{self.name}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A problem with the control that it is about; `anchor` is empty where the section has none."""

    problem: Problem
    anchor: str
    section: str
    here: bool

    @property
    def row(self) -> str:
        """The row to open for it, such as `triggers.1`."""
        found = ROW_OF.match(self.anchor)
        return found[1] if found else ""


@dataclass(kw_only=True)
class SectionView:
    """What the template of the editor reads."""

    section: Section
    controls: list[Control]
    rows: list[RowsView]
    was: str
    found: list[Found]
    fields: Choices
    said: tuple[Item, ...] = ()

    @property
    def errors(self) -> list[Found]:
        return [found for found in self.found if found.problem.severity == "error"]

    @property
    def warnings(self) -> list[Found]:
        return [found for found in self.found if found.problem.severity == "warning"]


class Drawer:
    """Draws one section of one document; `choices` are the names that the desk knows, by source."""

    def __init__(
        self, document: Mapping[str, Any], choices: Mapping[str, Collection[str]], open_rows: Collection[str] = ()
    ) -> None:
        data = document.get("data")
        self.document = document
        self.schema = DataSchema.of(data if isinstance(data, Mapping) else None)
        self.words = Words(document)
        self.open_rows = open_rows
        self.targets: dict[str, Any] = {}
        self.fields: Choices = tuple((path, self.words.field(path)) for path in self.schema.paths())
        self.sources: dict[str, Choices] = {
            name: tuple((key, key) for key in sorted(known)) for name, known in choices.items()
        }
        self.sources["fields"] = tuple((path, f"{title} ({path})") for path, title in self.fields)
        self.sources["outcomes"] = tuple(self.words.outcomes.items())

    def section(self, section: Section, part: Mapping[str, Any], problems: Iterable[Problem]) -> SectionView:
        """The form of a section; a row with a problem stands open."""
        problems = list(problems)
        apart = section.apart(dict(part))
        self.wrong = [problem.place for problem in problems]
        controls = [self._control(box, apart, "", "") for box in section.boxes]
        rows = [self._rows(shape, at(apart, shape.name), shape.name, shape.name, apart) for shape in section.rows]
        if section.key == "context":
            self._required(apart)
        was = _without_rows(section, apart)
        found = [self._attach(problem, section) for problem in problems]
        return SectionView(
            section=section,
            controls=controls,
            rows=rows,
            was=carried(was),
            found=found,
            fields=self.fields,
            said=() if section.rows else items_of(self.document, section.key),
        )

    def _rows(self, shape: Rows, value: Any, name: str, place: str, holder: Any) -> RowsView:
        listed = shape.as_list(value)
        items = listed if isinstance(listed, list) else []
        rows = [self._row(shape, number, item, name, place) for number, item in enumerate(items)]
        kept = {key: part for key, part in mapped(value).items() if key != "properties" or not part}
        view = RowsView(
            shape=shape, name=name, rows=rows, had=is_there(holder, shape.name), kept=carried(kept) if kept else ""
        )
        self.targets[place] = view
        return view

    def _row(self, shape: Rows, number: int, item: Any, name: str, place: str) -> Row:
        row_name, row_place = f"{name}.{number}", place + shape.place(number, item)
        nested = shape.name in NESTED
        wrong = any(_is_below(where, row_place) for where in self.wrong)
        is_open = nested or wrong or row_name in self.open_rows or not isinstance(item, Mapping)
        expanded = mapped(shape.expand(item))
        controls = [self._control(box, expanded, row_name, row_place) for box in shape.boxes] if is_open else []
        title, sentence = said_of(shape.name, mapped(item), self.words)
        row = Row(
            name=row_name,
            number=number + 1,
            title=title,
            sentence=sentence,
            is_open=is_open,
            carried=carried(item),
            controls=controls,
        )
        self.targets[row_place] = row
        return row

    def _control(self, box: Box, item: Mapping[str, Any], prefix: str, place: str) -> Control:
        name = f"{prefix}.{box.name or 'variant'}" if prefix else box.name
        here = f"{place}.{box.name}" if place and box.name else place or box.name
        value = at(item, box.name) if box.name else None
        control = Control(box=box, name=name)
        if box.kind == "condition":
            self._condition(control, value, name, here)
        elif box.kind == "rows":
            control.rows = self._rows(NESTED[box.name], value, name, here, item)
        elif box.kind == "title":
            pass
        elif box.kind == "variant":
            chosen = next((key for key, _ in box.choices if key in item), box.choices[0][0])
            control.options = tuple((key, label, key == chosen) for key, label in box.choices)
        else:
            self._fill(control, value)
        if box.name:
            self.targets.setdefault(here, control)
        return control

    def _fill(self, control: Control, value: Any) -> None:
        box = control.box
        if box.kind == "check":
            control.value = bool(box.default if value is None else value)
        elif box.kind == "lines":
            control.value = "\n".join(map(conditions.value_text, value)) if isinstance(value, list) else value or ""
        elif box.kind == "many":
            chosen = value if isinstance(value, list) else []
            known = dict(self._known(box)) | {str(name): str(name) for name in chosen}
            control.options = tuple((key, label, key in chosen) for key, label in known.items())
        else:
            control.value = conditions.value_text(box.default if value is None else value)
            control.options = self._options(box, control.value)

    def _known(self, box: Box) -> Choices:
        return self.sources.get(box.source, ()) if box.source else box.choices

    def _options(self, box: Box, value: str) -> tuple[tuple[str, str, bool], ...]:
        if box.kind != "select":
            return ()
        known = self._known(box)
        unlisted = ((value, value),) if value and value not in dict(known) else ()
        blank = (("", box.blank or "Choose"),) if box.blank or not value else ()
        return tuple((key, label, key == value) for key, label in (*blank, *unlisted, *known))

    def _condition(self, control: Control, value: Any, name: str, place: str) -> None:
        inner = place
        if control.box.name == "second_person" and isinstance(value, Mapping):
            value, inner = value.get("when", {"field": ""}), f"{place}.when"
        control.condition = conditions.draw(control.box, value, name=name, place=inner, schema=self.schema)
        self.targets[inner] = control
        if control.condition.mode == "rows":
            for node in conditions.nodes(control.condition.group):
                if not node.is_group:
                    self.targets[node.place] = node

    def _required(self, part: Mapping[str, Any]) -> None:
        """A problem of a required field is shown at the row of the field."""
        context = mapped(part.get("context"))
        required = mapped(context.get("require")).get("fields")
        for number, path in enumerate(required if isinstance(required, list) else []):
            for position, shown in enumerate(context.get("fields") or []):
                row = self.targets.get(f"context.fields[{position}]")
                if row and mapped(shown).get("field") == path:
                    self.targets[f"context.require.fields[{number}]"] = row

    def _attach(self, problem: Problem, section: Section) -> Found:
        where = section_of(problem.place)
        target = self._target(problem.place) if where == section.key else None
        if target is not None:
            target.errors.append(problem.message)
        anchor = _anchor(target) if target is not None else ""
        return Found(problem=problem, anchor=anchor, section=where, here=where == section.key)

    def _target(self, place: str) -> Any:
        while place:
            if place in self.targets:
                return self.targets[place]
            place = LAST_PART.sub("", place) if LAST_PART.search(place) else ""
        return None


def _anchor(target: Any) -> str:
    return getattr(target, "id", "") or f"f-{target.name}.field"


def _is_below(place: str, above: str) -> bool:
    return place == above or place.startswith((f"{above}.", f"{above}["))


def _without_rows(section: Section, part: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(part)
    for rows in section.rows:
        name, _, rest = rows.name.partition(".")
        if not rest:
            kept.pop(name, None)
        elif isinstance(kept.get(name), Mapping):
            kept[name] = {key: value for key, value in kept[name].items() if key != rest}
    return kept
