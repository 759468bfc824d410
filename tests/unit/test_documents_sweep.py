"""Bytes that no row names are forgotten after a day, and nothing else ever is."""

import io
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.cases.models import Bundle, BundleState
from app.core import clock, db, identifiers
from app.documents import store, tasks, uploads
from app.documents.models import Upload
from tests.factories.businesses import make_registration
from tests.factories.people import make_user
from tests.support import papers


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[store.FolderStore]:
    before = store._current
    made = store.FolderStore(tmp_path / "store")
    store.configure(made)
    yield made
    store._current = before


def put(place: store.FolderStore, content: bytes, days: float = 2) -> str:
    sha256 = place.put(content)
    moment = (clock.now() - timedelta(days=days)).timestamp()
    os.utime(place.path(sha256), (moment, moment))
    return sha256


def an_upload(session: Session, sha256: str, **changes: object) -> Upload:
    case = make_registration(session)
    made = Upload(
        case_id=case.id, code="identity", filename="a.pdf", media_type="application/pdf", size=5, pages=1,
        sha256=sha256, uploaded_by=case.applicant_id, uploaded_at=clock.now(), **changes,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def test_only_old_bytes_without_a_row_are_forgotten(session: Session, place: store.FolderStore) -> None:
    rolled_back, young = put(place, b"rolled back"), put(place, b"young", days=0.9)
    attached, removed, issued, bundled = (put(place, name) for name in (b"attached", b"removed", b"issued", b"bundle"))
    an_upload(session, attached)
    an_upload(session, removed, removed_at=clock.now())
    session.execute(
        text(
            "INSERT INTO records (kind, code, number, title, template, locale, data, subject, issuer, issued_at, state,"
            " sha256, size) VALUES ('receipt', repeat('A', 26), '', '', '', 'en_RW', '{}', '', '', now(), 'ready',"
            " :sha256, 1)"
        ),
        {"sha256": issued},
    )
    session.add(
        Bundle(
            code=identifiers.public_code(), requested_by=make_user(session).id, title="", locale="en_RW",
            selection={}, state=BundleState.READY.value, total=1, sha256=bundled, size=1, created_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    tasks.sweep_store(session)
    assert not place.has(rolled_back)
    assert all(place.has(sha256) for sha256 in (young, attached, removed, issued, bundled))


def test_an_upload_that_is_not_committed_yet_keeps_bytes_that_were_an_orphan(
    committed: db.Database, place: store.FolderStore
) -> None:
    paper = papers.pdf()
    orphan = put(place, paper)
    with db.unit_of_work() as session:
        case = make_registration(session)
    with db.unit_of_work() as session:
        made = uploads.accept(
            session, stream=io.BytesIO(paper), filename="a.pdf", case_id=case.id, code="x",
            uploaded_by=case.applicant_id,
        )  # fmt: skip
        with db.unit_of_work() as other:
            tasks.sweep_store(other)
    assert made.sha256 == orphan
    assert uploads.open_bytes(made) == paper


def test_an_upload_between_the_look_and_the_forgetting_keeps_its_bytes(
    committed: db.Database, place: store.FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep has read that no row names them; now somebody attaches just these bytes and commits."""
    orphan = put(place, b"paper")
    look = tasks._unnamed

    def look_then_let_the_other_in(session: Session, hashes: list[str]) -> object:
        found = look(session, hashes)
        with db.unit_of_work() as other:
            an_upload(other, place.put(b"paper"))
        return found

    monkeypatch.setattr(tasks, "_unnamed", look_then_let_the_other_in)
    with db.unit_of_work() as session:
        tasks.sweep_store(session)
    assert place.get(orphan) == b"paper"


def test_many_unnamed_files_are_left_alone_and_somebody_is_told(
    session: Session, place: store.FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "FEW", 2)
    monkeypatch.setattr(tasks, "AT_ONCE", 2)
    others = [put(place, bytes([number])) for number in range(3)]
    with pytest.raises(tasks.NotOurStore, match="3 of 3"):
        tasks.sweep_store(session)
    assert all(place.has(sha256) for sha256 in others)


def test_two_clicks_at_once_attach_a_paper_once(committed: db.Database) -> None:
    paper = papers.pdf()
    with db.unit_of_work() as session:
        case = make_registration(session)
    both = threading.Barrier(2)
    real = uploads.examine

    def together(content: bytes, *, field: str) -> uploads.Clean:
        found = real(content, field=field)
        both.wait(10)
        return found

    def attach(name: str) -> None:
        with db.unit_of_work() as session:
            uploads.accept(
                session, stream=io.BytesIO(paper), filename=name, case_id=case.id, code="x",
                uploaded_by=case.applicant_id,
            )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "examine", together)
        clicks = [threading.Thread(target=attach, args=(f"{number}.pdf",)) for number in range(2)]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
    with db.unit_of_work() as session:
        assert len(uploads.for_case(session, case.id)) == 1
