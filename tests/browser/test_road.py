"""The whole road, walked by five people: from "I sell coffee" to the auditor's PDF.

On a telephone without JavaScript, and at a desk with it. Every page passed is looked at (``Visitor.look``).
"""

import hashlib
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.cases.models import Case
from app.core import clock
from app.documents.models import Record
from app.permits.models import PermitLine
from tests.browser.conftest import Enter
from tests.browser.house import House
from tests.browser.visitor import Visitor
from tests.factories.people import PASSWORD
from tests.support import papers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMAIL = "josiane@beans.example"
KIGALI = ZoneInfo("Africa/Kigali")


def paper(name: str, kind: str = "pdf") -> dict[str, object]:
    """A file as a person has it on the telephone."""
    if kind == "pdf":
        return {"name": f"{name}.pdf", "mimeType": "application/pdf", "buffer": papers.pdf()}
    return {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": papers.picture(size=(600, 400))}


@pytest.fixture(params=[("desk", True), ("phone", False)], ids=["desk with JavaScript", "phone without"])
def people(request: pytest.FixtureRequest, fresh_house: House, entrance: Enter) -> "People":
    size, javascript = request.param
    return People(fresh_house, entrance, size, javascript)


class People:
    """Who walks here; each has a browser of their own and keeps it open."""

    def __init__(self, house: House, entrance: Enter, size: str, javascript: bool) -> None:
        self.house = house
        self._entrance = entrance
        self._options = {"size": size, "javascript": javascript}
        self.entrepreneur = self.someone("entrepreneur")
        self._open: dict[str, Visitor] = {}

    def someone(self, name: str) -> Visitor:
        return self._entrance(self.house, name=name, **self._options)

    def official(self, key: str) -> Visitor:
        if key not in self._open:
            self._open[key] = self.someone(key)
            self._open[key].sign_in(self.house.officials[key])
        return self._open[key]


def test_the_road(people: People, tmp_path: Path) -> None:
    house, trader = people.house, people.entrepreneur

    sign_up(trader)
    business_case = register_a_business(trader)
    recommend(people.official("registrar"), "Umurava Coffee", "The papers are in order.")
    approve(people.official("supervisor"), "Approve")
    certificate = issued(trader, business_case, "Certificate of registration")
    assert b"%PDF" in certificate

    licence_case = apply_for_a_licence(trader)
    pay(trader)
    clerk = people.official("licensing")
    ask_about_the_quantity(clerk)
    answer_the_question(trader, licence_case)
    see_what_changed(clerk, licence_case)
    approve(people.official("supervisor"), "Approve")
    number = find_the_permit(trader)

    declaration_case = declare_a_shipment(trader, number)
    release(people, declaration_case)
    trader.go(f"/permits/{number}")
    trader.sees("13,200")
    declaration = issued(trader, declaration_case, "Export declaration")
    assert audited(people.official("auditor"), declaration_case) == declaration

    with house.session() as session:
        line = session.scalars(select(PermitLine)).one()
        assert (line.reserved, line.consumed) == (Decimal(0), Decimal(6000))
        case = session.scalars(select(Case).where(Case.reference == declaration_case)).one()
        record = session.scalars(
            select(Record).where(Record.case_id == case.id, Record.kind == "export_declaration")
        ).one()
        session.expunge(record)
    assert hashlib.sha256(declaration).hexdigest() == record.sha256
    kept = tmp_path / "declaration.pdf"
    kept.write_bytes(declaration)
    words = subprocess.run(["pdftotext", "-layout", kept, "-"], capture_output=True, check=True, text=True).stdout
    assert record.number in " ".join(words.split())

    anyone = people.someone("anyone")
    anyone.go(f"/verify/{record.code}")
    anyone.sees("Valid")
    expect(anyone.page.locator("main")).not_to_contain_text("Josiane")


# --- (a) the entrepreneur, new to all this ---


def sign_up(trader: Visitor) -> None:
    trader.go("/")
    trader.follow("Register", within="main", exact=True)
    trader.follow("Create an account", within="main")
    trader.fill("Full name", "Josiane Ishimwe")
    trader.fill("E-mail address", EMAIL)
    trader.fill("Password", PASSWORD)
    trader.press("Create the account")
    trader.follow("Open the demonstration mailbox")
    trader.follow("Confirm your e-mail address", within="main")
    trader.follow("/verify-email/", within="main")
    trader.fill("Password", PASSWORD)
    trader.press("Confirm and sign in")


def register_a_business(trader: Visitor) -> str:
    if "/start/registration" not in trader.page.url:
        trader.follow("Register a business", within="main")
    trader.press("Start now")
    reference = urlsplit(trader.page.url).path.split("/")[-1]
    trader.follow("Legal form", within="main")
    trader.check("Private company limited by shares")
    trader.press("Save and continue")
    trader.fill("Name of the business", "Umurava Coffee")
    trader.press("Save and continue")
    trader.find_product("Main activity", "coffee", "4630")
    trader.fill("What the business does, in a few words", "Buys, washes and exports coffee")
    trader.press("Save and continue")
    trader.choose("Where the business has its seat", value="RW-gasabo.kimironko")
    trader.fill("Street, plot or house", "KG 11 Avenue 4")
    trader.fill("Telephone", "0788 000 001")
    trader.fill("E-mail of the business", "office@beans.example")
    trader.press("Save and continue")
    trader.fill("Share capital", "1 000 000")
    trader.fill("Number of shares", "1000")
    trader.press("Save and continue")
    trader.press("Add another Person")
    for number, (name, roles, shares) in enumerate(
        (("Josiane Ishimwe", ("Shareholder", "Director"), "600"), ("Olivier Nkurunziza", ("Shareholder",), "400"))
    ):
        row = trader.page.locator(f"#people-{number}-row")
        row.get_by_label("Full name").fill(name)
        for role in roles:
            row.get_by_label(role).check()
        row.get_by_label("Identity document").select_option("national_id")
        row.get_by_label("Number of the document").fill(f"119907000000000{number}")
        row.get_by_label("Nationality").select_option("RW")
        row.get_by_label("Number of shares").fill(shares)
    trader.press("Save and continue")
    upload(trader, "identity", paper("identity", "jpg"))
    trader.press("Upload and stay here")
    upload(trader, "articles", paper("articles"))
    trader.press("Save and continue")
    trader.follow("Check your answers")
    trader.sees("Umurava Coffee")
    trader.check("I declare")
    trader.press("Accept and send")
    assert trader.heading() == "Application sent"
    trader.sees(reference)
    trader.follow("Follow this application")
    return reference


def upload(trader: Visitor, code: str, file: dict[str, object]) -> None:
    if not trader.page.url.endswith("/documents"):
        trader.follow("Documents", within="main")
    trader.page.locator(f"#{code}").set_input_files(file)  # type: ignore[arg-type]


# --- (b) and (d) the officials ---


def recommend(clerk: Visitor, title: str, reason: str) -> None:
    clerk.go("/desk")
    clerk.press("Open the next case")
    assert title in clerk.heading()
    clerk.check("Recommend approval")
    clerk.fill("Reason or question", reason)
    clerk.press("Record")
    clerk.sees("is recorded")


def approve(supervisor: Visitor, decision: str) -> None:
    supervisor.go("/desk")
    supervisor.press("Open the next case")
    supervisor.check(decision, exact=True)
    supervisor.press("Record")
    supervisor.sees("is recorded")


def issued(trader: Visitor, reference: str, title: str) -> bytes:
    """The PDF of the case, twice, as the same bytes."""
    trader.house.wait_for_jobs()
    trader.go(f"/cases/{reference}")
    address = trader.page.get_by_role("link", name=title).first.get_attribute("href")
    assert address is not None
    first = trader.context.request.get(address)
    assert first.headers["content-type"] == "application/pdf"
    assert first.body() == trader.context.request.get(address).body()
    return first.body()


def ask_about_the_quantity(clerk: Visitor) -> None:
    clerk.go("/desk")
    clerk.press("Open the next case")
    clerk.page.get_by_label("Ask about Quantity", exact=True).check()
    clerk.check("Ask the applicant")
    clerk.fill("Reason or question", "The contract says 19 200 kg. Which is right?")
    clerk.press("Record")


def see_what_changed(clerk: Visitor, reference: str) -> None:
    clerk.go(f"/desk/{reference}")
    changes = clerk.page.get_by_role("region", name="What changed since version 1")
    expect(changes.locator("del")).to_contain_text("20,000")
    expect(changes.locator("ins")).to_contain_text("19,200")
    clerk.check("Recommend approval")
    clerk.fill("Reason or question", "Contract and quantity agree.")
    clerk.press("Record")


def release(people: People, reference: str) -> None:
    """One officer; in the red lane, which chance can choose, two."""
    officer = people.official("customs")
    officer.go("/desk")
    officer.press("Open the next case")
    assert reference in officer.page.url
    if officer.page.get_by_label("Release the goods").count():
        officer.check("Release the goods")
        officer.press("Record")
    else:
        officer.check("Recommend approval")
        officer.fill("Reason or question", "Inspected.")
        officer.press("Record")
        approve(people.official("supervisor"), "Release the goods")


def audited(auditor: Visitor, reference: str) -> bytes:
    """The auditor finds the case and takes the PDF away."""
    auditor.go("/audit")
    auditor.fill("Look for", reference)
    auditor.press("Search", within=".filters")
    auditor.page.locator(f"main a[href='/audit/{reference}']").first.click()
    auditor.look()
    auditor.sees("Umurava Coffee Ltd")
    address = auditor.page.get_by_role("link", name="Export declaration (PDF)").get_attribute("href")
    assert address is not None
    return auditor.context.request.get(address).body()


# --- (c) the licence ---


def apply_for_a_licence(trader: Visitor) -> str:
    trader.go("/")
    assert "Umurava Coffee" in trader.heading()
    trader.follow("Apply for an export licence", within="main")
    trader.press("Start now")
    reference = urlsplit(trader.page.url).path.split("/")[-1]
    trader.follow("Product and country", within="main")
    trader.check("Goods", exact=True)
    trader.find_product("Product", "coffee, not roasted", "0901.11")
    trader.fill("Describe it in your own words", "Fully washed green coffee, Bourbon")
    trader.choose("Country you sell to", value="CN")
    trader.press("Save and continue")
    trader.check("Coffee export licence")
    trader.press("Save and continue")
    trader.fill("Quantity", "20 000")
    trader.choose("Unit", value="KGM")
    trader.fill("Value of the goods", "96 000")
    trader.choose("Currency", value="USD")
    trader.press("Save and continue")
    today = clock.today(KIGALI)
    trader.fill_date("Valid from", today)
    trader.fill_date("Valid until", today + timedelta(days=90))
    trader.press("Save and continue")
    for code in ("sales_contract", "cupping_report"):
        upload(trader, code, paper(code))
    trader.press("Save and continue")
    trader.follow("Check your answers")
    trader.check("I declare")
    trader.press("Accept and send")
    return reference


def pay(trader: Visitor) -> None:
    trader.follow("Pay now")
    trader.fill("Mobile money number", "0788 000 001")
    trader.press("Pay", exact=False)
    for _attempt in range(20):
        trader.house.wait_for_jobs()
        if "Payment received" in trader.heading():
            break
        trader.press("Check now")
    assert trader.heading() == "Payment received"


def answer_the_question(trader: Visitor, reference: str) -> None:
    trader.go("/")
    trader.follow("Coffee export licence", within="main")
    trader.sees("Which is right?")
    trader.follow("Quantity and value", within="main")
    trader.sees("The agency asks about")
    assert trader.field("Quantity").input_value() == "20 000"
    trader.fill("Quantity", "19 200")
    trader.press("Save and continue")
    trader.follow("Check your answers")
    trader.check("I declare")
    trader.press("Send your answer")
    assert reference in trader.page.url


def find_the_permit(trader: Visitor) -> str:
    trader.house.wait_for_jobs()
    trader.go("/permits")
    trader.follow("Coffee export licence", within="main")
    trader.sees("19,200")
    return urlsplit(trader.page.url).path.split("/")[-1]


# --- (e) the shipment ---


def declare_a_shipment(trader: Visitor, number: str) -> str:
    trader.follow("Declare a shipment", within="main")
    trader.press("Start now")
    reference = urlsplit(trader.page.url).path.split("/")[-1]
    trader.follow("Office and procedure", within="main")
    trader.choose("Customs office that handles the declaration", value="KGLAIR")
    trader.choose("Where the goods leave the country", value="KGLAIR")
    trader.check("Final export")
    trader.press("Save and continue")
    trader.fill("Buyer (consignee)", "Hangzhou Beans")
    trader.fill("Address of the buyer", "1 West Lake Road, Hangzhou")
    trader.choose("Country of destination", value="CN")
    trader.press("Save and continue")
    trader.check("Air")
    trader.fill("Flight, vessel or number plate", "WB 700")
    trader.choose("Delivery terms (Incoterms 2020)", value="FCA")
    trader.fill("Named place", "Kigali")
    trader.press("Save and continue")
    trader.fill("Invoice number", "INV-1")
    trader.fill_date("Date of the invoice", clock.today(KIGALI))
    trader.choose("Currency of the invoice", value="USD")
    trader.press("Save and continue")
    trader.find_product("Product", "090111", "0901.11")
    trader.fill("Description on the invoice", "Green coffee in jute bags")
    trader.fill("Number of packages", "100")
    trader.choose("Kind of packages", value="JT")
    trader.fill("Gross mass", "6100")
    trader.fill("Net mass", "6000")
    trader.fill("Price on the invoice", "30 000")
    licences = trader.field("Licence")
    licences.select_option(index=1)
    assert number in licences.locator("option:checked").inner_text()
    trader.press("Save and continue")
    for code in ("invoice", "packing_list"):
        upload(trader, code, paper(code))
    trader.press("Save and continue")
    trader.follow("Check your answers")
    trader.check("I declare")
    trader.press("Accept and send")
    if trader.page.get_by_role("link", name="Pay now").count():
        pay(trader)
    return reference
