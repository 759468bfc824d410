"""Whose hands a case is in: who may judge it, where it goes when someone leaves, and who is told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import engine, own, registry, verbs
from app.cases.models import Case, CaseEvent, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import NotAllowed, Stale
from app.identity import credentials, memberships, people
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import User
from app.jurisdictions import load, lookup, working_days
from app.notifications.models import Message
from tests.factories.cases import acting, declaration, drafted, fill, licence, pay, registration, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, licensed, move

APPROVE = Payload(outcome=Outcome.APPROVE)
ABOUT_THE_KIND = Payload(fields=(AskedField("kind", "kind.permit_kind", "Which licence"),))


def paid(session: Session, exporter: Actor) -> Case:
    case = submitted(session, exporter, "export_licence", licence())
    pay(session, case, exporter)
    return case


def member(session: Session, exporter: Actor, role: MembershipRole = MembershipRole.AGENT) -> Actor:
    user = make_user(session)
    assert exporter.business_id is not None
    memberships.add(session, user.id, exporter.business_id, role)
    return acting(session, user, exporter.business_id)


def now_an_official(session: Session, former: Actor, role: Role, agency: str) -> Actor:
    """They left the business and joined the agency."""
    user = session.get_one(User, former.user_id)
    owner = next(m for m in memberships.members_of(session, former.business_id or 0) if m.role is MembershipRole.OWNER)
    memberships.remove(session, acting(session, session.get_one(User, owner.user_id)), former.business_id or 0, user.id)
    credentials.change_rights(
        session, acting(session, make_user(session, role=Role.ADMINISTRATOR)), user, role=role, agencies=[agency]
    )
    return acting(session, user)


@pytest.fixture
def sent_by_agent(rwanda: Session, exporter: Actor) -> tuple[Case, Actor]:
    """Begun by the owner, sent by an agent."""
    agent = member(rwanda, exporter)
    case = drafted(rwanda, exporter, "export_licence", licence())
    engine.perform(rwanda, case, Action.SUBMIT, agent, version=case.version, payload=Payload(declared=True))
    pay(rwanda, case, exporter)
    return case, agent


def test_who_sent_it_and_then_became_a_clerk_cannot_recommend_it(
    rwanda: Session, sent_by_agent: tuple[Case, Actor]
) -> None:
    case, agent = sent_by_agent
    clerk = now_an_official(rwanda, agent, Role.CLERK, "NAEB")
    move(rwanda, case, Action.TAKE, clerk)
    assert Action.RECOMMEND not in {t.action for t in engine.available(rwanda, case, clerk)}
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.RECOMMEND, clerk, payload=APPROVE)
    assert refused.value.code == "four_eyes"


def test_who_sent_it_and_then_became_a_customs_officer_cannot_release_it_alone(
    rwanda: Session, exporter: Actor
) -> None:
    """Where one officer decides there is no recommendation; the schema would refuse with a page that says nothing."""
    line = licensed(rwanda, exporter)
    agent = member(rwanda, exporter)
    case = drafted(rwanda, exporter, "customs", declaration(line.id, "100"))
    engine.perform(rwanda, case, Action.SUBMIT, agent, version=case.version, payload=Payload(declared=True))
    if case.state == State.AWAITING_PAYMENT:
        pay(rwanda, case, exporter)
    assert case.agency is not None
    officer = now_an_official(rwanda, agent, Role.CLERK, case.agency)
    move(rwanda, case, Action.TAKE, officer)
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, officer)
    assert refused.value.code == "four_eyes"


def test_a_case_sent_back_to_a_clerk_who_left_goes_into_the_queue(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=APPROVE)
    admin = acting(rwanda, make_user(rwanda, role=Role.ADMINISTRATOR))
    credentials.disable(rwanda, admin, people.user(rwanda, naeb.registrar.user_id or 0))
    move(rwanda, case, Action.SEND_BACK, naeb.supervisor)
    assert (case.state, case.assigned_to) == (State.SUBMITTED, None)
    assert case.due_at is not None
    move(rwanda, case, Action.TAKE, naeb.second_registrar)


def test_an_agency_that_gets_a_case_by_an_answer_has_its_own_promised_days(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    case.clock_days_left = 0  # the first agency had used up its time
    fill(rwanda, case, licence(kind="phytosanitary", days=20))
    move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    days = lookup.permit_kind(load.current(), "phytosanitary").standard_days
    assert days > 1
    received = working_days.counted_from(load.current(), clock.now())
    assert case.due_at == working_days.add(load.current(), received, days)


def test_the_reference_bears_the_year_it_is_in_the_country(rwanda: Session, people: People) -> None:
    with clock.at(datetime(2026, 12, 31, 23, 30, tzinfo=UTC)):  # half past one on New Year's Day in Kigali
        case = drafted(rwanda, people.applicant)
    assert case.reference.startswith("BR-2027-")


def test_an_official_is_told_the_state_in_officials_words(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = paid(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    with pytest.raises(Stale) as refused:
        move(rwanda, case, Action.TAKE, naeb.second_registrar)
    assert "Waiting for the applicant" in str(refused.value.message)


def told(session: Session, case: Case, template: str) -> set[int | None]:
    wanted = select(Message.user_id).where(Message.case_id == case.id, Message.template == template)
    return set(session.scalars(wanted))


def test_who_began_it_and_who_sent_it_are_told(
    rwanda: Session, exporter: Actor, sent_by_agent: tuple[Case, Actor]
) -> None:
    case, agent = sent_by_agent
    member(rwanda, exporter)  # a colleague with other work
    naeb = cast(rwanda, "NAEB")
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    assert told(rwanda, case, "information_requested") == {exporter.user_id, agent.user_id}


def test_a_question_does_not_go_to_an_agent_who_left_but_to_who_answers_for_the_business(
    rwanda: Session, exporter: Actor
) -> None:
    agent = member(rwanda, exporter)
    manager = member(rwanda, exporter, MembershipRole.MANAGER)
    member(rwanda, exporter)  # another agent
    case = paid(rwanda, agent)
    memberships.remove(rwanda, exporter, exporter.business_id or 0, agent.user_id or 0)
    naeb = cast(rwanda, "NAEB")
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    assert told(rwanda, case, "information_requested") == {exporter.user_id, manager.user_id}


def test_each_service_says_in_its_own_word_what_was_sent(rwanda: Session, people: People, exporter: Actor) -> None:
    line = licensed(rwanda, exporter)
    said = []
    for case in (
        submitted(rwanda, people.applicant, raw=registration("Inzira Nziza")),
        submitted(rwanda, exporter, "customs", declaration(line.id, "100")),
    ):
        event = rwanda.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)).first()
        assert event is not None
        said.append(str(verbs.happened(registry.service(case.service).workflow, event)))
    assert said == ["Application sent", "Declaration sent"]


def test_a_question_stays_in_sight_however_much_else_happens(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    asked = paid(rwanda, exporter)
    move(rwanda, asked, Action.TAKE, naeb.registrar)
    move(rwanda, asked, Action.ASK, naeb.registrar, payload=ABOUT_THE_KIND)
    for number in range(30):
        engine.start(rwanda, "export_licence", exporter, idempotency_key=f"a-later-draft-{number}")
    at_hand = own.at_hand(rwanda, exporter)
    assert at_hand.waiting[0].id == asked.id
    assert len(at_hand.waiting) == own.MOST
    assert own.at_hand(rwanda, replace(exporter, business_id=None)).waiting == []


def test_what_is_at_hand_is_apart_from_what_an_agency_has(rwanda: Session, exporter: Actor, people: People) -> None:
    sent, draft = paid(rwanda, exporter), drafted(rwanda, exporter, "export_licence", licence())
    submitted(rwanda, people.stranger)
    at_hand = own.at_hand(rwanda, exporter)
    assert [case.id for case in at_hand.waiting] == [draft.id]
    assert [case.id for case in at_hand.under_way] == [sent.id]
