"""The running portal with an API client, for tests that speak HTTP and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.core import clock, db, identifiers
from app.identity import keys
from app.identity.models import ApiClient
from app.outbox import sending
from config import Settings
from tests.api.receiver import Receiver

BASE = "http://127.0.0.1:8000"
EVERY_SCOPE = ("permits:read", "readiness:ask", "listings:read", "webhooks:manage")


@dataclass
class Platform:
    """A trade platform: it has a client id and a secret, and knows the way to the API."""

    http: FlaskClient
    client_id: str
    secret: str

    def token(self, **form: str) -> str:
        answer = self.ask_token(**form)
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["access_token"])

    def ask_token(self, **form: str) -> TestResponse:
        fields = {"grant_type": "client_credentials", **form}
        return self.http.post("/oauth/token", data=fields, auth=(self.client_id, self.secret))

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token or self.token()}", **options.pop("headers", {})}
        return self.http.open(f"/api/v1{path}", method=method, headers=headers, **options)


@pytest.fixture
def portal(committed: db.Database, tmp_path: Any) -> Iterator[Flask]:
    settings = Settings(
        mode="test",
        database_url=committed.engine.url.render_as_string(hide_password=False),
        secret_key="only for the tests of the API, and long enough",
        base_url=BASE,
        store=tmp_path,
        https=False,
        webhook_private_hosts=True,
    )
    before = keys._secret, sending._private_hosts
    made = create_app(settings)
    db.configure(committed)
    yield made
    keys._secret = before[0]
    sending.configure(private_hosts=before[1])


@pytest.fixture
def a_platform(portal: Flask) -> Callable[..., Platform]:
    """Make one: ``a_platform("permits:read", name="Market")``."""

    def make(*scopes: str, name: str = "Market") -> Platform:
        client_id, secret = f"client-{identifiers.public_code(40)}", identifiers.token()
        with db.unit_of_work() as session:
            session.add(
                ApiClient(
                    client_id=client_id,
                    name=name,
                    secret_digest=identifiers.digest(secret),
                    scopes=list(scopes),
                    channel="alibaba-com",
                    contact="ops@market.example",
                    created_at=clock.now(),
                )
            )
        return Platform(portal.test_client(), client_id, secret)

    return make


@pytest.fixture
def platform(a_platform: Callable[..., Platform]) -> Platform:
    """One that may do everything."""
    return a_platform(*EVERY_SCOPE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
