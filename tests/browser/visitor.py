"""A person at a browser. Every page they come to is looked at: accessibility, width, weight, and who it talks to."""

import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from app.identity.models import User
from tests.browser.house import House
from tests.factories.people import PASSWORD, totp_code

SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HEAVIEST = 20 * 1024  # bytes, compressed, of a first visit
# With KIBALI_SHOTS=folder every page is also kept as a picture, on the phone and at the desk.
SHOTS = os.environ.get("KIBALI_SHOTS")


STRUCTURE = """innerWidth + [...document.querySelectorAll('*')].map(element => [element.tagName, element.className,
    ...element.getAttributeNames(), element.type, element.lang, !element.textContent.trim()]).join()"""

# What decides the colour of an element: what it is and what it stands in, nearest first.
KINDS = """[...document.querySelectorAll('body *')].map(element => {
    const up = [];
    for (let each = element; each && up.length < 3; each = each.parentElement) up.push(each.tagName, each.className);
    return up.join(' ');
})"""


def axe(page: Page, *, colours: bool = True) -> None:
    """No violation. What is shown inside a frame is the document, not our page.

    Contrast takes two thirds of the time: without ``colours`` it is not measured.
    """
    options = {
        "resultTypes": ["violations"],
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {"color-contrast": {"enabled": colours}},
        "iframes": False,
    }
    found = Axe().run(page, options=options).response["violations"]
    assert not found, [(rule["id"], rule["help"], [node["html"] for node in rule["nodes"]]) for rule in found]


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0, f"{page.url} is {too_wide} px wider than the window"


@dataclass
class Visitor:
    """One browser of one person. ``seen`` are the addresses of the pages looked at, in order."""

    house: House
    context: BrowserContext
    page: Page
    name: str = "visitor"
    strangers: list[str] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)  # compressed sizes of styles and pictures by address
    seen: list[str] = field(default_factory=list)
    lens: Page | None = None  # for a browser without JavaScript: another one that looks at the same pages with axe

    @classmethod
    def enter(
        cls, house: House, browser: Browser, *, size: str, javascript: bool, name: str, **options: Any
    ) -> "Visitor":
        context = browser.new_context(
            base_url=house.address, viewport=SIZES[size], java_script_enabled=javascript,
            **{"locale": "en-GB", **options},
        )  # fmt: skip
        context.set_default_timeout(15_000)
        visitor = cls(house, context, context.new_page(), name)
        if not javascript:
            visitor.lens = browser.new_page(base_url=house.address, viewport=SIZES[size])
        context.on("response", visitor._arrived)
        return visitor

    def _arrived(self, response: Response) -> None:
        if response.url.startswith("http") and not response.url.startswith(self.house.address):
            self.strangers.append(response.url)

    def sign_in_at_once(self, user: User, *, business_id: int | None = None) -> None:
        """Without the pages for it: they have journeys of their own."""
        value = self.house.cookie(user, business_id=business_id)
        self.context.add_cookies([{"name": "kibali", "value": value, "url": self.house.address}])

    def sign_in(self, user: User, password: str = PASSWORD) -> None:
        self.go("/sign-in")
        self.fill("E-mail address", user.email)
        self.fill("Password", password)
        self.press("Sign in")
        if user.official:
            self.fill("Code", totp_code())
            self.press("Continue")

    # --- moving about: each ends with a look at the page one came to ---

    def go(self, path: str) -> None:
        self.page.goto(path)
        self.look()

    def follow(self, name: str, *, within: str = "body", exact: bool = False) -> None:
        self.page.locator(within).get_by_role("link", name=name, exact=exact).first.click()
        self.look()

    def press(self, name: str, *, within: str = "main", exact: bool = True) -> None:
        self.page.locator(within).get_by_role("button", name=name, exact=exact).last.click()
        self.look()

    def look(self) -> None:
        self.page.wait_for_load_state("load")
        if self.page.url.endswith(".pdf"):
            return
        path = urlsplit(self.page.url).path
        self.seen.append(path)
        if SHOTS:
            self.shoot(Path(SHOTS), path)
        assert self.page.locator("h1").count() == 1, f"{path} has not one first heading"
        fits(self.page)
        self.examine()
        self.weigh()
        assert not self.strangers, f"{path} talks to {self.strangers}"

    def colours(self) -> bool:
        """Whether something here is styled as nothing was on the pages whose contrast was measured."""
        kinds = set(self.page.evaluate(KINDS))
        if kinds <= self.house.coloured:
            return False
        self.house.coloured |= kinds
        return True

    def examine(self) -> None:
        """axe needs timers: what a browser without JavaScript shows is laid before one that has it.

        A page built like one seen before (same elements, attributes and empty places) is not examined again.
        """
        structure = self.page.evaluate(STRUCTURE)
        if structure in self.house.examined:
            return
        self.house.examined.add(structure)
        colours = self.colours()
        if self.lens is None:
            axe(self.page, colours=colours)
            return
        html = self.page.content()
        self.lens.route(self.page.url, lambda route: route.fulfill(body=html, content_type="text/html"), times=1)
        self.lens.goto(self.page.url)
        axe(self.lens, colours=colours)

    def leave(self) -> None:
        self.context.close()
        if self.lens is not None:
            self.lens.context.close()

    def weigh(self) -> None:
        """The page and everything it shows itself with, compressed, as at a first visit."""
        addresses = self.page.evaluate(
            "[...document.querySelectorAll('link[rel~=stylesheet], link[rel=icon], img:not(.doc), script[src]')]"
            ".map(element => element.href || element.src)"
        )
        for address in addresses:
            if address not in self.parts:
                self.parts[address] = len(gzip.compress(self.context.request.get(address).body(), 6))
        page = len(gzip.compress(self.page.content().encode(), 6))
        total = page + sum(self.parts[address] for address in addresses)
        assert total <= HEAVIEST, f"{self.page.url} weighs {total} bytes, {page} of them the page"

    def shoot(self, folder: Path, path: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        before = self.page.viewport_size
        stem = f"{len(self.seen):02}{path.replace('/', '_')[:60]}"
        for size, viewport in SIZES.items():
            self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            self.page.screenshot(path=folder / f"{self.name}-{stem}-{size}.png", full_page=True)
        if before:
            self.page.set_viewport_size(before)

    # --- filling in ---

    def field(self, label: str) -> Locator:
        return self.page.locator("main").get_by_label(label, exact=True)

    def fill(self, label: str, value: str) -> None:
        self.field(label).fill(value)

    def choose(self, label: str, *, value: str | None = None, text: str | None = None) -> None:
        self.field(label).select_option(value=value, label=text)

    def check(self, label: str, *, exact: bool = False) -> None:
        """A radio button or a tick box, by (the beginning of) its label."""
        self.page.locator("main").get_by_label(label, exact=exact).first.check()

    def fill_date(self, group: str, day: Any) -> None:
        parts = self.page.get_by_role("group", name=group)
        for label, value in (("Day", day.day), ("Month", day.month), ("Year", day.year)):
            parts.get_by_label(label).fill(str(value))

    def find_product(self, label: str, words: str, answer: str) -> None:
        """Search in a long list and choose one of the answers."""
        self.fill(label, words)
        self.press(f"Search {label}")
        self.check(answer)

    # --- what is there ---

    def sees(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()
