"""``/admin/privacy``: requests of people about their own data, with the day by which each must be answered."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import privacy
from app.cases.retention_models import PrivacyRequest, RequestState
from app.core import clock, db
from app.core.errors import Invalid
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.web import navigation
from app.web.admin import blueprint
from app.web.auditor.addresses import row_id
from app.web.guards import actor, posted_form, requires
from app.web.templating import url_with
from forms.retention import AnswerForm

navigation.register(
    navigation.NavigationItem(_l("Personal data"), "/admin/privacy", roles=frozenset({Role.ADMINISTRATOR}), order=45)
)
STATES: dict[str, tuple[Text, str]] = {
    RequestState.OPEN: (_l("Open"), "wait"),
    RequestState.READY: (_l("Ready"), "ok"),
    RequestState.DONE: (_l("Done"), "ok"),
    RequestState.REFUSED: (_l("Refused"), "bad"),
    RequestState.CANCELLED: (_l("Taken back"), "none"),
    RequestState.FAILED: (_l("Failed"), "bad"),
    RequestState.EXPIRED: (_l("Deleted"), "none"),
}


@blueprint.get("/privacy", endpoint="privacy")
@requires(Permission.ADMINISTER)
def overview() -> ResponseReturnValue:
    session, before, every = db.session(), row_id("before"), request.args.get("show") == "all"
    found = privacy.listed(session, open_only=not every, before=before)
    return render_template(
        "web/admin/privacy.html",
        requests=found.requests,
        every=every,
        states=STATES,
        kinds=privacy.KINDS,
        now=clock.now(),
        names=people.names(session, [each.user_id for each in found.requests]),
        older=url_with(before=found.following) if found.following else None,
        first=url_with(before=None) if before else None,
    )


@blueprint.route("/privacy/<number>", methods=["GET", "POST"], endpoint="privacy_request")
@requires(Permission.ADMINISTER)
def one(number: str) -> ResponseReturnValue:
    session = db.session()
    found = privacy.by_number(session, number)
    form = AnswerForm(posted_form() or None)
    if request.method != "POST":
        return _page(found, form)
    if not form.validate():
        return _page(found, form, 422)
    try:
        privacy.answer(
            session,
            actor(),
            found,
            text=form.answer.data,
            refused="refuse" in request.form,
            legal_basis=form.legal_basis.data or "",
        )
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _page(privacy.by_number(session, number), form, error.status)
    session.commit()
    flash(_("Your answer to %(number)s is sent.", number=found.number), "ok")
    return redirect(url_for("admin.privacy_request", number=found.number), 303)


def _page(found: PrivacyRequest, form: AnswerForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "web/admin/privacy_request.html",
        found=found,
        form=form,
        state=STATES[found.state],
        kind=privacy.KINDS[found.kind],
        by_hand=found.state == RequestState.OPEN and found.kind in privacy.OUTSIDE,
        names=people.names(db.session(), [found.user_id, found.closed_by]),
        overdue=found.state == RequestState.OPEN and found.due_at < clock.now(),
    )
    return page, status
