"""An entry as the log sees it: the JSON document whose canonical form is hashed into the tree."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from app.audit import canonical, merkle
from app.audit.models import Entry

# Everything of an entry that the document says, for reading rows without the ORM.
COLUMNS = (
    Entry.id, Entry.at, Entry.actor_kind, Entry.actor_id, Entry.actor_role, Entry.agency, Entry.verb, Entry.subject,
    Entry.reference, Entry.case_id, Entry.business_id, Entry.authority, Entry.session_id, Entry.detail,
    Entry.personal_sha256,
)  # fmt: skip


def document(entry: Entry | Row[Any]) -> dict[str, Any]:
    """Takes an entry, or a row of ``COLUMNS``."""
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "role": entry.actor_role},
        "agency": entry.agency,
        "verb": entry.verb,
        "subject": entry.subject,
        "reference": entry.reference,
        "case_id": entry.case_id,
        "business_id": entry.business_id,
        "authority": entry.authority,
        "session_id": entry.session_id,
        "detail": entry.detail,
        "personal_sha256": entry.personal_sha256,
    }


def leaf(entry: Entry | Row[Any]) -> bytes:
    """The entry's leaf hash. Raises canonical.NotCanonical for one that was not written by the portal."""
    return merkle.leaf_hash(canonical.encode(document(entry)))


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, always with six decimals: ``2026-03-31T08:15:00.000000Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


__all__ = ["COLUMNS", "document", "leaf", "moment"]
