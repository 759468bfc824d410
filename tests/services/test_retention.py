"""Schedules, holds and disposals: what goes, what stays, and that nothing goes under a hold."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import app
from app.audit import entries, heads, history, sequencer, verifier
from app.cases import (
    access,
    bundle_build,
    bundles,
    disposals,
    disposing,
    due,
    holds,
    leavings,
    tasks,
    tombstones,
    transients,
)
from app.cases.models import Case, Submission
from app.cases.retention_models import DisposalItem, DisposalState, ItemState
from app.cases.workflow import Action
from app.core import clock, db
from app.core.db import Base
from app.core.errors import Invalid, NotAllowed, Stale
from app.core.i18n import use_locale
from app.documents import records, store
from app.documents.models import Record, Upload
from app.identity import parking
from app.identity.actor import Actor, Role
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.notifications.models import Message
from app.web.auditor.neighbours import around
from tests.factories.cases import acting, drafted, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move, settings_for
from tests.support.record_data import fitting

LATER = timedelta(days=400)


@pytest.fixture
def administrator(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.ADMINISTRATOR))


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR))


def withdrawn(session: Session, people: People) -> Case:
    case = submitted(session, people.applicant)
    return move(session, case, Action.WITHDRAW, people.applicant)


def one_list(session: Session) -> disposals.Disposal:
    (made,) = disposals.find(session, load.current())
    return made


def approved(session: Session, people: People, administrator: Actor) -> disposals.Disposal:
    made = one_list(session)
    disposals.propose(session, administrator, made, reason="The year is over.", version=made.version)
    return disposals.approve(session, people.supervisor, made, reason="Looked at each.", version=made.version)


def test_a_withdrawn_case_is_destroyed_after_two_people_said_so(rwanda, people, administrator):
    session = rwanda
    case = withdrawn(session, people)
    sha256 = session.scalar(select(Submission.sha256).where(Submission.case_id == case.id))
    assert disposals.find(session, load.current()) == []
    with clock.at(clock.now() + LATER):
        disposal = approved(session, people, administrator)
        assert not disposing.step(session, load.current(), disposal.id)
        session.flush()
        session.expire_all()
        sent = session.scalars(select(Submission).where(Submission.case_id == case.id)).one()
        assert (sent.data, sent.documents, sent.sha256) == ({}, [], sha256)
        assert session.scalars(select(Upload).where(Upload.case_id == case.id)).all() == []
        assert disposal.state == DisposalState.DONE
        certificate = session.get_one(Record, disposal.record_id)
        assert certificate.kind == disposing.KIND
        assert case.reference in str(certificate.data)
        with pytest.raises(access.Disposed):
            access.load(session, people.applicant, case.reference, Permission.CASE_VIEW_OWN)


def test_who_proposed_does_not_approve_and_auditors_change_nothing(rwanda, people, administrator, auditor):
    session = rwanda
    withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        made = one_list(session)
        with pytest.raises(NotAllowed):
            disposals.propose(session, auditor, made, reason="x", version=made.version)
        disposals.propose(session, administrator, made, reason="The year is over.", version=made.version)
        for who in (administrator, auditor, people.registrar):
            with pytest.raises(NotAllowed):
                disposals.approve(session, who, made, reason="x", version=made.version)
        with pytest.raises(Stale):
            disposals.approve(session, people.supervisor, made, reason="x", version=1)
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(update(disposals.Disposal).values(state="approved", approval="x", list_hash="x",
                                                              approved_by=administrator.user_id))  # fmt: skip


def test_an_account_the_proposer_made_does_not_approve(rwanda, people, administrator):
    session = rwanda
    withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        made = one_list(session)
        disposals.propose(session, administrator, made, reason="The year is over.", version=made.version)
        second = acting(session, make_user(session, role=Role.ADMINISTRATOR))
        with pytest.raises(NotAllowed):  # the agency's own people approve, and no administrator
            disposals.approve(session, second, made, reason="x", version=made.version)
        entries.record(session, administrator, "user.created", subject=f"user:{people.supervisor.user_id}")
        session.flush()
        with pytest.raises(NotAllowed, match="two_people"):
            disposals.approve(session, people.supervisor, made, reason="x", version=made.version)
        disposals.approve(session, people.second_supervisor, made, reason="x", version=made.version)


def test_the_schema_keeps_a_list_as_it_was_approved(rwanda, people, administrator):
    """Nobody adds to it, swaps a case on it, or marks as done what was not listed; not even by SQL."""
    session = rwanda
    case, other = withdrawn(session, people), submitted(session, people.stranger)
    with clock.at(clock.now() + LATER):
        disposal = approved(session, people, administrator)
        moment = clock.now()
        item = disposals.items(session, disposal).rows[0]
        same = update(DisposalItem).where(DisposalItem.id == item.id)
        insert = text(
            "INSERT INTO disposal_items (disposal_id, case_id, reference, ended_at, hashes, state, reason, done_at)"
            " VALUES (:list, :case, 'x', :at, '[]', :state, '', :done)"
        )
        values = {"list": disposal.id, "case": other.id, "at": moment - LATER}
        for statement, parameters in (
            (insert, values | {"state": "done", "done": moment}),
            (insert, values | {"state": "listed", "done": None}),
            (same.values(case_id=other.id), {}),
            (same.values(reference=other.reference), {}),
            (same.values(state="done", done_at=moment - LATER - LATER), {}),
            (update(Submission).where(Submission.case_id == case.id).values(sha256="0" * 64), {}),
            (text("DELETE FROM disposal_items"), {}),
            (text("TRUNCATE disposal_items CASCADE"), {}),
            (text("TRUNCATE legal_holds CASCADE"), {}),
            (text("UPDATE disposals SET state = 'found', approved_by = NULL"), {}),
        ):
            with pytest.raises(DBAPIError), session.begin_nested():
                session.execute(statement, parameters)
        with session.begin_nested() as point:
            session.execute(text("ALTER TABLE disposal_items DISABLE TRIGGER disposal_items_guard"))
            session.execute(insert, values | {"state": "listed", "done": None})
            with pytest.raises(disposing.OtherList):
                disposing.step(session, load.current(), disposal.id)
            point.rollback()


def test_a_clock_that_jumped_destroys_nothing(rwanda, people):
    session = rwanda
    withdrawn(session, people)
    due.check_clock(session)
    with clock.at(clock.now() + LATER):
        for job in (tasks.find, tasks.delete):
            with pytest.raises(due.ClockNotBelieved):
                job(session)
        with clock.at(clock.now() - timedelta(days=45)):
            entries.record(session, people.registrar, transients.DRAFT_DELETED, subject="case:1")
        session.flush()
        due.check_clock(session)


def test_a_hold_on_an_official_keeps_the_files_they_had_to_do_with(rwanda, people, auditor):
    session, pack = rwanda, load.current()
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    move(session, case, Action.RELEASE_CASE, people.registrar)
    move(session, case, Action.WITHDRAW, people.applicant)
    target = holds.Target("x", user_id=people.registrar.user_id)
    hold = holds.place(session, pack, auditor, target, reason="x", proceeding="y")
    with clock.at(clock.now() + LATER):
        assert disposals.find(session, pack) == []
    assert holds.of_its_people([hold], case) == []  # and the desk is not told why


def test_nothing_is_destroyed_that_nobody_approved(rwanda, people):
    """Not even by SQL: neither blanked, nor marked as disposed of, nor its record taken away."""
    session = rwanda
    case = withdrawn(session, people)
    for statement in (
        update(Submission).where(Submission.case_id == case.id).values(data={}),
        update(Case).where(Case.id == case.id).values(disposed_at=clock.now()),
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(statement)
    with clock.at(clock.now() + LATER):
        made = one_list(session)
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(
                update(DisposalItem)
                .where(DisposalItem.disposal_id == made.id)
                .values(state="done", done_at=clock.now())
            )


def test_a_hold_keeps_a_case_off_the_list_and_off_the_furnace(rwanda, people, administrator, auditor):
    session, pack = rwanda, load.current()
    case = withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        disposal = approved(session, people, administrator)
        hold = holds.place(
            session, pack, auditor, holds.Target(people.applicant.name, user_id=people.applicant.user_id),
            reason="A complaint", proceeding="RC 12/2026",
        )  # fmt: skip
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text("DELETE FROM uploads WHERE case_id = :case"), {"case": case.id})
        assert not disposing.step(session, pack, disposal.id)
        assert disposals.counts(session, disposal) == {ItemState.HELD: 1}
        session.refresh(case)
        assert case.disposed_at is None
        assert disposal.record_id is None
        assert disposals.find(session, pack) == []
        with pytest.raises(NotAllowed):
            holds.release(session, auditor, hold, reason="over")
        holds.release(session, administrator, hold, reason="The court has decided.")
        told = session.scalars(select(Message).where(Message.template == "hold_released")).one()
        assert (told.user_id, "The court has decided." in told.body) == (auditor.user_id, True)
        assert [each.total for each in disposals.find(session, pack)] == [1]


def test_a_case_that_is_gone_cannot_be_held(rwanda, people, administrator, auditor):
    session, pack = rwanda, load.current()
    case = withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        disposing.step(session, pack, approved(session, people, administrator).id)
        with pytest.raises(Invalid):
            holds.place(
                session, pack, auditor, holds.Target(case.reference, case_id=case.id), reason="x", proceeding="y"
            )
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(update(Case).where(Case.id == case.id).values(title="back again"))


def test_a_bundle_says_that_a_case_is_gone(rwanda, people, administrator, auditor, tmp_path):
    session, pack = rwanda, load.current()
    case = withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        disposing.step(session, pack, approved(session, people, administrator).id)
        bundle = bundles.ask(session, pack, auditor, [case], title="Gone", chosen={})
        while bundle_build.step(session, pack, bundle.id, around):
            pass
        target = tmp_path / "bundle.zip"
        target.write_bytes(b"".join(store.current().stream(bundle.sha256)))
    with zipfile.ZipFile(target) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert case.reference in archive.read("index.csv").decode()
    assert [each["reason"] for each in manifest["missing"]] == [tombstones.GONE]
    assert verifier.run(str(target), None, None, whole_log=False, as_json=True, tolerance=None) == 0


def test_what_was_taken_off_a_list_stays_for_a_year(rwanda, people, administrator):
    session, pack = rwanda, load.current()
    case = withdrawn(session, people)
    with clock.at(clock.now() + LATER):
        made = one_list(session)
        item = disposals.items(session, made).rows[0]
        disposals.keep(session, administrator, made, item.id, reason="The museum wants it.")
        with pytest.raises(Invalid):
            disposals.propose(session, administrator, made, reason="x", version=made.version)
        assert disposals.find(session, pack) == []
        assert session.get_one(Case, case.id).disposed_at is None


def test_its_record_answers_the_public_and_its_bytes_are_gone(rwanda, people, administrator):
    session, pack = rwanda, load.current()
    case = withdrawn(session, people)
    upload = session.scalars(select(Upload).where(Upload.case_id == case.id)).first()
    record = records.request(
        session, kind="case_file", template="cases/case_file.html", title="Case file",
        data=fitting("case_file", number="CF-1"), locale="en_RW", subject=f"case:{case.id}", issuer="Kibali",
        number="CF-1",
    )  # fmt: skip
    record.sha256, record.size, record.state = upload.sha256, 1, "ready"
    session.flush()
    with clock.at(clock.now() + LATER):
        disposing.step(session, pack, approved(session, people, administrator).id)
        session.refresh(record)
        assert (record.state, record.data, record.sha256) == ("disposed", {}, None)
        assert records.verify(session, record.code).state is records.Standing.EXPIRED
        with pytest.raises(records.Gone):
            records.open_bytes(record)


def test_an_old_draft_goes_by_itself_and_a_held_one_stays(rwanda, people, auditor):
    session, pack = rwanda, load.current()
    old, kept = drafted(session, people.applicant), drafted(session, people.stranger)
    with clock.at(clock.now() + timedelta(days=200)):
        holds.place(
            session, pack, auditor, holds.Target("x", user_id=people.stranger.user_id), reason="x", proceeding="y"
        )
        transients.run(session, pack)
        session.expire_all()
        assert session.get_one(Case, old.id).draft == {}
        assert session.get_one(Case, old.id).disposed_at
        assert session.get_one(Case, kept.id).draft != {}
        assert session.scalars(select(Upload).where(Upload.case_id == old.id)).all() == []


def test_an_account_nobody_confirmed_goes_after_a_month(rwanda):
    session, pack = rwanda, load.current()
    stranger = make_user(session, verified=False)
    known = make_user(session)
    with clock.at(clock.now() + timedelta(days=31)):
        transients.run(session, pack)
    session.expunge(stranger)
    assert session.get(type(known), stranger.id) is None
    assert session.get(type(known), known.id) is not None


def test_an_active_business_keeps_its_registration(rwanda, exporter):
    session, pack = rwanda, load.current()
    with clock.at(clock.now() + timedelta(days=366 * 11)):
        assert all(each.klass != "registration-files" for each in disposals.find(session, pack))


def test_every_table_of_a_case_is_dealt_with():
    tables = {
        table.name
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.target_fullname == "cases.id"
    }
    assert tables - set(leavings.BLANKED) - set(leavings.DELETED) - leavings.STAYS == set()


@pytest.mark.parametrize("country", load.COUNTRIES)
def test_the_schedule_says_what_the_code_does(country):
    pack = load.load(country)
    day = clock.today(pack.zone)
    assert lookup.retention(pack, "bundles", day).days == bundles.KEPT.days
    assert lookup.retention(pack, "parked_forms", day).days == parking.KEPT.days


@pytest.fixture
def live(committed, store_folder):
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    return committed


def test_a_hold_and_a_disposal_at_the_same_moment(live):
    """A case is held or destroyed, never both, whichever comes first."""
    pack = load.current()
    with live.sessions() as session:
        team = cast(session)
        auditor = acting(session, make_user(session, role=Role.AUDITOR))
        administrator = acting(session, make_user(session, role=Role.ADMINISTRATOR))
        now = clock.now()
        cases = [
            Case(
                reference=f"BR-X-{number}", service="registration", agency="RDB", state="withdrawn",
                applicant_id=team.applicant.user_id, idempotency_key=str(number), created_at=now, updated_at=now,
            )
            for number in range(103)
        ]  # fmt: skip
        session.add_all(cases)
        session.flush()
        ids = [case.id for case in cases]
        session.commit()
    moment = clock.now() + LATER
    with clock.at(moment), live.sessions() as session:
        disposal_id = approved(session, team, administrator).id
        session.commit()

    def hold(case_id: int) -> None:
        with clock.at(moment), use_locale("en_RW", pack.zone), live.sessions() as session:
            try:
                target = holds.Target("x", case_id=case_id)
                holds.place(session, pack, auditor, target, reason="x", proceeding=f"RC {case_id}")
                session.commit()
            except Invalid:
                session.rollback()

    def destroy() -> None:
        with clock.at(moment), use_locale("en_RW", pack.zone):
            more = True
            while more:
                with live.sessions() as session:
                    more = disposing.step(session, pack, disposal_id)
                    session.commit()

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(hold, case_id) for case_id in reversed(ids[2:])]
        work.insert(0, pool.submit(destroy))
        for each in work:
            each.result()
    with live.sessions() as session:
        held = set(session.scalars(select(holds.LegalHold.case_id)))
        gone = set(session.scalars(select(Case.id).where(Case.disposed_at.is_not(None))))
        assert held & gone == set()
        assert held | gone == set(ids)
        assert gone >= set(ids[:2])
        while sequencer.batch(session):
            session.commit()
        for head in heads.page(session):
            heads.export(head)
        report = history.examine(session, heads.folder())
        assert report.exit_code == 0, report.as_text()
