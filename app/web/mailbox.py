"""The demo's mailbox: all mail the portal has sent, to everyone. Outside the demo these pages do not exist."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from app.core import db
from app.core.errors import NotFound
from app.identity.policy import Permission
from app.notifications import inbox
from app.web.guards import requires
from app.web.paging import read_id
from config import Settings

blueprint = Blueprint("mailbox", __name__, url_prefix="/demo/mailbox")


@blueprint.before_request
def _demo_only() -> None:
    settings: Settings = current_app.config["KIBALI"]
    if not settings.demo:
        raise NotFound


@blueprint.get("")
@requires(Permission.PUBLIC)
def mailbox() -> ResponseReturnValue:
    email = request.args.get("to", "").strip()[:254]
    before = read_id(request.args.get("before"))
    found = inbox.everyone(db.session(), email=email, before=before, limit=inbox.PAGE + 1)
    older = found[inbox.PAGE - 1].id if len(found) > inbox.PAGE else None
    return render_template("web/mailbox/mailbox.html", messages=found[: inbox.PAGE], older=older, email=email)


@blueprint.get("/<int:message_id>")
@requires(Permission.PUBLIC)
def mail(message_id: int) -> ResponseReturnValue:
    return render_template("web/mailbox/mail.html", message=inbox.any_message(db.session(), message_id))
