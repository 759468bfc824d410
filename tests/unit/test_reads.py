"""Ending reads with COMMIT keeps what is prepared, and never keeps what nobody committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import Connection, column, event, func, insert, literal, select, table, text, update
from sqlalchemy.orm import Session

from app.core import db
from app.identity.models import RateLimit
from app.web import hooks

NOTES = table("notes", column("body"))
DAY = datetime(2026, 3, 2, tzinfo=UTC)
PREPARED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%notes%'")


def limit(name: str) -> RateLimit:
    return RateLimit(bucket=name, window_ends=DAY, count=1)


@pytest.fixture
def database(committed: db.Database) -> Iterator[db.Database]:
    """With one connection, so that requests follow each other on it."""
    with db.unit_of_work() as session:
        session.execute(text("CREATE TABLE notes (body text)"))
        session.execute(insert(NOTES).values(body="first"))
        session.add(limit("first"))
    single = db.Database(committed.engine.url.render_as_string(hide_password=False), pool_size=1, max_overflow=0)
    db.configure(single)
    yield single
    single.close()
    db.configure(committed)


@contextmanager
def endings(database: db.Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def commit(connection: Connection) -> None:
        seen.append("commit")

    def rollback(connection: Connection) -> None:
        seen.append("rollback")

    event.listen(database.engine, "commit", commit)
    event.listen(database.engine, "rollback", rollback)
    try:
        yield seen
    finally:
        event.remove(database.engine, "commit", commit)
        event.remove(database.engine, "rollback", rollback)


def stored(database: db.Database) -> tuple[list[str], dict[str, int]]:
    with database.engine.connect() as connection:
        notes = connection.execute(select(NOTES.c.body)).scalars().all()
        limits = connection.execute(select(RateLimit.bucket, RateLimit.count)).all()
    return [*notes], {str(bucket): int(count) for bucket, count in limits}


def unflushed(session: Session) -> None:
    session.add(limit("second"))


def changed_unflushed(session: Session) -> None:
    session.get_one(RateLimit, "first").count = 7


def deleted_unflushed(session: Session) -> None:
    session.delete(session.get_one(RateLimit, "first"))


def flushed(session: Session) -> None:
    unflushed(session)
    session.flush()
    session.scalars(select(RateLimit)).all()


def in_a_savepoint(session: Session) -> None:
    with session.begin_nested():
        session.add(limit("second"))


def by_a_changing_cte(session: Session) -> None:
    added = insert(NOTES).values(body="second").returning(NOTES.c.body).cte("added")
    session.execute(select(added)).all()


def in_words(session: Session) -> None:
    session.execute(text("WITH added AS (INSERT INTO notes VALUES ('second') RETURNING body) SELECT body FROM added"))


def in_words_with_columns(session: Session) -> None:
    words = text("INSERT INTO notes VALUES ('second') RETURNING body").columns(NOTES.c.body)
    session.execute(words).all()


def on_the_connection(session: Session) -> None:
    session.execute(select(NOTES)).all()
    session.connection().execute(update(NOTES).values(body="second"))


def to_the_driver(session: Session) -> None:
    session.connection().exec_driver_sql("INSERT INTO notes VALUES ('second')")


def after_a_commit(session: Session) -> None:
    session.execute(select(NOTES)).all()
    session.commit()
    session.execute(insert(NOTES).values(body="second"))


UNCOMMITTED = [
    unflushed, changed_unflushed, deleted_unflushed, flushed, in_a_savepoint, by_a_changing_cte, in_words,
    in_words_with_columns, on_the_connection, to_the_driver, after_a_commit,
]  # fmt: skip


def test_a_change_that_nobody_committed_is_gone(database: db.Database) -> None:
    before = stored(database)
    for change in UNCOMMITTED:
        with db.unit_of_work(commit=False) as session:
            change(session)
        assert stored(database) == before, change.__name__


def test_what_was_prepared_stays_from_one_read_to_the_next(database: db.Database) -> None:
    def read() -> None:
        with db.unit_of_work(commit=False) as session:
            session.execute(select(NOTES)).all()
            session.execute(select(NOTES.c.body).union_all(select(literal("x")))).all()

    with endings(database) as seen:
        for _ in range(8):
            read()
    assert seen == ["commit"] * 8
    with db.unit_of_work() as session:
        assert session.execute(PREPARED).scalar_one() == 2


def test_a_read_after_a_views_own_commit_ends_with_a_commit_too(database: db.Database) -> None:
    with endings(database) as seen, db.unit_of_work(commit=False) as session:
        session.execute(insert(NOTES).values(body="second"))
        session.commit()
        session.execute(select(NOTES)).all()
    assert seen == ["commit", "commit"]
    assert stored(database)[0] == ["first", "second"]


def test_no_connection_is_taken_to_end_what_never_began(database: db.Database) -> None:
    with endings(database) as seen:
        with db.unit_of_work(commit=False):
            pass
        with db.unit_of_work(commit=False) as session:
            session.execute(select(NOTES)).all()
            session.rollback()
    assert seen == ["rollback"]


def test_a_connection_that_is_lost_at_the_end_of_a_read_spoils_no_answer(database: db.Database) -> None:
    with db.unit_of_work(commit=False) as session:
        pid = session.execute(select(func.pg_backend_pid())).scalar_one()
        other = db.Database(database.engine.url.render_as_string(hide_password=False))
        with other.engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        other.close()
    assert stored(database)[0] == ["first"]


def test_a_request_that_fails_is_rolled_back(database: db.Database) -> None:
    portal = Flask("test")
    portal.extensions["kibali.unit_of_work"] = hooks._unit_of_work
    portal.before_request(hooks._open)
    portal.teardown_request(hooks._close)

    @portal.get("/read")
    def read() -> str:
        db.session().execute(select(NOTES)).all()
        return "read"

    @portal.get("/fail")
    def fail() -> str:
        db.session().execute(select(NOTES)).all()
        raise RuntimeError

    @portal.get("/forget")
    def forget() -> str:
        db.session().execute(update(NOTES).values(body="changed"))
        return "and did not commit"

    with endings(database) as seen:
        answers = [portal.test_client().get(path).status_code for path in ("/read", "/fail", "/forget", "/read")]
    assert answers == [200, 500, 200, 200]
    assert seen == ["commit", "rollback", "rollback", "commit"]
    assert stored(database)[0] == ["first"]
