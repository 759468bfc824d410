"""The rules in force, for reading; and what pages say about rules whose source is not firm."""

import html

import pytest

from app.identity.actor import Role
from app.jurisdictions import load
from app.jurisdictions.model import Pack
from tests.factories.fees import make_charge
from tests.factories.people import make_user


@pytest.fixture
def page(client, session, sign_in):
    sign_in(make_user(session, role=Role.ADMINISTRATOR))

    def read(country="RW"):
        load.configure(country)
        try:
            return html.unescape(client.get("/admin/rules").text)
        finally:
            load.configure("RW")

    return read


@pytest.mark.parametrize("country", ["RW", "CG"])
def test_every_fee_agency_and_kind_is_there_with_what_it_rests_on(page, country):
    text = page(country)
    pack = load.load(country)
    assert pack.version in text
    for row in (*pack.fees, *pack.permit_kinds, *pack.agencies):
        assert row.name in text
        assert row.illustrative or row.legal_ref in text


def test_what_has_no_firm_source_says_so(page):
    text = page()
    assert "Illustrative: no legal source was found for this." in text
    assert "Uncertain: sources differ." in text


def test_a_row_of_the_past_and_of_the_future_is_marked(page, monkeypatch):
    pack = load.configure("RW")
    row = pack.fees[0]
    past = row.model_copy(update={"valid_to": row.valid_from})
    later = row.model_copy(update={"valid_from": row.valid_from.replace(year=2999)})
    monkeypatch.setattr(load, "configure", lambda country: None)
    monkeypatch.setattr(load, "_pack", pack.model_copy(update={"fees": (past, later)}))
    text = page()
    assert "Ended" in text
    assert "Later" in text


def test_there_is_nothing_to_change(page):
    main = page().partition("<main")[2].partition("</main>")[0]
    assert "<form" not in main


UNCERTAIN = "Uncertain: sources differ. Check with the agency."


@pytest.fixture
def unsure(monkeypatch) -> Pack:
    """Rwanda, where a source of the coffee licence's fee is contradicted by another."""
    pack = load.configure("RW")
    fees = tuple(
        fee.model_copy(update={"legal_ref": "NAEB notice", "uncertain": True}) if fee.code == "coffee-licence" else fee
        for fee in pack.fees
    )
    pack = pack.model_copy(update={"fees": fees})
    monkeypatch.setattr(load, "_pack", pack)
    monkeypatch.setattr(load, "configure", lambda country: pack)
    return pack


def test_the_start_page_marks_an_uncertain_fee_and_explains_the_mark(client, unsure):
    page = client.get("/start/export_licence").text
    assert page.count("(uncertain)") == 1
    assert "Amounts marked “uncertain”: the sources differ." in page


def test_the_service_standards_mark_an_uncertain_row(client):
    load.configure("RW")
    page = client.get("/service-standards").text
    assert "(uncertain)" in page
    assert "(illustrative)" in page


def test_the_bill_says_what_is_doubtful_about_a_fee(client, session, sign_in, unsure):
    payer = make_user(session)
    coffee = next(fee for fee in unsure.fees if fee.code == "coffee-licence")
    charge = make_charge(session, payer.id, coffee)
    page = sign_in(payer).get(f"/pay/{charge.reference}").text
    assert "NAEB notice" in page
    assert UNCERTAIN in page
