"""What a load balancer, an operator and Prometheus are told, and what nobody else is."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.core import db
from app.jobs import queue
from app.web import operations

NOTHING_LISTENS = "postgresql+psycopg://kibali@127.0.0.1:1/kibali"


@pytest.fixture
def away(database: db.Database) -> Iterator[None]:
    """The database cannot be reached."""
    lost = db.Database(NOTHING_LISTENS)
    db.configure(lost)
    yield
    lost.close()
    db.configure(database)


def test_alive_says_so_even_without_a_database(client: FlaskClient, away: None) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_when_the_schema_is_this_versions(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"ready": True, "database": True, "schema": True}


def test_not_ready_without_a_database(client: FlaskClient, away: None) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"ready": False, "database": False, "schema": False}


def test_not_ready_before_the_migration(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "newest_migration", lambda: "9999")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"ready": False, "database": True, "schema": False}


def test_metrics_count_requests_by_page_not_by_address(client: FlaskClient) -> None:
    client.get("/verify/no-such-code-here")
    text = client.get("/metrics").text
    assert 'kibali_requests_total{endpoint="verify.' in text
    assert "no-such-code-here" not in text
    assert "kibali_database_up 1.0" in text


def test_metrics_survive_a_lost_database(client: FlaskClient, away: None) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "kibali_database_up 0.0" in answer.text


def test_the_queue_is_counted(committed: db.Database) -> None:
    if "operations.test" not in queue.tasks:
        queue.task("operations.test")(lambda session: None)
    try:
        with db.unit_of_work() as session:
            queue.enqueue(session, "operations.test")
        found = {metric.name: metric for metric in operations._Jobs().collect()}
    finally:
        queue.tasks.pop("operations.test")
    counts = {sample.labels["status"]: sample.value for sample in found["kibali_jobs"].samples}
    assert counts == {"todo": 1, "doing": 0, "failed": 0}
    assert found["kibali_jobs_oldest_seconds"].samples[0].value >= 0


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 404),
        ("203.0.113.9", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer the-token"}, 200),
        ("203.0.113.9", {"Authorization": "Bearer another"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer "}, 404),
    ],
)
def test_metrics_are_for_this_machine_or_bearers_of_the_token(
    app: Flask, client: FlaskClient, address: str, headers: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "the-token")
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


def test_without_a_token_set_no_token_opens(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "")
    answer = client.get("/metrics", headers={"Authorization": ""}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 404


def test_every_answer_carries_the_requests_id(client: FlaskClient, session: Session) -> None:
    given = client.get("/healthz", headers={"X-Request-Id": "proxy-id-12345"})
    assert given.headers["X-Request-Id"] == "proxy-id-12345"
    first, second = (client.get("/no-such-page").headers["X-Request-Id"] for _ in range(2))
    assert first != second
