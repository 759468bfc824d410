"""What is said about a visit, to the applicant's side and to the officials who go."""

from collections.abc import Collection
from typing import Any

from babel.support import LazyProxy
from sqlalchemy.orm import Session

from app import notifications
from app.cases import messages
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.core.i18n import Text
from app.jurisdictions import load, lookup


def applicant(session: Session, visit: Inspection, case: Case, template: str, **more: Any) -> None:
    for user_id in messages.readers(session, case):
        notifications.send(
            session,
            user_id=user_id,
            template=template,
            values=_values(visit, case) | {"path": f"/cases/{case.reference}", **more},
            case_id=case.id,
        )


def officials(
    session: Session,
    visit: Inspection,
    case: Case,
    template: str,
    *,
    but: int | None = None,
    whom: Collection[int] | None = None,
) -> None:
    """To who goes, and who planned it, unless others are named."""
    going = [*(each["id"] for each in visit.officials), visit.planned_by]
    for user_id in dict.fromkeys(going if whom is None else sorted(whom)):
        if user_id != but:
            notifications.send(
                session,
                user_id=user_id,
                template=template,
                values=_values(visit, case) | {"path": f"/desk/inspections/{visit.reference}"},
                case_id=case.id,
            )


def _values(visit: Inspection, case: Case) -> dict[str, Any]:
    pack = load.current()
    agency: Text = LazyProxy(lambda: lookup.agency(pack, visit.agency).name, enable_cache=False)
    return {
        "reference": case.reference,
        "title": case.title,
        "agency": agency,
        "place": visit.place,
        "about": visit.about,
        "starts_at": visit.starts_at,
        "reason": visit.cancelled_reason,
        "asked_day": visit.asked_again_day,
        "asked_reason": visit.asked_again_reason,
    }
