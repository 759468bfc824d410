"""The pages of appeals and corrections, for the applicant, the officials and the auditor."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.cases import appeals, engine
from app.cases.appeal_models import Appeal
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.documents import uploads
from app.permits.models import Permit
from app.web import hooks
from app.web.applicant import appeal as appeal_page
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.support.statements import counted
from tests.web.conftest import post

WHY = "The weight certificate was attached."


@pytest.fixture
def staff(session):
    def one(role):
        return make_user(session, role=role, agencies=["NAEB"])

    return {"clerk": one("clerk"), "first": one("supervisor"), "second": one("supervisor")}


@pytest.fixture
def owner(session):
    user = make_user(session)
    make_business(session, owner=user, name="Koperative Ikawa")
    return user


def decided(session, owner, staff, outcome=Outcome.REFUSE):
    exporter, clerk = cases.acting(session, owner), cases.acting(session, staff["clerk"])
    case = cases.submitted(session, exporter, "export_licence", cases.licence())
    cases.pay(session, case, exporter)
    engine.perform(session, case, Action.TAKE, clerk, version=None)
    engine.perform(
        session, case, Action.RECOMMEND, clerk, version=None, reason="So it is", payload=Payload(outcome=outcome)
    )
    action = Action.APPROVE if outcome is Outcome.APPROVE else Action.REFUSE
    first = cases.acting(session, staff["first"])
    return engine.perform(session, case, action, first, version=None, reason="So it is")


def appealed(session, case):
    return session.scalar(select(Appeal).where(Appeal.case_id == case.id))


def test_an_applicant_appeals_and_nothing_typed_is_lost(sign_in, session, owner, staff, app):
    case = decided(session, owner, staff)
    client = sign_in(owner)
    page = client.get(f"/cases/{case.reference}")
    assert "you may appeal until" in page.text
    path = f"/cases/{case.reference}/appeal"
    assert "Why is the decision wrong?" in client.get(path).text
    refused = post(client, path, {"why": WHY, "papers": (io.BytesIO(b"GIF89a<html>"), "x.gif")})
    assert refused.status_code == 422
    assert WHY in refused.text
    assert "x.gif" in refused.text
    assert appealed(session, case) is None
    removed = None
    for name in ("other.png", "weight.png"):
        kept = post(client, path, {"why": WHY, "papers": (cases.photo(), name), "attach": "1"})
        assert name in kept.text
        assert WHY in kept.text
        removed = removed or uploads.for_case(session, case.id)[-1]
    kept = post(client, path, {"why": WHY, "remove": str(removed.id)})
    assert (WHY in kept.text, "other.png" in kept.text) == (True, False)
    held = uploads.for_case(session, case.id)[-1]
    sent = post(client, path, {"why": WHY, "declared": "y"})
    assert sent.status_code == 303
    appeal = appealed(session, case)
    assert [each["upload_id"] for each in appeal.documents] == [held.id]
    assert post(client, path, {"why": "Again", "declared": "y"}).status_code == 303
    post(client, path, {"why": WHY, "remove": str(held.id)})
    assert held in uploads.for_case(session, case.id), "what was sent stays"
    state = client.get(path).text
    assert appeal.reference in state
    assert "working days left" in state
    assert appeal.reference in client.get(f"/cases/{case.reference}").text


def test_a_large_paper_is_taken_and_too_many_lose_no_text(sign_in, session, owner, staff, monkeypatch):
    case = decided(session, owner, staff)
    client, path = sign_in(owner), f"/cases/{case.reference}/appeal"
    monkeypatch.setattr(hooks, "LARGEST_FORM", 50_000)  # of a page that takes no files
    scan = io.BytesIO(cases.photo().getvalue() + bytes(100_000))  # what follows the picture is thrown away
    assert "scan.png" in post(client, path, {"why": WHY, "papers": (scan, "scan.png"), "attach": "1"}).text
    monkeypatch.setattr(appeal_page, "PAPERS", (0, 3600))
    page = post(client, path, {"why": WHY, "papers": (cases.photo(), "again.png"), "attach": "1"})
    assert page.status_code == 422
    assert WHY in page.text
    assert "again.png" in page.text


def test_an_appeal_is_withdrawn_on_its_page(sign_in, session, owner, staff):
    case = decided(session, owner, staff)
    client, path = sign_in(owner), f"/cases/{case.reference}/appeal"
    assert post(client, f"{path}/withdraw").status_code == 404, "there is none"
    post(client, path, {"why": WHY, "declared": "y"})
    assert "Withdraw the appeal" in client.get(path).text
    judge = sign_in(staff["second"])
    address = f"/desk/appeals/{appealed(session, case).reference}"
    assert judge.get(address).status_code == 200
    client = sign_in(owner)
    assert post(client, f"{path}/withdraw").status_code == 303
    state = client.get(path).text
    assert "Your appeal was withdrawn. The decision stands." in state
    assert "withdrew it on" in state
    assert post(client, f"{path}/withdraw").status_code == 303
    assert sign_in(staff["second"]).get(address).status_code == 404
    assert "Withdrawn by" in sign_in(make_user(session, role="auditor")).get(f"/audit/{case.reference}").text


def test_who_decides_at_the_same_time_as_another_reads_what_happened(sign_in, session, owner, staff, monkeypatch):
    case = decided(session, owner, staff)
    post(sign_in(owner), f"/cases/{case.reference}/appeal", {"why": WHY, "declared": "y"})
    appeal, judge = appealed(session, case), sign_in(staff["second"])
    judging = appeals.judge

    def withdrawn_meanwhile(session, appeal, actor, **values):
        appeals.withdraw(session, appeal, cases.acting(session, owner))
        session.commit()
        return judging(session, appeal, actor, **values)

    monkeypatch.setattr(appeals, "judge", withdrawn_meanwhile)
    values = {"outcome": "dismissed", "reason": "The lot is another."}
    answer = post(judge, f"/desk/appeals/{appeal.reference}", values)
    assert answer.headers["Location"].endswith("/desk/appeals")
    assert "The applicant withdrew the appeal." in judge.get("/desk/appeals").text


def test_after_the_period_the_page_says_when_it_ended(sign_in, session, owner, staff, monkeypatch):
    case = decided(session, owner, staff)
    moment = clock.now() + timedelta(days=45)
    monkeypatch.setattr(clock, "now", lambda: moment)
    client = sign_in(owner)
    page = client.get(f"/cases/{case.reference}/appeal")
    assert page.status_code == 200
    assert "too late to appeal" in page.text
    assert "court" in page.text
    assert post(client, f"/cases/{case.reference}/appeal", {"why": WHY, "declared": "y"}).status_code == 409
    assert appealed(session, case) is None


def test_nobody_else_appeals(sign_in, session, owner, staff):
    case = decided(session, owner, staff)
    assert sign_in(make_user(session)).get(f"/cases/{case.reference}/appeal").status_code == 404
    approved = decided(session, owner, staff, Outcome.APPROVE)
    assert sign_in(owner).get(f"/cases/{approved.reference}/appeal").status_code == 404


def test_only_who_was_not_involved_decides_on_the_page(sign_in, session, owner, staff):
    case = decided(session, owner, staff)
    post(sign_in(owner), f"/cases/{case.reference}/appeal", {"why": WHY, "declared": "y"})
    appeal = appealed(session, case)
    involved = sign_in(staff["first"])
    assert appeal.reference not in involved.get("/desk/appeals").text
    assert involved.get(f"/desk/appeals/{appeal.reference}").status_code == 404
    values = {"outcome": "dismissed", "reason": "No"}
    assert post(involved, f"/desk/appeals/{appeal.reference}", values).status_code == 404
    judge = sign_in(staff["second"])
    assert appeal.reference in judge.get("/desk/appeals").text
    with counted(session) as statements:
        page = judge.get(f"/desk/appeals/{appeal.reference}")
    assert WHY in page.text
    assert len(statements) <= 8
    assert post(judge, f"/desk/appeals/{appeal.reference}", {"reason": "The lot is another."}).status_code == 422
    values = {"outcome": "allowed", "reason": "The certificate was there."}
    for _click in range(2):
        assert post(judge, f"/desk/appeals/{appeal.reference}", values).status_code == 303
    session.expire_all()
    assert (appealed(session, case).state, session.get(Case, case.id).state) == ("allowed", State.SUBMITTED)
    assert "The certificate was there." in judge.get(f"/desk/appeals/{appeal.reference}").text
    assert appeal.reference in judge.get("/desk/appeals?show=decided").text
    theirs = sign_in(owner).get(f"/cases/{case.reference}/appeal").text
    assert "The certificate was there." in theirs
    panel = sign_in(staff["clerk"]).get(f"/desk/{case.reference}").text
    assert "A decision is being corrected" in panel
    assert "Others review the case and decide." in panel


def test_an_appeal_without_a_judge_is_seen_by_who_can_help(sign_in, session, owner, staff):
    case = decided(session, owner, staff)
    post(sign_in(owner), f"/cases/{case.reference}/appeal", {"why": WHY, "declared": "y"})
    engine.add_note(session, case, cases.acting(session, staff["second"]), "I looked at it")
    reference = appealed(session, case).reference
    for who, path in ((staff["first"], "/desk/appeals"), (make_user(session, role="administrator"), "/admin")):
        page = sign_in(who).get(path).text
        assert "Nobody may decide on some appeals" in page
        assert reference in page


def test_a_supervisor_opens_a_correction_and_everybody_sees_it(sign_in, session, owner, staff):
    case = decided(session, owner, staff, Outcome.APPROVE)
    supervisor = sign_in(staff["first"])
    assert "Correct the decision" in supervisor.get(f"/desk/{case.reference}").text
    form = {"version": case.version, "decision": "correct", "correct_reasons": "correct-document"}
    assert post(supervisor, f"/desk/{case.reference}/decide", form | {"correct_reasons": []}).status_code == 422
    assert post(supervisor, f"/desk/{case.reference}/decide", form).status_code == 303
    session.expire_all()
    assert session.get(Case, case.id).state == State.SUBMITTED
    with counted(session) as statements:
        panel = supervisor.get(f"/desk/{case.reference}").text
    assert len(statements) <= 9, "with the entry that says it was opened"
    assert "A decision is being corrected" in panel
    assert "Another person must decide." in panel
    with counted(session) as statements:
        theirs = sign_in(owner).get(f"/cases/{case.reference}")
    assert "The decision is being corrected" in theirs.text
    permit = session.scalars(select(Permit).where(Permit.case_id == case.id)).one()
    assert permit.state == "suspended"
    held = sign_in(staff["second"])
    assert "Lift the suspension" not in held.get(f"/desk/permits/{permit.number}").text
    values = {"reason_code": "resolved", "reason": "It is all right again."}
    lifted = post(held, f"/desk/permits/{permit.number}/reinstate", values)
    assert lifted.status_code == 422
    assert "is being corrected" in lifted.text
    page = sign_in(make_user(session, role="auditor")).get(f"/audit/{case.reference}").text
    assert "Opened by the agency itself" in page
    public = sign_in(owner).get(f"/verify/{permit.number}").text
    assert "looked at again" in public
