"""Forms a person had filled when their session ended: kept a day, given back once they have signed in again."""

from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.identity.models import ParkedForm

KEPT = timedelta(hours=24)
LARGEST = 64 * 1024


def park(session: Session, *, path: str, fields: list[tuple[str, str]], user_id: int | None, nonce: str) -> str | None:
    """Keep ``fields`` for ``user_id`` or, when that is unknown, for whoever first signs in with the browser's
    ``nonce``. The token to fetch them with; None when there is nothing to keep or it is larger than 64 kB."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in fields)
    if not fields or size > LARGEST:
        return None
    token = identifiers.token()
    now = clock.now()
    session.add(
        ParkedForm(
            digest=identifiers.digest(token),
            user_id=user_id,
            nonce_digest=identifiers.digest(nonce),
            path=path,
            # PostgreSQL's JSON cannot hold the zero sign.
            fields=[[name.replace("\0", ""), value.replace("\0", "")] for name, value in fields],
            created_at=now,
            expires_at=now + KEPT,
        )
    )
    session.flush()
    return token


def fetch(session: Session, *, token: str, path: str, user_id: int, nonce: str | None) -> list[tuple[str, str]]:
    """The fields parked for this person and this page; empty for anyone or anything else."""
    row = session.execute(
        select(ParkedForm).where(
            ParkedForm.digest == identifiers.digest(token),
            ParkedForm.path == path,
            ParkedForm.expires_at > clock.now(),
            or_(ParkedForm.user_id == user_id, ParkedForm.user_id.is_(None)),
        )
    ).scalar_one_or_none()
    if row is None:
        return []
    if row.user_id is None and (nonce is None or identifiers.digest(nonce) != row.nonce_digest):
        return []
    return [(str(name), str(value)) for name, value in row.fields]


def claim(session: Session, *, user_id: int, nonce: str | None) -> None:
    """At sign-in: what this browser parked for nobody in particular is this person's from now on."""
    if nonce:
        session.execute(
            update(ParkedForm)
            .where(ParkedForm.nonce_digest == identifiers.digest(nonce), ParkedForm.user_id.is_(None))
            .values(user_id=user_id)
        )


def purge(session: Session) -> int:
    """Delete what has been kept its day; how many."""
    return len(
        session.execute(delete(ParkedForm).where(ParkedForm.expires_at <= clock.now()).returning(ParkedForm.id)).all()
    )
