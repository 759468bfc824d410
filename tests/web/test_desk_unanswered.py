"""A returned case whose question was not answered in time says so in the lists, and only such a one."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.cases import marks
from app.cases.models import Case, InformationRequest
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock
from app.identity.models import User
from tests.factories.cases import submitted
from tests.services.conftest import People, cast, move

SignIn = Callable[..., FlaskClient]


def asked(session: Session, people: People, due: timedelta) -> Case:
    case = move(session, submitted(session, people.applicant), Action.TAKE, people.registrar)
    fields = Payload(fields=(AskedField("name", "name.name", "Name"),))
    move(session, case, Action.ASK, people.registrar, payload=fields)
    about = update(InformationRequest).where(InformationRequest.case_id == case.id)
    session.execute(about.values(due_at=clock.now() + due))
    return case


def test_the_tag_stands_beside_cases_that_wait_in_vain(app: object, session: Session, sign_in: SignIn) -> None:
    people = cast(session)
    late, early = asked(session, people, -timedelta(days=1)), asked(session, people, timedelta(days=1))
    answered = asked(session, people, -timedelta(days=1))
    move(session, answered, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    assert marks.of(session, [late.id, early.id, answered.id]).unanswered == {late.id}
    session.commit()
    page = sign_in(session.get_one(User, people.registrar.user_id)).get("/desk?group=waiting")
    assert page.text.count(">No answer<") == 1
    assert late.reference in page.text.partition(">No answer<")[0]
