"""A copy of one's own data, and its erasure: what is in it, what goes, what the law keeps, and the log still holds."""

import dataclasses
import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, heads, history, sequencer
from app.audit.models import Personal
from app.cases import erasure, holds, own_cases, own_data, privacy, transients
from app.cases.copies_models import CertifiedCopy
from app.cases.models import Case
from app.cases.retention_models import RequestState
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import Busy, Invalid
from app.core.i18n import use_locale
from app.documents import pdf, store
from app.documents.models import Record
from app.identity import credentials
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.jurisdictions import load
from app.notifications.models import Message
from app.notifications.sms.models import PhoneNumber, TextMessage
from app.web.accounts.tasks import business_names, live
from tests.factories.cases import acting, drafted, submitted
from tests.factories.people import make_user
from tests.services.conftest import move


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR))


def nobody_alive(session, ids):
    return []


def test_a_copy_has_ones_own_and_nobody_elses(rwanda, people, monkeypatch):
    session, pack = rwanda, load.current()
    monkeypatch.setattr(pdf, "render", lambda *_given, **_named: b"%PDF-")  # a page's test renders one
    submitted(session, people.applicant)
    submitted(session, people.stranger)
    request = privacy.ask_copy(session, pack, people.applicant)
    assert privacy.ask_copy(session, pack, people.applicant).id == request.id
    own_data.build(session, pack, request.id, business_names)
    assert privacy.downloadable(request)
    content = b"".join(store.current().stream(request.sha256))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        data = json.loads(archive.read("data.json"))
        schema = json.loads(archive.read("schema.json"))
        assert archive.read("data.pdf").startswith(b"%PDF")
    assert set(schema["required"]) <= set(data)
    assert len(data["cases"]) == 1
    assert {each["file"] for each in data["papers"]} <= names
    assert data["papers"]
    whole = json.dumps(data)
    # The registration names another person as the owner.
    assert "Claudine Mukamana" not in whole
    assert "1199070000000001" not in whole
    assert own_cases.OTHER in whole
    assert people.registrar.name not in whole
    with pytest.raises(Busy):
        privacy.ask_copy(session, pack, people.applicant)
    with clock.at(clock.now() + timedelta(days=8)):
        transients.run(session, pack)
        assert request.state == RequestState.EXPIRED
        assert request.sha256 is None


def test_masking_leaves_the_person_alone():
    rows = [{"name": "Ana  Bo", "document_number": "1"}, {"name": "Other", "document_number": "2", "shares": 3}]
    assert own_cases.masked(rows, "ana bo") == [
        rows[0], {"name": own_cases.OTHER, "document_number": own_cases.OTHER, "shares": 3},
    ]  # fmt: skip


def test_who_left_nothing_behind_is_forgotten_whole(rwanda, people, tmp_path, monkeypatch):
    session, pack = rwanda, load.current()
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path))
    draft = drafted(session, people.applicant)
    user = session.get_one(User, people.applicant.user_id)
    plan = erasure.plan(session, pack, user, live)
    assert plan.whole
    assert plan.bar is None
    request = privacy.ask_erasure(session, pack, people.applicant)
    entry = entries.record(session, people.applicant, "account.signed_in", subject=f"user:{user.id}")
    session.flush()
    erasure.execute(session, pack, request.id, live)
    session.expire_all()
    assert (user.name, user.password_hash, user.erased_at is None) == (erasure.NOBODY, None, False)
    assert session.get_one(Case, draft.id).draft == {}
    assert session.get_one(Personal, entry.id).name is None
    assert request.state == RequestState.DONE
    while sequencer.batch(session):
        pass
    report = history.examine(session, tmp_path)
    assert report.exit_code == 0, report.as_text()


def test_sent_files_stay_and_the_account_is_closed_until_they_go(rwanda, people):
    session, pack = rwanda, load.current()
    case = move(session, submitted(session, people.applicant), Action.WITHDRAW, people.applicant)
    user = session.get_one(User, people.applicant.user_id)
    user.locale = "fr_RW"
    plan = erasure.plan(session, pack, user, live)
    assert [each.count for each in plan.stays] == [1]
    assert not plan.whole
    erasure.execute(session, pack, privacy.ask_erasure(session, pack, people.applicant).id, live)
    session.refresh(user)
    assert user.disabled_at
    assert user.restricted_at
    assert user.erased_at is None
    assert user.name != erasure.NOBODY
    assert session.get_one(Case, case.id).disposed_at is None
    assert erasure.anonymise_closed(session, pack, ()) == 0
    told = session.scalars(select(Message).where(Message.template == "erasure_done")).one()
    assert told.email == user.email
    assert "Dossiers retirés" in told.body
    assert told.private
    with pytest.raises(Invalid, match="erased"):
        credentials.enable(session, user)


def test_who_has_a_case_open_waits_and_is_told_so_in_their_language(rwanda, people):
    session, pack = rwanda, load.current()
    user = session.get_one(User, people.applicant.user_id)
    user.locale = "fr_RW"
    request = privacy.ask_erasure(session, pack, people.applicant)
    submitted(session, people.applicant)
    erasure.execute(session, pack, request.id, live)
    assert request.state == RequestState.REFUSED
    assert request.legal_basis == pack.data_protection.legal_ref
    with use_locale("fr_RW", pack.zone):
        assert request.answer == str(erasure.plan(session, pack, user, live).bar)
    assert user.disabled_at is None


def test_telephone_texts_and_certified_copies_are_in_the_copy_and_go_with_the_person(rwanda, people, exporter):
    session, pack = rwanda, load.current()
    user = session.get_one(User, people.applicant.user_id)
    now = clock.now()
    session.add(PhoneNumber(user_id=user.id, number="+250788123001", confirmed_at=now, wanted=True))
    session.add(
        TextMessage(user_id=user.id, number="+250788123001", locale="en_RW", template="x", body="Hello", segments=1,
                    valid_until=now)
    )  # fmt: skip
    record = Record(
        kind="receipt", code="x" * 30, number="R-1", title="Receipt", template="x", locale="en_RW", data={},
        subject="x:1", issuer="x", issued_at=now,
    )  # fmt: skip
    session.add(record)
    session.flush()
    copy = CertifiedCopy(
        original_id=record.id, original_kind=record.kind, requested_by=user.id, official=False, purpose="bank",
        purpose_names={"en": "For a bank"}, purpose_text="My own loan", locale="en_RW", idempotency_key="k",
        state="refused", requested_at=now, finished_at=now, refusal="gone",
    )  # fmt: skip
    session.add(copy)
    session.flush()
    told = own_data.gather(session, user, business_names)
    assert told["phones"][0]["number"] == told["texts"][0]["to"] == "+250788123001"
    assert "My own loan" in told["copies"][0]["purpose"]
    assert own_data.SCHEMA["properties"].keys() >= told.keys()
    erasure.execute(session, pack, privacy.ask_erasure(session, pack, people.applicant).id, live)
    session.expire_all()
    assert user.name == erasure.NOBODY
    assert copy.purpose_text == ""
    assert session.scalars(select(PhoneNumber).where(PhoneNumber.user_id == user.id)).all() == []
    assert session.scalars(select(TextMessage).where(TextMessage.user_id == user.id)).all() == []


def test_officials_are_unnamed_in_what_was_written(rwanda, people):
    session = rwanda
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    notifications.send(
        session, user_id=people.applicant.user_id, template="erasure_refused", case_id=case.id,
        values={"reason": f"Ask {people.registrar.name} at the desk."},
    )  # fmt: skip
    user = session.get_one(User, people.applicant.user_id)
    told = json.dumps(own_data.gather(session, user, business_names))
    assert f"Ask {own_cases.OFFICIAL} at the desk." in told
    assert people.registrar.name not in told


def test_a_draft_that_is_sent_at_that_moment_stays(rwanda, people):
    session, pack = rwanda, load.current()
    case = submitted(session, people.applicant)
    assert not transients.delete_draft(session, pack, case)
    fresh = drafted(session, people.applicant)
    assert not transients.delete_draft(session, pack, fresh, before=fresh.updated_at)
    assert fresh.draft


def test_a_hold_an_office_or_a_business_bars_it(rwanda, people, auditor, exporter):
    session, pack = rwanda, load.current()
    owner = session.get_one(User, exporter.user_id)
    official = session.get_one(User, people.registrar.user_id)
    assert erasure.plan(session, pack, owner, live).bar
    assert erasure.plan(session, pack, official, live).bar
    request = privacy.ask_erasure(session, pack, people.applicant)
    target = holds.Target("x", user_id=people.applicant.user_id)
    holds.place(session, pack, auditor, target, reason="x", proceeding="y")
    erasure.execute(session, pack, request.id, live)
    user = session.get_one(User, people.applicant.user_id)
    assert request.state == RequestState.REFUSED
    assert user.disabled_at is None


def test_it_can_be_taken_back(rwanda, people):
    session, pack = rwanda, load.current()
    request = privacy.ask_erasure(session, pack, people.applicant)
    privacy.cancel_erasure(session, people.applicant)
    erasure.execute(session, pack, request.id, live)
    assert request.state == RequestState.CANCELLED
    assert session.get_one(User, people.applicant.user_id).disabled_at is None


def test_a_request_of_a_stranger_is_answered_by_mail_or_refused_by_law(rwanda):
    session, pack = rwanda, load.current()
    administrator = acting(session, make_user(session, role=Role.ADMINISTRATOR))
    stranger = Actor(kind="user", name="Ana")
    asked = privacy.receive(
        session,
        pack,
        stranger,
        kind="access",
        name="Ana",
        email="Ana@firm.example",
        message="I am named.",
    )
    with pytest.raises(Invalid):
        privacy.answer(session, administrator, asked, text="No.", refused=True, legal_basis=" ")
    privacy.answer(session, administrator, asked, text="The register is public.", refused=True, legal_basis="Law 1")
    mail = session.scalars(select(Message).where(Message.template == "privacy_answer")).one()
    assert mail.email == "ana@firm.example"
    assert "Law 1" in mail.body
