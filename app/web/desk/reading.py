"""All that the page of one case shows, read once for each version of the case a request meets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from flask import g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import bindparam, select

from app.businesses.models import STATE_TITLES, Business
from app.cases import (
    advice,
    alike,
    answers,
    appeal_models,
    colleagues,
    deadlines,
    engine,
    flags,
    grounds,
    hands,
    holds,
    inspection_reports,
    registry,
    routed_events,
    silence,
    summary,
    teams,
)
from app.cases.colleagues import Colleague
from app.cases.fee_check import fee_check
from app.cases.models import Case, CaseEvent, Sentences, Submission
from app.cases.registry import CaseContext, Check, ServiceDefinition
from app.cases.rows import CASE, PARTS, Rows
from app.cases.workflow import STATE_KINDS, TERMINAL, Action, State, Transition
from app.core import clock, db
from app.core.i18n import Text, format_date
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.together import Together
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Pack
from app.reference import isic
from app.web import hooks
from app.web.desk import beside
from app.web.guards import actor, posted_form
from forms.decisions import LISTS, DecisionForm, NoteForm
from forms.fields import unit_name

CHOICES: tuple[tuple[str, Action, Text], ...] = (
    ("approve", Action.APPROVE, _l("Approve")),
    ("refuse", Action.REFUSE, _l("Refuse")),
    ("send_back", Action.SEND_BACK, _l("Send back to the clerk")),
    ("recommend_approve", Action.RECOMMEND, _l("Recommend approval")),
    ("recommend_refuse", Action.RECOMMEND, _l("Recommend refusal")),
    ("ask", Action.ASK, _l("Ask the applicant")),
    ("cancel", Action.CANCEL, _l("Cancel")),
    ("correct", Action.CORRECT, _l("Correct the decision")),
    ("release_case", Action.RELEASE_CASE, _l("Put back into the queue")),
)
SHORTCUTS_COOKIE = "kibali_shortcuts"  # "off": the page comes without its script
POLICY = f"{hooks.POLICY}; script-src 'self'"
EARLIER = 5
# With the latest other cases of the same business that this person may see, decided cases like it, and colleagues.
_PAGE = Together(
    *PARTS,
    select(Case)
    .where(Case.business_id == bindparam("business"), Case.id != CASE, Case.applicant_id != bindparam("reader"))
    .where(Case.agency.in_(bindparam("agencies", expanding=True)))
    .order_by(Case.updated_at.desc(), Case.id.desc())
    .limit(EARLIER),
    select(Business).where(Business.id == bindparam("business")),
    alike.STATEMENT,
    colleagues.OF_CASE,
)


@dataclass(frozen=True)
class Changed:
    """What happened since the page was opened, shown with the text the person had typed."""

    events: list[CaseEvent]


@dataclass(frozen=True)
class Alike:
    """A decided case like this one."""

    id: int
    reference: str
    decided_at: datetime
    outcome: str
    reason: str
    reasons: Sentences
    conditions: Sentences


@dataclass(frozen=True)
class Known:
    """What the form and the page both need."""

    version: int
    rows: Rows
    earlier: list[Case]  # of the same business, the latest first
    business: Business | None  # as the register has it
    alike: list[Alike]  # the latest first
    colleagues: list[Colleague]
    available: list[Transition]  # what this person may do

    @cached_property
    def actions(self) -> frozenset[Action]:
        return frozenset(transition.action for transition in self.available)


def known(case: Case) -> Known:
    found: Known | None = g.get("known_of_case")
    if found is None or found.version != case.version:
        session, who = db.session(), actor()
        *parts, earlier, entered, similar, others = _PAGE.read(
            session,
            case=case.id,
            business=case.business_id,
            service=case.service,
            likeness=case.likeness,
            reader=who.user_id,
            agencies=sorted(who.agencies),
        )
        rows = Rows.of(parts)
        earlier.sort(key=lambda other: (other.updated_at, other.id), reverse=True)
        found = g.known_of_case = Known(
            case.version,
            rows,
            earlier,
            entered[0] if entered else None,
            sorted((Alike(*each) for each in similar), key=lambda each: each.decided_at, reverse=True),
            sorted((Colleague(*each) for each in others), key=lambda each: each.name),
            engine.available(session, case, who, rows),
        )
    return found


def since(case: Case, seen: int) -> Changed:
    # Every transition adds one event and one to the version, which began at 1.
    return Changed(known(case).rows.events[max(seen - 1, 0) :])


def choices(case: Case) -> list[tuple[str, str]]:
    """The decisions this person may take now, titled in the service's own words."""
    titles = {transition.action: transition.title for transition in known(case).available}
    found = []
    for value, action, title in CHOICES:
        if action in titles:
            own = titles[action] if action in {Action.APPROVE, Action.REFUSE, Action.CANCEL} else title
            found.append((value, str(own)))
    return found


def decision_form(case: Case, formdata: Any = None) -> DecisionForm:
    """A decider starts from the reasons that were recommended; how long an answer may take from the pack."""
    pack, recommendation = load.current(), known(case).rows.recommendation
    today = clock.today(pack.zone)
    offered = {use: lookup.reasons_for(pack, use, case.service, today) for use in LISTS}
    start: dict[str, Any] = {"answer_days": pack.answers.working_days}
    if recommendation is not None and case.state == State.RECOMMENDED:
        start["refuse_reasons"] = [each["code"] for each in recommendation.reasons]
    rows = known(case).rows
    return DecisionForm(
        formdata, choices=choices(case), offered=offered, data=start, proposed=advice.proposed(rows.advice),
        waiting=beside.of(pack, rows).open,
    )  # fmt: skip


def note_form(case: Case, formdata: Any = None) -> NoteForm:
    return NoteForm(formdata, colleagues=[(each.user_id, each.name) for each in known(case).colleagues])


def page(
    case: Case, form: DecisionForm, *, changed: Changed | None = None, note: NoteForm | None = None, status: int = 200
) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    state = State(case.state)
    found = known(case)
    rows, current = found.rows, found.rows.submissions[-1]  # an agency has only what was sent
    facts = definition.facts(session, pack, case)
    sent = [
        summary.Sent(each, summary.sections(session, definition, pack, case, each.data, facts=facts))
        for each in rows.submissions[-2:]
    ]
    context = CaseContext(session, pack, case, actor(), current, current.data)
    requirements = required(definition, current)
    order = {code: place for place, code in enumerate(requirements)}  # what the rules no longer ask for comes last
    documents = sorted(current.documents, key=lambda d: (order.get(d["code"], len(order)), d["upload_id"]))
    wanted = request.args.get("document", type=int)
    place = next((number for number, each in enumerate(documents) if each["upload_id"] == wanted), 0)
    answer = make_response(
        render_template(
            "web/desk/review.html",
            case=case,
            service=definition,
            state=definition.workflow.official_title(state),
            kind=STATE_KINDS[state],
            clock=deadlines.face(case, pack),
            silence=(look := silence.outlook(case, pack)),
            held=[ground for hold in silence.standing_holds(look, rows.holds)[-1:] for ground in hold.grounds],
            now=clock.now(),
            submission=current,
            sections=sent[-1].sections,
            differences=summary.differences(definition, pack, *sent) if len(sent) == 2 else [],
            previous=sent[0].submission,
            documents=documents,
            document=documents[place] if documents else None,
            following=documents[place + 1]["upload_id"] if place + 1 < len(documents) else None,
            preceding=documents[place - 1]["upload_id"] if place else None,
            requirements=requirements,
            checks=_checks(definition, context, rows) if state not in TERMINAL else [],
            register=_register(pack, found.business),
            events=routed_events.among(
                rows.events,
                [*routed_events.of_flags(rows.all_flags, rows.names), *routed_events.of_team(pack, rows.routed)],
            ),
            happened=partial(routed_events.happened, definition.workflow),
            flags=rows.flags,
            kept_for=holds.of_its_people(rows.legal_holds, case),
            may_clear=lambda flag: flags.may_clear(session, case, flag, actor(), rows.bars(case)),
            team=teams.name_of(pack, case.team),
            may_move=teams.may_move(pack, case, actor()),
            said=grounds.said,
            notes=rows.notes,
            names=rows.names,
            recommendation=rows.recommendation if state in {State.RECOMMENDED, *TERMINAL} else None,
            requests=[each for each in rows.requests if each.answered_at is None],
            no_answer=answers.no_answer,
            decision=rows.decision if case.correction_id is None else None,
            rows=rows,
            anew=rows.anew(case),
            bars=rows.bars(case),
            appeal_states=appeal_models.STATE_TITLES,
            appeal_kinds=appeal_models.STATE_KINDS,
            may_correct=Action.CORRECT in found.actions,
            charge=rows.charge,
            records=rows.records,
            earlier=found.earlier,
            alike=found.alike,
            form=form,
            note=note or note_form(case),
            beside=beside.of(pack, rows),
            may_direct=hands.why_not(session, case, actor()) is None,
            may_take=Action.TAKE in found.actions,
            may_ask=Action.ASK in found.actions,
            may_approve=Action.APPROVE in found.actions,
            ticked=set(posted_form().getlist("field")),
            changed=changed,
            shortcuts=request.cookies.get(SHORTCUTS_COOKIE) != "off",
        ),
        status,
    )
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def required(definition: ServiceDefinition, submission: Submission) -> dict[str, str]:
    """Titles of the documents, by code."""
    return {paper.code: str(paper.title) for paper in definition.documents(load.current(), submission.data)}


def _checks(definition: ServiceDefinition, context: CaseContext, rows: Rows) -> list[Check]:
    """The service's own, and whether the fee still fits."""
    fee = fee_check(context, rows)
    return [*definition.checks(context), *([fee] if fee is not None else []), *inspection_reports.checks(rows.reports)]


def _register(pack: Pack, business: Business | None) -> Sequence[tuple[str, str]]:
    """What the register says about the business of the case, whatever the applicant wrote."""
    return [(label, value) for label, value in _entry(pack, business) if value] if business is not None else ()


def _entry(pack: Pack, business: Business) -> Sequence[tuple[str, str]]:
    kind = lookup.find(pack.entity_types, business.entity_type)
    activities = [isic.find(code) for code in business.activities]
    return (
        (_("Name"), business.name),
        (_("Registration number"), business.number),
        (_("Tax number"), business.tax_number or ""),
        (_("Status"), str(STATE_TITLES[business.standing])),
        (_("Legal form"), kind.name if kind else business.entity_type),
        (_("Registered"), format_date(business.registered_at.astimezone(pack.zone).date())),
        (_("Seat"), f"{business.street}, {unit_name(pack, business.unit_code)}"),
        (_("Activities"), "; ".join(str(each.name) for each in activities if each is not None)),
        (_("Capital"), str(business.capital) if business.capital else ""),
    )
