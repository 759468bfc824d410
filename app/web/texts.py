"""Text messages at the edge: the short way to a case, what providers report, and the demo's telephone."""

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core import db, identifiers
from app.core.errors import Busy, NotFound
from app.core.i18n import gettext as _
from app.identity import callbacks, limits, signin
from app.identity.actor import Role
from app.identity.policy import Permission
from app.notifications import sms
from app.notifications.sms import reports
from app.notifications.sms.demo import PAGE, conversations
from app.notifications.sms.models import PhoneNumber, TextMessage, TextState
from app.notifications.sms.phones import masked, spoken
from app.web.guards import actor, csrf, requires
from app.web.paging import read_id
from config import Settings

blueprint = Blueprint("texts", __name__)

LARGEST_REPORT = 500_000  # bytes; a hundred of them are under 100,000
REPORTS_A_MINUTE = 600  # a provider's machines share a few addresses


@blueprint.get("/c/<reference>")
@requires(Permission.SIGNED_IN)
def case(reference: str) -> ResponseReturnValue:
    """The link in a text: to the case's own page, which says no to whoever may not see it.

    Nothing is looked up here, so the answer is the same for cases that exist and others; the check letter keeps
    mistyped references, and anything that is none, from going further.
    """
    if not identifiers.is_checked(reference):
        raise NotFound
    who = actor()
    view = {Role.ENTREPRENEUR: "applicant.case", Role.AUDITOR: "auditor.case_file"}.get(who.role or Role.ENTREPRENEUR)
    return redirect(url_for(view or "desk.review", reference=reference.upper()), 303)


@blueprint.post("/callbacks/sms/<provider>/<secret>")
@requires(Permission.PUBLIC)
@csrf.exempt  # type: ignore[untyped-decorator]
def report(provider: str, secret: str) -> ResponseReturnValue:
    """Delivery reports. Where the provider can be asked nothing is believed, else only what fits a text of ours.

    Whoever does not know the address gets the page of any address that does not exist.
    """
    using = sms.current()
    try:
        limits.hit(f"texts:{signin.network(request.remote_addr)}", REPORTS_A_MINUTE, 60)
    except Busy:
        return "", 429
    if using is None or using.code != provider or not callbacks.known("sms", provider, secret):
        raise NotFound
    session = db.session()
    if using.tells:
        reports.from_infobip(session, _document())
    else:
        reports.from_africas_talking(session, request.form)
    session.commit()
    return "", 200


def _document() -> Any:
    """The JSON that was posted; None for anything else."""
    if (request.content_length or 0) > LARGEST_REPORT:
        return None
    try:
        return request.get_json(silent=True)
    except RecursionError:  # thousands of brackets
        return None


@blueprint.get("/demo/phone")
@requires(Permission.PUBLIC)
def phone() -> ResponseReturnValue:
    """What the telephones of the demonstration received. Outside the demo this page does not exist."""
    settings: Settings = current_app.config["KIBALI"]
    if not settings.demo:
        raise NotFound
    found = conversations(db.session(), before=read_id(request.args.get("before")))
    return render_template("web/mailbox/phone.html", texts=found[:PAGE], spoken=spoken, state=state,
                           older=found[PAGE - 1].id if len(found) > PAGE else None)  # fmt: skip


def state(text: TextMessage) -> tuple[str, str]:
    """How far a text has come, in words, and the kind of its tag."""
    match text.state:
        case TextState.DELIVERED:
            return _("Delivered"), "ok"
        case TextState.SENT:
            return _("Handed to the network"), "info"
        case TextState.FAILED:
            return _("Not delivered"), "bad"
        case _:
            return _("On its way"), "none"


def reason(text: TextMessage) -> str:
    """Why a text failed, as its reader is told; empty when it did not."""
    if text.state != TextState.FAILED:
        return ""
    match text.reason:
        case "refuses_texts":
            return _("The number does not take texts from us.")
        case "no_number":
            return _("The network says that the number does not exist.")
        case "unreachable" | "not_delivered" | "no_route" | "network_refused":
            return _("The network could not reach the telephone.")
        case "not_wanted":
            return _("Texts were switched off before it was sent.")
        case "too_late":
            return _("It could not be sent in time.")
        case _:
            return _("It could not be sent. The same words are here and in your e-mail.")


def why_stopped(number: PhoneNumber) -> str:
    if number.stopped_reason == "no_number":
        return _("The network says that this number does not exist, so we no longer write to it. Add the right one.")
    return _(
        "The network says that this number does not take texts from us, so we no longer write to it. Ask your network "
        "to let them through, then change the number to the same one again."
    )


__all__ = ["blueprint", "masked", "reason", "spoken", "state", "why_stopped"]
