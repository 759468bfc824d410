"""The register's entry on pages: the business one acts for (``/business``), and what officials and auditors see."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries, verbs
from app.businesses import lookup, register
from app.businesses.models import STATE_KINDS, STATE_TITLES, Business, BusinessEvent, BusinessState
from app.cases.models import Case
from app.core import db
from app.core.errors import Invalid, NotFound
from app.core.i18n import Text, format_date, format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents.models import Record
from app.identity import memberships
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.reference import isic
from app.web.accounts.words import MEMBER_TITLES
from app.web.guards import actor, posted_form, requires
from forms.permits import ReasonForm
from forms.registration import role_title

blueprint = Blueprint("businesses", __name__)

VIEWED = verbs.register("business.viewed", _l("Business opened by an auditor"))

_CHANGES: dict[str, tuple[BusinessState, Text, Text, Text]] = {
    "suspend": (
        BusinessState.ACTIVE,
        _l("Suspend the business"),
        _l("It cannot apply, declare or list until the suspension is lifted. Its name stays taken."),
        _l("The business is suspended."),
    ),
    "reinstate": (
        BusinessState.SUSPENDED,
        _l("Lift the suspension"),
        _l("The business can apply, declare and list again."),
        _l("The business is active again."),
    ),
}


def _load(number: str, permission: Permission) -> Business:
    """What the reader may not see is not found. Officials of every agency may read the register."""
    business = lookup.by_number(db.session(), number)
    if not allows(actor(), permission, Subject(business_id=business.id)):
        raise NotFound
    return business


@blueprint.get("/business")
@requires(Permission.BUSINESS_VIEW)
def profile() -> ResponseReturnValue:
    """The business acted for; without one, how to get one."""
    who = actor()
    if who.business_id is None:
        return render_template("web/businesses/none.html")
    business = lookup.get(db.session(), who.business_id)
    return _page(business, member=True)


@blueprint.get("/business/<number>")
@requires(Permission.BUSINESS_VIEW)
def one_of_mine(number: str) -> ResponseReturnValue:
    """Another business of this person, without acting for it."""
    return _page(_load(number, Permission.BUSINESS_VIEW), member=True)


@blueprint.get("/desk/businesses/<number>")
@requires(Permission.DESK)
def desk_detail(number: str) -> ResponseReturnValue:
    return _page(_load(number, Permission.DESK), back="/desk")


@blueprint.get("/audit/businesses/<number>")
@requires(Permission.AUDIT)
def audit_detail(number: str) -> ResponseReturnValue:
    """Opening it is an audit entry."""
    session, who = db.session(), actor()
    business = _load(number, Permission.AUDIT)
    entries.record(
        session,
        who,
        VIEWED,
        subject=f"business:{business.id}",
        reference=business.number,
        case_id=business.case_id,
        business_id=business.id,
    )
    session.commit()
    return _page(business, back="/audit", case_folder="audit")


@blueprint.route("/desk/businesses/<number>/<action>", methods=["GET", "POST"])
@requires(Permission.PERMIT_CONTROL)
def control(number: str, action: str) -> ResponseReturnValue:
    """Suspend or reinstate, by a supervisor of the registrar."""
    session, who = db.session(), actor()
    business = lookup.by_number(session, number)
    if action not in _CHANGES or not _may_control(business):
        raise NotFound
    source, title, explanation, done = _CHANGES[action]
    address = url_for("businesses.desk_detail", number=business.number)
    form = ReasonForm(posted_form() or None)
    if request.method == "POST" and form.validate():
        try:
            change = register.suspend if source is BusinessState.ACTIVE else register.reinstate
            change(session, business, who, form.reason.data)
        except Invalid as error:
            form.refuse(error.problems)
        else:
            session.commit()
            flash(str(done))
            return redirect(address, 303)
    elif request.method == "GET" and business.standing is not source:
        flash(_("The state of this business does not allow that."), "warn")
        return redirect(address, 303)
    page = render_template(
        "web/businesses/control.html",
        business=business,
        status=STATE_TITLES[business.standing],
        title=title,
        explanation=explanation,
        kind="bad" if source is BusinessState.ACTIVE else "",
        form=form,
        action=action,
        back=address,
    )
    return page, 422 if form.errors or form.form_errors else 200


def _may_control(business: Business) -> bool:
    registrar = load.current().registration_agency
    return allows(actor(), Permission.PERMIT_CONTROL, Subject(business_id=business.id, agency=registrar))


def _page(
    business: Business, *, member: bool = False, back: str | None = None, case_folder: str = "desk"
) -> ResponseReturnValue:
    session = db.session()
    case = session.get(Case, business.case_id) if business.case_id is not None else None
    folder = "cases" if member else case_folder
    actions = [
        (code, title)
        for code, (source, title, _explanation, _done) in _CHANGES.items()
        if not member and case_folder == "desk" and business.standing is source and _may_control(business)
    ]
    return render_template(
        "web/businesses/profile.html",
        business=business,
        status=STATE_TITLES[business.standing],
        kind=STATE_KINDS[business.standing],
        rows=_rows(business),
        people=_people(business),
        paper=session.get(Record, business.record_id) if business.record_id is not None else None,
        members=[
            {"name": each.name, "role": MEMBER_TITLES[each.role]}
            for each in (memberships.members_of(session, business.id) if member else [])
        ],
        manages=allows(actor(), Permission.BUSINESS_MANAGE, Subject(business_id=business.id)),
        acting=actor().business_id == business.id,
        history=[_event(each) for each in reversed(lookup.history(session, business.id))],
        case_url=f"/{folder}/{case.reference}" if case is not None else None,
        member=member,
        actions=actions,
        back=back,
    )


def _people(business: Business) -> list[dict[str, Any]]:
    """One row a person, with all their roles; numbers of identity papers are not shown."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for holding in lookup.holdings(business):
        person = holding.person
        row = found.setdefault(
            (person.document_country, person.document_number),
            {"name": person.name, "roles": [], "shares": None, "percent": None, "since": person.valid_from},
        )
        row["roles"].append(role_title(person.role))
        row["since"] = min(row["since"], person.valid_from)
        if person.shares:
            row["shares"], row["percent"] = format_number(person.shares), holding.percent
    return list(found.values())


def _rows(business: Business) -> list[tuple[str, str | None]]:
    pack = load.current()
    local = business.registered_at.astimezone(pack.zone).date()
    form = rules.find(pack.entity_types, business.entity_type)
    activities = [isic.find(code) for code in business.activities]
    rows: list[tuple[str, str | None]] = [
        (_("Tax number"), business.tax_number),
        (_("Trade name"), business.trade_name),
        (_("Legal form"), form.name if form else business.entity_type),
        (_("Registered on"), format_date(local)),
        (_("Main activity"), f"{activities[0].name} ({activities[0].code})" if activities and activities[0] else None),
    ]
    rows += [(_("Other activity"), f"{each.name} ({each.code})") for each in activities[1:] if each]
    rows += [
        (_("Address"), _address(business)),
        (_("Telephone"), business.phone),
        (_("E-mail"), business.email),
    ]
    if business.capital is not None:
        rows.append((_("Capital"), str(business.capital)))
    if business.shares_issued is not None:
        rows.append((_("Shares issued"), format_number(business.shares_issued)))
    return rows


def _address(business: Business) -> str:
    try:
        path = rules.unit_path(load.current(), business.unit_code)
    except NotFound:
        return business.street
    return ", ".join([business.street, *(unit.name for unit in reversed(path))])


_HISTORY: dict[tuple[str | None, str], Text] = {
    (None, "active"): _l("Registered"),
    ("suspended", "active"): _l("Suspension lifted"),
}


def _event(event: BusinessEvent) -> dict[str, Any]:
    title = _HISTORY.get((event.from_state, event.to_state), STATE_TITLES[BusinessState(event.to_state)])
    return {"title": title, "at": event.at, "by": event.actor_name, "text": event.reason}
