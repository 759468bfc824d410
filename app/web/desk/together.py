"""A supervisor approves several like cases at once, each of which they have opened."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, grounds, registry, together
from app.core import db
from app.core.errors import DomainError
from app.core.i18n import gettext as _
from app.core.i18n import ngettext
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Pack
from app.web.desk import blueprint
from app.web.guards import actor, requires


def kind_title(pack: Pack, service: str, kind: str) -> str:
    """The kind in words: what the pack calls a permit kind, legal form or customs procedure of that code."""
    row = (
        lookup.find(pack.permit_kinds, kind)
        or lookup.find(pack.entity_types, kind)
        or lookup.find(pack.procedures, kind)
    )
    noun = str(registry.service(service).noun)
    return _("%(service)s: %(kind)s", service=noun, kind=row.name if row is not None else kind)


@blueprint.get("/desk/together")
@requires(Permission.CASE_DECIDE)
def together_page() -> ResponseReturnValue:
    """The kinds that wait, and the cases of the one that was chosen."""
    pack = load.current()
    groups = together.groups(together.waiting(db.session(), actor()))
    chosen = (request.args.get("service", ""), request.args.get("kind", ""))
    if chosen not in groups:
        chosen = next(iter(groups), ("", ""))
    return render_template(
        "web/desk/together.html",
        groups=[(like, kind_title(pack, *like), len(found)) for like, found in groups.items()],
        chosen=chosen,
        title=kind_title(pack, *chosen) if chosen in groups else "",
        waiting=groups.get(chosen, []),
        most=together.AT_ONCE,
        said=grounds.said,
    )


@blueprint.post("/desk/together")
@requires(Permission.CASE_DECIDE)
def approve_together() -> ResponseReturnValue:
    """Each is a decision of its own; one that fails is told by name and holds up no other."""
    session, who = db.session(), actor()
    like = (request.form.get("service", ""), request.form.get("kind", ""))
    done = 0
    for ticked in list(dict.fromkeys(request.form.getlist("case")))[: together.AT_ONCE]:
        reference, _bar, version = ticked.partition("|")
        seen = int(version) if version.isdigit() and len(version) < 10 else 0
        try:
            case = access.load(session, who, reference, Permission.CASE_DECIDE)
            together.approve(session, case, who, version=seen, like=like)
            session.commit()
            done += 1
        except DomainError as error:
            session.rollback()
            flash(_("%(reference)s was not approved: %(why)s", reference=reference, why=str(error.message)), "problem")
    if done:
        flash(ngettext("%(num)s case is approved.", "%(num)s cases are approved.", done))
    elif not request.form.getlist("case"):
        flash(_("Tick the cases to approve."), "problem")
    return redirect(url_for("desk.together_page", service=like[0], kind=like[1]), 303)
