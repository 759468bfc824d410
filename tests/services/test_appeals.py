"""Appeals: in time, once for a decision, decided by who had nothing to do with the case, and never twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

import app
from app.audit.models import Entry
from app.cases import (
    appeal_lists,
    appeal_morning,
    appeals,
    case_file,
    case_file_json,
    case_file_print,
    engine,
    silence,
    worklist,
)
from app.cases.appeal_models import Appeal, AppealState, CorrectionBar
from app.cases.models import Case, Decision, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock, db
from app.core.errors import DomainError, Invalid, NotAllowed, NotFound, Stale
from app.documents.models import Record
from app.identity.actor import SYSTEM, Role
from app.jurisdictions import load, lookup
from app.notifications.models import Message
from app.permits.models import Permit, PermitState
from app.web.auditor.neighbours import around
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import cast, move, settings_for
from tests.services.test_corrections import APPROVE, REFUSE, decisions, licensed

WHY = "The weight certificate was attached."


@pytest.fixture
def naeb(rwanda):
    return cast(rwanda, "NAEB")


@pytest.fixture
def refused(rwanda, exporter, naeb):
    return licensed(rwanda, exporter, naeb, REFUSE)


def lodged(session, case, actor):
    return appeals.lodge(session, case, actor, why=WHY, declared=True)


def judged(session, appeal, actor, outcome=AppealState.DISMISSED):
    return appeals.judge(session, appeal, actor, outcome=outcome, reason="The certificate is of another lot.")


def later(monkeypatch, **passed):
    moment = clock.now() + timedelta(**passed)
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.mark.parametrize("country", ["RW", "CG"])
def test_each_country_gives_an_appeal_in_every_service(country):
    pack = load.load(country)
    for service in ("registration", "export_licence", "customs"):
        terms = lookup.appeal_terms(pack, service, clock.today(pack.zone))
        assert terms is not None
        assert "refusal" in terms.against
        assert terms.court["fr"]


# --- the applicant --------------------------------------------------------------------------------------------------


def test_an_appeal_has_its_own_number_and_clock_and_is_confirmed(rwanda, exporter, refused):
    appeal = lodged(rwanda, refused, exporter)
    assert appeal.reference.startswith("AP-")
    assert (appeal.ground, appeal.agency, appeal.open) == ("refusal", "NAEB", True)
    assert appeal.due_at > clock.now() + timedelta(days=20)
    mail = rwanda.scalars(select(Message).where(Message.template == "appeal_received")).one()
    assert appeal.reference in mail.body
    assert rwanda.scalars(select(Entry).where(Entry.verb == "appeal.lodged")).one().case_id == refused.id
    assert lodged(rwanda, refused, exporter).id == appeal.id, "a second click"


def test_what_an_appeal_needs(rwanda, exporter, people, refused):
    with pytest.raises(Invalid) as found:
        appeals.lodge(rwanda, refused, exporter, why=" ", declared=False)
    assert {problem.field for problem in found.value.problems} == {"why", "declared"}
    with pytest.raises(NotFound):
        lodged(rwanda, refused, people.stranger)


def test_an_unconditional_approval_is_not_appealed_against_but_its_conditions_are(rwanda, exporter, naeb):
    with pytest.raises(NotAllowed):
        lodged(rwanda, licensed(rwanda, exporter, naeb), exporter)
    conditioned = Payload(outcome=Outcome.APPROVE, own_conditions=("Washed coffee only",))
    assert lodged(rwanda, licensed(rwanda, exporter, naeb, conditioned), exporter).ground == "conditions"


def test_nothing_is_appealed_against_that_could_not_be_decided_anew(rwanda):
    """Released goods are on their way: their declaration is cancelled, never corrected."""
    pack = load.load("CG")
    decision = Decision(outcome="approve", conditions=[{"code": "", "names": {"en": "By day"}}], decided_at=clock.now())
    for service, possible in (("export_licence", True), ("customs", False)):
        found = appeals.chance(pack, Case(service=service, state="approved", agency=""), decision)
        assert (found is not None) is possible, service


def test_an_appeal_may_be_withdrawn_until_it_is_decided(rwanda, exporter, naeb, people, refused):
    appeal = lodged(rwanda, refused, exporter)
    with pytest.raises(NotFound):
        appeals.withdraw(rwanda, appeal, people.stranger)
    for _click in range(2):
        appeals.withdraw(rwanda, appeal, exporter)
    assert (appeal.state, appeal.withdrawn_by, refused.state) == ("withdrawn", exporter.user_id, State.REFUSED)
    mail = rwanda.scalars(select(Message).where(Message.template == "appeal_withdrawn")).one()
    assert appeal.reference in mail.body
    assert len(rwanda.scalars(select(Entry).where(Entry.verb == "appeal.withdrawn")).all()) == 1
    assert appeal_lists.to_judge(rwanda, naeb.second_supervisor).rows == []
    with pytest.raises(NotFound):
        appeals.load_for(rwanda, naeb.second_supervisor, appeal.reference)
    with pytest.raises(Stale) as found:
        judged(rwanda, appeal, naeb.second_supervisor)
    assert "withdrew" in str(found.value.message)
    assert lodged(rwanda, refused, exporter).id == appeal.id, "once for a decision"
    for values in ({"state": "open", "withdrawn_by": None, "withdrawn_at": None}, {"withdrawn_at": clock.now()}):
        with pytest.raises(IntegrityError, match="altered"), rwanda.begin_nested():
            rwanda.execute(update(Appeal).where(Appeal.id == appeal.id).values(values))
    move(rwanda, refused, Action.CORRECT, naeb.supervisor)  # the agency may still find it wrong


def test_a_decided_appeal_is_not_withdrawn(rwanda, exporter, naeb, refused):
    appeal = judged(rwanda, lodged(rwanda, refused, exporter), naeb.second_supervisor)
    with pytest.raises(Stale):
        appeals.withdraw(rwanda, appeal, exporter)
    assert appeal.state == AppealState.DISMISSED


def test_a_refusal_by_silence_is_appealed_against_and_decided_anew_by_two(rwanda, exporter, naeb):
    case = submitted(rwanda, exporter, "export_licence", licence())
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    rule = {"code": "silence-refusal", "names": {"en": "Nobody decided in time."}, "legal_ref": "illustrative"}
    engine.perform(rwanda, case, Action.DEEM_REFUSED, SYSTEM, version=None, payload=Payload(silence=(rule,)))
    appeal = lodged(rwanda, case, exporter)
    assert (appeal.ground, appeal.against_decided_by, appeal.against_recommended_by) == ("refusal", None, None)
    with pytest.raises(NotAllowed):
        judged(rwanda, appeal, naeb.registrar)
    judged(rwanda, appeal, naeb.second_supervisor, AppealState.ALLOWED)
    assert "Nobody decided in time." in rwanda.get(Record, appeal.record_id).data["decision_reason"]
    assert {bar.user_id for bar in rwanda.scalars(select(CorrectionBar))} >= {naeb.registrar.user_id}
    assert silence.outlook(case, load.current()) is None, "silence decides once"
    move(rwanda, case, Action.TAKE, naeb.second_registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.second_registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, naeb.supervisor)
    assert [each.by_silence for each in decisions(rwanda, case)] == [True, False]


def test_the_last_day_is_a_working_day_and_counts_whole(rwanda, exporter, refused, monkeypatch):
    pack, decision = load.current(), decisions(rwanda, refused)[0]
    chance = appeals.chance(pack, refused, decision)
    assert chance.last_day >= decision.decided_at.astimezone(pack.zone).date() + timedelta(days=30)
    assert chance.last_day.isoweekday() <= 5
    later(monkeypatch, days=(chance.last_day - clock.today(pack.zone)).days)
    assert appeals.chance(pack, refused, decision).open
    later(monkeypatch, days=1)
    with pytest.raises(NotAllowed) as found:
        lodged(rwanda, refused, exporter)
    assert "ended on" in str(found.value.message)


# --- who decides on it ----------------------------------------------------------------------------------------------


def test_only_who_had_nothing_to_do_with_the_case_sees_and_decides_it(rwanda, exporter, naeb, refused):
    appeal = lodged(rwanda, refused, exporter)
    elsewhere, clerk = cast(rwanda, "RDB").supervisor, naeb.second_registrar
    for who in (naeb.supervisor, naeb.registrar, clerk, elsewhere):
        with pytest.raises(NotFound):
            appeals.load_for(rwanda, who, appeal.reference)
        with pytest.raises(NotAllowed):
            judged(rwanda, appeal, who)
        assert appeal_lists.to_judge(rwanda, who).rows == []
    assert [each.id for each, _case in appeal_lists.to_judge(rwanda, naeb.second_supervisor).rows] == [appeal.id]
    engine.add_note(rwanda, refused, naeb.second_supervisor, "I looked at it")
    assert appeal_lists.to_judge(rwanda, naeb.second_supervisor).rows == []
    assert appeal_lists.without_judge(rwanda, ["NAEB"]) == [(appeal.reference, "NAEB")]
    acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=["NAEB"]))
    assert appeal_lists.without_judge(rwanda) == []


def test_the_database_keeps_the_judge_apart_and_the_outcome_for_good(rwanda, exporter, naeb, refused):
    appeal = lodged(rwanda, refused, exporter)
    engine.add_note(rwanda, refused, naeb.second_supervisor, "I looked at it")
    for who in (naeb.supervisor, naeb.registrar, naeb.second_supervisor, exporter):
        values = {"state": "dismissed", "judged_by": who.user_id, "judged_at": clock.now(), "reason": "No"}
        with pytest.raises(IntegrityError), rwanda.begin_nested():
            rwanda.execute(update(Appeal).where(Appeal.id == appeal.id).values(values))
    fresh = acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=["NAEB"]))
    judged(rwanda, appeal, fresh)
    for values in ({"state": "allowed"}, {"reason": "Otherwise"}, {"against_decided_by": None}, {"why": "Else"}):
        with pytest.raises(IntegrityError, match="altered"), rwanda.begin_nested():
            rwanda.execute(update(Appeal).where(Appeal.id == appeal.id).values(values))


def test_a_dismissed_appeal_leaves_the_decision_and_is_signed(rwanda, exporter, naeb, refused):
    appeal = judged(rwanda, lodged(rwanda, refused, exporter), naeb.second_supervisor)
    assert (refused.state, refused.correction_id) == (State.REFUSED, None)
    record = rwanda.get(Record, appeal.record_id)
    assert (record.kind, record.number, record.case_id) == ("appeal_decision", appeal.reference, refused.id)
    assert record.data["reason"] == "The certificate is of another lot."
    assert "court" in record.data["court"]
    mail = rwanda.scalars(select(Message).where(Message.template == "appeal_decided")).one()
    assert "dismissed" in mail.body
    assert "another lot" in mail.body
    for who in (naeb.second_supervisor, acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=["NAEB"]))):
        with pytest.raises(Stale):
            judged(rwanda, appeal, who, AppealState.ALLOWED)


def test_an_allowed_appeal_is_decided_anew_by_others(rwanda, exporter, naeb, refused):
    judged(rwanda, lodged(rwanda, refused, exporter), naeb.second_supervisor, AppealState.ALLOWED)
    assert refused.state == State.SUBMITTED
    bars = {bar.user_id: bar.scope for bar in rwanda.scalars(select(CorrectionBar))}
    assert bars[naeb.registrar.user_id] == bars[naeb.supervisor.user_id] == "case"
    assert naeb.second_supervisor.user_id not in bars
    told = rwanda.scalars(select(Message.body).where(Message.template == "appeal_decided")).one()
    assert "You have the new decision by" in told
    assert "suspended" not in told, "a refusal issues nothing"
    assert not rwanda.scalars(select(Message).where(Message.template == "correction_opened")).all(), "one message"
    with pytest.raises(NotAllowed):
        move(rwanda, refused, Action.TAKE, naeb.registrar)
    assert worklist.next_case(rwanda, naeb.registrar) is None
    with pytest.raises(Invalid):
        move(rwanda, refused, Action.REASSIGN, naeb.second_supervisor, payload=Payload(to=naeb.registrar.user_id))
    assert worklist.next_case(rwanda, naeb.second_registrar).id == refused.id
    move(rwanda, refused, Action.RECOMMEND, naeb.second_registrar, payload=APPROVE)
    with pytest.raises(NotAllowed):
        move(rwanda, refused, Action.APPROVE, naeb.supervisor)
    move(rwanda, refused, Action.APPROVE, naeb.second_supervisor)
    assert [each.outcome for each in decisions(rwanda, refused)] == ["refuse", "approve"]
    assert rwanda.scalars(select(Permit).where(Permit.case_id == refused.id)).one().state == PermitState.ACTIVE


def test_who_an_appeal_kept_out_stays_out_of_a_later_correction(rwanda, exporter, naeb, refused):
    judged(rwanda, lodged(rwanda, refused, exporter), naeb.second_supervisor, AppealState.ALLOWED)
    move(rwanda, refused, Action.TAKE, naeb.second_registrar)
    move(rwanda, refused, Action.RECOMMEND, naeb.second_registrar, payload=APPROVE)
    move(rwanda, refused, Action.APPROVE, naeb.second_supervisor)
    move(rwanda, refused, Action.CORRECT, naeb.second_supervisor)
    with pytest.raises(NotAllowed):
        move(rwanda, refused, Action.TAKE, naeb.registrar)


def test_the_reason_is_no_longer_than_a_correction_has_room_for(rwanda, exporter, naeb, refused):
    appeal = lodged(rwanda, refused, exporter)
    for outcome in (AppealState.DISMISSED, AppealState.ALLOWED):
        with pytest.raises(Invalid, match="too_long"):
            appeals.judge(rwanda, appeal, naeb.second_supervisor, outcome=outcome, reason="x" * 4001)
    appeals.judge(rwanda, appeal, naeb.second_supervisor, outcome=AppealState.ALLOWED, reason="x" * 4000)


def test_while_an_appeal_is_open_nobody_else_reopens_the_decision(rwanda, exporter, naeb, refused):
    lodged(rwanda, refused, exporter)
    with pytest.raises(NotAllowed, match="appeal_open"):
        move(rwanda, refused, Action.CORRECT, naeb.supervisor)


def test_an_overdue_appeal_is_marked_once_and_told(rwanda, exporter, naeb, refused, monkeypatch):
    appeal, pack = lodged(rwanda, refused, exporter), load.current()
    assert appeal_morning.mark(rwanda, clock.now(), pack) == 0
    later(monkeypatch, days=40)
    assert appeal_morning.mark(rwanda, clock.now(), pack) == 2
    assert appeal_morning.mark(rwanda, clock.now(), pack) == 0
    assert {entry.verb for entry in rwanda.scalars(select(Entry).where(Entry.subject == f"appeal:{appeal.id}"))} == {
        "appeal.lodged", "appeal.due_soon", "appeal.overdue",
    }  # fmt: skip
    counts = appeal_morning.counts(rwanda, clock.now())
    assert vars(counts[naeb.second_supervisor.user_id]) == {"waiting": 1, "late": 1, "stuck": 0}
    assert naeb.supervisor.user_id not in counts
    admin = make_user(rwanda, role=Role.ADMINISTRATOR)
    engine.add_note(rwanda, refused, naeb.second_supervisor, "I looked at it")
    counts = appeal_morning.counts(rwanda, clock.now())
    assert counts[admin.id].stuck == counts[naeb.supervisor.user_id].stuck == 1


def test_the_case_file_has_the_appeal(rwanda, exporter, naeb, refused):
    judged(rwanda, lodged(rwanda, refused, exporter), naeb.second_supervisor)
    file = case_file.gather(rwanda, load.current(), refused, around)
    assert case_file_json.document(rwanda, file)["appeals"][0]["why"] == WHY
    printed = dict(case_file_print.data(rwanda, load.current(), naeb.supervisor, file)["appeals"][0])
    assert printed["Reason"] == "The certificate is of another lot."


def test_the_database_asks_both_sides_for_their_words(rwanda, exporter, naeb, refused):
    appeal = lodged(rwanda, refused, exporter)
    columns = {each.key: getattr(appeal, each.key) for each in Appeal.__mapper__.column_attrs if each.key != "id"}
    with pytest.raises(IntegrityError, match="says_why"), rwanda.begin_nested():
        rwanda.execute(insert(Appeal).values(columns | {"why": "", "reference": "AP-1"}))
    values = {"state": "dismissed", "judged_by": naeb.second_supervisor.user_id, "judged_at": clock.now(), "reason": ""}
    with pytest.raises(IntegrityError, match="has_reason"), rwanda.begin_nested():
        rwanda.execute(update(Appeal).where(Appeal.id == appeal.id).values(values))


# --- races ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def live(committed, store_folder):
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    return committed


def test_a_hundred_tries_never_let_an_involved_official_decide_nor_give_two_outcomes(live):
    """Who recommended holds a second role, who decided tries again, a note is written meanwhile, others race."""
    with db.unit_of_work() as session:
        staff = cast(session)
        supervisors = [acting(session, make_user(session, role=Role.SUPERVISOR, agencies=["RDB"])) for _ in range(2)]
        second_role = acting(session, make_user(session, role=Role.SUPERVISOR, agencies=["RDB"]))
        found = []
        for _ in range(5):
            case = submitted(session, staff.applicant)
            move(session, case, Action.TAKE, second_role)
            move(session, case, Action.RECOMMEND, second_role, payload=REFUSE)
            move(session, case, Action.REFUSE, staff.supervisor)
            found.append((case.id, lodged(session, case, staff.applicant).id))
    who = [staff.supervisor, second_role, *supervisors, staff.registrar]
    kept_out = {staff.supervisor.user_id, second_role.user_id, staff.registrar.user_id, staff.applicant.user_id}
    outcomes = (AppealState.ALLOWED, AppealState.DISMISSED, AppealState.INADMISSIBLE)
    barrier = threading.Barrier(5)

    def tries(number: int) -> int:
        """Each of five threads tries four times on each of five appeals."""
        done = 0
        for turn, (case_id, appeal_id) in enumerate(each for pair in found for each in [pair] * 4):
            barrier.wait(timeout=30)
            actor = who[(number + turn) % len(who)]
            try:
                with db.unit_of_work() as session:
                    if number == 4:
                        engine.add_note(session, session.get_one(Case, case_id), supervisors[0], "I look at it now")
                        continue
                    appeal = session.get_one(Appeal, appeal_id)
                    judged(session, appeal, actor, outcomes[(number + turn) % 3])
                    done += 1
            except DomainError:
                pass
        return done

    with ThreadPoolExecutor(5) as pool:
        done = sum(pool.map(tries, range(5)))
    with db.unit_of_work() as session:
        rows = session.scalars(select(Appeal)).all()
        decided_ones = [each for each in rows if not each.open]
        assert len(decided_ones) == done == len(found)
        assert not {each.judged_by for each in decided_ones} & kept_out
        verbs = session.scalars(select(Entry.verb).where(Entry.verb.like("appeal.%"), Entry.verb != "appeal.lodged"))
        assert len(verbs.all()) == len(found), "one outcome each"
        allowed = {each.case_id for each in decided_ones if each.state == AppealState.ALLOWED}
        assert {case.id for case in session.scalars(select(Case)) if case.correction_id} == allowed
        assert len(session.scalars(select(Decision)).all()) == len(found)
