"""The work page in its groups, absences, training, and whose hands a case is in."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine
from app.cases.models import Case
from app.cases.workflow import Action
from app.core import clock
from app.identity import absences, skills
from app.identity.models import Absence, User
from tests.factories import cases
from tests.factories.people import make_user
from tests.support.statements import counted
from tests.web.conftest import SignIn, post


@pytest.fixture
def registrar(session: Session) -> User:
    return make_user(session, role="clerk", agencies=["RDB"], name="Grace Uwimana")


@pytest.fixture
def colleague(session: Session) -> User:
    return make_user(session, role="clerk", agencies=["RDB"], name="Alice Keza")


@pytest.fixture
def supervisor(session: Session) -> User:
    return make_user(session, role="supervisor", agencies=["RDB"], name="Diane Ingabire")


def fresh(session: Session, holder: User | None = None) -> Case:
    case = cases.submitted(session, cases.acting(session, make_user(session)))
    if holder is not None:
        engine.perform(session, case, Action.TAKE, cases.acting(session, holder), version=case.version)
    return case


def day(offset: int) -> list[str]:
    return cases.written(absences.today() + timedelta(days=offset))


def test_the_work_page_has_its_groups_and_leads_to_the_rest_of_each(
    app: Flask, sign_in: SignIn, session: Session, registrar: User
) -> None:
    for _n in range(10):
        fresh(session).due_at = clock.now() + timedelta(days=20)
    late = fresh(session, registrar)
    late.due_at = clock.now() - timedelta(days=3)
    client = sign_in(registrar)
    page = client.get("/desk").text
    assert 'New <span class="soft">(10)</span>' in page
    assert 'Overdue <span class="soft">(1)</span>' in page
    assert "See all 10 cases: New" in page
    assert client.get("/desk?group=new").text.count('href="/desk/BR-') == 10
    mine = client.get("/desk?mine=1").text
    assert late.reference in mine
    assert "New <span" not in mine
    assert client.get("/desk?group=nonsense").status_code == 200


def test_the_work_page_takes_eight_statements_at_most(
    app: Flask, sign_in: SignIn, session: Session, registrar: User, colleague: User
) -> None:
    for _n in range(4):
        fresh(session, colleague)
        fresh(session, registrar)
        fresh(session)
    client = sign_in(registrar)
    client.get("/desk")  # the first look of a session is noted
    for address in ("/desk", "/desk?mine=1", "/desk?group=new", "/desk?state=in_review"):
        with counted(session) as said:
            assert client.get(address).status_code == 200
        assert len(said) <= 8, said


def test_who_stands_in_finds_the_cases_in_a_group_of_their_own_and_may_act(
    app: Flask, sign_in: SignIn, session: Session, registrar: User, colleague: User
) -> None:
    case = fresh(session, registrar)
    client = sign_in(registrar)
    answer = post(client, "/desk/absences", {
        "person": str(registrar.id), "first_day": day(0), "last_day": day(2), "delegate": str(colleague.id),
    })  # fmt: skip
    assert answer.status_code == 303
    assert "You are entered as away" in client.get("/desk").text
    post(client, "/desk/next")
    assert "so no case is handed to you" in client.get("/desk").text
    other = sign_in(colleague)
    assert "Of colleagues you stand in for" in other.get("/desk?mine=1").text
    assert 'value="recommend_approve"' in other.get(f"/desk/{case.reference}").text
    absence = session.scalars(select(Absence)).one()
    assert post(other, f"/desk/absences/{absence.id}/end").status_code == 404
    assert post(sign_in(registrar), f"/desk/absences/{absence.id}/end").status_code == 303
    assert 'value="recommend_approve"' not in sign_in(colleague).get(f"/desk/{case.reference}").text
    verbs = session.scalars(select(Entry.verb).where(Entry.subject == f"user:{registrar.id}")).all()
    assert {"absence.entered", "absence.ended"} <= set(verbs)


def test_nobody_enters_the_absence_of_another_but_a_supervisor(
    app: Flask, sign_in: SignIn, session: Session, registrar: User, colleague: User, supervisor: User
) -> None:
    fields = {"person": str(colleague.id), "first_day": day(1), "last_day": day(2), "delegate": ""}
    assert post(sign_in(registrar), "/desk/absences", fields).status_code == 422
    assert post(sign_in(supervisor), "/desk/absences", fields).status_code == 303
    again = post(sign_in(supervisor), "/desk/absences", fields)
    assert again.status_code == 422
    assert "already away on some of these days" in again.text


def test_whose_hands_a_case_is_in(
    app: Flask, sign_in: SignIn, session: Session, registrar: User, colleague: User, supervisor: User
) -> None:
    case = fresh(session)
    page = f"/desk/{case.reference}/hands"
    client = sign_in(registrar)
    assert "Why do you take this case out of turn?" in client.get(page).text
    assert "Hand to a colleague" not in client.get(page).text
    none = post(client, page, {"act": "choose", "version": case.version})
    assert none.status_code == 422
    assert "Write why you take this case out of turn." in none.text
    post(client, page, {"act": "choose", "version": case.version, "reason": "Known firm."})
    assert session.get_one(Case, case.id).assigned_to == registrar.id
    refused = post(client, page, {"act": "reassign", "version": case.version, "to": colleague.id, "reason": "Busy."})
    assert refused.status_code == 422
    boss = sign_in(supervisor)
    assert "Alice Keza" in boss.get(page).text
    post(boss, page, {"act": "reassign", "version": case.version, "to": colleague.id, "reason": "Balance."})
    assert session.get_one(Case, case.id).assigned_to == colleague.id
    stale = post(sign_in(colleague), page, {"act": "release", "version": 1})
    assert stale.status_code == 303
    assert session.get_one(Case, case.id).assigned_to == colleague.id
    post(sign_in(colleague), page, {"act": "release", "version": case.version})
    assert session.get_one(Case, case.id).state == "submitted"
    assert post(sign_in(colleague), page, {"act": "nonsense"}).status_code == 404


def test_training_is_set_by_an_administrator(app: Flask, sign_in: SignIn, session: Session, registrar: User) -> None:
    admin = make_user(session, role="administrator")
    client, page = sign_in(admin), f"/admin/users/{registrar.id}/skills"
    assert page in client.get(f"/admin/users/{registrar.id}").text
    assert "Business registration" in client.get(page).text or "business registration" in client.get(page).text
    assert post(client, page, {"services": ["registration"]}).status_code == 303
    assert skills.of_user(session, registrar.id).services == {"registration"}
    assert post(client, page, {"services": ["nonsense"]}).status_code == 422
    assert post(client, f"/admin/users/{admin.id}/skills", {}).status_code == 404
