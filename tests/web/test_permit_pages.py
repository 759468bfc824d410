"""Permits and businesses on pages: for the holder, the issuing agency and the auditor."""

from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import event, select

from app.audit.models import Entry
from app.core.money import Money
from app.documents import records as documents
from app.identity.actor import SYSTEM, MembershipRole, Role
from app.permits import allocations, lifecycle, records
from app.permits.models import Permit, PermitEvent
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit
from tests.support.record_data import fitting
from tests.web.conftest import post

SAID = "Pesticide above the limit was found in lot 7."


@pytest.fixture
def owner(session):
    return make_user(session, name="Claudine Ingabire")


@pytest.fixture
def business(session, owner):
    return make_business(session, owner=owner, name="Urumuri Tea Hills Ltd")


@pytest.fixture
def permit(session, business):
    return make_permit(session, business, line("1200"))


@pytest.fixture
def supervisor(session):
    return make_user(session, role=Role.SUPERVISOR, agencies=("NAEB",))


def paper(session, permit: Permit) -> documents.Record:
    record = documents.request(
        session,
        kind=records.KIND,
        template="export_licence/licence.html",
        title="Licence",
        data=fitting("permit", number=permit.number),
        locale="en_RW",
        subject=f"permit:{permit.id}",
        issuer="NAEB",
        business_id=permit.business_id,
    )
    permit.record_id = record.id
    session.flush()
    return record


# The holder


def test_the_list_shows_state_validity_and_balance(session, sign_in, owner, permit):
    allocations.reserve(
        session, permit.lines[0].id, declaration_item="D/1", quantity=Decimal(200), value=Money(1, "RWF")
    )
    record = paper(session, permit)
    page = sign_in(owner).get("/permits")
    assert page.status_code == 200
    assert permit.number in page.text
    assert "1,000\u00a0kg of 1,200\u00a0kg left" in page.text
    assert '<progress value="200.000" max="1200.000"' in page.text
    assert f"/records/{record.code}" in page.text


def test_without_a_business_the_list_says_what_to_do(session, sign_in):
    page = sign_in(make_user(session)).get("/permits")
    assert "Register your business first" in page.text
    assert "/start/registration" in page.text


def test_without_permits_the_list_says_what_to_do(sign_in, owner, business):
    page = sign_in(owner).get("/permits")
    assert "No permits yet" in page.text
    assert "/readiness" in page.text


def test_the_list_is_paged_and_costs_the_same_for_many(session, sign_in, owner, business, database):
    def statements(url: str) -> tuple[int, str]:
        counted: list[str] = []
        browser = sign_in(owner)
        session.expunge_all()

        def count(*arguments):
            if not arguments[2].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                counted.append(arguments[2])

        event.listen(database.engine, "before_cursor_execute", count)
        try:
            page = browser.get(url)
        finally:
            event.remove(database.engine, "before_cursor_execute", count)
        return len(counted), page.text

    first = make_permit(session, business)
    few, _ = statements("/permits")
    for _number in range(24):
        make_permit(session, business)
    many, page = statements("/permits")
    assert many == few <= 6
    assert first.number not in page
    older = page.split('rel="next" href="')[1].split('"')[0]
    assert first.number in sign_in(owner).get(older.replace("&amp;", "&")).text


def test_the_page_of_a_permit_has_balance_movements_and_history(session, sign_in, owner, permit):
    line_id = permit.lines[0].id
    for item, quantity in (("CD-2026-00001-A/1", "300"), ("CD-2026-00002-B/1", "100")):
        allocations.reserve(session, line_id, declaration_item=item, quantity=Decimal(quantity), value=Money(1, "RWF"))
    allocations.consume(session, line_id, declaration_item="CD-2026-00001-A/1")
    page = sign_in(owner).get(f"/permits/{permit.number}")
    assert page.status_code == 200
    for shown in ("CD-2026-00001-A/1", "800\u00a0kg of 1,200\u00a0kg left", "Issued", "Declare a shipment", "China"):
        assert shown in page.text
    assert "Change the state" not in page.text


def test_a_suspended_permit_says_why(session, sign_in, owner, permit):
    lifecycle.suspend(session, permit, SYSTEM, SAID)
    page = sign_in(owner).get(f"/permits/{permit.number}")
    assert "This permit is suspended" in page.text
    assert SAID in page.text
    assert "Declare a shipment" not in page.text


def test_an_expired_permit_says_so_before_any_job_ran(sign_in, owner, permit):
    with time_machine.travel(permit.expires_at, tick=False):
        page = sign_in(owner).get(f"/permits/{permit.number}")
        assert "This permit has ended" in page.text
        assert "Apply for a new permit" in page.text


def test_what_a_holder_sees_in_french(sign_in, owner, permit):
    page = sign_in(owner).get(f"/permits/{permit.number}?lang=fr")
    assert '<html lang="fr"' in page.text
    assert "1\u00a0200" in page.text


@pytest.mark.parametrize("number", ["RW-COFFEE-EXPORT-2026-99999-X", "x"])
def test_a_missing_permit_and_anothers_look_the_same(session, sign_in, permit, number):
    stranger = make_user(session)
    make_business(session, owner=stranger)
    browser = sign_in(stranger)
    others, missing = browser.get(f"/permits/{permit.number}"), browser.get(f"/permits/{number}")
    assert others.status_code == missing.status_code == 404
    assert permit.number not in others.text.replace(f"/permits/{permit.number}", "")


# The issuing agency


def test_the_desk_lists_the_agencys_permits_and_opens_one_by_number(session, sign_in, permit, business):
    clerk = make_user(session, role=Role.CLERK, agencies=("NAEB",))
    browser = sign_in(clerk)
    page = browser.get("/desk/permits")
    assert permit.number in page.text
    assert business.name in page.text
    assert permit.number not in browser.get("/desk/permits?state=revoked").text
    found = browser.get(f"/desk/permits?q={permit.number.lower()}")
    assert (found.status_code, found.location) == (303, f"/desk/permits/{permit.number}")
    assert "issued no permit with the number" in browser.get("/desk/permits?q=RW-X-2026-1").text


def test_another_agency_does_not_see_the_permit(session, sign_in, permit):
    browser = sign_in(make_user(session, role=Role.SUPERVISOR, agencies=("RICA",)))
    assert permit.number not in browser.get("/desk/permits").text
    assert browser.get(f"/desk/permits/{permit.number}").status_code == 404
    assert browser.get(f"/desk/permits/{permit.number}/suspend").status_code == 404
    answer = post(browser, f"/desk/permits/{permit.number}/suspend", {"reason_code": "other", "reason": SAID})
    assert answer.status_code == 404


def test_a_clerk_sees_but_does_not_control(session, sign_in, permit):
    browser = sign_in(make_user(session, role=Role.CLERK, agencies=("NAEB",)))
    assert "Change the state" not in browser.get(f"/desk/permits/{permit.number}").text
    assert browser.get(f"/desk/permits/{permit.number}/suspend").status_code == 403


def test_a_supervisor_suspends_and_lifts_the_suspension(session, sign_in, supervisor, permit):
    browser = sign_in(supervisor)
    address = f"/desk/permits/{permit.number}"
    assert f"{address}/suspend" in browser.get(address).text
    assert "the holder&#39;s listings" in browser.get(f"{address}/suspend").text
    answer = post(browser, f"{address}/suspend", {"reason_code": "inspection", "reason": SAID})
    assert (answer.status_code, answer.location) == (303, address)
    page = browser.get(address).text
    assert "The permit is suspended." in page
    assert SAID in page
    assert f"{address}/reinstate" in page
    assert f"{address}/suspend" not in page
    answer = post(browser, f"{address}/reinstate", {"reason_code": "resolved", "reason": "The lot was destroyed."})
    assert answer.status_code == 303
    session.expire_all()
    rows = session.execute(
        select(PermitEvent.to_state, PermitEvent.actor_id, PermitEvent.reason_code).order_by(PermitEvent.id)
    ).all()
    assert rows[1:] == [("suspended", supervisor.id, "inspection"), ("active", supervisor.id, "resolved")]


def test_revoking_needs_a_reason_and_keeps_what_was_typed(session, sign_in, supervisor, permit):
    browser = sign_in(supervisor)
    answer = post(browser, f"/desk/permits/{permit.number}/revoke", {"reason": "too short"})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert "Choose why." in answer.text
    assert "too short" in answer.text
    session.expire_all()
    assert permit.state == "active"


def test_an_act_that_is_no_longer_possible_is_refused_politely(session, sign_in, supervisor, permit):
    browser = sign_in(supervisor)
    lifecycle.revoke(session, permit, SYSTEM, SAID)
    session.commit()
    answer = post(browser, f"/desk/permits/{permit.number}/suspend", {"reason_code": "other", "reason": SAID})
    assert answer.status_code == 422
    assert "does not allow that any more" in answer.text
    assert SAID in answer.text
    assert browser.get(f"/desk/permits/{permit.number}/suspend").status_code == 303
    assert browser.get(f"/desk/permits/{permit.number}/destroy").status_code == 404


def test_an_act_without_a_csrf_token_does_nothing_and_keeps_what_was_typed(session, sign_in, supervisor, permit):
    browser = sign_in(supervisor)
    fields = {"reason_code": "other", "reason": SAID}
    answer = browser.post(f"/desk/permits/{permit.number}/suspend", data=fields, follow_redirects=True)
    assert "The permit is suspended" not in answer.text
    session.expire_all()
    assert permit.state == "active"
    assert session.scalars(select(PermitEvent.to_state)).all() == ["active"]


# The auditor


def test_an_auditor_reads_without_buttons_and_leaves_a_trace(session, sign_in, permit, business):
    auditor = make_user(session, role=Role.AUDITOR)
    browser = sign_in(auditor)
    page = browser.get(f"/audit/permits/{permit.number}")
    assert page.status_code == 200
    assert business.number in page.text
    assert "Change the state" not in page.text
    assert browser.get(f"/audit/businesses/{business.number}").status_code == 200
    verbs = session.scalars(select(Entry.verb).where(Entry.actor_id == auditor.id).order_by(Entry.id)).all()
    assert verbs[-2:] == ["permit.viewed", "business.viewed"]


# The business


def test_the_business_page_shows_the_entry_its_people_and_members(session, sign_in, owner, business):
    page = sign_in(owner).get("/business")
    assert page.status_code == 200
    for shown in (
        business.number,
        "Urumuri Tea Hills Ltd",
        "Aline Uwase",
        "60%",
        "Shareholder, Director",
        "Claudine Ingabire",
        "/business/members",
        "1,000,000\u00a0RWF",
    ):
        assert shown in page.text
    assert "PC0000001" not in page.text  # numbers of identity papers stay in the register


def test_a_missing_fact_is_not_stated(session, sign_in):
    owner = make_user(session)
    make_business(session, owner=owner, tax_number=None)
    assert "not stated" in sign_in(owner).get("/business").text


def test_another_of_ones_businesses_offers_the_switch(session, sign_in, owner, business):
    second = make_business(session, owner=owner)
    page = sign_in(owner, business_id=business.id).get(f"/business/{second.number}")
    assert "Act for this business" in page.text
    assert sign_in(make_user(session)).get(f"/business/{second.number}").status_code == 404


def test_an_agent_is_not_offered_to_manage_members(session, sign_in, business):
    agent = make_user(session, businesses={business.id: MembershipRole.AGENT})
    page = sign_in(agent).get("/business")
    assert page.status_code == 200
    assert "/business/members" not in page.text


def test_without_a_business_the_page_says_what_to_do(session, sign_in):
    assert "/start/registration" in sign_in(make_user(session)).get("/business").text


def test_the_registrars_supervisor_suspends_a_business(session, sign_in, business):
    registrar = make_user(session, role=Role.SUPERVISOR, agencies=("RDB",))
    browser = sign_in(registrar)
    address = f"/desk/businesses/{business.number}"
    assert f"{address}/suspend" in browser.get(address).text
    assert post(browser, f"{address}/suspend", {"reason": ""}).status_code == 422
    answer = post(browser, f"{address}/suspend", {"reason": "The annual return is missing."})
    assert (answer.status_code, answer.location) == (303, address)
    session.expire_all()
    assert business.state == "suspended"
    assert "The annual return is missing." in browser.get(address).text
    assert browser.get(f"{address}/suspend").status_code == 303
    assert post(browser, f"{address}/reinstate", {"reason": "The return was filed."}).status_code == 303


def test_another_agencys_supervisor_reads_the_register_only(session, sign_in, supervisor, business):
    browser = sign_in(supervisor)
    assert browser.get(f"/desk/businesses/{business.number}").status_code == 200
    assert browser.get(f"/desk/businesses/{business.number}/suspend").status_code == 404
