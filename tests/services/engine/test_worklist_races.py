"""A thousand races against four eyes on real commits: second role, delegate, edit after recommendation, parallel
approvals. Nobody ever decides what they recommended or sent, and nothing is decided that was not read."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

import app
from app.cases import engine, registry
from app.cases.models import Case, Decision, Outcome, Recommendation, Submission
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock, db
from app.core.errors import DomainError
from app.identity import absences
from app.identity.actor import Actor, Role
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.conftest import settings_for

RACES, SEED, TEAMS = 1000, 20261122, 2
APPROVAL = Payload(outcome=Outcome.APPROVE)
Attempt = Callable[[], None]


@pytest.fixture
def live(committed, store_folder):
    """Commits are real. The service has the standard workflow and issues nothing, so that the races are quick."""
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    usual = registry.service("registration")
    registry._services["registration"] = replace(
        usual, steps=(), documents=lambda pack, data: (), rules=lambda context: [], effects={},
        checks=lambda context: [], legal_basis=lambda pack, data: "",
        case_title=lambda pack, data: "Race", fee=lambda pack, data: (),
    )  # fmt: skip
    yield committed
    registry._services["registration"] = usual


CASES = text("""
    INSERT INTO cases (reference, service, agency, title, search, state, version, applicant_id, idempotency_key,
                       arguments, draft, assigned_to, submitted_at, due_at, created_at, updated_at)
    SELECT 'RACE-' || n, 'registration', 'RDB', 'Race', 'RACE', 'draft', 1, :applicant, 'race-' || n, '{}', '{}',
           :holder, now(), now() + interval '5 days', now(), now()
    FROM generate_series(1, :count) n
""")
SUBMISSIONS = text("""
    INSERT INTO submissions (case_id, number, data, documents, sha256, declaration, submitted_by, submitted_at,
                             pack_version)
    SELECT id, 1, '{}', '[]', md5(reference) || md5(reference), '', applicant_id, now(), 'test' FROM cases
""")
SENT = text("""
    UPDATE cases SET current_submission_id = s.id,
        state = CASE cases.id % 4 WHEN 1 THEN 'in_review' WHEN 2 THEN 'returned' ELSE 'recommended' END
    FROM submissions s WHERE s.case_id = cases.id
""")
RECOMMENDATIONS = text("""
    INSERT INTO recommendations (case_id, submission_id, submission_sha256, outcome, reason, recommended_by,
                                 recommended_at)
    SELECT c.id, s.id, s.sha256, 'approve', 'In order', :recommender, now()
    FROM cases c JOIN submissions s ON s.case_id = c.id WHERE c.state = 'recommended'
""")


class Cast:
    def __init__(self, session) -> None:
        def one(role: Role) -> Actor:
            return acting(session, make_user(session, role=role, agencies=["RDB"] if role.official else []))

        self.applicant = one(Role.ENTREPRENEUR)
        self.holder, self.first, self.second, self.third = (one(Role.SUPERVISOR) for _ in range(4))
        # Who sent every case has become an official of the agency since.
        self.sender = replace(self.holder, user_id=self.applicant.user_id, name="Sender")
        self.everyone = (self.holder, self.first, self.second, self.third, self.sender)


def attempts(case_id: int, cast: Cast, pick: random.Random) -> list[Attempt]:
    """Three people's doings on one case, in the order each does them."""

    def do(who: Actor, *actions: Action) -> Attempt:
        def run() -> None:
            for action in actions:
                try:
                    with db.unit_of_work() as session:
                        case = session.get_one(Case, case_id)
                        payload = Payload(declared=True, outcome=Outcome.APPROVE)
                        engine.perform(session, case, action, who, version=None, reason="It is so", payload=payload)
                except DomainError:
                    pass

        return run

    match case_id % 4:
        case 0:  # second role: the recommender is a supervisor too, and sends back what another approves
            return [
                do(cast.holder, Action.APPROVE, Action.RECOMMEND, Action.APPROVE),
                do(cast.first, Action.SEND_BACK, Action.APPROVE),
                do(pick.choice([cast.second, cast.sender]), Action.APPROVE),
            ]
        case 1:  # the delegate recommends for who is away, and tries to decide it as well
            return [
                do(cast.first, Action.RECOMMEND, Action.APPROVE),
                do(cast.first, Action.APPROVE, Action.APPROVE),
                do(pick.choice([cast.holder, cast.second]), Action.RECOMMEND, Action.APPROVE),
            ]
        case 2:  # the applicant's edit, a recommendation and an approval at once
            return [
                do(cast.applicant, Action.SUBMIT),
                do(cast.holder, Action.RECOMMEND, Action.RECOMMEND, Action.APPROVE),
                do(pick.choice([cast.first, cast.holder]), Action.APPROVE, Action.APPROVE, Action.APPROVE),
            ]
        case _:  # parallel approvals
            return [do(who, Action.APPROVE) for who in pick.sample(cast.everyone, 3)]


def race(cases: list[int], cast: Cast, seed: int) -> None:
    """Three threads go from case to case together."""
    pick = random.Random(seed)
    rounds = [attempts(case_id, cast, pick) for case_id in cases]
    barrier = threading.Barrier(3)

    def runner(place: int) -> None:
        for each in rounds:
            barrier.wait(timeout=60)
            each[place]()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(runner, range(3)))


def test_a_thousand_races_and_nobody_decides_alone(live):
    with db.unit_of_work() as session:
        cast = Cast(session)
        today = absences.today()
        absences.enter(
            session, cast.holder, cast.holder.user_id, first_day=today, last_day=today + timedelta(days=3),
            delegate_id=cast.first.user_id,
        )  # fmt: skip
        session.execute(CASES, {"count": RACES, "applicant": cast.applicant.user_id, "holder": cast.holder.user_id})
        session.execute(SUBMISSIONS)
        session.execute(SENT)
        session.execute(RECOMMENDATIONS, {"recommender": cast.holder.user_id})
        cases = list(session.scalars(select(Case.id).order_by(Case.id)))
    print(f"seed {SEED}")
    began = clock.now()
    with ThreadPoolExecutor(TEAMS) as pool:
        list(pool.map(lambda team: race(cases[team::TEAMS], cast, SEED + team), range(TEAMS)))
    print(f"{RACES} races in {(clock.now() - began).total_seconds():.1f} s")
    with db.unit_of_work() as session:
        decisions = session.scalars(select(Decision)).all()
        by_kind = {kind: sum(each.case_id % 4 == kind for each in decisions) for kind in range(4)}
        print(by_kind)
        assert min(by_kind.values()) > RACES // 20, "every kind of race was decided now and then"
        for each in decisions:
            recommendation = session.get_one(Recommendation, each.recommendation_id)
            submission = session.get_one(Submission, each.submission_id)
            case = session.get_one(Case, each.case_id)
            assert each.decided_by not in {recommendation.recommended_by, submission.submitted_by}
            assert recommendation.recommended_by != submission.submitted_by
            assert recommendation.submission_sha256 == each.submission_sha256 == submission.sha256
            assert case.current_submission_id == submission.id
            assert case.state == State.APPROVED
        decided = session.scalar(select(func.count()).where(Case.state == State.APPROVED))
        assert decided == len(decisions)
        standing_in = select(func.count()).where(Recommendation.recommended_by == cast.first.user_id)
        assert session.scalar(standing_in), "the delegate recommended in their own name"
