"""What a bundle has of a case that was disposed of: its reference, its dates, the hashes and the list that had it."""

from sqlalchemy.orm import Session

from app.cases import disposals
from app.cases.models import Case
from app.cases.submitting import canonical
from app.documents.bundles import Archive
from app.documents.models import RecordState

GONE = "disposed of at the end of its period"
WHY_NOT: dict[str, str] = {RecordState.FAILED: "failed", RecordState.DISPOSED: GONE}


def write(session: Session, case: Case, archive: Archive) -> list[str]:
    """Put the tombstone in and note what is not there; the case's line of the index."""
    folder = f"cases/{case.reference}"
    found = disposals.tombstone(session, case.id)
    disposed = case.disposed_at.isoformat() if case.disposed_at else ""
    archive.add(
        f"{folder}/case.json",
        canonical(
            {
                "format": 1,
                "case": {
                    "id": case.id, "reference": case.reference, "service": case.service, "agency": case.agency,
                    "state": case.state, "disposed_at": disposed,
                },
                "disposal": {"list": found[1].number, "rule": found[1].rule, "hashes": found[0].hashes}
                if found is not None
                else None,
            }
        ),
    )  # fmt: skip
    archive.note_gap(f"{folder}/case.pdf", "", GONE)
    moments = [moment.isoformat() if moment else "" for moment in (case.submitted_at, case.decided_at)]
    return [case.reference, case.service, case.agency or "", case.title, case.state, *moments, "", "", "", folder, ""]
