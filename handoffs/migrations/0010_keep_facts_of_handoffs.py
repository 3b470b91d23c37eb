"""Facts of handoffs for the metrics, and the triggers that keep them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FUNCTIONS = """
CREATE FUNCTION handoffs_us(length interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM length) * 1000000)::bigint
$$;

CREATE FUNCTION handoffs_paused_us(pauses jsonb) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(handoffs_us((pair ->> 1)::timestamptz - (pair ->> 0)::timestamptz)), 0)::bigint
    FROM jsonb_array_elements(pauses) AS pair WHERE pair ->> 1 IS NOT NULL
$$;

-- How long it was returned before the row `before` of its trail; what the cut-off ended was ended by the deadline.
CREATE FUNCTION handoffs_banked_us(handoff uuid, before integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(handoffs_us(ended_at - history_date)), 0)::bigint FROM (
        SELECT state, sequence, history_date,
            lead(CASE WHEN event = 'expired' THEN resolved_at ELSE history_date END) OVER (ORDER BY sequence) AS ended_at
        FROM handoffs_historicalhandoff WHERE id = handoff AND sequence < before
    ) AS trail WHERE state = 'returned'
$$;

CREATE FUNCTION handoffs_write_fact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken timestamptz := coalesce(NEW.accepted_since_start_at, NEW.resolved_at);
    is_resolved boolean := NEW.state = 'resolved';
    banked bigint := 0;
    resolve bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.reopens_count > 0 THEN
        IF NEW.reopens_count IS DISTINCT FROM OLD.reopens_count THEN
            banked := handoffs_banked_us(NEW.id, 2147483647);
        ELSE
            SELECT banked_us INTO banked FROM handoffs_handofffact WHERE handoff_id = NEW.id;
        END IF;
    END IF;
    IF is_resolved THEN
        resolve := handoffs_us(NEW.resolved_at - NEW.opened_at);
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO handoffs_handofffact (
            handoff_id, workflow_id, opened_at, accepted_at, taken_at, resolved_at, accept_us, resolve_us, active_us,
            banked_us, role_id, policy_number, priority, is_live, is_open, accepted_in_time, resolved_in_time,
            was_returned, was_reopened, has_failed, was_reversed, not_needed, by_clock, is_carried, is_parked, receipt_late,
            trigger, outcome
        ) VALUES (
            NEW.id, NEW.workflow_id, NEW.opened_at, NEW.accepted_at, taken,
            CASE WHEN is_resolved THEN NEW.resolved_at END, handoffs_us(NEW.accepted_at - NEW.opened_at), resolve,
            CASE WHEN is_resolved THEN resolve - handoffs_paused_us(NEW.pauses) END, 0, NEW.role_id,
            (SELECT number FROM handoffs_policyversion WHERE id = NEW.policy_version_id), NEW.priority,
            NEW.mode = 'live',
            NEW.state NOT IN ('resolved', 'withdrawn'), taken <= NEW.accept_by,
            CASE WHEN is_resolved THEN NEW.resolved_at <= NEW.resolve_by END, NEW.returns_count > 0,
            NEW.reopens_count > 0, false, false, false, false, false, false, false, NEW.primary_trigger, ''
        );
    ELSE
        UPDATE handoffs_handofffact SET
            opened_at = NEW.opened_at,
            accepted_at = NEW.accepted_at,
            taken_at = taken,
            resolved_at = CASE WHEN is_resolved THEN NEW.resolved_at END,
            accept_us = handoffs_us(NEW.accepted_at - NEW.opened_at),
            resolve_us = resolve,
            active_us = CASE WHEN is_resolved THEN resolve - banked - handoffs_paused_us(NEW.pauses) END,
            banked_us = banked,
            role_id = NEW.role_id,
            priority = NEW.priority,
            is_open = NEW.state NOT IN ('resolved', 'withdrawn'),
            accepted_in_time = taken <= NEW.accept_by,
            resolved_in_time = CASE WHEN is_resolved THEN NEW.resolved_at <= NEW.resolve_by END,
            was_returned = NEW.returns_count > 0,
            was_reopened = NEW.reopens_count > 0,
            trigger = NEW.primary_trigger
        WHERE handoff_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION handoffs_drop_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM handoffs_handofffact WHERE handoff_id = OLD.id;
    RETURN NULL;
END $$;

-- What the last final decision says of a handoff, what any of its decisions said, and how far the decision has come.
CREATE FUNCTION handoffs_write_decision_fact(handoff uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last handoffs_decision%ROWTYPE;
    way record;
    decided_at timestamptz;
BEGIN
    SELECT * INTO last FROM handoffs_decision
    WHERE handoff_id = handoff AND status = 'final' ORDER BY resolution_number DESC LIMIT 1;
    decided_at := coalesce(last.confirmed_at, last.decided_at);
    SELECT
        coalesce(bool_or(state = 'failed'), false) AS has_failed,
        coalesce(bool_or(reversed_at IS NOT NULL), false) AS was_reversed,
        coalesce(bool_or(not_needed_at IS NOT NULL), false) AS not_needed,
        count(*) FILTER (WHERE decision_id = last.id) AS callers,
        count(*) FILTER (WHERE decision_id = last.id AND delivered_at IS NOT NULL) AS told,
        count(*) FILTER (WHERE decision_id = last.id AND state = 'applied') AS applied,
        max(delivered_at) FILTER (WHERE decision_id = last.id) AS told_at,
        max(received_at) FILTER (WHERE decision_id = last.id) AS applied_at,
        coalesce(bool_or(state = 'parked') FILTER (WHERE decision_id = last.id), false) AS is_parked,
        coalesce(bool_or(overdue_noted_at IS NOT NULL OR received_at > receipt_due_at)
            FILTER (WHERE decision_id = last.id), false) AS is_late,
        min(receipt_due_at) FILTER (WHERE decision_id = last.id AND received_at IS NULL) AS due_at
    INTO way FROM handoffs_recovery WHERE handoff_id = handoff;
    UPDATE handoffs_handofffact SET
        outcome = coalesce(last.outcome, ''),
        decided_by_id = last.decided_by_id,
        by_clock = coalesce(last.decided_by_kind = 'clock', false),
        context_sufficed = last.context_sufficed,
        not_needed = way.not_needed OR EXISTS (
            SELECT FROM handoffs_decision WHERE handoff_id = handoff AND status = 'final' AND person_needed IS FALSE
        ),
        has_failed = way.has_failed,
        was_reversed = way.was_reversed,
        is_carried = way.callers > 0,
        deliver_us = CASE WHEN way.callers > 0 AND way.told = way.callers
            THEN handoffs_us(way.told_at - decided_at) END,
        apply_us = CASE WHEN way.callers > 0 AND way.applied = way.callers
            THEN handoffs_us(way.applied_at - decided_at) END,
        is_parked = way.is_parked,
        receipt_late = way.is_late,
        receipt_due_at = way.due_at
    WHERE handoff_id = handoff;
END $$;

CREATE FUNCTION handoffs_write_decision_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM handoffs_write_decision_fact(coalesce(NEW.handoff_id, OLD.handoff_id));
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER fact_of_new_handoff AFTER INSERT ON handoffs_handoff
    FOR EACH ROW EXECUTE FUNCTION handoffs_write_fact();
CREATE TRIGGER fact_of_handoff AFTER UPDATE ON handoffs_handoff FOR EACH ROW WHEN (
    (OLD.state, OLD.role_id, OLD.priority, OLD.opened_at, OLD.accepted_at, OLD.accepted_since_start_at,
     OLD.resolved_at, OLD.accept_by, OLD.resolve_by, OLD.returns_count, OLD.reopens_count, OLD.pauses,
     OLD.primary_trigger)
    IS DISTINCT FROM
    (NEW.state, NEW.role_id, NEW.priority, NEW.opened_at, NEW.accepted_at, NEW.accepted_since_start_at,
     NEW.resolved_at, NEW.accept_by, NEW.resolve_by, NEW.returns_count, NEW.reopens_count, NEW.pauses,
     NEW.primary_trigger)
) EXECUTE FUNCTION handoffs_write_fact();
CREATE TRIGGER fact_of_gone_handoff AFTER DELETE ON handoffs_handoff
    FOR EACH ROW EXECUTE FUNCTION handoffs_drop_fact();
CREATE TRIGGER fact_of_decision AFTER INSERT OR UPDATE OR DELETE ON handoffs_decision
    FOR EACH ROW EXECUTE FUNCTION handoffs_write_decision_fact();
CREATE TRIGGER fact_of_recovery AFTER INSERT OR UPDATE OR DELETE ON handoffs_recovery
    FOR EACH ROW EXECUTE FUNCTION handoffs_write_decision_fact();
"""

FILL = """
INSERT INTO handoffs_handofffact (
    handoff_id, workflow_id, opened_at, accepted_at, taken_at, resolved_at, accept_us, resolve_us, active_us, banked_us,
    role_id, policy_number, priority, is_live, is_open, accepted_in_time, resolved_in_time, was_returned, was_reopened,
    has_failed, was_reversed, not_needed, by_clock, is_carried, is_parked, receipt_late, trigger, outcome
)
SELECT h.id, h.workflow_id, h.opened_at, h.accepted_at, taken.at, CASE WHEN h.state = 'resolved' THEN h.resolved_at END,
    handoffs_us(h.accepted_at - h.opened_at),
    CASE WHEN h.state = 'resolved' THEN handoffs_us(h.resolved_at - h.opened_at) END,
    CASE WHEN h.state = 'resolved' THEN
        handoffs_us(h.resolved_at - h.opened_at) - banked.us - handoffs_paused_us(h.pauses) END,
    banked.us, h.role_id, p.number, h.priority,
    h.mode = 'live', h.state NOT IN ('resolved', 'withdrawn'), taken.at <= h.accept_by,
    CASE WHEN h.state = 'resolved' THEN h.resolved_at <= h.resolve_by END, h.returns_count > 0, h.reopens_count > 0,
    false, false, false, false, false, false, false, h.primary_trigger, ''
FROM handoffs_handoff AS h JOIN handoffs_policyversion AS p ON p.id = h.policy_version_id,
    LATERAL (SELECT coalesce(h.accepted_since_start_at, h.resolved_at) AS at) AS taken,
    LATERAL (SELECT CASE WHEN h.reopens_count = 0 THEN 0 ELSE handoffs_banked_us(h.id, (
        SELECT max(sequence) FROM handoffs_historicalhandoff WHERE id = h.id AND event = 'reopened'
    )) END AS us) AS banked;
SELECT handoffs_write_decision_fact(handoff_id) FROM handoffs_decision GROUP BY handoff_id;
"""

UNDO = """
DROP TRIGGER fact_of_recovery ON handoffs_recovery;
DROP TRIGGER fact_of_decision ON handoffs_decision;
DROP TRIGGER fact_of_gone_handoff ON handoffs_handoff;
DROP TRIGGER fact_of_handoff ON handoffs_handoff;
DROP TRIGGER fact_of_new_handoff ON handoffs_handoff;
DROP FUNCTION handoffs_write_decision_fact();
DROP FUNCTION handoffs_write_decision_fact(uuid);
DROP FUNCTION handoffs_drop_fact();
DROP FUNCTION handoffs_write_fact();
DROP FUNCTION handoffs_banked_us(uuid, integer);
DROP FUNCTION handoffs_paused_us(jsonb);
DROP FUNCTION handoffs_us(interval);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('handoffs', '0013_compare_without_effect'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HandoffFact',
            fields=[
                ('handoff', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fact', serialize=False, to='handoffs.handoff')),
                ('opened_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('taken_at', models.DateTimeField(null=True)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('receipt_due_at', models.DateTimeField(help_text='Of the first receipt that has not come', null=True)),
                ('accept_us', models.BigIntegerField(null=True)),
                ('resolve_us', models.BigIntegerField(null=True)),
                ('active_us', models.BigIntegerField(help_text='To the resolution, without the time it was returned', null=True)),
                ('deliver_us', models.BigIntegerField(help_text='From the decision until every caller had it', null=True)),
                ('apply_us', models.BigIntegerField(help_text='From the decision until every caller had applied it', null=True)),
                ('banked_us', models.BigIntegerField(default=0, help_text='Returned time before the last reopening')),
                ('policy_number', models.PositiveIntegerField()),
                ('priority', models.PositiveSmallIntegerField()),
                ('is_live', models.BooleanField(default=True, help_text='Its decision has an effect: it is no shadow')),
                ('is_open', models.BooleanField(default=True)),
                ('accepted_in_time', models.BooleanField(help_text='Null where there was no target', null=True)),
                ('resolved_in_time', models.BooleanField(help_text='Null where there was no target', null=True)),
                ('was_returned', models.BooleanField(default=False)),
                ('was_reopened', models.BooleanField(default=False)),
                ('has_failed', models.BooleanField(default=False, help_text='A receipt said so, of whichever decision')),
                ('was_reversed', models.BooleanField(default=False)),
                ('not_needed', models.BooleanField(default=False, help_text='A reviewer or the automation said that it needed no person')),
                ('by_clock', models.BooleanField(default=False)),
                ('context_sufficed', models.BooleanField(null=True)),
                ('is_carried', models.BooleanField(default=False, help_text='The decision has to go back to a caller')),
                ('is_parked', models.BooleanField(default=False)),
                ('receipt_late', models.BooleanField(default=False, help_text='A receipt came late, or was missed when it was due')),
                ('trigger', models.CharField(max_length=64)),
                ('outcome', models.CharField(blank=True, max_length=64)),
                ('decided_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('role', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='auth.group')),
                ('workflow', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='handoffs.workflow')),
            ],
            options={
                'indexes': [models.Index(fields=['opened_at', 'handoff'], name='facts_opened'), models.Index(condition=models.Q(('accepted_at__isnull', False)), fields=['accepted_at', 'handoff'], name='facts_accepted'), models.Index(condition=models.Q(('taken_at__isnull', False)), fields=['taken_at', 'handoff'], name='facts_taken'), models.Index(condition=models.Q(('resolved_at__isnull', False)), fields=['resolved_at', 'handoff'], name='facts_resolved'), models.Index(condition=models.Q(('is_open', True)), fields=['opened_at', 'handoff'], name='facts_open')],
            },
        ),
        migrations.RunSQL(FUNCTIONS, UNDO),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
