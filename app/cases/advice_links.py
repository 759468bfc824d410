"""Experts without an account: a link leads to what they may see, until the end of the day their advice is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from app.audit import personal
from app.audit.models import Entry
from app.cases import access, advice_mail, hands, holds, involved
from app.cases import advice as advice_
from app.cases.advice_models import Advice, AdviceState
from app.cases.models import Case
from app.core import clock, identifiers
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.identity import people
from app.identity.actor import Actor, Role
from app.identity.policy import Permission
from app.jurisdictions.model import Pack
from app.notifications.models import Message

RECEIPT = timedelta(days=30)  # after the answer, its expert may look at it


@dataclass(frozen=True)
class Expert:
    """Somebody from outside, who is written to in ``locale``."""

    name: str
    email: str
    locale: str


def ask_expert(
    session: Session, pack: Pack, actor: Actor, case: Case, expert: Expert, question: advice_.Question
) -> Advice:
    """As ``ask_agency``. The link is in the mail alone: of it the portal keeps a digest."""
    case = access.lock(session, case.id)
    hands.check(session, case, actor)
    _outside(session, case, expert.email)
    token = identifiers.token()
    advice, new = advice_.begin(
        session, pack, actor, case, question, pack.advice.expert_days,
        expert_name=expert.name.strip(), expert_email=expert.email.strip().lower(), expert_locale=expert.locale,
        link_digest=identifiers.digest(token),
    )  # fmt: skip
    if new:
        advice_mail.link(session, pack, advice, case, token, ends(pack, advice))
    return advice


def _outside(session: Session, case: Case, email: str) -> None:
    """Raise Invalid for an official, who would answer themselves, and for whom the case is about."""
    known = people.by_email(session, email)
    if known is None:
        return
    if Role(known.role).official:
        message = _("This is the address of an official. Ask their agency instead.")
        raise Invalid(Problem(message, "expert_email", "official"))
    if known.id in involved.of_case(session, case):
        message = _("This person has an interest in the case, so they cannot advise on it.")
        raise Invalid(Problem(message, "expert_email", "interested"))


def ends(pack: Pack, advice: Advice) -> datetime:
    """When a link stops working: with the local day on which the advice is due."""
    day = advice.due_at.astimezone(pack.zone)
    return (day + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def by_token(session: Session, token: str) -> tuple[Advice, Case]:
    """Raises NotFound. Whether it still works is another question: see ``usable``."""
    row = session.execute(
        select(Advice, Case)
        .join(Case, Case.id == Advice.case_id)
        .where(Advice.link_digest == identifiers.digest(token))
    ).one_or_none()
    if row is None:
        raise NotFound
    found, case = row
    return found, case


def usable(pack: Pack, advice: Advice) -> bool:
    return advice.open and clock.now() < ends(pack, advice)


def receipt(advice: Advice) -> bool:
    """Whether the link still shows what was sent."""
    answered = advice.opinion is not None and advice.expert_email is not None and advice.ended_at is not None
    return answered and clock.now() < (advice.ended_at or clock.now()) + RECEIPT


def expert_of(advice: Advice, ip: str | None) -> Actor:
    return Actor(kind="expert", name=advice.expert_name or _("an expert"), locale=advice.expert_locale or "", ip=ip)


def opened(session: Session, pack: Pack, advice: Advice, case: Case, ip: str | None) -> None:
    """The expert looks at what they were given; the first time, the case's officials see that they did."""
    who = expert_of(advice, ip)
    if usable(pack, advice) and advice.state == AdviceState.ASKED:
        advice, case = advice_.take_up(session, advice, None)
        if usable(pack, advice) and advice.state == AdviceState.ASKED:
            advice.state, advice.opened_at, advice.taken_at = AdviceState.TAKEN.value, clock.now(), clock.now()
            advice.version += 1
    advice_.note(session, who, advice_.OPENED, advice, case)
    session.flush()


def answer_by_link(
    session: Session,
    pack: Pack,
    advice: Advice,
    given: advice_.Answer,
    *,
    version: int,
    ip: str | None,
    paper: tuple[BinaryIO, str] | None = None,
) -> Advice:
    """Raises Stale once the link has stopped working, by a moment or by a day."""
    if not usable(pack, advice):
        raise Stale(advice_.STALE)
    return advice_.answer(session, pack, expert_of(advice, ip), advice, given, version=version, paper=paper)


def why_not_erase(session: Session, actor: Actor, advice: Advice, case: Case) -> str | None:
    """What keeps them from forgetting who the expert was; None when nothing does."""
    if not access.may(actor, case, Permission.CASE_DECIDE):
        return _("You do not have permission to do this.")
    if advice.open:
        return _("The request for advice is still open.")
    if session.scalar(select(Case.id).where(Case.id == case.id, holds.on_case())) is not None:
        return _("A legal hold stands: until it is released the law forbids to erase anything.")
    return None


def erase_expert(session: Session, actor: Actor, advice: Advice) -> None:
    """At their wish: forget who the expert was, here, in the log and in what was written to them. What they advised
    stays. Raises NotAllowed."""
    advice, case = advice_.take_up(session, advice, None)
    refusal = why_not_erase(session, actor, advice, case)
    if refusal is not None:
        raise NotAllowed(refusal, code="erase")
    if advice.expert_email is None:
        return
    session.execute(delete(Message).where(Message.case_id == case.id, Message.email == advice.expert_email))
    told = or_(Entry.actor_kind == "expert", Entry.verb == advice_.ASKED)
    personal.erase(session, session.scalars(select(Entry.id).where(Entry.subject == f"advice:{advice.id}", told)).all())
    advice.expert_name = advice.expert_email = None
    advice_.note(session, actor, advice_.ERASED, advice, case)
    session.flush()


def expire(session: Session, pack: Pack, actor: Actor, advice: Advice) -> None:
    """The day of an expert's link is over."""
    locked, case = advice_.take_up(session, advice, None)
    if locked.open and locked.by_expert and clock.now() >= ends(pack, locked):
        advice_.finish(session, pack, actor, locked, case, AdviceState.EXPIRED, "")
