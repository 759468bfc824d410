"""Advice and visits beside everything else: appeals, silence, clocks, medians, bundles, mails, and what is kept."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import app
from app.audit import verifier
from app.audit.models import Entry, Personal
from app.cases import (
    advice,
    advice_links,
    advice_mail,
    appeals,
    around,
    disposing,
    holds,
    inspection_reports,
    inspections,
    involved,
    waiting,
)
from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection, InspectionPhotograph, InspectionReport, Result, VisitState
from app.cases.models import Case, Outcome, Recommendation
from app.cases.retention_models import DisposalItem
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock, db
from app.core.errors import Invalid, NotAllowed
from app.documents import store
from app.documents.models import Record
from app.identity import people as people_
from app.identity.actor import Actor, Role
from app.jurisdictions import load
from app.notifications.models import Message
from tests.factories.cases import acting, photo
from tests.factories.people import make_user
from tests.services.conftest import move, settings_for
from tests.services.test_advice import (
    YES,
    Scene,
    appointment,
    ask,
    ask_expert,
    plan,
    question,
    report,
    scene,
    set_up,
)
from tests.services.test_bundle_heads import built, log_of_its_own, zipped
from tests.services.test_retention import LATER, approved

__all__ = ["log_of_its_own", "scene"]


# --- who had to do with it ------------------------------------------------------------------------------------------


JUDGED = text(
    "UPDATE appeals SET state = 'dismissed', judged_by = :who, judged_at = now(), reason = 'x' WHERE id = :id"
)


def in_schema(session: Session, case: Case, who: Actor) -> bool:
    return bool(
        session.execute(text("SELECT case_involves(:case, :who)"), {"case": case.id, "who": who.user_id}).scalar()
    )


def test_who_only_went_to_a_visit_may_not_judge_an_appeal(rwanda: Session, scene: Scene) -> None:
    people = scene.people
    goes, photographs, free = (
        acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=("RDB",))) for _each in range(3)
    )
    with clock.at(clock.now() - timedelta(days=12)):
        visit = plan(rwanda, scene, appointment(goes))
    inspection_reports.add_photograph(rwanda, photographs, visit, scene.case, photo(), "door.png")
    for who, involves in ((goes, True), (photographs, True), (people.registrar, True), (free, False)):
        assert (who.user_id in involved.of_case(rwanda, scene.case)) is involves
        assert in_schema(rwanda, scene.case, who) is involves
    inspection_reports.write(rwanda, load.current(), goes, visit, report(Result.FAILED), version=visit.version)
    move(rwanda, scene.case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.REFUSE))
    move(rwanda, scene.case, Action.REFUSE, people.supervisor)
    appeal = appeals.lodge(rwanda, scene.case, people.applicant, why="The sign hangs there.", declared=True)
    for who in (goes, photographs):
        with pytest.raises(NotAllowed):
            appeals.judge(rwanda, appeal, who, outcome=appeals.AppealState.DISMISSED, reason="It does not.")
        with pytest.raises(IntegrityError), rwanda.begin_nested():
            rwanda.execute(JUDGED, {"who": who.user_id, "id": appeal.id})
    appeals.judge(rwanda, appeal, free, outcome=appeals.AppealState.DISMISSED, reason="It does not.")


def test_a_recommendation_rests_on_the_report_of_the_visit_too(rwanda: Session, scene: Scene) -> None:
    with clock.at(clock.now() - timedelta(days=12)):
        visit = plan(rwanda, scene)
    written = inspection_reports.write(
        rwanda, load.current(), scene.people.registrar, visit, report(Result.FAILED), version=visit.version
    )
    move(rwanda, scene.case, Action.RECOMMEND, scene.people.registrar, payload=Payload(outcome=Outcome.REFUSE))
    kept = rwanda.scalars(select(Recommendation)).one().checks
    assert {"passed": False, "rule": written.number}.items() <= kept[-1].items()


# --- experts --------------------------------------------------------------------------------------------------------


def test_nobody_of_the_house_and_nobody_with_an_interest_is_an_outside_expert(rwanda: Session, scene: Scene) -> None:
    for who, code in ((scene.people.registrar, "official"), (scene.people.applicant, "interested")):
        address = people_.user(rwanda, who.user_id or 0).email.upper()
        expert = advice_links.Expert("Prof. Kayiranga", address, "en_RW")
        with pytest.raises(Invalid) as refused:
            advice_links.ask_expert(
                rwanda, load.current(), scene.people.registrar, scene.case, expert, question(scene.case)
            )
        assert (refused.value.field, refused.value.problems[0].code) == ("expert_email", code)
    assert not rwanda.scalars(select(Message).where(Message.template == "advice_link")).all()


def test_who_the_expert_was_is_erased_everywhere_and_what_they_said_stays(rwanda: Session, scene: Scene) -> None:
    pack, boss = load.current(), scene.people.supervisor
    found, _token = ask_expert(rwanda, scene)
    advice_links.opened(rwanda, pack, found, scene.case, "192.0.2.7")
    with pytest.raises(NotAllowed):
        advice_links.erase_expert(rwanda, boss, found)  # still open
    advice_links.answer_by_link(rwanda, pack, found, YES, version=found.version, ip="192.0.2.7")
    with pytest.raises(NotAllowed):
        advice_links.erase_expert(rwanda, scene.people.registrar, found)
    auditor = acting(rwanda, make_user(rwanda, role=Role.AUDITOR))
    with rwanda.begin_nested() as held:
        target = holds.Target(scene.case.reference, case_id=scene.case.id)
        holds.place(rwanda, pack, auditor, target, reason="A court asked.", proceeding="RC 12/2026")
        with pytest.raises(NotAllowed):
            advice_links.erase_expert(rwanda, boss, found)
        held.rollback()
    assert advice_links.receipt(found)
    advice_links.erase_expert(rwanda, boss, found)
    advice_links.erase_expert(rwanda, boss, found)  # a second click
    assert (found.expert_name, found.expert_email, found.answer) == (None, None, YES.text)
    assert not advice_links.receipt(found)
    assert not rwanda.scalars(select(Message).where(Message.email == "odile@lab.example")).all()
    told = select(Personal).join(Entry, Entry.id == Personal.entry_id).where(Entry.subject == f"advice:{found.id}")
    for part in rwanda.scalars(told.where(Entry.verb != advice.ERASED).execution_options(populate_existing=True)):
        assert part.erased_at is not None
        assert part.ip is None
    assert len(rwanda.scalars(select(Entry).where(Entry.verb == advice.ERASED)).all()) == 1


def test_a_receipt_is_not_for_ever(rwanda: Session, scene: Scene) -> None:
    pack = load.current()
    found, _token = ask_expert(rwanda, scene)
    advice_links.answer_by_link(rwanda, pack, found, YES, version=found.version, ip=None)
    with clock.at(clock.now() + timedelta(days=29)):
        assert advice_links.receipt(found)
    with clock.at(clock.now() + timedelta(days=31)):
        assert not advice_links.receipt(found)


# --- mails ----------------------------------------------------------------------------------------------------------


def test_no_question_is_mailed_to_an_official_with_an_interest(rwanda: Session, scene: Scene) -> None:
    boss, other = (make_user(rwanda, role=Role.SUPERVISOR, agencies=("RRA",)) for _each in range(2))
    assert set(advice_mail.desk_of(rwanda, "RRA", scene.case)) == {boss.id, other.id}
    scene.case.applicant_id = boss.id
    rwanda.flush()
    ask(rwanda, scene)
    told = rwanda.scalars(select(Message.user_id).where(Message.template == "advice_asked")).all()
    assert told == [other.id]


def test_who_does_not_go_any_more_is_told_and_so_is_nobody_of_a_visit_that_was(rwanda: Session, scene: Scene) -> None:
    pack, clerk, second = load.current(), scene.people.registrar, scene.people.second_registrar
    with clock.at(clock.now() - timedelta(days=12)):
        visit = plan(rwanda, scene, appointment(second))
        inspections.move(rwanda, pack, clerk, visit, appointment(clerk), version=visit.version)
    told = select(Message.user_id).where(Message.template == "inspection_not_yours")
    assert rwanda.scalars(told).all() == [second.user_id]
    move(rwanda, scene.case, Action.WITHDRAW, scene.people.applicant)
    assert visit.state == VisitState.CANCELLED
    assert not rwanda.scalars(select(Message).where(Message.template == "inspection_cancelled")).all()


def test_a_wish_for_another_day_does_not_silence_the_reminder(rwanda: Session, scene: Scene) -> None:
    visit = plan(rwanda, scene)
    inspections.ask_again(
        rwanda, load.current(), scene.people.applicant, visit, None, "We are at the market.", version=visit.version
    )
    with clock.at(visit.starts_at - timedelta(hours=20)):
        waiting.remind(rwanda)
    assert rwanda.scalars(select(Message).where(Message.template == "inspection_reminder")).one()


def test_a_reason_of_the_portal_is_in_the_language_of_who_reads_it(rwanda: Session, scene: Scene) -> None:
    people_.user(rwanda, scene.case.applicant_id).locale = "fr_RW"
    visit, found = plan(rwanda, scene), ask(rwanda, scene)
    move(rwanda, scene.case, Action.WITHDRAW, scene.people.applicant)
    assert visit.cancelled_reason != "The case was closed."
    assert found.ended_reason == "The case was closed."


def test_reminding_waits_for_nobody_and_finds_what_lies_behind(committed: db.Database, store_folder: Path) -> None:
    """The job and an official who answers take case and advice in different orders, so the job takes what is free."""
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    with db.unit_of_work() as session:
        scene = set_up(session)
        found = ask(session, scene)
        expert = ask_expert(session, scene)[0]
        ended = advice_links.ends(load.current(), expert)
        ids, case_id = (found.id, expert.id), scene.case.id
    with clock.at(ended + timedelta(days=3)):
        with db.unit_of_work() as busy, db.unit_of_work() as job:
            busy.execute(text("SELECT 1 FROM cases WHERE id = :id FOR UPDATE"), {"id": case_id})
            job.execute(text("SET LOCAL lock_timeout = '200ms'"))
            waiting.remind(job)
        with db.unit_of_work() as session:
            assert [session.get_one(Advice, each).told for each in ids] == [0, 0]
            waiting.remind(session)
        with db.unit_of_work() as session:
            assert session.get_one(Advice, ids[0]).told == waiting.LATE
            assert not session.get_one(Advice, ids[1]).open


def test_those_who_were_reminded_do_not_hide_those_who_were_not(
    rwanda: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BATCH", 1)
    first, second = ask(rwanda, scene), ask(rwanda, scene, "And this?")
    with clock.at(first.due_at - timedelta(hours=30)):
        waiting.remind(rwanda)
        waiting.remind(rwanda)
    assert (first.told, second.told) == (waiting.REMINDED, waiting.REMINDED)


# --- photographs and what is kept -----------------------------------------------------------------------------------


def test_only_who_was_sent_takes_a_photograph_away_and_the_log_knows_that_it_was_there(
    rwanda: Session, scene: Scene
) -> None:
    visit = plan(rwanda, scene)
    kept = inspection_reports.add_photograph(rwanda, scene.people.registrar, visit, scene.case, photo(), "door.png")
    with pytest.raises(NotAllowed):
        inspection_reports.remove_photograph(rwanda, scene.people.second_registrar, visit, scene.case, kept.id)
    inspection_reports.remove_photograph(rwanda, scene.people.registrar, visit, scene.case, kept.id)
    assert not inspection_reports.photographs(rwanda, visit)
    entry = rwanda.scalars(select(Entry).where(Entry.verb == inspections.UNPICTURED)).one()
    assert entry.detail["sha256"] == kept.sha256


def test_nothing_of_it_is_deleted_while_its_case_stands(rwanda: Session, scene: Scene) -> None:
    clerk = scene.people.registrar
    ask(rwanda, scene)
    with clock.at(clock.now() - timedelta(days=12)):
        visit, other = plan(rwanda, scene), plan(rwanda, scene, appointment(clerk, 6))
    inspection_reports.add_photograph(rwanda, clerk, visit, scene.case, photo(), "door.png")
    inspection_reports.write(rwanda, load.current(), clerk, visit, report(), version=visit.version)
    rwanda.execute(text("DELETE FROM inspection_officials WHERE inspection_id = :id"), {"id": other.id})
    for table, rows in (
        ("advice_requests", "true"), ("inspection_reports", "true"), ("inspection_photographs", "true"),
        ("inspections", f"id = {other.id}"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match="keeps what was written"), rwanda.begin_nested():
            rwanda.execute(text(f"DELETE FROM {table} WHERE {rows}"))


def test_all_of_it_goes_with_its_case_and_the_list_has_the_hashes(rwanda: Session, scene: Scene) -> None:
    pack, clerk = load.current(), scene.people.registrar
    found = ask(rwanda, scene)
    advice.answer(rwanda, pack, scene.adviser, found, YES, version=found.version, paper=(photo(), "letter.png"))
    with clock.at(clock.now() - timedelta(days=12)):
        visit = plan(rwanda, scene)
    inspection_reports.add_photograph(rwanda, clerk, visit, scene.case, photo(), "door.png")
    inspection_reports.write(rwanda, pack, clerk, visit, report(), version=visit.version)
    move(rwanda, scene.case, Action.WITHDRAW, scene.people.applicant)
    for record in rwanda.scalars(select(Record).where(Record.case_id == scene.case.id)):
        record.state = "failed"  # nobody printed it here
    administrator = acting(rwanda, make_user(rwanda, role=Role.ADMINISTRATOR))
    sha256 = found.paper_sha256
    with clock.at(clock.now() + LATER):
        disposal = approved(rwanda, scene.people, administrator)
        disposing.step(rwanda, pack, disposal.id)
    rwanda.expire_all()
    assert scene.case.disposed_at
    for model in (Advice, Inspection, InspectionReport, InspectionPhotograph):
        assert not rwanda.scalars(select(model)).all()
    hashes = rwanda.scalars(select(DisposalItem.hashes)).one()
    assert sha256 in {each["hash"] for each in hashes}


def test_a_bundle_has_the_attachment_and_the_photographs_under_its_manifest(rwanda: Session, scene: Scene) -> None:
    found = ask(rwanda, scene)
    advice.answer(
        rwanda, load.current(), scene.adviser, found, YES, version=found.version, paper=(photo(), "letter.png")
    )
    with clock.at(clock.now() - timedelta(days=12)):
        visit = plan(rwanda, scene)
    inspection_reports.add_photograph(rwanda, scene.people.registrar, visit, scene.case, photo(), "door.png")
    written = inspection_reports.write(
        rwanda, load.current(), scene.people.registrar, visit, report(), version=visit.version
    )
    auditor = acting(rwanda, make_user(rwanda, role=Role.AUDITOR))
    content = zipped(built(rwanda, auditor, scene.case))
    folder = f"cases/{scene.case.reference}"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        listed = {each["path"]: each["sha256"] for each in json.loads(archive.read("manifest.json"))["files"]}
        for path, sha256 in (
            (f"{folder}/advice/{found.reference}", found.paper_sha256),
            (f"{folder}/visits/{visit.reference}", written.photographs[0]["sha256"]),
        ):
            assert sha256 is not None
            whole = f"{path}-{sha256[:16]}.png"
            assert listed[whole] == sha256 == hashlib.sha256(archive.read(whole)).hexdigest()
            assert archive.read(whole) == store.current().get(sha256)
    assert verifier.check(io.BytesIO(content), verifier.Options(None)).exit_code == 0
    photograph = next(each for each in listed if "/visits/" in each)
    spoiled = verifier.check(io.BytesIO(_with(content, photograph, b"another picture")), verifier.Options(None))
    assert spoiled.exit_code != 0
    assert photograph in str(spoiled.first)


def _with(content: bytes, path: str, other: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, other if name == path else archive.read(name))
    return out.getvalue()


def test_the_applicant_reads_of_visits_in_the_history(rwanda: Session, scene: Scene) -> None:
    pack = load.current()
    visit = plan(rwanda, scene)
    inspections.confirm(rwanda, scene.people.applicant, visit, version=visit.version)
    inspections.cancel(rwanda, pack, scene.people.registrar, visit, "The road is closed.", version=visit.version)
    told = [each.title for each in around.of(rwanda, pack, scene.case).moments()]
    assert told == ["Visit planned", "Visit confirmed by the applicant", "Visit cancelled"]
