"""The clerk's and the supervisor's way from "next case" to a recorded word, with the keyboard alone, counted."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import engine
from app.cases.models import Case, Decision, Outcome, Recommendation
from app.cases.work import Payload
from app.cases.workflow import Action
from app.fees import providers
from app.identity.actor import Actor
from tests.browser.conftest import Enter
from tests.browser.house import House
from tests.browser.visitor import Visitor
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.fees import adapter
from tests.factories.people import make_user

pytestmark = pytest.mark.browser


class Stopwatch:
    """Counts the keys a person presses and the pages that come to them."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page
        self.keys = self.pages = 0
        self.page.on("load", lambda _page: self._loaded())

    def _loaded(self) -> None:
        self.pages += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def press_and_wait(self, key: str) -> None:
        with self.page.expect_navigation(wait_until="load"):
            self.press(key)

    def start(self) -> None:
        """At the desk, on the button "next case"."""
        self.visitor.go("/desk")
        self.page.get_by_role("button", name="Next case").focus()
        self.keys = self.pages = 0


def licence(house: House, name: str) -> str:
    """A licence application of a firm of its own, paid and with the agency."""
    with house.session() as session:
        owner = make_user(session)
        make_business(session, owner=owner, name=name)
        exporter = cases.acting(session, owner)
        case = cases.submitted(session, exporter, "export_licence", cases.licence())
        _paid(session, case, exporter)
        return case.reference


def _paid(session: Session, case: Case, exporter: Actor) -> None:
    """As the provider's word does; the portal's own provider is in another process."""
    before = providers._provider
    providers.configure(adapter("http://127.0.0.1:9"))
    try:
        cases.pay(session, case, exporter)
    finally:
        providers._provider = before


def recommended(house: House, name: str) -> str:
    reference = licence(house, name)
    with house.session() as session:
        clerk = cases.acting(session, house.officials["colleague"])
        case = session.scalars(select(Case).where(Case.reference == reference)).one()
        engine.perform(session, case, Action.TAKE, clerk, version=case.version)
        engine.perform(
            session, case, Action.RECOMMEND, clerk, version=case.version,
            payload=Payload(outcome=Outcome.APPROVE, reasons=("recommend-in-order",)),
        )  # fmt: skip
    return reference


def test_the_clerk_and_the_supervisor_with_the_keyboard_alone(fresh_house: House, entrance: Enter) -> None:
    first, second = licence(fresh_house, "Stopwatch One Ltd"), licence(fresh_house, "Stopwatch Two Ltd")
    clerk = entrance(fresh_house, name="clerk")
    clerk.sign_in_at_once(fresh_house.officials["licensing"])
    watch = Stopwatch(clerk)
    watch.start()
    watch.press_and_wait("Enter")
    assert clerk.page.url.endswith(first)
    watch.press("d", "Space", "Tab", "Space")  # the first decision; its first reason
    assert clerk.page.locator("#recommend_reasons input").first.is_checked()
    watch.press_and_wait("Control+Enter")
    assert clerk.page.url.endswith(second)  # the next one is open
    clerk.look()
    recommendation = (watch.pages, watch.keys)
    with fresh_house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == first)).one()
        assert session.scalars(select(Recommendation).where(Recommendation.case_id == case.id)).one()

    supervisor = entrance(fresh_house, name="supervisor")
    supervisor.sign_in_at_once(fresh_house.officials["supervisor"])
    watch = Stopwatch(supervisor)
    watch.start()
    watch.press_and_wait("Enter")
    assert supervisor.page.url.endswith(first)
    supervisor.look()
    watch.press("d", "Space")
    watch.press_and_wait("Control+Enter")
    approval = (watch.pages, watch.keys)
    with fresh_house.session() as session:
        case = session.scalars(select(Case).where(Case.reference == first)).one()
        assert session.scalars(select(Decision).where(Decision.case_id == case.id)).one().outcome == "approve"
    # Pages and keys; "next case" is the first of the keys, and the last page is the following case.
    assert recommendation == (2, 6)
    assert approval == (2, 4)


def test_letters_are_letters_in_a_field_and_keys_can_be_switched_off(house: House, entrance: Enter) -> None:
    reference = recommended(house, "Stopwatch Three Ltd")
    visitor = entrance(house, name="typist")
    visitor.sign_in_at_once(house.officials["supervisor"])
    visitor.go(f"/desk/{reference}")
    page = visitor.page
    page.keyboard.press("n")
    page.keyboard.type("jkd?")
    assert page.locator("#body").input_value() == "jkd?"
    page.locator("#body").fill("")
    page.locator("h1").click()
    shown = page.locator(".docs a[aria-current]").inner_text()
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("j")
    assert page.locator(".docs a[aria-current]").inner_text() != shown
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("k")
    assert page.locator(".docs a[aria-current]").inner_text() == shown
    page.keyboard.press("?")
    assert page.locator("#keys").get_attribute("open") is not None
    visitor.press("Switch shortcuts off")
    page.keyboard.press("d")
    assert page.evaluate("document.activeElement.name") != "decision"
    # Without the script the panel is a link away.
    page.evaluate("document.activeElement.blur()")
    visitor.page.locator(".to-panel a").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "decide"


def test_several_approvals_and_the_phone(house: House, entrance: Enter) -> None:
    references = [recommended(house, f"Together {number} Ltd") for number in range(2)]
    visitor = entrance(house, size="phone", javascript=False, name="boss")
    visitor.sign_in_at_once(house.officials["supervisor"])
    visitor.go("/desk/together")
    for reference in references:
        visitor.go(f"/desk/{reference}")
    visitor.go("/desk/together?service=export_licence&kind=coffee-export")
    for reference in references:
        visitor.page.get_by_label(f"Approve {reference}").check()
    visitor.press("Approve the ticked cases")
    assert visitor.page.get_by_text("2 cases are approved.").count() == 1
    with house.session() as session:
        states = session.scalars(select(Case.state).where(Case.reference.in_(references))).all()
        assert list(states) == ["approved", "approved"]
