"""Seeded cases are what the engine would have written: complete, in balance, and numbered without a gap."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

import app
from app.cases import drafts, engine, registry, summary
from app.cases.models import Case, Submission
from app.core import db
from app.identity.actor import Role
from app.identity.models import User
from app.jurisdictions import load as packs
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.conftest import settings_for
from tests.support.database import ServerUnderTest
from tools.demo import seeding

CASES = 400


@pytest.fixture(scope="module", params=["RW", "CG"])
def seeded(
    request: pytest.FixtureRequest, postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[db.Database]:
    before = db._database, packs._pack
    with postgres.fresh_database() as url:
        try:
            app.configure(settings_for(url, tmp_path_factory.mktemp("store"), request.param))
            with db.unit_of_work() as session:
                seeding.seed(session, CASES, random_seed=7)
            yield db.database()
        finally:
            db.database().close()
            db._database, packs._pack = before


def rows(statement: str) -> list[tuple[object, ...]]:
    with db.database().engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_as_many_as_asked_in_every_service_and_open_state(seeded: db.Database) -> None:
    assert rows("SELECT count(*) FROM cases") == [(CASES,)]
    found = rows("SELECT service, count(DISTINCT state) FROM cases GROUP BY service")
    assert {service for service, _ in found} == {"registration", "export_licence", "customs"}
    open_states = rows(
        "SELECT DISTINCT state FROM cases WHERE state IN ('submitted', 'in_review', 'returned', 'recommended')"
    )
    assert len(open_states) == 4
    decided = rows("SELECT count(*) FROM cases WHERE state IN ('approved', 'refused', 'withdrawn')")
    assert int(str(decided[0][0])) > CASES * 0.8


def test_what_happened_leads_to_the_state(seeded: db.Database) -> None:
    last = (
        "SELECT c.reference FROM cases c JOIN LATERAL (SELECT to_state FROM case_events WHERE case_id = c.id"
        " ORDER BY id DESC LIMIT 1) e ON true WHERE e.to_state <> c.state"
    )
    assert rows(last) == []
    versions = (
        "SELECT reference FROM cases c WHERE version <> 1 + (SELECT count(*) FROM case_events WHERE case_id = c.id)"
    )
    assert rows(versions) == []
    disorder = (
        "SELECT 1 FROM (SELECT at, lag(at) OVER (PARTITION BY case_id ORDER BY id) AS earlier FROM case_events) AS e"
        " WHERE at < earlier OR at > now()"
    )
    assert rows(disorder) == []
    assert rows("SELECT 1 FROM decisions WHERE four_eyes AND recommended_by = decided_by") == []


def test_lines_agree_with_their_movements(seeded: db.Database) -> None:
    wrong = (
        "SELECT l.id FROM permit_lines l LEFT JOIN allocations a ON a.line_id = l.id GROUP BY l.id HAVING"
        " l.reserved <> coalesce(sum(a.reserved_change), 0) OR l.consumed <> coalesce(sum(a.consumed_change), 0)"
    )
    assert rows(wrong) == []
    assert rows("SELECT 1 FROM allocations LIMIT 1") == [(1,)]


def test_numbers_have_no_gap_and_go_on(seeded: db.Database) -> None:
    gaps = (
        "SELECT substr(reference, 1, 7) AS series, count(*), max(split_part(reference, '-', 3)::int) FROM cases"
        " GROUP BY 1 HAVING count(*) <> max(split_part(reference, '-', 3)::int)"
    )
    assert rows(gaps) == []
    with db.unit_of_work() as session:
        who = acting(session, make_user(session))
        case = engine.start(session, "registration", who, idempotency_key="after the seed")
        assert case.id > CASES
        session.rollback()


def test_the_portal_can_read_what_was_seeded(seeded: db.Database) -> None:
    """Submissions open, and what was sent back can be sent again as it is."""
    pack = packs.current()
    with db.unit_of_work() as session:
        sent = session.query(Case).filter(Case.current_submission_id.is_not(None))
        for case in sent.order_by(Case.id.desc()).limit(60):
            submission = session.get_one(Submission, case.current_submission_id)
            assert summary.sections(session, registry.service(case.service), pack, case, submission.data)
        returned = session.query(Case).filter_by(state="returned").all()
        assert {case.service for case in returned} >= {"registration", "export_licence"}
        for case in returned:
            found = drafts.evaluate(session, registry.service(case.service), pack, case)
            # The first day asked for may have gone by while the case was with the applicant.
            assert {problem.field for problem in found.problems} <= {"validity.valid_from"}


def test_people_who_were_seeded_cannot_sign_in(seeded: db.Database) -> None:
    with db.unit_of_work() as session:
        assert session.query(User).filter(User.password_hash.is_not(None)).count() == 0
        assert session.query(User).filter_by(role=Role.SUPERVISOR.value).count() >= 2


def test_one_seed_gives_the_same_cases_and_another_gives_others(seeded: db.Database) -> None:
    def titles(random_seed: int) -> list[str]:
        with db.unit_of_work() as session:
            seeding.seed(session, 50, random_seed=random_seed)
            added = session.scalars(select(Case.title).order_by(Case.id.desc()).limit(50)).all()
            session.rollback()
        return list(added)

    assert titles(3) == titles(3)
    assert titles(3) != titles(4)
    assert rows("SELECT count(*) FROM cases") == [(CASES,)]
