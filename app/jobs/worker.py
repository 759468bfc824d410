"""The worker: one process that runs jobs until it is told to stop, and comes back by itself when the database does.

procrastinate fetches, retries and finishes; the handlers are ours (``jobs.queue``). Each job runs in a thread; how
many of a queue run at once is in ``queue.QUEUES``.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import procrastinate
import psycopg
import psycopg_pool
from procrastinate import exceptions
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job as QueueJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from app.core import clock, db
from app.jobs import queue
from app.jobs.slots import Slots

MOST_RESCUES = 10
SILENT_FOR = 30.0  # seconds without a heartbeat after which a worker counts as dead
GRACE = 25.0  # seconds running jobs have to finish after a stop signal
RESCUE = "jobs.rescue_stalled"
LOST_DATABASE = (exceptions.ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout, OSError)
log = logging.getLogger(__name__)

_STALLED = text(
    "SELECT job.id, job.task_name, job.args, job.attempts FROM procrastinate_jobs AS job"
    " LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id"
    " WHERE job.status = 'doing' AND (worker.id IS NULL"
    " OR worker.last_heartbeat < now() - make_interval(secs => :secs)) ORDER BY job.id FOR UPDATE OF job SKIP LOCKED"
)


@queue.task(RESCUE, retry=queue.NEVER)
def rescue_stalled(session: Session) -> None:
    """Give the jobs of dead workers back to the queue; one that killed ten workers is given up."""
    for row in session.execute(_STALLED, {"secs": SILENT_FOR}).all():
        job = queue.Job(row.id, row.task_name, queue.arguments(row.task_name, row.args), row.attempts)
        log.warning("job rescued from a dead worker", extra={"job": job.id, "task": job.name})
        if job.attempts + 1 < MOST_RESCUES:
            session.execute(queue.RETRY, {"id": job.id, "at": clock.now()})
            continue
        session.execute(queue.FINISH, {"id": job.id, "status": "failed", "delete": False})
        queue.failed(session, job, "WorkerDied", final=True)


queue.periodic("* * * * *", RESCUE)


class _Backoff(BaseRetryStrategy):
    def __init__(self, retry: queue.Retry) -> None:
        self.retry = retry

    def get_retry_decision(self, *, exception: BaseException, job: QueueJob) -> RetryDecision | None:
        wait = self.retry.wait(job.attempts + 1)
        return None if wait is None else RetryDecision(retry_at=clock.now() + wait)


def _runner(task: queue.Task) -> Callable[..., None]:
    def run(context: JobContext, **stored: Any) -> None:
        assert context.job.id is not None
        job = queue.Job(context.job.id, task.name, queue.arguments(task.name, stored), context.job.attempts)
        try:
            with db.unit_of_work() as session:
                task.handler(session, **job.arguments)
                queue.succeeded(session, job)
        except Exception as error:
            with db.unit_of_work() as session:
                queue.failed(session, job, error)
            raise

    return run


def conninfo(url: URL) -> str:
    """libpq's form of an SQLAlchemy address; a Unix socket's folder is in the query (``?host=/run/postgresql``)."""
    options: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "options": "-c timezone=UTC",
        **{name: value for name, value in url.query.items() if isinstance(value, str)},
    }
    return make_conninfo("", **{name: value for name, value in options.items() if value is not None})


def build_app(url: URL, queues: Collection[str] = tuple(queue.QUEUES)) -> procrastinate.App:
    """A procrastinate app that knows every task registered so far, works on ``queues`` and asks for what is periodic
    there, so that nothing piles up which no worker does. The rescue is everybody's."""
    connector = procrastinate.PsycopgConnector(conninfo=conninfo(url), min_size=1, max_size=4)
    app = procrastinate.App(connector=connector)
    app.job_manager = Slots(connector, {name: queue.QUEUES[name] for name in queues})
    for task in queue.tasks.values():
        run = app.task(name=task.name, retry=_Backoff(queue.retry_of(task)), pass_context=True, queue=task.queue)(
            _runner(task)
        )
        if task.queue not in queues and task.name != RESCUE:
            continue
        where = task.queue if task.queue in queues else min(queues)
        for number, periodic in enumerate(queue.periodics):
            if periodic.name == task.name:
                app.periodic_registry.register_task(
                    task=run, cron=periodic.cron, periodic_id=str(number), configure_kwargs={"queue": where}
                )
    return app


def run(modules: Sequence[str] = (), *, queues: Collection[str] = tuple(queue.QUEUES)) -> None:
    """Import ``modules`` (they register tasks), then work on ``db.database()`` until SIGTERM or SIGINT.

    Jobs that are running then have 25 seconds to finish; afterwards the next worker runs them again.
    """
    for module in modules:
        import_module(module)
    # procrastinate logs the arguments and results of jobs; ours logs what may be logged.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    asyncio.run(_keep_working(db.database().engine.url, queues))


async def _keep_working(url: URL, queues: Collection[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    slots = sum(queue.QUEUES[name] for name in queues)
    loop.set_default_executor(ThreadPoolExecutor(slots))  # by itself it may have fewer threads: a queue in disguise
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    pause = 1.0
    while not stop.is_set():
        started = loop.time()
        worker = asyncio.create_task(_work(url, queues, slots))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not worker.done():
            worker.cancel()
        result = (await asyncio.gather(worker, return_exceptions=True))[0]
        if stop.is_set():
            return
        # Only losing the database ends a worker by itself.
        if result is not None and not isinstance(result, LOST_DATABASE):
            raise result
        pause = 1.0 if loop.time() - started > 60 else min(30.0, pause * 2)
        log.warning("the database is away; trying again", extra={"seconds": pause})
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


async def _work(url: URL, queues: Collection[str], slots: int) -> None:
    app = build_app(url, queues)
    async with app.open_async():
        await app.run_worker_async(
            queues=[*queues],
            concurrency=slots,
            install_signal_handlers=False,
            shutdown_graceful_timeout=GRACE,
            delete_jobs="successful",
            stalled_worker_timeout=SILENT_FOR,
        )
