"""What a database's superuser can do to the log, with all triggers off: found against the heads outside, and where."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import entries, heads, history, leaves, logkey, personal, sequencer, verbs
from app.audit.models import Entry, Head, Leaf
from app.identity.actor import Actor, Role
from tests.support import rewriting

DONE = verbs.register("test.done", "Done")
AMINA = Actor(kind="user", name="Amina Rukundo", user_id=7, role=Role.CLERK, ip="192.0.2.7")
COUNT, BATCH, SEED, ROUNDS = 29, 5, 20260301, 12


@dataclass(frozen=True)
class Live:
    session: Session
    folder: Path
    chance: random.Random

    def run(self, statement: str, **values: Any) -> None:
        self.session.execute(sa.text(statement), values)

    def place(self) -> int:
        return self.chance.randrange(COUNT)

    def entry(self, sequence: int) -> int:
        return self.session.scalars(sa.select(Leaf.entry_id).where(Leaf.sequence == sequence)).one()


@pytest.fixture
def live(session: Session, tmp_path: Path) -> Iterator[Live]:
    before = heads._place
    key = logkey.load(tmp_path / "key.pem", create=True)
    heads.configure(log="http://localhost/log", key=key, folder=tmp_path / "heads")
    for number in range(COUNT):
        entries.record(session, AMINA, DONE, subject=f"case:{number}", detail={"n": number})
        session.flush()  # one by one, so that their ids are in order
    while sequencer.batch(session, limit=BATCH):
        pass
    for head in heads.page(session):
        heads.export(head)
    yield Live(session, tmp_path / "heads", random.Random(SEED))
    heads._place = before


def edit(live: Live) -> int:
    at = live.place()
    change = live.chance.choice(
        [
            "verb = 'test.undone'", "subject = 'case:0x'", "authority = 'Law 1'", "case_id = 5", "actor_id = 8",
            "at = at - interval '1 microsecond'", "detail = '{\"n\": -1}'", "actor_role = 'admin'", "agency = 'rra'",
        ]
    )  # fmt: skip
    live.run(f"UPDATE audit_entries SET {change} WHERE id = :id", id=live.entry(at))
    return at


def edit_person(live: Live) -> int:
    at = live.place()
    change = live.chance.choice(["name = 'Other'", "ip = '192.0.2.99'", "salt = decode(repeat('00', 32), 'hex')"])
    live.run(f"UPDATE audit_personal SET {change} WHERE entry_id = :id", id=live.entry(at))
    return at


def delete_person(live: Live) -> int:
    at = live.place()
    live.run("DELETE FROM audit_personal WHERE entry_id = :id", id=live.entry(at))
    return at


def delete(live: Live) -> int:
    at = live.place()
    live.run("DELETE FROM audit_entries WHERE id = :id", id=live.entry(at))
    return at


def delete_with_leaf(live: Live) -> int:
    at = live.place()
    live.run("DELETE FROM audit_entries WHERE id = :id", id=live.entry(at))
    live.run("DELETE FROM audit_leaves WHERE sequence = :at", at=at)
    return at


def delete_and_close_the_gap(live: Live) -> int:
    """The leaves after it move up: what is stored above them tells."""
    at = live.chance.randrange(COUNT - 1)
    live.run("DELETE FROM audit_entries WHERE id = :id", id=live.entry(at))
    live.run("DELETE FROM audit_leaves WHERE sequence = :at", at=at)
    for sequence in range(at + 1, COUNT):
        live.run("UPDATE audit_leaves SET sequence = :to WHERE sequence = :at", to=sequence - 1, at=sequence)
    return at


def reorder(live: Live) -> int:
    """Two entries exchange their leaves."""
    one, other = sorted(live.chance.sample(range(COUNT), 2))
    first, second = live.entry(one), live.entry(other)
    live.run("UPDATE audit_leaves SET entry_id = -1 WHERE sequence = :at", at=one)
    live.run("UPDATE audit_leaves SET entry_id = :id WHERE sequence = :at", id=first, at=other)
    live.run("UPDATE audit_leaves SET entry_id = :id WHERE sequence = :at", id=second, at=one)
    return one


def truncate(live: Live) -> int:
    """Entries and leaves at the end; the heads in the database, too."""
    left = live.chance.randrange(1, COUNT)
    live.run("DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE sequence >= :n)", n=left)
    live.run("DELETE FROM audit_leaves WHERE sequence >= :n", n=left)
    live.run("DELETE FROM audit_heads WHERE size > :n", n=left)
    return left


def roll_back(live: Live) -> int:
    """Exactly what there was at an earlier head, as a restored copy has it."""
    left = BATCH * live.chance.randrange(1, COUNT // BATCH + 1)
    live.run("DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE sequence >= :n)", n=left)
    live.run("DELETE FROM audit_personal WHERE entry_id NOT IN (SELECT id FROM audit_entries)")
    live.run("DELETE FROM audit_leaves WHERE sequence >= :n", n=left)
    live.run("DELETE FROM audit_nodes WHERE (position + 1) * (1 << level::int) > :n", n=left)
    live.run("DELETE FROM audit_heads WHERE size > :n", n=left)
    return left


def edit_with_leaf(live: Live) -> int:
    at = live.chance.randrange(COUNT - 1)
    live.run("UPDATE audit_entries SET case_id = 99 WHERE id = :id", id=live.entry(at))
    entry = live.session.execute(sa.select(*leaves.COLUMNS).where(Entry.id == live.entry(at))).one()
    live.run("UPDATE audit_leaves SET leaf_hash = :hash WHERE sequence = :at", hash=leaves.leaf(entry), at=at)
    return at


def rewrite(live: Live) -> int:
    """An entry and every stored hash, but not the heads."""
    at = live.place()
    live.run("UPDATE audit_entries SET case_id = 99 WHERE id = :id", id=live.entry(at))
    rewriting.recompute(live.session)
    return at


def rewrite_with_heads(live: Live, *, stolen: bool = False, at: int | None = None) -> int:
    """Everything in the database, its heads under another key, which is put among the keys."""
    at = live.place() if at is None else at
    live.run("UPDATE audit_entries SET case_id = 99 WHERE id = :id", id=live.entry(at))
    hashes = rewriting.recompute(live.session)
    place = heads._configured()
    path = live.folder.parent / f"key-{live.chance.random()}.pem"
    key = place.key if stolen else logkey.load(path, create=True)
    if not stolen:
        live.run("INSERT INTO audit_keys VALUES (:id, :public, now())", id=key.id, public=key.public)
    rewriting.sign_again(live.session, hashes, key)
    return at


def rewrite_with_the_stolen_key(live: Live) -> int:
    return rewrite_with_heads(live, stolen=True)


SPOILS: list[Callable[[Live], int]] = [
    edit, edit_person, delete_person, delete, delete_with_leaf, delete_and_close_the_gap, reorder, truncate, roll_back,
    edit_with_leaf, rewrite, rewrite_with_heads, rewrite_with_the_stolen_key,
]  # fmt: skip


def test_an_honest_log_holds(live: Live) -> None:
    report = history.examine(live.session, live.folder)
    assert report.exit_code == 0, report.as_text()
    assert report.counts["entries"] == COUNT


def test_erased_names_are_no_fault(live: Live) -> None:
    assert personal.erase(live.session, [live.entry(3)]) == 1
    report = history.examine(live.session, live.folder)
    assert report.exit_code == 0, report.as_text()
    assert report.counts["with personal data erased"] == 1


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_superuser_is_found_out(live: Live, spoil: Callable[[Live], int]) -> None:
    """One entry is named, or, where the stored hashes were changed as well, the few between two exported heads."""
    for number in range(ROUNDS):
        savepoint = live.session.begin_nested()
        rewriting.unguard(live.session)
        at = spoil(live)
        live.session.expire_all()
        report = history.examine(live.session, live.folder)
        told = f"seed {SEED}, {spoil.__name__} {number}, expected {at}:\n{report.as_text()}"
        assert report.exit_code == 1, told
        found = report.first["entry"]
        assert found["sequence"] <= at <= found.get("last", found["sequence"]) < found["sequence"] + BATCH, told
        savepoint.rollback()
        live.session.expire_all()


def test_a_head_that_was_kept_tells_when_even_the_folder_was_rewritten(live: Live) -> None:
    kept = heads.as_json(live.session.get_one(Head, 10))
    rewriting.unguard(live.session)
    rewrite_with_heads(live, stolen=True, at=3)
    for path in live.folder.rglob("*.json"):
        path.unlink()
    for head in heads.page(live.session):
        heads.export(head)
    assert history.examine(live.session, live.folder).exit_code == 0
    assert history.examine(live.session, live.folder, kept=kept).exit_code == 1


def test_a_head_of_the_folder_that_the_database_lost_is_named(live: Live) -> None:
    live.run("ALTER TABLE audit_heads DISABLE TRIGGER USER")
    live.run("DELETE FROM audit_heads WHERE size = 10")
    live.session.expire_all()
    report = history.examine(live.session, live.folder)
    assert "no longer has this head of 10 entries" in report.first["head"]["what"]
