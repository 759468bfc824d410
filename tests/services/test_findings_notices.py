"""Word about findings reaches those who must act, once, and never the applicant."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import findings, findings_notices
from app.cases.findings import Content
from app.cases.findings_models import Finding
from app.cases.models import Case
from app.core import clock
from app.identity import memberships
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.models import Message
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.services.conftest import People

CONTENT = Content(
    title="Weight not compared", agency="RDB", seen="Not opened.", legal_basis="Procedure 4", answer_days=5
)


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR))


@pytest.fixture
def case(rwanda: Session, people: People) -> Case:
    return submitted(rwanda, people.applicant)


@pytest.fixture
def finding(rwanda: Session, auditor: Actor, case: Case) -> Finding:
    draft = findings.write(rwanda, load.current(), auditor, case, CONTENT)
    return findings.send(rwanda, load.current(), auditor, draft, case, version=draft.version)


def told(session: Session, template: str) -> list[int | None]:
    found = session.scalars(select(Message).where(Message.template == template).order_by(Message.user_id)).all()
    assert all(message.case_id is None for message in found), "messages of a case are read by its applicant"
    return [message.user_id for message in found]


def test_the_supervisors_of_the_agency_are_told_and_nobody_else(
    rwanda: Session, people: People, finding: Finding
) -> None:
    expected = sorted(who.user_id or 0 for who in (people.supervisor, people.second_supervisor))
    assert told(rwanda, "finding_sent") == expected
    body = rwanda.scalars(select(Message.body).where(Message.template == "finding_sent")).first()
    assert body is not None
    assert f"/desk/findings/{finding.number}" in body


def test_who_has_a_part_in_the_case_or_left_is_not_told(
    rwanda: Session, people: People, auditor: Actor, exporter: Actor
) -> None:
    case = submitted(rwanda, people.applicant)
    case.business_id = exporter.business_id
    memberships.add(rwanda, people.supervisor.user_id or 0, exporter.business_id or 0, MembershipRole.AGENT)
    rwanda.get_one(User, people.second_supervisor.user_id).disabled_at = clock.now()
    rwanda.flush()
    draft = findings.write(rwanda, load.current(), auditor, case, CONTENT)
    findings.send(rwanda, load.current(), auditor, draft, case, version=draft.version)
    assert told(rwanda, "finding_sent") == []


def test_a_late_answer_is_said_once_and_an_answer_to_its_author(
    rwanda: Session, people: People, auditor: Actor, case: Case, finding: Finding
) -> None:
    findings_notices.remind(rwanda)
    assert told(rwanda, "finding_overdue") == []
    assert finding.due_at is not None
    with clock.at(finding.due_at + timedelta(minutes=1)):
        for _again in range(2):
            findings_notices.remind(rwanda)
        assert len(told(rwanda, "finding_overdue")) == 2
        findings.answer(
            rwanda, people.supervisor, finding, case, text="It was.", done="Nothing", version=finding.version
        )
    assert told(rwanda, "finding_answered") == [auditor.user_id]
    with clock.at(clock.now() + timedelta(days=90)):
        findings_notices.remind(rwanda)
    assert len(told(rwanda, "finding_overdue")) == 2


def test_more_than_a_batch_goes_on_in_the_next_job(
    rwanda: Session, auditor: Actor, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings_notices, "BATCH", 1)
    for number in range(3):
        draft = findings.write(
            rwanda, load.current(), auditor, case, Content(**{**vars(CONTENT), "title": f"{number}"})
        )
        findings.send(rwanda, load.current(), auditor, draft, case, version=draft.version)
    with clock.at(clock.now() + timedelta(days=60)):
        findings_notices.remind(rwanda)
        queue.run_pending(rwanda)
        assert len(told(rwanda, "finding_overdue")) == 6
