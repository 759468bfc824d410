"""A STAND-IN for providers of text messages: speaks their protocols on this machine, no text leaves it.

``python -m tools.standins.sms --port 8004``. Both of Africa's Talking (``/version1/messaging``) and of Infobip
(``/sms/3/messages``, ``/sms/3/logs``). What happens depends on the number:

======  ==========================================================================
ends in  what happens
======  ==========================================================================
002     refused: the number is on a block list
003     taken, and never reported on
004     taken, reported as not delivered
005     refused: the account has no credit
others  taken, reported as delivered after two seconds
======  ==========================================================================

Delivery reports of Africa's Talking go to ``--reports``, as entered in its dashboard; Infobip's to the address each
text names.
"""

import argparse
import json
import threading
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

PAGE = """<!doctype html><html lang="en"><title>Stand-in for text messages</title>
<h1>Stand-in for text messages</h1><p>This is neither Africa's Talking nor Infobip. It speaks their protocols for
demonstrations and tests, and no text leaves this machine. Numbers ending in 002 refuse texts, 003 are never reported
on, 004 are out of reach, 005 find the account empty, all others get them.</p></html>"""
_STATUS = {
    "PENDING": (1, "PENDING", 26, "PENDING_ACCEPTED"),
    "DELIVERED": (3, "DELIVERED", 5, "DELIVERED_TO_HANDSET"),
    "UNDELIVERABLE": (2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED"),
    "BLOCKED": (5, "REJECTED", 14, "REJECTED_DESTINATION"),
    "NO_CREDIT": (5, "REJECTED", 12, "REJECTED_NOT_ENOUGH_CREDITS"),
    "DUPLICATE": (5, "REJECTED", 19, "REJECTED_DUPLICATE_MESSAGE_ID"),
}


def _status(name: str) -> dict[str, Any]:
    group, group_name, number, full = _STATUS[name]
    return {"groupId": group, "groupName": group_name, "id": number, "name": full, "description": full}


@dataclass
class Text:
    """One text it has taken."""

    id: str
    number: str
    body: str
    sender: str
    status: str = "PENDING"
    reports: str = ""
    infobip: bool = False


@dataclass
class StandIn:
    """``broken`` answers 503 and takes nothing; ``silent`` takes the text and answers 503: a time-out.
    ``deliver_after`` is in seconds; ``callbacks`` off: nothing is reported."""

    key: str = "demo-key"
    reports: str = ""
    deliver_after: float = 2.0
    callbacks: bool = True
    broken: bool = False
    silent: bool = False
    texts: dict[str, Text] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def outcome(self, number: str) -> str:
        return {"002": "BLOCKED", "005": "NO_CREDIT"}.get(number[-3:], "PENDING")

    def finish(self, text: Text) -> None:
        """What the network says in the end; the caller holds the lock."""
        match text.number[-3:]:
            case "003":
                return
            case "004":
                text.status = "UNDELIVERABLE"
            case _:
                text.status = "DELIVERED"


class Handler(BaseHTTPRequestHandler):
    server_version = "KibaliStandIn/1"
    protocol_version = "HTTP/1.1"
    state: StandIn  # set by ``serve``

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.state.broken:
            return self._answer(503, {"message": "unavailable"})
        if self.path == "/version1/messaging":
            return self._africas_talking(body)
        if self.path == "/sms/3/messages":
            return self._infobip(body)
        return self._answer(404, {})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/":
            return self._page()
        if self.state.broken:
            return self._answer(503, {"message": "unavailable"})
        if parts.path == "/sms/3/logs":
            return self._logs(parse_qs(parts.query).get("messageId", []))
        return self._answer(404, {})

    def _africas_talking(self, raw: bytes) -> None:
        fields = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        if self.headers.get("apiKey") != self.state.key:
            return self._answer(401, {"message": "The supplied authentication is invalid"})
        if not {"username", "to", "message"} <= fields.keys():
            return self._answer(400, {"message": "Request is missing required form field"})
        number, outcome = fields["to"], self.state.outcome(fields["to"])
        row: dict[str, Any] = {"number": number, "cost": "0", "messageId": "None"}
        if outcome == "PENDING":
            text = Text(f"ATXid_{uuid.uuid4().hex}", number, fields["message"], fields.get("from", ""))
            text.reports = self.state.reports
            self._take(text)
            row |= {"statusCode": 101, "status": "Success", "cost": "RWF 0", "messageId": text.id}
        elif outcome == "BLOCKED":
            row |= {"statusCode": 406, "status": "UserInBlacklist"}
        else:
            row |= {"statusCode": 405, "status": "InsufficientBalance"}
        sent = int(outcome == "PENDING")
        told = {"Message": f"Sent to {sent}/1 Total Cost: {row['cost']}", "Recipients": [row]}
        return self._answer(503 if self.state.silent else 201, {"SMSMessageData": told})

    def _infobip(self, raw: bytes) -> None:
        if not self._admitted():
            return self._answer(401, {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}})
        try:
            message = json.loads(raw)["messages"][0]
            destination = message["destinations"][0]
            number, given, body = str(destination["to"]), str(destination["messageId"]), str(message["content"]["text"])
        except (ValueError, KeyError, IndexError, TypeError):
            return self._answer(400, {"requestError": {"serviceException": {"messageId": "BAD_REQUEST"}}})
        with self.state.lock:
            known = given in self.state.texts
        outcome = "DUPLICATE" if known else self.state.outcome(number)
        if outcome == "PENDING":
            text = Text(given, number, body, str(message.get("sender", "")), infobip=True)
            text.reports = str(message.get("webhooks", {}).get("delivery", {}).get("url", ""))
            self._take(text)
        row = {"messageId": given, "status": _status(outcome), "destination": number, "details": {"messageCount": 1}}
        return self._answer(503 if self.state.silent else 200, {"bulkId": uuid.uuid4().hex, "messages": [row]})

    def _logs(self, wanted: list[str]) -> None:
        if not self._admitted():
            return self._answer(401, {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}})
        with self.state.lock:
            found = [text for text in self.state.texts.values() if text.infobip and text.id in wanted]
            rows = [_log(text) for text in found]
        return self._answer(200, {"results": rows})

    def _admitted(self) -> bool:
        return self.headers.get("Authorization") == f"App {self.state.key}"

    def _take(self, text: Text) -> None:
        with self.state.lock:
            self.state.texts[text.id] = text
        if self.state.callbacks:
            timer = threading.Timer(self.state.deliver_after, self._report, [text])
            timer.daemon = True
            timer.start()

    def _report(self, text: Text) -> None:
        with self.state.lock:
            self.state.finish(text)
        if text.status == "PENDING" or not text.reports.startswith(("http://", "https://")):
            return
        if text.infobip:
            kind, body = "application/json", json.dumps({"results": [_log(text)]}).encode()
        else:
            fields = {"id": text.id, "phoneNumber": text.number, "networkCode": "63510", "retryCount": "0"}
            delivered = text.status == "DELIVERED"
            fields |= {"status": "Success"} if delivered else {"status": "Failed", "failureReason": "DeliveryFailure"}
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        request = urllib.request.Request(text.reports, body, {"Content-Type": kind}, method="POST")
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (urllib.error.URLError, OSError):
            return

    def _page(self) -> None:
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: people's numbers do not belong on a terminal."""


def _log(text: Text) -> dict[str, Any]:
    return {"messageId": text.id, "destination": text.number, "sender": text.sender, "status": _status(text.status)}


def serve(state: StandIn, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that listens (port 0: any free one); the caller runs ``serve_forever`` and ``shutdown``."""
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for providers of text messages. No text leaves it.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8004)
    parser.add_argument("--key", default="demo-key")
    parser.add_argument("--reports", default="", help="where Africa's Talking would send delivery reports")
    given = parser.parse_args()
    server = serve(StandIn(key=given.key, reports=given.reports), host=given.host, port=given.port)
    print(f"Stand-in for text messages (no text leaves it) at http://{given.host}:{given.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
