"""The kit and the public pages in a real browser: no accessibility finding, nothing wider than the window."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from app.cases import registry
from app.installed import SERVICES
from app.jurisdictions import load
from app.web import public
from tests.web.kit_app import TRADER, build
from tools import chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium.executable(), "args": list(chromium.SWITCHES)}


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """The kit as a trader sees it, and the public pages as anyone does."""
    pack, services = load._pack, registry.services()
    registry.install(SERVICES)
    anyone = build(None)
    anyone.register_blueprint(public.blueprint)
    servers = {name: make_server("127.0.0.1", 0, app, threaded=True)
               for name, app in (("trader", build(TRADER)), ("anyone", anyone))}  # fmt: skip
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield {name: f"http://127.0.0.1:{server.port}" for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()
    load._pack = pack
    registry.install(services)


@pytest.fixture(params=[360, 1366], ids=["phone", "desk"])
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """Without JavaScript of the page's own; axe is put in by the test."""
    context = browser.new_context(viewport={"width": request.param, "height": 850})
    yield context.new_page()
    context.close()


def inspect(page: Page) -> None:
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0
    found = Axe().run(page).response["violations"]
    assert not [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize("path", ["/kit", "/kit?rtl=1", "/form", "/fail/missing", "/fail/wrong"])
def test_kit(window: Page, addresses: dict[str, str], path: str) -> None:
    window.goto(addresses["trader"] + path)
    inspect(window)


@pytest.mark.parametrize(
    "path",
    ["/", "/?rtl=1", "/?lang=fr", "/start/export_licence", "/track?reference=x", "/service-standards", "/contact"],
)
def test_public(window: Page, addresses: dict[str, str], path: str) -> None:
    window.goto(addresses["anyone"] + path)
    inspect(window)


def test_account_menu(window: Page, addresses: dict[str, str]) -> None:
    window.goto(addresses["trader"] + "/fail/missing")
    window.locator(".account summary").click()
    assert window.get_by_role("button", name="Nyungwe Tea Growers Cooperative").is_visible()
    assert window.get_by_role("button", name="Sign out").is_visible()
    inspect(window)


def test_a_form_by_keyboard(window: Page, addresses: dict[str, str]) -> None:
    """Enter saves; the errors take the focus; a link in them leads to its input; search finds without a click lost."""
    window.goto(addresses["trader"] + "/form")
    window.get_by_label("Name of the business").fill("Kivu Coffee")
    window.get_by_label("Name of the business").press("Enter")
    assert window.title().startswith("Error: About the shipment")
    expect(window.locator(".errors")).to_be_focused()
    inspect(window)
    window.get_by_role("link", name="Choose an answer: Legal form").click()
    expect(window.locator("#form-0")).to_be_focused()
    window.get_by_label("Product", exact=True).fill("coffee")
    window.get_by_role("button", name="Search Product").click()
    expect(window.locator("#product-found-0")).to_be_focused()
    window.get_by_label("0901.21").check()
    window.get_by_role("button", name="Add another").click()
    expect(window.locator("#people-1-name")).to_be_focused()
    assert window.get_by_label("Name of the business").input_value() == "Kivu Coffee"
    assert window.locator("#product").input_value() == "0901.21"
    inspect(window)
    window.get_by_role("button", name="Remove Person 2").click()
    expect(window.get_by_role("heading", name="Person", exact=True)).to_be_focused()
    window.get_by_role("button", name="Save and continue").last.click()
    expect(window.locator(".errors")).to_be_focused()
