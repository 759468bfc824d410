"""Queues: work of one kind never waits for work of another, whatever that one is waiting for."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import cli
from app.core import db
from app.jobs import failures, queue, worker
from app.jobs.slots import Slots
from tests.unit.test_jobs import ROOT, status, until

# Whoever holds lock 1 holds up every job "hold_…".
TASKS = """
from sqlalchemy import text
from app.jobs import queue

def mark(session, name):
    session.execute(text("INSERT INTO marks (name) VALUES (:name)"), {"name": name})

def hold(session, name):
    session.execute(text("SELECT pg_advisory_lock_shared(1)"))
    session.execute(text("SELECT pg_advisory_unlock_shared(1)"))
    mark(session, name)

for kind in queue.QUEUES:
    queue.task(f"test.mark_{kind}", queue=kind)(mark)
    queue.task(f"test.hold_{kind}", queue=kind)(hold)
"""
PROGRAM = (
    "import sys\nfrom app.core import db\nfrom app.jobs import queue, worker\ndb.configure(db.Database(sys.argv[1]))\n"
    "worker.run(['test_queue_tasks'], queues=sys.argv[2:] or tuple(queue.QUEUES))\n"
)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks of the worker are known here too: whoever asks for one says its queue."""
    monkeypatch.setattr(queue, "tasks", dict(queue.tasks))
    exec(TASKS, {})


@contextmanager
def working(database: db.Database, folder: Path, *queues: str) -> Iterator["subprocess.Popen[bytes]"]:
    (folder / "test_queue_tasks.py").write_text(TASKS)
    with db.unit_of_work() as session:
        session.execute(text("CREATE TABLE marks (id bigserial, name text)"))
    url = database.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, *queues],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def held_up(database: db.Database) -> Iterator[None]:
    with database.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(1)"))
        yield
        connection.execute(text("SELECT pg_advisory_unlock(1)"))


def ask(*names: str, **options: Any) -> list[int]:
    with db.unit_of_work() as session:
        return [queue.enqueue(session, f"test.{name}", name=name, **options) for name in names]


def count(session: Session, kind: str, state: str) -> int:
    query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name AND status::text = :state")
    return int(session.execute(query, {"name": f"test.hold_{kind}", "state": state}).scalar_one())


def wait_for(*jobs: int, state: str | None = None) -> None:
    """Until all are done, or in ``state``. Sooner than the database is asked without being told."""
    until(lambda session: all(status(session, job) == state for job in jobs), seconds=4)


def marks(session: Session) -> list[str]:
    return [*session.execute(text("SELECT name FROM marks ORDER BY id")).scalars()]


@pytest.mark.usefixtures("tasks")
def test_while_everything_else_is_held_up_mails_go_out_and_papers_are_made(
    committed: db.Database, tmp_path: Path
) -> None:
    busy = [kind for kind in queue.QUEUES if kind not in {"mails", "papers"}]
    with held_up(committed), working(committed, tmp_path) as process:
        for kind in busy:
            ask(*[f"hold_{kind}"] * (queue.QUEUES[kind] + 2))
        until(lambda session: all(count(session, kind, "doing") == queue.QUEUES[kind] for kind in busy))
        for _ in range(2):
            wait_for(*ask("mark_mails", "mark_papers"))
        with db.unit_of_work() as session:
            assert sorted(marks(session)) == ["mark_mails"] * 2 + ["mark_papers"] * 2
            for kind in busy:
                assert count(session, kind, "doing") == queue.QUEUES[kind], "never more at once"
                assert count(session, kind, "todo") == 2
        assert process.poll() is None


@pytest.mark.usefixtures("tasks")
def test_the_next_of_a_full_queue_starts_when_one_ends_and_a_stop_waits_for_all_at_work(
    committed: db.Database, tmp_path: Path
) -> None:
    with working(committed, tmp_path) as process:
        with held_up(committed):
            ask(*["hold_bulk"] * 4)
            until(lambda session: count(session, "bulk", "doing") == 1)
        until(lambda session: len(marks(session)) == 4, seconds=4)  # three ends: sooner than three polls
        with held_up(committed):
            running = ask("hold_bulk", "hold_webhooks", "hold_papers")
            wait_for(*running, state="doing")
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        with db.unit_of_work() as session:
            assert [status(session, job) for job in running] == [None] * 3
            assert len(marks(session)) == 7


@pytest.mark.usefixtures("tasks")
def test_a_lock_keeps_its_order_across_queues(committed: db.Database, tmp_path: Path) -> None:
    with working(committed, tmp_path):
        with held_up(committed):
            first = ask("hold_bulk", lock="one")
            until(lambda session: count(session, "bulk", "doing") == 1)
            second = ask("mark_mails", lock="one")
            wait_for(*ask("mark_papers"))
        wait_for(*first, *second)
        with db.unit_of_work() as session:
            assert marks(session) == ["mark_papers", "hold_bulk", "mark_mails"]


@pytest.mark.usefixtures("tasks")
def test_a_worker_for_some_queues_leaves_the_others_alone_and_does_what_waited_in_them_before(
    committed: db.Database, tmp_path: Path
) -> None:
    with working(committed, tmp_path, "papers", queue.DEFAULT_QUEUE):
        (mail,) = ask("mark_mails")
        with db.unit_of_work() as session:  # as it was asked for before papers had a queue
            old = queue.enqueue(session, "test.mark_papers", name="old")
            session.execute(
                text("UPDATE procrastinate_jobs SET queue_name = :name WHERE id = :id"),
                {"name": queue.DEFAULT_QUEUE, "id": old},
            )
        (new,) = ask("mark_papers")
        until(lambda session: status(session, old) is None and status(session, new) is None)
        with db.unit_of_work() as session:
            assert status(session, mail) == "todo"


@pytest.mark.usefixtures("tasks")
def test_a_worker_asks_for_what_is_periodic_in_its_queues_and_always_for_the_rescue(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "periodics", [queue.Periodic("* * * * *", worker.RESCUE)])
    for kind in ("bulk", "papers"):
        queue.periodic("* * * * *", f"test.mark_{kind}")

    def asked_for(*queues: str) -> dict[str, Any]:
        registry = worker.build_app(database.engine.url, queues).periodic_registry
        return {each.task.name: each.configure_kwargs["queue"] for each in registry.periodic_tasks.values()}

    assert asked_for("papers") == {worker.RESCUE: "papers", "test.mark_papers": "papers"}
    assert asked_for("bulk", "default") == {worker.RESCUE: "default", "test.mark_bulk": "bulk"}


@pytest.mark.usefixtures("tasks")
def test_a_job_is_in_its_tasks_queue_and_stays_there_when_it_is_tried_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: Session) -> None:
        raise RuntimeError

    queue.task("test.fail", queue="texts", retry=queue.Retry(attempts=2, first=0))(fail)
    job = queue.enqueue(session, "test.fail")
    unknown = queue.enqueue(session, "test.of_a_newer_version")

    def queue_of(job: int) -> Any:
        return session.execute(
            text("SELECT queue_name FROM procrastinate_jobs WHERE id = :id"), {"id": job}
        ).scalar_one()

    assert (queue_of(job), queue_of(unknown)) == ("texts", queue.DEFAULT_QUEUE)
    queue.run_pending(session, reraise=False)
    failures.retry(session, job)
    assert queue_of(job) == "texts"


def test_a_task_names_a_queue_that_exists() -> None:
    with pytest.raises(ValueError, match="no queue post"):
        queue.task("test.lost", queue="post")
    assert "test.lost" not in queue.tasks


def test_the_slots_of_a_worker_have_connections_to_spare(database: db.Database) -> None:
    pool = db.Database(database.engine.url.render_as_string(hide_password=False))
    assert sum(queue.QUEUES.values()) < pool.engine.pool.size() + pool.engine.pool._max_overflow  # type: ignore[attr-defined]
    pool.close()


def test_a_job_that_ends_while_the_worker_asks_for_work_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """procrastinate forgets what it was told while it waited for the answer "nothing to do"."""
    first = Job(id=1, queue="bulk", lock=None, queueing_lock=None, task_name="test.first", task_kwargs={})
    second = Job(id=2, queue="bulk", lock=None, queueing_lock=None, task_name="test.second", task_kwargs={})
    asked: list[list[str]] = []
    waiting = [first, second]

    async def finish(self: JobManager, job: Job, status: Status, delete_job: bool) -> None:
        return

    async def fetch(self: JobManager, queues: list[str], worker_id: int) -> Job | None:
        asked.append(queues)
        if len(asked) == 2:  # the answer is being made, and the first ends
            await slots.finish_job(first, Status.SUCCEEDED, True)
        return waiting.pop(0) if "bulk" in queues else None

    monkeypatch.setattr(JobManager, "fetch_job", fetch)
    monkeypatch.setattr(JobManager, "finish_job", finish)
    slots = Slots(BaseConnector(), {"bulk": 1, "mails": 1})

    async def work() -> list[Job | None]:
        return [await slots.fetch_job(None, 1), await slots.fetch_job(None, 1)]

    assert asyncio.run(work()) == [first, second]
    assert asked == [["bulk", "mails"], ["mails"], ["bulk", "mails"]]


@pytest.mark.parametrize("value", ["paper", "papers,", ""])
def test_a_worker_for_a_queue_that_does_not_exist_says_which_there_are(value: str) -> None:
    result = CliRunner().invoke(cli.main, ["worker", "--queues", value])
    assert result.exit_code == 2
    assert "There is no queue" in result.output
    assert "mails, texts, webhooks" in result.output
