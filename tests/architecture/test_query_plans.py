"""Pages cost the same at twenty thousand cases as at a hundred: as many statements, no big table read from end to end,
nothing sorted beyond a page. Plans are asserted, never the clock; bench/README.md has the times."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import create_app
from app.core import db
from app.identity import people, teams
from app.identity.actor import Role
from app.identity.models import User
from app.jurisdictions import load as packs
from bench import pages
from tests.support.database import ServerUnderTest
from tests.web.conftest import settings_for
from tools.demo import seeding

pytestmark = pytest.mark.slow

FEW, MANY = 100, 20_000
KINDS = (  # a page's address with what changes from one database to the other left out
    "/desk", "/desk?q=WORD", "/desk?q=REFERENCE", "/desk?state=approved", "/desk/REFERENCE", "/desk?team=1",
    "/desk/team", "/desk/appeals", "/desk/advice", "/", "/cases",
    "/cases/REFERENCE", "/audit", "/audit?q=WORD", "/audit?q=REFERENCE", "/audit/REFERENCE", "/audit/log",
    "/audit/log?q=REFERENCE",
)  # fmt: skip
# A search sorts what it found, the page of the team counts all that is open.
LISTS = [kind for kind in KINDS if "REFERENCE" not in kind and "WORD" not in kind and kind != "/desk/team"]
AT_MOST = 8  # statements


def kind(url: str) -> str:
    path, _, query = url.partition("?")
    parts = path.split("/")
    if parts[-1][:3] in {"BR-", "EL-", "CD-"}:
        path = "/".join([*parts[:-1], "REFERENCE"])
    if query.startswith("q="):
        query = "q=REFERENCE" if query[2:5] in {"BR-", "EL-", "CD-"} else "q=WORD"
    return f"{path}?{query}" if query else path


def beside(session: Session) -> None:
    """What seeding leaves out: teams, appeals and advice, in proportion to the cases."""
    session.execute(text("UPDATE cases SET team = 'rdb-companies', team_by = 'rule' WHERE agency = 'RDB'"))
    supervisor = session.scalars(select(User).where(User.email == "supervisor@demo.example")).one()
    teams.set_teams(session, supervisor.id, ["rdb-companies"])
    session.execute(
        text(
            "INSERT INTO appeals (reference, case_id, decision_id, against_decided_by, against_recommended_by, agency,"
            " ground, why, documents, declaration, appealed_by, appealed_at, last_day, due_at, state, pack_version)"
            " SELECT 'AP-' || d.id, d.case_id, d.id, d.decided_by, d.recommended_by, c.agency, 'refusal', 'Wrong.',"
            " '[]', 'True.', c.applicant_id, d.decided_at + interval '1 hour', d.decided_at::date + 30,"
            " d.decided_at + interval '30 days', 'open', 'x'"
            " FROM decisions d JOIN cases c ON c.id = d.case_id WHERE d.outcome = 'refuse'"
        )
    )
    session.execute(  # most were ended long ago
        text(
            "UPDATE appeals SET state = 'withdrawn', withdrawn_by = appealed_by, withdrawn_at = appealed_at"
            " WHERE decision_id % 20 <> 0"
        )
    )
    session.execute(
        text(
            "INSERT INTO advice_requests (reference, case_id, submission_id, agency, asked_of, question, parts, papers,"
            " with_people, asked_by, asked_at, days, due_at, told, state, version, answer, conditions, ended_reason)"
            " SELECT 'AV-' || c.id, c.id, c.current_submission_id, c.agency, 'RRA', 'Is it so?', '[]', '[]', false,"
            " c.assigned_to, now(), 5, now() + interval '5 days', 0, 'asked', 1, '', '[]', ''"
            " FROM cases c WHERE c.state = 'in_review' AND c.agency <> 'RRA'"
        )
    )


@contextmanager
def portal_with(cases: int, server: ServerUnderTest, folder: pytest.TempPathFactory) -> Iterator[list[pages.Measured]]:
    before = db._database, packs._pack
    with server.fresh_database() as url:
        database = db.Database(url)
        try:
            db.configure(database)
            portal = create_app(settings_for(database, folder.mktemp("store")))
            with db.unit_of_work() as session:
                seeding.seed(session, cases, random_seed=1)
                agencies = {agency.code for agency in packs.current().agencies}
                for email, role in (("supervisor", Role.SUPERVISOR), ("auditor", Role.AUDITOR)):
                    people.create_user(
                        session, email=f"{email}@demo.example", name=email, password=None, role=role, locale="en_RW",
                        agencies=agencies if role is Role.SUPERVISOR else (),
                    )  # fmt: skip
            with db.unit_of_work() as session:
                beside(session)
            seeding.tidy(database)
            yield [measured for _, measured in pages.visit(portal, rounds=0)]
        finally:
            database.close()
            db._database, packs._pack = before


@pytest.fixture(scope="module")
def few(postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[pages.Measured]]:
    with portal_with(FEW, postgres, tmp_path_factory) as measured:
        yield measured


@pytest.fixture(scope="module")
def many(postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[pages.Measured]]:
    with portal_with(MANY, postgres, tmp_path_factory) as measured:
        yield measured


def of_kind(measured: list[pages.Measured], wanted: str) -> list[pages.Measured]:
    found = [each for each in measured if kind(each.url) == wanted]
    assert found
    return found


@pytest.mark.parametrize("wanted", KINDS)
def test_as_many_statements_at_both_sizes(few: list[pages.Measured], many: list[pages.Measured], wanted: str) -> None:
    at_few = [len(each.statements) for each in of_kind(few, wanted)]
    at_many = [len(each.statements) for each in of_kind(many, wanted)]
    assert at_few == at_many
    assert max(at_many) <= AT_MOST


@pytest.mark.parametrize("wanted", KINDS)
def test_no_big_table_is_read_from_end_to_end(many: list[pages.Measured], wanted: str) -> None:
    for each in of_kind(many, wanted):
        assert not each.scanned, each.url


@pytest.mark.parametrize("wanted", LISTS)
def test_nothing_is_sorted_beyond_a_page(many: list[pages.Measured], wanted: str) -> None:
    """A short list may be sorted whole where that is cheaper than following its index: hence three pages."""
    for each in of_kind(many, wanted):
        assert each.sorted <= pages.PAGE * 3, each.url
