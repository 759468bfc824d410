"""Cases made the way people make them: through the engine, from what a form would post."""

import io
import uuid

from PIL import Image
from sqlalchemy.orm import Session

from app.cases import drafts, engine, registry
from app.cases.models import Case
from app.cases.work import Payload
from app.cases.workflow import Action
from app.documents import uploads
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
            uploads.accept(
                session, stream=photo(), filename=f"{requirement.code}.png", case_id=case.id, code=requirement.code,
                uploaded_by=case.applicant_id,
            )  # fmt: skip


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
