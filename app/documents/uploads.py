"""Papers people attach. Everything about them is hostile until a separate, limited process has looked inside."""

import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Busy, Invalid, NotFound, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents import store
from app.documents.models import Upload
from app.documents.scanner import Scanner, Unreachable

MOST_BYTES = 8 << 20
MOST_FILES = 60  # in force in one case
EXAMINE_SECONDS = 30
EXAMINER = Path(__file__).with_name("examine.py")
EXTENSIONS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}

_REASONS: dict[str, Text] = {
    "missing": _l("Choose a file to attach."),
    "empty": _l("The file is empty. Choose another one."),
    "too_large": _l(
        "The file is larger than 8 MB. Scan it in black and white or with fewer dots an inch, then try again."
    ),
    "wrong_kind": _l("The file is not a PDF, JPEG, PNG or WebP. Save the document as a PDF or take a photo of it."),
    "encrypted": _l("The PDF is protected by a password. Save a copy without the password and attach that."),
    "damaged_pdf": _l("We cannot open this PDF. Save or scan it again, then attach the new file."),
    "damaged_image": _l("We cannot open this picture. Take it again, then attach the new file."),
    "active_content": _l(
        "The PDF contains a script or a form that runs programs. Print it to a new PDF and attach that."
    ),
    "embedded_files": _l(
        "The PDF has other files inside. Print it to a new PDF and attach the other files one by one."
    ),
    "too_many_pages": _l("The PDF has more than 300 pages. Split it, or attach only the pages that are asked for."),
    "too_complex": _l("The PDF is too complicated for us to check. Print it to a new PDF and attach that."),
    "too_many_pixels": _l("The picture is too large. Save it with at most 50 million pixels, then try again."),
    "animated": _l("The picture is an animation. Attach a still picture."),
    "infected": _l("Our virus scanner recognised this file. Check your computer, then attach a clean copy."),
    "too_many_files": _l("This case already has 60 files. Remove one before you attach another."),
}


class ScannerAway(Busy):
    """Files cannot be taken while the virus scanner that should look at them is down: HTTP 503."""

    code = "scanner_unreachable"
    status = 503
    default_message = _l("We cannot check files at the moment. What you typed is saved; try again in a few minutes.")


@dataclass(frozen=True)
class Clean:
    """What was found to be harmless: the bytes to keep and what they are."""

    content: bytes
    media_type: str
    pages: int | None


_scanner: Scanner | None = None


def configure(clamav: str) -> None:
    """The address of ClamAV's socket (``/run/clamav/clamd.ctl`` or ``host:port``); empty for none."""
    global _scanner
    _scanner = Scanner(clamav) if clamav else None


def refusal(reason: str, field: str) -> Invalid:
    return Invalid(Problem(_REASONS[reason], field, reason))


def accept(
    session: Session,
    *,
    stream: BinaryIO,
    filename: str,
    case_id: int,
    code: str,
    uploaded_by: int,
) -> Upload:
    """Check and keep a file for requirement ``code`` of a case, in place of what was attached for it before.

    The same file again is the upload that is there. Raises Invalid at field ``code``, DiskFull or ScannerAway.
    """
    content = stream.read(MOST_BYTES + 1)
    if not content:
        raise refusal("empty" if filename else "missing", code)
    store.current().check_room()
    clean = examine(content, field=code)
    # Two clicks at once: the second waits here, then finds the upload of the first.
    session.execute(text("SELECT 1 FROM cases WHERE id = :id FOR NO KEY UPDATE"), {"id": case_id})
    current = for_case(session, case_id)
    before = [upload for upload in current if upload.code == code]
    if len(current) - len(before) >= MOST_FILES:
        raise refusal("too_many_files", code)
    sha256 = store.current().put(clean.content)
    for upload in before:
        if upload.sha256 == sha256:
            return upload
    for upload in before:
        remove(session, upload)
    upload = Upload(
        case_id=case_id,
        code=code,
        filename=shown_name(filename, clean.media_type),
        media_type=clean.media_type,
        size=len(clean.content),
        pages=clean.pages,
        sha256=sha256,
        uploaded_by=uploaded_by,
        uploaded_at=clock.now(),
    )
    session.add(upload)
    session.flush()
    return upload


def examine(content: bytes, *, field: str) -> Clean:
    """What the bytes are, by looking at them and not at their name. Raises Invalid at ``field``."""
    if len(content) > MOST_BYTES:
        raise refusal("too_large", field)
    media_type = sniff(content)
    if media_type is None:
        raise refusal("wrong_kind", field)
    try:
        if _scanner is not None and not _scanner.clean(content):
            raise refusal("infected", field)
    except Unreachable as error:
        raise ScannerAway(retry_after=300) from error
    damaged = "damaged_pdf" if media_type == "application/pdf" else "damaged_image"
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-I", str(EXAMINER)],
            input=media_type.encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=EXAMINE_SECONDS,
            env={},
            cwd="/",
            check=True,
        )
        head, _, clean = done.stdout.partition(b"\n")
        found = json.loads(head)
    except subprocess.TimeoutExpired as error:
        raise refusal("too_complex" if media_type == "application/pdf" else "damaged_image", field) from error
    except (subprocess.CalledProcessError, ValueError) as error:
        raise refusal(damaged, field) from error
    if "refused" in found:
        raise refusal(found["refused"], field)
    kept = content if found["media_type"] == "application/pdf" else clean
    return Clean(kept, found["media_type"], found["pages"])


def sniff(content: bytes) -> str | None:
    """The media type by the first bytes, where it is one we take."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def shown_name(filename: str, media_type: str) -> str:
    """A name that is safe to show and to save under: no path, no control or direction signs, the true extension."""
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C")
    stem = re.sub(r'[<>:"|?*;%]+', "_", re.sub(r"\.[^.]{0,8}$", "", name))
    stem = re.sub(r"\s+", " ", stem).strip(" .")[:80].strip(" .")
    return (stem or "document") + EXTENSIONS[media_type]


def for_case(session: Session, case_id: int) -> list[Upload]:
    """The ones in force, oldest first."""
    wanted = select(Upload).where(Upload.case_id == case_id, Upload.removed_at.is_(None)).order_by(Upload.id)
    return list(session.scalars(wanted))


def get(session: Session, upload_id: int) -> Upload:
    """One upload, removed ones included: a submission may still name it. Raises NotFound."""
    upload = session.get(Upload, upload_id)
    if upload is None:
        raise NotFound()
    return upload


def remove(session: Session, upload: Upload) -> None:
    """Take it off the case; the bytes stay, since an earlier submission may rest on them."""
    upload.removed_at = clock.now()
    session.flush()


def open_bytes(upload: Upload) -> bytes:
    """Raises store.Damaged when the store lost or changed them."""
    return store.current().get(upload.sha256)
