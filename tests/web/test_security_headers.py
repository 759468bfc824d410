"""The portal as production runs it: what every answer carries, whoever asks and however it ends."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import app as kibali
from app import create_app
from app.core import db
from app.identity import sessions
from app.identity.models import User
from config import Settings, SettingsError
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post, settings_for, share

HOST = "https://kibali.example"


@pytest.fixture
def production(portal: Flask, session: Session, database: db.Database, tmp_path: Path) -> Iterator[Flask]:
    made = create_app(
        settings_for(
            database,
            tmp_path,
            mode="production",
            https=True,
            base_url=HOST,
            secret_key="s" * 40,
            webhook_private_hosts=False,
        )
    )
    share(made, session)
    yield made
    kibali.configure(portal.config["KIBALI"])


@pytest.fixture
def browser(production: Flask) -> FlaskClient:
    return production.test_client()


def test_every_answer_is_protected_also_when_it_is_an_error(browser: FlaskClient) -> None:
    asked = {
        "/": 200, "/sign-in": 200, "/account": 303, "/no-such-page": 404, "/static/no-such-file.css": 404,
        "/static/css/portal.css": 200, "/metrics": 404, "/healthz": 200, "/api/v1/permits/x": 401,
        "/api/v1/openapi.json": 200, "/api/v1/no-such": 404, "/demo/mailbox": 404, "/verify/xyz": 404,
        "/oauth/token": 405,
    }  # fmt: skip
    for path, status in asked.items():
        answer = browser.get(path, base_url=HOST, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
        assert answer.status_code == status, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN", path
        assert answer.headers["Strict-Transport-Security"].startswith("max-age="), path
        assert answer.headers["Referrer-Policy"] == "same-origin", path
        if status >= 400:
            assert "Traceback" not in answer.text
            assert "werkzeug" not in answer.text.lower()


def test_a_file_too_large_and_a_form_too_large_say_so(browser: FlaskClient) -> None:
    for fields in ({"file": (BytesIO(b"x" * (13 << 20)), "a.pdf")}, {"email": "x" * (2 << 20)}):
        answer = browser.post("/sign-in", data=fields, base_url=HOST)
        assert answer.status_code == 413
        assert "too large" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "kibali.example.evil.example", "127.0.0.1", "kibali.example:evil"])
def test_another_host_is_refused_quietly(browser: FlaskClient, host: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = browser.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 400
    assert host not in answer.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_links_in_mails_do_not_come_from_the_request(production: Flask, session: Session) -> None:
    from sqlalchemy import select

    from app.notifications.models import Message

    user = make_user(session)
    session.commit()
    browser = production.test_client()
    browser.get("/password-reset", base_url=HOST)
    answer = post(
        browser,
        "/password-reset",
        {"email": user.email},
        base_url=HOST,
        headers={"X-Forwarded-Host": "evil.example", "Referer": f"{HOST}/password-reset"},
    )
    assert answer.status_code in {303, 400}
    bodies = session.scalars(select(Message.body)).all()
    assert all("evil.example" not in body for body in bodies)


def test_the_session_cookie_is_for_https_and_this_host_only(production: Flask, session: Session) -> None:
    user = make_user(session)
    _row, token = sessions.open_session(session, user, ip="203.0.113.9")
    session.commit()
    browser = production.test_client()
    with browser.session_transaction(base_url=HOST) as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    page = browser.get("/account", base_url=HOST)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    for cookie_header in page.headers.getlist("Set-Cookie"):
        assert "Secure" in cookie_header
        assert "HttpOnly" in cookie_header
        assert "SameSite=Lax" in cookie_header
        assert "Domain=" not in cookie_header


PERSONAL = ("/", "/account", "/account/sessions", "/messages", "/pay", "/cases", "/permits", "/listings", "/business")


def test_personal_pages_are_kept_nowhere(client: FlaskClient, session: Session) -> None:
    user: User = make_user(session)
    post(client, "/sign-in", {"email": user.email, "password": PASSWORD})
    for path in (*PERSONAL, "/readiness", "/help", "/no-such-page", "/files/1", "/cases/BR-2026-00001-Q"):
        assert client.get(path).headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize(
    "path", ["../config.py", "..%2fconfig.py", "%2e%2e/config.py", "css/../../config.py", "/etc/passwd"]
)
def test_static_files_end_at_their_folder(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/static/{path}")
    assert answer.status_code in {404, 308}
    assert "DEFAULT_SECRET" not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"secret_key": "demo-secret-not-for-production"},
        {"secret_key": "short"},
        {"secret_key": ""},
        {"base_url": "http://kibali.example"},
        {"https": False},
        {"demo_accounts": True},
        {"webhook_private_hosts": True},
    ],
)
def test_production_refuses_what_is_unsafe(changes: dict[str, object]) -> None:
    values = {
        "mode": "production",
        "database_url": "postgresql+psycopg://h/d",
        "secret_key": "s" * 40,
        "base_url": HOST,
        "https": True,
    }
    Settings(**values).check()  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        Settings(**(values | changes)).check()  # type: ignore[arg-type]
