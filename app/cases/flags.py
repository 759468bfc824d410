"""The rules at work on a case: its team and its flags are set, and people clear flags.

All of it happens while the case's row is locked, as approving does; the schema refuses what would slip through.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import access, corrections, four_eyes, history, involved, standing_in
from app.cases.flags_models import CaseFlag, Clearance
from app.cases.models import Case, Submission
from app.cases.registry import ServiceDefinition
from app.cases.routing import Change, Facts, History, Live, Rules, Standing, evaluate, plan
from app.cases.workflow import OPEN, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.identity.actor import Actor
from app.identity.policy import Permission
from app.jurisdictions.model import Pack

LEAST_REASON = 3  # characters
LONGEST_REASON = 2000
LIVE: ColumnElement[bool] = CaseFlag.lapsed_at.is_(None)

involved.register(CaseFlag.cleared_by, CaseFlag.case_id)


def of_case(session: Session, case_id: int) -> list[CaseFlag]:
    """Those that stand or were cleared, as they are now, the first one raised first."""
    return list(
        session.scalars(
            select(CaseFlag)
            .where(CaseFlag.case_id == case_id, LIVE)
            .order_by(CaseFlag.id)
            .execution_options(populate_existing=True)
        )
    )


# --- running the rules ---------------------------------------------------------------------------------------------


def run_on(
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, submission: Submission, actor: Actor
) -> Change:
    """Run the rules in force on what was just sent; the case is locked."""
    session.flush()
    rules = Rules.of(pack, clock.today(pack.zone))
    before = session.execute(select(*history.columns()).where(Case.id == case.id)).one()
    facts = facts_of(pack, definition, case.agency or "", submission, history.of(tuple(before), pack.zone))
    flags = of_case(session, case.id)
    standing = Standing(
        case.agency or "", submission.id, case.team, case.team_by, tuple(Live.of(flag) for flag in flags)
    )
    change = plan(rules, standing, evaluate(rules, facts))
    former = case.team
    case.team, case.team_by, case.rules_version = change.team, change.team_by, rules.version
    write(session, rules, case.id, submission.id, change)
    note(session, actor, rules, change, case_id=case.id, reference=case.reference, business_id=case.business_id,
         former=former)  # fmt: skip
    return change


def facts_of(pack: Pack, definition: ServiceDefinition, agency: str, submission: Any, past: History) -> Facts:
    """``submission`` has ``data`` and ``submitted_at``."""
    sent = submission.submitted_at.astimezone(pack.zone).date()
    return Facts(definition.code, agency, sent, definition.traits(pack, submission.data, sent), past)


def write(session: Session, rules: Rules, case_id: int, submission_id: int, change: Change) -> None:
    """The rows of the flags; those of the case are the caller's."""
    now = clock.now()
    if change.ended:
        ended = [flag.id for flag in change.ended]
        session.execute(update(CaseFlag).where(CaseFlag.id.in_(ended), LIVE).values(lapsed_at=now))
    session.add_all(
        CaseFlag(
            case_id=case_id,
            submission_id=submission_id,
            code=raised.rule.code,
            names=dict(raised.rule.names),
            explanation=dict(raised.rule.explanation),
            legal_ref=raised.rule.legal_ref,
            basis=raised.basis,
            rules_version=rules.version,
            blocks=raised.rule.blocks_issuing,
            clearable_by=raised.rule.cleared_by,
            raised_at=now,
        )
        for raised in change.raised
    )
    session.flush()


def note(
    session: Session,
    actor: Actor,
    rules: Rules,
    change: Change,
    *,
    case_id: int,
    reference: str,
    business_id: int | None,
    former: str | None,
) -> None:
    """The audit entry of a change; nothing where nothing changed."""
    if change.nothing:
        return
    entries.record(
        session,
        actor,
        "case.routed",
        subject=f"case:{case_id}",
        reference=reference,
        case_id=case_id,
        business_id=business_id,
        detail={
            "rules": rules.version,
            "team": [former, change.team],
            "rule": change.rule,
            "raised": [each.rule.code for each in change.raised],
            "lapsed": [flag.code for flag in change.lapsed],
        },
    )


# --- what stops an approval ----------------------------------------------------------------------------------------


def check_may_approve(flags: Sequence[CaseFlag], actor: Actor, *, two: bool) -> None:
    """Raise NotAllowed while a blocking flag stands; and, where one official may approve alone (``two`` is false), for
    who cleared one: two people have seen to it in any case."""
    for flag in flags:
        if flag.stops:
            raise NotAllowed(
                _("This cannot be approved while the flag “%(flag)s” stands.", flag=flag.name), code="flagged"
            )
    for flag in flags:
        if not two and flag.blocks and flag.cleared_by is not None and flag.cleared_by == actor.user_id:
            raise NotAllowed(
                _("You cleared the flag “%(flag)s”, so another person must approve.", flag=flag.name), code="four_eyes"
            )


# --- clearing ------------------------------------------------------------------------------------------------------


def may_clear(session: Session, case: Case, flag: CaseFlag, actor: Actor, bars: corrections.Bars) -> bool:
    """A supervisor any flag that can be cleared; a clerk those of their rank on cases that are theirs, or a colleague's
    they stand in for. Nobody whom an appeal keeps out of the case (``bars``)."""
    if not flag.stands or State(case.state) not in OPEN or flag.clearable_by == Clearance.NOBODY:
        return False
    if corrections.barred(bars, actor.user_id, deciding=False):
        return False
    if access.may(actor, case, Permission.CASE_DECIDE):
        return True
    if flag.clearable_by != Clearance.CLERK or not access.may(actor, case, Permission.CASE_REVIEW):
        return False
    holds = case.assigned_to is not None and case.assigned_to == actor.user_id
    return holds or standing_in.may(session, case, actor.user_id)


def clear(session: Session, case: Case, flag_id: int, actor: Actor, reason: str) -> CaseFlag:
    """Raises NotFound, Stale when it does not stand any more, NotAllowed, or Invalid (field ``reason``)."""
    case = access.lock(session, case.id)
    flag = next((each for each in of_case(session, case.id) if each.id == flag_id), None)
    if flag is None:
        if session.scalar(select(CaseFlag.id).where(CaseFlag.id == flag_id, CaseFlag.case_id == case.id)) is None:
            raise NotFound
        raise Stale(_("This flag does not stand any more."))
    if not flag.stands:
        raise Stale(_("This flag does not stand any more."))
    four_eyes.check_not_sender(actor, session.get(Submission, case.current_submission_id or 0))
    if not may_clear(session, case, flag, actor, corrections.bars_of(session, case)):
        raise NotAllowed(_("You may not clear this flag."))
    reason = reason.strip()
    if len(reason) < LEAST_REASON:
        raise Invalid(Problem(_("Write why the flag may be cleared."), "reason", "required"))
    if len(reason) > LONGEST_REASON:
        raise Invalid(Problem(_("Use a shorter text."), "reason", "too_long"))
    flag.cleared_at, flag.cleared_by, flag.clear_reason = clock.now(), actor.user_id, reason
    entries.record(
        session, actor, "case.flag_cleared", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, agency=case.agency or "",
        detail={"flag": flag.code, "blocks": flag.blocks, "rules": flag.rules_version, "reason": reason},
        authority=flag.legal_ref,
    )  # fmt: skip
    session.flush()
    return flag
