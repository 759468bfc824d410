"""The document an approval would issue, before anybody signs: made by the approval itself, which is then undone."""

from typing import Any

from sqlalchemy.orm import Session

from app.cases import engine, registry
from app.cases.models import Case
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import i18n
from app.core.i18n import gettext as _
from app.documents import pdf, records
from app.documents.models import Record
from app.identity.actor import Actor
from app.jurisdictions import load

Preview = dict[str, Any]
"""The arguments of ``pdf.render``."""


def of_approval(session: Session, case: Case, actor: Actor) -> Preview | None:
    """None when an approval issues no document. Raises what approving would raise.

    All it writes is undone before this returns: numbers, rows, messages, locks.
    """
    already = {record.id for record in records.for_case(session, case.id)}
    attempt = session.begin_nested()
    try:
        engine.perform(
            session, case, Action.APPROVE, actor, version=case.version, payload=Payload(without_waiting="draft")
        )
        made = [record for record in records.for_case(session, case.id) if record.id not in already]
        kinds = registry.service(case.service).record_kinds
        found = next((record for record in made if record.kind in kinds), None)
        return _arguments(found) if found is not None else None
    finally:
        attempt.rollback()


def _arguments(record: Record) -> Preview:
    pack = load.current()
    with i18n.use_locale(record.locale):
        place, number = pack.state_name, _("number not given yet")
    return {
        "template": record.template,
        "data": _without(record.data, record.number, number),
        "locale": record.locale,
        "zone": pack.timezone,
        "kind": record.kind,
        "title": record.title,
        "number": number,
        "issuer": record.issuer,
        "issued_at": record.issued_at.isoformat(timespec="seconds"),
        "place": place,
    }


def _without(value: Any, number: str, instead: str) -> Any:
    """The number of the attempt will be another document's."""
    if isinstance(value, dict):
        return {key: _without(item, number, instead) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, number, instead) for item in value]
    return instead if value == number else value


def render(preview: Preview) -> bytes:
    """The PDF, without a code and marked as a draft on every page. Nothing is stored."""
    return pdf.render(**preview, draft=True)
