"""Another's things, and one's own in the wrong office: what is not one's looks like what does not exist."""

import uuid
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import notifications
from app.businesses.models import Business
from app.cases.models import Case, Note
from app.documents import records
from app.documents.models import Record, Upload
from app.fees import charges
from app.fees.models import Payment
from app.identity import credentials, memberships, parking, people
from app.identity.actor import MembershipRole, Role
from app.identity.models import User
from app.permits.models import Permit
from tests.factories.businesses import make_business
from tests.factories.cases import acting, attach, declaration, drafted, licence, registration, submitted
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.support.record_data import fitting
from tests.web.conftest import SignIn, post

CHOOSE = {"act": "choose", "reason": "Asked for it."}  # a case out of turn


@dataclass(frozen=True)
class Firm:
    """A business with something of everything."""

    owner: User
    business: Business
    draft: Case
    paper: Upload
    waiting: Case
    permit: Permit
    record: Record


@pytest.fixture
def firm(app: Flask, session: Session) -> Firm:
    owner = make_user(session)
    business = make_business(session, owner=owner)
    actor = acting(session, owner)
    draft = drafted(session, actor, "export_licence", licence())
    waiting = submitted(session, actor, "export_licence", licence("5000"))
    permit = make_permit(session, business)
    record = records.request(
        session, kind="permit", template="export_licence/licence.html", title="Licence",
        data=fitting("permit", number=permit.number), locale="en_RW",
        business_id=business.id, subject=f"permit:{permit.id}", issuer="NAEB",
    )  # fmt: skip
    paper = attach(session, draft, "invoice")
    session.commit()
    return Firm(owner, business, draft, paper, waiting, permit, record)


@pytest.fixture
def stranger(client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm) -> User:
    """Another entrepreneur with a business of their own, signed in."""
    person = make_user(session)
    make_business(session, owner=person)
    sign_in(person)
    return person


@pytest.mark.usefixtures("stranger")
def test_a_stranger_finds_nothing_and_changes_nothing(client: FlaskClient, session: Session, firm: Firm) -> None:
    draft, waiting = firm.draft.reference, firm.waiting.reference
    bill = charges.for_case(session, firm.waiting.id)
    assert bill is not None
    for address in (
        f"/cases/{draft}", f"/cases/{draft}/step/product", f"/cases/{draft}/documents", f"/cases/{draft}/check",
        f"/cases/{waiting}", f"/cases/{waiting}/sent", f"/cases/{waiting}/withdraw", f"/pay/{bill.reference}",
        f"/files/{firm.paper.id}", f"/records/{firm.record.code}", f"/records/{firm.record.code}.pdf",
        f"/permits/{firm.permit.number}", f"/business/{firm.business.number}",
    ):  # fmt: skip
        assert client.get(address).status_code == 404, address
    for address, fields in (
        (f"/cases/{draft}/step/product", {"what": "service"}),
        (f"/cases/{draft}/documents", {"continue": "1"}),
        (f"/cases/{draft}/documents/{firm.paper.id}/remove", {}),
        (f"/cases/{draft}/check", {"version": "1", "declared": "y"}),
        (f"/cases/{waiting}/withdraw", {"version": "2"}),
        (f"/pay/{bill.reference}", {"msisdn": "0788000001"}),
        (f"/pay/{bill.reference}/check", {}),
        (f"/pay/{bill.reference}/renew", {}),
        ("/account/business", {"business": str(firm.business.id)}),
    ):
        assert post(client, address, fields).status_code == 404, address
    session.expire_all()
    assert (firm.draft.state, firm.waiting.state) == ("draft", "awaiting_payment")
    assert firm.paper.removed_at is None
    assert session.scalar(select(func.count()).select_from(Payment)) == 0


def test_a_paper_of_another_case_cannot_be_removed_through_ones_own(
    client: FlaskClient, session: Session, firm: Firm, stranger: User
) -> None:
    mine = drafted(session, acting(session, stranger), "export_licence", licence())
    session.commit()
    assert post(client, f"/cases/{mine.reference}/documents/{firm.paper.id}/remove").status_code == 404
    session.expire_all()
    assert firm.paper.removed_at is None


def test_the_key_of_anothers_draft_makes_a_draft_of_ones_own(
    client: FlaskClient, session: Session, firm: Firm, stranger: User
) -> None:
    answer = post(client, "/start/export_licence", {"key": firm.draft.idempotency_key})
    assert firm.draft.reference not in answer.headers["Location"]
    made = session.scalars(select(Case).where(Case.applicant_id == stranger.id)).one()
    assert made.business_id != firm.business.id


def test_anothers_licence_cannot_be_drawn_on(client: FlaskClient, session: Session, firm: Firm, stranger: User) -> None:
    """Not by starting with it, not by posting it, and not when the draft already names it."""
    line = firm.permit.lines[0]
    answer = post(client, "/start/customs", {"key": uuid.uuid4().hex, "permit_line": str(line.id), "hs": "090111"})
    case = answer.headers["Location"]
    assert firm.permit.number not in client.get(f"{case}/step/items").text
    answer = post(client, f"{case}/step/items", dict(declaration(line.id)["items"]))
    assert answer.status_code == 422
    assert firm.permit.number not in answer.text

    made = session.scalars(select(Case).where(Case.applicant_id == stranger.id)).one()
    for step, raw in declaration(line.id).items():
        post(client, f"{case}/step/{step}", dict(raw))
    for code in ("invoice", "packing_list"):
        attach(session, made, code)
    session.commit()
    answer = post(client, f"{case}/check", {"version": "1", "declared": "y"})
    assert answer.status_code == 422
    session.expire_all()
    assert made.state == "draft"
    assert line.reserved == 0


def test_anothers_messages_and_parked_forms(client: FlaskClient, session: Session, firm: Firm, stranger: User) -> None:
    told = notifications.send(
        session, user_id=firm.owner.id, template="case_approved",
        values={"reference": "EL-1", "title": "Coffee", "path": "/"},
    )  # fmt: skip
    page = f"/cases/{firm.draft.reference}/step/product"
    fields = [("description", "what the owner typed")]
    parked = parking.park(session, path="/listings/new", fields=fields, user_id=firm.owner.id, nonce="n")
    session.commit()
    assert client.get(f"/messages/{told.id}").status_code == 404
    assert "what the owner typed" not in client.get(f"/listings/new?parked={parked}").text
    assert client.get(f"{page}?parked={parked}").status_code == 404


def test_a_member_who_left_keeps_nothing(client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm) -> None:
    agent = make_user(session, businesses={firm.business.id: MembershipRole.AGENT})
    case = drafted(session, acting(session, agent), "export_licence", licence("10"))
    session.commit()
    sign_in(agent)
    assert client.get(f"/cases/{case.reference}").status_code == 200
    memberships.remove(session, acting(session, firm.owner), firm.business.id, agent.id)
    session.commit()
    assert client.get(f"/cases/{case.reference}").status_code == 404
    assert post(client, f"/cases/{case.reference}/withdraw", {"version": "1"}).status_code == 404


def test_an_agent_manages_nobody(client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm) -> None:
    agent = make_user(session, businesses={firm.business.id: MembershipRole.AGENT})
    sign_in(agent)
    assert client.get("/business/members").status_code == 404
    for address, fields in (
        ("/business/members", {"email": "friend@test.example", "role": "owner"}),
        (f"/business/members/{agent.id}/role", {"role": "owner"}),
        (f"/business/members/{firm.owner.id}/remove", {}),
    ):
        assert post(client, address, fields).status_code == 404, address
    session.expire_all()
    assert memberships.businesses_of(session, agent.id) == {firm.business.id: MembershipRole.AGENT}


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_nobody_comes_back_by_an_invitation_of_their_own(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm, how: str
) -> None:
    """A manager who sees the end coming invites a second account of theirs, and takes the offer afterwards."""
    manager = make_user(session, businesses={firm.business.id: MembershipRole.MANAGER})
    friend = make_user(session)
    _offer, token = memberships.invite(
        session, acting(session, manager), business_id=firm.business.id, email=friend.email, role=MembershipRole.AGENT
    )
    _kept, good = memberships.invite(
        session, acting(session, firm.owner), business_id=firm.business.id, email="other@test.example",
        role=MembershipRole.AGENT,
    )  # fmt: skip
    owner = acting(session, firm.owner)
    if how == "removed":
        memberships.remove(session, owner, firm.business.id, manager.id)
    else:
        memberships.change_role(session, owner, firm.business.id, manager.id, MembershipRole.AGENT)
    session.commit()
    sign_in(friend)
    assert post(client, f"/invitations/{token}").status_code == 404
    assert memberships.businesses_of(session, friend.id) == {}
    assert client.get(f"/invitations/{good}").status_code == 200, "what others offered still stands"


# Officials


def _at_the_desk(session: Session, applicant: User | None = None) -> Case:
    """A registration that waits for a registrar."""
    return submitted(
        session, acting(session, applicant or make_user(session)), raw=registration(f"Firm {uuid.uuid4().hex[:8]}")
    )


DEEDS = (
    ("decide", {"version": "2", "decision": "approve", "reason": "good"}),
    ("take", {"version": "2"}),
    ("notes", {"body": "I was here"}),
)


@pytest.mark.parametrize("role", [Role.CLERK, Role.SUPERVISOR])
def test_an_official_of_another_agency_meets_nothing(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm, role: Role
) -> None:
    case = _at_the_desk(session)
    paper = attach(session, case, "identity")
    sign_in(make_user(session, role=role, agencies=["RSB"]))
    for address in (
        f"/desk/{case.reference}", f"/files/{paper.id}", f"/desk/permits/{firm.permit.number}",
        f"/cases/{case.reference}", f"/records/{firm.record.code}.pdf",
    ):  # fmt: skip
        assert client.get(address).status_code in {403, 404}, address
    for deed, fields in DEEDS:
        assert post(client, f"/desk/{case.reference}/{deed}", fields).status_code == 404
    answer = post(client, f"/desk/permits/{firm.permit.number}/suspend", {"reason_code": "other", "reason": "x" * 20})
    assert answer.status_code == (404 if role is Role.SUPERVISOR else 403)
    assert f"/desk/{case.reference}" not in client.get(f"/desk?q={case.reference}").text
    assert session.scalar(select(func.count()).select_from(Note)) == 0


def test_an_official_never_handles_what_they_have_an_interest_in(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm
) -> None:
    """Not the business they are a member of, not the application they made before they came into office."""
    person = make_user(session)
    own = _at_the_desk(session, person)
    person.role = Role.SUPERVISOR.value
    people.set_agencies(session, person.id, ["RDB", "NAEB"])
    memberships.add(session, person.id, firm.business.id, MembershipRole.AGENT)
    paper = attach(session, firm.waiting, "invoice")
    firm.waiting.agency = "NAEB"
    session.commit()
    sign_in(person)
    for case in (own, firm.waiting):
        assert client.get(f"/desk/{case.reference}").status_code == 404
        for deed, fields in DEEDS:
            assert post(client, f"/desk/{case.reference}/{deed}", fields).status_code == 404
        assert case.reference not in client.get("/desk").text
    assert firm.permit.number not in client.get("/desk/permits").text
    assert client.get(f"/files/{paper.id}").status_code == 404
    assert client.get(f"/records/{firm.record.code}.pdf").status_code == 404
    for action in ("suspend", "revoke", "reinstate"):
        fields = {"reason_code": "other", "reason": "a reason long enough"}
        assert post(client, f"/desk/permits/{firm.permit.number}/{action}", fields).status_code == 404
        if action != "revoke":
            assert post(client, f"/desk/businesses/{firm.business.number}/{action}", fields).status_code == 404
    session.expire_all()
    assert firm.permit.state == "active"


PERSONAL = ("/", "/desk", "/messages", "/account", "/account/sessions", "/account/password", "/pay", "/business")


@pytest.mark.parametrize("role", [Role.CLERK, Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR])
def test_without_the_second_factor_an_official_reads_and_does_nothing(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm, role: Role
) -> None:
    case = _at_the_desk(session)
    paper = attach(session, case, "identity")
    sign_in(make_user(session, role=role, agencies=["RDB"]), second_factor=False)
    pages = (*PERSONAL, f"/desk/{case.reference}", f"/files/{paper.id}", f"/records/{firm.record.code}.pdf", "/audit")
    for address in (*pages, "/admin", "/admin/api-clients", "/audit/bundles", "/messages/1"):
        answer = client.get(address, follow_redirects=False)
        assert answer.status_code == 303, address
        assert "/sign-in/code" in answer.headers["Location"] or address == "/", address
    for address in (
        "/account/business", "/account/second-factor/recovery-codes", "/account/sessions/end-all", "/messages/read",
        f"/desk/{case.reference}/notes", "/desk/next", "/admin/users/new", "/account/password",
    ):  # fmt: skip
        answer = post(client, address, {"body": "x", "business": "1"})
        assert "/sign-in/code" in answer.headers["Location"], address
    assert session.scalar(select(func.count()).select_from(Note)) == 0


def test_a_change_of_rights_or_the_end_of_an_account_counts_at_once(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm
) -> None:
    case = _at_the_desk(session)
    admin = acting(session, make_user(session, role=Role.ADMINISTRATOR))
    for change in ("agency", "role", "disable"):
        clerk = make_user(session, role=Role.CLERK, agencies=["RDB"])
        sign_in(clerk)
        assert client.get(f"/desk/{case.reference}").status_code == 200
        if change == "disable":
            credentials.disable(session, admin, clerk)
        else:
            role, agencies = (Role.CLERK, ["RSB"]) if change == "agency" else (Role.AUDITOR, [])
            credentials.change_rights(session, admin, clerk, role=role, agencies=agencies)
        session.commit()
        for answer in (client.get(f"/desk/{case.reference}"), post(client, f"/desk/{case.reference}/hands", CHOOSE)):
            assert "/sign-in" in answer.headers["Location"], change


def test_a_page_that_names_no_version_decides_nothing(
    client: FlaskClient, session: Session, sign_in: SignIn, firm: Firm
) -> None:
    case = _at_the_desk(session)
    clerk = make_user(session, role=Role.CLERK, agencies=["RDB"])
    sign_in(clerk)
    for version in ({}, {"version": ""}, {"version": "-1"}, {"version": "9" * 30}, {"version": "abc"}):
        post(client, f"/desk/{case.reference}/hands", CHOOSE | version)
        session.expire_all()
        assert case.state == "submitted", version
    post(client, f"/desk/{case.reference}/hands", CHOOSE | {"version": str(case.version)})
    session.expire_all()
    assert case.assigned_to == clerk.id
    fields = {"decision": "recommend_approve", "reason": "all is there"}
    for version in ({}, {"version": ""}, {"version": "-1"}, {"version": str(case.version - 1)}):
        assert post(client, f"/desk/{case.reference}/decide", {**fields, **version}).status_code == 409
        session.expire_all()
        assert case.state == "in_review"
