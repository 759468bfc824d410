"""The example marketplace against the running portal: two programs that know each other only by the public API."""

import json
import threading
from collections.abc import Iterator
from decimal import Decimal

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
from app.trade import listings
from app.trade.models import Listing
from app.trade.readiness import Question
from examples.marketplace import pages
from examples.marketplace.portal import Portal, PortalError
from examples.marketplace.shop import Shop
from tests.api.conftest import Platform
from tests.factories.businesses import make_business
from tests.factories.cases import acting
from tests.factories.people import make_user
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


@pytest.fixture
def on_sale(portal: Flask) -> tuple[Listing, list[Permit], Business]:
    """A listing that is ready, the permits it needs, and whose it is."""
    with db.unit_of_work() as session:
        owner = make_user(session)
        business = make_business(session, owner=owner)
        permits = [
            make_permit(session, business, kind=kind) for kind in ("coffee-export", "phytosanitary", "origin-china")
        ]
        asked = Question("090111", "CN", "alibaba-com", Decimal(12000), "KGM")
        new = listings.NewListing("Bourbon 2026", asked)
        return listings.create(session, acting(session, owner), new, idempotency_key="once"), permits, business


def test_a_suspension_in_the_portal_freezes_the_listing_in_the_shop(
    client: Portal, on_sale: tuple[Listing, list[Permit], Business]
) -> None:
    listing, permits, holder = on_sale
    shop, secret = Shop(), pages.Secret()
    market = Running(pages.make(client, shop, secret))
    try:
        secret.value = client.listen_at(market.address + pages.HOOK)
        shop.take(client.listings())
        assert [each.frozen for each in shop.listings.values()] == [""]
        with db.unit_of_work() as session:
            lifecycle.suspend(session, session.get_one(Permit, permits[0].id), SYSTEM, "Residues found")
        queue.run_pending()
    finally:
        market.stop()
    assert shop.listings[listing.reference].frozen == "the portal says: frozen (suspended)"
    heard = {(each.about, each.previous, each.state, each.did) for each in shop.heard}
    assert heard == {
        (permits[0].number, "active", "suspended", ""),
        (listing.reference, "ready", "frozen", "frozen"),
    }
    told = client.permit(permits[0].number)
    assert (told["state"], told["holder"]["number"]) == ("suspended", holder.number)


def test_its_question_is_one_the_portal_understands(
    client: Portal, on_sale: tuple[Listing, list[Permit], Business]
) -> None:
    browser = pages.make(client, Shop(), pages.Secret()).test_client()
    asked = {"business": on_sale[2].number, "hs": "090111", "destination": "CN", "channel": "alibaba-com"}
    for amount in ({"quantity": "", "unit": ""}, {"quantity": "1000", "unit": "KGM"}):
        page = browser.get("/ask", query_string=asked | amount).text
        assert '"ready": true' in page
        assert 'role="alert"' not in page
    refused = browser.get("/ask", query_string=asked | {"hs": "999999"}).text
    assert "product.hs: There is no product with this HS code." in refused


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
    data = {"reference": "L-1", "channel": "alibaba-com", "state": state, "previous_state": "ready"}
    reason = "" if state == "ready" else "suspended"
    data |= {"reason_code": reason, "occurred_at": at}
    return json.dumps({"type": "listing.state_changed", "timestamp": "2026-11-21T10:00:00Z", "data": data})


def _told(state: str = "ready", at: str = "2026-11-21T09:00:00Z") -> dict[str, str]:
    """A listing as ``GET /listings`` tells it."""
    reason = "" if state == "ready" else "expired"
    return {"reference": "L-1", "title": "Green coffee", "state": state, "reason_code": reason, "updated_at": at}


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
    body = _message("frozen", "2026-11-21T10:00:00Z")
    assert _send(app, body, "evt_1", secret="whsec_" + "A" * 32) == 400
    assert app.test_client().post(pages.HOOK, data=body).status_code == 400
    assert not shop.heard
    secret.value = ""
    assert _send(app, body, "evt_1") == 503


def test_a_message_twice_or_out_of_order_counts_once(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    shop.take([_told()])
    assert _send(app, _message("ready", "2026-11-21T12:00:00.250000Z"), "evt_2") == 204
    assert _send(app, _message("frozen", "2026-11-21T12:00:00Z"), "evt_1") == 204
    assert shop.listings["L-1"].frozen == "", "the older change came last"
    assert _send(app, _message("delisted", "2026-11-21T13:00:00Z"), "evt_3") == 204
    assert _send(app, _message("delisted", "2026-11-21T13:00:00Z"), "evt_3") == 204
    assert shop.listings["L-1"].frozen == "the portal says: delisted (suspended)"
    assert len(shop.heard) == 3


def test_a_list_fetched_before_a_message_came_does_not_thaw(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    shop.take([_told()])
    _send(app, _message("frozen", "2026-11-21T12:00:00Z"), "evt_1")
    shop.take([_told()])
    assert shop.listings["L-1"].frozen
    shop.take([_told(at="2026-11-21T12:30:00Z")])
    assert shop.listings["L-1"].frozen == ""


def test_a_listing_it_has_not_got_is_only_noted(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    assert _send(app, _message("frozen", "2026-11-21T12:00:00Z"), "evt_1") == 204
    (heard,) = shop.heard
    assert (heard.about, heard.did) == ("L-1", "")


def test_its_page_says_what_is_sold_and_what_was_heard(market: tuple[Flask, Shop, pages.Secret]) -> None:
    app, shop, _secret = market
    shop.take([_told()])
    _send(app, _message("frozen", "2026-11-21T13:00:00Z"), "evt_1")
    page = app.test_client().get("/").text
    assert "Green coffee" in page
    assert "the portal says: frozen (suspended)" in page
    assert "does not answer" in page
