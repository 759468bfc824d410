"""A STAND-IN for MTN Mobile Money Collections: speaks the same protocol on this machine, moves no money.

``python -m tools.standins.mtn_momo --port 8001``. What happens depends on the payer's number:

======  ==========================================================================
ends in  what happens
======  ==========================================================================
002     FAILED, NOT_ENOUGH_FUNDS
003     stays PENDING until it expires (FAILED, EXPIRED)
004     FAILED, INTERNAL_PROCESSING_ERROR
others  SUCCESSFUL after two status requests or two seconds, whichever is first
======  ==========================================================================

At the end the callback of the request (``X-Callback-Url``) is sent once, by PUT, unsigned, as MTN does.
"""

import argparse
import base64
import json
import re
import secrets
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

REQUEST_TO_PAY = re.compile(r"^/collection/v1_0/requesttopay/([0-9a-fA-F-]{36})$")
CURRENCIES = {"sandbox": "EUR", "mtnrwanda": "RWF", "mtncongo": "XAF"}
PAGE = """<!doctype html><html lang="en"><title>Mobile money stand-in</title>
<h1>Stand-in for MTN Mobile Money</h1><p>This is not MTN. It speaks the same protocol for demonstrations and tests,
and no money moves. Numbers ending in 002 have no funds, 003 never answer, 004 fail, all others pay.</p></html>"""


@dataclass
class Collection:
    """One request to pay."""

    reference: str
    body: dict[str, Any]
    callback_url: str | None
    asked_at: float
    polls: int = 0
    ended: bool = False
    status: str = "PENDING"
    reason: str = ""

    @property
    def msisdn(self) -> str:
        return str(self.body["payer"]["partyId"])


@dataclass
class StandIn:
    """The state of the stand-in. ``settle_after`` and ``expire_after`` are seconds; ``broken`` makes every call
    answer 503, and ``silent`` takes a request to pay but answers 503: what a time-out looks like from outside."""

    environment: str = "sandbox"
    subscription_key: str = "demo-subscription"
    settle_after: float = 2.0
    settle_polls: int = 2
    expire_after: float = 300.0
    token_seconds: int = 3600
    callbacks: bool = True
    broken: bool = False
    silent: bool = False
    tokens: set[str] = field(default_factory=set)
    collections: dict[str, Collection] = field(default_factory=dict)
    requests_to_pay: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, collection: Collection) -> bool:
        """Move one collection on; True when it ended just now. The caller holds the lock."""
        if collection.ended:
            return False
        age = time.monotonic() - collection.asked_at
        ending = collection.msisdn[-3:]
        if ending == "003":
            if age >= self.expire_after:
                self._end(collection, "FAILED", "EXPIRED")
        elif age >= self.settle_after or collection.polls >= self.settle_polls:
            if ending == "002":
                self._end(collection, "FAILED", "NOT_ENOUGH_FUNDS")
            elif ending == "004":
                self._end(collection, "FAILED", "INTERNAL_PROCESSING_ERROR")
            else:
                self._end(collection, "SUCCESSFUL", "")
        return collection.ended

    @staticmethod
    def _end(collection: Collection, status: str, reason: str) -> None:
        collection.ended, collection.status, collection.reason = True, status, reason

    @staticmethod
    def document(collection: Collection) -> dict[str, Any]:
        found = {**collection.body, "status": collection.status}
        if collection.reason:
            found["reason"] = collection.reason
        if collection.status == "SUCCESSFUL":
            found["financialTransactionId"] = str(int(collection.reference[:8], 16))
        return found


class Handler(BaseHTTPRequestHandler):
    """The three calls of Collections the portal uses."""

    server_version = "KibaliStandIn/1"
    protocol_version = "HTTP/1.1"
    state: StandIn  # set by ``serve``

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.state.broken:
            return self._answer(503, {"code": "SERVICE_UNAVAILABLE"})
        if self.headers.get("Ocp-Apim-Subscription-Key") != self.state.subscription_key:
            return self._answer(401, {"statusCode": 401, "message": "Access denied due to invalid subscription key."})
        if self.path == "/collection/token/":
            return self._token()
        if self.path == "/collection/v1_0/requesttopay":
            return self._request_to_pay(body)
        return self._answer(404, {"code": "RESOURCE_NOT_FOUND"})

    def do_GET(self) -> None:
        if self.path == "/":
            return self._page()
        if self.state.broken:
            return self._answer(503, {"code": "SERVICE_UNAVAILABLE"})
        match = REQUEST_TO_PAY.match(self.path)
        if match is None:
            return self._answer(404, {"code": "RESOURCE_NOT_FOUND"})
        if not self._admitted():
            return self._answer(401, {"error": "invalid_token"})
        with self.state.lock:
            collection = self.state.collections.get(match[1].lower())
            if collection is None:
                return self._answer(404, {"code": "RESOURCE_NOT_FOUND", "message": "Requested resource was not found."})
            collection.polls += 1
            ended = self.state.advance(collection)
            document = self.state.document(collection)
        self._answer(200, document)
        if ended:
            self._call_back(collection, document)
        return None

    def _token(self) -> None:
        kind, _space, value = self.headers.get("Authorization", "").partition(" ")
        try:
            user, _colon, key = base64.b64decode(value).decode().partition(":")
        except ValueError:
            user, key = "", ""
        if kind != "Basic" or not user or not key:
            return self._answer(401, {"error": "invalid_client"})
        token = secrets.token_urlsafe(24)
        with self.state.lock:
            self.state.tokens.add(token)
        return self._answer(
            200, {"access_token": token, "token_type": "access_token", "expires_in": self.state.token_seconds}
        )

    def _request_to_pay(self, raw: bytes) -> None:
        if not self._admitted():
            return self._answer(401, {"error": "invalid_token"})
        try:
            reference = str(UUID(self.headers.get("X-Reference-Id", "")))
            body = json.loads(raw)
            problem = self._problem(body)
        except (ValueError, KeyError, TypeError):
            return self._answer(400, {"code": "BAD_REQUEST", "message": "The request is not well formed."})
        if problem:
            return self._answer(problem[0], {"code": problem[1], "message": problem[2]})
        with self.state.lock:
            if reference in self.state.collections:
                return self._answer(409, {"code": "RESOURCE_ALREADY_EXIST", "message": "Duplicated reference id."})
            collection = Collection(reference, body, self.headers.get("X-Callback-Url"), time.monotonic())
            self.state.collections[reference] = collection
            self.state.requests_to_pay += 1
        if self.state.callbacks and collection.callback_url:
            timer = threading.Timer(self.state.settle_after, self._settle_by_time, [collection])
            timer.daemon = True
            timer.start()
        return self._answer(503 if self.state.silent else 202, {})

    def _problem(self, body: dict[str, Any]) -> tuple[int, str, str] | None:
        """Status, code and message for a request MTN would refuse."""
        if self.headers.get("X-Target-Environment") != self.state.environment:
            return 500, "NOT_ALLOWED_TARGET_ENVIRONMENT", "Access to target environment is forbidden."
        if body["currency"] != CURRENCIES.get(self.state.environment):
            return 500, "INVALID_CURRENCY", "Currency not supported."
        if body["payer"]["partyIdType"] != "MSISDN" or not str(body["payer"]["partyId"]).isdigit():
            return 400, "PAYER_NOT_FOUND", "The payer is not a number."
        if float(body["amount"]) <= 0:
            return 400, "BAD_REQUEST", "The amount must be positive."
        if any(len(body[note]) > 160 or "'" in body[note] for note in ("payerMessage", "payeeNote")):
            return 400, "BAD_REQUEST", "A note is too long or has an apostrophe."
        return None

    def _admitted(self) -> bool:
        with self.state.lock:
            return self.headers.get("Authorization", "").removeprefix("Bearer ") in self.state.tokens

    def _settle_by_time(self, collection: Collection) -> None:
        """The phone was answered without anybody asking."""
        with self.state.lock:
            ended = self.state.advance(collection)
            document = self.state.document(collection)
        if ended:
            self._call_back(collection, document)

    def _call_back(self, collection: Collection, document: dict[str, Any]) -> None:
        if not self.state.callbacks or not collection.callback_url:
            return
        if not collection.callback_url.startswith(("http://", "https://")):
            return
        request = urllib.request.Request(
            collection.callback_url,
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (urllib.error.URLError, OSError):
            return  # as MTN: one try; the caller must ask

    def _page(self) -> None:
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode() if document else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: numbers of payers do not belong on a terminal."""


def serve(state: StandIn, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that listens (port 0: any free one); the caller runs ``serve_forever`` and ``shutdown``."""
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for MTN Mobile Money Collections. No money moves.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--environment", default="sandbox", choices=sorted(CURRENCIES))
    parser.add_argument("--subscription-key", default="demo-subscription")
    parser.add_argument("--settle-after", type=float, default=2.0, help="seconds until the payer has answered")
    parser.add_argument("--expire-after", type=float, default=300.0, help="seconds until an unanswered one expires")
    given = parser.parse_args()
    state = StandIn(
        environment=given.environment,
        subscription_key=given.subscription_key,
        settle_after=given.settle_after,
        expire_after=given.expire_after,
    )
    server = serve(state, host=given.host, port=given.port)
    print(f"Mobile money stand-in (not MTN, no money moves) at http://{given.host}:{given.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
