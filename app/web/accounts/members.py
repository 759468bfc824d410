"""The people who act for a business: inviting, roles, leaving. And the page an invitation leads to."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.businesses import lookup
from app.core import db
from app.core.errors import Invalid, NotAllowed, NotFound
from app.core.i18n import gettext as _
from app.identity import limits, memberships, people, sessions, signin
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import Invitation
from app.identity.policy import Permission, Subject, allows
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.accounts.words import MEMBER_EXPLAINED, MEMBER_TITLES
from app.web.guards import requires
from forms.accounts import InviteForm
from forms.fields import options


def _managed() -> tuple[Actor, int]:
    """The business this person acts for and manages; missing for an agent as for nobody."""
    actor = guards.actor()
    if actor.business_id is None or not allows(
        actor, Permission.BUSINESS_MANAGE, Subject(business_id=actor.business_id)
    ):
        raise NotFound
    return actor, actor.business_id


def _invite_form(actor: Actor, business_id: int, *, posted: bool) -> InviteForm:
    form = InviteForm(guards.posted_form() or None if posted else None)
    form.role.choices = options(
        [(role.value, str(MEMBER_EXPLAINED[role])) for role in reversed(memberships.may_give(actor, business_id))]
    )
    return form


@blueprint.route("/business/members", methods=["GET", "POST"], endpoint="members")
@requires(Permission.BUSINESS_MANAGE)
def members() -> ResponseReturnValue:
    actor, business_id = _managed()
    form = _invite_form(actor, business_id, posted=True)
    if request.method == "GET" or not form.validate():
        return _page(actor, business_id, form), 422 if form.errors else 200
    session = db.session()
    limits.hit(f"invite:business:{business_id}", 30, signin.HOUR)
    try:
        invitation, token = memberships.invite(
            session, actor, business_id=business_id, email=form.email.data, role=MembershipRole(form.role.data)
        )
    except Invalid as error:
        form.refuse(error.problems)
        return _page(actor, business_id, form), 422
    _send(actor, invitation, token)
    entries.record(
        session,
        actor,
        verbs.MEMBER_INVITED,
        subject=f"business:{business_id}",
        business_id=business_id,
        detail={"role": invitation.role},
        personal={"email": invitation.email},
    )
    session.commit()
    flash(_("The invitation is on its way to %(email)s.", email=invitation.email), "ok")
    return redirect(url_for("accounts.members"), 303)


def _page(actor: Actor, business_id: int, form: InviteForm) -> str:
    session = db.session()
    return render_template(
        "web/accounts/members.html",
        form=form,
        business=lookup.get(session, business_id),
        members=memberships.members_of(session, business_id),
        invitations=memberships.open_invitations(session, business_id),
        titles=MEMBER_TITLES,
        may_give=memberships.may_give(actor, business_id),
        owner=actor.memberships.get(business_id) is MembershipRole.OWNER,
        roles=tuple(MembershipRole),
    )


def _send(actor: Actor, invitation: Invitation, token: str) -> None:
    session = db.session()
    reader = people.by_email(session, invitation.email)
    notifications.send(
        session,
        email=invitation.email,
        template="invitation",
        locale=reader.locale if reader is not None else actor.locale,
        values={
            "business": lookup.get(session, invitation.business_id).name,
            "inviter": actor.name,
            "role": MEMBER_TITLES[MembershipRole(invitation.role)],
            "url": browser.absolute("accounts.invitation", token=token),
        },
    )


@blueprint.post("/business/members/<int:user_id>/role", endpoint="member_role")
@requires(Permission.BUSINESS_MANAGE)
def member_role(user_id: int) -> ResponseReturnValue:
    actor, business_id = _managed()
    session = db.session()
    try:
        role = MembershipRole(request.form.get("role", ""))
    except ValueError:
        raise NotFound from None
    try:
        member = memberships.change_role(session, actor, business_id, user_id, role)
    except Invalid as error:
        return _refused(actor, business_id, error)
    entries.record(
        session,
        actor,
        verbs.MEMBER_ROLE_CHANGED,
        subject=f"business:{business_id}",
        business_id=business_id,
        detail={"user": user_id, "role": role.value},
    )
    session.commit()
    flash(_("%(name)s is now: %(role)s.", name=member.name, role=str(MEMBER_TITLES[role])), "ok")
    return redirect(url_for("accounts.members"), 303)


@blueprint.post("/business/members/<int:user_id>/remove", endpoint="remove_member")
@requires(Permission.BUSINESS_MANAGE)
def remove_member(user_id: int) -> ResponseReturnValue:
    actor, business_id = _managed()
    session = db.session()
    try:
        member = memberships.remove(session, actor, business_id, user_id)
    except Invalid as error:
        return _refused(actor, business_id, error)
    entries.record(
        session,
        actor,
        verbs.MEMBER_REMOVED,
        subject=f"business:{business_id}",
        business_id=business_id,
        detail={"user": user_id, "role": member.role.value},
    )
    session.commit()
    flash(_("%(name)s no longer acts for the business.", name=member.name), "ok")
    return redirect("/" if user_id == actor.user_id else url_for("accounts.members"), 303)


def _refused(actor: Actor, business_id: int, error: Invalid) -> ResponseReturnValue:
    db.session().rollback()
    form = _invite_form(actor, business_id, posted=False)
    form.refuse(error.problems)
    return _page(actor, business_id, form), 422


@blueprint.post("/business/invitations/<int:invitation_id>/withdraw", endpoint="withdraw_invitation")
@requires(Permission.BUSINESS_MANAGE)
def withdraw_invitation(invitation_id: int) -> ResponseReturnValue:
    actor, business_id = _managed()
    session = db.session()
    invitation = memberships.revoke(session, actor, business_id, invitation_id)
    entries.record(
        session,
        actor,
        verbs.INVITATION_WITHDRAWN,
        subject=f"business:{business_id}",
        business_id=business_id,
        personal={"email": invitation.email},
    )
    session.commit()
    flash(_("The invitation to %(email)s is withdrawn.", email=invitation.email), "ok")
    return redirect(url_for("accounts.members"), 303)


@blueprint.route("/invitations/<token>", methods=["GET", "POST"], endpoint="invitation")
@requires(Permission.PUBLIC)
def invitation(token: str) -> ResponseReturnValue:
    """What is offered, and by whom; taking it needs the account of the address it was sent to."""
    session = db.session()
    actor = guards.current_actor()
    try:
        offer = memberships.invitation_for(session, token)
    except NotFound:
        return render_template("web/accounts/dead_link.html", kind="invitation"), 404
    business = lookup.get(session, offer.business_id)
    mine = False
    if actor is not None and actor.user_id is not None and actor.role is Role.ENTREPRENEUR:
        mine = people.user(session, actor.user_id).email == offer.email
    if request.method == "POST" and actor is None:
        return redirect(guards.sign_in_url(request.path), 303)
    if request.method == "POST":
        if not mine or actor is None:
            raise NotAllowed
        memberships.accept(session, actor, token)
        sessions.act_for(session, actor.user_id or 0, actor.session_id or 0, offer.business_id)
        entries.record(
            session,
            actor,
            verbs.MEMBER_JOINED,
            subject=f"business:{offer.business_id}",
            business_id=offer.business_id,
            detail={"role": offer.role},
        )
        session.commit()
        flash(_("You now act for %(business)s.", business=business.name), "ok")
        return redirect("/", 303)
    return render_template(
        "web/accounts/invitation.html",
        offer=offer,
        business=business,
        inviter=people.names(session, [offer.invited_by]).get(offer.invited_by, ""),
        role=MEMBER_TITLES[MembershipRole(offer.role)],
        mine=mine,
    )
