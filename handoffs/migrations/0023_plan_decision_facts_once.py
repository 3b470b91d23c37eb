"""Facts of decisions are written by a statement that is planned once a connection: planning took most of its time."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("handoffs.migrations.0017_write_facts_of_many_at_once")
HEAD = "handoffs_write_decision_facts(handoffs uuid[]) RETURNS void LANGUAGE"
STATEMENT = BEFORE.FUNCTIONS.partition(f"{HEAD} sql AS $$")[2].partition("$$;")[0]
FORWARDS = f"""
CREATE OR REPLACE FUNCTION {HEAD} plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN {STATEMENT}; END $$;
"""
BACKWARDS = f"CREATE OR REPLACE FUNCTION {HEAD} sql AS $$ {STATEMENT} $$;"


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0022_keep_what_was_said_later")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
