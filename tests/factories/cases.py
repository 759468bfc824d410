"""Cases made the way people make them: through the engine, from what a form would post."""

import io
import uuid
from datetime import date, timedelta
from decimal import Decimal

from PIL import Image
from sqlalchemy.orm import Session

from app.cases import drafts, engine, registry
from app.cases.models import Case
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock
from app.documents import store
from app.documents.models import Upload
from app.fees import charges, payments
from app.fees.providers import Outcome, Status
from app.identity import memberships, people
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.jurisdictions import load

Raw = dict[str, dict[str, list[str]]]

REGISTRATION: Raw = {
    "legal_form": {"entity_type": ["individual"]},
    "name": {"name": ["Agaseke Imirasire"]},
    "activity": {"main": ["1629"], "description": ["Baskets woven from sisal"]},
    "address": {
        "unit": ["RW-gasabo.kimironko"],
        "street": ["KG 11 Avenue 4"],
        "phone": ["0788000001"],
        "email": ["agaseke@firm.example"],
    },
    "people": {
        "people-0-name": ["Claudine Mukamana"],
        "people-0-roles": ["owner"],
        "people-0-document_kind": ["national_id"],
        "people-0-document_number": ["1199070000000001"],
        "people-0-nationality": ["RW"],
    },
}


def licence(
    quantity: str = "19200", *, hs: str = "090111", kind: str = "coffee-export", destination: str = "CN", days: int = 90
) -> Raw:
    """A complete application for an export licence in Rwanda."""
    first = clock.today(load.current().zone)
    last = first + timedelta(days=days)
    return {
        "product": {
            "what": ["goods"],
            "hs": [hs],
            "description": ["Fully washed green coffee, Bourbon"],
            "destination": [destination],
            "route": ["general_trade"],
        },
        "kind": {"permit_kind": [kind]},
        "quantity": {"quantity": [quantity], "unit": ["KGM"], "value": ["96000"], "currency": ["USD"]},
        "validity": {
            "valid_from": written(first),
            "valid_to": written(last),
            "consignee": ["Hangzhou Beans, Hangzhou"],
        },
    }


def written(day: date) -> list[str]:
    return [str(day.day), str(day.month), str(day.year)]


def declaration(line_id: int | None, net_mass: str = "6000", *, hs: str = "090111", destination: str = "CN") -> Raw:
    """A complete export declaration in Rwanda with one item that draws on ``line_id``."""
    return {
        "exit": {"office": ["KGLAIR"], "exit_office": ["KGLAIR"], "procedure": ["1000"]},
        "buyer": {
            "consignee": ["Hangzhou Beans"],
            "address": ["1 West Lake Road, Hangzhou"],
            "destination": [destination],
        },
        "transport": {"mode": ["4"], "identity": ["WB 700"], "incoterm": ["FCA"], "place": ["Kigali"]},
        "invoice": {"number": ["INV-1"], "date": written(clock.today(load.current().zone)), "currency": ["USD"]},
        "items": {
            "items-0-hs": [hs],
            "items-0-description": ["Green coffee in jute bags"],
            "items-0-packages": ["100"],
            "items-0-package_kind": ["JT"],
            "items-0-gross_mass": [str(Decimal(net_mass) + 100)],
            "items-0-net_mass": [net_mass],
            "items-0-value": ["30000"],
            "items-0-permit_line": [str(line_id) if line_id else ""],
        },
    }


def pay(session: Session, case: Case, actor: Actor) -> None:
    """Settle the case's bill as the provider's word that it was paid would."""
    charge = charges.for_case(session, case.id)
    assert charge is not None
    payment = payments.start(session, charge, "0788000001", actor)
    payments.learn(session, payment.id, Status(Outcome.SUCCESSFUL))


def photo() -> io.BytesIO:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(data, "PNG")
    data.seek(0)
    return data


def fill(session: Session, case: Case, raw: Raw) -> None:
    """Save every step as its page would, and attach each required document."""
    definition, pack = registry.service(case.service), load.current()
    for step in definition.steps:
        context = drafts.context(session, definition, pack, case)
        if step.key not in raw or not step.applies(context):
            continue
        form = step.form(raw[step.key], context=context)
        complete = form.validate()
        drafts.save(session, case, step, form, complete=complete)
    answers = drafts.context(session, definition, pack, case).answers
    for requirement in definition.documents(pack, dict(answers)):
        if requirement.required:
            attach(session, case, requirement.code)


def attach(session: Session, case: Case, code: str) -> Upload:
    """A document as if it had been examined: what ``uploads.accept`` does to hostile files has tests of its own."""
    content = photo().getvalue()
    upload = Upload(
        case_id=case.id,
        code=code,
        filename=f"{code}.png",
        media_type="image/png",
        sha256=store.current().put(content),
        size=len(content),
        uploaded_by=case.applicant_id,
        uploaded_at=clock.now(),
    )
    session.add(upload)
    session.flush()
    return upload


def drafted(session: Session, actor: Actor, service: str = "registration", raw: Raw | None = None) -> Case:
    case = engine.start(session, service, actor, idempotency_key=uuid.uuid4().hex)
    fill(session, case, raw or registration(uuid.uuid4().hex[:8]))
    return case


def submitted(session: Session, actor: Actor, service: str = "registration", raw: Raw | None = None) -> Case:
    case = drafted(session, actor, service, raw)
    return engine.perform(session, case, Action.SUBMIT, actor, version=case.version, payload=Payload(declared=True))


def registration(name: str) -> Raw:
    """A complete application for a business of this name."""
    return {**REGISTRATION, "name": {"name": [name]}}


def acting(session: Session, user: User, business_id: int | None = None) -> Actor:
    """The actor a page would have for this user: officials have given their second factor."""
    held = memberships.businesses_of(session, user.id)
    return Actor(
        kind="user",
        name=user.name,
        user_id=user.id,
        role=Role(user.role),
        agencies=frozenset(people.agencies_of(session, user.id)),
        memberships=held,
        business_id=business_id or next(iter(held), None),
        second_factor=Role(user.role).official,
    )
