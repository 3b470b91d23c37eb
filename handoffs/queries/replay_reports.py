"""What a replay found: counted once when it is done, then read as a summary and as lists of attempts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Func, Max, Min, Q, QuerySet

from handoffs.choices import Mode, PolicyStatus, ReplayChange, ReplayState, Verdict
from handoffs.errors import NotThere
from handoffs.models import Attempt, Handoff, PolicyVersion, Replay, ReplayedAttempt
from handoffs.rules.canonical import sha256_of
from handoffs.rules.detection import REQUESTED_KEY, SUPERVISION_KEY
from handoffs.rules.policy import Policy

PAGE_ROWS = 50
MATRIX_CELLS = 100
LACKING_SHOWN = 50
OPENED, WAS_OPENED = ~Q(opens=""), ~Q(was_opens="")
DECIDED = ~Q(decided="")
OVERRIDDEN = DECIDED & ~Q(proposed="") & ~Q(decided=F("proposed"))
"""A person decided otherwise than the automation proposed."""
FIRST_COUNTS: Mapping[str, Q] = {
    "opened": Q(),
    "decided": DECIDED,
    "overridden": OVERRIDDEN,
    "not_needed": Q(person_needed=False),
}
FILTERS: Mapping[str, Q] = {
    "opened": OPENED,
    "newly": Q(change=ReplayChange.NEWLY),
    "no_longer": Q(change=ReplayChange.NO_LONGER),
    "other_role": Q(change=ReplayChange.OTHER_ROLE),
    "lacking": OPENED & ~Q(lacking=[]),
    "disagreed": OPENED & DECIDED & ~Q(suggested="") & ~Q(decided=F("suggested")),
    "let_go": Q(role="") & OVERRIDDEN,
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows of a list, and whether there are more."""

    rows: tuple[ReplayedAttempt, ...]
    number: int
    has_more: bool


def basis_of(version: PolicyVersion) -> Replay | None:
    """The last replay that ran this very document to its end: for a published version, before it was published."""
    done = Replay.objects.filter(version=version, state=ReplayState.DONE, document_digest=sha256_of(version.document))
    if version.status != PolicyStatus.DRAFT and version.published_at:
        done = done.filter(finished_at__lte=version.published_at)
    return done.defer("document", "against_document", "problems").order_by("-finished_at").first()


def listed(
    replay: Replay, *, only: str = "", trigger: str = "", role: str = "", search: str = "", page: int = 1
) -> Page:
    """The attempts that fit, in the order of their time."""
    rows = filtered(replay, only=only, trigger=trigger, role=role, search=search)
    first = (page - 1) * PAGE_ROWS
    found = list(rows[first : first + PAGE_ROWS + 1])
    return Page(rows=tuple(found[:PAGE_ROWS]), number=page, has_more=len(found) > PAGE_ROWS)


def filtered(
    replay: Replay, *, only: str = "", trigger: str = "", role: str = "", search: str = ""
) -> QuerySet[ReplayedAttempt]:
    """The same, all of them."""
    rows = replay.attempts.filter(FILTERS.get(only, Q())).exclude(held_back())
    if trigger:
        rows = rows.filter(Q(fired__contains=[trigger]))
    if role:
        rows = rows.filter(Q(role=role) | Q(was_role=role))
    if search:
        rows = rows.filter(reference__icontains=search)
    return rows.order_by("position")


def attempt_at(replay: Replay, position: int) -> ReplayedAttempt:
    """What became of one attempt. Raises NotThere."""
    row = replay.attempts.filter(position=position).exclude(held_back()).first()
    if row is None:
        raise NotThere("This replay has no such attempt.")
    return row


def held_back() -> Q:
    """What would tell the automation's own answer on a case that somebody is to decide in shadow."""
    open_cases = Handoff.objects.open().filter(mode=Mode.SHADOW).values("case")
    return Q(attempt_id__in=Attempt.objects.filter(case__in=open_cases).values("pk"))


def arrivals(replay: Replay, *, before: bool = False) -> Iterator[tuple[datetime, str, int]]:
    """(moment, role, priority) of every handoff that was opened, in order; `before` under the version compared with."""
    rows = replay.attempts.filter(WAS_OPENED if before else OPENED).order_by("position")
    yield from rows.values_list("at", "was_role" if before else "role", "priority").iterator(chunk_size=5_000)


def summarise(replay: Replay, policy: Policy) -> dict[str, Any]:
    """Everything that the report counts."""
    rows = replay.attempts.all().order_by()
    compared = replay.against_document is not None
    return {
        **_totals(rows),
        "verdicts": _by(rows, "verdict"),
        "changes": _by(rows, "change") if compared else None,
        "triggers": _triggers(rows, policy, _titles_before(replay)),
        "routes": _routes(rows),
        "lacking": _lacking(rows),
        "agreement": _agreement(rows),
    }


def _totals(rows: QuerySet[ReplayedAttempt]) -> dict[str, Any]:
    found = rows.aggregate(
        attempts=Count("id"),
        cases=Count("reference", distinct=True),
        opened=Count("id", filter=OPENED),
        was_opened=Count("id", filter=WAS_OPENED),
        complete=Count("id", filter=OPENED & Q(lacking=[])),
        first_at=Min("at"),
        last_at=Max("at"),
    )
    return found | {name: found[name].isoformat() if found[name] else None for name in ("first_at", "last_at")}


def _by(rows: QuerySet[ReplayedAttempt], name: str) -> dict[str, int]:
    return dict(rows.values_list(name).annotate(count=Count("id")))


def _titles_before(replay: Replay) -> dict[str, str]:
    document = replay.against_document or {}
    return {each["key"]: each.get("title", each["key"]) for each in document.get("triggers", ())}


def _triggers(rows: QuerySet[ReplayedAttempt], policy: Policy, others: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each trigger of the policy in its order, then what fires beside, then those that only the other version has."""
    fired, was, unknown = (_unnested(rows, name) for name in ("fired", "was_fired", "unknown"))
    first = {row["trigger"]: row for row in _first_triggers(rows)}
    titles = {**others, REQUESTED_KEY: "The automation asked for a person", SUPERVISION_KEY: "Review of what was done"}
    titles |= {trigger.key: trigger.title for trigger in policy.triggers}
    order = [trigger.key for trigger in policy.triggers]
    order += [key for key in titles if key not in order and (fired.get(key) or was.get(key))]
    return [
        {
            "key": key,
            "title": titles[key],
            "fired": fired.get(key, 0),
            "was_fired": was.get(key, 0),
            "unknown": unknown.get(key, 0),
            **{name: first.get(key, {}).get(f"{name}_count", 0) for name in FIRST_COUNTS},
        }
        for key in order
    ]


def _unnested(rows: QuerySet[ReplayedAttempt], name: str) -> dict[str, int]:
    keys = rows.annotate(key=Func(F(name), function="unnest", output_field=CharField()))
    return dict(keys.values_list("key").annotate(count=Count("id")))


def _first_triggers(rows: QuerySet[ReplayedAttempt]) -> Iterator[Mapping[str, Any]]:
    counts = {f"{name}_count": Count("id", filter=which) for name, which in FIRST_COUNTS.items()}
    yield from rows.filter(OPENED).values("trigger").annotate(**counts)


def _routes(rows: QuerySet[ReplayedAttempt]) -> list[dict[str, Any]]:
    now = rows.filter(OPENED).values_list("role", "priority").annotate(count=Count("id"))
    was = dict(rows.filter(WAS_OPENED).values_list("was_role").annotate(count=Count("id")))
    roles: dict[str, dict[str, Any]] = {}
    for role, priority, count in now:
        found = roles.setdefault(role, {"role": role, "count": 0, "priorities": {}, "was": was.get(role, 0)})
        found["count"] += count
        found["priorities"][str(priority)] = count
    for role in set(was) - set(roles):
        roles[role] = {"role": role, "count": 0, "priorities": {}, "was": was[role]}
    return sorted(roles.values(), key=lambda each: (-each["count"], each["role"]))


def _lacking(rows: QuerySet[ReplayedAttempt]) -> list[dict[str, Any]]:
    counts = _unnested(rows.filter(OPENED), "lacking")
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"what": what, "count": count} for what, count in ranked[:LACKING_SHOWN]]


def _agreement(rows: QuerySet[ReplayedAttempt]) -> dict[str, Any]:
    """What the version suggests against what people decided; and what people had changed of what it lets go on.

    Of several attempts on one handoff, the one that opens it counts.
    """
    judged = rows.filter(OPENED & DECIDED)
    cells = judged.values_list("suggested", "decided").annotate(count=Count("id"))
    matrix = sorted(([suggested, decided, count] for suggested, decided, count in cells), key=lambda cell: -cell[2])
    let_go = rows.filter(Q(role="") & DECIDED & ~Q(verdict=Verdict.RETRY))
    return {
        "decided": judged.count(),
        "same": judged.filter(suggested=F("decided")).count(),
        "suggested": judged.exclude(suggested="").count(),
        "matrix": matrix[:MATRIX_CELLS],
        "let_go": let_go.count(),
        "let_go_overridden": let_go.filter(OVERRIDDEN).count(),
        "let_go_not_needed": let_go.filter(person_needed=False).count(),
    }
