"""The report of a replay: what it counted, its attempts, what a reviewer would have seen, two side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs import access
from handoffs.actions.replays import rests_on
from handoffs.choices import PRIORITY_RANKS, ReplayState
from handoffs.errors import NotThere
from handoffs.models import Replay
from handoffs.portal.doors import page
from handoffs.portal.facts import facts_of, safe_url
from handoffs.portal.replays import progress_of
from handoffs.queries import replay_cases, replay_reports, replay_sources
from handoffs.queries.replay_sources import Input
from handoffs.rules.package import GivenContext, build
from handoffs.rules.policy import Policy
from handoffs.rules.replaying import Judged, lacking

PRIORITY_WORDS = {rank: word.value for word, rank in PRIORITY_RANKS.items()}
LISTS = {
    "": "All attempts",
    "opened": "Handed off",
    "newly": "Newly handed off",
    "no_longer": "No longer handed off",
    "other_role": "To another role",
    "lacking": "Lacks something",
    "disagreed": "People decided otherwise than suggested",
    "let_go": "Let go, though people had decided otherwise",
}
COMPARED_ONLY = ("newly", "no_longer", "other_role")


def replay_of(request: HttpRequest, replay_id: Any) -> Replay:
    """The replay, for whoever manages its workflow; for everybody else it is not there."""
    return access.replay_for(request.user, replay_id)  # type: ignore[arg-type]


def frame(replay: Replay, here: str) -> dict[str, Any]:
    """What every page of a replay shows around its own."""
    now = timezone.now()
    return {"replay": replay, "progress": progress_of(replay, now=now), "here": here, "now": now}


@never_cache
@page
def report(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """What was counted, or how far it has come."""
    replay = replay_of(request, replay_id)
    values = frame(replay, "report") | {"problems": replay.problems[:50], "rests": rests_on(replay)}
    if replay.state == ReplayState.DONE:
        values |= counted(replay)
        done = access.replays_for(request.user).filter(  # type: ignore[arg-type]
            workflow=replay.workflow_id, state=ReplayState.DONE
        )
        values["others"] = done.exclude(pk=replay.pk)[:20]
    return render(request, "replays/report.html", values)


def counted(replay: Replay) -> dict[str, Any]:
    """The summary in the shape of the page."""
    summary = replay.summary or {}
    for route in summary["routes"]:
        route["words"] = ", ".join(
            f"{count:,} {PRIORITY_WORDS.get(int(rank), rank)}" for rank, count in sorted(route["priorities"].items())
        )
    agreement, titles = summary["agreement"], _outcome_titles(replay)
    return {
        "summary": summary,
        "matrix": [[titles.get(one, one), titles.get(two, two), count] for one, two, count in agreement["matrix"]],
        "agreement": agreement,
        "handed_off_percent": _percent(summary["opened"], summary["attempts"]),
        "complete_percent": _percent(summary["complete"], summary["opened"]),
        "agreed_percent": _percent(agreement["same"], agreement["suggested"]),
        "compared": summary["changes"] is not None,
    }


@never_cache
@page
def cases(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """The attempts that fit the filters, a page at a time."""
    replay = replay_of(request, replay_id)
    if replay.state != ReplayState.DONE:
        return redirect("replay_report", replay_id=replay_id)
    chosen = wanted(request)
    shown = replay_reports.listed(replay, **chosen, page=_page_number(request))
    compared = replay.against_document is not None
    summary = replay.summary or {}
    triggers = [(each["key"], each["title"]) for each in summary["triggers"]]
    _say_titles(shown.rows, dict(triggers), _outcome_titles(replay))
    values = frame(replay, "cases") | {
        "list": shown,
        "chosen": chosen,
        "compared": compared,
        "lists": [(key, words) for key, words in LISTS.items() if compared or key not in COMPARED_ONLY],
        "triggers": triggers,
        "roles": [each["role"] for each in summary["routes"]],
        "older": _address(request, shown.number + 1) if shown.has_more else "",
        "newer": _address(request, shown.number - 1) if shown.number > 1 else "",
    }
    return render(request, "replays/cases.html", values)


def _outcome_titles(replay: Replay) -> dict[str, str]:
    return {outcome.key: outcome.title for outcome in replay_cases.policy_of(replay).outcomes}


def _say_titles(rows: Sequence[Any], triggers: Mapping[str, str], outcomes: Mapping[str, str]) -> None:
    """Put what people call triggers and outcomes where the rows hold their keys; nothing is saved."""
    for row in rows:
        row.trigger, row.was_trigger = (triggers.get(key, key) for key in (row.trigger, row.was_trigger))
        row.suggested, row.decided = (outcomes.get(key, key) for key in (row.suggested, row.decided))


def wanted(request: HttpRequest) -> dict[str, str]:
    """The filters of the address; what holds a NUL character is none."""
    given = {name: request.GET.get(name, "")[:200] for name in ("only", "trigger", "role", "search")}
    return {name: "" if "\0" in value else value for name, value in given.items()}


@never_cache
@page
def case(request: HttpRequest, replay_id: Any, position: int) -> HttpResponse:
    """One attempt: why, and the page that a reviewer would have seen. Nothing is opened, nobody is told."""
    replay = replay_of(request, replay_id)
    row = replay_reports.attempt_at(replay, position)
    given = replay_sources.input_at(replay, position)
    if given is None:
        raise NotThere("What this attempt said is no longer there.")
    values = frame(replay, "cases") | {"row": row, "given": given} | _seen(replay, given)
    return render(request, "replays/case.html", values)


def _seen(replay: Replay, given: Input) -> dict[str, Any]:
    policy, judged = replay_cases.policy_of(replay), replay_cases.judged_again(replay, given)
    evaluation = judged.evaluation
    names = given.facts.names(attempts=judged.history.attempts + 1)
    package = _package(policy, given, judged, names)
    fired = [result for result in evaluation.triggers if result.fired]
    suggested = package["suggested_outcome"]
    return {
        "evaluation": evaluation,
        "package": package,
        "fired": fired,
        "quiet": [result for result in evaluation.triggers if not result.fired],
        "facts": facts_of(package, fired={path for result in fired for path in result.fields}, revealed={}),
        "links": [{"label": link["label"], "url": safe_url(link["url"])} for link in package["links"]],
        "outcomes": sorted(policy.outcomes, key=lambda outcome: outcome.key != suggested),
        "lacking": lacking(policy, names, given.document_words) if judged.opened else [],
    }


def _package(policy: Policy, given: Input, judged: Judged, names: dict[str, Any]) -> dict[str, Any]:
    primary = judged.evaluation.primary
    cause = primary.root_cause if primary else ""
    context = GivenContext(
        summary=given.summary,
        root_cause=given.root_cause,
        links=given.links,
        documents=[{"name": name} for name in given.documents],
    )
    cause = cause or given.facts.error_message or given.facts.request_reason or ""
    return build(policy, names, context, root_cause=cause, suggested_outcome=judged.evaluation.suggested_outcome)


@never_cache
@page
def compare(request: HttpRequest) -> HttpResponse:
    """Two finished replays side by side."""
    first, second = (_done(request, name) for name in ("a", "b"))
    values = {
        "first": first,
        "second": second,
        "triggers": _beside(first, second, "triggers", "key", "fired"),
        "routes": _beside(first, second, "routes", "role", "count"),
        "lacking": _beside(first, second, "lacking", "what", "count"),
        "totals": _totals(first, second),
        "now": timezone.now(),
    }
    return render(request, "replays/compare.html", values)


def _done(request: HttpRequest, name: str) -> Replay:
    done = access.replays_for(request.user).filter(state=ReplayState.DONE)  # type: ignore[arg-type]
    found = next((each for each in done[:500] if str(each.pk) == request.GET.get(name)), None)
    if found is None:
        raise NotThere("Choose two finished replays.")
    return found


def _totals(first: Replay, second: Replay) -> list[dict[str, Any]]:
    words = {"attempts": "Attempts", "cases": "Cases", "opened": "Handed off", "complete": "With complete context"}
    both = (first.summary or {}, second.summary or {})
    return [
        {"label": label, "a": both[0][name], "b": both[1][name], "change": both[1][name] - both[0][name]}
        for name, label in words.items()
    ]


def _beside(first: Replay, second: Replay, part: str, key: str, count: str) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for side, replay in (("a", first), ("b", second)):
        for each in (replay.summary or {})[part]:
            row = rows.setdefault(each[key], {"label": each.get("title", each[key]), "a": 0, "b": 0})
            row[side] = each[count]
    for row in rows.values():
        row["change"] = row["b"] - row["a"]
    return list(rows.values())


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "–"


def _page_number(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return max(int(given), 1) if given.isdecimal() and len(given) < 6 else 1


def _address(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"{request.path}?{query.urlencode()}"
