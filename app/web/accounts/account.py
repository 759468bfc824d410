"""One's account, the devices one is signed in on, and the business one acts for."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.core import db, i18n
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.core.i18n import ngettext
from app.identity import memberships, people, second_factor
from app.identity import sessions as open_sessions
from app.identity.actor import MembershipRole
from app.identity.policy import Permission
from app.notifications import sms
from app.notifications.sms import phones
from app.web import guards
from app.web import texts as words
from app.web.accounts import blueprint, verbs
from app.web.accounts.devices import describe
from app.web.accounts.words import MEMBER_TITLES, ROLE_TITLES
from app.web.guards import requires
from app.web.paging import read_id


@blueprint.get("/account", endpoint="account")
@requires(Permission.SIGNED_IN)
def account() -> ResponseReturnValue:
    session = db.session()
    actor = guards.actor()
    user = people.user(session, actor.user_id or 0)
    return render_template(
        "web/accounts/account.html",
        user=user,
        role=ROLE_TITLES[actor.role] if actor.role else "",
        language=i18n.LANGUAGES.get(user.locale.partition("_")[0], user.locale),
        member_titles=MEMBER_TITLES,
        open_count=len(open_sessions.of_user(session, user.id)),
        texts_offered=sms.current() is not None,
        phone=phones.of(session, user.id) if sms.current() is not None else None,
        phone_words=words,
        codes_left=second_factor.recovery_codes_left(session, user.id) if user.official else 0,
    )


@blueprint.get("/account/sessions", endpoint="sessions")
@requires(Permission.SIGNED_IN)
def sessions() -> ResponseReturnValue:
    actor = guards.actor()
    rows = [
        (row, describe(row.user_agent), row.id == actor.session_id)
        for row in open_sessions.of_user(db.session(), actor.user_id or 0)
    ]
    return render_template("web/accounts/sessions.html", rows=rows)


@blueprint.post("/account/sessions/<int:session_id>/end", endpoint="end_session")
@requires(Permission.SIGNED_IN)
def end_session(session_id: int) -> ResponseReturnValue:
    session = db.session()
    actor = guards.actor()
    if session_id == actor.session_id:
        raise NotFound  # one's own ends by signing out
    open_sessions.end(session, actor.user_id or 0, session_id)
    entries.record(session, actor, verbs.SESSIONS_ENDED, subject=f"user:{actor.user_id}", detail={"sessions": 1})
    session.commit()
    flash(_("That device is signed out."), "ok")
    return redirect(url_for("accounts.sessions"), 303)


@blueprint.post("/account/sessions/end-all", endpoint="end_all_sessions")
@requires(Permission.SIGNED_IN)
def end_all_sessions() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    session = db.session()
    actor = guards.actor()
    count = open_sessions.end_all(session, actor.user_id or 0, keep=actor.session_id)
    entries.record(session, actor, verbs.SESSIONS_ENDED, subject=f"user:{actor.user_id}", detail={"sessions": count})
    session.commit()
    flash(
        ngettext("%(num)s other device is signed out.", "%(num)s other devices are signed out.", count)
        if count
        else _("No other device was signed in."),
        "ok",
    )
    return redirect(url_for("accounts.sessions"), 303)


@blueprint.post("/account/business", endpoint="switch_business")
@requires(Permission.APPLY)
def switch_business() -> ResponseReturnValue:
    """Act for another of one's businesses, in this session."""
    session = db.session()
    actor = guards.actor()
    open_sessions.act_for(session, actor.user_id or 0, actor.session_id or 0, _chosen_business())
    session.commit()
    return redirect(guards.local_path(request.form.get("next")), 303)


def _chosen_business() -> int:
    chosen = read_id(request.form.get("business"))
    if chosen is None:
        raise NotFound
    return chosen


@blueprint.post("/account/business/leave", endpoint="leave_business")
@requires(Permission.APPLY)
def leave_business() -> ResponseReturnValue:
    """For agents, who have no page of members; owners and managers leave there."""
    session = db.session()
    actor = guards.actor()
    business_id = _chosen_business()
    if actor.memberships.get(business_id) is not MembershipRole.AGENT:
        raise NotFound
    memberships.remove(session, actor, business_id, actor.user_id or 0)
    entries.record(
        session,
        actor,
        verbs.MEMBER_REMOVED,
        subject=f"business:{business_id}",
        business_id=business_id,
        detail={"user": actor.user_id, "role": MembershipRole.AGENT.value},
    )
    session.commit()
    flash(_("You no longer act for the business."), "ok")
    return redirect(url_for("accounts.account"), 303)
