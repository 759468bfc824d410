"""Pages of the schedule, holds, disposals and of people's own data."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.cases import case_file, case_file_json, disposals, disposing, engine, holds
from app.cases.retention_models import Disposal, LegalHold, PrivacyRequest, RequestState
from app.cases.workflow import Action
from app.core import clock
from app.documents.models import Record
from app.identity.actor import Role
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor.neighbours import around
from tests.factories.cases import acting, submitted
from tests.factories.people import PASSWORD, make_user
from tests.support.statements import counted
from tests.web.conftest import post


def test_the_public_reads_how_long_what_is_kept(client):
    page = client.get("/privacy").get_data(as_text=True)
    assert "10 years" in page
    assert "Law 058/2021" in page


@pytest.mark.parametrize("path", ["/retention", "/retention/holds", "/retention/holds/new", "/retention/disposals"])
def test_auditors_and_administrators_read_the_schedule(session, sign_in, path):
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        assert sign_in(make_user(session, role=role)).get(path).status_code == 200


@pytest.fixture
def administrator(session):
    return make_user(session, role=Role.ADMINISTRATOR)


def test_a_hold_is_placed_by_one_and_released_by_another(session, sign_in, administrator):
    person = make_user(session)
    case = submitted(session, acting(session, person))
    auditor = sign_in(make_user(session, role=Role.AUDITOR))
    empty = post(auditor, "/retention/holds/new", {"about": case.reference, "proceeding": "RC 7"})
    assert empty.status_code == 422
    assert "Say why this must be kept." in empty.text
    assert case.reference in empty.text
    typed = {"about": case.reference, "proceeding": "RC 7", "reason": "A complaint"}
    placed = post(auditor, "/retention/holds/new", typed)
    assert placed.status_code == 303
    post(auditor, "/retention/holds/new", typed)
    hold = session.scalars(select(LegalHold)).one()
    assert "a colleague has to release it" in auditor.get(placed.location).text
    assert post(auditor, placed.location, {"reason": "over"}).status_code == 403
    other = sign_in(administrator)
    assert post(other, placed.location, {"reason": ""}).status_code == 422
    assert post(other, placed.location, {"reason": "The court has decided."}).status_code == 303
    session.refresh(hold)
    assert hold.release_reason == "The court has decided."
    supervisor = sign_in(make_user(session, role=Role.SUPERVISOR, agencies=["RDB"]))
    assert supervisor.get("/retention/holds").status_code == 404


def test_a_list_goes_from_hand_to_hand_and_the_case_says_kindly_that_it_is_gone(session, sign_in, administrator):
    person = make_user(session)
    case = submitted(session, acting(session, person))
    engine.perform(session, case, Action.WITHDRAW, acting(session, person), version=case.version)
    supervisor = make_user(session, role=Role.SUPERVISOR, agencies=["RDB"])
    with clock.at(clock.now() + timedelta(days=400)):
        (made,) = disposals.find(session, load.current())
        url = f"/retention/disposals/{made.number}"
        browser = sign_in(administrator)
        assert case.reference in browser.get(url).text
        assert post(browser, url, {"propose": "1", "version": "1"}).status_code == 422
        assert post(browser, url, {"propose": "1", "version": "1", "reason": "Over."}).status_code == 303
        assert post(browser, url, {"approve": "1", "version": "2", "reason": "x"}).status_code == 403
        elsewhere = sign_in(make_user(session, role=Role.SUPERVISOR, agencies=["NAEB"]))
        assert elsewhere.get(url).status_code == 404
        new = sign_in(make_user(session, role=Role.SUPERVISOR, agencies=["RDB"]))
        assert post(new, url, {"approve": "1", "version": "2", "reason": "x"}).status_code == 403
        supervisor = sign_in(supervisor)
        assert post(supervisor, url, {"approve": "1", "version": "2", "reason": "Looked."}).status_code == 303
        disposing.step(session, load.current(), made.id)
        session.commit()
        assert "Certificate of disposal" in supervisor.get(url).text
        code = session.get_one(Record, session.get_one(Disposal, made.id).record_id).code
        assert supervisor.get(f"/records/{code}").status_code == 202
        assert case.reference in supervisor.get(f"{url}/list.csv").text
        auditor = make_user(session, role=Role.AUDITOR)
        for who, path in ((person, f"/cases/{case.reference}"), (auditor, f"/audit/{case.reference}")):
            answer = sign_in(who).get(path)
            assert answer.status_code == 410
            assert "destroyed" in answer.text
        assert sign_in(person).get("/cases").status_code == 200
        assert sign_in(make_user(session, role=Role.AUDITOR)).get("/audit").status_code == 200


def test_the_copy_needs_the_password_and_is_nobody_elses(session, sign_in):
    person = make_user(session)
    browser = sign_in(person)
    assert post(browser, "/account/data").status_code == 303
    request = session.scalars(select(PrivacyRequest)).one()
    queue.run_pending(session)
    session.refresh(request)
    assert request.state == RequestState.READY
    url = f"/account/data/{request.number}"
    assert post(browser, "/account/data").status_code == 429
    assert post(browser, url, {"current_password": "something else"}).status_code == 422
    taken = post(browser, url, {"current_password": PASSWORD})
    with zipfile.ZipFile(io.BytesIO(taken.data)) as archive:
        assert json.loads(archive.read("data.json"))["account"]["email"] == person.email
        assert archive.read("data.pdf").startswith(b"%PDF")
    assert sign_in(make_user(session)).get(url).status_code == 404


def test_erasure_is_asked_for_with_the_password_and_taken_back(session, sign_in):
    browser = sign_in(make_user(session))
    assert post(browser, "/account/erase", {"current_password": "wrong wrong"}).status_code == 422
    assert post(browser, "/account/erase", {"current_password": PASSWORD}).status_code == 303
    assert "Keep my account" in browser.get("/account/erase").text
    assert post(browser, "/account/erase/cancel").status_code == 303
    assert session.scalars(select(PrivacyRequest.state)).one() == RequestState.CANCELLED


def test_a_stranger_writes_and_an_administrator_answers(session, client, sign_in, administrator):
    asked = {"kind": "access", "name": "Ana", "email": "ana@firm.example", "message": "I am named in a registration."}
    assert post(client, "/privacy/request", asked | {"message": ""}).status_code == 422
    assert "PR-" in post(client, "/privacy/request", asked).text
    browser = sign_in(administrator)
    request = session.scalars(select(PrivacyRequest)).one()
    assert request.number in browser.get("/admin/privacy").text
    url = f"/admin/privacy/{request.number}"
    assert post(browser, url, {"refuse": "1", "answer": "No."}).status_code == 422
    assert post(browser, url, {"answer": "Here it is."}).status_code == 303
    browser.get(url)
    assert request.number not in browser.get("/admin/privacy").text


def test_a_hold_is_seen_on_the_case_by_officials_and_auditors_alone(session, sign_in):
    person, clerk = make_user(session), make_user(session, role=Role.CLERK, agencies=["RDB"])
    auditor = make_user(session, role=Role.AUDITOR)
    case = submitted(session, acting(session, person))
    target = holds.Target(case.reference, case_id=case.id)
    hold = holds.place(session, load.current(), acting(session, auditor), target, reason="Secret", proceeding="RC 9")
    file = case_file.gather(session, load.current(), case, around)
    assert case_file_json.document(session, file)["legal_holds"][0]["number"] == hold.number
    for who, path in ((clerk, f"/desk/{case.reference}"), (auditor, f"/audit/{case.reference}")):
        page = sign_in(who).get(path).text
        assert hold.number in page
        assert "Secret" not in page
    assert hold.number not in sign_in(person).get(f"/cases/{case.reference}").text


def test_the_pages_ask_the_database_little_however_much_there_is(session, sign_in, administrator):
    person = make_user(session)
    actor = acting(session, person)
    auditor = acting(session, make_user(session, role=Role.AUDITOR))
    for _number in range(3):
        case = submitted(session, actor)
        target = holds.Target(case.reference, case_id=case.id)
        holds.place(session, load.current(), auditor, target, reason="x", proceeding=case.reference)
        other = submitted(session, actor)
        engine.perform(session, other, Action.WITHDRAW, actor, version=other.version)
    with clock.at(clock.now() + timedelta(days=400)):
        (made,) = disposals.find(session, load.current())
        session.commit()
        theirs = ("/retention", "/retention/holds", "/retention/disposals", f"/retention/disposals/{made.number}")
        for who, paths in ((administrator, (*theirs, "/admin/privacy")), (person, ("/account/data",))):
            browser = sign_in(who)
            for path in paths:
                browser.get(path)
                with counted(session) as statements:
                    assert browser.get(path).status_code == 200
                assert len(statements) <= 8, path
        with counted(session) as statements:
            assert browser.get("/account/erase").status_code == 200
        assert len(statements) <= 8, [str(each)[:150] for each in statements]
