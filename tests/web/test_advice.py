"""Advice and visits in pages: the adviser's desk, the expert's link, the applicant's day, the inspector's report."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import advice, advice_links, inspection_reports, inspections
from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection, InspectionReport
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock
from app.documents import uploads
from app.identity import people
from app.identity.actor import Role
from app.identity.models import User
from app.jurisdictions import load, working_days
from app.notifications.models import Message
from tests.factories.cases import acting, photo, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move
from tests.services.test_advice import appointment, report
from tests.support.statements import counted
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def rdb(session: Session, app: Flask) -> People:
    return cast(session)


@pytest.fixture
def case(session: Session, rdb: People) -> Case:
    found = submitted(session, rdb.applicant)
    move(session, found, Action.TAKE, rdb.registrar)
    session.commit()
    return found


def browser(session: Session, sign_in: SignIn, app: Flask, who: object) -> FlaskClient:
    user = who if isinstance(who, User) else people.user(session, who.user_id)  # type: ignore[attr-defined]
    return sign_in(user, browser=app.test_client())


def asked(session: Session) -> Advice:
    found = session.scalars(select(Advice)).one()
    session.refresh(found)
    return found


def to_agency(paper: int, **more: object) -> dict[str, object]:
    return {
        "whom": "agency", "agency": "RRA", "question": "Does this business owe taxes?", "parts": ["name", "people"],
        "papers": [str(paper)], "days": "5", "expert_language": "fr", **more,
    }  # fmt: skip


def paper_of(case: Case, session: Session) -> int:
    return uploads.for_case(session, case.id)[0].id


def test_another_agency_is_asked_and_answers(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    clerk = browser(session, sign_in, app, rdb.registrar)
    url, paper = f"/desk/{case.reference}/advice/new", paper_of(case, session)
    assert "Does this business" not in clerk.get(url).text
    wrong = post(clerk, url, to_agency(paper, agency="", question="Is it so?"))
    assert wrong.status_code == 422
    assert "Is it so?" in wrong.text
    assert "Choose the agency that is asked." in wrong.text
    assert post(clerk, url, to_agency(paper)).status_code == 303
    assert post(clerk, url, to_agency(paper)).status_code == 303  # a second click
    found = asked(session)
    page = f"/desk/advice/{found.reference}"
    adviser = browser(session, sign_in, app, make_user(session, role=Role.CLERK, agencies=("RRA",)))
    stranger = browser(session, sign_in, app, make_user(session, role=Role.CLERK, agencies=("RICA",)))
    assert stranger.get(page).status_code == 404
    assert stranger.get(f"{page}/papers/{paper}").status_code == 404
    assert found.reference not in stranger.get("/desk/advice").text
    with counted(session) as statements:
        listed = adviser.get("/desk/advice").text
    assert "Does this business owe taxes?" in listed
    assert len(statements) <= 8
    shown = adviser.get(page).text
    assert "hidden" in shown
    assert "Claudine Mukamana" not in shown
    assert adviser.get(f"/desk/{case.reference}").status_code == 404
    opened = adviser.get(f"{page}/papers/{paper}")
    assert opened.status_code == 200
    assert "sandbox" in opened.headers["Content-Security-Policy"]
    assert adviser.get(f"{page}/papers/{paper + 1}").status_code == 404
    given = {"version": found.version, "opinion": "conditions", "answer": "Debts are paid off monthly."}
    assert post(adviser, page, {**given, "opinion": ""}).status_code == 422
    attached = {**given, "paper": (photo(), "letter.png")}
    assert post(adviser, page, attached, content_type="multipart/form-data").status_code == 303
    assert post(adviser, page, given).status_code == 409  # once
    with counted(session) as statements:
        review = clerk.get(f"/desk/{case.reference}").text
    assert "Debts are paid off monthly." in review
    assert len(statements) <= 8
    assert adviser.get(f"{page}/papers/0").status_code == 200


def test_an_expert_reads_what_was_chosen_and_answers_once(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    clerk = browser(session, sign_in, app, rdb.registrar)
    paper = paper_of(case, session)
    form = to_agency(paper, whom="expert", expert_name="Odile Kayiranga", expert_email="odile@lab.example")
    assert post(clerk, f"/desk/{case.reference}/advice/new", form).status_code == 303
    mail = session.scalars(select(Message).where(Message.template == "advice_link")).one()
    assert mail.private
    assert case.title not in mail.body
    assert case.reference not in mail.body
    link = "/advice/" + re.search(r"/advice/([\w-]{43})", mail.body).group(1)  # type: ignore[union-attr]
    guest = app.test_client()
    scanned = guest.get(link)
    assert scanned.status_code == 200
    assert case.reference not in scanned.text
    assert "Does this" not in scanned.text
    assert scanned.headers["X-Robots-Tag"].startswith("noindex")
    assert "no-store" in scanned.headers["Cache-Control"]
    assert guest.get(f"{link}/question").status_code == 303  # before the button
    assert guest.get(f"{link}/papers/{paper}").status_code == 404
    assert asked(session).state == "asked"
    assert guest.get("/advice/" + "x" * 43).status_code == 404
    assert post(guest, link).status_code == 303
    page = guest.get(f"{link}/question")
    assert "Does this business owe taxes?" in page.text
    assert "Claudine Mukamana" not in page.text
    assert guest.get(f"{link}/papers/{paper}").status_code == 200
    sent = {"version": asked(session).version, "opinion": "objection", "answer": "The lease has ended."}
    assert post(guest, f"{link}/question", {**sent, "answer": ""}).status_code == 422
    assert post(guest, f"{link}/question", sent).status_code == 303
    receipt = guest.get(f"{link}/question").text
    assert "The lease has ended." in receipt
    assert "Agaseke" not in receipt
    assert guest.get(f"{link}/papers/{paper}").status_code == 404
    verbs = session.scalars(select(Entry.verb).where(Entry.actor_kind == "expert").order_by(Entry.id)).all()
    assert verbs == [
        "advice.opened", "advice.viewed", "advice.paper_opened", "advice.answered", "advice.viewed",
    ]  # fmt: skip
    assert "The lease has ended." in clerk.get(f"/desk/{case.reference}").text


def linked(session: Session, rdb: People, case: Case, words: str = "Is the lease in force?") -> tuple[Advice, str]:
    """Somebody outside is asked; the address in their mail."""
    expert = advice_links.Expert("Odile Kayiranga", "odile@lab.example", "en_RW")
    found = advice_links.ask_expert(
        session, load.current(), rdb.registrar, case, expert, advice.Question(words, ("name",))
    )
    session.commit()
    mail = session.scalars(select(Message).where(Message.template == "advice_link").order_by(Message.id.desc())).first()
    assert mail is not None
    return found, "/advice/" + mail.body.split("/advice/")[1].split()[0]


SENT = {"opinion": "objection", "answer": "The lease has ended, as the landlord wrote."}


def test_what_an_expert_typed_is_theirs_when_the_link_ends_meanwhile(
    session: Session, app: Flask, rdb: People, case: Case
) -> None:
    found, link = linked(session, rdb, case)
    guest = app.test_client()
    post(guest, link)
    assert "Is the lease in force?" in guest.get(f"{link}/question").text
    with clock.at(found.due_at + timedelta(days=1)):
        late = post(guest, f"{link}/question", {**SENT, "version": 2})
        assert late.status_code == 409
        assert "as the landlord wrote" in late.text
        assert "This link has ended" in late.text
        assert "Is the lease in force?" not in late.text
    session.refresh(found)
    assert found.answer == ""


def test_a_second_answer_is_shown_back_and_replaces_nothing(
    session: Session, app: Flask, rdb: People, case: Case
) -> None:
    found, link = linked(session, rdb, case)
    one, two = app.test_client(), app.test_client()
    for guest in (one, two):
        post(guest, link)
        guest.get(f"{link}/question")
    session.refresh(found)
    assert post(one, f"{link}/question", {**SENT, "version": found.version}).status_code == 303
    again = post(
        two, f"{link}/question", {"opinion": "no_objection", "answer": "None at all.", "version": found.version}
    )
    assert again.status_code == 409
    assert "None at all." in again.text
    assert "as the landlord wrote" in again.text
    session.refresh(found)
    assert found.answer == SENT["answer"]
    with clock.at(clock.now() + timedelta(days=31)):  # the receipt is over
        assert one.get(f"{link}/question").headers["Location"].endswith(link)
        assert "as the landlord wrote" not in one.get(link).text
        assert post(one, link).headers["Location"].endswith(link)


def test_two_questions_to_one_expert_do_not_shut_each_other_out(
    session: Session, app: Flask, rdb: People, case: Case
) -> None:
    found, first = linked(session, rdb, case)
    _other, second = linked(session, rdb, case, "And is it paid?")
    guest = app.test_client()
    post(guest, first)
    post(guest, second)
    assert "And is it paid?" in guest.get(f"{second}/question").text
    session.refresh(found)
    assert post(guest, f"{first}/question", {**SENT, "version": found.version}).status_code == 303
    session.refresh(found)
    assert found.answer == SENT["answer"]


def test_no_log_has_the_secret_of_a_link(
    session: Session, app: Flask, rdb: People, case: Case, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    _found, link = linked(session, rdb, case)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setattr(advice_links, "usable", lambda *given: 1 / 0)
    assert app.test_client().get(link).status_code == 500
    assert "/advice/…" in caplog.text
    assert link.removeprefix("/advice/") not in "".join(record.getMessage() for record in caplog.records)


def test_an_expert_is_forgotten_by_a_supervisor(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    found, link = linked(session, rdb, case)
    guest = app.test_client()
    post(guest, link)
    post(guest, f"{link}/question", {**SENT, "version": asked(session).version})
    page, button = f"/desk/advice/{found.reference}", "Erase name and address"
    clerk, boss = (browser(session, sign_in, app, who) for who in (rdb.registrar, rdb.supervisor))
    assert button not in clerk.get(page).text
    refused = post(clerk, page, {"action": "erase", "version": found.version})
    assert (refused.status_code, "permission" in refused.text) == (403, True)
    assert button in boss.get(page).text
    assert post(boss, page, {"action": "erase", "version": found.version}).status_code == 303
    shown = boss.get(page).text
    assert "odile@lab.example" not in shown
    assert "as the landlord wrote" in shown


def test_a_link_that_was_taken_back_or_ended_says_whom_to_write_to(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    expert = advice_links.Expert("Odile Kayiranga", "odile@lab.example", "en_RW")
    wanted = advice.Question("Is the lease in force?", ("name",))
    found = advice_links.ask_expert(session, load.current(), rdb.registrar, case, expert, wanted)
    session.commit()
    mail = session.scalars(select(Message).where(Message.template == "advice_link")).one()
    link = "/advice/" + mail.body.split("/advice/")[1].split()[0]
    guest = app.test_client()
    with clock.at(found.due_at + timedelta(days=1)):
        assert "registrar@rdb.example" in guest.get(link).text
        assert post(guest, link).headers["Location"].endswith(link)
    clerk = browser(session, sign_in, app, rdb.registrar)
    done = post(
        clerk,
        f"/desk/advice/{found.reference}",
        {"action": "withdraw", "version": found.version, "reason": "Not needed."},
    )
    assert done.status_code == 303
    assert "registrar@rdb.example" in guest.get(link).text


def test_who_decides_without_waiting_says_why(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    wanted = advice.Question("Does this business owe taxes?", ("name",))
    found = advice.ask_agency(session, load.current(), rdb.registrar, case, "RRA", wanted)
    move(session, case, Action.RECOMMEND, rdb.registrar, payload=Payload(outcome=Outcome.APPROVE))
    session.commit()
    supervisor = browser(session, sign_in, app, rdb.supervisor)
    url = f"/desk/{case.reference}"
    assert "Not everything is in yet" in supervisor.get(url).text
    decided = {"version": case.version, "decision": "approve"}
    refused = post(supervisor, f"{url}/decide", decided)
    assert refused.status_code == 422
    assert found.reference in refused.text
    why = {**decided, "without_waiting": "They answered by telephone."}
    assert post(supervisor, f"{url}/decide", why).status_code == 303
    assert asked(session).state == "withdrawn"
    assert session.scalars(select(Entry.verb).where(Entry.verb == "case.decided_without_waiting")).all()


def test_a_visit_in_pages(session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case) -> None:
    pack = load.current()
    clerk = browser(session, sign_in, app, rdb.registrar)
    url = f"/desk/{case.reference}/inspections/new"
    day = working_days.add(pack, clock.now(), 4).astimezone(pack.zone)
    assert "KG 11 Avenue 4" in clerk.get(url).text
    planned = {
        "place": "KG 11 Avenue 4", "day": [str(day.day), str(day.month), str(day.year)], "hour": "10:00",
        "minutes": "60", "officials": [str(rdb.registrar.user_id)], "about": "The workshop",
    }  # fmt: skip
    wrong = post(clerk, url, {**planned, "minutes": "470"})
    assert wrong.status_code == 422
    assert "inside the office hours" in wrong.text
    assert "The workshop" in wrong.text
    done = post(clerk, url, planned)
    assert done.status_code == 303
    visit = session.scalars(select(Inspection)).one()
    owner = browser(session, sign_in, app, rdb.applicant)
    with counted(session) as statements:
        mine = owner.get(f"/cases/{case.reference}").text
    assert "The workshop" in mine
    assert "Confirm the visit" in mine
    assert len(statements) <= 12
    base = f"/cases/{case.reference}/visits/{visit.reference}"
    calendar = owner.get(f"{base}.ics")
    assert calendar.mimetype == "text/calendar"
    assert b"BEGIN:VEVENT\r\n" in calendar.data
    stranger = browser(session, sign_in, app, rdb.stranger)
    assert stranger.get(f"{base}.ics").status_code == 404
    assert post(stranger, f"{base}/confirm", {"version": 1}).status_code == 404
    assert post(owner, f"{base}/confirm", {"version": visit.version}).status_code == 303
    assert post(owner, f"{base}/confirm", {"version": visit.version}).status_code == 303
    session.refresh(visit)
    again = {"version": visit.version, "reason": "We are at the market.", "day": ["", "", ""]}
    assert post(owner, f"{base}/another-day", {**again, "reason": ""}).status_code == 422
    assert post(owner, f"{base}/another-day", again).status_code == 303
    page = f"/desk/inspections/{visit.reference}"
    session.refresh(visit)
    assert "We are at the market." in clerk.get(page).text
    moved = {**planned, "hour": "13:30", "version": visit.version}
    assert "We are at the market." in clerk.get(f"{page}/move").text
    assert post(clerk, f"{page}/move", moved).status_code == 303
    session.refresh(visit)
    with clock.at(visit.starts_at + timedelta(hours=1)):
        _report(session, app, sign_in, rdb, visit, page)
    assert "The sign is missing." in owner.get(f"/cases/{case.reference}").text
    assert "Passed with remarks" in clerk.get(f"/desk/{case.reference}").text


def _report(session: Session, app: Flask, sign_in: SignIn, rdb: People, visit: Inspection, page: str) -> None:
    clerk = browser(session, sign_in, app, rdb.registrar)
    assert "Checklist" in clerk.get(f"{page}/report").text
    written = {
        "version": visit.version, "result": "remarks", "present": "The owner", "account": "The sign is missing.",
        "premises-exist-found": "ok", "sign-shown-found": "not_ok", "sign-shown-remark": "Being painted",
    }  # fmt: skip
    pictures = {**written, "photographs": (photo(), "door.png"), "add": "1"}
    kept = post(clerk, f"{page}/report", pictures, content_type="multipart/form-data")
    assert kept.status_code == 200
    assert "door.png" in kept.text
    assert "The sign is missing." in kept.text
    missing = post(clerk, f"{page}/report", written)
    assert missing.status_code == 422
    assert "Being painted" in missing.text
    assert "The activity" in missing.text
    assert post(clerk, f"{page}/report", {**written, "activity-seen-found": "ok"}).status_code == 303
    found = session.scalars(select(InspectionReport)).one()
    assert clerk.get(f"{page}/photographs/{found.photographs[0]['id']}").status_code == 200
    assert post(clerk, f"{page}/report", {**written, "activity-seen-found": "ok"}).status_code == 409


def test_an_auditor_sees_all_of_it_in_eight_statements(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    pack, clerk = load.current(), rdb.registrar
    adviser = make_user(session, role=Role.CLERK, agencies=("RRA",))
    for words in ("Does this business owe taxes?", "Does its owner?"):
        found = advice.ask_agency(session, pack, clerk, case, "RRA", advice.Question(words, ("name",)))
    answer = advice.Answer("conditions", "Debts are paid off monthly.")
    advice.answer(session, pack, acting(session, adviser), found, answer, version=1, paper=(photo(), "letter.png"))
    linked(session, rdb, case)
    for days in (20, 12):
        with clock.at(clock.now() - timedelta(days=days)):
            visit = inspections.plan(session, pack, clerk, case, appointment(clerk))
        picture = photo()
        inspection_reports.add_photograph(session, clerk, visit, case, picture, "door.png")
        inspection_reports.write(session, pack, clerk, visit, report(), version=visit.version)
    inspections.plan(session, pack, clerk, case, appointment(clerk))
    session.commit()
    auditor = browser(session, sign_in, app, make_user(session, role=Role.AUDITOR))
    with counted(session) as statements:
        shown = auditor.get(f"/audit/{case.reference}").text
    assert len(statements) <= 8
    for words in ("Does this business owe taxes?", "Debts are paid off monthly.", "letter.png", "Odile Kayiranga",
                  "door.png", "KG 11 Avenue 4", "All as declared."):  # fmt: skip
        assert words in shown
    links = re.findall(r'"(/audit/(?:advice|inspections)/[^"]+)"', shown)
    assert len(links) == 3
    clerk_at_desk = browser(session, sign_in, app, rdb.registrar)
    for link in links:
        opened = auditor.get(link)
        assert (opened.status_code, opened.mimetype) == (200, "image/png")
        assert clerk_at_desk.get(link).status_code == 403
    verbs = session.scalars(select(Entry.verb).where(Entry.actor_role == "auditor", Entry.verb != "case.viewed")).all()
    assert sorted(verbs) == ["advice.paper_opened", *["inspection.photograph_opened"] * 2]


def test_the_owner_reads_of_visits_in_the_history(
    session: Session, app: Flask, sign_in: SignIn, rdb: People, case: Case
) -> None:
    inspections.plan(session, load.current(), rdb.registrar, case, appointment(rdb.registrar))
    session.commit()
    page = browser(session, sign_in, app, rdb.applicant).get(f"/cases/{case.reference}").text
    history = page[page.index('<ol class="timeline">') :]
    assert history.index("Visit planned") < history.index("Taken up for review")
