"""Records: asked for with the decision, rendered exactly once, the same bytes for ever, and checked by anyone."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import clock, db
from app.documents import pdf, records, store, tasks
from app.documents.models import Record, RecordState
from app.documents.records import Standing, Verification
from app.jobs import failures, queue
from app.jurisdictions import load


@pytest.fixture(autouse=True)
def _place(tmp_path: Path) -> Iterator[None]:
    before = store._current
    store.configure(tmp_path / "store")
    load.configure("RW")
    yield
    store._current = before


@pytest.fixture
def kinds() -> Iterator[None]:
    before = dict(records._kinds)
    records.register_kind("test.receipt", "Receipt", records.as_issued)
    records.register_kind("test.private", "Case file", records.as_issued, by_number=False)
    records.register_kind("test.permit", "Permit", suspended)
    yield
    records._kinds.clear()
    records._kinds.update(before)


def suspended(session: Session, record: Record) -> Verification:
    return Verification(Standing.SUSPENDED, record.title, record.issuer, facts=[("Goods", "Coffee")])


pytestmark = pytest.mark.usefixtures("kinds")


def ask(session: Session, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "kind": "test.receipt",
        "template": "generic.html",
        "title": "Receipt",
        "data": {"number": "REC-2026-00001", "sections": [{"rows": [["Paid", None]]}]},
        "locale": "en_RW",
        "subject": "payment:1",
        "issuer": "Rwanda Revenue Authority",
    }
    return records.request(session, **(values | changes))


def test_a_record_is_rendered_after_the_decision_and_kept(session: Session) -> None:
    record = ask(session)
    assert record.state == RecordState.PENDING
    with pytest.raises(records.NotReady):
        records.open_bytes(record)
    assert queue.run_pending(session) == 1
    session.refresh(record)
    content = records.open_bytes(record)
    assert record.ready
    assert content.startswith(b"%PDF-1.7")
    assert (record.sha256, record.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert record.number == "REC-2026-00001"


def test_it_is_never_rendered_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    record = ask(session)
    queue.run_pending(session)
    session.refresh(record)
    first = records.open_bytes(record)

    def never(*arguments: Any, **options: Any) -> bytes:
        raise AssertionError("rendered twice")

    monkeypatch.setattr(pdf, "render", never)
    queue.enqueue(session, records.RENDER, record_id=record.id)
    queue.run_pending(session)
    session.refresh(record)
    assert records.open_bytes(record) == first
    assert record.attempts == 1


def test_codes_cannot_be_guessed(session: Session) -> None:
    codes = {ask(session).code for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) >= 26 for code in codes), "26 signs of 5 bits are 130 bits"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET data = '{}'",
        "UPDATE records SET sha256 = repeat('0', 64)",
        "UPDATE records SET code = repeat('A', 26)",
        "UPDATE records SET title = 'Another'",
        "UPDATE records SET state = 'pending', sha256 = NULL, size = NULL",
        "DELETE FROM records",
        "TRUNCATE records CASCADE",
    ],
)
def test_the_database_lets_nobody_change_what_was_issued(session: Session, change: str) -> None:
    ask(session)
    queue.run_pending(session)
    with pytest.raises(DBAPIError, match=r"cannot be (changed|removed)"), session.begin_nested():
        session.execute(text(change))


def test_a_render_that_fails_is_tried_again_and_then_shown_to_someone(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> bytes:
        raise pdf.PdfCrashed("no memory")

    real = pdf.render
    monkeypatch.setattr(pdf, "render", broken)
    record = ask(session)
    tries = queue.tasks[records.RENDER].retry.attempts
    for number in range(1, tries + 1):
        assert queue.run_pending(session, reraise=False) == 1
        session.refresh(record)
        assert record.attempts == number
        assert record.state == (RecordState.FAILED if number == tries else RecordState.PENDING)
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert record.last_error.startswith("PdfCrashed")
    (failure,) = failures.list(session)
    assert failure.arguments == {"record_id": record.id}

    monkeypatch.setattr(pdf, "render", real)
    failures.retry(session, failure.id)
    queue.run_pending(session)
    session.refresh(record)
    assert record.ready
    assert record.last_error == ""


def test_two_workers_at_once_render_one_record_once(committed: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    both = threading.Barrier(2)

    def slow(*arguments: Any, **options: Any) -> bytes:
        rendered.append(options["code"])
        return b"%PDF-" + str(len(rendered)).encode()

    monkeypatch.setattr(pdf, "render", slow)
    with db.unit_of_work() as session:
        record = ask(session)

    def work() -> None:
        both.wait()
        with db.unit_of_work() as session:
            tasks.render_record(session, record_id=record.id)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rendered == [record.code]
    with db.unit_of_work() as session:
        assert records.open_bytes(session.get_one(Record, record.id)) == b"%PDF-1"


def test_bytes_that_were_changed_in_the_store_are_not_handed_out(session: Session, tmp_path: Path) -> None:
    record = ask(session)
    queue.run_pending(session)
    session.refresh(record)
    (path,) = (tmp_path / "store").glob("*/*/*")
    path.chmod(0o600)
    path.write_bytes(b"%PDF-forged")
    with pytest.raises(store.Damaged):
        records.open_bytes(record)


def test_an_unknown_kind_is_a_mistake_found_at_once(session: Session) -> None:
    with pytest.raises(LookupError):
        ask(session, kind="test.nobody")


def test_the_public_learns_the_state_by_code_and_less_by_number(session: Session) -> None:
    record = ask(session, kind="test.permit", number="RW-EXP-2026-00042")
    by_code = records.verify(session, record.code.lower())
    assert (by_code.state, by_code.facts) == (Standing.SUSPENDED, [("Goods", "Coffee")])
    by_number = records.verify(session, " rw-exp-2026-00042 ")
    assert (by_number.state, by_number.facts) == (Standing.SUSPENDED, ())
    assert by_number.issuer == "Rwanda Revenue Authority"


@pytest.mark.parametrize("typed", ["", "ABCDEFGHJKLMNPQRSTUVWXYZ22", "RW-EXP-2026-99999", "%", "'; --"])
def test_what_was_never_issued_is_unknown(session: Session, typed: str) -> None:
    ask(session)
    assert records.verify(session, typed).state is Standing.UNKNOWN


def test_a_private_kind_is_not_found_by_its_number(session: Session) -> None:
    record = ask(session, kind="test.private", number="BR-2026-00042-K")
    assert records.verify(session, "BR-2026-00042-K").state is Standing.UNKNOWN
    assert records.verify(session, record.code).state is Standing.VALID


def test_the_latest_record_with_a_number_counts(session: Session) -> None:
    ask(session, kind="test.receipt", number="N-1")
    ask(session, kind="test.permit", number="N-1")
    assert records.verify(session, "N-1").state is Standing.SUSPENDED


def test_the_moment_of_issue_is_the_portals(session: Session) -> None:
    assert abs(ask(session).issued_at - clock.now()) < timedelta(minutes=1)
