"""Facts written for as many rows as a statement has, only where something they tell has changed; and when one is late."""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("handoffs.migrations.0010_keep_facts_of_handoffs")

DROP_BEFORE = """
DROP TRIGGER fact_of_recovery ON handoffs_recovery;
DROP TRIGGER fact_of_decision ON handoffs_decision;
DROP TRIGGER fact_of_handoff ON handoffs_handoff;
DROP TRIGGER fact_of_new_handoff ON handoffs_handoff;
DROP TRIGGER fact_of_gone_handoff ON handoffs_handoff;
DROP FUNCTION handoffs_write_decision_fact();
DROP FUNCTION handoffs_write_decision_fact(uuid);
DROP FUNCTION handoffs_write_fact();
"""
RESTORE_BEFORE = (
    BEFORE.FUNCTIONS[BEFORE.FUNCTIONS.index("CREATE FUNCTION handoffs_write_fact()") :].replace(
        "CREATE FUNCTION handoffs_drop_fact()", "CREATE OR REPLACE FUNCTION handoffs_drop_fact()"
    )
    + BEFORE.TRIGGERS
)

NEW_FACTS = """
INSERT INTO handoffs_handofffact (
    handoff_id, workflow_id, opened_at, accepted_at, taken_at, resolved_at, due_at, accept_us, resolve_us, active_us,
    banked_us, role_id, policy_number, priority, is_live, is_open, accepted_in_time, resolved_in_time, was_returned,
    was_reopened, has_failed, was_reversed, not_needed, by_clock, is_carried, is_parked, receipt_late, trigger, outcome
)
SELECT h.id, h.workflow_id, h.opened_at, h.accepted_at, taken.at, ended.at,
    CASE WHEN h.state IN ('pending', 'in_progress', 'awaiting_confirmation') THEN h.due_at END,
    handoffs_us(h.accepted_at - h.opened_at), handoffs_us(ended.at - h.opened_at),
    handoffs_us(ended.at - h.opened_at) - banked.us - handoffs_paused_us(h.pauses), banked.us, h.role_id, p.number,
    h.priority, h.mode = 'live', h.state NOT IN ('resolved', 'withdrawn'), taken.at <= h.accept_by,
    ended.at <= h.resolve_by, h.returns_count > 0, h.reopens_count > 0,
    false, false, false, false, false, false, false, h.primary_trigger, ''
FROM {rows} AS h JOIN handoffs_policyversion AS p ON p.id = h.policy_version_id,
    LATERAL (SELECT coalesce(h.accepted_since_start_at, h.resolved_at) AS at) AS taken,
    LATERAL (SELECT CASE WHEN h.state = 'resolved' THEN h.resolved_at END AS at) AS ended,
    LATERAL (SELECT {banked} AS us) AS banked;
"""
FUNCTIONS = f"""
CREATE FUNCTION handoffs_write_new_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {NEW_FACTS.format(rows="made", banked="0::bigint")}
    RETURN NULL;
END $$;

CREATE FUNCTION handoffs_write_fact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken timestamptz := coalesce(NEW.accepted_since_start_at, NEW.resolved_at);
    ended timestamptz := CASE WHEN NEW.state = 'resolved' THEN NEW.resolved_at END;
    reopened_now bigint := CASE WHEN NEW.reopens_count IS DISTINCT FROM OLD.reopens_count
        THEN handoffs_banked_us(NEW.id, 2147483647) END;
BEGIN
    UPDATE handoffs_handofffact AS fact SET
        opened_at = NEW.opened_at,
        accepted_at = NEW.accepted_at,
        taken_at = taken,
        resolved_at = ended,
        due_at = CASE WHEN NEW.state IN ('pending', 'in_progress', 'awaiting_confirmation') THEN NEW.due_at END,
        accept_us = handoffs_us(NEW.accepted_at - NEW.opened_at),
        resolve_us = handoffs_us(ended - NEW.opened_at),
        active_us = handoffs_us(ended - NEW.opened_at) - coalesce(reopened_now, fact.banked_us)
            - CASE WHEN NEW.pauses = '[]' THEN 0 ELSE handoffs_paused_us(NEW.pauses) END,
        banked_us = coalesce(reopened_now, fact.banked_us),
        role_id = NEW.role_id,
        priority = NEW.priority,
        is_open = NEW.state NOT IN ('resolved', 'withdrawn'),
        accepted_in_time = taken <= NEW.accept_by,
        resolved_in_time = ended <= NEW.resolve_by,
        was_returned = NEW.returns_count > 0,
        was_reopened = NEW.reopens_count > 0,
        trigger = NEW.primary_trigger
    WHERE fact.handoff_id = NEW.id;
    RETURN NULL;
END $$;

-- What the last final decisions say, what any of their decisions said, and how far they have come; NULL stands for all.
CREATE FUNCTION handoffs_write_decision_facts(handoffs uuid[]) RETURNS void LANGUAGE sql AS $$
    UPDATE handoffs_handofffact AS fact SET
        outcome = coalesce(last.outcome, ''),
        decided_by_id = last.decided_by_id,
        by_clock = coalesce(last.decided_by_kind = 'clock', false),
        context_sufficed = last.context_sufficed,
        not_needed = way.not_needed OR EXISTS (
            SELECT FROM handoffs_decision AS d
            WHERE d.handoff_id = one.id AND d.status = 'final' AND d.person_needed IS FALSE
        ),
        has_failed = way.has_failed,
        was_reversed = way.was_reversed,
        is_carried = way.callers > 0,
        deliver_us = CASE WHEN way.callers > 0 AND way.told = way.callers
            THEN handoffs_us(way.told_at - coalesce(last.confirmed_at, last.decided_at)) END,
        apply_us = CASE WHEN way.callers > 0 AND way.applied = way.callers
            THEN handoffs_us(way.applied_at - coalesce(last.confirmed_at, last.decided_at)) END,
        is_parked = way.is_parked,
        receipt_late = way.is_late,
        receipt_due_at = way.due_at
    FROM unnest(handoffs) AS one (id)
    LEFT JOIN LATERAL (
        SELECT * FROM handoffs_decision AS d
        WHERE d.handoff_id = one.id AND d.status = 'final' ORDER BY d.resolution_number DESC LIMIT 1
    ) AS last ON true
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(r.state = 'failed'), false) AS has_failed,
            coalesce(bool_or(r.reversed_at IS NOT NULL), false) AS was_reversed,
            coalesce(bool_or(r.not_needed_at IS NOT NULL), false) AS not_needed,
            count(*) FILTER (WHERE r.decision_id = last.id) AS callers,
            count(*) FILTER (WHERE r.decision_id = last.id AND r.delivered_at IS NOT NULL) AS told,
            count(*) FILTER (WHERE r.decision_id = last.id AND r.state = 'applied') AS applied,
            max(r.delivered_at) FILTER (WHERE r.decision_id = last.id) AS told_at,
            max(r.received_at) FILTER (WHERE r.decision_id = last.id) AS applied_at,
            coalesce(bool_or(r.state = 'parked') FILTER (WHERE r.decision_id = last.id), false) AS is_parked,
            coalesce(bool_or(r.overdue_noted_at IS NOT NULL OR r.received_at > r.receipt_due_at)
                FILTER (WHERE r.decision_id = last.id), false) AS is_late,
            min(r.receipt_due_at) FILTER (WHERE r.decision_id = last.id AND r.received_at IS NULL) AS due_at
        FROM handoffs_recovery AS r WHERE r.handoff_id = one.id
    ) AS way
    WHERE fact.handoff_id = one.id
$$;

CREATE FUNCTION handoffs_write_new_decision_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM handoffs_write_decision_facts((SELECT array_agg(DISTINCT handoff_id) FROM made));
    RETURN NULL;
END $$;

CREATE FUNCTION handoffs_write_decision_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM handoffs_write_decision_facts(ARRAY[coalesce(NEW.handoff_id, OLD.handoff_id)]);
    RETURN NULL;
END $$;
"""

TOLD_BY = {
    "handoff": (
        "state", "role_id", "priority", "opened_at", "accepted_at", "accepted_since_start_at", "resolved_at",
        "accept_by", "resolve_by", "due_at", "returns_count", "reopens_count", "pauses", "primary_trigger",
    ),
    "decision": (
        "status", "outcome", "decided_by_id", "decided_by_kind", "decided_at", "confirmed_at", "resolution_number",
        "context_sufficed", "person_needed",
    ),
    "recovery": (
        "decision_id", "state", "delivered_at", "received_at", "receipt_due_at", "overdue_noted_at", "reversed_at",
        "not_needed_at",
    ),
}  # fmt: skip
"""The columns of a table that a fact is made of; a change of others writes nothing."""


def _on_change(table: str, function: str) -> str:
    old, new = (", ".join(f"{side}.{column}" for column in TOLD_BY[table]) for side in ("OLD", "NEW"))
    return (
        f"CREATE TRIGGER fact_of_{table} AFTER UPDATE ON handoffs_{table} FOR EACH ROW "
        f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION {function}();\n"
    )


def _on_insert(table: str, function: str) -> str:
    return (
        f"CREATE TRIGGER fact_of_new_{table} AFTER INSERT ON handoffs_{table} REFERENCING NEW TABLE AS made "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}();\n"
    )


def _on_delete(table: str, function: str) -> str:
    return (
        f"CREATE TRIGGER fact_of_gone_{table} AFTER DELETE ON handoffs_{table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}();\n"
    )


TRIGGERS = (
    _on_insert("handoff", "handoffs_write_new_facts")
    + _on_change("handoff", "handoffs_write_fact")
    + _on_delete("handoff", "handoffs_drop_fact")
    + "".join(
        _on_insert(table, "handoffs_write_new_decision_facts")
        + _on_change(table, "handoffs_write_decision_fact")
        + _on_delete(table, "handoffs_write_decision_fact")
        for table in ("decision", "recovery")
    )
)
UNDO = (
    "".join(
        f"DROP TRIGGER fact_of_{when}{table} ON handoffs_{table};\n" for table in TOLD_BY for when in ("", "new_", "gone_")
    )
    + """
DROP FUNCTION handoffs_write_decision_fact();
DROP FUNCTION handoffs_write_new_decision_facts();
DROP FUNCTION handoffs_write_decision_facts(uuid[]);
DROP FUNCTION handoffs_write_fact();
DROP FUNCTION handoffs_write_new_facts();
"""
)
FILL = (
    NEW_FACTS.format(
        rows="handoffs_handoff",
        banked="""CASE WHEN h.reopens_count = 0 THEN 0 ELSE handoffs_banked_us(h.id, (
        SELECT max(sequence) FROM handoffs_historicalhandoff WHERE id = h.id AND event = 'reopened'
    )) END""",
    )
    + "SELECT handoffs_write_decision_facts(array_agg(DISTINCT handoff_id)) FROM handoffs_decision;"
)
"""Works all facts out anew."""
LATE = """
UPDATE handoffs_handofffact AS fact SET due_at = h.due_at FROM handoffs_handoff AS h
WHERE h.id = fact.handoff_id AND fact.is_open AND h.state IN ('pending', 'in_progress', 'awaiting_confirmation');
"""


class Migration(migrations.Migration):

    dependencies = [('handoffs', '0018_keep_the_order_of_keys')]

    operations = [
        migrations.RunSQL(DROP_BEFORE, RESTORE_BEFORE),
        migrations.AddField(
            model_name='handofffact',
            name='due_at',
            field=models.DateTimeField(help_text='While it waits for a person: when it is late', null=True),
        ),
        migrations.RunSQL(LATE, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS + TRIGGERS, UNDO),
    ]
