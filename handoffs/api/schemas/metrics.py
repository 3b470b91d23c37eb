"""The numbers as the API answers them."""

from handoffs.api.schemas.parts import Schema, answer, integer, listed, moment, nullable, ref, string
from handoffs.queries.metrics.figures import FIGURES, Kind
from handoffs.queries.metrics.scope import BREAKDOWNS

NUMBER: Schema = {"type": "number"}
COUNT = answer({"count": integer(least=0)})
SHARE = answer(
    {
        "count": integer("Over how many handoffs", least=0),
        "hits": integer("How many of them", least=0),
        "ratio": nullable({"type": "number", "minimum": 0, "maximum": 1, "description": "hits ÷ count"}),
    }
)
TIME = answer(
    {
        "count": integer("Over how many handoffs", least=0),
        **{f"{word}_seconds": nullable(NUMBER) for word in ("mean", "p50", "p90", "p95")},
    }
)
_KINDS = {Kind.COUNT: "MetricCount", Kind.SHARE: "MetricShare", Kind.TIME: "MetricTime"}
FIGURE_SET = answer(
    {
        "cases_count": nullable(integer("Cases first attempted in the window", least=0)),
        "handoff_rate": nullable({**NUMBER, "description": "Handoffs opened ÷ cases first attempted"}),
        **{
            key: {"allOf": [ref(_KINDS[figure.kind])], "description": figure.meaning} for key, figure in FIGURES.items()
        },
    }
)
BACKLOG = answer(
    {
        "open_count": integer(least=0),
        "overdue_count": integer(least=0),
        "oldest_seconds": nullable(NUMBER),
        "mean_age_seconds": nullable(NUMBER),
    }
)
COMPONENTS: dict[str, Schema] = {
    "MetricCount": COUNT,
    "MetricShare": SHARE,
    "MetricTime": TIME,
    "Figures": FIGURE_SET,
    "Backlog": BACKLOG,
    "MetricGroup": answer(
        {
            "key": string("What the filter of the same name takes; of a week its Monday"),
            "name": string("What people call it"),
            "figures": ref("Figures"),
            "backlog": nullable(ref("Backlog")),
        }
    ),
    "Metrics": answer(
        {
            "from": moment(),
            "to": moment("Not part of the window"),
            "time_zone": string("The caller's, in which days and weeks begin"),
            "group_by": nullable({"type": "string", "enum": list(BREAKDOWNS)}),
            "figures": ref("Figures"),
            "backlog": ref("Backlog"),
            "groups": listed(ref("MetricGroup")),
        }
    ),
}
