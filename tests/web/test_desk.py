"""The officials' desk: queue, next case, the case, deciding, notes."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine, registry
from app.cases.models import Case, Note, Outcome, Recommendation
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import Stale
from app.identity import sessions
from app.identity.models import User
from app.web.desk import deciding
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.services.conftest import licensed
from tests.support.statements import counted
from tests.web.conftest import SignIn, csrf_token


@pytest.fixture
def registrar(session: Session) -> User:
    return make_user(session, role="clerk", agencies=["RDB"], name="Grace Uwimana")


@pytest.fixture
def case(app: Flask, session: Session) -> Case:
    return cases.submitted(session, cases.acting(session, make_user(session)))


def post(client: FlaskClient, path: str, **fields: object):  # type: ignore[no-untyped-def]
    return client.post(path, data={"csrf_token": csrf_token(client), **fields})


def taken(session: Session, case: Case, user: User) -> Case:
    return engine.perform(session, case, Action.TAKE, cases.acting(session, user), version=case.version)


def test_the_next_case_is_taken_for_who_asks(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    answer = post(sign_in(registrar), "/desk/next")
    assert answer.location == f"/desk/{case.reference}"
    found = session.get_one(Case, case.id)
    assert (found.state, found.assigned_to) == ("in_review", registrar.id)


def test_an_empty_desk_says_so(sign_in: SignIn, registrar: User) -> None:
    client = sign_in(registrar)
    assert "Nothing is waiting" in client.get("/desk").text
    assert post(client, "/desk/next").location == "/desk"
    assert "There is no case waiting for you" in client.get("/desk").text


def test_only_the_agencys_own_cases_are_there(sign_in: SignIn, session: Session, case: Case) -> None:
    client = sign_in(make_user(session, role="clerk", agencies=["NAEB"]))
    assert case.reference not in client.get("/desk").text
    assert client.get(f"/desk/{case.reference}").status_code == 404
    assert post(client, f"/desk/{case.reference}/decide", version=case.version).status_code == 404
    assert post(client, f"/desk/{case.reference}/hands", act="choose", version=case.version).status_code == 404
    assert post(client, f"/desk/{case.reference}/notes", body="x").status_code == 404


def test_filters_are_in_the_address(sign_in: SignIn, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    assert case.reference in client.get(f"/desk?q={case.reference}&state=submitted").text
    assert case.reference not in client.get("/desk?state=in_review").text
    assert case.reference not in client.get("/desk?mine=1").text
    assert "No case matches" in client.get("/desk?service=customs").text
    assert client.get("/desk?after=nonsense&state=nonsense").status_code == 200


def test_choosing_a_case_is_allowed_and_noted(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    page = client.get(f"/desk/{case.reference}").text
    assert "Taking a case out of turn is recorded." in page
    reason = "She telephoned twice."
    post(client, f"/desk/{case.reference}/hands", act="choose", version=case.version, reason=reason)
    verbs = set(session.scalars(select(Entry.verb).where(Entry.case_id == case.id)))
    assert {"case.viewed", "case.chosen", "case.take"} <= verbs


def test_a_case_someone_else_took_meanwhile(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    seen = case.version
    taken(session, case, make_user(session, role="clerk", agencies=["RDB"]))
    client = sign_in(registrar)
    answer = post(client, f"/desk/{case.reference}/hands", act="choose", version=seen, reason="Asked for it.")
    assert answer.status_code == 303
    assert "This case changed while you had it open" in client.get(f"/desk/{case.reference}").text


def test_a_decision_needs_a_choice_and_a_reason(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    none = post(client, f"/desk/{case.reference}/decide", version=case.version)
    assert none.status_code == 422
    assert "Choose what to do with the case." in none.text
    short = post(client, f"/desk/{case.reference}/decide", version=case.version, decision="recommend_refuse")
    assert short.status_code == 422
    assert "Write the reason or the question." in short.text
    assert 'value="recommend_refuse" checked' in short.text or 'checked id="decision-1"' in short.text


def test_only_decisions_that_are_open_are_taken(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=case.version, decision="approve", reason="Mine."
    )
    assert answer.status_code == 422
    assert session.get_one(Case, case.id).state == "in_review"


def test_recording_opens_the_next_when_asked(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    taken(session, case, registrar)
    other = cases.submitted(session, cases.acting(session, make_user(session)))
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=case.version, decision="recommend_approve",
        reason="In order.", next="1",
    )  # fmt: skip
    assert answer.location == f"/desk/{other.reference}"
    assert session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one().outcome == "approve"


def test_a_stale_decision_is_not_recorded(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    seen = case.version
    taken(session, case, registrar)
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=seen, decision="recommend_approve",
        reason="Typed with care.",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "Typed with care." in answer.text
    assert "Taken up for review" in answer.text
    assert session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).first() is None


def test_a_question_that_names_nothing_is_refused(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    for field in ([], ["no_such_step.field|Something"]):
        answer = post(
            client, f"/desk/{case.reference}/decide", version=case.version, decision="ask", reason="Which?", field=field
        )
        assert answer.status_code == 422
        assert "Choose the answers or documents you ask about." in answer.text


def test_notes_are_for_colleagues(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    assert post(client, f"/desk/{case.reference}/notes", body="").status_code == 422
    assert post(client, f"/desk/{case.reference}/notes", body="Known firm.").status_code == 303
    assert session.scalars(select(Note).where(Note.case_id == case.id)).one().body == "Known firm."
    assert "Known firm." in client.get(f"/desk/{case.reference}").text


def test_an_official_is_never_told_the_applicants_words(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    post(client, f"/desk/{case.reference}/decide", version=case.version, decision="ask", reason="Which gate?",
         field="address.street|Street, plot or house")  # fmt: skip
    page = client.get(f"/desk/{case.reference}").text
    assert "Waiting for the applicant" in page
    assert "Waiting for your answer" not in page
    assert "The clock stands still" in page


def refused(session: Session, case: Case, registrar: User) -> Case:
    taken(session, case, registrar)
    supervisor = cases.acting(session, make_user(session, role="supervisor", agencies=["RDB"]))
    engine.perform(
        session, case, Action.RECOMMEND, cases.acting(session, registrar), version=case.version, reason="Not complete.",
        payload=Payload(outcome=Outcome.REFUSE),
    )  # fmt: skip
    return engine.perform(session, case, Action.REFUSE, supervisor, version=case.version, reason="Not complete.")


def test_a_decided_case_is_never_overdue(sign_in: SignIn, session: Session, registrar: User, case: Case) -> None:
    client = sign_in(registrar)
    session.get_one(Case, case.id).due_at = clock.now() - timedelta(days=30)
    assert ">Overdue <" in client.get("/desk").text
    refused(session, case, registrar)
    page = client.get("/desk?state=refused").text
    assert ">Closed cases</h2>" in page
    assert ">Overdue</h2>" not in page


def test_a_search_that_finds_nothing_on_the_desk_leads_to_all_cases(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    refused(session, case, registrar)
    client = sign_in(registrar)
    page = client.get(f"/desk?q={case.reference}").text
    assert f"/desk/{case.reference}" not in page
    onward = re.search(r'href="(/desk\?q=[^"]+state=refused[^"]*)"', page)
    assert onward is not None
    assert f"/desk/{case.reference}" in client.get(html.unescape(onward.group(1))).text


def test_the_checks_of_today_are_not_shown_for_a_decided_case(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    client = sign_in(registrar)
    assert 'id="checks"' in client.get(f"/desk/{case.reference}").text
    refused(session, case, registrar)
    assert 'id="checks"' not in client.get(f"/desk/{case.reference}").text


@pytest.fixture
def nothing_required() -> Iterator[None]:
    """The rules changed after the case was sent: its documents are not asked for any more."""
    usual = registry.service("registration")
    registry._services["registration"] = replace(usual, documents=lambda pack, data: ())
    yield
    registry._services["registration"] = usual


def test_a_document_that_the_rules_no_longer_ask_for_is_still_shown(
    sign_in: SignIn, registrar: User, case: Case, nothing_required: None
) -> None:
    page = sign_in(registrar).get(f"/desk/{case.reference}")
    assert page.status_code == 200
    assert re.search(r"document=\d+#documents", page.text)


def test_the_links_of_a_page_with_an_error_lead_somewhere(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    client = sign_in(registrar)
    for answer in (
        post(client, f"/desk/{case.reference}/decide", version=case.version),
        post(client, f"/desk/{case.reference}/notes", body=""),
    ):
        assert answer.status_code == 422
        [document, *_others] = re.findall(r'href="([^"]+document=\d+)#documents"', answer.text)
        assert client.get(html.unescape(document)).status_code == 200


def expired(client: FlaskClient, session: Session, user: User, path: str, page: str, **fields: object) -> str:
    """Send a form after the session ended, sign in again; the page one comes back to."""
    sessions.end_all(session, user.id)
    session.commit()
    answer = client.post(path, data=fields, headers={"Referer": f"http://localhost{page}"})
    assert answer.status_code == 303
    return html.unescape(answer.location.partition("next=")[2]).replace("%3D", "=")


@pytest.mark.parametrize("shown_at", ["", "/decide"])
def test_an_ended_session_costs_nobody_their_question(
    sign_in: SignIn, session: Session, registrar: User, case: Case, shown_at: str
) -> None:
    taken(session, case, registrar)
    page = f"/desk/{case.reference}"
    client = sign_in(registrar)
    back = expired(
        client, session, registrar, f"{page}/decide", f"{page}{shown_at}", version=case.version, decision="ask",
        reason="Which gate is it?", field=["address.street|Street, plot or house"],
    )  # fmt: skip
    found = sign_in(registrar).get(back).text
    assert "Which gate is it?" in found
    assert re.search(r'id="ask-address-street"[^>]* checked', found)
    assert "This case changed while you had it open" not in found


def test_an_ended_session_costs_nobody_their_note(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    page = f"/desk/{case.reference}"
    back = expired(sign_in(registrar), session, registrar, f"{page}/notes", page, body="Known firm, telephoned.")
    assert "Known firm, telephoned." in sign_in(registrar).get(back).text


def test_what_changed_while_one_signed_in_again_is_said(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    page, seen = f"/desk/{case.reference}", case.version
    client = sign_in(registrar)
    back = expired(client, session, registrar, f"{page}/decide", page, version=seen, decision="ask", reason="Which?")
    taken(session, case, registrar)
    found = sign_in(registrar).get(back).text
    assert "This case changed while you had it open" in found
    assert "Which?" in found


def test_another_who_is_quicker_by_a_moment_leaves_no_choices_that_are_gone(
    sign_in: SignIn, session: Session, registrar: User, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(session, case, registrar)
    supervisor = cases.acting(session, make_user(session, role="supervisor", agencies=["RDB"]))
    real = engine.perform

    def beaten(*_given: object, **_named: object) -> None:
        real(session, case, Action.RELEASE_CASE, supervisor, version=case.version)
        session.commit()
        raise Stale

    monkeypatch.setattr(deciding.engine, "perform", beaten)
    answer = post(
        sign_in(registrar), f"/desk/{case.reference}/decide", version=case.version, decision="recommend_approve",
        reason="Typed with care.",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "Case put back into the queue" in answer.text
    assert "Typed with care." in answer.text
    assert 'name="decision"' not in answer.text
    assert "Take this case" in answer.text


def test_what_changed_between_two_versions_is_told_by_the_titles_of_the_documents(
    sign_in: SignIn, session: Session, registrar: User, case: Case
) -> None:
    taken(session, case, registrar)
    actor = cases.acting(session, registrar)
    asked = Payload(fields=(AskedField("address", "address.street", "Street, plot or house"),))
    engine.perform(session, case, Action.ASK, actor, version=case.version, reason="Which gate?", payload=asked)
    applicant = cases.acting(session, session.get_one(User, case.applicant_id))
    kept = case.draft["address"]
    case.draft = {**case.draft, "address": {**kept, "raw": {**kept["raw"], "street": ["KG 9 Ave, gate 2"]}}}
    engine.perform(session, case, Action.SUBMIT, applicant, version=case.version, payload=Payload(declared=True))
    page = sign_in(registrar).get(f"/desk/{case.reference}").text
    assert "What changed since version 1" in page
    assert "KG 9 Ave, gate 2" in page


@pytest.fixture
def resent(app: Flask, session: Session) -> dict[str, tuple[Case, User]]:
    """By service, a case that its official asked about, that was sent again and waits for them."""
    owner = make_user(session)
    make_business(session, owner=owner, name="Umusozi Coffee Ltd")
    exporter = cases.acting(session, owner)
    line = licensed(session, exporter)
    found = {}
    for service, agency, raw, page, field in (
        ("registration", "RDB", None, "address", "street"),
        ("export_licence", "NAEB", cases.licence("19200"), "quantity", "quantity"),
        ("customs", "RRA", cases.declaration(line.id), "invoice", "number"),
    ):
        official = make_user(session, role="clerk", agencies=[agency])
        clerk = cases.acting(session, official)
        applicant = exporter if service != "registration" else cases.acting(session, make_user(session))
        case = cases.submitted(session, applicant, service, raw)
        if service != "registration":
            cases.pay(session, case, applicant)
        asked = Payload(fields=(AskedField(page, f"{page}.{field}", field),))
        engine.perform(session, case, Action.TAKE, clerk, version=case.version)
        engine.perform(session, case, Action.ASK, clerk, version=case.version, reason="Is it right?", payload=asked)
        kept = case.draft[page]
        case.draft = {**case.draft, page: {**kept, "raw": {**kept["raw"], field: ["17000"]}}}
        engine.perform(session, case, Action.SUBMIT, applicant, version=case.version, payload=Payload(declared=True))
        engine.add_note(session, case, clerk, "Telephoned.")
        found[service] = case, official
    session.commit()
    return found


@pytest.mark.parametrize("service", ["registration", "export_licence", "customs"])
def test_a_case_takes_eight_statements_at_most(
    sign_in: SignIn, session: Session, resent: dict[str, tuple[Case, User]], service: str
) -> None:
    case, official = resent[service]
    reference = case.reference
    client = sign_in(official)
    client.get("/desk")  # the first look of a session is noted
    with counted(session) as said:
        page = client.get(f"/desk/{reference}").text
    assert "What changed since version 1" in page
    assert 'id="checks"' in page
    assert "Telephoned." in page
    assert len(said) <= 8, said
    client = sign_in(make_user(session, role="auditor"))
    client.get("/audit")
    with counted(session) as said:
        page = client.get(f"/audit/{reference}").text
    assert "What changed since version 1" in page
    assert len(said) <= 8, said
