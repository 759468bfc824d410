"""The demo's stories: both load, every interesting state is there, and nothing is left broken behind them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, select, text

from app import create_app
from app.cases import escalation, silence
from app.cases.models import Case
from app.core import clock, db
from app.identity import people, sessions
from app.identity.actor import Role
from app.jobs import queue
from app.jurisdictions import load as packs
from app.permits import verification
from app.permits.models import Permit
from tests.services.conftest import settings_for
from tests.support.database import ServerUnderTest
from tools.demo.__main__ import NotHere, load
from tools.demo.platforms import PLATFORMS

FIRST_PAGES = {
    "entrepreneur": "/",
    "agent": "/",
    "registrar": "/desk",
    "clerk": "/desk",
    "customs": "/desk",
    "supervisor": "/desk",
    "auditor": "/audit",
    "admin": "/admin",
}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back what a second portal in the process changes."""
    before = db._database, packs._pack
    try:
        yield
    finally:
        db._database, packs._pack = before


@pytest.fixture(scope="module", params=["RW", "CG"])
def portal(
    request: pytest.FixtureRequest, postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The portal of a country with its demo loaded and the work in the background done, but for most papers."""
    with undisturbed(), postgres.fresh_database() as url:
        portal = create_app(settings_for(url, tmp_path_factory.mktemp("store"), request.param))
        load()
        with engine().begin() as connection:
            one_paper_of_each_kind(connection)
        queue.run_pending()
        yield portal
        db.database().close()


def engine() -> Engine:
    return db.database().engine


def one_paper_of_each_kind(connection: Connection) -> None:
    """Dozens of PDFs would take a minute: one of each kind shows that they can all be made."""
    connection.execute(
        text(
            "DELETE FROM procrastinate_jobs WHERE task_name = 'documents.render_record'"
            " AND (args->>'record_id')::bigint NOT IN (SELECT min(id) FROM records GROUP BY kind)"
        )
    )


def counts(statement: str) -> dict[str, int]:
    with engine().connect() as connection:
        return {str(row[0]): int(row[1]) for row in connection.execute(text(statement))}


def test_silence_has_decided_one_case_and_decides_another_by_the_next_working_day(portal: Flask) -> None:
    [rule] = packs.current().silences
    told = portal.test_client().get("/service-standards?lang=en").text
    words = {"consent": "the application counts as granted", "refusal": "the application counts as refused"}
    assert words[rule.effect] in told
    assert counts("SELECT outcome, count(*) FROM decisions WHERE by_silence GROUP BY outcome") == {
        {"consent": "approve", "refusal": "refuse"}[rule.effect]: 1
    }
    with db.unit_of_work() as session:
        pack, now = packs.current(), clock.now()
        looks = [silence.outlook(case, pack) for case in session.scalars(select(Case).where(silence.concerned(pack)))]
        soon = [look for look in looks if look is not None and now < look.at <= escalation.horizon(pack, now)]
    assert len(soon) == 1


def test_every_state_of_a_case_is_there(portal: Flask) -> None:
    states = counts("SELECT state, count(*) FROM cases GROUP BY state")
    assert states.keys() >= {
        "draft", "awaiting_payment", "submitted", "in_review", "returned", "recommended", "approved", "refused",
    }  # fmt: skip
    overdue = "SELECT agency, count(*) FROM cases WHERE due_at < now() AND decided_at IS NULL GROUP BY agency"
    assert counts(overdue)[packs.current().registration_agency]
    twice = "SELECT case_id, count(*) FROM information_requests GROUP BY case_id HAVING count(*) > 1"
    assert counts(twice)


def test_every_state_of_a_permit_and_a_listing_is_there(portal: Flask) -> None:
    with db.unit_of_work() as session:
        found = {verification.state(permit, clock.now()).value for permit in session.query(Permit)}
    assert found >= {"active", "suspended", "expired", "used_up"}
    listings = counts("SELECT state, count(*) FROM listings GROUP BY state")
    assert listings.keys() == {"draft", "ready", "frozen"}


def test_money_that_came_twice_waits_for_its_refund(portal: Flask) -> None:
    assert counts("SELECT destination, count(*) FROM payments GROUP BY destination")["refunds_payable"] == 1
    unbalanced = "SELECT entry_id, sum(amount_minor) FROM ledger_lines GROUP BY entry_id HAVING sum(amount_minor) <> 0"
    assert counts(unbalanced) == {}


def test_a_weight_mismatch_is_under_inspection_in_the_red_lane(portal: Flask) -> None:
    inspected = (
        "SELECT c.reference, count(*) FROM cases c JOIN declarations d ON d.case_id = c.id JOIN case_notes n"
        " ON n.case_id = c.id WHERE d.lane = 'red' AND c.state = 'in_review' GROUP BY c.reference"
    )
    assert len(counts(inspected)) == 1


def test_an_official_has_an_interest_in_a_firm_with_a_case_on_their_desk(portal: Flask) -> None:
    conflicts = (
        "SELECT c.reference, count(*) FROM cases c JOIN memberships m ON m.business_id = c.business_id"
        " JOIN agency_members a ON a.user_id = m.user_id AND a.agency = c.agency"
        " WHERE c.state = 'submitted' GROUP BY c.reference"
    )
    assert len(counts(conflicts)) == 1


def test_each_desk_has_work(portal: Flask) -> None:
    pack = packs.current()
    work = "SELECT agency, count(*) FROM cases WHERE state IN ('submitted', 'in_review', 'recommended') GROUP BY agency"
    waiting = counts(work)
    assert waiting[pack.registration_agency] >= 3
    assert waiting[pack.customs_agency] >= 2
    assert counts("SELECT state, count(*) FROM cases GROUP BY state")["recommended"] >= 2
    licensing = {kind.agency for kind in pack.permit_kinds} - {pack.registration_agency, pack.customs_agency}
    touched = set(counts("SELECT agency, count(*) FROM cases WHERE agency IS NOT NULL GROUP BY agency"))
    assert not licensing - touched


def test_nothing_is_dated_in_the_future(portal: Flask) -> None:
    late = {
        f"{table}.{column}": counts(f"SELECT 'n', count(*) FROM {table} WHERE {column} > now()")["n"]
        for table, column in [
            ("cases", "updated_at"), ("case_events", "at"), ("submissions", "submitted_at"), ("audit_entries", "at"),
            ("payments", "created_at"), ("permits", "issued_at"), ("records", "issued_at"), ("listings", "updated_at"),
        ]
    }  # fmt: skip
    assert not any(late.values()), late


def test_nothing_failed_in_the_background(portal: Flask) -> None:
    """Mails are in the mailbox, payments are settled, and one paper of each kind was made."""
    assert counts("SELECT status::text, count(*) FROM procrastinate_jobs WHERE scheduled_at <= now() GROUP BY 1") == {}
    assert counts("SELECT mail_state, count(*) FROM messages GROUP BY mail_state").keys() == {"sent"}
    made = counts("SELECT kind, count(*) FROM records WHERE state = 'ready' GROUP BY kind")
    assert made.keys() == {
        "registration_certificate", "permit", "export_declaration", "receipt", "inspection_report", "certified_copy",
            "disposal_certificate",
    }  # fmt: skip


def test_loading_again_changes_nothing(portal: Flask) -> None:
    sizes = "SELECT relname, n_live_tup FROM pg_stat_user_tables"
    tables = list(counts(sizes))
    before = {table: counts(f'SELECT 1, count(*) FROM "{table}"') for table in tables}
    load()
    assert {table: counts(f'SELECT 1, count(*) FROM "{table}"') for table in tables} == before


def test_another_countrys_portal_does_not_open_on_it(portal: Flask) -> None:
    with undisturbed():
        packs.configure("CG" if packs.current().country == "RW" else "RW")
        with pytest.raises(NotHere, match="the demo of another country"):
            load()


@pytest.mark.parametrize(("who", "page"), FIRST_PAGES.items())
def test_the_first_page_of_each_account_is_alive(portal: Flask, who: str, page: str) -> None:
    browser = portal.test_client()
    with db.unit_of_work() as session:
        user = people.by_email(session, f"{who}@demo.example")
        assert user is not None
        _, token = sessions.open_session(
            session, user, ip="127.0.0.1", user_agent="test", second_factor=Role(user.role).official
        )
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    answer = browser.get(page)
    assert answer.status_code == 200, answer.text
    if who not in {"auditor", "admin"}:
        assert answer.text.count("/cases/" if page == "/" else "/desk/") >= 2


def test_the_platforms_can_sign_in_and_see_their_listings(portal: Flask) -> None:
    browser = portal.test_client()
    seen = {}
    for platform in PLATFORMS:
        asked = {"grant_type": "client_credentials"}
        answer = browser.post("/oauth/token", data=asked, auth=(platform.client_id, platform.secret))
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
        answer = browser.get("/api/v1/listings", headers=headers)
        assert answer.status_code == 200, answer.text
        seen[platform.channel] = {listing["state"] for listing in answer.get_json()["items"]}
    assert seen == {"alibaba-com": {"frozen"}, "tmall-global": {"ready"}, "fliggy": {"ready"}}
