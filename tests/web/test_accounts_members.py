"""Acting for businesses: switching, inviting, roles, leaving."""

import re

import pytest
from sqlalchemy import select

from app.core import clock
from app.identity import memberships
from app.identity.actor import MembershipRole
from app.identity.models import Invitation
from app.notifications.models import Message
from tests.factories.businesses import make_business
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post


@pytest.fixture
def firm(session):
    """A business with an owner, a manager and an agent."""

    class Firm:
        owner = make_user(session)
        manager = make_user(session)
        agent = make_user(session)

    Firm.business = make_business(session, owner=Firm.owner)
    memberships.add(session, Firm.manager.id, Firm.business.id, MembershipRole.MANAGER)
    memberships.add(session, Firm.agent.id, Firm.business.id, MembershipRole.AGENT)
    session.commit()
    return Firm


def invitation_link(session, email):
    body = session.execute(select(Message.body).where(Message.email == email).order_by(Message.id.desc())).scalars()
    return re.search(r"http://localhost(/invitations/\S+)", body.first()).group(1)


def role_of(session, user, business):
    return memberships.businesses_of(session, user.id).get(business.id)


def test_switching_is_visible_and_only_to_ones_own(client, session, sign_in):
    user = make_user(session)
    first, second = make_business(session, owner=user), make_business(session, owner=user)
    foreign = make_business(session, owner=make_user(session))
    sign_in(user)
    acting = re.compile(r'account__for">.*?<bdi>(.*?)</bdi>', re.S)
    assert acting.search(client.get("/account").text).group(1) == first.name
    assert post(client, "/account/business", {"business": second.id, "next": "/account"}).location == "/account"
    assert acting.search(client.get("/account").text).group(1) == second.name
    for other in (foreign.id, 999_999_999, "x", "", "9" * 40, "²"):
        assert post(client, "/account/business", {"business": other}).status_code == 404
    away = post(client, "/account/business", {"business": first.id, "next": "https://evil.example"})
    assert away.location == "/"


def test_inviting_someone_new_and_their_joining(app, client, session, sign_in, firm):
    sign_in(firm.owner)
    sent = post(client, "/business/members", {"email": "New@Agent.example", "role": "agent"})
    assert sent.status_code == 303
    assert "new@agent.example" in client.get("/business/members").text
    link = invitation_link(session, "new@agent.example")
    guest = app.test_client()
    assert firm.business.name in guest.get(link).text
    assert post(guest, link).location == f"/sign-in?next={link}"
    user = make_user(session, email="new@agent.example")
    sign_in(user, browser=guest)
    assert post(guest, link).location == "/"
    assert role_of(session, user, firm.business) is MembershipRole.AGENT
    assert firm.business.name in guest.get("/account").text
    assert guest.get(link).status_code == 404
    # an agent does not manage members: the page is as good as missing
    assert guest.get("/business/members").status_code == 404


def test_an_invitation_is_for_its_address_alone(app, client, session, sign_in, firm):
    sign_in(firm.owner)
    post(client, "/business/members", {"email": "wanted@agent.example", "role": "manager"})
    link = invitation_link(session, "wanted@agent.example")
    thief = make_user(session)
    browser = sign_in(thief, browser=app.test_client())
    assert post(browser, link).status_code == 403
    assert role_of(session, thief, firm.business) is None


@pytest.mark.parametrize("how", ["withdrawn", "replaced", "expired"])
def test_a_dead_invitation(app, client, session, sign_in, firm, how, monkeypatch):
    user = make_user(session)
    sign_in(firm.owner)
    post(client, "/business/members", {"email": user.email, "role": "agent"})
    link = invitation_link(session, user.email)
    if how == "withdrawn":
        number = session.execute(select(Invitation.id)).scalar_one()
        assert post(client, f"/business/invitations/{number}/withdraw").status_code == 303
    elif how == "replaced":
        post(client, "/business/members", {"email": user.email, "role": "agent"})
    else:
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + memberships.OFFER_LASTS)
    browser = sign_in(user, browser=app.test_client())
    assert browser.get(link).status_code == 404
    assert post(browser, link).status_code == 404


def test_a_manager_invites_agents_only(client, session, sign_in, firm):
    sign_in(firm.manager)
    assert post(client, "/business/members", {"email": "a@b.example", "role": "owner"}).status_code == 422
    assert post(client, "/business/members", {"email": "a@b.example", "role": "agent"}).status_code == 303
    assert post(client, f"/business/members/{firm.owner.id}/remove").status_code == 403
    assert post(client, f"/business/members/{firm.agent.id}/role", {"role": "owner"}).status_code == 403
    assert post(client, f"/business/members/{firm.agent.id}/remove").status_code == 303
    assert role_of(session, firm.agent, firm.business) is None


def test_removal_takes_effect_in_open_sessions(app, client, session, sign_in, firm):
    agents = sign_in(firm.agent, browser=app.test_client(), business_id=firm.business.id)
    assert firm.business.name in agents.get("/account").text
    sign_in(firm.owner)
    post(client, f"/business/members/{firm.agent.id}/remove")
    assert firm.business.name not in agents.get("/account").text


def test_a_business_keeps_an_owner(client, session, sign_in, firm):
    sign_in(firm.owner)
    alone = post(client, f"/business/members/{firm.owner.id}/remove")
    assert alone.status_code == 422
    assert "at least one owner" in alone.text
    assert post(client, f"/business/members/{firm.owner.id}/role", {"role": "agent"}).status_code == 422
    assert post(client, f"/business/members/{firm.manager.id}/role", {"role": "owner"}).status_code == 303
    assert post(client, f"/business/members/{firm.owner.id}/remove").location == "/"
    assert role_of(session, firm.owner, firm.business) is None


def test_an_old_offer_takes_no_right_away(client, session, sign_in, firm):
    """An owner who moves to an address that was invited as agent stays the owner."""
    sign_in(firm.owner)
    post(client, "/business/members", {"email": "second@address.example", "role": "agent"})
    firm.owner.email = "second@address.example"
    session.commit()
    refused = post(client, invitation_link(session, "second@address.example"))
    assert refused.status_code == 422
    assert "You act for this business already." in refused.text
    assert role_of(session, firm.owner, firm.business) is MembershipRole.OWNER


def test_members_of_another_business_cannot_be_touched(client, session, sign_in, firm):
    stranger = make_user(session)
    make_business(session, owner=stranger)
    sign_in(stranger)
    assert post(client, f"/business/members/{firm.agent.id}/remove").status_code == 404
    assert post(client, f"/business/members/{firm.agent.id}/role", {"role": "owner"}).status_code == 404
    invitation, _token = memberships.invite(
        session,
        memberships_actor(session, firm.owner),
        business_id=firm.business.id,
        email="x@y.example",
        role=MembershipRole.AGENT,
    )
    assert post(client, f"/business/invitations/{invitation.id}/withdraw").status_code == 404


def memberships_actor(session, user):
    from app.identity import people, sessions

    row, _token = sessions.open_session(session, user, ip=None)
    return people.actor_for(session, row)


def test_signing_up_through_an_invitation(client, session, sign_in, firm, app):
    sign_in(firm.owner)
    post(client, "/business/members", {"email": "fresh@agent.example", "role": "agent"})
    link = invitation_link(session, "fresh@agent.example")
    guest = app.test_client()
    post(
        guest,
        f"/sign-up?next={link}",
        {"name": "Fresh Agent", "email": "fresh@agent.example", "password": PASSWORD},
    )
    body = (
        session.execute(
            select(Message.body).where(Message.email == "fresh@agent.example", Message.template == "verify_email")
        )
        .scalars()
        .one()
    )
    verify = re.search(r"http://localhost(/\S+)", body).group(1)
    assert post(guest, verify, {"password": PASSWORD}).location == link
    assert "Accept the invitation" in guest.get(link).text
