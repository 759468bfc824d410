"""Signed tree heads: making, reading, checking one, and the copies outside the database.

A head is ``{"log", "size", "root", "at", "key", "signature"}``; Ed25519 signs the rest in canonical form (RFC 8785).
Each is also a file in a folder that should be somewhere the database's administrators cannot write: a head that was
published once binds the log for ever, because two different ones of the same size prove that it was rewritten.
"""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit import canonical, logkey
from app.audit.leaves import moment
from app.audit.logkey import LogKey
from app.audit.models import Head, Key
from app.core import clock

SIZE_DIGITS = 16


class Forked(Exception):
    """A different head of the same size was exported before."""


@dataclass(frozen=True)
class _Place:
    log: str
    key: LogKey
    folder: Path


_place: _Place | None = None


def configure(*, log: str, key: LogKey, folder: Path) -> None:
    """``log`` names the log in every head; ``folder`` takes the exported ones. Once, by the application factory."""
    global _place
    _place = _Place(log, key, folder)


def _configured() -> _Place:
    if _place is None:
        raise RuntimeError("no log: call audit.heads.configure() first")
    return _place


def folder() -> Path:
    return _configured().folder


def latest(session: Session) -> Head | None:
    return session.scalar(select(Head).order_by(Head.size.desc()).limit(1))


def page(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Head]:
    """The largest first; ``before`` is the size of the last one of the page before."""
    statement = select(Head).order_by(Head.size.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Head.size < before)
    return session.scalars(statement).all()


def sign(session: Session, size: int, root: bytes, last_entry: int) -> Head:
    """Sign the tree of ``size`` with the key in use and add the head."""
    place = _configured()
    head = Head(size=size, log=place.log, root=root, at=clock.now(), key_id=place.key.id, last_entry=last_entry)
    head.signature = place.key.sign(_signed(head))
    values = {"key_id": place.key.id, "public": place.key.public, "since": head.at}
    session.execute(insert(Key).values(values).on_conflict_do_nothing(index_elements=[Key.key_id]))
    session.add(head)
    session.flush()
    return head


def as_json(head: Head) -> dict[str, Any]:
    return _unsigned(head) | {"signature": base64.b64encode(head.signature).decode()}


def keys(session: Session) -> list[dict[str, str]]:
    """Every key that signed a head of this log, the first first: ``{"id", "public"}``, the raw key in base64."""
    found = session.scalars(select(Key).order_by(Key.since, Key.key_id))
    return [{"id": key.key_id, "public": logkey.as_text(key.public)} for key in found]


def authentic(head: Head, public: bytes) -> bool:
    """Whether the key signed exactly this."""
    return logkey.key_id(public) == head.key_id and logkey.verify(public, head.signature, _signed(head))


def _unsigned(head: Head) -> dict[str, Any]:
    return {
        "log": head.log,
        "size": head.size,
        "root": head.root.hex(),
        "at": moment(head.at),
        "key": head.key_id,
    }


def _signed(head: Head) -> bytes:
    return canonical.encode(_unsigned(head))


def export(head: Head) -> Path:
    """Write the head as a file that is on the disk when this returns. The same one again changes nothing.

    Raises Forked, and leaves the earlier file, when another head of this size was exported.
    """
    target = _file(head.size)
    place = target.parent
    place.mkdir(parents=True, exist_ok=True)
    content = json.dumps(as_json(head), indent=1).encode() + b"\n"
    draft = place / f".draft-{os.getpid()}-{os.urandom(4).hex()}"
    with draft.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, target)  # fails where something is, unlike a rename
    except FileExistsError as error:
        if _read(target).get("root") != head.root.hex():
            raise Forked(f"{target.name} has another root") from error
    finally:
        draft.unlink()
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return target


def exported(*, after: int = 0) -> list[tuple[int, str]]:
    """Size and root (hex) of the exported heads larger than ``after``, smallest first; an unreadable one has ""."""
    found: list[tuple[int, str]] = []
    for place in _folders():
        names = sorted(path for path in place.glob("*.json") if path.stem.isdigit() and int(path.stem) > after)
        found += [(int(path.stem), str(_read(path).get("root", ""))) for path in names]
    return found


def last_exported() -> tuple[int, str] | None:
    """Size and root of the largest."""
    for place in reversed(_folders()):
        largest = max((path for path in place.glob("*.json") if path.stem.isdigit()), default=None)
        if largest is not None:
            return int(largest.stem), str(_read(largest).get("root", ""))
    return None


def _file(size: int) -> Path:
    """Folders of ten thousand at most: there may be a head a minute for years."""
    name = f"{size:0{SIZE_DIGITS}}"
    return folder() / name[:-4] / f"{name}.json"


def _folders() -> list[Path]:
    return sorted(path for path in folder().glob("[0-9]*") if path.is_dir())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


__all__ = [
    "Forked", "as_json", "authentic", "configure", "export", "exported", "folder", "keys", "last_exported", "latest",
    "page", "sign",
]  # fmt: skip
