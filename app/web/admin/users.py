"""The people of the portal, their roles and agencies."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.cases import appeal_lists
from app.core import db
from app.core.errors import Invalid, NotFound
from app.core.i18n import gettext as _
from app.identity import credentials, directory, links, people, second_factor, sessions
from app.identity.actor import Role
from app.identity.models import User
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import guards
from app.web.accounts import browser, verbs
from app.web.accounts.words import ROLE_TITLES
from app.web.admin import blueprint, failures
from app.web.guards import requires
from app.web.paging import read_id
from forms.admin import NewUserForm, UserForm
from forms.fields import options

OFFICIAL_ROLES = [role for role in Role if role.official]


def _record(verb: str, user: User, **detail: Any) -> None:
    entries.record(
        db.session(),
        guards.actor(),
        verb,
        subject=f"user:{user.id}",
        detail=detail or None,
        personal={"reference": user.email},
    )


@blueprint.get("")
@requires(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """People, found by name, address, role or agency."""
    query, role, agency = (request.args.get(name, "").strip() for name in ("q", "role", "agency"))
    page = directory.search(
        db.session(), query=query, role=role, agency=agency, after=read_id(request.args.get("after"))
    )
    return render_template(
        "web/admin/users.html",
        page=page,
        query=query,
        role=role,
        agency=agency,
        roles=ROLE_TITLES,
        agencies=load.current().agencies,
        failed=failures.count(db.session()),
        stuck=appeal_lists.without_judge(db.session()),
    )


def _with_choices(form: UserForm, roles: list[Role]) -> None:
    form.role.choices = options([(role.value, str(ROLE_TITLES[role])) for role in roles], _("Choose a role"))
    form.agencies.choices = options([(agency.code, agency.name) for agency in load.current().agencies])


def _needs_agency(form: UserForm) -> bool:
    """Whether the role works for an agency and none is chosen; the form then says so."""
    if form.role.data in {Role.CLERK, Role.SUPERVISOR} and not form.agencies.data:
        form.agencies.errors = [*form.agencies.errors, _("Choose at least one agency for this role.")]
        return True
    return False


@blueprint.route("/users/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def new_user() -> ResponseReturnValue:
    """An official: they choose a password through a link, and set up the second factor at the first sign-in."""
    form = NewUserForm(guards.posted_form() or None)
    _with_choices(form, OFFICIAL_ROLES)
    if request.method == "GET" or not form.validate() or _needs_agency(form):
        return render_template("web/admin/new_user.html", form=form), 422 if form.errors else 200
    session = db.session()
    pack = load.current()
    try:
        user = people.create_user(
            session,
            email=form.email.data,
            name=form.name.data,
            password=None,
            role=form.role.data,
            locale=pack.locale(pack.default_language),
            agencies=form.agencies.data,
            verified=False,
        )
    except Invalid as error:
        form.refuse(error.problems)
        return render_template("web/admin/new_user.html", form=form), 422
    _welcome(user)
    _record(verbs.USER_CREATED, user, role=user.role, agencies=sorted(form.agencies.data))
    session.commit()
    flash(_("A link to choose a password is on its way to %(email)s.", email=user.email), "ok")
    return redirect(url_for("admin.user", user_id=user.id), 303)


def _welcome(user: User) -> None:
    session = db.session()
    token = links.make(session, user, "welcome")
    notifications.send(
        session,
        email=user.email,
        template="invitation",
        locale=user.locale,
        values={
            "business": "",
            "inviter": guards.actor().name,
            "role": ROLE_TITLES[Role(user.role)],
            "url": browser.absolute("accounts.choose_password", token=token),
        },
    )


@blueprint.route("/users/<int:user_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def user(user_id: int) -> ResponseReturnValue:
    session = db.session()
    person = people.user(session, user_id)
    form = UserForm(
        guards.posted_form() or None,
        data={"role": person.role, "agencies": list(people.agencies_of(session, person.id))},
    )
    _with_choices(form, OFFICIAL_ROLES if person.official else list(Role))
    if request.method == "GET" or not form.validate() or _needs_agency(form):
        return _user_page(person, form), 422 if form.errors else 200
    try:
        change = credentials.change_rights(
            session, guards.actor(), person, role=Role(form.role.data), agencies=form.agencies.data or []
        )
    except Invalid as error:
        form.refuse(error.problems)
        return _user_page(person, form), 422
    if change.any:
        _record(
            verbs.RIGHTS_CHANGED,
            person,
            role=[change.role_before, change.role_after],
            agencies=[change.agencies_before, change.agencies_after],
        )
        flash(_("Saved. %(name)s has to sign in again.", name=person.name), "ok")
    session.commit()
    return redirect(url_for("admin.user", user_id=person.id), 303)


def _user_page(person: User, form: UserForm) -> str:
    session = db.session()
    return render_template(
        "web/admin/user.html",
        person=person,
        form=form,
        roles=ROLE_TITLES,
        role=ROLE_TITLES[Role(person.role)],
        open_count=len(sessions.of_user(session, person.id)),
        enrolled=second_factor.enrolled(person),
        oneself=person.id == guards.actor().user_id,
    )


@blueprint.post("/users/<int:user_id>/<action>")
@requires(Permission.ADMINISTER)
def act_on_user(user_id: int, action: str) -> ResponseReturnValue:
    """disable, enable, reset-second-factor, end-sessions or welcome."""
    session = db.session()
    person = people.user(session, user_id)
    try:
        message = _act(person, action)
    except Invalid as error:
        session.rollback()
        flash(str(error.message), "warn")
        return redirect(url_for("admin.user", user_id=user_id), 303)
    session.commit()
    flash(message, "ok")
    return redirect(url_for("admin.user", user_id=user_id), 303)


def _act(person: User, action: str) -> str:
    session = db.session()
    match action:
        case "disable":
            credentials.disable(session, guards.actor(), person)
            _record(verbs.USER_DISABLED, person)
            return _("%(name)s can no longer sign in and is signed out everywhere.", name=person.name)
        case "enable":
            credentials.enable(session, person)
            _record(verbs.USER_ENABLED, person)
            return _("%(name)s can sign in again.", name=person.name)
        case "reset-second-factor":
            credentials.reset_second_factor(session, guards.actor(), person)
            _record(verbs.SECOND_FACTOR_RESET, person)
            return _("%(name)s sets up the second factor at the next sign-in.", name=person.name)
        case "end-sessions":
            count = sessions.end_all(session, person.id)
            _record(verbs.SESSIONS_ENDED, person, sessions=count)
            return _("%(name)s is signed out everywhere.", name=person.name)
        case "welcome" if person.password_hash is None:
            _welcome(person)
            _record(verbs.USER_INVITED_AGAIN, person)
            return _("A new link is on its way to %(email)s.", email=person.email)
        case _:
            raise NotFound
