"""Advice: asked → taken → answered, declined, taken back or ended without an answer. It never decides the case.

An agency answers at its own desk, an expert by a link (``advice_links``). Case before advice is the order in which
both are locked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import access, advice_mail, grounds, hands, involved, numbering, standstill
from app.cases.advice_models import OPEN, Advice, AdviceState, Opinion
from app.cases.models import Case, Submission
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import Text, use_locale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import store, uploads
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import lookup, working_days
from app.jurisdictions.model import Pack

SERIES = "AV"
for _column in (Advice.asked_by, Advice.taken_by, Advice.answered_by):
    involved.register(_column, Advice.case_id)
LONGEST = 4000  # characters of a question, an answer, a reason
MOST_OPEN = 6  # at once, of one case
STALE: Text = _l("This request for advice changed while you had it open. Look at what is there now.")

ASKED = register("advice.asked", _l("Advice asked for"))
TAKEN = register("advice.taken", _l("Request for advice taken up"))
ANSWERED = register("advice.answered", _l("Advice given"))
DECLINED = register("advice.declined", _l("Advice declined"))
WITHDRAWN = register("advice.withdrawn", _l("Request for advice taken back"))
EXPIRED = register("advice.expired", _l("Advice was not given in time"))
OPENED = register("advice.opened", _l("Request for advice opened by its link"))
VIEWED = register("advice.viewed", _l("Request for advice opened"))
PAPER = register("advice.paper_opened", _l("Document of a request for advice opened"))
ERASED = register("advice.expert_erased", _l("Name and address of an expert erased"))


@dataclass(frozen=True)
class Question:
    """``parts`` are step keys, ``papers`` upload ids of the submission; ``days`` None: as the pack says."""

    text: str
    parts: tuple[str, ...]
    papers: tuple[int, ...] = ()
    with_people: bool = False
    days: int | None = None


@dataclass(frozen=True)
class Answer:
    """``conditions`` are codes of the pack's list, which the clerk is offered."""

    opinion: str
    text: str
    conditions: tuple[str, ...] = ()


# --- who may see it -------------------------------------------------------------------------------------------------


def load(session: Session, actor: Actor, reference: str) -> tuple[Advice, Case]:
    """For officials of the agency that was asked and of the one that asks; NotFound for everybody else."""
    row = session.execute(
        select(Advice, Case).join(Case, Case.id == Advice.case_id).where(Advice.reference == reference.strip().upper())
    ).one_or_none()
    if row is None:
        raise NotFound
    advice, case = row
    if not (may_advise(session, actor, advice, case) or access.may(actor, case, Permission.DESK)):
        raise NotFound
    return advice, case


def may_advise(session: Session, actor: Actor, advice: Advice, case: Case) -> bool:
    """Whether they are of the agency that was asked, did not ask themselves, and have no interest in the case."""
    about = Subject(applicant_id=case.applicant_id, business_id=case.business_id, agency=advice.asked_of)
    return (
        advice.asked_of is not None
        and advice.asked_by != actor.user_id
        and allows(actor, Permission.DESK, about)
        and hands.sent_by(session, case) != actor.user_id
    )


# --- asking ---------------------------------------------------------------------------------------------------------


def ask_agency(session: Session, pack: Pack, actor: Actor, case: Case, agency: str, question: Question) -> Advice:
    """Raises Invalid, NotAllowed. The same question to the same agency, still open, is the one that is there."""
    case = access.lock(session, case.id)
    hands.check(session, case, actor)
    known = {row.code for row in lookup.in_force(pack.agencies, clock.today(pack.zone))} - {case.agency}
    if agency not in known:
        raise Invalid(Problem(_("Choose the agency that is asked."), "agency", "unknown"))
    advice, new = begin(session, pack, actor, case, question, pack.advice.working_days, asked_of=agency)
    if new:
        advice_mail.asked(session, advice, case)
    return advice


def begin(
    session: Session, pack: Pack, actor: Actor, case: Case, question: Question, standard: int, **adviser: str
) -> tuple[Advice, bool]:
    text = _needed(question.text, "question", _("Write what you ask."))
    days = standard if question.days is None else question.days
    if not 1 <= days <= 90:
        raise Invalid(Problem(_("Give from 1 to %(most)s working days.", most=90), "days", "range"))
    submission = session.get_one(Submission, case.current_submission_id)
    whom = "expert_email" if "expert_email" in adviser else "asked_of"
    open_now = session.scalars(
        select(Advice).where(Advice.case_id == case.id, Advice.ended_at.is_(None)).order_by(Advice.id)
    ).all()
    for each in open_now:
        if getattr(each, whom) == adviser[whom] and each.question == text:
            return each, False
    if len(open_now) >= MOST_OPEN:
        message = _("This case already waits for %(most)s pieces of advice. Take one back first.", most=MOST_OPEN)
        raise Invalid(Problem(message, None, "too_many"))
    now = clock.now()
    due_at = working_days.add(pack, now, days, adviser.get("asked_of", case.agency or ""))
    stop = standstill.begin(session, pack, case, due_at) if pack.advice.stops_clock else None
    year = now.astimezone(pack.zone).year
    advice = Advice(
        reference=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        case_id=case.id,
        submission_id=submission.id,
        agency=case.agency,
        question=text,
        parts=[key for key in submission.data if key in question.parts],
        papers=[each for each in submission.documents if each["upload_id"] in question.papers],
        with_people=question.with_people,
        asked_by=actor.user_id,
        asked_at=now,
        days=days,
        due_at=due_at,
        told=1 if days <= pack.advice.remind_before else 0,  # they have just been asked
        clock_days_left=stop.days if stop is not None else None,
        **adviser,
    )
    session.add(advice)
    session.flush()
    shown = {"parts": advice.parts, "papers": [each["sha256"] for each in advice.papers], "people": advice.with_people}
    note(
        session, actor, ASKED, advice, case, {"of": advice.asked_of or "expert", "days": days, **shown},
        personal={"expert": advice.expert_name, "email": advice.expert_email} if advice.by_expert else None,
    )  # fmt: skip
    return advice, True


def withdraw(session: Session, pack: Pack, actor: Actor, advice: Advice, reason: str, *, version: int) -> Advice:
    """By who has the case, or a supervisor of its agency. Raises Invalid, NotAllowed, Stale."""
    advice, case = take_up(session, advice, version)
    hands.check(session, case, actor)
    reason = _needed(reason, "reason", _("Say why it is not needed any more."))
    return finish(session, pack, actor, advice, case, AdviceState.WITHDRAWN, reason)


# --- answering ------------------------------------------------------------------------------------------------------


def take(session: Session, actor: Actor, advice: Advice, *, version: int) -> Advice:
    """Raises NotAllowed, Stale."""
    advice, case = take_up(session, advice, version, AdviceState.ASKED)
    _adviser(session, actor, advice, case)
    advice.state, advice.taken_by, advice.taken_at = AdviceState.TAKEN.value, actor.user_id, clock.now()
    advice.version += 1
    note(session, actor, TAKEN, advice, case)
    session.flush()
    return advice


def decline(session: Session, pack: Pack, actor: Actor, advice: Advice, reason: str, *, version: int) -> Advice:
    """The adviser cannot say anything to it. Raises Invalid, NotAllowed, Stale."""
    advice, case = take_up(session, advice, version)
    _adviser(session, actor, advice, case)
    reason = _needed(reason, "reason", _("Say why you cannot advise."))
    return finish(session, pack, actor, advice, case, AdviceState.DECLINED, reason)


def answer(
    session: Session,
    pack: Pack,
    actor: Actor,
    advice: Advice,
    given: Answer,
    *,
    version: int,
    paper: tuple[BinaryIO, str] | None = None,
) -> Advice:
    """``paper``: a file and its name. Raises Invalid, NotAllowed, Stale; of two answers at once one is taken."""
    text = _needed(given.text, "answer", _("Write your advice."))
    if given.opinion not in set(Opinion):
        raise Invalid(Problem(_("Choose what you advise."), "opinion", "required"))
    attached = _attached(*paper) if paper is not None else None
    advice, case = take_up(session, advice, version)
    _adviser(session, actor, advice, case)
    proposed: list[Any] = []
    if given.opinion == Opinion.CONDITIONS and given.conditions:
        proposed = grounds.chosen(pack, "conditions", case.service, given.conditions)
    advice.opinion, advice.answer, advice.conditions = given.opinion, text, proposed
    advice.answered_by = actor.user_id
    if attached is not None:
        advice.paper, advice.paper_sha256 = attached, attached["sha256"]
    return finish(session, pack, actor, advice, case, AdviceState.ANSWERED, "")


def _attached(stream: BinaryIO, filename: str) -> dict[str, Any]:
    """Examined and kept as an applicant's document is; it belongs to the advice, which no applicant reads."""
    content = stream.read(uploads.MOST_BYTES + 1)
    if not content:
        raise uploads.refusal("empty", "paper")
    store.current().check_room()
    clean = uploads.examine(content, field="paper")
    return {
        "filename": uploads.shown_name(filename, clean.media_type),
        "media_type": clean.media_type,
        "size": len(clean.content),
        "sha256": store.current().put(clean.content),
    }


def _adviser(session: Session, actor: Actor, advice: Advice, case: Case) -> None:
    if advice.by_expert:
        if actor.kind != "expert":
            raise NotAllowed
    elif not may_advise(session, actor, advice, case):
        raise NotAllowed


# --- the end of it --------------------------------------------------------------------------------------------------

_VERBS = {
    AdviceState.ANSWERED: ANSWERED,
    AdviceState.DECLINED: DECLINED,
    AdviceState.WITHDRAWN: WITHDRAWN,
    AdviceState.EXPIRED: EXPIRED,
}


def finish(
    session: Session, pack: Pack, actor: Actor, advice: Advice, case: Case, state: AdviceState, reason: str
) -> Advice:
    advice.state, advice.ended_at, advice.ended_reason = state.value, clock.now(), reason
    advice.version += 1
    standstill.end(session, pack, case, advice)
    session.flush()
    detail: dict[str, Any] = {"reason": reason} if reason else {}
    if state is AdviceState.ANSWERED:
        detail = {"opinion": advice.opinion, "conditions": [each["code"] for each in advice.conditions]}
        if advice.paper_sha256:
            detail["paper_sha256"] = advice.paper_sha256
    note(session, actor, _VERBS[state], advice, case, detail)
    advice_mail.ended(session, advice, case, actor)
    return advice


def close(session: Session, pack: Pack, actor: Actor, case: Case) -> None:
    """Take back what is still asked about a locked case that has come to its end."""
    still = select(Advice).where(Advice.case_id == case.id, Advice.ended_at.is_(None)).order_by(Advice.id)
    with use_locale(pack.locale(pack.default_language), pack.zone):  # another agency reads it
        reason = _("The case was closed.")
    for advice in session.scalars(still.with_for_update().execution_options(populate_existing=True)).all():
        finish(session, pack, actor, advice, case, AdviceState.WITHDRAWN, reason)


# --- small things ---------------------------------------------------------------------------------------------------


def take_up(session: Session, advice: Advice, version: int | None, *states: AdviceState) -> tuple[Advice, Case]:
    """Case and advice locked, with the values they have now. ``version`` None: whatever it is, ended or not."""
    case = access.lock(session, advice.case_id)
    wanted = select(Advice).where(Advice.id == advice.id).with_for_update()
    current = session.scalars(wanted.execution_options(populate_existing=True)).one()
    if version is not None and (current.version != version or AdviceState(current.state) not in (states or OPEN)):
        raise Stale(STALE)
    return current, case


def note_viewed(session: Session, actor: Actor, advice: Advice, case: Case) -> None:
    note(session, actor, VIEWED, advice, case)


def note_paper(session: Session, actor: Actor, advice: Advice, case: Case, sha256: str) -> None:
    note(session, actor, PAPER, advice, case, {"sha256": sha256})


def note(
    session: Session,
    actor: Actor,
    verb: str,
    advice: Advice,
    case: Case,
    detail: dict[str, Any] | None = None,
    *,
    personal: dict[str, Any] | None = None,
) -> None:
    entries.record(
        session, actor, verb, subject=f"advice:{advice.id}", reference=advice.reference, case_id=case.id,
        business_id=case.business_id, detail={"case": case.reference, **(detail or {})}, personal=personal,
    )  # fmt: skip


def _needed(text: str, field: str, message: str) -> str:
    text = text.strip()
    if len(text) < 3:
        raise Invalid(Problem(message, field, "required"))
    if len(text) > LONGEST:
        raise Invalid(Problem(_("Use %(limit)s characters or fewer.", limit=LONGEST), field, "too_long"))
    return text


def proposed(advices: Iterable[Advice]) -> dict[str, str]:
    """Condition codes that advisers proposed, and whose proposal it was."""
    return {
        str(each["code"]): advice.reference
        for advice in advices
        if advice.state == AdviceState.ANSWERED
        for each in advice.conditions
    }
