"""What a hostile or broken program sends to the API, and where it would have us knock."""

import base64
from collections.abc import Callable

import pytest
from flask import Flask

from app.outbox import sending
from tests.api.conftest import Platform

ZERO = "\0"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/permits/%00"),
        ("GET", f"/permits/{'9' * 5000}"),
        ("GET", "/listings/%00"),
        ("GET", "/listings?after=%00"),
        ("GET", "/listings?channel=%00"),
        ("GET", f"/listings?limit={'9' * 5000}"),
        ("GET", f"/listings?after={base64.urlsafe_b64encode(b'[99999999999999999999999]').decode()}"),
        ("DELETE", "/webhook-endpoints/%00"),
        ("POST", "/webhook-endpoints/%00/test"),
    ],
)
def test_no_address_is_an_error_of_ours(platform: Platform, method: str, path: str) -> None:
    answer = platform.call(method, path)
    assert 400 <= answer.status_code < 500
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "changes",
    [{"business": ZERO}, {"channel": ZERO}, {"destination": f"C{ZERO}"}, {"product": {"hs": ZERO}}, {"unit": ZERO}],
)
def test_a_zero_sign_in_a_body(platform: Platform, changes: dict[str, object]) -> None:
    body = {"business": "RW-1", "product": {"hs": "090111"}, "destination": "CN", "channel": "alibaba-com"}
    answer = platform.call("POST", "/readiness", json=body | changes)
    assert answer.status_code in {400, 404, 422}
    answer = platform.call(
        "POST",
        "/webhook-endpoints",
        json={"url": "https://a.example/", "event_types": ["permit.state_changed"], "description": ZERO},
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("credentials", [("a\0b", "secret"), ("a", "b\0c"), ("x" * 5000, "y" * 5000), ("", "")])
def test_strange_credentials_are_wrong_ones(portal: Flask, credentials: tuple[str, str]) -> None:
    browser = portal.test_client()
    form = {"grant_type": "client_credentials", "client_id": credentials[0], "client_secret": credentials[1]}
    by_form = browser.post("/oauth/token", data=form)
    by_basic = browser.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials)
    assert {by_form.status_code, by_basic.status_code} <= {400, 401}


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 50_000, "1" * 200_000, '"\\ud800"', '{"business": NaN}', ""])
def test_a_body_made_to_exhaust_us(platform: Platform, body: str) -> None:
    answer = platform.call("POST", "/readiness", data=body, content_type="application/json")
    assert answer.status_code in {400, 422}


def test_a_cookie_neither_opens_nor_closes_anything(portal: Flask, platform: Platform) -> None:
    answer = platform.call("GET", "/listings", headers={"Cookie": "kibali=forged; kibali_lang=fr"})
    assert answer.status_code == 200
    assert not [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("kibali=")]


def test_a_token_asks_for_no_more_than_it_was_given(a_platform: Callable[..., Platform]) -> None:
    platform = a_platform("permits:read", "webhooks:manage")
    token = platform.token(scope="permits:read")
    assert platform.call("GET", "/webhook-endpoints", token=token).status_code == 403
    assert platform.ask_token(scope="readiness:ask").status_code == 400
    assert platform.ask_token(scope="permits:read readiness:ask").status_code == 400


INSIDE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.8",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::",
    "2001:0:a00:1::",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_some_network_is_never_called(address: str) -> None:
    assert not sending.is_public(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "127.0.0.1.", "foo.localhost", "localhost"])
def test_a_name_is_judged_by_what_it_resolves_to(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However an address is written, the resolver reads it before we do."""
    monkeypatch.setattr(sending, "_private_hosts", False)
    called: list[object] = []
    monkeypatch.setattr("socket.create_connection", lambda *args, **kwargs: called.append(args))
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: [(2, 1, 6, "", ("127.0.0.1", 443))])
    answer = sending.post(f"https://{host}/", b"{}", {})
    assert answer.status is None
    assert answer.error.startswith("refused")
    assert called == []


def test_one_private_address_among_public_ones_refuses_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_private_hosts", False)
    found = [(2, 1, 6, "", ("93.184.216.34", 443)), (10, 1, 6, "", ("fec0::1", 443, 0, 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: found)
    assert sending.post("https://rebind.example/", b"{}", {}).error == "refused: not a public address"
