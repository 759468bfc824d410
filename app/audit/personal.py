"""The part of an entry that is about people: bound to the entry by a salted hash, so that it can be erased without
touching the log. Once salt and contents are gone, the hash tells nobody anything."""

import hashlib
import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import null, update
from sqlalchemy.orm import Session

from app.audit import canonical
from app.audit.models import Personal
from app.core import clock

SALT = 32  # bytes


def document(part: Personal) -> dict[str, Any] | None:
    """What was hashed after the salt; None once it is erased."""
    if part.erased_at is not None:
        return None
    return {"detail": part.detail, "ip": part.ip, "name": part.name, "reference": part.reference}


def digest(salt: bytes, contents: dict[str, Any]) -> str:
    """SHA-256 of the salt followed by the contents in canonical form, in hex."""
    return hashlib.sha256(salt + canonical.encode(contents)).hexdigest()


def seal(*, name: str, ip: str | None, reference: str, detail: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The hash for the entry, and what is handed over with it for the personal table, its salt in hex."""
    salt = secrets.token_bytes(SALT)
    contents = {"detail": detail, "ip": ip, "name": name, "reference": reference}
    return digest(salt, contents), contents | {"salt": salt.hex()}


def erase(session: Session, entry_ids: Collection[int]) -> int:
    """Blank the personal part of these entries for good; how many there were. The log's proofs stay as they are."""
    blank = {column: null() for column in ("salt", "name", "ip", "reference", "detail")}
    wanted = (Personal.entry_id.in_(entry_ids), Personal.erased_at.is_(None))
    statement = update(Personal).where(*wanted).values(**blank, erased_at=clock.now()).returning(Personal.entry_id)
    return len(session.scalars(statement, execution_options={"synchronize_session": False}).all())


__all__ = ["digest", "document", "erase", "seal"]
