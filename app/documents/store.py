"""Where bytes are kept: under their SHA-256, written once, checked each time they are read."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from app.core.errors import Busy
from app.core.i18n import lazy_gettext as _l

FULL_AT = 0.85  # of the disk; above it uploads are refused, so that the database next door keeps room to write
PIECE = 1 << 20  # bytes read at a time of what may be larger than memory
_NAME = re.compile(r"[0-9a-f]{64}")


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

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The bytes piece by piece; the last one only when all have their hash. Raises Damaged."""

    def discard(self, sha256: str) -> None:
        """Forget bytes that were kept for a time only, such as a bundle. Nothing happens when they are gone."""

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
        target = self.path(sha256)
        if target.is_file() and target.stat().st_size == len(content):
            return sha256
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(draft, 0o440)
            os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return sha256

    def scratch(self) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return tempfile.TemporaryFile(dir=self.folder)

    def put_file(self, file: IO[bytes]) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix=".draft-")
        try:
            file.seek(0)
            with os.fdopen(handle, "wb") as copy:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    size += len(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            target = self.path(digest.hexdigest())
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            os.chmod(draft, 0o440)
            os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return digest.hexdigest(), size

    def stream(self, sha256: str) -> Iterator[bytes]:
        digest, held = hashlib.sha256(), b""
        try:
            with self.path(sha256).open("rb") as file:
                while piece := file.read(PIECE):
                    if held:
                        yield held
                    digest.update(piece)
                    held = piece
        except OSError as error:
            raise Damaged(f"{sha256} cannot be read: {error.strerror}") from error
        if digest.hexdigest() != sha256:
            raise Damaged(f"{sha256} no longer has its hash")
        yield held

    def discard(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

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
