"""What was changed in the database is noticed; what is about people can be erased; the key is kept to itself."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import checking, entries, heads, leaves, logkey, personal, sequencer
from app.audit.models import Head, Leaf, Personal
from app.jobs import queue
from tests.support.log import AMINA, DONE, as_superuser, execute, kept_in, write
from tests.support.statements import counted


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[Path]:
    with kept_in(tmp_path) as folder:
        yield folder


# --- alarms -----------------------------------------------------------------------------------------------------------

CHANGES = {
    "an entry's words": ("UPDATE audit_entries SET subject = 'case:other' WHERE id = :id", checking.EntryChanged),
    "an entry's actor": ("UPDATE audit_entries SET actor_id = 8 WHERE id = :id", checking.EntryChanged),
    "an entry's detail": ("UPDATE audit_entries SET detail = '{}' WHERE id = :id", checking.EntryChanged),
    "an entry's moment": (
        "UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE id = :id",
        checking.EntryChanged,
    ),
    "an entry removed": ("DELETE FROM audit_entries WHERE id = :id", checking.EntryMissing),
    "a leaf removed": ("DELETE FROM audit_leaves WHERE entry_id = :id", checking.EntryMissing),
    "a leaf's hash": (
        "UPDATE audit_leaves SET leaf_hash = sha256(leaf_hash) WHERE entry_id = :id",
        checking.EntryChanged,
    ),
    "a node": ("UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 1 AND position = 2", checking.TreeChanged),
    "a node removed": ("DELETE FROM audit_nodes WHERE level = 2 AND position = 0", checking.TreeChanged),
    "an old head": ("UPDATE audit_heads SET root = sha256(root) WHERE size = 7", checking.TreeChanged),
    "an old head's time": ("UPDATE audit_heads SET at = at - interval '1 day' WHERE size = 7", checking.TreeChanged),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_nightly_check_finds_what_was_changed_and_where(session: Session, what: str) -> None:
    written = write(session, 13)
    sequencer.batch(session, limit=7)
    sequencer.batch(session)
    statement, expected = CHANGES[what]
    tables = ("audit_entries", "audit_leaves", "audit_nodes", "audit_heads")
    with as_superuser(session, *tables):
        session.execute(sa.text(statement), {"id": written[5].id} if ":id" in statement else {})
    session.expire_all()
    with pytest.raises(expected) as found:
        checking.whole(session)
    if expected in (checking.EntryChanged, checking.EntryMissing):
        assert "leaf 5" in str(found.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_heads SET root = sha256(root)",
        "UPDATE audit_heads SET signature = sha256(signature) || sha256(signature)",
        "UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 3",
        "DELETE FROM audit_nodes WHERE level = 3",
        "DELETE FROM audit_heads",
        "DELETE FROM audit_leaves WHERE sequence = 12",
        "DELETE FROM audit_keys",
    ],
)
def test_nothing_is_signed_over_a_tree_that_is_not_the_heads(session: Session, statement: str) -> None:
    write(session, 13)
    sequencer.batch(session)
    with as_superuser(session, "audit_heads", "audit_nodes", "audit_leaves", "audit_keys"):
        session.execute(sa.text(statement))
    session.expire_all()
    write(session, 1)
    count = session.scalar(sa.select(sa.func.count()).select_from(Leaf))
    with pytest.raises(sequencer.HeadDisagrees):
        sequencer.batch(session)
    assert session.scalar(sa.select(sa.func.count()).select_from(Leaf)) == count


def test_a_database_taken_back_to_an_older_copy_is_noticed(session: Session) -> None:
    write(session, 5)
    sequencer.batch(session)
    queue.run_pending(session)
    write(session, 2)
    with session.begin_nested() as lost:
        sequencer.batch(session)
        latest = heads.latest(session)
        assert latest is not None
        heads.export(latest)
        lost.rollback()
    session.expire_all()
    with pytest.raises(sequencer.RolledBack):
        sequencer.batch(session)
    with pytest.raises(checking.TreeChanged, match="head 7"):
        checking.whole(session)


def test_another_head_of_the_same_size_is_never_written_over(session: Session) -> None:
    write(session, 5)
    sequencer.batch(session)
    head = heads.latest(session)
    assert head is not None
    path = heads.export(head)
    assert heads.export(head) == path
    before = path.read_bytes()
    assert json.loads(before) == heads.as_json(head)
    forged = Head(
        size=head.size, log=head.log, root=b"\0" * 32, at=head.at, key_id=head.key_id, signature=b"", last_entry=0
    )
    with pytest.raises(heads.Forked):
        heads.export(forged)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert heads.last_exported() == (5, head.root.hex())


def test_an_export_that_was_lost_is_made_good_by_the_next(session: Session) -> None:
    for _ in range(3):
        write(session, 1)
        sequencer.batch(session)
    sequencer.export_head(session, 3)
    assert [size for size, _ in heads.exported()] == [1, 2, 3]


# --- people -----------------------------------------------------------------------------------------------------------


def test_the_personal_part_is_bound_by_its_hash_and_erased_without_touching_the_log(session: Session) -> None:
    entry = entries.record(
        session,
        AMINA,
        DONE,
        subject="user:7",
        personal={"reference": "amina@example.rw", "email": ["a@b.rw", "c@b.rw"]},
    )
    session.flush()
    part = session.get_one(Personal, entry.id)
    contents = personal.document(part)
    assert contents == {
        "name": AMINA.name,
        "ip": "192.0.2.7",
        "reference": "amina@example.rw",
        "detail": {"email": ["a@b.rw", "c@b.rw"]},
    }
    assert part.salt is not None
    assert personal.digest(part.salt, contents) == entry.personal_sha256
    assert "Amina" not in json.dumps(leaves.document(entry))
    assert "amina" not in json.dumps(leaves.document(entry))
    sequencer.batch(session)
    for words in ("rukundo", "amina@example.rw", "user:7"):
        assert [each.id for each in entries.search(session, query=words).entries] == [entry.id]

    assert personal.erase(session, [entry.id]) == 1
    assert personal.erase(session, [entry.id]) == 0
    session.expire_all()
    assert personal.document(session.get_one(Personal, entry.id)) is None
    assert session.get_one(Personal, entry.id).salt is None
    assert entries.search(session, query="rukundo").entries == []
    (found,) = entries.search(session, query="user:7").entries
    assert found.actor_name == "name erased"
    assert found.called == "user:7"
    assert checking.whole(session) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_personal SET name = 'nobody'",
        "UPDATE audit_personal SET erased_at = now(), name = NULL",
        "UPDATE audit_personal SET erased_at = now(), name = NULL, salt = NULL, ip = NULL, reference = NULL,"
        " detail = NULL, about = 'something else'",
        "DELETE FROM audit_personal",
        "TRUNCATE audit_personal",
        "DELETE FROM audit_leaves",
        "UPDATE audit_nodes SET hash = hash",
        "TRUNCATE audit_heads",
        "SET session_replication_role = replica; DELETE FROM audit_keys",
        "SET session_replication_role = replica; UPDATE audit_personal SET name = 'nobody'",
    ],
)
def test_the_logs_tables_refuse_to_be_changed(session: Session, statement: str) -> None:
    write(session, 2)
    sequencer.batch(session)
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
        execute(session, statement)


def test_an_entry_without_a_personal_part_is_refused(session: Session) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="personal part"), session.begin_nested():
        session.execute(
            sa.text(
                "INSERT INTO audit_entries (at, actor_kind, actor_role, agency, verb, subject, reference, authority,"
                " detail, personal_sha256) VALUES (now(), 'system', '', '', 'x.y', 'z', '', '', '{}', repeat('0', 64))"
            )
        )


def test_an_entry_is_one_statement(session: Session) -> None:
    with counted(session) as said:
        write(session, 1)
    assert len(said) == 1


@pytest.mark.parametrize("number", [1.5, 2**53])
def test_a_number_the_log_cannot_hold_is_refused_when_it_is_written(session: Session, number: float) -> None:
    with pytest.raises(TypeError):
        entries.record(session, AMINA, DONE, subject="case:1", detail={"n": number})


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_readable_by_nobody_else(place: Path) -> None:
    path = place / "new" / "key.pem"
    with ThreadPoolExecutor(8) as pool:
        made = {key.id for key in pool.map(lambda _: logkey.load(path, create=True), range(8))}
    assert len(made) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key.pem"]


def test_a_key_that_cannot_be_used_is_told_in_a_sentence(place: Path) -> None:
    with pytest.raises(logkey.KeyUnusable, match="cannot be read"):
        logkey.load(place / "none.pem")
    (place / "bad.pem").write_text("hello")
    with pytest.raises(logkey.KeyUnusable, match="not a PEM"):
        logkey.load(place / "bad.pem")
