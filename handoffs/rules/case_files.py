"""The case file: how its parts are named and hashed, and how anybody checks one without the desk."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handoffs.rules.canonical import exact_number, sha256_of

FORMAT = "handoff-desk case file 1"
MANIFEST = "manifest.json"
GENESIS_DIGEST = "0" * 64
README = """The file of one case: what was handed to a person, what they saw, what they decided, and what came of it.

manifest.json     every other file with its SHA-256, and the last digest of the audit trail
handoff.json      the handoff as it stood
revisions.json    each state of the context that a reviewer could see, with its digest
attempts.json     what the automation reported, with every condition of the policy and its result
policy.json       the version of the policy that the handoff was judged by
decisions.json    decisions, and on which context they were made
recoveries.json   how each decision went back to automation, and the receipts
deliveries.json   every message that was sent, and each try
notes.json        remarks of the people who worked on it
audit.jsonl       the audit trail, one row a line; each row's digest covers the digest before it
documents/        the documents as they came

Check it with `manage.py verify_case_file FILE`; docs/guides/auditors.md says how to check it by hand.
"""

Parts = Mapping[str, bytes]


def manifest(about: Mapping[str, Any], sizes_and_digests: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """The manifest of a case file: `about` it, and each file with its size in bytes and SHA-256."""
    files = [
        {"path": path, "size_bytes": size, "sha256": digest}
        for path, (size, digest) in sorted(sizes_and_digests.items())
    ]
    return {"format": FORMAT, **about, "files": files}


def sha256_of_bytes(body: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(body).hexdigest()


def problems(parts: Parts) -> list[str]:
    """What does not hold in a case file, given as path and content; empty where everything does."""
    try:
        listed = _json(parts[MANIFEST])
        if listed["format"] != FORMAT:
            return [f"{MANIFEST}: this is {listed['format']!r}, not {FORMAT!r}"]
        found = list(_files(parts, listed))
        for check in _CHECKS:
            found += check(parts, listed)
    except KeyError as missing:
        return [f"{missing.args[0]}: is missing"]
    except (ValueError, TypeError, AttributeError) as broken:
        return [f"A file cannot be read: {broken}"]
    return found


def _files(parts: Parts, listed: Mapping[str, Any]) -> Iterator[str]:
    """Every listed file is there and as it was; no other is."""
    names = {one["path"] for one in listed["files"]}
    for one in listed["files"]:
        if one["path"] not in parts:
            yield f"{one['path']}: is missing"
        elif sha256_of_bytes(parts[one["path"]]) != one["sha256"]:
            yield f"{one['path']}: was changed"
    for path in sorted(set(parts) - names - {MANIFEST}):
        yield f"{path}: is not part of this case file"


def _audit(parts: Parts, listed: Mapping[str, Any]) -> Iterator[str]:
    """The rows follow one from the other, from the first to the one that the manifest names."""
    previous, rows = GENESIS_DIGEST, _rows(parts)
    for place, row in enumerate(rows, start=1):
        said = row["said"]
        if said["sequence"] != place or said["handoff"] != listed["handoff"]["id"]:
            yield f"audit.jsonl, row {place}: a row is missing or of another handoff"
            return
        if said["previous"] != previous:
            yield f"audit.jsonl, row {place}: does not follow from the row before"
        if sha256_of(said) != row["digest"]:
            yield f"audit.jsonl, row {place}: was changed"
        previous = row["digest"]
    if (len(rows), previous) != (listed["audit"]["rows"], listed["audit"]["head"]):
        yield "audit.jsonl: the end of the trail is missing"


def _revisions(parts: Parts, listed: Mapping[str, Any]) -> Iterator[str]:
    for revision in _json(parts["revisions.json"]):
        if f"sha256:{sha256_of(revision['package'])}" != revision["digest"]:
            yield f"revisions.json, revision {revision['number']}: was changed"


def _decisions(parts: Parts, listed: Mapping[str, Any]) -> Iterator[str]:
    """Each decision names a context that was shown, and stands on the trail with the same words."""
    digests = {one["number"]: one["digest"] for one in _json(parts["revisions.json"])}
    told = [row["said"]["details"] for row in _rows(parts) if "context_digest" in row["said"]["details"]]
    for one in _json(parts["decisions.json"]):
        name = f"decisions.json, {one['outcome']}"
        if digests.get(one["context_revision"]) != one["context_digest"]:
            yield f"{name}: names a context that was never shown"
        if not any(_same(one, details) for details in told):
            yield f"{name}: is not on the audit trail"


def _documents(parts: Parts, listed: Mapping[str, Any]) -> Iterator[str]:
    """Each document that a context names is in the file, byte for byte."""
    digests = {sha256_of_bytes(body) for path, body in parts.items() if path.startswith("documents/")}
    for revision in _json(parts["revisions.json"]):
        for document in revision["package"]["documents"]:
            if document["sha256"] not in digests:
                yield f"documents/: {document['name']} of revision {revision['number']} is missing or was changed"


_CHECKS: tuple[Callable[[Parts, Mapping[str, Any]], Iterator[str]], ...] = (_audit, _revisions, _decisions, _documents)


def _same(decision: Mapping[str, Any], details: Mapping[str, Any]) -> bool:
    return all(decision[name] == details.get(name) for name in ("outcome", "context_revision", "context_digest"))


def _rows(parts: Parts) -> list[Any]:
    return [_json(line) for line in parts["audit.jsonl"].splitlines()]


def _json(body: bytes) -> Any:
    return json.loads(body, parse_float=exact_number)
