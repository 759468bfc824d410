"""What a product needs, on pages; and listings, from the first question to the declaration."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from sqlalchemy import event, select

import app.trade.tasks  # noqa: F401
from app.cases.models import Case
from app.identity.actor import SYSTEM, Role
from app.permits import lifecycle
from app.trade.models import Listing
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.web.conftest import post

ASKED = {"hs": "090111", "destination": "CN", "channel": "alibaba-com", "quantity": "12000", "unit": "KGM"}
COFFEE = "/readiness?hs=090111&destination=CN&channel=alibaba-com&quantity=12000&unit=KGM"


@pytest.fixture
def owner(session):
    return make_user(session, name="Claudine Ingabire")


@pytest.fixture
def business(session, owner):
    return make_business(session, owner=owner, name="Koperative Ikawa")


@pytest.fixture
def seller(sign_in, owner, business):
    return sign_in(owner, business_id=business.id)


@pytest.fixture
def permits(session, business):
    return [make_permit(session, business, kind=kind) for kind in ("coffee-export", "phytosanitary", "origin-china")]


def forms(page: str) -> list[tuple[str, dict[str, str]]]:
    """The forms of a page that post, with their hidden fields."""
    found = []
    for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.S):
        if 'method="post"' not in attributes:
            continue
        action = re.search(r'action="([^"]*)"', attributes)
        hidden = [dict(re.findall(r'([a-z_]+)="([^"]*)"', each)) for each in re.findall(r"<input ([^>]*)>", body)]
        fields = {each["name"]: html.unescape(each["value"]) for each in hidden if each.get("type") == "hidden"}
        found.append((action.group(1) if action else "", fields))
    return found


def form_for(page: str, action: str, **having: str) -> dict[str, str]:
    return next(
        fields
        for address, fields in forms(page)
        if address == action and all(fields.get(name) == value for name, value in having.items())
    )


# The question


def test_the_first_page_asks_and_the_tab_leads_to_it(client):
    page = client.get("/readiness")
    assert page.status_code == 200
    assert "What does my product need?" in page.text
    assert 'href="/readiness"' in client.get("/help").text
    assert "Alibaba.com" in page.text


def test_words_are_searched_without_losing_the_rest(client):
    page = client.get("/readiness?hs=coffee&destination=CN&channel=alibaba-com&quantity=12+000&unit=KGM&_search=hs")
    assert page.status_code == 200
    assert 'value="090111"' in page.text
    assert 'value="12 000"' in page.text
    assert re.search(r'value="alibaba-com"[^>]*checked|checked[^>]*value="alibaba-com"', page.text)


def test_a_found_product_gives_an_address_worth_keeping(client):
    page = client.get("/readiness?hs=coffee&hs=090111&destination=CN&channel=alibaba-com&quantity=12,000.5&unit=KGM")
    assert page.status_code == 303
    query = parse_qs(urlsplit(page.location).query)
    assert query == {
        "hs": ["090111"], "destination": ["CN"], "channel": ["alibaba-com"], "quantity": ["12000.5"], "unit": ["KGM"],
    }  # fmt: skip
    assert client.get(page.location).status_code == 200


@pytest.mark.parametrize("quantity", ["19200", "0.125", "1.234", "1234.5", "999999.999"])
def test_the_address_means_the_same_in_both_languages(client, quantity):
    start = f"/readiness?hs=090111&destination=CN&channel=alibaba-com&quantity={quantity}&unit=KGM&lang=en"
    page = client.get(start, follow_redirects=True)
    address = f"{page.request.path}?{page.request.query_string.decode()}"
    french = client.get(f"{address}&lang=fr", follow_redirects=True)
    assert french.status_code == 200
    assert parse_qs(french.request.query_string.decode())["quantity"] == parse_qs(urlsplit(address).query)["quantity"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("hs=090111&destination=CN", "Choose where you sell."),
        ("destination=CN&channel=alibaba-com", "Search for the product and choose it."),
        ("hs=090111&destination=CN&channel=fliggy", "This channel sells services."),
        ("hs=090111&destination=US&channel=tmall-global", "sells only to: China"),
        ("hs=090111&destination=CN&channel=alibaba-com&quantity=5", "Choose the unit."),
        ("hs=090111&destination=RW&channel=alibaba-com", "Choose one of the answers in the list."),
        ("hs=%00&destination=CN&channel=alibaba-com", "product"),
    ],
)
def test_what_is_wrong_is_said_at_the_top_and_at_the_field(client, query, words):
    page = client.get(f"/readiness?{query}")
    assert page.status_code == 422
    assert "<title>Error:" in page.text
    assert words in page.text


# The answer


def test_a_visitor_learns_what_the_law_asks_of_everyone(client):
    page = client.get(COFFEE)
    assert page.status_code == 200
    for words in ("Coffee export licence", "Phytosanitary certificate", "NAEB coffee export rules", "Good to know"):
        assert words in page.text
    assert "Uncertain: sources differ" in page.text
    assert "/start/export_licence?" in page.text
    assert "/sign-in?next=" in page.text
    assert not any(action.startswith("/start/") for action, _fields in forms(page.text))


def test_the_visitors_link_carries_the_answers_to_the_start_page(client):
    page = client.get(COFFEE)
    link = next(
        html.unescape(each)
        for each in re.findall(r'href="(/start/export_licence\?[^"]*)"', page.text)
        if "kind=coffee-export" in each
    )
    assert parse_qs(urlsplit(link).query)["hs"] == ["090111"]
    assert client.get(link).status_code == 200


def test_prohibited_goods_say_so_first_and_plainly(seller):
    page = seller.get("/readiness?hs=740400&destination=CN&channel=alibaba-com")
    assert page.status_code == 200
    assert "These goods may not be exported" in page.text
    assert "Scrap copper" in page.text
    assert "Save as a listing" not in page.text
    assert not any(action.startswith("/start/") for action, _fields in forms(page.text))


def test_an_entrepreneur_without_a_business_starts_with_registering(sign_in, owner):
    page = sign_in(owner).get(COFFEE)
    assert "Begin with your business" in page.text
    actions = [action for action, _fields in forms(page.text) if action.startswith("/start/")]
    assert actions == ["/start/registration"]
    started = post(sign_in(owner), "/start/registration", form_for(page.text, "/start/registration"))
    assert started.status_code == 303
    assert "On its way" in sign_in(owner).get(COFFEE).text


def test_an_official_reads_the_rules_and_starts_nothing(session, sign_in):
    page = sign_in(make_user(session, role=Role.CLERK, agencies=("NAEB",))).get(COFFEE)
    assert page.status_code == 200
    assert not any(action.startswith("/start/") for action, _fields in forms(page.text))


def test_one_press_starts_the_missing_application_filled_in(session, seller):
    page = seller.get(COFFEE)
    assert "Missing" in page.text
    fields = form_for(page.text, "/start/export_licence", kind="coffee-export")
    started = post(seller, "/start/export_licence", fields)
    assert started.status_code == 303
    case = session.scalars(select(Case).where(Case.service == "export_licence")).one()
    again = post(seller, "/start/export_licence", fields)
    assert again.location == started.location, "a double click starts one application"
    product = seller.get(f"/cases/{case.reference}/step/product").text
    assert "0901.11" in product
    assert re.search(r'<option[^>]*(selected[^>]*value="CN"|value="CN"[^>]*selected|selected value="CN")', product)
    quantity = seller.get(f"/cases/{case.reference}/step/quantity")
    assert quantity.status_code in {200, 404}  # shown once the first pages are confirmed
    assert case.draft["quantity"]["prefill"] == {"quantity": "12000", "unit": "KGM"}
    answered = seller.get(COFFEE).text
    assert case.reference in answered
    assert "On its way" in answered


def test_each_button_of_the_page_starts_its_own_application(session, seller):
    page = seller.get(COFFEE).text
    for action, fields in forms(page):
        if action == "/start/export_licence":
            post(seller, action, fields)
    kinds = {case.arguments["kind"] for case in session.scalars(select(Case))}
    assert kinds == {"coffee-export", "phytosanitary", "origin-china"}


def test_what_is_held_is_shown_with_what_is_left(session, seller, permits):
    page = seller.get(COFFEE)
    assert "You have all it needs" in page.text
    assert permits[0].number in page.text
    assert "19,200" in page.text


def test_the_answer_costs_few_statements(session, seller, permits):
    seller.get(COFFEE)
    seen = []

    def note(conn, cursor, statement, *rest):
        seen.append(statement)

    engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        seller.get(COFFEE)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    asked = [statement for statement in seen if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]
    about_readiness = [each for each in asked if re.search(r"FROM (permits|permit_lines|cases|businesses)", each)]
    assert len(about_readiness) <= 6
    assert len(asked) <= 9


# Listings


def save(browser, **changes):
    page = browser.get("/listings/new?" + "&".join(f"{name}={value}" for name, value in ASKED.items()))
    assert page.status_code == 200
    fields = form_for(page.text, "/listings/new")
    return post(
        browser, "/listings/new", fields | {"title": "Bourbon 2026", "quantity": "12000", "unit": "KGM"} | changes
    )


def test_an_answer_is_saved_as_a_listing_and_made_ready(session, seller, permits):
    page = seller.get(COFFEE)
    link = html.unescape(re.search(r'href="(/listings/new\?[^"]*)"', page.text).group(1))
    assert "Green" in seller.get(link).text or "offee" in seller.get(link).text
    saved = save(seller)
    assert saved.status_code == 303
    listing = session.scalars(select(Listing)).one()
    page = seller.get(saved.location)
    assert "Ready to sell" in page.text
    assert listing.reference in seller.get("/listings").text
    declare = form_for(page.text, "/start/customs")
    assert declare["permit_line"] == str(permits[0].lines[0].id)
    started = post(seller, "/start/customs", declare)
    assert started.status_code == 303
    case = session.scalars(select(Case).where(Case.service == "customs")).one()
    assert case.draft["buyer"]["prefill"] == {"destination": "CN"}
    assert case.draft["items"]["prefill"]["items"][0]["hs"] == "090111"


def test_a_frozen_listing_says_why_and_comes_back_by_its_owners_hand(session, seller, permits):
    address = save(seller).location
    listing = session.scalars(select(Listing)).one()
    lifecycle.suspend(session, permits[0], SYSTEM, "Residues were found.")
    session.commit()
    page = seller.get(address)
    assert "This listing is frozen since" in page.text
    assert "Coffee export licence is suspended." in page.text
    assert not any(action.endswith("/ready") or action == "/start/customs" for action, _fields in forms(page.text))
    refused = post(seller, f"{address}/ready", {"version": str(listing.version)})
    assert refused.status_code == 422
    assert "Something is still missing" in refused.text
    assert "Frozen" in seller.get("/listings").text
    lifecycle.reinstate(session, permits[0], SYSTEM, "Taken out.")
    session.commit()
    page = seller.get(address)
    done = post(seller, f"{address}/ready", form_for(page.text, f"{address}/ready"))
    assert done.status_code == 303
    assert session.scalars(select(Listing)).one().state == "ready"


def test_between_midnight_and_the_job_its_pages_do_not_call_it_ready(
    session, sign_in, owner, business, seller, permits
):
    address = save(seller).location
    assert "Ready to sell" in seller.get("/listings").text
    with time_machine.travel(permits[0].expires_at, tick=False):
        again = sign_in(owner, business_id=business.id)  # nobody stays signed in for so long
        overview, page = again.get("/listings").text, again.get(address).text
    assert session.scalars(select(Listing)).one().state == "ready", "no job has run"
    for text in (overview, page):
        assert "Ready to sell" not in text
        assert "Frozen" in text
    assert "Coffee export licence has expired." in overview
    assert "Something it needs has just run out" in page


def test_the_quantity_is_changed_on_its_own_page(session, seller, permits):
    address = save(seller).location
    form = form_for(seller.get(f"{address}/quantity").text, f"{address}/quantity")
    refused = post(seller, f"{address}/quantity", form | {"quantity": "50000", "unit": "KGM"})
    assert refused.status_code == 422
    assert "19,200" in refused.text
    assert 'value="50000"' in refused.text
    assert post(seller, f"{address}/quantity", form | {"quantity": "15000", "unit": "KGM"}).status_code == 303
    assert session.scalars(select(Listing)).one().quantity == 15000


def test_taking_down_asks_once_more(session, seller, permits):
    address = save(seller).location
    form = form_for(seller.get(f"{address}/delist").text, f"{address}/delist")
    assert post(seller, f"{address}/delist", form).status_code == 303
    page = seller.get(address)
    assert "Taken down" in page.text
    assert forms(page.text) == [] or not any(address in action for action, _fields in forms(page.text))


def test_a_stale_button_is_a_conflict(session, seller, permits):
    address = save(seller).location
    assert post(seller, f"{address}/delist", {"version": "0"}).status_code == 409


def test_a_listing_without_a_title_is_shown_again(seller):
    page = save(seller, title="")
    assert page.status_code == 422
    assert "Enter a title." in page.text
    assert 'value="12000"' in page.text


def test_a_new_listing_without_a_question_leads_to_the_question(seller):
    page = seller.get("/listings/new")
    assert (page.status_code, page.location) == (303, "/readiness")


def test_anothers_listing_does_not_exist(session, sign_in, seller, permits):
    address = save(seller).location
    other = make_user(session)
    make_business(session, owner=other)
    stranger = sign_in(other)
    for page in ("", "/quantity", "/delist"):
        assert stranger.get(address + page).status_code == 404
    assert post(stranger, f"{address}/ready", {}).status_code == 404
    assert post(stranger, f"{address}/delist", {}).status_code == 404


def test_empty_states_say_what_to_do(session, sign_in, seller):
    assert "No listings yet" in seller.get("/listings").text
    assert "Register your business first" in sign_in(make_user(session)).get("/listings").text


def test_the_pages_are_small_and_without_inline_style(seller, permits):
    address = save(seller).location
    for page in ("/readiness", COFFEE, "/listings", address):
        text = seller.get(page).text
        assert " style=" not in text
        assert "<script" not in text


@pytest.mark.parametrize("path", ["/readiness", COFFEE, "/listings"])
def test_every_page_opens_in_french(seller, permits, path):
    page = seller.get(f"{path}{'&' if '?' in path else '?'}lang=fr")
    assert page.status_code == 200
    assert '<html lang="fr"' in page.text
