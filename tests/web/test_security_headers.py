"""The portal as production runs it: what every answer carries, whoever asks and however it ends."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

import app as kibali
from app import create_app
from app.audit import logkey
from app.core import db
from app.identity import sessions
from app.identity.models import User
from app.notifications.models import Message
from config import Settings, SettingsError
from tests.factories.people import PASSWORD, make_user
from tests.support.seals import earnest
from tests.web.conftest import post, settings_for, share, token_in

HOST = "https://kibali.example"


@pytest.fixture
def production(portal: Flask, session: Session, database: db.Database, tmp_path: Path) -> Iterator[Flask]:
    key = tmp_path / "log-key.pem"
    logkey.load(key, create=True)
    made = create_app(
        settings_for(
            database,
            tmp_path,
            mode="production",
            log_key=key,
            seal=earnest(tmp_path),
            tsa_url="https://time.example",
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
def visitor(production: Flask) -> FlaskClient:
    return production.test_client()


def test_every_answer_is_protected_also_when_it_is_an_error(visitor: FlaskClient) -> None:
    asked = {
        "/": 200, "/sign-in": 200, "/account": 303, "/no-such-page": 404, "/static/no-such-file.css": 404,
        "/static/css/portal.css": 200, "/metrics": 404, "/healthz": 200, "/api/v1/permits/x": 401,
        "/api/v1/openapi.json": 200, "/api/v1/no-such": 404, "/demo/mailbox": 404, "/verify/xyz": 404,
        "/oauth/token": 405,
    }  # fmt: skip
    for path, status in asked.items():
        answer = visitor.get(path, base_url=HOST, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
        answer.close()
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


def test_what_is_too_large_is_refused_before_it_is_read(visitor: FlaskClient) -> None:
    """A form of words has no use for megabytes, however they are wrapped; only the page for papers takes more."""
    words, kind = "x" * (2 << 20), "application/x-www-form-urlencoded"
    parts = [encode_multipart({"email": words}), encode_multipart({"a": FileStorage(BytesIO(words.encode()), "a.pdf")})]
    bodies: list[tuple[str | bytes, str]] = [(f"email={words}", kind), ("a=&" * 500_000, kind)]
    bodies += [(body, f"multipart/form-data; boundary={boundary}") for boundary, body in parts]
    for body, content_type in bodies:
        answer = visitor.post("/sign-in", data=body, content_type=content_type, base_url=HOST)
        assert answer.status_code == 413
        assert "too large" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    answer = visitor.post("/api/v1/readiness", data=words, content_type="application/json", base_url=HOST)
    assert answer.status_code in {401, 413}


@pytest.mark.parametrize("host", ["evil.example", "kibali.example.evil.example", "127.0.0.1", "kibali.example:evil"])
def test_another_host_is_refused_quietly(visitor: FlaskClient, host: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = visitor.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 400
    assert host not in answer.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7:8000", "evil.example", ""])
def test_a_load_balancer_may_ask_by_any_host(visitor: FlaskClient, path: str, host: str) -> None:
    answer = visitor.get(path, headers={"Host": host})
    assert answer.status_code == 200
    assert host == "" or host not in answer.text


def test_links_in_mails_do_not_come_from_the_request(client: FlaskClient, session: Session) -> None:
    """The demonstration takes any Host; its mails must not."""
    user = make_user(session)
    session.commit()
    lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    client.set_cookie("kibali", "", domain="evil.example")
    client.get("/password-reset", headers=lies)
    answer = client.get("/password-reset", headers=lies)
    token = token_in(answer)
    client.post("/password-reset", data={"email": user.email, "csrf_token": token}, headers=lies)
    bodies = session.scalars(select(Message.body)).all()
    assert bodies
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
    answer.close()
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
        {"mail_url": ""},
        {"momo_api_key": ""},
    ],
)
def test_production_refuses_what_is_unsafe(changes: dict[str, object]) -> None:
    values = {
        "mode": "production",
        "database_url": "postgresql+psycopg://h/d",
        "secret_key": "s" * 40,
        "base_url": HOST,
        "https": True,
        "mail_url": "smtps://mail.example",
        "momo_url": "https://momo.example",
        "momo_subscription_key": "subscription",
        "momo_api_user": "user",
        "momo_api_key": "key",
        "log_key": Path("/etc/kibali/log-key.pem"),
        "seal": "pkcs11:/usr/lib/hsm.so?token=kibali&label=seal-{agency}&certificates=/etc/kibali/seal",
        "tsa_url": "https://time.example",
    }
    Settings(**values).check()  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        Settings(**(values | changes)).check()  # type: ignore[arg-type]
