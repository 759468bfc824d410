"""Pages for anyone: the first page, start pages, tracking by reference, service standards, help and the small print."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.cases import registry
from app.cases.models import Case
from app.cases.registry import ServiceDefinition
from app.cases.workflow import OPEN, STATE_KINDS, WITH_APPLICANT, State
from app.core import clock, db
from app.core.errors import NotFound
from app.core.i18n import Text
from app.core.identifiers import token
from app.core.money import Money
from app.identity import limits, signin
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Agency, FeeRule, Pack, PermitKind
from app.web import standards as service_standards
from app.web.guards import current_actor, requires
from app.web.navigation import HOME
from app.web.retention.words import ENDS, period
from forms.public import TrackForm

blueprint = Blueprint("public", __name__)

TRACK_LIMIT = (30, 600)  # look-ups from one address in so many seconds
NOT_PASSED_ON = frozenset({"lang", "parked", "key", "csrf_token"})


@blueprint.get("/")
@requires(Permission.PUBLIC)
def home() -> ResponseReturnValue:
    """What the portal is, for those who are not signed in; otherwise the first page of one's work."""
    actor = current_actor()
    if actor is None:
        return render_template("web/public/home.html", services=registry.services())
    if actor.role is Role.ENTREPRENEUR:
        from app.web.applicant.home import page

        return page()
    return redirect(HOME[actor.role] if actor.role else "/account", 303)


@dataclass(frozen=True)
class FeeLine:
    """A line of the tariff as the start page shows it: an amount, or a percentage of the declared value."""

    name: str
    amount: Money | None
    percent: Decimal
    illustrative: bool
    uncertain: bool

    @property
    def free(self) -> bool:
        return self.amount is not None and not self.amount


def _fees(pack: Pack, service: str, day: date) -> list[FeeLine]:
    def line(rule: FeeRule) -> FeeLine:
        amount = None if rule.percent else Money(rule.amount_minor, rule.currency)
        return FeeLine(rule.name, amount, rule.percent, rule.illustrative, rule.uncertain)

    return [line(rule) for rule in lookup.in_force(pack.fees, day) if rule.service == service]


def _days(pack: Pack, definition: ServiceDefinition, kinds: tuple[PermitKind, ...], day: date) -> tuple[int, int]:
    """The shortest and the longest service standard in working days."""
    standards = [kind.standard_days for kind in kinds] or [lookup.standard_days(pack, definition.code, day)]
    return min(standards), max(standards)


@blueprint.get("/start")
@requires(Permission.PUBLIC)
def services() -> ResponseReturnValue:
    return render_template("web/public/services.html", services=registry.services())


@blueprint.get("/start/<service>")
@requires(Permission.PUBLIC)
def start(service: str) -> ResponseReturnValue:
    """All one should know before starting. What the address carries (a product, a destination) goes into the draft."""
    definition = registry.find(service)
    if definition is None:
        raise NotFound
    pack = load.current()
    day = clock.today(pack.zone)
    kinds = tuple(kind for kind in lookup.in_force(pack.permit_kinds, day) if kind.service == service)
    agencies: list[Agency] = [lookup.agency(pack, code) for code in definition.agencies(pack)]
    return render_template(
        "web/public/start.html",
        service=definition,
        kinds=kinds,
        documents=definition.documents(pack, {}),
        fees=_fees(pack, service, day),
        days=_days(pack, definition, kinds, day),
        agencies=agencies,
        key=token(),
        arguments=[(name, value) for name, value in request.args.items() if name not in NOT_PASSED_ON],
        here=request.full_path.rstrip("?"),
    )


@dataclass(frozen=True)
class Tracked:
    """What anyone with the reference may know: no names, nothing that was answered."""

    reference: str
    noun: Text
    state: Text
    kind: str
    agency: str
    received: datetime | None
    due: datetime | None
    with_applicant: bool
    late: bool


def _tracked(reference: str) -> Tracked | None:
    case = db.session().scalar(select(Case).where(Case.reference == reference))
    if case is None or State(case.state) is State.DRAFT or (case.submitted_at is None and case.agency is None):
        return None  # never sent: only its author knows of it
    definition, state, pack = registry.service(case.service), State(case.state), load.current()
    agency = lookup.find(pack.agencies, case.agency) if case.agency else None
    due = case.due_at if state in OPEN else None  # a decided case keeps the date it was due
    return Tracked(
        case.reference,
        definition.noun,
        definition.workflow.title(state),
        STATE_KINDS[state],
        agency.name if agency else "",
        case.submitted_at,
        due,
        state in WITH_APPLICANT,
        due is not None and due < clock.now(),
    )


@blueprint.get("/track")
@requires(Permission.PUBLIC)
def track() -> ResponseReturnValue:
    """Where an application stands, by its reference and without signing in."""
    if "reference" not in request.args:
        return render_template("web/public/track.html", form=TrackForm())
    form = TrackForm(request.args)
    if not form.validate():
        return render_template("web/public/track.html", form=form), 422
    limits.hit(f"track:{signin.network(request.remote_addr)}", *TRACK_LIMIT)
    found = _tracked(form.reference.data)
    return render_template("web/public/track.html", form=form, found=found, asked=True), 200 if found else 404


@blueprint.get("/service-standards")
@requires(Permission.PUBLIC)
def standards() -> ResponseReturnValue:
    return service_standards.page()


@blueprint.get("/help")
@requires(Permission.PUBLIC)
def help_page() -> ResponseReturnValue:
    return render_template("web/public/help.html")


@blueprint.get("/accessibility")
@requires(Permission.PUBLIC)
def accessibility() -> ResponseReturnValue:
    return render_template("web/public/accessibility.html")


@blueprint.get("/privacy")
@requires(Permission.PUBLIC)
def privacy() -> ResponseReturnValue:
    pack = load.current()
    return render_template(
        "web/public/privacy.html",
        rules=lookup.in_force(pack.retention, clock.today(pack.zone)),
        period=period,
        ends=ENDS,
        law=pack.data_protection,
    )


@blueprint.get("/contact")
@requires(Permission.PUBLIC)
def contact() -> ResponseReturnValue:
    pack = load.current()
    return render_template("web/public/contact.html", agencies=lookup.in_force(pack.agencies, clock.today(pack.zone)))
