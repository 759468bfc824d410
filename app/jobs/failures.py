"""Jobs that failed for good, for someone who can act: what they were, and starting them again."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NotFound
from app.jobs import queue


@dataclass(frozen=True)
class Failure:
    id: int
    task: str
    arguments: dict[str, Any]
    attempts: int
    error: str
    at: datetime | None


_LIST = text(
    "SELECT job.id, job.task_name, job.args, job.attempts, coalesce(error.error, ''), error.at"
    " FROM procrastinate_jobs AS job LEFT JOIN job_errors AS error ON error.job_id = job.id"
    " WHERE job.status = 'failed' AND job.task_name <> ALL(:without)"
    " AND (CAST(:before AS bigint) IS NULL OR job.id < :before) ORDER BY job.id DESC LIMIT :limit"
)
_COUNT = text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed' AND task_name <> ALL(:without)")
_SAME = text(
    "SELECT id FROM procrastinate_jobs WHERE status = 'failed' AND task_name = :name"
    " AND args = CAST(:arguments AS jsonb) ORDER BY id DESC LIMIT 1 FOR UPDATE"
)


def list(
    session: Session, *, without: Collection[str] = (), before: int | None = None, limit: int = 50
) -> tuple[Failure, ...]:
    """Newest first, but not those of the tasks ``without``; ``before`` is the id of the last one of the page before."""
    values = {"without": [*without], "before": before, "limit": limit}
    return tuple(Failure(*row) for row in session.execute(_LIST, values))


def count(session: Session, *, without: Collection[str] = ()) -> int:
    return int(session.execute(_COUNT, {"without": [*without]}).scalar_one())


def get(session: Session, job_id: int) -> Failure:
    """Raises NotFound when no failed job has this id."""
    found = list(session, before=job_id + 1, limit=1)
    if not found or found[0].id != job_id:
        raise NotFound()
    return found[0]


def retry(session: Session, job_id: int) -> None:
    """Run it once more, now. Raises NotFound when no failed job has this id."""
    found = session.execute(
        text("SELECT 1 FROM procrastinate_jobs WHERE id = :id AND status = 'failed' FOR UPDATE"), {"id": job_id}
    ).one_or_none()
    if found is None:
        raise NotFound()
    session.execute(queue.RETRY, {"id": job_id, "at": clock.now()})


def ask_again(session: Session, name: str, **arguments: Any) -> None:
    """Run the failed job with exactly these arguments once more, or ask for a new one when it is gone."""
    found = session.execute(_SAME, {"name": name, "arguments": json.dumps(arguments)}).scalar()
    if found is None:
        queue.enqueue(session, name, **arguments)
    else:
        session.execute(queue.RETRY, {"id": found, "at": clock.now()})
