"""A platform registers where it wants to be told, and is told."""

from collections.abc import Callable

import pytest
from flask import Flask
from standardwebhooks import Webhook

from app.audit import entries
from app.core import db
from app.jobs import queue
from app.outbox import sending
from tests.api.conftest import Platform
from tests.api.receiver import Receiver

HOOK = {"url": "https://market.example/hook", "event_types": ["permit.state_changed"], "description": "Production"}


def test_an_address_is_added_listed_and_removed(platform: Platform) -> None:
    added = platform.call("POST", "/webhook-endpoints", json=HOOK)
    assert added.status_code == 201
    told = added.get_json()
    assert told["secret"].startswith("whsec_")
    assert told["disabled_at"] is None
    assert added.headers["Location"] == f"/api/v1/webhook-endpoints/{told['id']}"
    (listed,) = platform.call("GET", "/webhook-endpoints").get_json()["items"]
    assert listed == {name: value for name, value in told.items() if name != "secret"}
    removed = platform.call("DELETE", f"/webhook-endpoints/{told['id']}")
    assert (removed.status_code, removed.data) == (204, b"")
    assert platform.call("GET", "/webhook-endpoints").get_json() == {"items": []}
    assert platform.call("DELETE", f"/webhook-endpoints/{told['id']}").status_code == 404


def test_who_added_and_removed_it_is_in_the_audit_log(platform: Platform) -> None:
    uid = platform.call("POST", "/webhook-endpoints", json=HOOK).get_json()["id"]
    platform.call("DELETE", f"/webhook-endpoints/{uid}")
    with db.unit_of_work() as session:
        found = entries.search(session, query=f"endpoint:{uid}").entries
    assert [entry.verb for entry in found] == ["webhook.endpoint_removed", "webhook.endpoint_added"]
    assert {(entry.actor_kind, entry.actor_name) for entry in found} == {("client", "Market")}
    assert found[0].detail == {"url": HOOK["url"]}


def test_anothers_address_is_as_if_it_did_not_exist(a_platform: Callable[..., Platform], platform: Platform) -> None:
    uid = platform.call("POST", "/webhook-endpoints", json=HOOK).get_json()["id"]
    other = a_platform("webhooks:manage")
    missing = other.call("DELETE", "/webhook-endpoints/we_nothing")
    anothers = other.call("DELETE", f"/webhook-endpoints/{uid}")
    assert anothers.status_code == missing.status_code == 404
    assert anothers.get_json() | {"instance": ""} == missing.get_json() | {"instance": ""}
    assert other.call("POST", f"/webhook-endpoints/{uid}/test").status_code == 404
    assert other.call("GET", "/webhook-endpoints").get_json() == {"items": []}


def test_a_test_message_arrives_signed(platform: Platform, receiver: Receiver) -> None:
    added = platform.call("POST", "/webhook-endpoints", json=HOOK | {"url": receiver.url}).get_json()
    sent = platform.call("POST", f"/webhook-endpoints/{added['id']}/test")
    assert sent.status_code == 202
    queue.run_pending()
    (heard,) = receiver.heard
    message = Webhook(added["secret"]).verify(heard.body, dict(heard.headers))
    assert heard.headers["webhook-id"] == sent.get_json()["event_id"]
    assert message["type"] == "webhook.test"
    assert message["data"] == {"endpoint": added["id"]}


def test_only_event_types_of_the_clients_scopes_may_be_chosen(a_platform: Callable[..., Platform]) -> None:
    platform = a_platform("webhooks:manage")
    answer = platform.call("POST", "/webhook-endpoints", json=HOOK)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["event_types"]


@pytest.mark.parametrize("url", ["http://market.example/", "https://10.0.0.1/", "https://localhost/", "market.example"])
def test_an_address_inside_a_network_is_refused(portal: Flask, platform: Platform, url: str) -> None:
    sending.configure(private_hosts=False)
    answer = platform.call("POST", "/webhook-endpoints", json=HOOK | {"url": url})
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.get_json()["errors"]] == [("url", "invalid_url")]
