"""Permits on pages: the holder's (``/permits``), the issuing agency's (``/desk/permits``) and the auditor's view."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries, verbs
from app.businesses import lookup as businesses
from app.businesses.models import Business
from app.cases.models import Case
from app.core import clock, db
from app.core.errors import Invalid, NotFound
from app.core.i18n import Text, format_date, ngettext
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor, Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.permits import allocations, lifecycle, lookup
from app.permits.lifecycle import REASON_TITLES, REINSTATE_REASONS, SUSPEND_REASONS, ReasonCode
from app.permits.models import (
    MOVEMENT_TITLES,
    STATE_TITLES,
    Allocation,
    Permit,
    PermitEvent,
    PermitState,
)
from app.permits.words import amount, conditions
from app.web import navigation
from app.web.guards import actor, posted_form, requires
from app.web.paging import read_id
from app.web.permit_cards import PermitCard, cards
from forms.permits import StateReasonForm

blueprint = Blueprint("permits", __name__)

VIEWED = verbs.register("permit.viewed", _l("Permit opened by an auditor"))
MOVEMENTS = 25

navigation.register(
    navigation.NavigationItem(_l("Permits"), "/desk/permits", roles=navigation.OFFICIALS, order=30),
)


@dataclass(frozen=True)
class Action:
    """What a supervisor may do to a permit; ``code`` is in the address."""

    code: str
    target: PermitState
    title: Text
    explanation: Text
    kind: str  # of the button
    reasons: tuple[ReasonCode, ...]
    done: Text


ACTIONS = (
    Action(
        "suspend",
        PermitState.SUSPENDED,
        _l("Suspend the permit"),
        _l(
            "From now on nothing new can be declared on this permit, and the holder's listings that need it freeze. "
            "Goods that were already declared may leave. You can lift the suspension later."
        ),
        "bad",
        SUSPEND_REASONS,
        _l("The permit is suspended. The holder and the trade platforms are told."),
    ),
    Action(
        "reinstate",
        PermitState.ACTIVE,
        _l("Lift the suspension"),
        _l("The holder can declare goods on this permit again, and their listings can become ready again."),
        "",
        REINSTATE_REASONS,
        _l("The permit is valid again. The holder and the trade platforms are told."),
    ),
    Action(
        "revoke",
        PermitState.REVOKED,
        _l("Revoke the permit"),
        _l(
            "This ends the permit for ever: nothing can be declared on it and goods that were declared may not leave. "
            "It cannot be undone; the holder would have to apply again."
        ),
        "bad",
        SUSPEND_REASONS,
        _l("The permit is revoked. The holder and the trade platforms are told."),
    ),
)


def _before() -> int | None:
    """The key of the last row seen, from the address; a spoilt one means the first page."""
    return read_id(request.args.get("before"))


# The holder


@blueprint.get("/permits")
@requires(Permission.BUSINESS_VIEW)
def overview() -> ResponseReturnValue:
    """The permits of the business acted for, newest first."""
    session, who = db.session(), actor()
    business = businesses.get(session, who.business_id) if who.business_id is not None else None
    found: list[Permit] = []
    if business is not None:
        found = lookup.for_business(session, business.id, before=_before(), limit=lookup.PAGE + 1)
    shown = found[: lookup.PAGE]
    return render_template(
        "web/permits/list.html",
        business=business,
        cards=cards(shown, "permits.detail"),
        older=shown[-1].id if len(found) > lookup.PAGE else None,
        first=_before() is None,
    )


@blueprint.get("/permits/<number>")
@requires(Permission.BUSINESS_VIEW)
def detail(number: str) -> ResponseReturnValue:
    permit = lookup.load(db.session(), actor(), number, Permission.BUSINESS_VIEW)
    return _page(permit, "permits.detail", back=url_for("permits.overview"), holder=True)


# The issuing agency


@blueprint.get("/desk/permits")
@requires(Permission.DESK)
def desk() -> ResponseReturnValue:
    """The permits of the official's agencies; a number typed into the search opens that permit."""
    session, who = db.session(), actor()
    typed = request.args.get("q", "").strip()[:80]
    if typed:
        try:
            found = lookup.load(session, who, typed, Permission.DESK)
            return redirect(url_for("permits.desk_detail", number=found.number), 303)
        except NotFound:
            pass
    state = request.args.get("state", "")
    wanted = PermitState(state) if state in {each.value for each in _stored()} else None
    permits = lookup.for_agencies(
        session, who.agencies, without=who.memberships, state=wanted, before=_before(), limit=lookup.PAGE + 1
    )
    shown = permits[: lookup.PAGE]
    return render_template(
        "web/permits/desk.html",
        cards=cards(shown, "permits.desk_detail", holders=True),
        older=shown[-1].id if len(permits) > lookup.PAGE else None,
        states=[(each.value, STATE_TITLES[each]) for each in _stored()],
        state=wanted,
        typed=typed,
    )


def _stored() -> list[PermitState]:
    return [each for each in PermitState if each is not PermitState.NOT_YET_VALID]


@blueprint.get("/desk/permits/<number>")
@requires(Permission.DESK)
def desk_detail(number: str) -> ResponseReturnValue:
    permit = lookup.load(db.session(), actor(), number, Permission.DESK)
    return _page(permit, "permits.desk_detail", back=url_for("permits.desk"), actions=_open_actions(permit, actor()))


def _open_actions(permit: Permit, who: Actor) -> list[Action]:
    if not lifecycle.may_control(who, permit):
        return []
    possible = set(lifecycle.possible(permit, clock.now()))
    case = db.session().get(Case, permit.case_id) if permit.case_id is not None else None
    if case is not None and case.correction_id is not None:
        possible.discard(PermitState.ACTIVE)  # the new decision says whether it is given back
    return [action for action in ACTIONS if action.target in possible]


@blueprint.route("/desk/permits/<number>/<action>", methods=["GET", "POST"])
@requires(Permission.PERMIT_CONTROL)
def control(number: str, action: str) -> ResponseReturnValue:
    """Suspend, reinstate or revoke, with a reason: first the page that says what it means, then the act."""
    session, who = db.session(), actor()
    permit = lookup.load(session, who, number, Permission.PERMIT_CONTROL)
    chosen = next((each for each in ACTIONS if each.code == action), None)
    if chosen is None:
        raise NotFound
    address = url_for("permits.desk_detail", number=permit.number)
    form = StateReasonForm(
        posted_form() or None, choices=[(code.value, REASON_TITLES[code]) for code in chosen.reasons]
    )
    if request.method == "POST" and form.validate():
        change = {
            PermitState.SUSPENDED: lifecycle.suspend,
            PermitState.ACTIVE: lifecycle.reinstate,
            PermitState.REVOKED: lifecycle.revoke,
        }[chosen.target]
        try:
            change(session, permit, who, form.reason.data, reason_code=form.reason_code.data)
        except Invalid as error:
            form.refuse(error.problems)
        else:
            session.commit()
            flash(str(chosen.done))
            return redirect(address, 303)
    elif request.method == "GET" and chosen not in _open_actions(permit, who):
        flash(_("This permit's state does not allow that any more. Look at it again."), "warn")
        return redirect(address, 303)
    (card,) = cards([permit], "permits.desk_detail", holders=True)
    page = render_template("web/permits/control.html", card=card, permit=permit, action=chosen, form=form, back=address)
    return page, 422 if form.errors or form.form_errors else 200


# The auditor


@blueprint.get("/audit/permits/<number>")
@requires(Permission.AUDIT)
def audit_detail(number: str) -> ResponseReturnValue:
    """As the agency sees it, without its buttons. Opening it is an audit entry."""
    session, who = db.session(), actor()
    permit = lookup.load(session, who, number, Permission.AUDIT)
    entries.record(
        session,
        who,
        VIEWED,
        subject=f"permit:{permit.id}",
        reference=permit.number,
        case_id=permit.case_id,
        business_id=permit.business_id,
        agency=permit.agency,
    )
    session.commit()
    return _page(permit, "permits.audit_detail", back="/audit")


# The page of one permit


def _page(
    permit: Permit, endpoint: str, *, back: str, holder: bool = False, actions: list[Action] | None = None
) -> ResponseReturnValue:
    session = db.session()
    (card,) = cards([permit], endpoint)
    business = businesses.get(session, permit.business_id)
    movements = allocations.history(session, [line.id for line in permit.lines], before=_before(), limit=MOVEMENTS + 1)
    shown = movements[:MOVEMENTS]
    return render_template(
        "web/permits/detail.html",
        permit=permit,
        card=card,
        business=business,
        rows=_rows(permit, card, business, holder=holder),
        movements=[_movement(each, permit) for each in shown],
        older=shown[-1].id if len(movements) > MOVEMENTS else None,
        first=_before() is None,
        history=[_event(each) for each in reversed(lookup.history(session, permit.id))],
        actions=actions or [],
        holder=holder,
        back=back,
        case_url=_case_url(permit, actor()),
    )


def _rows(permit: Permit, card: PermitCard, business: Business, *, holder: bool) -> list[tuple[str, str]]:
    agency = rules.agency(load.current(), permit.agency)
    rows = [] if holder else [(_("Holder"), f"{business.name} ({business.number})")]
    rows += [
        (_("Issued by"), agency.name),
        (_("Issued on"), format_date(permit.issued_at.astimezone(load.current().zone).date())),
        (_("Destination"), card.destination),
        (_("Valid from"), format_date(permit.valid_from)),
        (_("Valid to"), _valid_to(card)),
    ]
    rows += [(_("Condition"), condition) for condition in conditions(permit)]
    return rows


def _valid_to(card: PermitCard) -> str:
    day = format_date(card.permit.valid_to)
    if card.state is not PermitState.ACTIVE or card.days_left < 0:
        return day
    if card.days_left == 0:
        return _("%(date)s (today is the last day)", date=day)
    return ngettext("%(date)s (%(num)s day left)", "%(date)s (%(num)s days left)", card.days_left, date=day)


def _movement(movement: Allocation, permit: Permit) -> dict[str, Any]:
    line = next(line for line in permit.lines if line.id == movement.line_id)
    return {
        "at": movement.at,
        "item": movement.declaration_item,
        "what": MOVEMENT_TITLES[movement.movement],
        "goods": line.description,
        "quantity": amount(movement.quantity, line.unit),
    }


_HISTORY: dict[tuple[str | None, str], Text] = {
    (None, "active"): _l("Issued"),
    ("suspended", "active"): _l("Suspension lifted"),
    ("used_up", "active"): _l("Usable again: a quantity was given back"),
}


def _event(event: PermitEvent) -> dict[str, Any]:
    title = _HISTORY.get((event.from_state, event.to_state), STATE_TITLES[PermitState(event.to_state)])
    known = {code.value: words for code, words in REASON_TITLES.items()}
    return {
        "title": title,
        "at": event.at,
        "by": event.actor_name,
        "text": event.reason or known.get(event.reason_code, ""),
    }


def _case_url(permit: Permit, who: Actor) -> str | None:
    """Where this reader finds the application behind the permit."""
    case = db.session().get(Case, permit.case_id) if permit.case_id is not None else None
    if case is None:
        return None
    folder = {Role.ENTREPRENEUR: "cases", Role.AUDITOR: "audit"}.get(who.role, "desk") if who.role else "cases"
    return f"/{folder}/{case.reference}"
