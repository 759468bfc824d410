"""A case with a row in every table that names one: nothing of it is left to read, and the log still proves itself."""

import dataclasses
import hashlib
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import func, literal_column, select, text, update

from app.audit import heads, history, sequencer
from app.audit.models import Entry, Personal
from app.cases import appeals, disposals, disposing, due, engine, leavings
from app.cases.advice_models import Advice
from app.cases.appeal_models import Appeal, AppealState, Correction
from app.cases.copies_models import KIND as COPY
from app.cases.copies_models import CertifiedCopy
from app.cases.escalation_models import Escalation
from app.cases.findings_models import CaseMark
from app.cases.flags_models import CaseFlag
from app.cases.inspection_models import Inspection, InspectionOfficial, InspectionPhotograph, InspectionReport
from app.cases.models import Case, CaseEvent, Decision, InformationRequest, Outcome, Submission
from app.cases.retention_models import ItemState
from app.cases.silence_models import SilenceHold
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock
from app.core.db import Base
from app.documents import store
from app.documents import tasks as document_tasks
from app.documents.models import Record, RecordState
from app.identity.actor import Role
from app.jurisdictions import load
from app.notifications.models import Message
from app.notifications.sms.models import TextMessage
from app.permits.models import Permit
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.conftest import cast, move
from tests.services.test_corrections import REFUSE, licensed

YEARS = timedelta(days=366 * 11)
SECRET = "Zebra-Quartz-Vex"  # in every text that somebody wrote about the case


@pytest.fixture
def whole(rwanda, exporter):
    """An export licence that was refused, appealed against, decided anew with conditions, and has all else a case can
    have."""
    session, naeb = rwanda, cast(rwanda, "NAEB")
    auditor = acting(session, make_user(session, role=Role.AUDITOR))
    case = licensed(session, exporter, naeb, REFUSE)
    appeal = appeals.lodge(session, case, exporter, why=SECRET, declared=True)
    appeals.judge(session, appeal, naeb.second_supervisor, outcome=AppealState.ALLOWED, reason=SECRET)
    session.refresh(case)
    clerk = acting(session, make_user(session, role=Role.CLERK, agencies=["NAEB"]))
    third = acting(session, make_user(session, role=Role.SUPERVISOR, agencies=["NAEB"]))
    move(session, case, Action.TAKE, clerk)
    now, sent = clock.now(), session.get_one(Submission, case.current_submission_id)
    engine.add_note(session, case, clerk, SECRET)
    session.add_all(
        [
            CaseFlag(
                case_id=case.id, submission_id=sent.id, code="x", names={"en": "x"}, explanation={"en": "x"},
                legal_ref="x", basis={"said": SECRET}, rules_version="1", blocks=True, clearable_by="clerk",
                raised_at=now, cleared_at=now, cleared_by=clerk.user_id, clear_reason=SECRET,
            ),
            CaseFlag(
                case_id=case.id, submission_id=sent.id, code="y", names={"en": "x"}, explanation={"en": "x"},
                legal_ref="x", basis={"said": SECRET}, rules_version="1", blocks=False, clearable_by="clerk",
                raised_at=now,
            ),
            SilenceHold(case_id=case.id, day=now.date(), grounds=[{"text": SECRET}], told_at=now),
            Escalation(case_id=case.id, level="overdue", due_at=now, marked_at=now),
            CaseMark(case_id=case.id, auditor_id=auditor.user_id, note=SECRET, made_at=now),
            InformationRequest(case_id=case.id, message=SECRET, reasons=[], fields=[{"label": SECRET}],
                               asked_by=clerk.user_id, asked_at=now, answered_at=now),
            Advice(
                reference="AD-1", case_id=case.id, submission_id=sent.id, agency="NAEB", asked_of="RRA",
                question=SECRET, parts=[], papers=[], with_people=False, asked_by=clerk.user_id, asked_at=now, days=5,
                due_at=now + timedelta(days=5), state="declined", ended_at=now, ended_reason=SECRET,
                paper={"name": SECRET}, paper_sha256=store.current().put(b"advice " + SECRET.encode()),
            ),
        ]
    )  # fmt: skip
    visit = Inspection(
        reference="VI-1", case_id=case.id, agency="NAEB", place=SECRET, about=SECRET, starts_at=now,
        ends_at=now + timedelta(hours=1), officials=[], state="done", planned_by=clerk.user_id, planned_at=now,
        confirmed_at=now, ended_at=now,
    )  # fmt: skip
    session.add(visit)
    session.flush()
    session.refresh(visit)
    session.add(
        InspectionOfficial(inspection_id=visit.id, user_id=clerk.user_id, starts_at=visit.starts_at,
                           ends_at=visit.ends_at, open=visit.open)
    )  # fmt: skip
    paper = record(session, "inspection_report", case)
    report = InspectionReport(
        number="IR-1", inspection_id=visit.id, case_id=case.id, result="passed", present=SECRET, account=SECRET,
        findings=[], photographs=[], held_at=now, written_by=clerk.user_id, written_at=now, record_id=paper.id,
    )  # fmt: skip
    session.add(report)
    session.flush()
    session.add(
        InspectionPhotograph(
            inspection_id=visit.id, report_id=report.id, filename=SECRET, media_type="image/png", size=1,
            sha256=store.current().put(b"photograph " + SECRET.encode()), taken_by=clerk.user_id, taken_at=now,
        )
    )  # fmt: skip
    message = Message(
        user_id=exporter.user_id, email="x@y.example", locale="en_RW", template="x", subject=SECRET, body=SECRET,
        case_id=case.id, mail_state="sent",
    )  # fmt: skip
    session.add(message)
    session.flush()
    session.add(
        TextMessage(user_id=exporter.user_id, message_id=message.id, number="+250788123001", locale="en_RW",
                    template="x", body=SECRET, segments=1, valid_until=now)
    )  # fmt: skip
    payload = Payload(outcome=Outcome.APPROVE, own_conditions=(SECRET,))
    move(session, case, Action.RECOMMEND, clerk, reason=SECRET, payload=payload)
    move(session, case, Action.APPROVE, third, reason=SECRET)
    original = session.scalars(select(Record).where(Record.case_id == case.id, Record.kind == "permit")).one()
    ready(session, original)
    copy = record(session, COPY, case, subject=f"record:{original.id}", case_id=None)
    session.add(
        CertifiedCopy(
            original_id=original.id, original_kind="permit", requested_by=exporter.user_id, official=True, purpose="x",
            purpose_names={"en": "x"}, purpose_text=SECRET, locale="en_RW", idempotency_key="x", state="made",
            requested_at=now, finished_at=now, number="CC-1", original_sha256=original.sha256, record_id=copy.id,
        )
    )  # fmt: skip
    failed = record(session, "case_file", case, subject=f"case:{case.id}", case_id=None, made=False)
    session.flush()
    return SimpleNamespace(
        session=session, case=case, naeb=naeb, auditor=auditor, original=original, copy=copy, failed=failed,
        administrator=acting(session, make_user(session, role=Role.ADMINISTRATOR)),
    )  # fmt: skip


def record(session, kind, case, *, subject="x:1", case_id=0, made=True):
    found = Record(
        kind=kind, code=hashlib.sha256(f"{kind}{subject}".encode()).hexdigest()[:30], number=f"{kind}-1", title="x",
        template="x", locale="en_RW", data={"said": SECRET}, subject=subject, issuer="x",
        case_id=case.id if case_id == 0 else case_id, issued_at=clock.now(), state="failed",
    )  # fmt: skip
    session.add(found)
    session.flush()
    if made:
        ready(session, found)
    return found


def ready(session, found):
    found.sha256, found.size = store.current().put(f"{SECRET} {found.id}".encode()), 1
    found.state = RecordState.READY.value
    session.flush()


def listed(whole, session):
    found = [each for each in disposals.find(session, load.current()) if each.klass == "licence-files"]
    return found[0] if found else None


def approved(whole, session):
    made = listed(whole, session)
    disposals.propose(session, whole.administrator, made, reason="Over.", version=made.version)
    return disposals.approve(session, whole.naeb.supervisor, made, reason="Looked.", version=made.version)


def said(session, tables):
    """Tables that have the word anywhere."""
    found = set()
    for name in tables:
        row = literal_column(f"{name}::text")
        if session.scalar(select(func.count()).select_from(Base.metadata.tables[name]).where(row.contains(SECRET))):
            found.add(name)
    return found


def test_nothing_of_it_is_left_to_read_and_the_log_holds(whole, tmp_path, monkeypatch):
    session, case = whole.session, whole.case
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path))
    everywhere = said(session, Base.metadata.tables)
    assert everywhere >= {*leavings.BLANKED, *leavings.DELETED} - {
        "case_escalations", "inspection_officials", "uploads", "submissions",
    }  # fmt: skip
    assert {"records", "certified_copies", "text_messages"} <= everywhere
    hashes = [whole.original.sha256, whole.copy.sha256]
    with clock.at(clock.now() + YEARS):
        disposal = approved(whole, session)
        while disposing.step(session, load.current(), disposal.id):
            pass
        session.flush()
        assert disposals.counts(session, disposal) == {ItemState.DONE: 1}
        # Permits are a public register; what they say of conditions is theirs.
        assert said(session, Base.metadata.tables) - {"permits"} == set()
        assert session.scalars(select(Submission.data).where(Submission.case_id == case.id)).all() == [{}]
        named = select(Personal.name).join(Entry, Entry.id == Personal.entry_id).where(Entry.case_id == case.id)
        assert {*session.scalars(named.where(Entry.verb != disposing.DISPOSED))} == {None}
        for each in (whole.original, whole.copy, whole.failed):
            session.refresh(each)
            assert (each.state, each.data, each.sha256) == ("disposed", {}, None)
        document_tasks.render_record(session, record_id=whole.failed.id)
        session.refresh(whole.failed)
        assert whole.failed.state == "disposed"
        assert set(document_tasks._unnamed(session, hashes)) == set(hashes)
        # What happened is still told, without what was said.
        assert [each.outcome for each in session.scalars(select(Decision).where(Decision.case_id == case.id))] == [
            "refuse", "approve",
        ]  # fmt: skip
        assert session.scalars(select(Appeal.state)).one() == "allowed"
        assert session.scalars(select(Correction.reason)).one() == leavings.MARK
        assert session.scalar(select(func.count()).select_from(CaseEvent).where(CaseEvent.case_id == case.id)) > 5
        while sequencer.batch(session):
            pass
        report = history.examine(session, tmp_path)
        assert report.exit_code == 0, report.as_text()


def test_what_was_reopened_or_appealed_since_is_not_destroyed(whole):
    session, pack = whole.session, load.current()
    with clock.at(clock.now() + YEARS):
        disposal = approved(whole, session)
        session.execute(
            update(Permit).where(Permit.case_id == whole.case.id).values(expires_at=clock.now() + timedelta(days=1))
        )
        assert not disposing.step(session, pack, disposal.id)
        assert disposals.counts(session, disposal) == {ItemState.NEEDED: 1}
        assert session.get_one(Case, whole.case.id).disposed_at is None
        assert disposal.record_id is None
        assert said(session, ["submissions", "case_notes"]) == {"case_notes"}
        assert listed(whole, session) is None


OPEN = (
    "INSERT INTO charges (reference, case_id, payer_id, title, currency, total_minor, state, expires_at, created_at)"
    " SELECT 'CH-X', id, applicant_id, 'x', 'RWF', 1, 'due', now(), now() FROM cases WHERE id = :case",
    "UPDATE charges SET state = 'refunded' WHERE case_id = :case",
    "INSERT INTO bundles (code, requested_by, title, locale, selection, state, total, done, missing, created_at, error)"
    " SELECT 'x', applicant_id, 'x', 'en', jsonb_build_object('cases', jsonb_build_array(id)), 'queued', 1, 0, 0,"
    " now(), '' FROM cases WHERE id = :case",
    "INSERT INTO findings (number, case_id, agency, author_id, title, seen, severity, legal_basis, points,"
    " answer_days, state, version, created_at, updated_at, answer, done, conclusion, withdrawn_reason, by_decider)"
    " SELECT 'FD-X', id, 'NAEB', applicant_id, 'x', 'x', 'minor', 'x', '[]', 30, "
    " 'draft', 1, now(), now(), '', '', '', '', false FROM cases"
    " WHERE id = :case",
    "UPDATE cases SET updated_at = updated_at + interval '11 years' WHERE id = :case",
    "UPDATE permits SET expires_at = expires_at + interval '11 years' WHERE case_id = :case",
    "INSERT INTO legal_holds (number, user_id, about, reason, proceeding, placed_by, placed_at)"
    " SELECT 'LH-X', decided_by, 'x', 'x', 'x', decided_by, now() FROM decisions WHERE case_id = :case LIMIT 1",
)


def test_what_still_is_open_keeps_it_off_the_list(whole):
    session, pack = whole.session, load.current()
    with clock.at(clock.now() + YEARS):
        rule = due.rule_of(pack, "licence-files")
        wanted = due.cases(rule, "NAEB", rule.before(clock.now(), pack.zone))
        for statement in OPEN:
            with session.begin_nested() as point:
                session.execute(text(statement), {"case": whole.case.id})
                assert session.execute(wanted).all() == [], statement
                point.rollback()
        found = listed(whole, session)
        assert [each.reference for each in disposals.items(session, found).rows] == [whole.case.reference]
        # The period counts from the last day of the permit, ten years before.
        last = session.scalars(select(Permit.expires_at).where(Permit.case_id == whole.case.id)).one()
        assert disposals.items(session, found).rows[0].ended_at.date() == last.replace(year=last.year + 10).date()
