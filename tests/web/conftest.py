"""The portal under test: it shares the test's savepointed session, so every test rolls back.

Other folders take these with ``from tests.web.conftest import app, client, …``.
"""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app import create_app
from app.core import db
from app.identity import sessions
from app.identity.models import User, UserSession
from config import DEFAULT_SECRET, Settings

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def settings_for(database: db.Database, store: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "mode": "test",
        "country": "RW",
        "database_url": str(database.engine.url),
        "secret_key": DEFAULT_SECRET,
        "base_url": "http://localhost",
        "https": False,
        "store": store,
        "webhook_private_hosts": True,
    }
    return Settings(**(values | changes))


def share(app: Flask, session: Session) -> None:
    """Let requests work in the test's session: what a view does not commit is rolled back, as in real life."""

    @contextmanager
    def unit_of_work() -> Iterator[Session]:
        session.commit()
        token = db._session.set(session)
        try:
            yield session
        finally:
            session.rollback()
            db._session.reset(token)

    app.extensions["kibali.unit_of_work"] = unit_of_work


@pytest.fixture(scope="session")
def portal(database: db.Database, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application, made once for the test session."""
    return create_app(settings_for(database, tmp_path_factory.mktemp("store")))


@pytest.fixture
def app(portal: Flask, session: Session, database: db.Database) -> Iterator[Flask]:
    share(portal, session)
    portal.testing = False  # errors become pages, as people see them
    yield portal
    with database.engine.begin() as connection:
        # Attempts are counted in connections of their own and would outlive the test.
        connection.execute(text("DELETE FROM rate_limits"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


SignIn = Callable[..., FlaskClient]


@pytest.fixture
def sign_in(app: Flask, client: FlaskClient, session: Session) -> SignIn:
    """``sign_in(user)`` gives ``client`` a real session, with the second factor for officials;
    ``sign_in(user, browser=other)`` another browser."""

    def enter(
        user: User,
        *,
        browser: FlaskClient | None = None,
        second_factor: bool | None = None,
        business_id: int | None = None,
    ) -> FlaskClient:
        used = browser or client
        row, token = sessions.open_session(
            session,
            user,
            ip="127.0.0.1",
            user_agent="test",
            second_factor=user.official if second_factor is None else second_factor,
        )
        if business_id is not None:
            session.get_one(UserSession, row.id).business_id = business_id
        session.commit()
        with used.session_transaction() as cookie:
            cookie.clear()
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return used

    return enter


def token_in(response: TestResponse) -> str | None:
    found = _TOKEN.search(response.text)
    return html.unescape(found.group(1)) if found else None


def csrf_token(client: FlaskClient) -> str:
    """A token that fits the client's session."""
    from flask_wtf.csrf import generate_csrf

    with client.session_transaction() as cookie:
        raw = cookie.get("csrf_token")
    with client.application.test_request_context():
        from flask import session as current

        if raw:
            current["csrf_token"] = raw
        signed = generate_csrf()
        raw = current["csrf_token"]
    with client.session_transaction() as cookie:
        cookie["csrf_token"] = raw
    return signed


def post(
    client: FlaskClient, url: str, data: dict[str, Any] | list[tuple[str, Any]] | None = None, **options: Any
) -> TestResponse:
    """POST a form as a browser would, with a valid CSRF token."""
    fields: MultiDict[str, Any] = MultiDict([("csrf_token", csrf_token(client))])
    for name, value in data.items() if isinstance(data, dict) else data or []:
        for item in value if isinstance(value, list) else [value]:
            fields.add(name, item)
    return client.post(url, data=fields, **options)
