"""Jobs: they exist when the change that asked for them does, come back after failures, and survive their worker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from app.core import clock, db
from app.core.errors import NotFound
from app.jobs import failures, queue, worker

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def task() -> Iterator[Callable[..., None]]:
    """Register tasks for one test."""
    before, periodics = dict(queue.tasks), list(queue.periodics)

    def register(name: str, handler: queue.Handler, **options: Any) -> None:
        queue.task(name, **options)(handler)

    yield register
    queue.tasks.clear()
    queue.tasks.update(before)
    queue.periodics[:] = periodics


def jobs(session: Session) -> list[tuple[str, str, int]]:
    rows = session.execute(text("SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id"))
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_a_job_runs_with_its_arguments(session: Session, task: Callable[..., None]) -> None:
    seen: list[dict[str, Any]] = []
    task("test.note", lambda session, **kwargs: seen.append(kwargs))
    queue.enqueue(session, "test.note", case_id=7, words=["é", "b"])
    assert queue.run_pending(session) == 1
    assert seen == [{"case_id": 7, "words": ["é", "b"]}]
    assert jobs(session) == []


def test_a_job_leaves_with_the_transaction_that_asked_for_it(session: Session, task: Callable[..., None]) -> None:
    task("test.note", lambda session: None)
    savepoint = session.begin_nested()
    queue.enqueue(session, "test.note")
    assert len(jobs(session)) == 1
    savepoint.rollback()
    assert jobs(session) == []


def test_jobs_asked_for_by_jobs_run_too_and_later_ones_wait(session: Session, task: Callable[..., None]) -> None:
    seen: list[str] = []

    def first(session: Session) -> None:
        seen.append("first")
        queue.enqueue(session, "test.second")

    task("test.first", first)
    task("test.second", lambda session: seen.append("second"))
    task("test.later", lambda session: seen.append("later"))
    queue.enqueue(session, "test.later", at=clock.now() + timedelta(hours=1))
    queue.enqueue(session, "test.first", at=clock.now())
    assert queue.run_pending(session) == 2
    assert seen == ["first", "second"]
    assert jobs(session) == [("test.later", "todo", 0)]


def test_a_failure_rolls_back_what_the_job_did_and_is_tried_again_later(
    session: Session, task: Callable[..., None]
) -> None:
    told: list[queue.Failed] = []

    def spoil(session: Session, person: str) -> None:
        session.execute(text("CREATE TABLE half_done (id int)"))
        raise ValueError("Jane Doe, jane@example.org")

    task(
        "test.spoil",
        spoil,
        retry=queue.Retry(attempts=2, first=60),
        on_failure=lambda session, failed, **kwargs: told.append(failed),
    )
    job = queue.enqueue(session, "test.spoil", person="1")
    assert queue.run_pending(session, reraise=False) == 1
    assert session.execute(text("SELECT to_regclass('half_done')")).scalar_one() is None
    assert jobs(session) == [("test.spoil", "todo", 1)]
    assert queue.run_pending(session) == 0, "it is not due yet"
    session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    queue.run_pending(session, reraise=False)

    (failure,) = failures.list(session)
    assert (failure.id, failure.task, failure.arguments, failure.attempts) == (job, "test.spoil", {"person": "1"}, 2)
    assert failure.error.startswith("ValueError at")
    assert "Jane" not in failure.error, "messages of errors may hold personal data"
    assert [(failed.attempts, failed.final) for failed in told] == [(1, False), (2, True)]


def test_someone_can_start_a_failed_job_again(session: Session, task: Callable[..., None]) -> None:
    broken = [True]

    def sometimes(session: Session) -> None:
        if broken:
            raise RuntimeError

    task("test.sometimes", sometimes, retry=queue.NEVER)
    job = queue.enqueue(session, "test.sometimes")
    queue.run_pending(session, reraise=False)
    assert failures.count(session) == 1
    broken.clear()
    failures.retry(session, job)
    assert jobs(session) == [("test.sometimes", "todo", 2)]
    queue.run_pending(session)
    assert failures.count(session) == 0
    assert session.execute(text("SELECT count(*) FROM job_errors")).scalar_one() == 0
    with pytest.raises(NotFound):
        failures.retry(session, job)


def test_jobs_with_the_same_lock_keep_their_order(session: Session, task: Callable[..., None]) -> None:
    seen: list[int] = []

    def count(session: Session, number: int) -> None:
        if number == 1 and not seen:
            seen.append(0)
            raise RuntimeError
        seen.append(number)

    task("test.count", count, retry=queue.Retry(attempts=2, first=3600))
    for number in (1, 2):
        queue.enqueue(session, "test.count", lock="one", number=number)
    queue.run_pending(session, reraise=False)
    assert seen == [0], "the second waits for the first, which waits to be tried again"


def test_only_the_latest_failure_of_a_periodic_job_is_kept_until_it_works_again(
    session: Session, task: Callable[..., None]
) -> None:
    broken = [True]

    def sweep(session: Session) -> None:
        if broken:
            raise RuntimeError

    task("test.sweep", sweep)
    queue.periodic("* * * * *", "test.sweep")
    for minute in range(3):
        latest = queue.enqueue(session, "test.sweep", timestamp=minute)
        queue.run_pending(session, reraise=False)
        assert [failure.id for failure in failures.list(session)] == [latest], "it is not tried again by itself"
        assert session.execute(text("SELECT job_id FROM job_errors")).scalars().all() == [latest]
    broken.clear()
    queue.enqueue(session, "test.sweep", timestamp=3)
    queue.run_pending(session)
    assert failures.count(session) == 0


def test_the_place_of_an_error_is_in_our_code_not_in_a_library_below_a_folder_named_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "_APP", f"{Path(__file__).parent}/")
    library = compile("def fail():\n    raise ValueError", "/srv/app/.venv/lib/library.py", "exec")
    names: dict[str, Any] = {}
    exec(library, names)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        names["fail"]()
    assert queue.describe(caught.value).startswith("ValueError at tests/unit/test_jobs.py:")


@pytest.mark.parametrize(("failed", "seconds"), [(1, 10), (2, 40), (3, 160), (5, 2560)])
def test_waits_grow(failed: int, seconds: int) -> None:
    assert queue.DEFAULT.wait(failed) == timedelta(seconds=seconds)


def test_waits_have_an_end() -> None:
    assert queue.DEFAULT.wait(queue.DEFAULT.attempts) is None
    assert queue.Retry(attempts=99).wait(50) == timedelta(hours=6)


def test_conninfo_understands_unix_sockets_and_odd_passwords() -> None:
    url = make_url("postgresql+psycopg://kibali:p%20a%27b@/portal?host=/run/my%20socket&port=5433")
    made = worker.conninfo(url)
    assert "host='/run/my socket'" in made
    assert r"password='p a\'b'" in made
    assert "port=5433" in made
    assert "dbname=portal" in made


def test_two_workers_share_the_queue_without_doing_a_job_twice(
    committed: db.Database, task: Callable[..., None]
) -> None:
    done: list[int] = []
    task("test.once", lambda session, number: done.append(number))
    with db.unit_of_work() as session:
        for number in range(40):
            queue.enqueue(session, "test.once", number=number)
    threads = [threading.Thread(target=queue.run_pending) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(40))


def start_worker(database: db.Database, tmp_path: Path, body: str) -> "subprocess.Popen[bytes]":
    """A worker process whose tasks are in ``body``."""
    (tmp_path / "test_worker_tasks.py").write_text(
        "import os, time\nfrom sqlalchemy import text\nfrom app.jobs import queue\n" + body
    )
    program = (
        "import sys\nfrom app.core import db\nfrom app.jobs import worker\n"
        "db.configure(db.Database(sys.argv[1]))\nworker.run(['test_worker_tasks'])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, database.engine.url.render_as_string(hide_password=False)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        cwd=ROOT,
    )


def until(condition: Callable[[Session], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with db.unit_of_work() as session:
            if condition(session):
                return
        threading.Event().wait(0.05)
    pytest.fail("it did not happen in time")


def status(session: Session, job: int) -> str | None:
    found = session.execute(text("SELECT status::text FROM procrastinate_jobs WHERE id = :id"), {"id": job})
    return found.scalar_one_or_none()


MARK = """
@queue.task("test.mark")
def mark(session, name):
    session.execute(text("INSERT INTO marks VALUES (:name)"), {"name": name})

@queue.task("test.slow")
def slow(session):
    session.execute(text("INSERT INTO marks VALUES ('slow')"))
    time.sleep(1.5)
"""


def test_a_worker_hears_of_a_job_finishes_it_when_told_to_stop_and_leaves_nothing(
    committed: db.Database, tmp_path: Path
) -> None:
    with db.unit_of_work() as session:
        session.execute(text("CREATE TABLE marks (name text)"))
    running = start_worker(committed, tmp_path, MARK)
    try:
        until(lambda session: session.execute(text("SELECT count(*) FROM procrastinate_workers")).scalar_one() == 1)
        with db.unit_of_work() as session:
            mark = queue.enqueue(session, "test.mark", name="a")
        until(lambda session: status(session, mark) is None, seconds=4)  # sooner than the queue is polled
        with db.unit_of_work() as session:
            slow = queue.enqueue(session, "test.slow")
        until(lambda session: status(session, slow) == "doing")
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        with db.unit_of_work() as session:
            assert status(session, slow) is None, "the job at work was finished first"
            assert session.execute(text("SELECT name FROM marks ORDER BY name")).scalars().all() == ["a", "slow"]
            assert session.execute(text("SELECT count(*) FROM procrastinate_workers")).scalar_one() == 0
    finally:
        running.kill()
        running.wait()


KILLER = """
@queue.task("test.die")
def die(session):
    os.kill(os.getpid(), 9)
"""


def test_the_job_of_a_killed_worker_is_rescued(
    committed: db.Database, tmp_path: Path, task: Callable[..., None]
) -> None:
    seen: list[str] = []
    task("test.die", lambda session: seen.append("done"))
    with db.unit_of_work() as session:
        job = queue.enqueue(session, "test.die")
    running = start_worker(committed, tmp_path, KILLER)
    assert running.wait(30) == -signal.SIGKILL
    with db.unit_of_work() as session:
        assert status(session, job) == "doing"
        worker.rescue_stalled(session)
        assert status(session, job) == "doing", "its worker may only be slow"
        session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'"))
        worker.rescue_stalled(session)
        assert status(session, job) == "todo"
    queue.run_pending()
    assert seen == ["done"]


def test_a_job_that_kills_every_worker_is_given_up(session: Session, task: Callable[..., None]) -> None:
    told: list[bool] = []
    task("test.poison", lambda session: None, on_failure=lambda session, failed: told.append(failed.final))
    queue.enqueue(session, "test.poison")
    for _ in range(worker.MOST_RESCUES):
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing', scheduled_at = NULL"))
        worker.rescue_stalled(session)
    assert [failure.error for failure in failures.list(session)] == ["WorkerDied"]
    assert told == [True]


def test_a_worker_comes_back_when_the_database_does(committed: db.Database, tmp_path: Path) -> None:
    with db.unit_of_work() as session:
        session.execute(text("CREATE TABLE marks (name text)"))
    running = start_worker(committed, tmp_path, MARK)
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND query LIKE '%procrastinate%'"
    )
    try:
        until(lambda session: session.execute(text("SELECT count(*) FROM procrastinate_workers")).scalar_one() == 1)
        with db.unit_of_work() as session:
            assert session.execute(cut).all()
        with db.unit_of_work() as session:
            job = queue.enqueue(session, "test.mark", name="after")
        until(lambda session: status(session, job) is None)
        assert running.poll() is None
    finally:
        running.terminate()
        assert running.wait(20) == 0
