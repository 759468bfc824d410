"""What a platform asks before it lists a product, and the listings it may see."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

import app.trade.tasks  # noqa: F401
from app.businesses.models import Business
from app.core import db
from app.identity import memberships, people
from app.identity.actor import SYSTEM
from app.identity.models import ApiClient
from app.permits import lifecycle
from app.permits.models import Permit
from app.trade import listings
from app.trade.models import Listing
from app.trade.readiness import Question
from tests.api.conftest import Platform
from tests.factories.businesses import make_business
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.factories.permits import make_permit

NEW = listings.NewListing("Bourbon 2026", Question("090111", "CN", "alibaba-com", Decimal(12000), "KGM"), "COF-1")


@pytest.fixture
def business(platform: Platform) -> Business:
    with db.unit_of_work() as session:
        return make_business(session, owner=make_user(session, name="Claudine Ingabire"), name="Koperative Ikawa")


@pytest.fixture
def permits(business: Business) -> list[Permit]:
    with db.unit_of_work() as session:
        mine = session.get_one(Business, business.id)
        return [make_permit(session, mine, kind=kind) for kind in ("coffee-export", "phytosanitary", "origin-china")]


def question(business: Business, **changes: Any) -> dict[str, Any]:
    return {
        "business": business.number,
        "product": {"hs": "0901.11"},
        "destination": "CN",
        "channel": "alibaba-com",
        "quantity": "12000",
        "unit": "KGM",
    } | changes


def ask(platform: Platform, body: dict[str, Any]) -> Any:
    return platform.call("POST", "/readiness", json=body)


def save(business: Business, *new: listings.NewListing) -> list[Listing]:
    with db.unit_of_work() as session:
        member = memberships.members_of(session, business.id)[0]
        actor = acting(session, people.user(session, member.user_id))
        return [listings.create(session, actor, each, idempotency_key=uuid.uuid4().hex) for each in new or (NEW,)]


def test_ready_when_all_is_held(platform: Platform, business: Business, permits: list[Permit]) -> None:
    answer = ask(platform, question(business))
    told = answer.get_json()
    assert answer.status_code == 200
    assert told["ready"] is True
    assert told["pack_version"].startswith("RW-")
    rows = {row["code"]: row for row in told["requirements"]}
    assert rows["business"]["state"] == "held"
    licence = rows["coffee-export"]
    assert (licence["kind"], licence["state"]) == ("coffee-export", "held")
    assert licence["rule"]
    assert licence["legal_ref"]
    assert licence["permit"] == {
        "number": permits[0].number,
        "valid_to": permits[0].valid_to.isoformat(),
        "remaining": "19200",
        "unit": "KGM",
    }
    assert "Claudine" not in answer.text


def test_not_ready_says_what_is_open(platform: Platform, business: Business, permits: list[Permit]) -> None:
    told = ask(platform, question(business, quantity="30000")).get_json()
    assert told["ready"] is False
    assert {row["code"]: row["state"] for row in told["requirements"]}["coffee-export"] == "not_enough"
    told = ask(platform, question(business, product={"hs": "740400"})).get_json()
    assert told["ready"] is False
    assert [control["effect"] for control in told["controls"]] == ["prohibited"]


def test_words_come_in_the_language_asked_for(platform: Platform, business: Business) -> None:
    answer = platform.call("POST", "/readiness", json=question(business), headers={"Accept-Language": "fr"})
    rows = {row["code"]: row for row in answer.get_json()["requirements"]}
    assert rows["coffee-export"]["title"] == "Licence d’exportation de café"


def test_an_unknown_business_is_not_found(platform: Platform, business: Business) -> None:
    answer = ask(platform, question(business) | {"business": "RW-RDB-2026-99999-X"})
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channel": "nowhere"}, "channel"),
        ({"product": {"hs": "999999"}}, "product.hs"),
        ({"product": {}}, "product.hs"),
        ({"destination": "XX"}, "destination"),
        ({"unit": None}, "unit"),
        ({"quantity": "-1"}, "quantity"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_mistake_names_its_field(platform: Platform, business: Business, changes: dict[str, Any], field: str) -> None:
    answer = ask(platform, question(business, **changes))
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.get_json()["errors"]]


def test_a_service_is_asked_about_without_a_product(platform: Platform, business: Business) -> None:
    body = {"business": business.number, "product": {}, "destination": "CN", "channel": "fliggy"}
    told = ask(platform, body).get_json()
    assert {row["code"] for row in told["requirements"]} == {"business", "tour-operator"}


def test_without_the_scope_nothing_is_told(a_platform: Callable[..., Platform], business: Business) -> None:
    poor = a_platform("permits:read")
    assert ask(poor, question(business)).status_code == 403
    assert poor.call("GET", "/listings").status_code == 403


def test_a_platform_sees_its_own_channels_listings_once_they_were_ready(
    platform: Platform, a_platform: Callable[..., Platform], business: Business, permits: list[Permit]
) -> None:
    elsewhere = replace(NEW, sku="", question=replace(NEW.question, channel="other-marketplace"))
    too_much = replace(NEW, sku="", question=replace(NEW.question, quantity=Decimal(99999)))
    mine, theirs, draft = save(business, NEW, elsewhere, too_much)
    told = platform.call("GET", "/listings").get_json()
    assert [each["reference"] for each in told["items"]] == [mine.reference]
    assert told["next"] is None
    (only,) = told["items"]
    assert only["business"] == {"number": business.number, "name": business.name}
    assert (only["state"], only["quantity"], only["unit"], only["sku"]) == ("ready", "12000", "KGM", "COF-1")
    assert platform.call("GET", f"/listings/{mine.reference}").get_json() == only
    for hidden in (theirs, draft):
        assert platform.call("GET", f"/listings/{hidden.reference}").status_code == 404
    assert platform.call("GET", "/listings?channel=other-marketplace").status_code == 422
    one_channel = a_platform("listings:read", name="One channel")
    with db.unit_of_work() as session:
        session.query(ApiClient).filter_by(client_id=one_channel.client_id).update({"channel": "other-marketplace"})
    assert [each["reference"] for each in one_channel.call("GET", "/listings").get_json()["items"]] == [
        theirs.reference
    ]


def test_a_suspended_permit_freezes_what_the_platform_sees(
    platform: Platform, business: Business, permits: list[Permit]
) -> None:
    (mine,) = save(business)
    first = platform.call("GET", f"/listings/{mine.reference}")
    assert (
        platform.call(
            "GET", f"/listings/{mine.reference}", headers={"If-None-Match": first.headers["ETag"]}
        ).status_code
        == 304
    )
    with db.unit_of_work() as session:
        lifecycle.suspend(session, session.get_one(Permit, permits[0].id), SYSTEM, "Residues were found.")
    told = platform.call(
        "GET", f"/listings/{mine.reference}", headers={"If-None-Match": first.headers["ETag"]}
    ).get_json()
    assert (told["state"], told["reason_code"]) == ("frozen", "suspended")
    assert platform.call("GET", "/listings?state=ready").get_json()["items"] == []
    assert len(platform.call("GET", "/listings?state=frozen").get_json()["items"]) == 1


def test_what_expired_at_midnight_is_not_told_as_ready_before_the_job_has_frozen_it(
    platform: Platform, business: Business, permits: list[Permit]
) -> None:
    (mine,) = save(business)
    with time_machine.travel(permits[0].expires_at, tick=False):
        told = platform.call("GET", f"/listings/{mine.reference}").get_json()
        assert (told["state"], told["reason_code"], told["frozen_at"] is not None) == ("frozen", "expired", True)
        assert [each["state"] for each in platform.call("GET", "/listings").get_json()["items"]] == ["frozen"]
        assert platform.call("GET", "/listings?state=ready").get_json()["items"] == []
    with time_machine.travel(permits[0].expires_at - timedelta(seconds=1), tick=False):
        assert platform.call("GET", f"/listings/{mine.reference}").get_json()["state"] == "ready"


def test_pages_follow_each_other_without_gaps(platform: Platform, business: Business, permits: list[Permit]) -> None:
    saved = save(business, *(replace(NEW, sku=f"COF-{number}") for number in range(5)))
    seen, address = [], "/listings?limit=2"
    while address:
        told = platform.call("GET", address).get_json()
        seen += [each["reference"] for each in told["items"]]
        address = f"/listings?limit=2&after={told['next']}" if told["next"] else ""
    assert seen == [each.reference for each in saved]
    assert platform.call("GET", "/listings?after=made-up").status_code == 422


def test_the_documentation_knows_them(platform: Platform) -> None:
    told = platform.http.get("/api/v1/openapi.json").get_json()
    assert {"/api/v1/readiness", "/api/v1/listings", "/api/v1/listings/{reference}"} <= set(told["paths"])
    assert "listing.state_changed" in told["webhooks"]
