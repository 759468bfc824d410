"""A webhook receiver on the loopback that answers as it is told."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self


@dataclass(frozen=True)
class Heard:
    path: str
    headers: Message
    body: bytes


class Receiver:
    """``answers`` are given in turn, then 200. ``behaviour`` may be silent, dripping, nonsense or hangs up."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[int] = []
        self.location = ""
        self.retry_after = ""
        self.behaviour = ""
        self.meanwhile: Callable[[], None] | None = None
        self.heard: list[Heard] = []
        self._over = Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._receive(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # the sender went away, which is what some tests are about

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _receive(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.heard.append(Heard(handler.path, handler.headers, body))
        if self.meanwhile is not None:
            self.meanwhile()
        if self.behaviour:
            self._misbehave(handler)
            return
        handler.send_response(self.answers.pop(0) if self.answers else 200)
        if self.location:
            handler.send_header("Location", self.location)
        if self.retry_after:
            handler.send_header("Retry-After", self.retry_after)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _misbehave(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        if self.behaviour == "silent":
            self._over.wait(5)
        elif self.behaviour == "dripping":
            end = time.monotonic() + 5
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self._over.wait(0.02) and time.monotonic() < end:
                handler.wfile.write(b".")
                handler.wfile.flush()
        elif self.behaviour == "nonsense":
            handler.wfile.write(b"HELLO WORLD\r\n\r\n")
