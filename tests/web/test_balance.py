"""The supervisor's view of the team, and handing over several cases at once."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.cases import engine
from app.cases.models import Case
from app.cases.workflow import Action
from app.core import clock
from app.identity.models import User
from tests.factories import cases
from tests.factories.people import make_user
from tests.support.statements import counted
from tests.web.conftest import SignIn, post


@pytest.fixture
def team(app: Flask, session: Session) -> dict[str, User]:
    return {
        name: make_user(session, role=role, agencies=["RDB"], name=f"{name.title()} Uwase")
        for name, role in (("grace", "clerk"), ("alice", "clerk"), ("diane", "supervisor"))
    }


def held(session: Session, holder: User | None) -> Case:
    case = cases.submitted(session, cases.acting(session, make_user(session)))
    if holder is not None:
        engine.perform(session, case, Action.TAKE, cases.acting(session, holder), version=case.version)
    return case


def test_a_clerk_does_not_see_it(sign_in: SignIn, team: dict[str, User]) -> None:
    assert sign_in(team["grace"]).get("/desk/team").status_code == 403


def test_who_has_what_and_how_old_it_is(sign_in: SignIn, session: Session, team: dict[str, User]) -> None:
    late, free = held(session, team["grace"]), held(session, None)
    late.due_at, late.submitted_at = clock.now() - timedelta(days=2), clock.now() - timedelta(days=30)
    client = sign_in(team["diane"])
    page = client.get("/desk/team").text
    assert "Grace Uwase" in page
    assert free.reference in page
    assert late.reference not in page
    assert late.reference in client.get(f"/desk/team?of={team['grace'].id}").text
    assert "How old the work is" in page


def test_several_are_handed_over_at_once_and_what_cannot_be_is_said(
    sign_in: SignIn, session: Session, team: dict[str, User]
) -> None:
    chosen = [held(session, team["grace"]), held(session, None), held(session, team["alice"])]
    client = sign_in(team["diane"])
    ticked = [f"{case.reference}:{case.version}" for case in chosen]
    answer = post(client, "/desk/team", {"case": ticked, "to": team["alice"].id, "reason": "Grace has too many."})
    assert answer.status_code == 303
    session.expire_all()
    assert {session.get_one(Case, case.id).assigned_to for case in chosen} == {team["alice"].id}
    said = client.get("/desk/team").text
    assert "2 cases were handed to Alice Uwase." in said
    assert "Alice Uwase has the case already." in said


def test_nothing_ticked_or_no_reason_is_said_and_the_ticks_are_kept(
    sign_in: SignIn, session: Session, team: dict[str, User]
) -> None:
    case = held(session, None)
    client, tick = sign_in(team["diane"]), f"{case.reference}:{case.version}"
    none = post(client, "/desk/team", {"to": team["alice"].id, "reason": "Balance."})
    assert none.status_code == 422
    assert "Tick the cases to hand over." in none.text
    kept = post(client, "/desk/team", {"case": [tick], "to": team["alice"].id})
    assert kept.status_code == 422
    assert f'value="{tick}" checked' in kept.text


def test_it_takes_eight_statements_at_most_however_many_there_are(
    sign_in: SignIn, session: Session, team: dict[str, User]
) -> None:
    client = sign_in(team["diane"])
    for _round in range(2):
        for _n in range(4):
            held(session, team["grace"])
            held(session, None)
        client.get("/desk/team")
        for address in ("/desk/team", f"/desk/team?of={team['grace'].id}"):
            with counted(session) as said:
                assert client.get(address).status_code == 200
            assert len(said) <= 8, said
