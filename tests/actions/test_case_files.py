"""The case file: complete, checked without the desk, and any change to it is found."""

import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from handoffs.actions import case_files, delivery, receipts
from handoffs.choices import Event, ReceiptStatus
from handoffs.errors import NotAllowed
from handoffs.rules import case_files as checks
from handoffs.rules.deliveries import Exchange
from tests.factories import EndpointFactory, HandoffFactory, matcher
from tests.refusals import refused

pytestmark = pytest.mark.django_db
PARTS = (
    "README.txt attempts.json audit.jsonl decisions.json deliveries.json documents.json handoff.json manifest.json"
    " notes.json policy.json recoveries.json revisions.json"
)


@pytest.fixture
def handoff(db):
    EndpointFactory(event_types=["handoff.accepted"])
    handoff = HandoffFactory(resubmitted=True, resolved=True)
    for one in delivery.lease(now=timezone.now()):
        delivery.finish(one, Exchange(status=200), now=timezone.now())
    word = receipts.Receipt(status=ReceiptStatus.FAILED, detail="bank closed")
    receipts.receive(handoff, word, automation=matcher(), now=timezone.now())
    return handoff


def _archive(handoff, reader):
    return b"".join(case_files.take(handoff, reader=reader, now=timezone.now()).archive())


def _parts(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture
def parts(handoff, lea):
    return _parts(_archive(handoff, lea))


def test_it_has_everything_and_holds(parts, handoff):
    documents = [path for path in parts if path.startswith("documents/")]
    assert sorted(set(parts) - set(documents)) == PARTS.split()
    assert len(documents) == handoff.documents.count()
    assert checks.problems(parts) == []
    read = {path: json.loads(body) for path, body in parts.items() if path.endswith(".json")}
    assert [one["number"] for one in read["revisions.json"]] == [1, 2, 3]
    assert read["recoveries.json"][0]["detail"] == "bank closed"
    assert next(one["status"] for message in read["deliveries.json"] for one in message["tries"]) == 200
    assert read["attempts.json"][0]["triggers"][0]["fired"] is True
    assert read["policy.json"]["document"]["workflow"] == "invoice-matching"


def test_who_took_it_is_the_last_row_of_its_trail(parts):
    last = json.loads(parts["audit.jsonl"].splitlines()[-1])["said"]
    assert (last["event"], last["actor"][1]) == (Event.CASE_FILE_TAKEN, "Lea")


def test_no_secret_is_in_it(parts, workflow):
    everything = b"".join(parts.values())
    assert workflow.callback_secret.encode() not in everything
    assert b"whsec_" not in everything


def _resigned(parts):
    """The manifest as a forger would make it fit."""
    listed = json.loads(parts["manifest.json"])
    for one in listed["files"]:
        if one["path"] in parts:
            one["sha256"] = checks.sha256_of_bytes(parts[one["path"]])
    return parts | {"manifest.json": json.dumps(listed).encode()}


FORGERIES = {
    "a reason": ("audit.jsonl", b"Agreed with the vendor", b"Agreed with the Vendor", "was changed"),
    "an actor": ("audit.jsonl", b'"Ann"', b'"Bob"', "was changed"),
    "the context": ("revisions.json", b"1200.00", b"1200.01", "revision 1: was changed"),
    "the decision": ("decisions.json", b'"outcome": "approve_and_pay"', b'"outcome": "reject"', "audit trail"),
    "its context": ("decisions.json", b'"context_revision": 2', b'"context_revision": 1', "never shown"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_named_even_where_the_manifest_fits(parts, name):
    path, before, after, words = FORGERIES[name]
    assert before in parts[path]
    forged = parts | {path: parts[path].replace(before, after)}
    assert f"{path}: was changed" in checks.problems(forged)
    assert any(words in problem for problem in checks.problems(_resigned(forged)))


def test_what_is_cut_off_added_or_left_out_is_named(parts):
    rows = parts["audit.jsonl"].splitlines(keepends=True)
    shorter = _resigned(parts | {"audit.jsonl": b"".join(rows[:-1])})
    assert checks.problems(shorter) == ["audit.jsonl: the end of the trail is missing"]
    gap = _resigned(parts | {"audit.jsonl": b"".join(rows[:2] + rows[3:])})
    assert checks.problems(gap)[0] == "audit.jsonl, row 3: a row is missing or of another handoff"
    assert checks.problems(parts | {"more.txt": b"x"}) == ["more.txt: is not part of this case file"]
    document = next(path for path in parts if path.startswith("documents/"))
    without = {path: body for path, body in parts.items() if path != document}
    assert f"{document}: is missing" in checks.problems(without)
    assert checks.problems({"x": b""}) == ["manifest.json: is missing"]
    assert checks.problems(parts | {"manifest.json": b"["})[0].startswith("A file cannot be read")


def test_the_command_checks_a_file_without_a_database(handoff, lea, tmp_path, capsys, django_assert_num_queries):
    whole, broken, nothing = (tmp_path / name for name in ("whole.zip", "broken.zip", "nothing.zip"))
    archive = _archive(handoff, lea)
    whole.write_bytes(archive)
    with zipfile.ZipFile(broken, "w") as forged:
        for path, body in _parts(archive).items():
            forged.writestr(path, body.replace(b"bank closed", b"bank opened"))
    nothing.write_bytes(b"PK")
    with django_assert_num_queries(0):
        call_command("verify_case_file", str(whole))
        for file in (broken, nothing):
            with pytest.raises(CommandError):
                call_command("verify_case_file", str(file))
    assert "hold" in capsys.readouterr().out


def test_automations_are_not_given_it(handoff):
    with refused(NotAllowed):
        case_files.take(handoff, reader=matcher(), now=timezone.now())
