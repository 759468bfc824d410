"""Advice and visits before auditors: the words of the case's page, and what was attached and photographed."""

from functools import partial
from typing import Any

from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.cases import access, advice, advice_mail, inspections
from app.cases.advice_models import OPINION_TITLES, STATE_KINDS, STATE_TITLES, Advice
from app.cases.inspection_models import FOUND_TITLES, VISIT_WORDS, Inspection, InspectionPhotograph
from app.core import db
from app.core.errors import NotFound
from app.documents import store
from app.identity.policy import Permission
from app.jurisdictions.model import Pack
from app.web import downloads
from app.web.auditor import blueprint
from app.web.guards import actor, requires


def words(pack: Pack) -> dict[str, Any]:
    return {
        "adviser": partial(advice_mail.adviser_name, pack),
        "advice": (STATE_TITLES, STATE_KINDS),
        "opinion": OPINION_TITLES,
        "visit": VISIT_WORDS,
        "found": FOUND_TITLES,
    }


@blueprint.get("/audit/advice/<reference>/paper", endpoint="advice_paper")
@requires(Permission.AUDIT)
def paper(reference: str) -> ResponseReturnValue:
    """What came with an answer."""
    session, who = db.session(), actor()
    found = session.scalar(select(Advice).where(Advice.reference == reference.strip().upper()))
    if found is None or found.paper is None:
        raise NotFound
    case = access.load_by_id(session, who, found.case_id, Permission.AUDIT)
    advice.note_paper(session, who, found, case, found.paper["sha256"])
    session.commit()
    return _answer(found.paper["sha256"], found.paper["media_type"], found.paper["filename"])


@blueprint.get("/audit/inspections/<reference>/photographs/<int:photograph_id>", endpoint="photograph")
@requires(Permission.AUDIT)
def photograph(reference: str, photograph_id: int) -> ResponseReturnValue:
    """One that a report shows."""
    session, who = db.session(), actor()
    row = session.execute(
        select(Inspection, InspectionPhotograph)
        .join(InspectionPhotograph, InspectionPhotograph.inspection_id == Inspection.id)
        .where(
            Inspection.reference == reference.strip().upper(),
            InspectionPhotograph.id == photograph_id,
            InspectionPhotograph.report_id.is_not(None),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    visit, found = row
    case = access.load_by_id(session, who, visit.case_id, Permission.AUDIT)
    inspections.note(session, who, inspections.PICTURE_OPENED, visit, case, {"sha256": found.sha256})
    session.commit()
    return _answer(found.sha256, found.media_type, found.filename)


def _answer(sha256: str, media_type: str, filename: str) -> ResponseReturnValue:
    return downloads.file_answer(downloads.bytes_or_page(lambda: store.current().get(sha256)), media_type, filename)
