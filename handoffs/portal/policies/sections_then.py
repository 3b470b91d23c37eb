"""The sections of the editor on what follows a handoff: outcomes, suggestions, SLA, recovery, supervision."""

from handoffs.choices import EscalationWhen, OnFailure, OutcomeKind, Priority, ReasonRule, ReminderAnchor, ReminderTo
from handoffs.portal.policies import nested
from handoffs.portal.policies.boxes import BUILDER, MAYBE, Box, Rows, Section, choices_of
from handoffs.portal.policies.words import RECOVERY_WORDS

QUESTIONS = Rows(
    name="answers",
    title="Questions that the reviewer answers",
    one="question",
    boxes=(
        Box(name="name", label="Name for automation", hint="such as new_amount", size="short"),
        Box(name="title", label="Question"),
        Box(name="type", label="Answer", kind="select", choices=nested.ANSWER_TYPES, size="short"),
        Box(name="choices", label="Choices, one per line", kind="lines", group="choice"),
        Box(name="required", label="Must be answered", kind="check"),
    ),
    fresh=lambda: {"name": "", "type": "text"},
    as_list=nested.questions_of,
    as_value=nested.answers_of,
    place=lambda number, row: f".properties.{row.get('name')}",
)
OUTCOMES = Section(
    key="outcomes",
    title="Outcomes",
    intro="The decisions on offer, and what automation does after each.",
    names=("outcomes",),
    rows=(
        Rows(
            name="outcomes",
            title="Outcomes",
            one="outcome",
            boxes=(
                Box(name="title", label="Title", hint="what the button says"),
                Box(name="key", label="Key", hint="what automation is told, such as approve_and_pay", size="short"),
                Box(
                    name="kind",
                    label="Kind",
                    kind="select",
                    choices=choices_of(OutcomeKind),
                    blank="Choose",
                    size="short",
                ),
                Box(
                    name="recovery",
                    label="Then",
                    kind="select",
                    blank="Choose",
                    choices=tuple(
                        (key, f"{words[:1].upper()}{words[1:]} ({key})") for key, words in RECOVERY_WORDS.items()
                    ),
                ),
                Box(name="explain", label="Explanation", hint="what happens next, in words for the reviewer"),
                Box(
                    name="reason",
                    label="Reason",
                    kind="select",
                    choices=choices_of(ReasonRule),
                    default="optional",
                    size="short",
                ),
                Box(name="reversible", label="Can be undone", kind="check", default=True),
                Box(name="together", label="May be decided for several cases at once", kind="check"),
                Box(
                    name="second_person",
                    label="A second person confirms",
                    kind="condition",
                    choices=(("none", "Never"), ("always", "Always"), ("rows", "When"), ("text", "When, written out")),
                ),
                Box(name="answers", label="Questions", kind="rows"),
            ),
            fresh=lambda: {"key": "", "title": ""},
        ),
    ),
)
SUGGEST = Section(
    key="suggest",
    title="Suggestions",
    intro="Which outcome to put first when automation does not propose one. The first that matches wins.",
    names=("suggest",),
    rows=(
        Rows(
            name="suggest",
            title="Suggestions",
            one="suggestion",
            boxes=(
                Box(name="outcome", label="Outcome", kind="select", source="outcomes", blank="Choose an outcome"),
                Box(name="when", label="When", kind="condition", choices=MAYBE),
            ),
            fresh=lambda: {"outcome": "", "when": {"field": ""}},
        ),
    ),
)
SLA = Section(
    key="sla",
    title="SLA",
    intro="By when people should act, who is reminded, and what happens when nobody decides. Write 30s, 5m, 8h, 3d.",
    names=("sla",),
    boxes=(
        Box(
            name="sla.calendar",
            label="Calendar",
            kind="select",
            source="calendars",
            default="always",
            hint="the hours in which the clock runs",
        ),
        Box(name="sla.accept_within", label="Accept within", kind="duration", size="short"),
        Box(name="sla.resolve_within", label="Resolve within", kind="duration", size="short"),
        Box(
            name="sla.idle_release",
            label="Give back when idle for",
            kind="duration",
            size="short",
            hint="when the holder does nothing",
        ),
        Box(name="sla.cut_off.after", label="Cut-off after", kind="duration", size="short"),
        Box(
            name="sla.cut_off.outcome",
            label="Cut-off applies",
            kind="select",
            source="outcomes",
            blank="No cut-off",
            hint="without a person",
        ),
    ),
    rows=(
        Rows(
            name="sla.reminders",
            title="Reminders",
            one="reminder",
            boxes=(
                Box(name="by", label="How long", kind="duration", size="short"),
                Box(
                    name="side",
                    label="Side",
                    kind="select",
                    choices=(("before", "Before"), ("after", "After")),
                    size="short",
                ),
                Box(
                    name="anchor",
                    label="Of",
                    kind="select",
                    size="short",
                    choices=tuple(
                        (anchor.value, f"the target to {anchor.label}" if anchor != "cut_off" else "the cut-off")
                        for anchor in ReminderAnchor
                    ),
                ),
                Box(name="to", label="Tell", kind="select", choices=choices_of(ReminderTo), size="short"),
            ),
            fresh=lambda: {"before": "resolve", "by": "1h", "to": "holder"},
            expand=nested.reminder_apart,
            compress=nested.reminder_together,
        ),
        Rows(
            name="sla.escalation",
            title="Escalation chain",
            one="step",
            boxes=(
                Box(name="when", label="If", kind="select", choices=choices_of(EscalationWhen), size="short"),
                Box(name="after", label="After", kind="duration", size="short"),
                Box(name="role", label="Move to", kind="select", source="roles", blank="Choose a role"),
                Box(
                    name="priority",
                    label="Priority",
                    kind="select",
                    choices=choices_of(Priority),
                    blank="As before",
                    size="short",
                ),
                Box(name="tell", label="Tell as well", kind="many", source="roles"),
            ),
            fresh=lambda: {"when": "not_accepted", "after": "", "role": ""},
        ),
    ),
)
RECOVERY = Section(
    key="recovery",
    title="Recovery",
    intro="What is expected of automation once a decision was made.",
    names=("recovery",),
    boxes=(
        Box(
            name="recovery.receipt_within",
            label="Receipt within",
            kind="duration",
            size="short",
            hint="15 m if left empty",
        ),
        Box(
            name="recovery.on_failure",
            label="When automation could not apply it",
            kind="select",
            choices=tuple(
                (word.value, {"reopen": "Open the handoff again", "keep": "Keep it as decided"}[word.value])
                for word in OnFailure
            ),
            default="reopen",
        ),
    ),
)
SUPERVISION = Section(
    key="supervision",
    title="Supervision",
    intro="What people review of what automation did. For the supervised pattern only.",
    names=("supervision",),
    boxes=(
        Box(
            name="supervision.sample.percent",
            label="Share that is reviewed, in percent",
            kind="number",
            size="short",
            hint="100 if left empty",
        ),
        Box(
            name="supervision.always_when",
            label="Always reviewed",
            kind="condition",
            choices=(("none", "Nothing in particular"), *BUILDER),
        ),
    ),
)
