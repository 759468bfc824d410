"""The file of a bundle: a ZIP written from front to back, in memory that does not grow with what is in it.

It may be made in parts, each a small ZIP of its own; ``join`` copies a part's members as they are packed. The last
member is ``manifest.json``, by which anyone can check the others without the portal.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any, Self

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
_READABLE = 0o100644 << 16
_PIECE = 1 << 20


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
        self._claim(path)
        self._zip.writestr(self._entry(path, packed=packed), content)
        self.members.append(Member(path, len(content), hashlib.sha256(content).hexdigest()))

    def add_pieces(self, path: str, pieces: Iterable[bytes]) -> None:
        """As ``add``, for what is larger than memory."""
        self._claim(path)
        digest, size = hashlib.sha256(), 0
        with self._zip.open(self._entry(path), "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                member.write(piece)
        self.members.append(Member(path, size, digest.hexdigest()))

    def join(self, part: IO[bytes], members: Iterable[Member], gaps: Iterable[Gap]) -> None:
        """Take over all members of ``part``, a file that another archive wrote, without unpacking them."""
        with zipfile.ZipFile(part) as source:
            target = self._zip.fp
            assert target is not None
            for info in source.filelist:
                self._claim(info.filename)
            start = self._zip.start_dir
            target.seek(start)
            part.seek(0)
            _copy(part, target, source.start_dir)
            self._zip.start_dir = target.tell()
            for info in source.filelist:
                info.header_offset += start
                self._zip.filelist.append(info)
                self._zip.NameToInfo[info.filename] = info
        self.members += members
        self.gaps += gaps

    def note_gap(self, path: str, sha256: str, reason: str) -> None:
        self.gaps.append(Gap(path, sha256, reason))

    def finish(self, about: dict[str, Any]) -> None:
        """Write the list of hashes and the manifest, which begins with ``about``; nothing can be added afterwards."""
        self.members.sort(key=lambda member: member.path)
        self.gaps.sort(key=lambda gap: gap.path)
        self.add(SUMS, "".join(f"{member.sha256}  {member.path}\n" for member in self.members).encode())
        self.members.sort(key=lambda member: member.path)
        manifest = {
            **about,
            "totals": {
                "files": len(self.members),
                "bytes": sum(member.size for member in self.members),
                "missing": len(self.gaps),
            },
            "files": [asdict(member) for member in self.members],
            "missing": [asdict(gap) for gap in self.gaps],
        }
        content = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        self._zip.writestr(self._entry(MANIFEST), content)
        self._zip.close()

    def _claim(self, path: str) -> None:
        parts = path.split("/")
        if path in self._paths or path == MANIFEST or "\\" in path or not all(part.strip(".") for part in parts):
            raise ValueError(f"{path} cannot be added")
        self._paths.add(path)

    def _entry(self, path: str, *, packed: bool = True) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(path, self._moment)
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        entry.external_attr = _READABLE
        entry.create_system = 3  # Unix: the same on every machine
        return entry


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    whole, rest = divmod(length, _PIECE)
    for _number in range(whole):
        target.write(source.read(_PIECE))
    target.write(source.read(rest))
