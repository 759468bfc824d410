"""What only an attacker or a broken program sends: the answer is never an error of ours, and never half a deed."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import registry
from app.cases.models import Case
from app.core import clock
from app.identity import memberships
from app.identity.actor import Role
from app.identity.models import User
from app.trade.models import Listing, ListingState
from tests.architecture.routes import address, declared, rules
from tests.factories.businesses import make_business
from tests.factories.cases import REGISTRATION
from tests.factories.people import make_user
from tests.web.conftest import SignIn, post

ZERO, HUGE, ODD = "\0", "9" * 23, "²"  # PostgreSQL's text holds no NUL, its ids end at 2⁶³, and "²".isdigit()
KEYS = ("before", "after", "q", "to", "role", "agency", "reference", "code", "document", "parked", "next", "hs", "from")
SPOILT = (ZERO, HUGE, ODD, f"1-{ODD}", "9" * 5000, "\u202e", "%", "\\")


@pytest.fixture
def owner(session: Session) -> User:
    person = make_user(session)
    make_business(session, owner=person)
    return person


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role.value if role else "nobody")
def test_no_address_is_an_error_of_ours(
    portal: Flask, client: FlaskClient, session: Session, sign_in: SignIn, owner: User, role: Role | None
) -> None:
    if role is not None:
        sign_in(owner if role is Role.ENTREPRENEUR else make_user(session, role=role, agencies=("RDB",)))
    wrong = []
    for rule in rules(portal):
        if "GET" not in (rule.methods or set()):
            continue
        if role is not None and str(declared(portal, rule)).startswith(("public", "scope:")):
            continue  # the same to all: somebody signed out tries them
        if rule.arguments:
            addresses = [address(rule, dict.fromkeys(rule.arguments, quote(value))) for value in SPOILT]
        else:
            addresses = [
                f"{rule.rule}?{'&'.join(f'{key}={quote(value)}' for key in KEYS)}"
                for value in SPOILT
                if len(value) < 100
            ]
            addresses += [
                f"{rule.rule}?{key}={quote(value)}" for key in ("before", "after", "q") for value in SPOILT[:4]
            ]
        for each in addresses:
            answer = client.get(each)
            if answer.status_code >= 500:
                wrong.append(f"{each[:80]}: {answer.status_code}")
            if answer.status_code == 403 or "/sign-in" in answer.headers.get("Location", ""):
                break  # turned away at the door, before anything was read
    assert wrong == []


@pytest.mark.parametrize("value", ["abc", "NaN", "1e999", "-Infinity", HUGE * 3, "²", "ZZ", "<script>"])
@pytest.mark.parametrize("service", ["registration", "export_licence", "customs"])
def test_whatever_an_address_prefills_every_page_opens(
    client: FlaskClient, session: Session, sign_in: SignIn, owner: User, service: str, value: str
) -> None:
    sign_in(owner)
    names = (
        "hs",
        "description",
        "destination",
        "route",
        "kind",
        "quantity",
        "unit",
        "value",
        "currency",
        "permit_line",
    )
    fields = dict.fromkeys((*names, "applicant_id", "business_id", "state", "version"), value)
    answer = post(client, f"/start/{service}", {"key": uuid.uuid4().hex, **fields})
    assert answer.status_code == 303
    case = session.scalars(select(Case)).one()
    assert (case.applicant_id, case.state, case.version) == (owner.id, "draft", 1)
    pages = [f"/cases/{case.reference}/step/{step.key}" for step in registry.service(service).steps]
    for page in (f"/cases/{case.reference}", f"/cases/{case.reference}/check", "/", *pages):
        answer = client.get(page)
        assert answer.status_code in {200, 404}, page  # 404: a step that does not apply yet
        assert "<script>" not in answer.text


def _started(client: FlaskClient, service: str) -> str:
    return post(client, f"/start/{service}", {"key": uuid.uuid4().hex}).headers["Location"]


ITEM = {
    "items-0-hs": "090111",
    "items-0-description": "Green coffee",
    "items-0-packages": "10",
    "items-0-package_kind": "JT",
    "items-0-gross_mass": "700",
    "items-0-net_mass": "600",
    "items-0-value": "3000",
}
BUYER = {"consignee": "Hangzhou Beans", "address": "1 West Lake Road", "destination": "CN"}


@pytest.mark.parametrize("value", [ZERO, "9" * 35, "-" + "9" * 35, "0." + "9" * 35, "1e999", "NaN", ODD, "9" * 5000])
@pytest.mark.parametrize(
    ("service", "step", "raw", "field"),
    [
        ("customs", "items", ITEM, "items-0-gross_mass"),
        ("customs", "items", ITEM, "items-0-packages"),
        ("customs", "items", ITEM, "items-0-permit_line"),
        ("customs", "buyer", BUYER, "destination"),
        ("customs", "invoice", {"number": "1", "currency": "USD"}, "date"),
        ("registration", "people", REGISTRATION["people"], "people-0-shares"),
        ("registration", "address", REGISTRATION["address"], "unit"),
    ],
)
def test_whatever_is_typed_the_step_says_so_and_the_draft_stays_whole(
    client: FlaskClient,
    sign_in: SignIn,
    owner: User,
    service: str,
    step: str,
    raw: dict[str, Any],
    field: str,
    value: str,
) -> None:
    sign_in(owner)
    case = _started(client, service)
    answer = post(client, f"{case}/step/{step}", {**raw, field: value})
    assert answer.status_code in {303, 422}
    for page in (case, f"{case}/check", f"{case}/step/{step}", "/"):
        assert client.get(page).status_code == 200, page


@pytest.mark.parametrize("number", [ODD, "9" * 5000, "99999999", "-1", "٣", ""])
def test_a_row_with_a_number_no_page_sends_is_no_row(
    client: FlaskClient, sign_in: SignIn, owner: User, number: str
) -> None:
    sign_in(owner)
    case = _started(client, "registration")
    for extra in ({f"people-{number}-name": "Somebody else"}, {"_remove": f"people-{number}"}):
        answer = post(client, f"{case}/step/people", {**REGISTRATION["people"], **extra})
        assert answer.status_code in {200, 303, 422}
        assert "Somebody else" not in client.get(f"{case}/step/people").text


def test_names_cannot_be_turned_or_hidden(client: FlaskClient, session: Session, sign_in: SignIn, owner: User) -> None:
    """A right-to-left override would make one name read as another; unseen signs would make equal names differ."""
    sign_in(owner)
    case = _started(client, "registration")
    post(client, f"{case}/step/name", {"name": "Kigali\u202eeffoC\u202c Tea\u200b\u2066\ufeff Ltd"})
    saved = session.scalars(select(Case)).one()
    assert saved.draft["name"]["clean"]["name"] == "KigalieffoC Tea Ltd"
    answer = post(client, f"{case}/step/name", {"name": "\u200b\u200d\u2060 \u200d"})
    assert answer.status_code == 422


def test_a_posted_field_with_a_zero_sign_changes_nothing(
    client: FlaskClient, session: Session, sign_in: SignIn, owner: User
) -> None:
    sign_in(owner)
    answer = post(client, "/start/registration", {"kind": f"coffee{ZERO}"})
    assert answer.status_code == 400
    assert "could not read" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    session.expire_all()
    assert session.scalars(select(Case)).all() == []


def test_a_listing_is_not_changed_by_a_page_that_names_no_version(
    client: FlaskClient, session: Session, sign_in: SignIn, owner: User
) -> None:
    """Without it nobody could say what the person had seen when they clicked."""
    sign_in(owner)
    (business_id,) = memberships.businesses_of(session, owner.id)
    listing = Listing(
        reference="LS-2026-00001-K", business_id=business_id, sku="", title="Coffee", hs="090111", destination="CN",
        channel="alibaba-com", quantity=None, unit=None, state=ListingState.DRAFT.value, reason_code="",
        reason_subject="", idempotency_key=uuid.uuid4().hex, version=3, created_by=owner.id, created_at=clock.now(),
        updated_at=clock.now(),
    )  # fmt: skip
    session.add(listing)
    session.commit()
    for version in ({}, {"version": "2"}, {"version": ODD}, {"version": "9" * 5000}, {"version": "-3"}):
        assert post(client, f"/listings/{listing.reference}/delist", version).status_code == 409
        answer = post(client, f"/listings/{listing.reference}/quantity", {"quantity": "5", "unit": "KGM", **version})
        assert answer.status_code == 409
    assert post(client, f"/listings/{listing.reference}/delist", {"version": "3"}).status_code == 303


def test_an_honest_prefill_arrives(client: FlaskClient, sign_in: SignIn, owner: User) -> None:
    sign_in(owner)
    fields = {"hs": "090111", "quantity": "12.5", "destination": "CN"}
    answer = post(client, "/start/export_licence", {"key": uuid.uuid4().hex, **fields})
    assert "0901.11" in client.get(f"{answer.headers['Location']}/step/product").text
