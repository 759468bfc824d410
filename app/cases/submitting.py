"""Making the immutable snapshot of what an applicant sent."""

import hashlib
import json
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cases.models import Case, Submission
from app.cases.registry import JsonObject, ServiceDefinition
from app.core import clock
from app.documents import uploads
from app.identity.actor import Actor
from app.jurisdictions.model import Pack


def canonical(value: Any) -> bytes:
    """One byte string for one value: sorted keys, no spaces, UTF-8. Submissions hold no floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data: JsonObject, documents: list[JsonObject]) -> str:
    return hashlib.sha256(canonical({"data": data, "documents": documents})).hexdigest()


def snapshot(
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, actor: Actor, answers: JsonObject
) -> Submission:
    """A new submission of the case with its documents by hash."""
    wanted = {requirement.code for requirement in definition.documents(pack, answers)}
    documents = [
        {
            "code": upload.code,
            "upload_id": upload.id,
            "filename": upload.filename,
            "sha256": upload.sha256,
            "size": upload.size,
            "media_type": upload.media_type,
        }
        for upload in sorted(uploads.for_case(session, case.id), key=lambda upload: (upload.code, upload.id))
        if upload.code in wanted
    ]
    last = session.scalar(select(func.max(Submission.number)).where(Submission.case_id == case.id)) or 0
    submission = Submission(
        case_id=case.id,
        number=last + 1,
        data=answers,
        documents=documents,
        sha256=digest(answers, documents),
        declaration=str(definition.declaration),
        submitted_by=actor.user_id,
        submitted_at=clock.now(),
        pack_version=pack.version,
    )
    session.add(submission)
    session.flush()
    return submission
