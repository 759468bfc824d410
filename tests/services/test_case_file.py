"""The case file: complete, as one PDF record, and nobody's but the auditors'."""

import io
import json
import subprocess

import pikepdf
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import case_file, case_file_json, case_file_print, engine
from app.cases.case_file import CaseFile
from app.cases.models import Case, Outcome
from app.cases.submitting import canonical
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import i18n
from app.documents import records
from app.documents.records import Standing
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor.neighbours import around
from tests.factories.businesses import make_business
from tests.factories.cases import acting, drafted, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast
from tests.support.statements import counted


@pytest.fixture
def auditor(rwanda: Session) -> Actor:
    return acting(rwanda, make_user(rwanda, role=Role.AUDITOR, name="Agnes Auditor"))


def move(
    session: Session, case: Case, action: Action, actor: Actor, reason: str, payload: Payload | None = None
) -> Case:
    return engine.perform(session, case, action, actor, version=case.version, reason=reason, payload=payload)


@pytest.fixture
def licensed(rwanda: Session) -> Case:
    """An export licence that was paid, asked about, answered, recommended and approved."""
    owner = make_user(rwanda, name="Claudine Mukamana")
    make_business(rwanda, owner=owner, name="Umusozi Coffee Ltd")
    exporter, naeb = acting(rwanda, owner), cast(rwanda, "NAEB")
    case = submitted(rwanda, exporter, "export_licence", licence("19200"))
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar, "")
    asked = Payload(fields=(AskedField("quantity", "quantity.quantity", "Quantity"),))
    move(rwanda, case, Action.ASK, naeb.registrar, "Is the quantity right?", asked)
    kept = case.draft["quantity"]
    case.draft = {**case.draft, "quantity": {**kept, "raw": {**kept["raw"], "quantity": ["12000"]}}}
    move(rwanda, case, Action.SUBMIT, exporter, "", Payload(declared=True))
    engine.add_note(rwanda, case, naeb.registrar, "Telephoned the exporter.")
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, "Papers are in order.", Payload(outcome=Outcome.APPROVE))
    return move(rwanda, case, Action.APPROVE, naeb.supervisor, "Granted for the season.")


def gathered(session: Session, case: Case) -> CaseFile:
    return case_file.gather(session, load.current(), case, around)


def test_the_file_holds_everything_that_happened(rwanda: Session, licensed: Case) -> None:
    file = gathered(rwanda, licensed)
    assert [version.submission.number for version in file.versions] == [1, 2]
    assert [each.path for each in file.versions[1].differences] == ["quantity.quantity"]
    assert file.versions[0].differences == []
    assert file.decision is not None
    assert file.names[file.decision.decided_by]
    assert [each.message for each in file.requests] == ["Is the quantity right?"]
    assert [each.body for each in file.notes] == ["Telephoned the exporter."]
    assert [each.reason for each in file.recommendations] == ["Papers are in order."]
    bill = file.bills[0]
    assert bill.receipt is not None
    assert [each.state for each in bill.payments] == ["successful"]
    assert sum(each.minor for each in bill.postings) == 0
    assert len(file.permits) == 1
    assert {each.number for each in file.records} >= {file.permits[0].number}
    assert file.messages
    assert file.business is not None
    assert file.business.name == "Umusozi Coffee Ltd"


def test_the_pdf_has_the_reference_the_reasons_and_both_versions(
    rwanda: Session, licensed: Case, auditor: Actor
) -> None:
    record = case_file_print.ask(rwanda, load.current(), auditor, gathered(rwanda, licensed))
    queue.run_pending(rwanda)
    rwanda.refresh(record)
    assert record.ready
    content = records.open_bytes(record)
    words = _words(content)
    for expected in (
        licensed.reference, record.number, "Papers are in order.", "Granted for the season.", "Is the quantity right?",
        "Answer sent", "Licence issued",
        "Telephoned the exporter.", "Version 1", "Version 2", "19,200", "12,000", "Umusozi Coffee Ltd",
    ):  # fmt: skip
        assert expected in words, expected
    with pikepdf.open(io.BytesIO(content)) as pdf:
        embedded = json.loads(pdf.attachments["record.json"].get_file().read_bytes())
    assert embedded["data"]["reference"] == licensed.reference
    assert [version["number"] for version in embedded["data"]["versions"]] == [1, 2]


def _words(content: bytes) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def test_each_printing_is_a_new_numbered_record_verified_as_issued(
    rwanda: Session, licensed: Case, auditor: Actor
) -> None:
    first, second = (
        case_file_print.ask(rwanda, load.current(), auditor, gathered(rwanda, licensed)) for _time in range(2)
    )
    assert first.number.startswith("CF-")
    assert second.number != first.number
    found = records.verify(rwanda, second.code)
    assert found.state is Standing.VALID
    assert "Mukamana" not in f"{found.title} {found.issuer} {found.facts}"
    assert records.verify(rwanda, second.number).state is Standing.UNKNOWN, "its number can be guessed"
    assert [each.id for each in gathered(rwanda, licensed).printed] == [second.id, first.id]
    entry = rwanda.scalars(select(Entry).where(Entry.verb == "case_file.requested").order_by(Entry.id.desc())).first()
    assert entry is not None
    assert (entry.case_id, entry.actor_id) == (licensed.id, auditor.user_id)


def test_it_is_not_among_the_records_of_the_case_that_the_applicant_sees(
    rwanda: Session, licensed: Case, auditor: Actor
) -> None:
    record = case_file_print.ask(rwanda, load.current(), auditor, gathered(rwanda, licensed))
    assert record.case_id is None
    assert record.business_id is None
    assert record.id not in {each.id for each in records.for_case(rwanda, licensed.id)}


def test_a_case_that_was_never_sent_has_a_file_too(rwanda: Session, people: People, auditor: Actor) -> None:
    case = drafted(rwanda, people.applicant)
    record = case_file_print.ask(rwanda, load.current(), auditor, gathered(rwanda, case))
    queue.run_pending(rwanda)
    rwanda.refresh(record)
    assert "Nothing has been sent yet" in _words(records.open_bytes(record))


def test_an_open_question_is_told_in_the_words_of_officials(rwanda: Session, people: People, auditor: Actor) -> None:
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar, "")
    asked = Payload(fields=(AskedField("name", "name.name", "Name"),))
    move(rwanda, case, Action.ASK, people.registrar, "Which name?", asked)
    said = case_file_print.data(rwanda, load.current(), auditor, gathered(rwanda, case))
    assert dict(said["summary"])["State"] == "Waiting for the applicant"


def test_a_file_in_french_is_in_french(rwanda: Session, licensed: Case, auditor: Actor) -> None:
    with i18n.use_locale("fr_RW"):
        record = case_file_print.ask(rwanda, load.current(), auditor, gathered(rwanda, licensed))
    assert record.locale.startswith("fr")


def test_json_is_canonical_and_tells_no_secrets(rwanda: Session, licensed: Case) -> None:
    document = case_file_json.document(rwanda, gathered(rwanda, licensed))
    text = canonical(document)
    assert canonical(json.loads(text)) == text
    assert b"0788000001" not in text
    assert b"+250788000001" not in json.dumps(document["bills"]).encode()
    assert document["bills"][0]["payments"][0]["number"].endswith("001")
    assert not {"draft", "idempotency_key"} & set(document["case"])


def test_statements_do_not_grow_with_what_happened(rwanda: Session, licensed: Case, people: People) -> None:
    with counted(rwanda) as few:
        gathered(rwanda, licensed)
    for number in range(20):
        engine.add_note(rwanda, licensed, people.registrar, f"Note {number}")
    with counted(rwanda) as many:
        gathered(rwanda, licensed)
    assert len(many) <= len(few) <= 3
