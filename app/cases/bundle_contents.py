"""What a bundle holds of each case: its file for machines and for people, its papers, its issued records."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Self

from sqlalchemy.orm import Session

from app.cases import case_file, case_file_json, case_file_print, tombstones
from app.cases.case_file import CaseFile, Neighbours
from app.cases.models import Bundle, Case
from app.cases.submitting import canonical
from app.core import clock, i18n
from app.core.i18n import gettext as _
from app.documents import pdf, schema_models, schemas, store
from app.documents.bundles import Archive, Gap, Member
from app.documents.models import Record
from app.identity.actor import Actor
from app.jurisdictions.model import Pack

INDEX = (
    "reference", "service", "agency", "title", "state", "submitted_at", "decided_at", "outcome", "business_number",
    "business_name", "folder", "records",
)  # fmt: skip
_PADES = b"/ETSI.CAdES.detached"  # the kind of signature that ETSI EN 319 142-1 has in a PDF
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass
class Found:
    """What is in a part: its files and gaps, a line of the index for each case, a line of records.json each record."""

    members: list[Member] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    index: list[list[str]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        return cls(
            [Member(**each) for each in kept["members"]],
            [Gap(**each) for each in kept["gaps"]],
            kept["index"],
            kept["records"],
        )


def write(
    session: Session,
    pack: Pack,
    bundle: Bundle,
    asked_by: Actor,
    ids: Sequence[int],
    neighbours: Neighbours,
    archive: Archive,
) -> Found:
    """Put these cases into ``archive``, one in memory at a time."""
    found = Found(archive.members, archive.gaps)
    for case_id in ids:
        case = session.get_one(Case, case_id)
        if case.disposed_at is not None:
            found.index.append([*map(_harmless, tombstones.write(session, case, archive))])
            continue
        file = case_file.gather(session, pack, case, neighbours)
        folder = f"cases/{case.reference}"
        found.index.append(_line(file, folder))
        archive.add(f"{folder}/case.json", canonical(case_file_json.document(session, file, auditor=True)))
        _print(session, pack, bundle, asked_by, file, f"{folder}/case.pdf", archive)
        for record in file.records:
            _record(record, archive, found)
        _papers(file, folder, archive)
        _beside(file, folder, archive)
        session.expunge(case)
    return found


def _print(
    session: Session, pack: Pack, bundle: Bundle, asked_by: Actor, file: CaseFile, path: str, archive: Archive
) -> None:
    """The case file for people: as the record of it looks, but without a number or a code of its own."""
    data = case_file_print.data(session, pack, asked_by, file)
    try:
        content = pdf.render(
            case_file_print.TEMPLATE,
            data,
            locale=bundle.locale,
            zone=pack.timezone,
            kind=case_file.KIND,
            schema_version=schema_models.examine(case_file.KIND, data).version,
            title=_("Case file of %(reference)s", reference=file.case.reference),
            issuer=i18n.pick(pack.portal_name),
            issued_at=clock.now().isoformat(timespec="seconds"),
            place=pack.state_name,
        )
    except pdf.PdfError:
        archive.note_gap(path, "", "not printed")  # too long for one page run; case.json has all of it
    else:
        archive.add(path, content, packed=False)


def _record(record: Record, archive: Archive, found: Found) -> None:
    path = f"records/{record.code}.pdf"
    if record.sha256 is None:
        archive.note_gap(path, "", tombstones.WHY_NOT.get(record.state, "being prepared"))
        return
    content = _paper(archive, path, record.sha256)
    if content is None:
        return
    found.records.append(
        {
            "code": record.code,
            "number": record.number,
            "kind": record.kind,
            "schema": schemas.path(record.kind, record.schema_version) if record.schema_version else None,
            "sha256": record.sha256,
            "issued_at": record.issued_at.isoformat(),
            "signed": _PADES in content,
        }
    )


def _papers(file: CaseFile, folder: str, archive: Archive) -> None:
    """The documents of every submission, each once, by hash."""
    seen: set[str] = set()
    for version in file.versions:
        for each in version.documents:
            path = _path(f"{folder}/documents/{_safe(each['code'])}", each)
            if path not in seen:
                seen.add(path)
                _paper(archive, path, each["sha256"])


def _beside(file: CaseFile, folder: str, archive: Archive) -> None:
    """What came with advice, and the photographs that reports of visits show, under the hashes that case.json has."""
    for advice in file.advice:
        if advice.paper is not None:
            _paper(archive, _path(f"{folder}/advice/{advice.reference}", advice.paper), advice.paper["sha256"])
    of = {visit.id: visit.reference for visit in file.visits}
    shown = {
        _path(f"{folder}/visits/{of[report.inspection_id]}", photo): photo["sha256"]
        for report in file.reports
        for photo in report.photographs
    }
    for path, sha256 in shown.items():
        _paper(archive, path, sha256)


def _path(start: str, paper: Mapping[str, Any]) -> str:
    return f"{start}-{paper['sha256'][:16]}{PurePosixPath(paper['filename']).suffix.lower()}"


def _paper(archive: Archive, path: str, sha256: str) -> bytes | None:
    try:
        content = store.current().get(sha256)
    except store.Damaged:
        archive.note_gap(path, sha256, "damaged")  # the rest is worth having, and the manifest says what is not there
        return None
    archive.add(path, content, packed=False)
    return content


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-") or "paper"


def _line(file: CaseFile, folder: str) -> list[str]:
    case = file.case
    line = [
        case.reference,
        case.service,
        case.agency or "",
        case.title,
        case.state,
        case.submitted_at.isoformat() if case.submitted_at else "",
        case.decided_at.isoformat() if case.decided_at else "",
        file.decision.outcome if file.decision else "",
        file.business.number if file.business else "",
        file.business.name if file.business else "",
        folder,
        " ".join(record.code for record in file.records),
    ]
    return [_harmless(value) for value in line]


def _harmless(value: str) -> str:
    """What a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
