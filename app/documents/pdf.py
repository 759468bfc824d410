"""Turning a record into PDF/A bytes, in a child process that is killed when it takes too long or too much.

The child (``pdf_child``, the only module that imports WeasyPrint) is kept between records, since starting one costs a
second. Decision: docs/decisions/0006-pdf-in-a-child-process.md.
"""

import atexit
import json
import os
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.documents import schemas

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 30.0
STARTING_SECONDS = 30.0
RENDERS_A_CHILD = 500  # then a fresh one, so that nothing grows for ever
KEPT_MB = 160  # a child that a long record made larger is not kept for the next
COMMAND = (sys.executable, "-m", "app.documents.pdf_child")
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
_HEAD = struct.Struct(">BI")  # kind of message, length


class PdfError(Exception):
    """The page could not be rendered; the message says why and may quote the template, never the data."""


class PdfTimeout(PdfError):
    """It took longer than ``SECONDS``; the child was killed."""


class PdfCrashed(PdfError):
    """The child died: out of memory or CPU time, or killed from outside."""


@dataclass(frozen=True)
class Enclosed:
    """The original inside a certified copy. ``document`` is the JSON of its own attachment, ``content`` base64."""

    content: str
    name: str
    title: str
    issued_at: str
    template: str  # empty: its page does not follow
    place: str
    document: dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """Everything a page may show. ``data`` is JSON; ``issued_at`` ISO 8601 in UTC; ``place`` the name of the state."""

    template: str
    data: dict[str, Any]
    locale: str
    zone: str
    kind: str
    title: str
    number: str
    code: str
    issuer: str
    issued_at: str
    place: str
    base_url: str
    specimen: bool = False
    draft: bool = False  # nobody signed it and it was not issued: every page says so
    original: Enclosed | None = None
    schema: str = ""  # of the attachment, as published
    schema_url: str = ""

    @property
    def verify_url(self) -> str:
        return f"{self.base_url}/verify/{self.code}"

    def attachment(self) -> bytes:
        """``record.json``: the same facts for machines. Sorted and compact, so its hash can be computed again."""
        document = {
            **({"$schema": self.schema_url} if self.schema else {}),
            "record": self.kind,
            "title": self.title,
            "number": self.number,
            "code": self.code,
            "verify": self.verify_url,
            "issuer": self.issuer,
            "issued_at": self.issued_at,
            "locale": self.locale,
            "data": self.data,
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class Child:
    """One rendering process. ``render`` is for one thread at a time."""

    def __init__(
        self, command: Sequence[str] = COMMAND, *, seconds: float = SECONDS, starting: float = STARTING_SECONDS
    ) -> None:
        self._command = command
        self._seconds = seconds
        self._starting = starting
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def render(self, sheet: Sheet) -> bytes:
        """The PDF. Raises PdfError."""
        with self._lock:
            try:
                if self._process is None or self._process.poll() is not None or self._served >= RENDERS_A_CHILD:
                    self._start()
                self._served += 1
                self._send(json.dumps(asdict(sheet)).encode())
                kind, content = self._receive(self._seconds)
            except BaseException:
                self._kill()  # whatever it still says belongs to this record, not to the next
                raise
            if self._megabytes() > KEPT_MB:
                self._kill()
            if kind == ord("P"):
                return content
            raise PdfError(content.decode(errors="replace"))

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _start(self) -> None:
        self._kill()
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "XDG_CACHE_HOME") if name in os.environ
        }
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0"},
            start_new_session=True,  # Ctrl-C in a terminal is for the worker, which finishes its job first
        )
        self._served = 0
        self._receive(self._starting)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _megabytes(self) -> int:
        """What the child holds now; 0 on systems that do not say."""
        try:
            held = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return 0
        return int(held) * PAGE >> 20

    def _send(self, content: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(struct.pack(">I", len(content)) + content)
            self._process.stdin.flush()
        except OSError as error:
            raise PdfCrashed("the rendering process is gone") from error

    def _receive(self, seconds: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        kind, length = _HEAD.unpack(self._read(_HEAD.size, deadline))
        return kind, self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        pieces = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            while len(pieces) < size:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise PdfTimeout("rendering took too long and was stopped")
                piece = os.read(handle, min(size - len(pieces), 1 << 20))
                if not piece:
                    raise PdfCrashed("the rendering process died: too much memory or time")
                pieces += piece
        return bytes(pieces)


@dataclass(frozen=True)
class Settings:
    base_url: str
    specimen: bool  # a demonstration system: every page says so


_settings = Settings("http://127.0.0.1:8000", specimen=True)
_child = Child()
atexit.register(_child.close)


def configure(*, base_url: str, demo: bool) -> None:
    """The portal's public address, for the QR code, and whether its papers are specimens (once, at start)."""
    global _settings
    _settings = Settings(base_url.rstrip("/"), specimen=demo)


def settings() -> Settings:
    return _settings


Renderer = Callable[[Sheet], bytes]


def render(
    template: str,
    data: dict[str, Any],
    *,
    locale: str,
    zone: str = "UTC",
    kind: str = "",
    title: str = "",
    number: str = "",
    code: str = "",
    issuer: str = "",
    issued_at: str = "1970-01-01T00:00:00+00:00",
    place: str = "",
    draft: bool = False,
    original: Enclosed | None = None,
    schema_version: int | None = None,
) -> bytes:
    """The PDF/A of ``templates/pdf/<template>`` filled with ``data``. The same arguments give the same bytes.

    ``schema_version``: of the schema of ``kind`` that ``data`` fits. Raises LookupError when it is not published.
    """
    sheet = Sheet(
        template=template,
        data=data,
        locale=locale,
        zone=zone,
        kind=kind,
        title=title,
        number=number,
        code=code,
        issuer=issuer,
        issued_at=issued_at,
        place=place,
        base_url=_settings.base_url,
        specimen=_settings.specimen,
        draft=draft,
        original=original,
        schema=schemas.published(kind, schema_version) if schema_version else "",
        schema_url=_settings.base_url + schemas.path(kind, schema_version) if schema_version else "",
    )
    return _child.render(sheet)


def close() -> None:
    """End the child process."""
    _child.close()
