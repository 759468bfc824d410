"""``/audit/bundles/new``: choosing the cases of a bundle, or a sample of them, and seeing how many before asking."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.cases import bundle_samples, bundles, measures
from app.cases.bundle_samples import METHODS, Wanted
from app.core import db
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.auditor import blueprint, search
from app.web.auditor.bundles import chosen_by
from app.web.auditor.finding import FILTERS, filters_of, offer_choices
from app.web.guards import actor, requires
from forms.auditor import ChooseForm

ALL = ("all", _l("All that match"))
ASKED = (*FILTERS, "method", "size", "layer", "amount")  # what the second form carries on


def _form(arguments: MultiDict[str, str]) -> ChooseForm:
    form = ChooseForm(arguments)
    offer_choices(form)
    form.method.offer([ALL, *METHODS.items()])
    form.layer.offer(measures.layers().items())
    form.amount.offer(measures.amounts().items())
    return form


@blueprint.get("/audit/bundles/new")
@requires(Permission.AUDIT)
def choose() -> ResponseReturnValue:
    form = _form(request.args)
    if "count" not in request.args:
        return _page(form)
    if not form.validate():
        return _page(form, status=422)
    matching = bundle_samples.count(db.session(), search.matching(load.current(), filters_of(form)))
    form.seed.data = form.seed.data or bundle_samples.new_seed()
    return _page(form, matching)


def _page(form: ChooseForm, matching: int | None = None, status: int = 200) -> ResponseReturnValue:
    taken = matching or 0
    if form.sampled:
        taken = min(taken, form.size.data or 0)
    return (
        render_template(
            "web/auditor/bundles_new.html",
            form=form,
            matching=matching,
            taken=taken,
            many=matching is not None and matching > bundle_samples.MOST,
            most=bundles.MOST,
            population_most=bundle_samples.MOST,
            kept=[(name, value) for name in ASKED if (value := request.values.get(name))],
        ),
        status,
    )


@blueprint.post("/audit/bundles/new")
@requires(Permission.AUDIT)
def ask_chosen() -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    form = _form(request.form)
    if not form.validate():
        return _page(form, status=422)
    matching = search.matching(pack, filters_of(form))
    try:
        drawn = bundle_samples.draw(session, pack, matching, _wanted(form)) if form.sampled else None
        cases = drawn.cases if drawn else bundle_samples.taken(session, matching, bundles.MOST + 1)
        title = form.title.data or ""
        bundle = bundles.ask(
            session, pack, actor(), cases, title=title, chosen=chosen_by(form), drawn=drawn, head=form.head.data or ""
        )  # fmt: skip
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _page(form, bundle_samples.count(session, matching), error.status)
    session.commit()
    flash(_("The bundle is being made. You can leave this page; the bundle waits here for you."))
    return redirect(url_for("auditor.bundle", code=bundle.code), 303)


def _wanted(form: ChooseForm) -> Wanted:
    by = {"stratified": form.layer.data, "monetary": form.amount.data}.get(form.method.data) or ""
    return Wanted(form.method.data, form.size.data, by, form.seed.data or bundle_samples.new_seed())
