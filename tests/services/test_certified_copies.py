"""Certified copies: of what is surely the original, once, with a number of their own, and true about it for ever."""

import hashlib
import io
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from pikepdf import pdfa
from sqlalchemy import Select, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import app
from app.audit.models import Entry
from app.businesses.models import Business
from app.cases import copies, copies_making, leavings
from app.cases.copies import Wanted
from app.cases.copies_models import KIND, CertifiedCopy, CopyState
from app.cases.models import Case
from app.core import db, i18n
from app.core.errors import Busy, Invalid, NotFound
from app.documents import records, signing, store, tasks
from app.documents.models import Record, RecordState
from app.documents.records import Standing
from app.fees import charges, payments
from app.fees.models import Charge, ChargeState
from app.fees.providers import Outcome, Status
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load, lookup
from app.notifications.models import Message
from app.permits import lifecycle
from app.permits.models import Permit
from app.permits.records import KIND as PERMIT
from tests.factories.businesses import make_business
from tests.factories.cases import acting, submitted
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.services.conftest import settings_for
from tests.support.record_data import fitting
from tests.support.seals import Office, judged, open_office
from tests.unit.test_pdf import EXPECTED_FINDINGS

COURT = Wanted("copy-court", "RCOM 00123/2026/TC", "fr")
KEY = "a-key-of-sixteen-signs"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office") / "seal") as made:
        yield made


@pytest.fixture
def permit(rwanda: Session, exporter: Actor) -> Permit:
    business = rwanda.get_one(Business, exporter.business_id)
    return make_permit(rwanda, business)


@pytest.fixture
def paper(rwanda: Session, permit: Permit) -> Record:
    return papered(rwanda, permit)


def papered(session: Session, permit: Permit, case_id: int | None = None) -> Record:
    """The permit's paper, in the store: a file like any other, which nobody signed."""
    record = requested(session, permit, case_id)
    content = f"%PDF-1.7 {record.number}".encode()
    record.sha256, record.size = store.current().put(content), len(content)
    record.state = RecordState.READY
    session.flush()
    return record


def requested(session: Session, permit: Permit, case_id: int | None = None) -> Record:
    pack = load.current()
    kind = lookup.permit_kind(pack, permit.kind)
    record = records.request(
        session,
        kind=PERMIT,
        template="export_licence/licence.html",
        title=kind.name,
        data=fitting(
            "permit",
            number=permit.number,
            holder={"name": "Koperative Ikawa", "number": "1"},
            conditions=["Sample each lot."],
        ),
        locale="en_RW",
        case_id=case_id,
        business_id=permit.business_id,
        subject=f"permit:{permit.id}",
        issuer=lookup.agency(pack, permit.agency).name,
        number=permit.number,
    )
    permit.record_id = record.id
    return record


def ask(session: Session, actor: Actor, paper: Record, wanted: Wanted = COURT, key: str = KEY) -> CertifiedCopy:
    record, official = copies.original(session, actor, paper.code)
    return copies.ask(session, load.current(), actor, record, wanted, official=official, idempotency_key=key)


def pay(session: Session, copy: CertifiedCopy, actor: Actor) -> Charge:
    charge = session.get_one(Charge, copy.charge_id)
    payment = payments.start(session, charge, "0788000001", actor)
    payments.learn(session, payment.id, Status(Outcome.SUCCESSFUL))
    return charge


def made(session: Session, copy: CertifiedCopy) -> Record:
    """Its record, of which the PDF is yet to be rendered."""
    copies_making.make(session, copy_id=copy.id)
    assert copy.state == CopyState.MADE
    return session.get_one(Record, copy.record_id)


def auditor(session: Session) -> Actor:
    return acting(session, make_user(session, role=Role.AUDITOR, name="Agnes Auditor"))


def test_a_paid_copy_is_a_sealed_record_with_the_original_inside(
    rwanda: Session, exporter: Actor, permit: Permit, office: Office, tmp_path: Path
) -> None:
    office.configure()
    paper = requested(rwanda, permit)
    tasks.render_record(rwanda, record_id=paper.id)
    copy = ask(rwanda, exporter, paper)
    copies_making.make(rwanda, copy_id=copy.id)
    assert copy.state == CopyState.UNPAID, "nothing is made before it is paid"
    charge = pay(rwanda, copy, exporter)
    record = made(rwanda, copy)
    tasks.render_record(rwanda, record_id=record.id)  # not the receipt beside it
    signing.configure("")
    content = records.open_bytes(record)
    assert record.number == copy.number
    assert record.number.startswith("CC-NAEB-")
    assert (record.seal, record.business_id) == (paper.seal, paper.business_id) == ("NAEB", exporter.business_id)
    assert judged(content, office.folder).bottom_line
    with pikepdf.open(io.BytesIO(content)) as document:
        inside = document.attachments[f"{paper.number}.pdf"]
        assert str(inside.obj.AFRelationship) == "/Source"
        enclosed, pages = inside.get_file().read_bytes(), len(document.pages)
        assert str(document.attachments["record.json"].obj.AFRelationship) == "/Data"
    assert enclosed == records.open_bytes(paper), "byte for byte"
    assert hashlib.sha256(enclosed).hexdigest() == paper.sha256 == copy.original_sha256
    path = tmp_path / "copy.pdf"
    path.write_bytes(content)
    done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, check=True)
    sheets = [" ".join(sheet.split()) for sheet in done.stdout.split("\f")[:pages]]
    assert pages == 2
    assert all(sheet.count(record.number) >= 2 for sheet in sheets), "at the head and the foot of each"
    for said in (paper.number, paper.sha256, "RCOM 00123/2026/TC", exporter.name, "500", "RCT-"):
        assert str(said).replace(" ", "") in sheets[0].replace(" ", ""), said
    assert "What it allows" in sheets[1], "the page of the original, in its own language"
    assert "Sample each lot." in sheets[1]
    report = pdfa.validate_written(path, "3b")
    as_the_original = tmp_path / "original.pdf"
    as_the_original.write_bytes(enclosed)
    allowed = {each.message for each in pdfa.validate_written(as_the_original, "3b").findings}
    assert [each.message for each in report.findings if each.message not in allowed | {*EXPECTED_FINDINGS}] == []
    told = rwanda.scalars(select(Message).where(Message.template == "copy_ready")).one()
    assert record.code in told.body
    assert rwanda.get_one(Charge, charge.id).state == ChargeState.PAID
    rwanda.execute(text("ALTER TABLE records DISABLE TRIGGER records_stay_as_issued"))
    rwanda.execute(update(Record).where(Record.id == paper.id).values(certificate_fingerprint="0" * 64))
    rwanda.refresh(paper)
    office.configure()
    with pytest.raises(copies_making.Broken, match="another certificate"):
        copies_making.check(paper)
    signing.configure("")


def test_the_public_check_follows_the_original(rwanda: Session, exporter: Actor, paper: Record, permit: Permit) -> None:
    copy = ask(rwanda, exporter, paper)
    pay(rwanda, copy, exporter)
    record = made(rwanda, copy)
    found = records.verify(rwanda, record.code)
    assert found.state is Standing.VALID
    facts = dict(found.facts)
    assert facts["Number of the original"] == paper.number
    assert facts["SHA-256 of the original"] == paper.sha256
    assert exporter.name not in str(facts)
    naeb = acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=(permit.agency,)))
    lifecycle.revoke(rwanda, permit, naeb, "The lot was not what was declared.")
    found = records.verify(rwanda, record.code)
    assert found.state is Standing.REVOKED
    assert dict(found.facts)["The original when the copy was made"] == "Valid"
    later = made(rwanda, ask(rwanda, auditor(rwanda), paper, key="another-key-of-signs"))
    assert later.data["standing"]["state"] == "revoked"
    assert records.by_code(rwanda, paper.code) is not None


def test_officials_and_auditors_pay_nothing_and_the_holder_does_not_see_it(
    rwanda: Session, exporter: Actor, paper: Record, permit: Permit
) -> None:
    reader = auditor(rwanda)
    official = acting(rwanda, make_user(rwanda, role=Role.CLERK, agencies=(permit.agency,)))
    for number, who in enumerate((reader, official)):
        copy = ask(rwanda, who, paper, key=f"{KEY}-{number}")
        assert (copy.official, copy.charge_id, copy.state) == (True, None, CopyState.PREPARING)
        record = made(rwanda, copy)
        assert (record.case_id, record.business_id) == (None, None)
        assert copies.may_open(rwanda, who, record)
        assert not copies.may_open(rwanda, exporter, record)
    assert copies.of_record(rwanda, paper, official=False) == []
    assert len(copies.of_record(rwanda, paper, official=True)) == 2
    shown = copies.of_record(rwanda, paper, official=True)
    assert {each.by for each in shown} == {reader.name, official.name}


def test_only_those_it_belongs_to_may_ask(rwanda: Session, exporter: Actor, paper: Record, permit: Permit) -> None:
    stranger = make_user(rwanda)
    make_business(rwanda, owner=stranger)
    clerk = make_user(rwanda, role=Role.CLERK, agencies=("RRA" if permit.agency != "RRA" else "RDB",))
    for who in (acting(rwanda, stranger), acting(rwanda, clerk)):
        with pytest.raises(NotFound):
            copies.original(rwanda, who, paper.code)
    copy = made(rwanda, ask(rwanda, auditor(rwanda), paper))
    with pytest.raises(NotFound):
        copies.original(rwanda, auditor(rwanda), copy.code)


def test_the_same_key_asks_and_bills_once(rwanda: Session, exporter: Actor, paper: Record) -> None:
    first = ask(rwanda, exporter, paper)
    assert ask(rwanda, exporter, paper) is first
    wanted = select(func.count()).select_from(Charge).where(Charge.payer_id == exporter.user_id)
    assert rwanda.scalar(wanted.where(Charge.title.like("Certified copy%"))) == 1


def test_the_same_form_with_other_answers_is_another_request(rwanda: Session, exporter: Actor, paper: Record) -> None:
    """As after "back" in the browser: who asks for a bank is not given, and does not pay for, the one for the court."""
    first = ask(rwanda, exporter, paper)
    second = ask(rwanda, exporter, paper, Wanted("copy-bank", "", "en"))
    assert (first.purpose, second.purpose) == ("copy-court", "copy-bank")
    assert first.charge_id != second.charge_id


def test_of_what_has_no_pdf_no_copy_is_sold(rwanda: Session, exporter: Actor, paper: Record, permit: Permit) -> None:
    failed = requested(rwanda, permit)
    failed.state = RecordState.FAILED
    with pytest.raises(records.NotReady):
        ask(rwanda, exporter, failed)
    rwanda.execute(text("ALTER TABLE records DISABLE TRIGGER records_stay_as_issued"))
    leavings.dispose_record(paper)
    with pytest.raises(records.Gone):
        ask(rwanda, exporter, paper)
    assert rwanda.scalar(select(func.count()).select_from(Charge)) == 0


def test_what_is_asked_must_be_on_the_list(rwanda: Session, exporter: Actor, paper: Record) -> None:
    for wanted in (Wanted("copy-party", "", "en"), Wanted("copy-other", " ", "en"), Wanted("copy-own", "", "zz")):
        with pytest.raises(Invalid):
            ask(rwanda, exporter, paper, wanted)


def test_there_are_only_so_many_a_day(
    rwanda: Session, exporter: Actor, paper: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "A_DAY", (1, 3600))
    ask(rwanda, exporter, paper)
    ask(rwanda, exporter, paper)  # the same again
    with pytest.raises(Busy):
        ask(rwanda, exporter, paper, key="another-key-of-signs")


def test_a_bill_that_ran_out_is_renewed_for_the_same_request(rwanda: Session, exporter: Actor, paper: Record) -> None:
    copy = ask(rwanda, exporter, paper)
    charge = rwanda.get_one(Charge, copy.charge_id)
    rwanda.execute(update(Charge).where(Charge.id == charge.id).values(expires_at=charge.created_at))
    rwanda.refresh(charge)
    renewed = charges.renew(rwanda, charge)
    assert copy.charge_id == renewed.id
    pay(rwanda, copy, exporter)
    made(rwanda, copy)


def test_a_changed_original_is_never_certified_and_the_money_is_owed_back(
    rwanda: Session, exporter: Actor, paper: Record
) -> None:
    copy = ask(rwanda, exporter, paper)
    charge = pay(rwanda, copy, exporter)
    kept = store.current()
    assert isinstance(kept, store.FolderStore)
    assert paper.sha256 is not None
    path = kept.path(paper.sha256)
    whole = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(whole + b" ")
    try:
        with pytest.raises(copies_making.Broken):
            copies_making.make(rwanda, copy_id=copy.id)
        copies_making.give_up(rwanda, queue.Failed("Broken", 1, final=False), copy_id=copy.id)
        assert copy.state == CopyState.PREPARING, "it is tried again first"
        copies_making.give_up(rwanda, queue.Failed("Broken", 4, final=True), copy_id=copy.id)
    finally:
        path.write_bytes(whole)
    assert (copy.state, copy.number, copy.record_id) == (CopyState.REFUSED, None, None)
    rwanda.refresh(charge)
    assert charge.state == ChargeState.REFUNDED
    owed = payments.exceptions(rwanda, limit=5)
    assert [each.charge_id for each in owed] == [charge.id]
    assert "owed back" in rwanda.scalars(select(Message).where(Message.template == "copy_refused")).one().body
    assert rwanda.scalar(select(Entry).where(Entry.verb == copies.REFUSED)) is not None
    copies_making.make(rwanda, copy_id=copy.id)
    assert copy.state == CopyState.REFUSED, "for good"


def test_another_failure_refuses_nothing(rwanda: Session, exporter: Actor, paper: Record) -> None:
    """A store or a database that was away says nothing about the original: the job waits among the failures."""
    copy = ask(rwanda, exporter, paper)
    charge = pay(rwanda, copy, exporter)
    for error in ("OperationalError at app/x.py:1", "NotReady at app/documents/records.py:9"):
        copies_making.give_up(rwanda, queue.Failed(error, 4, final=True), copy_id=copy.id)
    assert (copy.state, charge.state) == (CopyState.PREPARING, ChargeState.PAID)
    made(rwanda, copy)


def test_a_copy_says_that_the_decision_was_corrected(
    rwanda: Session, exporter: Actor, paper: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made(rwanda, ask(rwanda, auditor(rwanda), paper))
    corrected = records.Corrected("The decision was corrected.", "RW-NEW-1", "NEWCODE")

    def remark(_session: Session, record: Record, found: records.Verification) -> records.Verification:
        return replace(found, state=Standing.REVOKED, correction=corrected) if record.id == paper.id else found

    monkeypatch.setattr(records, "_remarks", [remark])
    assert records.verify(rwanda, before.code).correction == corrected
    after = made(rwanda, ask(rwanda, auditor(rwanda), paper, key="another-key-of-signs"))
    standing = after.data["standing"]
    assert (standing["state"], standing["correction"], standing["in_its_place"]) == (
        "revoked", "The decision was corrected.", "RW-NEW-1",
    )  # fmt: skip


def test_copies_go_with_the_file_whoever_asked_for_them(rwanda: Session, exporter: Actor, permit: Permit) -> None:
    case = submitted(rwanda, exporter)
    paper = papered(rwanda, permit, case.id)
    copy = ask(rwanda, auditor(rwanda), paper)
    record = made(rwanda, copy)
    record.sha256, record.size, record.state = "a" * 64, 1, RecordState.READY
    rwanda.flush()
    assert record.case_id is None
    assert {"what": "document", "name": record.number, "hash": "a" * 64} in leavings.hashes(rwanda, case, ())
    waits = ask(rwanda, exporter, paper)
    assert rwanda.scalars(going(case)).all() == [paper.id, record.id]
    assert rwanda.scalars(going(case, PERMIT)).all() == [], "of what is kept on, so are the copies"
    for each in (copy, waits):
        assert each.purpose_text
        rwanda.execute(update(CertifiedCopy).where(CertifiedCopy.id == each.id).values(purpose_text=""))
        rwanda.refresh(each)
        assert each.purpose_text == ""


def going(case: Case, *kept: str) -> Select[tuple[int]]:
    return select(Record.id).where(*leavings._records(case.id, kept)).order_by(Record.id)


def test_a_made_copy_cannot_be_changed_nor_copied(rwanda: Session, exporter: Actor, paper: Record) -> None:
    copy = ask(rwanda, auditor(rwanda), paper)
    record = made(rwanda, copy)
    for statement in (
        update(CertifiedCopy).where(CertifiedCopy.id == copy.id).values(purpose="copy-bank"),
        text(f"DELETE FROM certified_copies WHERE id = {copy.id}"),
        text(
            "INSERT INTO certified_copies (original_id, original_kind, requested_by, official, purpose, purpose_names,"
            " purpose_text, locale, idempotency_key, state, requested_at, refusal) SELECT"
            f" {record.id}, '{KIND}', requested_by, official, purpose, purpose_names, purpose_text, locale, 'x',"
            f" 'preparing', requested_at, '' FROM certified_copies WHERE id = {copy.id}"
        ),
    ):
        with pytest.raises(DBAPIError), rwanda.begin_nested():
            rwanda.execute(statement)


def test_two_at_once_get_two_numbers_without_a_gap(committed: db.Database, tmp_path: Path) -> None:
    app.configure(settings_for(str(committed.engine.url), tmp_path / "store"))
    db.configure(committed)
    with db.unit_of_work() as session:
        reader, owner = auditor(session), make_user(session)
        paper = papered(session, make_permit(session, make_business(session, owner=owner)))
        asked = [ask(session, reader, paper, key=f"{KEY}-{number}").id for number in range(4)]
    together = threading.Barrier(len(asked))

    def work(copy_id: int) -> None:
        together.wait()
        with db.unit_of_work() as session:
            copies_making.make(session, copy_id=copy_id)

    workers = [threading.Thread(target=work, args=(copy_id,)) for copy_id in asked]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with db.unit_of_work() as session:
        numbers = sorted(session.scalars(select(CertifiedCopy.number)))
    assert [str(number).split("-")[3] for number in numbers] == ["00001", "00002", "00003", "00004"]


def test_the_same_request_twice_at_once_is_one(committed: db.Database, tmp_path: Path) -> None:
    app.configure(settings_for(str(committed.engine.url), tmp_path / "store"))
    db.configure(committed)
    with db.unit_of_work() as session:
        owner = make_user(session)
        paper = papered(session, make_permit(session, make_business(session, owner=owner)))
        who, code = acting(session, owner), paper.code
    together = threading.Barrier(3)

    def work() -> None:
        together.wait()
        with i18n.use_locale("en_RW"), db.unit_of_work() as session:
            record, official = copies.original(session, who, code)
            copies.ask(session, load.current(), who, record, COURT, official=official, idempotency_key=KEY)

    workers = [threading.Thread(target=work) for _number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with db.unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(CertifiedCopy)) == 1
        assert session.scalar(select(func.count()).select_from(Charge)) == 1
