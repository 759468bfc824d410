"""Many people at once, on real commits: nothing is done twice, and nobody decides alone."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

import app
from app.cases import access, engine, numbering, worklist
from app.cases.models import Case, CaseEvent, Decision, Outcome, Recommendation, Submission
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import db
from app.core.errors import DomainError
from app.documents import uploads
from app.identity import sessions
from app.identity.actor import Role
from app.permits.models import Allocation, PermitLine
from tests.factories.businesses import make_business
from tests.factories.cases import acting, declaration, drafted, fill, photo, registration, submitted
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit
from tests.services.conftest import cast, settings_for
from tests.web.conftest import csrf_token

APPROVAL = Payload(outcome=Outcome.APPROVE)


@pytest.fixture
def live(committed, store_folder):
    """A database of the test's own with the services installed; commits are real."""
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    return committed


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run ``work(0..count-1)`` at once, each in its own unit of work; domain errors are results, others are raised."""
    barrier = threading.Barrier(count)

    def one(number: int) -> object:
        barrier.wait(timeout=30)
        try:
            with db.unit_of_work():
                return work(number)
        except DomainError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def fine(results: list[object]) -> list[object]:
    return [result for result in results if not isinstance(result, DomainError)]


def reload(case_id: int) -> Case:
    case = db.session().get(Case, case_id)
    assert case is not None
    return case


def test_a_double_click_on_start_gives_one_case(live):
    with db.unit_of_work() as session:
        applicant = acting(session, make_user(session))
    key = uuid.uuid4().hex
    together(12, lambda n: engine.start(db.session(), "registration", applicant, idempotency_key=key))
    with db.unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Case)) == 1
        other = engine.start(session, "registration", applicant, idempotency_key=uuid.uuid4().hex)
        assert "-00002-" in other.reference, "the doubles gave their numbers back"


def test_a_repeated_send_makes_one_submission(live):
    with db.unit_of_work() as session:
        applicant = acting(session, make_user(session))
        case = drafted(session, applicant)
        case_id, version = case.id, case.version

    def send(number: int) -> Case:
        return engine.perform(
            db.session(), reload(case_id), Action.SUBMIT, applicant, version=version, payload=Payload(declared=True)
        )

    assert len(fine(together(8, send))) == 1
    with db.unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1


def test_a_double_click_on_upload_keeps_one_file(live, store_folder):
    portal = app.create_app(settings_for(str(live.engine.url), store_folder))
    with db.unit_of_work() as session:
        user = make_user(session)
        applicant = acting(session, user)
        case = engine.start(session, "registration", applicant, idempotency_key=uuid.uuid4().hex)
        case_id, path = case.id, f"/cases/{case.reference}/documents"
        token = sessions.open_session(session, user, ip="127.0.0.1", user_agent="test", second_factor=False)[1]
    browsers = []
    for _ in range(4):
        browser = portal.test_client()
        with browser.session_transaction() as cookie:
            cookie.update({"_user_id": token, "_fresh": True})
        browsers.append((browser, csrf_token(browser)))

    barrier = threading.Barrier(len(browsers))

    def click(number: int) -> int:
        browser, ours = browsers[number]
        barrier.wait(timeout=30)
        return browser.post(path, data={"csrf_token": ours, "identity": (photo(), "me.png")}).status_code

    with ThreadPoolExecutor(len(browsers)) as pool:
        assert set(pool.map(click, range(len(browsers)))) == {303}
    with db.unit_of_work() as session:
        assert len(uploads.for_case(session, case_id)) == 1


def test_ten_clerks_ask_for_the_next_case_and_get_ten(live):
    with db.unit_of_work() as session:
        applicant = acting(session, make_user(session))
        clerks = [acting(session, make_user(session, role=Role.CLERK, agencies=["RDB"])) for _ in range(10)]
        for _ in range(10):
            submitted(session, applicant)
    taken = fine(together(10, lambda n: worklist.next_case(db.session(), clerks[n]).id))
    assert len(set(taken)) == 10


def test_numbers_have_no_gap_even_when_transactions_fail(live):
    def take(number: int) -> int:
        value = numbering.next_number(db.session(), "test", 2026)
        if number % 3 == 0:
            raise DomainError("given back")
        return value

    given = sorted(value for _ in range(3) for value in fine(together(15, take)))
    assert given == list(range(1, 31))  # ten of fifteen keep theirs, three times


@pytest.mark.parametrize("attempt", range(6))
def test_no_race_lets_one_person_do_both(live, attempt):
    """The recommender is a supervisor too, and races others for the decision."""
    with db.unit_of_work() as session:
        applicant = acting(session, make_user(session))
        people = [acting(session, make_user(session, role=Role.SUPERVISOR, agencies=["RDB"])) for _ in range(4)]
        case = submitted(session, applicant)
        case_id = case.id
        engine.perform(session, case, Action.TAKE, people[0], version=case.version)
        recommended = engine.perform(
            session, case, Action.RECOMMEND, people[0], version=case.version, reason="It is complete", payload=APPROVAL
        )
        version = recommended.version

    def act(number: int) -> object:
        who = people[number % 4]
        action = (Action.APPROVE, Action.APPROVE, Action.SEND_BACK, Action.APPROVE)[(number + attempt) % 4]
        return engine.perform(
            db.session(), reload(case_id), action, who, version=version if number % 2 else None, reason="It is so"
        )

    together(8, act)
    with db.unit_of_work() as session:
        decisions = session.scalars(select(Decision)).all()
        assert len(decisions) <= 1
        for decision in decisions:
            assert decision.decided_by != people[0].user_id
            assert decision.recommended_by == people[0].user_id
        assert (reload(case_id).state == State.APPROVED) is bool(decisions)


def test_an_answer_and_a_recommendation_at_once_never_approve_what_was_not_read(live):
    """Approval binds the hash of the submission that was recommended, whatever arrives in between."""
    with db.unit_of_work() as session:
        applicant = acting(session, make_user(session))
        staff = cast(session)
        case = submitted(session, applicant)
        case_id = case.id
        engine.perform(session, case, Action.TAKE, staff.registrar, version=None)
        asked = Payload(fields=(AskedField("name", "name.name", "Name"),))
        engine.perform(session, case, Action.ASK, staff.registrar, version=None, reason="Which name?", payload=asked)
        fill(session, case, registration("Quite Another Name"))

    def act(number: int) -> object:
        case, session = reload(case_id), db.session()
        if number % 3 == 0:
            return engine.perform(session, case, Action.SUBMIT, applicant, version=None, payload=Payload(declared=True))
        if number % 3 == 1:
            return engine.perform(
                session,
                case,
                Action.RECOMMEND,
                staff.registrar,
                version=None,
                reason="It is complete",
                payload=APPROVAL,
            )
        return engine.perform(session, case, Action.APPROVE, staff.supervisor, version=None)

    for _ in range(3):
        together(6, act)
    with db.unit_of_work() as session:
        for decision in session.scalars(select(Decision)):
            recommendation = session.get(Recommendation, decision.recommendation_id)
            assert recommendation.submission_sha256 == decision.submission_sha256
            assert decision.submission_id == reload(case_id).current_submission_id


def test_every_version_has_its_event(live):
    """The stale page counts on it: one event for each transition, the version beginning at 1."""
    with db.unit_of_work() as session:
        staff = cast(session)
        case = submitted(session, staff.applicant)
        case_id = case.id
    clerks = [staff.registrar, staff.second_registrar]
    actions = [Action.TAKE, Action.RELEASE_CASE]
    for _ in range(4):
        together(
            6,
            lambda n: engine.perform(db.session(), reload(case_id), actions[n % 2], clerks[n % 2], version=None),
        )
    with db.unit_of_work() as session:
        events = session.scalar(select(func.count()).select_from(CaseEvent))
        assert reload(case_id).version == events + 1


def test_fifty_declarations_race_for_one_line_and_never_take_more_than_it_has(live):
    with db.unit_of_work() as session:
        owner = make_user(session)
        business = make_business(session, owner=owner)
        permit = make_permit(session, business, line("19200"))
        exporter = acting(session, owner)
        line_id = permit.lines[0].id
        cases = [drafted(session, exporter, "customs", declaration(line_id, "1000")).id for _ in range(50)]

    def send(number: int) -> Case:
        session = db.session()
        case = access.lock(session, cases[number])
        return engine.perform(session, case, Action.SUBMIT, exporter, version=None, payload=Payload(declared=True))

    accepted = fine(together(50, send))
    assert len(accepted) == 19
    with db.unit_of_work() as session:
        held = session.get(PermitLine, line_id)
        assert (held.reserved, held.consumed) == (19000, 0)
        moved = session.scalar(select(func.sum(Allocation.quantity)).where(Allocation.line_id == line_id))
        assert moved == 19000
