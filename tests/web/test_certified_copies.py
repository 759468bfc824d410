"""Asking for a certified copy on the page: by its holder for a fee, by officials for nothing, by nobody else."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases.copies_models import CertifiedCopy, CopyState
from app.documents.models import Record, RecordState
from app.fees.models import Charge
from app.identity.actor import Role
from app.identity.models import User
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.services.test_certified_copies import papered
from tests.support.statements import counted
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def owner(session: Session) -> User:
    return make_user(session)


@pytest.fixture
def paper(session: Session, owner: User) -> Record:
    business: Business = make_business(session, owner=owner)
    record = papered(session, make_permit(session, business))
    session.commit()
    return record


def address(paper: Record, end: str = "/new") -> str:
    return f"/records/{paper.code}/copies{end}"


def test_the_holder_chooses_and_goes_on_to_pay(sign_in: SignIn, session: Session, owner: User, paper: Record) -> None:
    client = sign_in(owner)
    page = client.get(address(paper)).get_data(as_text=True)
    assert "500" in page
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found is not None
    data = {"key": found[1], "purpose": "copy-other", "purpose_text": "", "language": "fr"}
    refused = post(client, address(paper), data)
    assert refused.status_code == 422
    assert "Write what the copy is for." in refused.get_data(as_text=True)
    assert found[1] in refused.get_data(as_text=True), "the same request, not another"
    data["purpose_text"] = "For my file"
    first = post(client, address(paper), data)
    again = post(client, address(paper), data)
    assert first.status_code == again.status_code == 303
    copy = session.scalars(select(CertifiedCopy)).one()
    charge = session.get_one(Charge, copy.charge_id)
    assert first.location == again.location == f"/pay/{charge.reference}"
    listed = client.get(address(paper, "")).get_data(as_text=True)
    assert "For my file" in listed
    assert charge.reference in listed
    with counted(session) as statements:
        client.get(address(paper, ""))
    assert len(statements) <= 8


def test_an_auditor_pays_nothing_and_sees_who_asked(
    sign_in: SignIn, session: Session, owner: User, paper: Record
) -> None:
    client = sign_in(make_user(session, role=Role.AUDITOR))
    assert "in the course of your office" in client.get(address(paper)).get_data(as_text=True)
    answer = post(client, address(paper), {"purpose": "copy-court", "purpose_text": "", "language": "en"})
    assert answer.location == address(paper, "")
    copy = session.scalars(select(CertifiedCopy)).one()
    assert (copy.state, copy.charge_id) == (CopyState.PREPARING, None)
    assert "official use, no fee" in client.get(address(paper, "")).get_data(as_text=True)
    assert "Nobody has asked" in sign_in(owner).get(address(paper, "")).get_data(as_text=True)


def test_of_what_is_not_printed_or_was_destroyed_nothing_is_sold(
    sign_in: SignIn, session: Session, owner: User, paper: Record
) -> None:
    client = sign_in(owner)
    session.execute(text("ALTER TABLE records DISABLE TRIGGER records_stay_as_issued"))
    for state, shown, status in ((RecordState.PENDING, 200, 409), (RecordState.DISPOSED, 410, 410)):
        paper.sha256, paper.size, paper.state = None, None, state
        session.commit()
        page = client.get(address(paper))
        assert page.status_code == shown
        assert 'name="key"' not in page.text, "nothing to send"
        assert post(client, address(paper), {"purpose": "copy-own", "language": "en"}).status_code == status
        listed = client.get(address(paper, ""))
        assert listed.status_code == 200
        assert "/copies/new" not in listed.text


def test_strangers_do_not_learn_that_it_exists(sign_in: SignIn, session: Session, paper: Record) -> None:
    stranger = make_user(session)
    make_business(session, owner=stranger)
    client = sign_in(stranger)
    for end in ("", "/new"):
        assert client.get(address(paper, end)).status_code == 404
    assert post(client, address(paper), {"purpose": "copy-own", "language": "en"}).status_code == 404
