"""The part of the audit log that goes with a bundle: every entry of its cases, each with its way to one signed head."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.audit import heads, leaves, personal, proofs, sequencer
from app.audit.models import Entry, Head, Leaf, Personal
from app.documents import signing
from app.documents.bundles import Archive

ENTRIES, HEAD, KEYS = "log/entries.jsonl", "log/head.json", "log/keys.json"
CONSISTENCY = "log/consistency.json"
AT_ONCE = 500  # entries, and cases in one question

_CASES = Entry.case_id == func.any(bindparam("cases", type_=ARRAY(BigInteger)))
_PLACES = (
    select(Entry.id, Leaf.sequence)
    .outerjoin(Leaf, (Leaf.entry_id == Entry.id) & (Leaf.sequence < bindparam("size")))
    .where(_CASES)
)
_LATE = select(Entry.id).outerjoin(Leaf, Leaf.entry_id == Entry.id).where(_CASES, Leaf.entry_id.is_(None)).limit(1)


class LogIsEmpty(Exception):
    """There is no signed head yet, and somebody else is about to make the first: try again."""


def advance(session: Session, ids: Sequence[int]) -> bool:
    """Let the log take in what it has not yet of these cases; whether it did, and may have more to take in.

    A log that does not agree with itself takes in nothing, and the bundle shows it as it is.
    """
    if not any(session.scalar(_LATE, {"cases": part}) for part in _parts(ids)):
        return False
    try:
        return bool(sequencer.batch(session))
    except (sequencer.HeadDisagrees, sequencer.RolledBack):
        return False


def write(session: Session, ids: Sequence[int], archive: Archive, *, since: int | None = None) -> dict[str, Any]:
    """Add ``log/``; returns what the manifest says of it: ``waiting`` counts entries younger than the head.

    With ``since`` it has the proof that the log still begins with the entries of the head of that size.
    Raises LogIsEmpty.
    """
    head = heads.latest(session)
    if head is None:
        raise LogIsEmpty
    places, late = _places(session, ids, head)
    archive.add_pieces(ENTRIES, _lines(session, places, head))
    archive.add(HEAD, _json(heads.as_json(head)))
    if since is not None and since <= head.size:  # without the proof the verifier says that the log went back
        path = proofs.consistency(session, since, head.size)
        archive.add(CONSISTENCY, _json({"first": since, "second": head.size, "path": path}))
    trust = signing.trust()
    keys = {"log": heads.keys(session), "issuers": list(trust.issuers), "tsa": list(trust.tsa)}
    archive.add(KEYS, _json(keys))
    return {"entries": len(places), "waiting": late, "size": head.size, "since": since}


def _places(session: Session, ids: Sequence[int], head: Head) -> tuple[list[int], int]:
    """The entries in the order of the log, by id, and how many have no place under ``head``."""
    found: list[tuple[int, int]] = []
    late = 0
    for part in _parts(ids):
        for entry, sequence in session.execute(_PLACES, {"cases": part, "size": head.size}):
            if sequence is None:
                late += 1
            else:
                found.append((sequence, entry))
    return [entry for _sequence, entry in sorted(found)], late


def _parts(ids: Sequence[int]) -> Iterator[list[int]]:
    return (list(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))


def _lines(session: Session, places: Sequence[int], head: Head) -> Iterator[bytes]:
    for some in _parts(places):
        rows = {row.id: row for row in session.execute(select(*leaves.COLUMNS).where(Entry.id.in_(some)))}
        wanted = select(Personal.entry_id, Personal).where(Personal.entry_id.in_(some))
        plain = dict(session.execute(wanted).all())
        for entry, proof in zip(some, proofs.inclusion(session, some, head), strict=True):
            yield _line(leaves.document(rows[entry]), plain.get(entry), proof) + b"\n"


def _line(document: dict[str, Any], part: Personal | None, proof: dict[str, Any]) -> bytes:
    known = personal.document(part) if part is not None else None
    salt = part.salt.hex() if part is not None and part.salt is not None else None
    return _json(
        {
            "sequence": proof["sequence"],
            "document": document,
            "personal": known,
            "salt": salt,
            "path": proof["path"],
        }
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
