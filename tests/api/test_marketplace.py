"""The example marketplace against the running portal: two programs that know each other only by the public API."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from standardwebhooks import Webhook
from werkzeug.serving import make_server

from app.businesses.models import Business
from app.core import clock, db
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.permits import lifecycle
from app.permits.models import Permit
from examples.marketplace import pages
from examples.marketplace.portal import Portal, PortalError
from examples.marketplace.shop import Shop
from tests.api.conftest import Platform
from tests.factories.businesses import make_business
from tests.factories.permits import make_permit


class Running:
    """A WSGI application on a port of the loopback."""

    def __init__(self, app: Flask) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def served(portal: Flask) -> Iterator[str]:
    running = Running(portal)
    yield running.address
    running.stop()


@pytest.fixture
def client(served: str, platform: Platform) -> Portal:
    return Portal(served, platform.client_id, platform.secret)


@pytest.fixture
def permit(portal: Flask) -> Permit:
    with db.unit_of_work() as session:
        return make_permit(session, make_business(session))


def test_a_suspension_in_the_portal_freezes_the_listing_in_the_shop(client: Portal, permit: Permit) -> None:
    shop, secret = Shop(), pages.Secret()
    market = Running(pages.make(client, shop, secret))
    try:
        secret.value = client.listen_at(market.address + pages.HOOK)
        shop.take(
            [
                {"reference": "L-1", "state": "ready", "requirements": [{"permit": permit.number}]},
                {"reference": "L-2", "state": "ready", "requirements": [{"permit": "another"}]},
            ]
        )
        with db.unit_of_work() as session:
            lifecycle.suspend(session, session.get_one(Permit, permit.id), SYSTEM, "Residues found")
        queue.run_pending()
    finally:
        market.stop()
    assert shop.listings["L-1"].frozen == f"permit {permit.number} is suspended"
    assert shop.listings["L-2"].frozen == ""
    (heard,) = shop.heard
    assert (heard.number, heard.previous, heard.state, heard.froze) == (permit.number, "active", "suspended", ("L-1",))
    with db.unit_of_work() as session:
        holder = session.get_one(Business, permit.business_id)
        assert client.permit(permit.number)["holder"]["number"] == holder.number
    assert client.permit(permit.number)["state"] == "suspended"


def test_registering_again_leaves_one_address(client: Portal) -> None:
    first = client.listen_at("http://127.0.0.1:8002/hooks/kibali")
    second = client.listen_at("http://127.0.0.1:8002/hooks/kibali")
    assert first != second
    assert len(client._ask("GET", "/webhook-endpoints")["items"]) == 1


def test_what_the_portal_refuses_is_said_in_words(client: Portal, served: str) -> None:
    with pytest.raises(PortalError, match="no permit with this number"):
        client.permit("nothing")
    with pytest.raises(PortalError, match="could not be authenticated"):
        Portal(served, "nobody", "x").permit("nothing")
    with pytest.raises(PortalError, match="does not answer"):
        Portal("http://127.0.0.1:1", "nobody", "x").permit("nothing")


def test_a_token_that_was_refused_is_asked_for_again(client: Portal, permit: Permit) -> None:
    client.permit(permit.number)
    client._token = "stale"
    assert client.permit(permit.number)["number"] == permit.number


# --- the shop by itself ----------------------------------------------------------------------------------------------

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def market() -> tuple[Flask, Shop, pages.Secret]:
    shop, secret = Shop(), pages.Secret()
    secret.value = SECRET
    return pages.make(Portal("http://127.0.0.1:1", "", ""), shop, secret), shop, secret


def _message(state: str, at: str) -> str:
    return (
        '{"type":"permit.state_changed","timestamp":"2026-11-21T10:00:00Z","data":{"number":"P-1","state":"'
        + state
        + '","previous_state":"active","occurred_at":"'
        + at
        + '"}}'
    )


def _send(app: Flask, body: str, uid: str, *, secret: str = SECRET) -> int:
    now = clock.now()
    headers = {
        "webhook-id": uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(uid, now, body),
    }
    return app.test_client().post(pages.HOOK, data=body, headers=headers).status_code


def test_a_message_with_a_wrong_signature_changes_nothing(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, secret = market
    body = _message("revoked", "2026-11-21T10:00:00Z")
    assert _send(app, body, "evt_1", secret="whsec_" + "A" * 32) == 400
    assert app.test_client().post(pages.HOOK, data=body).status_code == 400
    assert not shop.heard
    secret.value = ""
    assert _send(app, body, "evt_1") == 503


def test_a_message_twice_or_out_of_order_counts_once(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    shop.take([{"reference": "L-1", "state": "ready", "permits": ["P-1"]}])
    assert _send(app, _message("active", "2026-11-21T12:00:00Z"), "evt_2") == 204
    assert _send(app, _message("suspended", "2026-11-21T11:00:00Z"), "evt_1") == 204
    assert shop.listings["L-1"].frozen == "", "the older change came last"
    assert _send(app, _message("revoked", "2026-11-21T13:00:00Z"), "evt_3") == 204
    assert _send(app, _message("revoked", "2026-11-21T13:00:00Z"), "evt_3") == 204
    assert shop.listings["L-1"].frozen == "permit P-1 is revoked"
    assert len(shop.heard) == 3


def test_its_page_says_what_is_sold_and_what_was_heard(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    shop.take([{"reference": "L-1", "title": "Green coffee", "state": "ready", "permits": ["P-1"]}])
    _send(app, _message("used_up", "2026-11-21T13:00:00Z"), "evt_1")
    page = app.test_client().get("/").text
    assert "Green coffee" in page
    assert "permit P-1 is used up" in page
    assert "does not answer" in page
