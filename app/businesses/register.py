"""Entering a business in the register, and suspending or reinstating it. Nothing else writes these tables."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, verbs
from app.businesses import hooks, names, ownership
from app.businesses.facts import PersonFacts, RegistrationFacts
from app.businesses.models import Business, BusinessEvent, BusinessPerson, BusinessState, BusinessVersion
from app.cases import numbering
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
    _change(session, business, actor, reason, BusinessState.ACTIVE, SUSPENDED, "business_suspended")


def reinstate(session: Session, business: Business, actor: Actor, reason: str) -> None:
    """As ``suspend``, the other way."""
    _change(session, business, actor, reason, BusinessState.SUSPENDED, REINSTATED, "business_reinstated")


def _change(
    session: Session,
    business: Business,
    actor: Actor,
    reason: str,
    source: BusinessState,
    verb: str,
    template: str,
) -> None:
    """Between active and suspended: from ``source`` to the other. Everyone who acts for the business is told."""
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
    if previous is not source:
        raise Invalid(Problem(_l("The state of this business does not allow that."), None, "wrong_state"))
    business.state = BusinessState.SUSPENDED if source is BusinessState.ACTIVE else BusinessState.ACTIVE
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
