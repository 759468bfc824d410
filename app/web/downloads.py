"""Documents as files: issued records (``/records/<code>.pdf``) and what applicants attached (``/files/<id>``).

Both are shown under a policy of their own, stricter than a page's: what is inside came from outside.
"""

import logging
from collections.abc import Callable
from io import BytesIO

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.audit import entries, verbs
from app.cases import access, copies, disposals
from app.cases.models import Case
from app.core import db
from app.core.errors import NotFound
from app.core.i18n import lazy_gettext as _l
from app.documents import records, store, uploads
from app.documents.models import Record, RecordState
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.web import errors
from app.web.guards import actor, requires

blueprint = Blueprint("downloads", __name__)
log = logging.getLogger(__name__)

RECORD_DOWNLOADED = verbs.register("record.downloaded", _l("Downloaded an issued document"))
UPLOAD_OPENED = verbs.register("upload.opened", _l("Opened an attached document"))

READERS = (Permission.CASE_VIEW_OWN, Permission.DESK, Permission.AUDIT)
LOOK_AGAIN = 4  # seconds between looks at a record that is being prepared

# Older browsers do not start their PDF viewer in a sandbox, so a PDF has none; it could run no script there anyway.
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
IMAGE_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"

DAMAGED = errors.Words(
    _l("This document cannot be shown"),
    _l(
        "Its file is missing or was changed where it is kept, and we give out only what is surely genuine. What was "
        "decided stands. Trying again does not help: give the code below to those who run the portal."
    ),
)


@blueprint.get("/records/<code>")
@requires(Permission.SIGNED_IN)
def record_page(code: str) -> ResponseReturnValue:
    """Goes to the PDF when there is one; until then says so, and looks again by itself."""
    record = _record(db.session(), actor(), code)
    if record.ready:
        return redirect(url_for("downloads.record", code=record.code), 303)
    return _not_yet(record)


@blueprint.get("/records/<code>.pdf")
@requires(Permission.SIGNED_IN)
def record(code: str) -> ResponseReturnValue:
    session, reader = db.session(), actor()
    found = _record(session, reader, code)
    if not found.ready:
        return _not_yet(found)
    content = bytes_or_page(lambda: records.open_bytes(found))
    if reader.official:
        entries.record(
            session,
            reader,
            RECORD_DOWNLOADED,
            subject=f"record:{found.id}",
            reference=found.number or found.code,
            case_id=found.case_id,
            business_id=found.business_id,
            detail={"kind": found.kind, "sha256": found.sha256},
        )
        session.commit()
    name = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in found.number) or found.code
    return file_answer(content, "application/pdf", f"{name}.pdf")


@blueprint.get("/files/<int:upload_id>")
@requires(Permission.SIGNED_IN)
def upload(upload_id: int) -> ResponseReturnValue:
    session, reader = db.session(), actor()
    found = uploads.get(session, upload_id)
    case = _case(session, reader, found.case_id)
    content = bytes_or_page(lambda: uploads.open_bytes(found))
    if reader.official:
        entries.record(
            session,
            reader,
            UPLOAD_OPENED,
            subject=f"upload:{found.id}",
            reference=case.reference,
            case_id=case.id,
            business_id=case.business_id,
            detail={"code": found.code, "sha256": found.sha256},
        )
        session.commit()
    return file_answer(content, found.media_type, found.filename)


def _record(session: Session, reader: Actor, code: str) -> Record:
    """The record, for the applicant's side, the agency that handles the case, and auditors."""
    found = records.by_code(session, code)
    if found is None:
        raise NotFound()
    if found.case_id is not None:
        _case(session, reader, found.case_id)
    elif disposals.may_open(session, reader, found):
        return found
    elif (
        not allows(reader, Permission.AUDIT)
        and not copies.may_open(session, reader, found)
        and not (
            found.business_id is not None
            and allows(reader, Permission.BUSINESS_VIEW, Subject(business_id=found.business_id))
        )
    ):
        raise NotFound()
    return found


def _case(session: Session, reader: Actor, case_id: int) -> Case:
    case = session.get(Case, case_id)
    if case is None or not any(access.may(reader, case, permission) for permission in READERS):
        raise NotFound()
    return case


def bytes_or_page(read: Callable[[], bytes]) -> bytes:
    """What ``read`` gives, or the page that says why there is nothing to give, with a line in the log to find it by."""
    try:
        return read()
    except store.Damaged:
        log.exception("a document cannot be given out, reference %s", errors.reference())
        abort(errors.page(500, words=DAMAGED))


def _not_yet(found: Record) -> ResponseReturnValue:
    if found.state == RecordState.DISPOSED:
        raise records.Gone()
    page = Response(render_template("web/record_preparing.html", record=found), status=202)
    if found.state == RecordState.PENDING:
        page.headers["Refresh"] = f"{LOOK_AGAIN}; url={url_for('downloads.record_page', code=found.code)}"
        page.headers["Retry-After"] = str(LOOK_AGAIN)
    return page


def file_answer(content: bytes, media_type: str, name: str) -> Response:
    """Inline unless asked with ``?download=1``; never sniffed, never kept by the browser."""
    answer = send_file(
        BytesIO(content),
        mimetype=media_type,
        as_attachment="download" in request.args,
        download_name=name,
        conditional=False,
        etag=False,
    )
    answer.headers["Content-Length"] = str(len(content))
    answer.headers["Content-Security-Policy"] = PDF_POLICY if media_type == "application/pdf" else IMAGE_POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
