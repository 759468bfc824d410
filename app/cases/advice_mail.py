"""What is said about advice, to advisers and to who asked them; and the daily look at what is late."""

from collections.abc import Iterable
from datetime import datetime

from babel.support import LazyProxy
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from app import notifications
from app.cases.advice_models import OPINION_TITLES, STATE_TITLES, Advice, AdviceState
from app.cases.models import Case, Submission
from app.core.i18n import gettext as _
from app.identity.actor import Actor, Role
from app.identity.models import AgencyMember, Membership, User
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Pack

NAMED = 20  # officials of an agency who are written to


def desk_of(session: Session, agency: str | None, case: Case) -> list[int]:
    """Its supervisors; its clerks where it has none. Never who has to do with the case: the question is in the mail."""
    rows = session.execute(
        select(User.id, User.role)
        .join(AgencyMember, AgencyMember.user_id == User.id)
        .where(AgencyMember.agency == agency, User.disabled_at.is_(None), ~_interested(case))
        .where(User.role.in_([Role.CLERK.value, Role.SUPERVISOR.value]))
        .order_by(User.id)
        .limit(10 * NAMED)
    ).all()
    supervisors = [user_id for user_id, role in rows if role == Role.SUPERVISOR.value]
    return (supervisors or [user_id for user_id, _role in rows])[:NAMED]


def _interested(case: Case) -> ColumnElement[bool]:
    """As ``advice_view`` hides it: who applies or has sent it, and members of the business."""
    member = exists().where(Membership.user_id == User.id, Membership.business_id == case.business_id)
    sent = exists().where(Submission.id == case.current_submission_id, Submission.submitted_by == User.id)
    return or_(User.id == case.applicant_id, member, sent)


def adviser_name(pack: Pack, advice: Advice) -> str:
    """The agency, or words that do not name the expert."""
    return lookup.agency(pack, advice.asked_of).name if advice.asked_of else _("an outside expert")


def asked(session: Session, advice: Advice, case: Case) -> None:
    _tell(session, desk_of(session, advice.asked_of, case), "advice_asked", advice, case)


def link(session: Session, pack: Pack, advice: Advice, case: Case, token: str, until: datetime) -> None:
    notifications.send(
        session,
        email=advice.expert_email,
        locale=advice.expert_locale,
        template="advice_link",
        values={
            "name": advice.expert_name,
            "agency": LazyProxy(lambda: lookup.agency(pack, advice.agency).name, enable_cache=False),
            "due_at": advice.due_at,
            "path": f"/advice/{token}",
        },
        case_id=case.id,
    )


def ended(session: Session, advice: Advice, case: Case, actor: Actor) -> None:
    """Who asked, and who has the case now, hear of an answer; the adviser that it is not wanted any more."""
    if advice.state == AdviceState.WITHDRAWN:
        if advice.by_expert:
            _tell_expert(session, advice, "advice_expert_withdrawn")
        else:
            whom = [advice.taken_by] if advice.taken_by is not None else desk_of(session, advice.asked_of, case)
            _tell(session, whom, "advice_withdrawn", advice, case)
        return
    whom = [each for each in dict.fromkeys([case.assigned_to or advice.asked_by, advice.asked_by]) if each is not None]
    _tell(session, [each for each in whom if each != actor.user_id], "advice_ended", advice, case)


def remind(session: Session, advice: Advice, case: Case) -> None:
    if advice.by_expert:
        _tell_expert(session, advice, "advice_expert_reminder")
        return
    whom = [advice.taken_by] if advice.taken_by is not None else desk_of(session, advice.asked_of, case)
    _tell(session, whom, "advice_reminder", advice, case)


def late(session: Session, advice: Advice, case: Case) -> None:
    """To the supervisors of the agency that was asked, to who took it, and to who waits for it."""
    whom = [*desk_of(session, advice.asked_of, case), advice.taken_by, case.assigned_to or advice.asked_by]
    _tell(session, [each for each in dict.fromkeys(whom) if each is not None], "advice_late", advice, case)


def _tell(session: Session, whom: Iterable[int], template: str, advice: Advice, case: Case) -> None:
    pack = load.current()
    for user_id in whom:
        notifications.send(
            session,
            user_id=user_id,
            template=template,
            values={
                "reference": advice.reference,
                "case": case.reference,
                "title": case.title,
                "agency": LazyProxy(lambda: lookup.agency(pack, advice.agency).name, enable_cache=False),
                "adviser": LazyProxy(adviser_name, pack, advice, enable_cache=False),
                "question": advice.question,
                "state": STATE_TITLES[advice.state],
                "opinion": OPINION_TITLES.get(advice.opinion or "", ""),
                "reason": advice.ended_reason,
                "due_at": advice.due_at,
                "path": f"/desk/advice/{advice.reference}",
            },
            case_id=case.id,
        )


def _tell_expert(session: Session, advice: Advice, template: str) -> None:
    """Without a link: it was in the first mail, and nobody has kept it."""
    if advice.expert_email is None:
        return
    pack = load.current()
    notifications.send(
        session,
        email=advice.expert_email,
        locale=advice.expert_locale,
        template=template,
        values={
            "name": advice.expert_name,
            "reference": advice.reference,
            "agency": LazyProxy(lambda: lookup.agency(pack, advice.agency).name, enable_cache=False),
            "due_at": advice.due_at,
        },
        case_id=advice.case_id,
    )
