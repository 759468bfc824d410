"""The register: what an entry is made of, its versions, its state."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.audit.models import Entry
from app.businesses import hooks, lookup, register
from app.businesses.facts import PersonFacts
from app.businesses.models import Business, BusinessState
from app.core.errors import Invalid, NotAllowed, NotFound
from app.core.identifiers import check_letter
from app.identity.actor import Actor, MembershipRole, Role
from app.jurisdictions import load
from app.notifications.models import Message
from tests.factories.businesses import facts, make_business
from tests.factories.people import make_user


def supervisor(session, *, agency: str | None = None, memberships=None) -> Actor:
    pack = load.configure("RW")
    user = make_user(session, role=Role.SUPERVISOR)
    return Actor(
        kind="user",
        name=user.name,
        user_id=user.id,
        role=Role.SUPERVISOR,
        agencies=frozenset({agency or pack.registration_agency}),
        memberships=memberships or {},
        second_factor=True,
    )


def test_a_new_entry_has_a_number_a_version_people_and_an_audit_entry(session):
    business = make_business(session, name="Urumuri Tea Hills Ltd")
    assert business.active
    body, letter = business.number.rsplit("-", 1)
    assert letter == check_letter(body)
    (version,) = lookup.versions(session, business.id)
    assert (version.number, version.data["name"], version.data["number"]) == (1, business.name, business.number)
    assert version.data["capital"] == {"minor": 1_000_000, "currency": "RWF"}
    assert [event.to_state for event in lookup.history(session, business.id)] == ["active"]
    entry = session.scalars(select(Entry).where(Entry.business_id == business.id)).one()
    assert (entry.verb, entry.reference) == ("business.registered", business.number)


def test_numbers_have_no_gaps_and_start_again_each_local_year(session):
    with time_machine.travel(datetime(2031, 12, 31, 21, 30, tzinfo=UTC), tick=False):  # 23:30 in Kigali
        first, second = make_business(session), make_business(session)
    with time_machine.travel(datetime(2031, 12, 31, 22, 30, tzinfo=UTC), tick=False):  # already 2032 there
        third = make_business(session)
    numbers = [business.number.rsplit("-", 1)[0] for business in (first, second, third)]
    assert [number[-10:] for number in numbers] == ["2031-00001", "2031-00002", "2032-00001"]


def test_a_refused_entry_gives_its_number_back(session):
    first = make_business(session, name="Agaseke")
    with pytest.raises(Invalid), session.begin_nested():
        make_business(session, name="Agaseke Ltd")
    second = make_business(session, name="Imirasire")
    assert int(second.number.split("-")[3]) == int(first.number.split("-")[3]) + 1


@pytest.mark.parametrize(("issued", "code"), [(999, "shares_do_not_add_up"), (1001, "shares_do_not_add_up")])
def test_shares_that_do_not_add_up_make_no_business(session, issued, code):
    with pytest.raises(Invalid) as caught:
        make_business(session, shares_issued=issued)
    assert caught.value.problems[0].code == code
    assert session.scalar(select(Business.id)) is None


def test_a_form_without_shares_needs_none(session):
    owner = PersonFacts("Claudine Ingabire", "owner", "national_id", "1199070000000000", "RW", "RW")
    business = make_business(session, entity_type="individual", people=(owner,), shares_issued=None, capital=None)
    assert business.capital is None
    assert [holding.percent for holding in lookup.holdings(business)] == [None]


def test_percentages_of_the_owners_add_up(session):
    business = make_business(session)
    percents = [holding.percent for holding in lookup.holdings(business)]
    assert percents == [Decimal("60.00"), Decimal("40.00"), None]


@pytest.mark.parametrize("table", ["business_versions", "business_events"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_cannot_be_rewritten(session, table, change):
    make_business(session)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(change.format(table)))


def test_suspending_needs_the_registrars_supervisor_and_a_reason(session):
    business = make_business(session)
    with pytest.raises(NotAllowed):
        register.suspend(session, business, supervisor(session, agency="NAEB"), "Wrong agency")
    interested = supervisor(session, memberships={business.id: MembershipRole.OWNER})
    with pytest.raises(NotAllowed):
        register.suspend(session, business, interested, "My own business")
    with pytest.raises(Invalid):
        register.suspend(session, business, supervisor(session), "  ")
    assert business.active


def test_suspended_and_reinstated(session, monkeypatch):
    monkeypatch.setattr(hooks, "_callbacks", [])
    told = []
    hooks.on_state_changed(lambda session, changed, previous: told.append((changed.state, previous)))
    business, actor = make_business(session), supervisor(session)
    register.suspend(session, business, actor, "Annual return missing")
    with pytest.raises(Invalid):
        register.suspend(session, business, actor, "Again")
    with pytest.raises(Invalid):  # the name stays taken
        make_business(session, name=business.name)
    register.reinstate(session, business, actor, "Return filed")
    history = lookup.history(session, business.id)
    assert [(event.from_state, event.to_state) for event in history] == [
        (None, "active"),
        ("active", "suspended"),
        ("suspended", "active"),
    ]
    assert history[1].reason == "Annual return missing"
    assert told == [("suspended", BusinessState.ACTIVE), ("active", BusinessState.SUSPENDED)]
    verbs = set(session.scalars(select(Entry.verb).where(Entry.business_id == business.id)))
    assert verbs == {"business.registered", "business.suspended", "business.reinstated"}


def test_its_people_are_told_with_the_reason_in_their_language(session):
    owner = make_user(session, locale="fr_RW")
    business = make_business(session, owner=owner)
    boss = supervisor(session)
    register.suspend(session, business, boss, "The seat was not found")
    register.reinstate(session, business, boss, "The new seat was shown")
    told = session.scalars(select(Message).where(Message.user_id == owner.id).order_by(Message.id)).all()
    assert [message.template for message in told] == ["business_suspended", "business_reinstated"]
    assert "The seat was not found" in told[0].body
    assert f"/business/{business.number}" in told[0].body
    assert all(message.locale == "fr_RW" for message in told)


def test_finding_a_business(session):
    business = make_business(session)
    assert lookup.get(session, business.id) is business
    assert lookup.by_number(session, f" {business.number.lower()} ") is business
    assert lookup.several(session, [business.id, None, -1]) == {business.id: business}
    with pytest.raises(NotFound):
        lookup.by_number(session, "RW-RDB-2026-99999-X")
    with pytest.raises(NotFound):
        lookup.get(session, -1)


def test_facts_are_json(session):
    assert facts().as_json()["people"][0]["shares"] == 600


def test_a_tax_number_belongs_to_one_live_business(session) -> None:
    first = make_business(session, name="Umusozi One Ltd", tax_number="999900001")
    with pytest.raises(Invalid) as refused:
        make_business(session, name="Isoko Two Ltd", tax_number="999900001")
    assert refused.value.problems[0].code == "tax_number_taken"
    first.state = BusinessState.DISSOLVED
    session.flush()
    assert make_business(session, name="Isoko Two Ltd", tax_number="999900001").tax_number == first.tax_number
    assert make_business(session, name="Amazi Ltd", tax_number=None).tax_number is None
    assert make_business(session, name="Imvura Ltd", tax_number=None).tax_number is None
