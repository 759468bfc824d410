"""Who stands in for a colleague is checked against what they are trained for: in the lists, in acting, on entering."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.cases import assignment, grouping, worklist
from app.cases.grouping import Group, Times
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core.errors import Invalid, NotAllowed
from app.identity import absences, skills
from app.identity.actor import Actor
from app.identity.skills import Skills
from tests.factories.cases import submitted
from tests.services.conftest import People, move

APPROVE = Payload(outcome=Outcome.APPROVE)
ELSEWHERE = Skills(services=frozenset({"export_licence"}))


def train(session: Session, who: Actor, skill: Skills) -> None:
    skills.set_skills(session, who.user_id or 0, skill)


def away(session: Session, who: Actor, delegate: Actor) -> None:
    today = absences.today()
    absences.enter(
        session, who, who.user_id or 0, first_day=today, last_day=today + timedelta(days=2),
        delegate_id=delegate.user_id,
    )  # fmt: skip


@pytest.fixture
def held(rwanda: Session, people: People) -> Case:
    case = move(rwanda, submitted(rwanda, people.applicant), Action.TAKE, people.registrar)
    away(rwanda, people.registrar, people.second_registrar)
    return case


def shown(session: Session, reader: Actor, case: Case) -> set[Group]:
    hand, times = assignment.hand_of(session, reader), Times.current()
    heads = worklist.work_page(session, reader, hand, times, mine=False)
    found = {group for group, cases in heads.items() if case in cases}
    counted = worklist.load_of(session, reader, hand=hand, times=times).groups
    assert {group for group, count in counted.items() if count} == found
    assert found == {grouping.group_of(case, times, hand)}
    return found


def test_without_the_training_it_is_neither_theirs_to_see_nor_to_act_on(
    rwanda: Session, people: People, held: Case
) -> None:
    delegate = people.second_registrar
    assert shown(rwanda, delegate, held) == {Group.STAND_IN}
    train(rwanda, delegate, ELSEWHERE)
    assert shown(rwanda, delegate, held) == {Group.TODAY}, "the agency's, as any other colleague's"
    assert assignment.left_alone(rwanda, people.registrar.user_id or 0, delegate.user_id or 0) == 1
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, held, Action.RECOMMEND, delegate, payload=APPROVE)
    assert refused.value.code == "not_trained"
    assert "You stand in for a colleague, but" in str(refused.value.problems[0].message)
    train(rwanda, delegate, Skills(services=frozenset({"registration"})))
    assert shown(rwanda, delegate, held) == {Group.STAND_IN}
    assert assignment.left_alone(rwanda, people.registrar.user_id or 0, delegate.user_id or 0) == 0
    move(rwanda, held, Action.RECOMMEND, delegate, payload=APPROVE)


def test_training_for_a_permit_kind_leaves_cases_without_one_in_a_group(
    rwanda: Session, people: People, held: Case
) -> None:
    """A registration has no permit kind: the comparison is with nothing, and the case must not vanish for it."""
    train(rwanda, people.second_registrar, Skills(permit_kinds=frozenset({"coffee"})))
    assert shown(rwanda, people.second_registrar, held) == {Group.TODAY}
    assert assignment.left_alone(rwanda, people.registrar.user_id or 0, people.second_registrar.user_id or 0) == 1


def test_who_can_do_nothing_of_it_cannot_be_named(rwanda: Session, people: People) -> None:
    train(rwanda, people.registrar, Skills(services=frozenset({"registration"})))
    train(rwanda, people.second_registrar, ELSEWHERE)
    with pytest.raises(Invalid) as refused:
        away(rwanda, people.registrar, people.second_registrar)
    assert (refused.value.field, refused.value.code) == ("delegate", "not_trained")
    assert "trained for none of the cases of" in str(refused.value.problems[0].message)
    train(rwanda, people.second_registrar, Skills(permit_kinds=frozenset({"coffee"})))
    away(rwanda, people.registrar, people.second_registrar)
