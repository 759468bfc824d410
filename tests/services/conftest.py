"""Services installed for a country, a store, and the people of one registration."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import app
from app.cases import engine
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import db
from app.identity.actor import Actor, Role
from app.permits.models import Permit, PermitLine
from config import DEFAULT_SECRET, Settings
from tests.factories.businesses import make_business
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user


def settings_for(url: str, store: Path, country: str = "RW") -> Settings:
    return Settings(
        mode="test",
        country=country,  # type: ignore[arg-type]
        database_url=url,
        secret_key=DEFAULT_SECRET,
        store=store,
        https=False,
        webhook_private_hosts=True,
    )


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def rwanda(session: Session, database: db.Database, store_folder: Path) -> Session:
    """The session, with Rwanda's pack and the installed services."""
    app.configure(settings_for(str(database.engine.url), store_folder))
    db.configure(database)
    return session


@dataclass(frozen=True)
class People:
    applicant: Actor
    stranger: Actor
    registrar: Actor
    second_registrar: Actor
    supervisor: Actor
    second_supervisor: Actor


def cast(session: Session, agency: str = "RDB") -> People:
    def one(role: Role, *agencies: str) -> Actor:
        return acting(session, make_user(session, role=role, agencies=agencies))

    return People(
        one(Role.ENTREPRENEUR),
        one(Role.ENTREPRENEUR),
        one(Role.CLERK, agency),
        one(Role.CLERK, agency),
        one(Role.SUPERVISOR, agency),
        one(Role.SUPERVISOR, agency),
    )


@pytest.fixture
def people(rwanda: Session) -> People:
    return cast(rwanda)


def move(
    session: Session,
    case: Case,
    action: Action,
    actor: Actor,
    reason: str = "because it is so",
    payload: Payload | None = None,
) -> Case:
    return engine.perform(session, case, action, actor, version=case.version, reason=reason, payload=payload)


@pytest.fixture
def exporter(rwanda: Session) -> Actor:
    """The owner of an active business."""
    owner = make_user(rwanda)
    make_business(rwanda, owner=owner, name="Koperative Ikawa y'Umusozi")
    return acting(rwanda, owner)


def licensed(session: Session, exporter: Actor, quantity: str = "19200") -> PermitLine:
    """The line of a coffee licence that went the whole road."""
    naeb = cast(session, "NAEB")
    case = submitted(session, exporter, "export_licence", licence(quantity))
    assert case.state == State.AWAITING_PAYMENT
    pay(session, case, exporter)
    move(session, case, Action.TAKE, naeb.registrar)
    move(session, case, Action.RECOMMEND, naeb.registrar, payload=Payload(outcome=Outcome.APPROVE))
    move(session, case, Action.APPROVE, naeb.supervisor)
    return session.scalars(select(Permit).where(Permit.case_id == case.id)).one().lines[0]
