"""By what auditors may draw samples of declarations: the lane, and the value in the national currency."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.measures import VALUE, Amount, Layer
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import Pack
from app.services.customs.models import Declaration


def _lanes(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, str]:
    wanted = select(Declaration.case_id, Declaration.lane).where(Declaration.case_id.in_(ids))
    return dict(session.execute(wanted).all())


def _values(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, int]:
    wanted = select(Declaration.case_id, Declaration.value_minor).where(Declaration.case_id.in_(ids))
    return dict(session.execute(wanted).all())


LAYERS = (Layer("lane", _l("Customs lane"), _lanes),)
AMOUNTS = (Amount(*VALUE, _values),)
