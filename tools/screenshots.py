"""``make screenshots``: one picture of each user's main page for the README, from a running demo.

Start the demo first (``make run``); ``PORT`` says where it is. Signs in as a person would, by the demo accounts; the
second-factor code is read from the page that shows it in the demo.
"""

import os
import re
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tools import chromium
from tools.demo import PASSWORD
from tools.loopback import direct

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "img"
CODE = re.compile(r"\b\d{6}\b")


@dataclass(frozen=True)
class Picture:
    name: str
    path: str
    account: str = ""  # empty: not signed in


PICTURES_WANTED = (
    Picture("entrepreneur", "/", "entrepreneur"),
    Picture("clerk", "/desk", "clerk"),
    Picture("supervisor", "/desk", "supervisor"),
    Picture("auditor", "/audit", "auditor"),
    Picture("administrator", "/admin", "admin"),
    Picture("platform", "/api/docs"),
)


def sign_in(page: Page, address: str, account: str) -> None:
    email = f"{account}@demo.example"
    page.goto(f"{address}/sign-in")
    # The demo's sign-in page lists its accounts, officials with the code of this moment.
    listed = page.inner_text("main").partition(email)[2].partition("@demo.example")[0]
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main form button.btn").first.click()
    if page.locator("input[name=one_time_code]").count():
        code = CODE.search(listed)
        if code is None:
            raise SystemExit(f"The sign-in page shows no code for {account}. Is this the demo?")
        page.fill("input[name=one_time_code]", code.group())
        page.locator("main form button.btn").first.click()
    if "/sign-in" in page.url:
        raise SystemExit(f"{email} could not sign in. Is the demo data loaded?")


def take(browser: Browser, address: str, picture: Picture) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 820}, locale="en-RW", device_scale_factor=1)
    page = context.new_page()
    if picture.account:
        sign_in(page, address, picture.account)
    answer = page.goto(f"{address}{picture.path}")
    if answer is None or not answer.ok:
        raise SystemExit(f"{picture.path} as {picture.account or 'nobody'} answered {answer and answer.status}.")
    page.screenshot(path=PICTURES / f"{picture.name}.png")
    context.close()


def main() -> int:
    os.environ.update(direct(os.environ))
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
    try:
        urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
    except OSError:
        print(f"No demo answers at {address}. Start it in another window with: make run", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.SWITCHES))
        for picture in PICTURES_WANTED:
            take(browser, address, picture)
            print(f"docs/img/{picture.name}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
