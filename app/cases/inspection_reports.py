"""Reports of visits: written once, signed as a record, corrected only by another report that names the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, aliased

from app.cases import hands, inspection_mail, inspections, involved, numbering, standstill
from app.cases.inspection_models import (
    FOUND_TITLES,
    OPEN,
    RESULT_TITLES,
    Inspection,
    InspectionOfficial,
    InspectionPhotograph,
    InspectionReport,
    Result,
    VisitState,
)
from app.cases.inspections import STALE, needed, note, take_up
from app.cases.models import Case
from app.cases.record_data import InspectionReport as ReportData
from app.cases.registry import Check
from app.core import clock, i18n
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records, store, uploads
from app.documents.models import Record
from app.documents.records import Standing, Verification
from app.documents.schema_models import Schema
from app.identity import people
from app.identity.actor import Actor, Role
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.jurisdictions.visit_rows import InspectionItem

KIND = "inspection_report"
SERIES = "IR"
TEMPLATE = "cases/inspection_report.html"
MOST_PHOTOGRAPHS = 20


def _visitors(case_id: Any) -> Select[Any]:
    """Who went, or was to go, to see for the case."""
    visit, official = aliased(Inspection), aliased(InspectionOfficial)
    return select(official.user_id).join(visit, visit.id == official.inspection_id).where(visit.case_id == case_id)


def _photographers(case_id: Any) -> Select[Any]:
    visit, picture = aliased(Inspection), aliased(InspectionPhotograph)
    return select(picture.taken_by).join(visit, visit.id == picture.inspection_id).where(visit.case_id == case_id)


involved.register(Inspection.planned_by, Inspection.case_id)
involved.register(InspectionReport.written_by, InspectionReport.case_id)
involved.register_found(_visitors)
involved.register_found(_photographers)


def _standing(session: Session, record: Record) -> Verification:
    """A report that was corrected is no longer the one to go by."""
    of_it = select(InspectionReport.id).where(InspectionReport.record_id == record.id).scalar_subquery()
    corrected = session.scalar(select(InspectionReport.id).where(InspectionReport.corrects_id == of_it))
    state = Standing.REVOKED if corrected is not None else Standing.VALID
    return Verification(state, record.title, record.issuer, valid_from=record.issued_at)


records.register_kind(KIND, _l("Inspection report"), _standing, by_number=False, schema=Schema(ReportData, 1))


@dataclass(frozen=True)
class Finding:
    """``found`` is a key of ``FOUND_TITLES``."""

    code: str
    found: str
    remark: str = ""


@dataclass(frozen=True)
class Written:
    present: str
    result: str
    account: str
    findings: tuple[Finding, ...] = ()
    correction_reason: str = ""


def checklist(pack: Pack, case: Case) -> tuple[InspectionItem, ...]:
    """What is looked at in a visit for this case, in the pack's order."""
    return tuple(
        row
        for row in lookup.in_force(pack.inspection_items, clock.today(pack.zone))
        if row.service == case.service and (not row.permit_kinds or case.permit_kind in row.permit_kinds)
    )


def of_visit(session: Session, visit: Inspection) -> list[InspectionReport]:
    """The first, and each that corrects the one before."""
    wanted = select(InspectionReport).where(InspectionReport.inspection_id == visit.id).order_by(InspectionReport.id)
    return list(session.scalars(wanted))


def of_case(session: Session, case: Case) -> list[InspectionReport]:
    return list(
        session.scalars(
            select(InspectionReport).where(InspectionReport.case_id == case.id).order_by(InspectionReport.id)
        )
    )


def latest(reports: Sequence[InspectionReport]) -> list[InspectionReport]:
    """Those that no other corrects, oldest first."""
    corrected = {each.corrects_id for each in reports}
    return [each for each in reports if each.id not in corrected]


def why_not(session: Session, actor: Actor, visit: Inspection, case: Case) -> str | None:
    """What keeps them from writing a report, or correcting the last one; None when nothing does."""
    if hands.sent_by(session, case) == actor.user_id:
        return _("You do not have permission to do this.")
    went = any(each["id"] == actor.user_id for each in visit.officials)
    if not went and actor.role is not Role.SUPERVISOR:
        return _("Only who was sent to the visit writes its report.")
    if visit.state == VisitState.CANCELLED:
        return _("The visit was cancelled.")
    return None


# --- photographs ----------------------------------------------------------------------------------------------------


def photographs(session: Session, visit: Inspection, *, kept: bool = False) -> list[InspectionPhotograph]:
    """Those no report shows yet, in the order they came; ``kept``: all."""
    wanted = select(InspectionPhotograph).where(InspectionPhotograph.inspection_id == visit.id)
    if not kept:
        wanted = wanted.where(InspectionPhotograph.report_id.is_(None))
    return list(session.scalars(wanted.order_by(InspectionPhotograph.id)))


def add_photograph(
    session: Session, actor: Actor, visit: Inspection, case: Case, stream: BinaryIO, filename: str
) -> InspectionPhotograph:
    """Examined and drawn anew like every picture: what a camera wrote beside it (the place, the owner) is gone.

    The same picture again is the one that is there. Raises Invalid at ``photographs``, NotAllowed.
    """
    refusal = why_not(session, actor, visit, case)
    if refusal is not None:
        raise NotAllowed(refusal)
    content = stream.read(uploads.MOST_BYTES + 1)
    if not content:
        raise uploads.refusal("empty", "photographs")
    store.current().check_room()
    clean = uploads.examine(content, field="photographs")
    if not clean.media_type.startswith("image/"):
        raise Invalid(Problem(_("Choose a photograph: a JPEG, PNG or WebP."), "photographs", "wrong_kind"))
    inspections.lock_photographs(session, visit)
    sha256 = store.current().put(clean.content)
    known = photographs(session, visit, kept=True)
    for each in known:
        if each.sha256 == sha256:
            return each
    if len(known) >= MOST_PHOTOGRAPHS:
        message = _("A visit has at most %(most)s photographs.", most=MOST_PHOTOGRAPHS)
        raise Invalid(Problem(message, "photographs", "too_many"))
    found = InspectionPhotograph(
        inspection_id=visit.id,
        filename=uploads.shown_name(filename, clean.media_type),
        media_type=clean.media_type,
        size=len(clean.content),
        sha256=sha256,
        taken_by=actor.user_id,
        taken_at=clock.now(),
    )
    session.add(found)
    session.flush()
    note(session, actor, inspections.PICTURED, visit, case, {"sha256": sha256})
    return found


def remove_photograph(session: Session, actor: Actor, visit: Inspection, case: Case, photograph_id: int) -> None:
    """Of those no report shows; any other is left alone. The log keeps that it was there. Raises NotAllowed."""
    refusal = why_not(session, actor, visit, case)
    if refusal is not None:
        raise NotAllowed(refusal)
    inspections.lock_photographs(session, visit)
    for each in photographs(session, visit):
        if each.id == photograph_id:
            session.delete(each)
            note(session, actor, inspections.UNPICTURED, visit, case, {"sha256": each.sha256})
    session.flush()


def photograph(session: Session, visit: Inspection, photograph_id: int) -> InspectionPhotograph:
    """Raises NotFound."""
    for each in photographs(session, visit, kept=True):
        if each.id == photograph_id:
            return each
    raise NotFound


# --- the report -----------------------------------------------------------------------------------------------------


def write(
    session: Session, pack: Pack, actor: Actor, visit: Inspection, written: Written, *, version: int
) -> InspectionReport:
    """Write the report of a visit, or correct the one there is. Raises Invalid, NotAllowed, Stale."""
    visit, case = take_up(session, visit, None)
    if visit.version != version:
        raise Stale(STALE)
    refusal = why_not(session, actor, visit, case)
    if refusal is not None:
        raise NotAllowed(refusal)
    before = of_visit(session, visit)
    first = VisitState(visit.state) in OPEN
    findings = _check(pack, case, visit, written, correction=not first)
    year = clock.today(pack.zone).year
    number = numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year))
    pictures = photographs(session, visit, kept=True)
    shown = [
        {"id": each.id, "filename": each.filename, "media_type": each.media_type, "size": each.size,
         "sha256": each.sha256}
        for each in pictures
    ]  # fmt: skip
    report = InspectionReport(
        number=number,
        inspection_id=visit.id,
        case_id=case.id,
        corrects_id=before[-1].id if before else None,
        correction_reason=written.correction_reason.strip(),
        result=written.result,
        present=written.present.strip(),
        account=written.account.strip(),
        findings=findings,
        photographs=shown,
        held_at=visit.starts_at,
        written_by=actor.user_id,
        written_at=clock.now(),
    )
    report.record_id = _issue(session, pack, actor, visit, case, report, before).id
    session.add(report)
    session.flush()
    new = [each.id for each in pictures if each.report_id is None]
    if new:
        session.execute(
            update(InspectionPhotograph).where(InspectionPhotograph.id.in_(new)).values(report_id=report.id)
        )
    if first:
        visit.state, visit.ended_at = VisitState.DONE.value, clock.now()
    visit.version += 1
    session.flush()
    if first:
        standstill.end(session, pack, case, visit)
    verb = inspections.CORRECTED if before else inspections.REPORTED
    note(session, actor, verb, visit, case, {
        "report": number, "result": report.result, "photographs": [each["sha256"] for each in shown],
        **({"corrects": before[-1].number} if before else {}),
    })  # fmt: skip
    inspection_mail.applicant(session, visit, case, "inspection_result", result=RESULT_TITLES[report.result])
    return report


def _check(pack: Pack, case: Case, visit: Inspection, written: Written, *, correction: bool) -> list[dict[str, Any]]:
    problems = []
    held = written.result != Result.NOT_HELD
    if written.result not in set(Result):
        problems.append(Problem(_("Choose the result."), "result", "required"))
    if held and not written.present.strip():
        problems.append(Problem(_("Write who was present."), "present", "required"))
    for value, field, message in (
        (written.account, "account", _("Write what was seen.")),
        *(((written.correction_reason, "correction_reason", _("Say what is corrected, and why.")),)
          if correction else ()),
    ):  # fmt: skip
        try:
            needed(value, field, message)
        except Invalid as error:
            problems += error.problems
    if held and clock.now() < visit.starts_at:
        problems.append(Problem(_("The visit has not begun yet."), "result", "too_soon"))
    items = checklist(pack, case)
    given = {each.code: each for each in written.findings}
    findings = []
    for item in items:
        said = given.get(item.code)
        if held and (said is None or said.found not in FOUND_TITLES):
            message = _("Say what you found: %(item)s", item=item.name)
            problems.append(Problem(message, f"found-{item.code}", "required"))
        elif said is not None and said.found in FOUND_TITLES:
            remark = said.remark.strip()[: inspections.LONGEST]
            findings.append({"code": item.code, "names": dict(item.names), "found": said.found, "remark": remark})
    if written.result == Result.PASSED and any(each["found"] == "not_ok" for each in findings):
        message = _("Something is not in order, so the visit is passed with remarks at best.")
        problems.append(Problem(message, "result", "not_in_order"))
    if problems:
        raise Invalid(*problems)
    return findings


def _issue(
    session: Session,
    pack: Pack,
    actor: Actor,
    visit: Inspection,
    case: Case,
    report: InspectionReport,
    before: Sequence[InspectionReport],
) -> Record:
    """In the applicant's language: the record is theirs to keep."""
    locale = people.user(session, case.applicant_id).locale
    with i18n.use_locale(locale, pack.zone):
        data = {
            "number": report.number,
            "corrects": before[-1].number if before else None,
            "correction_reason": report.correction_reason,
            "case": case.reference,
            "about": case.title,
            "visit": visit.reference,
            "place": visit.place,
            "held": i18n.format_datetime(visit.starts_at) if report.result != Result.NOT_HELD else None,
            "planned": i18n.format_datetime(visit.starts_at),
            "looked_at": visit.about,
            "officials": ", ".join(each["name"] for each in visit.officials),
            "present": report.present,
            "result": str(RESULT_TITLES[report.result]),
            "account": report.account,
            "findings": [
                [i18n.pick(each["names"]), str(FOUND_TITLES[each["found"]]), each["remark"] or "–"]
                for each in report.findings
            ],
            "photographs": [[each["filename"], each["sha256"]] for each in report.photographs],
            "written_by": actor.name,
        }
        title, issuer = _("Inspection report"), lookup.agency(pack, visit.agency).name
    return records.request(
        session, kind=KIND, template=TEMPLATE, title=title, data=data, locale=locale, case_id=case.id,
        business_id=case.business_id, subject=f"inspection:{visit.id}", issuer=issuer, number=report.number,
    )  # fmt: skip


def checks(reports: Sequence[InspectionReport]) -> list[Check]:
    """What the reports that stand say, as checks of the case."""
    found = []
    for each in latest(reports):
        passed = {Result.PASSED: True, Result.FAILED: False}.get(Result(each.result))
        found.append(
            Check(
                _("Visit of %(date)s: %(result)s", date=i18n.format_date(each.held_at.astimezone(i18n.zone()).date()),
                  result=str(RESULT_TITLES[each.result])),
                passed,
                each.account,
                each.number,
            )
        )  # fmt: skip
    return found
