"""Marking, writing, answering and concluding in pages; what was typed stays; the patterns are read from the count."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import findings
from app.cases.findings import Content
from app.cases.findings_models import CaseMark, Finding
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.identity import people
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.statistics import patterns
from app.statistics.models import PatternCount
from tests.factories.businesses import make_business
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move
from tests.support.statements import counted
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]
WRITTEN = {
    "title": "Weight not compared",
    "seen": "The certificate was not opened.",
    "severity": "minor",
    "legal_basis": "Procedure, step 4",
    "agency": "NAEB",
    "answer_days": "5",
}


@pytest.fixture
def naeb(session: Session, app: object) -> People:
    return cast(session, "NAEB")


@pytest.fixture
def case(session: Session, naeb: People) -> Case:
    owner = make_user(session)
    make_business(session, owner=owner, name="Umusozi Coffee Ltd")
    exporter = acting(session, owner)
    found = submitted(session, exporter, "export_licence", licence("19200"))
    pay(session, found, exporter)
    move(session, found, Action.TAKE, naeb.registrar)
    move(session, found, Action.RECOMMEND, naeb.registrar, payload=Payload(outcome=Outcome.APPROVE))
    move(session, found, Action.APPROVE, naeb.supervisor)
    session.commit()
    return found


@pytest.fixture
def auditor(session: Session, app: object) -> User:
    return make_user(session, role=Role.AUDITOR, name="Agnes Auditor")


@pytest.fixture
def reader(sign_in: SignIn, auditor: User) -> FlaskClient:
    return sign_in(auditor)


def official(session: Session, sign_in: SignIn, app: object, who: People, name: str) -> FlaskClient:
    user = people.user(session, getattr(who, name).user_id)
    return sign_in(user, browser=app.test_client())  # type: ignore[attr-defined]


def the_finding(session: Session) -> Finding:
    found = session.scalars(select(Finding)).one()
    session.refresh(found)
    return found


def sent(session: Session, auditor: User, case: Case, title: str = WRITTEN["title"]) -> Finding:
    who = acting(session, auditor)
    content = Content(**{**WRITTEN, "title": title, "answer_days": 5})  # type: ignore[arg-type]
    finding = findings.write(session, load.current(), who, case, content)
    findings.send(session, load.current(), who, finding, case, version=finding.version)
    session.commit()
    return finding


def test_a_mark_is_kept_changed_and_taken_off(session: Session, reader: FlaskClient, case: Case) -> None:
    url = f"/audit/{case.reference}/mark"
    assert post(reader, url, {"note": " "}).status_code == 422
    assert post(reader, url, {"note": "Compare the weights."}).status_code == 303
    assert "Compare the weights." in reader.get(f"/audit/{case.reference}").text
    assert "Compare the weights." in reader.get(url).text
    assert "Compare the weights." in reader.get("/audit/findings?show=marked").text
    assert post(reader, url, {"note": "Compare the weights.", "remove": "1"}).status_code == 303
    assert session.scalars(select(CaseMark)).one().removed_at is not None
    assert "Compare the weights." not in reader.get("/audit/findings?show=marked").text


def test_the_whole_road(
    session: Session, app: object, sign_in: SignIn, reader: FlaskClient, naeb: People, case: Case
) -> None:
    form = reader.get(f"/audit/{case.reference}/findings/new").text
    assert 'value="field:quantity.quantity"' in form
    answer = post(
        reader, f"/audit/{case.reference}/findings/new", {**WRITTEN, "points": "field:quantity.quantity", "save": "1"}
    )
    assert answer.status_code == 303
    finding = the_finding(session)
    page = f"/audit/findings/{finding.number}"
    assert finding.points == [{"kind": "field", "key": "quantity.quantity", "label": "Quantity"}]
    assert "Weight not compared" in reader.get("/audit/findings?show=drafts").text
    supervisor = official(session, sign_in, app, naeb, "second_supervisor")
    assert "Weight not compared" not in supervisor.get("/desk/findings").text
    assert supervisor.get(f"/desk/findings/{finding.number}").status_code == 404

    assert post(reader, page, {"action": "send", "version": finding.version}).status_code == 303
    assert "Weight not compared" in supervisor.get("/desk/findings").text
    assert "1 finding of an auditor waits for an answer" in supervisor.get("/desk").text
    theirs = f"/desk/findings/{finding.number}"
    assert "You decided this case" not in supervisor.get(theirs).text
    finding = the_finding(session)
    data = {"answer": "It was opened on paper.", "done": "Scans are now compulsory.", "version": finding.version}
    assert post(supervisor, theirs, data).status_code == 303
    assert "waits for an answer" not in supervisor.get("/desk").text

    shown = reader.get(page).text
    assert "It was opened on paper." in shown
    assert "the one who decided the case" not in shown
    finding = the_finding(session)
    data = {"action": "close", "verdict": "accepted", "conclusion": "Good.", "version": finding.version}
    assert post(reader, page, data).status_code == 303
    assert "Answer accepted" in supervisor.get(theirs).text
    assert finding.number in reader.get(f"/audit/{case.reference}").text
    log = reader.get(f"/audit/log?reference={finding.number}").text
    for step in ("written", "sent to the agency", "answered", "closed"):
        assert f"Finding {step}" in log


def test_a_second_click_sends_one_finding(session: Session, reader: FlaskClient, case: Case) -> None:
    first = post(reader, f"/audit/{case.reference}/findings/new", WRITTEN | {"send": "1"})
    again = post(reader, f"/audit/{case.reference}/findings/new", WRITTEN | {"send": "1"})
    assert (first.status_code, again.location) == (303, first.location)
    assert len(session.scalars(select(Finding)).all()) == 1
    post(reader, f"/audit/{case.reference}/findings/new", WRITTEN | {"send": "1", "title": "Another thing"})
    assert len(session.scalars(select(Finding)).all()) == 2


def test_clerks_and_other_agencies_do_not_see_it(
    session: Session, app: object, sign_in: SignIn, naeb: People, auditor: User, case: Case
) -> None:
    finding = sent(session, auditor, case)
    clerk = official(session, sign_in, app, naeb, "registrar")
    assert clerk.get("/desk/findings").status_code == 403
    assert clerk.get(f"/desk/findings/{finding.number}").status_code == 403
    assert "finding of an auditor" not in clerk.get("/desk").text
    elsewhere = official(session, sign_in, app, cast(session, "RDB"), "supervisor")
    assert elsewhere.get(f"/desk/findings/{finding.number}").status_code == 404
    assert post(elsewhere, f"/desk/findings/{finding.number}", {"answer": "x", "done": "x"}).status_code == 404


def test_the_decider_is_told_and_so_is_the_auditor(
    session: Session, app: object, sign_in: SignIn, reader: FlaskClient, naeb: People, auditor: User, case: Case
) -> None:
    finding = sent(session, auditor, case)
    supervisor = official(session, sign_in, app, naeb, "supervisor")
    url = f"/desk/findings/{finding.number}"
    assert "You decided this case" in supervisor.get(url).text
    assert post(supervisor, url, {"answer": "Yes.", "done": "No.", "version": finding.version}).status_code == 303
    assert "the one who decided the case" in reader.get(f"/audit/findings/{finding.number}").text


def test_sending_an_unfinished_draft_says_what_is_missing(session: Session, reader: FlaskClient, case: Case) -> None:
    url = f"/audit/{case.reference}/findings/new"
    answer = post(reader, url, {**WRITTEN, "seen": "", "send": "1"})
    assert answer.status_code == 422
    assert "Write what you saw." in answer.text
    assert "Procedure, step 4" in answer.text
    assert session.scalars(select(Finding)).all() == []
    assert post(reader, url, {**WRITTEN, "seen": "", "save": "1"}).status_code == 303
    finding = the_finding(session)
    page = f"/audit/findings/{finding.number}"
    answer = post(reader, page, {"action": "send", "version": finding.version})
    assert answer.status_code == 422
    assert "Write what you saw." in answer.text
    assert "Weight not compared" in answer.text


def test_nothing_typed_is_lost_when_the_finding_moved_on(
    session: Session, app: object, sign_in: SignIn, reader: FlaskClient, naeb: People, auditor: User, case: Case
) -> None:
    post(reader, f"/audit/{case.reference}/findings/new", {**WRITTEN, "save": "1"})
    finding = the_finding(session)
    edit = f"/audit/findings/{finding.number}/edit"
    old = finding.version
    assert post(reader, edit, {**WRITTEN, "title": "Changed first", "version": old}).status_code == 303
    answer = post(reader, edit, {**WRITTEN, "title": "Typed meanwhile", "version": old})
    assert answer.status_code == 409
    assert "Typed meanwhile" in answer.text
    assert the_finding(session).title == "Changed first"
    version = the_finding(session).version
    post(reader, f"/audit/findings/{finding.number}", {"action": "send", "version": version})
    supervisor = official(session, sign_in, app, naeb, "supervisor")
    theirs = f"/desk/findings/{finding.number}"
    version = the_finding(session).version
    assert post(supervisor, theirs, {"answer": "First.", "done": "x", "version": version}).status_code == 303
    answer = post(supervisor, theirs, {"answer": "A long second answer.", "done": "y", "version": version})
    assert answer.status_code == 409
    assert "A long second answer." in answer.text
    assert the_finding(session).answer == "First."


def test_withdrawing_wants_a_reason(session: Session, reader: FlaskClient, auditor: User, case: Case) -> None:
    finding = sent(session, auditor, case)
    page = f"/audit/findings/{finding.number}"
    assert post(reader, page, {"action": "withdraw", "reason": "", "version": finding.version}).status_code == 422
    assert post(reader, page, {"action": "withdraw", "reason": "Misread.", "version": 2}).status_code == 303
    assert "Misread." in reader.get(page).text
    assert post(reader, page, {"action": "answer", "version": 3}).status_code in {403, 409}


def test_pages_ask_little_of_the_database(
    session: Session, app: object, sign_in: SignIn, reader: FlaskClient, naeb: People, auditor: User, case: Case
) -> None:
    for number in range(12):
        finding = sent(session, auditor, case, f"Weight not compared, {number}")
    patterns.refresh(session, load.current())
    session.commit()
    supervisor = official(session, sign_in, app, naeb, "supervisor")
    for browser, path in (
        (reader, "/audit/findings"),
        (reader, "/audit/findings?show=marked"),
        (reader, f"/audit/findings/{finding.number}"),
        (reader, f"/audit/{case.reference}/findings/new"),
        (reader, f"/audit/{case.reference}?look=1"),
        (reader, "/audit/patterns"),
        (supervisor, "/desk"),
        (supervisor, "/desk/findings"),
        (supervisor, f"/desk/findings/{finding.number}"),
    ):
        browser.get(path)
        with counted(session) as said:
            assert browser.get(path).status_code == 200
        assert len(said) <= 8, (path, len(said), said)


def test_the_patterns_are_read_from_the_last_count(session: Session, reader: FlaskClient, case: Case) -> None:
    assert "Not counted yet" in reader.get("/audit/patterns").text
    assert post(reader, "/audit/patterns", {"days": "30"}).headers["Location"].endswith("days=30")
    queue.run_pending(session)
    page = reader.get("/audit/patterns?days=30").text
    assert page.count("Why this may be harmless:") == 6
    assert "Nothing stands out in this period." in page
    assert "the quickest 5" in page
    assert "between 80" in page
    assert reader.get("/audit/patterns?days=7").status_code == 200
    assert "/audit/patterns" in reader.get("/audit").text


def test_a_line_leads_to_its_cases(session: Session, reader: FlaskClient, naeb: People, case: Case) -> None:
    patterns.refresh(session, load.current())
    row = session.get_one(PatternCount, 90)
    line = patterns.Line(
        official=naeb.supervisor.user_id, business=case.business_id, agency="NAEB", service="export_licence", n=8, of=8,
        expected="3.8", refs=(case.reference,),
    )  # fmt: skip
    row.found = {**row.found, "same_again": {"total": 21, "lines": [vars(line) | {"refs": [case.reference]}]}}
    session.commit()
    page = reader.get("/audit/patterns").text
    assert f"/audit/{case.reference}" in page
    assert "/audit?business=" in page
    assert "Umusozi Coffee Ltd" in page
    assert "The first 1 of 21." in page
