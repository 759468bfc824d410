"""Where the pack says what an agency's silence means, the portal decides when the time has run out: nobody did.

A job looks each quarter of an hour, and each case is decided in a transaction of its own, under its lock. Nothing is
granted over a blocking flag or a failed check: what stands in the way is told to the supervisors instead, once a day.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import engine, flags, inspection_reports, registry, silence_notices
from app.cases.advice_models import Advice
from app.cases.grouping import in_states
from app.cases.inspection_models import Inspection, Result
from app.cases.models import Case, Submission
from app.cases.registry import CaseContext
from app.cases.silence_models import SilenceHold
from app.cases.silence_notices import Coming, Ground
from app.cases.silence_words import kept
from app.cases.work import Payload
from app.cases.workflow import ON_DESK, Action, State
from app.core import clock
from app.core.errors import DomainError
from app.core.i18n import gettext as _
from app.core.i18n import use_locale
from app.fees import charges
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.jurisdictions import load, lookup, working_days
from app.jurisdictions.clock_rows import Silence
from app.jurisdictions.model import Pack

SWEEP = "cases.silence"
ONE = "cases.decide_by_silence"
BATCH = 500
MOST_WARNED = 2000  # cases looked at for one morning's warnings
_ACTIONS = {"consent": Action.DEEM_APPROVED, "refusal": Action.DEEM_REFUSED}


@dataclass(frozen=True)
class Outlook:
    """What silence will mean for a case, and when; or has meant since ``at``, while something stands in its way."""

    rule: Silence
    at: datetime

    @property
    def consent(self) -> bool:
        return self.rule.effect == "consent"


def outlook(case: Case, pack: Pack) -> Outlook | None:
    """None where the pack says nothing, and while an applicant has the case. Nor where a decision is being corrected:
    the agency has spoken, and only two people can take it back."""
    if State(case.state) not in ON_DESK or case.due_at is None or case.correction_id is not None:
        return None
    return _of(pack, case.service, case.permit_kind, case.due_at, case.agency or "")


def _of(pack: Pack, service: str, permit_kind: str | None, due_at: datetime, agency: str) -> Outlook | None:
    """By the rule of the day on which it takes effect, so that a new one decides nothing that was late before it. A
    deadline on a day that was taken off after it had been given ends with the next working day."""
    if not working_days.is_working_day(pack, due_at.astimezone(pack.zone).date(), agency):
        due_at = working_days.add(pack, due_at, 0, agency)
    for row in lookup.silences(pack, service, permit_kind):
        at = working_days.add(pack, due_at, row.after_working_days, agency) if row.after_working_days else due_at
        if row.in_force(at.astimezone(pack.zone).date()):
            return Outlook(row, at)
    return None


def concerned(pack: Pack) -> ColumnElement[bool]:
    """Cases on the desk of whose silence the pack says something."""
    about = (
        and_(Case.service == row.service, *([Case.permit_kind == row.permit_kind] if row.permit_kind else []))
        for row in pack.silences
    )
    return and_(in_states(*ON_DESK), Case.due_at.is_not(None), Case.correction_id.is_(None), or_(*about))


def stuck(session: Session, case: Case, look: Outlook | None) -> bool:
    """Whether the time has run out and something stands in the way."""
    if look is None or look.at > clock.now():
        return False
    holds = session.scalars(select(SilenceHold).where(SilenceHold.case_id == case.id))
    return bool(standing_holds(look, holds.all()))


@queue.task(SWEEP)
def sweep(session: Session) -> None:
    """Ask for each case whose time has run out to be decided by itself."""
    pack, now = load.current(), clock.now()
    for case_id in list(_run_out(session, pack, now)) if pack.silences else ():
        queue.enqueue(session, ONE, case_id=case_id)


def _run_out(session: Session, pack: Pack, now: datetime) -> Iterator[int]:
    wanted = (
        select(Case.id, Case.service, Case.permit_kind, Case.due_at, Case.agency)
        .where(concerned(pack), Case.due_at <= now, Case.id.not_in(queue.unfinished(ONE, "case_id", failed=True)))
        .order_by(Case.due_at, Case.id)
        .limit(BATCH)
    )
    page = wanted
    while rows := session.execute(page).all():
        for row in rows:
            found = _of(pack, row.service, row.permit_kind, row.due_at, row.agency or "")
            if found is not None and found.at <= now:
                yield row.id
        page = wanted.where(tuple_(Case.due_at, Case.id) > (rows[-1].due_at, rows[-1].id))


@queue.task(ONE)
def decide(session: Session, case_id: int) -> None:
    """Decide one case, if under its lock it is still so; somebody at work on it comes first. What is written down is
    in the country's first language."""
    pack = load.current()
    with use_locale(pack.locale(pack.default_language), pack.zone):
        _decide(session, pack, case_id)


def _decide(session: Session, pack: Pack, case_id: int) -> None:
    locked = select(Case).where(Case.id == case_id).with_for_update(skip_locked=True)
    case = session.scalar(locked.execution_options(populate_existing=True))
    found = outlook(case, pack) if case is not None else None
    if case is None or found is None or found.at > clock.now():
        return
    grounds = list(_in_the_way(session, pack, case, found))
    if not grounds:
        try:
            with session.begin_nested():
                engine.perform(
                    session, case, _ACTIONS[found.rule.effect], SYSTEM, version=None,
                    payload=Payload(silence=(kept(pack, found.rule, found.at),)),
                )  # fmt: skip
        except DomainError as error:  # what no official could have done either
            session.expire_all()
            grounds = [Ground(error.code, str(problem.message)) for problem in error.problems]
        else:
            silence_notices.tell_decided(session, case, found.rule)
            return
    _hold(session, pack, case, grounds)


def coming(session: Session, now: datetime, until: datetime, pack: Pack) -> dict[int, list[Coming]]:
    """What silence will decide from now ``until`` then, by the officials who can still act; the soonest first."""
    if not pack.silences:
        return {}
    latest = select(Case).where(concerned(pack), Case.due_at <= until).order_by(Case.due_at.desc()).limit(MOST_WARNED)
    found = {case.id: (case.reference, look) for case in session.scalars(latest) if (look := outlook(case, pack))}
    soon = {case_id: each for case_id, each in found.items() if now <= each[1].at <= until}
    told: dict[int, list[Coming]] = defaultdict(list)
    for case_id, user_id in silence_notices.of_cases(session, list(soon)):
        reference, look = soon[case_id]
        told[user_id].append(Coming(reference, look.at, look.consent))
    return {user_id: sorted(lines, key=lambda line: (line.at, line.reference)) for user_id, lines in told.items()}


def standing_holds(found: Outlook | None, holds: Sequence[SilenceHold]) -> list[SilenceHold]:
    """Those since the time ran out: one from before a question to the applicant says nothing about now."""
    return [each for each in holds if found is not None and each.told_at >= found.at]


def _in_the_way(session: Session, pack: Pack, case: Case, found: Outlook) -> Iterator[Ground]:
    charge = charges.for_case(session, case.id)
    if charge is not None and not charge.settled:
        yield Ground("unpaid", _("The fee has not been paid yet."))
    if found.rule.awaits_inspection:
        visit = select(Inspection.reference).where(Inspection.case_id == case.id, Inspection.open)
        for reference in session.scalars(visit.order_by(Inspection.id)):
            yield Ground("inspection", _("Inspection %(reference)s has no report yet.", reference=reference))
    for each in session.scalars(select(Advice).where(Advice.case_id == case.id, Advice.ended_at.is_(None))):
        if each.clock_days_left is not None:  # late: until its day the clock stands still
            yield Ground("advice", _("Advice %(reference)s is late.", reference=each.reference))
    if not found.consent:
        return
    for report in inspection_reports.latest(inspection_reports.of_case(session, case)):
        if report.result == Result.FAILED:
            yield Ground("visit", _("The visit failed: report %(number)s.", number=report.number))
    for flag in flags.of_case(session, case.id):
        if flag.stops:
            yield Ground("flag", _("The flag “%(name)s” stands.", name=flag.name))
    submission = session.get_one(Submission, case.current_submission_id)
    context = CaseContext(session, pack, case, SYSTEM, submission, submission.data)
    for check in registry.service(case.service).checks(context):
        if check.passed is False:
            yield Ground("check", _("A check has failed: %(title)s", title=str(check.title)))


def _hold(session: Session, pack: Pack, case: Case, grounds: list[Ground]) -> None:
    """Say it to who can act, once a day, and again when it has changed."""
    said = [{"code": each.code, "text": each.text} for each in grounds]
    row = insert(SilenceHold).values(case_id=case.id, day=clock.today(pack.zone), grounds=said, told_at=clock.now())
    new = row.on_conflict_do_update(
        index_elements=[SilenceHold.case_id, SilenceHold.day],
        set_={"grounds": row.excluded.grounds, "told_at": row.excluded.told_at},
        where=SilenceHold.grounds != row.excluded.grounds,
    )
    if session.scalar(new.returning(SilenceHold.case_id)) is None:
        return
    entries.record(
        session, SYSTEM, "case.silence_held", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, detail={"grounds": [each.code for each in grounds]},
    )  # fmt: skip
    silence_notices.tell_held(session, case, grounds)


queue.periodic("*/15 * * * *", SWEEP)

__all__ = ["ONE", "SWEEP", "Outlook", "coming", "concerned", "decide", "outlook", "standing_holds", "stuck", "sweep"]
