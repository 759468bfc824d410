"""Which teams of the pack an official is in. Somebody in no team of an agency has the whole agency before them."""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.identity.models import OfficialTeam, User


def of_user(session: Session, user_id: int) -> set[str]:
    return set(session.scalars(select(OfficialTeam.team).where(OfficialTeam.user_id == user_id)))


def set_teams(session: Session, user_id: int, teams: Collection[str]) -> bool:
    """Replace the teams they are in; whether anything changed. Two who do so at once do it one after the other."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    if of_user(session, user_id) == set(teams):
        return False
    session.execute(delete(OfficialTeam).where(OfficialTeam.user_id == user_id))
    session.add_all(OfficialTeam(user_id=user_id, team=team) for team in sorted(set(teams)))
    session.flush()
    return True
