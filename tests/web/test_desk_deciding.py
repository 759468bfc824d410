"""The case page at work: lists of reasons, conditions, the draft, notes that name, several approvals."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine
from app.cases.models import Case, Decision, InformationRequest, Note, Outcome, Recommendation
from app.cases.work import Payload
from app.cases.workflow import Action
from app.documents.models import Record
from app.identity.models import User
from app.jurisdictions import load
from app.notifications.models import Message
from app.permits.models import Permit
from app.web.desk import deciding
from config import ROOT
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.support.statements import counted
from tests.web.conftest import SignIn, post


@pytest.fixture
def clerk(session: Session) -> User:
    return make_user(session, role="clerk", agencies=["NAEB"], name="Eric Nshimiyimana")


@pytest.fixture
def supervisor(session: Session) -> User:
    return make_user(session, role="supervisor", agencies=["NAEB"], name="Patrick Mugisha")


def taken(session: Session, clerk: User) -> Case:
    owner = make_user(session)
    make_business(session, owner=owner, name=f"Koperative {owner.id}")
    exporter = cases.acting(session, owner)
    case = cases.submitted(session, exporter, "export_licence", cases.licence())
    cases.pay(session, case, exporter)
    return engine.perform(session, case, Action.TAKE, cases.acting(session, clerk), version=case.version)


def recommended(session: Session, clerk: User, **payload: tuple[str, ...]) -> Case:
    case = taken(session, clerk)
    return engine.perform(
        session, case, Action.RECOMMEND, cases.acting(session, clerk), version=case.version,
        payload=Payload(outcome=Outcome.APPROVE, reasons=("recommend-in-order",), **payload),
    )  # fmt: skip


def decide(client: FlaskClient, case: Case, decision: str, **fields: object):  # type: ignore[no-untyped-def]
    return post(client, f"/desk/{case.reference}/decide", {"version": case.version, "decision": decision, **fields})


def test_a_recommendation_takes_one_tick_and_its_conditions(
    app: Flask, sign_in: SignIn, session: Session, clerk: User
) -> None:
    case = taken(session, clerk)
    answer = decide(
        sign_in(clerk), case, "recommend_approve", recommend_reasons="recommend-in-order",
        conditions=["condition-sample", "condition-origin"], own_conditions="By air only.\nTold in advance.",
        refuse_reasons="refuse-quality",  # ticked before they changed their mind
    )  # fmt: skip
    assert answer.status_code == 303
    found = session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one()
    assert [each["code"] for each in found.reasons] == ["recommend-in-order"]
    assert [each.get("text") or each["code"] for each in found.conditions] == [
        "condition-sample", "condition-origin", "By air only.", "Told in advance.",
    ]  # fmt: skip


def test_the_decider_sees_the_conditions_and_starts_from_the_reasons(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    case = taken(session, clerk)
    decide(sign_in(clerk), case, "recommend_refuse", refuse_reasons="refuse-quality", reason="Mould.")
    session.refresh(case)
    client = sign_in(supervisor)
    page = client.get(f"/desk/{case.reference}").text
    assert re.search(r'<input[^>]*checked[^>]*value="refuse-quality"', page)
    assert "NAEB: quality control of coffee lots" in page
    assert "draft.pdf" not in page
    decide(client, case, "refuse", refuse_reasons="refuse-quality")
    decision = session.scalars(select(Decision).where(Decision.case_id == case.id)).one()
    assert [each["code"] for each in decision.reasons] == ["refuse-quality"]
    page = sign_in(session.get_one(User, case.applicant_id), business_id=case.business_id).get(
        f"/cases/{case.reference}?lang=fr"
    )
    assert "Les marchandises n’atteignent pas la qualité requise." in page.text


def test_a_made_up_reason_is_refused(app: Flask, sign_in: SignIn, session: Session, clerk: User) -> None:
    case = taken(session, clerk)
    client = sign_in(clerk)
    for name in ("recommend_reasons", "conditions"):
        answer = decide(client, case, "recommend_approve", reason="In order.", **{name: "made-up"})
        assert answer.status_code == 422
    long = decide(client, case, "recommend_approve", reason="In order.", own_conditions="x" * 600)
    assert long.status_code == 422
    assert "conditions of at most 500 characters" in long.text


def test_a_question_has_a_day_both_sides_see(app: Flask, sign_in: SignIn, session: Session, clerk: User) -> None:
    case = taken(session, clerk)
    client = sign_in(clerk)
    usual = load.current().answers.working_days
    assert f'value="{usual}"' in client.get(f"/desk/{case.reference}").text
    for days in ("0", "61", "soon"):
        answer = decide(client, case, "ask", reason="Which lot?", field="product.description", answer_days=days)
        assert answer.status_code == 422
    decide(client, case, "ask", ask_reasons="ask-quantity", field="product.description", answer_days="4")
    request = session.scalars(select(InformationRequest).where(InformationRequest.case_id == case.id)).one()
    assert request.due_at is not None
    assert "The answer is due by" in client.get(f"/desk/{case.reference}").text
    owner = session.get_one(User, case.applicant_id)
    page = sign_in(owner, business_id=case.business_id).get(f"/cases/{case.reference}").text
    assert "Please answer by" in page
    assert "Quantity or value does not agree with the invoice." in page


def test_the_draft_is_a_pdf_for_who_may_decide_and_leaves_nothing(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = recommended(session, clerk, conditions=("condition-origin",))
    assert sign_in(clerk).get(f"/desk/{case.reference}/draft.pdf").status_code == 404
    client = sign_in(supervisor)
    assert "See the document as it would be issued" in client.get(f"/desk/{case.reference}").text
    answer = client.get(f"/desk/{case.reference}/draft.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF")
    assert "no-store" in answer.headers["Cache-Control"]
    assert session.scalar(select(func.count()).select_from(Permit)) == 0
    assert session.scalar(select(func.count()).where(Record.case_id == case.id, Record.kind == "permit")) == 0
    assert session.get_one(Case, case.id).state == "recommended"
    assert session.scalar(select(func.count()).where(Entry.case_id == case.id, Entry.verb == "case.previewed")) == 1
    monkeypatch.setattr(deciding, "PREVIEWS", 1)
    assert client.get(f"/desk/{case.reference}/draft.pdf").status_code == 429


def test_similar_cases_tell_outcome_and_reason_but_no_name(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    other = recommended(session, clerk)
    engine.perform(session, other, Action.APPROVE, cases.acting(session, supervisor), version=other.version)
    case = taken(session, clerk)
    page = sign_in(clerk).get(f"/desk/{case.reference}").text
    part = page.split('id="alike"')[1].split("</section>")[0]
    assert other.reference in part
    assert "Approved" in part
    assert "Koperative" not in part
    elsewhere = make_user(session, role="clerk", agencies=["RDB"])
    registration = cases.submitted(session, cases.acting(session, make_user(session)))
    assert 'id="alike"' not in sign_in(elsewhere).get(f"/desk/{registration.reference}").text


def test_a_note_tells_the_colleague_chosen_from_the_list(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    case = taken(session, clerk)
    stranger = make_user(session, role="clerk", agencies=["RDB"], name="Grace Uwimana")
    client = sign_in(clerk)
    page = client.get(f"/desk/{case.reference}").text
    assert f'<option value="{supervisor.id}">Patrick Mugisha' in page
    assert "Grace Uwimana" not in page
    refused = post(client, f"/desk/{case.reference}/notes", {"body": "Look.", "colleague": stranger.id})
    assert refused.status_code == 422
    post(client, f"/desk/{case.reference}/notes", {"body": "Look.", "colleague": supervisor.id})
    assert session.scalars(select(Note).where(Note.case_id == case.id)).one().mentions[0]["id"] == supervisor.id
    message = session.scalars(select(Message).where(Message.user_id == supervisor.id)).one()
    inbox = sign_in(supervisor).get("/messages").text
    assert case.reference in inbox
    assert message.template == "mentioned"


def test_shortcuts_can_be_switched_off_and_the_script_goes(
    app: Flask, sign_in: SignIn, session: Session, clerk: User
) -> None:
    case = taken(session, clerk)
    client = sign_in(clerk)
    page = client.get(f"/desk/{case.reference}")
    assert "js/desk.js" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "script-src" not in client.get("/desk").headers["Content-Security-Policy"]
    answer = post(client, "/desk/shortcuts", {"shortcuts": "off", "back": f"/desk/{case.reference}"})
    assert answer.location == f"/desk/{case.reference}"
    assert "js/desk.js" not in client.get(f"/desk/{case.reference}").text
    assert post(client, "/desk/shortcuts", {"shortcuts": "on", "back": "//evil.example"}).location == "/desk"


def test_the_register_is_beside_what_was_sent(app: Flask, sign_in: SignIn, session: Session, clerk: User) -> None:
    case = taken(session, clerk)
    page = sign_in(clerk).get(f"/desk/{case.reference}").text
    part = page.split('id="register"')[1].split("</section>")[0]
    assert "Koperative" in part
    assert "Active" in part
    assert "Rule: control.prohibited" in page


# --- several at once --------------------------------------------------------------------------------------------------


def test_several_are_approved_one_that_fails_is_told_by_name(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    first, second, third = (recommended(session, clerk) for _ in range(3))
    client = sign_in(supervisor)
    page = client.get("/desk/together").text
    assert 'name="case"' not in page
    assert page.count("Open it first") == 3
    for case in (first, second):
        client.get(f"/desk/{case.reference}")
    page = client.get("/desk/together").text
    assert page.count('name="case"') == 2
    ticked = re.findall(r'name="case" value="([^"]+)"', page)
    # Meanwhile the first goes back to the clerk and is recommended anew, and somebody ticks what cannot be ticked.
    boss = cases.acting(session, make_user(session, role="supervisor", agencies=["NAEB"]))
    engine.perform(session, first, Action.SEND_BACK, boss, version=first.version, reason="Look again.")
    like = {"service": "export_licence", "kind": "coffee-export"}
    answer = post(client, "/desk/together", {**like, "case": [*ticked, f"{third.reference}|{third.version}"]})
    told = client.get(answer.location).text
    assert "1 case is approved." in told
    assert f"{first.reference} was not approved" in told
    assert f"{third.reference} was not approved: You have not opened it" in told
    states = [session.get_one(Case, case.id).state for case in (first, second, third)]
    assert states == ["in_review", "approved", "recommended"]
    assert session.scalars(select(Decision).where(Decision.case_id == second.id)).one().decided_by == supervisor.id


def test_only_supervisors_and_only_one_kind(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    case = recommended(session, clerk)
    assert sign_in(clerk).get("/desk/together").status_code == 403
    client = sign_in(supervisor)
    client.get(f"/desk/{case.reference}")
    other = {"service": "export_licence", "kind": "tea-export", "case": f"{case.reference}|{case.version}"}
    told = client.get(post(client, "/desk/together", other).location).text
    assert "It is of another kind than the others." in told
    assert "Tick the cases to approve." in client.get(post(client, "/desk/together", {}).location).text
    assert session.get_one(Case, case.id).state == "recommended"


def test_the_page_of_several_costs_the_same_at_any_length(
    app: Flask, sign_in: SignIn, session: Session, clerk: User, supervisor: User
) -> None:
    for _ in range(6):
        recommended(session, clerk)
    client = sign_in(supervisor)
    client.get("/desk/together")
    with counted(session) as said:
        client.get("/desk/together")
    assert len(said) <= 4, said


def test_every_list_of_reasons_is_seen_with_its_choice() -> None:
    """They are all hidden until the style says beside which choice each is shown."""
    lists = set(re.findall(r"\('(\w+)', '\w+'\)", (ROOT / "templates/web/desk/_decision.html").read_text()))
    shown = set(re.findall(r"\.grounds--(\w+)", (ROOT / "static/css/desk.css").read_text()))
    assert lists == shown
    assert lists >= {"refuse", "ask", "correct"}
