"""Visits: planned → (confirmed | another day asked for) → report written, or cancelled. Case before visit in locks.

The applicant may confirm, or ask once for another day; the official names a new time or keeps the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import access, assignment, hands, inspection_mail, numbering, standstill
from app.cases.inspection_models import OPEN, Inspection, InspectionOfficial, VisitState
from app.cases.models import Case
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import Text, ngettext, use_locale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Actor
from app.identity.policy import Permission
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack

SERIES = "IN"
LONGEST = 2000  # characters of what will be looked at, of reasons
FURTHEST = timedelta(days=180)
STALE: Text = _l("This visit changed while you had it open. Look at what is there now.")

PLANNED = register("inspection.planned", _l("Visit planned"))
MOVED = register("inspection.moved", _l("Visit moved to another time"))
KEPT = register("inspection.kept", _l("Visit kept at its time"))
CONFIRMED = register("inspection.confirmed", _l("Visit confirmed by the applicant"))
ASKED_AGAIN = register("inspection.change_asked", _l("Another day asked for"))
CANCELLED = register("inspection.cancelled", _l("Visit cancelled"))
REPORTED = register("inspection.reported", _l("Inspection report written"))
PICTURED = register("inspection.photograph_added", _l("Photograph of a visit added"))
UNPICTURED = register("inspection.photograph_removed", _l("Photograph of a visit removed"))
PICTURE_OPENED = register("inspection.photograph_opened", _l("Photograph of a visit opened"))
CORRECTED = register("inspection.corrected", _l("Inspection report corrected"))


@dataclass(frozen=True)
class Appointment:
    """``officials`` are the ids of who goes."""

    place: str
    about: str
    starts_at: datetime
    ends_at: datetime
    officials: tuple[int, ...]


def load(
    session: Session, actor: Actor, reference: str, permission: Permission = Permission.DESK
) -> tuple[Inspection, Case]:
    """The visit and its case, for whom the case is open; NotFound otherwise."""
    row = session.execute(
        select(Inspection, Case)
        .join(Case, Case.id == Inspection.case_id)
        .where(Inspection.reference == reference.strip().upper())
    ).one_or_none()
    if row is None:
        raise NotFound
    visit, case = row
    if not access.may(actor, case, permission):
        raise NotFound
    return visit, case


def may_go(session: Session, case: Case) -> list[assignment.Colleague]:
    """Colleagues of the case's agency without an interest in it."""
    sender = hands.sent_by(session, case)
    return [
        each
        for each in assignment.colleagues(session, case.agency or "", case.business_id)
        if not each.interested and each.id not in {case.applicant_id, sender}
    ]


# --- the agency -----------------------------------------------------------------------------------------------------


def plan(session: Session, pack: Pack, actor: Actor, case: Case, wanted: Appointment) -> Inspection:
    """Raises Invalid, NotAllowed. The same visit, still open, is the one that is there."""
    case = access.lock(session, case.id)
    hands.check(session, case, actor)
    going = _going(session, case, wanted.officials)
    for text_, field, message in (
        (wanted.place, "place", _("Write where the visit takes place.")),
        (wanted.about, "about", _("Write what will be looked at.")),
    ):
        needed(text_, field, message)
    known = session.scalar(
        select(Inspection).where(
            Inspection.case_id == case.id, Inspection.starts_at == wanted.starts_at, Inspection.ended_at.is_(None)
        )
    )
    if known is not None:
        return known
    check_time(pack, wanted.starts_at, wanted.ends_at, case.agency or "")
    stop = standstill.begin(session, pack, case, wanted.ends_at) if pack.inspections.stops_clock else None
    now = clock.now()
    year = now.astimezone(pack.zone).year
    visit = Inspection(
        reference=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        case_id=case.id,
        agency=case.agency,
        place=wanted.place.strip(),
        about=wanted.about.strip(),
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        officials=[{"id": each.id, "name": each.name} for each in going],
        planned_by=actor.user_id,
        planned_at=now,
        clock_days_left=stop.days if stop is not None else None,
    )
    session.add(visit)
    session.flush()
    _send(session, visit, going)
    note(session, actor, PLANNED, visit, case, _times(visit) | {"officials": [each.id for each in going]})
    inspection_mail.applicant(session, visit, case, "inspection_planned")
    inspection_mail.officials(session, visit, case, "inspection_yours", but=actor.user_id)
    return visit


def move(
    session: Session, pack: Pack, actor: Actor, visit: Inspection, wanted: Appointment, *, version: int
) -> Inspection:
    """To another time, place or official; it answers an applicant who asked for another day. Raises as ``plan``."""
    visit, case = take_up(session, visit, version)
    hands.check(session, case, actor)
    going = _going(session, case, wanted.officials)
    place = needed(wanted.place, "place", _("Write where the visit takes place."))
    about = needed(wanted.about, "about", _("Write what will be looked at."))
    before = _times(visit)
    if (visit.starts_at, visit.ends_at) != (wanted.starts_at, wanted.ends_at):
        check_time(pack, wanted.starts_at, wanted.ends_at, case.agency or "")
    off = {each["id"] for each in visit.officials} - {each.id for each in going}
    session.execute(delete(InspectionOfficial).where(InspectionOfficial.inspection_id == visit.id))
    visit.place, visit.about = place, about
    visit.starts_at, visit.ends_at = wanted.starts_at, wanted.ends_at
    visit.officials = [{"id": each.id, "name": each.name} for each in going]
    visit.state, visit.confirmed_at, visit.reminded_at = VisitState.PLANNED.value, None, None
    visit.sequence += 1
    visit.version += 1
    session.flush()
    _send(session, visit, going)
    standstill.moved(session, pack, case, visit)
    note(session, actor, MOVED, visit, case, {"before": before, **_times(visit)})
    inspection_mail.applicant(session, visit, case, "inspection_moved")
    inspection_mail.officials(session, visit, case, "inspection_yours", but=actor.user_id)
    inspection_mail.officials(session, visit, case, "inspection_not_yours", but=actor.user_id, whom=off)
    return visit


def keep(session: Session, actor: Actor, visit: Inspection, *, version: int) -> Inspection:
    """The applicant asked for another day, and the visit stays at its time. Raises NotAllowed, Stale."""
    visit, case = take_up(session, visit, version, VisitState.CHANGE_ASKED)
    hands.check(session, case, actor)
    visit.state = VisitState.PLANNED.value
    visit.version += 1
    note(session, actor, KEPT, visit, case, _times(visit))
    inspection_mail.applicant(session, visit, case, "inspection_kept")
    session.flush()
    return visit


def cancel(session: Session, pack: Pack, actor: Actor, visit: Inspection, reason: str, *, version: int) -> Inspection:
    """Raises Invalid, NotAllowed, Stale."""
    visit, case = take_up(session, visit, version)
    hands.check(session, case, actor)
    _cancel(session, pack, actor, visit, case, needed(reason, "reason", _("Say why the visit is cancelled.")))
    return visit


def close(session: Session, pack: Pack, actor: Actor, case: Case) -> None:
    """Cancel the visits of a locked case that has come to its end.

    Nobody hears of one that has begun: it took place or did not, and has no report now.
    """
    wanted = select(Inspection).where(Inspection.case_id == case.id, Inspection.ended_at.is_(None))
    open_now = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    if not open_now:
        return
    with use_locale(people.user(session, case.applicant_id).locale, pack.zone):  # it is the applicant who reads it
        reason = _("The case was closed.")
    for visit in open_now:
        _cancel(session, pack, actor, visit, case, reason)


def _cancel(session: Session, pack: Pack, actor: Actor, visit: Inspection, case: Case, reason: str) -> None:
    begun = visit.starts_at <= clock.now()
    visit.state, visit.cancelled_reason, visit.ended_at = VisitState.CANCELLED.value, reason, clock.now()
    visit.sequence += 1
    visit.version += 1
    session.flush()
    standstill.end(session, pack, case, visit)
    note(session, actor, CANCELLED, visit, case, {**_times(visit), "reason": reason})
    if begun:
        return
    inspection_mail.applicant(session, visit, case, "inspection_cancelled")
    inspection_mail.officials(session, visit, case, "inspection_off", but=actor.user_id)


# --- the applicant --------------------------------------------------------------------------------------------------


def confirm(session: Session, actor: Actor, visit: Inspection, *, version: int) -> Inspection:
    """Raises NotAllowed, Stale. Once confirmed it stays so: a second click does nothing."""
    if visit.state == VisitState.CONFIRMED:
        return visit
    visit, case = take_up(session, visit, version, VisitState.PLANNED)
    _theirs(actor, case)
    visit.state, visit.confirmed_at = VisitState.CONFIRMED.value, clock.now()
    visit.version += 1
    note(session, actor, CONFIRMED, visit, case)
    inspection_mail.officials(session, visit, case, "inspection_confirmed")
    session.flush()
    return visit


def ask_again(
    session: Session, pack: Pack, actor: Actor, visit: Inspection, day: date | None, reason: str, *, version: int
) -> Inspection:
    """Ask for another day, once. ``day``: the one that would suit. Raises Invalid, NotAllowed, Stale."""
    visit, case = take_up(session, visit, version, VisitState.PLANNED, VisitState.CONFIRMED)
    _theirs(actor, case)
    if visit.asked_again_at is not None:
        raise NotAllowed(_("You asked for another day before. Call the agency if you cannot be there."), code="once")
    if visit.starts_at <= clock.now():
        raise NotAllowed(_("The visit has begun."), code="begun")
    if day is not None and (not working_days.is_working_day(pack, day, visit.agency) or day <= clock.today(pack.zone)):
        raise Invalid(Problem(_("Choose a working day that is still to come."), "day", "not_working"))
    visit.asked_again_reason = needed(reason, "reason", _("Say why the day does not suit you."))
    visit.asked_again_at, visit.asked_again_day = clock.now(), day
    visit.state = VisitState.CHANGE_ASKED.value
    visit.version += 1
    note(session, actor, ASKED_AGAIN, visit, case, {"day": day})
    inspection_mail.officials(session, visit, case, "inspection_change_asked")
    session.flush()
    return visit


def _theirs(actor: Actor, case: Case) -> None:
    if not access.may(actor, case, Permission.CASE_EDIT_OWN):
        raise NotAllowed


# --- small things ---------------------------------------------------------------------------------------------------


def check_time(pack: Pack, starts_at: datetime, ends_at: datetime, agency: str) -> None:
    """Raise Invalid unless it is in office hours of a working day, far enough ahead and not for ever."""
    now, notice = clock.now(), pack.inspections.notice_days
    if ends_at <= starts_at:
        raise Invalid(Problem(_("It must last some minutes."), "minutes", "range"))
    local = starts_at.astimezone(pack.zone)
    if not working_days.is_working_day(pack, local.date(), agency):
        raise Invalid(Problem(_("Choose a working day: this one is a weekend or a holiday."), "day", "not_working"))
    last = ends_at - timedelta(seconds=1)
    if not working_days.is_open(pack, starts_at, agency) or not working_days.is_open(pack, last, agency):
        raise Invalid(Problem(_("Choose a time inside the office hours, from beginning to end."), "hour", "closed"))
    if starts_at <= now or working_days.between(pack, now, starts_at, agency) < notice:
        message = ngettext(
            "Choose a day at least %(num)s working day from now.",
            "Choose a day at least %(num)s working days from now.",
            notice,
        )
        raise Invalid(Problem(message, "day", "too_soon"))
    if starts_at > now + FURTHEST:
        raise Invalid(Problem(_("Choose a day within six months."), "day", "too_late"))


def _going(session: Session, case: Case, chosen: Sequence[int]) -> list[assignment.Colleague]:
    going = [each for each in may_go(session, case) if each.id in chosen]
    if not going or len(going) != len(set(chosen)):
        raise Invalid(Problem(_("Choose who goes."), "officials", "required"))
    return going


def _send(session: Session, visit: Inspection, going: Sequence[assignment.Colleague]) -> None:
    """The schema keeps an official from being in two places at once."""
    for each in going:
        try:
            with session.begin_nested():
                session.add(
                    InspectionOfficial(
                        inspection_id=visit.id,
                        user_id=each.id,
                        starts_at=visit.starts_at,
                        ends_at=visit.ends_at,
                        open=True,
                    )
                )
        except IntegrityError as error:
            if "ex_inspection_officials_one_place" not in str(error.orig):
                raise
            message = _("%(name)s has another visit at that time.", name=each.name)
            raise Invalid(Problem(message, "officials", "busy")) from None


def take_up(session: Session, visit: Inspection, version: int | None, *states: VisitState) -> tuple[Inspection, Case]:
    case = access.lock(session, visit.case_id)
    wanted = select(Inspection).where(Inspection.id == visit.id).with_for_update()
    current = session.scalars(wanted.execution_options(populate_existing=True)).one()
    if version is not None and (current.version != version or VisitState(current.state) not in (states or OPEN)):
        raise Stale(STALE)
    return current, case


def _times(visit: Inspection) -> dict[str, Any]:
    return {"starts_at": visit.starts_at.isoformat(), "ends_at": visit.ends_at.isoformat()}


def note(
    session: Session, actor: Actor, verb: str, visit: Inspection, case: Case, detail: dict[str, Any] | None = None
) -> None:
    entries.record(
        session, actor, verb, subject=f"inspection:{visit.id}", reference=visit.reference, case_id=case.id,
        business_id=case.business_id, detail={"case": case.reference, **(detail or {})},
    )  # fmt: skip


def needed(value: str, field: str, message: str) -> str:
    value = value.strip()
    if len(value) < 3:
        raise Invalid(Problem(message, field, "required"))
    if len(value) > LONGEST:
        raise Invalid(Problem(_("Use %(limit)s characters or fewer.", limit=LONGEST), field, "too_long"))
    return value


def lock_photographs(session: Session, visit: Inspection) -> None:
    """Two uploads at once: the second waits here, then finds the picture of the first."""
    session.execute(text("SELECT 1 FROM inspections WHERE id = :id FOR NO KEY UPDATE"), {"id": visit.id})
