"""The inbox: ``/messages``."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core import db
from app.core.errors import NotAllowed
from app.identity.policy import Permission
from app.notifications import inbox
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
    session.commit()
    return render_template("web/inbox/message.html", message=found)


@blueprint.post("/read")
@requires(Permission.SIGNED_IN)
def read_all() -> ResponseReturnValue:
    session = db.session()
    inbox.mark_all_read(session, _reader())
    session.commit()
    return redirect(url_for("inbox.messages"), 303)
