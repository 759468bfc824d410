"""In every state applicant and clerk read the same clock: the same day, the same days left, the same standing still."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import deadlines, engine, standing
from app.cases.models import Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.identity.models import User
from app.jurisdictions import load
from app.notifications.models import Message
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.web.conftest import SignIn, app, client, portal, sign_in  # noqa: F401

ASKED = AskedField("address", "address.phone", "Telephone")


@dataclass
class World:
    session: Session
    applicant: User
    clerk: User
    supervisor: User

    def act(self, case: Case, who: User, action: Action, payload: Payload | None = None, reason: str = "") -> Case:
        actor = cases.acting(self.session, who)
        return engine.perform(
            self.session, case, action, actor, version=case.version, reason=reason, payload=payload or Payload()
        )


@pytest.fixture
def world(app: Flask, session: Session) -> World:  # noqa: F811
    return World(
        session,
        make_user(session),
        make_user(session, role="clerk", agencies=["RDB"], name="Grace Uwimana"),
        make_user(session, role="supervisor", agencies=["RDB"]),
    )


def submitted(world: World) -> Case:
    return cases.submitted(world.session, cases.acting(world.session, world.applicant))


def in_review(world: World) -> Case:
    return world.act(submitted(world), world.clerk, Action.TAKE)


def returned(world: World) -> Case:
    return world.act(in_review(world), world.clerk, Action.ASK, Payload(fields=(ASKED,)), "Which number?")


def recommended(world: World) -> Case:
    return world.act(in_review(world), world.clerk, Action.RECOMMEND, Payload(outcome=Outcome.APPROVE), "All is there.")


def approved(world: World) -> Case:
    return world.act(recommended(world), world.supervisor, Action.APPROVE, reason="All is there.")


def refused(world: World) -> Case:
    found = world.act(in_review(world), world.clerk, Action.RECOMMEND, Payload(outcome=Outcome.REFUSE), "Not right.")
    return world.act(found, world.supervisor, Action.REFUSE, reason="Not right.")


def withdrawn(world: World) -> Case:
    return world.act(in_review(world), world.applicant, Action.WITHDRAW)


STATES = {
    State.SUBMITTED: submitted,
    State.IN_REVIEW: in_review,
    State.RETURNED: returned,
    State.RECOMMENDED: recommended,
    State.APPROVED: approved,
    State.REFUSED: refused,
    State.WITHDRAWN: withdrawn,
}
_CLOCK = re.compile(r'<div class="clock clock--(\w+)">(.*?)</div></div>', re.S)
_DAY = re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}")
_DAYS = re.compile(r"(\d+) working days?")


def read(page: str) -> tuple[str, list[str], list[str]] | None:
    """The kind of clock a page shows, the day and the number of days on it."""
    found = _CLOCK.search(page)
    if found is None:
        return None
    words = re.sub(r"<[^>]+>", " ", found[2])
    return found[1], _DAY.findall(words), _DAYS.findall(words)


@pytest.mark.parametrize("days", [0, 40])
@pytest.mark.parametrize("state", STATES)
def test_applicant_and_clerk_read_the_same_clock(
    world: World, sign_in: SignIn, state: State, days: int  # noqa: F811
) -> None:  # fmt: skip
    case = STATES[state](world)
    assert State(case.state) is state
    world.session.commit()
    with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
        theirs = sign_in(world.applicant).get(f"/cases/{case.reference}").text
        ours = sign_in(world.clerk).get(f"/desk/{case.reference}").text
        listed = sign_in(world.applicant).get("/cases").text
        face = deadlines.face(case, load.current())
    has_it = re.search(r"<p>([^<]+) has it now", theirs)
    assert (has_it is not None) == (state in (State.SUBMITTED, State.IN_REVIEW, State.RECOMMENDED))
    assert world.clerk.name not in theirs, "an agency has it, not a person"
    here, there = read(theirs), read(ours)
    if not face.running and state is not State.RETURNED:
        assert here is None
        assert "working day" not in listed
        return
    assert here is not None
    assert there is not None
    assert here == there
    if face.running:
        assert here[1]
        assert here[2] == [str(abs(face.days_left or 0))]
        assert here[1][0] in listed
        assert re.search(rf"\b{here[2][0]} working days?", listed)
    else:
        assert here[0] == "pause"
        assert here[2] == ([str(case.clock_days_left)] if case.clock_days_left else [])
        assert "stands still" in listed


def test_the_office_or_team_is_named_where_one_is_set(world: World) -> None:
    pack, case = load.current(), submitted(world)
    office = pack.offices[0]
    case.office = office.code
    found = standing.holder(case, pack)
    assert found is not None
    assert found.desk == office.name
    if pack.teams:
        case.team = pack.teams[0].code
        found = standing.holder(case, pack)
        assert found is not None
        assert found.desk == pack.teams[0].name


def test_what_is_asked_leads_to_its_field(world: World, sign_in: SignIn) -> None:  # noqa: F811
    case = returned(world)
    world.session.commit()
    browser = sign_in(world.applicant)
    page = browser.get(f"/cases/{case.reference}").text
    path = f"/cases/{case.reference}/step/address"
    assert f'href="{path}#phone"' in page
    assert "Please answer by" in page
    assert 'id="phone"' in browser.get(path).text


def test_a_message_shows_where_its_case_stands_now(world: World, sign_in: SignIn) -> None:  # noqa: F811
    case = returned(world)
    world.session.commit()
    message = world.session.scalars(
        select(Message).where(Message.template == "information_requested", Message.user_id == world.applicant.id)
    ).one()
    page = sign_in(world.applicant).get(f"/messages/{message.id}").text
    assert "Where it stands now" in page
    assert read(page) == read(sign_in(world.applicant).get(f"/cases/{case.reference}").text)


def test_an_unpaid_case_says_that_the_clock_has_not_started(world: World, sign_in: SignIn) -> None:  # noqa: F811
    owner = make_user(world.session)
    make_business(world.session, owner=owner)
    case = cases.submitted(world.session, cases.acting(world.session, owner), "export_licence", cases.licence())
    assert State(case.state) is State.AWAITING_PAYMENT
    world.session.commit()
    browser = sign_in(owner, business_id=cases.acting(world.session, owner).business_id)
    assert read(browser.get(f"/cases/{case.reference}").text) == ("pause", [], [])
    assert "the clock starts when the fee has arrived" in browser.get("/cases").text
