"""``/desk/appeals``: appeals, for supervisors who had nothing to do with the case."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import appeal_lists, appeals, grounds, registry
from app.cases.appeal_models import GROUND_TITLES, STATE_KINDS, STATE_TITLES, Appeal, AppealState
from app.cases.models import Case, Decision
from app.core import clock, db
from app.core.errors import Invalid, NotAllowed, Stale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import navigation
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from app.web.paging import cursor, read_cursor
from app.web.templating import url_with
from forms.appeals import JudgeForm

navigation.register(
    navigation.NavigationItem(_l("Appeals"), "/desk/appeals", roles=frozenset({Role.SUPERVISOR}), order=45)
)


@blueprint.get("/desk/appeals", endpoint="appeals")
@requires(Permission.CASE_DECIDE)
def overview() -> ResponseReturnValue:
    """Those this person may decide on, the oldest first, or those they decided on; and those nobody may."""
    session, who = db.session(), actor()
    done, after = request.args.get("show") == "decided", read_cursor(request.args.get("after"))
    listed = (appeal_lists.judged_by if done else appeal_lists.to_judge)(session, who, after)
    return render_template(
        "web/desk/appeals.html",
        done=done,
        listed=listed,
        stuck=appeal_lists.without_judge(session, who.agencies),
        states=STATE_TITLES,
        kinds=STATE_KINDS,
        grounds=GROUND_TITLES,
        now=clock.now(),
        following=url_with(after=cursor(listed.following)) if listed.following else None,
        first=url_with(after=None) if after else None,
    )


@blueprint.route("/desk/appeals/<reference>", methods=["GET", "POST"], endpoint="appeal")
@requires(Permission.CASE_DECIDE)
def one(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    appeal, case = appeals.load_for(session, who, reference)
    form = JudgeForm(posted_form() or None)
    if request.method != "POST":
        return _show(appeal, case, form)
    if not appeal.open:  # a second click
        return redirect(url_for("desk.appeal", reference=appeal.reference), 303)
    if not form.validate():
        return _show(appeal, case, form, status=422)
    try:
        appeals.judge(session, appeal, who, outcome=AppealState(form.outcome.data), reason=form.reason.data)
        session.commit()
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _show(*appeals.load_for(session, who, reference), form, status=422)
    except (NotAllowed, Stale) as error:  # it is not theirs to see any more
        session.rollback()
        flash(str(error.message), "warn")
        return redirect(url_for("desk.appeals"), 303)
    flash(_("Your decision on the appeal %(reference)s is recorded.", reference=appeal.reference))
    return redirect(url_for("desk.appeal", reference=appeal.reference), 303)


def _show(appeal: Appeal, case: Case, form: JudgeForm, *, status: int = 200) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    decision = session.get_one(Decision, appeal.decision_id)
    wanted = {appeal.appealed_by, appeal.judged_by, decision.decided_by, decision.recommended_by}
    page = render_template(
        "web/desk/appeals_one.html",
        appeal=appeal,
        case=case,
        service=registry.service(case.service),
        decision=decision,
        names=people.names(session, [each for each in wanted if each is not None]),
        days_left=appeals.days_left(pack, appeal, clock.now()),
        terms=appeals.terms_of(pack, case, decision),
        states=STATE_TITLES,
        kinds=STATE_KINDS,
        grounds=GROUND_TITLES,
        said=grounds.said,
        form=form,
    )
    return page, status
