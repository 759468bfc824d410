"""An office's proxy is never asked for this machine."""

import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import requests

from tools.loopback import direct


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args: object) -> None:
        pass


def test_this_machine_is_reached_although_a_proxy_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name, value in direct({}).items():
        monkeypatch.setenv(name, value)
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            assert urllib.request.urlopen(address, timeout=5).read() == b"hello"
            assert requests.get(address, timeout=5).content == b"hello"
        finally:
            server.shutdown()
            thread.join()


def test_what_was_listed_stays() -> None:
    assert direct({"NO_PROXY": "intranet.example, localhost"})["no_proxy"] == "intranet.example,localhost,127.0.0.1"
    assert direct(direct({})) == direct({})
