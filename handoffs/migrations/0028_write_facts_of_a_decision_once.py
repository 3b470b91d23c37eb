"""A decision that comes with its recoveries has its facts written once, by the trigger of those."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION handoffs_write_facts_of_lone_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    alone uuid[] := (
        SELECT array_agg(DISTINCT handoff_id) FROM made
        WHERE NOT EXISTS (SELECT FROM handoffs_recovery AS r WHERE r.decision_id = made.id)
    );
BEGIN
    IF alone IS NOT NULL THEN
        PERFORM handoffs_write_decision_facts(alone);
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER fact_of_new_decision ON handoffs_decision;
CREATE TRIGGER fact_of_new_decision AFTER INSERT ON handoffs_decision REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION handoffs_write_facts_of_lone_decisions();
"""
BACKWARDS = """
DROP TRIGGER fact_of_new_decision ON handoffs_decision;
CREATE TRIGGER fact_of_new_decision AFTER INSERT ON handoffs_decision REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION handoffs_write_new_decision_facts();
DROP FUNCTION handoffs_write_facts_of_lone_decisions();
"""


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0027_keep_fewer_indexes")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
