"""Appeals: the applicant's side asks within the period, and somebody who had nothing to do with the case answers.

An appeal is dismissed, inadmissible, or allowed; one that is allowed opens the correction of the decision, by people
who had nothing to do with it either. The outcome is signed as a record of its own. Until then it may be withdrawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries
from app.audit.verbs import register
from app.cases import access, corrections, engine, grounds, involved, messages, numbering, registry
from app.cases.appeal_models import GROUND_TITLES, STATE_TITLES, Appeal, AppealGround, AppealState
from app.cases.models import Case, Decision, Outcome
from app.cases.record_data import AppealDecision
from app.cases.registry import JsonObject
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock, i18n
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records, uploads
from app.documents.models import Record, Upload
from app.documents.schema_models import Schema
from app.identity import people
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import load, lookup, working_days
from app.jurisdictions.appeal_rows import AppealTerms
from app.jurisdictions.model import Pack

SERIES = "AP"
KIND = "appeal_decision"
TEMPLATE = "appeals/decision.html"
LONGEST = 8000  # characters of what the applicant writes
MOST_PAPERS = 10
DECLARATION = _l("I declare that what I wrote is true, and that I may act for the applicant.")
JUDGED = (AppealState.DISMISSED, AppealState.ALLOWED, AppealState.INADMISSIBLE)

# Its number can be guessed and would say that somebody appealed: the public finds one by its code alone.
records.register_kind(
    KIND, _l("Decision on an appeal"), records.as_issued, by_number=False, schema=Schema(AppealDecision, 1)
)
register("appeal.lodged", _l("Appeal received"))
for _state in (*JUDGED, AppealState.WITHDRAWN):
    register(f"appeal.{_state.value}", STATE_TITLES[_state])


@dataclass(frozen=True)
class Chance:
    """A decision one may appeal against up to ``last_day``, that day included."""

    decision: Decision
    ground: AppealGround
    terms: AppealTerms
    last_day: date
    open: bool  # today


def ground_of(decision: Decision) -> AppealGround | None:
    if decision.outcome == Outcome.REFUSE:
        return AppealGround.REFUSAL
    return AppealGround.CONDITIONS if decision.conditions else None


def terms_of(pack: Pack, case: Case, decision: Decision) -> AppealTerms | None:
    """Those of the day of the decision."""
    return lookup.appeal_terms(pack, case.service, decision.decided_at.astimezone(pack.zone).date())


def chance(pack: Pack, case: Case, decision: Decision | None) -> Chance | None:
    """None when the pack gives no appeal against the decision in force, none is in force, or the service could not
    decide anew what it is about."""
    if decision is None or State(case.state) not in {State.APPROVED, State.REFUSED}:
        return None
    terms, ground = terms_of(pack, case, decision), ground_of(decision)
    if terms is None or ground is None or ground.value not in terms.against:
        return None
    if registry.service(case.service).workflow.find(Action.CORRECT, State(case.state)) is None:
        return None
    last_day = decision.decided_at.astimezone(pack.zone).date() + timedelta(days=terms.days)
    while not working_days.is_working_day(pack, last_day, case.agency or ""):
        last_day += timedelta(days=1)
    return Chance(decision, ground, terms, last_day, clock.today(pack.zone) <= last_day)


# --- the applicant's side -------------------------------------------------------------------------------------------


def of_decision(session: Session, decision: Decision) -> Appeal | None:
    return session.scalar(select(Appeal).where(Appeal.decision_id == decision.id))


def code(decision: Decision) -> str:
    """Under what the papers of an appeal are attached to the case."""
    return f"appeal-{decision.id}"


def papers(session: Session, case: Case, decision: Decision) -> list[Upload]:
    return [each for each in uploads.for_case(session, case.id) if each.code.rpartition("-")[0] == code(decision)]


def free_code(held: Iterable[Upload], decision: Decision) -> str:
    """For one more paper. Raises Invalid at ``papers`` when there are enough."""
    taken = {each.code for each in held}
    for number in range(1, MOST_PAPERS + 1):
        if f"{code(decision)}-{number}" not in taken:
            return f"{code(decision)}-{number}"
    raise Invalid(Problem(_("Attach at most %(most)s documents.", most=MOST_PAPERS), "papers", "too_many"))


def lodge(session: Session, case: Case, actor: Actor, *, why: str, declared: bool) -> Appeal:
    """Appeal against the decision in force; a repeated sending is the appeal that is there.

    Raises Invalid (fields ``why``, ``declared``), and NotAllowed when there is nothing to appeal against, or no more.
    """
    if not access.may(actor, case, Permission.CASE_EDIT_OWN):
        raise NotFound
    pack, case = load.current(), access.lock(session, case.id)
    decision = corrections.latest(session, case)
    found = of_decision(session, decision) if decision is not None else None
    if found is not None:
        return found
    possible = chance(pack, case, decision)
    if possible is None or decision is None:
        raise NotAllowed(_("There is no decision to appeal against."), code="no_appeal")
    if not possible.open:
        raise NotAllowed(too_late(possible), code="too_late")
    problems = []
    if len(why.strip()) < 3:
        problems.append(Problem(_("Say why the decision is wrong."), "why", "required"))
    if len(why) > LONGEST:
        message = _("Use %(limit)s characters or fewer.", limit=i18n.format_number(LONGEST))
        problems.append(Problem(message, "why", "too_long"))
    if not declared:
        message = _("Tick the box to declare that what you wrote is true.")
        problems.append(Problem(message, "declared", "required"))
    if problems:
        raise Invalid(*problems)
    now, year = clock.now(), clock.today(pack.zone).year
    appeal = Appeal(
        reference=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        case_id=case.id,
        decision_id=decision.id,
        against_decided_by=decision.decided_by,
        against_recommended_by=decision.recommended_by,
        agency=case.agency or "",
        ground=possible.ground.value,
        why=why.strip(),
        documents=[_paper(each) for each in papers(session, case, decision)],
        declaration=str(DECLARATION),
        appealed_by=actor.user_id,
        appealed_at=now,
        last_day=possible.last_day,
        due_at=working_days.add(pack, now, possible.terms.decide_in, case.agency or ""),
        pack_version=pack.version,
    )
    session.add(appeal)
    session.flush()
    _record(session, actor, appeal, case, "appeal.lodged", possible.terms.legal_ref)
    _tell(session, appeal, case, "appeal_received")
    return appeal


def withdraw(session: Session, appeal: Appeal, actor: Actor) -> Appeal:
    """Take it back while nobody has decided on it: the decision stands, and is not appealed against again.

    Raises NotFound for whose it is not, and Stale when it is decided; a second click changes nothing.
    """
    case = access.lock(session, appeal.case_id)
    if not access.may(actor, case, Permission.CASE_EDIT_OWN):
        raise NotFound
    appeal = _lock(session, appeal)
    if appeal.state == AppealState.WITHDRAWN:
        return appeal
    if not appeal.open:
        raise Stale(_("Your appeal was decided already."))
    appeal.state, appeal.withdrawn_by, appeal.withdrawn_at = AppealState.WITHDRAWN.value, actor.user_id, clock.now()
    session.flush()
    _record(session, actor, appeal, case, "appeal.withdrawn", Permission.CASE_EDIT_OWN.value)
    _tell(session, appeal, case, "appeal_withdrawn")
    return appeal


def _lock(session: Session, appeal: Appeal) -> Appeal:
    """Its row as it is now; always after the lock of its case."""
    wanted = select(Appeal).where(Appeal.id == appeal.id).with_for_update().execution_options(populate_existing=True)
    return session.scalars(wanted).one()


def too_late(possible: Chance) -> str:
    return _("The time to appeal ended on %(date)s.", date=i18n.format_date(possible.last_day))


def _paper(upload: Upload) -> JsonObject:
    return {
        "code": upload.code,
        "upload_id": upload.id,
        "filename": upload.filename,
        "sha256": upload.sha256,
        "size": upload.size,
        "media_type": upload.media_type,
    }


# --- who decides on it ----------------------------------------------------------------------------------------------


def may_judge(session: Session, actor: Actor, appeal: Appeal, case: Case) -> bool:
    """A supervisor of the agency who had nothing to do with the case."""
    subject = Subject(applicant_id=case.applicant_id, business_id=case.business_id, agency=appeal.agency)
    if not allows(actor, Permission.CASE_DECIDE, subject):
        return False
    return not session.scalar(select(involved.involves(actor.user_id, appeal.case_id)))


def load_for(session: Session, actor: Actor, reference: str) -> tuple[Appeal, Case]:
    """An open appeal for who may decide on it, a decided one for who did. Raises NotFound."""
    row = session.execute(
        select(Appeal, Case).join(Case, Case.id == Appeal.case_id).where(Appeal.reference == reference.strip().upper())
    ).one_or_none()
    if row is None:
        raise NotFound
    appeal, case = row
    if appeal.judged_by is not None and appeal.judged_by == actor.user_id:
        subject = Subject(applicant_id=case.applicant_id, business_id=case.business_id, agency=appeal.agency)
        if allows(actor, Permission.CASE_DECIDE, subject):
            return appeal, case
    if not appeal.open or not may_judge(session, actor, appeal, case):
        raise NotFound
    return appeal, case


def judge(session: Session, appeal: Appeal, actor: Actor, *, outcome: AppealState, reason: str) -> Appeal:
    """Decide on it, once. Raises Invalid (field ``reason``), NotAllowed for who had to do with the case, Stale."""
    reason = reason.strip()
    if len(reason) < 3:
        raise Invalid(Problem(_("Write the reason. The applicant reads it."), "reason", "required"))
    if len(reason) > engine.LONGEST_REASON:  # it may become the reason of a correction
        message = _("Use %(limit)s characters or fewer.", limit=i18n.format_number(engine.LONGEST_REASON))
        raise Invalid(Problem(message, "reason", "too_long"))
    case = access.lock(session, appeal.case_id)
    appeal = _lock(session, appeal)
    if appeal.state == AppealState.WITHDRAWN:
        raise Stale(_("The applicant withdrew the appeal. There is nothing left to decide."))
    if not appeal.open or outcome not in JUDGED:
        raise Stale(_("The appeal was decided already."))
    if not may_judge(session, actor, appeal, case):
        raise NotAllowed(_("You had to do with this case, so another person must decide."), code="involved")
    appeal.state, appeal.judged_by, appeal.judged_at, appeal.reason = outcome.value, actor.user_id, clock.now(), reason
    session.flush()
    pack = load.current()
    appeal.record_id = _issue(session, pack, appeal, case, actor).id
    _record(session, actor, appeal, case, f"appeal.{outcome.value}", Permission.CASE_DECIDE.value)
    if outcome is AppealState.ALLOWED:
        engine.perform(
            session, case, Action.CORRECT, actor, version=None, reason=reason, payload=Payload(appeal=appeal.id)
        )
    _tell(session, appeal, case, "appeal_decided")  # of a correction too, which sends no message of its own then
    session.flush()
    return appeal


def _issue(session: Session, pack: Pack, appeal: Appeal, case: Case, actor: Actor) -> Record:
    decision = session.get_one(Decision, appeal.decision_id)
    locale = pack.locale(pack.default_language)
    agency = lookup.agency(pack, appeal.agency)
    with i18n.use_locale(locale, pack.zone):
        court = _court(pack, case, decision) if appeal.state != AppealState.ALLOWED else ""
        return records.request(
            session,
            kind=KIND,
            template=TEMPLATE,
            title=_("Decision on the appeal"),
            data={
                "number": appeal.reference,
                "reference": case.reference,
                "about": case.title,
                "service": str(registry.service(case.service).noun),
                "against": str(GROUND_TITLES[appeal.ground]),
                "decided_on": decision.decided_at.isoformat(),
                "decision_reason": grounds.told(decision.reasons, decision.reason),
                "conditions": grounds.lines(decision.conditions),
                "appealed_by": people.names(session, [appeal.appealed_by]).get(appeal.appealed_by, ""),
                "appealed_on": appeal.appealed_at.isoformat(),
                "why": appeal.why,
                "outcome": str(STATE_TITLES[appeal.state]),
                "reason": appeal.reason,
                "decided_by": actor.name,
                "court": court,
                "pack_version": pack.version,
            },
            locale=locale,
            case_id=case.id,
            business_id=case.business_id,
            subject=f"appeal:{appeal.id}",
            issuer=agency.name,
            number=appeal.reference,
        )


def _court(pack: Pack, case: Case, decision: Decision) -> str:
    terms = terms_of(pack, case, decision)
    return terms.court_text if terms is not None else ""


def _record(session: Session, actor: Actor, appeal: Appeal, case: Case, verb: str, authority: str) -> None:
    entries.record(
        session, actor, verb, subject=f"appeal:{appeal.id}", reference=appeal.reference, case_id=case.id,
        business_id=case.business_id, agency=appeal.agency,
        detail={"decision": appeal.decision_id, "ground": appeal.ground, "pack": appeal.pack_version},
        authority=authority,
    )  # fmt: skip


def _tell(session: Session, appeal: Appeal, case: Case, template: str) -> None:
    pack, decision = load.current(), session.get_one(Decision, appeal.decision_id)
    for user_id in messages.readers(session, case):
        locale = people.user(session, user_id).locale
        with i18n.use_locale(locale, pack.zone):
            values: dict[str, Any] = {"court": _court(pack, case, decision)}
        notifications.send(
            session,
            user_id=user_id,
            template=template,
            values={
                "reference": case.reference,
                "title": case.title,
                "number": appeal.reference,
                "deadline": appeal.due_at if appeal.open else case.due_at,
                "issued": decision.outcome == Outcome.APPROVE,
                "outcome": appeal.state,
                "reason": appeal.reason,
                "path": f"/cases/{case.reference}",
                **values,
            },
            case_id=case.id,
        )


def days_left(pack: Pack, appeal: Appeal, now: datetime) -> int:
    """Working days until it is due; negative when it is late."""
    if appeal.due_at >= now:
        return working_days.between(pack, now, appeal.due_at, appeal.agency)
    return -max(working_days.between(pack, appeal.due_at, now, appeal.agency), 1)
