"""Jobs: registering what can be done, asking for it inside the transaction, and doing what is due.

A task is a plain function ``(session, **kwargs)`` that runs in a unit of work of its own and may run twice (a worker
can die between the commit and the note that it finished), so it must be idempotent. Arguments are JSON and, because
they are shown to administrators and kept until the job is done, ids rather than personal data.

The web process only inserts rows, through the queue's own SQL function; it never loads the worker's library.
"""

import json
import logging
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, TextualSelect, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock, db
from app.jobs.models import JobError

Handler = Callable[..., None]
DEFAULT_QUEUE = "default"
QUEUES = {
    "mails": 2,
    "texts": 1,
    "webhooks": 2,
    "payments": 1,
    "papers": 1,
    "log": 1,
    "bulk": 1,
    DEFAULT_QUEUE: 1,
}
"""Kinds of work that must not hold each other up, and how many jobs of each one worker runs at a time.

Work that waits for somebody else's machine has a queue for each kind of machine; ``papers`` and ``log`` are promised
within seconds; ``bulk`` takes minutes and can wait; ``default`` is short and waits for nobody. ``papers`` has one slot
because a process has one that renders and one session with the keys. Their sum stays below the connections a process
may have (``db.Database``). A job keeps its queue: one that is taken out here leaves its jobs behind.
"""
_APP = f"{Path(__file__).resolve().parent.parent}/"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retry:
    """``attempts`` in all; the waits between them, in seconds, grow by ``factor`` from ``first`` up to ``longest``."""

    attempts: int = 6
    first: int = 10
    factor: int = 4
    longest: int = 6 * 3600

    def wait(self, failed: int) -> timedelta | None:
        """How long to wait after the ``failed``-th failure (1 is the first); None: give up."""
        if failed >= self.attempts:
            return None
        return timedelta(seconds=min(self.longest, self.first * self.factor ** (failed - 1)))


DEFAULT = Retry()
NEVER = Retry(attempts=1)


@dataclass(frozen=True)
class Failed:
    """``error`` is the kind and place; ``attempts`` counts this one; ``final``: nobody will try again by itself."""

    error: str
    attempts: int
    final: bool


@dataclass(frozen=True)
class Task:
    """``on_failure(session, failed, **arguments)`` is called in a unit of work of its own after each failure."""

    name: str
    handler: Handler
    retry: Retry
    on_failure: Handler | None = None
    queue: str = DEFAULT_QUEUE


Watcher = Callable[[Session, Failed, str], None]


@dataclass(frozen=True)
class Periodic:
    cron: str
    name: str


tasks: dict[str, Task] = {}
periodics: list[Periodic] = []
watchers: dict[str, Watcher] = {}


def task(
    name: str, *, queue: str = DEFAULT_QUEUE, retry: Retry = DEFAULT, on_failure: Handler | None = None
) -> Callable[[Handler], Handler]:
    """Register the decorated function under ``name`` (``documents.render_record``), in one of ``QUEUES``."""
    if queue not in QUEUES:
        raise ValueError(f"task {name}: there is no queue {queue}")

    def register(handler: Handler) -> Handler:
        if name in tasks:
            raise ValueError(f"task {name} is registered twice")
        tasks[name] = Task(name, handler, retry, on_failure, queue)
        return handler

    return register


def watch(name: str, watcher: Watcher) -> None:
    """Have ``watcher(session, failed, name)`` called when the task fails, as its ``on_failure`` is: for whoever stands
    further left than the task and wants to tell somebody."""
    watchers[name] = watcher


def periodic(cron: str, name: str) -> None:
    """Run task ``name``, without arguments, at the moments of ``cron`` (five fields, UTC).

    One worker does it each time; the one before may still be at work. It is not tried again, since its next moment
    comes, and only its latest failure is kept.
    """
    periodics.append(Periodic(cron, name))


_ENQUEUE = text(
    "SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :name, 0, CAST(:lock AS text), CAST(:once AS text),"
    " CAST(:arguments AS jsonb), CAST(:at AS timestamptz))::procrastinate_job_to_defer_v1]))"
)


def enqueue(
    session: Session, name: str, /, *, at: datetime | None = None, lock: str | None = None, **kwargs: Any
) -> int:
    """Ask for ``name`` to run after this transaction commits; nothing happens if it does not. Returns the job's id.

    ``at``: not before this moment. ``lock``: jobs with the same lock run one after another, in order.
    """
    queue = tasks[name].queue if name in tasks else DEFAULT_QUEUE
    values = {"queue": queue, "name": name, "lock": lock, "once": None, "arguments": json.dumps(kwargs), "at": at}
    return int(session.execute(_ENQUEUE, values).scalar_one())


def unfinished(name: str, argument: str, *, failed: bool = False) -> TextualSelect:
    """The values of ``argument``, an id, in the jobs ``name`` that wait or run, for an ``IN`` of another statement;
    ``failed``: also in those that failed for good and wait for a person."""
    found = text(
        "SELECT CAST(args ->> :argument AS bigint) AS value FROM procrastinate_jobs"
        " WHERE task_name = :name AND (status IN ('todo', 'doing') OR (:failed AND status = 'failed'))"
    )
    return found.bindparams(argument=argument, name=name, failed=failed).columns(value=BigInteger)


@dataclass(frozen=True)
class Job:
    id: int
    name: str
    arguments: dict[str, Any]
    attempts: int  # failed ones so far


def is_periodic(name: str) -> bool:
    return any(periodic.name == name for periodic in periodics)


def arguments(name: str, stored: dict[str, Any]) -> dict[str, Any]:
    """What the handler gets: the queue adds the moment of the schedule to periodic jobs, which take nothing."""
    return {} if is_periodic(name) else stored


def retry_of(task: Task) -> Retry:
    return NEVER if is_periodic(task.name) else task.retry


def describe(error: BaseException) -> str:
    """Kind and place of an error, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_APP)] or list(frames)
    place = f" at {'/'.join(ours[-1].filename.split('/')[-3:])}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"


def failed(session: Session, job: Job, error: BaseException | str, *, final: bool = False) -> timedelta | None:
    """Keep what went wrong for the administrators' list, log it, tell the task; returns the wait before a new try."""
    described = describe(error) if isinstance(error, BaseException) else error
    task = tasks.get(job.name)
    wait = retry_of(task).wait(job.attempts + 1) if task is not None and not final else None
    log.error("job failed", extra={"job": job.id, "task": job.name, "attempt": job.attempts + 1, "error": described})
    values = {"error": described, "at": clock.now()}
    statement = insert(JobError).values(job_id=job.id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[JobError.job_id], set_=values))
    forget_older(session, job)
    told = Failed(described, job.attempts + 1, final=wait is None)
    if task is not None and task.on_failure is not None:
        task.on_failure(session, told, **job.arguments)
    if job.name in watchers:
        watchers[job.name](session, told, job.name)
    return wait


# The queue's own function asks PostgreSQL for the time; here the portal's clock decides, which tests may move.
_NEXT = text(
    "SELECT id, task_name, args, attempts FROM procrastinate_jobs AS job WHERE status = 'todo'"
    " AND (scheduled_at IS NULL OR scheduled_at <= :now) AND (lock IS NULL OR NOT EXISTS (SELECT 1 FROM"
    " procrastinate_jobs AS other WHERE other.lock = job.lock AND (other.status = 'doing' OR (other.status = 'todo'"
    " AND other.id < job.id)))) ORDER BY priority DESC, id LIMIT 1 FOR UPDATE OF job SKIP LOCKED"
)
_START = text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = :id")
FINISH = text("SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), :delete)")
RETRY = text("SELECT procrastinate_retry_job_v2(:id, CAST(:at AS timestamptz), NULL, NULL, NULL)")
_FORGET = text("DELETE FROM job_errors WHERE job_id = :id")
_FORGET_OLDER = text(
    "WITH older AS (DELETE FROM procrastinate_jobs WHERE task_name = :name AND status = 'failed' AND id < :id"
    " RETURNING id) DELETE FROM job_errors USING older WHERE job_id = older.id"
)


def succeeded(session: Session, job: Job) -> None:
    """Forget the failures a job had before it succeeded, and those of the periodic jobs before it."""
    session.execute(_FORGET, {"id": job.id})
    forget_older(session, job)


def forget_older(session: Session, job: Job) -> None:
    if is_periodic(job.name):
        session.execute(_FORGET_OLDER, {"name": job.name, "id": job.id})


def run_pending(session: Session | None = None, *, limit: int = 10_000, reraise: bool = True) -> int:
    """Run what is due now, here and one after another, and what that asks for; returns how many ran.

    For tests and demo data. With a ``session`` everything happens inside its transaction; without one each job has
    its own. ``reraise`` passes the first error on; otherwise it is retried or given up as a worker would.
    """
    done = 0
    while done < limit:
        with nullcontext(session) if session is not None else db.unit_of_work() as current:
            if not _run_next(current, reraise=reraise):
                return done
        done += 1
    return done


def _run_next(session: Session, *, reraise: bool) -> bool:
    row = session.execute(_NEXT, {"now": clock.now()}).one_or_none()
    if row is None:
        return False
    job = Job(row.id, row.task_name, arguments(row.task_name, row.args), row.attempts)
    session.execute(_START, {"id": job.id})
    try:
        with session.begin_nested():
            if job.name not in tasks:
                raise LookupError(f"no task {job.name} is registered: import the module that does")
            tasks[job.name].handler(session, **job.arguments)
            session.flush()
    except Exception as error:
        if reraise:
            raise
        wait = failed(session, job, error)
        if wait is not None:
            session.execute(RETRY, {"id": job.id, "at": clock.now() + wait})
        else:
            session.execute(FINISH, {"id": job.id, "status": "failed", "delete": False})
    else:
        session.execute(FINISH, {"id": job.id, "status": "succeeded", "delete": True})
        succeeded(session, job)
    return True
