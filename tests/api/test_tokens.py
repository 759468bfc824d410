"""Getting a token, and what a token is good for."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from joserfc import jwt
from joserfc.jwk import OctKey

from app.core import clock, db, identifiers
from app.identity import keys
from app.identity.models import ApiClient
from tests.api.conftest import BASE, EVERY_SCOPE, Platform


def test_a_client_gets_a_token_by_basic_or_in_the_form(platform: Platform) -> None:
    by_basic = platform.ask_token()
    assert by_basic.status_code == 200
    assert by_basic.headers["Cache-Control"] == "no-store"
    told = by_basic.get_json()
    assert (told["token_type"], told["expires_in"], told["scope"].split()) == ("Bearer", 900, list(EVERY_SCOPE))
    in_form = platform.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": platform.client_id,
            "client_secret": platform.secret,
            "scope": "permits:read",
        },
    )
    assert in_form.status_code == 200
    assert in_form.get_json()["scope"] == "permits:read"


def test_the_token_opens_the_api(platform: Platform) -> None:
    answer = platform.call("GET", "/webhook-endpoints")
    assert (answer.status_code, answer.get_json()) == (200, {"items": []})
    assert answer.headers["Cache-Control"] == "no-store"


def test_special_signs_in_the_secret_are_form_encoded_in_basic(platform: Platform) -> None:
    secret = "a:b%+ ü/="
    with db.unit_of_work() as session:
        session.execute(sa.update(ApiClient).values(secret_digest=identifiers.digest(secret)))
    encoded = base64.b64encode(f"{platform.client_id}:a%3Ab%25%2B+%C3%BC%2F%3D".encode()).decode()
    answer = platform.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {encoded}"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("what", ["secret", "client", "neither", "disabled"])
def test_a_wrong_secret_an_unknown_client_and_a_disabled_one_look_the_same(platform: Platform, what: str) -> None:
    client_id, secret = platform.client_id, platform.secret
    if what == "secret":
        secret = "wrong"
    elif what == "client":
        client_id = "nobody"
    elif what == "neither":
        client_id = secret = ""
    else:
        _disable()
    answer = platform.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    told = answer.get_json()
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert (told["error"], told["type"]) == ("invalid_client", f"{BASE}/api/docs#problem-invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "permits:read everything"}, "invalid_scope"),
        ({"client_secret": "x"}, "invalid_request"),
    ],
)
def test_a_wrong_request_says_which_way(platform: Platform, form: dict[str, str], error: str) -> None:
    answer = platform.ask_token(**form)
    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_a_scope_the_client_does_not_have_is_refused(a_platform: Callable[..., Platform]) -> None:
    platform = a_platform("permits:read")
    assert platform.ask_token(scope="webhooks:manage").get_json()["error"] == "invalid_scope"
    assert platform.ask_token().get_json()["scope"] == "permits:read"


def test_secrets_are_never_taken_from_the_address(platform: Platform) -> None:
    answer = platform.http.post(
        f"/oauth/token?client_id={platform.client_id}&client_secret={platform.secret}",
        data={"grant_type": "client_credentials"},
    )
    assert answer.status_code == 401


def test_json_is_not_a_token_request(platform: Platform) -> None:
    answer = platform.http.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_wrong_secrets_are_counted_per_client_and_address(platform: Platform) -> None:
    for _ in range(10):
        platform.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(platform.client_id, "no"))
    refused = platform.ask_token()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    elsewhere = platform.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(platform.client_id, platform.secret),
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert elsewhere.status_code == 200


# --- what a token is good for ----------------------------------------------------------------------------------------


def _refused(platform: Platform, token: str) -> None:
    answer = platform.call("GET", "/webhook-endpoints", token=token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Kibali", error="invalid_token"'
    assert answer.get_json()["type"].endswith("#problem-invalid_token")


def test_without_a_token_nothing_opens(platform: Platform) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer  "}):
        answer = platform.http.get("/api/v1/webhook-endpoints", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Kibali"'


def test_a_cookie_opens_nothing(platform: Platform) -> None:
    platform.http.set_cookie("access_token", platform.token())
    platform.http.set_cookie("kibali", "anything")
    assert platform.http.get("/api/v1/webhook-endpoints").status_code == 401


def test_a_token_ends_after_a_quarter_of_an_hour(platform: Platform) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        token = platform.token()
        moment.shift(timedelta(minutes=14, seconds=59))
        assert platform.call("GET", "/webhook-endpoints", token=token).status_code == 200
        moment.shift(2)
        _refused(platform, token)


def test_a_token_ends_with_its_client(platform: Platform) -> None:
    token = platform.token()
    _disable()
    _refused(platform, token)


def test_a_token_ends_with_the_secret_it_was_got_with(platform: Platform) -> None:
    token = platform.token()
    with db.unit_of_work() as session:
        session.execute(sa.update(ApiClient).values(secret_digest=identifiers.digest("another")))
    _refused(platform, token)


def test_a_scope_taken_away_is_gone_at_once(platform: Platform) -> None:
    token = platform.token()
    with db.unit_of_work() as session:
        session.execute(sa.update(ApiClient).values(scopes=["permits:read"]))
    assert platform.call("GET", "/webhook-endpoints", token=token).status_code == 403


def test_a_missing_scope_is_named(platform: Platform) -> None:
    answer = platform.call("GET", "/webhook-endpoints", token=platform.token(scope="permits:read"))
    assert answer.status_code == 403
    assert 'scope="webhooks:manage"' in answer.headers["WWW-Authenticate"]
    assert answer.get_json()["type"].endswith("#problem-insufficient_scope")


def test_forged_tokens_open_nothing(platform: Platform) -> None:
    good = platform.token()
    header, payload, signature = good.split(".")
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    ours = OctKey.import_key(keys.key("api-access-token"))
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")

    def signed(changed: dict[str, Any], key: OctKey = ours, typ: str = "at+jwt") -> str:
        return jwt.encode({"alg": "HS256", "typ": typ}, claims | changed, key)

    assert platform.call("GET", "/webhook-endpoints", token=signed({})).status_code == 200
    for token in (
        "x",
        "a.b.c",
        f"{unsigned}.{payload}.",
        f"{unsigned}.{payload}.{signature}",
        f"{header}.{payload}.{'A' * len(signature)}",
        signed({}, OctKey.import_key(b"k" * 32)),
        signed({"iss": "http://elsewhere.example"}),
        signed({"aud": "http://elsewhere.example"}),
        signed({"sub": "nobody"}),
        signed({"sub": None}),
        signed({"exp": 1}),
        signed({"exp": None}),
        signed({"exp": "never"}),
        signed({"key": "0" * 16}),
        signed({}, typ="JWT"),
    ):
        _refused(platform, token)


def test_a_client_may_ask_so_often_and_no_more(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.guards.REQUESTS", 3)
    token = platform.token()
    answers = [platform.call("GET", "/webhook-endpoints", token=token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 61
    assert answers[-1].mimetype == "application/problem+json"


def _disable() -> None:
    with db.unit_of_work() as session:
        session.execute(sa.update(ApiClient).values(disabled_at=clock.now()))
