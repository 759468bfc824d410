"""By what auditors may draw samples of licences: the declared value in the national currency, and the sales channel."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.measures import VALUE, Amount, Layer
from app.cases.models import Case, Submission
from app.core.errors import Invalid
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import Pack
from app.services.export_licence import application


def _sent(session: Session, ids: Sequence[int], part: str) -> Any:
    """Case, day of the current submission, and this step of what was sent."""
    return session.execute(
        select(Case.id, Submission.submitted_at, Submission.data[part])
        .join(Submission, Submission.id == Case.current_submission_id)
        .where(Case.id.in_(ids), Case.service == "export_licence")
    )


def _values(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, int]:
    """At the rate of the day it was sent; 0 where the pack has none for that day."""
    found: dict[int, int] = {}
    for case, sent_at, quantity in _sent(session, ids, "quantity"):
        try:
            value = application.national_value(pack, {"quantity": quantity}, sent_at.astimezone(pack.zone).date())
        except Invalid:
            value = None
        found[case] = value.minor if value else 0
    return found


def _channels(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, str]:
    return {case: str((product or {}).get("route", "")) for case, _at, product in _sent(session, ids, "product")}


LAYERS = (Layer("channel", _l("Sales channel of the licence"), _channels),)
AMOUNTS = (Amount(*VALUE, _values),)
