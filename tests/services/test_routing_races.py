"""Raising, clearing and approving at once, on real commits: nothing is ever approved while a blocking flag stands."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import app
from app.cases import access, engine, flags
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import db
from app.core.errors import DomainError
from app.identity import teams
from tests.factories.businesses import make_business
from tests.factories.cases import acting, pay, submitted
from tests.factories.flags import make_flag
from tests.factories.people import make_user
from tests.services.conftest import cast, settings_for
from tests.services.test_routing import worth

ROUNDS, BARE_ROUNDS = 4, 110
APPROVE = text("UPDATE cases SET state = 'approved' WHERE id = :id")
RAISE = text(
    "INSERT INTO case_flags (case_id, submission_id, code, names, explanation, legal_ref, basis, rules_version, blocks,"
    " clearable_by, raised_at) SELECT id, current_submission_id, 'late', '{}', '{}', 'x', '{}', 'x', true, 'clerk',"
    " now() FROM cases WHERE id = :id"
)
STATE = text(
    "SELECT state = 'approved', EXISTS (SELECT FROM case_flags f WHERE f.case_id = cases.id AND blocks"
    " AND cleared_at IS NULL AND lapsed_at IS NULL) FROM cases WHERE id = :id"
)


@pytest.fixture
def live(committed, store_folder):
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    return committed


@pytest.fixture
def naeb(live):
    with db.unit_of_work() as session:
        return cast(session, "NAEB")


@pytest.fixture
def recommended(naeb, request):
    """So many cases that wait for a supervisor."""
    with db.unit_of_work() as session:
        owner = make_user(session)
        make_business(session, owner=owner)
        exporter = acting(session, owner)
        cases = []
        for _ in range(request.param):
            case = submitted(session, exporter, "export_licence", worth("1000"))
            pay(session, case, exporter)
            engine.perform(session, case, Action.TAKE, naeb.registrar, version=case.version)
            engine.perform(
                session, case, Action.RECOMMEND, naeb.registrar, version=case.version, reason="In order.",
                payload=Payload(outcome=Outcome.APPROVE),
            )  # fmt: skip
            cases.append(case)
        return cases


def at_once(*doings):
    """Each in its own unit of work; what was refused is a result."""
    barrier = threading.Barrier(len(doings))

    def one(work):
        barrier.wait(timeout=30)
        try:
            with db.unit_of_work() as session:
                work(session)
        except (DomainError, IntegrityError) as error:
            return error
        return None

    with ThreadPoolExecutor(len(doings)) as pool:
        return list(pool.map(one, doings))


@pytest.mark.parametrize("recommended", [ROUNDS], indirect=True)
def test_raising_and_clearing_against_approving(naeb, recommended):
    outcomes = []
    for number, case in enumerate(recommended):
        flag_id = None
        if number % 2:  # stands already, and is cleared while others approve
            with db.unit_of_work() as session:
                flag_id = make_flag(session, case, clearable_by="supervisor").id

        def approve(session, case=case, version=case.version):
            engine.perform(session, access.lock(session, case.id), Action.APPROVE, naeb.supervisor, version=version)

        def disturb(session, case=case, flag_id=flag_id):
            if flag_id is None:
                make_flag(session, case)
            else:
                flags.clear(session, session.get_one(Case, case.id), flag_id, naeb.second_supervisor, "It was seen.")

        at_once(approve, disturb, approve)
        with db.unit_of_work() as session:
            outcomes.append(tuple(session.execute(STATE, {"id": case.id}).one()))
    assert (True, True) not in outcomes
    assert any(approved for approved, _stands in outcomes)


@pytest.mark.parametrize("recommended", [1], indirect=True)
def test_the_schema_alone_keeps_raising_and_approving_apart(live, recommended):
    """Two programs that lock nothing themselves, from the same start each time."""
    case_id, seen = recommended[0].id, set()
    with live.engine.begin() as connection:  # another rule, that would refuse it for want of a decision
        connection.execute(text("ALTER TABLE cases DISABLE TRIGGER cases_decided"))
    with live.engine.connect() as first, live.engine.connect() as second, ThreadPoolExecutor(2) as pool:
        connections = {APPROVE: first, RAISE: second}

        def run(statement):
            connection = connections[statement]
            try:
                connection.execute(statement, {"id": case_id})
                connection.commit()
            except IntegrityError:
                connection.rollback()

        for number in range(BARE_ROUNDS):
            order = (APPROVE, RAISE) if number % 2 else (RAISE, APPROVE)
            list(pool.map(run, order))
            with live.engine.begin() as connection:
                seen.add(tuple(connection.execute(STATE, {"id": case_id}).one()))
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                connection.execute(text("DELETE FROM case_flags WHERE case_id = :id"), {"id": case_id})
                connection.execute(text("UPDATE cases SET state = 'recommended' WHERE id = :id"), {"id": case_id})
    assert seen == {(True, False), (False, True)}, "one of the two each time, and not always the same"


def test_an_administrator_who_saves_twice_saves_once(naeb):
    chosen = ["naeb-coffee-tea", "naeb-horticulture"]
    for number in range(10):
        wanted = chosen[: 1 + number % 2]
        results = at_once(*[lambda session: teams.set_teams(session, naeb.registrar.user_id, wanted)] * 2)  # noqa: B023
        assert results == [None, None]
        with db.unit_of_work() as session:
            assert teams.of_user(session, naeb.registrar.user_id) == set(wanted)
