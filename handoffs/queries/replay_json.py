"""A replay as the HTTP contract and its file show it: how far it has come, and its report."""

from typing import Any

from handoffs.errors import NotPossibleNow
from handoffs.models import Replay
from handoffs.queries.representation import rfc3339


class ReplayUnfinished(NotPossibleNow):
    """The report is written when the replay is done; details: `state`, `done`, `total`."""

    code = "replay_unfinished"


def replay_json(replay: Replay) -> dict[str, Any]:
    """What is replayed, and how much of it is done."""
    return {
        "id": str(replay.pk),
        "title": replay.title,
        "workflow": replay.workflow.key,
        "version": replay.version_number,
        "document_digest": f"sha256:{replay.document_digest}",
        "against": replay.against_number,
        "fully_rolled_out": replay.fully_rolled_out,
        "source": replay.source,
        "from": rfc3339(replay.from_at),
        "until": rfc3339(replay.until_at),
        "state": replay.state,
        "done": replay.done_count,
        "total": replay.total_count,
        "created_at": rfc3339(replay.created_at),
        "started_at": rfc3339(replay.started_at),
        "finished_at": rfc3339(replay.finished_at),
        "problems_count": replay.problems_count,
        "error": replay.error or None,
    }


def report_json(replay: Replay) -> dict[str, Any]:
    """The same with what was counted, and the lines of a file that were left out. Raises ReplayUnfinished."""
    if replay.is_unfinished:
        told = {"state": replay.state, "done": replay.done_count, "total": replay.total_count}
        raise ReplayUnfinished("The report is there when the replay is done; ask for the replay until then.", **told)
    problems = [{"line": line, "reason": reason} for line, reason in replay.problems]
    return replay_json(replay) | {"problems": problems, "summary": replay.summary}
