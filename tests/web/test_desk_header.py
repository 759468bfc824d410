"""Whom the page's head says an official acts for, who has a business as well."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.identity import memberships
from app.identity.actor import MembershipRole, Role
from tests.factories.businesses import make_business
from tests.factories.people import make_user

SignIn = Callable[..., FlaskClient]


def test_at_the_desk_it_is_the_agency(app: object, session: Session, sign_in: SignIn) -> None:
    clerk = make_user(session, role=Role.CLERK, agencies=("RDB",))
    business = make_business(session)
    memberships.add(session, clerk.id, business.id, MembershipRole.AGENT)
    session.commit()
    client = sign_in(clerk)
    head = client.get("/desk").text.partition("<main")[0]
    summary = head.partition('class="account__name"')[2].partition("</summary>")[0]
    assert "RDB" in summary
    assert business.name not in summary
    elsewhere = client.get("/account").text.partition("</summary>")[0]
    assert business.name in elsewhere or "Choose a business" in elsewhere
