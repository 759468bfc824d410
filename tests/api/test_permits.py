"""What a platform learns about a permit."""

from collections.abc import Callable

import pytest

from app.businesses.models import Business
from app.core import db
from app.permits.models import Permit
from tests.api.conftest import Platform
from tests.factories.businesses import make_business
from tests.factories.permits import line, make_permit


@pytest.fixture
def permit(platform: Platform) -> Permit:
    with db.unit_of_work() as session:
        return make_permit(session, make_business(session), line("19200.500"))


def test_a_permit_is_told_without_any_person(platform: Platform, permit: Permit) -> None:
    answer = platform.call("GET", f"/permits/{permit.number}")
    told = answer.get_json()
    assert answer.status_code == 200
    with db.unit_of_work() as session:
        holder = session.get_one(Business, permit.business_id)
        people = {person.name for person in holder.people}
    assert told["number"] == permit.number
    assert told["kind"] == "coffee-export"
    assert (told["state"], told["state_title"]) == ("active", "Valid")
    assert told["title"]
    assert told["holder"] == {"number": holder.number, "name": holder.name}
    assert told["issuer"]["code"] == permit.agency
    assert told["destination"] == "CN"
    assert (told["valid_from"], told["valid_to"]) == (permit.valid_from.isoformat(), permit.valid_to.isoformat())
    (goods,) = told["lines"]
    assert (goods["hs"], goods["quantity"], goods["remaining"], goods["unit"]) == (
        "090111",
        "19200.5",
        "19200.5",
        "KGM",
    )
    assert people
    assert not any(name in answer.text for name in people)
    assert holder.email not in answer.text
    assert holder.phone not in answer.text


def test_conditions_are_told_in_the_language_asked_for(platform: Platform, permit: Permit) -> None:
    assert platform.call("GET", f"/permits/{permit.number}").get_json()["conditions"] == []
    listed = {
        "code": "lot", "names": {"en": "Sample each lot", "fr": "Échantillonner chaque lot"}, "legal_ref": "Law 1",
    }  # fmt: skip
    with db.unit_of_work() as session:
        found = session.get_one(Permit, permit.id)
        found.said_conditions = [listed, {"code": "", "text": "By air only."}]
    for language, first in (("en", "Sample each lot (Law 1)"), ("fr", "Échantillonner chaque lot (Law 1)")):
        answer = platform.call("GET", f"/permits/{permit.number}", headers={"Accept-Language": language})
        assert answer.get_json()["conditions"] == [first, "By air only."]


def test_a_number_nobody_issued_is_not_found(platform: Platform) -> None:
    answer = platform.call("GET", "/permits/XX-0000-000000")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_the_number_may_be_typed_in_small_letters(platform: Platform, permit: Permit) -> None:
    assert platform.call("GET", f"/permits/{permit.number.lower()}").get_json()["number"] == permit.number


def test_an_unchanged_permit_costs_no_bytes(platform: Platform, permit: Permit) -> None:
    first = platform.call("GET", f"/permits/{permit.number}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = platform.call("GET", f"/permits/{permit.number}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    with db.unit_of_work() as session:
        session.get_one(Permit, permit.id).state = "revoked"
        session.get_one(Permit, permit.id).state_reason = "Found false"
    changed = platform.call("GET", f"/permits/{permit.number}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.get_json()["state"] == "revoked"
    assert "Found false" not in changed.text


def test_it_takes_the_scope(a_platform: Callable[..., Platform], permit: Permit) -> None:
    assert a_platform("listings:read").call("GET", f"/permits/{permit.number}").status_code == 403
