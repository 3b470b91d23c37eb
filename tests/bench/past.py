"""Two years of handoffs with their cases and facts, written by the database itself: a million takes about a minute."""

from typing import Any

from django.db import connection, models

from handoffs.models import Case, Handoff, HandoffFact

LIVES = """
CREATE TEMPORARY TABLE lives AS
SELECT n, id, case_id, workflow_id, role_id, opened_at, accepted_at, resolved_at, resolved_at IS NULL AS waits,
    random() AS luck
FROM (
    SELECT n, ids.*, opened_at,
        (SELECT array_agg(id ORDER BY key) FROM handoffs_workflow)[1 + n %% %(workflows)s] AS workflow_id,
        (SELECT array_agg(id ORDER BY id) FROM auth_group)[1 + (random() * (%(roles)s - 1))::int] AS role_id,
        CASE WHEN n < %(count)s * 0.985
            THEN opened_at + least(-ln(random() + 1e-9), 9) * interval '40 minutes' END AS accepted_at,
        CASE WHEN n < %(count)s * 0.98
            THEN opened_at + least(-ln(random() + 1e-9), 9) * interval '5 hours' + interval '40 minutes'
            END AS resolved_at
    FROM generate_series(1, %(count)s) AS n,
        LATERAL (SELECT now() - (%(count)s - n) * (interval '730 days' / %(count)s) AS opened_at) AS at,
        LATERAL (
            SELECT (moment || substr(md5('h' || n), 13))::uuid AS id,
                (moment || substr(md5('c' || n), 13))::uuid AS case_id
            FROM (SELECT lpad(to_hex((extract(epoch FROM opened_at) * 1000)::bigint), 12, '0') AS moment) AS prefix
        ) AS ids
) AS made
"""
CASES = {
    "id": "lives.case_id",
    "workflow_id": "lives.workflow_id",
    "reference": "'CASE-' || n",
    "first_attempted_at": "lives.opened_at",
}
HANDOFFS = {
    "id": "lives.id",
    "number": "1000000 + n",
    "workflow_id": "lives.workflow_id",
    "case_id": "lives.case_id",
    "role_id": "lives.role_id",
    "opened_at": "lives.opened_at",
    "accepted_at": "lives.accepted_at",
    "resolved_at": "lives.resolved_at",
    "updated_at": "coalesce(lives.resolved_at, lives.opened_at)",
    "state": "CASE WHEN waits THEN 'pending' ELSE 'resolved' END",
    "holder_id": "NULL::int",
    "due_at": "CASE WHEN waits THEN now() + (n %% 72) * interval '1 hour' END",
}
FACTS = {
    "handoff_id": "lives.id",
    "workflow_id": "lives.workflow_id",
    "role_id": "lives.role_id",
    "opened_at": "lives.opened_at",
    "accepted_at": "lives.accepted_at",
    "taken_at": "lives.accepted_at",
    "resolved_at": "lives.resolved_at",
    "accept_us": "handoffs_us(lives.accepted_at - lives.opened_at)",
    "resolve_us": "handoffs_us(lives.resolved_at - lives.opened_at)",
    "active_us": "handoffs_us(lives.resolved_at - lives.opened_at)",
    "deliver_us": "CASE WHEN NOT waits THEN (luck * 9e6)::bigint END",
    "apply_us": "CASE WHEN NOT waits THEN (luck * 9e7)::bigint END",
    "is_open": "waits",
    "due_at": "CASE WHEN waits THEN lives.opened_at + interval '9 hours' END",
    "accepted_in_time": "n %% 11 > 0",
    "resolved_in_time": "n %% 7 > 0",
    "was_returned": "luck < 0.06",
    "was_reopened": "luck < 0.02",
    "has_failed": "luck > 0.99",
    "not_needed": "n %% 13 = 0",
    "by_clock": "n %% 31 = 0",
    "is_carried": "NOT waits",
    "context_sufficed": "CASE WHEN luck < 0.5 THEN luck < 0.45 END",
    "policy_number": "1 + n * 9 / %(count)s",
    "priority": "10 * (1 + (n / 4) %% 4)",
    "receipt_due_at": "NULL::timestamptz",
    "decided_by_id": "CASE WHEN NOT waits AND n %% 31 > 0 THEN"
    " (SELECT (array_agg(id ORDER BY id))[1 + (lives.n / 4) %% count(*)] FROM accounts_user) END",
    "trigger": "'trigger_' || n %% 8",
    "outcome": "CASE WHEN waits THEN '' ELSE 'outcome_' || n %% 5 END",
}


def fill(count: int, *, workflows: int, roles: int) -> None:
    """Write `count` handoffs like the newest one over the last two years, 2 % of them open; none has a trail."""
    numbers = {"count": count, "workflows": workflows, "roles": roles}
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        cursor.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        cursor.execute(LIVES, numbers)
        for model, filled in ((Case, CASES), (Handoff, HANDOFFS), (HandoffFact, FACTS)):
            cursor.execute(_insert(model, filled), numbers)
        cursor.execute("RESET session_replication_role")
        cursor.execute("DROP TABLE lives")
    analyze(Case, Handoff, HandoffFact)


def analyze(*models_: type[models.Model]) -> None:
    """Have the database know what is in these tables, as autovacuum would."""
    with connection.cursor() as cursor:
        for model in models_:
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")


def _insert(model: type[models.Model], filled: dict[str, str]) -> str:
    """Rows of `lives`; what they do not say stands as in the newest row."""
    table = model._meta.db_table
    columns = [str(one.column) for one in _stored(model)]
    values = [filled.get(column, f"newest.{column}") for column in columns]
    newest = f"(SELECT * FROM {table} LIMIT 1) AS newest"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM lives, {newest}"


def _stored(model: type[models.Model]) -> list[Any]:
    return [one for one in model._meta.concrete_fields if not isinstance(one, models.GeneratedField)]
