"""The live log against the heads that were exported from it: what somebody with every right in the database did to it.

Everything is computed again from the entries, by the verifier that auditors run; the stored hashes are only a help to
say where. Whoever can write the folder of heads as well can only be found with a head that someone kept elsewhere.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.audit import canonical, heads, leaves, logkey, personal, verifier
from app.audit.models import Entry, Head, Key, Leaf, Node, Personal
from app.audit.verifier import Report, Wrong

PIECE = 2_000  # rows at a time


@dataclass(frozen=True)
class _Said:
    """A head and where it was read."""

    where: str
    document: Any


def examine(
    session: Session, folder: Path, *, kept: dict[str, Any] | None = None, keys: dict[str, bytes] | None = None
) -> Report:
    """Read the whole log once, as of one moment (give it a transaction that is REPEATABLE READ).

    ``folder`` holds the exported heads; ``kept`` is one an auditor kept; ``keys`` are the trusted ones by id, without
    them those the database names.
    """
    report = Report()
    if keys is None:
        keys = {key.key_id: key.public for key in session.scalars(select(Key))}
        report.remark(
            "the keys are the database's own. Compare them with those the authority publishes, or use --keys: "
            + ", ".join(f"{name} {hashlib.sha256(public).hexdigest()}" for name, public in keys.items())
        )
    _Walk(session, report, keys).through(_signed(session, folder, kept, report))
    return report


def trusted(document: Any) -> dict[str, bytes]:
    """The log's keys by id, of a file like ``log/keys.json``. Raises verifier.Wrong."""
    found = verifier.Keys(document).log
    if any(logkey.key_id(public) != name for name, public in found.items()):
        raise Wrong("a key in it has another's id")
    return found


def _signed(session: Session, folder: Path, kept: dict[str, Any] | None, report: Report) -> dict[int, list[_Said]]:
    """Every head there is, by size: in the database, in the folder, and the one that was kept."""
    found: dict[int, list[_Said]] = {}
    for head in session.scalars(select(Head).order_by(Head.size).execution_options(yield_per=PIECE)):
        found.setdefault(head.size, []).append(_Said("the database", heads.as_json(head)))
    inside = set(found)
    files = 0
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else []:
        if path.stem.isdigit():
            files += 1
            said = _Said(str(path), verifier.parse_or_none(path.read_bytes()))
            size = int(path.stem)
            found.setdefault(size, []).append(said)
            if size not in inside:
                report.fault("head", str(path), f"the database no longer has this head of {size} entries")
    if not files:
        report.remark(f"there are no exported heads in {folder}: a log rewritten whole cannot be told from a true one")
    report.count("heads in the folder", files)
    if kept is not None:
        found.setdefault(verifier.Head(kept).size, []).append(_Said("the head you kept", kept))
    return found


class _Walk:
    def __init__(self, session: Session, report: Report, keys: dict[str, bytes]) -> None:
        self.session, self.report, self.keys = session, report, keys
        self.tree = verifier.Growing(self._node)
        self.good = 0  # entries up to here are those of a head that holds
        self.nodes: dict[int, Iterator[tuple[int, bytes]]] = {}

    def through(self, signed: dict[int, list[_Said]]) -> None:
        for row in self._rows():
            while self.tree.size < row.sequence:
                self._fault(self.tree.size, f"entry {self.tree.size}", "it was taken out of the log")
                self._grow(b"", signed)
            self._entry(row)
            self._grow(self._leaf(row), signed)
        size = self.tree.size
        self.report.counts["entries"] = size
        later = [said for larger, some in signed.items() if larger > size for said in some]
        if later:
            self._fault(
                size,
                f"entry {size}",
                f"it is missing and all after it: there is a longer head in {later[0].where} (cut off, or rolled back)",
            )
        self._waiting()

    def _fault(self, sequence: int, where: str, what: str) -> None:
        self.report.fault("entry", where, what, sequence=sequence)

    def _grow(self, leaf: bytes, signed: dict[int, list[_Said]]) -> None:
        self.tree.add(leaf)
        held = [self._holds(each) for each in signed.pop(self.tree.size, [])]
        if held and all(held):
            self.good = self.tree.size

    def _holds(self, said: _Said) -> bool:
        size = self.tree.size
        try:
            head = verifier.Head(said.document)
            head.check(self.keys)
            if head.size != size:
                raise Wrong(f"it is for {head.size} entries, not for {size}")
        except Wrong as wrong:
            self.report.fault("head", f"the head of {size} entries in {said.where}", str(wrong), size=size)
            return False
        if head.root == self.tree.root():
            return True
        self.report.fault("head", f"the head of {size} entries in {said.where}", "its root is not that of the entries")
        if not self.report.faults.get("entry"):
            self.report.fault(
                "entry",
                f"entries {self.good} to {size - 1}",
                "one of them was changed together with the stored hashes, or history was rewritten",
                sequence=self.good,
                last=size - 1,
            )
        return False

    def _rows(self) -> Iterator[Row[Any]]:
        after = -1
        wanted = (
            select(Leaf.sequence, Leaf.entry_id, Leaf.leaf_hash, *leaves.COLUMNS, Personal)
            .outerjoin(Entry, Entry.id == Leaf.entry_id)
            .outerjoin(Personal, Personal.entry_id == Leaf.entry_id)
            .order_by(Leaf.sequence)
            .limit(PIECE)
        )
        while rows := self.session.execute(wanted.where(Leaf.sequence > after)).all():
            yield from rows
            after = rows[-1].sequence
            self.session.expunge_all()

    def _leaf(self, row: Row[Any]) -> bytes:
        """As it follows from the entry; the stored one where there is nothing left to compute it from."""
        try:
            return leaves.leaf(row) if row.id is not None else bytes(row.leaf_hash)
        except canonical.NotCanonical:
            return b""

    def _entry(self, row: Row[Any]) -> None:
        about = f", {row.verb} {row.reference or row.subject}" if row.id is not None else ""
        where = f"entry {row.sequence} (id {row.entry_id}{about})"
        if row.id is None:
            self._fault(row.sequence, where, "it was deleted")
        elif self._leaf(row) != bytes(row.leaf_hash):
            self._fault(row.sequence, where, "it is not what was put into the log: it was changed")
        elif row.Personal is None:
            self._fault(row.sequence, where, "what it says about people was deleted, not erased")
        elif (known := personal.document(row.Personal)) is None:
            self.report.count("with personal data erased")
        elif row.Personal.salt is None or personal.digest(row.Personal.salt, known) != row.personal_sha256:
            self._fault(row.sequence, where, "what it says about people was changed")

    def _node(self, level: int, position: int, found: bytes) -> None:
        """The stored hashes narrow down where the entries differ; one level of them is enough to say."""
        if level not in self.nodes:
            self.nodes[level] = self._level(level)
        if next(self.nodes[level], None) == (position, found):
            return
        first = position << level
        if not self.report.faults.get("entry"):
            last = first + (1 << level) - 1
            self.report.fault(
                "entry",
                f"entries {first} to {last}",
                "one of them, or the hash that is stored for them, was changed",
                sequence=first,
                last=last,
            )

    def _level(self, level: int) -> Iterator[tuple[int, bytes]]:
        after = -1
        wanted = select(Node.position, Node.hash).where(Node.level == level).order_by(Node.position).limit(PIECE)
        while rows := self.session.execute(wanted.where(Node.position > after)).all():
            yield from ((position, bytes(found)) for position, found in rows)
            after = rows[-1].position

    def _waiting(self) -> None:
        without = select(func.count()).select_from(Entry).outerjoin(Leaf, Leaf.entry_id == Entry.id)
        waiting = self.session.scalar(without.where(Leaf.entry_id.is_(None))) or 0
        if waiting:
            self.report.remark(f"{waiting} entries are not in the log yet; they will be within minutes")


__all__ = ["examine", "trusted"]
