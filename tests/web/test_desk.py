"""The officials' desk: queue, next case, the case, deciding, notes."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine
from app.cases.models import Case, Note, Recommendation
from app.cases.workflow import Action
from app.identity.models import User
from tests.factories import cases
from tests.factories.people import make_user
from tests.web.conftest import SignIn, csrf_token


@pytest.fixture
def registrar(session: Session) -> User:
    return make_user(session, role="clerk", agencies=["RDB"], name="Grace Uwimana")


@pytest.fixture
def case(app: Flask, session: Session) -> Case:
    return cases.submitted(session, cases.acting(session, make_user(session)))


def post(client: FlaskClient, path: str, **fields: object):  # type: ignore[no-untyped-def]
    return client.post(path, data={"csrf_token": csrf_token(client), **fields})


def taken(session: Session, case: Case, user: User) -> Case:
    return engine.perform(session, case, Action.TAKE, cases.acting(session, user), version=case.version)


def test_the_next_case_is_taken_for_who_asks(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    answer = post(sign_in(registrar), "/desk/next")
    assert answer.location == f"/desk/{case.reference}"
    found = session.get_one(Case, case.id)
    assert (found.state, found.assigned_to) == ("in_review", registrar.id)


def test_an_empty_desk_says_so(sign_in: SignIn, registrar: User) -> None:
    client = sign_in(registrar)
    assert "Nothing is waiting" in client.get("/desk").text
    assert post(client, "/desk/next").location == "/desk"
    assert "There is no case waiting for you" in client.get("/desk").text


def test_only_the_agencys_own_cases_are_there(sign_in: SignIn, session: Session, case: Case) -> None:
    client = sign_in(make_user(session, role="clerk", agencies=["NAEB"]))
    assert case.reference not in client.get("/desk").text
    assert client.get(f"/desk/{case.reference}").status_code == 404
    assert post(client, f"/desk/{case.reference}/decide", version=case.version).status_code == 404
    assert post(client, f"/desk/{case.reference}/take", version=case.version).status_code == 404
    assert post(client, f"/desk/{case.reference}/notes", body="x").status_code == 404


def test_filters_are_in_the_address(sign_in: SignIn, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    assert case.reference in client.get(f"/desk?q={case.reference}&state=submitted").text
    assert case.reference not in client.get("/desk?state=in_review").text
    assert case.reference not in client.get("/desk?mine=1").text
    assert "No case matches" in client.get("/desk?service=customs").text
    assert client.get("/desk?after=nonsense&state=nonsense").status_code == 200


def test_choosing_a_case_is_allowed_and_noted(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    page = client.get(f"/desk/{case.reference}").text
    assert "Taking a case out of turn is recorded." in page
    post(client, f"/desk/{case.reference}/take", version=case.version)
    verbs = set(session.scalars(select(Entry.verb).where(Entry.case_id == case.id)))
    assert {"case.viewed", "case.chosen", "case.take"} <= verbs


def test_a_case_someone_else_took_meanwhile(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    seen = case.version
    taken(session, case, make_user(session, role="clerk", agencies=["RDB"]))
    client = sign_in(registrar)
    assert post(client, f"/desk/{case.reference}/take", version=seen).status_code == 303
    assert "This case changed while you had it open" in client.get(f"/desk/{case.reference}").text


def test_a_decision_needs_a_choice_and_a_reason(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    none = post(client, f"/desk/{case.reference}/decide", version=case.version)
    assert none.status_code == 422
    assert "Choose what to do with the case." in none.text
    short = post(client, f"/desk/{case.reference}/decide", version=case.version, decision="recommend_refuse")
    assert short.status_code == 422
    assert "Write the reason or the question." in short.text
    assert 'value="recommend_refuse" checked' in short.text or 'checked id="decision-1"' in short.text


def test_only_decisions_that_are_open_are_taken(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=case.version, decision="approve", reason="Mine."
    )
    assert answer.status_code == 422
    assert session.get_one(Case, case.id).state == "in_review"


def test_recording_opens_the_next_when_asked(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    other = cases.submitted(session, cases.acting(session, make_user(session)))
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=case.version, decision="recommend_approve",
        reason="In order.", next="1",
    )  # fmt: skip
    assert answer.location == f"/desk/{other.reference}"
    assert session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one().outcome == "approve"


def test_a_stale_decision_is_not_recorded(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    seen = case.version
    taken(session, case, registrar)
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=seen, decision="recommend_approve",
        reason="Typed with care.",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "Typed with care." in answer.text
    assert "Taken up for review" in answer.text
    assert session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).first() is None


def test_a_question_that_names_nothing_is_refused(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    for field in ([], ["no_such_step.field|Something"]):
        answer = post(
            client, f"/desk/{case.reference}/decide", version=case.version, decision="ask", reason="Which?", field=field
        )
        assert answer.status_code == 422
        assert "Choose the answers or documents you ask about." in answer.text


def test_notes_are_for_colleagues(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    assert post(client, f"/desk/{case.reference}/notes", body="").status_code == 422
    assert post(client, f"/desk/{case.reference}/notes", body="Known firm.").status_code == 303
    assert session.scalars(select(Note).where(Note.case_id == case.id)).one().body == "Known firm."
    assert "Known firm." in client.get(f"/desk/{case.reference}").text


def test_an_official_is_never_told_the_applicants_words(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    post(client, f"/desk/{case.reference}/decide", version=case.version, decision="ask", reason="Which gate?",
         field="address.street|Street, plot or house")  # fmt: skip
    page = client.get(f"/desk/{case.reference}").text
    assert "Waiting for the applicant" in page
    assert "Waiting for your answer" not in page
    assert "The clock stands still" in page
