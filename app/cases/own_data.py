"""A copy of what the portal holds about one person: JSON with its schema, a PDF, and the papers they attached.

Left out are other people (their names and numbers are masked, and officials' names wherever they stand), what officials
say among themselves, and what screening and audits found. Decision: docs/decisions/0029-retention-and-privacy.md.
"""

import json
from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import verbs
from app.audit.models import Entry, Personal
from app.cases import own_cases, privacy
from app.cases.copies_models import CertifiedCopy
from app.cases.own_cases import at as _at
from app.cases.retention_models import PrivacyRequest, RequestKind, RequestState
from app.core import clock, i18n
from app.documents import pdf, store
from app.documents.bundles import Archive
from app.documents.models import Record, Upload
from app.fees.models import Charge, Payment
from app.identity.models import KnownDevice, Membership, User, UserSession
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.notifications.models import Message
from app.notifications.sms.models import PhoneCode, PhoneNumber, TextMessage

FORMAT = "kibali-own-data/1"
TEMPLATE = "cases/own_data.html"
PRINTED = 200  # lines of a list in the PDF; the JSON has them all
_TEXT, _MOMENT = {"type": "string"}, {"type": ["string", "null"], "format": "date-time"}
_LIST = {"type": "array", "items": {"type": "object"}}
LISTS = (
    "phones", "memberships", "sessions", "devices", "messages", "texts", "cases", "papers", "copies", "payments", "log",
    "requests",
)  # fmt: skip
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A person's own data",
    "type": "object",
    "required": ["format", "made_at", "account", "cases", "messages", "sessions", "memberships", "payments", "log"],
    "properties": {
        "format": {"const": FORMAT},
        "made_at": _TEXT,
        "account": {"type": "object", "properties": {"name": _TEXT, "email": _TEXT, "created_at": _MOMENT}},
        **dict.fromkeys(LISTS, _LIST),
    },
}  # fmt: skip
# Names of businesses by id: given by who knows the register.
Names = Callable[[Session, Collection[int]], dict[int, str]]


def build(session: Session, pack: Pack, request_id: int, business_names: Names) -> None:
    """Make the copy and tell its person; nothing happens to a request that is done."""
    request = privacy.lock(session, request_id)
    if request.state != RequestState.OPEN or request.kind != RequestKind.EXPORT:
        return
    store.current().check_room()
    user = session.get_one(User, request.user_id)
    with i18n.use_locale(user.locale, pack.zone):
        document = gather(session, user, business_names)
        with store.current().scratch() as file:
            with Archive(file, request.asked_at) as archive:
                _write(session, pack, user, request, document, archive)
            request.sha256, request.size = store.current().put_file(file)
    now = clock.now()
    request.state, request.closed_at = RequestState.READY.value, now
    request.expires_at = lookup.retention(pack, "own_data_exports").ends(now, pack.zone)
    request.result = {name: len(each) for name, each in document.items() if isinstance(each, list)}
    notifications.send(
        session,
        user_id=user.id,
        template="own_data_ready",
        values={"day": request.expires_at, "path": f"/account/data/{request.number}"},
    )
    session.flush()


def failed(session: Session, request_id: int, error: str, *, final: bool) -> None:
    request = privacy.lock(session, request_id)
    if request.state == RequestState.OPEN:
        request.error = error
        if final:
            request.state, request.closed_at = RequestState.FAILED.value, clock.now()


def gather(session: Session, user: User, business_names: Names) -> dict[str, Any]:
    """Everything, as plain JSON."""
    members = session.scalars(select(Membership).where(Membership.user_id == user.id).order_by(Membership.id)).all()
    names = business_names(session, [each.business_id for each in members])
    found = list(session.scalars(own_cases.of(user)))
    unnamed = own_cases.Unnamed(session, found, user)
    return {
        "format": FORMAT,
        "made_at": _at(clock.now()),
        "account": {
            "name": user.name, "email": user.email, "role": user.role, "locale": user.locale,
            "created_at": _at(user.created_at), "verified_at": _at(user.verified_at),
            "password_changed_at": _at(user.password_changed_at),
        },
        "phones": _phones(session, user),
        "memberships": [
            {"business": names.get(each.business_id, ""), "role": each.role, "since": _at(each.created_at)}
            for each in members
        ],
        "sessions": [
            {"began": _at(row.created_at), "last_seen": _at(row.seen_at), "ended": _at(row.ended_at), "ip": row.ip,
             "browser": row.user_agent}
            for row in _of(session, UserSession, user)
        ],
        "devices": [
            {"first_seen": _at(row.created_at), "last_seen": _at(row.seen_at)}
            for row in _of(session, KnownDevice, user)
        ],
        "messages": [
            {"at": _at(row.created_at), "subject": unnamed(row.subject), "text": unnamed(row.body), "to": row.email}
            for row in session.scalars(
                select(Message).where(Message.user_id == user.id, ~Message.private).order_by(Message.id)
            )
        ],
        "texts": [
            {"at": _at(row.created_at), "to": row.number, "text": "" if row.secret else unnamed(row.body),
             "state": row.state}
            for row in _of(session, TextMessage, user)
        ],
        "cases": [own_cases.told(session, case, user, unnamed) for case in found],
        "papers": [
            {"file": _path(each), "name": each.filename, "answers": each.code, "at": _at(each.uploaded_at),
             "sha256": each.sha256, "removed_at": _at(each.removed_at)}
            for each in _papers(session, user)
        ],
        "copies": _copies(session, user),
        "payments": [
            {"bill": charge.reference, "for": charge.title, "minor": payment.amount_minor,
             "currency": payment.currency, "state": payment.state, "number": payment.msisdn}
            for payment, charge in session.execute(
                select(Payment, Charge).join(Charge, Charge.id == Payment.charge_id)
                .where(Charge.payer_id == user.id).order_by(Payment.id)
            )
        ],
        "log": _log(session, user),
        "requests": [
            {"number": each.number, "kind": each.kind, "asked_at": _at(each.asked_at), "state": each.state}
            for each in session.scalars(
                select(PrivacyRequest).where(PrivacyRequest.user_id == user.id).order_by(PrivacyRequest.id)
            )
        ],
    }  # fmt: skip


def _of(session: Session, model: Any, user: User) -> Any:
    return session.scalars(select(model).where(model.user_id == user.id).order_by(model.id))


def _papers(session: Session, user: User) -> list[Upload]:
    return list(session.scalars(select(Upload).where(Upload.uploaded_by == user.id).order_by(Upload.id)))


def _log(session: Session, user: User) -> list[dict[str, Any]]:
    """What they did; of what others did to their account only that it was done."""
    own = (Entry.actor_kind == "user") & (Entry.actor_id == user.id)
    wanted = (
        select(Entry.at, Entry.verb, Entry.reference, own.label("own"), Personal.name, Personal.ip)
        .join(Personal, Personal.entry_id == Entry.id)
        .where(or_(own, Entry.subject == f"user:{user.id}"))
        .order_by(Entry.at, Entry.id)
    )
    return [
        {
            "at": _at(row.at),
            "what": str(verbs.title(row.verb)),
            "about": row.reference,
            "by_you": row.own,
            "name": row.name if row.own else None,
            "ip": row.ip if row.own else None,
        }
        for row in session.execute(wanted)
    ]


def _phones(session: Session, user: User) -> list[dict[str, Any]]:
    numbers = session.scalars(select(PhoneNumber).where(PhoneNumber.user_id == user.id))
    unconfirmed = session.scalars(select(PhoneCode).where(PhoneCode.user_id == user.id))
    return [
        {"number": row.number, "confirmed_at": _at(row.confirmed_at), "texts_wanted": row.wanted,
         "stopped_at": _at(row.stopped_at)}
        for row in numbers
    ] + [{"number": row.number, "confirmed_at": None} for row in unconfirmed]  # fmt: skip


def _copies(session: Session, user: User) -> list[dict[str, Any]]:
    """Certified copies they asked for."""
    wanted = select(CertifiedCopy, Record).join(Record, Record.id == CertifiedCopy.original_id)
    return [
        {"number": copy.number, "of": record.number, "title": record.title, "purpose": copy.purpose_name,
         "asked_at": _at(copy.requested_at), "state": copy.state}
        for copy, record in session.execute(
            wanted.where(CertifiedCopy.requested_by == user.id).order_by(CertifiedCopy.id)
        )
    ]  # fmt: skip


def _write(
    session: Session, pack: Pack, user: User, request: PrivacyRequest, document: dict[str, Any], archive: Archive
) -> None:
    archive.add("data.json", json.dumps(document, ensure_ascii=False, indent=1).encode())
    archive.add("schema.json", json.dumps(SCHEMA, indent=1).encode())
    for upload in _papers(session, user):
        try:
            content = store.current().get(upload.sha256)
        except store.Damaged:
            archive.note_gap(_path(upload), upload.sha256, "damaged")
        else:
            archive.add(_path(upload), content, packed=False)
    printed = {name: each[:PRINTED] if isinstance(each, list) else each for name, each in document.items()}
    content = pdf.render(
        TEMPLATE,
        printed | {"counts": {name: len(each) for name, each in document.items() if isinstance(each, list)}},
        locale=user.locale,
        zone=pack.timezone,
        kind="own_data",
        title=i18n.gettext("Your data"),
        number=request.number,
        issuer=i18n.pick(pack.portal_name),
        issued_at=clock.now().isoformat(timespec="seconds"),
        place=pack.state_name,
    )
    archive.add("data.pdf", content, packed=False)
    archive.finish({"format": FORMAT, "made_at": document["made_at"], "request": request.number})


def _path(upload: Upload) -> str:
    ending = PurePosixPath(upload.filename).suffix.lower()
    return f"papers/{upload.id}-{''.join(sign if sign.isalnum() else '-' for sign in upload.code)}{ending}"
