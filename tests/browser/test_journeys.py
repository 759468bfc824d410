"""What people do to a portal: click twice, go back, lose their session, meet a colleague in the same case."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from app.cases import access, engine
from app.cases.models import Case, InformationRequest, Recommendation
from app.cases.work import Payload
from app.cases.workflow import Action
from app.identity.models import User
from tests.browser.conftest import Enter
from tests.browser.house import House
from tests.browser.visitor import Visitor, axe, fits
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import PASSWORD, make_user

pytestmark = pytest.mark.browser

_numbers = count(1)


class Trader:
    """An entrepreneur with a business, at a browser without JavaScript on a telephone."""

    def __init__(self, house: House, entrance: Enter) -> None:
        self.house = house
        number = next(_numbers)
        with house.session() as session:
            self.user = make_user(session, email=f"trader{number}@journey.example", name="Aline Uwase")
            self.business_id = make_business(session, owner=self.user, name=f"Journey {number} Ltd").id
        self.visitor: Visitor = entrance(house, size="phone", javascript=False, name=f"trader{number}")
        self.visitor.sign_in_at_once(self.user, business_id=self.business_id)

    def draft(self, *, complete: bool = True) -> str:
        with self.house.session() as session:
            actor = cases.acting(session, self.user)
            if complete:
                return cases.drafted(session, actor).reference
            return engine.start(
                session, "registration", actor, idempotency_key=f"journey-{next(_numbers):08}"
            ).reference

    def send(self) -> str:
        reference = self.draft()
        with self.house.session() as session:
            self._perform(session, reference, Action.SUBMIT, payload=Payload(declared=True))
        return reference

    def withdraw(self, reference: str) -> None:
        with self.house.session() as session:
            self._perform(session, reference, Action.WITHDRAW)

    def _perform(self, session, reference: str, action: Action, **options) -> None:  # type: ignore[no-untyped-def]
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        engine.perform(session, case, action, cases.acting(session, self.user), version=case.version, **options)

    def number_of_cases(self) -> int:
        with self.house.session() as session:
            return session.scalar(select(func.count()).where(Case.applicant_id == self.user.id)) or 0


@pytest.fixture
def trader(house: House, entrance: Enter) -> Trader:
    return Trader(house, entrance)


@pytest.fixture
def clerk(house: House, entrance: Enter) -> Iterator[Visitor]:
    visitor = entrance(house, name="clerk")
    visitor.sign_in_at_once(house.officials["registrar"])
    yield visitor
    empty_the_desk(house, house.officials["registrar"])


def empty_the_desk(house: House, user: User) -> None:
    """The next journey begins with a clerk who holds nothing."""
    with house.session() as session:
        for case in session.scalars(select(Case).where(Case.assigned_to == user.id, Case.state == "in_review")):
            actor = cases.acting(session, user)
            engine.perform(session, case, Action.RELEASE_CASE, actor, version=case.version)


def take(house: House, reference: str, user: User) -> None:
    with house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        engine.perform(session, case, Action.TAKE, cases.acting(session, user), version=case.version)


# --- the applicant ---


def test_two_clicks_start_one_application(trader: Trader) -> None:
    trader.visitor.go("/start/export_licence")
    trader.visitor.page.get_by_role("button", name="Start now").dblclick()
    expect(trader.visitor.page.locator("h1")).to_have_text("Apply for an export licence")
    trader.visitor.page.wait_for_url("**/cases/EL-*")
    assert trader.number_of_cases() == 1


def test_two_clicks_send_one_submission_and_end_at_its_confirmation(trader: Trader) -> None:
    reference = trader.draft()
    trader.visitor.go(f"/cases/{reference}/check")
    trader.visitor.check("I declare")
    trader.visitor.page.get_by_role("button", name="Accept and send").dblclick()
    trader.visitor.page.wait_for_url(f"**/cases/{reference}/sent")
    trader.visitor.look()
    assert trader.visitor.heading() == "Application sent"
    with trader.house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        assert (case.state, case.version) == ("submitted", 2)


def test_going_back_and_reloading_after_sending_does_nothing(trader: Trader) -> None:
    reference, visitor = trader.draft(), trader.visitor
    visitor.go(f"/cases/{reference}/check")
    visitor.check("I declare")
    visitor.press("Accept and send")
    visitor.page.reload()
    assert visitor.heading() == "Application sent"
    visitor.go(f"/cases/{reference}/step/name")
    visitor.sees("already been sent")
    assert visitor.page.url.endswith(f"/cases/{reference}")


def test_a_session_that_ends_in_the_middle_of_a_page_costs_no_word(trader: Trader) -> None:
    reference, visitor = trader.draft(complete=False), trader.visitor
    visitor.go(f"/cases/{reference}/step/address")
    visitor.fill("Street, plot or house", "KG 11 Avenue 4, “the green gate”")
    visitor.choose("Where the business has its seat", value="RW-gasabo.kimironko")
    trader.house.end_sessions(trader.user)
    visitor.press("Save and continue")
    visitor.sees("What you typed is kept")
    visitor.fill("E-mail address", trader.user.email)
    visitor.fill("Password", PASSWORD)
    visitor.press("Sign in")
    assert visitor.field("Street, plot or house").input_value() == "KG 11 Avenue 4, “the green gate”"
    assert visitor.field("Where the business has its seat").input_value() == "RW-gasabo.kimironko"
    visitor.fill("Telephone", "0788 000 001")
    visitor.fill("E-mail of the business", "office@journey.example")
    visitor.press("Save and continue")
    assert visitor.heading() == "Owners and managers"


def test_an_answer_that_is_wrong_is_said_at_the_top_and_at_the_field(
    house: House, entrance: Enter, trader: Trader
) -> None:
    reference = trader.draft(complete=False)
    visitor = entrance(house, size="phone", name="scripted")  # the focus is the browser's own, script or not
    visitor.sign_in_at_once(trader.user, business_id=trader.business_id)
    visitor.go(f"/cases/{reference}/step/address")
    visitor.fill("Telephone", "12")
    visitor.press("Save and continue")
    assert visitor.page.title().startswith("Error: ")
    expect(visitor.page.locator(".errors")).to_be_focused()
    visitor.page.locator(".errors").get_by_role("link", name="Enter the street").click()
    expect(visitor.field("Street, plot or house")).to_be_focused()
    assert visitor.field("Telephone").input_value() == "12"
    expect(visitor.field("Telephone")).to_have_attribute("aria-invalid", "true")
    visitor.go(f"/cases/{reference}/step/address")
    assert visitor.field("Telephone").input_value() == "12", "what was wrong is kept too"


def test_a_name_like_another_is_shown_and_may_be_kept(trader: Trader) -> None:
    with trader.house.session() as session:
        make_business(session, name="Umurinzi Coffee Exporters")
    reference, visitor = trader.draft(complete=False), trader.visitor
    visitor.go(f"/cases/{reference}/step/name")
    visitor.fill("Name of the business", "Umurinzi Coffee Exporter")
    visitor.press("Save and continue")
    visitor.sees("Umurinzi Coffee Exporters")
    visitor.check("I have looked at the similar names")
    visitor.press("Save and continue")
    assert visitor.heading() == "Activity"


def test_a_file_that_is_not_what_it_says_is_refused_at_its_own_field(trader: Trader) -> None:
    reference, visitor = trader.draft(complete=False), trader.visitor
    visitor.go(f"/cases/{reference}/documents")
    visitor.page.locator("#identity").set_input_files(
        {"name": "passport.pdf", "mimeType": "application/pdf", "buffer": b"<html>not a PDF</html>"}
    )
    visitor.press("Save and continue")
    assert visitor.page.title().startswith("Error: ")
    expect(visitor.page.locator("#identity")).to_have_attribute("aria-invalid", "true")


def test_a_draft_is_discarded_and_a_sent_application_withdrawn(trader: Trader) -> None:
    visitor, draft, sent = trader.visitor, trader.draft(complete=False), trader.send()
    visitor.go(f"/cases/{draft}")
    visitor.follow("Discard this draft")
    visitor.press("Yes, discard it")
    visitor.go(f"/cases/{sent}")
    visitor.follow("Withdraw this application")
    visitor.follow("No, keep it")
    visitor.follow("Withdraw this application")
    visitor.press("Yes, withdraw it")
    visitor.sees("Withdrawn")


def test_another_persons_case_is_not_there(house: House, entrance: Enter, trader: Trader) -> None:
    reference = trader.send()
    other = Trader(house, entrance)
    for path in ("", "/check", "/step/name", "/documents", "/sent", "/withdraw"):
        answer = other.visitor.page.goto(f"/cases/{reference}{path}")
        missing = other.visitor.page.goto(f"/cases/BR-2026-99999-X{path}")
        assert answer is not None
        assert missing is not None
        assert (answer.status, missing.status) == (404, 404)
    other.visitor.look()


def test_the_language_changes_and_the_page_stays(trader: Trader) -> None:
    reference, visitor = trader.draft(complete=False), trader.visitor
    visitor.go(f"/cases/{reference}/step/legal_form?from=check")
    visitor.follow("Français", within="header")
    assert visitor.page.url.split("?")[0].endswith(f"/cases/{reference}/step/legal_form")
    assert "from=check" in visitor.page.url
    assert visitor.page.locator("html").get_attribute("lang") == "fr"
    visitor.go(f"/cases/{reference}")
    assert visitor.page.locator("html").get_attribute("lang") == "fr"
    visitor.follow("English", within="header")


def test_a_page_prints_as_a_paper(trader: Trader) -> None:
    visitor = trader.visitor
    visitor.go(f"/cases/{trader.send()}")
    visitor.page.emulate_media(media="print")
    for part in ("header.top", "nav.tabs", "footer.foot"):
        expect(visitor.page.locator(part)).to_be_hidden()
    expect(visitor.page.locator("h1")).to_be_visible()
    fits(visitor.page)


# --- the desk ---


def test_a_decision_by_keyboard_alone(house: House, trader: Trader, clerk: Visitor) -> None:
    reference = trader.send()
    take(house, reference, house.officials["registrar"])
    page = clerk.page
    clerk.go(f"/desk/{reference}")
    tab_to(clerk, clerk.page.get_by_label("Recommend approval"))
    page.keyboard.press("Space")
    tab_to(clerk, clerk.field("Reason or question"))
    page.keyboard.type("Everything is in order.")
    tab_to(clerk, page.get_by_role("button", name="Record", exact=True))
    page.keyboard.press("Enter")
    clerk.sees("is recorded")
    with house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        made = session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one()
        assert (made.outcome, made.reason) == ("approve", "Everything is in order.")


def tab_to(visitor: Visitor, target) -> None:  # type: ignore[no-untyped-def]
    for _step in range(120):
        visitor.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the keyboard does not get there")


def test_a_stale_page_says_what_changed_and_keeps_the_text(house: House, trader: Trader, clerk: Visitor) -> None:
    """In a second window the clerk asked the applicant; the first window still shows the case as it was."""
    reference = trader.send()
    take(house, reference, house.officials["registrar"])
    clerk.go(f"/desk/{reference}")
    clerk.check("Recommend approval")
    clerk.fill("Reason or question", "Typed for ten minutes.")
    with house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        registrar = cases.acting(session, house.officials["registrar"])
        engine.perform(session, case, Action.RELEASE_CASE, registrar, version=case.version)
        session.flush()
        case = access.lock(session, case.id)
        engine.perform(session, case, Action.TAKE, registrar, version=case.version)
    clerk.press("Record")
    clerk.sees("This case changed while you had it open")
    clerk.sees("put back into the queue")
    assert clerk.field("Reason or question").input_value() == "Typed for ten minutes."
    assert clerk.page.get_by_label("Recommend approval").is_checked()
    clerk.press("Record")
    clerk.sees("is recorded")


def test_a_withdrawn_case_gives_the_clerks_text_back(house: House, trader: Trader, clerk: Visitor) -> None:
    reference = trader.send()
    take(house, reference, house.officials["registrar"])
    clerk.go(f"/desk/{reference}")
    clerk.check("Recommend refusal")
    clerk.fill("Reason or question", "Typed for ten minutes.")
    trader.withdraw(reference)
    clerk.press("Record")
    clerk.sees("This case changed while you had it open")
    clerk.sees("Typed for ten minutes.")
    assert clerk.page.get_by_role("button", name="Record", exact=True).count() == 0


def test_a_question_names_the_exact_answers(house: House, trader: Trader, clerk: Visitor) -> None:
    reference = trader.send()
    take(house, reference, house.officials["registrar"])
    clerk.go(f"/desk/{reference}")
    clerk.page.get_by_label("Ask about Street, plot or house").check()
    clerk.page.get_by_label(re.compile("^Ask about Identity document of")).check()
    clerk.check("Ask the applicant")
    clerk.press("Record")
    assert clerk.page.title().startswith("Error: ")
    assert clerk.page.get_by_label("Ask about Street, plot or house").is_checked()
    clerk.fill("Reason or question", "Which gate? And the back of the card, please.")
    clerk.press("Record")
    clerk.sees("Waiting for the applicant")
    with house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        asked = session.scalars(select(InformationRequest).where(InformationRequest.case_id == case.id)).one()
        assert [field["path"] for field in asked.fields] == ["documents.identity", "address.street"]
    trader.visitor.go(f"/cases/{reference}")
    trader.visitor.sees("Which gate? And the back of the card, please.")
    trader.visitor.sees("Street, plot or house")
    trader.visitor.follow("Documents", within="main")
    trader.visitor.sees("The agency asks about")


def test_the_queue_is_narrowed_by_its_address(house: House, trader: Trader, clerk: Visitor) -> None:
    reference = trader.send()
    clerk.go("/desk")
    clerk.fill("Reference or name", reference)
    clerk.check("Received")
    clerk.press("Apply")
    assert clerk.page.locator("tbody tr").count() == 1
    bookmark = clerk.page.url
    clerk.go("/desk?q=nothing-like-it")
    clerk.sees("No case matches")
    clerk.go(bookmark)
    clerk.page.locator("tbody a").click()
    clerk.look()
    clerk.page.locator("summary", has_text="Take this case").click()
    clerk.fill("Why do you take this case out of turn?", "The applicant waits at the counter.")
    clerk.press("Take this case")
    clerk.fill("Note for colleagues", "I know this street.")
    clerk.press("Add note")
    clerk.sees("I know this street.")
    axe(clerk.page)
