"""The tree as it is stored: every entry once, whoever writes at the same time, and nothing changed unnoticed."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import checking, entries, heads, leaves, logkey, merkle, proofs, sequencer, tree
from app.audit.models import Entry, Head, Key, Leaf, Node
from app.core import clock, db
from app.core.errors import NotFound
from app.jobs import queue
from tests.support.log import AMINA, DONE, kept_in, write
from tests.support.statements import counted


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[Path]:
    with kept_in(tmp_path) as folder:
        yield folder


def test_entries_get_their_leaves_in_order_and_the_head_is_the_trees(session: Session) -> None:
    written = write(session, 23)
    assert sequencer.waiting(session, most=100) == 23
    assert sequencer.batch(session, limit=10) == [entry.id for entry in written[:10]]
    assert sequencer.batch(session) == [entry.id for entry in written[10:]]
    assert sequencer.batch(session) == []
    hashes = [leaves.leaf(entry) for entry in written]
    assert [bytes(each) for each in session.scalars(sa.select(Leaf.leaf_hash).order_by(Leaf.sequence))] == hashes
    latest = heads.latest(session)
    assert latest is not None
    assert (latest.size, latest.root) == (23, merkle.root(hashes))
    assert sequencer.waiting(session, most=100) == 0
    assert checking.whole(session) == 23


def test_every_size_has_the_right_root_nodes_and_proofs(session: Session) -> None:
    written = write(session, 40)
    hashes = [leaves.leaf(entry) for entry in written]
    for size in range(1, 41):
        sequencer.batch(session, limit=1)
        assert tree.root(session, size) == merkle.root(hashes[:size])
    head = session.get_one(Head, 37)
    told = proofs.inclusion(session, [entry.id for entry in reversed(written[:37])], head)
    for place, proof in enumerate(told):
        index = 36 - place
        assert proof["sequence"] == index
        assert [bytes.fromhex(each) for each in proof["path"]] == merkle.inclusion(hashes[:37], index)
    for first in range(1, 38):
        path = [bytes.fromhex(each) for each in proofs.consistency(session, first, 37)]
        assert merkle.verify_consistency(first, 37, merkle.root(hashes[:first]), head.root, path)
    with pytest.raises(NotFound):
        proofs.inclusion(session, [written[37].id], head)
    count = session.scalar(sa.select(sa.func.count()).select_from(Node))
    assert count == sum(40 >> level for level in range(1, 6))


def test_proofs_take_two_statements_however_many(session: Session) -> None:
    written = write(session, 300)
    sequencer.batch(session)
    head = heads.latest(session)
    assert head is not None
    with counted(session) as one:
        proofs.inclusion(session, [written[0].id], head)
    with counted(session) as all_:
        proofs.inclusion(session, [entry.id for entry in written], head)
    with counted(session) as consistent:
        proofs.consistency(session, 177, 300)
    assert (len(one), len(all_), len(consistent)) == (2, 2, 1)


def test_a_head_is_signed_named_by_its_key_and_says_what_the_contract_says(session: Session) -> None:
    write(session, 3)
    sequencer.batch(session)
    head = heads.latest(session)
    assert head is not None
    told = heads.as_json(head)
    assert set(told) == {"log", "size", "root", "at", "key", "signature"}
    (key,) = heads.keys(session)
    public = session.get_one(Key, key["id"]).public
    assert (told["key"], told["size"], told["log"]) == (logkey.key_id(public), 3, "http://localhost/log")
    assert heads.authentic(head, public)
    head.size = 4
    assert not heads.authentic(head, public)
    session.expunge(head)


def test_an_entry_that_commits_late_with_a_lower_id_is_taken_later(committed: db.Database) -> None:
    slow = committed.sessions()
    (late,) = write(slow, 1)
    with db.unit_of_work() as session:
        (early,) = write(session, 1)
    assert late.id < early.id
    with db.unit_of_work() as session:
        assert sequencer.batch(session) == [early.id]
    slow.commit()
    slow.close()
    with db.unit_of_work() as session:
        assert sequencer.batch(session) == [late.id]
        assert session.scalars(sa.select(Leaf.entry_id).order_by(Leaf.sequence)).all() == [early.id, late.id]
        assert checking.whole(session) == 2


def test_one_that_commits_after_hours_is_taken_in_the_night(
    committed: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = committed.sessions()
    (late,) = write(slow, 1)
    with db.unit_of_work() as session:
        write(session, 1)
    with db.unit_of_work() as session:
        sequencer.batch(session)
    slow.commit()
    slow.close()
    later = datetime.now(UTC) + timedelta(hours=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    with db.unit_of_work() as session:
        assert sequencer.batch(session) == []
        sequencer.stragglers(session)
    with db.unit_of_work() as session:
        assert session.scalar(sa.select(Leaf.sequence).where(Leaf.entry_id == late.id)) == 1


def test_eight_writers_and_two_sequencers(committed: db.Database) -> None:
    """Slow commits, rollbacks and big transactions: every entry exactly once, and no writer waits for a sequencer."""
    stop = threading.Event()
    longest = [0.0] * 8
    kept: list[int] = []
    lock = threading.Lock()

    def writer(number: int) -> None:
        chance = random.Random(number)
        for _ in range(25):
            with committed.sessions() as session:
                count = chance.choice([1, 1, 2, 30])
                made = []
                for n in range(count):
                    made.append(entries.record(session, AMINA, DONE, subject=f"case:{n}"))
                began = time.monotonic()
                session.execute(sa.text("SET LOCAL lock_timeout = '100ms'"))  # a wait for a lock fails the test
                session.flush()
                longest[number] = max(longest[number], time.monotonic() - began)
                stop.wait(chance.random() * 0.02)  # the transaction stays open
                if chance.random() < 0.2:
                    session.rollback()
                    continue
                session.commit()
                with lock:
                    kept.extend(entry.id for entry in made)

    def sequence() -> None:
        while not stop.is_set():
            with db.unit_of_work() as session:
                sequencer.batch(session, limit=50)

    with ThreadPoolExecutor(10) as pool:
        at_work = [pool.submit(sequence) for _ in range(2)]
        writing = [pool.submit(writer, number) for number in range(8)]
        for each in writing:
            each.result()
        stop.set()
        for each in at_work:
            each.result()
    with db.unit_of_work() as session:
        while sequencer.batch(session):
            pass
    with db.unit_of_work() as session:
        placed = session.scalars(sa.select(Leaf.entry_id)).all()
        assert sorted(placed) == sorted(kept) == sorted(session.scalars(sa.select(Entry.id)))
        assert session.scalars(sa.select(Leaf.sequence).order_by(Leaf.sequence)).all() == list(range(len(kept)))
        ids = sorted(kept)
        assert ids[-1] - ids[0] + 1 > len(ids), "there were rollbacks, so there are gaps"
        assert checking.whole(session) == len(kept)
        sizes = [(head.size, head.at) for head in session.scalars(sa.select(Head).order_by(Head.size))]
        assert [at for _, at in sizes] == sorted(at for _, at in sizes)
        previous = None
        for size, _ in sizes[:: max(1, len(sizes) // 20)]:
            head = session.get_one(Head, size)
            if previous is not None:
                path = [bytes.fromhex(each) for each in proofs.consistency(session, previous.size, size)]
                assert merkle.verify_consistency(previous.size, size, previous.root, head.root, path)
            previous = head


def test_a_second_sequencer_goes_away_at_once(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        write(session, 2)
    with committed.sessions() as first, committed.sessions() as second:
        assert len(sequencer.batch(first)) == 2
        assert sequencer.batch(second) == []
        first.commit()


def test_more_than_a_batch_goes_on_by_itself(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "BATCH", 4)
    monkeypatch.setattr(sequencer.batch, "__kwdefaults__", {"limit": 4, "after": None})
    write(session, 11)
    sequencer.sequence(session)
    queue.run_pending(session)
    assert session.scalars(sa.select(Head.size).order_by(Head.size)).all() == [4, 8, 11]
    assert [size for size, _ in heads.exported()] == [4, 8, 11]
