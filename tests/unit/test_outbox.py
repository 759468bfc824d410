"""Events: written with the change, delivered once, signed, retried on schedule, and never to our own network."""

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest
import sqlalchemy as sa
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from app.core import clock, db, identifiers
from app.core.errors import Invalid, NotFound
from app.identity import keys
from app.identity.models import ApiClient
from app.jobs import queue
from app.outbox import deliveries, endpoints, events, housekeeping, sending, tasks, wire
from app.outbox.models import Delivery, Endpoint, Event
from tests.api.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHANGED = "permit.state_changed"
DATA: dict[str, Any] = {
    "number": "RW-EXP-2026-000001",
    "kind": "coffee_export",
    "state": "suspended",
    "previous_state": "active",
    "holder_number": "RW-BUS-2026-000001",
    "valid_to": "2026-12-31",
    "occurred_at": "2026-11-21T10:42:00+00:00",
    "reason_code": "inspection",
}


@pytest.fixture(autouse=True)
def _wiring() -> Iterator[None]:
    keys.configure("a secret for tests that is long enough")
    before = sending._private_hosts
    sending.configure(private_hosts=True)
    yield
    sending.configure(private_hosts=before)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def a_client(
    session: Session, *, scopes: tuple[str, ...] = ("permits:read", "webhooks:manage"), channel: str = "alibaba"
) -> ApiClient:
    client = ApiClient(
        client_id=identifiers.public_code(60),
        name="Market",
        secret_digest=identifiers.digest("secret"),
        scopes=list(scopes),
        channel=channel,
        contact="ops@market.example",
        created_at=clock.now(),
    )
    session.add(client)
    session.flush()
    return client


def an_endpoint(session: Session, url: str, client: ApiClient | None = None, secret: str | None = SECRET) -> Endpoint:
    client = client or a_client(session)
    endpoint, _secret = endpoints.add(
        session, client.id, url=url, event_types=[CHANGED], known_types=[CHANGED], secret=secret
    )
    return endpoint


def emit(session: Session) -> Event:
    return events.emit(session, CHANGED, subject="permit:1", data=DATA, business_id=4)


def told(url: str) -> int:
    """Register ``url`` and tell it something, both committed; the delivery's id."""
    with db.unit_of_work() as session:
        an_endpoint(session, url)
        event = emit(session)
        return int(session.scalars(sa.select(Delivery.id).where(Delivery.event_id == event.id)).one())


def delivery(delivery_id: int) -> Delivery:
    with db.unit_of_work() as session:
        return session.get_one(Delivery, delivery_id)


# --- writing ---------------------------------------------------------------------------------------------------------


def test_an_event_is_written_with_a_delivery_and_a_job_for_each_listener(session: Session) -> None:
    hears = an_endpoint(session, "https://one.example/hook")
    deaf = an_endpoint(session, "https://two.example/hook")
    endpoints.disable(session, deaf, "410 Gone")
    an_endpoint(session, "https://three.example/hook", a_client(session, scopes=("webhooks:manage",)))
    stopped = a_client(session)
    an_endpoint(session, "https://four.example/hook", stopped)
    stopped.disabled_at = clock.now()
    session.flush()
    event = emit(session)
    found = session.scalars(sa.select(Delivery).where(Delivery.event_id == event.id)).all()
    assert [row.endpoint_id for row in found] == [hears.id]
    jobs = session.execute(sa.text("SELECT args FROM procrastinate_jobs WHERE task_name = 'outbox.deliver'")).scalars()
    assert {"delivery_id": found[0].id} in list(jobs)
    assert event.data == DATA | {"occurred_at": "2026-11-21T10:42:00Z"}


def test_what_is_for_one_channel_is_told_to_its_clients_only(session: Session) -> None:
    mine = an_endpoint(session, "https://one.example/hook", a_client(session, channel="alibaba"))
    an_endpoint(session, "https://two.example/hook", a_client(session, channel="fliggy"))
    event = events.emit(session, CHANGED, subject="permit:1", data=DATA, channel="alibaba")
    assert session.scalars(sa.select(Delivery.endpoint_id).where(Delivery.event_id == event.id)).all() == [mine.id]


def test_what_is_rolled_back_was_never_said(committed: db.Database, receiver: Receiver) -> None:
    with db.unit_of_work() as session:
        an_endpoint(session, receiver.url)
    with pytest.raises(ZeroDivisionError), db.unit_of_work() as session:
        assert emit(session).id / 0
    queue.run_pending()
    with db.unit_of_work() as session:
        assert session.scalars(sa.select(Event)).all() == []
        assert session.scalars(sa.select(Delivery)).all() == []
    assert receiver.heard == []


def test_only_what_the_schema_allows_is_said(session: Session) -> None:
    with pytest.raises(LookupError):
        events.emit(session, "permit.unheard_of", subject="permit:1", data={})
    with pytest.raises(pydantic.ValidationError):
        events.emit(session, CHANGED, subject="permit:1", data=DATA | {"holder_name": "Amina Rukundo"})
    with pytest.raises(ValueError, match="smaller"):
        events.emit(session, CHANGED, subject="permit:1", data=DATA | {"reason_code": "x" * 20_000})


def test_a_type_has_one_owner() -> None:
    class Other(pydantic.BaseModel):
        pass

    with pytest.raises(ValueError, match="already registered"):
        events.register(CHANGED, Other, title="Other")


# --- the wire --------------------------------------------------------------------------------------------------------


def test_the_published_vector_of_standard_webhooks() -> None:
    headers = wire.signed_headers(
        SECRET,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_the_moment_signed_does_not_depend_on_the_zone() -> None:
    moment = datetime.fromtimestamp(1614265330, UTC)
    elsewhere = moment.astimezone(__import__("zoneinfo").ZoneInfo("Africa/Kigali"))
    assert wire.signed_headers(SECRET, "m", moment, b"{}") == wire.signed_headers(SECRET, "m", elsewhere, b"{}")


def test_a_new_secret_has_32_random_bytes() -> None:
    one, other = wire.new_secret(), wire.new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32


def test_a_secret_is_not_stored_as_it_is(session: Session) -> None:
    endpoint = an_endpoint(session, "https://one.example/hook")
    assert SECRET not in endpoint.secret
    assert keys.decrypt(endpoint.secret) == SECRET


# --- delivering ------------------------------------------------------------------------------------------------------


def test_a_message_arrives_signed_and_is_marked_delivered(committed: db.Database, receiver: Receiver) -> None:
    delivery_id = told(receiver.url + "/hooks?shop=1")
    queue.run_pending()
    (heard,) = receiver.heard
    assert heard.path == "/hooks?shop=1"
    assert heard.headers["Host"] == receiver.url.removeprefix("http://")
    message = Webhook(SECRET).verify(heard.body, dict(heard.headers))
    assert message["type"] == CHANGED
    assert message["data"]["number"] == DATA["number"]
    done = delivery(delivery_id)
    assert (done.state, done.attempts, done.last_status) == ("delivered", 1, 200)
    assert done.delivered_at is not None


def test_a_failure_is_tried_again_later_with_the_same_id_and_body(committed: db.Database, receiver: Receiver) -> None:
    receiver.answers = [500, 503, 204]
    with time_machine.travel(datetime(2026, 11, 21, 10, tzinfo=UTC), tick=False) as moment:
        delivery_id = told(receiver.url)
        queue.run_pending()
        first = delivery(delivery_id)
        assert (first.state, first.attempts, first.last_status, first.last_error) == ("pending", 1, 500, "status 500")
        wait = first.next_attempt_at - clock.now()
        assert timedelta(seconds=5) <= wait <= timedelta(seconds=5.5)
        queue.run_pending()
        assert len(receiver.heard) == 1, "not before its time"
        moment.shift(6)
        queue.run_pending()
        moment.shift(331)
        queue.run_pending()
    assert delivery(delivery_id).state == "delivered"
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len({heard.body for heard in receiver.heard}) == 1
    assert [int(heard.headers["webhook-timestamp"]) for heard in receiver.heard] == [
        1795255200,
        1795255206,
        1795255537,
    ]


def test_ten_failures_end_it_visibly_and_it_can_be_started_again(committed: db.Database, receiver: Receiver) -> None:
    receiver.answers = [500] * 10
    with time_machine.travel(datetime(2026, 11, 21, 10, tzinfo=UTC), tick=False) as moment:
        delivery_id = told(receiver.url)
        start = clock.now()
        for _attempt in range(10):
            queue.run_pending()
            moment.move_to(delivery(delivery_id).next_attempt_at)
        lasted = clock.now() - start
        assert delivery(delivery_id).state == "failed"
        assert timedelta(hours=75.5) < lasted < timedelta(hours=83.5)
        with db.unit_of_work() as session:
            (row,) = deliveries.failed(session)
            assert (row.id, row.event.type, row.endpoint.client.name) == (delivery_id, CHANGED, "Market")
            assert deliveries.failed(session, before=row.id) == []
            assert deliveries.count_failed(session) == 1
        with db.unit_of_work() as session:
            deliveries.retry(session, delivery_id)
        queue.run_pending()
    assert len(receiver.heard) == 11
    assert delivery(delivery_id).state == "delivered"
    with pytest.raises(NotFound), db.unit_of_work() as session:
        deliveries.retry(session, delivery_id)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304, 199 + 201, 404, 429])
def test_anything_but_2xx_is_a_failure_and_redirects_are_not_followed(
    committed: db.Database, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    receiver.location = receiver.url + "/elsewhere"
    delivery_id = told(receiver.url)
    queue.run_pending()
    row = delivery(delivery_id)
    assert (row.state, row.last_status) == ("pending", status)
    assert [heard.path for heard in receiver.heard] == ["/"]


def test_410_disables_the_endpoint_and_all_that_waits_for_it(committed: db.Database, receiver: Receiver) -> None:
    receiver.answers = [410]
    delivery_id = told(receiver.url)
    with db.unit_of_work() as session:
        emit(session)
    queue.run_pending()
    assert len(receiver.heard) == 1
    assert delivery(delivery_id).state == "disabled"
    with db.unit_of_work() as session:
        (endpoint,) = session.scalars(sa.select(Endpoint)).all()
        assert endpoint.disabled_at is not None
        assert endpoint.disabled_reason == "410 Gone"
        assert set(session.scalars(sa.select(Delivery.state))) == {"disabled"}
        assert emit(session).id
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 2


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 133),
        ("1", 5, 6),
        ("Sat, 21 Nov 2026 10:10:00 GMT", 600, 661),
        ("999999999", 86400, 95041),
        ("soon", 5, 6),
    ],
)
def test_retry_after_is_honoured_in_reason(
    committed: db.Database, receiver: Receiver, header: str, least: int, most: int
) -> None:
    receiver.answers = [503]
    receiver.retry_after = header
    with time_machine.travel(datetime(2026, 11, 21, 10, tzinfo=UTC), tick=False):
        delivery_id = told(receiver.url)
        queue.run_pending()
        wait = (delivery(delivery_id).next_attempt_at - clock.now()).total_seconds()
    assert least <= wait <= most


@given(failures=st.integers(min_value=1, max_value=12), asked=st.one_of(st.none(), st.integers(0, 10**9)))
@settings(max_examples=200, deadline=None)
def test_the_wait_is_never_shorter_than_the_schedule_nor_much_longer_than_a_day(
    failures: int, asked: int | None
) -> None:
    wait = tasks.wait_after(failures, asked)
    if failures >= 10:
        assert wait is None
    else:
        assert wait is not None
        assert tasks.DELAYS[failures] <= wait <= timedelta(hours=24) * 1.1


@pytest.mark.parametrize("behaviour", ["silent", "dripping"])
def test_a_slow_receiver_is_left_in_time(receiver: Receiver, behaviour: str) -> None:
    receiver.behaviour = behaviour
    answer = sending.post(receiver.url, b"{}", {}, timeout=0.3)
    assert (answer.status, answer.error) == (None, "timeout")


def test_a_receiver_that_is_not_there_or_talks_nonsense_is_a_failure(receiver: Receiver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert sending.post(f"http://127.0.0.1:{port}/", b"{}", {}).error.startswith("connection")
    receiver.behaviour = "nonsense"
    assert sending.post(receiver.url, b"{}", {}).error.startswith("answer")
    receiver.behaviour = "hangs up"
    assert sending.post(receiver.url, b"{}", {}).status is None
    assert sending.post(receiver.url.replace("http://", "https://"), b"{}", {}, timeout=2).status is None


def test_two_workers_deliver_once(committed: db.Database, receiver: Receiver) -> None:
    delivery_id = told(receiver.url)

    def work(_n: int) -> None:
        with db.unit_of_work() as session:
            tasks.deliver(session, delivery_id=delivery_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert len(receiver.heard) == 1
    assert delivery(delivery_id).attempts == 1


def test_a_delivery_whose_worker_died_is_taken_over(committed: db.Database, receiver: Receiver) -> None:
    with time_machine.travel(datetime(2026, 11, 21, 10, tzinfo=UTC), tick=False) as moment:
        delivery_id = told(receiver.url)
        with db.unit_of_work() as session:
            assert tasks._claim(session, delivery_id) is not None  # and then nothing more is heard of that worker
            session.execute(sa.text("DELETE FROM procrastinate_jobs"))
        with db.unit_of_work() as session:
            tasks.sweep(session)
        queue.run_pending()
        assert receiver.heard == [], "its claim still holds"
        moment.shift(200)
        with db.unit_of_work() as session:
            tasks.sweep(session)
        queue.run_pending()
    assert len(receiver.heard) == 1
    assert delivery(delivery_id).state == "delivered"


def jobs(session: Session) -> list[tuple[str, Any]]:
    rows = session.execute(sa.text("SELECT status::text, args FROM procrastinate_jobs ORDER BY id"))
    return [(row.status, row.args) for row in rows]


def test_a_backlog_is_not_asked_for_again_and_again(committed: db.Database) -> None:
    with time_machine.travel(datetime(2026, 11, 21, 10, tzinfo=UTC), tick=False) as moment:
        delivery_id = told("http://127.0.0.1:9/")
        moment.shift(3600)
        with db.unit_of_work() as session:
            tasks.sweep(session)
            tasks.sweep(session)
            assert jobs(session) == [("todo", {"delivery_id": delivery_id})], "its job waits and will come"


def test_a_job_that_failed_for_good_is_started_again_not_joined_by_others(
    committed: db.Database, receiver: Receiver
) -> None:
    delivery_id = told(receiver.url)
    with db.unit_of_work() as session:
        session.execute(sa.text("UPDATE procrastinate_jobs SET status = 'failed'"))
        session.execute(sa.update(Delivery).values(next_attempt_at=clock.now() - timedelta(hours=1)))
    for _ in range(2):
        with db.unit_of_work() as session:
            tasks.sweep(session)
            assert jobs(session) == [("todo", {"delivery_id": delivery_id})]
    queue.run_pending()
    assert delivery(delivery_id).state == "delivered"


def test_nothing_is_locked_while_the_other_side_thinks(committed: db.Database, receiver: Receiver) -> None:
    delivery_id = told(receiver.url)
    seen: list[int] = []

    def look() -> None:
        with db.unit_of_work() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
            session.execute(sa.text("SELECT 1 FROM outbox_deliveries, outbox_endpoints, outbox_events FOR UPDATE"))
            busy = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            seen.append(int(session.execute(sa.text(busy + " AND state = 'idle in transaction'")).scalar_one()))

    receiver.meanwhile = look
    with db.unit_of_work() as session:
        tasks.deliver(session, delivery_id=delivery_id)
    assert seen == [0]
    assert delivery(delivery_id).state == "delivered"


def test_a_removed_endpoint_is_told_nothing(committed: db.Database, receiver: Receiver) -> None:
    told(receiver.url)
    with db.unit_of_work() as session:
        (endpoint,) = session.scalars(sa.select(Endpoint)).all()
        endpoints.remove(session, endpoint)
    queue.run_pending()
    assert receiver.heard == []


def test_a_disabled_client_is_told_nothing(committed: db.Database, receiver: Receiver) -> None:
    delivery_id = told(receiver.url)
    with db.unit_of_work() as session:
        session.execute(sa.update(ApiClient).values(disabled_at=clock.now()))
    queue.run_pending()
    assert receiver.heard == []
    assert delivery(delivery_id).state == "disabled"


# --- forgetting ------------------------------------------------------------------------------------------------------


def test_what_everybody_heard_is_forgotten_after_90_days_and_nothing_else(session: Session) -> None:
    an_endpoint(session, "https://one.example/hook")
    an_endpoint(session, "https://two.example/hook")
    now, old = clock.now(), clock.now() - timedelta(days=91)
    delivered = {"state": "delivered", "delivered_at": old}
    cases: dict[str, tuple[datetime, list[dict[str, Any]], bool]] = {
        "heard": (old, [delivered, delivered], True),
        "given up": (old, [delivered, {"state": "disabled"}], True),
        "young": (now - timedelta(days=89), [delivered | {"delivered_at": now}] * 2, False),
        "heard late": (old, [delivered, delivered | {"delivered_at": now - timedelta(days=89)}], False),
        "failed": (old, [delivered, {"state": "failed"}], False),
        "on its way": (old, [delivered, {"state": "pending"}], False),
    }
    made: dict[str, int] = {}
    for name, (created_at, states, _gone) in cases.items():
        event = emit(session)
        event.created_at = created_at
        made[name] = event.id
        rows = session.scalars(sa.select(Delivery).where(Delivery.event_id == event.id).order_by(Delivery.id)).all()
        for row, state in zip(rows, states, strict=True):
            for key, value in state.items():
                setattr(row, key, value)
    session.flush()
    housekeeping.forget_delivered(session)
    left = set(session.scalars(sa.select(Event.id)))
    assert {name for name, number in made.items() if number not in left} == {
        name for name, (_at, _states, gone) in cases.items() if gone
    }
    assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 2 * len(left), "deliveries go with them"


def test_forgetting_goes_on_until_all_is_done(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    for _ in range(5):
        emit(session).created_at = clock.now() - timedelta(days=91)
    queue.enqueue(session, housekeeping.FORGET)
    assert queue.run_pending(session) == 3
    assert session.scalars(sa.select(Event.id)).all() == []


# --- where it may go -------------------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1", "2002:a00:1::",
    "2001:db8::1", "fe80::1%eth0",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not sending.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "196.216.2.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert sending.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://market.example/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.1.2.3/hook",
        "https://localhost/hook",
        "https://localhost./hook",
        "https://user:password@market.example/hook",
        "https://market.example/hook#part",
        "https:///hook",
        "https://market.example:0/hook",
        "https://market.example:99999/hook",
        "https://market.example/a b",
        "https://market.example/a\r\nHost: other",
        "https://märket.example/",
        "ftp://market.example/",
        "file:///etc/passwd",
        "market.example",
        "",
    ],
)
def test_an_address_that_may_not_be_registered(url: str) -> None:
    sending.configure(private_hosts=False)
    with pytest.raises(Invalid) as caught:
        sending.check_url(url)
    assert caught.value.problems[0].field == "url"


def test_a_good_address_may(session: Session) -> None:
    sending.configure(private_hosts=False)
    assert sending.check_url("https://market.example:8443/hook?shop=1") == "https://market.example:8443/hook?shop=1"


def _resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Make every name resolve to each of ``answers`` in turn, and note what is connected to."""
    left = list(answers)
    connected: list[str] = []

    def getaddrinfo(host: str, port: int, **_kwargs: object) -> list[object]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def create_connection(address: tuple[str, int], **_kwargs: object) -> object:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    return connected


@pytest.mark.parametrize("address", [address for address in PRIVATE if "%" not in address])
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    sending.configure(private_hosts=False)
    connected = _resolving(monkeypatch, [address])
    assert sending.post("https://market.example/", b"{}", {}).error == "refused: not a public address"
    assert connected == []


def test_one_private_address_among_public_ones_refuses_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    sending.configure(private_hosts=False)
    connected = _resolving(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    assert sending.post("https://market.example/", b"{}", {}).error.startswith("refused")
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look at the name would find the loopback: there is none."""
    sending.configure(private_hosts=False)
    connected = _resolving(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    sending.post("https://market.example/", b"{}", {})
    assert connected == ["8.8.8.8"]


def test_a_name_nobody_knows_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert sending.post("https://market.example/", b"{}", {}).error == "refused: the name cannot be resolved"


# --- endpoints -------------------------------------------------------------------------------------------------------


def test_an_endpoint_belongs_to_its_client(session: Session) -> None:
    mine, other = a_client(session), a_client(session)
    endpoint = an_endpoint(session, "https://one.example/hook", mine)
    assert endpoints.get(session, mine.id, endpoint.uid) is endpoint
    with pytest.raises(NotFound):
        endpoints.get(session, other.id, endpoint.uid)
    assert endpoints.of_client(session, other.id) == []


def test_an_endpoint_hears_only_what_it_may(session: Session) -> None:
    client = a_client(session)
    for wanted in ([], ["permit.unheard_of"], [CHANGED, "permit.unheard_of"]):
        with pytest.raises(Invalid):
            endpoints.add(session, client.id, url="https://a.example/", event_types=wanted, known_types=[CHANGED])


def test_a_client_has_ten_endpoints_at_most(session: Session) -> None:
    client = a_client(session)
    for number in range(10):
        an_endpoint(session, f"https://one.example/{number}", client)
    with pytest.raises(Invalid):
        an_endpoint(session, "https://one.example/11", client)


def test_two_at_once_do_not_make_eleven(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        client = a_client(session)
        for number in range(9):
            an_endpoint(session, f"https://one.example/{number}", client)

    def add() -> None:
        with db.unit_of_work() as session:
            an_endpoint(session, "https://one.example/second", client)

    with ThreadPoolExecutor(1) as pool:
        with db.unit_of_work() as session:
            an_endpoint(session, "https://one.example/first", client)
            second = pool.submit(add)
            wait([second], timeout=0.3)
        assert isinstance(second.exception(timeout=10), Invalid)


def test_a_disabled_endpoint_can_be_enabled_again(session: Session) -> None:
    endpoint = an_endpoint(session, "https://one.example/hook")
    with pytest.raises(NotFound):
        endpoints.enable(session, endpoint)
    endpoints.disable(session, endpoint, "410 Gone")
    assert [row.id for row in endpoints.disabled(session)] == [endpoint.id]
    assert endpoints.disabled(session, before=endpoint.id) == []
    endpoints.enable(session, endpoint)
    assert (endpoint.disabled_at, endpoint.disabled_reason) == (None, None)
    assert endpoints.count_disabled(session) == 0
    event = emit(session)
    assert session.scalars(sa.select(Delivery.endpoint_id).where(Delivery.event_id == event.id)).all() == [endpoint.id]


def test_enabling_does_not_exceed_the_most(session: Session) -> None:
    client = a_client(session)
    first = an_endpoint(session, "https://one.example/hook", client)
    endpoints.disable(session, first, "410 Gone")
    for number in range(10):
        an_endpoint(session, f"https://one.example/{number}", client)
    with pytest.raises(Invalid):
        endpoints.enable(session, first)
    assert first.disabled_at is not None


def test_a_test_message_goes_to_one_endpoint(committed: db.Database, receiver: Receiver) -> None:
    with db.unit_of_work() as session:
        client = a_client(session)
        one = an_endpoint(session, receiver.url + "/one", client)
        an_endpoint(session, receiver.url + "/two", client)
        events.emit_test(session, one)
    queue.run_pending()
    (heard,) = receiver.heard
    assert heard.path == "/one"
    assert json.loads(heard.body)["type"] == "webhook.test"


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver with a certificate for market.example, to which that name leads; its issuer is trusted."""
    certificate, key = _certificate(tmp_path, "market.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    monkeypatch.setattr(sending, "_tls", lambda: ssl.create_default_context(cafile=str(certificate)))
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: resolve("127.0.0.1", *rest, **named))
    with Receiver(server) as running:
        yield running


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = clock.now()
    made = (
        x509.CertificateBuilder(subject, subject, private.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


def test_the_certificate_must_be_for_the_name_although_the_address_is_dialled(secure: Receiver) -> None:
    port = secure.url.rsplit(":", 1)[1]
    good = sending.post(f"https://market.example:{port}/hook", b"{}", {})
    assert (good.status, good.error) == (200, "")
    assert secure.heard[0].headers["Host"] == f"market.example:{port}"
    other = sending.post(f"https://other.example:{port}/hook", b"{}", {})
    assert other.status is None
    assert other.error.startswith("tls")
    assert len(secure.heard) == 1
