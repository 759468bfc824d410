"""``/audit/log/proof``: what the log was last signed as, in plain words, and how to keep it."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.audit import heads, sequencer
from app.core import db
from app.identity.policy import Permission
from app.web.auditor import blueprint
from app.web.guards import requires

MOST = 1_000  # waiting entries are counted to this and no further


@blueprint.get("/audit/log/proof")
@requires(Permission.AUDIT)
def proof() -> ResponseReturnValue:
    session = db.session()
    return render_template(
        "web/auditor/proof.html",
        head=heads.latest(session),
        waiting=sequencer.waiting(session, most=MOST + 1),
        most=MOST,
    )
