"""Who may take a document away, what they get, and what is written down about it."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases.models import Case
from app.documents import pdf, records, store, uploads
from app.documents.models import Record, Upload
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from tests.factories.businesses import make_business, make_registration
from tests.factories.people import make_user
from tests.support import papers

KIND = "test.download"
AGENCY = "RDB"


@pytest.fixture(autouse=True)
def _kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    records.register_kind(KIND, "Certificate", records.as_issued)
    monkeypatch.setattr(pdf, "render", lambda *arguments, **options: b"%PDF-1.7 " + options["code"].encode())
    yield
    del records._kinds[KIND]


@pytest.fixture
def applicant(session: Session) -> User:
    return make_user(session)


@pytest.fixture
def case(session: Session, applicant: User) -> Case:
    made = make_registration(session, applicant)
    session.commit()
    return made


@pytest.fixture
def record(session: Session, case: Case) -> Record:
    made = issue(session, case_id=case.id)
    queue.run_pending(session)
    session.refresh(made)
    session.commit()
    return made


def issue(session: Session, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "kind": KIND, "template": "generic.html", "title": "Certificate", "data": {"number": "C/2026 7"},
        "locale": "en_RW", "subject": "business:1", "issuer": "Rwanda Development Board",
    }  # fmt: skip
    return records.request(session, **(values | changes))


def attach(session: Session, case: Case, content: bytes, name: str, **changes: Any) -> Upload:
    values = {"case_id": case.id, "code": "identity", "uploaded_by": case.applicant_id}
    made = uploads.accept(session, stream=io.BytesIO(content), filename=name, **(values | changes))
    session.commit()
    return made


def downloads(session: Session) -> list[tuple[str, str]]:
    verbs = ("record.downloaded", "upload.opened")
    return [(entry.verb, entry.actor_name) for entry in session.scalars(select(Entry).where(Entry.verb.in_(verbs)))]


def test_the_applicant_downloads_the_same_bytes_each_time(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, applicant: User, record: Record
) -> None:
    sign_in(applicant)
    first = client.get(f"/records/{record.code}.pdf")
    second = client.get(f"/records/{record.code}.pdf?download=1")
    assert first.status_code == 200
    assert first.data == second.data == store.current().get(record.sha256 or "")
    assert first.mimetype == "application/pdf"
    assert first.headers["Content-Disposition"] == "inline; filename=C-2026-7.pdf"
    assert second.headers["Content-Disposition"] == "attachment; filename=C-2026-7.pdf"
    assert "no-store" in first.headers["Cache-Control"]
    assert downloads(session) == [], "what people do with their own papers is theirs"


def test_a_record_that_is_not_ready_says_so_and_looks_again(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, applicant: User, case: Case
) -> None:
    waiting = issue(session, case_id=case.id)
    session.commit()
    sign_in(applicant)
    page = client.get(f"/records/{waiting.code}.pdf")
    assert page.status_code == 202
    assert "being prepared" in page.text
    assert page.headers["Refresh"] == f"4; url=/records/{waiting.code}"
    queue.run_pending(session)
    session.commit()
    moved = client.get(f"/records/{waiting.code}")
    assert moved.status_code == 303
    assert moved.location == f"/records/{waiting.code}.pdf"


def test_a_record_that_failed_says_that_someone_knows(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, applicant: User, case: Case
) -> None:
    broken = issue(session, case_id=case.id)
    session.execute(text("UPDATE records SET state = 'failed' WHERE id = :id"), {"id": broken.id})
    session.commit()
    session.refresh(broken)
    sign_in(applicant)
    page = client.get(f"/records/{broken.code}")
    assert page.status_code == 202
    assert "The decision stands" in page.text
    assert "Refresh" not in page.headers


@pytest.mark.parametrize(
    ("role", "agencies", "status"),
    [
        (Role.ENTREPRENEUR, (), 404),
        (Role.CLERK, (AGENCY,), 200),
        (Role.SUPERVISOR, (AGENCY,), 200),
        (Role.CLERK, ("NAEB",), 404),
        (Role.AUDITOR, (), 200),
        (Role.ADMINISTRATOR, (), 404),
    ],
)
def test_others_see_only_what_their_office_needs_and_that_is_written_down(
    client: FlaskClient,
    sign_in: Callable[..., FlaskClient],
    session: Session,
    case: Case,
    record: Record,
    role: Role,
    agencies: tuple[str, ...],
    status: int,
) -> None:
    session.execute(text("UPDATE cases SET state = 'withdrawn', agency = :agency WHERE id = :id"),
                    {"agency": AGENCY, "id": case.id})  # fmt: skip
    session.expire_all()
    paper = attach(session, case, papers.pdf(), "statutes.pdf")
    reader = make_user(session, role=role, agencies=agencies)
    session.commit()
    sign_in(reader)
    assert client.get(f"/records/{record.code}.pdf").status_code == status
    assert client.get(f"/files/{paper.id}").status_code == status
    expected = [("record.downloaded", reader.name), ("upload.opened", reader.name)] if status == 200 else []
    assert downloads(session) == expected


def test_a_record_without_a_case_belongs_to_the_business_or_to_auditors(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session
) -> None:
    owner, stranger = make_user(session), make_user(session)
    business = make_business(session, owner=owner)
    of_business = issue(session, business_id=business.id)
    of_nobody = issue(session)
    queue.run_pending(session)
    auditor = make_user(session, role=Role.AUDITOR)
    session.commit()
    for reader, statuses in ((owner, (200, 404)), (stranger, (404, 404)), (auditor, (200, 200))):
        sign_in(reader)
        found = [client.get(f"/records/{record.code}.pdf").status_code for record in (of_business, of_nobody)]
        assert tuple(found) == statuses


def test_nobody_gets_anything_without_signing_in(client: FlaskClient, record: Record) -> None:
    for address in (f"/records/{record.code}.pdf", f"/records/{record.code}", "/files/1"):
        answer = client.get(address)
        assert answer.status_code in {302, 303}
        assert "/sign-in" in answer.location


def test_a_missing_document_looks_like_another_persons(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, record: Record
) -> None:
    stranger = make_user(session)
    session.commit()
    sign_in(stranger)
    other = client.get(f"/records/{record.code}.pdf")
    missing = client.get("/records/ABCDEFGHJKLMNPQRSTUVWXYZ22.pdf")
    assert other.status_code == missing.status_code == 404
    assert client.get("/files/999999999").status_code == 404


def test_files_are_shown_under_their_own_policy(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, applicant: User, case: Case
) -> None:
    paper = attach(session, case, papers.pdf(), "Statuts é.pdf")
    photo = attach(session, case, papers.picture("PNG"), "../me.jpeg", code="photo")
    sign_in(applicant)
    for upload, name in ((paper, "Statuts%20%C3%A9.pdf"), (photo, "me.png")):
        answer = client.get(f"/files/{upload.id}")
        assert answer.status_code == 200
        assert answer.mimetype == upload.media_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'self'" in policy, "an official reads it beside the case"
        assert "script-src" not in policy
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert name in answer.headers["Content-Disposition"]
    assert "sandbox" in client.get(f"/files/{photo.id}").headers["Content-Security-Policy"]


def test_one_paper_for_each_requirement(session: Session, case: Case) -> None:
    first = attach(session, case, papers.pdf(), "one.pdf")
    assert attach(session, case, papers.pdf(), "again.pdf").id == first.id, "a double click attaches nothing twice"
    second = attach(session, case, papers.pdf(pages=2), "two.pdf")
    assert [upload.id for upload in uploads.for_case(session, case.id)] == [second.id]
    uploads.remove(session, second)
    assert uploads.for_case(session, case.id) == []
    assert uploads.open_bytes(uploads.get(session, second.id)), "an earlier submission may rest on it"


def test_a_document_whose_file_rotted_is_not_given_out_and_says_whom_to_ask(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], session: Session, case: Case, record: Record
) -> None:
    paper = attach(session, case, papers.pdf(), "one.pdf")
    auditor = make_user(session, role=Role.AUDITOR)
    session.commit()
    sign_in(auditor)
    place = store.current()
    assert isinstance(place, store.FolderStore)
    for sha256 in (record.sha256 or "", paper.sha256):
        place.path(sha256).chmod(0o600)
        place.path(sha256).write_bytes(b"%PDF-1.7 forged")
    for address in (f"/records/{record.code}.pdf", f"/files/{paper.id}"):
        page = client.get(address)
        assert page.status_code == 500
        assert "This document cannot be shown" in page.text
        assert b"forged" not in page.data
    assert downloads(session) == [], "nothing was handed over"
