"""The inbox: ``/messages``."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, deadlines, registry, standing
from app.cases.workflow import STATE_KINDS, State
from app.core import db
from app.core.errors import NotAllowed, NotFound
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.notifications import inbox
from app.notifications.sms import writing
from app.web import texts
from app.web.guards import actor, requires
from app.web.paging import read_id

blueprint = Blueprint("inbox", __name__, url_prefix="/messages")


def _reader() -> int:
    user_id = actor().user_id
    if user_id is None:
        raise NotAllowed
    return user_id


@blueprint.get("")
@requires(Permission.SIGNED_IN)
def messages() -> ResponseReturnValue:
    session, reader = db.session(), _reader()
    found = inbox.messages(session, reader, before=read_id(request.args.get("before")), limit=inbox.PAGE + 1)
    older = found[inbox.PAGE - 1].id if len(found) > inbox.PAGE else None
    return render_template(
        "web/inbox/messages.html", messages=found[: inbox.PAGE], older=older, unread=inbox.unread(session, reader)
    )


@blueprint.get("/<int:message_id>")
@requires(Permission.SIGNED_IN)
def message(message_id: int) -> ResponseReturnValue:
    session = db.session()
    found = inbox.open_message(session, _reader(), message_id)
    text = writing.of_message(session, found.id)
    session.commit()
    return render_template("web/inbox/message.html", message=found, text=text, words=texts, about=about(found.case_id))


def about(case_id: int | None) -> dict[str, Any] | None:
    """The case of a message as it stands now; None when there is none, or the reader is no applicant of it."""
    who = actor()
    if case_id is None or who.role is not Role.ENTREPRENEUR:
        return None
    try:
        case = access.load_by_id(db.session(), who, case_id, Permission.CASE_VIEW_OWN)
    except NotFound:
        return None
    pack, state = load.current(), State(case.state)
    return {
        "case": case,
        "state": registry.service(case.service).workflow.title(state),
        "kind": STATE_KINDS[state],
        "clock": deadlines.face(case, pack),
        "holder": standing.holder(case, pack),
    }


@blueprint.post("/read")
@requires(Permission.SIGNED_IN)
def read_all() -> ResponseReturnValue:
    session = db.session()
    inbox.mark_all_read(session, _reader())
    session.commit()
    return redirect(url_for("inbox.messages"), 303)
