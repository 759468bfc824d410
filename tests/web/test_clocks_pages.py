"""Pages about time: the standards for anyone, what silence will mean on a case, and how long cases take."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.cases import engine, silence
from app.cases.models import Case
from app.cases.silence_models import SilenceHold
from app.cases.workflow import Action
from app.core import clock
from app.identity.actor import Role
from app.identity.models import User
from app.jurisdictions import load, working_days
from app.statistics.models import ServiceDuration
from tests.factories.businesses import make_business
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.support.statements import counted
from tests.web.conftest import SignIn


def usual(session: Session, service: str, agency: str, kind: str = "", **changes: object) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    values = {
        "since": now - timedelta(days=90), "until": now, "cases": 12, "decided": 9, "by_silence": 1, "on_time": 6,
        "late": 3, "median": 4, "p75": 6, "p90": None,
    }  # fmt: skip
    session.add(ServiceDuration(service=service, agency=agency, permit_kind=kind, **values | changes))
    session.flush()


@pytest.fixture
def owner(app: Flask, session: Session) -> User:
    user = make_user(session)
    make_business(session, owner=user, name="Koperative Ikawa")
    return user


@pytest.fixture
def case(session: Session, owner: User) -> Case:
    who = acting(session, owner)
    made = submitted(session, who, "export_licence", licence(kind="specialty-coffee"))
    if made.state == "awaiting_payment":
        pay(session, made, who)
    return made


def test_anyone_reads_promise_median_share_and_silence(app: Flask, session: Session) -> None:
    usual(session, "export_licence", "NAEB", "specialty-coffee")
    usual(session, "registration", "RDB", cases=4, decided=4, on_time=1)  # too few
    client = app.test_client()
    with counted(session) as said:
        page = client.get("/service-standards").text
    assert len(said) <= 3
    for words in (
        "6 office hours", "4 working days", "not yet known", "66 %", "the application counts as granted",
        "Monday to Friday 09:00–17:00", "Counted on 1 March 2026", "Illustrative: no legal source was found",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("too few cases") > 3


def test_before_the_first_count_it_says_what_is_promised(app: Flask) -> None:
    page = app.test_client().get("/service-standards").text
    assert "Counted on" not in page
    assert "RDB: six working hours once the application is complete" in page


def test_the_applicant_sees_what_silence_will_mean_and_how_long_it_takes(
    sign_in: SignIn, session: Session, owner: User, case: Case
) -> None:
    usual(session, "export_licence", "NAEB", "specialty-coffee")
    client = sign_in(owner)
    with counted(session) as said:
        page = client.get(f"/cases/{case.reference}").text
    assert "the application counts as granted" in page
    assert "Half of the cases like this one take 4 working days or less." in page
    assert sum("service_durations" in each for each in said) == 1


def test_night_is_said_to_count_from_the_morning(sign_in: SignIn, session: Session, owner: User, case: Case) -> None:
    case.submitted_at = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)
    session.flush()
    page = sign_in(owner).get(f"/cases/{case.reference}").text
    assert "Received 3 March 2026, 22:00; counts from 4 March 2026, 09:00" in page


def test_what_stands_in_the_way_is_said_to_the_official_and_that_it_does_to_the_applicant(
    sign_in: SignIn, session: Session, owner: User, case: Case
) -> None:
    clerk = make_user(session, role=Role.CLERK, agencies=["NAEB"])
    engine.perform(session, case, Action.TAKE, acting(session, clerk), version=case.version)
    client = sign_in(clerk)
    assert "the application counts as granted" in client.get(f"/desk/{case.reference}").text
    case.due_at = working_days.add(load.current(), clock.now() - timedelta(days=14), 1)
    session.add(
        SilenceHold(
            case_id=case.id, day=clock.now().date(), grounds=[{"code": "flag", "text": "The flag “Police” stands."}],
            told_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    session.expire_all()
    page = client.get(f"/desk/{case.reference}").text
    assert "Silence does not decide, because:" in page
    assert "The flag “Police” stands." in page
    theirs = sign_in(owner).get(f"/cases/{case.reference}").text
    assert "The agency must decide." in theirs
    assert "Police" not in theirs
    assert "within a quarter of an hour" not in theirs
    case.due_at = working_days.add(load.current(), clock.now(), 2)  # after a question and its answer
    session.flush()
    page = sign_in(clerk).get(f"/desk/{case.reference}").text
    assert "Police" not in page, "what stood in the way then"
    assert "the application counts as granted" in page


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, None])
def test_every_reader_sees_that_nobody_decided(
    sign_in: SignIn, session: Session, owner: User, case: Case, role: Role | None
) -> None:
    assert case.due_at is not None
    with clock.at(case.due_at + timedelta(minutes=1)):
        silence.decide(session, case.id)
    reader = owner if role is None else make_user(session, role=role, agencies=["NAEB"] if role is Role.CLERK else [])
    path = {Role.CLERK: "/desk/", Role.AUDITOR: "/audit/", None: "/cases/"}[role]
    page = sign_in(reader).get(f"{path}{case.reference}").text
    assert "silence of the administration" in page
    assert "The agency did not decide in time" in page


def test_the_supervisor_sees_how_long_cases_take(sign_in: SignIn, session: Session, app: Flask) -> None:
    usual(session, "registration", "RDB")
    usual(session, "export_licence", "NAEB", "coffee-export")
    client = sign_in(make_user(session, role=Role.SUPERVISOR, agencies=["RDB"]))
    with counted(session) as said:
        page = client.get("/desk/team").text
    assert "How long cases take" in page
    assert "66 %" in page
    assert "Coffee" not in page, "another agency's"
    assert sum("service_durations" in each for each in said) == 1


def test_the_administrator_reads_the_rules_of_time(sign_in: SignIn, session: Session, app: Flask) -> None:
    page = sign_in(make_user(session, role=Role.ADMINISTRATOR)).get("/admin/rules").text
    assert "Monday to Friday 08:00–17:00" in page
    assert "Silence of the administration" in page
