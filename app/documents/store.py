"""Where bytes are kept: under their SHA-256, written once, checked each time they are read.

Bytes come before the row that names them, so a transaction that is rolled back leaves bytes nobody names; a job
(``tasks.sweep_store``) forgets those. ``put`` therefore marks bytes that are there already as new, and marking and
forgetting exclude each other: whoever was given a hash has at least the sweep's waiting time to commit the row.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from app.core.errors import Busy
from app.core.i18n import lazy_gettext as _l

FULL_AT = 0.85  # of the disk; above it uploads are refused, so that the database next door keeps room to write
PIECE = 1 << 20  # bytes read at a time of what may be larger than memory
_NAME = re.compile(r"[0-9a-f]{64}")
_DRAFT = ".draft-"


class Damaged(Exception):
    """The bytes kept under a hash are missing or no longer have it."""


class DiskFull(Busy):
    """Not the person's fault, and it passes: HTTP 503."""

    code = "storage_full"
    status = 503
    default_message = _l("We cannot take files at the moment. What you typed is saved; try again in an hour.")


class Store(Protocol):
    """What any store can do; ``FolderStore`` is the default one."""

    def put(self, content: bytes) -> str:
        """Keep the bytes for good and return their SHA-256 in hex. The same bytes twice are kept once."""

    def get(self, sha256: str) -> bytes:
        """The bytes, checked against their hash. Raises Damaged."""

    def has(self, sha256: str) -> bool: ...

    def scratch(self) -> IO[bytes]:
        """An empty file without a name beside the store: gone when it is closed, or its process is killed."""

    def put_file(self, file: IO[bytes]) -> tuple[str, int]:
        """As ``put``, for a file of any length, read from its start; gives the SHA-256 and the size."""

    def stream(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes piece by piece, from ``start`` up to and without ``stop``; the last piece of the whole only when
        all of it has its hash. Raises Damaged."""

    def discard(self, sha256: str) -> None:
        """Forget bytes that were kept for a time only, such as a bundle. Nothing happens when they are gone."""

    def older(self, than: datetime) -> Iterator[str]:
        """The hashes of what was last put before ``than``; what a killed process left half-written is removed."""

    def discard_older(self, sha256: str, than: datetime) -> bool:
        """Forget these bytes unless somebody has put them again since ``than``; whether they were forgotten."""

    def check_room(self) -> None:
        """Raises DiskFull when uploads should be refused."""


class FolderStore:
    """A folder; two levels of subfolders keep each small. A file appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise ValueError("not a SHA-256")
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._renew(sha256, content):
            self._write([content])
        return sha256

    def _renew(self, sha256: str, content: bytes) -> bool:
        """Mark what is there as new; False when nothing is there, or no longer what was put."""
        target = self.path(sha256)
        if not target.is_file():
            return False
        with self._locked(fcntl.LOCK_SH):
            try:
                if target.read_bytes() != content:
                    return False
                os.utime(target)
            except OSError:  # forgotten meanwhile, or unreadable
                return False
        return True

    def _write(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Gives the SHA-256 and the size."""
        digest, size = hashlib.sha256(), 0
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix=_DRAFT)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            target = self.path(digest.hexdigest())
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            os.chmod(draft, 0o440)
            with self._locked(fcntl.LOCK_SH):
                os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return digest.hexdigest(), size

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """``LOCK_SH`` to make something new, ``LOCK_EX`` to look how old it is and forget it: one or the other."""
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(handle, kind)
            yield
        finally:
            os.close(handle)

    def scratch(self) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return tempfile.TemporaryFile(dir=self.folder)

    def put_file(self, file: IO[bytes]) -> tuple[str, int]:
        file.seek(0)
        return self._write(iter(lambda: file.read(PIECE), b""))

    def stream(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        digest, held, at = hashlib.sha256(), b"", 0
        try:
            with self.path(sha256).open("rb") as file:
                while piece := file.read(PIECE):
                    if stop is not None and at >= stop:
                        break
                    if held:
                        yield held
                    digest.update(piece)
                    held = piece[max(0, start - at) : None if stop is None else stop - at]
                    at += len(piece)
                whole = not piece
        except OSError as error:
            raise Damaged(f"{sha256} cannot be read: {error.strerror}") from error
        if whole and digest.hexdigest() != sha256:
            raise Damaged(f"{sha256} no longer has its hash")
        yield held

    def discard(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def older(self, than: datetime) -> Iterator[str]:
        for draft in self.folder.glob(f"{_DRAFT}*"):
            if _put_before(draft, than):
                draft.unlink(missing_ok=True)
        for path in self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _NAME.fullmatch(path.name) and _put_before(path, than):
                yield path.name

    def discard_older(self, sha256: str, than: datetime) -> bool:
        path = self.path(sha256)
        with self._locked(fcntl.LOCK_EX):
            if not _put_before(path, than):
                return False
            path.unlink(missing_ok=True)
        return True

    def get(self, sha256: str) -> bytes:
        try:
            content = self.path(sha256).read_bytes()
        except OSError as error:
            raise Damaged(f"{sha256} cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Damaged(f"{sha256} no longer has its hash")
        return content

    def check_room(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(self.folder)
        if usage.used / usage.total > FULL_AT:
            raise DiskFull(retry_after=3600)


def _put_before(path: Path, than: datetime) -> bool:
    try:
        return path.stat().st_mtime < than.timestamp()
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_current: Store | None = None


def configure(place: Path | Store) -> None:
    """Make this the process's store (once, at start)."""
    global _current
    _current = FolderStore(place) if isinstance(place, Path) else place


def current() -> Store:
    if _current is None:
        raise RuntimeError("no store: call documents.store.configure() first")
    return _current
