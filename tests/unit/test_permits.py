"""A permit's life: issued, suspended, reinstated, revoked, expired; and everyone who must hear of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.audit.models import Entry
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound
from app.core.identifiers import check_letter
from app.core.money import Money
from app.documents.models import Record
from app.documents.records import UNKNOWN, Standing
from app.identity.actor import SYSTEM, Actor, MembershipRole, Role
from app.identity.policy import Permission
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.notifications.models import Message
from app.outbox.models import Event
from app.permits import allocations, hooks, lifecycle, lookup, records, tasks, verification
from app.permits.models import Permit, PermitState
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit


@pytest.fixture
def owner(session):
    return make_user(session, locale="fr_RW")


@pytest.fixture
def business(session, owner):
    return make_business(session, owner=owner)


@pytest.fixture
def permit(session, business):
    return make_permit(session, business)


def official(session, role=Role.SUPERVISOR, agency="NAEB", **changes) -> Actor:
    user = make_user(session, role=role, agencies=(agency,))
    values = {"second_factor": True, "agencies": frozenset({agency}), **changes}
    return Actor(kind="user", name=user.name, user_id=user.id, role=role, **values)


def states(session, permit) -> list[tuple[str | None, str]]:
    return [(event.from_state, event.to_state) for event in lookup.history(session, permit.id)]


def test_an_issued_permit_has_a_number_without_gaps_in_its_kind_and_year(session, business):
    first, second = make_permit(session, business), make_permit(session, business)
    tea = make_permit(session, business, line(hs="090240"), kind="tea-export")
    year = clock.now().astimezone(load.current().zone).year
    assert [each.number[:-2] for each in (first, second, tea)] == [
        f"RW-COFFEE-EXPORT-{year}-00001",
        f"RW-COFFEE-EXPORT-{year}-00002",
        f"RW-TEA-EXPORT-{year}-00001",
    ]
    body, letter = first.number.rsplit("-", 1)
    assert letter == check_letter(body)


def test_issuing_is_told_to_the_log_the_platforms_and_the_hooks(session, business, monkeypatch):
    monkeypatch.setattr(hooks, "_state_callbacks", [])
    heard = []
    hooks.on_state_changed(lambda session, change: heard.append((change.permit.number, change.previous, change.state)))
    permit = make_permit(session, business)
    assert heard == [(permit.number, None, PermitState.ACTIVE)]
    entry = session.scalars(select(Entry).where(Entry.subject == f"permit:{permit.id}")).one()
    assert (entry.verb, entry.reference, entry.business_id) == ("permit.issued", permit.number, business.id)
    assert entry.authority == rules.permit_kind(load.current(), permit.kind).legal_ref
    event = session.scalars(select(Event).where(Event.type == "permit.state_changed")).one()
    assert event.data["number"] == permit.number
    assert (event.data["state"], event.data["previous_state"]) == ("active", None)
    assert event.data["holder_number"] == business.number
    assert business.name not in str(event.data)


def test_validity_is_whole_local_days(session, business):
    permit = lifecycle.issue(
        session,
        kind="coffee-export",
        agency="NAEB",
        business_id=business.id,
        case_id=None,
        valid_from=date(2027, 3, 1),
        valid_to=date(2027, 3, 31),
        lines=[line()],
    )
    last_moment = datetime(2027, 3, 31, 21, 59, 59, tzinfo=UTC)  # 23:59:59 in Kigali
    assert verification.state(permit, datetime(2027, 2, 28, 21, 59, 59, tzinfo=UTC)) is PermitState.NOT_YET_VALID
    assert verification.state(permit, datetime(2027, 2, 28, 22, 0, tzinfo=UTC)) is PermitState.ACTIVE
    assert verification.state(permit, last_moment) is PermitState.ACTIVE
    assert verification.state(permit, last_moment + timedelta(seconds=1)) is PermitState.EXPIRED


def test_a_period_that_ends_before_it_begins_is_refused(session, business):
    with pytest.raises(Invalid) as caught:
        make_permit(session, business, days=-1)
    assert caught.value.problems[0].field == "valid_to"


def test_suspended_then_reinstated_with_all_who_must_hear(session, permit, owner):
    actor = official(session)
    lifecycle.suspend(session, permit, actor, " Pesticide found ", reason_code="inspection")
    assert (permit.state, permit.state_reason) == ("suspended", "Pesticide found")
    lifecycle.reinstate(session, permit, actor, "New laboratory result")
    assert (permit.state, permit.state_reason) == ("active", "")
    assert states(session, permit) == [(None, "active"), ("active", "suspended"), ("suspended", "active")]
    history = lookup.history(session, permit.id)
    assert (history[1].reason, history[1].reason_code, history[1].actor_id) == (
        "Pesticide found",
        "inspection",
        actor.user_id,
    )
    events = session.scalars(select(Event).order_by(Event.id)).all()
    told = [(e.data["previous_state"], e.data["state"], e.data["reason_code"]) for e in events]
    assert told == [(None, "active", ""), ("active", "suspended", "inspection"), ("suspended", "active", "resolved")]
    assert "Pesticide" not in str([event.data for event in events])  # the sentence is for the holder alone
    messages = session.scalars(select(Message).order_by(Message.id)).all()
    assert [(m.user_id, m.template, m.locale) for m in messages] == [
        (owner.id, "permit_suspended", "fr_RW"),
        (owner.id, "permit_reinstated", "fr_RW"),
    ]
    assert "Pesticide found" in messages[0].body
    assert f"/permits/{permit.number}" in messages[0].body


@pytest.mark.parametrize("change", [lifecycle.suspend, lifecycle.revoke])
@pytest.mark.parametrize(
    "who",
    [
        {"role": Role.CLERK},
        {"role": Role.AUDITOR},
        {"role": Role.ADMINISTRATOR},
        {"agency": "RICA"},
        {"second_factor": False},
    ],
)
def test_only_a_supervisor_of_the_issuing_agency_controls_a_permit(session, permit, change, who):
    with pytest.raises(NotAllowed):
        change(session, permit, official(session, **who), "Reason")
    assert permit.state == "active"


def test_a_supervisor_with_an_interest_in_the_holder_does_not(session, permit, business):
    interested = official(session, memberships={business.id: MembershipRole.AGENT})
    with pytest.raises(NotAllowed):
        lifecycle.suspend(session, permit, interested, "Reason")


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_a_reason_is_needed(session, permit, reason):
    with pytest.raises(Invalid) as caught:
        lifecycle.suspend(session, permit, official(session), reason)
    assert caught.value.problems[0].field == "reason"


def test_revoked_is_for_ever(session, permit):
    actor = official(session)
    lifecycle.suspend(session, permit, actor, "First")
    lifecycle.revoke(session, permit, actor, "Forged paper")
    for change in (lifecycle.suspend, lifecycle.reinstate, lifecycle.revoke):
        with pytest.raises(Invalid) as caught:
            change(session, permit, actor, "Again")
        assert caught.value.problems[0].code == "wrong_state"
    with time_machine.travel(permit.expires_at + timedelta(days=1), tick=False):
        assert lifecycle.expire(session) == 0
        assert verification.state(permit, clock.now()) is PermitState.REVOKED


def test_a_permit_that_is_over_cannot_be_suspended_even_before_the_job_ran(session, permit):
    actor = official(session)
    with time_machine.travel(permit.expires_at, tick=False), pytest.raises(Invalid):
        lifecycle.suspend(session, permit, actor, "Too late")


def test_a_change_by_someone_else_in_between_is_seen(session, permit):
    """The stored row decides, not the copy that was read before."""
    session.execute(text("UPDATE permits SET state = 'revoked', state_reason = 'Elsewhere'"))
    with pytest.raises(Invalid):
        lifecycle.suspend(session, permit, official(session), "Reason")
    assert permit.state == "revoked"


def test_the_hourly_job_makes_expiry_a_fact_once(session, business, owner):
    over = make_permit(session, business, days=10)
    suspended = make_permit(session, business, days=10)
    lifecycle.suspend(session, suspended, SYSTEM, "Inspection")
    valid = make_permit(session, business, days=30)
    with time_machine.travel(over.expires_at, tick=False):
        queue.enqueue(session, tasks.EXPIRE)
        queue.run_pending(session)
        assert lifecycle.expire(session) == 0
    assert [permit.state for permit in (over, suspended, valid)] == ["expired", "expired", "active"]
    assert states(session, over)[-1] == ("active", "expired")
    templates = session.scalars(select(Message.template).where(Message.user_id == owner.id)).all()
    assert templates.count("permit_expired") == 2
    assert any(periodic.name == tasks.EXPIRE for periodic in queue.periodics)


def test_everything_used_makes_it_used_up_and_tells_so(session, business, owner):
    permit = make_permit(session, business, line("5"))
    value = Money(1, "RWF")
    allocations.reserve(session, permit.lines[0].id, declaration_item="D/1", quantity=Decimal(5), value=value)
    assert permit.state == "active"
    allocations.consume(session, permit.lines[0].id, declaration_item="D/1")
    assert permit.state == "used_up"
    event = session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert (event.data["state"], event.data["reason_code"]) == ("used_up", "quantity")
    message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert (message.template, message.user_id) == ("permit_used_up", owner.id)


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_history_of_a_permit_cannot_be_rewritten(session, permit, change):
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(change.format("permit_events")))


@pytest.mark.parametrize("change", ["state = 'lost'", "state = 'suspended'", "valid_to = valid_from - 1"])
def test_the_database_refuses_a_state_that_makes_no_sense(session, permit, change):
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE permits SET {change}"))


# Finding


def test_who_may_see_a_permit(session, permit, owner, business):
    holder = Actor("user", "O", owner.id, role=Role.ENTREPRENEUR, memberships={business.id: MembershipRole.AGENT})
    stranger = Actor("user", "S", make_user(session).id, role=Role.ENTREPRENEUR)
    assert lookup.load(session, holder, permit.number.lower(), Permission.BUSINESS_VIEW) is permit
    assert lookup.load(session, official(session, Role.CLERK), permit.number, Permission.DESK) is permit
    assert lookup.load(session, official(session, Role.AUDITOR), permit.number, Permission.AUDIT) is permit
    for actor, permission in (
        (stranger, Permission.BUSINESS_VIEW),
        (official(session, Role.CLERK, agency="RICA"), Permission.DESK),
        (None, Permission.BUSINESS_VIEW),
    ):
        with pytest.raises(NotFound):
            lookup.load(session, actor, permit.number, permission)


def test_held_looks_at_kind_goods_destination_day_and_state(session, business, permit):
    day = clock.today(load.current().zone)
    ask = {"kind": "coffee-export", "hs": "09011100", "destination": "CN", "day": day}
    assert lookup.held(session, business.id, **ask) == [permit]
    for change in (
        {"kind": "tea-export"},
        {"hs": "090121"},
        {"destination": "FR"},
        {"day": day + timedelta(days=91)},
        {"day": day - timedelta(days=1)},
    ):
        assert lookup.held(session, business.id, **(ask | change)) == []
    lifecycle.suspend(session, permit, SYSTEM, "Inspection")
    assert lookup.held(session, business.id, **ask) == []


def test_a_permit_without_goods_or_destination_covers_all(session, business):
    tours = make_permit(session, business, kind="tour-operator", destination=None)
    day = clock.today(load.current().zone)
    assert lookup.held(session, business.id, "tour-operator", "", "CN", day) == [tours]


def test_lists_are_paged_by_key(session, business):
    made = [make_permit(session, business).id for _ in range(5)][::-1]
    first = lookup.for_business(session, business.id, limit=2)
    second = lookup.for_business(session, business.id, before=first[-1].id, limit=2)
    assert [permit.id for permit in first + second] == made[:4]
    assert [permit.id for permit in lookup.for_agencies(session, {"NAEB"}, limit=9)] == made
    assert lookup.for_agencies(session, {"RICA"}) == []
    assert lookup.for_agencies(session, {"NAEB"}, state=PermitState.SUSPENDED) == []


# The public check


def record_of(permit: Permit) -> Record:
    return Record(kind=records.KIND, subject=f"permit:{permit.id}", title="", issuer="")


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        (lambda session, permit: None, Standing.VALID),
        (lambda session, permit: lifecycle.suspend(session, permit, SYSTEM, "Secret reason"), Standing.SUSPENDED),
        (lambda session, permit: lifecycle.revoke(session, permit, SYSTEM, "Secret reason"), Standing.REVOKED),
    ],
)
def test_the_public_page_says_what_the_permit_is_worth_now(session, permit, business, owner, change, standing):
    change(session, permit)
    found = records.status(session, record_of(permit))
    assert found.state is standing
    shown = str(found)
    assert permit.number in shown
    assert business.name in shown
    for private in ("Secret reason", owner.name, owner.email, business.phone, "Aline Uwase"):
        assert private not in shown


def test_the_public_page_expires_by_the_clock(session, permit):
    with time_machine.travel(permit.expires_at, tick=False):
        assert records.status(session, record_of(permit)).state is Standing.EXPIRED


@pytest.mark.parametrize("subject", ["permit:999999", "permit:", "case:1", ""])
def test_a_record_about_nothing_is_unknown(session, subject):
    load.configure("RW")
    assert records.status(session, Record(kind=records.KIND, subject=subject)) == UNKNOWN
