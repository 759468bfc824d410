"""Entering a business in the register, and suspending or reinstating it. Nothing else writes these tables."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, verbs
from app.businesses import hooks, names, ownership
from app.businesses.facts import PersonFacts, RegistrationFacts
from app.businesses.models import LIVE, Business, BusinessEvent, BusinessPerson, BusinessState, BusinessVersion
from app.cases import corrections, numbering
from app.cases.models import Case
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import memberships
from app.identity.actor import SYSTEM, Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Pack

REGISTERED = verbs.register("business.registered", _l("Business registered"))
SUSPENDED = verbs.register("business.suspended", _l("Business suspended"))
REINSTATED = verbs.register("business.reinstated", _l("Business reinstated"))
STRUCK_OFF = verbs.register("business.struck_off", _l("Business struck off the register"))
RESTORED = verbs.register("business.restored", _l("Business restored to the register"))
AMENDED = verbs.register("business.amended", _l("Entry in the register amended"))

SERIES = "business"


def create(
    session: Session, pack: Pack, case: Case | None, facts: RegistrationFacts, *, actor: Actor = SYSTEM
) -> Business:
    """Enter an active business with its first version and people; the case's claim on the name ends.

    Raises Invalid when the shares do not add up or when the name or the tax number was taken in the meantime.
    """
    entity_type = lookup.entity_type(pack, facts.entity_type)
    if entity_type.has_shares:
        ownership.check_shares((person.shares for person in facts.people), facts.shares_issued, field="people")
    name_key = names.key(pack, facts.name)
    if not name_key:
        raise Invalid(Problem(_l("Enter a name with letters or digits in it."), "name", "name_empty"))
    if names.taken(session, name_key, case_id=case.id if case else None):
        raise Invalid(names.name_taken())
    now = clock.now()
    local = now.astimezone(pack.zone)
    short = lookup.agency(pack, pack.registration_agency).short
    business = Business(
        number=numbering.reference(
            f"{pack.country}-{short}", local.year, numbering.next_number(session, SERIES, local.year)
        ),
        tax_number=facts.tax_number,
        name=facts.name,
        trade_name=facts.trade_name,
        name_key=name_key,
        search_key=names.search_key(pack, facts.name),
        entity_type=facts.entity_type,
        state=BusinessState.ACTIVE,
        unit_code=facts.unit_code,
        street=facts.street,
        activities=list(facts.activities),
        capital_minor=facts.capital.minor if facts.capital else None,
        currency=facts.capital.currency if facts.capital else None,
        shares_issued=facts.shares_issued,
        phone=facts.phone,
        email=facts.email,
        registered_at=now,
        case_id=case.id if case else None,
        people=[_person(person, local.date()) for person in facts.people],
    )
    try:
        with session.begin_nested():
            session.add(business)
            session.flush()
    except IntegrityError as error:
        if "uq_businesses_live_name_key" in str(error.orig):
            raise Invalid(names.name_taken()) from error
        if "uq_businesses_live_tax_number" in str(error.orig):
            raise Invalid(
                Problem(_l("A business in the register already has this tax number."), "tax_number", "tax_number_taken")
            ) from error
        raise
    session.add(
        BusinessVersion(
            business_id=business.id,
            number=1,
            data={"number": business.number, **facts.as_json()},
            case_id=business.case_id,
            valid_from=now,
        )
    )
    if case is not None:
        names.release(session, case.id)
    _note(session, business, None, actor, "")
    entries.record(
        session,
        actor,
        REGISTERED,
        subject=f"business:{business.id}",
        reference=business.number,
        case_id=business.case_id,
        business_id=business.id,
        agency=pack.registration_agency,
        authority=entity_type.legal_ref,
    )
    session.flush()
    return business


def _person(person: PersonFacts, day: date) -> BusinessPerson:
    return BusinessPerson(
        name=person.name,
        role=person.role,
        document_kind=person.document_kind,
        document_number=person.document_number,
        document_country=person.document_country,
        nationality=person.nationality,
        shares=person.shares,
        valid_from=day,
    )


def suspend(session: Session, business: Business, actor: Actor, reason: str) -> None:
    """By a supervisor of the registrar, with a reason. The name stays taken. Raises NotAllowed or Invalid."""
    _change(
        session, business, actor, reason, (BusinessState.ACTIVE,), BusinessState.SUSPENDED, SUSPENDED,
        "business_suspended",
    )  # fmt: skip


def reinstate(session: Session, business: Business, actor: Actor, reason: str) -> None:
    """As ``suspend``, the other way; not while the decision to register it is being corrected."""
    corrections.check_not_under_way(session, business.case_id)
    _change(
        session, business, actor, reason, (BusinessState.SUSPENDED,), BusinessState.ACTIVE, REINSTATED,
        "business_reinstated",
    )  # fmt: skip


def strike_off(session: Session, business: Business, actor: Actor, reason: str) -> None:
    """End the entry: the decision behind it was wrong. Its name is free again. Raises NotAllowed or Invalid."""
    _change(session, business, actor, reason, LIVE, BusinessState.STRUCK_OFF, STRUCK_OFF, "business_struck_off")


def restore(session: Session, business: Business, actor: Actor, reason: str) -> None:
    """Make an entry that was struck off active again. Raises also Invalid when its name or tax number is another's."""
    if names.taken(session, business.name_key):
        raise Invalid(names.name_taken())
    _change(
        session, business, actor, reason, (BusinessState.STRUCK_OFF,), BusinessState.ACTIVE, RESTORED,
        "business_reinstated",
    )  # fmt: skip


def amend(session: Session, pack: Pack, business: Business, facts: RegistrationFacts, *, actor: Actor) -> None:
    """Enter what a new decision of the business's own case says: a new version; the people of the old one step back.

    Raises Invalid as ``create`` does.
    """
    entity_type, today = lookup.entity_type(pack, facts.entity_type), clock.today(pack.zone)
    if entity_type.has_shares:
        ownership.check_shares((person.shares for person in facts.people), facts.shares_issued, field="people")
    name_key = names.key(pack, facts.name)
    if names.taken(session, name_key, case_id=business.case_id):
        raise Invalid(names.name_taken())
    last = session.scalar(select(func.max(BusinessVersion.number)).where(BusinessVersion.business_id == business.id))
    session.add(
        BusinessVersion(
            business_id=business.id,
            number=(last or 0) + 1,
            data={"number": business.number, **facts.as_json()},
            case_id=business.case_id,
            valid_from=clock.now(),
        )
    )
    for field in ("tax_number", "name", "trade_name", "entity_type", "unit_code", "street", "shares_issued", "phone"):
        setattr(business, field, getattr(facts, field))
    business.name_key, business.search_key = name_key, names.search_key(pack, facts.name)
    business.activities, business.email = list(facts.activities), facts.email
    business.capital_minor = facts.capital.minor if facts.capital else None
    business.currency = facts.capital.currency if facts.capital else None
    for person in business.people:
        if person.valid_to is None:
            person.valid_to = max(today, person.valid_from)
    business.people.extend(_person(person, today) for person in facts.people)
    entries.record(
        session, actor, AMENDED, subject=f"business:{business.id}", reference=business.number,
        case_id=business.case_id, business_id=business.id, agency=pack.registration_agency,
        authority=entity_type.legal_ref,
    )  # fmt: skip
    session.flush()


def _change(
    session: Session,
    business: Business,
    actor: Actor,
    reason: str,
    sources: Collection[BusinessState],
    target: BusinessState,
    verb: str,
    template: str,
) -> None:
    """From one of ``sources`` to ``target``. Everyone who acts for the business is told."""
    registrar = load.current().registration_agency
    subject = Subject(business_id=business.id, agency=registrar)
    if actor.kind != "system" and not allows(actor, Permission.PERMIT_CONTROL, subject):
        raise NotAllowed
    reason = reason.strip()
    if not reason:
        raise Invalid(Problem(_l("Give the reason. The business will read it."), "reason", "required"))
    session.execute(select(Business.id).where(Business.id == business.id).with_for_update(key_share=True))
    session.refresh(business)
    previous = business.standing
    if previous not in sources:
        raise Invalid(Problem(_l("The state of this business does not allow that."), None, "wrong_state"))
    business.state = target
    _note(session, business, previous, actor, reason)
    entries.record(
        session,
        actor,
        verb,
        subject=f"business:{business.id}",
        reference=business.number,
        business_id=business.id,
        agency=registrar,
        detail={"reason": reason},
    )
    for member in memberships.members_of(session, business.id):
        notifications.send(
            session,
            user_id=member.user_id,
            template=template,
            values={
                "reference": business.number,
                "title": business.name,
                "reason": reason,
                "path": f"/business/{business.number}",
            },
        )
    session.flush()
    hooks.state_changed(session, business, previous)


def _note(session: Session, business: Business, previous: BusinessState | None, actor: Actor, reason: str) -> None:
    session.add(
        BusinessEvent(
            business_id=business.id,
            from_state=previous,
            to_state=business.state,
            at=clock.now(),
            actor_id=actor.user_id,
            actor_name=actor.name,
            reason=reason,
        )
    )
