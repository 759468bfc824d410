"""What an applicant has at hand: the cases that wait for them, and those an agency has."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, select, union_all
from sqlalchemy.orm import Session, aliased

from app.cases.models import Case
from app.cases.workflow import ON_DESK, State
from app.identity.actor import Actor

MOST = 8  # of each; the list of cases has them all
# An unanswered question or an unpaid bill is never pushed out of sight by newer drafts.
_STANDS_STILL = (State.RETURNED, State.AWAITING_PAYMENT)


@dataclass(frozen=True)
class AtHand:
    waiting: list[Case]
    under_way: list[Case]


def at_hand(session: Session, actor: Actor) -> AtHand:
    """Of the business they act for, and their own that belong to no business yet; in one statement."""
    whose = [and_(Case.applicant_id == actor.user_id, Case.business_id.is_(None))]
    if actor.business_id is not None:
        whose.append(Case.business_id == actor.business_id)
    latest = [_latest(each, states) for each in whose for states in (_STANDS_STILL, (State.DRAFT,), ON_DESK)]
    any_of_them = aliased(Case, union_all(*latest).subquery())
    found = session.scalars(select(any_of_them).order_by(any_of_them.updated_at.desc(), any_of_them.id.desc())).all()
    still = [case for case in found if case.state in _STANDS_STILL]
    drafts = [case for case in found if case.state == State.DRAFT]
    under_way = [case for case in found if case.state in ON_DESK]
    return AtHand([*still, *drafts][:MOST], under_way[:MOST])


def _latest(whose: ColumnElement[bool], states: Collection[State]) -> Select[Case]:
    values: BindParameter[list[str]] = bindparam(
        "states", sorted(states), expanding=True, literal_execute=True, unique=True
    )
    return (
        select(Case)
        .where(whose, Case.state.in_(values), Case.disposed_at.is_(None))
        .order_by(Case.updated_at.desc(), Case.id.desc())
        .limit(MOST)
    )
