"""The entrepreneur's first page and the list of their cases."""

from dataclasses import dataclass
from datetime import date

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.businesses import lookup as businesses
from app.cases import deadlines, own, registry, standing, worklist
from app.cases.models import Case
from app.cases.workflow import STATE_KINDS, State
from app.core import clock, db
from app.core.i18n import Text
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.permits import lookup as permits
from app.permits import verification
from app.permits.models import STATE_KINDS as PERMIT_KINDS
from app.permits.models import STATE_TITLES
from app.web.applicant import blueprint
from app.web.guards import actor, requires
from app.web.paging import cursor, read_cursor


@dataclass(frozen=True)
class CaseCard:
    case: Case
    noun: Text
    state: Text
    kind: str
    clock: deadlines.ClockFace
    holder: standing.Holder | None


def cards(cases: list[Case]) -> list[CaseCard]:
    pack = load.current()
    found = []
    for case in cases:
        definition = registry.service(case.service)
        state = State(case.state)
        found.append(
            CaseCard(
                case,
                definition.noun,
                definition.workflow.title(state),
                STATE_KINDS[state],
                deadlines.face(case, pack),
                standing.holder(case, pack),
            )
        )
    return found


@dataclass(frozen=True)
class PermitRow:
    number: str
    title: str
    valid_to: date
    state: Text
    kind: str


def permit_rows(business_id: int) -> list[PermitRow]:
    pack, now = load.current(), clock.now()
    found = []
    for permit in permits.for_business(db.session(), business_id, limit=5):
        state = verification.state(permit, now)
        title = lookup.permit_kind(pack, permit.kind).name
        found.append(PermitRow(permit.number, title, permit.valid_to, STATE_TITLES[state], PERMIT_KINDS[state]))
    return found


def page() -> ResponseReturnValue:
    """What an entrepreneur needs now: cases that wait for them, cases under way, permits held, what to start."""
    session, who = db.session(), actor()
    cases_now = own.at_hand(session, who)
    business = businesses.get(session, who.business_id) if who.business_id else None
    held = permit_rows(business.id) if business else []
    return render_template(
        "web/applicant/home.html",
        business=business,
        waiting=cards(cases_now.waiting),
        under_way=cards(cases_now.under_way),
        permits=held,
        services=[definition for definition in registry.services() if business or not definition.needs_business],
    )


@blueprint.get("/cases")
@requires(Permission.APPLY)
def cases() -> ResponseReturnValue:
    found = worklist.own_cases(db.session(), actor(), after=read_cursor(request.args.get("after")))
    return render_template("web/applicant/cases.html", cards=cards(found.cases), following=cursor(found.following))
