"""Own, other's, missing: on every page of a record, what belongs to others is exactly what does not exist."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from app.cases import appeals, engine
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.documents import records, uploads
from app.documents.records import as_issued, register_kind
from app.identity.actor import Role
from app.identity.models import User
from app.jurisdictions import load
from app.notifications import sending
from app.notifications.models import Message
from app.trade import listings
from app.trade.question import Question
from tests.architecture.routes import address, declared, key, rules
from tests.factories.businesses import make_business
from tests.factories.cases import acting, drafted, submitted
from tests.factories.fees import make_charge
from tests.factories.flags import make_flag
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]
KIND = "architecture-test"


@dataclass
class World:
    """Somebody with one of everything, and strangers of each role who have something of their own."""

    owner: User
    insiders: dict[Role, User]
    strangers: dict[Role, User]
    values: dict[str, dict[str, str]] = field(default_factory=dict)  # what stands for <reference> in which rules


def refused_by_others(session: Session, case: Case) -> Case:
    """By officials of the agency who are nobody's insiders."""
    clerk, supervisor = (
        acting(session, make_user(session, role=role, agencies=(case.agency,)))
        for role in (Role.CLERK, Role.SUPERVISOR)
    )
    engine.perform(session, case, Action.TAKE, clerk, version=None)
    no = Payload(outcome=Outcome.REFUSE)
    engine.perform(session, case, Action.RECOMMEND, clerk, version=None, reason="It is not so", payload=no)
    return engine.perform(session, case, Action.REFUSE, supervisor, version=None, reason="It is not so")


@pytest.fixture
def world(app: Flask, session: Session) -> World:
    pack = load.current()
    owner, stranger = make_user(session), make_user(session)
    business = make_business(session, owner=owner)
    make_business(session, owner=stranger)
    session.flush()
    case = submitted(session, acting(session, owner))
    submitted(session, acting(session, stranger))
    draft = drafted(session, acting(session, owner))
    refused = refused_by_others(session, submitted(session, acting(session, owner)))
    appeal = appeals.lodge(session, refused, acting(session, owner), why="It was attached.", declared=True)
    charge = make_charge(session, owner.id)
    permit = make_permit(session, business)
    offer = listings.NewListing("Coffee", Question("090111", "CN", "alibaba-com"))
    listing = listings.create(session, acting(session, owner), offer, idempotency_key="architecture-test-listing")
    if KIND not in records._kinds:
        register_kind(KIND, "Test", as_issued)
    record = records.request(
        session, kind=KIND, template="base.html", title="Test", data={"number": "T-1"}, locale="en_RW", case_id=case.id,
        subject=f"case:{case.id}", issuer="RDB",
    )  # fmt: skip
    sending.send(session, template="password_changed", user_id=owner.id)
    message = session.scalars(select(Message).where(Message.user_id == owner.id).order_by(Message.id)).first()
    assert message is not None
    assert case.agency is not None
    elsewhere = next(a.code for a in pack.agencies if a.code not in {case.agency, permit.agency})
    agencies = {case.agency, permit.agency}
    officials = (Role.CLERK, Role.SUPERVISOR)
    insiders = {role: make_user(session, role=role, agencies=agencies) for role in officials}
    flagged = submitted(session, acting(session, owner))
    engine.perform(session, flagged, Action.TAKE, acting(session, insiders[Role.CLERK]), version=None)
    flag = make_flag(session, flagged)
    session.commit()
    upload = uploads.for_case(session, case.id)[0]
    return World(
        owner,
        {Role.ENTREPRENEUR: owner, **insiders},
        {
            Role.ENTREPRENEUR: stranger,
            **{role: make_user(session, role=role, agencies=(elsewhere,)) for role in officials},
        },
        {
            "/cases/<reference>/step": {"reference": draft.reference, "key": "name"},
            "/cases/<reference>/documents": {"reference": draft.reference, "upload_id": str(upload.id)},
            "/cases/<reference>/check": {"reference": draft.reference},
            "/cases/<reference>/appeal": {"reference": refused.reference},
            "/cases/": {"reference": case.reference},
            "/desk/businesses/": {"number": business.number, "action": "suspend"},
            "/desk/permits/": {"number": permit.number, "action": "suspend"},
            "/desk/appeals/": {"reference": appeal.reference},
            "/desk/<reference>/flags/": {"reference": flagged.reference, "flag_id": str(flag.id)},
            "/desk/": {"reference": case.reference},
            "/permits/": {"number": permit.number},
            "/listings/": {"reference": listing.reference},
            "/pay/": {"reference": charge.reference},
            "/records/": {"code": record.code},
            "/files/": {"upload_id": str(upload.id)},
            "/messages/": {"message_id": str(message.id)},
            "/business/members/": {"user_id": str(owner.id)},
            "/business/": {"number": business.number},
        },
    )


# Pages of records that are not anybody's own: whoever has the role may see all of them.
OF_THE_ROLE = {"administer", "audit"}
# Arguments that name no record: words of the portal itself.
NOT_A_RECORD = {"/start/<service>"}
# The record is found by what only its owner knows, or has, in the session; tried where these are tested.
TRIED_ELSEWHERE = {
    "/account/sessions/<int:session_id>/end",
    "/business/invitations/<int:invitation_id>/withdraw",
    "/account/email/<token>",
    "/c/<reference>",  # looks nothing up, and leads to the case's own page: tests/web/test_phone.py
    "/desk/findings/<number>",
    "/desk/advice/<reference>",  # seen by two agencies, and by no third: tests/web/test_advice.py
    "/desk/advice/<reference>/papers/<int:upload_id>",
    "/desk/inspections/<reference>",
    "/desk/inspections/<reference>/move",
    "/desk/inspections/<reference>/report",
    "/desk/inspections/<reference>/visit.ics",
    "/desk/inspections/<reference>/photographs/<int:photograph_id>",
    "/cases/<reference>/visits/<number>/confirm",
    "/cases/<reference>/visits/<number>/another-day",
    "/cases/<reference>/visits/<number>.ics",
    "/desk/<reference>/draft.pdf",  # shown only to who may approve the case now
    "/account/data/<number>",  # one's own copy: tests/web/test_retention_pages.py, as those that follow
    "/retention/holds/<number>",
    "/retention/disposals/<number>",
    "/retention/disposals/<number>/list.csv",
}


# The register is one for all agencies: every official looks businesses up there.
READ_BY_ALL_OFFICIALS = {"/desk/businesses/<number>"}


def _of_records(portal: Flask) -> list[Rule]:
    return [
        rule
        for rule in rules(portal)
        if rule.arguments
        and rule.rule not in NOT_A_RECORD | TRIED_ELSEWHERE
        and declared(portal, rule) not in {"public", *OF_THE_ROLE}
        and not str(declared(portal, rule)).startswith("scope:")
    ]


def _values(world: World, rule: Rule) -> dict[str, str] | None:
    return next((values for prefix, values in world.values.items() if rule.rule.startswith(prefix)), None)


def _role(permission: str | None) -> Role:
    if permission in {"desk", "case.review"}:
        return Role.CLERK
    if permission in {"case.decide", "permit.control"}:
        return Role.SUPERVISOR
    return Role.ENTREPRENEUR


VARYING = re.compile(r'name="csrf_token"[^>]*>|<bdi[^>]*>.*?</bdi>|(?:href|action|value)="[^"]*"', re.DOTALL)


def test_every_route_of_a_record_is_tried_here(portal: Flask, world: World) -> None:
    """A new one needs its record in ``World`` (or a reason why it has none)."""
    assert [key(rule) for rule in _of_records(portal) if _values(world, rule) is None] == []


def test_own_is_shown_and_others_looks_like_missing(portal: Flask, world: World, sign_in: SignIn) -> None:
    wrong: list[str] = []
    for rule in _of_records(portal):
        values = _values(world, rule)
        if values is None or "GET" not in (rule.methods or set()):
            continue
        role = _role(declared(portal, rule))
        own = sign_in(world.insiders[role], browser=portal.test_client()).get(address(rule, values))
        if own.status_code >= 400:
            wrong.append(f"{key(rule)}: the {role} whose it is was answered {own.status_code}")
        browser = sign_in(world.strangers[role], browser=portal.test_client())
        others, missing = browser.get(address(rule, values)), browser.get(address(rule))
        expected = 200 if rule.rule in READ_BY_ALL_OFFICIALS else 404
        if others.status_code != expected or missing.status_code != 404:
            wrong.append(f"{key(rule)}: another's answered {others.status_code}, a missing one {missing.status_code}")
        elif expected == 404 and VARYING.sub("", others.text) != VARYING.sub("", missing.text):
            wrong.append(f"{key(rule)}: another's page differs from a missing one's")
    assert wrong == [], "\n".join(wrong)


def test_nothing_can_be_done_to_what_is_anothers(portal: Flask, world: World, sign_in: SignIn) -> None:
    wrong: list[str] = []
    for rule in _of_records(portal):
        values = _values(world, rule)
        if values is None or "POST" not in (rule.methods or set()):
            continue
        browser = sign_in(world.strangers[_role(declared(portal, rule))], browser=portal.test_client())
        others, missing = post(browser, address(rule, values)), post(browser, address(rule))
        if others.status_code != 404 or missing.status_code != 404:
            wrong.append(f"{key(rule)}: another's answered {others.status_code}, a missing one {missing.status_code}")
        elif VARYING.sub("", others.text) != VARYING.sub("", missing.text):
            wrong.append(f"{key(rule)}: another's page differs from a missing one's")
    assert wrong == [], "\n".join(wrong)
