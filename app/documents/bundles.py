"""The file of a bundle: a ZIP written once from front to back, in memory that does not grow with what is in it.

Besides what is added it holds ``manifest.json`` and ``SHA256SUMS``, by which anyone can check it without the portal.
"""

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any, Self

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
_READABLE = 0o100644 << 16


@dataclass(frozen=True)
class Member:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Gap:
    """A file that belongs in the bundle and is not there, and why."""

    path: str
    sha256: str
    reason: str


class Archive:
    """The same calls with the same arguments make the same bytes: every member carries ``moment``, not the clock's.

    Use it in a ``with`` inside the one of ``target``.
    """

    def __init__(self, target: IO[bytes], moment: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w")
        self._moment = (max(moment.year, 1980), moment.month, moment.day, moment.hour, moment.minute, moment.second)
        self._paths: set[str] = set()
        self.members: list[Member] = []
        self.gaps: list[Gap] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()  # while the file is still open, also when the work was broken off

    def add(self, path: str, content: bytes, *, packed: bool = True) -> None:
        """``packed`` False for what is compressed already. Raises ValueError for a path that is there or leads out."""
        parts = path.split("/")
        if path in self._paths or path in {MANIFEST, SUMS} or "\\" in path or not all(p.strip(".") for p in parts):
            raise ValueError(f"{path} cannot be added")
        self._paths.add(path)
        self._write(path, content, packed=packed)
        self.members.append(Member(path, len(content), hashlib.sha256(content).hexdigest()))

    def note_gap(self, path: str, sha256: str, reason: str) -> None:
        self.gaps.append(Gap(path, sha256, reason))

    def finish(self, about: dict[str, Any]) -> None:
        """Write the list of hashes and the manifest, which begins with ``about``; nothing can be added afterwards."""
        sums = "".join(f"{member.sha256}  {member.path}\n" for member in self.members).encode()
        manifest = {
            **about,
            "totals": {
                "files": len(self.members),
                "bytes": sum(member.size for member in self.members),
                "missing": len(self.gaps),
                "sha256sums_sha256": hashlib.sha256(sums).hexdigest(),
            },
            "files": [asdict(member) for member in self.members],
            "missing": [asdict(gap) for gap in self.gaps],
        }
        self._write(SUMS, sums)
        self._write(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        self._zip.close()

    def _write(self, path: str, content: bytes, *, packed: bool = True) -> None:
        entry = zipfile.ZipInfo(path, self._moment)
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        entry.external_attr = _READABLE
        entry.create_system = 3  # Unix: the same on every machine
        self._zip.writestr(entry, content)
