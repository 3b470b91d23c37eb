"""Hostile policies over HTTP: each is taken as a draft or refused in words, and what is live stays.

HOSTILE_POLICIES=1000 sends more of them.
"""

import copy
import json
import os
import random

import pytest

from handoffs.models import PolicyVersion
from tests.api.conftest import is_problem
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db
PATH = "/workflows/invoice-matching/policy/"
DOCUMENTS = int(os.environ.get("HOSTILE_POLICIES", "120"))
SEED = 20_261_122
HOSTILE = (
    None, True, 0, -1, 10**40, 1.5e308, "", " ", "\x00", "\u202e", "𝒳" * 50, "data.amount", "a" * 70_000, [], {}, [[]],
    "data.amount > " * 40, "(" * 200, "data.lines.exists(x, x.exists(y, y.exists(z, true)))", "(a+)+$", "__class__",
    {"field": "data.amount", "is": "matches", "value": "(a|a)*$"}, {"not": {"not": {"not": {}}}}, {"all": []},
    {"$ref": "#"}, {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}, "99999999999w", "-5m",
    {"field": "data.__proto__", "is": "=", "value": 1}, "'; DROP TABLE handoffs_handoff; --", "{{ 7*7 }}", "${jndi:x}",
)  # fmt: skip


def _hostile(chance):
    """The valid policy with a few of its parts replaced, repeated, renamed or taken out."""
    document = invoice_matching()
    for _ in range(chance.randint(1, 4)):
        parent, key = _somewhere(document, chance)
        act = chance.choice(("replace", "replace", "replace", "remove", "repeat", "rename"))
        if act == "replace":
            parent[key] = copy.deepcopy(chance.choice(HOSTILE))
        elif act == "remove":
            del parent[key]
        elif act == "repeat":
            parent[key] = [copy.deepcopy(parent[key]) for _ in range(chance.choice((2, 300)))]
        elif isinstance(parent, dict):
            parent[f"{key}{chance.choice(('', '.', '[0]', '￿'))}x"] = parent.pop(key)
    return document


def _versions():
    return list(PolicyVersion.objects.order_by("pk").values_list("pk", "status", "document"))


def _somewhere(document, chance):
    """(object or list, key) of a part, at any depth."""
    parent, key = document, chance.choice(list(document))
    while isinstance(parent[key], dict | list) and parent[key] and chance.random() < 0.75:
        parent = parent[key]
        key = chance.choice(list(parent)) if isinstance(parent, dict) else chance.randrange(len(parent))
    return parent, key


def test_hostile_policies(api, lea, workflow):
    manager, chance = api(lea), random.Random(SEED)
    live = PolicyVersion.objects.get(status="live")
    statuses: dict[int, int] = {}
    for number in range(DOCUMENTS):
        document = _hostile(chance)
        before = _versions()
        answer = manager.put(PATH, document)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        told = f"document {number}: {json.dumps(document, default=str)[:2000]}"
        assert answer.status_code in (200, 400, 413, 422), told
        if answer.status_code != 200:
            assert is_problem(answer, answer.status_code, answer.body["code"]), told
            assert _versions() == before, told
    kept = PolicyVersion.objects.get(status="live")
    assert (kept.pk, kept.document) == (live.pk, live.document)
    assert statuses.get(422, 0) + statuses.get(400, 0) > DOCUMENTS / 2
    assert statuses.get(200, 0) > 0, "some of it is harmless"
