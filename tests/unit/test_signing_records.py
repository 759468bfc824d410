"""Signing within the job that makes a record: once, or not at all; never lost, never twice."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import db
from app.documents import failures, records, signing, store
from app.documents.models import Record, RecordState
from app.jobs import queue
from app.jurisdictions import load
from app.tasks_index import import_tasks
from config import ROOT
from tests.support.seals import Office, judged, open_office

NAEB = "National Agricultural Export Development Board"
KIND = "test.signed"
import_tasks()

# A worker that is killed after the record was signed and kept, before anything is written to the database.
KILLED = """
import os, sys
from pathlib import Path
from app.core import db
from app.documents import records, signing, store, tasks
from app.jobs import queue
from app.jurisdictions import load
from app.models_index import import_models
import_models()
url, folder, seal, tsa = sys.argv[1:]
db.configure(db.Database(url))
load.configure("RW")
signing.configure("file:" + seal, tsa_url=tsa, crl_url=tsa)
class Deadly(store.FolderStore):
    def put(self, content):
        if b"/ETSI.CAdES.detached" not in content:
            sys.exit("not signed before it is kept")
        super().put(content)
        os.kill(os.getpid(), 9)
store.configure(Deadly(Path(folder)))
with db.unit_of_work() as session:
    queue.run_pending(session)
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office") / "seal") as made:
        yield made


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, office: Office) -> Iterator[None]:
    before, kinds = store._current, dict(records._kinds)
    store.configure(tmp_path / "store")
    load.configure("RW")
    records.register_kind(KIND, "Permit", records.as_issued)
    office.configure()
    yield
    office.state.broken = False
    store._current = before
    records._kinds.clear()
    records._kinds.update(kinds)


def ask(session: Session, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "kind": KIND,
        "template": "generic.html",
        "title": "Export licence",
        "data": {"number": "RW-EXP-2026-00042"},
        "locale": "en_RW",
        "subject": "permit:1",
        "issuer": NAEB,
    }
    return records.request(session, **(values | changes))


def test_a_record_is_signed_by_its_agency_before_it_is_kept(session: Session, office: Office, tmp_path: Path) -> None:
    record = ask(session)
    assert record.seal == "NAEB"
    queue.run_pending(session)
    session.refresh(record)
    content = records.open_bytes(record)
    verdict = judged(content, office.folder)
    assert verdict.bottom_line
    assert (record.signature_level, record.signed_by) == ("B-LT", NAEB)
    assert record.signed_at == verdict.timestamp_validity.timestamp
    assert record.certificate_fingerprint == verdict.signing_cert.sha256.hex()
    assert (record.sha256, record.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert len(list((tmp_path / "store").glob("*/*/*"))) == 1, "the unsigned one is kept nowhere"


def test_the_portal_seals_what_no_agency_issues(session: Session, office: Office) -> None:
    record = ask(session, issuer="Rwanda Trade Portal")
    queue.run_pending(session)
    session.refresh(record)
    assert record.seal == "PORTAL"
    assert judged(records.open_bytes(record), office.folder).bottom_line


def test_a_french_record_bears_the_same_agencys_seal(session: Session) -> None:
    agency = next(each for each in load.current().agencies if each.code == "NAEB")
    assert ask(session, locale="fr_RW", issuer=agency.names["fr"]).seal == "NAEB"


def test_it_is_never_signed_again(session: Session, office: Office) -> None:
    record = ask(session)
    queue.run_pending(session)
    stamped = office.state.asked
    for _ in range(3):
        queue.enqueue(session, records.RENDER, record_id=record.id)
    queue.run_pending(session)
    assert office.state.asked == stamped


@pytest.mark.parametrize(
    "change",
    [
        "signed_by = 'Another'",
        "signature_level = NULL",
        "signed_at = now()",
        "certificate_fingerprint = repeat('0', 64)",
        "seal = 'RDB'",
    ],
)
def test_the_database_lets_nobody_change_who_signed(session: Session, change: str) -> None:
    ask(session)
    queue.run_pending(session)
    with pytest.raises(DBAPIError, match="cannot be changed"), session.begin_nested():
        session.execute(text(f"UPDATE records SET {change}"))


@pytest.mark.parametrize(
    "values", ["signature_level = 'B-LT'", "signature_level = 'A', signed_by = 'x', signed_at = now()"]
)
def test_half_a_signature_cannot_be_noted(session: Session, values: str) -> None:
    ask(session)
    with pytest.raises(DBAPIError, match="violates check constraint"), session.begin_nested():
        session.execute(text(f"UPDATE records SET {values}"))


def test_a_time_stamp_authority_that_is_away_costs_a_wait_and_no_decision(session: Session, office: Office) -> None:
    office.state.broken = True
    record = ask(session)
    tries = queue.tasks[records.RENDER].retry.attempts
    for number in range(1, tries + 1):
        assert queue.run_pending(session, reraise=False) == 1
        session.refresh(record)
        assert record.state == (RecordState.FAILED if number == tries else RecordState.PENDING)
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert record.last_error.startswith("StampAway at")
    assert (record.sha256, record.signature_level) == (None, None)
    office.state.broken = False
    failures.retry(session, record.id)
    queue.run_pending(session)
    session.refresh(record)
    assert (record.ready, record.signature_level) == (True, "B-LT")


def test_a_worker_killed_between_signature_and_row_loses_and_doubles_nothing(
    committed: db.Database, office: Office, tmp_path: Path
) -> None:
    with db.unit_of_work() as session:
        number = ask(session).id
    url = committed.engine.url.render_as_string(hide_password=False)
    folder = tmp_path / "store"
    arguments = (url, str(folder), str(office.folder), office.url)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    with db.unit_of_work() as session:
        record = session.get_one(Record, number)
        assert (record.state, record.sha256, record.signature_level) == (RecordState.PENDING, None, None)
        queue.enqueue(session, records.RENDER, record_id=number)  # as the worker's rescue does
    for _ in range(2):
        with db.unit_of_work() as session:
            queue.run_pending(session)
    with db.unit_of_work() as session:
        (record,) = session.scalars(select(Record)).all()
        assert record.ready
        assert judged(records.open_bytes(record), office.folder).bottom_line
        assert record.attempts == 1


def test_without_a_seal_records_are_as_before(session: Session) -> None:
    before = signing._settings
    signing.configure("")
    try:
        record = ask(session)
        queue.run_pending(session)
        session.refresh(record)
        assert (record.ready, record.signature_level, record.signed_by) == (True, None, None)
        assert b"/ByteRange" not in records.open_bytes(record)
    finally:
        signing._settings = before
