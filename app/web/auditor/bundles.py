"""``/audit/bundles``: asking for a ZIP of the cases a search found, and watching bundles being made."""

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.cases import bundles
from app.cases.bundle_samples import Taken, taken
from app.cases.models import BundleState, Case
from app.core import db
from app.core.errors import Invalid, Problem
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.auditor import blueprint, search
from app.web.auditor.addresses import row_id
from app.web.auditor.finding import FILTERS, filters_of, form_from
from app.web.guards import actor, requires
from forms.auditor import BundleForm, SearchForm

LOOK_AGAIN = 3  # seconds, while a bundle is being made
STATES: dict[str, tuple[Text, str]] = {
    BundleState.QUEUED: (_l("Waiting"), "new"),
    BundleState.BUILDING: (_l("Being made"), "work"),
    BundleState.READY: (_l("Ready"), "ok"),
    BundleState.FAILED: (_l("Failed"), "bad"),
    BundleState.EXPIRED: (_l("Deleted after a week"), "none"),
}


@blueprint.get("/audit/bundles", endpoint="bundles")
@requires(Permission.AUDIT)
def overview() -> ResponseReturnValue:
    return _page()


def _page(form: BundleForm | None = None, status: int = 200) -> ResponseReturnValue:
    session = db.session()
    before = row_id("before")
    found = bundles.recent(session, before=before)
    page = render_template(
        "web/auditor/bundles.html",
        form=form or BundleForm(),
        bundles=found.bundles,
        older=found.next,
        first=before is None,
        states=STATES,
        names=people.names(session, [bundle.requested_by for bundle in found.bundles]),
        downloadable=bundles.downloadable,
        kept=bundles.KEPT.days,
    )
    headers = {}
    if any(bundle.state in bundles.UNFINISHED for bundle in found.bundles) and status == 200:
        headers["Refresh"] = str(LOOK_AGAIN)
    return page, status, headers


@blueprint.post("/audit/bundles")
@requires(Permission.AUDIT)
def ask() -> ResponseReturnValue:
    """A bundle of the ticked cases, or with ``all`` of every case that the filters in the form find."""
    session, pack = db.session(), load.current()
    form = BundleForm(request.form)
    if not form.validate():
        return _page(form, 422)
    try:
        if "all" in request.form:
            cases, chosen = _of_filters()
        else:
            cases, chosen = _ticked(), {}
        bundles.ask(session, pack, actor(), cases, title=form.title.data or "", chosen=chosen)
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _page(form, error.status)
    session.commit()
    flash(_("The bundle is being made. You can leave this page; the bundle waits here for you."))
    return redirect(url_for("auditor.bundles"), 303)


def _ticked() -> Sequence[Taken]:
    wanted = request.form.getlist("case")[: bundles.MOST + 1]
    return taken(db.session(), select(Case).where(Case.reference.in_(wanted)), bundles.MOST + 1) if wanted else []


def _of_filters() -> tuple[Sequence[Taken], dict[str, str]]:
    """Raises Invalid for filters that say nothing valid."""
    form = form_from(MultiDict([(name, value) for name, value in request.form.items(multi=True) if name != "title"]))
    if not form.validate():
        raise Invalid(*(Problem(problem.message) for problem in form.problems()))
    found = taken(db.session(), search.matching(load.current(), filters_of(form)), bundles.MOST + 1)
    return found, chosen_by(form)


def chosen_by(form: SearchForm) -> dict[str, str]:
    """The filters that say something, as the bundle keeps them."""
    return {name: str(form[name].data) for name in FILTERS if form[name].data}


@blueprint.post("/audit/bundles/<code>/retry")
@requires(Permission.AUDIT)
def retry(code: str) -> ResponseReturnValue:
    session = db.session()
    bundles.retry(session, actor(), bundles.by_code(session, code))
    session.commit()
    return redirect(url_for("auditor.bundles"), 303)
