"""What a printed case file proves: the checks of the day, the legal basis, who saw it, findings, messages, copies."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import case_file, case_file_json, case_file_print, copies, findings
from app.cases.copies import Wanted
from app.cases.findings import Content
from app.cases.findings_models import Severity
from app.cases.models import Case
from app.core import i18n
from app.documents import pdf, records
from app.documents.models import Record, RecordState
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.jurisdictions import load, lookup
from app.permits.models import Permit
from app.permits.records import KIND as PERMIT
from app.permits.words import conditions
from app.web.auditor.neighbours import around
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.test_case_file import licensed as licensed
from tests.services.test_certified_copies import pay as pay_for
from tests.support.statements import counted

CONDITION = {"code": "", "text": "Sample each lot before loading."}


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR, name="Agnes Auditor"))


def printed(session: Session, actor: Actor, case: Case) -> dict[str, object]:
    pack = load.current()
    return case_file_print.data(session, pack, actor, case_file.gather(session, pack, case, around))


def test_the_checks_and_the_legal_basis_are_those_of_the_day(rwanda: Session, auditor: Actor, licensed: Case) -> None:
    pack = load.current()
    file = case_file.gather(rwanda, pack, licensed, around)
    assert file.decision is not None
    kind = lookup.permit_kind(pack, "coffee-export")
    assert file.decision.legal_ref == kind.legal_ref
    assert {each["rules"] for each in file.decision.checks} == {pack.version}
    assert all(each["title"] and "passed" in each and "rule" in each for each in file.decision.checks)
    data = case_file_print.data(rwanda, pack, auditor, file)
    assert dict(data["decision"])["Legal basis"] == kind.legal_ref
    recommended, decided = data["checks"]
    assert [each[0] for each in recommended["rows"]] == [each["title"] for each in file.recommendations[-1].checks]
    assert decided["rows"] or decided["note"] == "The same as the time before."
    rwanda.expunge(file.decision)
    file.decision.checks, file.recommendations[-1].checks = [], []
    notes = [each["note"] for each in case_file_print.data(rwanda, pack, auditor, file)["checks"]]
    assert notes == ["The checks were not kept then."] * 2


def test_it_names_readers_messages_findings_and_copies(rwanda: Session, auditor: Actor, licensed: Case) -> None:
    for _time in range(3):
        entries.record(
            rwanda, auditor, "case.viewed", subject=f"case:{licensed.id}", reference=licensed.reference,
            case_id=licensed.id, business_id=licensed.business_id,
        )  # fmt: skip
    content = Content(
        title="Weight not compared", agency="NAEB", seen="The weight certificate was not opened.",
        severity=Severity.MINOR, legal_basis="Licensing procedure, step 4", points=(), answer_days=5,
    )  # fmt: skip
    pack = load.current()
    finding = findings.write(rwanda, pack, auditor, licensed, content)
    assert printed(rwanda, auditor, licensed)["findings"] == [], "a draft is the auditor's own"
    findings.send(rwanda, pack, auditor, finding, licensed, version=finding.version)
    copies.ask(
        rwanda, pack, auditor, paper_of(rwanda, licensed), Wanted("copy-court", "File 12", "en"), official=True,
        idempotency_key="a-key-of-sixteen-signs",
    )  # fmt: skip
    data = printed(rwanda, auditor, licensed)
    (seen,) = [line for line in data["readers"] if line[4] == "Case opened"]  # type: ignore[attr-defined]
    assert (seen[2], seen[3], seen[5]) == ("Agnes Auditor", "Auditor", 3)
    (found,) = data["findings"]  # type: ignore[misc]
    assert "Weight not compared" in found["title"]  # type: ignore[index]
    assert {line[1] for line in data["messages"]} >= {"Applicant"}  # type: ignore[attr-defined]
    ((_number, _when, by, purpose, fee, state),) = data["copies"]  # type: ignore[misc]
    assert (by, purpose, fee, state) == (
        "Agnes Auditor", "Court or tribunal: File 12", "none: for official use", "Being prepared",
    )  # fmt: skip
    document = case_file_json.document(rwanda, case_file.gather(rwanda, pack, licensed, around), auditor=True)
    assert document["certified_copies"][0]["purpose"] == "copy-court"
    assert document["decision"]["checks"]
    assert document["decision"]["legal_ref"]


def test_the_bill_of_a_copy_and_its_payments_are_in_the_case_file(rwanda: Session, licensed: Case) -> None:
    pack = load.current()
    exporter = acting(rwanda, rwanda.get_one(User, licensed.applicant_id))
    copy = copies.ask(
        rwanda, pack, exporter, paper_of(rwanda, licensed), Wanted("copy-bank", "", "en"), official=False,
        idempotency_key="a-key-of-sixteen-signs",
    )  # fmt: skip
    pay_for(rwanda, copy, exporter)
    with counted(rwanda) as statements:
        file = case_file.gather(rwanda, pack, licensed, around)
    assert len(statements) <= 8
    mine, copied = file.bills
    assert mine.charge.case_id == licensed.id
    assert copied.charge.id == copy.charge_id
    assert copied.receipt is not None
    assert [each.state for each in copied.payments] == ["successful"]
    assert copied.postings
    assert sum(each.minor for each in copied.postings) == 0
    bills = case_file_print.data(rwanda, pack, exporter, file)["bills"]
    assert dict(bills[1]["facts"])["Bill for"].startswith("Certified copy")
    document = case_file_json.document(rwanda, file, auditor=True)
    assert len(document["bills"]) == 2


def paper_of(session: Session, case: Case) -> Record:
    """The permit's, as if its PDF were there."""
    paper = next(each for each in records.for_case(session, case.id) if each.kind == PERMIT)
    paper.sha256, paper.size, paper.state = "b" * 64, 1, RecordState.READY
    session.flush()
    return paper


def test_a_long_case_is_printed_in_bounded_time(
    rwanda: Session, auditor: Actor, licensed: Case, tmp_path: Path
) -> None:
    pack = load.current()
    about = {"subject": f"case:{licensed.id}", "reference": licensed.reference, "case_id": licensed.id}
    entries.record(rwanda, auditor, "case.viewed", **about)  # type: ignore[arg-type]
    data = case_file_print.data(rwanda, pack, auditor, case_file.gather(rwanda, pack, licensed, around))
    data["versions"] = data["versions"][-1:] * 8
    data["readers"] = data["readers"] * 40
    content = pdf.render(
        case_file_print.TEMPLATE, data, locale="en_RW", zone=pack.timezone, kind="case_file", title="Case file",
        number="CF-2026-00001-K", code="A" * 26, issuer="Portal",
    )  # fmt: skip
    assert len(content) < 2_000_000
    path = tmp_path / "file.pdf"
    path.write_bytes(content)
    words = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    for heading in ("Checks, as they stood when it was decided", "Who saw it", "Messages sent", "Legal basis"):
        assert heading in words
    assert words.count("as it was sent") == 8


def test_conditions_are_said_in_the_language_of_who_reads(rwanda: Session, licensed: Case) -> None:
    permit = rwanda.scalars(select(Permit).where(Permit.case_id == licensed.id)).one()
    assert conditions(permit) == []
    permit.conditions = "As on paper"
    assert conditions(permit) == ["As on paper"], "issued before the sentences were kept"
    sentence = {
        "code": "lot",
        "names": {"en": "Sample each lot", "fr": "Échantillonner chaque lot"},
        "legal_ref": "Law 1",
    }
    permit.said_conditions = [sentence, CONDITION]
    assert conditions(permit) == ["Sample each lot (Law 1)", CONDITION["text"]]
    paper = next(each for each in records.for_case(rwanda, licensed.id) if each.kind == PERMIT)
    with i18n.use_locale("fr_RW"):
        assert conditions(permit)[0] == "Échantillonner chaque lot (Law 1)"
        facts = [value for _label, value in records.standing(rwanda, paper).facts]
    assert "Échantillonner chaque lot (Law 1)" in facts
