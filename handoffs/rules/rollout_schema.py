"""The sections of the policy's JSON Schema on rollout, shadow, promotion, and the reviewers' integrity."""

from handoffs.rules.schema_parts import Schema, condition, duration, flag, object_of, percent, role


def rollout() -> Schema:
    """The section that says for which cases the policy is live, and when its stage moves."""
    return object_of(
        {
            "percent": percent("Share of cases for which this policy is live (default 100)"),
            "when": condition("Only for cases like this", null=True),
            "reviewers": {**role("Only this role gets them, as a pilot"), "type": ["string", "null"]},
            "shadow": flag("People decide while the automation's own answer is held back"),
            "requires_replay": flag("Publishing needs a finished replay of the document as it is (default false)"),
            "limits": _limits(),
            "promote": _promotion(),
        }
    )


def _limits() -> Schema:
    return {
        **object_of(
            {
                "min_cases": _least_cases("Nothing is judged before so many were decided (default 20)"),
                "override_percent": percent("People chose another outcome than was suggested"),
                "cut_off_percent": percent("The clock decided"),
                "failed_recovery_percent": percent("Automation could not apply the decision"),
                "mtta": duration("Mean time until somebody accepts", positive=True),
            }
        ),
        "description": "When one of these is passed, the stage steps back by itself",
    }


def _promotion() -> Schema:
    return {
        **object_of(
            {
                "min_cases": _least_cases("So many must have been decided in shadow (default 50)"),
                "agreement_percent": percent("Least agreement, at the lower end of its 95 % interval"),
                "kappa": {
                    "type": "number",
                    "minimum": -1,
                    "maximum": 1,
                    "description": "Least Cohen's kappa, at the lower end of its 95 % interval",
                },
            }
        ),
        "description": "What the shadow must show before it is promoted, named in advance",
    }


def _least_cases(description: str) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": 1_000_000, "description": description}


def integrity() -> Schema:
    """The section on checks of the reviewers."""
    sample = object_of({"percent": percent("Share of the decisions, stable per handoff")}, required=("percent",))
    return {
        **object_of(
            {
                "second_look": {**sample, "description": "Another person decides again without seeing the first"},
                "unopened_documents": flag("Show who decided without opening a document (default false)"),
            }
        ),
        "description": "Checks on the reviewers' own work; none by default",
    }
