"""Several recommended cases of one service and kind, approved one after the other by somebody who opened each."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine, four_eyes
from app.cases.models import Case, Outcome, Recommendation, Sentences
from app.cases.workflow import Action, State
from app.core.errors import NotAllowed
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor
from app.identity.models import Membership, User

MOST = 100  # on the page, the most urgent first
AT_ONCE = 50


@dataclass(frozen=True)
class Waiting:
    """A case whose approval is recommended by somebody else."""

    case: Case
    recommended_by: str
    reasons: Sentences
    reason: str
    conditions: Sentences
    opened: bool  # by this person, since it was recommended

    @property
    def group(self) -> tuple[str, str]:
        return group(self.case)


def group(case: Case) -> tuple[str, str]:
    """Its service and kind: only cases that agree in both are approved together."""
    return case.service, case.likeness.partition(":")[0]


def _opened(actor: Actor) -> ColumnElement[bool]:
    return exists().where(
        Entry.case_id == Case.id,
        Entry.at >= Recommendation.recommended_at,
        Entry.verb == "case.viewed",
        Entry.actor_kind == "user",
        Entry.actor_id == actor.user_id,
    )


def waiting(session: Session, actor: Actor) -> list[Waiting]:
    """What this person could approve, apart from those whose kind is not known."""
    rows = session.execute(
        select(Case, Recommendation, User.name, _opened(actor))
        .join(Recommendation, Recommendation.case_id == Case.id)
        .join(User, User.id == Recommendation.recommended_by)
        .where(
            Case.state == State.RECOMMENDED.value,
            Case.agency.in_(sorted(actor.agencies)),
            Case.applicant_id != actor.user_id,
            Case.likeness != "",
            ~exists().where(Membership.user_id == actor.user_id, Membership.business_id == Case.business_id),
            Recommendation.voided_at.is_(None),
            Recommendation.outcome == Outcome.APPROVE.value,
            Recommendation.recommended_by != actor.user_id,
        )
        .order_by(Case.due_at, Case.id)
        .limit(MOST)
    )
    return [
        Waiting(case, name, recommendation.reasons, recommendation.reason, recommendation.conditions, opened)
        for case, recommendation, name, opened in rows
    ]


def groups(found: Iterable[Waiting]) -> dict[tuple[str, str], list[Waiting]]:
    gathered: dict[tuple[str, str], list[Waiting]] = {}
    for each in found:
        gathered.setdefault(each.group, []).append(each)
    return gathered


def approve(session: Session, case: Case, actor: Actor, *, version: int, like: tuple[str, str]) -> Case:
    """Approve one of them, exactly as on its own page; the caller commits each.

    Raises NotAllowed when it is of another kind than ``like`` or was not opened, and whatever ``engine.perform`` does.
    """
    if group(case) != like or not like[1]:
        raise NotAllowed(_l("It is of another kind than the others."), code="not_alike")
    recommendation = four_eyes.standing(session, case)
    if recommendation is not None and not session.scalar(
        select(_opened(actor)).select_from(Case).join(Recommendation, Recommendation.case_id == Case.id).where(
            Case.id == case.id, Recommendation.id == recommendation.id
        )
    ):  # fmt: skip
        raise NotAllowed(_l("You have not opened it since it was recommended."), code="not_opened")
    return engine.perform(session, case, Action.APPROVE, actor, version=version)


__all__ = ["AT_ONCE", "Waiting", "approve", "group", "groups", "waiting"]
