"""The sections of the editor on when a case is handed off and to whom: general, data, context, triggers, routes."""

from handoffs.choices import FieldType, Pattern
from handoffs.portal.policies import nested
from handoffs.portal.policies.boxes import BUILDER, MAYBE, PRIORITY, Box, Rows, Section, choices_of
from handoffs.portal.policies.words import PATTERN_WORDS

GENERAL = Section(
    key="general",
    title="General",
    intro="What the workflow is called, and how automation and people share the work.",
    names=("title", "pattern"),
    boxes=(
        Box(name="title", label="Title"),
        Box(
            name="pattern",
            label="Pattern",
            kind="select",
            choices=tuple((pattern.value, PATTERN_WORDS[pattern.value]) for pattern in Pattern),
            default="alert_and_wait",
        ),
    ),
)
DATA = Section(
    key="data",
    title="Data",
    intro="What automation reports with each case. Conditions and shown fields are checked against it.",
    names=("data",),
    rows=(
        Rows(
            name="data",
            title="Fields",
            one="field",
            boxes=(
                Box(name="name", label="Name", hint="as automation sends it, such as amount", size="short"),
                Box(name="title", label="Title", hint="what people call it"),
                Box(name="type", label="Holds", kind="select", choices=nested.DATA_TYPES, size="short"),
                Box(name="choices", label="Values, one per line", kind="lines", group="choice"),
                Box(name="empty", label="May be empty", kind="check"),
            ),
            fresh=lambda: {"name": "", "type": "text"},
            as_list=nested.fields_of,
            as_value=nested.data_of,
            place=lambda number, row: f".properties.{row.get('name')}",
        ),
    ),
)
CONTEXT = Section(
    key="context",
    title="Context",
    intro="What the reviewer is shown, in this order, and nothing else.",
    names=("context",),
    apart=nested.context_apart,
    together=nested.context_together,
    boxes=(
        Box(
            name="context.summary",
            label="Summary",
            kind="area",
            hint="One sentence with {reference}, {data.vendor}, or {data.po_number|none} where it may be missing",
        ),
        Box(
            name="context.require.documents",
            label="Documents that must come, one per line",
            kind="lines",
            hint="A word of the document's title or file name, such as invoice",
        ),
    ),
    rows=(
        Rows(
            name="context.fields",
            title="Fields",
            one="field",
            boxes=(
                Box(name="field", label="Field", kind="select", source="fields"),
                Box(
                    name="as",
                    label="Show as",
                    kind="select",
                    choices=choices_of(FieldType),
                    blank="As its type says",
                    size="short",
                ),
                Box(name="label", label="Label", hint="instead of the field's title"),
                Box(
                    name="currency",
                    label="Currency",
                    hint="for money: data.currency, or a code such as USD",
                    size="short",
                ),
                Box(name="sensitive", label="Sensitive: masked until the reviewer opens it", kind="check"),
                Box(name="required", label="Required: without it automation is told to add it", kind="check"),
            ),
            fresh=lambda: {"field": ""},
        ),
    ),
)
TRIGGERS = Section(
    key="triggers",
    title="Triggers",
    intro="Why a case is handed to a person. All are looked at; the first that fires is the main reason.",
    names=("triggers",),
    rows=(
        Rows(
            name="triggers",
            title="Triggers",
            one="trigger",
            boxes=(
                Box(name="title", label="Title", hint="what people read"),
                Box(name="key", label="Key", hint="for metrics, such as price_variance", size="short"),
                Box(
                    name="",
                    label="Fires on",
                    kind="variant",
                    choices=(
                        ("when", "A condition"),
                        ("failures", "Repeated failure"),
                        ("sample", "A sample of all cases"),
                    ),
                ),
                Box(name="when", label="Condition", kind="condition", group="when", choices=BUILDER),
                Box(
                    name="unknown",
                    label="When it cannot be known",
                    kind="select",
                    group="when",
                    choices=(("hand_off", "Hand off, to be safe"), ("ignore", "Do not fire")),
                    default="hand_off",
                ),
                Box(name="failures.count", label="Failures", kind="number", group="failures", size="short"),
                Box(name="failures.within", label="Within", kind="duration", group="failures", size="short"),
                Box(
                    name="failures.errors",
                    label="Error types, one per line",
                    kind="lines",
                    group="failures",
                    hint="without any, all count",
                ),
                Box(
                    name="failures.retry_after",
                    label="Wait after each failure, one per line",
                    kind="lines",
                    group="failures",
                    hint="such as 30s, then 5m; the last repeats",
                ),
                Box(
                    name="failures.across_cases",
                    label="Count over all cases, to notice an outage",
                    kind="check",
                    group="failures",
                ),
                Box(name="sample.percent", label="Percent", kind="number", group="sample", size="short"),
                Box(name="root_cause", label="Root cause", hint="shown to the reviewer"),
            ),
            fresh=lambda: {"key": "", "when": {"field": ""}},
        ),
    ),
)
ROUTES = Section(
    key="routes",
    title="Routes",
    intro="To which role a case goes. The first route that matches wins; the last one takes every other case.",
    names=("routes",),
    rows=(
        Rows(
            name="routes",
            title="Routes",
            one="route",
            boxes=(
                Box(name="role", label="Role", kind="select", source="roles", blank="Choose a role"),
                PRIORITY,
                Box(name="when", label="When", kind="condition", choices=MAYBE),
            ),
            fresh=lambda: {"role": "", "when": {"field": ""}},
        ),
    ),
)
