"""A wrong decision is corrected by a new one, linked to it; what the old one issued waits for the new one."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from app.businesses import register
from app.businesses.models import Business, BusinessState, BusinessVersion
from app.cases import case_file, case_file_json, corrections, engine, worklist
from app.cases.appeal_models import Correction
from app.cases.models import Case, Decision, Outcome
from app.cases.rows import PARTS, Rows
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Stale
from app.core.together import Together
from app.documents import records
from app.documents.models import Record
from app.documents.records import Standing
from app.identity.models import User
from app.jurisdictions import load
from app.notifications.models import Message
from app.outbox.models import Event
from app.permits import lifecycle
from app.permits.models import Allocation, Permit, PermitState
from app.services.customs import declarations
from app.web.auditor.neighbours import around
from tests.factories.cases import acting, declaration, fill, licence, pay, registration, submitted
from tests.factories.permits import line, make_permit
from tests.services.conftest import cast, move

APPROVE = Payload(outcome=Outcome.APPROVE)
REFUSE = Payload(outcome=Outcome.REFUSE)
WRONG = Payload(reasons=("correct-document",))


@pytest.fixture
def naeb(rwanda):
    return cast(rwanda, "NAEB")


def decided(session, case, staff, payload=APPROVE):
    move(session, case, Action.TAKE, staff.registrar)
    move(session, case, Action.RECOMMEND, staff.registrar, payload=payload)
    return move(session, case, _deciding(payload), staff.supervisor)


def _deciding(payload):
    return Action.APPROVE if payload.outcome is Outcome.APPROVE else Action.REFUSE


def corrected(session, case, staff, payload=APPROVE):
    """Opened by who decided, decided anew by the second supervisor."""
    move(session, case, Action.CORRECT, staff.supervisor, "The invoice is another's.", WRONG)
    move(session, case, Action.TAKE, staff.registrar)
    move(session, case, Action.RECOMMEND, staff.registrar, payload=payload)
    return move(session, case, _deciding(payload), staff.second_supervisor)


def licensed(session, exporter, naeb, payload=APPROVE):
    case = submitted(session, exporter, "export_licence", licence())
    pay(session, case, exporter)
    return decided(session, case, naeb, payload)


def decisions(session, case):
    return session.scalars(select(Decision).where(Decision.case_id == case.id).order_by(Decision.id)).all()


def permits(session, case):
    return session.scalars(select(Permit).where(Permit.case_id == case.id).order_by(Permit.id)).all()


def write(session, decision):
    with session.begin_nested():
        session.add(decision)
        session.flush()


def mails(session, case, template):
    return session.scalars(select(Message).where(Message.case_id == case.id, Message.template == template)).all()


# --- the chain of decisions -----------------------------------------------------------------------------------------


def test_a_correction_is_a_new_decision_linked_to_the_old_one(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb, REFUSE)
    first = decisions(rwanda, case)[0]
    move(rwanda, case, Action.CORRECT, naeb.supervisor, "The invoice is another's.", WRONG)
    assert (case.state, case.assigned_to, case.decided_at) == (State.SUBMITTED, None, None)
    assert case.due_at > clock.now(), "the clock starts again"
    mail = mails(rwanda, case, "correction_opened")[0]
    assert "The invoice is another's." in mail.body
    assert "overlooked or misread" in mail.body
    assert "suspended" not in mail.body, "a refusal issued nothing"
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, naeb.second_supervisor)
    first, second = decisions(rwanda, case)
    assert (first.outcome, first.corrects_id, second.outcome, second.corrects_id) == (
        "refuse", None, "approve", first.id,
    )  # fmt: skip
    assert (case.state, case.correction_id, case.decided_at) == (State.APPROVED, None, second.decided_at)
    assert len(permits(rwanda, case)) == 1
    assert "corrected, and you are approved" in mails(rwanda, case, "decision_corrected")[0].subject


def test_who_made_the_wrong_decision_may_open_but_not_decide(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb, REFUSE)
    move(rwanda, case, Action.CORRECT, naeb.supervisor, "", WRONG)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    assert Action.APPROVE not in {each.action for each in engine.available(rwanda, case, naeb.supervisor)}
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, naeb.supervisor)
    assert worklist.next_case(rwanda, naeb.supervisor) is None
    assert worklist.next_case(rwanda, naeb.second_supervisor).id == case.id
    decision = decisions(rwanda, case)[0]
    recommendation = Rows.of(Together(*PARTS).read(rwanda, case=case.id)).recommendation
    forged = Decision(
        case_id=case.id,
        corrects_id=decision.id,
        submission_id=recommendation.submission_id,
        submission_sha256=recommendation.submission_sha256,
        submitted_by=decision.submitted_by,
        recommendation_id=recommendation.id,
        recommended_by=recommendation.recommended_by,
        four_eyes=True,
        outcome="approve",
        reason="",
        decided_by=naeb.supervisor.user_id,
        decided_at=clock.now(),
        pack_version="x",
    )
    with pytest.raises(IntegrityError, match="decided anew by others"):
        write(rwanda, forged)


def test_the_schema_keeps_a_chain_without_forks(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb, REFUSE)
    corrected(rwanda, case, naeb)
    first, second = decisions(rwanda, case)
    columns = {
        each.key: getattr(second, each.key)
        for each in Decision.__mapper__.column_attrs
        if each.key not in {"id", "corrects_id"}
    }
    for corrects in (None, first.id, second.id):  # a second first, a fork, and one without a correction
        with pytest.raises(IntegrityError):
            write(rwanda, Decision(corrects_id=corrects, **columns))
    alone = columns | {"four_eyes": False, "recommendation_id": None, "recommended_by": None}
    with pytest.raises(IntegrityError):
        write(rwanda, Decision(corrects_id=second.id, **alone))
    with pytest.raises(IntegrityError, match="append-only"), rwanda.begin_nested():
        rwanda.execute(update(Correction).values(reason="Nothing"))


def test_a_case_is_not_decided_by_the_decision_that_is_being_corrected(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    move(rwanda, case, Action.CORRECT, naeb.supervisor, "", WRONG)
    rwanda.execute(update(Case).where(Case.id == case.id).values(state="approved", correction_id=None))
    with pytest.raises(IntegrityError, match="without a decision"):
        rwanda.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_what_a_correction_needs(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    with pytest.raises(Invalid):
        move(rwanda, case, Action.CORRECT, naeb.supervisor, "")
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.CORRECT, naeb.registrar)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.CORRECT, cast(rwanda, "RDB").supervisor)
    move(rwanda, case, Action.CORRECT, naeb.supervisor)
    with pytest.raises(Stale):
        move(rwanda, case, Action.CORRECT, naeb.supervisor)
    assert Action.WITHDRAW not in {each.action for each in engine.available(rwanda, case, exporter)}
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.WITHDRAW, exporter)


# --- a licence ------------------------------------------------------------------------------------------------------


def test_a_permit_is_suspended_and_comes_back_when_the_decision_is_confirmed(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    move(rwanda, case, Action.CORRECT, naeb.supervisor, "The invoice is another's.", WRONG)
    permit = permits(rwanda, case)[0]
    assert (permit.state, permit.replaces_id) == (PermitState.SUSPENDED, None)
    assert "The invoice is another's." in permit.state_reason
    assert "what the decision issued is suspended" in mails(rwanda, case, "correction_opened")[0].body
    told = rwanda.scalars(select(Event).where(Event.type == "permit.state_changed").order_by(Event.id.desc())).first()
    assert told.data["reason_code"] == "correction"
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, naeb.second_supervisor)
    assert [each.state for each in permits(rwanda, case)] == [PermitState.ACTIVE]
    assert "confirmed" in mails(rwanda, case, "decision_corrected")[0].subject
    paper = rwanda.get(Record, permit.record_id)
    found = records.verify(rwanda, paper.code)
    assert found.state is Standing.VALID
    assert "confirmed" in found.correction.text
    assert not found.correction.number


def test_other_conditions_replace_the_permit_by_a_linked_one_less_what_left(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    old = permits(rwanda, case)[0]
    drawn = text("UPDATE permit_lines SET consumed = 1200 WHERE permit_id = :id")  # as another transaction would
    rwanda.execute(drawn, {"id": old.id})
    conditioned = Payload(outcome=Outcome.APPROVE, own_conditions=("Washed coffee only",))
    corrected(rwanda, case, naeb, conditioned)
    old, new = permits(rwanda, case)
    assert (old.state, new.state, new.replaces_id) == (PermitState.REVOKED, PermitState.ACTIVE, old.id)
    assert new.lines[0].quantity == 18000
    assert new.lines[0].value_minor == 96000_00 * 18000 // 19200
    assert "Washed coffee only" in new.conditions
    before, after = rwanda.get(Record, old.record_id), rwanda.get(Record, new.record_id)
    found = records.verify(rwanda, before.code)
    assert found.state is Standing.REVOKED
    assert (found.correction.number, found.correction.code) == (after.number, after.code)
    assert records.verify(rwanda, before.number).correction.code == "", "whoever has the number alone gets no code"
    assert records.verify(rwanda, after.code).correction is None


def test_a_refusal_by_correction_ends_the_permit(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    corrected(rwanda, case, naeb, REFUSE)
    assert (case.state, permits(rwanda, case)[0].state) == (State.REFUSED, PermitState.REVOKED)
    corrected_again = cast(rwanda, "NAEB")
    corrected(rwanda, case, corrected_again)
    old, new = permits(rwanda, case)
    assert (old.state, new.state, new.replaces_id) == (PermitState.REVOKED, PermitState.ACTIVE, old.id)
    assert len(decisions(rwanda, case)) == 3


def test_what_left_in_another_unit_is_never_allowed_twice(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    drawn = text("UPDATE permit_lines SET consumed = 1200, unit = 'LTR' WHERE permit_id = :id")
    rwanda.execute(drawn, {"id": permits(rwanda, case)[0].id})
    with pytest.raises(NotAllowed, match="other_unit"):
        corrected(rwanda, case, naeb, Payload(outcome=Outcome.APPROVE, own_conditions=("Washed coffee only",)))


def test_what_is_suspended_by_a_correction_is_not_given_back_by_hand(rwanda, exporter, naeb, people):
    case = licensed(rwanda, exporter, naeb)
    permit = permits(rwanda, case)[0]
    move(rwanda, case, Action.CORRECT, naeb.supervisor, "", WRONG)
    with pytest.raises(Invalid, match="being_corrected"):
        lifecycle.reinstate(rwanda, permit, naeb.second_supervisor, "It is all right")
    entry = submitted(rwanda, people.applicant)
    decided(rwanda, entry, people)
    move(rwanda, entry, Action.CORRECT, people.supervisor, "", WRONG)
    business = rwanda.scalars(select(Business).where(Business.case_id == entry.id)).one()
    with pytest.raises(Invalid, match="being_corrected"):
        register.reinstate(rwanda, business, people.second_supervisor, "It is all right")


def test_a_permit_that_was_revoked_for_something_else_is_not_issued_again(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    lifecycle.revoke(rwanda, permits(rwanda, case)[0], naeb.supervisor, "An inspection", reason_code="inspection")
    conditioned = Payload(outcome=Outcome.APPROVE, own_conditions=("Washed coffee only",))
    with pytest.raises(NotAllowed, match="revoked"), rwanda.begin_nested():
        corrected(rwanda, case, naeb, conditioned)
    corrected(rwanda, case, naeb)
    assert [each.state for each in permits(rwanda, case)] == [PermitState.REVOKED]


def test_a_permit_that_was_suspended_before_stays_suspended(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb)
    lifecycle.suspend(rwanda, permits(rwanda, case)[0], naeb.supervisor, "An inspection", reason_code="inspection")
    corrected(rwanda, case, naeb)
    assert permits(rwanda, case)[0].state == PermitState.SUSPENDED
    lifecycle.reinstate(rwanda, permits(rwanda, case)[0], naeb.supervisor, "Put right")


# --- a registration, a declaration ----------------------------------------------------------------------------------


def test_a_business_is_suspended_struck_off_and_restored(rwanda, people):
    case = submitted(rwanda, people.applicant)
    decided(rwanda, case, people)
    business = rwanda.scalars(select(Business).where(Business.case_id == case.id)).one()
    make_permit(rwanda, business, line("100"))
    move(rwanda, case, Action.CORRECT, people.supervisor, "", WRONG)
    assert business.state == BusinessState.SUSPENDED
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=REFUSE)
    move(rwanda, case, Action.REFUSE, people.second_supervisor)
    assert business.state == BusinessState.STRUCK_OFF
    assert {each.state for each in rwanda.scalars(select(Permit).where(Permit.business_id == business.id))} == {
        PermitState.SUSPENDED
    }
    corrected(rwanda, case, cast(rwanda))
    assert business.state == BusinessState.ACTIVE


def test_other_facts_are_a_new_version_of_the_entry_and_a_new_certificate(rwanda, people):
    case = submitted(rwanda, people.applicant)
    decided(rwanda, case, people)
    business = rwanda.scalars(select(Business).where(Business.case_id == case.id)).one()
    number, old = business.number, rwanda.get(Record, business.record_id)
    move(rwanda, case, Action.CORRECT, people.supervisor, "", WRONG)
    move(rwanda, case, Action.TAKE, people.registrar)
    asked = Payload(fields=(AskedField("address", "address.street", "Street"),))
    move(rwanda, case, Action.ASK, people.registrar, "Which street?", asked)
    fill(rwanda, case, registration(business.name) | {})
    changed = dict(case.draft["address"]["raw"]) | {"street": ["KN 5 Road 9"]}
    fill(rwanda, case, {"address": changed})
    owner = acting(rwanda, rwanda.get(User, people.applicant.user_id))  # they belong to the business by now
    move(rwanda, case, Action.SUBMIT, owner, payload=Payload(declared=True))
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, people.second_supervisor)
    assert (business.number, business.street, business.state) == (number, "KN 5 Road 9", BusinessState.ACTIVE)
    versions = rwanda.scalars(select(BusinessVersion).where(BusinessVersion.business_id == business.id)).all()
    assert sorted(each.number for each in versions) == [1, 2]
    assert business.record_id != old.id
    found = records.verify(rwanda, old.code)
    assert (found.state, found.correction.number) == (Standing.REVOKED, business.number)


def test_a_refused_declaration_is_reopened_by_two_and_draws_again(rwanda, exporter):
    customs = cast(rwanda, "RRA")
    business = rwanda.get(Business, exporter.business_id)
    permit = make_permit(rwanda, business, line("19200"))
    case = submitted(rwanda, exporter, "customs", declaration(permit.lines[0].id))
    if case.state == State.AWAITING_PAYMENT:
        pay(rwanda, case, exporter)
    decided(rwanda, case, customs, REFUSE)
    move(rwanda, case, Action.CORRECT, customs.supervisor, "", WRONG)
    move(rwanda, case, Action.TAKE, customs.registrar)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, customs.registrar)  # one officer is not enough now
    move(rwanda, case, Action.RECOMMEND, customs.registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, customs.second_supervisor)
    assert case.state == State.APPROVED
    item = declarations.item_key(case, 1)
    moves = rwanda.scalars(select(Allocation.state).where(Allocation.declaration_item == item).order_by(Allocation.id))
    assert moves.all() == ["reserved", "released", "reserved", "consumed"]
    with pytest.raises(Stale):
        move(rwanda, case, Action.CORRECT, customs.supervisor)  # released goods are cancelled, not corrected


def test_the_case_file_has_every_decision_and_why_it_was_corrected(rwanda, exporter, naeb):
    case = licensed(rwanda, exporter, naeb, REFUSE)
    corrected(rwanda, case, naeb)
    file = case_file.gather(rwanda, load.current(), case, around)
    found = case_file_json.document(rwanda, file)
    assert [each["outcome"] for each in found["decisions"]] == ["refuse", "approve"]
    assert found["decision"]["outcome"] == "approve"
    assert found["corrections"][0]["reason"] == "The invoice is another's."
    assert corrections.latest(rwanda, case).outcome == "approve"
    assert case.decided_at - clock.now() < timedelta(0)
