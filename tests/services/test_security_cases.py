"""Ways round the engine, and cases that would be stuck for ever."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import engine, registry, worklist
from app.cases.models import Case, CaseEvent, Outcome
from app.cases.submitting import snapshot
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Stale
from app.fees import charges, payments, providers
from app.identity import credentials, memberships, people
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import User
from app.jurisdictions import load
from app.permits.models import Permit
from tests.factories.cases import acting, fill, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move

ABOUT_THE_KIND = Payload(fields=(AskedField("kind", "kind.permit_kind", "Which licence"),))
APPROVE = Payload(outcome=Outcome.APPROVE)


def _paid(session: Session, exporter: Actor) -> Case:
    case = submitted(session, exporter, "export_licence", licence())
    pay(session, case, exporter)
    return case


def _answer(session: Session, case: Case, exporter: Actor, **changes: Any) -> Case:
    fill(session, case, licence(**changes))
    return engine.perform(session, case, Action.SUBMIT, exporter, version=case.version, payload=Payload(declared=True))


def test_an_answer_that_moves_the_case_to_another_agency_puts_it_into_that_agencys_queue(
    rwanda: Session, exporter: Actor
) -> None:
    """Otherwise nobody could touch it: the old agency does not see it, the new one does not hold it."""
    naeb, rica = cast(rwanda, "NAEB"), cast(rwanda, "RICA")
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    case = _answer(rwanda, case, exporter, kind="phytosanitary", days=20)
    assert (case.agency, case.state, case.assigned_to) == ("RICA", State.SUBMITTED, None)
    assert case.due_at is not None
    assert worklist.next_case(rwanda, naeb.registrar) is None
    assert worklist.next_case(rwanda, rica.registrar) == case


@pytest.mark.parametrize("how", ["disabled", "moved", "promoted"])
def test_an_answer_to_someone_who_has_left_goes_back_into_the_queue(rwanda: Session, exporter: Actor, how: str) -> None:
    naeb = cast(rwanda, "NAEB")
    admin = acting(rwanda, make_user(rwanda, role=Role.ADMINISTRATOR))
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    clerk = people.user(rwanda, naeb.registrar.user_id or 0)
    if how == "disabled":
        credentials.disable(rwanda, admin, clerk)
    elif how == "moved":
        credentials.change_rights(rwanda, admin, clerk, role=Role.CLERK, agencies=["RSB"])
    else:
        credentials.change_rights(rwanda, admin, clerk, role=Role.AUDITOR, agencies=[])
    case = _answer(rwanda, case, exporter)
    assert (case.agency, case.state, case.assigned_to) == ("NAEB", State.SUBMITTED, None)
    assert worklist.next_case(rwanda, naeb.second_registrar) == case


def test_an_answer_to_someone_who_is_there_stays_with_them(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    case = _answer(rwanda, case, exporter)
    assert (case.state, case.assigned_to) == (State.IN_REVIEW, naeb.registrar.user_id)


def test_a_supervisor_takes_a_case_from_a_colleague_who_left_and_nobody_else_does(
    rwanda: Session, exporter: Actor
) -> None:
    naeb, rica = cast(rwanda, "NAEB"), cast(rwanda, "RICA")
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    for other in (naeb.second_registrar, rica.supervisor, exporter):
        with pytest.raises(NotAllowed):
            move(rwanda, case, Action.RELEASE_CASE, other)
    move(rwanda, case, Action.RELEASE_CASE, naeb.supervisor)
    assert (case.state, case.assigned_to) == (State.SUBMITTED, None)
    last = rwanda.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id.desc())).first()
    assert last is not None
    assert last.actor_id == naeb.supervisor.user_id
    for action in (Action.RECOMMEND, Action.ASK):
        with pytest.raises((NotAllowed, Stale)):
            move(rwanda, case, action, naeb.supervisor, payload=APPROVE)


def test_what_was_recommended_is_what_is_decided(rwanda: Session, people: People) -> None:
    """A submission that changed after the recommendation, however it came about, cannot be approved."""
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    move(rwanda, case, Action.RECOMMEND, people.registrar, payload=APPROVE)
    definition, answers = registry.service(case.service), {"name": {"name": "Another name"}}
    changed = snapshot(rwanda, definition, load.current(), case, people.applicant, answers)
    case.current_submission_id = changed.id
    rwanda.flush()
    with pytest.raises(Stale):
        move(rwanda, case, Action.APPROVE, people.supervisor)
    assert case.state == State.RECOMMENDED


def test_approving_twice_issues_one_permit(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    seen = case.version
    move(rwanda, case, Action.APPROVE, naeb.supervisor)
    for version in (seen, case.version):
        with pytest.raises(Stale):
            engine.perform(rwanda, case, Action.APPROVE, naeb.second_supervisor, version=version)
    assert len(rwanda.scalars(select(Permit).where(Permit.case_id == case.id)).all()) == 1


def test_who_joined_the_business_after_recommending_or_before_deciding_decides_nothing(
    rwanda: Session, exporter: Actor
) -> None:
    naeb = cast(rwanda, "NAEB")
    case = _paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    assert case.business_id is not None
    bought = rwanda.get_one(User, naeb.supervisor.user_id)
    memberships.add(rwanda, bought.id, case.business_id, MembershipRole.AGENT)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.APPROVE, acting(rwanda, bought))


def test_the_portals_own_actions_are_nobody_elses(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = submitted(rwanda, exporter, "export_licence", licence())
    for actor in (exporter, naeb.registrar, naeb.supervisor):
        with pytest.raises((NotAllowed, Stale)):
            move(rwanda, case, Action.CONFIRM_PAYMENT, actor)
    assert case.state == State.AWAITING_PAYMENT


def test_money_for_a_withdrawn_case_does_not_bring_it_back(rwanda: Session, exporter: Actor) -> None:
    case = submitted(rwanda, exporter, "export_licence", licence())
    charge = charges.for_case(rwanda, case.id)
    assert charge is not None
    payment = payments.start(rwanda, charge, "0788000001", exporter)
    move(rwanda, case, Action.WITHDRAW, exporter)
    payments.learn(rwanda, payment.id, providers.Status(providers.Outcome.SUCCESSFUL))
    rwanda.refresh(case)
    assert case.state == State.WITHDRAWN
    assert charges.get(rwanda, charge.id).settled is False
    with pytest.raises(Invalid):
        payments.start(rwanda, charge, "0788000001", exporter)


def test_a_quantity_at_the_edge_of_what_the_columns_hold(rwanda: Session, exporter: Actor) -> None:
    """The largest number the form takes goes the whole road."""
    naeb = cast(rwanda, "NAEB")
    case = submitted(rwanda, exporter, "export_licence", licence("1000000000000"))
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    move(rwanda, case, Action.APPROVE, naeb.supervisor)
    permit = rwanda.scalars(select(Permit).where(Permit.case_id == case.id)).one()
    assert permit.lines[0].quantity == 10**12
    assert permit.issued_at <= clock.now()


def test_a_reason_of_a_million_letters_is_refused(rwanda: Session, exporter: Actor) -> None:
    """It would be in every case file from then on, and none could be printed."""
    case = submitted(rwanda, exporter, "export_licence", licence())
    with pytest.raises(Invalid):
        move(rwanda, case, Action.WITHDRAW, exporter, reason="x" * 4001)
    assert case.state == State.AWAITING_PAYMENT
    move(rwanda, case, Action.WITHDRAW, exporter, reason="x" * 4000)
    assert case.state == State.WITHDRAWN
