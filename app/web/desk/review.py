"""One case on the desk: what was submitted beside its documents, checks, history, and the decision panel."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.cases import access
from app.core import db
from app.identity.policy import Permission
from app.web.desk import blueprint
from app.web.desk.reading import SHORTCUTS_COOKIE, decision_form, note_form, page, since
from app.web.guards import actor, local_path, posted_form, requires
from app.web.hooks import YEAR


@blueprint.get("/desk/<reference>")
# Where the page is after an error: its links, and text that was kept when a session ended, lead there.
@blueprint.get("/desk/<reference>/decide", endpoint="after_error")
@blueprint.get("/desk/<reference>/notes", endpoint="after_error")
@requires(Permission.DESK)
def review(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    entries.record(
        session, who, "case.viewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id,
    )  # fmt: skip
    session.commit()
    kept = posted_form()  # after a session ended: of the decision or of the note
    seen = kept.get("version", type=int)
    return page(
        case,
        decision_form(case, kept or None),
        changed=since(case, seen) if seen is not None and seen != case.version else None,
        note=note_form(case, kept or None),
    )


@blueprint.post("/desk/shortcuts")
@requires(Permission.DESK)
def shortcuts() -> ResponseReturnValue:
    """Single-key shortcuts on or off, for this person's browser: some speak to theirs, and letters are then words."""
    answer = redirect(local_path(request.form.get("back"), url_for("desk.desk")), 303)
    answer.set_cookie(
        SHORTCUTS_COOKIE,
        "on" if request.form.get("shortcuts") == "on" else "off",
        max_age=YEAR,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return answer
