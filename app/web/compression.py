"""Pages and the stylesheet leave compressed: on a slow network bytes are the waiting time.

A page that holds a secret beside words from outside must not tell the one by the length of the other (BREACH). The
cookie is SameSite=Lax, so another site cannot ask in a person's name in volume, and a page of a person gets a comment
of random length besides.
"""

import gzip
import secrets
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

SMALLEST = 500  # bytes: below this a header costs more than it saves
TYPES = frozenset({"text/html", "text/css", "image/svg+xml"})  # what people read; the API is for servers
PADDING = 48


def install(app: Flask) -> None:
    """To be called before every other ``after_request`` is registered, so that it runs last."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if response.mimetype not in TYPES or response.status_code in {204, 304} or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") <= 0 or request.method == "HEAD":
        return response
    if request.endpoint == "static":
        return _static(response)
    if response.is_streamed or response.direct_passthrough:
        return response
    body = response.get_data()
    if len(body) < SMALLEST:
        return response
    if response.mimetype == "text/html" and response.cache_control.no_store:
        body += b"<!--" + secrets.token_hex(secrets.randbelow(PADDING)).encode() + b"-->"
    return _replaced(response, gzip.compress(body, 6, mtime=0))


def _static(response: Response) -> Response:
    file = Path(current_app.static_folder or "") / (request.view_args or {}).get("filename", "")
    if response.status_code != 200 or not file.is_file():
        return response
    response.direct_passthrough = False
    response.headers.pop("Accept-Ranges", None)
    if (close := getattr(response.response, "close", None)) is not None:
        close()  # the file that Flask opened to send it as it is
    return _replaced(response, _file(file, file.stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _file(file: Path, changed: int) -> bytes:
    return gzip.compress(file.read_bytes(), 9, mtime=0)


def _replaced(response: Response, body: bytes) -> Response:
    response.set_data(body)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(body))
    tag, weak = response.get_etag()
    if tag is not None and not weak:
        response.set_etag(f"{tag}-gzip")  # other bytes, another tag
    return response
