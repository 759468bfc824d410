"""Bundles: many case files as one ZIP that can be checked without the portal.

What is in a bundle is fixed when it is asked for. A job builds it; the bytes are kept for a week under their hash,
the row for good. Building may be stopped at any point and begun anew: nothing is seen until it is whole.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import case_file, case_file_json
from app.cases.case_file import CaseFile, Neighbours
from app.cases.models import Bundle, BundleState, Case
from app.cases.submitting import canonical
from app.core import clock, i18n, identifiers
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import codes, store
from app.documents.bundles import Archive
from app.documents.models import RecordState
from app.identity import people
from app.identity.actor import Actor
from app.jobs import queue
from app.jurisdictions.model import Pack

BUILD = "auditor.build_bundle"  # the job, at the edge, that calls ``build``
MOST = 5000  # cases in one bundle
KEPT = timedelta(days=7)
PAGE = 20
UNFINISHED = (BundleState.QUEUED, BundleState.BUILDING)
INDEX = (
    "reference", "service", "agency", "title", "state", "submitted_at", "decided_at", "outcome", "business_number",
    "business_name", "folder",
)  # fmt: skip
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Page:
    bundles: Sequence[Bundle]
    next: int | None


def ask(
    session: Session, pack: Pack, actor: Actor, cases: Iterable[Case], *, title: str, chosen: dict[str, Any]
) -> Bundle:
    """Ask for a bundle of ``cases``; ``chosen`` says how they were found, for whoever opens it.

    Raises Invalid when there are none or more than ``MOST``. Each case gets an audit entry: its file leaves the portal.
    """
    wanted = list({case.id: case for case in cases}.values())
    if not wanted:
        raise Invalid(Problem(_l("Tick the cases you want, or take all that match."), "cases", "required"))
    if len(wanted) > MOST:
        raise Invalid(
            Problem(
                _l(
                    "One bundle holds at most %(most)s cases. Narrow the search, for instance to a shorter period.",
                    most=i18n.format_number(MOST),
                ),
                "cases",
                "too_many",
            )
        )
    bundle = Bundle(
        code=identifiers.public_code(),
        requested_by=actor.user_id,
        title=title or _("Cases of %(date)s", date=i18n.format_date(clock.today(pack.zone))),
        locale=pack.locale(i18n.language()),
        selection={"cases": [case.id for case in wanted], "chosen": chosen},
        total=len(wanted),
        created_at=clock.now(),
    )
    session.add(bundle)
    session.flush()
    subject = f"bundle:{bundle.id}"
    entries.record(
        session, actor, "bundle.requested", subject=subject, reference=codes.shown(bundle.code),
        detail={"cases": len(wanted), "chosen": chosen},
    )  # fmt: skip
    for case in wanted:
        entries.record(
            session, actor, "case.bundled", subject=subject, reference=case.reference, case_id=case.id,
            business_id=case.business_id, detail={"bundle": bundle.code},
        )  # fmt: skip
    session.flush()
    _enqueue(session, bundle)
    return bundle


def _enqueue(session: Session, bundle: Bundle) -> None:
    queue.enqueue(session, BUILD, lock=f"bundle:{bundle.id}", bundle_id=bundle.id)


def recent(session: Session, *, before: int | None = None) -> Page:
    """Everyone's bundles, newest first; ``before`` is the id of the last one of the page before."""
    wanted = select(Bundle)
    if before is not None:
        wanted = wanted.where(Bundle.id < before)
    found = session.scalars(wanted.order_by(Bundle.id.desc()).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def by_code(session: Session, code: str) -> Bundle:
    """Raises NotFound."""
    found = session.scalar(select(Bundle).where(Bundle.code == codes.tidy(code)))
    if found is None:
        raise NotFound
    return found


def lock(session: Session, bundle_id: int) -> Bundle:
    wanted = select(Bundle).where(Bundle.id == bundle_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def downloadable(bundle: Bundle) -> bool:
    return bundle.state == BundleState.READY and bundle.expires_at is not None and bundle.expires_at > clock.now()


def downloaded(session: Session, actor: Actor, bundle: Bundle) -> None:
    entries.record(
        session, actor, "bundle.downloaded", subject=f"bundle:{bundle.id}", reference=codes.shown(bundle.code),
        detail={"sha256": bundle.sha256, "size": bundle.size, "cases": bundle.total},
    )  # fmt: skip


def retry(session: Session, actor: Actor, bundle: Bundle) -> None:
    """Build a failed bundle again; nothing happens to any other."""
    current = lock(session, bundle.id)
    if current.state != BundleState.FAILED:
        return
    current.state, current.done, current.error = BundleState.QUEUED.value, 0, ""
    entries.record(
        session, actor, "bundle.requested", subject=f"bundle:{bundle.id}", reference=codes.shown(bundle.code),
        detail={"cases": bundle.total, "again": True},
    )  # fmt: skip
    _enqueue(session, current)


def note_progress(session: Session, bundle_id: int, done: int) -> None:
    """For a transaction of its own, so that the page can show it while the job is still at work."""
    session.execute(
        update(Bundle)
        .where(Bundle.id == bundle_id, Bundle.state.in_([state.value for state in UNFINISHED]))
        .values(state=BundleState.BUILDING.value, done=done)
    )


def note_failure(session: Session, bundle_id: int, error: str, *, final: bool) -> None:
    bundle = lock(session, bundle_id)
    if bundle.state in UNFINISHED:
        bundle.error = error
        bundle.state = BundleState.FAILED.value if final else BundleState.QUEUED.value


def expire(session: Session) -> int:
    """Forget the bytes of bundles whose week is over; returns how many."""
    over = select(Bundle).where(Bundle.state == BundleState.READY.value, Bundle.expires_at <= clock.now())
    found = session.scalars(over.with_for_update(skip_locked=True)).all()
    for bundle in found:
        bundle.state = BundleState.EXPIRED.value
        if bundle.sha256 is not None:
            store.current().discard(bundle.sha256)
    return len(found)


# --- building -------------------------------------------------------------------------------------------------------


def build(
    session: Session, pack: Pack, bundle_id: int, neighbours: Neighbours, progress: Callable[[int], None]
) -> None:
    """Write the ZIP into the store and mark the bundle ready; a bundle that is ready or expired stays as it is.

    ``progress`` is told the number of cases done. One case is in memory at a time. Raises store.DiskFull.
    """
    bundle = session.get_one(Bundle, bundle_id)
    if bundle.state not in UNFINISHED:
        return
    store.current().check_room()
    progress(0)
    with store.current().scratch() as file, i18n.use_locale(bundle.locale, pack.zone):
        with Archive(file, bundle.created_at) as archive:
            _write(session, pack, bundle, neighbours, archive, progress)
        sha256, size = store.current().put_file(file)
    session.expire(bundle)
    bundle = lock(session, bundle_id)
    if bundle.state not in UNFINISHED:
        return
    now = clock.now()
    bundle.state, bundle.done, bundle.missing, bundle.error = (
        BundleState.READY.value,
        bundle.total,
        len(archive.gaps),
        "",
    )
    bundle.sha256, bundle.size, bundle.finished_at, bundle.expires_at = sha256, size, now, now + KEPT


def _write(
    session: Session,
    pack: Pack,
    bundle: Bundle,
    neighbours: Neighbours,
    archive: Archive,
    progress: Callable[[int], None],
) -> None:
    by = people.names(session, [bundle.requested_by]).get(bundle.requested_by, "")
    archive.add("README.txt", _readme(pack, bundle, by).encode())
    listing = io.StringIO(newline="")
    index = csv.writer(listing)
    index.writerow(INDEX)
    step = max(1, bundle.total // 100)  # a hundred steps to see, however many cases
    for done, case_id in enumerate(bundle.selection["cases"], start=1):
        case = session.get_one(Case, case_id)
        gathered = case_file.gather(session, pack, case, neighbours)
        folder = f"cases/{case.reference}"
        index.writerow([_harmless(value) for value in _index_row(gathered, folder)])
        archive.add(f"{folder}/case.json", canonical(case_file_json.document(session, gathered)))
        _papers(archive, folder, gathered)
        if done % step == 0:
            progress(done)
    archive.add("index.csv", listing.getvalue().encode("utf-8-sig"))  # spreadsheets read UTF-8 by its mark
    archive.finish(
        {
            "format": case_file_json.FORMAT,
            "bundle": bundle.code,
            "title": bundle.title,
            "portal": i18n.pick(pack.portal_name),
            "country": pack.country,
            "asked_by": by,
            "asked_at": bundle.created_at.isoformat(),
            "chosen": bundle.selection["chosen"],
            "cases": bundle.total,
        }
    )


def _papers(archive: Archive, folder: str, file: CaseFile) -> None:
    """The issued records and the documents of every submission, each once, by hash."""
    for record in file.records:
        path = f"{folder}/records/{_safe(record.number or record.kind)}-{record.id}.pdf"
        if record.sha256 is None:
            archive.note_gap(path, "", "failed" if record.state == RecordState.FAILED else "being prepared")
        else:
            _paper(archive, path, record.sha256)
    seen: set[str] = set()
    for version in file.versions:
        for each in version.documents:
            ending = PurePosixPath(each["filename"]).suffix.lower()
            path = f"{folder}/documents/{_safe(each['code'])}-{each['sha256'][:16]}{ending}"
            if path not in seen:
                seen.add(path)
                _paper(archive, path, each["sha256"])


def _paper(archive: Archive, path: str, sha256: str) -> None:
    try:
        content = store.current().get(sha256)
    except store.Damaged:
        archive.note_gap(path, sha256, "damaged")  # the rest is worth having, and the manifest says what is not there
    else:
        archive.add(path, content, packed=False)


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-") or "paper"


def _harmless(value: str) -> str:
    """What a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _index_row(file: CaseFile, folder: str) -> list[str]:
    case = file.case
    return [
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
    ]


def _readme(pack: Pack, bundle: Bundle, by: str) -> str:
    lines = (
        i18n.pick(pack.portal_name),
        bundle.title,
        "",
        _("Asked for by %(name)s on %(date)s.", name=by, date=i18n.format_datetime(bundle.created_at)),
        i18n.ngettext("This bundle holds %(num)s case.", "This bundle holds %(num)s cases.", bundle.total),
        "",
        _("index.csv lists the cases, one on each line."),
        _("cases/ has a folder for each case: case.json is everything the portal holds about it, records/ are the "
          "documents that were issued, documents/ is what the applicant attached."),
        _("manifest.json lists every file with its size and SHA-256, and what could not be put in."),
        "",
        _("To check that no file was changed, open a terminal in this folder and run:"),
        "    sha256sum --check SHA256SUMS",
        _("To check the bundle as a whole, compare the SHA-256 of the ZIP with the one on the portal's page of "
          "bundles. A record can also be checked on the portal by the code that is printed on it."),
        "",
        _("The bundle holds personal data. Keep it as the law asks, and delete it when you no longer need it."),
        "",
    )  # fmt: skip
    return "\r\n".join(lines)
