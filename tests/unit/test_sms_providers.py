"""Both adapters against the stand-in over HTTP, and against every answer their documents name."""

import ssl
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
import requests
from urllib3.exceptions import MaxRetryError, SSLError

from app.identity import keys
from app.notifications.sms import Away, Fate, NoCredit, NotAdmitted, Provider, Refused, Report, Unanswered
from app.notifications.sms.africas_talking import AfricasTalking, report
from app.notifications.sms.infobip import Infobip
from app.notifications.sms.setting import SettingUnusable, provider
from tests.factories.texts import stand_in
from tools.standins.sms import StandIn

PROVIDERS = ("africastalking", "infobip")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[StandIn, str]]:
    with stand_in() as found:
        yield found


def adapter(name: str, url: str, key: str = "demo-key") -> Provider:
    if name == "infobip":
        return Infobip(url=url, key=key, sender="KIBALI", reports="http://localhost/reports")
    return AfricasTalking(url=url, username="sandbox", key=key, sender="KIBALI")


def hand_over(one: Provider, number: str = "+250788000001", reference: UUID | None = None) -> str:
    return one.send(number, "Bonjour", reference or uuid.uuid4(), minutes=10)


@pytest.mark.parametrize("name", PROVIDERS)
class TestStandIn:
    def test_a_text_is_taken_once_with_number_sender_and_words(self, name: str, running: tuple[StandIn, str]) -> None:
        state, url = running
        given = hand_over(adapter(name, url))
        text = state.texts[given]
        assert (text.number.lstrip("+"), text.sender, text.body) == ("250788000001", "KIBALI", "Bonjour")

    def test_refusals_are_told_apart(self, name: str, running: tuple[StandIn, str]) -> None:
        one = adapter(name, running[1])
        with pytest.raises(Refused) as refused:
            hand_over(one, "+250788000002")
        assert (refused.value.reason, refused.value.stop) == ("refuses_texts", True)
        with pytest.raises(NoCredit):
            hand_over(one, "+250788000005")
        with pytest.raises(NotAdmitted):
            hand_over(adapter(name, running[1], key="wrong"))

    def test_a_call_without_an_answer_is_not_known_to_have_failed(
        self, name: str, running: tuple[StandIn, str]
    ) -> None:
        state, url = running
        state.silent = True
        try:
            with pytest.raises(Unanswered):
                hand_over(adapter(name, url))
        finally:
            state.silent = False

    def test_nobody_there_is_certain(self, name: str, running: tuple[StandIn, str]) -> None:
        with pytest.raises(Away):
            hand_over(adapter(name, "http://127.0.0.1:9"))


def test_infobip_can_be_asked_what_became_of_a_text(running: tuple[StandIn, str]) -> None:
    state, url = running
    one, reference = adapter("infobip", url), uuid.uuid4()
    assert one.enquire(reference) is None
    hand_over(one, reference=reference)
    assert one.enquire(reference) == Report(Fate.UNDER_WAY, str(reference))
    state.texts[str(reference)].status = "DELIVERED"
    assert one.enquire(reference) == Report(Fate.DELIVERED, str(reference))
    assert hand_over(one, reference=reference) == str(reference), "a duplicate had arrived the first time"
    assert sum(text.id == str(reference) for text in state.texts.values()) == 1


class Answering:
    """An HTTP server that answers everything with one body."""

    def __init__(self, status: int, body: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        return self.url

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Canned:
    def __init__(self, status: int, body: Any) -> None:
        self.status_code, self.body, self.ok = status, body, status < 400

    def json(self) -> Any:
        return self.body


def answered(monkeypatch: pytest.MonkeyPatch, name: str, status: int, body: Any) -> Any:
    """What the adapter makes of one answer: an id, or what it raised."""
    monkeypatch.setattr(requests, "request", lambda *_args, **_kwargs: Canned(status, body))
    try:
        return hand_over(adapter(name, "http://provider.example"))
    except (Refused, NoCredit, NotAdmitted, Away, Unanswered) as error:
        return error


@pytest.mark.parametrize(
    ("code", "kind", "reason", "stop"),
    [
        (401, Refused, "held", False),
        (402, NotAdmitted, "", False),
        (403, Refused, "no_number", True),
        (404, Refused, "no_number", True),
        (405, NoCredit, "", False),
        (406, Refused, "refuses_texts", True),
        (407, Refused, "no_route", False),
        (409, Refused, "refuses_texts", True),
        (500, Refused, "provider_failed", False),
        (501, Refused, "provider_failed", False),
        (502, Refused, "network_refused", False),
        (999, Unanswered, "", False),
    ],
)
def test_every_status_of_africas_talking(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], reason: str, stop: bool
) -> None:
    row = {"statusCode": code, "number": "+250788000001", "status": "x", "messageId": "None"}
    error = answered(monkeypatch, "africastalking", 201, {"SMSMessageData": {"Message": "", "Recipients": [row]}})
    assert type(error) is kind
    if isinstance(error, Refused):
        assert (error.reason, error.stop) == (reason, stop)


@pytest.mark.parametrize("code", [100, 101, 102])
def test_what_africas_talking_took(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    row = {"statusCode": code, "number": "+250788000001", "messageId": "ATXid_1"}
    assert answered(monkeypatch, "africastalking", 201, {"SMSMessageData": {"Recipients": [row]}}) == "ATXid_1"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}, NotAdmitted),
        ({"SMSMessageData": {"Message": "InsufficientBalance", "Recipients": []}}, NoCredit),
        ({"SMSMessageData": {}}, Unanswered),
        ({"SMSMessageData": {"Recipients": [{"statusCode": 101, "number": "+1", "messageId": "x"}]}}, Unanswered),
        ({"SMSMessageData": {"Recipients": 7}}, Unanswered),
        ({"SMSMessageData": {"Recipients": [{"statusCode": [], "number": "+250788000001"}]}}, Unanswered),
        ([], Unanswered),
    ],
)
def test_odd_answers_of_africas_talking(monkeypatch: pytest.MonkeyPatch, body: Any, kind: type[Exception]) -> None:
    assert type(answered(monkeypatch, "africastalking", 201, body)) is kind


@pytest.mark.parametrize(
    ("group", "name", "kind", "stop"),
    [
        (5, "REJECTED_NOT_ENOUGH_CREDITS", NoCredit, False),
        (5, "REJECTED_PREPAID_PACKAGE_EXPIRED", NoCredit, False),
        (5, "REJECTED_SOURCE", NotAdmitted, False),
        (5, "REJECTED_SENDER", NotAdmitted, False),
        (5, "REJECTED_DESTINATION_NOT_REGISTERED", NotAdmitted, False),
        (5, "REJECTED_DESTINATION", Refused, True),
        (5, "REJECTED_DND", Refused, True),
        (5, "REJECTED_INVALID_DESTINATION", Refused, True),
        (5, "REJECTED_FLOODING_FILTER", Refused, False),
        (2, "UNDELIVERABLE_REJECTED_OPERATOR", Refused, False),
        (4, "EXPIRED_EXPIRED", Refused, False),
        (None, "", Unanswered, False),
    ],
)
def test_every_status_of_infobip(
    monkeypatch: pytest.MonkeyPatch, group: int | None, name: str, kind: type[Exception], stop: bool
) -> None:
    row = {"messageId": "x", "status": {"groupId": group, "name": name}}
    error = answered(monkeypatch, "infobip", 200, {"messages": [row]})
    assert type(error) is kind
    if isinstance(error, Refused):
        assert error.stop is stop


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    ("status", "kind"), [(401, NotAdmitted), (403, NotAdmitted), (429, Away), (400, Refused), (500, Unanswered)]
)
def test_http_errors(monkeypatch: pytest.MonkeyPatch, name: str, status: int, kind: type[Exception]) -> None:
    assert type(answered(monkeypatch, name, status, {})) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ssl.SSLCertVerificationError("certificate verify failed"), Away),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), Unanswered),
    ],
)
def test_a_line_that_breaks_while_the_answer_is_read_is_not_certain(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception]
) -> None:
    """TLS tells both with the same error of the library."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise requests.exceptions.SSLError(MaxRetryError(Mock(), "/", SSLError(error)))

    monkeypatch.setattr(requests, "request", broken)
    with pytest.raises(kind):
        hand_over(adapter("infobip", "https://provider.example"))


def test_a_broken_answer_over_the_wire_is_no_answer() -> None:
    with Answering(201, "<html>") as url, pytest.raises(Unanswered):
        hand_over(adapter("africastalking", url))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": "a", "status": "Success"}, Report(Fate.DELIVERED, "a")),
        ({"id": "a", "status": "Buffered"}, Report(Fate.UNDER_WAY, "a")),
        ({"id": "a", "status": "Failed", "failureReason": "UserInBlackList"},
         Report(Fate.FAILED, "a", "refuses_texts", True)),
        ({"id": "a", "status": "Rejected", "failureReason": "DeliveryFailure"},
         Report(Fate.FAILED, "a", "not_delivered")),
        ({"id": "a", "status": "Rejected"}, Report(Fate.FAILED, "a", "not_delivered")),
        ({"id": "", "status": "Success"}, None),
        ({"id": "a", "status": "Paid"}, None),
        ({"id": "a" * 5000, "status": "Success"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_reports_of_africas_talking(fields: dict[str, str], expected: Report | None) -> None:
    assert report(fields) == expected


def test_the_setting_names_provider_host_and_credentials() -> None:
    keys.configure("x" * 40)
    live = provider("africastalking://rdb:k%40y@api.africastalking.com?from=RWANDA", base_url="https://p.example")
    assert isinstance(live, AfricasTalking)
    assert live._url == "https://api.africastalking.com/version1/messaging"
    assert (live._username, live._key, live._sender) == ("rdb", "k@y", "RWANDA")
    other = provider("infobip://:key@abc.api.infobip.com?from=CONGO", base_url="https://p.example")
    assert isinstance(other, Infobip)
    assert other._reports.startswith("https://p.example/callbacks/sms/infobip/")
    assert len(other._reports.rpartition("/")[2]) == 40
    assert provider("", base_url="") is None


@pytest.mark.parametrize(
    "url", ["smpp://a:b@host", "africastalking://host", "africastalking://:key@host", "infobip://:key@", "http://x:y@z",
            "africastalking://a:secret-key@host:port"]
)  # fmt: skip
def test_an_unusable_setting_is_refused_without_showing_its_key(url: str) -> None:
    with pytest.raises(SettingUnusable) as error:
        provider(url, base_url="")
    assert "secret-key" not in str(error.value)
